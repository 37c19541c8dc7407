/* link: link layers and what lies between them and IP.
 *
 * Ethernet II, IEEE 802.3 with LLC/SNAP, 802.1Q/ad tags, Linux cooked v1 and v2, raw IP, BSD
 * null/loop, PPP (RFC 1661, 1662), PPPoE (RFC 2516), MPLS (RFC 3032). Link types are libpcap's
 * numbers; where a file's LINKTYPE_ and this platform's DLT_ differ (raw IP) both are rows.
 *
 * MPLS does not name what it carries: the first nibble behind the last label does (RFC 4928), and
 * 0 is a pseudo-wire control word with Ethernet behind it (RFC 4385). */
#include "sensor/base/bytes.h"
#include "sensor/base/wire.h"
#include "sensor/packet/walk.h"

enum {
    ETHER_HEADER = 14,
    ETHER_MAX_LENGTH = 1500, /* greater values of the type field are types */
    ETHER_TYPE_MIN = 0x0600,
    VLAN_HEADER = 4,
    MPLS_HEADER = 4,
    PPPOE_HEADER = 6,
    SLL_HEADER = 16,
    SLL2_HEADER = 20,
    LLC_HEADER = 3,
    SNAP_HEADER = 8,
    NULL_HEADER = 4,
};

struct row {
    uint16_t value;
    enum layer layer;
};

struct link {
    int type;
    enum layer layer;
    const char *name;
};

static const struct link links[] = {
#define LINK(type_, layer_, name_) {.type = type_, .layer = LAYER_##layer_, .name = name_},
#include "sensor/packet/links.def"
#undef LINK
};

enum layer layer_of_link(int link_type)
{
    for (size_t i = 0; i < ARRAY_LEN(links); i++) {
        if (links[i].type == link_type) {
            return links[i].layer;
        }
    }
    return LAYER_N;
}

bool packet_link_supported(int link_type)
{
    return layer_of_link(link_type) != LAYER_N;
}

const char *packet_link_names(void)
{
    static const char names[] =
#define LINK(type, layer, name) " " name
#include "sensor/packet/links.def"
#undef LINK
        ;
    return names + 1;
}

static enum layer in_rows(const struct row *rows, size_t n, uint16_t value)
{
    for (size_t i = 0; i < n; i++) {
        if (rows[i].value == value) {
            return rows[i].layer;
        }
    }
    return END_NOT_IP;
}

enum layer layer_of_ethertype(uint16_t type)
{
    static const struct row rows[] = {
        {0x0800, LAYER_IPV4}, {0x86dd, LAYER_IPV6},  {0x8100, LAYER_VLAN}, {0x88a8, LAYER_VLAN},
        {0x9100, LAYER_VLAN}, {0x9200, LAYER_VLAN},  {0x9300, LAYER_VLAN}, {0x8847, LAYER_MPLS},
        {0x8848, LAYER_MPLS}, {0x8864, LAYER_PPPOE}, {0x880b, LAYER_PPP},  {0x6558, LAYER_ETHERNET},
    };
    return in_rows(rows, ARRAY_LEN(rows), type);
}

enum layer layer_of_ppp(uint16_t protocol)
{
    static const struct row rows[] = {
        {0x0021, LAYER_IPV4},
        {0x0057, LAYER_IPV6},
        {0x0281, LAYER_MPLS},
        {0x0283, LAYER_MPLS},
    };
    return in_rows(rows, ARRAY_LEN(rows), protocol);
}

enum layer layer_by_version(struct walk *w)
{
    unsigned version = wire_u8(w->rest, 0) >> 4;
    return version == 4 ? LAYER_IPV4 : version == 6 ? LAYER_IPV6 : END_NOT_IP;
}

