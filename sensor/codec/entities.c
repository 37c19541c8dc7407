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
    const char *text;
    uint32_t cp;
};

/* Sorted; where one name begins another, the longer one comes first. */
static const struct name names[] = {
    {"AMP", '&'},
    {"DiacriticalGrave", '`'},
    {"GT", '>'},
    {"Hat", '^'},
    {"LT", '<'},
    {"NewLine", '\n'},
    {"NonBreakingSpace", 0xa0},
    {"QUOT", '"'},
    {"Tab", '\t'},
    {"UnderBar", '_'},
    {"VerticalLine", '|'},
    {"ZeroWidthSpace", 0x200b},
    {"amp", '&'},
    {"apos", '\''},
    {"ast", '*'},
    {"bsol", '\\'},
    {"colon", ':'},
    {"comma", ','},
    {"commat", '@'},
    {"dollar", '$'},
    {"equals", '='},
    {"excl", '!'},
    {"ffilig", 0xfb03},
    {"fflig", 0xfb00},
    {"ffllig", 0xfb04},
    {"filig", 0xfb01},
    {"fllig", 0xfb02},
    {"grave", '`'},
    {"gt", '>'},
    {"imath", 0x131},
    {"inodot", 0x131},
    {"lbrace", '{'},
    {"lbrack", '['},
    {"lcub", '{'},
    {"lowbar", '_'},
    {"lpar", '('},
    {"lsqb", '['},
    {"lt", '<'},
    {"midast", '*'},
    {"nbsp", 0xa0},
    {"num", '#'},
    {"percnt", '%'},
    {"period", '.'},
    {"plus", '+'},
    {"quest", '?'},
    {"quot", '"'},
    {"rbrace", '}'},
    {"rbrack", ']'},
    {"rcub", '}'},
    {"rpar", ')'},
    {"rsqb", ']'},
    {"semi", ';'},
    {"shy", 0xad},
    {"sol", '/'},
    {"szlig", 0xdf},
    {"verbar", '|'},
    {"vert", '|'},
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

/* The reference "&name": its length without ';', or 0. */
static size_t named(struct span in, size_t off, uint32_t *ret_cp)
{
    struct span rest = span_from(in, off + 1);
    size_t best = 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct span name = span_str(names[i].text);
        if (name.len > best && span_at(rest, 0) == name.data[0] && span_starts(rest, name)) {
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
