<% if zips == "github" %>
# Each zip, with what belongs to it, becomes an asset of the release that `url` in romfeed.toml names. What is there
# already, with the same length, is left alone.
repository=<{ repository }>
assets=https://github.com/$repository/releases/download
list=$(romfeed files zips images --url)
tab=$(printf '\t')
printf '%s\n' "$list" | while IFS=$tab read -r file url; do
    rest=${url#"$assets/"}
    tag=${rest%%/*} name=${rest#*/}
    # GitHub gives other names to files with other characters.
    case $name in *[!A-Za-z0-9._-]*) continue ;; esac
    case $tag in *[!A-Za-z0-9._-]* | [!A-Za-z0-9]*) continue ;; esac
    [ "$name" = "${file##*/}" ] || continue
    there=$(gh release view "$tag" --repo "$repository" --json assets \
        --jq '.assets[] | "\(.name) \(.size)"' </dev/null 2>/dev/null) ||
        gh release create "$tag" --repo "$repository" --title "$tag" --notes "" </dev/null
    printf '%s\n' "$there" | grep -Fqx -e "$name $(($(wc -c <"<{ builds }>/$file")))" ||
        gh release upload "$tag" "<{ builds }>/$file" --repo "$repository" --clobber </dev/null
done
<% elif zips == "gitlab" %>
# Each zip, with what belongs to it, becomes a file of the package that `url` in romfeed.toml names. What is there
# already, with the same length, is left alone.
packages=<{ packages }>
: "${GITLAB_TOKEN:?give a token with the scope api, as GITLAB_TOKEN}"
list=$(romfeed files zips images --url)
tab=$(printf '\t')
printf '%s\n' "$list" | while IFS=$tab read -r file url; do
    case $url in "$packages"/*) ;; *) continue ;; esac
    case ${url#"$packages"} in *[!A-Za-z0-9._/-]*) continue ;; esac
    there=$(curl --fail --silent --location --range 0-0 --output /dev/null --dump-header - "$url" </dev/null |
        tr -d '\r' | sed -n 's|^[Cc]ontent-[Rr]ange: bytes 0-0/||p' | tail -n 1)
    [ "$there" = $(($(wc -c <"<{ builds }>/$file"))) ] ||
        # The token goes through a pipe, as a command line is there for all to see.
        printf 'header = "PRIVATE-TOKEN: %s"\n' "$GITLAB_TOKEN" |
        curl --fail --silent --show-error --config - --upload-file "<{ builds }>/$file" "$url"
done
<% else %>
# Upload the zips to where `url` in romfeed.toml says, by a line of your own here; `romfeed files zips images --url`
# lists them. As long as they are not there, the check below stops.
<% endif %>
