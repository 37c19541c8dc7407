/* mime_leaf: the contents of a part, decoded and given as one body.
 *
 * Text is EMAIL_BODY; what is an attachment, has a name, or is no text is FILE_DATA. The transfer
 * encodings are those of RFC 2045 section 6; contents without one go through without a copy.
 * base64 is read with anything else in between skipped. An encoding that is not known is given as
 * it stands and counted as not inspected. Text in a charset where ASCII is not itself is put into
 * UTF-8. */
#include "decoders/mime_leaf.h"

#include "sensor/base/bytes.h"

enum {
    ESCAPE_DIGITS = 2,
    SLICE = 12 << 10,          /* of encoded bytes at a time */
    DECODED_CAP = SLICE + 128, /* no decoding makes them more, but for a few held back before */
    CONVERTED_CAP = 3 * (DECODED_CAP + CHARSET_HEAD),
};

static void lose(const struct mime_out *out, enum lost reason, uint64_t n_bytes)
{
    if (n_bytes > 0) {
        out->emit->ops->lost(out->emit->ctx, out->tx, reason, n_bytes);
    }
}

static void begin_transfer(struct mime_leaf *l, const struct mime_out *out)
{
    const struct encodings none = {0};
    switch (l->transfer) {
    case TRANSFER_IDENTITY:
        break;
    case TRANSFER_BASE64:
        l->body.layers = encodings_with(none, ENCODING_BASE64);
        l->base64 = base64_start(BASE64_STANDARD);
        break;
    case TRANSFER_QP:
        l->body.layers = encodings_with(none, ENCODING_QUOTED_PRINTABLE);
        l->qp = qp_start();
        break;
    case TRANSFER_UNKNOWN:
        mime_anomaly(out, ANOMALY_ENCODING_UNKNOWN);
        break;
    }
}

void mime_leaf_begin(struct mime_leaf *l, const struct mime_part *part, const struct mime_out *out)
{
    bool file =
        part != NULL && (part->attachment || part->name.len > 0 || part->media == MEDIA_OTHER);
    l->open = true;
    l->begun = false;
    l->is_text = !file;
    l->body = mime_body_begin(file ? FIELD_FILE_DATA : FIELD_EMAIL_BODY,
                              part != NULL ? part->body_type : BODY_TEXT);
    l->transfer = part != NULL ? part->transfer : TRANSFER_IDENTITY;
    l->realign = false;
    l->raw_line = false;
    l->diverted = NULL;
    l->decoded.cap = DECODED_CAP;
    l->converted.cap = CONVERTED_CAP;
    begin_transfer(l, out);
    struct span charset = part != NULL ? sbuf_span(&part->charset) : (struct span){NULL, 0};
    bool known = charset_stream_open(&l->charset, charset);
    if (!known && l->is_text && l->transfer == TRANSFER_BASE64) {
        charset_stream_sniff(&l->charset);
    }
}

void mime_leaf_divert(struct mime_leaf *l, struct sbuf *to)
{
    l->diverted = to;
}

static struct encodings with_charset(const struct charset_stream *c, struct encodings layers)
{
    bool none = c->utf16 == UTF16_IS_NONE || c->utf16 == UTF16_IS_UNKNOWN;
    switch (c->kind) {
    case CHARSET_UTF16:
        return none ? layers : encodings_with(layers, ENCODING_UTF16);
    case CHARSET_UTF7:
        return encodings_with(layers, ENCODING_UTF7);
    case CHARSET_SHIFTED:
    case CHARSET_ASCII_LIKE:
        break;
    }
    return layers;
}

/* The last of the steps. */
static void give(struct mime_leaf *l, const struct mime_out *out, struct span bytes)
{
    if (l->diverted != NULL) {
        (void)sbuf_add(l->diverted, bytes);
        return;
    }
    if (bytes.len == 0) {
        return;
    }
    if (!l->begun) {
        l->begun = true;
        l->body.layers = with_charset(&l->charset, l->body.layers);
        mime_text_begin(&l->text, &l->body);
    }
    if (l->is_text) {
        mime_text_data(&l->text, out, bytes);
    } else {
        mime_body_give(&l->body, out, bytes);
    }
}

static void give_converted(struct mime_leaf *l, const struct mime_out *out)
{
    lose(out, LOST_MEMORY, l->converted.cut ? 1 : 0);
    give(l, out, sbuf_span(&l->converted));
    sbuf_reset(&l->converted);
}

