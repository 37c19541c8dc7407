#pragma once

#include "sensor/core/sink.h"
#include "sensor/output/peer.h"

/* What is on its way: lines that a peer was sent and may not have read. Zeroed but for `peer`,
 * which outlives it. */
struct handful {
    struct peer *peer;
    size_t sent;    /* bytes of its lines that the connection has taken */
    size_t n_whole; /* lines that it has taken whole */
    size_t n_lost;  /* of these, such as are too long for it, and are lost */
    bool is_cut;    /* and a piece of one more */
    bool is_fresh;  /* connected anew, for the sender, who resets it */
};

/* Sends from the start of the lines. *ret_done, which comes zeroed: how many of their bytes are
 * dealt with. 0 to be called for the rest; -EMSGSIZE: these were a line that cannot be sent; else
 * as peer_write() and peer_send() say. */
typedef int (*handful_send)(void *arg, struct span lines, size_t *ret_done);

/* The write() of a sink, by handfuls of at most 16 KiB or one line: they are written once the peer
 * has read them, where that can be known, and sent again where it went away before. */
MUST_USE int handful_write(struct handful *h, const struct sink_block *block,
                           struct sink_result *ret_result, handful_send send, void *arg);
/* The give_up() of a sink: what is on its way counts as written; a line that was cut ends here,
 * with the connection. */
MUST_USE size_t handful_give_up(struct handful *h);
