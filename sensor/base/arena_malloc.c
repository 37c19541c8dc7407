/* arena_malloc: the arena's interface with one heap block for each allocation.
 *
 * Built instead of arena.c in sanitizer builds, so that an overrun of one object into the next is
 * seen. The cap counts the same way, so a test behaves alike in both. */
#include "sensor/base/arena.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"

struct block {
    struct block *next;
    void *bytes;
};

struct arena {
    struct block *blocks;
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

void arena_reset(struct arena *a)
{
    while (a->blocks != NULL) {
        struct block *b = a->blocks;
        a->blocks = b->next;
        mem_free(b->bytes);
        mem_free(b);
    }
    a->held = 0;
    a->overflowed = false;
}

void arena_free(struct arena **a)
{
    if (*a == NULL) {
        return;
    }
    arena_reset(*a);
    mem_free(*a);
    *a = NULL;
}

void *arena_alloc(struct arena *a, size_t size)
{
    struct block *b = size <= a->cap - a->held ? mem_alloc(sizeof(*b)) : NULL;
    void *bytes = b != NULL ? mem_alloc(size) : NULL;
    if (bytes == NULL) {
        mem_free(b);
        a->overflowed = true;
        return NULL;
    }
    *b = (struct block){.next = a->blocks, .bytes = bytes};
    a->blocks = b;
    a->held += size;
    return bytes;
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
    (void)a; /* speed is not what this one is for */
}

bool arena_overflowed(const struct arena *a)
{
    return a->overflowed;
}

size_t arena_memory(const struct arena *a)
{
    return sizeof(*a) + a->held;
}
