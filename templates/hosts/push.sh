set -- <{ catalog }>
[ ! -d <{ changelogs }> ] || set -- "$@" <{ changelogs }>
git add -- "$@"
git diff --cached --quiet -- "$@" || git commit --quiet --message "New builds" -- "$@"
# If others have pushed in the meantime, merge their builds. If they have not, git could not push for another reason.
# A new build with the file name of one of theirs is not pushed: the next run finds a free name.
tries=0
until git push; do
    head=$(git rev-parse HEAD)
    git pull --quiet --no-rebase --no-edit || {
        romfeed catalog merge
        git add -- <{ catalog }>
        git commit --quiet --no-edit
    }
    romfeed catalog list >/dev/null
    if [ "$(git rev-parse HEAD)" = "$head" ]; then
        tries=$((tries + 1))
        [ "$tries" -lt 5 ] || exit 1
        sleep "$tries"
    fi
done
