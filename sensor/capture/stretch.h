#pragma once

#include "sensor/base/sbuf.h"

/* Bytes of an input in memory. They stay where they are as long as a batch holds them. */
struct stretch {
    struct sbuf buffer;
    size_t n_holders;     /* batches that point into it */
    bool is_read;         /* a window reads on in it */
    struct stretch *free; /* the next one that nobody wants */
    struct stretch *next; /* of all */
};

/* Where the windows of a source get them from, all of one size. On one thread. */
struct stretches {
    size_t size; /* bytes of each */
    struct stretch *free;
    struct stretch *all;
    size_t n_behind; /* held, and read to their end */
};

struct stretches stretches_of(size_t size);
/* Frees all of them, also what is held. */
void stretches_free(struct stretches *s);
/* An empty one for a window. NULL when there is no memory. */
MUST_USE struct stretch *stretch_take(struct stretches *s);
/* The window goes on elsewhere. */
void stretch_leave(struct stretches *s, struct stretch *stretch);
/* Whether a window may go on elsewhere while what it read is still held: a source has only so many
 * stretches behind it. */
bool stretches_have_room(const struct stretches *s);
/* A batch points into it, until it is dropped. */
void stretch_hold(struct stretch *stretch);
void stretch_drop(struct stretches *s, struct stretch *stretch);
