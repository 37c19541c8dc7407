#pragma once

#include "sensor/base/span.h"

/* For tests: the gate of look-ups alone, without any rules, and a glance at what it hits, as bodies
 * have it. */
struct gating;

/* NULL when it cannot be made; the reason is on stderr. */
struct gating *gating_new(void);
/* Nulls *g; accepts NULL. */
void gating_free(struct gating **g);

struct gating_answer {
    bool hit;    /* the gate has a pattern in the text, */
    bool passed; /* and a glance at one of the hits passes it */
};

struct gating_answer gating_ask(struct gating *g, struct span text);
