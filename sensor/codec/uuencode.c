/* uuencode: files inside plain text, as POSIX uuencode(1) writes them.
 *
 * A line begins with a character for the number of its bytes (32 is 0), and four characters for
 * each three bytes follow; blank and '`' are both zero. Some programs leave out blanks at the end
 * or add a check character. A line that has other characters, or fewer than its number asks for
 * with blanks added, is none: that is how text is told from it. */
#include "sensor/codec/uuencode.h"

#include "sensor/base/bytes.h"

enum { ZERO = ' ', LAST = '`', MOST_EXTRA = 2 };

static const struct span opener = SPAN_LITERAL("begin ");

bool uuencode_begins(struct span line, struct span *ret_name)
{
    if (!span_starts(line, opener)) {
        return false;
    }
    size_t off = opener.len;
    while (span_at(line, off) >= '0' && span_at(line, off) <= '7') {
        off++;
    }
    size_t n_digits = off - opener.len;
    if (n_digits < 3 || n_digits > 6 || span_at(line, off) != ' ') {
        return false;
    }
    *ret_name = span_trim(span_from(line, off));
    return ret_name->len > 0;
}

static bool is_clean(struct span line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (span_at(line, i) < ZERO || span_at(line, i) > LAST) {
            return false;
        }
    }
    return true;
}

/* Six bits; what was left out at the end is zero. */
static uint32_t bits_at(struct span line, size_t off)
{
    return off < line.len ? (span_at(line, off) - (uint32_t)ZERO) & 0x3f : 0;
}

bool uuencode_line(struct span line, struct sbuf *out)
{
    if (line.len == 0 || !is_clean(line)) {
        return false;
    }
    size_t n = bits_at(line, 0);
    size_t n_chars = (n + 2) / 3 * 4;
    if (line.len > 1 + n_chars + MOST_EXTRA) {
        return false;
    }
    struct span chars = span_from(line, 1);
    for (size_t i = 0; i < n; i++) {
        size_t group = i / 3 * 4;
        uint32_t bits = bits_at(chars, group) << 18 | bits_at(chars, group + 1) << 12 |
                        bits_at(chars, group + 2) << 6 | bits_at(chars, group + 3);
        sbuf_add_byte(out, (uint8_t)(bits >> (16 - i % 3 * 8)));
    }
    return true;
}
