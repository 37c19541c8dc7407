/* arena: memory that lives as long as a transaction or a flow.
 *
 * A list of blocks; the first is small, later ones double, so that the many short-lived owners stay
 * cheap. A reset keeps one block, of a size that most owners need: one huge transaction does not
 * make its flow heavy for ever. arena_malloc.c is the same interface over the plain heap, for
 * sanitizer builds. */
#include "sensor/base/arena.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"

#include <stdalign.h>

enum { FIRST_BLOCK = 768, KEPT_BLOCK = 4096, LARGEST_BLOCK = 64 * 1024 };

struct block {
    struct block *next;
    size_t size;
    size_t used;
    alignas(max_align_t) uint8_t bytes[];
};

struct arena {
    struct block *blocks; /* newest first */
    size_t cap;
    size_t held;
    bool overflowed;
};

struct arena *arena_new(size_t cap)
{
    struct arena *a = mem_alloc(sizeof(*a));
    if (a != NULL) {
        a->cap = cap;
    }
    return a;
}

static void free_blocks(struct arena *a, struct block *keep)
{
    while (a->blocks != keep) {
        struct block *b = a->blocks;
        a->blocks = b->next;
        a->held -= b->size;
        mem_free(b);
    }
}

void arena_free(struct arena **a)
{
    if (*a == NULL) {
        return;
    }
    free_blocks(*a, NULL);
    mem_free(*a);
    *a = NULL;
}

void arena_reset(struct arena *a)
{
    struct block *keep = a->blocks;
    while (keep != NULL && keep->size > KEPT_BLOCK) {
        keep = keep->next;
    }
    free_blocks(a, keep);
    if (keep != NULL) {
        a->blocks = keep->next;
        free_blocks(a, NULL);
        keep->next = NULL;
        a->blocks = keep;
        bytes_zero(keep->bytes, keep->used);
        keep->used = 0;
    }
    a->overflowed = false;
}

static struct block *add_block(struct arena *a, size_t need)
{
    size_t size = a->blocks == NULL ? FIRST_BLOCK : a->blocks->size * 2;
    size = size > LARGEST_BLOCK ? LARGEST_BLOCK : size;
    size = size < need ? need : size;
    if (size > a->cap - a->held) {
        size = need;
    }
    if (size > a->cap - a->held) {
        return NULL;
    }
    struct block *b = mem_alloc(sizeof(*b) + size);
    if (b == NULL) {
        return NULL;
    }
    *b = (struct block){.next = a->blocks, .size = size};
    a->blocks = b;
    a->held += size;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t align = alignof(max_align_t);
    if (size > a->cap) {
        a->overflowed = true;
        return NULL;
    }
    size = (size + align - 1) / align * align;
    struct block *b = a->blocks;
    if (b == NULL || size > b->size - b->used) {
        b = add_block(a, size);
    }
    if (b == NULL) {
        a->overflowed = true;
        return NULL;
    }
    void *at = b->bytes + b->used;
    b->used += size;
    return at;
}

struct span arena_copy(struct arena *a, struct span s, size_t max, bool *ret_cut)
{
    struct span part = span_head(s, max);
    uint8_t *at = part.len > 0 ? arena_alloc(a, part.len) : NULL;
    if (at == NULL) {
        part = (struct span){NULL, 0};
    } else {
        bytes_copy(at, part.data, part.len);
        part.data = at;
    }
    if (ret_cut != NULL) {
        *ret_cut = part.len < s.len;
    }
    return part;
}

void arena_prefetch(const struct arena *a)
{
    if (a->blocks != NULL) {
        mem_prefetch(a->blocks, sizeof(*a->blocks));
    }
}

bool arena_overflowed(const struct arena *a)
{
    return a->overflowed;
}

size_t arena_memory(const struct arena *a)
{
    return sizeof(*a) + a->held;
}
