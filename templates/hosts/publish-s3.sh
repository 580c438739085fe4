<% include "head.sh" %>

# Needs aws, after `aws configure`. host/cloudfront.js tells how to set up the distribution.
: "${BUCKET:?name the bucket: BUCKET=name ./publish}"
site=s3://$BUCKET<{ prefix }>
short='public, max-age=60, must-revalidate'
to() { aws s3 sync --no-progress "$@"; }

# 1. Catalog and site, on this machine.
romfeed generate

# 2. The zips, which never change, and what lies beside them.
if [ -d <{ builds }> ]; then
    to <{ builds }> "$site/builds" --exclude '*' --include '*.zip' \
        --content-type application/zip --cache-control 'public, max-age=31536000, immutable'
    to <{ builds }> "$site/builds" --exclude '*.zip' --cache-control "$short"
fi

# 3. Are they there?
romfeed check --zips

# 4. Pages, then feeds, then what is no longer there. The lists of incrementals have no ending
#    that tells their type.
to <{ out }> "$site" --exclude 'api/*' --exclude '*/api/*' --exclude '*.json' --exclude '*/get_delta' \
    --cache-control "$short"
to <{ out }> "$site" --exclude '*' --include 'api/*' --include '*/api/*' --include '*.json' --include '*/get_delta' \
    --content-type application/json --cache-control "$short"
to <{ out }> "$site" --delete --exclude 'builds/*' --cache-control "$short"

# 5. What phones see.
romfeed check --url <{ base_url }>
