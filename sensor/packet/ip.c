/* ip: IPv4 (RFC 791), IPv6 (RFC 8200) with its extension headers, AH (RFC 4302).
 *
 * What IP's own length says is the packet; what the link layer carries beyond it is padding. A
 * length of zero is a packet that the machine would have cut itself (segmentation offload): then
 * all that is left counts. A length beyond the packet is an anomaly; what is there is read, the
 * rest counts as missing.
 *
 * Extension headers are taken off in one loop, whose work is linear in the packet: their number is
 * not a layer, because a receiver takes any number too. Of the jumbo payload option (RFC 2675)
 * nothing is needed: the length of the packet is. */
#include "sensor/base/wire.h"
#include "sensor/packet/walk.h"

enum {
    V4_HEADER = 20,
    V6_HEADER = 40,
    V4_MORE = 0x2000,
    V4_OFFSET = 0x1fff,
    V6_OFFSET = 0xfff8,
    FRAGMENT_UNIT = 8,
};

enum extension {
    EXT_HOP_BY_HOP = 0,
    EXT_ROUTING = 43,
    EXT_FRAGMENT = 44,
    EXT_AH = 51,
    EXT_NONE = 59,
    EXT_OPTIONS = 60,
    EXT_MOBILITY = 135,
    EXT_HIP = 139,
    EXT_SHIM6 = 140,
};

enum layer layer_of_ip_proto(uint8_t proto)
{
    static const uint8_t rows[256] = {
        [IP_PROTO_TCP] = LAYER_TCP + 1,
        [IP_PROTO_UDP] = LAYER_UDP + 1,
        [IP_PROTO_ICMP] = LAYER_ICMPV4 + 1,
        [IP_PROTO_ICMPV6] = LAYER_ICMPV6 + 1,
        [IP_PROTO_SCTP] = LAYER_SCTP + 1,
        [4] = LAYER_IPV4 + 1,
        [41] = LAYER_IPV6 + 1,
        [47] = LAYER_GRE + 1,
        [50] = LAYER_ESP + 1,
        [EXT_AH] = LAYER_AH + 1,
        [97] = LAYER_ETHERIP + 1,
        [137] = LAYER_MPLS + 1,
    };
    return rows[proto] == 0 ? LAYER_OTHER : (enum layer)(rows[proto] - 1);
}

/* Remembers the outermost header before it is overwritten. */
static void note_tunnel(struct walk *w)
{
    struct headers *h = w->headers;
    struct tunnel *t = &w->decoder->tunnel;
    *t = (struct tunnel){
        .src = h->src,
        .dst = h->dst,
        .proto = h->proto,
        .has_ports = h->has_ports,
        .src_port = h->src_port,
        .dst_port = h->dst_port,
        .kind = w->tunnel_kind,
    };
    h->tunnel = t;
}

/* Counts an IP header straight behind another. */
static void count_ip_in_ip(struct walk *w, uint8_t family)
{
    static const enum stat_id counters[2][2] = {
        {STAT_DECODER_IPV4_IN_IPV4, STAT_DECODER_IPV6_IN_IPV4},
        {STAT_DECODER_IPV4_IN_IPV6, STAT_DECODER_IPV6_IN_IPV6},
    };
    walk_count(w, counters[w->headers->src.family == 6][family == 6]);
}

/* The header was read and is possible: from here on it is the innermost one. */
static void enter(struct walk *w, uint8_t family, uint8_t proto)
{
    struct headers *h = w->headers;
    if (w->has_ip) {
        if (w->tunnel_kind == NULL) {
            w->tunnel_kind = family == 4 ? "ipv4 tunnel" : "ipv6 tunnel";
            count_ip_in_ip(w, family);
        }
        if (h->tunnel_depth == 0) {
            note_tunnel(w);
        }
        h->tunnel_depth++;
        w->decoder->tunnel.depth = h->tunnel_depth;
    }
    w->has_ip = true;
    w->tunnel_kind = NULL;
    w->any_dst = false;
    h->proto = proto;
    h->has_ports = false;
    h->src_port = 0;
    h->dst_port = 0;
}

