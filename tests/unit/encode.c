/* encode: see encode.h. Text is UTF-8; where an encoder works on characters and the input is no
 * UTF-8 (a byte of an inner layer), the byte is the character of that number. */
#include "tests/unit/encode.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/utf.h"

static const char base64_chars[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";

/* The character at *off, which moves behind it. */
static uint32_t next(struct span in, size_t *off)
{
    uint32_t cp = 0;
    size_t len = utf8_next(in, *off, &cp);
    if (len == 0) {
        cp = span_at(in, *off);
        len = 1;
    }
    *off += len;
    return cp;
}

static bool is_one_of(uint8_t c, const char *set)
{
    return span_find_byte(span_str(set), 0, c) != SPAN_NONE;
}

static void percent(struct span in, const char *plain, bool upper, struct sbuf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        if (plain != NULL && (byte_is_alnum(c) || is_one_of(c, plain))) {
            sbuf_add_byte(out, c);
        } else {
            sbuf_add_byte(out, '%');
            sbuf_add_byte(out, (uint8_t)(upper ? "0123456789ABCDEF" : "0123456789abcdef")[c >> 4]);
            sbuf_add_byte(out, (uint8_t)(upper ? "0123456789ABCDEF" : "0123456789abcdef")[c & 15]);
        }
    }
}

static void percent_component(struct span in, struct sbuf *out)
{
    percent(in, "-_.!~*'()", true, out);
}

static void percent_lax(struct span in, struct sbuf *out)
{
    percent(in, "-_.:/,;@!~*'()[] ", false, out);
}

static void percent_all(struct span in, struct sbuf *out)
{
    percent(in, NULL, false, out);
}

static void percent_u(struct span in, struct sbuf *out)
{
    for (size_t off = 0; off < in.len;) {
        uint32_t cp = next(in, &off);
        if (cp > 0xffff) {
            cp -= 0x10000;
            sbuf_add_format(out, "%%u%04X%%u%04X", 0xd800 + (cp >> 10), 0xdc00 + (cp & 0x3ff));
        } else {
            sbuf_add_format(out, "%%u%04X", cp);
        }
    }
}

static void html_decimal(struct span in, struct sbuf *out)
{
    for (size_t off = 0; off < in.len;) {
        uint32_t cp = next(in, &off);
        if (cp < 0x80 && byte_is_alnum((uint8_t)cp)) {
            sbuf_add_byte(out, (uint8_t)cp);
        } else {
            sbuf_add_format(out, "&#%u;", cp);
        }
    }
}

static void html_hexadecimal(struct span in, struct sbuf *out)
{
    for (size_t off = 0; off < in.len;) {
        sbuf_add_format(out, "&#x%x;", next(in, &off));
    }
}

static void html_named(struct span in, struct sbuf *out)
{
    static const struct {
        uint32_t cp;
        const char *name;
    } names[] = {
        {'$', "dollar"}, {'{', "lbrace"}, {'}', "rcub"},    {':', "colon"}, {'/', "sol"},
        {'&', "amp"},    {'<', "lt"},     {'%', "percnt"},  {'\\', "bsol"}, {'=', "equals"},
        {'+', "plus"},   {'#', "num"},    {0x131, "imath"},
    };
    for (size_t off = 0; off < in.len;) {
        uint32_t cp = next(in, &off);
        const char *name = NULL;
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            name = names[i].cp == cp ? names[i].name : name;
        }
        if (name != NULL) {
            sbuf_add_format(out, "&%s;", name);
        } else {
            utf8_add(out, cp);
        }
    }
}

static void json_unit(uint32_t cp, struct sbuf *out)
{
    if (cp > 0xffff) {
        cp -= 0x10000;
        sbuf_add_format(out, "\\u%04x\\u%04x", 0xd800 + (cp >> 10), 0xdc00 + (cp & 0x3ff));
    } else {
        sbuf_add_format(out, "\\u%04x", cp);
    }
}

