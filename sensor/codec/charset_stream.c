/* charset_stream: text in charsets where ASCII does not stand for itself, in pieces.
 *
 * Only those are converted: UTF-16, UTF-7 (RFC 2152) and the ISO-2022 family (RFC 1468, 1557,
 * 1922). In all others (ISO-8859, Windows, KOI8, EUC, GBK …) a look-up is the same bytes as in
 * ASCII, and they are left as they are. UTF-16 and UTF-7 become UTF-8. Of ISO-2022 the escapes are
 * taken out and the bytes of wide characters get their top bit set, as in EUC: what is ASCII can be
 * told from what only looks so, and no table is needed.
 *
 * A text that is called UTF-16 but has neither a byte order mark nor a zero among its first bytes
 * is not converted: it would hide what everybody else reads in it. Without a mark the zeros tell
 * the byte order, and where they are undecided the name. The mark is taken off. Halves of surrogate
 * pairs become U+FFFD. */
#include "sensor/codec/charset_stream.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/utf.h"

enum {
    MARK_LEN = 2,
    REPLACEMENT = 0xfffd,
    ESCAPE = 0x1b,
    SHIFT_OUT = 0x0e,
    SHIFT_IN = 0x0f,
    TOP_BIT = 0x80,
};

struct row {
    struct span name;
    enum charset_kind kind;
    enum utf16_is named;
};

static const struct row rows[] = {
    {SPAN_LITERAL("utf-16"), CHARSET_UTF16, UTF16_IS_BIG},
    {SPAN_LITERAL("utf-16le"), CHARSET_UTF16, UTF16_IS_LITTLE},
    {SPAN_LITERAL("utf-16be"), CHARSET_UTF16, UTF16_IS_BIG},
    {SPAN_LITERAL("unicode"), CHARSET_UTF16, UTF16_IS_BIG},
    {SPAN_LITERAL("ucs-2"), CHARSET_UTF16, UTF16_IS_BIG},
    {SPAN_LITERAL("iso-10646-ucs-2"), CHARSET_UTF16, UTF16_IS_BIG},
    {SPAN_LITERAL("utf-7"), CHARSET_UTF7, UTF16_IS_NONE},
    {SPAN_LITERAL("unicode-1-1-utf-7"), CHARSET_UTF7, UTF16_IS_NONE},
    {SPAN_LITERAL("iso-2022-jp"), CHARSET_SHIFTED, UTF16_IS_NONE},
    {SPAN_LITERAL("iso-2022-jp-1"), CHARSET_SHIFTED, UTF16_IS_NONE},
    {SPAN_LITERAL("iso-2022-jp-2"), CHARSET_SHIFTED, UTF16_IS_NONE},
    {SPAN_LITERAL("iso-2022-kr"), CHARSET_SHIFTED, UTF16_IS_NONE},
    {SPAN_LITERAL("iso-2022-cn"), CHARSET_SHIFTED, UTF16_IS_NONE},
};

bool charset_stream_open(struct charset_stream *c, struct span charset)
{
    *c = (struct charset_stream){.kind = CHARSET_ASCII_LIKE};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (span_equal_nocase(charset, rows[i].name)) {
            c->kind = rows[i].kind;
            c->named = rows[i].named;
        }
    }
    return c->kind != CHARSET_ASCII_LIKE;
}

void charset_stream_sniff(struct charset_stream *c)
{
    *c = (struct charset_stream){.kind = CHARSET_UTF16, .named = UTF16_IS_BIG, .mark_only = true};
}

/* One UTF-16 unit, of UTF-16 or of UTF-7. */
static void add_unit(struct charset_stream *c, uint32_t unit, struct sbuf *out)
{
    bool low = unit >= 0xdc00 && unit < 0xe000;
    if (c->high != 0 && low) {
        utf8_add(out, 0x10000 + ((c->high - 0xd800) << 10) + (unit - 0xdc00));
        c->high = 0;
        return;
    }
    if (c->high != 0 || low) {
        utf8_add(out, REPLACEMENT);
    }
    c->high = unit >= 0xd800 && unit < 0xdc00 ? unit : 0;
    if (c->high == 0 && !low) {
        utf8_add(out, unit);
    }
}

static void add_utf16(struct charset_stream *c, struct span in, struct sbuf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        uint32_t b = span_at(in, i);
        if (c->half) {
            bool little = c->utf16 == UTF16_IS_LITTLE;
            add_unit(c, little ? b << 8 | c->first : (uint32_t)c->first << 8 | b, out);
        }
        c->first = (uint8_t)b;
        c->half = !c->half;
    }
}

/* By where the zeros are, most characters being ASCII. */
static enum utf16_is guess_order(struct span head, enum utf16_is named)
{
    size_t n[2] = {0};
    for (size_t at = span_find_byte(head, 0, 0); at != SPAN_NONE;
         at = span_find_byte(head, at + 1, 0)) {
        n[at % 2]++;
    }
    if (n[0] == n[1]) {
        return n[0] > 0 ? named : UTF16_IS_NONE;
    }
    return n[0] > n[1] ? UTF16_IS_BIG : UTF16_IS_LITTLE;
}

