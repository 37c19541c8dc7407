/* radio: IEEE 802.11 frames, with and without what the card wrote in front.
 *
 * Only data frames carry IP: from the frame control it is seen how many addresses there are and
 * whether quality of service and high throughput fields follow; behind them stands LLC. Encrypted
 * frames, and those without data, are not IP. An aggregate (A-MSDU) holds several packets, each
 * with addresses of its own: those behind the first are left to packet_next(). A mesh has a header
 * of its own before LLC; the bit that announces it means something else outside of a mesh, so the
 * content decides. Radiotap's flags tell whether the header was padded to four bytes
 * (www.radiotap.org). */
#include "sensor/base/wire.h"
#include "sensor/packet/walk.h"

enum {
    HEADER = 24, /* three addresses */
    ADDRESS = 6,
    QOS = 2,
    HIGH_THROUGHPUT = 4,
    TYPE_DATA = 2,
    SUBTYPE_NO_DATA = 4,
    SUBTYPE_QOS = 8,
    TO_DS = 0x01,
    FROM_DS = 0x02,
    PROTECTED = 0x40,
    ORDER = 0x80,
    QOS_AGGREGATE = 0x80,
    AGGREGATE_HEADER = 14,
    AGGREGATE_LENGTH = 12,
    LLC_HEADER = 8,
    LLC_SNAP = 0xaaaa,
    MESH_HEADER = 6,
    MESH_ADDRESSES = 0x03, /* how many follow */
    RADIOTAP_HEADER = 8,
    RADIOTAP_TIME = 0x01,
    RADIOTAP_FLAGS = 0x02,
    RADIOTAP_MORE = 0x80, /* in the last byte of a word of the bitmap */
    RADIOTAP_PADDED = 0x20,
    PRISM_HEADER = 144,
    AVS_HEADER = 8,
};

/* Which of the addresses are destination and source. */
static void macs(struct walk *w, unsigned flags)
{
    static const struct {
        size_t dst;
        size_t src;
    } offs[] = {
        [0] = {4, 10},
        [TO_DS] = {16, 10},
        [FROM_DS] = {4, 16},
        [TO_DS | FROM_DS] = {16, 24},
    };
    walk_macs(w, offs[flags & (TO_DS | FROM_DS)].dst, offs[flags & (TO_DS | FROM_DS)].src);
}

/* The header of a mesh (IEEE 802.11, 9.2.4.8.3), where LLC follows it and does not stand here. */
static void skip_mesh(struct walk *w)
{
    size_t len = MESH_HEADER + (size_t)(wire_u8(w->rest, 0) & MESH_ADDRESSES) * ADDRESS;
    if (wire_be16(w->rest, 0) != LLC_SNAP && wire_be16(w->rest, len) == LLC_SNAP) {
        walk_skip(w, len);
    }
}

/* A frame; `padded`: its header fills a multiple of four bytes. */
static enum layer frame(struct walk *w, bool padded)
{
    struct span s = w->rest;
    unsigned control = wire_u8(s, 0);
    unsigned flags = wire_u8(s, 1);
    unsigned subtype = control >> 4;
    if (s.len < 2) {
        return walk_short(w, ANOMALY_N);
    }
    if ((control >> 2 & 3) != TYPE_DATA || (subtype & SUBTYPE_NO_DATA) != 0 ||
        (flags & PROTECTED) != 0) {
        return END_NOT_IP;
    }
    size_t len = HEADER + ((flags & (TO_DS | FROM_DS)) == (TO_DS | FROM_DS) ? ADDRESS : 0);
    size_t qos_off = len;
    bool qos = (subtype & SUBTYPE_QOS) != 0;
    len += qos ? QOS : 0;
    len += qos && (flags & ORDER) != 0 ? HIGH_THROUGHPUT : 0;
    len = padded ? (len + 3) / 4 * 4 : len;
    if (s.len < len) {
        return walk_short(w, ANOMALY_N);
    }
    macs(w, flags);
    walk_skip(w, len);
    bool aggregate = qos && (wire_u8(s, qos_off) & QOS_AGGREGATE) != 0;
    if (aggregate) {
        return LAYER_AGGREGATE;
    }
    if (qos) {
        skip_mesh(w);
    }
    return LAYER_LLC;
}

/* One frame of an aggregate. The next begins at a multiple of four bytes; what is left may also be
 * the check sequence. */
enum layer layer_aggregate(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < AGGREGATE_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    size_t len = wire_be16(s, AGGREGATE_LENGTH);
    size_t padded = (AGGREGATE_HEADER + len + 3) / 4 * 4;
    if (padded + AGGREGATE_HEADER + LLC_HEADER <= walk_left(w)) {
        struct packet_decoder *d = w->decoder;
        d->behind = *w;
        d->has_behind = true;
        walk_skip(&d->behind, padded);
    }
    walk_macs(w, 0, ADDRESS);
    walk_skip(w, AGGREGATE_HEADER);
    if (len < walk_left(w)) {
        walk_clip(w, len);
    }
    skip_mesh(w);
    return LAYER_LLC;
}

enum layer layer_ieee80211(struct walk *w)
{
    return frame(w, false);
}

/* The flags field, behind the bitmap's words and the time where there is one. */
static unsigned radiotap_flags(struct span s)
{
    size_t off = RADIOTAP_HEADER;
    unsigned present = wire_u8(s, 4);
    while ((wire_u8(s, off - 1) & RADIOTAP_MORE) != 0 && off < s.len) {
        off += 4;
    }
    if ((present & RADIOTAP_TIME) != 0) {
        off = (off + 7) / 8 * 8 + 8;
    }
    return (present & RADIOTAP_FLAGS) != 0 ? wire_u8(s, off) : 0;
}

enum layer layer_radiotap(struct walk *w)
{
    struct span s = w->rest;
    size_t len = wire_le16(s, 2);
    if (s.len < RADIOTAP_HEADER || s.len < len) {
        return walk_short(w, ANOMALY_N);
    }
    if (wire_u8(s, 0) != 0 || len < RADIOTAP_HEADER) {
        return walk_refuse(w, STAT_REFUSED_HEADER);
    }
    bool padded = (radiotap_flags(wire_sub(s, 0, len)) & RADIOTAP_PADDED) != 0;
    walk_skip(w, len);
    walk_count(w, STAT_DECODER_IEEE80211);
    return frame(w, padded);
}

enum layer layer_avs(struct walk *w)
{
    size_t len = wire_be32(w->rest, 4);
    if (w->rest.len < AVS_HEADER || w->rest.len < len) {
        return walk_short(w, ANOMALY_N);
    }
    walk_skip(w, len < AVS_HEADER ? AVS_HEADER : len);
    return LAYER_IEEE80211;
}

/* Some cards write the AVS header under Prism's link type; its first word tells. */
enum layer layer_prism(struct walk *w)
{
    if (wire_be32(w->rest, 0) >> 12 == 0x80211) {
        return LAYER_AVS;
    }
    if (w->rest.len < PRISM_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    walk_skip(w, PRISM_HEADER);
    return LAYER_IEEE80211;
}
