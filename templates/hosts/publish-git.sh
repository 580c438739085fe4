<% include "head.sh" %>

# 1. Catalog and site, on this machine.
romfeed generate --no-next

# 2. The zips.
<% include "zips.sh" %>

# 3. Are they there?
romfeed check --zips

# 4. The catalog; <{ title }> makes the site of it, and puts it online.
set -- <{ catalog }>
[ ! -d <{ changelogs }> ] || set -- "$@" <{ changelogs }>
git add -- "$@"
git diff --cached --quiet -- "$@" || git commit --quiet --message "New builds" -- "$@"
# If another machine pushed meanwhile, its builds join these.
tries=0
until git push; do
    tries=$((tries + 1))
    [ "$tries" -lt 5 ] || exit 1
    git pull --quiet --no-rebase --no-edit || {
        romfeed catalog merge
        git add -- <{ catalog }>
        git commit --quiet --no-edit
    }
done
