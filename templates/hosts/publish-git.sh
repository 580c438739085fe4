<% include "head.sh" %>

<% include "zips-to.sh" %>
# Pushes the catalog; <{ title }> makes the site from it.
exec romfeed publish --to git --zips-to "${zips:-none}" "$@"
