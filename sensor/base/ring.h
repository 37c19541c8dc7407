#pragma once

#include "sensor/base/check.h"

#include <stdbool.h>
#include <stddef.h>

/* A queue of pointers between exactly one producer thread and one consumer thread, without locks.
 * What the pointers point to changes owner with them. */
struct ring;

/* `room` is rounded up to a power of two. NULL when there is no memory. */
MUST_USE struct ring *ring_new(size_t room);
/* Nulls *r; accepts NULL; what is still in it is the caller's loss, so drain it first. */
void ring_free(struct ring **r);
/* false when full: the item is still the producer's. */
MUST_USE bool ring_push(struct ring *r, void *item);
/* NULL when empty. */
void *ring_pop(struct ring *r);
/* Things waiting now; either side may ask. */
size_t ring_n(const struct ring *r);
