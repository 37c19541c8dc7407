#pragma once

#include "sensor/base/wire.h"
#include "sensor/packet/decode.h"
#include "sensor/packet/ipfrag.h"

/* Inside of packet/: one packet on its way through the layers. */

enum layer {
#define LAYER(id, function, counter) LAYER_##id,
#include "sensor/packet/layers.def"
#undef LAYER
    LAYER_N,
    /* The ends of a walk, in place of a next layer. */
    END_DONE = LAYER_N,
    END_HELD,
    END_NOT_IP,
    END_REFUSED, /* walk.refusal says why */
};

struct walk {
    struct packet_decoder *decoder;
    const struct packet *packet;
    struct headers *headers;
    struct span rest; /* what is left, as captured */
    uint32_t missing; /* bytes behind `rest` that were on the wire but not captured */
    bool has_ip;
    bool in_alternate;       /* walking another reading: nothing is counted, reported or kept */
    bool any_dst;            /* a routing header: the final destination is not in the IP header */
    enum stat_id refusal;    /* REFUSED_ */
    const char *tunnel_kind; /* of the tunnel header seen last; NULL: none since the last IP */
};

struct packet_decoder {
    struct packet_options options;
    struct ipfrag *fragments;
    struct tunnel tunnel; /* headers.tunnel points here */
    /* The walk as it stood when a datagram was put together, for its other reading. */
    struct walk at_datagram;
    struct headers headers_at_datagram;
    struct ipfrag_datagram datagram;
    struct walk behind; /* the next packet of the same frame */
    bool has_behind;
};

#define LAYER(id, function, counter) enum layer function(struct walk *w);
#include "sensor/packet/layers.def"
#undef LAYER

/* Ends the walk: the packet is counted under `reason` (REFUSED_). */
enum layer walk_refuse(struct walk *w, enum stat_id reason);
/* The header is not all there: cut by the snap length, or shorter than it must be (`anomaly`, or
 * ANOMALY_N for none). */
enum layer walk_short(struct walk *w, enum anomaly anomaly);
void walk_anomaly(struct walk *w, enum anomaly anomaly);

/* Whether the packet is refused for this checksum of its sender's (then told as an anomaly). The
 * policy verifies checksums. */
bool walk_sum_refused(struct walk *w, enum checksum_kind kind, enum checksum_state state);

/* The next layer by Ethernet type, IP protocol and PPP protocol. */
enum layer layer_of_ethertype(uint16_t type);
enum layer layer_of_ip_proto(uint8_t proto);
enum layer layer_of_ppp(uint16_t protocol);
/* By link type; LAYER_N when it is not supported. */
enum layer layer_of_link(int link_type);
/* What follows an Ethernet type or length field, which was taken off. */
enum layer layer_after_type(struct walk *w, uint16_t type);
/* The tunnel that a UDP payload is; END_DONE: none. */
enum layer layer_of_udp(struct walk *w);
/* Notes the addresses of the link layer at the front of what is left. */
void walk_macs(struct walk *w, size_t dst_off, size_t src_off);
/* What follows belongs to the network of this number, of those that share the tunnel. */
void walk_network(struct walk *w, uint32_t number);
/* IPv4 or IPv6, by the version in the first byte. */
enum layer layer_by_version(struct walk *w);

/* These are inline: each header of each packet calls several. */
static inline void walk_count(struct walk *w, enum stat_id stat)
{
    if (!w->in_alternate) {
        stats_add(w->decoder->options.stats, stat, 1);
    }
}

/* Bytes left on the wire, captured or not. */
static inline size_t walk_left(const struct walk *w)
{
    return w->rest.len + w->missing;
}

/* Takes n bytes off the front, captured or not. */
static inline void walk_skip(struct walk *w, size_t n)
{
    size_t captured = n < w->rest.len ? n : w->rest.len;
    size_t beyond = n - captured;
    w->rest = wire_from(w->rest, captured);
    w->missing -= beyond < w->missing ? (uint32_t)beyond : w->missing;
}

/* Cuts what is left to n bytes on the wire; more than walk_left() counts as missing. */
static inline void walk_clip(struct walk *w, size_t n)
{
    if (n <= w->rest.len) {
        w->rest = wire_sub(w->rest, 0, n);
        w->missing = 0;
    } else {
        w->missing = (uint32_t)(n - w->rest.len);
    }
}

/* Stores what is left. Word by word: a copy of the struct would be one load across two stores just
 * made, for which the processor waits. */
static inline void walk_note(const struct walk *w, struct span *ret_rest)
{
    const uint8_t *data = w->rest.data;
    size_t len = w->rest.len;
    ret_rest->data = data;
    ret_rest->len = len;
}

/* What is left is the payload, unless another header in it says otherwise. */
static inline void walk_payload(struct walk *w)
{
    walk_note(w, &w->headers->payload);
    w->headers->missing = w->missing;
}
