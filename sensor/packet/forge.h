#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/core/packet.h"

/* A TCP segment that a sensor sends in the name of one end of a flow. */
struct forged {
    struct addr src;
    struct addr dst; /* of the same family */
    uint16_t src_port;
    uint16_t dst_port;
    uint32_t seq;
    uint32_t ack;
    uint8_t flags; /* enum tcp_flag */
    struct span payload;
};

enum { FORGED_PAYLOAD_MAX = 1200 }; /* fits every path: IPv6 asks for 1280 (RFC 8200, section 5) */

/* Replaces `out` by its IP packet, checksums included. false when the buffer's cap, or memory, is
 * short, or the payload too long. */
MUST_USE bool forge_tcp(const struct forged *f, struct sbuf *out);