static void json_openers(struct span in, struct sbuf *out)
{
    for (size_t off = 0; off < in.len;) {
        uint32_t cp = next(in, &off);
        if (cp == '\\' || cp < 0x20 || cp > 0x7e || is_one_of((uint8_t)cp, "$\"<>&'=+")) {
            json_unit(cp, out);
        } else {
            sbuf_add_byte(out, (uint8_t)cp);
        }
    }
}

static void json_all(struct span in, struct sbuf *out)
{
    for (size_t off = 0; off < in.len;) {
        json_unit(next(in, &off), out);
    }
}

static void js_hexadecimal(struct span in, struct sbuf *out)
{
    for (size_t off = 0; off < in.len;) {
        uint32_t cp = next(in, &off);
        if (cp > 0xff) {
            json_unit(cp, out);
        } else {
            sbuf_add_format(out, "\\x%02x", cp);
        }
    }
}

static void js_code_points(struct span in, struct sbuf *out)
{
    for (size_t off = 0; off < in.len;) {
        uint32_t cp = next(in, &off);
        if (cp < 0x80 && byte_is_alnum((uint8_t)cp)) {
            sbuf_add_byte(out, (uint8_t)cp);
        } else {
            sbuf_add_format(out, "\\u{%x}", cp);
        }
    }
}

static void js_octal(struct span in, struct sbuf *out)
{
    for (size_t off = 0; off < in.len;) {
        uint32_t cp = next(in, &off);
        if (cp < 0x80 && byte_is_alnum((uint8_t)cp)) {
            sbuf_add_byte(out, (uint8_t)cp);
        } else if (cp > 0xff) {
            json_unit(cp, out);
        } else {
            sbuf_add_format(out, "\\%03o", cp);
        }
    }
}

static void base64(struct span in, bool url, struct sbuf *out)
{
    for (size_t i = 0; i < in.len; i += 3) {
        uint32_t bits = (uint32_t)in.data[i] << 16 | (uint32_t)span_at(in, i + 1) << 8 |
                        (uint32_t)span_at(in, i + 2);
        for (size_t k = 0; k < 4; k++) {
            uint32_t v = bits >> (18 - 6 * k) & 63;
            if (k < 2 || i + k - 1 < in.len) {
                sbuf_add_byte(out, (uint8_t)base64_chars[url && v > 61 ? v + 2 : v]);
            } else if (!url) {
                sbuf_add_byte(out, '=');
            }
        }
    }
}

static void base64_plain(struct span in, struct sbuf *out)
{
    base64(in, false, out);
}

static void base64_url(struct span in, struct sbuf *out)
{
    base64(in, true, out);
}

/* Behind other characters of the alphabet, so that the groups begin where nobody says. */
static void base64_glued(struct span in, struct sbuf *out)
{
    sbuf_add_str(out, "/a/");
    base64(in, false, out);
}

static void base64_in_text(struct span in, struct sbuf *out)
{
    sbuf_add_str(out, "token=");
    base64(in, false, out);
    sbuf_add_str(out, "; path=x");
}

/* Bits are packed from the lowest of each byte on. */
struct bits {
    struct sbuf *out;
    unsigned held;
    unsigned n;
};

static void put_bit(struct bits *b, unsigned bit)
{
    b->held |= bit << b->n;
    b->n++;
    if (b->n == 8) {
        sbuf_add_byte(b->out, (uint8_t)b->held);
        b->held = 0;
        b->n = 0;
    }
}

/* A code of RFC 1951's fixed tables, its highest bit first. */
static void put_code(struct bits *b, unsigned code, unsigned len)
{
    while (len-- > 0) {
        put_bit(b, code >> len & 1);
    }
}

static void put_le32(uint32_t value, struct sbuf *out)
{
    for (unsigned i = 0; i < 4; i++) {
        sbuf_add_byte(out, (uint8_t)(value >> (8 * i)));
    }
}

static uint32_t crc32(struct span in)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < in.len; i++) {
        crc ^= in.data[i];
        for (unsigned bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
        }
    }
    return ~crc;
}

