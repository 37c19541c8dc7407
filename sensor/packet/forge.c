/* forge: packets of our own, RFC 768, RFC 791, RFC 792, RFC 4443, RFC 8200 and RFC 9293.
 *
 * No options, no fragments. The window is that of an end that takes nothing more. */
#include "sensor/packet/forge.h"

#include "sensor/base/wire.h"

enum {
    TTL = 64,
    IPV4_HEADER = 20,
    IPV6_HEADER = 40,
    TCP_HEADER = 20,
    UDP_HEADER = 8,
    DONT_FRAGMENT = 0x4000,
    TCP_CHECKSUM_AT = 16,
    UDP_CHECKSUM_AT = 6,
    ICMP = 1,
    ICMPV6 = 58,
    ICMP_HEADER = 8,
    ICMP_CHECKSUM_AT = 2,
    ICMP_PORT_UNREACHABLE = 0x0303,   /* type and code: RFC 792 */
    ICMPV6_PORT_UNREACHABLE = 0x0104, /* RFC 4443 section 3.1 */
};

static void put16(struct sbuf *out, unsigned value)
{
    (void)sbuf_add_byte(out, (uint8_t)(value >> 8));
    (void)sbuf_add_byte(out, (uint8_t)value);
}

static void put32(struct sbuf *out, uint32_t value)
{
    put16(out, value >> 16);
    put16(out, value & 0xffff);
}

static void set16(struct sbuf *out, size_t off, unsigned value)
{
    uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    if (off + sizeof(bytes) <= out->len) { /* else memory was short, and the buffer is cut */
        sbuf_overwrite(out, off, span_of(bytes, sizeof(bytes)));
    }
}

static size_t addr_len(const struct addr *addr)
{
    return addr->family == 4 ? 4 : 16;
}

static void put_addresses(struct sbuf *out, const struct forged *f)
{
    (void)sbuf_add(out, span_of(f->src.bytes, addr_len(&f->src)));
    (void)sbuf_add(out, span_of(f->dst.bytes, addr_len(&f->dst)));
}

static void put_ipv4(struct sbuf *out, const struct forged *f, unsigned proto, size_t len)
{
    put16(out, 0x4500);
    put16(out, (unsigned)(IPV4_HEADER + len));
    put16(out, 0);
    put16(out, DONT_FRAGMENT);
    put16(out, TTL << 8 | proto);
    put16(out, 0);
    put_addresses(out, f);
    set16(out, 10, ~wire_sum(sbuf_span(out), 0) & 0xffff);
}

static void put_ipv6(struct sbuf *out, const struct forged *f, unsigned proto, size_t len)
{
    put32(out, 0x60000000);
    put16(out, (unsigned)len);
    put16(out, proto << 8 | TTL);
    put_addresses(out, f);
}

/* `len`: of the transport's header and the payload. */
static void put_ip(struct sbuf *out, const struct forged *f, unsigned proto, size_t len)
{
    if (f->src.family == 4) {
        put_ipv4(out, f, proto, len);
    } else {
        put_ipv6(out, f, proto, len);
    }
}

static void put_ports(struct sbuf *out, const struct forged *f)
{
    put16(out, f->src_port);
    put16(out, f->dst_port);
}

/* With the pseudo header (RFC 9293, section 3.1; RFC 8200, section 8.1). */
static unsigned checksum(const struct forged *f, unsigned proto, struct span segment)
{
    uint32_t sum = proto + (uint32_t)segment.len;
    sum = wire_sum(span_of(f->src.bytes, addr_len(&f->src)), sum);
    sum = wire_sum(span_of(f->dst.bytes, addr_len(&f->dst)), sum);
    return ~wire_sum(segment, sum) & 0xffff;
}

bool forge_tcp(const struct forged *f, struct sbuf *out)
{
    sbuf_reset(out);
    if (f->payload.len > FORGED_PAYLOAD_MAX) {
        return false;
    }
    put_ip(out, f, IP_PROTO_TCP, TCP_HEADER + f->payload.len);
    size_t at = out->len;
    put_ports(out, f);
    put32(out, f->seq);
    put32(out, f->ack);
    put16(out, (TCP_HEADER / 4) << 12 | f->flags);
    put16(out, 0);
    put32(out, 0);
    (void)sbuf_add(out, f->payload);
    if (out->cut) {
        return false;
    }
    set16(out, at + TCP_CHECKSUM_AT, checksum(f, IP_PROTO_TCP, span_from(sbuf_span(out), at)));
    return true;
}

/* A sum of zero is written as its complement: zero would say that there is none (RFC 768). */
bool forge_udp(const struct forged *f, struct sbuf *out)
{
    sbuf_reset(out);
    if (f->payload.len > FORGED_DATAGRAM_MAX) {
        return false;
    }
    put_ip(out, f, IP_PROTO_UDP, UDP_HEADER + f->payload.len);
    size_t at = out->len;
    put_ports(out, f);
    put16(out, (unsigned)(UDP_HEADER + f->payload.len));
    put16(out, 0);
    (void)sbuf_add(out, f->payload);
    if (out->cut) {
        return false;
    }
    unsigned sum = checksum(f, IP_PROTO_UDP, span_from(sbuf_span(out), at));
    set16(out, at + UDP_CHECKSUM_AT, sum == 0 ? 0xffff : sum);
    return true;
}

/* Of the datagram as much is quoted as tells its sender which it was. */
bool forge_unreachable(const struct forged *f, struct sbuf *out)
{
    bool v4 = f->src.family == 4;
    const struct forged outer = {.src = f->dst, .dst = f->src};
    size_t quoted = (v4 ? IPV4_HEADER : IPV6_HEADER) + UDP_HEADER;
    sbuf_reset(out);
    put_ip(out, &outer, v4 ? ICMP : ICMPV6, ICMP_HEADER + quoted);
    size_t at = out->len;
    put16(out, v4 ? ICMP_PORT_UNREACHABLE : ICMPV6_PORT_UNREACHABLE);
    put16(out, 0);
    put32(out, 0);
    struct sbuf inner = sbuf_with_cap(IPV6_HEADER + UDP_HEADER);
    put_ip(&inner, f, IP_PROTO_UDP, UDP_HEADER + f->payload.len);
    put_ports(&inner, f);
    put16(&inner, (unsigned)(UDP_HEADER + f->payload.len));
    put16(&inner, 0);
    (void)sbuf_add(out, sbuf_span(&inner));
    bool good = !inner.cut && !out->cut;
    sbuf_free(&inner);
    if (good) {
        struct span message = span_from(sbuf_span(out), at);
        unsigned sum = v4 ? ~wire_sum(message, 0) & 0xffff : checksum(&outer, ICMPV6, message);
        set16(out, at + ICMP_CHECKSUM_AT, sum);
    }
    return good;
}
