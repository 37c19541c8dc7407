/* json: RFC 8259 for a log that hostile text flows through.
 *
 * A log viewer may itself run Log4j, so '$' is always written as \u0024: every parser reads the
 * true value, no byte pair "${" ever stands in the file. Characters that reorder or end lines on a
 * screen (controls, U+2028/9, bidirectional marks) are escaped too. What is not UTF-8 becomes the
 * text \xNN, so the bytes stay readable and the line stays valid. */
#include "sensor/output/json.h"

#include "sensor/base/bytes.h"
#include "sensor/base/chars.h"

#include <math.h>
#include <stdio.h>

enum { SHORT_MAX = 256, SHORT_SHARE = 8 };

struct json json_begin(struct sbuf *out, size_t soft_cap)
{
    sbuf_reset(out);
    return (struct json){.out = out, .soft_cap = soft_cap};
}

static void begin_value(struct json *j)
{
    if (j->depth == 0) {
        return;
    }
    if (j->filled[j->depth - 1]) {
        sbuf_add_byte(j->out, ',');
    }
    j->filled[j->depth - 1] = true;
}

static void begin(struct json *j, const char *key)
{
    begin_value(j);
    if (key == NULL) {
        return;
    }
    struct span name = span_str(key);
    uint8_t *at = sbuf_reserve(j->out, name.len + 3);
    if (at != NULL) {
        at[0] = '"';
        bytes_copy(&at[1], name.data, name.len);
        at[name.len + 1] = '"';
        at[name.len + 2] = ':';
        sbuf_commit(j->out, name.len + 3);
    }
}

static void open(struct json *j, const char *key, uint8_t bracket)
{
    CHECK(j->depth < JSON_DEPTH);
    begin(j, key);
    sbuf_add_byte(j->out, bracket);
    j->filled[j->depth++] = false;
}

static void close(struct json *j, uint8_t bracket)
{
    CHECK(j->depth > 0);
    j->depth--;
    sbuf_add_byte(j->out, bracket);
}

void json_object(struct json *j, const char *key)
{
    open(j, key, '{');
}

void json_object_end(struct json *j)
{
    close(j, '}');
}

void json_array(struct json *j, const char *key)
{
    open(j, key, '[');
}

void json_array_end(struct json *j)
{
    close(j, ']');
}

/* Bytes of the UTF-8 character at off, 0 when there is none; RFC 3629: no overlong forms, no
 * surrogates, at most U+10FFFF. */
