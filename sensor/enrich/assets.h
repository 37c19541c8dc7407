#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/core/addr.h"
#include "sensor/core/asset.h"

/* Which networks are one's own, from a file that its operator writes. Immutable. */
struct assets;

/* Reads a file of lines NETWORK, NAME, OWNER, EXPOSURE, VULNERABLE, of which those behind NAME may
 * be missing or empty. 0, or negative errno with a line in err for each mistake. */
MUST_USE int assets_read(const char *path, struct assets **ret_assets, struct errbuf *err);
/* Nulls *a; accepts NULL. */
void assets_free(struct assets **a);

/* That of the smallest network which the address lies in; NULL when there is none, and without
 * assets. Lives as long as they do. */
const struct asset *assets_find(const struct assets *a, const struct addr *addr);
