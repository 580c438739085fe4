if [ -n "$faults" ]; then
    echo 'error: the rest is published, but this was left out:' >&2
    printf '%s\n' "$faults" | sed 's/^/- /' >&2
    exit 1
fi
