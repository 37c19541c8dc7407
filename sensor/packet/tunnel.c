/* tunnel: headers that carry another packet inside IP.
 *
 * GRE (RFC 2784, 2890, source routes of RFC 1701, version 1 of RFC 2637), ERSPAN I, II and III
 * (draft-foschiano-erspan), WCCP's GRE, EtherIP (RFC 3378); over UDP: VXLAN (RFC 7348) with its
 * generic and group policy extensions, Geneve (RFC 8926), GTP-U (3GPP TS 29.281), Teredo (RFC
 * 4380), GRE (RFC 8086), MPLS (RFC 7510), L2TP version 2 data with PPP (RFC 2661).
 *
 * A UDP port says little about what is inside, and the numbers are configuration. So a tunnel is
 * known by its content: on its port when its header is possible, on any other when what is inside
 * is beyond doubt an IP packet (length, and checksum or exact fit); the probe has then seen that
 * the header is whole. ERSPAN is how remote span ports arrive. */
#include "sensor/base/wire.h"
#include "sensor/packet/guess.h"
#include "sensor/packet/walk.h"

enum {
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_ACK = 0x0080,
    GRE_RESERVED = 0x0ff8, /* for a guess: bits that are never set in version 0 */
    GRE_VERSION = 0x0007,
    GRE_HEADER = 4,
    GRE_ROUTE_HEADER = 4,
    GRE_ERSPAN = 0x88be,
    GRE_ETHERNET = 0x6558,
    ERSPAN_II_HEADER = 8,
    ERSPAN_III_HEADER = 12,
    ERSPAN_PLATFORM = 8,
    ETHERIP_HEADER = 2,
    VXLAN_HEADER = 8,
    VXLAN_VALID = 0x08,
    VXLAN_GENERIC = 0x04,
    VXLAN_POLICY = 0x80,
    VXLAN_POLICY_BITS = 0x48, /* of the second byte */
    VXLAN_IPV4 = 1,
    VXLAN_IPV6 = 2,
    VXLAN_ETHERNET = 3,
    VXLAN_NSH = 4,
    GENEVE_HEADER = 8,
    GTPU_HEADER = 8,
    GTPU_OPTIONAL = 4,
    GTPU_PACKET = 255,
    TEREDO_ORIGIN = 8,
    TEREDO_AUTH_HEADER = 13,
    L2TP_LENGTH = 0x4000,
    MPLS_LABEL = 4,
    MPLS_MAX_LABELS = 8,
    V6_HEADER = 40,
};

/* Source routes: entries of a family, an offset and a length, ended by length zero. */
static bool skip_gre_routes(struct walk *w)
{
    size_t len = 1;
    while (len > 0) {
        if (w->rest.len < GRE_ROUTE_HEADER) {
            return false;
        }
        len = wire_u8(w->rest, 3);
        walk_skip(w, GRE_ROUTE_HEADER + len);
    }
    return true;
}

static size_t gre_len(unsigned flags)
{
    size_t len = GRE_HEADER;
    len += (flags & (GRE_CHECKSUM | GRE_ROUTING)) != 0 ? 4 : 0;
    len += (flags & GRE_KEY) != 0 ? 4 : 0;
    len += (flags & GRE_SEQUENCE) != 0 ? 4 : 0;
    len += (flags & GRE_VERSION) == 1 && (flags & GRE_ACK) != 0 ? 4 : 0;
    return len;
}

/* Of NVGRE the last eight bits tell flows of a network apart (RFC 7637, section 3.2). Of version 1
 * (PPTP) it is another thing. */
static void note_gre_key(struct walk *w, unsigned flags, uint16_t type)
{
    if ((flags & (GRE_KEY | GRE_VERSION)) != GRE_KEY) {
        return;
    }
    bool has_sum = (flags & (GRE_CHECKSUM | GRE_ROUTING)) != 0;
    uint32_t key = wire_be32(w->rest, GRE_HEADER + (has_sum ? 4 : 0));
    walk_network(w, type == GRE_ETHERNET ? key >> 8 : key);
}

