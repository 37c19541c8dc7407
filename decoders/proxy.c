/* proxy: the PROXY protocol, versions 1 and 2, in front of whatever a flow carries (HAProxy's
 * proxy-protocol.txt, sections 2.1 and 2.2).
 *
 * A load balancer says with it whom it speaks for. The client is told to whoever keeps it (it is
 * believed only when the balancer is trusted), and both directions are handed over, to be read as
 * if the flow began behind the header.
 *
 * What the header holds besides addresses (the rest of an UNKNOWN line, the type-length-values of
 * version 2, among them names from certificates) is inspected as payload of the stream, up to
 * HEADER_KEPT bytes. A header that breaks the format is inspected the same way. */
#include "sensor/base/bytes.h"
#include "sensor/base/cursor.h"
#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"

enum {
    LINE_MAX = 107, /* of version 1, with its CR LF */
    FIXED_BYTES = 16,
    HEADER_KEPT = 4096,
    COMMAND_PROXY = 0x21,
    FAMILY_INET = 1,
    FAMILY_INET6 = 2,
    INET_BYTES = 12,
    INET6_BYTES = 36,
};

static const struct span line_start = SPAN_LITERAL("PROXY ");
static const struct span signature = SPAN_LITERAL("\r\n\r\n\0\r\nQUIT\n");

struct proxy {
    struct sbuf kept; /* the header so far */
    size_t left;      /* of a header longer than what is kept: bytes still to be passed over */
    bool done[2];     /* handed over */
};

/* What there is of a header. */
struct header {
    size_t len; /* 0: not known yet */
    bool bad;
    struct addr client;  /* family 0: it tells none */
    struct span strange; /* what it holds besides addresses */
};

static bool starts_either_way(struct span s, struct span start)
{
    size_t len = s.len < start.len ? s.len : start.len;
    return span_equal(span_head(s, len), span_head(start, len));
}

static enum probe proxy_probe(struct span first, enum direction dir)
{
    bool may = starts_either_way(first, line_start) || starts_either_way(first, signature);
    if (dir == TO_CLIENT || !may) {
        return PROBE_NO;
    }
    struct span family = span_from(first, line_start.len);
    if (!span_starts(first, line_start)) {
        return first.len >= signature.len ? PROBE_YES : PROBE_MORE;
    }
    bool known = starts_either_way(family, SPAN("TCP4 ")) ||
                 starts_either_way(family, SPAN("TCP6 ")) ||
                 starts_either_way(family, SPAN("UNKNOWN"));
    return !known ? PROBE_NO : family.len >= 5 ? PROBE_YES : PROBE_MORE;
}

static void proxy_open(void *state, const struct decoder_env *env)
{
    struct proxy *p = state;
    (void)env;
    p->kept = sbuf_with_cap(HEADER_KEPT);
}

/* "PROXY TCP4 192.0.2.1 192.0.2.2 56324 443", without its end. */
static void read_line(struct span line, struct header *h)
{
    struct span rest = span_from(line, line_start.len);
    struct span family = span_split(&rest, ' ');
    if (span_equal(family, SPAN("UNKNOWN"))) {
        h->strange = rest;
        return;
    }
    struct span source = span_split(&rest, ' ');
    struct addr destination;
    h->bad = !addr_parse(source, &h->client) || !addr_parse(span_split(&rest, ' '), &destination);
}

static void find_line(struct span kept, struct header *h)
{
    size_t lf = span_find_byte(span_head(kept, LINE_MAX), 0, '\n');
    if (lf == SPAN_NONE) {
        h->bad = kept.len >= LINE_MAX;
        h->len = h->bad ? LINE_MAX : 0;
        return;
    }
    h->len = lf + 1;
    read_line(span_trim(span_head(kept, lf)), h);
}

static void find_binary(struct span kept, struct header *h)
{
    struct cursor c = cursor_of(kept);
    cursor_skip(&c, signature.len);
    uint8_t command = cursor_u8(&c);
    uint8_t family = cursor_u8(&c);
    size_t len = cursor_be16(&c);
    if (cursor_bad(&c)) {
        return;
    }
    if (kept.len < FIXED_BYTES + len && kept.len < HEADER_KEPT) {
        return;
    }
    h->len = FIXED_BYTES + len;
    h->bad = command >> 4 != COMMAND_PROXY >> 4;
    bool v4 = family >> 4 == FAMILY_INET && len >= INET_BYTES;
    bool v6 = family >> 4 == FAMILY_INET6 && len >= INET6_BYTES;
    if (command == COMMAND_PROXY && v4) { /* else it is a health check of the balancer's own */
        h->client = addr_v4(cursor_bytes(&c, 4));
    } else if (command == COMMAND_PROXY && v6) {
        h->client = addr_v6(cursor_bytes(&c, 16));
    }
    size_t n_addresses = v4 ? INET_BYTES : v6 ? INET6_BYTES : 0;
    h->strange = span_sub(kept, FIXED_BYTES + n_addresses, len - n_addresses);
}

