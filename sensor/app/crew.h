#pragma once

#include "sensor/app/worker.h"
#include "sensor/core/source.h"

/* The workers of a sensor that reads files, and how packets get to them: one worker on the caller's
 * thread, or several on threads of their own, which all look at each batch; packets between two
 * addresses are always the same one's. */
struct crew;

/* n_threads 0: one worker on the caller's thread. `source` (of source_file) outlives the crew, and
 * is only used on the caller's thread. 0 or negative errno. */
MUST_USE int crew_new(const struct worker_shared *shared, unsigned n_threads, struct source *source,
                      struct crew **ret_crew);
/* Nulls *c; accepts NULL. */
void crew_free(struct crew **c);

/* An empty batch, the crew's, to receive into: waits until there is one. What all workers are done
 * with is released. Without a crew_send() the next call gives the same one. */
struct packet_batch *crew_take(struct crew *c);
/* What crew_take() gave is carried out, or will be, and released. */
void crew_send(struct crew *c);
/* The same for another batch, with what it holds; its packets outlive crew_settle(). */
void crew_send_copy(struct crew *c, const struct packet_batch *batch);
/* Waits until a batch that was sent is done, and releases it; at once when there is none. */
void crew_wait(struct crew *c);
/* The same for all of them. */
void crew_settle(struct crew *c);
/* Gives new rules to all workers, each behind the packets that were sent before. A worker without
 * memory for them keeps the old ones, and says so in the log. */
void crew_use(struct crew *c, struct engine *engine);
/* End of input: all flows are closed, all threads have ended. */
void crew_finish(struct crew *c, uint64_t clock_us);
/* Worker i, whose counters may be read while it works; NULL behind the last. */
const struct worker *crew_worker(const struct crew *c, size_t i);
/* The sum of all workers' counters. */
void crew_stats(struct crew *c, struct stats *ret_sum);
