<% include "head.sh" %>

# 1. Catalog and site, on this machine.
romfeed generate

# 2. The zips.
<% include "zips.sh" %>

# 3. Are they there?
romfeed check --zips

# 4. The catalog; <{ title }> makes the site of it, and puts it online.
set -- <{ catalog }>
[ ! -d <{ changelogs }> ] || set -- "$@" <{ changelogs }>
git add -- "$@"
git diff --cached --quiet -- "$@" || git commit --quiet --message "New builds" -- "$@"
git push
