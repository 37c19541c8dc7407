/* http_body: bodies, from their bytes on the wire to what the application reads (RFC 9112 sections
 * 6 and 7).
 *
 * Pieces of a body without codings are views into the input. A gap is counted off the length or the
 * chunk that it lies in; what comes behind it is emitted as a piece of its own that nothing may be
 * joined to. A compressed body cannot be read on behind a gap: its rest is counted as lost. A
 * coding that is not known is left as it is, and what is inside it: counted as lost, but emitted,
 * because not every server undoes codings. */
#include "decoders/http_body.h"

enum { EXTENSION_MAX = 256 };

void http_body_init(struct http_body *body, const struct decoder_limits *limits)
{
    (void)limits;
    *body = (struct http_body){.extension = sbuf_with_cap(EXTENSION_MAX)};
}

void http_body_free(struct http_body *body)
{
    http_codings_free(&body->codings);
    sbuf_free(&body->extension);
}

static void send(struct http_pieces *p, struct http_out *out, struct span bytes, unsigned flags)
{
    struct region region = p->region;
    region.bytes = bytes;
    region.flags = flags;
    region.flags |= p->begun ? 0U : REGION_FIRST;
    region.flags |= p->after_gap && bytes.len > 0 ? REGION_AFTER_GAP : 0U;
    if (p->begun) {
        region.body_type = BODY_UNKNOWN;
        region.boundary = (struct span){0};
    }
    p->begun = true;
    p->after_gap = false;
    out->emit->ops->region(out->emit->ctx, out->tx, &region);
}

void http_body_flush(struct http_body *body, struct http_out *out)
{
    struct span held = body->pieces.held;
    body->pieces.held = (struct span){0};
    if (held.len > 0) {
        send(&body->pieces, out, held, 0);
    }
}

void http_body_add(struct http_body *body, struct http_out *out, struct span bytes)
{
    http_body_flush(body, out);
    body->pieces.held = bytes;
}

/* What stands behind a chunk's size is no part of the body, but bytes all the same. */
static void emit_extension(struct http_body *body, struct http_out *out, unsigned flags)
{
    struct span text = span_trim(sbuf_span(&body->extension));
    if (text.len > 0) {
        http_body_flush(body, out);
        const struct field field = {
            .id = FIELD_STREAM_PAYLOAD,
            .value = text,
            .dir = out->dir,
            .flags = flags | (body->extension.cut ? FIELD_TRUNCATED : 0U),
        };
        out->emit->ops->field(out->emit->ctx, out->tx, &field);
    }
    sbuf_reset(&body->extension);
}

/* Layers that are undone when the first n levels are. */
static struct encodings layers_of(const struct http_body *body, size_t n)
{
    struct encodings layers = body->framing_layers;
    for (size_t i = 0; i < n; i++) {
        layers = encodings_with(layers, http_coding_encoding(body->codings->levels[i].coding));
    }
    return layers;
}

static void drop_rest(struct http_body *body, struct http_out *out, enum lost reason,
                      uint64_t n_bytes)
{
    http_body_flush(body, out);
    body->dropped = true;
    body->dropped_for = reason;
    http_emit_lost(out, reason, n_bytes);
}

static void begin_raw(struct http_body *body, struct http_out *out)
{
    http_body_flush(body, out);
    http_emit_anomaly(out, ANOMALY_ENCODING_BROKEN);
    body->pieces.region.layers = layers_of(body, body->codings->n);
    body->pieces.after_gap = body->pieces.begun;
}

static void add_undecoded(struct http_body *body, struct http_out *out, struct span bytes)
{
    http_body_add(body, out, bytes);
    http_body_flush(body, out);
    http_emit_lost(out, LOST_ENCODING, bytes.len);
}

