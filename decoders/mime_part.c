/* mime_part: Content-Type (RFC 2045, 2046), Content-Transfer-Encoding and Content-Disposition
 * (RFC 2183): what they say of a part.
 *
 * Of several headers of a kind the first counts, as for most readers, but a multipart with a
 * boundary counts wherever it stands: its parts would be missed otherwise. A type that is no type
 * leaves the default, text. */
#include "decoders/mime_part.h"

#include "decoders/mime_levels.h"
#include "sensor/base/bytes.h"
#include "sensor/codec/mimeparam.h"

static const struct span param_boundary = SPAN_LITERAL("boundary");
static const struct span param_charset = SPAN_LITERAL("charset");
static const struct span attachment = SPAN_LITERAL("attachment");
static const struct span multipart = SPAN_LITERAL("multipart");
static const struct span digest = SPAN_LITERAL("digest");

struct type_row {
    struct span type;
    struct span subtype; /* empty: any; a '+' in front: what it ends with */
    enum mime_media media;
    enum body_type body_type;
};

/* The first row that fits. */
static const struct type_row types[] = {
    {SPAN_LITERAL("multipart"), SPAN_LITERAL(""), MEDIA_MULTIPART, BODY_TEXT},
    {SPAN_LITERAL("message"), SPAN_LITERAL("rfc822"), MEDIA_MESSAGE, BODY_TEXT},
    {SPAN_LITERAL("message"), SPAN_LITERAL("global"), MEDIA_MESSAGE, BODY_TEXT},
    {SPAN_LITERAL("message"), SPAN_LITERAL("news"), MEDIA_MESSAGE, BODY_TEXT},
    {SPAN_LITERAL("message"), SPAN_LITERAL(""), MEDIA_TEXT, BODY_TEXT},
    {SPAN_LITERAL("text"), SPAN_LITERAL("html"), MEDIA_TEXT, BODY_XML},
    {SPAN_LITERAL("text"), SPAN_LITERAL("xml"), MEDIA_TEXT, BODY_XML},
    {SPAN_LITERAL("text"), SPAN_LITERAL("json"), MEDIA_TEXT, BODY_JSON},
    {SPAN_LITERAL("text"), SPAN_LITERAL(""), MEDIA_TEXT, BODY_TEXT},
    {SPAN_LITERAL("application"), SPAN_LITERAL("xml"), MEDIA_OTHER, BODY_XML},
    {SPAN_LITERAL("application"), SPAN_LITERAL("json"), MEDIA_OTHER, BODY_JSON},
    {SPAN_LITERAL("application"), SPAN_LITERAL("x-www-form-urlencoded"), MEDIA_OTHER, BODY_FORM},
    {SPAN_LITERAL(""), SPAN_LITERAL("+xml"), MEDIA_OTHER, BODY_XML},
    {SPAN_LITERAL(""), SPAN_LITERAL("+json"), MEDIA_OTHER, BODY_JSON},
    {SPAN_LITERAL("image"), SPAN_LITERAL(""), MEDIA_OTHER, BODY_BINARY},
    {SPAN_LITERAL("audio"), SPAN_LITERAL(""), MEDIA_OTHER, BODY_BINARY},
    {SPAN_LITERAL("video"), SPAN_LITERAL(""), MEDIA_OTHER, BODY_BINARY},
    {SPAN_LITERAL(""), SPAN_LITERAL(""), MEDIA_OTHER, BODY_UNKNOWN},
};

struct transfer_row {
    struct span name;
    enum mime_transfer transfer;
};

static const struct transfer_row transfers[] = {
    {SPAN_LITERAL("7bit"), TRANSFER_IDENTITY},
    {SPAN_LITERAL("8bit"), TRANSFER_IDENTITY},
    {SPAN_LITERAL("binary"), TRANSFER_IDENTITY},
    {SPAN_LITERAL("base64"), TRANSFER_BASE64},
    {SPAN_LITERAL("quoted-printable"), TRANSFER_QP},
    {SPAN_LITERAL("x-uuencode"), TRANSFER_IDENTITY}, /* its text says so itself */
    {SPAN_LITERAL("uuencode"), TRANSFER_IDENTITY},
    {SPAN_LITERAL("x-uue"), TRANSFER_IDENTITY},
    {SPAN_LITERAL("x-yenc"), TRANSFER_IDENTITY},
};