/* Cuts the padding off; tells of a packet shorter than its length says. */
static void clip_to(struct walk *w, size_t total)
{
    if (total > walk_left(w)) {
        walk_anomaly(w, ANOMALY_IP_TRUNCATED);
    }
    walk_clip(w, total);
}

static enum layer impossible(struct walk *w)
{
    walk_anomaly(w, ANOMALY_IP_BAD_HEADER);
    return walk_refuse(w, STAT_REFUSED_HEADER);
}

static bool header_sum_refused(struct walk *w, struct span header)
{
    const struct checksum_policy *p = w->decoder->options.checksums;
    return p != NULL && checksum_policy_verifies(p) &&
           walk_sum_refused(w, CHECKSUM_OF_HEADER, checksum_ipv4(header));
}

/* A fragment: kept, or the whole datagram in its place. */
static enum layer fragment(struct walk *w, struct ipfrag_piece *piece)
{
    struct packet_decoder *d = w->decoder;
    if (w->missing > 0) {
        return walk_refuse(w, STAT_REFUSED_TRUNCATED);
    }
    if (w->in_alternate) {
        return walk_refuse(w, STAT_PACKETS_FRAGMENTS);
    }
    piece->headers = w->headers;
    piece->data = w->rest;
    piece->clock_us = w->packet->clock_us;
    struct ipfrag_datagram datagram;
    enum anomaly anomaly = ANOMALY_N;
    enum ipfrag_result result = ipfrag_add(d->fragments, piece, &datagram, &anomaly);
    if (anomaly != ANOMALY_N) {
        walk_anomaly(w, anomaly);
    }
    switch (result) {
    case IPFRAG_HELD:
        return END_HELD;
    case IPFRAG_IMPOSSIBLE:
        return walk_refuse(w, STAT_REFUSED_HEADER);
    case IPFRAG_NO_MEMORY:
        return walk_refuse(w, STAT_REFUSED_MEMORY);
    case IPFRAG_WHOLE:
    case IPFRAG_OTHER:
        break;
    }
    ipfrag_release(d->fragments, &d->datagram);
    d->datagram = datagram;
    w->headers->reassembled = true;
    w->headers->proto = datagram.proto;
    w->headers->ip = datagram.ip;
    w->rest = datagram.payload;
    d->at_datagram = *w;
    d->headers_at_datagram = *w->headers;
    if (result == IPFRAG_OTHER) {
        return END_HELD;
    }
    walk_count(w, STAT_FRAG_REASSEMBLED);
    return LAYER_IP_PAYLOAD;
}

/* addr_v4(), inline. */
static void set_v4(struct addr *a, struct span s, size_t off)
{
    *a = (struct addr){.family = 4};
    for (size_t i = 0; i < 4; i++) {
        a->bytes[i] = wire_u8(s, off + i);
    }
}

enum layer layer_ipv4(struct walk *w)
{
    struct span s = w->rest;
    struct headers *h = w->headers;
    size_t header = (size_t)(wire_u8(s, 0) & 0x0f) * 4;
    if (s.len < V4_HEADER) {
        return walk_short(w, ANOMALY_IP_TRUNCATED);
    }
    size_t total = wire_be16(s, 2);
    total = total == 0 ? walk_left(w) : total;
    if (wire_u8(s, 0) >> 4 != 4 || header < V4_HEADER || total < header) {
        return impossible(w);
    }
    if (s.len < header) {
        return walk_short(w, ANOMALY_IP_TRUNCATED);
    }
    enter(w, 4, wire_u8(s, 9));
    set_v4(&h->src, s, 12);
    set_v4(&h->dst, s, 16);
    if (header_sum_refused(w, wire_sub(s, 0, header))) {
        return walk_refuse(w, STAT_REFUSED_CHECKSUM);
    }
    clip_to(w, total);
    walk_note(w, &h->ip);
    walk_skip(w, header);
    uint16_t place = wire_be16(s, 6);
    if ((place & (V4_MORE | V4_OFFSET)) != 0) {
        return fragment(w, &(struct ipfrag_piece){
                               .id = wire_be16(s, 4),
                               .proto = h->proto,
                               .off = (size_t)(place & V4_OFFSET) * FRAGMENT_UNIT,
                               .more = (place & V4_MORE) != 0,
                           });
    }
    walk_payload(w);
    return layer_of_ip_proto(h->proto);
}

