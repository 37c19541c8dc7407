/* jsonread: the members of one JSON object (RFC 8259).
 *
 * For lines of JSON that others wrote: what is asked of a line are a few of its members, and, when
 * it is no JSON, where and why. So members are views into the text, strings are unescaped only when
 * asked for, and values that are themselves objects or arrays are walked over, checked but not
 * kept: a bit for each open one says which it is, up to a depth. No value is converted: a number is
 * the text it is. */
#include "sensor/codec/jsonread.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/utf.h"

/* --- tokens ------------------------------------------------------------------------------------
 */

static bool fail(struct jsonread *r, size_t off, const char *error)
{
    if (r->error == NULL) {
        r->off = off;
        r->error = error;
    }
    return false;
}

static uint8_t peek(struct jsonread *r)
{
    uint8_t c = span_at(r->text, r->off);
    while (r->off < r->text.len && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) {
        r->off++;
        c = span_at(r->text, r->off);
    }
    return c;
}

static bool take(struct jsonread *r, uint8_t c, const char *otherwise)
{
    if (peek(r) != c || r->off >= r->text.len) {
        return fail(r, r->off, otherwise);
    }
    r->off++;
    return true;
}

/* Bytes of the escape at off, 0 when it is none. */
static size_t escape_len(struct span s, size_t off)
{
    uint8_t c = span_at(s, off + 1);
    if (c != 'u') {
        return span_find_byte(SPAN("\"\\/bfnrt"), 0, c) == SPAN_NONE ? 0 : 2;
    }
    for (size_t i = 2; i < 6; i++) {
        if (byte_hex(span_at(s, off + i)) < 0) {
            return 0;
        }
    }
    return 6;
}

/* A string, from its opening quote on. */
static bool take_string(struct jsonread *r, struct span *ret, const char *otherwise)
{
    if (!take(r, '"', otherwise)) {
        return false;
    }
    size_t start = r->off;
    size_t at = start;
    while (at < r->text.len && r->text.data[at] != '"') {
        size_t len = r->text.data[at] == '\\' ? escape_len(r->text, at) : 1;
        if (len == 0) {
            return fail(r, at, "an escape that JSON does not have");
        }
        at += len;
    }
    if (at >= r->text.len) {
        return fail(r, start - 1, "a string without an end");
    }
    *ret = span_sub(r->text, start, at - start);
    r->off = at + 1;
    return true;
}

static size_t skip_digits(struct span s, size_t off)
{
    while (byte_is_digit(span_at(s, off))) {
        off++;
    }
    return off;
}

/* Bytes of the number at off (RFC 8259 section 6), 0 when there is none. */
static size_t number_len(struct span s, size_t off)
{
    size_t at = off + (span_at(s, off) == '-');
    size_t end = span_at(s, at) == '0' ? at + 1 : skip_digits(s, at);
    if (end == at) {
        return 0;
    }
    at = end;
    if (span_at(s, at) == '.') {
        end = skip_digits(s, at + 1);
        if (end == at + 1) {
            return 0;
        }
        at = end;
    }
    if (byte_lower(span_at(s, at)) == 'e') {
        at += span_at(s, at + 1) == '+' || span_at(s, at + 1) == '-' ? 2 : 1;
        end = skip_digits(s, at);
        if (end == at) {
            return 0;
        }
        at = end;
    }
    return at - off;
}

static bool take_word(struct jsonread *r)
{
    static const struct span words[] = {SPAN_LITERAL("true"), SPAN_LITERAL("false"),
                                        SPAN_LITERAL("null")};
    struct span rest = span_from(r->text, r->off);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        if (span_starts(rest, words[i])) {
            r->off += words[i].len;
            return true;
        }
    }
    return fail(r, r->off, "no value");
}

static bool take_scalar(struct jsonread *r, struct jsonread_member *m)
{
    uint8_t c = peek(r);
    if (c == '"') {
        m->kind = JSONREAD_STRING;
        return take_string(r, &m->value, "no value");
    }
    size_t start = r->off;
    size_t len = number_len(r->text, start);
    m->kind = len > 0 ? JSONREAD_NUMBER : JSONREAD_OTHER;
    r->off += len;
    if (len == 0 && !take_word(r)) {
        return false;
    }
    m->value = span_sub(r->text, start, r->off - start);
    return true;
}

static bool take_key(struct jsonread *r, struct span *ret)
{
    return take_string(r, ret, "no name of a member") && take(r, ':', "no ':' behind a name");
}

/* --- what is walked over -----------------------------------------------------------------------
 */

/* The open objects (bit set) and arrays. */
struct nest {
    uint64_t objects[JSONREAD_DEPTH_MAX / 64];
    size_t depth;
};

static bool in_object(const struct nest *n)
{
    return (n->objects[(n->depth - 1) / 64] >> ((n->depth - 1) % 64) & 1) != 0;
}