enum layer layer_llc(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < LLC_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    if (wire_be16(s, 0) == 0x0606) { /* the address of IP itself */
        walk_skip(w, LLC_HEADER);
        return LAYER_IPV4;
    }
    if (wire_be16(s, 0) != 0xaaaa) {
        return END_NOT_IP;
    }
    if (s.len < SNAP_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    uint32_t organization = wire_be32(s, 2) & 0xffffff;
    if (organization != 0 && organization != 0xf8) {
        return END_NOT_IP;
    }
    walk_skip(w, SNAP_HEADER);
    return layer_of_ethertype(wire_be16(s, 6));
}

/* What follows an Ethernet type or length field. */
static enum layer after_type(struct walk *w, uint16_t type)
{
    if (type > ETHER_MAX_LENGTH) {
        return layer_of_ethertype(type);
    }
    if (type < walk_left(w)) {
        walk_clip(w, type);
    }
    return layer_llc(w);
}

enum layer layer_ethernet(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < ETHER_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    walk_count(w, STAT_DECODER_ETHERNET);
    bytes_copy(w->headers->dst_mac, s.data, sizeof(w->headers->dst_mac));
    bytes_copy(w->headers->src_mac, wire_from(s, 6).data, sizeof(w->headers->src_mac));
    walk_skip(w, ETHER_HEADER);
    return after_type(w, wire_be16(s, 12));
}

enum layer layer_vlan(struct walk *w)
{
    struct span s = w->rest;
    struct headers *h = w->headers;
    if (s.len < VLAN_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    if (h->n_vlans == 0) {
        walk_count(w, STAT_DECODER_VLAN);
    }
    if (h->n_vlans < HEADERS_MAX_VLANS) {
        h->vlans[h->n_vlans++] = wire_be16(s, 0) & 0x0fff;
    }
    walk_skip(w, VLAN_HEADER);
    return after_type(w, wire_be16(s, 2));
}

enum layer layer_raw(struct walk *w)
{
    enum layer next = layer_by_version(w);
    return next;
}

/* AF_ values in the byte order of the machine that captured; AF_INET6 differs between systems. */
enum layer layer_null(struct walk *w)
{
    if (w->rest.len < NULL_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    uint32_t family = wire_be32(w->rest, 0);
    family = family > 0xffff ? wire_le32(w->rest, 0) : family;
    walk_skip(w, NULL_HEADER);
    switch (family) {
    case 2:
        return LAYER_IPV4;
    case 10:
    case 24:
    case 28:
    case 30:
        return LAYER_IPV6;
    default:
        return layer_of_ethertype((uint16_t)family); /* as OpenBSD and Windows tools write */
    }
}

/* Linux cooked: a protocol field that is an Ethernet type, or a small number for frames without
 * one. */
static enum layer after_cooked(struct walk *w, uint16_t protocol)
{
    if (protocol >= ETHER_TYPE_MIN) {
        return layer_of_ethertype(protocol);
    }
    return protocol == 4 ? layer_llc(w) : END_NOT_IP; /* LINUX_SLL_P_802_2 */
}

enum layer layer_sll(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < SLL_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    if (wire_be16(s, 4) == 6) {
        bytes_copy(w->headers->src_mac, wire_from(s, 6).data, sizeof(w->headers->src_mac));
    }
    walk_skip(w, SLL_HEADER);
    return after_cooked(w, wire_be16(s, 14));
}

enum layer layer_sll2(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < SLL2_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    if (wire_u8(s, 11) == 6) {
        bytes_copy(w->headers->src_mac, wire_from(s, 12).data, sizeof(w->headers->src_mac));
    }
    walk_skip(w, SLL2_HEADER);
    return after_cooked(w, wire_be16(s, 0));
}

/* With or without the address and control bytes of HDLC framing, and with a protocol field of one
 * byte where compression was agreed on (RFC 1661 6.5): its last byte is odd, others even. */
enum layer layer_ppp(struct walk *w)
{
    if (wire_be16(w->rest, 0) == 0xff03) {
        walk_skip(w, 2);
    }
    if (w->rest.len < 2) {
        return walk_short(w, ANOMALY_N);
    }
    uint16_t first = wire_u8(w->rest, 0);
    bool compressed = (first & 1) != 0;
    uint16_t protocol = compressed ? first : wire_be16(w->rest, 0);
    walk_skip(w, compressed ? 1 : 2);
    return layer_of_ppp(protocol);
}

enum layer layer_pppoe(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < PPPOE_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    if (wire_be16(s, 0) != 0x1100) { /* version 1, type 1, code 0: session data */
        return END_NOT_IP;
    }
    size_t len = wire_be16(s, 4);
    walk_skip(w, PPPOE_HEADER);
    if (len < walk_left(w)) {
        walk_clip(w, len);
    }
    return LAYER_PPP;
}

enum layer layer_mpls(struct walk *w)
{
    bool bottom = false;
    while (!bottom) {
        if (w->rest.len < MPLS_HEADER) {
            return walk_short(w, ANOMALY_N);
        }
        bottom = (wire_u8(w->rest, 2) & 1) != 0;
        walk_skip(w, MPLS_HEADER);
    }
    if (w->rest.len >= 4 && wire_u8(w->rest, 0) >> 4 == 0) {
        walk_skip(w, 4);
        return LAYER_ETHERNET;
    }
    return layer_by_version(w);
}
