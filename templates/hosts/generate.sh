# What has a fault is left out, and named again at the end. After any other error, nothing is published.
faults=$(romfeed generate --no-next --faults "$@") || {
    status=$?
    [ "$status" -eq 1 ] || exit "$status"
}
