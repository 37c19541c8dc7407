/* http_line: request lines and status lines (RFC 9112 sections 3 and 4; HTTP/0.9 has a request line
 * without a version).
 *
 * Two readings are offered. The lenient one is for where a message must begin: servers skip blanks,
 * take any word as a method and a target with blanks in it, so what is in the line is taken apart
 * as well as can be and marked odd. The strict one tells where a message begins when that is not
 * known (after a gap, in the middle of a flow, after nonsense): there a line counts only when it
 * follows the grammar. */
#include "decoders/http_line.h"

#include "sensor/base/bytes.h"
#include "sensor/base/chars.h"

enum { METHOD_MAX = 32, VERSION_LEN = 8 };

static const struct span version_start = SPAN_LITERAL("HTTP/");

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* tchar of RFC 9110 section 5.6.2, letters, digits and !#$%&'*+-.^_`|~, for each byte. */
/* clang-format off */
static const uint8_t is_tchar[256] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    0, 1, 0, 1, 1, 1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0,
    0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1, 0,
};
/* clang-format on */

/* Nearly all names are of letters, digits and dashes. */
size_t http_token_len(struct span s)
{
    size_t n = 0;
    while (n + CHARS_NARROW <= s.len) {
        unsigned some = chars_first_other(chars_in_names(&s.data[n]));
        n += some;
        if (some < CHARS_NARROW) {
            break;
        }
    }
    while (n < s.len && is_tchar[s.data[n]] != 0) {
        n++;
    }
    return n;
}

bool http_is_token(struct span s)
{
    return s.len > 0 && http_token_len(s) == s.len;
}

/* Cuts off blanks at the front and gives how many there were. */
static size_t skip_blanks(struct span *s)
{
    size_t n = 0;
    while (is_blank(span_at(*s, n))) {
        n++;
    }
    *s = span_from(*s, n);
    return n;
}

/* The word at the front, which is cut off. */
static struct span take_word(struct span *s)
{
    size_t n = 0;
    while (n < s->len && !is_blank(span_at(*s, n))) {
        n++;
    }
    struct span word = span_head(*s, n);
    *s = span_from(*s, n);
    return word;
}

/* A version as of another protocol, "RTSP/1.0": servers refuse such a request, but log it as one
 * with a version, and its target is what stands before it. */
static bool is_foreign_version(struct span s)
{
    size_t slash = span_find_byte(s, 0, '/');
    struct span number = span_from(s, slash != SPAN_NONE ? slash + 1 : s.len);
    bool named = slash != SPAN_NONE && slash > 0;
    for (size_t i = 0; named && i < slash; i++) {
        named = byte_is_upper(s.data[i]);
    }
    return named && number.len == 3 && byte_is_digit(span_at(number, 0)) &&
           span_at(number, 1) == '.' && byte_is_digit(span_at(number, 2));
}

/* The version at the line's end, which is cut off together with the blanks before it; empty when
 * there is none. */
static struct span take_version(struct span *s, bool *ret_odd)
{
    struct span text = span_trim(*s);
    size_t at = text.len;
    while (at > 0 && !is_blank(span_at(text, at - 1))) {
        at--;
    }
    struct span version = span_from(text, at);
    if (!span_starts_nocase(version, version_start) && !is_foreign_version(version)) {
        return (struct span){0};
    }
    *ret_odd = text.len != s->len;
    *s = span_head(*s, at);
    return version;
}

static bool is_version(struct span s)
{
    return s.len == VERSION_LEN && span_starts(s, version_start) && byte_is_digit(span_at(s, 5)) &&
           span_at(s, 6) == '.' && byte_is_digit(span_at(s, 7));
}

/* A line as the grammar has it, which nearly all are; false: it has to be taken apart with care. */
static bool parse_plain_request(struct span line, struct http_request_line *ret)
{
    size_t n = http_token_len(line);
    size_t end = line.len > VERSION_LEN ? line.len - VERSION_LEN - 1 : 0;
    if (n == 0 || end < n + 2 || span_at(line, n) != ' ' || span_at(line, end) != ' ' ||
        !is_version(span_from(line, end + 1))) {
        return false;
    }
    struct span target = span_sub(line, n + 1, end - n - 1);
    bool parted = !byte_is_space(target.data[0]) && !byte_is_space(target.data[target.len - 1]);
    if (!parted || span_find_byte(target, 0, ' ') != SPAN_NONE) {
        return false;
    }
    *ret = (struct http_request_line){
        .method = span_head(line, n), .target = target, .version = span_from(line, end + 1)};
    return true;
}

