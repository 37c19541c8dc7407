#pragma once

#include "sensor/base/check.h"

#include <stddef.h>
#include <stdint.h>

/* About how many different things were seen, in memory that does not grow with them (HyperLogLog).
 * One thread adds; others may read meanwhile. */
enum { DISTINCT_BITS = 10, DISTINCT_PLACES = 1 << DISTINCT_BITS };

/* All-zero has seen nothing. 1 KiB; the standard error is 3.3 %, of few dozen things next to none.
 */
struct distinct {
    _Atomic uint8_t ranks[DISTINCT_PLACES];
};

/* `hash`: of the thing, all 64 bits of it as good as random (hash_fixed()). */
void distinct_add(struct distinct *d, uint64_t hash);
/* Both together: `to` has then seen what either has. */
void distinct_join(struct distinct *to, const struct distinct *from);
/* The estimate, rounded; 0 for nothing. */
uint64_t distinct_count(const struct distinct *d);
