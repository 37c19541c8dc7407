#pragma once

#include "sensor/app/worker.h"
#include "sensor/core/source.h"

enum { PATROL_MAX = 64 };

/* Workers that fetch their packets themselves, each from a source of its own, on a thread of its
 * own: live capture, whose packets the kernel has dealt out. */
struct patrol;

/* One worker for each source; the sources stay the caller's, who tends them. 0 or negative errno;
 * then no thread is left. */
MUST_USE int patrol_new(const struct worker_shared *shared, const struct source_ops *ops,
                        struct source *const *sources, size_t n, struct patrol **ret_patrol);
/* Nulls *p; accepts NULL. */
void patrol_free(struct patrol **p);

/* Gives new rules to all workers, each between two batches of its own. A worker without memory for
 * them keeps the old ones, and says so in the log. */
void patrol_use(struct patrol *p, struct engine *engine);
/* Another memory.limit for all workers together, which each keeps its share of from its next batch
 * on. */
void patrol_limit_memory(struct patrol *p, size_t limit);
/* Has all workers seek a flow; false while another one is sought. */
MUST_USE bool patrol_seek(struct patrol *p, uint64_t flow_id);
/* Whether all have looked. Then *ret_search is that of who found it, or any. */
bool patrol_sought(const struct patrol *p, struct flow_search *ret_search);
/* The greatest packet time seen, or 0. */
uint64_t patrol_clock_us(const struct patrol *p);
/* Monotonic time when the slowest worker last came round; each does several times a second. */
uint64_t patrol_stepped_us(const struct patrol *p);
/* Whether every source has ended by itself. */
bool patrol_ended(const struct patrol *p);
/* Ends all workers: all flows are closed, all threads have ended. */
void patrol_finish(struct patrol *p);
/* Worker i, whose counters may be read while it works; NULL behind the last. */
const struct worker *patrol_worker(const struct patrol *p, size_t i);
/* The sum of all workers' counters. */
void patrol_stats(const struct patrol *p, struct stats *ret_sum);
/* Bytes that receivers acknowledged and that never came to the interface of that name. */
uint64_t patrol_upstream_lost(const struct patrol *p, const char *iface);
