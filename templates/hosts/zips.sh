<% if zips == "github" %>
# Each zip, with images of its name beside it (-recovery.img), becomes an asset of the release that
# `url` in romfeed.toml names. What is there already, with the same length, is left alone.
repository=<{ repository }>
assets=https://github.com/$repository/releases/download
list=$(romfeed catalog list --json)
printf '%s\n' "$list" |
    sed -n -e '/"state":"yanked"/d' \
        -e "s|.*\"url\":\"$assets/\([A-Za-z0-9][A-Za-z0-9._-]*\)/\([A-Za-z0-9][A-Za-z0-9._-]*\)\".*|\1 \2|p" |
    while read -r tag name; do
        zip=$(find -L <{ builds }> -type f -name "$name" | head -n 1)
        [ -n "$zip" ] || continue
        there=$(gh release view "$tag" --repo "$repository" --json assets \
            --jq '.assets[] | "\(.name) \(.size)"' </dev/null 2>/dev/null) ||
            gh release create "$tag" --repo "$repository" --title "$tag" --notes "" </dev/null
        for file in "$zip" "${zip%.zip}"-*.img; do
            [ -f "$file" ] || continue
            printf '%s\n' "$there" | grep -Fqx -e "${file##*/} $(($(wc -c <"$file")))" ||
                gh release upload "$tag" "$file" --repo "$repository" --clobber </dev/null
        done
    done
<% elif zips == "gitlab" %>
# Each zip, with images of its name beside it (-recovery.img), becomes a file of the package that `url` in romfeed.toml names.
packages=<{ packages }>
: "${GITLAB_TOKEN:?give a token with the scope api, as GITLAB_TOKEN}"
list=$(romfeed catalog list --json)
printf '%s\n' "$list" |
    sed -n -e '/"state":"yanked"/d' \
        -e "s|.*\"url\":\"$packages/\([A-Za-z0-9][A-Za-z0-9._/-]*\)\".*|\1|p" |
    while read -r path; do
        zip=$(find -L <{ builds }> -type f -name "${path##*/}" | head -n 1)
        [ -n "$zip" ] || continue
        for file in "$zip" "${zip%.zip}"-*.img; do
            [ -f "$file" ] || continue
            url=$packages/${path%/*}/${file##*/}
            curl --fail --silent --location --range 0-0 --output /dev/null "$url" </dev/null ||
                # The token goes through a pipe, as a command line is there for all to see.
                printf 'header = "PRIVATE-TOKEN: %s"\n' "$GITLAB_TOKEN" |
                curl --fail --silent --show-error --config - --upload-file "$file" "$url"
        done
    done
<% else %>
# Upload the zips to where `url` in romfeed.toml says, by a line of your own here. As long as
# they are not there, the check below stops.
<% endif %>