static size_t utf8_len(struct span s, size_t off, uint32_t *ret_code)
{
    uint8_t c = s.data[off];
    size_t len = c >= 0xf0 && c <= 0xf4 ? 4 : c >= 0xe0 ? 3 : c >= 0xc2 ? 2 : 0;
    if (c > 0xf4 || len == 0 || len > s.len - off) {
        return 0;
    }
    uint32_t code = c & (0x7fu >> len);
    for (size_t i = 1; i < len; i++) {
        if ((s.data[off + i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (s.data[off + i] & 0x3fu);
    }
    bool overlong = (len == 3 && code < 0x800) || (len == 4 && code < 0x10000);
    if (overlong || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return 0;
    }
    *ret_code = code;
    return len;
}

bool json_is_treacherous(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0xad || code == 0x61c ||
           code == 0x34f || code == 0x180e || (code >= 0x200b && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2060 && code <= 0x206f) ||
           code == 0xfeff || (code >= 0xfff9 && code <= 0xfffb) ||
           (code >= 0xe0000 && code <= 0xe0fff);
}

static void add_escape(struct json *j, uint32_t code)
{
    static const char shorts[] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    if (code == '"' || code == '\\') {
        sbuf_add_byte(j->out, '\\');
        sbuf_add_byte(j->out, (uint8_t)code);
    } else if (code < sizeof(shorts) && shorts[code] != 0) {
        sbuf_add_byte(j->out, '\\');
        sbuf_add_byte(j->out, (uint8_t)shorts[code]);
    } else if (code > 0xffff) {
        unsigned rest = (unsigned)code - 0x10000;
        sbuf_add_format(j->out, "\\u%04x\\u%04x", 0xd800 + (rest >> 10), 0xdc00 + (rest & 0x3ff));
    } else {
        sbuf_add_format(j->out, "\\u%04x", (unsigned)code);
    }
}

/* Whether the three bytes at off are what UTF-8 would have for a surrogate. */
static bool is_surrogate(struct span s, size_t off, uint32_t *ret_code)
{
    uint8_t second = span_at(s, off + 1);
    uint8_t third = span_at(s, off + 2);
    *ret_code = 0xd000 | (second & 0x3fu) << 6 | (third & 0x3fu);
    return s.data[off] == 0xed && second >= 0xa0 && second <= 0xbf && (third & 0xc0) == 0x80;
}

/* Writes the character at off, however it must be written; returns its bytes. */
static size_t add_char(struct json *j, struct span s, size_t off)
{
    uint8_t c = s.data[off];
    if (c < 0x80) {
        add_escape(j, c);
        return 1;
    }
    uint32_t code = 0;
    size_t len = utf8_len(s, off, &code);
    if (len == 0 && j->surrogates && is_surrogate(s, off, &code)) {
        add_escape(j, code);
        return 3;
    }
    if (len == 0) {
        sbuf_add_format(j->out, "\\\\x%02x", c);
        return 1;
    }
    if (json_is_treacherous(code)) {
        add_escape(j, code);
    } else {
        sbuf_add(j->out, span_sub(s, off, len));
    }
    return len;
}

/* How far the object may grow by this text. The end of the room is for short ones: what attackers
 * make long must not leave an address or a place that stands behind it empty. */
static size_t cap_for(const struct json *j, struct span s)
{
    return s.len > SHORT_MAX ? j->soft_cap - j->soft_cap / SHORT_SHARE : j->soft_cap;
}

static unsigned copy_plain_block(uint8_t *to, const uint8_t *from)
{
    bytes_copy(to, from, CHARS_NARROW);
    return chars_first_other(chars_in_json(from));
}

/* Copies bytes that stand as they are; false when one of them does not. A block more than they need
 * may be written. */
static bool copy_plain(uint8_t *to, struct span s)
{
    if (s.len < CHARS_NARROW) {
        uint8_t block[CHARS_NARROW] = {0}; /* which do not */
        bytes_copy(block, s.data, s.len);
        return copy_plain_block(to, block) == s.len;
    }
    size_t last = s.len - CHARS_NARROW;
    for (size_t i = 0; i < last; i += CHARS_NARROW) {
        if (copy_plain_block(&to[i], &s.data[i]) < CHARS_NARROW) {
            return false;
        }
    }
    return copy_plain_block(&to[last], &s.data[last]) == CHARS_NARROW;
}

/* Nearly all texts: false, and nothing is written, when one is not plain or there is no room. */
static bool add_plain(struct json *j, struct span s, size_t cap)
{
    struct sbuf *out = j->out;
    if (out->len + s.len >= cap || out->room - out->len < s.len + CHARS_NARROW + 2) {
        return false;
    }
    uint8_t *at = &out->data[out->len];
    at[0] = '"';
    if (!copy_plain(&at[1], s)) {
        return false;
    }
    at[s.len + 1] = '"';
    sbuf_commit(out, s.len + 2);
    return true;
}

static void add_quoted(struct json *j, struct span s)
{
    size_t off = 0;
    size_t cap = cap_for(j, s);
    if (add_plain(j, s, cap)) {
        return;
    }
    sbuf_add_byte(j->out, '"');
    while (off < s.len && j->out->len < cap) {
        size_t run = off;
        while (run < s.len && chars_is_plain_json(s.data[run])) {
            run++;
        }
        size_t room = cap - j->out->len;
        struct span plain = span_sub(s, off, run - off < room ? run - off : room);
        sbuf_add(j->out, plain);
        off += plain.len;
        if (off == run && off < s.len) {
            off += add_char(j, s, off);
        }
    }
    j->cut = j->cut || off < s.len;
    sbuf_add_byte(j->out, '"');
}

void json_string(struct json *j, const char *key, struct span value)
{
    begin(j, key);
    add_quoted(j, value);
}

void json_string_cut(struct json *j, const char *key, struct span value, size_t max)
{
    j->cut = j->cut || value.len > max;
    json_string(j, key, span_head(value, max));
}

void json_text(struct json *j, const char *key, const char *value)
{
    json_string(j, key, span_str(value));
}

void json_string_if(struct json *j, const char *key, struct span value)
{
    if (value.len > 0) {
        json_string(j, key, value);
    }
}

void json_text_if(struct json *j, const char *key, const char *value)
{
    json_string_if(j, key, span_str(value));
}

void json_key_span(struct json *j, struct span key)
{
    begin_value(j);
    add_quoted(j, key);
    sbuf_add_byte(j->out, ':');
    j->filled[j->depth - 1] = false; /* the value that follows needs no comma */
}

void json_literal(struct json *j, const char *key, struct span text)
{
    begin(j, key);
    sbuf_add(j->out, text);
}

void json_number(struct json *j, const char *key, uint64_t value)
{
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    begin(j, key);
    sbuf_add(j->out, span_of(digits + at, sizeof(digits) - at));
}

void json_real(struct json *j, const char *key, double value)
{
    if (!isfinite(value) || fabs(value) > 1e12) {
        return;
    }
    uint64_t millionths = (uint64_t)llround(fabs(value) * 1e6);
    char text[40];
    int len = snprintf(text, sizeof(text), "%s%llu.%06llu", value < 0 && millionths > 0 ? "-" : "",
                       (unsigned long long)(millionths / 1000000),
                       (unsigned long long)(millionths % 1000000));
    while (len > 2 && text[len - 1] == '0' && text[len - 2] != '.') {
        len--;
    }
    begin(j, key);
    sbuf_add(j->out, span_of(text, (size_t)len));
}

void json_bool(struct json *j, const char *key, bool value)
{
    begin(j, key);
    sbuf_add_str(j->out, value ? "true" : "false");
}
