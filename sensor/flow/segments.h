#pragma once

#include "sensor/base/span.h"

enum { SEGMENTS_LEVELS = 8 };

/* A piece of one direction that waits for what comes before it. Pieces never overlap. */
struct segment {
    uint64_t pos;
    size_t len;
    uint8_t *bytes; /* NULL: was on the wire but not captured */
    uint32_t after; /* the list's, when it was added */
    bool answers;
    uint8_t n_levels;
    struct segment *next[]; /* n_levels links, then the bytes */
};

/* Pieces in the order of their positions: a skip list. All-zero is an empty one. */
struct segments {
    struct segment *head[SEGMENTS_LEVELS];
    size_t n;
    uint32_t after; /* of pieces that are added from now on: which sequence number of the other
                       side they acknowledge, if they do */
    bool answers;
    size_t memory;    /* bytes held from the heap */
    uint64_t n_steps; /* links followed so far: the work done */
};

/* How new bytes lie to those that are held. */
enum overlap { OVERLAP_NONE, OVERLAP_EQUAL, OVERLAP_DIFFERENT };

/* What adding `len` bytes can cost at most. */
size_t segments_cost(size_t len);
/* Adds a copy of what is not held yet; where bytes are held already those stay. *random drives the
 * shape of the list. -ENOMEM: nothing is changed. */
MUST_USE int segments_add(struct segments *s, uint64_t pos, struct span bytes, uint64_t *random,
                          enum overlap *ret_overlap);
/* Notes that [pos, pos + len) was on the wire but not captured, up to the next held piece. -ENOMEM:
 * nothing is changed. */
MUST_USE int segments_add_missing(struct segments *s, uint64_t pos, uint64_t len, uint64_t *random);
/* NULL when empty. */
const struct segment *segments_first(const struct segments *s);
void segments_drop_first(struct segments *s);
void segments_free(struct segments *s);
