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