static bool enter(struct jsonread *r, struct nest *n, bool object)
{
    if (n->depth == JSONREAD_DEPTH_MAX) {
        return fail(r, r->off, "values nested too deeply");
    }
    uint64_t bit = (uint64_t)1 << (n->depth % 64);
    uint64_t *word = &n->objects[n->depth / 64];
    *word = object ? *word | bit : *word & ~bit;
    n->depth++;
    r->off++;
    return true;
}

/* Behind a value: ends what ends here, up to the ',' before the next value. */
static bool leave(struct jsonread *r, struct nest *n)
{
    while (n->depth > 0) {
        uint8_t c = peek(r);
        if (c == ',') {
            r->off++;
            return true;
        }
        if (!take(r, in_object(n) ? '}' : ']', "no ',' and no end behind a value")) {
            return false;
        }
        n->depth--;
    }
    return true;
}

/* An object or array, whose bracket comes next. */
static bool skip_nested(struct jsonread *r)
{
    struct nest n = {.depth = 0};
    struct jsonread_member ignored;
    do {
        uint8_t c = peek(r);
        bool ok = true;
        bool empty = false;
        if (c == '{' || c == '[') {
            ok = enter(r, &n, c == '{');
            empty = ok && peek(r) == (c == '{' ? '}' : ']');
        } else {
            ok = take_scalar(r, &ignored) && leave(r, &n);
        }
        if (!ok || (empty && !leave(r, &n))) {
            return false;
        }
        if (n.depth > 0 && in_object(&n) && !take_key(r, &ignored.key)) {
            return false;
        }
    } while (n.depth > 0);
    return true;
}

/* --- the object --------------------------------------------------------------------------------
 */

static bool at_end(struct jsonread *r)
{
    r->ended = true;
    (void)peek(r);
    return r->off < r->text.len ? fail(r, r->off, "something behind the object") : false;
}

bool jsonread_next(struct jsonread *r, struct jsonread_member *ret_member)
{
    struct jsonread_member m = {.kind = JSONREAD_OTHER};
    if (r->ended || r->error != NULL) {
        return false;
    }
    if (!r->begun && !take(r, '{', "no object")) {
        return false;
    }
    bool first = !r->begun;
    r->begun = true;
    if (peek(r) == '}') {
        r->off++;
        return at_end(r);
    }
    if ((!first && !take(r, ',', "no ',' and no end behind a value")) || !take_key(r, &m.key)) {
        return false;
    }
    uint8_t c = peek(r);
    size_t start = r->off;
    if (c == '{' || c == '[') {
        if (!skip_nested(r)) {
            return false;
        }
        m.value = span_sub(r->text, start, r->off - start);
    } else if (!take_scalar(r, &m)) {
        return false;
    }
    *ret_member = m;
    return true;
}

/* --- strings -----------------------------------------------------------------------------------
 */

static uint32_t unit_at(struct span s, size_t off)
{
    uint32_t unit = 0;
    for (size_t i = 2; i < 6; i++) {
        unit = unit << 4 | (uint32_t)byte_hex(span_at(s, off + i));
    }
    return unit;
}

/* The escape at off, which is one; returns its bytes. */
static size_t unescape(struct span s, size_t off, struct sbuf *out)
{
    static const char letters[] = "bfnrt";
    static const char meanings[] = "\b\f\n\r\t";
    uint8_t c = span_at(s, off + 1);
    if (c != 'u') {
        size_t i = span_find_byte(SPAN(letters), 0, c);
        sbuf_add_byte(out, i < sizeof(letters) - 1 ? (uint8_t)meanings[i] : c);
        return 2;
    }
    uint32_t unit = unit_at(s, off);
    if (unit < 0xd800 || unit > 0xdfff) {
        (void)utf8_add(out, unit);
        return 6;
    }
    bool pair = unit < 0xdc00 && span_starts(span_from(s, off + 6), SPAN("\\u"));
    uint32_t low = pair ? unit_at(s, off + 6) : 0;
    if (low >= 0xdc00 && low <= 0xdfff) {
        (void)utf8_add(out, 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00));
        return 12;
    }
    sbuf_add_byte(out, 0xed);
    sbuf_add_byte(out, (uint8_t)(0x80 | (unit >> 6 & 0x3f)));
    sbuf_add_byte(out, (uint8_t)(0x80 | (unit & 0x3f)));
    return 6;
}

void jsonread_unescape(struct span string, struct sbuf *out)
{
    size_t off = 0;
    while (off < string.len) {
        size_t at = span_find_byte(string, off, '\\');
        at = at == SPAN_NONE ? string.len : at;
        sbuf_add(out, span_sub(string, off, at - off));
        off = at;
        if (off < string.len) {
            off += unescape(string, off, out);
        }
    }
}
