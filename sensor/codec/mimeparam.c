/* mimeparam: parameters of MIME headers, RFC 2045 section 5.1, with the pieces and charsets of
 * RFC 2231.
 *
 * Read as mail readers read them: values with blanks or other characters that ought to be quoted, a
 * missing closing quote, empty parameters, comments between them, and blanks around "=" are all
 * taken. The header's value may still be folded. Pieces ("name*0", "name*1*") are put together in
 * the order of their numbers, from 0 up to the first one that is missing; whichever way they were
 * ordered in the header, at most PIECES_MAX of them. RFC 2047 words in a value are left to the
 * caller. */
#include "sensor/codec/mimeparam.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/charset.h"
#include "sensor/codec/uri.h"

enum { PIECES_MAX = 64 };

static const struct span us_ascii = SPAN_LITERAL("us-ascii");

/* Behind blanks, line ends and comments. */
static size_t skip_blanks(struct span s, size_t off)
{
    unsigned depth = 0;
    for (; off < s.len; off++) {
        uint8_t c = span_at(s, off);
        if (c == '\\' && depth > 0) {
            off++;
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && depth > 0) {
            depth--;
        } else if (depth == 0 && !byte_is_space(c)) {
            break;
        }
    }
    return off < s.len ? off : s.len;
}

static bool is_any(struct span stop, uint8_t c)
{
    bool any = false;
    for (size_t i = 0; i < stop.len; i++) {
        any = any || stop.data[i] == c;
    }
    return any;
}

static size_t find_any(struct span s, size_t off, struct span stop)
{
    while (off < s.len && !is_any(stop, s.data[off])) {
        off++;
    }
    return off;
}

struct span mimeparam_main(struct span value)
{
    size_t start = skip_blanks(value, 0);
    size_t end = find_any(value, start, SPAN(";("));
    return span_trim(span_sub(value, start, end - start));
}

/* Takes a quoted string, its opening quote at off; *off ends behind it. */
static struct span take_quoted(struct span s, size_t *off)
{
    size_t start = *off + 1;
    size_t at = start;
    while (at < s.len && span_at(s, at) != '"') {
        at += span_at(s, at) == '\\' ? 2 : 1;
    }
    at = at < s.len ? at : s.len;
    *off = at + 1;
    return span_sub(s, start, at - start);
}

bool mimeparam_next(struct span *rest, struct mimeparam *ret_param)
{
    size_t at = span_find_byte(*rest, 0, ';');
    while (at != SPAN_NONE) {
        size_t start = skip_blanks(*rest, at + 1);
        size_t equals = find_any(*rest, start, SPAN("=;"));
        if (span_at(*rest, equals) != '=') {
            at = equals < rest->len ? equals : SPAN_NONE;
            continue;
        }
        ret_param->name = span_trim(span_sub(*rest, start, equals - start));
        size_t off = skip_blanks(*rest, equals + 1);
        ret_param->quoted = span_at(*rest, off) == '"';
        if (ret_param->quoted) {
            ret_param->value = take_quoted(*rest, &off);
            off = find_any(*rest, off, SPAN(";"));
        } else {
            size_t end = find_any(*rest, off, SPAN(";"));
            ret_param->value = span_trim(span_sub(*rest, off, end - off));
            off = end;
        }
        *rest = span_from(*rest, off);
        return true;
    }
    *rest = span_head(*rest, 0);
    return false;
}

/* Takes out backslashes and line ends. */
static void unescape(struct span in, struct sbuf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = span_at(in, i);
        if (c == '\\' && i + 1 < in.len) {
            i++;
            sbuf_add_byte(out, span_at(in, i));
        } else if (c != '\r' && c != '\n') {
            sbuf_add_byte(out, c);
        }
    }
}

static bool is_clean(const struct mimeparam *param)
{
    return !param->quoted || find_any(param->value, 0, SPAN("\\\r\n")) == param->value.len;
}

enum mimeparam_form mimeparam_plain(struct span value, struct span name, struct sbuf *scratch,
                                    struct span *ret_value)
{
    struct mimeparam param;
    while (mimeparam_next(&value, &param)) {
        if (!span_equal_nocase(param.name, name)) {
            continue;
        }
        if (is_clean(&param)) {
            *ret_value = param.value;
            return MIMEPARAM_PLAIN;
        }
        sbuf_reset(scratch);
        unescape(param.value, scratch);
        *ret_value = sbuf_span(scratch);
        return MIMEPARAM_ESCAPED;
    }
    return MIMEPARAM_NONE;
}