/* One step of the codings; false when there is nothing more to do. */
static bool decode(struct http_body *body, struct http_out *out, struct span *in)
{
    struct span piece = {0};
    if (in->len == 0 && http_codings_idle(body->codings)) {
        return false; /* a piece that is held stays valid */
    }
    http_body_flush(body, out);
    switch (http_codings_next(body->codings, in, &piece)) {
    case HTTP_DECODE_MORE:
        break;
    case HTTP_DECODE_PIECE:
        if (body->undecoded) {
            add_undecoded(body, out, piece);
        } else {
            http_body_add(body, out, piece);
        }
        break;
    case HTTP_DECODE_RAW:
        add_undecoded(body, out, piece);
        break;
    case HTTP_DECODE_BROKEN:
        begin_raw(body, out);
        break;
    case HTTP_DECODE_BOMB:
        http_emit_anomaly(out, ANOMALY_ENCODING_BOMB);
        drop_rest(body, out, LOST_CAP, http_codings_spent_on(body->codings) + in->len);
        return false;
    case HTTP_DECODE_NO_MEMORY:
        drop_rest(body, out, LOST_MEMORY, in->len);
        return false;
    }
    return true;
}

/* Bytes of the body, past its framing. */
static void take_payload(struct http_body *body, struct http_out *out, struct span bytes)
{
    if (body->dropped) {
        http_emit_lost(out, body->dropped_for, bytes.len);
    } else if (body->codings != NULL) {
        while (decode(body, out, &bytes)) {
        }
    } else if (body->undecoded) {
        add_undecoded(body, out, bytes);
    } else {
        http_body_add(body, out, bytes);
    }
}

/* No more input comes. */
static void finish_codings(struct http_body *body, struct http_out *out, bool cut)
{
    if (body->codings != NULL && !body->dropped && !http_codings_complete(body->codings)) {
        struct span none = {0};
        http_codings_finish(body->codings, cut);
        while (decode(body, out, &none)) {
        }
        http_body_flush(body, out);
    }
}

void http_body_end(struct http_body *body, struct http_out *out, bool cut)
{
    struct http_pieces *p = &body->pieces;
    emit_extension(body, out, FIELD_CUT);
    finish_codings(body, out, cut);
    struct span held = p->held;
    p->held = (struct span){0};
    if (held.len > 0 || p->begun) {
        send(p, out, held, cut || body->dropped ? REGION_LAST | REGION_CUT : REGION_LAST);
    }
    http_codings_free(&body->codings);
    body->framing = HTTP_FRAMING_NONE;
    body->framing_layers = (struct encodings){0};
    body->undecoded = false;
    body->dropped = false;
    *p = (struct http_pieces){0};
}

void http_body_begin_raw(struct http_body *body, const struct region *region)
{
    body->framing = HTTP_FRAMING_CLOSE;
    body->pieces = (struct http_pieces){.region = *region};
}

/* Those codings that can be undone, from the outermost inwards up to the first that cannot. */
static void begin_codings(struct http_body *body, struct http_out *out,
                          const struct http_facts *facts)
{
    uint8_t codings[HTTP_CODINGS_MAX];
    size_t n = 0;
    bool known = true;
    while (n < facts->n_codings && n < out->limits->encoding_depth && known) {
        codings[n] = facts->codings[facts->n_codings - 1 - n];
        known = codings[n] != HTTP_CODING_UNKNOWN;
        n += known ? 1 : 0;
    }
    body->undecoded = n < facts->n_codings || facts->too_many_codings;
    if (body->undecoded) {
        http_emit_anomaly(out, known ? ANOMALY_ENCODING_TOO_DEEP : ANOMALY_ENCODING_UNKNOWN);
    }
    if (n == 0) {
        return;
    }
    body->codings = http_codings_new(out->limits, codings, n);
    if (body->codings == NULL) {
        body->dropped = true;
        body->dropped_for = LOST_MEMORY;
        return;
    }
    body->pieces.region.layers = layers_of(body, n);
}

