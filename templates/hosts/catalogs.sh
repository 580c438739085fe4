# There may be fewer sources than jobs.
[ -n "$SOURCES" ] || exit 0
# The first job also brings builds of no source up to date with the settings: the job that makes the site does not
# commit. That one names what is wrong with them.
if [ "$JOB" -eq 0 ]; then
    romfeed generate --no-next --catalog-only --offline || true
fi
set -- --catalog-only
for source in $SOURCES; do
    set -- "$@" --source="$source"
done
