#pragma once

#include "signatures/match_dfa.h"

/* Private to signatures/match*.c: places of a text where matches may begin, so that the rest need
 * not be scanned. */

enum {
    SKIP_ROUNDS = 3,                /* of eight buckets each */
    SKIP_BUCKETS = 8 * SKIP_ROUNDS, /* of beginnings that are looked for as one */
    SKIP_FIRST_ROUND = 8,           /* those that allow all at the last place, which costs less */
    SKIP_BLOCK = 64,                /* places that are looked at at once */
    SKIP_BLOCKS_MAX = 32,           /* between two comparisons */
    SKIP_PLACES_AHEAD = 32,         /* that are written for a block however few it has */
    SKIP_AHEAD = START_LEN - 1,     /* bytes behind a place that are looked at with it */
    SKIP_ALLOWED = 128,             /* bytes, without their highest bit */
};

/* The buckets of a round that allow a byte at a place. */
struct skip_masks {
    uint8_t allowed[SKIP_ROUNDS][START_LEN][SKIP_ALLOWED];
};

/* A place where a match may begin. */
struct skip_place {
    size_t at; /* the text's end: none */
    struct dfa_match match;
};

/* Immutable. */
struct skip {
    struct skip_masks masks;
    bool loops[256]; /* runs are of these bytes */
    bool fast;       /* skip_is_fast() */
    struct dfa *dfa; /* of the beginnings */
};

/* Places that the masks allow in some blocks, counted from the first one's start. */
struct skip_found {
    size_t from;
    size_t n;  /* blocks */
    bool last; /* and the one that the text ends with, as far as it is behind `from` */
    size_t n_places;
    uint16_t places[(SKIP_BLOCKS_MAX + 1) * SKIP_BLOCK + SKIP_PLACES_AHEAD + SKIP_AHEAD];
};

/* NULL when nothing is known of the patterns, when they allow too much, or without memory. The
 * caller frees it. */
MUST_USE struct skip *skip_new(const struct match_pattern *patterns, size_t n);
/* Nulls *skip; accepts NULL. */
void skip_free(struct skip **skip);

/* The places of a text, one after another. */
struct skip_scan {
    const struct skip *skip;
    struct span text;
    size_t looked_at; /* the places before this were listed */
    size_t n_places;  /* of those listed last, that have been passed */
    struct skip_found found;
};

/* The text must stay as long as the scan does. */
void skip_scan(struct skip_scan *s, const struct skip *skip, struct span text);

/* The first place from `from` on, which never goes back, where a match may begin. Beginnings that
 * the text's end cuts are passed over. */
struct skip_place skip_next(struct skip_scan *s, size_t from);

/* Where a text that goes on behind its end is to be scanned from because something begins at a
 * place: from there, or from the first beginning before it that the end cuts. */
size_t skip_cut(const struct skip_scan *s, size_t place);

/* Whether all that begins at the place that was found last, and ends SKIP_AHEAD bytes before the
 * text's end or earlier, is known, and nothing else begins before that ends. */
bool skip_knows(struct skip_scan *s, const struct skip_place *place);

/* The first offset where every match that began up to `*hot` has ended and none has begun since,
 * SKIP_AHEAD bytes before the text's end or earlier. SPAN_NONE when there is none: `*hot` is then
 * for the text that follows. */
size_t skip_end(struct skip_scan *s, struct skip_place *hot);
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

/* What of the text's last block, which begins at `start`, is behind the other ones: its places are
 * counted from *ret_at on, behind found->from. */
static inline uint64_t skip_last_places(const struct skip_found *found, size_t start, uint64_t bits,
                                        size_t *ret_at)
{
    size_t end = found->from + found->n * SKIP_BLOCK;
    size_t before = start < end ? end - start : 0;
    *ret_at = start + before - found->from;
    return before < SKIP_BLOCK ? bits >> before : 0;
}
