/* distinct: HyperLogLog (Flajolet, Fusy, Gandouet, Meunier 2007), with linear counting where few
 * places are taken.
 *
 * The hash's upper bits choose a place, the leading zeros of the rest are its rank. There are 64
 * bits, so the paper's correction for large numbers is not needed. Ranks only grow: whoever reads
 * while another adds gets a number that was right a moment ago. */
#include "sensor/base/distinct.h"

#include <math.h>
#include <stdatomic.h>

static uint8_t rank_at(const struct distinct *d, size_t i)
{
    return atomic_load_explicit(&d->ranks[i], memory_order_relaxed);
}

static void raise(struct distinct *d, size_t i, uint8_t rank)
{
    if (rank > rank_at(d, i)) {
        atomic_store_explicit(&d->ranks[i], rank, memory_order_relaxed);
    }
}

void distinct_add(struct distinct *d, uint64_t hash)
{
    enum { REST = 64 - DISTINCT_BITS };
    uint64_t rest = hash << DISTINCT_BITS;
    int zeros = rest == 0 ? REST : __builtin_clzll(rest);
    raise(d, (size_t)(hash >> REST), (uint8_t)(zeros + 1));
}

void distinct_join(struct distinct *to, const struct distinct *from)
{
    for (size_t i = 0; i < DISTINCT_PLACES; i++) {
        raise(to, i, rank_at(from, i));
    }
}

uint64_t distinct_count(const struct distinct *d)
{
    const double places = DISTINCT_PLACES;
    const double alpha = 0.7213 / (1 + 1.079 / places); /* the paper's, for 128 places and more */
    double sum = 0;
    size_t n_free = 0;
    for (size_t i = 0; i < DISTINCT_PLACES; i++) {
        sum += ldexp(1.0, -rank_at(d, i));
        n_free += rank_at(d, i) == 0;
    }
    double estimate = alpha * places * places / sum;
    if (estimate <= 2.5 * places && n_free > 0) {
        estimate = places * log(places / (double)n_free);
    }
    return (uint64_t)(estimate + 0.5);
}
