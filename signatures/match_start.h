#pragma once

#include "sensor/base/bytes.h"
#include "signatures/match.h"

/* Private to signatures/match*.c: what the matches of a set of patterns begin with. */

enum {
    START_LEN = 4,    /* bytes of a beginning that are told */
    START_PLACES = 8, /* places of a beginning that the graph has at least, of longer matches */
    START_NEAR = 16,  /* matches that are no longer are near ones */
    START_RUN = 31,   /* a repetition without a bound that is longer is a run */
};

/* A set of bytes, a bit each. */
struct byte_set {
    uint64_t words[4];
};

/* What some patterns' matches begin with: bytes of the sets of one of the keys. A key is START_LEN
 * numbers of sets, of 16 bits each, the first byte's lowest. Behind a match that is shorter
 * anything may stand, or nothing: the number 0. */
struct start_keys {
    uint64_t *keys;
    size_t n;
    size_t room;
    size_t reach; /* no match is longer, but with a run of more than START_RUN of the loops */
};

/* A character or class of a pattern. */
struct start_place {
    uint16_t set;
    bool last;        /* a match may end with it */
    bool far;         /* of a match of a far pattern */
    bool exact;       /* what goes through the places of its pattern is a match */
    uint32_t pattern; /* by the number it was added with */
    uint32_t next;    /* where the places that may stand behind it are in the list, */
    uint32_t n_next;
};

/* Numbers, one behind another. */
struct numbers {
    uint32_t *all;
    size_t n;
    size_t room;
};

/* All patterns as one automaton. */
struct start_graph {
    struct start_place *places;
    size_t n;
    size_t room;
    struct numbers next;  /* of places, in ascending order for each place */
    struct numbers first; /* places that a match may begin with */
};

struct starts {
    struct byte_set *sets;
    size_t n_sets;
    size_t sets_room;
    struct start_graph graph;
    struct start_keys near;
    struct start_keys far;
    struct byte_set loops; /* of these are the repetitions that have no bound: of far ones only */
};

/* False without memory. The caller frees `all` by mem_free(). */
MUST_USE bool numbers_add(struct numbers *to, size_t number);

struct starts starts_none(void);
void starts_free(struct starts *s);

/* Numbers ascend. -EINVAL when the expression has something in it that is not known here: then
 * nothing is known of the set; -ENOMEM, also for too many beginnings. */
MUST_USE int starts_add(struct starts *s, const struct match_pattern *pattern, uint32_t number);

/* Makes fewer of the keys; they stand for the same beginnings. -ENOMEM. */
MUST_USE int starts_merge(struct starts *s);

static inline bool byte_set_has(const struct byte_set *set, uint8_t c)
{
    return (set->words[c >> 6] >> (c & 63) & 1) != 0;
}

/* The set of a key at a place. */
static inline unsigned start_set(uint64_t key, size_t at)
{
    return (unsigned)(key >> (16 * at) & 0xffff);
}
