<% include "head.sh" %>

# 1. Update the catalog and the site on this machine.
romfeed generate --no-next

# 2. Upload the zips.
<% include "zips.sh" %>

# 3. Check that the zips are online.
romfeed check --zips

# 4. Push the catalog; <{ title }> makes the site from it and publishes it.
set -- <{ catalog }>
[ ! -d <{ changelogs }> ] || set -- "$@" <{ changelogs }>
git add -- "$@"
git diff --cached --quiet -- "$@" || git commit --quiet --message "New builds" -- "$@"
# If another machine has pushed in the meantime, merge its builds.
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
