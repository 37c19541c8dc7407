/* peel_steps: layers that are made of escapes, each standing for a character wherever it stands.
 *
 * What an escape is, codec knows; here is one loop for all of them, which can also tell where in
 * the encoded text a place of the decoded one comes from. JSON's unicode escapes and the others are
 * undone together, since no reader undoes only one of them. Overlong UTF-8 is also taken when its
 * bytes were read as ISO-8859-1 and written as UTF-8, which is what an escape per byte makes of
 * it. */
#include "signatures/peel_steps.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/entities.h"
#include "sensor/codec/jsescape.h"
#include "sensor/codec/uri.h"
#include "sensor/codec/utf.h"

enum { RUN_MIN = 24 };

static size_t uri(struct span in, size_t off, unsigned forms, struct sbuf *out, uint32_t *encodings)
{
    unsigned form = 0;
    size_t len = uri_escape_at(in, off, forms, out, &form);
    if (len > 0) {
        *encodings |= form == URI_PLUS      ? 1u << ENCODING_PLUS
                      : form == URI_PERCENT ? 1u << ENCODING_PERCENT
                                            : 1u << ENCODING_PERCENT_U;
    }
    return len;
}

static size_t html(struct span in, size_t off, struct sbuf *out, uint32_t *encodings)
{
    uint32_t cp = 0;
    size_t len = entity_at(in, off, &cp);
    if (len > 0) {
        utf8_add(out, cp);
        *encodings |= 1u << ENCODING_HTML;
    }
    return len;
}

static size_t backslash(struct span in, size_t off, struct sbuf *out, uint32_t *encodings)
{
    uint32_t cp = 0;
    unsigned form = 0;
    size_t len = jsescape_at(in, off, JSESCAPE_UNICODE | JSESCAPE_OTHER, &cp, &form);
    if (len > 0) {
        utf8_add(out, cp);
        *encodings |=
            form == JSESCAPE_UNICODE ? 1u << ENCODING_JSON_UNICODE : 1u << ENCODING_JS_ESCAPE;
    }
    return len;
}

/* "=\r\n", with blanks before the line end: its length, or 0. */
static size_t soft_break(struct span in, size_t off)
{
    size_t at = off + 1;
    while (span_at(in, at) == ' ' || span_at(in, at) == '\t') {
        at++;
    }
    at += span_at(in, at) == '\r' ? 1 : 0;
    return span_at(in, at) == '\n' ? at + 1 - off : 0;
}

/* "eD" is chance, as behind the '=' of "token=eD0ke2p1": no encoder mixes cases. */
static bool is_of_one_case(uint8_t a, uint8_t b)
{
    return !byte_is_alpha(a) || !byte_is_alpha(b) || ((a ^ b) & 0x20) == 0;
}

/* "AC" is chance, too, in front of a long run of base64 ("user=ACQAewBqAG4A"), unless it is a byte
 * of a text: ASCII, or one of several in a row. */
static bool begins_base64(struct span in, size_t off, int high)
{
    bool of_text = high < 8 || (off >= 3 && in.data[off - 3] == '=');
    size_t at = off + 1;
    while (!of_text && at < in.len && at - off <= RUN_MIN &&
           base64_value(BASE64_EITHER, in.data[at]) >= 0) {
        at++;
    }
    return at - off > RUN_MIN;
}

static size_t quoted_printable(struct span in, size_t off, struct sbuf *out, uint32_t *encodings)
{
    int high = off + 2 < in.len ? byte_hex(in.data[off + 1]) : -1;
    int low = off + 2 < in.len ? byte_hex(in.data[off + 2]) : -1;
    size_t len = 3;
    if (high >= 0 && low >= 0 && is_of_one_case(in.data[off + 1], in.data[off + 2]) &&
        !begins_base64(in, off, high)) {
        sbuf_add_byte(out, (uint8_t)(high << 4 | low));
    } else {
        len = soft_break(in, off);
    }
    *encodings |= len > 0 ? 1u << ENCODING_QUOTED_PRINTABLE : 0;
    return len;
}