struct http_request_line http_request_line_parse(struct span line)
{
    struct http_request_line r = {0};
    struct span rest = line;
    if (parse_plain_request(line, &r)) {
        return r;
    }
    r.odd = skip_blanks(&rest) > 0;
    r.method = take_word(&rest);
    size_t n_blanks = skip_blanks(&rest);
    bool version_odd = false;
    r.version = take_version(&rest, &version_odd);
    r.target = span_trim(rest);
    size_t n_behind = rest.len - r.target.len;
    bool parted = n_blanks == 1 && n_behind == (r.version.len > 0 ? 1U : 0U);
    bool inner = span_find_byte(r.target, 0, ' ') != SPAN_NONE;
    r.odd = r.odd || version_odd || !parted || inner || r.target.len == 0 ||
            !http_is_token(r.method) || (r.version.len > 0 && !is_version(r.version));
    return r;
}

static bool is_plain_status(struct span line)
{
    enum { CODE = VERSION_LEN + 1, REASON = CODE + 4 };
    return line.len > REASON && is_version(span_head(line, VERSION_LEN)) &&
           line.data[CODE - 1] == ' ' && byte_is_digit(line.data[CODE]) &&
           byte_is_digit(line.data[CODE + 1]) && byte_is_digit(line.data[CODE + 2]) &&
           line.data[REASON - 1] == ' ' && !byte_is_space(line.data[REASON]);
}

struct http_status_line http_status_line_parse(struct span line)
{
    struct http_status_line s = {0};
    struct span rest = line;
    if (is_plain_status(line)) {
        s.version = span_head(line, VERSION_LEN);
        s.code = span_sub(line, VERSION_LEN + 1, 3);
        s.reason = span_trim(span_from(line, VERSION_LEN + 5));
        return s;
    }
    s.version = take_word(&rest);
    bool parted = skip_blanks(&rest) == 1;
    s.code = take_word(&rest);
    skip_blanks(&rest);
    s.reason = span_trim(rest);
    uint64_t number = 0;
    s.odd = !parted || !is_version(s.version) || s.code.len != 3 || !span_to_u64(s.code, &number);
    return s;
}

enum http_method http_method_of(struct span name)
{
    if (span_equal(name, SPAN("HEAD"))) {
        return HTTP_METHOD_HEAD;
    }
    if (span_equal(name, SPAN("CONNECT"))) {
        return HTTP_METHOD_CONNECT;
    }
    if (span_equal(name, SPAN("PRI"))) {
        return HTTP_METHOD_PRI;
    }
    return HTTP_METHOD_OTHER;
}

static bool is_known_method(struct span name)
{
    static const struct span names[] = {
        SPAN_LITERAL("GET"),       SPAN_LITERAL("POST"),      SPAN_LITERAL("HEAD"),
        SPAN_LITERAL("PUT"),       SPAN_LITERAL("DELETE"),    SPAN_LITERAL("OPTIONS"),
        SPAN_LITERAL("PATCH"),     SPAN_LITERAL("CONNECT"),   SPAN_LITERAL("TRACE"),
        SPAN_LITERAL("PROPFIND"),  SPAN_LITERAL("PROPPATCH"), SPAN_LITERAL("MKCOL"),
        SPAN_LITERAL("COPY"),      SPAN_LITERAL("MOVE"),      SPAN_LITERAL("LOCK"),
        SPAN_LITERAL("UNLOCK"),    SPAN_LITERAL("SEARCH"),    SPAN_LITERAL("REPORT"),
        SPAN_LITERAL("MERGE"),     SPAN_LITERAL("M-SEARCH"),  SPAN_LITERAL("NOTIFY"),
        SPAN_LITERAL("SUBSCRIBE"),
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (span_equal(names[i], name)) {
            return true;
        }
    }
    return false;
}

bool http_is_request_line(struct span line)
{
    struct http_request_line r = http_request_line_parse(span_trim(line));
    return r.target.len > 0 && (r.version.len > 0 || is_known_method(r.method));
}

bool http_is_request_start(struct span start)
{
    struct span rest = start;
    struct span method = take_word(&rest);
    return is_known_method(method) && rest.len > 0;
}

bool http_is_status_line(struct span line)
{
    return span_starts_nocase(line, version_start);
}

static struct span without_end(struct span line)
{
    size_t len = line.len;
    len -= len > 0 && span_at(line, len - 1) == '\n' ? 1 : 0;
    len -= len > 0 && span_at(line, len - 1) == '\r' ? 1 : 0;
    return span_head(line, len);
}

bool http_is_landmark(struct span line, enum direction dir)
{
    line = without_end(line);
    if (dir == TO_SERVER) {
        struct http_request_line r = http_request_line_parse(line);
        return !r.odd && r.version.len > 0 && r.method.len <= METHOD_MAX &&
               byte_is_alpha(span_at(r.method, 0));
    }
    return !http_status_line_parse(line).odd;
}

bool http_may_be_landmark(struct span start, enum direction dir)
{
    if (dir == TO_CLIENT) {
        size_t len = start.len < version_start.len ? start.len : version_start.len;
        return span_equal_nocase(span_head(start, len), span_head(version_start, len));
    }
    struct span rest = span_head(start, METHOD_MAX + 1);
    struct span method = take_word(&rest);
    return http_is_token(method) && byte_is_alpha(span_at(method, 0)) && method.len <= METHOD_MAX;
}