/* One block with fixed codes and no repetitions, so that nothing of the text shows. */
static void gzip(struct span in, struct sbuf *out)
{
    struct bits b = {.out = out};
    sbuf_add(out, span_of("\x1f\x8b\x08\0\0\0\0\0\0\x03", 10));
    put_code(&b, 6, 3); /* the last block, of kind 1 */
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        put_code(&b, c < 144 ? 0x30u + c : 0x100u + c, c < 144 ? 8 : 9);
    }
    put_code(&b, 0, 7);
    while (b.n > 0) {
        put_bit(&b, 0);
    }
    put_le32(crc32(in), out);
    put_le32((uint32_t)in.len, out);
}

static void gzip_base64(struct span in, struct sbuf *out)
{
    struct sbuf packed = sbuf_with_cap(in.len * 2 + 64);
    gzip(in, &packed);
    base64(sbuf_span(&packed), false, out);
    sbuf_free(&packed);
}

static void gzip_base64_glued(struct span in, struct sbuf *out)
{
    sbuf_add_str(out, "/a/");
    gzip_base64(in, out);
}

static void quoted_printable(struct span in, const char *coded, size_t width, struct sbuf *out)
{
    size_t column = 0;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        size_t before = out->len;
        if (coded == NULL || c < 0x20 || c > 0x7e || is_one_of(c, coded)) {
            sbuf_add_format(out, "=%02X", c);
        } else {
            sbuf_add_byte(out, c);
        }
        column += out->len - before;
        if (column >= width) {
            sbuf_add_str(out, "=\r\n");
            column = 0;
        }
    }
}

static void qp_openers(struct span in, struct sbuf *out)
{
    quoted_printable(in, "=${", 73, out);
}

static void qp_folded(struct span in, struct sbuf *out)
{
    quoted_printable(in, "=", 3, out);
}

static void qp_all(struct span in, struct sbuf *out)
{
    quoted_printable(in, NULL, 73, out);
}

/* Words of at most 45 bytes, cut at any byte. */
static void words_b(struct span in, struct sbuf *out)
{
    for (size_t off = 0; off < in.len; off += 45) {
        sbuf_add_str(out, off > 0 ? "\r\n =?utf-8?B?" : "=?utf-8?B?");
        base64(span_sub(in, off, 45), false, out);
        sbuf_add_str(out, "?=");
    }
}

static void words_q(struct span in, struct sbuf *out)
{
    for (size_t off = 0; off < in.len; off += 20) {
        sbuf_add_str(out, off > 0 ? " =?UTF-8?Q?" : "=?UTF-8?Q?");
        quoted_printable(span_sub(in, off, 20), "=?_$ {\"", SIZE_MAX, out);
        sbuf_add_str(out, "?=");
    }
}

static void extended(struct span in, struct sbuf *out)
{
    sbuf_add_str(out, "utf-8'en'");
    percent(in, "-_.", true, out);
}

static void utf16(struct span in, bool big, struct sbuf *out)
{
    for (size_t off = 0; off < in.len;) {
        uint32_t cp = next(in, &off);
        uint32_t units[2] = {cp, 0};
        if (cp > 0xffff) {
            units[0] = 0xd800 + ((cp - 0x10000) >> 10);
            units[1] = 0xdc00 + ((cp - 0x10000) & 0x3ff);
        }
        for (size_t i = 0; i < 2 && (i == 0 || units[1] != 0); i++) {
            sbuf_add_byte(out, (uint8_t)(big ? units[i] >> 8 : units[i]));
            sbuf_add_byte(out, (uint8_t)(big ? units[i] : units[i] >> 8));
        }
    }
}

static void utf16_le(struct span in, struct sbuf *out)
{
    utf16(in, false, out);
}

static void utf16_be(struct span in, struct sbuf *out)
{
    utf16(in, true, out);
}

