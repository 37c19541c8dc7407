/* mime_fields: the fields of a mail's head, RFC 5322 section 3.6, RFC 2047, RFC 2183, RFC 2231.
 *
 * Each header is given unfolded and with its encoded words decoded; where that changes it, it is
 * given once more as it stands. From, To, Subject … of a mail are fields of their own; all other
 * headers, and all of a part, are EMAIL_HEADER with their name. Those of a mail inside the mail are
 * inspected, but the events show the outer one. Names of attachments come from Content-Disposition
 * and Content-Type, in either of the two ways of writing them.
 *
 * Values longer than limits.line_bytes are decoded up to there only; as they stand they are always
 * whole. Comments and the inside of addresses are left as they are. */
#include "decoders/mime_fields.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/mimeparam.h"
#include "sensor/codec/words.h"

enum { ITEM_MAX = 128 };

static const struct span word_opener = SPAN_LITERAL("=?");
static const struct span word_closer = SPAN_LITERAL("?=");
static const struct span content_type = SPAN_LITERAL("content-type");
static const struct span content_transfer = SPAN_LITERAL("content-transfer-encoding");
static const struct span content_disposition = SPAN_LITERAL("content-disposition");
static const struct span param_name = SPAN_LITERAL("name");
static const struct span param_filename = SPAN_LITERAL("filename");

struct named_field {
    struct span name;
    enum field_id id;
};

static const struct named_field own_fields[] = {
    {SPAN_LITERAL("subject"), FIELD_EMAIL_SUBJECT},
    {SPAN_LITERAL("from"), FIELD_EMAIL_FROM},
    {SPAN_LITERAL("to"), FIELD_EMAIL_TO},
    {SPAN_LITERAL("cc"), FIELD_EMAIL_CC},
    {SPAN_LITERAL("date"), FIELD_EMAIL_DATE},
    {SPAN_LITERAL("message-id"), FIELD_EMAIL_MESSAGE_ID},
    {SPAN_LITERAL("x-mailer"), FIELD_EMAIL_X_MAILER},
    {SPAN_LITERAL("user-agent"), FIELD_EMAIL_X_MAILER},
    {SPAN_LITERAL("received"), FIELD_EMAIL_RECEIVED},
};

/* RFC 5322 section 2.2: printable, no blank, no colon; blanks before the colon are obsolete and
 * allowed. */
size_t mime_header_name(struct span line)
{
    size_t len = 0;
    while (span_at(line, len) > ' ' && span_at(line, len) < 0x7f && span_at(line, len) != ':') {
        len++;
    }
    size_t colon = len;
    while (span_at(line, colon) == ' ' || span_at(line, colon) == '\t') {
        colon++;
    }
    return span_at(line, colon) == ':' ? len : 0;
}

enum field_id mime_header_field(const struct mime_head *h, struct span name)
{
    if (h->of != HEAD_OF_PART) {
        for (size_t i = 0; i < ARRAY_LEN(own_fields); i++) {
            if (span_equal_nocase(name, own_fields[i].name)) {
                return own_fields[i].id;
            }
        }
    }
    return FIELD_EMAIL_HEADER;
}

/* Without the line ends before continuation lines. */
static void unfold(struct span value, struct sbuf *out)
{
    while (value.len > 0) {
        bool folded = span_find_byte(value, 0, '\n') != SPAN_NONE;
        struct span line = span_split(&value, '\n');
        bool cr = folded && span_at(line, line.len - 1) == '\r';
        sbuf_add(out, span_head(line, line.len - (cr ? 1 : 0)));
    }
}

/* Where the encoded word that begins at `opener` ends; SPAN_NONE: it does not. */
static size_t word_end(struct span value, size_t opener)
{
    size_t off = opener + word_opener.len;
    for (unsigned mark = 0; mark < 2; mark++) { /* behind the charset, behind the encoding */
        off = span_find_byte(value, off, '?');
        if (off == SPAN_NONE) {
            return SPAN_NONE;
        }
        off++;
    }
    size_t closer = span_find(value, off, word_closer);
    return closer == SPAN_NONE ? SPAN_NONE : closer + word_closer.len;
}