void mime_part_start(struct mime_part *p, bool in_digest, size_t name_cap)
{
    p->media = in_digest ? MEDIA_MESSAGE : MEDIA_TEXT;
    p->body_type = BODY_TEXT;
    p->transfer = TRANSFER_IDENTITY;
    p->digest = false;
    p->attachment = false;
    p->have_type = false;
    p->have_transfer = false;
    p->named_by_disposition = false;
    p->name.cap = name_cap;
    p->boundary.cap = BOUNDARY_MAX;
    p->charset.cap = CHARSET_MAX;
    sbuf_reset(&p->name);
    sbuf_reset(&p->boundary);
    sbuf_reset(&p->charset);
}

void mime_part_free(struct mime_part *p)
{
    sbuf_free(&p->name);
    sbuf_free(&p->boundary);
    sbuf_free(&p->charset);
}

static bool ends_nocase(struct span s, struct span with)
{
    return s.len >= with.len && span_equal_nocase(span_from(s, s.len - with.len), with);
}

static bool fits(const struct type_row *row, struct span type, struct span subtype)
{
    if (row->type.len > 0 && !span_equal_nocase(row->type, type)) {
        return false;
    }
    if (span_at(row->subtype, 0) == '+') {
        return ends_nocase(subtype, row->subtype);
    }
    return row->subtype.len == 0 || span_equal_nocase(row->subtype, subtype);
}

/* A parameter's text. Blanks at its end do not count: they may be padding. */
static void keep_param(struct span value, struct span name, struct sbuf *to)
{
    struct sbuf scratch = sbuf_with_cap(value.len * 3);
    struct span text;
    sbuf_reset(to);
    if (mimeparam_find(value, name, &scratch, &text) != MIMEPARAM_NONE) {
        sbuf_add(to, span_trim(text));
    }
    sbuf_free(&scratch);
}

void mime_part_type(struct mime_part *p, struct span value)
{
    struct span subtype = mimeparam_main(value);
    struct span type = span_trim(span_split(&subtype, '/'));
    subtype = span_trim(subtype);
    bool is_multipart = span_equal_nocase(type, multipart);
    if (subtype.len == 0 || (p->have_type && (!is_multipart || p->media == MEDIA_MULTIPART))) {
        return;
    }
    struct sbuf boundary = sbuf_with_cap(BOUNDARY_MAX);
    keep_param(value, param_boundary, &boundary);
    bool counts = !p->have_type || boundary.len > 0;
    for (size_t i = 0; counts && i < ARRAY_LEN(types); i++) {
        if (fits(&types[i], type, subtype)) {
            p->media = types[i].media;
            p->body_type = types[i].body_type;
            p->digest = is_multipart && span_equal_nocase(subtype, digest);
            p->have_type = true;
            sbuf_reset(&p->boundary);
            sbuf_add(&p->boundary, sbuf_span(&boundary));
            keep_param(value, param_charset, &p->charset);
            break;
        }
    }
    sbuf_free(&boundary);
}

void mime_part_transfer(struct mime_part *p, struct span value)
{
    struct span name = mimeparam_main(value);
    if (p->have_transfer || name.len == 0) {
        return;
    }
    p->have_transfer = true;
    p->transfer = TRANSFER_UNKNOWN;
    for (size_t i = 0; i < ARRAY_LEN(transfers); i++) {
        if (span_equal_nocase(name, transfers[i].name)) {
            p->transfer = transfers[i].transfer;
        }
    }
}

void mime_part_disposition(struct mime_part *p, struct span value)
{
    p->attachment = p->attachment || span_equal_nocase(mimeparam_main(value), attachment);
}

void mime_part_name(struct mime_part *p, struct span name, bool by_disposition)
{
    if (p->name.len == 0 || (by_disposition && !p->named_by_disposition)) {
        sbuf_reset(&p->name);
        sbuf_add(&p->name, name);
        p->named_by_disposition = by_disposition;
    }
}
