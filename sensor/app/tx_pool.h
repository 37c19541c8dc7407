#pragma once

#include "sensor/base/list.h"
#include "sensor/core/tx.h"

struct files;
struct reading;
struct urls;

/* A copy of a head, for the case that somebody asks for its fields. */
struct kept_head {
    struct kept_head *next;
    enum direction dir;
    struct span bytes;
};

/* A transaction and what the pipeline needs beside it. */
struct tx_slot {
    struct tx tx; /* first: decoders hold a pointer to it */
    struct tx_slot *next;
    struct list due;         /* in the pipeline's list, while alerts wait */
    struct finding **tail;   /* where the next finding goes */
    struct finding *waiting; /* the first that is not written yet */
    struct reading *reading; /* NULL: bytes no decoder reads */
    struct files *files[2];  /* that it carries, by direction; NULL: none so far */
    struct urls *urls;       /* in its texts; NULL: none so far */
    size_t field_room;       /* bytes that fields may still take */
    struct kept_head *heads; /* whose fields are not kept yet, in their order */
    struct kept_head **heads_end;
    uint8_t n_magic; /* bytes of a class's first that the response's body begins with */
    bool in_body;    /* raw ones: FIRST was announced */
};

/* Transactions are reused with their arenas, so that a request costs no trip to the heap. */
struct tx_pool {
    struct tx_slot *idle;
    size_t n_idle;
    size_t n_open;
    size_t arena_bytes; /* cap of one arena */
};

/* A zeroed transaction with an empty arena, or NULL when there is no memory. */
struct tx_slot *tx_pool_get(struct tx_pool *pool);
void tx_pool_put(struct tx_pool *pool, struct tx_slot *slot);
void tx_pool_free(struct tx_pool *pool);
/* The slot of a transaction that tx_pool_get() gave. */
struct tx_slot *tx_slot_of(struct tx *tx);
/* Keeps a copy of a head in the transaction's arena instead of its fields; false when that is no
 * good, because they could not be kept beside it. */
bool tx_keep_head(struct tx *tx, enum direction dir, struct span bytes);
/* Keeps a copy of the field in the transaction's arena, cut at max bytes; all fields together take
 * half of it at most. */
void tx_keep(struct tx *tx, const struct field *field, size_t max);
