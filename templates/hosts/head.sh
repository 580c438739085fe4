#!/bin/sh
# Publishes the site in the only safe order: zips, a check of them, then the catalog and the
# feeds. What fails stops it, so no phone is told of a zip that is not there.
# Written by: romfeed init --host <{ host }>
set -eu
cd -- "$(dirname -- "$0")"
