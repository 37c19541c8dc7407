/* proxy: the PROXY protocol, versions 1 and 2, in front of whatever a flow carries (HAProxy's
 * proxy-protocol.txt, sections 2.1 and 2.2).
 *
 * A load balancer says with it whom it speaks for. The client is told to whoever keeps it (it is
 * believed only when the balancer is trusted), and both directions are handed over, to be read as
 * if the flow began behind the header.
 *
 * What the header holds besides addresses (the rest of an UNKNOWN line, the type-length-values of
 * version 2, among them names from certificates) is inspected as payload of the stream, up to
 * PROXY_HEADER_KEPT bytes. A header that breaks the format is inspected the same way. */
#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"
#include "sensor/core/proxy_header.h"

struct proxy {
    struct sbuf kept; /* the header so far */
    size_t left;      /* of a header longer than what is kept: bytes still to be passed over */
    bool done[2];     /* handed over */
};

static enum probe proxy_probe(struct span first, enum direction dir)
{
    if (dir == TO_CLIENT || !proxy_header_may_begin(first)) {
        return PROBE_NO;
    }
    return first.len >= PROXY_HEADER_PROBE ? PROBE_YES : PROBE_MORE;
}

static void proxy_open(void *state, const struct decoder_env *env)
{
    struct proxy *p = state;
    (void)env;
    p->kept = sbuf_with_cap(PROXY_HEADER_KEPT);
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
static void tell(struct proxy *p, const struct emit *emit, const struct proxy_header *h)
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
            struct span part = span_head(bytes, PROXY_HEADER_KEPT - before);
            sbuf_add(&p->kept, part);
            const struct proxy_header h = proxy_header_find(sbuf_span(&p->kept));
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
