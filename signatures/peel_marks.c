/* peel_marks: layers that a text itself says it has.
 *
 * An encoder that changes only what it must leaves a look-up as it is, but for a '=' (in
 * quoted-printable "=3D"), a '/' (JSON), a '&' (HTML), a '+' (UTF-7) or letters that are no ASCII.
 * Then both the text and what it is decoded to ask JNDI, for different names. The decoded one is
 * right where every introducer of that layer begins a whole escape and one of them is of what
 * the encoder must encode. Only where look-ups are is looked at: what stands around them may be
 * anybody's. */
#include "signatures/peel_marks.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/entities.h"
#include "sensor/codec/jsescape.h"

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

/* Each of these: the length of the escape at off, 0 where there is none; *sure when it is of what
 * must be encoded. */

static size_t quoted_printable(struct span text, size_t off, bool *sure)
{
    struct span soft = span_sub(text, off + 1, 2);
    if (span_at(soft, 0) == '\n' || span_equal(soft, SPAN("\r\n"))) {
        return 2;
    }
    int octet = upper_octet(text, off + 1);
    int next = span_at(text, off + 3) == '=' ? upper_octet(text, off + 4) : -1;
    bool letter = octet >= 0xc2 && octet < 0xf5 && next >= 0x80 && next < 0xc0;
    *sure = *sure || octet == '=' || letter;
    return octet < 0 ? 0 : 3;
}

static size_t html(struct span text, size_t off, bool *sure)
{
    uint32_t cp = 0;
    size_t len = entity_at(text, off, &cp);
    bool whole = len > 0 && span_at(text, off + len - 1) == ';';
    *sure = *sure || (cp < 0x80 && span_find_byte(SPAN("&<>\"'"), 0, (uint8_t)cp) != SPAN_NONE);
    return whole ? len : 0;
}

static size_t json(struct span text, size_t off, bool *sure)
{
    uint32_t cp = 0;
    unsigned form = 0;
    uint8_t kind = span_at(text, off + 1);
    if (span_find_byte(SPAN("\"\\/bfnrtu"), 0, kind) == SPAN_NONE) {
        return 0;
    }
    size_t len = jsescape_at(text, off, JSESCAPE_UNICODE | JSESCAPE_OTHER, &cp, &form);
    /* ":\\-": in Log4j two of them have no meaning, one has */
    bool splitter =
        kind == '\\' && off > 0 && text.data[off - 1] == ':' && span_at(text, off + 2) == '-';
    *sure = *sure || kind == '/' || cp >= 0x80 || splitter;
    return len;
}

/* A '+' that means itself is "+-"; a section that a '-' ends is of characters that are not as they
 * are. In base64 no '-' is with a '+'. */
static size_t utf7(struct span text, size_t off, bool *sure)
{
    size_t end = off + 1;
    while (end < text.len && base64_value(BASE64_STANDARD, text.data[end]) >= 0) {
        end++;
    }
    bool section = span_at(text, off + 1) == 'A' && end - off > 3;
    bool whole = span_at(text, end) == '-' && (section || end == off + 1);
    *sure = *sure || whole;
    return whole ? end + 1 - off : 0;
}

static const struct mark {
    uint8_t first;
    size_t (*measure)(struct span text, size_t off, bool *sure);
} marks[] = {{'=', quoted_printable}, {'&', html}, {'\\', json}, {'+', utf7}};

static bool has_mark(const struct mark *m, struct span text)
{
    bool sure = false;
    size_t at = span_find_byte(text, 0, m->first);
    while (at != SPAN_NONE) {
        size_t len = m->measure(text, at, &sure);
        if (len == 0) {
            return false;
        }
        at = span_find_byte(text, at + len, m->first);
    }
    return sure;
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

bool peel_is_marked(struct span text)
{
    struct span part = look_ups_of(text);
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (has_mark(&marks[i], part)) {
            return true;
        }
    }
    return false;
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
