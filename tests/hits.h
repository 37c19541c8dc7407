#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/* Matches as tests keep them: the end, and below it the pattern in 16 bits. */

static inline uint64_t hit_of(uint32_t pattern, uint64_t end)
{
    return end << 16 | pattern;
}

static inline int hits_compare(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Those that end together may be told in any order: here by their patterns. False when one was told
 * twice. */
static inline bool hits_sort(uint64_t *hits, size_t n)
{
    bool once = true;
    qsort(hits, n, sizeof(hits[0]), hits_compare);
    for (size_t i = 1; i < n; i++) {
        once = once && hits[i - 1] != hits[i];
    }
    return once;
}
