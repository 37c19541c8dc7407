#pragma once

#include "signatures/match_start.h"

/* Private to signatures/match*.c: places of a text where matches may begin, so that the rest need
 * not be scanned. */

enum {
    SKIP_ROUNDS = 3,                /* of eight buckets each */
    SKIP_BUCKETS = 8 * SKIP_ROUNDS, /* of beginnings that are looked for as one */
    SKIP_BLOCK = 64,                /* places that are looked at at once */
    SKIP_BLOCKS_MAX = 32,           /* between two comparisons */
    SKIP_AHEAD = START_LEN - 1,     /* bytes behind a place that are looked at with it */
    SKIP_ALLOWED = 128,             /* bytes, without their highest bit */
    SKIP_BYTES = 257,               /* a byte, or that the text has ended */
};

/* The buckets of a round that allow a byte at a place. */
struct skip_masks {
    uint8_t allowed[SKIP_ROUNDS][START_LEN][SKIP_ALLOWED];
};

/* Immutable. */
struct skip {
    struct skip_masks masks;
    bool loops[256]; /* runs are of these bytes */
    bool fast;       /* skip_is_fast() */
    size_t reach;    /* as of struct starts */
    size_t n_words;
    uint64_t *keys;             /* [place][byte][n_words]: the beginnings that it may stand in */
    uint16_t first[SKIP_BYTES]; /* of those words that are not zero, for the first place */
    uint16_t end[SKIP_BYTES];
};

/* Places that the masks allow: a bit each, by block. */
struct skip_found {
    size_t from;
    size_t n;
    uint64_t bits[SKIP_BLOCKS_MAX];
};

/* NULL when nothing is known of the patterns, when they allow too much, or without memory. The
 * caller frees it. */
MUST_USE struct skip *skip_new(const struct match_pattern *patterns, size_t n);
/* Nulls *skip; accepts NULL. */
void skip_free(struct skip **skip);

/* The first place from `from` on where a match may begin; text.len when there is none. Of a
 * beginning that the text's end cuts nothing is told unless it is a match already. */
size_t skip_next(const struct skip *skip, struct span text, size_t from);

/* The first place where every match that began up to `*hot` has ended and none has begun since.
 * SPAN_NONE when the text ends before: `*hot` is then 0, for the text that follows. */
size_t skip_end(const struct skip *skip, struct span text, size_t *hot);

/* Whether the processor is fast at it: without, scanning every byte is faster. */
bool skip_is_fast(void);
/* Fills found->bits for its `n` blocks from `from` on, which with SKIP_AHEAD bytes behind them lie
 * in the text. Only where skip_is_fast(); the other one is slow, and for all processors. */
void skip_blocks(const struct skip_masks *masks, struct span text, size_t from,
                 struct skip_found *found);
void skip_blocks_slow(const struct skip_masks *masks, struct span text, size_t from,
                      struct skip_found *found);
