#pragma once

#include "tests/replay/flow_file.h"

/* Steps made from other steps. Offsets count data bytes of both directions in the order given. */

/* Each data step in pieces of one byte. */
struct steps steps_bytewise(const struct steps *from);
/* Each data step cut at random; *seed is moved on. */
struct steps steps_cut(const struct steps *from, uint64_t *seed);
/* From offset `at` on, the next n_bytes of that direction are missing. */
struct steps steps_with_gap(const struct steps *from, size_t at, size_t n_bytes);
/* Without what comes before, or from, offset `at`. */
struct steps steps_from(const struct steps *from, size_t at);
struct steps steps_until(const struct steps *from, size_t at);

/* xorshift64*; *seed must not be 0. */
uint64_t random_next(uint64_t *seed);
