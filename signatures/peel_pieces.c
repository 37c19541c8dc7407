/* peel_pieces: where in a text a piece may be base64 or UTF-16.
 *
 * Nothing is decoded here but padding that an escape stands for. A run of base64 may have other
 * characters of its alphabet glued to its front (a path, a prefix), so its groups may begin at any
 * of its first four characters; the caller tries all and looks for text in what comes out. */
#include "signatures/peel_pieces.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/base64.h"
#include "signatures/peel_steps.h"

enum { REFERENCE_MAX = 8 };

static bool is_run_char(uint8_t c)
{
    return base64_value(BASE64_EITHER, c) >= 0;
}

/* Line ends at off behind which the run goes on: their length, or 0. */
static size_t fold(struct span text, size_t off)
{
    size_t at = off + (span_at(text, off) == '\r' ? 1 : 0);
    if (span_at(text, at) != '\n') {
        return 0;
    }
    return at + 1 < text.len && is_run_char(text.data[at + 1]) ? at + 1 - off : 0;
}

/* Length of an escape for '=' at off, or 0. */
static size_t escaped_padding(struct span text, size_t off)
{
    static const enum peel_step steps[] = {PEEL_STEP_PERCENT, PEEL_STEP_HTML, PEEL_STEP_BACKSLASH};
    uint8_t c = span_at(text, off);
    if (c != '%' && c != '&' && c != '\\') {
        return 0;
    }
    uint8_t bytes[16] = {0};
    struct sbuf to = {.data = bytes, .room = sizeof(bytes), .cap = sizeof(bytes)};
    uint32_t encodings = 0;
    size_t i = c == '%' ? 0 : c == '&' ? 1 : 2;
    size_t len = peel_step_escape(steps[i], text, off, &to, &encodings);
    return to.len == 1 && bytes[0] == '=' ? len : 0;
}

static struct peel_run run_at(struct span text, size_t off)
{
    struct peel_run run = {.off = off};
    size_t at = off;
    while (at < text.len) {
        uint8_t c = text.data[at];
        size_t step = is_run_char(c) ? 1 : fold(text, at);
        if (step == 0) {
            break;
        }
        run.url = run.url || c == '-' || c == '_';
        at += step;
    }
    for (unsigned i = 0; i < 2 && span_at(text, at) == '='; i++) {
        at++;
    }
    run.len = at - off;
    for (unsigned i = 0; i < 2 && run.len >= PEEL_RUN_MIN; i++) {
        run.tail += escaped_padding(text, at + run.tail);
    }
    return run;
}

bool peel_next_run(struct span text, size_t off, struct peel_run *ret_run)
{
    while (off < text.len) {
        if (!is_run_char(text.data[off])) {
            off++;
            continue;
        }
        struct peel_run run = run_at(text, off);
        if (run.len >= PEEL_RUN_MIN) {
            *ret_run = run;
            return true;
        }
        off += run.len;
    }
    return false;
}

/* Whether the text of an encoded word begins at off, "?B?" before it, the second '?' perhaps as a
 * character reference: then what begins the word is escaped, for whole words are decoded as such.
 */
static bool is_word_text(struct span text, size_t off)
{
    struct span before = span_head(text, off);
    size_t from = off > REFERENCE_MAX ? off - REFERENCE_MAX : 0;
    if (span_at(before, off - 1) == ';') {
        uint8_t byte = 0;
        struct sbuf to = {.data = &byte, .room = 1, .cap = 1};
        uint32_t encodings = 0;
        size_t at = span_find_byte(before, from, '&');
        bool is = at != SPAN_NONE && byte_lower(span_at(before, at - 1)) == 'b' &&
                  peel_step_escape(PEEL_STEP_HTML, before, at, &to, &encodings) == off - at;
        return is && byte == '?';
    }
    struct span kind = SPAN("?b?");
    return off >= kind.len && span_find_nocase(before, off - kind.len, kind) != SPAN_NONE;
}

bool peel_run_is_cut(struct span text, const struct peel_run *run)
{
    if (is_word_text(text, run->off)) {
        return true;
    }
    uint8_t before = run->off > 0 ? text.data[run->off - 1] : 0;
    struct span behind = span_from(text, run->off + run->len + run->tail);
    int high = byte_hex(span_at(behind, 1));
    int octet = high * 16 + byte_hex(span_at(behind, 2));
    switch (span_at(behind, 0)) {
    case '%':
        return before == '%' || octet == '/' || octet == '+' || octet == '\r' || octet == '\n';
    case '&':
        return span_at(behind, 1) == '#' || span_starts(behind, SPAN("&sol")) ||
               span_starts(behind, SPAN("&plus"));
    case '\\':
        return true;
    default:
        return before == '%' || before == '\\';
    }
}

