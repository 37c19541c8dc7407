/* mime_text: plain text and the files that stand in it, uuencoded or in yEnc.
 *
 * The first line of such a file ("begin 644 NAME", "=ybegin … name=NAME") gives its name. The
 * uuencoded lines that follow are a file of their own; the first one that is not of that kind is
 * text again, so that text cannot hide behind a name. A yEnc line has no such marks: there the
 * lines stay text, and what they decode to is given as well, up to YENC_CAP bytes, behind the text.
 *
 * Text goes through without a copy. Only lines that begin with 'b' or '=' are looked at as lines.
 */
#include "decoders/mime_text.h"

#include "sensor/codec/uuencode.h"
#include "sensor/codec/yenc.h"

enum { LINE_CAP = 1024, YENC_CAP = 64 << 10 };

static const struct span eol_crlf = SPAN_LITERAL("\r\n");
static const struct span eol_lf = SPAN_LITERAL("\n");

void mime_text_begin(struct mime_text *t, const struct mime_body *body)
{
    t->body = *body;
    t->line.held.cap = LINE_CAP;
    t->line.given = false;
    t->line.is_long = false;
    sbuf_reset(&t->line.held);
    t->decoded.cap = LINE_CAP;
    t->yenc.cap = YENC_CAP;
    sbuf_reset(&t->yenc);
    t->at_line_start = true;
    t->in_line = false;
    t->in_file = false;
    t->in_yenc = false;
    t->fragment = false;
}

void mime_text_free(struct mime_text *t)
{
    line_free(&t->line);
    sbuf_free(&t->decoded);
    sbuf_free(&t->yenc);
}

static void lose(const struct mime_out *out, enum lost reason, uint64_t n_bytes)
{
    if (n_bytes > 0) {
        out->emit->ops->lost(out->emit->ctx, out->tx, reason, n_bytes);
    }
}

static void give_name(const struct mime_out *out, struct span name, enum encoding encoding)
{
    const struct encodings none = {0};
    const struct field found = {
        .id = FIELD_FILE_NAME, .value = name, .layers = encodings_with(none, encoding)};
    const struct field told = {
        .id = FIELD_EMAIL_ATTACHMENT, .value = name, .flags = FIELD_REPEATED};
    mime_field(out, found);
    mime_field(out, told);
}

static void begin_file(struct mime_text *t, const struct mime_out *out, struct span name)
{
    mime_body_end(&t->body, out, false);
    give_name(out, name, ENCODING_UUENCODE);
    t->file = mime_body_begin(FIELD_FILE_DATA, BODY_UNKNOWN);
    t->file.layers = encodings_with(t->body.layers, ENCODING_UUENCODE);
    t->in_file = true;
}

static void end_file(struct mime_text *t, const struct mime_out *out, bool cut)
{
    if (t->in_file) {
        mime_body_end(&t->file, out, cut);
        t->in_file = false;
    }
}

static void give_text_line(struct mime_text *t, const struct mime_out *out,
                           const struct line_found *found)
{
    mime_body_give(&t->body, out, found->bytes);
    if (found->part == LINE_WHOLE) {
        mime_body_give(&t->body, out, found->bare_lf ? eol_lf : eol_crlf);
    } else if (found->part == LINE_TAIL) {
        mime_body_give(&t->body, out, eol_lf); /* a CR before it is in the piece */
    }
}

static void read_yenc(struct mime_text *t, const struct mime_out *out, struct span line)
{
    if (yenc_ends(line)) {
        t->in_yenc = false;
        return;
    }
    size_t left = t->yenc.cap - t->yenc.len;
    yenc_line(line, &t->yenc);
    lose(out, LOST_CAP, line.len > left ? line.len - left : 0);
}

/* A line of the file at hand; false when it is none, and the file has ended. */
static bool read_file_line(struct mime_text *t, const struct mime_out *out, struct span line)
{
    if (t->fragment) {
        lose(out, LOST_GAP, line.len);
        return true;
    }
    sbuf_reset(&t->decoded);
    if (line.len > 0 && !uuencode_line(line, &t->decoded)) {
        end_file(t, out, false);
        return span_equal(line, SPAN("end"));
    }
    mime_body_give(&t->file, out, sbuf_span(&t->decoded));
    return true;
}

