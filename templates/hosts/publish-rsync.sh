<% include "head.sh" %>

# The web server's folder, for rsync (3.1 or newer): on another machine or on this one.
destination=${DESTINATION:-<{ domain }>:/srv/ota<{ prefix }>}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$work/others"
# Copies exactly the files in a list. The prefix ./ is needed because rsync skips lines that begin with ; or #.
to() { # LIST OPTION… FROM TO
    sed 's|^|./|' "$1" >"$work/files"
    shift
    rsync --files-from="$work/files" --copy-links --perms --chmod=D755,F644 "$@"
}
# Stops if a trial run of rsync would delete foreign files or links to make room for folders, or if sed prints other lines
# of its output.
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
# Lists what rsync would replace, without changing anything.
trial() { # LIST OPTION… FROM TO
    list=$1
    shift
    to "$list" --dry-run --existing --8-bit-output --out-format='%i %n' "$@" >"$work/others"
}

# 1. Get the manifest of the published site (empty the first time), then update the catalog and the site on this machine.
mkdir "$work/.romfeed"
: >"$work/.romfeed/manifest.json"
case $destination in
*:*) ;;
*) mkdir -p -- "$destination" ;;
esac
rsync --ignore-missing-args --relative "$destination/./.romfeed/manifest.json" "$work/" || {
    echo "error: rsync cannot read $destination: check the address, and create the folder if it is missing" >&2
    exit 1
}
<% include "generate.sh" %>

<% if source %>
# 2. Upload the zips.
<% include "zips.sh" %>
<% else %>
# 2. Upload the zips and their sidecars. Phones may be downloading published zips, so a changed zip needs another name;
# zips with another date or length are compared byte by byte. Digests, signatures and changelogs may change.
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
<% endif %>

# 3. Check that the zips are online.
romfeed check --zips

# 4. Publish pages, then feeds, then lists of feeds, then remove old files. Files that are not romfeed's are left alone.
# Links that have replaced folders since then are not followed.
{ romfeed files pages feeds indexes && echo .romfeed/manifest.json; } >"$work/all"
trial "$work/all" --size-only <{ out }>/ "$destination/"
stop_at_others "$foreign"
romfeed files pages feeds indexes --new --published "$work/.romfeed/manifest.json" >"$work/new"
trial "$work/new" --checksum <{ out }>/ "$destination/"
stop_at_others "$foreign" -e 's/^[<>]f[^ ]* //p'
# First publish a manifest that also lists the new files: if this script is interrupted, the next ./publish recognises them.
echo .romfeed/manifest.json >"$work/manifest"
mkdir -p "$work/both/.romfeed"
romfeed files --manifest --published "$work/.romfeed/manifest.json" >"$work/both/.romfeed/manifest.json"
to "$work/manifest" --checksum "$work/both/" "$destination/"
for step in pages feeds indexes; do
    romfeed files $step >"$work/$step"
    to "$work/$step" --checksum --delay-updates <{ out }>/ "$destination/"
done
romfeed files gone --published "$work/.romfeed/manifest.json" >"$work/gone"
# rsync deletes the listed files because they are missing in this empty folder.
mkdir "$work/nothing"
while IFS= read -r path; do mkdir -p "$work/nothing/$(dirname -- "$path")"; done <"$work/gone"
trial "$work/gone" --delete-missing-args "$work/nothing/" "$destination/"
stop_at_others "$foreign"
to "$work/gone" --existing --delete-missing-args "$work/nothing/" "$destination/"
to "$work/manifest" --checksum <{ out }>/ "$destination/"

# 5. Check the published site, as phones see it.
romfeed check --url <{ base_url }>

# 6. Name what was left out.
<% include "faults.sh" %>