/* The pieces of one parameter, by number. */
struct pieces {
    struct mimeparam params[PIECES_MAX];
    bool have[PIECES_MAX];
    bool encoded[PIECES_MAX];
};

/* Takes "name*", "name*3" or "name*3*" apart. */
static bool parse_name(struct span full, struct span name, size_t *ret_number, bool *ret_encoded)
{
    if (!span_starts_nocase(full, name) || span_at(full, name.len) != '*') {
        return false;
    }
    struct span suffix = span_from(full, name.len + 1);
    *ret_encoded = suffix.len == 0 || span_at(suffix, suffix.len - 1) == '*';
    uint64_t number = 0;
    struct span digits = span_head(suffix, suffix.len - (*ret_encoded && suffix.len > 0 ? 1 : 0));
    if (digits.len > 0 && !span_to_u64(digits, &number)) {
        return false;
    }
    *ret_number = number < PIECES_MAX ? (size_t)number : PIECES_MAX;
    return true;
}

static void collect(struct span value, struct span name, struct pieces *pieces)
{
    struct mimeparam param;
    while (mimeparam_next(&value, &param)) {
        size_t number;
        bool encoded;
        if (parse_name(param.name, name, &number, &encoded) && number < PIECES_MAX &&
            !pieces->have[number]) {
            pieces->params[number] = param;
            pieces->have[number] = true;
            pieces->encoded[number] = encoded;
        }
    }
}

/* Cuts "utf-8'en'" off the first piece: the charset, empty when there is none. */
static struct span take_charset(struct span *text)
{
    size_t first = span_find_byte(*text, 0, '\'');
    size_t second = first == SPAN_NONE ? SPAN_NONE : span_find_byte(*text, first + 1, '\'');
    if (second == SPAN_NONE) {
        return (struct span){NULL, 0};
    }
    struct span charset = span_head(*text, first);
    *text = span_from(*text, second + 1);
    return charset;
}

static void add_piece(const struct pieces *pieces, size_t i, struct span text, struct sbuf *out)
{
    if (pieces->encoded[i]) {
        (void)uri_decode(text, URI_PERCENT, out);
    } else {
        unescape(text, out);
    }
}

enum mimeparam_form mimeparam_extended(struct span value, struct span name, struct sbuf *scratch,
                                       struct span *ret_value)
{
    if (span_find_byte(value, 0, '*') == SPAN_NONE) {
        return MIMEPARAM_NONE;
    }
    struct pieces pieces = {0};
    collect(value, name, &pieces);
    if (!pieces.have[0]) {
        return MIMEPARAM_NONE;
    }
    struct sbuf bytes = sbuf_with_cap(value.len);
    struct span first = pieces.params[0].value;
    struct span charset = pieces.encoded[0] ? take_charset(&first) : (struct span){NULL, 0};
    add_piece(&pieces, 0, first, &bytes);
    for (size_t i = 1; i < PIECES_MAX && pieces.have[i]; i++) {
        add_piece(&pieces, i, pieces.params[i].value, &bytes);
    }
    sbuf_reset(scratch);
    (void)charset_to_utf8(charset.len > 0 ? charset : us_ascii, sbuf_span(&bytes), scratch);
    sbuf_free(&bytes);
    *ret_value = sbuf_span(scratch);
    return MIMEPARAM_EXTENDED;
}

enum mimeparam_form mimeparam_find(struct span value, struct span name, struct sbuf *scratch,
                                   struct span *ret_value)
{
    enum mimeparam_form form = mimeparam_extended(value, name, scratch, ret_value);
    return form != MIMEPARAM_NONE ? form : mimeparam_plain(value, name, scratch, ret_value);
}

bool mimeparam_take_file_name(struct span *headers, struct sbuf *to)
{
    bool found = false;
    while (headers->len > 0 && !found) {
        struct span line = span_split(headers, '\n');
        struct span name = span_trim(span_split(&line, ':'));
        struct sbuf scratch = sbuf_with_cap(to->cap);
        struct span text = {0};
        found =
            span_equal_nocase(name, SPAN("content-disposition")) &&
            mimeparam_find(span_trim(line), SPAN("filename"), &scratch, &text) != MIMEPARAM_NONE;
        if (found) {
            sbuf_reset(to);
            sbuf_add(to, text);
        }
        sbuf_free(&scratch);
    }
    return found;
}
