<% if zips == "github" %>
# The zips become assets of the releases that `url` in romfeed.toml names. Needs gh, after `gh auth login`.
zips=github:<{ repository }>
<% elif zips == "gitlab" %>
# The zips become files of the packages that `url` in romfeed.toml names. Needs curl, and GITLAB_TOKEN: a token with the
# scope api.
zips=gitlab:<{ repository }>
<% elif zips == "sourceforge" %>
# Zips in <{ builds }>/ go to the folder of the project that [[source]] in romfeed.toml names. Make that folder first, on
# the page *Files* of the project. Without SOURCEFORGE_USER, your name on SourceForge, nothing is uploaded there.
zips=${SOURCEFORGE_USER:+sourceforge:<{ upload }>}
<% elif source %>
# The zips are at the address that [[source]] in romfeed.toml names, so there is nothing to upload.
zips=none
<% else %>
# Upload your zips to the address in `url` of romfeed.toml before you run this: `romfeed generate`, then `romfeed files zips
# images --url` lists files and addresses. A zip that is not online stops the script before phones hear of it. Or name a
# place that romfeed can upload to; `romfeed publish --help` lists them.
zips=none
<% endif %>
