/* peel_marks: layers that a text itself says it has.
 *
 * An encoder that changes only what it must leaves a look-up as it is, but for a '=' (in
 * quoted-printable "=3D"), a '/' (JSON), a '&' (HTML), a '+' (UTF-7) or letters that are no ASCII.
 * Then both the text and what it is decoded to ask JNDI, for different names. The decoded one is
 * right where every introducer of that layer begins a whole escape and one of them is of what
 * the encoder must encode. It is right too where one is of what nobody has to encode
 * ("ldap:\u002f/&#120;"), and there are no escapes of other kinds. In a string of JSON or of what
 * has such strings, backslashes and quotes are what its writer must encode. Only where look-ups are
 * is looked at: what stands around them may be anybody's. */
#include "signatures/peel_marks.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/entities.h"
#include "sensor/codec/jsescape.h"
#include "sensor/codec/utf.h"

/* "3D" at off, as encoders write it; -1: something else. */
static int upper_octet(struct span text, size_t off)
{
    uint8_t a = span_at(text, off);
    uint8_t b = span_at(text, off + 1);
    bool lower = byte_lower(a) == a && byte_is_alpha(a);
    lower = lower || (byte_lower(b) == b && byte_is_alpha(b));
    int high = byte_hex(a);
    int low = byte_hex(b);
    return lower || high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* What the escapes of a layer are of. */
struct seen {
    bool due;      /* what must be encoded */
    bool quoted;   /* what must be encoded in a string, and nowhere else */
    bool needless; /* what nobody has to encode, or not in that form */
};

/* Each of these: the length of the escape at off, 0 where there is none. */

static size_t quoted_printable(struct span text, size_t off, struct seen *seen)
{
    struct span soft = span_sub(text, off + 1, 2);
    if (span_at(soft, 0) == '\n' || span_equal(soft, SPAN("\r\n"))) {
        return 2;
    }
    int octet = upper_octet(text, off + 1);
    int next = span_at(text, off + 3) == '=' ? upper_octet(text, off + 4) : -1;
    bool letter = octet >= 0xc2 && octet < 0xf5 && next >= 0x80 && next < 0xc0;
    seen->due = seen->due || octet == '=' || letter;
    seen->needless = seen->needless || (octet > ' ' && octet < 0x7f && next > ' ' && next < 0x7f);
    return octet < 0 ? 0 : 3;
}

static size_t html(struct span text, size_t off, struct seen *seen)
{
    uint32_t cp = 0;
    size_t len = entity_at(text, off, &cp);
    bool whole = len > 0 && span_at(text, off + len - 1) == ';';
    bool due = cp < 0x80 && span_find_byte(SPAN("&<>\"'"), 0, (uint8_t)cp) != SPAN_NONE;
    seen->due = seen->due || due;
    seen->needless = seen->needless || (whole && cp < 0x80);
    return whole ? len : 0;
}

static size_t json(struct span text, size_t off, struct seen *seen)
{
    uint32_t cp = 0;
    unsigned form = 0;
    uint8_t kind = span_at(text, off + 1);
    bool number = kind == 'x' || byte_is_digit(kind);
    if (!number && span_find_byte(SPAN("\"\\/bfnrtu"), 0, kind) == SPAN_NONE) {
        return 0;
    }
    size_t len = jsescape_at(text, off, JSESCAPE_UNICODE | JSESCAPE_OTHER, &cp, &form);
    /* ":\\-": in Log4j two of them have no meaning, one has */
    bool splitter =
        kind == '\\' && off > 0 && text.data[off - 1] == ':' && span_at(text, off + 2) == '-';
    seen->due = seen->due || kind == '/' || cp >= 0x80 || splitter;
    seen->quoted = seen->quoted || (!number && kind != 'u');
    seen->needless = seen->needless || (len > 0 && (kind == 'u' || number));
    return len;
}

/* A '+' that means itself is "+-"; a section that a '-' ends is of characters that are not as they
 * are. In base64 no '-' is with a '+'. */
static size_t utf7(struct span text, size_t off, struct seen *seen)
{
    size_t end = off + 1;
    while (end < text.len && base64_value(BASE64_STANDARD, text.data[end]) >= 0) {
        end++;
    }
    bool section = span_at(text, off + 1) == 'A' && end - off > 3;
    bool whole = span_at(text, end) == '-' && (section || end == off + 1);
    seen->due = seen->due || whole;
    return whole ? end + 1 - off : 0;
}

/* The octet at off, "%41"; -1: something else. */
static int percent_octet(struct span text, size_t off)
{
    int high = byte_hex(span_at(text, off + 1));
    int low = byte_hex(span_at(text, off + 2));
    return span_at(text, off) != '%' || high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Percent, of which a name that is a URL has its own: overlong UTF-8 and "%u0041" it has not. */
static size_t percent(struct span text, size_t off, struct seen *seen)
{
    struct span digits = span_sub(text, off + 2, 4);
    uint64_t unit = 0;
    if (byte_lower(span_at(text, off + 1)) == 'u' && digits.len == 4 &&
        span_hex_to_u64(digits, &unit)) {
        seen->needless = seen->needless || unit < 0x80;
        return 6;
    }
    int octet = percent_octet(text, off);
    int next = percent_octet(text, off + 3);
    seen->needless = seen->needless || octet == 0xc0 || octet == 0xc1 ||
                     (octet == 0xe0 && next >= 0x80 && next < 0xa0) ||
                     (octet == 0xf0 && next >= 0x80 && next < 0x90);
    return octet < 0 ? 0 : 3;
}

static const struct mark {
    uint8_t first;
    size_t (*measure)(struct span text, size_t off, struct seen *seen);
} marks[] = {
    {'=', quoted_printable}, {'&', html}, {'\\', json}, {'+', utf7}, {'%', percent},
};

static bool has_escapes(const struct mark *m, struct span text)
{
    struct seen seen = {false, false, false};
    size_t at = span_find_byte(text, 0, m->first);
    while (at != SPAN_NONE && m->measure(text, at, &seen) == 0) {
        at = span_find_byte(text, at + 1, m->first);
    }
    return at != SPAN_NONE;
}

/* Whether another layer than m's may have escapes in it. */
static bool has_others(const struct mark *m, struct span text)
{
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (&marks[i] != m && has_escapes(&marks[i], text)) {
            return true;
        }
    }
    return false;
}

/* Whether the text has the layer. */
static bool has_mark(const struct mark *m, struct span text, bool in_string)
{
    struct seen seen = {false, false, false};
    size_t at = span_find_byte(text, 0, m->first);
    while (at != SPAN_NONE) {
        size_t len = m->measure(text, at, &seen);
        if (len == 0) {
            return false;
        }
        at = span_find_byte(text, at + len, m->first);
    }
    return seen.due || (in_string && seen.quoted) || (seen.needless && !has_others(m, text));
}

/* Overlong UTF-8, which has no other meaning. */
static bool has_overlong(struct span text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        uint32_t cp = 0;
        if (text.data[i] >= 0xc0 && utf8_overlong_at(text, i, &cp) > 0) {
            return true;
        }
    }
    return false;
}