enum layer layer_gre(struct walk *w)
{
    struct span s = w->rest;
    unsigned flags = wire_be16(s, 0);
    uint16_t type = wire_be16(s, 2);
    if ((flags & GRE_VERSION) > 1) {
        return END_NOT_IP;
    }
    if (s.len < gre_len(flags)) {
        return walk_short(w, ANOMALY_N);
    }
    w->tunnel_kind = "gre tunnel";
    note_gre_key(w, flags, type);
    walk_skip(w, gre_len(flags));
    if ((flags & GRE_ROUTING) != 0 && !skip_gre_routes(w)) {
        return walk_short(w, ANOMALY_N);
    }
    if (type == GRE_ERSPAN && (flags & GRE_SEQUENCE) == 0) { /* version I has no header */
        w->tunnel_kind = "erspan";
        walk_count(w, STAT_DECODER_ERSPAN);
        return LAYER_ETHERNET;
    }
    return layer_of_ethertype(type);
}

/* Versions II and III, by the version in the header. III may carry IP without Ethernet. */
enum layer layer_erspan(struct walk *w)
{
    struct span s = w->rest;
    unsigned version = wire_u8(s, 0) >> 4;
    size_t len = version == 2 ? ERSPAN_III_HEADER : ERSPAN_II_HEADER;
    bool platform = version == 2 && (wire_u8(s, 11) & 1) != 0;
    len += platform ? ERSPAN_PLATFORM : 0;
    if (s.len < len) {
        return walk_short(w, ANOMALY_N);
    }
    if (version != 1 && version != 2) {
        return END_NOT_IP;
    }
    w->tunnel_kind = "erspan";
    walk_skip(w, len);
    bool bare_ip = version == 2 && (wire_u8(s, 10) >> 2 & 0x1f) == 2;
    return bare_ip ? layer_by_version(w) : LAYER_ETHERNET;
}

/* Version 2 puts four bytes before the packet. */
enum layer layer_wccp(struct walk *w)
{
    if (wire_u8(w->rest, 0) >> 4 != 4) {
        if (w->rest.len < 4) {
            return walk_short(w, ANOMALY_N);
        }
        walk_skip(w, 4);
    }
    return layer_by_version(w);
}

