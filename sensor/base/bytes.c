/* bytes: copying, comparing and classifying raw bytes.
 *
 * The one place that calls the C library's mem* functions, so that a zero length with a null
 * pointer (undefined for them) is harmless everywhere, and the one place that knows ASCII: no call
 * here looks at the locale. */
#include "sensor/base/bytes.h"

#include <string.h>

void bytes_copy(void *to, const void *from, size_t len)
{
    if (len > 0) {
        memcpy(to, from, len);
    }
}

void bytes_move(void *to, const void *from, size_t len)
{
    if (len > 0) {
        memmove(to, from, len);
    }
}

void bytes_zero(void *to, size_t len)
{
    if (len > 0) {
        memset(to, 0, len);
    }
}

bool bytes_equal(const void *a, const void *b, size_t len)
{
    return len == 0 || memcmp(a, b, len) == 0;
}

int bytes_compare(const void *a, const void *b, size_t len)
{
    return len == 0 ? 0 : memcmp(a, b, len);
}

/* Without a branch, so that loops over it become vector code. */
uint8_t byte_lower(uint8_t c)
{
    return (uint8_t)(c | ((uint8_t)(c - 'A') < 26) << 5);
}

uint8_t byte_upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c & 0xdf) : c;
}

/* Eight bytes at once: what lies beyond 'Z' and what does not lie before 'A' shows in the top bits
 * of two sums; bytes beyond ASCII stay. */
static uint64_t lower_8(uint64_t word)
{
    const uint64_t each = 0x0101010101010101ULL;
    uint64_t low = word & each * 0x7f;
    uint64_t beyond = low + each * (0x7f - 'Z');
    uint64_t from_a = low + each * (0x80 - 'A');
    return word | (((from_a ^ beyond) & ~word & each * 0x80) >> 2);
}

static void copy_lower_8(uint8_t *to, const uint8_t *from)
{
    uint64_t word;
    memcpy(&word, from, sizeof(word));
    word = lower_8(word);
    memcpy(to, &word, sizeof(word));
}

void bytes_copy_lower(uint8_t *to, const uint8_t *from, size_t len)
{
    size_t i = 0;
    for (; len - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        copy_lower_8(to + i, from + i);
    }
    if (i > 0 && i < len) {
        copy_lower_8(to + len - sizeof(uint64_t), from + len - sizeof(uint64_t));
        return;
    }
    for (; i < len; i++) {
        to[i] = byte_lower(from[i]);
    }
}

static bool equal_nocase_8(const uint8_t *a, const uint8_t *b)
{
    uint64_t words[2];
    memcpy(&words[0], a, sizeof(words[0]));
    memcpy(&words[1], b, sizeof(words[1]));
    return words[0] == words[1] || lower_8(words[0]) == lower_8(words[1]);
}

/* Four to seven bytes as a word: the first four, and the last four. */
static uint64_t both_ends(const uint8_t *from, size_t len)
{
    uint32_t ends[2];
    memcpy(&ends[0], from, sizeof(ends[0]));
    memcpy(&ends[1], from + len - sizeof(ends[1]), sizeof(ends[1]));
    return (uint64_t)ends[0] << 32 | ends[1];
}

bool bytes_equal_nocase(const uint8_t *a, const uint8_t *b, size_t len)
{
    size_t i = 0;
    if (len >= sizeof(uint32_t) && len < sizeof(uint64_t)) {
        return lower_8(both_ends(a, len)) == lower_8(both_ends(b, len));
    }
    for (; len - i >= sizeof(uint64_t); i += sizeof(uint64_t)) {
        if (!equal_nocase_8(a + i, b + i)) {
            return false;
        }
    }
    if (i > 0) {
        return i == len || equal_nocase_8(a + len - sizeof(uint64_t), b + len - sizeof(uint64_t));
    }
    for (; i < len; i++) {
        if (byte_lower(a[i]) != byte_lower(b[i])) {
            return false;
        }
    }
    return true;
}

bool byte_is_alpha(uint8_t c)
{
    uint8_t lower = byte_lower(c);
    return lower >= 'a' && lower <= 'z';
}

bool byte_is_upper(uint8_t c)
{
    return c >= 'A' && c <= 'Z';
}

bool byte_is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

bool byte_is_alnum(uint8_t c)
{
    return byte_is_alpha(c) || byte_is_digit(c);
}

bool byte_is_space(uint8_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

int byte_hex(uint8_t c)
{
    if (byte_is_digit(c)) {
        return c - '0';
    }
    c = byte_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
