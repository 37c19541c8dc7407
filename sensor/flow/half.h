#pragma once

#include "sensor/flow/entry.h"

/* One side of a flow at work. */
struct half {
    struct flow_table *t;
    struct flow *f;
    struct side *s;
    unsigned n;
};

static inline struct half half_of(struct flow_table *t, struct flow *f, unsigned n)
{
    return (struct half){.t = t, .f = f, .s = &f->sides[n], .n = n};
}

static inline struct half half_peer(const struct half *x)
{
    return half_of(x->t, x->f, 1 - x->n);
}

/* Asked anew for each call, because the user may swap the directions within one. */
static inline enum direction half_dir(const struct half *x)
{
    return (enum direction)flow_turned(x->f, x->n);
}

static inline bool side_has(const struct side *s, unsigned flags)
{
    return (s->flags & flags) == flags;
}
