#pragma once

#include "signatures/match_start.h"

/* Private to signatures/match*.c: places of a text where matches may begin, so that the rest need
 * not be scanned. */

enum {
    SKIP_ROUNDS = 3,                /* of eight buckets each */
    SKIP_BUCKETS = 8 * SKIP_ROUNDS, /* of beginnings that are looked for as one */
    SKIP_BLOCK = 64,                /* places that are looked at at once */
    SKIP_BLOCKS_MAX = 32,           /* between two comparisons */
    SKIP_PLACES_AHEAD = 32,         /* that are written for a block however few it has */
    SKIP_AHEAD = START_LEN - 1,     /* bytes behind a place that are looked at with it */
    SKIP_ALLOWED = 128,             /* bytes, without their highest bit */
    SKIP_BYTES = 257,               /* a byte, or that the text has ended */
};

/* The buckets of a round that allow a byte at a place. */
struct skip_masks {
    uint8_t allowed[SKIP_ROUNDS][START_LEN][SKIP_ALLOWED];
};

/* A place where a match may begin, and how far one that does may reach, runs aside. */
struct skip_place {
    size_t at; /* the text's end: none */
    size_t reach;
};

/* Immutable. */
struct skip {
    struct skip_masks masks;
    bool loops[256]; /* runs are of these bytes */
    bool fast;       /* skip_is_fast() */
    size_t near;     /* how far matches reach, */
    size_t far;      /* those that have runs too */
    size_t n_near;   /* words of near ones, which come first */
    size_t n_words;
    uint64_t *keys; /* [place][row][n_words]: the beginnings that it may stand in, a bit each */
    uint16_t rows[START_LEN][SKIP_BYTES]; /* of a byte, at each place */
};

/* Places that the masks allow in some blocks, counted from the first one's start. */
struct skip_found {
    size_t from;
    size_t n;  /* blocks */
    bool last; /* and the one that the text ends with, as far as it is behind `from` */
    size_t n_places;
    uint16_t places[(SKIP_BLOCKS_MAX + 1) * SKIP_BLOCK + SKIP_PLACES_AHEAD];
};

/* NULL when nothing is known of the patterns, when they allow too much, or without memory. The
 * caller frees it. */
MUST_USE struct skip *skip_new(const struct match_pattern *patterns, size_t n);
/* Nulls *skip; accepts NULL. */
void skip_free(struct skip **skip);

/* The first place from `from` on where a match may begin. Of a beginning that the text's end cuts
 * nothing is told unless it is a match already. */
struct skip_place skip_next(const struct skip *skip, struct span text, size_t from);

/* The first offset where every match that began up to `*hot` has ended and none has begun since.
 * SPAN_NONE when the text ends before: `*hot` is then for the text that follows. */
size_t skip_end(const struct skip *skip, struct span text, struct skip_place *hot);
/* The start of a text of which nothing is known of what is before it. */
struct skip_place skip_start(const struct skip *skip);

/* Whether the processor is fast at it: without, scanning every byte is faster. */
bool skip_is_fast(void);
/* Finds the places in the found->n blocks from `from` on, which with SKIP_AHEAD bytes behind them
 * lie in the text. Only where skip_is_fast(); the other one is slow, and for all processors. */
void skip_blocks(const struct skip_masks *masks, struct span text, size_t from,
                 struct skip_found *found);
void skip_blocks_slow(const struct skip_masks *masks, struct span text, size_t from,
                      struct skip_found *found);

/* What of the text's last block, which begins at `start`, is not behind found->from: its places are
 * counted from *ret_at on, behind found->from. */
static inline uint64_t skip_last_places(const struct skip_found *found, size_t start, uint64_t bits,
                                        size_t *ret_at)
{
    size_t before = start < found->from ? found->from - start : 0;
    *ret_at = start + before - found->from;
    return before < SKIP_BLOCK ? bits >> before : 0;
}
