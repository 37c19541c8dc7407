/* transport: TCP (RFC 9293), UDP (RFC 768), SCTP (RFC 9260) ports, ICMP, and whatever else IP
 * carries.
 *
 * Only what flows and decoders need is read: ports, sequence numbers, flags, window, the window
 * scale of a SYN, and where the payload lies. Other TCP options are skipped. Checksums are looked
 * at when the policy asks and the segment is wholly captured. */
#include "sensor/base/wire.h"
#include "sensor/packet/walk.h"

enum { TCP_HEADER = 20, UDP_HEADER = 8, SCTP_HEADER = 12 };

static enum layer impossible(struct walk *w, enum anomaly anomaly)
{
    walk_anomaly(w, anomaly);
    return walk_refuse(w, STAT_REFUSED_HEADER);
}

static void ports(struct headers *h, struct span s)
{
    h->has_ports = true;
    h->src_port = wire_be16(s, 0);
    h->dst_port = wire_be16(s, 2);
}

/* What is left is the payload. */
static enum layer done(struct walk *w)
{
    walk_payload(w);
    return END_DONE;
}

/* Whether the segment, header included, is refused for its checksum. */
static bool sum_refused(struct walk *w)
{
    const struct headers *h = w->headers;
    const struct checksum_policy *p = w->decoder->options.checksums;
    if (p == NULL || !checksum_policy_verifies(p) || w->missing > 0 || w->any_dst) {
        return false;
    }
    return walk_sum_refused(w, CHECKSUM_OF_SEGMENT,
                            checksum_transport(&h->src, &h->dst, h->proto, w->rest));
}

/* headers.tcp_scale of a SYN with these options (RFC 7323, section 2.2: above 14 means 14). */
static uint8_t scale_of(struct span options)
{
    enum { END = 0, NO_OPERATION = 1, WINDOW_SCALE = 3, LARGEST = 14 };
    size_t at = 0;
    while (at < options.len && wire_u8(options, at) != END) {
        size_t len = wire_u8(options, at) == NO_OPERATION ? 1 : wire_u8(options, at + 1);
        bool scale = wire_u8(options, at) == WINDOW_SCALE && len == 3;
        if (scale && at + len <= options.len) {
            uint8_t shift = wire_u8(options, at + 2);
            return shift < LARGEST ? shift + 1 : LARGEST + 1;
        }
        if (len == 0) {
            break;
        }
        at += len;
    }
    return 1;
}

enum layer layer_tcp(struct walk *w)
{
    struct span s = w->rest;
    struct headers *h = w->headers;
    if (s.len < TCP_HEADER) {
        return walk_short(w, ANOMALY_TCP_BAD_HEADER);
    }
    size_t header = (size_t)(wire_u8(s, 12) >> 4) * 4;
    ports(h, s);
    if (header < TCP_HEADER || header > walk_left(w)) {
        return impossible(w, ANOMALY_TCP_BAD_HEADER);
    }
    if (sum_refused(w)) {
        return walk_refuse(w, STAT_REFUSED_CHECKSUM);
    }
    h->tcp_seq = wire_be32(s, 4);
    h->tcp_ack = wire_be32(s, 8);
    h->tcp_flags = wire_u8(s, 13);
    h->tcp_window = wire_be16(s, 14);
    h->tcp_urgent = wire_be16(s, 18);
    bool captured = header <= s.len;
    h->tcp_scale = (h->tcp_flags & TCP_SYN) != 0 && captured
                       ? scale_of(wire_sub(s, TCP_HEADER, header - TCP_HEADER))
                       : 0;
    walk_skip(w, header);
    return done(w);
}

enum layer layer_udp(struct walk *w)
{
    struct span s = w->rest;
    if (s.len < UDP_HEADER) {
        return walk_short(w, ANOMALY_UDP_BAD_HEADER);
    }
    size_t len = wire_be16(s, 4);
    len = len == 0 ? walk_left(w) : len; /* a packet that the machine would have cut itself */
    ports(w->headers, s);
    if (len < UDP_HEADER || len > walk_left(w)) {
        return impossible(w, ANOMALY_UDP_BAD_HEADER);
    }
    walk_clip(w, len);
    if (sum_refused(w)) {
        return walk_refuse(w, STAT_REFUSED_CHECKSUM);
    }
    walk_skip(w, UDP_HEADER);
    walk_payload(w);
    return layer_of_udp(w);
}

enum layer layer_sctp(struct walk *w)
{
    if (w->rest.len < SCTP_HEADER) {
        return walk_short(w, ANOMALY_N);
    }
    ports(w->headers, w->rest);
    return done(w);
}

/* Whatever else IP carries: its payload is all there is to say. */
enum layer layer_other(struct walk *w)
{
    return done(w);
}
