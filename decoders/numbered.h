#pragma once

#include "sensor/core/decoder.h"

/* Transactions of a flow whose answers bear the number of their question. */

struct numbered_tx {
    uint32_t id;
    uint64_t mark; /* whatever the decoder wants to know again */
    struct tx *tx;
};

struct numbered {
    struct numbered_tx *list; /* oldest first */
    size_t n;
    size_t room;
};

/* The latest with that number, until the next change of the list; NULL when none waits. */
struct numbered_tx *numbered_find(struct numbered *all, uint32_t id);
/* Takes one out that numbered_find() gave. */
void numbered_remove(struct numbered *all, struct numbered_tx *one);
/* Lets one wait; at `most`, or without memory, the oldest one ends, or this one. */
void numbered_add(struct numbered *all, const struct emit *emit, struct numbered_tx one,
                  size_t most);
/* Ends all, with these flags of tx_end, and frees the memory. */
void numbered_end(struct numbered *all, const struct emit *emit, unsigned flags);
