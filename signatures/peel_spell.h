#pragma once

#include "sensor/base/span.h"

/* Private to signatures/peel*.c: whether a text may spell the prefix `jndi`. */

enum { PEEL_SPELL_DEPTH = 256, PEEL_SPELL_LETTERS = 4 };

/* Sets of counts of letters spelt so far: bit n is n letters. At the start of such a set stands
 * what was spelt right before the expression: own[0] counts from nothing, [n] from n letters. */
struct peel_spelt {
    uint8_t from[PEEL_SPELL_LETTERS];
};

/* A level of `${`. */
struct peel_level {
    struct peel_spelt here;  /* right before this place */
    struct peel_spelt ended; /* where a value may have ended before it */
};

/* Fed character by character; about 2 KiB. */
struct peel_speller {
    struct peel_level levels[PEEL_SPELL_DEPTH];
    size_t n_levels;
    bool opened;       /* a '$', or "#{" or "%{", has been seen */
    bool dollar;       /* the character before was '$', */
    bool escaped;      /* and so was the one before that */
    bool entered;      /* the character before ended a `${` */
    unsigned splitter; /* characters of `:\-` that may stand before this place */
    bool found;
};

void peel_speller_start(struct peel_speller *s);
/* The next character; U+0130 and U+0131 are fed as 'i', all else beyond ASCII as any byte that is
 * no letter. */
void peel_speller_feed(struct peel_speller *s, uint8_t c);
/* Any number of characters that mean nothing to it: peel_spell_counts() is false of all. */
void peel_speller_skip(struct peel_speller *s);
/* An opener of another kind than `${`. */
void peel_speller_open(struct peel_speller *s);
/* The text is at its end: open levels end as well. True when `jndi` may be spelt. */
bool peel_speller_end(struct peel_speller *s);
/* Whether nothing is open: what follows begins anew, but for what directly follows. */
bool peel_speller_idle(const struct peel_speller *s);

/* Whether the speller must be fed this character: letters of the prefix and what has a meaning in
 * an expression. */
bool peel_spell_counts(uint8_t c);

/* All of it for a text as it stands, without escapes. */
bool peel_may_spell(struct span text);
