# There may be fewer sources than jobs.
[ -n "$SOURCES" ] || exit 0
set -- --catalog-only
for source in $SOURCES; do
    set -- "$@" --source="$source"
done
