/* link: link layers, each down to the Ethernet type or protocol it names.
 *
 * Ethernet II, IEEE 802.3 with LLC/SNAP (802.2), Linux cooked v1 and v2, raw IP, BSD null/loop, PPP
 * (RFC 1661, 1662), Cisco HDLC, frame relay (RFC 2427), FDDI, IP over Fibre Channel (RFC 2625) and
 * over FireWire, BSD's IPsec and packet filter interfaces, Netfilter's log, and the headers of
 * macOS and of Wi-Fi cards that say what comes next. Link types are libpcap's numbers; where a
 * file's LINKTYPE_ and this platform's DLT_ differ both are rows.
 *
 * Frame check sequences and padding behind a frame need no attention: IP says where it ends. */
#include "sensor/base/bytes.h"
#include "sensor/base/wire.h"
#include "sensor/packet/walk.h"

enum {
    ETHER_HEADER = 14,
    ETHER_MAX_LENGTH = 1500, /* greater values of the type field are types */
    ETHER_TYPE_MIN = 0x0600,
    MAC_LEN = 6,
    SLL_HEADER = 16,
    SLL2_HEADER = 20,
    SLL_802_2 = 4,
    LLC_HEADER = 3,
    SNAP_HEADER = 8,
    NULL_HEADER = 4,
    CHDLC_HEADER = 4,
    FDDI_HEADER = 13,
    FIBRE_CHANNEL_HEADER = 16,
    FIREWIRE_HEADER = 18,
    ENC_HEADER = 12,
    NFLOG_HEADER = 4,
    NFLOG_PAYLOAD = 9,
    PKTAP_HEADER = 12,
    PPI_HEADER = 8,
};

struct link {
    int type;
    enum layer layer;
};

static const struct link links[] = {
#define LINK(type_, layer_, name) {.type = type_, .layer = LAYER_##layer_},
#define LINK_ALIAS(type_, layer_) {.type = type_, .layer = LAYER_##layer_},
#include "sensor/packet/links.def"
#undef LINK
#undef LINK_ALIAS
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
#define LINK(type, layer, name) ", " name
#define LINK_ALIAS(type, layer)
#include "sensor/packet/links.def"
#undef LINK
#undef LINK_ALIAS
        ;
    return names + 2;
}

enum layer layer_of_ethertype(uint16_t type)
{
    static const struct {
        uint16_t type;
        enum layer layer;
    } rows[] = {
        {0x0800, LAYER_IPV4},     {0x86dd, LAYER_IPV6},     {0x8100, LAYER_VLAN},
        {0x88a8, LAYER_VLAN},     {0x0806, LAYER_ARP},      {0x9100, LAYER_VLAN},
        {0x9200, LAYER_VLAN},     {0x9300, LAYER_VLAN},     {0x8847, LAYER_MPLS},
        {0x8848, LAYER_MPLS},     {0x8864, LAYER_PPPOE},    {0x880b, LAYER_PPP},
        {0x6558, LAYER_ETHERNET}, {0x8926, LAYER_VNTAG},    {0x893f, LAYER_ETAG},
        {0x892f, LAYER_HSR},      {0x8909, LAYER_METADATA}, {0x88e7, LAYER_BACKBONE},
        {0x22f3, LAYER_TRILL},    {0x88e5, LAYER_MACSEC},   {0x894f, LAYER_NSH},
        {0x88be, LAYER_ERSPAN},   {0x22eb, LAYER_ERSPAN},   {0x883e, LAYER_WCCP},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].type == type) {
            return rows[i].layer;
        }
    }
    return LAYER_NOT_IP;
}

enum layer layer_of_ppp(uint16_t protocol)
{
    switch (protocol) {
    case 0x0021:
        return LAYER_IPV4;
    case 0x0057:
        return LAYER_IPV6;
    case 0x0281:
    case 0x0283:
        return LAYER_MPLS;
    default:
        return LAYER_NOT_IP;
    }
}

enum layer layer_by_version(struct walk *w)
{
    if (w->rest.len == 0) {
        return walk_short(w, ANOMALY_N);
    }
    unsigned version = wire_u8(w->rest, 0) >> 4;
    return version == 4 ? LAYER_IPV4 : version == 6 ? LAYER_IPV6 : LAYER_NOT_IP;
}

enum layer layer_not_ip(struct walk *w UNUSED)
{
    return END_NOT_IP;
}

/* IPv4 by family 2; IPv6 by the number that each system gave it. */
static enum layer by_family(uint32_t family)
{
    bool six = family == 10 || family == 24 || family == 26 || family == 28 || family == 30;
    return family == 2 ? LAYER_IPV4 : six ? LAYER_IPV6 : LAYER_NOT_IP;
}

