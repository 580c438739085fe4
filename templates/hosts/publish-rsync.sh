<% include "head.sh" %>

# Where the files of the web server are, for rsync (3.1 or newer): a folder of another machine or of this one.
destination=${DESTINATION:-<{ domain }>:/srv/ota<{ prefix }>}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/others"
# Copies the files that a list names, and nothing else. A line that begins with ; or # is a comment to rsync.
to() { # LIST OPTION… FROM TO
    sed 's|^|./|' "$1" >"$work/files"
    shift
    rsync --files-from="$work/files" --copy-links --perms --chmod=D755,F644 "$@"
}
# Stops at files or links of others in the place of folders, as a trial run of rsync lists them, which would delete them;
# and at other lines that sed is to print.
stop_at_others() { # SED_OPTION…
    others=$(sed -n -e 's/^cd+* //p' "$@" "$work/others")
    if [ -n "$others" ] && [ -z "${ADOPT:-}" ]; then
        printf '%s\n' "$others" >&2
        echo 'error: these files are at the destination, and not from romfeed: move them, or replace them with ADOPT=1 ./publish' >&2
        exit 1
    fi
}

# 1. Catalog and site, on this machine; and what was published before, which is an empty file if nothing was.
mkdir "$work/.romfeed"
: >"$work/.romfeed/manifest.json"
rsync --ignore-missing-args --relative "$destination/./.romfeed/manifest.json" "$work/"
romfeed generate --no-next

# 2. The zips, with what belongs to them.
romfeed files zips images >"$work/zips"
[ ! -s "$work/zips" ] ||
    to "$work/zips" --dry-run --existing --size-only --out-format='%i %n' <{ builds }>/ "$destination/builds/" >"$work/others"
stop_at_others
[ ! -s "$work/zips" ] || to "$work/zips" --times <{ builds }>/ "$destination/builds/"

# 3. Are they there?
romfeed check --zips

# 4. Pages, then feeds, then what names feeds, then removals. Files there that are not romfeed's are left alone.
romfeed files pages feeds indexes --new --published "$work/.romfeed/manifest.json" >"$work/new"
to "$work/new" --dry-run --existing --checksum --out-format='%i %n' <{ out }>/ "$destination/" >"$work/others"
stop_at_others -e 's/^[<>]f[^ ]* //p'
for step in pages feeds indexes; do
    romfeed files $step >"$work/$step"
    to "$work/$step" --checksum --delay-updates <{ out }>/ "$destination/"
done
romfeed files gone --published "$work/.romfeed/manifest.json" >"$work/gone"
# rsync deletes what a list names and this folder does not have.
mkdir "$work/nothing"
while IFS= read -r path; do mkdir -p "$work/nothing/$(dirname -- "$path")"; done <"$work/gone"
to "$work/gone" --existing --delete-missing-args --dry-run --out-format='%i %n' "$work/nothing/" "$destination/" >"$work/others"
stop_at_others
to "$work/gone" --existing --delete-missing-args "$work/nothing/" "$destination/"
echo .romfeed/manifest.json >"$work/manifest"
to "$work/manifest" --checksum <{ out }>/ "$destination/"

# 5. What phones see.
romfeed check --url <{ base_url }>