void http_body_begin(struct http_body *body, struct http_out *out, const struct http_facts *facts,
                     enum http_framing framing, uint64_t length)
{
    bool request = out->dir == TO_SERVER;
    struct region region = {
        .kind = REGION_BODY,
        .field = request ? FIELD_HTTP_REQUEST_BODY : FIELD_HTTP_RESPONSE_BODY,
        .dir = out->dir,
        .body_type = facts->body_type,
        .boundary = span_of(facts->boundary, facts->boundary_len),
    };
    if (framing == HTTP_FRAMING_CHUNKED) {
        region.layers = encodings_with(region.layers, ENCODING_CHUNKED);
    }
    http_body_begin_raw(body, &region);
    body->framing = framing;
    body->framing_layers = region.layers;
    body->left = length;
    body->chunked = (struct chunked){0};
    body->lf_only = false;
    if (!request && out->limits->skip_responses != 0) {
        body->dropped = true;
        body->dropped_for = LOST_CONFIG;
        return;
    }
    begin_codings(body, out, facts);
}

static enum http_body_result take_length(struct http_body *body, struct http_out *out,
                                         struct span *in)
{
    size_t len = body->left < in->len ? (size_t)body->left : in->len;
    take_payload(body, out, span_head(*in, len));
    *in = span_from(*in, len);
    body->left -= len;
    return body->left == 0 ? HTTP_BODY_END : HTTP_BODY_MORE;
}

static void report_lf_only(struct http_body *body, struct http_out *out)
{
    if (body->chunked.lf_only && !body->lf_only) {
        body->lf_only = true;
        http_body_flush(body, out);
        http_emit_anomaly(out, ANOMALY_HTTP_LF_ONLY);
    }
}

static enum http_body_result take_chunked(struct http_body *body, struct http_out *out,
                                          struct span *in)
{
    for (;;) {
        struct span piece = {0};
        enum chunked_step step = chunked_next(&body->chunked, in, &piece);
        report_lf_only(body, out);
        if (step == CHUNKED_EXTENSION) {
            sbuf_add(&body->extension, piece);
            continue;
        }
        if (step != CHUNKED_MORE) {
            emit_extension(body, out, 0);
        }
        switch (step) {
        case CHUNKED_DATA:
            take_payload(body, out, piece);
            break;
        case CHUNKED_END:
            return HTTP_BODY_TRAILERS;
        case CHUNKED_BROKEN:
            return HTTP_BODY_BROKEN;
        case CHUNKED_MORE:
        case CHUNKED_EXTENSION:
            return HTTP_BODY_MORE;
        }
    }
}

enum http_body_result http_body_data(struct http_body *body, struct http_out *out, struct span *in)
{
    switch (body->framing) {
    case HTTP_FRAMING_NONE:
        return HTTP_BODY_END;
    case HTTP_FRAMING_LENGTH:
        return take_length(body, out, in);
    case HTTP_FRAMING_CHUNKED:
        return take_chunked(body, out, in);
    case HTTP_FRAMING_CLOSE:
        take_payload(body, out, *in);
        *in = (struct span){0};
        return HTTP_BODY_MORE;
    }
    return HTTP_BODY_END;
}

/* Whether the gap lies inside the body as far as its framing tells. */
static bool skip(struct http_body *body, uint64_t n_bytes)
{
    switch (body->framing) {
    case HTTP_FRAMING_NONE:
        return false;
    case HTTP_FRAMING_LENGTH:
        if (n_bytes >= body->left) {
            return false;
        }
        body->left -= n_bytes;
        return true;
    case HTTP_FRAMING_CHUNKED:
        return chunked_skip(&body->chunked, n_bytes);
    case HTTP_FRAMING_CLOSE:
        return true;
    }
    return false;
}

bool http_body_gap(struct http_body *body, struct http_out *out, uint64_t n_bytes)
{
    bool inside = skip(body, n_bytes);
    if (inside) {
        emit_extension(body, out, 0);
        finish_codings(body, out, true);
        http_body_flush(body, out);
        body->pieces.after_gap = true;
        if (body->codings != NULL && !body->dropped) {
            drop_rest(body, out, LOST_ENCODING, 0);
        }
    }
    return inside;
}