/* The overlong form whose bytes, each a character below 256 in UTF-8, begin at off. */
static size_t overlong_twice(struct span in, size_t off, uint32_t *ret_cp)
{
    uint8_t bytes[4] = {0};
    size_t at = off;
    for (size_t n = 0; n < sizeof(bytes); n++) {
        uint32_t c = 0;
        size_t len = utf8_next(in, at, &c);
        if (len != 2 || c > 0xff) {
            return 0;
        }
        bytes[n] = (uint8_t)c;
        at += len;
        if (utf8_overlong_at(span_of(bytes, n + 1), 0, ret_cp) == n + 1) {
            return at - off;
        }
    }
    return 0;
}

static size_t overlong(struct span in, size_t off, struct sbuf *out, uint32_t *encodings)
{
    uint32_t cp = 0;
    size_t len = utf8_overlong_at(in, off, &cp);
    len = len > 0 ? len : overlong_twice(in, off, &cp);
    if (len > 0) {
        utf8_add(out, cp);
        *encodings |= 1u << ENCODING_OVERLONG;
    }
    return len;
}

/* Whether a byte that begins a character of several has one of those behind it: in what is no text,
 * it often has not. */
static inline bool is_continued(struct span in, size_t off)
{
    return off + 1 < in.len && (in.data[off + 1] & 0xc0) == 0x80;
}

/* The next place at or after off where an escape of the step may begin; the end when there is
 * none. */
static size_t find_first(enum peel_step step, struct span in, size_t off)
{
    static const uint8_t first[PEEL_STEP_N] = {
        [PEEL_STEP_PERCENT] = '%',          [PEEL_STEP_HTML] = '&', [PEEL_STEP_BACKSLASH] = '\\',
        [PEEL_STEP_QUOTED_PRINTABLE] = '=', [PEEL_STEP_PLUS] = '+',
    };
    if (first[step] != 0) {
        size_t at = span_find_byte(in, off, first[step]);
        return at == SPAN_NONE ? in.len : at;
    }
    bool form = step == PEEL_STEP_FORM;
    while (off < in.len) {
        uint8_t c = in.data[off];
        if (form ? c == '%' || c == '+' : c >= 0xc0 && is_continued(in, off)) {
            return off;
        }
        off++;
    }
    return in.len;
}

size_t peel_step_escape(enum peel_step step, struct span in, size_t off, struct sbuf *out,
                        uint32_t *encodings)
{
    switch (step) {
    case PEEL_STEP_PERCENT:
        return uri(in, off, URI_PERCENT | URI_PERCENT_U, out, encodings);
    case PEEL_STEP_HTML:
        return html(in, off, out, encodings);
    case PEEL_STEP_BACKSLASH:
        return backslash(in, off, out, encodings);
    case PEEL_STEP_QUOTED_PRINTABLE:
        return quoted_printable(in, off, out, encodings);
    case PEEL_STEP_OVERLONG:
        return overlong(in, off, out, encodings);
    case PEEL_STEP_PLUS:
        return uri(in, off, URI_PLUS, out, encodings);
    case PEEL_STEP_FORM:
        return uri(in, off, URI_PERCENT | URI_PERCENT_U | URI_PLUS, out, encodings);
    case PEEL_STEP_N:
        break;
    }
    return 0;
}

/* Undoes the layer until `out` would hold more than `until` bytes; returns where in `in` that is.
 */
static size_t undo(enum peel_step step, struct span in, size_t until, struct sbuf *out,
                   uint32_t *encodings)
{
    size_t off = 0;
    while (off < in.len) {
        size_t at = find_first(step, in, off);
        if (until - out->len < at - off) {
            return off + (until - out->len);
        }
        if (at > off) {
            sbuf_add(out, span_sub(in, off, at - off));
        }
        off = at;
        if (off == in.len) {
            break;
        }
        size_t before = out->len;
        size_t len = peel_step_escape(step, in, off, out, encodings);
        if (len == 0) {
            sbuf_add_byte(out, in.data[off]);
            len = 1;
        }
        if (out->len > until && out->len > before) {
            return off;
        }
        off += len;
    }
    return off;
}

uint32_t peel_step_undo(enum peel_step step, struct span in, struct sbuf *out)
{
    uint32_t encodings = 0;
    (void)undo(step, in, SIZE_MAX, out, &encodings);
    return encodings;
}

size_t peel_step_origin(enum peel_step step, struct span in, size_t off)
{
    uint32_t encodings = 0;
    struct sbuf out = sbuf_with_cap(off + 16);
    size_t origin = undo(step, in, off, &out, &encodings);
    sbuf_free(&out);
    return origin;
}
