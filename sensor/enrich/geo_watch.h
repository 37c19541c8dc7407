#pragma once

#include "sensor/enrich/geo.h"

/* The set of databases in use, which is replaced when its files are. One thread checks; any thread
 * takes. */
struct geo_watch;

/* Watches the files of that list, or with an empty one those of the usual directories, of which
 * `geo` (a reference that is taken over, not NULL) was opened. The list is copied. NULL, and `geo`
 * still the caller's, when there is no memory. */
MUST_USE struct geo_watch *geo_watch_new(struct geo *geo, const struct config_list *files);
/* Nulls *w; accepts NULL. */
void geo_watch_free(struct geo_watch **w);

/* Looks at all files. What is another file than before is opened and, when it is good, put to use;
 * when not, the old database stays, with a line in `warnings`: once for each state of the file,
 * with `again` in any case. What was put to use is a line of `notices`. */
void geo_watch_check(struct geo_watch *w, bool again, struct errbuf *warnings,
                     struct errbuf *notices);

/* Another number for each set. */
uint64_t geo_watch_generation(const struct geo_watch *w);
/* A reference to the set in use, and its generation. */
MUST_USE struct geo *geo_watch_take(struct geo_watch *w, uint64_t *ret_generation);
/* The set in use, on the thread that checks, until it checks again. */
const struct geo *geo_watch_current(const struct geo_watch *w);

struct geo_watch_stats {
    uint64_t swapped; /* databases put to use since the start */
    uint64_t refused; /* files that could not be */
};
struct geo_watch_stats geo_watch_stats(const struct geo_watch *w);