enum layer layer_etherip(struct walk *w)
{
    if (w->rest.len < ETHERIP_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    if (wire_u8(w->rest, 0) >> 4 != 3) {
        return END_NOT_IP;
    }
    walk_skip(w, ETHERIP_HEADER);
    return LAYER_ETHERNET;
}

enum layer layer_vxlan(struct walk *w)
{
    static const enum layer generic[] = {LAYER_NOT_IP,   LAYER_IPV4, LAYER_IPV6,
                                         LAYER_ETHERNET, LAYER_NSH,  LAYER_MPLS};
    struct span s = w->rest;
    unsigned next = wire_u8(s, 3);
    w->tunnel_kind = "vxlan encapsulation";
    if ((wire_u8(s, 0) & VXLAN_VALID) != 0) {
        walk_network(w, wire_be32(s, 4) >> 8);
    }
    walk_skip(w, VXLAN_HEADER);
    if ((wire_u8(s, 0) & VXLAN_GENERIC) == 0) {
        return LAYER_ETHERNET;
    }
    return next < ARRAY_LEN(generic) ? generic[next] : LAYER_NOT_IP;
}

static size_t geneve_len(struct span s)
{
    return GENEVE_HEADER + (size_t)(wire_u8(s, 0) & 0x3f) * 4;
}

enum layer layer_geneve(struct walk *w)
{
    struct span s = w->rest;
    w->tunnel_kind = "geneve encapsulation";
    walk_network(w, wire_be32(s, 4) >> 8);
    walk_skip(w, geneve_len(s));
    return layer_of_ethertype(wire_be16(s, 2));
}

/* Where the packet begins: behind the optional fields and the chain of extension headers, each of
 * which names its length in words first and the next one's type last. SIZE_MAX: not there. */
static size_t gtpu_len(struct span s)
{
    size_t len = GTPU_HEADER;
    if ((wire_u8(s, 0) & 0x07) == 0) {
        return len;
    }
    len += GTPU_OPTIONAL;
    bool extended = (wire_u8(s, 0) & 0x04) != 0;
    while (extended && wire_u8(s, len - 1) != 0) {
        size_t words = wire_u8(s, len);
        if (words == 0 || len >= s.len) {
            return SIZE_MAX;
        }
        len += words * 4;
    }
    return len <= s.len ? len : SIZE_MAX;
}

enum layer layer_gtpu(struct walk *w)
{
    w->tunnel_kind = "gtp-u tunnel";
    walk_skip(w, gtpu_len(w->rest));
    return layer_by_version(w);
}

/* Authentication and origin indications may stand in front. */
static size_t teredo_len(struct span s)
{
    size_t len = 0;
    if (wire_be16(s, 0) == 1) {
        len = TEREDO_AUTH_HEADER + (size_t)wire_u8(s, 2) + wire_u8(s, 3);
    }
    if (s.len > len && wire_be16(s, len) == 0) {
        len += TEREDO_ORIGIN;
    }
    return len;
}

enum layer layer_teredo(struct walk *w)
{
    w->tunnel_kind = "teredo tunnel";
    walk_skip(w, teredo_len(w->rest));
    return LAYER_IPV6;
}

/* Where the payload of a data message begins; 0: it is none. */
static size_t l2tp_len(struct span s)
{
    unsigned flags = wire_be16(s, 0);
    if ((flags & 0x800f) != 2) { /* data, version 2 */
        return 0;
    }
    size_t len = 6;
    len += (flags & L2TP_LENGTH) != 0 ? 2 : 0;
    len += (flags & 0x0800) != 0 ? 4 : 0; /* sequence numbers */
    if ((flags & 0x0200) != 0) {          /* offset */
        len += 2 + (size_t)wire_be16(s, len);
    }
    return len;
}

enum layer layer_l2tp(struct walk *w)
{
    struct span s = w->rest;
    size_t len = l2tp_len(s);
    size_t end = wire_be16(s, 2);
    w->tunnel_kind = "l2tp tunnel";
    if ((wire_be16(s, 0) & L2TP_LENGTH) != 0 && end > len && end < walk_left(w)) {
        walk_clip(w, end);
    }
    walk_skip(w, len);
    return LAYER_PPP;
}

/* Of what an Ethernet type announces. */
static enum guess is_typed(struct span s, size_t off, size_t left, uint16_t type)
{
    if (s.len < off) {
        return GUESS_NO;
    }
    struct span inner = wire_from(s, off);
    switch (type) {
    case 0x0800:
    case 0x86dd:
        return guess_ip(inner, left - off);
    case 0x6558:
        return guess_ether(inner, left - off);
    default:
        return GUESS_POSSIBLE;
    }
}

/* What the generic extension names: IP, Ethernet, or a service header with one of these. */
static enum guess is_named(struct span s, size_t left, unsigned next)
{
    if (next == VXLAN_NSH) {
        size_t len = (size_t)(wire_u8(s, 1) & 0x3f) * 4;
        next = wire_u8(s, 3);
        s = wire_from(s, len);
        left = len < left ? left - len : 0;
    }
    switch (next) {
    case VXLAN_IPV4:
    case VXLAN_IPV6:
        return guess_ip(s, left);
    case VXLAN_ETHERNET:
        return guess_ether(s, left);
    default:
        return GUESS_POSSIBLE;
    }
}

/* Only the layouts that are in use can be sure: plain, with a group policy, and generic. With other
 * bits it is possible on its port, when there is beyond doubt an IP packet inside: a byte with the
 * bit that must be set begins much that is none. */
static enum guess probe_vxlan(struct span s, size_t left)
{
    if (s.len < VXLAN_HEADER || (wire_u8(s, 0) & VXLAN_VALID) == 0) {
        return GUESS_NO;
    }
    unsigned first = wire_u8(s, 0);
    struct span inner = wire_from(s, VXLAN_HEADER);
    bool plain = first == VXLAN_VALID && wire_be32(s, 0) << 8 == 0;
    bool policy =
        first == (VXLAN_VALID | VXLAN_POLICY) && (wire_u8(s, 1) & ~VXLAN_POLICY_BITS) == 0;
    bool generic = first == (VXLAN_VALID | VXLAN_GENERIC) && wire_be16(s, 1) == 0;
    if (wire_u8(s, 7) != 0 || !(plain || policy || generic)) {
        bool sure = guess_ether(inner, left - VXLAN_HEADER) == GUESS_SURE;
        return sure ? GUESS_POSSIBLE : GUESS_NO;
    }
    return generic ? is_named(inner, left - VXLAN_HEADER, wire_u8(s, 3))
                   : guess_ether(inner, left - VXLAN_HEADER);
}

static enum guess probe_geneve(struct span s, size_t left)
{
    bool possible = s.len >= GENEVE_HEADER && wire_u8(s, 0) >> 6 == 0 &&
                    (wire_u8(s, 1) & 0x3f) == 0 && wire_u8(s, 7) == 0;
    return possible ? is_typed(s, geneve_len(s), left, wire_be16(s, 2)) : GUESS_NO;
}

static enum guess probe_gtpu(struct span s, size_t left)
{
    if (s.len < GTPU_HEADER || wire_u8(s, 0) >> 4 != 3 || wire_u8(s, 1) != GTPU_PACKET) {
        return GUESS_NO;
    }
    size_t len = gtpu_len(s);
    bool fits = GTPU_HEADER + (size_t)wire_be16(s, 2) == left;
    if (len == SIZE_MAX || !fits) {
        return GUESS_NO;
    }
    return guess_ip(wire_from(s, len), left - len);
}

/* A Teredo address (2001::/32) on one side makes it sure. */
static enum guess probe_teredo(struct span s, size_t left)
{
    size_t len = teredo_len(s);
    struct span inner = wire_from(s, len);
    if (inner.len < V6_HEADER || guess_ip(inner, left - len) != GUESS_SURE ||
        wire_u8(inner, 0) >> 4 != 6) {
        return GUESS_NO;
    }
    bool teredo = wire_be32(inner, 8) == 0x20010000 || wire_be32(inner, 24) == 0x20010000;
    return teredo ? GUESS_SURE : GUESS_POSSIBLE;
}

static enum guess probe_gre(struct span s, size_t left)
{
    unsigned flags = wire_be16(s, 0);
    bool possible = s.len >= GRE_HEADER && (flags & (GRE_RESERVED | GRE_VERSION)) == 0 &&
                    (flags & GRE_ROUTING) == 0 && s.len >= gre_len(flags);
    return possible ? is_typed(s, gre_len(flags), left, wire_be16(s, 2)) : GUESS_NO;
}

/* Labels up to the bottom of their stack, then IP, or a control word and Ethernet. Any four bytes
 * may be labels: what follows them does not make it sure. */
static enum guess probe_mpls(struct span s, size_t left)
{
    size_t off = MPLS_LABEL;
    while ((wire_u8(s, off - 2) & 1) == 0 && off < MPLS_MAX_LABELS * MPLS_LABEL) {
        off += MPLS_LABEL;
    }
    if ((wire_u8(s, off - 2) & 1) == 0 || s.len <= off) {
        return GUESS_NO;
    }
    struct span inner = wire_from(s, off);
    enum guess c = wire_u8(inner, 0) >> 4 != 0
                       ? guess_ip(inner, left - off)
                       : guess_ether(wire_from(inner, MPLS_LABEL), left - off - MPLS_LABEL);
    return c == GUESS_NO ? GUESS_NO : GUESS_POSSIBLE;
}

static enum guess probe_l2tp(struct span s, size_t left UNUSED)
{
    size_t len = l2tp_len(s);
    return len > 0 && s.len > len ? GUESS_POSSIBLE : GUESS_NO;
}

static const struct udp_tunnel {
    enum guess (*probe)(struct span s, size_t left);
    enum layer layer;
    uint16_t ports[3];
} udp_tunnels[] = {
    {probe_vxlan, LAYER_VXLAN, {4789, 8472, 4790}},
    {probe_geneve, LAYER_GENEVE, {6081}},
    {probe_gtpu, LAYER_GTPU, {2152}},
    {probe_teredo, LAYER_TEREDO, {3544}},
    {probe_gre, LAYER_GRE, {4754}},
    {probe_mpls, LAYER_MPLS, {6635}},
    {probe_l2tp, LAYER_L2TP, {1701}},
};

static bool on_port(const struct udp_tunnel *t, const struct headers *h)
{
    for (size_t i = 0; i < ARRAY_LEN(t->ports) && t->ports[i] != 0; i++) {
        if (h->src_port == t->ports[i] || h->dst_port == t->ports[i]) {
            return true;
        }
    }
    return false;
}

enum layer layer_of_udp(struct walk *w)
{
    for (size_t i = 0; i < ARRAY_LEN(udp_tunnels); i++) {
        const struct udp_tunnel *t = &udp_tunnels[i];
        enum guess guess = t->probe(w->rest, walk_left(w));
        if (guess == GUESS_SURE || (guess == GUESS_POSSIBLE && on_port(t, w->headers))) {
            return t->layer;
        }
    }
    return END_DONE;
}
