/* span: the view type through which all input is read.
 *
 * Nothing here allocates, and nothing reads outside the view: offsets are clamped. Searching goes
 * through the C library's memchr and memmem; but two bytes, which memmem takes one step a byte for,
 * are searched in blocks, a loop that compilers turn into vectors. The case-blind search tries the
 * two spellings of the first byte. */
#include "sensor/base/span.h"

#include "sensor/base/bytes.h"
#include "sensor/base/wide.h"

#include <string.h>

enum { PAIR_BLOCK = 64 };

struct span span_str(const char *text)
{
    return (struct span){(const uint8_t *)text, strlen(text)};
}

bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && bytes_equal(a.data, b.data, a.len);
}

bool span_equal_nocase(struct span a, struct span b)
{
    return a.len == b.len && bytes_equal_nocase(a.data, b.data, a.len);
}

int span_compare(struct span a, struct span b)
{
    int order = bytes_compare(a.data, b.data, a.len < b.len ? a.len : b.len);
    if (order != 0) {
        return order;
    }
    return a.len < b.len ? -1 : a.len > b.len;
}

bool span_starts(struct span s, struct span prefix)
{
    return s.len >= prefix.len && bytes_equal(s.data, prefix.data, prefix.len);
}

bool span_starts_nocase(struct span s, struct span prefix)
{
    return span_equal_nocase(span_head(s, prefix.len), prefix);
}

bool span_ends(struct span s, struct span suffix)
{
    return s.len >= suffix.len && span_equal(span_from(s, s.len - suffix.len), suffix);
}

WIDE static uint8_t any_bare_lf(const uint8_t *data, size_t len)
{
    uint8_t any = 0;
    for (size_t i = 1; i < len; i++) {
        any = (uint8_t)(any | ((data[i] == '\n') & (data[i - 1] != '\r')));
    }
    return any;
}

bool span_has_bare_lf(struct span s)
{
    return any_bare_lf(s.data, s.len) != 0;
}

size_t span_find_byte(struct span s, size_t from, uint8_t c)
{
    if (from >= s.len) {
        return SPAN_NONE;
    }
    const uint8_t *at = memchr(s.data + from, c, s.len - from);
    return at == NULL ? SPAN_NONE : (size_t)(at - s.data);
}

/* Where two bytes stand next to each other. */
static size_t find_pair(struct span s, size_t from, struct span pair)
{
    uint8_t first = pair.data[0];
    uint8_t second = pair.data[1];
    size_t at = from;
    for (; s.len - at > PAIR_BLOCK; at += PAIR_BLOCK) {
        uint8_t any = 0;
        for (size_t i = 0; i < PAIR_BLOCK; i++) {
            any |= (uint8_t)((s.data[at + i] == first) & (s.data[at + i + 1] == second));
        }
        if (any != 0) {
            break;
        }
    }
    for (; at + 1 < s.len; at++) {
        if (s.data[at] == first && s.data[at + 1] == second) {
            return at;
        }
    }
    return SPAN_NONE;
}

size_t span_find(struct span s, size_t from, struct span what)
{
    if (from > s.len || what.len > s.len - from) {
        return SPAN_NONE;
    }
    if (what.len == 0) {
        return from;
    }
    if (what.len == 2) {
        return find_pair(s, from, what);
    }
    const uint8_t *at = memmem(s.data + from, s.len - from, what.data, what.len);
    return at == NULL ? SPAN_NONE : (size_t)(at - s.data);
}

size_t span_find_nocase(struct span s, size_t from, struct span what)
{
    for (size_t off = from; what.len <= s.len && off <= s.len - what.len; off++) {
        if (span_equal_nocase(span_sub(s, off, what.len), what)) {
            return off;
        }
    }
    return SPAN_NONE;
}

size_t span_rfind_byte(struct span s, uint8_t c)
{
    const uint8_t *at = s.len > 0 ? memrchr(s.data, c, s.len) : NULL;
    return at == NULL ? SPAN_NONE : (size_t)(at - s.data);
}

struct span span_trim(struct span s)
{
    while (s.len > 0 && byte_is_space(s.data[0])) {
        s = span_from(s, 1);
    }
    while (s.len > 0 && byte_is_space(s.data[s.len - 1])) {
        s.len--;
    }
    return s;
}

struct span span_split(struct span *s, uint8_t c)
{
    size_t at = span_find_byte(*s, 0, c);
    struct span head = span_head(*s, at);
    *s = at == SPAN_NONE ? (struct span){NULL, 0} : span_from(*s, at + 1);
    return head;
}

bool span_contains(struct span outer, struct span inner, size_t *ret_off)
{
    uintptr_t start = (uintptr_t)outer.data;
    uintptr_t at = (uintptr_t)inner.data;
    if (inner.data == NULL || at < start || at - start > outer.len ||
        inner.len > outer.len - (at - start)) {
        return false;
    }
    if (ret_off != NULL) {
        *ret_off = at - start;
    }
    return true;
}

bool span_to_u64(struct span s, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (!byte_is_digit(s.data[i]) || value > UINT64_MAX / 10) {
            return false;
        }
        uint64_t digit = s.data[i] - (uint64_t)'0';
        if (value * 10 > UINT64_MAX - digit) {
            return false;
        }
        value = value * 10 + digit;
    }
    if (s.len == 0) {
        return false;
    }
    *ret_value = value;
    return true;
}

bool span_hex_to_u64(struct span s, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        int digit = byte_hex(s.data[i]);
        if (digit < 0 || value >> 60 != 0) {
            return false;
        }
        value = value << 4 | (uint64_t)digit;
    }
    if (s.len == 0) {
        return false;
    }
    *ret_value = value;
    return true;
}
