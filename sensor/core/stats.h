#pragma once

#include <stdatomic.h>
#include <stdint.h>

/* Rows of stats.def. */
enum stat_id {
#define STAT(id, eve, doc) STAT_##id,
#include "sensor/core/stats.def"
#undef STAT
    STAT_N
};

struct stat_info {
    const char *eve; /* path in EVE's stats object, or NULL: then it goes to metadata.flowints under
                        its own name */
    const char *name;
    const char *doc;
};

const struct stat_info *stat_info(enum stat_id id);

/* One worker's counters: written by it alone, read by anybody, relaxed. */
struct stats {
    _Atomic uint64_t n[STAT_N];
};

/* Inline: a packet counts several things. */
static inline uint64_t stats_get(const struct stats *s, enum stat_id id)
{
    return atomic_load_explicit(&s->n[id], memory_order_relaxed);
}

/* For gauges. */
static inline void stats_set(struct stats *s, enum stat_id id, uint64_t value)
{
    atomic_store_explicit(&s->n[id], value, memory_order_relaxed);
}

/* Not a read-modify-write: each struct has one writer. */
static inline void stats_add(struct stats *s, enum stat_id id, uint64_t n)
{
    stats_set(s, id, stats_get(s, id) + n);
}

/* Adds all of `from` to `to`. */
void stats_sum(struct stats *to, const struct stats *from);
