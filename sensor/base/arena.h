#pragma once

#include "sensor/base/span.h"

/* A bump allocator with a cap. Things are never freed one by one: arena_reset() empties it and
 * keeps its memory. At the cap (or when the heap is empty) it returns NULL and marks itself, so
 * that one look at the end sees it. */
struct arena;

/* NULL when there is no memory. `cap`: most bytes it will hold in all. Memory is taken block by
 * block when needed. */
MUST_USE struct arena *arena_new(size_t cap);
/* Nulls *a; accepts NULL. */
void arena_free(struct arena **a);
void arena_reset(struct arena *a);

/* Zeroed, aligned for any type; NULL at the cap. */
MUST_USE void *arena_alloc(struct arena *a, size_t size);
/* A copy of s in the arena, cut to what `max` and the cap allow; *ret_cut (may be NULL) says
 * whether it was cut. */
struct span arena_copy(struct arena *a, struct span s, size_t max, bool *ret_cut);
/* Whether anything was refused since the last reset. */
bool arena_overflowed(const struct arena *a);
/* Hints that arena_alloc() will be called. */
void arena_prefetch(const struct arena *a);
/* Bytes held from the heap. */
size_t arena_memory(const struct arena *a);