/* Of a value that was cut: without an encoded word that has no end. */
static struct span without_half_word(struct span value)
{
    size_t end = 0;
    size_t opener = span_find(value, 0, word_opener);
    while (opener != SPAN_NONE) {
        end = word_end(value, opener);
        if (end == SPAN_NONE) {
            return span_trim(span_head(value, opener));
        }
        opener = span_find(value, end, word_opener);
    }
    bool half_opener = value.len > end && span_at(value, value.len - 1) == '=';
    return span_trim(span_head(value, value.len - (half_opener ? 1 : 0)));
}

/* Unfolds and decodes; false when the value is what it was. The result lives until the next call.
 */
static bool decode(struct mime_head *h, struct field *field)
{
    struct span raw = field->value;
    bool changed = span_find_byte(raw, 0, '\n') != SPAN_NONE;
    sbuf_reset(&h->unfolded);
    sbuf_reset(&h->decoded);
    if (changed) {
        unfold(raw, &h->unfolded);
        field->value = sbuf_span(&h->unfolded);
    }
    bool words = span_find(raw, 0, word_opener) != SPAN_NONE;
    if (words && (field->flags & FIELD_CUT) != 0) {
        field->value = without_half_word(field->value);
        changed = true;
    }
    if (words && words_decode(field->value, &h->decoded) > 0) {
        field->value = sbuf_span(&h->decoded);
        field->layers = encodings_with(field->layers, ENCODING_RFC2047);
        changed = true;
    }
    field->flags |= h->unfolded.cut || h->decoded.cut ? (unsigned)FIELD_TRUNCATED : 0U;
    return changed;
}

/* Gives a value decoded, and where that changed it as it stands, too. */
static void give_value(struct mime_head *h, const struct mime_out *out, struct field field)
{
    struct field decoded = field;
    bool changed = decode(h, &decoded);
    if (decoded.value.len > 0) {
        mime_field(out, decoded);
    }
    if (changed && (field.flags & FIELD_REPEATED) == 0) {
        field.flags |= FIELD_UNKEPT;
        mime_field(out, field);
    }
}

/* A header taken apart. */
struct header {
    struct span name;
    struct span value; /* without blanks around it, still folded */
    unsigned flags;    /* for its fields */
};

static void give_header(struct mime_head *h, const struct mime_out *out,
                        const struct header *header)
{
    uint8_t lower[ITEM_MAX];
    struct field field = {
        .id = mime_header_field(h, header->name),
        .value = header->value,
        .flags = header->flags,
    };
    if (field.id == FIELD_EMAIL_HEADER) {
        struct span name = span_head(header->name, sizeof(lower));
        for (size_t i = 0; i < name.len; i++) {
            lower[i] = byte_lower(span_at(name, i));
        }
        field.item = span_of(lower, name.len);
    }
    if (h->of == HEAD_OF_MESSAGE) {
        field.flags |= FIELD_UNKEPT;
    }
    if (field.value.len > 0) {
        give_value(h, out, field);
    }
}

/* The name of a file, in one of the ways it was written. */
static void give_name(struct mime_head *h, const struct mime_out *out, const struct header *header,
                      struct span text, enum mimeparam_form form)
{
    struct field field = {.id = FIELD_FILE_NAME, .value = text, .flags = header->flags};
    bool by_disposition = span_equal_nocase(header->name, content_disposition);
    if (text.len == 0) {
        return;
    }
    if (form == MIMEPARAM_EXTENDED) {
        field.layers = encodings_with(field.layers, ENCODING_RFC2231);
    }
    sbuf_reset(&h->decoded);
    if (span_find(text, 0, word_opener) != SPAN_NONE && words_decode(text, &h->decoded) > 0) {
        struct field decoded = field;
        decoded.value = sbuf_span(&h->decoded);
        decoded.layers = encodings_with(field.layers, ENCODING_RFC2047);
        mime_part_name(h->part, decoded.value, by_disposition);
        mime_field(out, decoded);
        if ((field.flags & FIELD_REPEATED) != 0) {
            return;
        }
        field.flags |= FIELD_UNKEPT;
    } else {
        mime_part_name(h->part, text, by_disposition);
    }
    mime_field(out, field);
}

