<% include "head.sh" %>

<% include "zips-to.sh" %>
<% if host == "netlify" %>
# Needs netlify-cli, after `netlify login` and `netlify link`.
exec romfeed publish --to netlify --zips-to "${zips:-none}" "$@"
<% else %>
# Needs wrangler, after `wrangler login` and `wrangler pages project create`. It also uploads functions/.
<% if project %>
project=${PROJECT:-<{ project }>}
<% else %>
project=${PROJECT:?name the project: PROJECT=name ./publish}
<% endif %>
exec romfeed publish --to "cloudflare:$project" --zips-to "${zips:-none}" "$@"
<% endif %>