bool peel_is_text(uint8_t c, uint8_t before, uint8_t before_that)
{
    bool plain = (c >= 0x20 && c != 0x7f) || c == '\t' || c == '\r' || c == '\n';
    return plain || (c == 0 ? before != 0 : before == 0 || before_that == 0);
}

/* The same for the byte at `at`, when text can begin at `from`. */
static bool is_text_at(struct span bytes, size_t from, size_t at)
{
    uint8_t before = at >= from + 1 ? bytes.data[at - 1] : ' ';
    uint8_t before_that = at >= from + 2 ? bytes.data[at - 2] : ' ';
    return peel_is_text(bytes.data[at], before, before_that);
}

bool peel_next_text(struct span bytes, size_t off, struct span *ret_text)
{
    size_t from = off;
    for (size_t at = off; at <= bytes.len; at++) {
        if (at < bytes.len && is_text_at(bytes, from, at)) {
            continue;
        }
        if (at - from >= PEEL_TEXT_MIN) {
            *ret_text = span_sub(bytes, from, at - from);
            return true;
        }
        from = at + 1;
    }
    return false;
}

bool peel_is_mostly_text(struct span bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        n += is_text_at(bytes, 0, i);
    }
    return bytes.len >= PEEL_TEXT_MIN && (bytes.len - n) * 8 <= bytes.len;
}

static bool is_ascii_text(uint8_t c)
{
    return (c >= 0x20 && c < 0x7f) || c == '\t' || c == '\r' || c == '\n';
}

enum { FOREIGN_MAX = 4 }; /* characters in a row that are not ASCII */

/* A reading as UTF-16: where the high bytes stand, and whether that is sure. */
struct units {
    struct span text;
    size_t high;
    bool sure;
};

static bool is_ascii_unit(const struct units *u, size_t at)
{
    return at + 1 < u->text.len && u->text.data[at + u->high] == 0 &&
           is_ascii_text(u->text.data[at + 1 - u->high]);
}

/* Whether another character than ASCII may stand at `at`. Two bytes that would be ASCII by
 * themselves are none; nor, where it is not sure which bytes are the high ones, is what would be
 * another character if they were the others. */
static bool is_foreign_unit(const struct units *u, size_t at)
{
    if (at + 1 >= u->text.len) {
        return false;
    }
    uint8_t high = u->text.data[at + u->high];
    uint8_t low = u->text.data[at + 1 - u->high];
    return high == 0 ? low >= 0x80 : u->sure && !(is_ascii_text(high) && is_ascii_text(low));
}

/* Behind the characters at `at`: ASCII, and others among it. *ret_n: how many of them are ASCII. */
static size_t end_of_units(const struct units *u, size_t at, size_t *ret_n)
{
    size_t end = at;
    *ret_n = 0;
    while (at - end <= (size_t)FOREIGN_MAX * 2) {
        if (is_ascii_unit(u, at)) {
            end = at + 2;
            *ret_n += 1;
        } else if (!is_foreign_unit(u, at)) {
            break;
        }
        at += 2;
    }
    return end;
}

bool peel_next_utf16(struct span text, size_t off, struct span *ret_piece)
{
    size_t at = span_find_byte(text, off, 0);
    while (at != SPAN_NONE) {
        size_t from = at > off && is_ascii_text(text.data[at - 1]) ? at - 1 : at;
        struct units u = {.text = text, .high = at - from}; /* 1: the low byte comes first */
        u.sure = from == 0 || !is_ascii_text(text.data[from - 1]);
        size_t n = 0;
        size_t end = end_of_units(&u, from, &n);
        if (n >= PEEL_UTF16_MIN) {
            *ret_piece = span_sub(text, from, end - from);
            return true;
        }
        at = span_find_byte(text, end > at ? end : at + 1, 0);
    }
    return false;
}

/* Behind the characters that names of charsets or languages have. */
static size_t skip_token(struct span text, size_t off)
{
    while (off < text.len && (byte_is_alnum(text.data[off]) ||
                              span_find_byte(SPAN("-_.:+"), 0, text.data[off]) != SPAN_NONE)) {
        off++;
    }
    return off;
}

bool peel_is_extended(struct span text)
{
    size_t charset = skip_token(text, 0);
    size_t language = skip_token(text, charset + 1);
    return charset > 0 && span_at(text, charset) == '\'' && span_at(text, language) == '\'' &&
           span_find_byte(text, language, '%') != SPAN_NONE;
}
