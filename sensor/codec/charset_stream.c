/* charset_stream: text in charsets where ASCII does not stand for itself, to UTF-8, in pieces.
 *
 * Only those are converted, by iconv(3), and only by the names below: UTF-16 and UTF-32, UTF-7,
 * the ISO-2022 family. In all others (ISO-8859, Windows, KOI8, EUC, GBK …) a look-up is the
 * same bytes as in ASCII, and they are left as they are.
 *
 * A text that is called UTF-16 but has neither a byte order mark nor a zero among its first bytes
 * is not converted: it would hide what everybody else reads in it. Without a mark the zeros tell
 * the byte order. Bytes that mean nothing become U+FFFD; one mark is taken off. */
#include "sensor/codec/charset_stream.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/utf.h"

#include <errno.h>

enum { CHUNK = 1024, MARK_LEN = 2, REPLACEMENT = 0xfffd };

struct row {
    struct span name;
    const char *iconv; /* NULL: by the first bytes */
    enum charset_kind kind;
    unsigned unit;
};

static const struct row rows[] = {
    {SPAN_LITERAL("utf-16"), NULL, CHARSET_UTF16, 2},
    {SPAN_LITERAL("utf-16le"), "UTF-16LE", CHARSET_UTF16, 2},
    {SPAN_LITERAL("utf-16be"), "UTF-16BE", CHARSET_UTF16, 2},
    {SPAN_LITERAL("unicode"), NULL, CHARSET_UTF16, 2},
    {SPAN_LITERAL("ucs-2"), NULL, CHARSET_UTF16, 2},
    {SPAN_LITERAL("iso-10646-ucs-2"), NULL, CHARSET_UTF16, 2},
    {SPAN_LITERAL("utf-32"), "UTF-32", CHARSET_UTF16, 4},
    {SPAN_LITERAL("utf-32le"), "UTF-32LE", CHARSET_UTF16, 4},
    {SPAN_LITERAL("utf-32be"), "UTF-32BE", CHARSET_UTF16, 4},
    {SPAN_LITERAL("utf-7"), "UTF-7", CHARSET_UTF7, 1},
    {SPAN_LITERAL("unicode-1-1-utf-7"), "UTF-7", CHARSET_UTF7, 1},
    {SPAN_LITERAL("iso-2022-jp"), "ISO-2022-JP-2", CHARSET_SHIFTED, 1},
    {SPAN_LITERAL("iso-2022-jp-2"), "ISO-2022-JP-2", CHARSET_SHIFTED, 1},
    {SPAN_LITERAL("iso-2022-kr"), "ISO-2022-KR", CHARSET_SHIFTED, 1},
    {SPAN_LITERAL("iso-2022-cn"), "ISO-2022-CN", CHARSET_SHIFTED, 1},
};

static bool open_named(struct charset_stream *c, const char *name)
{
    c->cd = iconv_open("UTF-8", name);
    c->opened = c->cd != (iconv_t)-1;
    c->active = c->opened;
    return c->opened;
}

bool charset_stream_open(struct charset_stream *c, struct span charset)
{
    *c = (struct charset_stream){.kind = CHARSET_ASCII_LIKE};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (span_equal_nocase(charset, rows[i].name)) {
            c->kind = rows[i].kind;
            c->unit = rows[i].unit;
            c->shown = c->kind != CHARSET_UTF16;
            c->active = true;
            if (rows[i].iconv != NULL && !open_named(c, rows[i].iconv)) {
                c->kind = CHARSET_ASCII_LIKE;
            }
            return c->active;
        }
    }
    return false;
}

void charset_stream_sniff(struct charset_stream *c)
{
    *c = (struct charset_stream){.kind = CHARSET_UTF16, .active = true, .marked = true, .unit = 2};
}

/* One call of iconv() for the front of *in; false when it ends inside a character. */
static bool convert_some(struct charset_stream *c, struct span *in, struct sbuf *out)
{
    char chunk[CHUNK];
    char *to = chunk;
    size_t room = sizeof(chunk);
    /* iconv() wants a pointer to non-const but never writes through it. */
    char *from = (char *)(uintptr_t)in->data;
    size_t left = in->len;
    size_t result = iconv(c->cd, &from, &left, &to, &room);
    int reason = result == (size_t)-1 ? errno : 0;
    sbuf_add(out, span_of(chunk, sizeof(chunk) - room));
    *in = span_from(*in, in->len - left);
    if (reason == EILSEQ) {
        utf8_add(out, REPLACEMENT);
        *in = span_from(*in, c->unit);
    }
    return reason != EINVAL;
}

