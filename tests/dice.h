#pragma once

#include <stddef.h>
#include <stdint.h>

/* Below n, which is not 0: the same numbers in every run that begins with the same seed. */
static inline size_t dice_below(uint64_t *seed, size_t n)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (size_t)(*seed >> 33) % n;
}
