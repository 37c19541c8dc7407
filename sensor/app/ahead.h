#pragma once

#include "sensor/core/packet.h"
#include "sensor/flow/flow.h"

/* What names the flow of a packet, as far as a glance at it shows. */
struct glance {
    struct addr src;
    struct addr dst;
    uint16_t src_port;
    uint16_t dst_port;
    uint8_t proto;
    uint64_t hash; /* the flow table's; 0: it takes more to know */
};

/* The packets of a batch that come next. All-zero: there are none. */
struct ahead {
    struct glance glances[PACKET_BATCH];
    size_t n;
    size_t next;
};

/* Takes a glance at packets (at most PACKET_BATCH) that will come one after the other, and brings
 * closer what the flow table will need for them. */
void ahead_batch(struct ahead *a, const struct flow_table *t, const struct packet *packets,
                 size_t n);
/* The glance at the next packet of the batch; NULL behind its end. It lives until the next batch.
 */
const struct glance *ahead_next(struct ahead *a);
/* Spares hashing: what the glance found out counts for the headers where it saw the same. It may be
 * NULL. */
void ahead_recall(const struct glance *glance, struct headers *h);
