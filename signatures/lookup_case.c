/* lookup_case: String.toLowerCase() and String.toUpperCase() of Java 17 in the root locale.
 *
 * Full Unicode 13 mappings: one character to one by ranges, to several ("ß" to "SS") by a list,
 * U+0130 in lower case to two units, and the Greek capital sigma, which is a final one behind a
 * letter where no letter follows. Java finds word ends by its own tables; here any character that
 * has another case is a letter; apostrophes, full stops and combining marks (up to eight) are
 * looked through. The Turkish, Azeri and Lithuanian rules are left out: a sensor does not know the
 * server's locale. */
#include "signatures/lookup_case.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/utf.h"

struct case_range {
    uint32_t first;
    uint32_t last;
    uint32_t step;
    int32_t delta;
};

struct special {
    uint32_t from;
    uint32_t to[3];
};

#define LOWER(first, last, step, delta) {first, last, step, delta},
#define UPPER(first, last, step, delta)
#define UPPER_SPECIAL(from, a, b, c)
static const struct case_range lower_ranges[] = {
#include "signatures/lookup_case.def"
};
#undef LOWER
#undef UPPER
#define LOWER(first, last, step, delta)
#define UPPER(first, last, step, delta) {first, last, step, delta},
static const struct case_range upper_ranges[] = {
#include "signatures/lookup_case.def"
};
#undef UPPER
#undef UPPER_SPECIAL
#define UPPER(first, last, step, delta)
#define UPPER_SPECIAL(from, a, b, c) {from, {a, b, c}},
static const struct special upper_specials[] = {
#include "signatures/lookup_case.def"
};
#undef LOWER
#undef UPPER
#undef UPPER_SPECIAL

enum {
    CAPITAL_I_DOT = 0x130,
    DOTLESS_I = 0x131,
    DOT_ABOVE = 0x307,
    CAPITAL_SIGMA = 0x3a3,
    FINAL_SIGMA = 0x3c2,
    LOOK_THROUGH_MAX = 8,
};

static uint32_t mapped(const struct case_range *ranges, size_t n, uint32_t cp)
{
    size_t low = 0;
    size_t high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (ranges[middle].last < cp) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == n || ranges[low].first > cp || (cp - ranges[low].first) % ranges[low].step != 0) {
        return cp;
    }
    return (uint32_t)((int32_t)cp + ranges[low].delta);
}

static uint32_t to_lower(uint32_t cp)
{
    if (cp < 0x80) {
        return byte_lower((uint8_t)cp);
    }
    return mapped(lower_ranges, ARRAY_LEN(lower_ranges), cp);
}

static uint32_t to_upper(uint32_t cp)
{
    if (cp < 0x80) {
        return byte_upper((uint8_t)cp);
    }
    return mapped(upper_ranges, ARRAY_LEN(upper_ranges), cp);
}

static const struct special *special_upper(uint32_t cp)
{
    for (size_t i = 0; i < ARRAY_LEN(upper_specials); i++) {
        if (upper_specials[i].from == cp) {
            return &upper_specials[i];
        }
    }
    return NULL;
}

static bool is_letter(uint32_t cp)
{
    return to_lower(cp) != cp || to_upper(cp) != cp || special_upper(cp) != NULL ||
           cp == CAPITAL_I_DOT;
}

static bool is_looked_through(uint32_t cp)
{
    return cp == '\'' || cp == '.' || cp == 0xad || cp == 0x2019 || (cp >= 0x300 && cp < 0x370);
}

/* The character before off, or 0. */
static uint32_t before(struct span in, size_t off, size_t *ret_len)
{
    for (size_t len = 1; len <= 4 && len <= off; len++) {
        uint32_t cp = 0;
        if (utf8_next(in, off - len, &cp) == len) {
            *ret_len = len;
            return cp;
        }
    }
    return 0;
}

static bool letter_before(struct span in, size_t off)
{
    size_t len = 0;
    uint32_t cp = before(in, off, &len);
    for (unsigned i = 0; i < LOOK_THROUGH_MAX && cp != 0 && is_looked_through(cp); i++) {
        off -= len;
        cp = before(in, off, &len);
    }
    return cp != 0 && is_letter(cp);
}

static bool letter_after(struct span in, size_t off)
{
    uint32_t cp = 0;
    size_t len = utf8_next(in, off, &cp);
    for (unsigned i = 0; i < LOOK_THROUGH_MAX && len > 0 && is_looked_through(cp); i++) {
        off += len;
        len = utf8_next(in, off, &cp);
    }
    return len > 0 && is_letter(cp);
}

/* Copies the ASCII at the start of `in`, changed; returns how much that was. */
static size_t ascii(struct span in, bool upper, struct sbuf *out)
{
    uint8_t *to = in.len > 0 ? sbuf_reserve(out, in.len) : NULL;
    if (to == NULL) {
        return in.len; /* at the cap: the rest is dropped, out->cut is set */
    }
    uint8_t from = upper ? 'a' : 'A';
    size_t i = 0;
    for (; i < in.len && in.data[i] < 0x80; i++) {
        uint8_t c = in.data[i];
        to[i] = (uint8_t)(c - from) < 26 ? c ^ 0x20 : c;
    }
    sbuf_commit(out, i);
    return i;
}

static void add_lower(struct span in, size_t off, size_t len, uint32_t cp, struct sbuf *out)
{
    if (cp == CAPITAL_I_DOT) {
        sbuf_add_byte(out, 'i');
        utf8_add(out, DOT_ABOVE);
    } else if (cp == CAPITAL_SIGMA && letter_before(in, off) && !letter_after(in, off + len)) {
        utf8_add(out, FINAL_SIGMA);
    } else {
        utf8_add(out, to_lower(cp));
    }
}

unsigned lookup_lower(struct span in, struct sbuf *out)
{
    unsigned flags = 0;
    size_t off = ascii(in, false, out);
    while (off < in.len) {
        uint32_t cp = 0;
        size_t len = utf8_next(in, off, &cp);
        if (len == 0) {
            sbuf_add_byte(out, in.data[off]);
            off++;
        } else {
            add_lower(in, off, len, cp, out);
            flags |= to_lower(cp) < 0x80 ? LOOKUP_CASE_UNICODE : 0u;
            off += len;
        }
        off += ascii(span_from(in, off), false, out);
    }
    return flags;
}

static unsigned add_upper(uint32_t cp, struct sbuf *out)
{
    const struct special *s = special_upper(cp);
    if (s == NULL) {
        uint32_t upper = to_upper(cp);
        utf8_add(out, upper);
        return upper >= 0x80 ? 0 : cp == DOTLESS_I ? LOOKUP_CASE_DOTLESS_I : LOOKUP_CASE_UNICODE;
    }
    unsigned flags = 0;
    for (size_t i = 0; i < ARRAY_LEN(s->to) && s->to[i] != 0; i++) {
        utf8_add(out, s->to[i]);
        flags |= s->to[i] < 0x80 ? LOOKUP_CASE_UNICODE : 0u;
    }
    return flags;
}

unsigned lookup_upper(struct span in, struct sbuf *out)
{
    unsigned flags = 0;
    size_t off = ascii(in, true, out);
    while (off < in.len) {
        uint32_t cp = 0;
        size_t len = utf8_next(in, off, &cp);
        if (len == 0) {
            sbuf_add_byte(out, in.data[off]);
            off++;
        } else {
            flags |= add_upper(cp, out);
            off += len;
        }
        off += ascii(span_from(in, off), true, out);
    }
    return flags;
}