/* A header of a fixed length with an Ethernet type in it. */
static enum layer fixed(struct walk *w, size_t len, size_t type_off)
{
    struct span s = w->rest;
    if (s.len < len) {
        return walk_short(w, ANOMALY_N);
    }
    walk_skip(w, len);
    return layer_of_ethertype(wire_be16(s, type_off));
}

/* A header of a fixed length with LLC behind it. */
static enum layer fixed_llc(struct walk *w, size_t len)
{
    if (w->rest.len < len) {
        return walk_short(w, ANOMALY_N);
    }
    walk_skip(w, len);
    return LAYER_LLC;
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

enum layer layer_after_type(struct walk *w, uint16_t type)
{
    if (type > ETHER_MAX_LENGTH) {
        return layer_of_ethertype(type);
    }
    if (type < walk_left(w)) {
        walk_clip(w, type);
    }
    return layer_llc(w);
}

void walk_macs(struct walk *w, size_t dst_off, size_t src_off)
{
    for (size_t i = 0; i < MAC_LEN; i++) {
        w->headers->dst_mac[i] = wire_u8(w->rest, dst_off + i);
        w->headers->src_mac[i] = wire_u8(w->rest, src_off + i);
    }
}

void walk_network(struct walk *w, uint32_t number)
{
    static const uint32_t mix = 2654435761U; /* keeps networks within networks apart */
    uint32_t all = (w->headers->network + number + 1) * mix;
    w->headers->network = all != 0 ? all : 1;
}

enum layer layer_ethernet(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < ETHER_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    walk_macs(w, 0, MAC_LEN);
    walk_skip(w, ETHER_HEADER);
    return layer_after_type(w, wire_be16(s, 12));
}

enum layer layer_raw(struct walk *w)
{
    return layer_by_version(w);
}

/* The family in the byte order of the machine that captured; OpenBSD and some Windows tools write
 * an Ethernet type. */
enum layer layer_null(struct walk *w)
{
    if (w->rest.len < NULL_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    uint32_t family = wire_be32(w->rest, 0);
    family = family > 0xffff ? wire_le32(w->rest, 0) : family;
    walk_skip(w, NULL_HEADER);
    return family >= ETHER_TYPE_MIN && family <= 0xffff ? layer_of_ethertype((uint16_t)family)
                                                        : by_family(family);
}

/* Linux cooked: a protocol field that is an Ethernet type, or a small number for frames without
 * one. */
static enum layer after_cooked(uint16_t protocol)
{
    if (protocol >= ETHER_TYPE_MIN) {
        return layer_of_ethertype(protocol);
    }
    return protocol == SLL_802_2 ? LAYER_LLC : LAYER_NOT_IP;
}

static void cooked_mac(struct walk *w, size_t len, size_t off)
{
    if (len == MAC_LEN) {
        bytes_copy(w->headers->src_mac, wire_sub(w->rest, off, MAC_LEN).data, MAC_LEN);
    }
}

enum layer layer_sll(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < SLL_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    cooked_mac(w, wire_be16(s, 4), 6);
    walk_skip(w, SLL_HEADER);
    return after_cooked(wire_be16(s, 14));
}

enum layer layer_sll2(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < SLL2_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    cooked_mac(w, wire_u8(s, 11), 12);
    walk_skip(w, SLL2_HEADER);
    return after_cooked(wire_be16(s, 0));
}

/* With or without the address and control bytes of HDLC framing (pppd's own captures have the
 * direction in place of the address), and with a protocol field of one byte where compression was
 * agreed on (RFC 1661 6.5): its last byte is odd, others even. Serial lines that speak Cisco HDLC
 * are captured under PPP's link type too (RFC 1547, 4.3.1: its addresses are those of no PPP). */
enum layer layer_ppp(struct walk *w)
{
    uint16_t framing = wire_be16(w->rest, 0);
    if (framing == 0x0f00 || framing == 0x8f00) {
        return LAYER_CHDLC;
    }
    if (framing == 0xff03 || framing == 0x0003 || framing == 0x0103) {
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

/* A byte that says which way the packet went. */
enum layer layer_ppp_direction(struct walk *w)
{
    walk_skip(w, 1);
    return LAYER_PPP;
}

enum layer layer_chdlc(struct walk *w)
{
    return fixed(w, CHDLC_HEADER, 2);
}

/* An address of two to four bytes, the last of them odd; then a control byte and a protocol
 * identifier (RFC 2427), or an Ethernet type as Cisco writes it. */
enum layer layer_frame_relay(struct walk *w)
{
    size_t address = 1;
    while (address < 4 && (wire_u8(w->rest, address - 1) & 1) == 0) {
        address++;
    }
    struct span s = wire_from(w->rest, address);
    if (s.len < 2) {
        return walk_short(w, ANOMALY_N);
    }
    if (wire_u8(s, 0) != 3) {
        walk_skip(w, address + 2);
        return layer_of_ethertype(wire_be16(s, 0));
    }
    size_t pad = wire_u8(s, 1) == 0 ? 1 : 0;
    if (s.len < 2 + pad) {
        return walk_short(w, ANOMALY_N);
    }
    unsigned identifier = wire_u8(s, 1 + pad);
    walk_skip(w, address + 2 + pad);
    if (identifier != 0x80) {
        return identifier == 0xcc ? LAYER_IPV4 : identifier == 0x8e ? LAYER_IPV6 : LAYER_NOT_IP;
    }
    s = w->rest;
    if (s.len < 5) {
        return walk_short(w, ANOMALY_N);
    }
    uint32_t organization = wire_be32(s, 0) >> 8;
    walk_skip(w, 5);
    if (organization == 0x0080c2) { /* bridged: Ethernet with its check sequence, or without */
        unsigned type = wire_be16(s, 3);
        return type == 1 || type == 7 ? LAYER_ETHERNET : LAYER_NOT_IP;
    }
    return organization == 0 ? layer_of_ethertype(wire_be16(s, 3)) : LAYER_NOT_IP;
}

enum layer layer_fddi(struct walk *w)
{
    return fixed_llc(w, FDDI_HEADER);
}

enum layer layer_fibre_channel(struct walk *w)
{
    return fixed_llc(w, FIBRE_CHANNEL_HEADER);
}

enum layer layer_firewire(struct walk *w)
{
    return fixed(w, FIREWIRE_HEADER, 16);
}

enum layer layer_enc(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < ENC_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    uint32_t family = wire_be32(s, 0);
    walk_skip(w, ENC_HEADER);
    return by_family(family > 0xffff ? wire_le32(s, 0) : family);
}

/* Its first byte is its length, padded to a multiple of four. */
enum layer layer_pflog(struct walk *w)
{
    struct span s = w->rest;
    size_t len = ((size_t)wire_u8(s, 0) + 3) / 4 * 4;
    if (s.len < 4 || s.len < len) {
        return walk_short(w, ANOMALY_N);
    }
    walk_skip(w, len);
    return by_family(wire_u8(s, 1));
}

/* Attributes of a length, a type and a value each, in the byte order of the machine that captured;
 * the packet is the value of one. */
enum layer layer_nflog(struct walk *w)
{
    if (w->rest.len < NFLOG_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    walk_skip(w, NFLOG_HEADER);
    while (w->rest.len >= 4) {
        struct span s = w->rest;
        bool little = wire_le16(s, 0) >= 4 && wire_le16(s, 0) <= walk_left(w);
        size_t len = little ? wire_le16(s, 0) : wire_be16(s, 0);
        unsigned type = (little ? wire_le16(s, 2) : wire_be16(s, 2)) & 0x7fff;
        if (len < 4) {
            return walk_refuse(w, STAT_REFUSED_HEADER);
        }
        if (len > walk_left(w)) {
            return walk_short(w, ANOMALY_N);
        }
        if (type == NFLOG_PAYLOAD) {
            walk_clip(w, len);
            walk_skip(w, 4);
            return layer_by_version(w);
        }
        walk_skip(w, (len + 3) / 4 * 4);
    }
    return w->rest.len > 0 ? walk_short(w, ANOMALY_N) : END_NOT_IP;
}

/* A header that names its own length and the link type behind it, both little-endian. */
static enum layer self_described(struct walk *w, size_t len, uint32_t link_type)
{
    if (w->rest.len < len) {
        return walk_short(w, ANOMALY_N);
    }
    walk_skip(w, len);
    enum layer next = link_type <= UINT16_MAX ? layer_of_link((int)link_type) : LAYER_N;
    return next == LAYER_N ? walk_refuse(w, STAT_REFUSED_LINK_TYPE) : next;
}

enum layer layer_pktap(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < PKTAP_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    size_t len = wire_le32(s, 0);
    return self_described(w, len < PKTAP_HEADER ? PKTAP_HEADER : len, wire_le32(s, 8));
}

enum layer layer_ppi(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < PPI_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    size_t len = wire_le16(s, 2);
    return self_described(w, len < PPI_HEADER ? PPI_HEADER : len, wire_le32(s, 4));
}
