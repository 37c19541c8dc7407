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

uint8_t byte_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

uint8_t byte_upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c & 0xdf) : c;
}

void bytes_copy_lower(uint8_t *to, const uint8_t *from, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        to[i] = byte_lower(from[i]);
    }
}

bool byte_is_alpha(uint8_t c)
{
    uint8_t lower = byte_lower(c);
    return lower >= 'a' && lower <= 'z';
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
