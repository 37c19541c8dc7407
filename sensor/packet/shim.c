/* shim: what stands between the link layer and IP.
 *
 * 802.1Q/ad tags of any type number, MPLS (RFC 3032), PPPoE (RFC 2516), Cisco VN-tag and metadata,
 * 802.1BR E-tag, HSR (IEC 62439-3), provider backbone bridging (802.1ah), TRILL (RFC 6325), MACsec
 * without encryption (802.1AE), network service header (RFC 8300).
 *
 * MPLS does not name what it carries. The first nibble behind the last label tells IP (RFC 4928)
 * and a pseudo-wire's control word (RFC 4385), but a pseudo-wire may do without, and then the
 * nibble is that of an Ethernet address: the content decides. */
#include "sensor/base/wire.h"
#include "sensor/packet/guess.h"
#include "sensor/packet/walk.h"

enum {
    VLAN_HEADER = 4,
    MPLS_HEADER = 4,
    CONTROL_WORD = 4,
    PPPOE_HEADER = 6,
    VNTAG_HEADER = 6,
    ETAG_HEADER = 8,
    HSR_HEADER = 6,
    METADATA_HEADER = 8,
    BACKBONE_HEADER = 4,
    TRILL_HEADER = 6,
    MACSEC_HEADER = 6,
    MACSEC_CHANNEL = 8,
    MACSEC_CHECK = 16,
    MACSEC_HAS_CHANNEL = 0x20,
    MACSEC_ENCRYPTED = 0x0c,
    NSH_HEADER = 8,
};

/* A header of a fixed length with an Ethernet type (or length) in it. */
static enum layer fixed(struct walk *w, size_t len, size_t type_off)
{
    struct span s = w->rest;
    if (s.len < len) {
        return walk_short(w, ANOMALY_N);
    }
    walk_skip(w, len);
    return layer_after_type(w, wire_be16(s, type_off));
}

enum layer layer_vlan(struct walk *w)
{
    static const enum stat_id counters[] = {STAT_DECODER_VLAN, STAT_DECODER_VLAN_QINQ,
                                            STAT_DECODER_VLAN_QINQINQ};
    struct headers *h = w->headers;
    if (w->rest.len >= VLAN_HEADER && h->n_vlans < HEADERS_MAX_VLANS) {
        if (h->n_vlans < ARRAY_LEN(counters)) {
            walk_count(w, counters[h->n_vlans]);
        }
        uint16_t id = wire_be16(w->rest, 0) & 0x0fff;
        h->vlans[h->n_vlans] = id;
        if (id != 0) { /* 0: a priority, and no VLAN (802.1Q, 9.6) */
            h->n_vlans++;
        }
    }
    return fixed(w, VLAN_HEADER, 2);
}

enum layer layer_vntag(struct walk *w)
{
    return fixed(w, VNTAG_HEADER, 4);
}

enum layer layer_etag(struct walk *w)
{
    return fixed(w, ETAG_HEADER, 6);
}

enum layer layer_hsr(struct walk *w)
{
    return fixed(w, HSR_HEADER, 4);
}

enum layer layer_metadata(struct walk *w)
{
    return fixed(w, METADATA_HEADER, 6);
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
    struct span s = w->rest;
    bool word = wire_u8(s, 0) >> 4 == 0 && s.len > CONTROL_WORD;
    bool sure_with_word =
        word && guess_ether(wire_from(s, CONTROL_WORD), walk_left(w) - CONTROL_WORD) == GUESS_SURE;
    if (!sure_with_word && guess_ether(s, walk_left(w)) == GUESS_SURE) {
        return LAYER_ETHERNET;
    }
    walk_skip(w, word ? CONTROL_WORD : 0);
    return word ? LAYER_ETHERNET : layer_by_version(w);
}

/* The customer's whole frame follows. */
enum layer layer_backbone(struct walk *w)
{
    if (w->rest.len < BACKBONE_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    walk_skip(w, BACKBONE_HEADER);
    return LAYER_ETHERNET;
}

enum layer layer_trill(struct walk *w)
{
    struct span s = w->rest;
    size_t options = (size_t)(wire_be16(s, 0) >> 6 & 0x1f) * 4;
    if (s.len < TRILL_HEADER + options) {
        return walk_short(w, ANOMALY_N);
    }
    walk_skip(w, TRILL_HEADER + options);
    return LAYER_ETHERNET;
}

/* Signed but not encrypted; the signature is cut off the end. */
enum layer layer_macsec(struct walk *w)
{
    struct span s = w->rest;
    unsigned flags = wire_u8(s, 0);
    size_t len = MACSEC_HEADER + ((flags & MACSEC_HAS_CHANNEL) != 0 ? MACSEC_CHANNEL : 0);
    if (s.len < len + 2) {
        return walk_short(w, ANOMALY_N);
    }
    if ((flags & MACSEC_ENCRYPTED) != 0) {
        return END_NOT_IP;
    }
    walk_skip(w, len + 2);
    if (walk_left(w) >= MACSEC_CHECK) {
        walk_clip(w, walk_left(w) - MACSEC_CHECK);
    }
    return layer_after_type(w, wire_be16(s, len));
}

enum layer layer_nsh(struct walk *w)
{
    struct span s = w->rest;
    size_t len = (size_t)(wire_u8(s, 1) & 0x3f) * 4;
    if (s.len < NSH_HEADER || s.len < len) {
        return walk_short(w, ANOMALY_N);
    }
    if (len < NSH_HEADER) {
        return walk_refuse(w, STAT_REFUSED_HEADER);
    }
    walk_skip(w, len);
    switch (wire_u8(s, 3)) {
    case 1:
        return LAYER_IPV4;
    case 2:
        return LAYER_IPV6;
    case 3:
        return LAYER_ETHERNET;
    case 4:
        return LAYER_NSH;
    case 5:
        return LAYER_MPLS;
    default:
        return LAYER_NOT_IP;
    }
}
