#pragma once

#include "sensor/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct flow;

/* Flows by hash: chains in a table of buckets that grows by one bucket at a time. All-zero is not
 * usable. */
struct flow_index {
    struct flow **buckets;
    size_t n_buckets;
    size_t max_buckets;
    size_t mask; /* n_buckets lies in (mask / 2, mask] + 1 */
    size_t n;    /* flows */
};

/* Room for `max` flows; its pages cost memory only once they are used. -ENOMEM. */
MUST_USE int flow_index_init(struct flow_index *x, size_t max);
void flow_index_free(struct flow_index *x);
void flow_index_add(struct flow_index *x, struct flow *f);
void flow_index_remove(struct flow_index *x, struct flow *f);
/* First of the chain that a flow of this hash lies in; the others follow by `chain`. */
struct flow *flow_index_chain(const struct flow_index *x, uint64_t hash);
/* The flow of that id among `n_buckets` from *from on, which goes on to behind them; NULL when it
 * is not there. Flows that are added meanwhile may be missed, others are not. */
struct flow *flow_index_seek(const struct flow_index *x, uint64_t id, size_t n_buckets,
                             size_t *from);
/* Hints that the chain's head, then its first flow, is wanted soon. */
void flow_index_prefetch(const struct flow_index *x, uint64_t hash);
