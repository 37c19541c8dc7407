/* index: from a hash to its flow.
 *
 * Chained buckets under linear hashing (Litwin, 1980): with every flow beyond one for two buckets,
 * one bucket is split, so that no single packet pays for a growth of the whole table. The array of
 * buckets is reserved for the largest table at once and stays untouched, and so without memory,
 * beyond the buckets in use. It does not shrink. */
#include "sensor/flow/index.h"

#include "sensor/base/mem.h"
#include "sensor/flow/entry.h"

#include <errno.h>

enum { FIRST_BUCKETS = 1024 };

int flow_index_init(struct flow_index *x, size_t max)
{
    size_t most = FIRST_BUCKETS;
    while (most < max * 2 && most <= SIZE_MAX / 4) {
        most *= 2;
    }
    *x = (struct flow_index){
        .buckets = mem_alloc_array(most, sizeof(*x->buckets)),
        .n_buckets = FIRST_BUCKETS,
        .max_buckets = most,
        .mask = FIRST_BUCKETS - 1,
    };
    return x->buckets != NULL ? 0 : -ENOMEM;
}

void flow_index_free(struct flow_index *x)
{
    mem_free(x->buckets);
    *x = (struct flow_index){0};
}

static size_t bucket_of(const struct flow_index *x, uint64_t hash)
{
    size_t b = (size_t)hash & x->mask;
    return b < x->n_buckets ? b : b & x->mask >> 1;
}

/* Gives the next bucket that does not exist yet its share of the one it was folded into. */
static void split(struct flow_index *x)
{
    size_t to = x->n_buckets;
    if (to > x->mask) {
        x->mask = x->mask * 2 + 1;
    }
    x->n_buckets++;
    struct flow **link = &x->buckets[to & x->mask >> 1];
    while (*link != NULL) {
        struct flow *f = *link;
        if (bucket_of(x, f->hash) == to) {
            *link = f->chain;
            f->chain = x->buckets[to];
            x->buckets[to] = f;
        } else {
            link = &f->chain;
        }
    }
}

void flow_index_add(struct flow_index *x, struct flow *f)
{
    x->n++;
    if (x->n * 2 > x->n_buckets && x->n_buckets < x->max_buckets) {
        split(x);
    }
    struct flow **head = &x->buckets[bucket_of(x, f->hash)];
    f->chain = *head;
    *head = f;
}

void flow_index_remove(struct flow_index *x, struct flow *f)
{
    struct flow **link = &x->buckets[bucket_of(x, f->hash)];
    while (*link != f) {
        CHECK(*link != NULL);
        link = &(*link)->chain;
    }
    *link = f->chain;
    f->chain = NULL;
    x->n--;
}

struct flow *flow_index_chain(const struct flow_index *x, uint64_t hash)
{
    return x->buckets[bucket_of(x, hash)];
}

/* A split moves flows to a bucket behind all others: they come by again. */
struct flow *flow_index_seek(const struct flow_index *x, uint64_t id, size_t n_buckets,
                             size_t *from)
{
    size_t left = x->n_buckets - *from;
    for (size_t n = n_buckets < left ? n_buckets : left; n > 0; n--) {
        for (struct flow *f = x->buckets[(*from)++]; f != NULL; f = f->chain) {
            if (f->conn.id == id) {
                return f;
            }
        }
    }
    return NULL;
}

void flow_index_prefetch(const struct flow_index *x, uint64_t hash)
{
    __builtin_prefetch(&x->buckets[bucket_of(x, hash)]);
}
