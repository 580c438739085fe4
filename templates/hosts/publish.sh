#!/bin/sh
# Brings the site up to date and publishes it in the only safe order: zips, a check of the zips, pages, then feeds. Any
# error stops it, so that no phone is offered a zip that is not online. Options are those of `romfeed publish`.
# Written by: romfeed init --host <{ host }>
# If the host has a certificate that browsers do not trust: ROMFEED_CA=ca.pem ./publish
set -eu
CDPATH= cd -- "$(dirname -- "$0")"

<% if host in ["github", "gitlab"] %>
# Pushes the catalog; <{ title }> makes the site from it.
destination=git
<% elif host == "netlify" %>
# Needs netlify-cli, after `netlify login` and `netlify link`.
destination=netlify
<% elif host == "cloudflare" %>
# Needs wrangler, after `wrangler login` and `wrangler pages project create`. It also uploads functions/.
<% if project %>
destination=cloudflare:${PROJECT:-<{ project }>}
<% else %>
destination=cloudflare:${PROJECT:?name the project: PROJECT=name ./publish}
<% endif %>
<% elif host == "s3" %>
# Needs aws, after `aws configure`. host/cloudfront.js describes how to set up the distribution.
destination=s3://${BUCKET:?name the bucket: BUCKET=name ./publish}<{ prefix }>
<% else %>
# The web server's folder, for rsync (3.1 or newer): on another machine or on this one.
destination=${DESTINATION:-<{ domain }>:/srv/ota<{ prefix }>}
<% endif %>
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
<% elif host in ["nginx", "apache", "caddy", "s3"] %>
# The zips go to builds/ below the site.
zips=site
<% else %>
# Upload your zips to the address in `url` of romfeed.toml before you run this: `romfeed generate`, then `romfeed files zips
# images --url` lists files and addresses. A zip that is not online stops the script before phones hear of it. Or name a
# place that romfeed can upload to; `romfeed publish --help` lists them.
zips=none
<% endif %>
exec romfeed publish --to "$destination" --zips-to "${zips:-none}" "$@"
