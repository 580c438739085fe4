<% if zips == "github" %>
# Each zip becomes an asset of the release that `url` in romfeed.toml names. What is there
# already, with the same length, is left alone.
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
        printf '%s\n' "$there" | grep -Fqx -e "$name $(($(wc -c <"$zip")))" ||
            gh release upload "$tag" "$zip" --repo "$repository" --clobber </dev/null
    done
<% elif zips == "gitlab" %>
# Each zip becomes a file of the generic package that `url` in romfeed.toml names.
packages=<{ packages }>
: "${GITLAB_TOKEN:?give a token with the scope api, as GITLAB_TOKEN}"
list=$(romfeed catalog list --json)
printf '%s\n' "$list" |
    sed -n -e '/"state":"yanked"/d' \
        -e "s|.*\"url\":\"$packages/\([A-Za-z0-9][A-Za-z0-9._/-]*\)\".*|\1|p" |
    while read -r path; do
        zip=$(find -L <{ builds }> -type f -name "${path##*/}" | head -n 1)
        [ -n "$zip" ] || continue
        curl --fail --silent --location --range 0-0 --output /dev/null "$packages/$path" </dev/null ||
            # The token goes through a pipe, as a command line is there for all to see.
            printf 'header = "PRIVATE-TOKEN: %s"\n' "$GITLAB_TOKEN" |
            curl --fail --silent --show-error --config - --upload-file "$zip" "$packages/$path"
    done
<% else %>
# Upload the zips to where `url` in romfeed.toml says, by a line of your own here. As long as
# they are not there, the check below stops.
<% endif %>
