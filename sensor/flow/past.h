#pragma once

#include "sensor/flow/half.h"

/* What a side sent, was delivered, and may still come again otherwise. */
struct past {
    struct past *next; /* of the spare ones */
    uint64_t start;
    size_t len;
    size_t room;
    int64_t size; /* as the heap has it */
    uint8_t bytes[];
};

/* Keeps a copy of what was delivered, if there may be need of it. */
void past_keep(const struct half *x, uint64_t pos, struct span bytes);
/* Position behind the last byte. */
uint64_t past_end(const struct past *p);
/* The kept bytes of [from, to): fewer, or none, where not all are kept. *ret_pos is the position of
 * the first. p may be NULL. */
struct span past_of(const struct past *p, uint64_t from, uint64_t to, uint64_t *ret_pos);
void past_free(struct flow_table *t, struct side *s);
/* Gives the spare ones back to the heap. */
void past_free_spares(struct flow_table *t);
