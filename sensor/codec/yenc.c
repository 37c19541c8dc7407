/* yenc: files inside plain text, yEnc draft 1.3.
 *
 * Each byte is 42 more than it was, modulo 256; '=' escapes the next one, which is 64 more again.
 * Sizes and check sums are not looked at. */
#include "sensor/codec/yenc.h"

static const struct span opener = SPAN_LITERAL("=ybegin ");
static const struct span part = SPAN_LITERAL("=ypart ");
static const struct span closer = SPAN_LITERAL("=yend");
static const struct span key_size = SPAN_LITERAL(" size=");
static const struct span key_name = SPAN_LITERAL(" name=");

bool yenc_begins(struct span line, struct span *ret_name)
{
    size_t name = span_find(line, 0, key_name);
    if (!span_starts(line, opener) || name == SPAN_NONE ||
        span_find(span_head(line, name), 0, key_size) == SPAN_NONE) {
        return false;
    }
    *ret_name = span_trim(span_from(line, name + key_name.len));
    return ret_name->len > 0;
}

bool yenc_ends(struct span line)
{
    return span_starts(line, closer);
}

void yenc_line(struct span line, struct sbuf *out)
{
    if (span_starts(line, part)) {
        return;
    }
    bool escaped = false;
    for (size_t i = 0; i < line.len; i++) {
        unsigned c = span_at(line, i);
        if (!escaped && c == '=') {
            escaped = true;
            continue;
        }
        sbuf_add_byte(out, (uint8_t)(c - 42 - (escaped ? 64U : 0U)));
        escaped = false;
    }
}
