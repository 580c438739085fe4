<% include "head.sh" %>

# Needs aws, after `aws configure`. host/cloudfront.js describes how to set up the distribution.
: "${BUCKET:?name the bucket: BUCKET=name ./publish}"
prefix=<{ prefix }>
keys=${prefix#/}${prefix:+/}
site=s3://$BUCKET$prefix
short='public, max-age=60, must-revalidate'
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Prints which of the listed files of a folder differ from those in the bucket.
changed() { # FOLDER LIST
    (cd "$1" && tr '\n' '\0' <"$2" | xargs -0 romfeed hash --md5 --) >"$work/hashes"
    awk -F '\t' -v keys="$keys" '
        FILENAME == ARGV[1] { gsub("\"", "", $2); md5[$1] = $2; next }
        md5[keys substr($0, 35)] != substr($0, 1, 32) { print substr($0, 35) }
    ' "$work/there" "$work/hashes"
}

# Makes a folder of links to the listed files of another folder; aws follows links.
stage() { # FOLDER LIST
    rm -rf "$work/stage"
    while IFS= read -r path; do
        mkdir -p "$work/stage/$(dirname -- "$path")"
        ln -s "$PWD/$1/$path" "$work/stage/$path"
    done <"$2"
}

# Copies the listed files of the site that differ from those in the bucket.
copy() { # LIST OPTIONS…
    list=$1
    shift
    [ -s "$list" ] || return 0
    changed <{ out }> "$list" >"$work/changed"
    [ -s "$work/changed" ] || return 0
    stage <{ out }> "$work/changed"
    aws s3 cp --recursive --no-progress "$@" "$work/stage" "$site"
}

# 1. Get the manifest of the published site (empty the first time), then update the catalog and the site on this machine.
aws s3api list-objects-v2 --bucket "$BUCKET" --prefix "$keys" --output text \
    --query 'Contents[].[Key, ETag]' >"$work/there"
: >"$work/published"
if cut -f 1 "$work/there" | grep -Fqx "$keys.romfeed/manifest.json"; then
    aws s3 cp --quiet "$site/.romfeed/manifest.json" "$work/published"
fi
<% include "generate.sh" %>

<% if source %>
# 2. Upload the zips.
<% include "zips.sh" %>
<% else %>
# 2. Upload the zips, which never change, and their sidecars.
romfeed files zips images >"$work/zips"
grep '\.zip$' "$work/zips" >"$work/packages" || true
if [ -s "$work/packages" ]; then
    stage <{ builds }> "$work/packages"
    aws s3 sync --no-progress --content-type application/zip \
        --cache-control 'public, max-age=31536000, immutable' "$work/stage" "$site/builds"
fi
grep -v '\.zip$' "$work/zips" >"$work/others" || true
if [ -s "$work/others" ]; then
    stage <{ builds }> "$work/others"
    aws s3 sync --no-progress --cache-control "$short" "$work/stage" "$site/builds"
fi
<% endif %>

# 3. Check that the zips are online.
romfeed check --zips

# 4. Publish pages, then feeds, then lists of feeds, then remove old files. Files that are not romfeed's are left alone.
romfeed files pages feeds indexes --new --published "$work/published" >"$work/new"
if [ -s "$work/new" ]; then
    changed <{ out }> "$work/new" >"$work/changed"
    others=$(awk -F '\t' -v keys="$keys" '
        FILENAME == ARGV[1] { there[$1]; next }
        (keys $0) in there
    ' "$work/there" "$work/changed")
    if [ -n "$others" ] && [ -z "${ADOPT:-}" ]; then
        printf '%s\n' "$others" >&2
        echo 'error: these files are in the bucket, and not from romfeed: move them, or replace them with ADOPT=1 ./publish' >&2
        exit 1
    fi
fi
# First publish a manifest that also lists the new files: if this script is interrupted, the next ./publish recognises them.
romfeed files --manifest --published "$work/published" >"$work/both"
cmp -s "$work/both" "$work/published" ||
    aws s3 cp --no-progress --cache-control "$short" --content-type application/json \
        "$work/both" "$site/.romfeed/manifest.json"
# Lists of incrementals have no extension that shows their type.
json='(^|/)api/|\.json$|/get_delta$'
for step in pages feeds indexes; do
    romfeed files $step >"$work/$step"
    grep -Ev "$json" "$work/$step" >"$work/plain" || true
    copy "$work/plain" --cache-control "$short"
    grep -E "$json" "$work/$step" >"$work/json" || true
    copy "$work/json" --cache-control "$short" --content-type application/json
done
romfeed files gone --published "$work/published" >"$work/gone"
while IFS= read -r path; do
    aws s3 rm --only-show-errors "$site/$path" </dev/null
done <"$work/gone"
echo .romfeed/manifest.json >"$work/manifest"
copy "$work/manifest" --cache-control "$short" --content-type application/json

# 5. Check the published site, as phones see it.
romfeed check --url <{ base_url }>

# 6. Name what was left out.
<% include "faults.sh" %>