enum layer layer_ipv6(struct walk *w)
{
    struct span s = w->rest;
    struct headers *h = w->headers;
    if (s.len < V6_HEADER) {
        return walk_short(w, ANOMALY_IP_TRUNCATED);
    }
    if (wire_u8(s, 0) >> 4 != 6) {
        return impossible(w);
    }
    enter(w, 6, wire_u8(s, 6));
    h->src = addr_v6(wire_sub(s, 8, 16));
    h->dst = addr_v6(wire_sub(s, 24, 16));
    size_t total = V6_HEADER + (size_t)wire_be16(s, 4);
    clip_to(w, total == V6_HEADER ? walk_left(w) : total);
    walk_note(w, &h->ip);
    walk_skip(w, V6_HEADER);
    return LAYER_IP_PAYLOAD;
}

/* Length of an extension header whose first bytes are s. */
static size_t extension_len(enum extension kind, struct span s)
{
    size_t units = wire_u8(s, 1);
    return kind == EXT_AH ? (units + 2) * 4 : kind == EXT_FRAGMENT ? 8 : (units + 1) * 8;
}

static bool is_extension(uint8_t proto)
{
    return proto == EXT_HOP_BY_HOP || proto == EXT_ROUTING || proto == EXT_FRAGMENT ||
           proto == EXT_AH || proto == EXT_OPTIONS || proto == EXT_MOBILITY || proto == EXT_HIP ||
           proto == EXT_SHIM6;
}

static enum layer fragment_v6(struct walk *w, struct span extension)
{
    uint16_t place = wire_be16(extension, 2);
    return fragment(w, &(struct ipfrag_piece){
                           .id = wire_be32(extension, 4),
                           .proto = w->headers->proto,
                           .off = place & V6_OFFSET,
                           .more = (place & 1) != 0,
                       });
}

/* A packet that has not been everywhere yet: its checksum, and the answers to it, speak of the last
 * address (RFC 8200, 8.1), which stands at the end (types 0 and 2) or first (type 4, RFC 8754). */
static void note_route(struct walk *w, struct span extension)
{
    enum { SOURCE = 0, MOBILE = 2, SEGMENTS = 4, FIXED = 8, ADDRESS = 16 };
    if (wire_u8(extension, 3) == 0) {
        return;
    }
    w->any_dst = true;
    unsigned type = wire_u8(extension, 2);
    bool known = type == SOURCE || type == MOBILE || type == SEGMENTS;
    if (known && extension.len >= FIXED + ADDRESS) {
        size_t off = type == SEGMENTS ? FIXED : extension.len - ADDRESS;
        w->headers->dst = addr_v6(wire_sub(extension, off, ADDRESS));
    }
}

/* What follows an IP header, its protocol known: extension headers first. */
enum layer layer_ip_payload(struct walk *w)
{
    struct headers *h = w->headers;
    while (h->src.family == 6 && is_extension(h->proto)) {
        enum extension kind = h->proto;
        struct span s = w->rest;
        size_t len = extension_len(kind, s);
        if (s.len < 8 || s.len < len) {
            return walk_short(w, ANOMALY_IP_TRUNCATED);
        }
        if (kind == EXT_ROUTING) {
            note_route(w, wire_sub(s, 0, len));
        }
        h->proto = wire_u8(s, 0);
        walk_skip(w, len);
        if (kind == EXT_FRAGMENT && (wire_be16(s, 2) & (V6_OFFSET | 1)) != 0) {
            return fragment_v6(w, s);
        }
    }
    walk_payload(w);
    return layer_of_ip_proto(h->proto);
}

/* Over IPv4; over IPv6 it is one of the extension headers. */
enum layer layer_ah(struct walk *w)
{
    struct span s = w->rest;
    size_t len = extension_len(EXT_AH, s);
    if (s.len < 8 || s.len < len) {
        return walk_short(w, ANOMALY_IP_TRUNCATED);
    }
    w->headers->proto = wire_u8(s, 0);
    walk_skip(w, len);
    return layer_of_ip_proto(w->headers->proto);
}
