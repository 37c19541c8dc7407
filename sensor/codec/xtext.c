/* xtext: how ESMTP parameters carry octets that may not stand in a command line, RFC 3461 section
 * 4: "+" and two hexadecimal digits. Lower-case digits, which the standard forbids, are read too.
 */
#include "sensor/codec/xtext.h"

#include "sensor/base/bytes.h"

size_t xtext_decode(struct span in, struct sbuf *out)
{
    size_t n = 0;
    size_t off = 0;
    while (off < in.len) {
        int high = byte_hex(span_at(in, off + 1));
        int low = byte_hex(span_at(in, off + 2));
        if (span_at(in, off) == '+' && high >= 0 && low >= 0) {
            sbuf_add_byte(out, (uint8_t)(high << 4 | low));
            off += 3;
            n++;
        } else {
            sbuf_add_byte(out, span_at(in, off));
            off++;
        }
    }
    return n;
}
