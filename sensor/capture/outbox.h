#pragma once

#include "sensor/base/sbuf.h"

/* Packets of our own that are to be sent when those of a batch go on, each behind a certain one. */
struct outgoing {
    size_t behind; /* index in the batch */
    bool back;     /* to where that packet came from */
    size_t off;
    size_t len;
};

enum { OUTBOX_MAX = 128 };

struct outbox {
    struct sbuf bytes;
    struct outgoing list[OUTBOX_MAX];
    size_t n;
};

struct outbox outbox_new(void);
void outbox_free(struct outbox *o);
void outbox_reset(struct outbox *o);
/* Copies the packet; one for which there is no room is left out: whoever waits for it says so
 * again. `behind` must not decrease. */
void outbox_add(struct outbox *o, size_t behind, bool back, struct span bytes);
struct span outbox_bytes(const struct outbox *o, const struct outgoing *g);
