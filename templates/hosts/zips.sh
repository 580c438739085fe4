<% if zips == "sourceforge" %>
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
<% endif %>
