/* http_out: the few ways in which the HTTP decoder emits. */
#include "decoders/http_out.h"

/* What a direction keeps for the next message; more is given back. */
enum { KEPT_ROOM = 2048 };

void http_out_init(struct http_out *out, enum direction dir, const struct decoder_limits *limits)
{
    *out = (struct http_out){
        .limits = limits,
        .dir = dir,
        .name = sbuf_with_cap(limits->line_bytes),
        .folded = sbuf_with_cap(limits->line_bytes),
        .decoded = sbuf_with_cap(limits->line_bytes),
    };
}

void http_out_free(struct http_out *out)
{
    sbuf_free(&out->name);
    sbuf_free(&out->folded);
    sbuf_free(&out->decoded);
}

static void trim(struct sbuf *b)
{
    if (b->room > KEPT_ROOM) {
        sbuf_free(b);
    }
}

void http_out_trim(struct http_out *out)
{
    trim(&out->name);
    trim(&out->folded);
    trim(&out->decoded);
}

void http_emit_field(struct http_out *out, enum field_id id, struct span value)
{
    const struct field field = {.id = id, .value = value, .dir = out->dir};
    if (!out->quiet) {
        out->emit->ops->field(out->emit->ctx, out->tx, &field);
    }
}

void http_emit_anomaly(struct http_out *out, enum anomaly anomaly)
{
    out->emit->ops->anomaly(out->emit->ctx, out->tx, out->dir, anomaly);
}

void http_emit_lost(struct http_out *out, enum lost reason, uint64_t n_bytes)
{
    if (n_bytes > 0) {
        out->emit->ops->lost(out->emit->ctx, out->tx, reason, n_bytes);
    }
}

bool http_emit_head(struct http_out *out, enum field_id field, struct span bytes, unsigned flags)
{
    const struct region region = {
        .kind = REGION_HEAD, .field = field, .dir = out->dir, .bytes = bytes, .flags = flags};
    return out->emit->ops->region(out->emit->ctx, out->tx, &region);
}