/* The first bytes are here. */
static void look_at_head(struct charset_stream *c, struct sbuf *out)
{
    struct span head = span_of(c->head, c->n_head);
    bool little = span_starts(head, SPAN("\xff\xfe"));
    bool big = span_starts(head, SPAN("\xfe\xff"));
    if (little || big) {
        c->utf16 = little ? UTF16_IS_LITTLE : UTF16_IS_BIG;
        c->mark_only = false;
        head = span_from(head, MARK_LEN);
    } else {
        c->utf16 = c->mark_only ? UTF16_IS_NONE : guess_order(head, c->named);
    }
    if (c->utf16 == UTF16_IS_NONE) {
        sbuf_add(out, head);
    } else {
        add_utf16(c, head, out);
    }
}

static void take_utf16(struct charset_stream *c, struct span in, struct sbuf *out)
{
    size_t n_wanted = c->mark_only ? MARK_LEN : CHARSET_HEAD;
    while (c->utf16 == UTF16_IS_UNKNOWN && in.len > 0) {
        c->head[c->n_head++] = span_at(in, 0);
        in = span_from(in, 1);
        if (c->n_head == n_wanted) {
            look_at_head(c, out);
        }
    }
    if (c->utf16 == UTF16_IS_NONE) {
        sbuf_add(out, in);
    } else {
        add_utf16(c, in, out);
    }
}

/* A character behind "+…": the section ends, and '-' is part of it. */
static void end_section(struct charset_stream *c, uint8_t b, struct sbuf *out)
{
    if (c->high != 0) {
        utf8_add(out, REPLACEMENT);
        c->high = 0;
    }
    if (!c->any) {
        sbuf_add_byte(out, '+'); /* "+-" stands for it, and "+" without a section is one */
    }
    c->in_base64 = false;
    if (b != '-') {
        sbuf_add_byte(out, b);
    }
}

static void take_utf7(struct charset_stream *c, struct span in, struct sbuf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t b = span_at(in, i);
        int value = c->in_base64 ? base64_value(BASE64_STANDARD, b) : -1;
        if (value >= 0) {
            c->any = true;
            c->bits = c->bits << 6 | (uint32_t)value;
            c->n_bits += 6;
            if (c->n_bits >= 16) {
                c->n_bits -= 16;
                add_unit(c, c->bits >> c->n_bits & 0xffff, out);
            }
        } else if (c->in_base64) {
            end_section(c, b, out);
        } else if (b == '+') {
            c->in_base64 = true;
            c->any = false;
            c->n_bits = 0;
        } else {
            sbuf_add_byte(out, b);
        }
    }
}

/* What an escape sequence, complete with its last byte, does. */
static void obey_escape(struct charset_stream *c)
{
    bool wide = c->escape[1] == '$';
    uint8_t set = c->escape[wide ? 2 : 1];
    bool second = set == ')' || set == '*' || set == '.'; /* a set that SO shifts to */
    if (!second && c->escape[1] != 'N' && c->escape[1] != 'O' && c->escape[1] != '&') {
        c->wide = wide;
    }
    c->n_escape = 0;
}

static void take_escape(struct charset_stream *c, uint8_t b, struct sbuf *out)
{
    c->escape[c->n_escape++] = b;
    bool more = b >= 0x20 && b < 0x30; /* ISO 2022: these are not the last */
    if (!more && b >= 0x30 && b < 0x7f) {
        obey_escape(c);
    } else if (!more || c->n_escape == CHARSET_ESCAPE) {
        sbuf_add(out, span_of(c->escape, c->n_escape));
        c->n_escape = 0;
    }
}

static void take_shifted(struct charset_stream *c, struct span in, struct sbuf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t b = span_at(in, i);
        if (c->n_escape > 0 && !(b == '$' && c->n_escape == 1)) {
            take_escape(c, b, out);
        } else if (b == ESCAPE || c->n_escape > 0) {
            c->escape[c->n_escape++] = b;
        } else if (b == SHIFT_OUT || b == SHIFT_IN) {
            c->shifted = b == SHIFT_OUT;
        } else {
            bool line_end = b == '\n';
            c->wide = c->wide && !line_end;
            c->shifted = c->shifted && !line_end;
            bool marked = (c->wide || c->shifted) && b > ' ';
            sbuf_add_byte(out, marked ? b | TOP_BIT : b);
        }
    }
}

void charset_stream_add(struct charset_stream *c, struct span in, struct sbuf *out)
{
    switch (c->kind) {
    case CHARSET_ASCII_LIKE:
        sbuf_add(out, in);
        break;
    case CHARSET_UTF16:
        take_utf16(c, in, out);
        break;
    case CHARSET_UTF7:
        take_utf7(c, in, out);
        break;
    case CHARSET_SHIFTED:
        take_shifted(c, in, out);
        break;
    }
}

void charset_stream_finish(struct charset_stream *c, struct sbuf *out)
{
    bool half_mark = c->n_head == 1 && c->head[0] >= 0xfe;
    if (c->kind == CHARSET_UTF16 && c->utf16 == UTF16_IS_UNKNOWN && c->n_head > 0 && !half_mark) {
        look_at_head(c, out);
    }
    c->half = false;
    c->high = 0;
}

void charset_stream_gap(struct charset_stream *c, struct sbuf *out)
{
    charset_stream_finish(c, out);
    *c = (struct charset_stream){
        .kind = c->kind,
        .named = c->named,
        .mark_only = c->mark_only,
        .utf16 = c->mark_only ? UTF16_IS_NONE : UTF16_IS_UNKNOWN,
    };
}
