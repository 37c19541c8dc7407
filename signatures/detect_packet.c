/* detect_packet: rules that are asked of packets, one by one.
 *
 * Those that ask for something of a header look at the payload of that packet, not at the stream;
 * those that ask for no byte at all are about whatever comes; those that ask for nothing but
 * addresses are told at the first packet of each direction. A packet of which a rule holds gets a
 * transaction of its own, so that there is one only where it is needed. */
#include "signatures/detect_parts.h"

#include "sensor/base/cursor.h"
#include "sensor/core/packet.h"

/* --- headers -----------------------------------------------------------------------------------
 */

enum { IP4_VERSION = 4, IP6_VERSION = 6 };
enum { IP4_HEADER = 20, IP6_HEADER = 40, IP6_NEXT = 6, UDP_HEADER = 8 };

static unsigned version_of(const struct headers *h)
{
    return span_at(h->ip, 0) >> 4;
}

static size_t ip_header_len(const struct headers *h)
{
    return version_of(h) == IP4_VERSION ? (size_t)(span_at(h->ip, 0) & 0xf) * 4 : IP6_HEADER;
}

static struct span ip_header(const struct headers *h, unsigned version)
{
    return version_of(h) == version ? span_head(h->ip, ip_header_len(h)) : span_of(NULL, 0);
}

/* The header of TCP or UDP; behind extensions of IPv6 it is not looked for. */
static struct span transport_header(const struct headers *h, uint8_t proto)
{
    struct span rest = span_from(h->ip, ip_header_len(h));
    bool next = version_of(h) == IP4_VERSION || span_at(h->ip, IP6_NEXT) == proto;
    if (h->proto != proto || !next) {
        return span_of(NULL, 0);
    }
    return span_head(rest, proto == IP_PROTO_UDP ? UDP_HEADER : (span_at(rest, 12) >> 4) * 4U);
}

/* A number of the first bytes of an IPv4 header; false in IPv6. */
static bool ip4_number(const struct headers *h, size_t off, size_t n, uint64_t *ret)
{
    struct cursor c = cursor_of(span_from(h->ip, off));
    *ret = n == 1 ? cursor_u8(&c) : cursor_be16(&c);
    return version_of(h) == IP4_VERSION && !cursor_bad(&c);
}

/* The number that the keyword is about; false when the packet has none. */
static bool number_of(enum rule_header_of of, const struct headers *h, uint64_t *ret)
{
    enum { TOS_AT = 1, ID_AT = 4, TTL_AT = 8, HOPS_AT = 7 };
    bool tcp = h->proto == IP_PROTO_TCP;
    switch (of) {
    case RULE_HEADER_TTL:
        *ret = span_at(h->ip, version_of(h) == IP4_VERSION ? TTL_AT : HOPS_AT);
        return true;
    case RULE_HEADER_ID:
        return ip4_number(h, ID_AT, 2, ret);
    case RULE_HEADER_TOS:
        return ip4_number(h, TOS_AT, 1, ret);
    case RULE_HEADER_SEQ:
        *ret = h->tcp_seq;
        return tcp;
    case RULE_HEADER_ACK:
        *ret = h->tcp_ack;
        return tcp;
    case RULE_HEADER_WINDOW:
        *ret = h->tcp_window;
        return tcp;
    case RULE_HEADER_FLAGS:
    case RULE_HEADER_FRAGBITS:
    case RULE_HEADER_IPOPTS:
    case RULE_HEADER_SAME_ADDRESS:
        break;
    }
    return false;
}

static bool bits_are(const struct rule_header *x, unsigned bits)
{
    bits &= ~(unsigned)x->ignored;
    switch (x->how) {
    case RULE_BITS_THESE:
        return bits == x->bits;
    case RULE_BITS_ALL:
        return (bits & x->bits) == x->bits;
    case RULE_BITS_ANY:
        return (bits & x->bits) != 0;
    case RULE_BITS_NOT_THESE:
        return (bits & x->bits) != x->bits;
    }
    return false;
}

/* Whether the header of IPv4 has that option. */
static bool has_option(const struct headers *h, uint64_t option)
{
    struct cursor c = cursor_of(span_from(ip_header(h, IP4_VERSION), IP4_HEADER));
    bool any = cursor_left(&c) > 0;
    while (cursor_left(&c) > 0 && option != RULE_ANY_OPTION) {
        uint8_t kind = cursor_u8(&c);
        if (kind == option) {
            return true;
        }
        uint8_t len = kind > 1 ? cursor_u8(&c) : 2;
        if (kind == 0 || len < 2) {
            return false;
        }
        (void)cursor_bytes(&c, kind > 1 ? len - 2U : 0);
    }
    return any && option == RULE_ANY_OPTION;
}

