/* ring: single-producer, single-consumer queue.
 *
 * Head and tail are free-running counters on cache lines of their own; each side keeps a private
 * copy of the other's counter and re-reads it only when the copy says full or empty, so that a busy
 * ring costs one shared line per lap. */
#include "sensor/base/ring.h"

#include "sensor/base/mem.h"

#include <stdalign.h>
#include <stdatomic.h>

enum { CACHE_LINE = 64 };

struct ring {
    void **slots;
    size_t mask;
    alignas(CACHE_LINE) atomic_size_t head; /* next to write */
    size_t tail_seen;
    alignas(CACHE_LINE) atomic_size_t tail; /* next to read */
    size_t head_seen;
};

struct ring *ring_new(size_t room)
{
    size_t n = 2;
    while (n < room) {
        n *= 2;
    }

    struct ring *r = mem_alloc_aligned(sizeof(*r), CACHE_LINE);
    if (r == NULL) {
        return NULL;
    }
    r->slots = mem_alloc_array(n, sizeof(*r->slots));
    if (r->slots == NULL) {
        mem_free(r);
        return NULL;
    }
    r->mask = n - 1;
    return r;
}

void ring_free(struct ring **r)
{
    if (*r == NULL) {
        return;
    }
    mem_free((*r)->slots);
    mem_free(*r);
    *r = NULL;
}

bool ring_push(struct ring *r, void *item)
{
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head - r->tail_seen > r->mask) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head - r->tail_seen > r->mask) {
            return false;
        }
    }
    r->slots[head & r->mask] = item;
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return true;
}

void *ring_pop(struct ring *r)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail == r->head_seen) {
        r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
        if (tail == r->head_seen) {
            return NULL;
        }
    }
    void *item = r->slots[tail & r->mask];
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return item;
}

size_t ring_n(const struct ring *r)
{
    size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    return atomic_load_explicit(&r->head, memory_order_acquire) - tail;
}