/* Both ways of writing it may be there, and readers differ in which they take. */
static void give_names(struct mime_head *h, const struct mime_out *out, const struct header *header,
                       struct span param)
{
    struct span text;
    if ((header->flags & FIELD_CUT) != 0) {
        return; /* half of an escape may be all there is */
    }
    sbuf_reset(&h->unfolded);
    enum mimeparam_form form = mimeparam_extended(header->value, param, &h->unfolded, &text);
    if (form != MIMEPARAM_NONE) {
        give_name(h, out, header, text, form);
    }
    form = mimeparam_plain(header->value, param, &h->unfolded, &text);
    if (form != MIMEPARAM_NONE) {
        give_name(h, out, header, text, form);
    }
}

/* What a header says of its part. */
static void read_header(struct mime_head *h, const struct mime_out *out,
                        const struct header *header)
{
    if (span_equal_nocase(header->name, content_type)) {
        mime_part_type(h->part, header->value);
        give_names(h, out, header, param_name);
    } else if (span_equal_nocase(header->name, content_disposition)) {
        mime_part_disposition(h->part, header->value);
        give_names(h, out, header, param_filename);
    } else if (span_equal_nocase(header->name, content_transfer)) {
        mime_part_transfer(h->part, header->value);
    }
}

/* Names and values of all lines that belong to one header. */
static struct header parse(struct span text, unsigned flags)
{
    size_t len = mime_header_name(text);
    struct span value = text;
    (void)span_split(&value, ':');
    return (struct header){.name = span_head(text, len), .value = span_trim(value), .flags = flags};
}

/* Where the header that begins at `start` ends. */
static size_t header_end(struct span block, size_t start)
{
    size_t lf = span_find_byte(block, start, '\n');
    while (lf != SPAN_NONE && (span_at(block, lf + 1) == ' ' || span_at(block, lf + 1) == '\t')) {
        lf = span_find_byte(block, lf + 1, '\n');
    }
    return lf == SPAN_NONE ? block.len : lf + 1;
}

void mime_fields_give(struct mime_head *h, const struct mime_out *out, struct span block, bool cut)
{
    if (block.len == 0) {
        return;
    }
    const struct region region = {.kind = REGION_HEAD, .field = FIELD_EMAIL_HEADER, .bytes = block};
    mime_region(out, region);
    for (size_t start = 0; start < block.len;) {
        size_t end = header_end(block, start);
        bool last = end == block.len;
        const struct header header =
            parse(span_sub(block, start, end - start), last && cut ? FIELD_CUT : 0);
        if (header.value.len > h->limits->line_bytes) {
            mime_anomaly(out, ANOMALY_MIME_HEADER_TOO_LONG);
        }
        if (header.name.len > 0) {
            read_header(h, out, &header);
            give_header(h, out, &header);
        }
        start = end;
    }
    const struct field whole = {
        .id = FIELD_EMAIL_HEADER, .value = block, .flags = cut ? FIELD_CUT : 0};
    mime_field(out, whole);
}

void mime_fields_give_start(struct mime_head *h, const struct mime_out *out, struct span header)
{
    const struct header start =
        parse(span_head(header, h->limits->line_bytes), FIELD_TRUNCATED | FIELD_REPEATED);
    read_header(h, out, &start);
    if (h->of != HEAD_OF_MESSAGE) {
        give_header(h, out, &start);
    }
}