/* From the first opener to the last brace. */
static struct span look_ups_of(struct span text)
{
    size_t from = span_find(text, 0, SPAN("${"));
    size_t end = text.len;
    while (end > 0 && text.data[end - 1] != '}') {
        end--;
    }
    return from == SPAN_NONE || end < from ? span_head(text, 0) : span_sub(text, from, end - from);
}

/* Where the last byte before `off` is that is no blank; SPAN_NONE: nowhere. */
static size_t before_blanks(struct span text, size_t off)
{
    while (off > 0 && byte_is_space(text.data[off - 1])) {
        off--;
    }
    return off > 0 ? off - 1 : SPAN_NONE;
}

enum peel_string peel_string_of(struct span text)
{
    size_t at = span_find(text, 0, SPAN("${"));
    size_t quote = span_rfind_byte(span_head(text, at == SPAN_NONE ? 0 : at), '"');
    if (quote == SPAN_NONE || span_find_byte(text, at, '"') == SPAN_NONE) {
        return PEEL_STRING_NONE;
    }
    bool escaped = quote > 0 && text.data[quote - 1] == '\\';
    while (quote > 0 && text.data[quote - 1] == '\\') {
        quote--;
    }
    size_t before = before_blanks(text, quote);
    if (before == SPAN_NONE || span_find_byte(SPAN(":[{"), 0, text.data[before]) == SPAN_NONE) {
        return PEEL_STRING_NONE;
    }
    return escaped ? PEEL_STRING_ESCAPED : PEEL_STRING_PLAIN;
}

bool peel_is_marked(struct span text, bool in_string)
{
    struct span part = look_ups_of(text);
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (has_mark(&marks[i], part, in_string)) {
            return true;
        }
    }
    return has_overlong(part);
}

bool peel_is_folded(struct span text)
{
    size_t at = span_find_byte(text, 0, '\n');
    while (at != SPAN_NONE) {
        size_t end = at > 0 && text.data[at - 1] == '\r' ? at - 1 : at;
        if (end > 0 && text.data[end - 1] == '=') {
            return true;
        }
        at = span_find_byte(text, at + 1, '\n');
    }
    return false;
}

/* What a form leaves as it is, and how it writes the rest. */
static bool is_form_char(uint8_t c)
{
    static const bool others[256] = {
        ['-'] = true, ['_'] = true, ['.'] = true, ['~'] = true, ['*'] = true, ['\''] = true,
        ['('] = true, [')'] = true, ['!'] = true, ['%'] = true, ['+'] = true,
    };
    return byte_is_alnum(c) || others[c];
}

bool peel_is_form(struct span text)
{
    size_t plus = span_find_byte(text, 0, '+');
    while (plus != SPAN_NONE) {
        size_t from = plus;
        size_t end = plus;
        while (from > 0 && is_form_char(text.data[from - 1])) {
            from--;
        }
        while (end < text.len && is_form_char(text.data[end])) {
            end++;
        }
        struct span word = span_sub(text, from, end - from);
        if (span_find_nocase(word, 0, SPAN("%3a")) != SPAN_NONE) {
            return true;
        }
        plus = span_find_byte(text, end, '+');
    }
    return false;
}