static void utf7(struct span in, struct sbuf *out)
{
    for (size_t off = 0; off < in.len;) {
        size_t before = off;
        uint32_t cp = next(in, &off);
        if (cp < 0x80 && (byte_is_alnum((uint8_t)cp) || is_one_of((uint8_t)cp, "'(),-./:? \r\n"))) {
            sbuf_add_byte(out, (uint8_t)cp);
            continue;
        }
        struct sbuf units = sbuf_with_cap(16);
        struct sbuf text = sbuf_with_cap(32);
        utf16(span_sub(in, before, off - before), true, &units);
        base64(sbuf_span(&units), false, &text);
        while (text.len > 0 && text.data[text.len - 1] == '=') {
            sbuf_shorten(&text, text.len - 1);
        }
        sbuf_add_byte(out, '+');
        sbuf_add(out, sbuf_span(&text));
        sbuf_add_byte(out, '-');
        sbuf_free(&units);
        sbuf_free(&text);
    }
}

static void overlong(struct span in, struct sbuf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        if (c < 0x80) {
            sbuf_add_byte(out, (uint8_t)(0xc0 | c >> 6));
            sbuf_add_byte(out, (uint8_t)(0x80 | (c & 0x3f)));
        } else {
            sbuf_add_byte(out, c);
        }
    }
}

static void overlong_openers(struct span in, struct sbuf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        if (is_one_of(c, "${}%&\\=+")) {
            sbuf_add_byte(out, 0xe0);
            sbuf_add_byte(out, (uint8_t)(0x80 | c >> 6));
            sbuf_add_byte(out, (uint8_t)(0x80 | (c & 0x3f)));
        } else {
            sbuf_add_byte(out, c);
        }
    }
}

static const struct encoder encoders[] = {
    {"percent component", ENCODING_PERCENT, false, percent_component},
    {"percent lax", ENCODING_PERCENT, false, percent_lax},
    {"percent all", ENCODING_PERCENT, false, percent_all},
    {"percent u", ENCODING_PERCENT_U, true, percent_u},
    {"html decimal", ENCODING_HTML, true, html_decimal},
    {"html hexadecimal", ENCODING_HTML, true, html_hexadecimal},
    {"html named", ENCODING_HTML, true, html_named},
    {"json openers", ENCODING_JSON_UNICODE, true, json_openers},
    {"json all", ENCODING_JSON_UNICODE, true, json_all},
    {"js hexadecimal", ENCODING_JS_ESCAPE, true, js_hexadecimal},
    {"js code points", ENCODING_JSON_UNICODE, true, js_code_points},
    {"js octal", ENCODING_JS_ESCAPE, true, js_octal},
    {"base64", ENCODING_BASE64, false, base64_plain},
    {"base64url", ENCODING_BASE64URL, false, base64_url},
    {"base64 glued", ENCODING_BASE64, false, base64_glued},
    {"base64 in text", ENCODING_BASE64, false, base64_in_text},
    {"gzip base64", ENCODING_GZIP, false, gzip_base64},
    {"gzip base64 glued", ENCODING_GZIP, false, gzip_base64_glued},
    {"qp openers", ENCODING_QUOTED_PRINTABLE, false, qp_openers},
    {"qp folded", ENCODING_QUOTED_PRINTABLE, false, qp_folded},
    {"qp all", ENCODING_QUOTED_PRINTABLE, false, qp_all},
    {"words b", ENCODING_RFC2047, false, words_b},
    {"words q", ENCODING_RFC2047, false, words_q},
    {"extended", ENCODING_RFC2231, false, extended},
    {"utf-16 le", ENCODING_UTF16, true, utf16_le},
    {"utf-16 be", ENCODING_UTF16, true, utf16_be},
    {"utf-7", ENCODING_UTF7, true, utf7},
    {"overlong", ENCODING_OVERLONG, false, overlong},
    {"overlong openers", ENCODING_OVERLONG, false, overlong_openers},
};

size_t encoders_n(void)
{
    return ARRAY_LEN(encoders);
}

const struct encoder *encoder_at(size_t i)
{
    return &encoders[i];
}
