#pragma once

#include "sensor/app/worker.h"

/* The workers of a sensor, and how packets get to them: one worker on the caller's thread, or
 * several on threads of their own, to which packets are copied in parcels, all packets between two
 * addresses to the same one. */
struct crew;

/* n_threads 0: one worker on the caller's thread. 0 or negative errno. */
MUST_USE int crew_new(const struct worker_shared *shared, unsigned n_threads,
                      struct crew **ret_crew);
/* Nulls *c; accepts NULL. */
void crew_free(struct crew **c);

/* Carries out a batch, or hands it out; its verdicts are set (passive when there are threads). The
 * packets may be released afterwards. `iface` names their interfaces. */
void crew_batch(struct crew *c, struct packet_batch *batch,
                const char *(*iface)(void *ctx, uint32_t n), void *ctx);
/* Gives new rules to all workers, each between two packets of its own. A worker without memory for
 * them keeps the old ones, and says so in the log. */
void crew_use(struct crew *c, struct engine *engine);
/* Time went on to clock_us without packets. */
void crew_advance(struct crew *c, uint64_t clock_us);
/* End of input: all flows are closed, all threads have ended. */
void crew_finish(struct crew *c, uint64_t clock_us);
/* Worker i, whose counters may be read while it works; NULL behind the last. */
const struct worker *crew_worker(const struct crew *c, size_t i);
/* The sum of all workers' counters. */
void crew_stats(struct crew *c, struct stats *ret_sum);
