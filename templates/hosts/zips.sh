<% if zips == "github" %>
# Each zip and its sidecars become assets of the release that `url` in romfeed.toml names. Assets with the same
# digest are not uploaded again. Old assets, for which GitHub has no digest, are compared by length.
repository=<{ repository }>
assets=https://github.com/$repository/releases/download
list=$(romfeed files zips images --url)
links=$(mktemp -d)
trap 'rm -rf "$links"' EXIT
tab=$(printf '\t')
printf '%s\n' "$list" | while IFS=$tab read -r file url sha256; do
    rest=${url#"$assets/"}
    tag=${rest%%/*} name=${rest#*/}
    # GitHub renames files with other characters.
    case $name in *[!A-Za-z0-9._-]*) continue ;; esac
    case $tag in *[!A-Za-z0-9._-]* | [!A-Za-z0-9]*) continue ;; esac
    there=$(gh api "repos/$repository/releases/tags/$tag" \
        --jq '.assets[] | "\(.name) \(.size) \(.digest)"' </dev/null 2>/dev/null) ||
        gh release create "$tag" --repo "$repository" --title "$tag" --notes "" </dev/null
    [ -n "$sha256" ] || sha256=$(romfeed hash --sha256 -- "<{ builds }>/$file" | cut -c 1-64)
    size=$(($(wc -c <"<{ builds }>/$file")))
    same="$name $size sha256:$sha256"
    case $name in *.zip) old="$name $size null" ;; *) old=$same ;; esac
    printf '%s\n' "$there" | grep -Fqx -e "$same" -e "$old" || {
        # gh takes the name from the file: recovery.img of each device has another name there.
        ln -s "$(cd <{ builds }> && pwd)/$file" "$links/$name"
        gh release upload "$tag" "$links/$name" --repo "$repository" --clobber </dev/null
        rm "$links/$name"
    }
done
<% elif zips == "gitlab" %>
# Each zip and its sidecars become files of the package that `url` in romfeed.toml names. Files with the same length
# are not uploaded again; small files are compared byte by byte, because digests all have the same length.
packages=<{ packages }>
: "${GITLAB_TOKEN:?set GITLAB_TOKEN to a token with the scope api}"
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
        # The token goes through a pipe, because other users can see command lines.
        printf 'header = "PRIVATE-TOKEN: %s"\n' "$GITLAB_TOKEN" |
        curl --fail --silent --show-error --config - --upload-file "<{ builds }>/$file" "$url"
done
<% elif zips == "sourceforge" %>
# Zips in <{ builds }>/ and the files next to them go to the folder of the project that [[source]] in romfeed.toml names.
# Make that folder first, on the page *Files* of the project. Files with the same date and size are not sent again.
list=$(romfeed files zips images)
if [ -n "$list" ]; then
    : "${SOURCEFORGE_USER:?set SOURCEFORGE_USER to your name on SourceForge}"
    printf '%s\n' "$list" | sed 's|^|./|' |
        rsync --files-from=- --copy-links --times --progress <{ builds }>/ \
            "$SOURCEFORGE_USER@frs.sourceforge.net:/home/frs/project/<{ upload }>/"
fi
<% elif source %>
# They are at the address that [[source]] in romfeed.toml names, so there is nothing to upload.
<% else %>
# Add a command here that uploads the zips to the address in `url` of romfeed.toml; `romfeed files zips images --url`
# lists them. Until they are online, the check below fails and stops this script.
<% endif %>
