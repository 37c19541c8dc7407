/* words: encoded words in mail headers (RFC 2047) and extended parameter values (RFC 2231 section
 * 4).
 *
 * Read as mail readers read them: words may be longer than 75 characters, stand inside a quoted
 * string or touch other text, and have blanks in them; a charset may carry a language ("utf-8*en").
 * A word without its end is taken to the end of the value. Adjacent words of the same charset are
 * joined as bytes before they are converted, so that a character may be split between them. An
 * unknown charset leaves the bytes as they are. Parameter continuations ("name*0*=") are put
 * together by the caller. */
#include "sensor/codec/words.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/charset.h"
#include "sensor/codec/qp.h"
#include "sensor/codec/uri.h"

struct word {
    struct span charset;
    bool base64;
    struct span text;
    size_t len; /* of the whole word */
};

/* A token (RFC 2047 section 2) as long as the names of charsets may be (RFC 2978 section 2.3). */
static bool is_charset(struct span s)
{
    enum { NAME_MAX = 40 };
    for (size_t i = 0; i < s.len; i++) {
        if (byte_is_space(s.data[i])) {
            return false;
        }
    }
    return s.len > 0 && s.len <= NAME_MAX;
}

/* The word at off, if there is one. */
static bool parse(struct span in, size_t off, struct word *ret_word)
{
    if (span_at(in, off) != '=' || span_at(in, off + 1) != '?') {
        return false;
    }
    size_t first = span_find_byte(in, off + 2, '?');
    if (first == SPAN_NONE || span_at(in, first + 2) != '?') {
        return false;
    }
    uint8_t kind = byte_lower(span_at(in, first + 1));
    struct span charset = span_sub(in, off + 2, first - off - 2);
    if ((kind != 'b' && kind != 'q') || !is_charset(charset)) {
        return false;
    }
    size_t text = first + 3;
    size_t end = span_find(in, text, SPAN("?="));
    *ret_word = (struct word){
        .charset = span_split(&charset, '*'),
        .base64 = kind == 'b',
        .text = span_sub(in, text, (end == SPAN_NONE ? in.len : end) - text),
        .len = (end == SPAN_NONE ? in.len : end + 2) - off,
    };
    return true;
}

/* "Q" is quoted-printable but for '_', which is a blank. */
static void decode_q(struct span text, struct sbuf *bytes)
{
    struct qp d = qp_start();
    while (text.len > 0) {
        size_t at = span_find_byte(text, 0, '_');
        struct span part = span_split(&text, '_');
        qp_decode(&d, part, bytes);
        if (at != SPAN_NONE) {
            qp_decode(&d, SPAN(" "), bytes);
        }
    }
    qp_finish(&d, bytes);
}

static void decode_word(const struct word *w, struct sbuf *bytes)
{
    if (!w->base64) {
        decode_q(w->text, bytes);
        return;
    }
    struct base64 d = base64_start(BASE64_STANDARD);
    base64_decode(&d, w->text, bytes);
    base64_finish(&d, bytes);
}

static size_t skip_space(struct span in, size_t off)
{
    while (off < in.len && byte_is_space(in.data[off])) {
        off++;
    }
    return off;
}

size_t words_decode(struct span in, struct sbuf *out)
{
    struct sbuf bytes = sbuf_with_cap(in.len);
    size_t n = 0;
    size_t from = 0;
    size_t off = span_find(in, 0, SPAN("=?"));
    while (off != SPAN_NONE) {
        struct word w;
        if (!parse(in, off, &w)) {
            off = span_find(in, off + 2, SPAN("=?"));
            continue;
        }
        sbuf_add(out, span_sub(in, from, off - from));
        struct span charset = w.charset;
        bool more = true;
        while (more) {
            decode_word(&w, &bytes);
            n++;
            from = off + w.len;
            off = skip_space(in, from);
            more = parse(in, off, &w);
            if (!more || !span_equal_nocase(charset, w.charset)) {
                (void)charset_to_utf8(charset, sbuf_span(&bytes), out);
                sbuf_reset(&bytes);
                charset = w.charset;
            }
        }
        off = span_find(in, from, SPAN("=?"));
    }
    sbuf_add(out, span_from(in, from));
    sbuf_free(&bytes);
    return n;
}

bool words_decode_extended(struct span in, struct sbuf *out)
{
    struct span rest = in;
    struct span charset = span_split(&rest, '\'');
    size_t quote = span_find_byte(rest, 0, '\'');
    if (quote == SPAN_NONE) {
        sbuf_add(out, in);
        return false;
    }
    struct sbuf bytes = sbuf_with_cap(in.len);
    (void)uri_decode(span_from(rest, quote + 1), URI_PERCENT, &bytes);
    (void)charset_to_utf8(charset.len > 0 ? charset : SPAN("us-ascii"), sbuf_span(&bytes), out);
    sbuf_free(&bytes);
    return true;
}
