/* uri: percent-encoding.
 *
 * One call undoes one layer: "%2524" becomes "%24". Escapes are read wherever they stand; no
 * character is reserved. Two %u escapes that are a surrogate pair make one character, a lone
 * surrogate makes U+FFFD. */
#include "sensor/codec/uri.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/utf.h"

/* The value of n hexadecimal digits at off, or -1. */
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

static bool is_percent_u(struct span s, size_t off)
{
    return span_at(s, off) == '%' && byte_lower(span_at(s, off + 1)) == 'u' &&
           hex_at(s, off + 2, 4) >= 0;
}

/* The escape at off: appends what it says and returns its length, or 0 when it is none. */
static size_t percent_u(struct span in, size_t off, struct sbuf *out)
{
    if (!is_percent_u(in, off)) {
        return 0;
    }
    uint32_t cp = (uint32_t)hex_at(in, off + 2, 4);
    if (cp >= 0xd800 && cp < 0xdc00 && is_percent_u(in, off + 6)) {
        uint32_t low = (uint32_t)hex_at(in, off + 8, 4);
        if (low >= 0xdc00 && low < 0xe000) {
            utf8_add(out, 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00));
            return 12;
        }
    }
    utf8_add(out, cp);
    return 6;
}

static size_t find_special(struct span in, size_t off, bool plus)
{
    while (off < in.len && in.data[off] != '%' && !(plus && in.data[off] == '+')) {
        off++;
    }
    return off;
}

size_t uri_escape_at(struct span in, size_t off, unsigned forms, struct sbuf *out,
                     unsigned *ret_form)
{
    if ((forms & URI_PLUS) != 0 && span_at(in, off) == '+') {
        sbuf_add_byte(out, ' ');
        *ret_form = URI_PLUS;
        return 1;
    }
    if (span_at(in, off) != '%') {
        return 0;
    }
    int32_t octet = (forms & URI_PERCENT) != 0 ? hex_at(in, off + 1, 2) : -1;
    if (octet >= 0) {
        sbuf_add_byte(out, (uint8_t)octet);
        *ret_form = URI_PERCENT;
        return 3;
    }
    *ret_form = URI_PERCENT_U;
    return (forms & URI_PERCENT_U) != 0 ? percent_u(in, off, out) : 0;
}

unsigned uri_decode(struct span in, unsigned forms, struct sbuf *out)
{
    unsigned undone = 0;
    size_t off = 0;
    while (off < in.len) {
        size_t at = find_special(in, off, (forms & URI_PLUS) != 0);
        sbuf_add(out, span_sub(in, off, at - off));
        off = at;
        if (off == in.len) {
            break;
        }
        unsigned form = 0;
        size_t len = uri_escape_at(in, off, forms, out, &form);
        if (len > 0) {
            undone |= form;
            off += len;
        } else {
            sbuf_add_byte(out, in.data[off]);
            off++;
        }
    }
    return undone;
}
