<% include "head.sh" %>

# 1. Update the catalog and the site on this machine.
<% include "generate.sh" %>

# 2. Upload the zips: they are too large for <{ title }>.
<% include "zips.sh" %>

# 3. Check that the zips are online.
romfeed check --zips

# 4. Publish the site, with the rules for the host. romfeed does not touch these files in the site.
cp host/_* <{ out }>/
<% if host == "netlify" %>
# Needs netlify-cli, after `netlify login` and `netlify link`.
netlify deploy --prod --no-build --dir <{ out }>
<% else %>
# Needs wrangler, after `wrangler login` and `wrangler pages project create`. It also uploads functions/.
<% if project %>
wrangler pages deploy <{ out }> --project-name "${PROJECT:-<{ project }>}" --branch main
<% else %>
wrangler pages deploy <{ out }> --project-name "${PROJECT:?name the project: PROJECT=name ./publish}" --branch main
<% endif %>
<% endif %>

# 5. Check the published site, as phones see it.
romfeed check --url <{ base_url }>

# 6. Name what was left out.
<% include "faults.sh" %>
