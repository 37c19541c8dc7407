/* jsescape: backslash escapes of JSON, JavaScript and Java.
 *
 * Surrogate pairs make one character; lone surrogates give U+FFFD. Octal escapes take at most
 * three digits and at most \377, as in Java. A backslash before a character that needs none
 * ("\$", "\d") stays, since shells and regular expressions are full of them and JSON forbids it.
 * Where only the unicode form is undone, "\\u0024" is still read as an escaped backslash, so that
 * undoing one layer never undoes two. */
#include "sensor/codec/jsescape.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/utf.h"

/* The value of exactly n hexadecimal digits at off, or -1. */
static int32_t hex_at(struct span s, size_t off, unsigned n)
{
    int32_t value = 0;
    for (unsigned i = 0; i < n; i++) {
        int digit = off + i < s.len ? byte_hex(s.data[off + i]) : -1;
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

/* "\u{1F600}": its length, or 0. */
static size_t braced(struct span in, size_t off, uint32_t *ret_cp)
{
    size_t at = off + 3;
    uint32_t cp = 0;
    for (; at < in.len && byte_hex(in.data[at]) >= 0; at++) {
        cp = cp > 0x10ffff ? cp : cp << 4 | (uint32_t)byte_hex(in.data[at]);
    }
    *ret_cp = cp;
    return at > off + 3 && span_at(in, at) == '}' ? at + 1 - off : 0;
}

/* The unit that "\u0024" or "\uuu0024" at off stands for: its length, or 0. */
static size_t unit(struct span in, size_t off, uint32_t *ret_cp)
{
    if (span_at(in, off) != '\\' || span_at(in, off + 1) != 'u') {
        return 0;
    }
    size_t at = off + 1;
    while (span_at(in, at) == 'u') {
        at++;
    }
    int32_t value = hex_at(in, at, 4);
    *ret_cp = (uint32_t)value;
    return value < 0 ? 0 : at + 4 - off;
}

static size_t unicode(struct span in, size_t off, uint32_t *ret_cp)
{
    size_t len = unit(in, off, ret_cp);
    if (len == 0) {
        return span_at(in, off + 1) == 'u' && span_at(in, off + 2) == '{' ? braced(in, off, ret_cp)
                                                                          : 0;
    }
    uint32_t low = 0;
    size_t second = *ret_cp >= 0xd800 && *ret_cp < 0xdc00 ? unit(in, off + len, &low) : 0;
    if (second > 0 && low >= 0xdc00 && low < 0xe000) {
        *ret_cp = 0x10000 + ((*ret_cp - 0xd800) << 10) + (low - 0xdc00);
        return len + second;
    }
    return len;
}

static size_t octal(struct span in, size_t off, uint32_t *ret_cp)
{
    uint32_t cp = 0;
    size_t at = off + 1;
    while (at < in.len && at - off <= 3 && in.data[at] >= '0' && in.data[at] <= '7' &&
           cp * 8 + (in.data[at] - (uint32_t)'0') <= 0xff) {
        cp = cp * 8 + (in.data[at] - (uint32_t)'0');
        at++;
    }
    *ret_cp = cp;
    return at > off + 1 ? at - off : 0;
}

static size_t other(struct span in, size_t off, uint32_t *ret_cp)
{
    static const char letters[] = "/\"'\\bfnrtv";
    static const char meanings[] = "/\"'\\\b\f\n\r\t\v";
    uint8_t c = span_at(in, off + 1);
    if (c == 'x') {
        int32_t value = hex_at(in, off + 2, 2);
        *ret_cp = (uint32_t)value;
        return value < 0 ? 0 : 4;
    }
    for (size_t i = 0; i + 1 < sizeof(letters); i++) {
        if (c == (uint8_t)letters[i]) {
            *ret_cp = (uint8_t)meanings[i];
            return 2;
        }
    }
    return octal(in, off, ret_cp);
}

size_t jsescape_at(struct span in, size_t off, unsigned forms, uint32_t *ret_cp, unsigned *ret_form)
{
    if (span_at(in, off) != '\\') {
        return 0;
    }
    size_t len = (forms & JSESCAPE_UNICODE) != 0 ? unicode(in, off, ret_cp) : 0;
    *ret_form = JSESCAPE_UNICODE;
    if (len == 0 && (forms & JSESCAPE_OTHER) != 0) {
        len = other(in, off, ret_cp);
        *ret_form = JSESCAPE_OTHER;
    }
    return len;
}

unsigned jsescape_decode(struct span in, unsigned forms, struct sbuf *out)
{
    unsigned undone = 0;
    size_t off = 0;
    while (off < in.len) {
        size_t at = span_find_byte(in, off, '\\');
        size_t end = at == SPAN_NONE ? in.len : at;
        sbuf_add(out, span_sub(in, off, end - off));
        off = end;
        if (off == in.len) {
            break;
        }
        uint32_t cp = 0;
        unsigned form = 0;
        size_t len = jsescape_at(in, off, forms, &cp, &form);
        if (len > 0) {
            utf8_add(out, cp);
            undone |= form;
            off += len;
        } else { /* both bytes, so that an escaped backslash does not begin another escape */
            sbuf_add(out, span_sub(in, off, 2));
            off += 2;
        }
    }
    return undone;
}
