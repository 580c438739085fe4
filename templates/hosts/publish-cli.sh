<% include "head.sh" %>

# 1. Catalog and site, on this machine.
romfeed generate --no-next

# 2. The zips: <{ title }> takes no files of their size.
<% include "zips.sh" %>

# 3. Are they there?
romfeed check --zips

# 4. The site, with what the host is to do with it. romfeed leaves files alone that it did not write.
cp host/_* <{ out }>/
<% if host == "netlify" %>
# Needs netlify-cli, after `netlify login` and `netlify link`.
netlify deploy --prod --no-build --dir <{ out }>
<% else %>
# Needs wrangler, after `wrangler login` and `wrangler pages project create`. It takes functions/ along.
<% if project %>
wrangler pages deploy <{ out }> --project-name "${PROJECT:-<{ project }>}" --branch main
<% else %>
wrangler pages deploy <{ out }> --project-name "${PROJECT:?name the project: PROJECT=name ./publish}" --branch main
<% endif %>
<% endif %>

# 5. What phones see.
romfeed check --url <{ base_url }>
