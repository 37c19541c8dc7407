/* stats: counters that one thread writes and others read.
 *
 * Relaxed loads and stores of naturally aligned words: no lock and no read-modify-write on the
 * packet path, because each struct has one writer. */
#include "sensor/core/stats.h"

#include "sensor/base/check.h"

#include <stddef.h>

static const struct stat_info infos[STAT_N] = {
#define STAT(id, eve_, doc_) [STAT_##id] = {.eve = eve_, .name = #id, .doc = doc_},
#include "sensor/core/stats.def"
#undef STAT
};

const struct stat_info *stat_info(enum stat_id id)
{
    CHECK(id < STAT_N);
    return &infos[id];
}

void stats_sum(struct stats *to, const struct stats *from)
{
    for (unsigned id = 0; id < STAT_N; id++) {
        stats_add(to, (enum stat_id)id, stats_get(from, (enum stat_id)id));
    }
}