static struct header find_header(struct span kept)
{
    struct header h = {0};
    if (span_starts(kept, signature)) {
        find_binary(kept, &h);
    } else if (span_starts(kept, line_start)) {
        find_line(kept, &h);
    } else if (kept.len >= signature.len) {
        h.bad = true;
        h.len = signature.len;
    }
    return h;
}

static void hand_over(struct proxy *p, const struct emit *emit, enum direction dir,
                      struct span rest)
{
    if (!p->done[dir]) {
        p->done[dir] = true;
        emit->ops->hand_over(emit->ctx, dir, rest);
    }
}

static void give_payload(const struct emit *emit, struct span bytes, bool bad)
{
    struct tx *tx = emit->ops->tx_begin(emit->ctx, TO_SERVER);
    const struct region region = {.kind = REGION_BODY,
                                  .field = FIELD_STREAM_PAYLOAD,
                                  .dir = TO_SERVER,
                                  .bytes = bytes,
                                  .flags = REGION_FIRST | REGION_LAST};
    if (bad) {
        emit->ops->anomaly(emit->ctx, tx, TO_SERVER, ANOMALY_PROXY_BAD_HEADER);
    }
    if (bytes.len > 0) {
        emit->ops->region(emit->ctx, tx, &region);
    }
    emit->ops->tx_end(emit->ctx, tx, 0);
}

/* The header is complete, or as much of it as is kept. */
static void tell(struct proxy *p, const struct emit *emit, const struct header *h)
{
    struct span kept = sbuf_span(&p->kept);
    if (h->bad) {
        give_payload(emit, span_head(kept, h->len), true);
    } else if (h->strange.len > 0) {
        give_payload(emit, h->strange, false);
    }
    if (!h->bad && h->client.family != 0) {
        emit->ops->client(emit->ctx, &h->client);
    }
    hand_over(p, emit, TO_CLIENT, (struct span){0});
}

/* Of a header longer than any sane one. */
static void pass_over(struct proxy *p, const struct emit *emit, struct span *in)
{
    struct span part = span_head(*in, p->left);
    p->left -= part.len;
    *in = span_from(*in, part.len);
    if (part.len > 0) {
        emit->ops->lost(emit->ctx, NULL, LOST_CAP, part.len);
    }
}

static void proxy_data(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    struct proxy *p = state;
    if (dir == TO_CLIENT) {
        hand_over(p, emit, TO_CLIENT, bytes);
        return;
    }
    while (bytes.len > 0 && !p->done[TO_SERVER]) {
        if (p->left > 0) {
            pass_over(p, emit, &bytes);
        } else {
            size_t before = p->kept.len;
            struct span part = span_head(bytes, HEADER_KEPT - before);
            sbuf_add(&p->kept, part);
            const struct header h = find_header(sbuf_span(&p->kept));
            if (h.len == 0) {
                return;
            }
            tell(p, emit, &h);
            bytes = span_from(bytes, h.len < before + part.len ? h.len - before : part.len);
            p->left = h.len > before + part.len ? h.len - before - part.len : 0;
        }
        if (p->left == 0) {
            hand_over(p, emit, TO_SERVER, bytes);
        }
    }
}

/* What is left of the header is not known; what is behind it can still be told by its contents. */
static void proxy_gap(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    struct proxy *p = state;
    if (dir == TO_SERVER && p->left > n_bytes) {
        p->left -= (size_t)n_bytes;
        return;
    }
    if (dir == TO_SERVER && p->left == 0 && p->kept.len > 0) {
        give_payload(emit, sbuf_span(&p->kept), false);
    }
    hand_over(p, emit, dir, (struct span){0});
}

static void proxy_end(void *state, const struct emit *emit, enum direction dir)
{
    struct proxy *p = state;
    if (dir == TO_SERVER && p->left == 0 && p->kept.len > 0) {
        give_payload(emit, sbuf_span(&p->kept), false);
        sbuf_reset(&p->kept);
    }
}

static void proxy_close(void *state, const struct emit *emit, enum close_reason reason)
{
    struct proxy *p = state;
    (void)reason;
    if (!p->done[TO_SERVER]) {
        proxy_end(p, emit, TO_SERVER);
    }
    sbuf_free(&p->kept);
}

const struct decoder proxy_decoder = {
    .name = "proxy",
    .state_size = sizeof(struct proxy),
    .probe = proxy_probe,
    .open = proxy_open,
    .data = proxy_data,
    .gap = proxy_gap,
    .end = proxy_end,
    .close = proxy_close,
};
