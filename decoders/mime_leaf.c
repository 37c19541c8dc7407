/* mime_leaf: the contents of a part, decoded and given as one body.
 *
 * Text is EMAIL_BODY; what is an attachment, has a name, or is no text is FILE_DATA. The transfer
 * encodings are those of RFC 2045 section 6; contents without one go through without a copy.
 * base64 is read with anything else in between skipped. An encoding that is not known is given as
 * it stands and counted as not inspected. */
#include "decoders/mime_leaf.h"

#include "sensor/base/bytes.h"

enum {
    ESCAPE_REST = 2,          /* bytes behind '=' */
    SLICE = 12 << 10,         /* of encoded bytes at a time */
    DECODED_CAP = SLICE + 128 /* no decoding makes them more, but for a few held back before */
};

static bool is_escape_rest(uint8_t c)
{
    return byte_hex(c) >= 0 || c == '\r' || c == '\n';
}

static void lose(const struct mime_out *out, enum lost reason, uint64_t n_bytes)
{
    if (n_bytes > 0) {
        out->emit->ops->lost(out->emit->ctx, out->tx, reason, n_bytes);
    }
}

void mime_leaf_begin(struct mime_leaf *l, const struct mime_part *part, const struct mime_out *out)
{
    bool file =
        part != NULL && (part->attachment || part->name.len > 0 || part->media == MEDIA_OTHER);
    const struct encodings none = {0};
    l->field = file ? FIELD_FILE_DATA : FIELD_EMAIL_BODY;
    l->body_type = part != NULL ? part->body_type : BODY_TEXT;
    l->transfer = part != NULL ? part->transfer : TRANSFER_IDENTITY;
    l->layers = none;
    l->open = false;
    l->after_gap = false;
    l->realign = false;
    l->decoded.cap = DECODED_CAP;
    switch (l->transfer) {
    case TRANSFER_IDENTITY:
        break;
    case TRANSFER_BASE64:
        l->layers = encodings_with(none, ENCODING_BASE64);
        l->base64 = base64_start(BASE64_STANDARD);
        break;
    case TRANSFER_QP:
        l->layers = encodings_with(none, ENCODING_QUOTED_PRINTABLE);
        l->qp = qp_start();
        break;
    case TRANSFER_UNKNOWN:
        mime_anomaly(out, ANOMALY_ENCODING_UNKNOWN);
        break;
    }
}

static void give(struct mime_leaf *l, const struct mime_out *out, struct span bytes, unsigned flags)
{
    if (bytes.len == 0 && flags == 0) {
        return;
    }
    struct region piece = {
        .kind = REGION_BODY,
        .field = l->field,
        .bytes = bytes,
        .flags = flags,
        .layers = l->layers,
    };
    if (!l->open) {
        piece.flags |= REGION_FIRST;
        piece.body_type = l->body_type;
    }
    if (l->after_gap) {
        piece.flags |= REGION_AFTER_GAP;
    }
    l->open = true;
    l->after_gap = false;
    mime_region(out, piece);
}

static void give_decoded(struct mime_leaf *l, const struct mime_out *out)
{
    if (l->decoded.cut) {
        lose(out, LOST_MEMORY, 1);
    }
    give(l, out, sbuf_span(&l->decoded), 0);
    sbuf_reset(&l->decoded);
}

static void decode(struct mime_leaf *l, const struct mime_out *out, struct span bytes)
{
    while (bytes.len > 0) {
        struct span slice = span_head(bytes, SLICE);
        if (l->transfer == TRANSFER_BASE64) {
            base64_decode(&l->base64, slice, &l->decoded);
        } else {
            qp_decode(&l->qp, slice, &l->decoded);
        }
        give_decoded(l, out);
        bytes = span_from(bytes, slice.len);
    }
}

/* Behind a gap: what is left of a line of base64 cannot be read. */
static size_t skip_line(struct mime_leaf *l, struct span bytes)
{
    size_t lf = span_find_byte(bytes, 0, '\n');
    l->realign = lf == SPAN_NONE;
    return lf == SPAN_NONE ? bytes.len : lf;
}

/* Behind a gap: what may be the end of an "=3D" or of a soft line break. */
static size_t skip_escape(struct mime_leaf *l, struct span bytes)
{
    size_t n = 0;
    while (n < bytes.len && l->n_skipped < ESCAPE_REST && is_escape_rest(span_at(bytes, n))) {
        l->n_skipped++;
        n++;
    }
    l->realign = n == bytes.len;
    return n;
}

static struct span realign(struct mime_leaf *l, const struct mime_out *out, struct span bytes)
{
    size_t n = l->transfer == TRANSFER_BASE64 ? skip_line(l, bytes) : skip_escape(l, bytes);
    lose(out, LOST_GAP, n);
    return span_from(bytes, n);
}

void mime_leaf_data(struct mime_leaf *l, const struct mime_out *out, struct span bytes)
{
    if (l->realign) {
        bytes = realign(l, out, bytes);
    }
    switch (l->transfer) {
    case TRANSFER_UNKNOWN:
        lose(out, LOST_ENCODING, bytes.len);
        give(l, out, bytes, 0);
        break;
    case TRANSFER_IDENTITY:
        give(l, out, bytes, 0);
        break;
    case TRANSFER_BASE64:
    case TRANSFER_QP:
        decode(l, out, bytes);
        break;
    }
}

/* What the decoder holds back. */
static void finish(struct mime_leaf *l, const struct mime_out *out)
{
    switch (l->transfer) {
    case TRANSFER_UNKNOWN:
    case TRANSFER_IDENTITY:
        break;
    case TRANSFER_BASE64:
        base64_finish(&l->base64, &l->decoded);
        give_decoded(l, out);
        if (l->base64.n_junk > 0) {
            mime_anomaly(out, ANOMALY_MIME_BAD_BASE64);
        }
        l->base64 = base64_start(BASE64_STANDARD);
        break;
    case TRANSFER_QP:
        qp_finish(&l->qp, &l->decoded);
        give_decoded(l, out);
        l->qp = qp_start();
        break;
    }
}

void mime_leaf_gap(struct mime_leaf *l, const struct mime_out *out)
{
    finish(l, out);
    l->after_gap = true;
    l->realign = l->transfer == TRANSFER_BASE64 || l->transfer == TRANSFER_QP;
    l->n_skipped = 0;
}

void mime_leaf_end(struct mime_leaf *l, const struct mime_out *out, bool cut)
{
    finish(l, out);
    if (l->open) {
        give(l, out, (struct span){NULL, 0}, REGION_LAST | (cut ? REGION_CUT : 0U));
    }
    l->open = false;
}

void mime_leaf_free(struct mime_leaf *l)
{
    sbuf_free(&l->decoded);
}
