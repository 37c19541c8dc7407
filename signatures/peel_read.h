#pragma once

#include "signatures/peel_spell.h"

/* Private to signatures/peel*.c: reading a text with its escapes standing for what they stand for,
 * to see whether it may come to spell a look-up. */

/* A walk through a text, piece by piece. */
struct peel_walk {
    struct peel_speller speller;
    unsigned n_coded; /* needless escapes in a row */
    size_t settle;    /* what begins behind this does not matter */
    size_t active;    /* where something was open last */
    bool awaits;      /* the opener of an attempt was read, and its word may still come */
    bool one;         /* what was read last is a byte of 1: half of U+0131 in UTF-16 */
    bool settled;     /* it is over */
    bool folded;      /* there was a soft line break, which may stand in UTF-16 */
};

void peel_walk_start(struct peel_walk *w);
/* Reads on from *off to `end` (or a little further: what lies behind is only the context of what
 * lies before), and leaves in *off how far it came. True when a look-up may be there: letters may
 * be spelt, or there are escapes that may hide anything. */
bool peel_walk_on(struct peel_walk *w, struct span text, size_t *off, size_t end);
/* The text is at its end. */
bool peel_walk_end(struct peel_walk *w);

/* What stands at off in a run of base64, undone if it is an escape: its value, and its length in
 * *ret_len; -1 when the run ends here, -2 for a line end, which does not end it. */
int peel_read_base64(struct span text, size_t off, size_t *ret_len);
/* Whether a byte may begin something that is worth a walk. */
bool peel_is_worth_reading(uint8_t c);
/* Units of fuel that a text costs which becomes a reading: to be looked at, and each layer of
 * escapes undone on trial. What may begin an escape costs most, and that an attacker has full
 * control of. */
uint64_t peel_read_cost(struct span text);
