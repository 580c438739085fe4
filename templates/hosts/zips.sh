<% if zips == "github" %>
# Each zip, with what belongs to it, becomes an asset of the release that `url` in romfeed.toml names. What is there
# already, with the same digest, is left alone. A zip from before GitHub told digests is known by its length.
repository=<{ repository }>
assets=https://github.com/$repository/releases/download
list=$(romfeed files zips images --url)
tab=$(printf '\t')
printf '%s\n' "$list" | while IFS=$tab read -r file url sha256; do
    rest=${url#"$assets/"}
    tag=${rest%%/*} name=${rest#*/}
    # GitHub gives other names to files with other characters.
    case $name in *[!A-Za-z0-9._-]*) continue ;; esac
    case $tag in *[!A-Za-z0-9._-]* | [!A-Za-z0-9]*) continue ;; esac
    [ "$name" = "${file##*/}" ] || continue
    there=$(gh api "repos/$repository/releases/tags/$tag" \
        --jq '.assets[] | "\(.name) \(.size) \(.digest)"' </dev/null 2>/dev/null) ||
        gh release create "$tag" --repo "$repository" --title "$tag" --notes "" </dev/null
    [ -n "$sha256" ] || sha256=$(romfeed hash --sha256 -- "<{ builds }>/$file" | cut -c 1-64)
    size=$(($(wc -c <"<{ builds }>/$file")))
    same="$name $size sha256:$sha256"
    case $name in *.zip) old="$name $size null" ;; *) old=$same ;; esac
    printf '%s\n' "$there" | grep -Fqx -e "$same" -e "$old" ||
        gh release upload "$tag" "<{ builds }>/$file" --repo "$repository" --clobber </dev/null
done
<% elif zips == "gitlab" %>
# Each zip, with what belongs to it, becomes a file of the package that `url` in romfeed.toml names. What is there
# already, with the same length, is left alone; what is small is compared as a whole, since digests all have one length.
packages=<{ packages }>
: "${GITLAB_TOKEN:?give a token with the scope api, as GITLAB_TOKEN}"
list=$(romfeed files zips images --url)
tab=$(printf '\t')
printf '%s\n' "$list" | while IFS=$tab read -r file url _; do
    case $url in "$packages"/*) ;; *) continue ;; esac
    case ${url#"$packages"} in *[!A-Za-z0-9._/-]*) continue ;; esac
    there=$(curl --fail --silent --location --range 0-0 --output /dev/null --dump-header - "$url" </dev/null |
        tr -d '\r' | sed -n 's|^[Cc]ontent-[Rr]ange: bytes 0-0/||p' | tail -n 1)
    size=$(($(wc -c <"<{ builds }>/$file")))
    if [ "$there" = "$size" ] && [ "$size" -le 65536 ]; then
        curl --fail --silent --location "$url" </dev/null | cmp -s - "<{ builds }>/$file" || there=
    fi
    [ "$there" = "$size" ] ||
        # The token goes through a pipe, as a command line is there for all to see.
        printf 'header = "PRIVATE-TOKEN: %s"\n' "$GITLAB_TOKEN" |
        curl --fail --silent --show-error --config - --upload-file "<{ builds }>/$file" "$url"
done
<% else %>
# Upload the zips to where `url` in romfeed.toml says, by a line of your own here; `romfeed files zips images --url`
# lists them. As long as they are not there, the check below stops.
<% endif %>
