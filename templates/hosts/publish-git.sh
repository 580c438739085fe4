<% include "head.sh" %>

# 1. Update the catalog and the site on this machine.
<% include "generate.sh" %>

# 2. Upload the zips.
<% include "zips.sh" %>

# 3. Check that the zips are online.
romfeed check --zips

# 4. Push the catalog; <{ title }> makes the site from it and publishes it.
<% include "push.sh" %>

# 5. Name what was left out.
<% include "faults.sh" %>
