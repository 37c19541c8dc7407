/* utf: UTF-8 (RFC 3629), UTF-16 (RFC 2781), UTF-7 (RFC 2152), and the overlong forms of UTF-8 that
 * RFC 3629 forbids and careless decoders accept.
 *
 * All of it goes to UTF-8. Malformed input never fails: what cannot be read is kept (UTF-7,
 * overlong) or becomes U+FFFD (UTF-16). Surrogates in UTF-8 (CESU-8) count as malformed. */
#include "sensor/codec/utf.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/base64.h"

enum { REPLACEMENT = 0xfffd, GUESS_MAX = 512, GUESS_MIN = 4 };

/* Length of the sequence that this lead byte announces and its payload bits; 0 for no lead. */
static size_t lead_of(uint8_t c, uint32_t *ret_bits)
{
    if (c < 0x80) {
        *ret_bits = c;
        return 1;
    }
    if (c >= 0xc0 && c < 0xe0) {
        *ret_bits = c & 0x1f;
        return 2;
    }
    if (c >= 0xe0 && c < 0xf0) {
        *ret_bits = c & 0x0f;
        return 3;
    }
    if (c >= 0xf0 && c < 0xf8) {
        *ret_bits = c & 0x07;
        return 4;
    }
    return 0;
}

/* As utf8_next(), but takes any value in any length. */
static size_t next_lax(struct span s, size_t off, uint32_t *ret_cp)
{
    uint32_t cp = 0;
    size_t len = off < s.len ? lead_of(s.data[off], &cp) : 0;
    if (len == 0 || len > s.len - off) {
        return 0;
    }
    for (size_t i = 1; i < len; i++) {
        uint8_t c = s.data[off + i];
        if ((c & 0xc0) != 0x80) {
            return 0;
        }
        cp = cp << 6 | (c & 0x3f);
    }
    *ret_cp = cp;
    return len;
}

static size_t shortest(uint32_t cp)
{
    return cp < 0x80 ? 1 : cp < 0x800 ? 2 : cp < 0x10000 ? 3 : 4;
}

static bool is_scalar(uint32_t cp)
{
    return cp <= 0x10ffff && (cp < 0xd800 || cp > 0xdfff);
}

size_t utf8_next(struct span s, size_t off, uint32_t *ret_cp)
{
    uint32_t cp = 0;
    size_t len = next_lax(s, off, &cp);
    if (len == 0 || !is_scalar(cp) || shortest(cp) != len) {
        return 0;
    }
    *ret_cp = cp;
    return len;
}

bool utf8_add(struct sbuf *out, uint32_t cp)
{
    cp = is_scalar(cp) ? cp : REPLACEMENT;
    uint8_t bytes[4] = {0};
    size_t len = shortest(cp);
    if (len == 1) {
        return sbuf_add_byte(out, (uint8_t)cp);
    }
    for (size_t i = len - 1; i > 0; i--) {
        bytes[i] = (uint8_t)(0x80 | (cp & 0x3f));
        cp >>= 6;
    }
    bytes[0] = (uint8_t)((0xf00u >> len & 0xf0) | cp);
    return sbuf_add(out, span_of(bytes, len));
}

bool utf8_is_valid(struct span s)
{
    size_t off = 0;
    while (off < s.len) {
        uint32_t cp = 0;
        size_t len = utf8_next(s, off, &cp);
        if (len == 0) {
            return false;
        }
        off += len;
    }
    return true;
}

bool utf16_guess(struct span s, enum utf16_order *ret_order)
{
    s = span_head(s, GUESS_MAX);
    if (s.len < GUESS_MIN) {
        return false;
    }
    if ((s.data[0] == 0xff && s.data[1] == 0xfe) || (s.data[0] == 0xfe && s.data[1] == 0xff)) {
        *ret_order = s.data[0] == 0xff ? UTF16_LE : UTF16_BE;
        return true;
    }
    size_t zeros[2] = {0, 0};
    for (size_t i = 0; i + 1 < s.len; i += 2) {
        zeros[0] += s.data[i] == 0;
        zeros[1] += s.data[i + 1] == 0;
    }
    /* Half of the low bytes may be zero as well: text that is UTF-16 twice. */
    size_t n = s.len / 2;
    *ret_order = zeros[1] > zeros[0] ? UTF16_LE : UTF16_BE;
    size_t high = zeros[1] > zeros[0] ? zeros[1] : zeros[0];
    size_t low = zeros[1] > zeros[0] ? zeros[0] : zeros[1];
    return high * 4 >= n * 3 && low * 8 <= n * 5;
}

static uint32_t unit_at(struct span s, size_t off, enum utf16_order order)
{
    uint32_t a = s.data[off];
    uint32_t b = s.data[off + 1];
    return order == UTF16_BE ? a << 8 | b : b << 8 | a;
}