/* What comes next is not joined to what came before. */
static void part_pieces(struct mime_leaf *l, const struct mime_out *out)
{
    l->body.after_gap = true;
    if (l->begun && l->is_text) {
        mime_text_gap(&l->text, out);
    }
}

/* Behind a gap in a charset with alphabets: the rest of the line as it stands. */
static struct span give_raw_line(struct mime_leaf *l, const struct mime_out *out, struct span bytes)
{
    size_t lf = span_find_byte(bytes, 0, '\n');
    struct span line = span_head(bytes, lf == SPAN_NONE ? bytes.len : lf + 1);
    give(l, out, line);
    if (lf != SPAN_NONE) {
        l->raw_line = false;
        part_pieces(l, out);
    }
    return span_from(bytes, line.len);
}

/* Behind the transfer encoding: the charset. */
static void convert(struct mime_leaf *l, const struct mime_out *out, struct span bytes)
{
    if (l->charset.kind == CHARSET_ASCII_LIKE) {
        give(l, out, bytes);
        return;
    }
    if (l->raw_line) {
        bytes = give_raw_line(l, out, bytes);
    }
    while (bytes.len > 0) {
        struct span slice = span_head(bytes, DECODED_CAP);
        charset_stream_add(&l->charset, slice, &l->converted);
        give_converted(l, out);
        bytes = span_from(bytes, slice.len);
    }
}

static void convert_decoded(struct mime_leaf *l, const struct mime_out *out)
{
    lose(out, LOST_MEMORY, l->decoded.cut ? 1 : 0);
    convert(l, out, sbuf_span(&l->decoded));
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
        convert_decoded(l, out);
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
    while (n < bytes.len && l->realign) {
        uint8_t c = span_at(bytes, n);
        bool digit = byte_hex(c) >= 0 && l->n_digits < ESCAPE_DIGITS;
        l->n_digits += digit ? 1 : 0;
        l->realign = digit || c == ' ' || c == '\t' || c == '\r';
        n += l->realign || c == '\n' ? 1 : 0;
    }
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
        convert(l, out, bytes);
        break;
    case TRANSFER_IDENTITY:
        convert(l, out, bytes);
        break;
    case TRANSFER_BASE64:
    case TRANSFER_QP:
        decode(l, out, bytes);
        break;
    }
}

/* What the transfer decoder holds back; when cut, half an escape is nothing. */
static void finish_transfer(struct mime_leaf *l, const struct mime_out *out, bool cut)
{
    switch (l->transfer) {
    case TRANSFER_UNKNOWN:
    case TRANSFER_IDENTITY:
        break;
    case TRANSFER_BASE64:
        base64_finish(&l->base64, &l->decoded);
        l->bad_base64 = l->bad_base64 || l->base64.n_junk > 0;
        l->base64 = base64_start(BASE64_STANDARD);
        break;
    case TRANSFER_QP:
        if (!cut) {
            qp_finish(&l->qp, &l->decoded);
        }
        l->qp = qp_start();
        break;
    }
    convert_decoded(l, out);
}

void mime_leaf_gap(struct mime_leaf *l, const struct mime_out *out)
{
    finish_transfer(l, out, true);
    charset_stream_gap(&l->charset, &l->converted);
    give_converted(l, out);
    part_pieces(l, out);
    l->raw_line = l->charset.kind == CHARSET_UTF7 || l->charset.kind == CHARSET_SHIFTED;
    l->realign = l->transfer == TRANSFER_BASE64 || l->transfer == TRANSFER_QP;
    l->n_digits = 0;
}

void mime_leaf_end(struct mime_leaf *l, const struct mime_out *out, bool cut)
{
    if (!l->open) {
        return;
    }
    finish_transfer(l, out, cut);
    charset_stream_finish(&l->charset, &l->converted);
    give_converted(l, out);
    if (l->begun && l->is_text) {
        mime_text_end(&l->text, out, cut);
    } else {
        mime_body_end(&l->body, out, cut);
    }
    l->open = false;
}

void mime_leaf_free(struct mime_leaf *l)
{
    mime_text_free(&l->text);
    sbuf_free(&l->decoded);
    sbuf_free(&l->converted);
    l->open = false;
}
