<% include "head.sh" %>

# Where the files of the web server are, for rsync: a folder of another machine or of this one.
destination=${DESTINATION:-<{ domain }>:/srv/ota<{ prefix }>}
to() { rsync --archive --chmod=D755,F644 "$@"; }

# 1. Catalog and site, on this machine.
romfeed generate

# 2. The zips.
[ ! -d <{ builds }> ] || to <{ builds }>/ "$destination/builds/"

# 3. Are they there?
romfeed check --zips

# 4. The site, all of it at once.
to --delay-updates --delete-after --exclude /builds --exclude /.well-known <{ out }>/ "$destination/"

# 5. What phones see.
romfeed check --url <{ base_url }>