void utf16_decode(struct span in, enum utf16_order order, struct sbuf *out)
{
    size_t off = in.len >= 2 && unit_at(in, 0, order) == 0xfeff ? 2 : 0;
    while (off + 1 < in.len) {
        uint32_t cp = unit_at(in, off, order);
        off += 2;
        if (cp >= 0xd800 && cp < 0xdc00 && off + 1 < in.len) {
            uint32_t low = unit_at(in, off, order);
            if (low >= 0xdc00 && low < 0xe000) {
                cp = 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00);
                off += 2;
            }
        }
        utf8_add(out, cp);
    }
}

/* ASCII, Latin-1, and the letters that become ASCII in upper or lower case. */
static bool is_latin(uint32_t cp)
{
    return cp < 0x180 || cp == 0x212a || (cp >= 0x1e96 && cp <= 0x1e9a) ||
           (cp >= 0xfb00 && cp <= 0xfb06);
}

static bool is_high(uint32_t unit)
{
    return unit >= 0xd800 && unit < 0xdc00;
}

static bool is_low(uint32_t unit)
{
    return unit >= 0xdc00 && unit < 0xe000;
}

/* The base64 characters at off, a section of UTF-7; empty when they make no whole unit. */
static struct span section_at(struct span in, size_t off)
{
    enum { UNIT_MIN = 3 };
    size_t end = off;
    while (end < in.len && base64_value(BASE64_STANDARD, in.data[end]) >= 0) {
        end++;
    }
    return span_sub(in, off, end - off < UNIT_MIN ? 0 : end - off);
}

/* Reading a section unit by unit; bits over at its end are dropped. */
struct section {
    struct span chars;
    size_t at;
    uint32_t bits;
    unsigned n_bits;
};

static bool next_unit(struct section *s, uint32_t *ret_unit)
{
    while (s->n_bits < 16 && s->at < s->chars.len) {
        s->bits = s->bits << 6 | (uint32_t)base64_value(BASE64_STANDARD, s->chars.data[s->at++]);
        s->n_bits += 6;
    }
    if (s->n_bits < 16) {
        return false;
    }
    s->n_bits -= 16;
    *ret_unit = s->bits >> s->n_bits & 0xffff;
    s->bits &= (1u << s->n_bits) - 1;
    return true;
}

/* Whether all pairs of surrogates are whole, and a character is Latin. */
static bool may_be_latin(struct span chars)
{
    struct section s = {.chars = chars};
    uint32_t unit = 0;
    bool high = false;
    bool latin = false;
    while (next_unit(&s, &unit)) {
        if (high != is_low(unit)) {
            return false;
        }
        high = is_high(unit);
        latin = latin || is_latin(unit);
    }
    return latin && !high;
}

static void add_section(struct span chars, struct sbuf *out)
{
    struct section s = {.chars = chars};
    uint32_t unit = 0;
    uint32_t high = 0;
    while (next_unit(&s, &unit)) {
        if (is_high(unit)) {
            high = unit;
            continue;
        }
        bool pair = high != 0 && is_low(unit);
        utf8_add(out, pair ? 0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00) : unit);
        high = 0;
    }
}

static size_t decode_utf7(struct span in, bool latin, struct sbuf *out)
{
    size_t n = 0;
    size_t off = 0;
    while (off < in.len) {
        size_t plus = span_find_byte(in, off, '+');
        size_t end = plus == SPAN_NONE ? in.len : plus;
        sbuf_add(out, span_sub(in, off, end - off));
        off = end;
        if (off == in.len) {
            break;
        }
        struct span section = section_at(in, off + 1);
        size_t behind = off + 1 + section.len;
        if (section.len == 0) { /* "+-" is a plus; other short forms stay */
            sbuf_add_byte(out, '+');
            off += span_at(in, behind) == '-' ? 2 : 1;
        } else if (latin && !may_be_latin(section)) {
            sbuf_add(out, span_sub(in, off, behind - off));
            off = behind;
        } else {
            add_section(section, out);
            n++;
            off = span_at(in, behind) == '-' ? behind + 1 : behind;
        }
    }
    return n;
}

size_t utf7_decode(struct span in, struct sbuf *out)
{
    return decode_utf7(in, false, out);
}

size_t utf7_decode_latin(struct span in, struct sbuf *out)
{
    return decode_utf7(in, true, out);
}

size_t utf8_overlong_at(struct span in, size_t off, uint32_t *ret_cp)
{
    size_t len = next_lax(in, off, ret_cp);
    return len > 1 && is_scalar(*ret_cp) && shortest(*ret_cp) < len ? len : 0;
}

size_t utf8_undo_overlong(struct span in, struct sbuf *out)
{
    size_t n = 0;
    size_t from = 0;
    size_t off = 0;
    while (off < in.len) {
        uint32_t cp = 0;
        size_t len = in.data[off] < 0xc0 ? 0 : utf8_overlong_at(in, off, &cp);
        if (len == 0) {
            off++;
            continue;
        }
        sbuf_add(out, span_sub(in, from, off - from));
        utf8_add(out, cp);
        n++;
        off += len;
        from = off;
    }
    sbuf_add(out, span_from(in, from));
    return n;
}
