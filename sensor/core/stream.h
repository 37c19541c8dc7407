#pragma once

#include "sensor/core/conn.h"

/* Where bytes in order go: the one interface between those who have streams (the flow table's
 * reassembly, the honeypot's sockets) and those who read them (the pipeline). All calls for one
 * conn come from one thread; conn's times and numbers are those of the packet at hand. UDP: each
 * datagram is one data call. */
struct stream_ops {
    /* A flow begins. Negative errno when there is no memory: then no other call but close follows.
     */
    int (*open)(void *ctx, struct conn *conn);
    /* A packet of the flow, before its bytes; conn's accounts have it already. Only where somebody
     * wants packets. */
    void (*packet)(void *ctx, struct conn *conn, enum direction dir, const struct headers *h);
    /* Contiguous, in-order, non-empty bytes of one direction, cut anywhere. `bytes` dies with the
     * call. */
    void (*data)(void *ctx, struct conn *conn, enum direction dir, struct span bytes);
    /* `n_bytes` of a direction will never come, for this reason. Told before the bytes behind the
     * hole. Who tells keeps the accounts (conn's gap_bytes, lost and marks, and the stats of
     * payload and lost bytes), as for data. */
    void (*gap)(void *ctx, struct conn *conn, enum direction dir, uint64_t n_bytes,
                enum lost reason);
    /* Another reading of bytes whose main reading goes (or went) through data: overlapping segments
     * or fragments with other contents, or bytes that came after their gap was told. `bytes` holds
     * what stands before and behind the difference as well, as far as it is at hand. */
    void (*alternate)(void *ctx, struct conn *conn, enum direction dir, struct span bytes);
    void (*anomaly)(void *ctx, struct conn *conn, enum direction dir, enum anomaly anomaly);
    /* The packet at hand was carried out, and its verdict is wanted: what can be found in the bytes
     * so far is to be found now. NULL: nothing waits. Inline only. */
    void (*judge)(void *ctx, struct conn *conn);
    /* The direction ended properly (FIN): until-close bodies are complete. */
    void (*end)(void *ctx, struct conn *conn, enum direction dir);
    /* Last call for this conn; its state is freed here, its flow event written. */
    void (*close)(void *ctx, struct conn *conn, enum close_reason reason);
};

struct stream_user {
    const struct stream_ops *ops;
    void *ctx;
    const bool *wants_packets; /* may change between packets; NULL: never */
};
