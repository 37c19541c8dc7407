#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/core/config.h"
#include "sensor/core/place.h"
#include "sensor/core/stats.h"

/* An immutable set of MaxMind DB files, opened and checked. What one database does not know is
 * taken from the next. */
struct geo;

/* Opens every file of the list. 0, or a negative errno with a line in err for each file that cannot
 * be used; nothing is opened then. */
MUST_USE int geo_open(const struct config_list *files, struct geo **ret_geo, struct errbuf *err);
/* The usual directories: the sensor's own, then geoipupdate's; NULL ends them. */
extern const char *const geo_folders[];
/* Opens what the usual directories hold, each database type once. Never fails for a bad file: it is
 * left out, with a line in err that is a warning. 0 or -ENOMEM. */
MUST_USE int geo_open_found(struct geo **ret_geo, struct errbuf *err);
/* Another reference to the same. Any thread. */
struct geo *geo_ref(struct geo *g);
/* Lets go of a reference. Nulls *g; accepts NULL. Any thread. */
void geo_free(struct geo **g);

struct geo_database {
    const char *path;
    const char *type;
    uint64_t build_epoch_s; /* may be absurd in a bad file */
};
/* The day it was built, "2026-01-31"; "?" for one that no calendar has. */
enum { GEO_DATE_SIZE = 11 };
void geo_date(uint64_t build_epoch_s, char ret_text[GEO_DATE_SIZE]);
size_t geo_n_databases(const struct geo *g);
struct geo_database geo_database(const struct geo *g, size_t i);

/* One worker's look-ups, with a small cache. It takes a reference to the geo, which may be NULL:
 * then only the scope is known. */
struct geo_cache;
struct geo_cache *geo_cache_new(struct geo *g, struct stats *stats);
/* The same of the set in use, whichever that is; the watch, which may be NULL, outlives it. */
struct geo_watch;
struct geo_cache *geo_cache_new_watching(struct geo_watch *watch, struct stats *stats);
void geo_cache_free(struct geo_cache **c);
/* Names of addresses of one's own, too; before the first look-up. They outlive it. */
struct assets;
void geo_cache_name(struct geo_cache *c, const struct assets *assets);
/* Always fills ret_place: the scope at least. A database that fails at this address is counted and
 * passed over. */
void geo_find(struct geo_cache *c, const struct addr *addr, struct place *ret_place);