static void read_line(struct mime_text *t, const struct mime_out *out,
                      const struct line_found *found)
{
    struct span name;
    if (found->part != LINE_WHOLE) {
        end_file(t, out, false);
        give_text_line(t, out, found);
    } else if (t->in_file) {
        if (!read_file_line(t, out, found->bytes)) {
            give_text_line(t, out, found);
        }
    } else if (!t->in_yenc && uuencode_begins(found->bytes, &name)) {
        begin_file(t, out, name);
    } else if (!t->in_yenc && yenc_begins(found->bytes, &name)) {
        give_name(out, name, ENCODING_YENC);
        t->in_yenc = true;
        give_text_line(t, out, found);
    } else {
        if (t->in_yenc) {
            read_yenc(t, out, found->bytes);
        }
        give_text_line(t, out, found);
    }
}

static void take_line(struct mime_text *t, const struct mime_out *out, struct span *rest)
{
    const struct line_found found = line_take(&t->line, rest);
    t->in_line = found.part == LINE_NONE || found.part == LINE_PIECE;
    if (found.part != LINE_NONE) {
        read_line(t, out, &found);
    }
    if (!t->in_line) {
        t->fragment = false;
        t->at_line_start = true;
    }
}

/* Text up to the next line that has to be looked at. */
static void take_text(struct mime_text *t, const struct mime_out *out, struct span *rest)
{
    size_t off = 0;
    size_t lf = span_find_byte(*rest, 0, '\n');
    while (lf != SPAN_NONE) {
        off = lf + 1;
        uint8_t c = span_at(*rest, off);
        if (c == 'b' || c == '=') {
            break;
        }
        lf = span_find_byte(*rest, off, '\n');
    }
    size_t len = lf == SPAN_NONE ? rest->len : off;
    t->at_line_start = span_at(*rest, len - 1) == '\n';
    mime_body_give(&t->body, out, span_head(*rest, len));
    *rest = span_from(*rest, len);
}

void mime_text_data(struct mime_text *t, const struct mime_out *out, struct span bytes)
{
    while (bytes.len > 0) {
        uint8_t c = span_at(bytes, 0);
        bool look = t->at_line_start && (c == 'b' || c == '=');
        if (t->in_line || t->in_file || t->in_yenc || look) {
            take_line(t, out, &bytes);
        } else {
            take_text(t, out, &bytes);
        }
    }
}

/* A line that was not ended. */
static void give_up_line(struct mime_text *t, const struct mime_out *out)
{
    const struct line_found found = line_give_up(&t->line);
    if (found.part != LINE_NONE && t->in_file) {
        lose(out, LOST_GAP, found.bytes.len);
    } else if (found.part != LINE_NONE) {
        mime_body_give(&t->body, out, found.bytes);
    }
    t->in_line = false;
}

void mime_text_gap(struct mime_text *t, const struct mime_out *out)
{
    give_up_line(t, out);
    t->body.after_gap = true;
    t->file.after_gap = true;
    t->fragment = true;
    t->at_line_start = false;
    t->in_yenc = false; /* what comes behind the gap must not be joined */
}

/* What came out of yEnc files. */
static void give_yenc(struct mime_text *t, const struct mime_out *out, bool cut)
{
    struct mime_body file = mime_body_begin(FIELD_FILE_DATA, BODY_UNKNOWN);
    file.layers = encodings_with(t->body.layers, ENCODING_YENC);
    mime_body_give(&file, out, sbuf_span(&t->yenc));
    mime_body_end(&file, out, cut || t->yenc.cut);
}

void mime_text_end(struct mime_text *t, const struct mime_out *out, bool cut)
{
    if (!cut && t->in_file && line_is_open(&t->line)) {
        /* the last line of the part has no end of its own */
        struct span lf = eol_lf;
        take_line(t, out, &lf);
    }
    give_up_line(t, out);
    end_file(t, out, cut);
    mime_body_end(&t->body, out, cut);
    give_yenc(t, out, cut);
}
