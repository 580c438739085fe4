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
stop_at_others() { # WHAT SED_OPTION…
    what=$1
    shift
    others=$(sed -n -e 's/^cd+* //p' "$@" "$work/others")
    if [ -n "$others" ] && [ -z "${ADOPT:-}" ]; then
        printf '%s\n' "$others" >&2
        echo "error: these files $what, or replace them with ADOPT=1 ./publish" >&2
        exit 1
    fi
}
foreign='are at the destination, and not from romfeed: move them'
# A trial run, which lists what it would replace.
trial() { # LIST OPTION… FROM TO
    list=$1
    shift
    to "$list" --dry-run --existing --8-bit-output --out-format='%i %n' "$@" >"$work/others"
}

# 1. Catalog and site, on this machine; and what was published before, which is an empty file if nothing was.
mkdir "$work/.romfeed"
: >"$work/.romfeed/manifest.json"
case $destination in
*:*) ;;
*) mkdir -p -- "$destination" ;;
esac
rsync --ignore-missing-args --relative "$destination/./.romfeed/manifest.json" "$work/" || {
    echo "error: rsync cannot read $destination; check the address, and make that folder if there is none" >&2
    exit 1
}
romfeed generate --no-next

# 2. The zips, with what belongs to them. Phones may be reading those that are there, so other bytes need another name;
# of those with another date or length, all bytes are compared. Digests, signatures and changelogs may change.
romfeed files zips images >"$work/zips"
if [ -s "$work/zips" ]; then
    trial "$work/zips" --times <{ builds }>/ "$destination/builds/"
    stop_at_others "$foreign"
    sed -n -e '/\.md5$/d' -e '/\.md5sum$/d' -e '/\.sha256$/d' -e '/\.sha256sum$/d' -e '/\.csig$/d' -e '/\.txt$/d' \
        -e 's/^[<>]f[^ ]* //p' "$work/others" >"$work/other-dates"
    if [ -s "$work/other-dates" ]; then
        trial "$work/other-dates" --checksum <{ builds }>/ "$destination/builds/"
        stop_at_others 'have other bytes at the destination: give the new ones other names' -e 's/^[<>]f[^ ]* //p'
    fi
fi
[ ! -s "$work/zips" ] || to "$work/zips" --times <{ builds }>/ "$destination/builds/"

# 3. Are they there?
romfeed check --zips

# 4. Pages, then feeds, then what names feeds, then removals. Files there that are not romfeed's are left alone.
# Neither are links that took the place of folders since.
{ romfeed files pages feeds indexes && echo .romfeed/manifest.json; } >"$work/all"
trial "$work/all" --size-only <{ out }>/ "$destination/"
stop_at_others "$foreign"
romfeed files pages feeds indexes --new --published "$work/.romfeed/manifest.json" >"$work/new"
trial "$work/new" --checksum <{ out }>/ "$destination/"
stop_at_others "$foreign" -e 's/^[<>]f[^ ]* //p'
# The manifest there lists what is to come before it comes: should this end early, the next ./publish knows its own files.
echo .romfeed/manifest.json >"$work/manifest"
mkdir -p "$work/both/.romfeed"
romfeed files --manifest --published "$work/.romfeed/manifest.json" >"$work/both/.romfeed/manifest.json"
to "$work/manifest" --checksum "$work/both/" "$destination/"
for step in pages feeds indexes; do
    romfeed files $step >"$work/$step"
    to "$work/$step" --checksum --delay-updates <{ out }>/ "$destination/"
done
romfeed files gone --published "$work/.romfeed/manifest.json" >"$work/gone"
# rsync deletes what a list names and this folder does not have.
mkdir "$work/nothing"
while IFS= read -r path; do mkdir -p "$work/nothing/$(dirname -- "$path")"; done <"$work/gone"
trial "$work/gone" --delete-missing-args "$work/nothing/" "$destination/"
stop_at_others "$foreign"
to "$work/gone" --existing --delete-missing-args "$work/nothing/" "$destination/"
to "$work/manifest" --checksum <{ out }>/ "$destination/"

# 5. What phones see.
romfeed check --url <{ base_url }>
