#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/core/packet.h"

/* A TCP segment or UDP datagram that a sensor makes in the name of one end of a flow. */
struct forged {
    struct addr src;
    struct addr dst; /* of the same family */
    uint16_t src_port;
    uint16_t dst_port;
    uint32_t seq; /* these three of TCP alone */
    uint32_t ack;
    uint8_t flags; /* enum tcp_flag */
    struct span payload;
};

enum {
    FORGED_PAYLOAD_MAX = 1200,   /* fits every path: IPv6 asks for 1280 (RFC 8200, section 5) */
    FORGED_DATAGRAM_MAX = 65507, /* the most that IPv4 carries; goes on no path as one packet */
};

/* Replaces `out` by its IP packet, checksums included. false when the buffer's cap, or memory, is
 * short, or the payload too long. */
MUST_USE bool forge_tcp(const struct forged *f, struct sbuf *out);
/* The same of a UDP datagram. */
MUST_USE bool forge_udp(const struct forged *f, struct sbuf *out);
/* What its receiver says to such a datagram when nobody listens: ICMP's "port unreachable" (RFC
 * 792, RFC 4443 section 3.1). Of the payload only the length, at most FORGED_DATAGRAM_MAX, counts.
 */
MUST_USE bool forge_unreachable(const struct forged *f, struct sbuf *out);