static bool header_is(const struct rule_header *x, const struct headers *h)
{
    uint64_t number = 0;
    switch (x->of) {
    case RULE_HEADER_FLAGS:
        return h->proto == IP_PROTO_TCP && bits_are(x, h->tcp_flags);
    case RULE_HEADER_FRAGBITS:
        return ip4_number(h, 6, 1, &number) && bits_are(x, (unsigned)number >> 5);
    case RULE_HEADER_IPOPTS:
        return has_option(h, x->size.low);
    case RULE_HEADER_SAME_ADDRESS:
        return addr_equal(&h->src, &h->dst);
    case RULE_HEADER_TTL:
    case RULE_HEADER_ID:
    case RULE_HEADER_TOS:
    case RULE_HEADER_SEQ:
    case RULE_HEADER_ACK:
    case RULE_HEADER_WINDOW:
        break;
    }
    return number_of(x->of, h, &number) &&
           verify_compare(x->size.compare, number, x->size.low, x->size.high) != x->negated;
}

static bool headers_are(const struct rule *rule, const struct headers *h)
{
    for (size_t i = 0; i < rule->n_headers; i++) {
        if (!header_is(&rule->headers[i], h)) {
            return false;
        }
    }
    return true;
}

/* --- bytes -------------------------------------------------------------------------------------
 */

/* What a buffer of a packet is; empty when it has none. */
static struct span buffer_of(enum buffer buffer, const struct headers *h)
{
    return buffer == BUFFER_IP_SRC     ? addr_span(&h->src)
           : buffer == BUFFER_IP_DST   ? addr_span(&h->dst)
           : buffer == BUFFER_IPV4_HDR ? ip_header(h, IP4_VERSION)
           : buffer == BUFFER_IPV6_HDR ? ip_header(h, IP6_VERSION)
           : buffer == BUFFER_TCP_HDR  ? transport_header(h, IP_PROTO_TCP)
           : buffer == BUFFER_UDP_HDR  ? transport_header(h, IP_PROTO_UDP)
                                       : h->payload;
}

static bool bytes_are(struct detector *d, const struct spot *spot, const struct rule *rule,
                      const struct headers *h)
{
    for (size_t i = 0; i < rule->n_groups; i++) {
        struct span text = buffer_of(rule->groups[i].buffer, h);
        if (text.len == 0 || !detect_holds_in(d, spot, &rule->groups[i], text)) {
            return false;
        }
    }
    return true;
}

/* --- rules -------------------------------------------------------------------------------------
 */

/* Whether it goes to what has answered before it: of TCP once the client has taken the answer. */
static bool is_established(const struct conn *conn, enum direction dir)
{
    uint64_t asked = conn->packets[TO_SERVER];
    uint64_t answered = conn->packets[TO_CLIENT];
    if (conn->state != CONN_NEW || (conn->marks & CONN_MIDSTREAM) != 0) {
        return true;
    }
    if (conn->proto != IP_PROTO_TCP) {
        return asked > 0 && answered > 0;
    }
    return asked - (dir == TO_SERVER) > 1 && answered - (dir == TO_CLIENT) > 0;
}

static bool holds(struct detector *d, const struct spot *spot, const struct engine_rule *r,
                  const struct headers *h)
{
    const struct rule *rule = r->rule;
    const struct conn *conn = spot->tx->conn;
    unsigned asks = rule->flow & (RULE_ESTABLISHED | RULE_NOT_ESTABLISHED);
    unsigned is = is_established(conn, spot->dir) ? RULE_ESTABLISHED : RULE_NOT_ESTABLISHED;
    bool known = rule->n_decoders == 0 || conn->app_proto != NULL;
    return known && (!r->once || conn->packets[spot->dir] == 1) && (asks == 0 || asks == is) &&
           headers_are(rule, h) && detect_rule_is_of(rule, spot->tx, spot->dir, conn->app_proto) &&
           bytes_are(d, spot, rule, h);
}

static struct spot spot_of(struct tx *tx, enum direction dir, const struct headers *h)
{
    return (struct spot){.tx = tx,
                         .field =
                             h->proto == IP_PROTO_UDP ? FIELD_UDP_PAYLOAD : FIELD_STREAM_PAYLOAD,
                         .dir = dir,
                         .around = h->payload};
}

bool detector_asks_packets(const struct detector *d)
{
    return d->edition->engine->packet_rules.n > 0;
}

/* The place of the next rule that holds among those of packets, from i on; behind them for none. */
static uint32_t next_that_holds(struct detector *d, const struct spot *spot,
                                const struct headers *h, uint32_t i)
{
    const struct engine *e = detect_engine(d, spot->tx);
    while (i < e->packet_rules.n && !holds(d, spot, &e->rules[e->packet_rules.items[i]], h)) {
        i++;
    }
    return i;
}

bool detect_packet_holds(struct detector *d, struct conn *conn, enum direction dir,
                         const struct headers *h, uint32_t *ret_first)
{
    struct tx tx = {.conn = conn, .dir = dir};
    const struct spot spot = spot_of(&tx, dir, h);
    uint32_t first = next_that_holds(d, &spot, h, 0);
    if (first == d->edition->engine->packet_rules.n) {
        return false;
    }
    *ret_first = first;
    return true;
}

void detect_packet(struct detector *d, struct tx *tx, enum direction dir, const struct headers *h,
                   uint32_t first)
{
    const struct engine *e = detect_engine(d, tx);
    const struct spot spot = spot_of(tx, dir, h);
    for (uint32_t i = first; i < e->packet_rules.n; i = next_that_holds(d, &spot, h, i + 1)) {
        detect_offer(d, &spot, e->packet_rules.items[i], NULL);
    }
}
