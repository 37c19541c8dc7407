#pragma once

#include "signatures/match_start.h"

/* Private to signatures/match*.c: whether a match begins at a place, by a walk over the bytes
 * there. */

/* States are numbers of 12 bits, with marks. */
enum {
    DFA_DEAD = 0,       /* no match */
    DFA_STATES = 0xfff, /* the number, without marks */
    DFA_ENDS = 1 << 15, /* a match may end here */
    DFA_CUT = 1 << 14,  /* what comes next is not followed any further */
    DFA_FAR = 1 << 13,  /* what may match here is long, or has runs */
    DFA_ASK = 1 << 12,  /* not all that may end here does */
};

enum { DFA_CLASSES_MAX = 256 };

/* A set of classes of bytes. */
struct class_set {
    uint64_t words[DFA_CLASSES_MAX / 64];
};

/* What begins at a place of a text. */
struct dfa_match {
    size_t reach; /* how many bytes the longest match may have; 0: none begins */
    bool known;   /* dfa_tell() knows all of them */
    bool cut;     /* something may begin, but the text's end is too near to tell of it */
};

/* A row for all classes would be mostly empty, and the rows of the states that texts go through
 * more than the nearer caches hold. */
struct dfa_state {
    struct class_set goes;                /* what may come next */
    uint8_t before[DFA_CLASSES_MAX / 64]; /* how many of them are in the words before each */
    uint32_t next;                        /* where the states they lead to are in the list */
    uint32_t patterns;                    /* where the patterns are in the list that end here, */
    uint32_t n_patterns;                  /* in ascending order */
};

/* A deterministic automaton of the first bytes of matches. Immutable. */
struct dfa {
    uint16_t first[256];  /* the state behind a first byte, with marks */
    bool brief[256];      /* a match of less than START_LEN bytes may begin with it */
    uint8_t classes[256]; /* bytes that no pattern tells apart are one class */
    struct dfa_state *states;
    uint16_t *next;     /* states with marks, for each state in the order of its classes */
    uint32_t *patterns; /* that end in each state */
    size_t near;        /* how far matches reach, */
    size_t far;         /* those that have runs, or are long, too */
};

/* NULL without memory. The caller frees it. */
MUST_USE struct dfa *dfa_new(const struct starts *starts);
/* Nulls *dfa; accepts NULL. */
void dfa_free(struct dfa **dfa);

/* What begins at `at`. A reach of dfa->far: no less than that, and there may be a run in it. A
 * beginning of less than START_LEN bytes that the text's end cuts is `cut` and has no reach, unless
 * it is a match already. */
struct dfa_match dfa_match(const struct dfa *dfa, struct span text, size_t at);

/* Tells the matches that begin at `at`, which have to be known, by where they end. False when
 * `found` said so. */
bool dfa_tell(const struct dfa *dfa, struct span text, size_t at, match_fn found, void *ctx);
