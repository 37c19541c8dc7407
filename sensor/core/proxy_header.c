/* proxy_header: who a load balancer says that it speaks for (HAProxy's proxy-protocol.txt, sections
 * 2.1 and 2.2).
 *
 * Version 1 is a line, version 2 a binary head with addresses and whatever else. Whether the word
 * of whoever sent it counts is not decided here. Addresses of the UNIX family tell no client. A
 * balancer that listens at both families writes its clients of IPv4 as IPv6 (RFC 4291 section
 * 2.5.5.2): they are told as what they are. */
#include "sensor/core/proxy_header.h"

#include "sensor/base/bytes.h"
#include "sensor/base/cursor.h"
#include "sensor/core/sockname.h"

enum {
    LINE_MAX = 107, /* of version 1, with its CR LF */
    FIXED_BYTES = 16,
    COMMAND_PROXY = 0x21,
    FAMILY_INET = 1,
    FAMILY_INET6 = 2,
    INET_BYTES = 12,
    INET6_BYTES = 36,
};

static const struct span line_start = SPAN_LITERAL("PROXY ");
static const struct span signature = SPAN_LITERAL("\r\n\r\n\0\r\nQUIT\n");

static bool starts_either_way(struct span s, struct span start)
{
    size_t len = s.len < start.len ? s.len : start.len;
    return span_equal(span_head(s, len), span_head(start, len));
}

bool proxy_header_may_begin(struct span bytes)
{
    struct span family = span_from(bytes, line_start.len);
    if (!starts_either_way(bytes, line_start)) {
        return starts_either_way(bytes, signature);
    }
    return starts_either_way(family, SPAN("TCP4 ")) || starts_either_way(family, SPAN("TCP6 ")) ||
           starts_either_way(family, SPAN("UNKNOWN"));
}

/* 0 for what is none. */
static uint16_t read_port(struct span text)
{
    uint64_t port;
    return span_to_u64(text, &port) && port <= UINT16_MAX ? (uint16_t)port : 0;
}

/* "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443", without its end. */
static void read_line(struct span line, struct proxy_header *h)
{
    struct span rest = span_from(line, line_start.len);
    struct span family = span_split(&rest, ' ');
    if (span_equal(family, SPAN("UNKNOWN"))) {
        h->strange = rest;
        return;
    }
    struct span source = span_split(&rest, ' ');
    struct span destination = span_split(&rest, ' ');
    h->bad = !addr_parse(source, &h->client) || !addr_parse(destination, &h->server) ||
             h->client.family != h->server.family;
    h->client_port = read_port(span_split(&rest, ' '));
    h->server_port = read_port(rest);
}

static void find_line(struct span bytes, struct proxy_header *h)
{
    size_t lf = span_find_byte(span_head(bytes, LINE_MAX), 0, '\n');
    if (lf == SPAN_NONE) {
        h->bad = bytes.len >= LINE_MAX;
        h->len = h->bad ? LINE_MAX : 0;
        return;
    }
    h->len = lf + 1;
    read_line(span_trim(span_head(bytes, lf)), h);
}

static void read_addresses(struct cursor *c, bool v4, struct proxy_header *h)
{
    struct span client = cursor_bytes(c, v4 ? 4 : 16);
    struct span server = cursor_bytes(c, v4 ? 4 : 16);
    h->client = v4 ? addr_v4(client) : addr_v6(client);
    h->server = v4 ? addr_v4(server) : addr_v6(server);
    h->client_port = cursor_be16(c);
    h->server_port = cursor_be16(c);
}

static void find_binary(struct span bytes, struct proxy_header *h)
{
    struct cursor c = cursor_of(bytes);
    cursor_skip(&c, signature.len);
    uint8_t command = cursor_u8(&c);
    uint8_t family = cursor_u8(&c);
    size_t len = cursor_be16(&c);
    bool whole = bytes.len >= FIXED_BYTES + len || bytes.len >= PROXY_HEADER_KEPT;
    if (cursor_bad(&c) || !whole) {
        return;
    }
    h->len = FIXED_BYTES + len;
    h->bad = command >> 4 != COMMAND_PROXY >> 4;
    bool v4 = family >> 4 == FAMILY_INET && len >= INET_BYTES;
    bool v6 = family >> 4 == FAMILY_INET6 && len >= INET6_BYTES;
    if (command == COMMAND_PROXY && (v4 || v6)) { /* else it is a check of the balancer's own */
        read_addresses(&c, v4, h);
    }
    size_t n_addresses = v4 ? INET_BYTES : v6 ? INET6_BYTES : 0;
    h->strange = span_sub(bytes, FIXED_BYTES + n_addresses, len - n_addresses);
}

/* The client counts: whom it connected to follows its family, where there is a way. */
static void make_plain(struct proxy_header *h)
{
    if (h->client.family != 6) {
        return;
    }
    struct addr server = sockname_addr_v6(addr_span(&h->server));
    h->client = sockname_addr_v6(addr_span(&h->client));
    if (h->client.family == 4) {
        h->server = server.family == 4 ? server : (struct addr){.family = 0};
    }
}

struct proxy_header proxy_header_find(struct span bytes)
{
    struct proxy_header h = {0};
    if (span_starts(bytes, signature)) {
        find_binary(bytes, &h);
    } else if (span_starts(bytes, line_start)) {
        find_line(bytes, &h);
    } else if (bytes.len >= signature.len) {
        h.bad = true;
        h.len = signature.len;
    }
    if (!h.bad) {
        make_plain(&h);
    }
    return h;
}
