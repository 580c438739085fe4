#!/bin/sh
# Publishes the site in the only safe order: zips, a check of the zips, then the catalog and the
# feeds. Any error stops the script, so that no phone is offered a zip that is not online.
# Written by: romfeed init --host <{ host }>
# If the host has a certificate that browsers do not trust: ROMFEED_CA=ca.pem ./publish
set -eu
cd -- "$(dirname -- "$0")"
