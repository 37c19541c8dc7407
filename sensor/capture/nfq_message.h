#pragma once

#include "sensor/base/span.h"

/* What the kernel says on a netlink socket of nfnetlink_queue. */

enum nfq_kind {
    NFQ_PACKET, /* a packet waits for its verdict */
    NFQ_ANSWER, /* to a request of ours: `error` is 0, or a negative errno */
    NFQ_OTHER,  /* nothing for us */
};

struct nfq_message {
    enum nfq_kind kind;
    int error;
    uint16_t queue;
    uint32_t id;
    uint32_t iface_in; /* indexes of interfaces; 0: none */
    uint32_t iface_out;
    struct span payload; /* from the network header on; dies with the bytes that were read */
    uint32_t wire_len;   /* of it, before it was cut */
};

/* Takes the first message off `rest`. false when there is none, or what is there is no message:
 * *rest is empty then. A packet without an id is NFQ_OTHER, since no verdict can be given. */
bool nfq_next(struct span *rest, struct nfq_message *ret_message);
