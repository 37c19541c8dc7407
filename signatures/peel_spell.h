#pragma once

#include "sensor/base/span.h"

/* Private to signatures/peel*.c: whether a text may spell the prefix `jndi`. */

enum { PEEL_SPELL_DEPTH = 256, PEEL_SPELL_LETTERS = 4 };

/* A level of `${`. */
struct peel_level {
    uint8_t mask;                          /* bit n: n letters may stand right before this place */
    uint8_t reach[PEEL_SPELL_LETTERS + 1]; /* with n letters before the level: how many behind */
};

/* Fed character by character; about 2 KiB. */
struct peel_speller {
    struct peel_level levels[PEEL_SPELL_DEPTH];
    size_t n_levels;
    bool opened; /* a '$', or "#{" or "%{", has been seen */
    bool dollar; /* the character before was '$' */
    bool found;
};

void peel_speller_start(struct peel_speller *s);
/* The next character; U+0130 and U+0131 are fed as 'i', all else beyond ASCII as any byte that is
 * no letter. */
void peel_speller_feed(struct peel_speller *s, uint8_t c);
/* Any number of characters that are neither letters of the prefix nor '$', '{', '}'. */
void peel_speller_skip(struct peel_speller *s);
/* An opener of another kind than `${`. */
void peel_speller_open(struct peel_speller *s);
/* The text is at its end: open levels end as well. True when `jndi` may be spelt. */
bool peel_speller_end(struct peel_speller *s);

/* All of it for a text as it stands, without escapes. */
bool peel_may_spell(struct span text);
