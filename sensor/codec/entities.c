/* entities: character references, HTML Living Standard section 13.2.5.72 and following.
 *
 * More lenient than that standard in one thing: every name is taken without its ';' too (browsers
 * do so for the oldest names only). Names are those of the standard's table that stand for ASCII,
 * for a blank, or for a character that changes into ASCII when its case is changed; all others
 * stay as they are. Code points that are no characters give U+FFFD. */
#include "sensor/codec/entities.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/utf.h"

struct name {
    struct span text;
    uint32_t cp;
};

/* Sorted; where one name begins another, the longer one comes first. */
static const struct name names[] = {
    {SPAN_LITERAL("AMP"), '&'},
    {SPAN_LITERAL("DiacriticalGrave"), '`'},
    {SPAN_LITERAL("GT"), '>'},
    {SPAN_LITERAL("Hat"), '^'},
    {SPAN_LITERAL("LT"), '<'},
    {SPAN_LITERAL("NewLine"), '\n'},
    {SPAN_LITERAL("NonBreakingSpace"), 0xa0},
    {SPAN_LITERAL("QUOT"), '"'},
    {SPAN_LITERAL("Tab"), '\t'},
    {SPAN_LITERAL("UnderBar"), '_'},
    {SPAN_LITERAL("VerticalLine"), '|'},
    {SPAN_LITERAL("ZeroWidthSpace"), 0x200b},
    {SPAN_LITERAL("amp"), '&'},
    {SPAN_LITERAL("apos"), '\''},
    {SPAN_LITERAL("ast"), '*'},
    {SPAN_LITERAL("bsol"), '\\'},
    {SPAN_LITERAL("colon"), ':'},
    {SPAN_LITERAL("comma"), ','},
    {SPAN_LITERAL("commat"), '@'},
    {SPAN_LITERAL("dollar"), '$'},
    {SPAN_LITERAL("equals"), '='},
    {SPAN_LITERAL("excl"), '!'},
    {SPAN_LITERAL("ffilig"), 0xfb03},
    {SPAN_LITERAL("fflig"), 0xfb00},
    {SPAN_LITERAL("ffllig"), 0xfb04},
    {SPAN_LITERAL("filig"), 0xfb01},
    {SPAN_LITERAL("fllig"), 0xfb02},
    {SPAN_LITERAL("grave"), '`'},
    {SPAN_LITERAL("gt"), '>'},
    {SPAN_LITERAL("imath"), 0x131},
    {SPAN_LITERAL("inodot"), 0x131},
    {SPAN_LITERAL("lbrace"), '{'},
    {SPAN_LITERAL("lbrack"), '['},
    {SPAN_LITERAL("lcub"), '{'},
    {SPAN_LITERAL("lowbar"), '_'},
    {SPAN_LITERAL("lpar"), '('},
    {SPAN_LITERAL("lsqb"), '['},
    {SPAN_LITERAL("lt"), '<'},
    {SPAN_LITERAL("midast"), '*'},
    {SPAN_LITERAL("nbsp"), 0xa0},
    {SPAN_LITERAL("num"), '#'},
    {SPAN_LITERAL("percnt"), '%'},
    {SPAN_LITERAL("period"), '.'},
    {SPAN_LITERAL("plus"), '+'},
    {SPAN_LITERAL("quest"), '?'},
    {SPAN_LITERAL("quot"), '"'},
    {SPAN_LITERAL("rbrace"), '}'},
    {SPAN_LITERAL("rbrack"), ']'},
    {SPAN_LITERAL("rcub"), '}'},
    {SPAN_LITERAL("rpar"), ')'},
    {SPAN_LITERAL("rsqb"), ']'},
    {SPAN_LITERAL("semi"), ';'},
    {SPAN_LITERAL("shy"), 0xad},
    {SPAN_LITERAL("sol"), '/'},
    {SPAN_LITERAL("szlig"), 0xdf},
    {SPAN_LITERAL("verbar"), '|'},
    {SPAN_LITERAL("vert"), '|'},
};

/* The reference "&#...": its length without ';', or 0. */
static size_t numeric(struct span in, size_t off, uint32_t *ret_cp)
{
    size_t at = off + 2;
    bool hex = byte_lower(span_at(in, at)) == 'x';
    at += hex ? 1 : 0;
    size_t first = at;
    uint32_t cp = 0;
    for (; at < in.len; at++) {
        int digit = byte_hex(in.data[at]);
        if (digit < 0 || (!hex && digit > 9)) {
            break;
        }
        uint32_t next = cp * (hex ? 16u : 10u) + (uint32_t)digit;
        cp = cp > 0x10ffff ? cp : next;
    }
    *ret_cp = cp;
    return at == first ? 0 : at - off;
}

/* The first name that begins with c or a later letter. */
static size_t first_name(uint8_t c)
{
    size_t low = 0;
    size_t high = ARRAY_LEN(names);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (names[middle].text.data[0] < c) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The reference "&name": its length without ';', or 0. */
static size_t named(struct span in, size_t off, uint32_t *ret_cp)
{
    struct span rest = span_from(in, off + 1);
    uint8_t first = span_at(rest, 0);
    size_t best = 0;
    if (!byte_is_alpha(first)) {
        return 0; /* as behind most '&' that an attacker piles up */
    }
    for (size_t i = first_name(first); i < ARRAY_LEN(names); i++) {
        struct span name = names[i].text;
        if (name.data[0] != first) {
            break;
        }
        if (name.len > best && span_starts(rest, name)) {
            best = name.len;
            *ret_cp = names[i].cp;
        }
    }
    return best == 0 ? 0 : best + 1;
}

size_t entity_at(struct span in, size_t off, uint32_t *ret_cp)
{
    if (span_at(in, off) != '&') {
        return 0;
    }
    bool number = span_at(in, off + 1) == '#';
    size_t len = number ? numeric(in, off, ret_cp) : named(in, off, ret_cp);
    return len > 0 && span_at(in, off + len) == ';' ? len + 1 : len;
}

size_t entities_decode(struct span in, struct sbuf *out)
{
    size_t n = 0;
    size_t off = 0;
    while (off < in.len) {
        size_t at = span_find_byte(in, off, '&');
        size_t end = at == SPAN_NONE ? in.len : at;
        sbuf_add(out, span_sub(in, off, end - off));
        off = end;
        if (off == in.len) {
            break;
        }
        uint32_t cp = 0;
        size_t len = entity_at(in, off, &cp);
        if (len == 0) {
            sbuf_add_byte(out, '&');
            off++;
            continue;
        }
        utf8_add(out, cp);
        n++;
        off += len;
    }
    return n;
}