/* Converts *in as far as it goes; what is left is a character that is not complete. */
static void convert(struct charset_stream *c, struct span *in, struct sbuf *out)
{
    while (in->len > 0 && !out->cut && convert_some(c, in, out)) {
    }
}

/* Adds to the character that is not complete, until it is. */
static void convert_tail(struct charset_stream *c, struct span *in, struct sbuf *out)
{
    while (c->n_tail > 0 && in->len > 0 && !out->cut) {
        c->tail[c->n_tail++] = span_at(*in, 0);
        *in = span_from(*in, 1);
        struct span tail = span_of(c->tail, c->n_tail);
        convert(c, &tail, out);
        if (tail.len == CHARSET_TAIL) { /* no character is that long */
            utf8_add(out, REPLACEMENT);
            tail.len = 0;
        }
        bytes_move(c->tail, tail.data, tail.len);
        c->n_tail = (unsigned)tail.len;
    }
}

static void add(struct charset_stream *c, struct span in, struct sbuf *out)
{
    if (!c->opened) {
        sbuf_add(out, in);
        return;
    }
    convert_tail(c, &in, out);
    convert(c, &in, out);
    while (in.len >= CHARSET_TAIL && !out->cut) { /* no character is that long */
        utf8_add(out, REPLACEMENT);
        in = span_from(in, c->unit);
        convert(c, &in, out);
    }
    if (in.len > 0 && !out->cut) {
        bytes_copy(c->tail, in.data, in.len);
        c->n_tail = (unsigned)in.len;
    }
}

/* The first bytes are here: which byte order, or no such text at all. */
static void look_at_head(struct charset_stream *c, struct sbuf *out)
{
    struct span head = span_of(c->head, c->n_head);
    uint8_t first = span_at(head, 0);
    uint8_t second = span_at(head, 1);
    bool mark =
        head.len >= 2 && ((first == 0xfe && second == 0xff) || (first == 0xff && second == 0xfe));
    size_t zero = c->marked ? SPAN_NONE : span_find_byte(head, 0, 0);
    c->shown = true;
    c->marked = c->marked && !mark;
    if (!mark && zero == SPAN_NONE && c->opened) {
        iconv_close(c->cd);
        c->opened = false;
    } else if (!c->opened && (mark || zero != SPAN_NONE)) {
        bool little = mark ? first == 0xff : zero % 2 == 1;
        (void)open_named(c, little ? "UTF-16LE" : "UTF-16BE");
    }
    add(c, span_from(head, mark && c->unit == 2 ? 2 : 0), out);
}

void charset_stream_add(struct charset_stream *c, struct span in, struct sbuf *out)
{
    while (!c->shown && in.len > 0) {
        c->head[c->n_head++] = span_at(in, 0);
        in = span_from(in, 1);
        if (c->n_head == (c->marked ? MARK_LEN : CHARSET_HEAD)) {
            look_at_head(c, out);
        }
    }
    add(c, in, out);
}

void charset_stream_finish(struct charset_stream *c, struct sbuf *out)
{
    bool half_mark = c->n_head == 1 && c->head[0] >= 0xfe;
    if (!c->shown && c->n_head > 0 && !half_mark) {
        look_at_head(c, out);
    }
    c->n_tail = 0;
    if (c->opened) {
        (void)iconv(c->cd, NULL, NULL, NULL, NULL); /* back to the initial state */
    }
}

void charset_stream_gap(struct charset_stream *c, struct sbuf *out)
{
    charset_stream_finish(c, out);
    if (c->kind == CHARSET_UTF16 && !c->marked) {
        if (c->opened) {
            iconv_close(c->cd);
        }
        c->opened = false;
        c->shown = false;
        c->n_head = 0;
    }
}

void charset_stream_close(struct charset_stream *c)
{
    if (c->opened) {
        iconv_close(c->cd);
    }
    *c = (struct charset_stream){.kind = CHARSET_ASCII_LIKE};
}
