#pragma once

#include "signatures/peel.h"

/* A second look at one hit of the gate, before anything costly is done about it. */

enum {
    PEEL_GLANCE_BEFORE = 64,  /* bytes before the end of a hit that are looked at */
    PEEL_GLANCE_AFTER = 1024, /* bytes behind it that usually settle it */
    PEEL_GLANCE_KINDS = 10
};

/* What was settled of a text so far; all-zero at its start. Offsets count from there. */
struct peel_glance {
    uint64_t done[PEEL_GLANCE_KINDS];   /* hits that end up to here hide nothing of that kind */
    uint64_t walked[PEEL_GLANCE_KINDS]; /* bytes read for that */
};

/* A hit. */
struct peel_hit {
    size_t pattern;   /* of peel_gate_pattern() */
    struct span text; /* around it */
    uint64_t off;     /* of `text` in all of the text */
    size_t end;       /* of the hit in `text` */
    bool more;        /* the text goes on behind `text` */
};

/* Whether a look-up may begin at the hit, however it is read. Hits of one text must come in their
 * order. False only when nothing does: where too little is there to tell, true. Linear in what
 * stands between the hit and where all that it opens is closed, or in all that follows; for all
 * hits together, in the text. */
bool peel_glance(struct peel_glance *g, const struct peel_hit *hit);
