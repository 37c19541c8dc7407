#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Blocks of characters, compared at once. A bit of what these return stands for a byte, the lowest
 * for the first one. */

enum { CHARS_WIDE = 64, CHARS_NARROW = 16 };

/* Whether a byte stands in a JSON text as it is: printable characters of ASCII but for '"', '$' and
 * '\\'. */
static inline bool chars_is_plain_json(uint8_t c)
{
    return c > 0x1f && c < 0x7f && c != '"' && c != '$' && c != '\\';
}

#if defined(__SSE2__)
#include <emmintrin.h>

static inline uint64_t chars_equal_16(const uint8_t *block, __m128i c)
{
    __m128i bytes = _mm_loadu_si128((const void *)block);
    return (uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(bytes, c));
}

/* Which of CHARS_WIDE bytes are c. */
static inline uint64_t chars_equal(const uint8_t *block, uint8_t c)
{
    const __m128i each = _mm_set1_epi8((char)c);
    return chars_equal_16(&block[0], each) | chars_equal_16(&block[16], each) << 16 |
           chars_equal_16(&block[32], each) << 32 | chars_equal_16(&block[48], each) << 48;
}

/* Which lie between two characters, both of ASCII, themselves not counted. */
static inline __m128i chars_between(__m128i bytes, char below, char above)
{
    return _mm_and_si128(_mm_cmpgt_epi8(bytes, _mm_set1_epi8(below)),
                         _mm_cmplt_epi8(bytes, _mm_set1_epi8(above)));
}

/* Which of CHARS_NARROW bytes are letters or digits of ASCII, or '-'. */
static inline uint32_t chars_in_names(const uint8_t *block)
{
    __m128i bytes = _mm_loadu_si128((const void *)block);
    __m128i lower = _mm_or_si128(bytes, _mm_set1_epi8(0x20));
    __m128i letters = chars_between(lower, 'a' - 1, 'z' + 1);
    __m128i digits = chars_between(bytes, '0' - 1, '9' + 1);
    __m128i dashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
    __m128i any = _mm_or_si128(_mm_or_si128(letters, digits), dashes);
    return (uint32_t)_mm_movemask_epi8(any);
}

/* Which of CHARS_NARROW bytes stand in a JSON text as they are. */
static inline uint32_t chars_in_json(const uint8_t *block)
{
    __m128i bytes = _mm_loadu_si128((const void *)block);
    __m128i printable = chars_between(bytes, 0x1f, 0x7f);
    __m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
    __m128i dollars = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('$'));
    __m128i slashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
    __m128i special = _mm_or_si128(_mm_or_si128(quotes, dollars), slashes);
    return (uint32_t)_mm_movemask_epi8(_mm_andnot_si128(special, printable));
}
#else
#include "sensor/base/bytes.h"

static inline uint64_t chars_equal(const uint8_t *block, uint8_t c)
{
    uint64_t bits = 0;
    for (unsigned i = 0; i < CHARS_WIDE; i++) {
        bits |= (uint64_t)(block[i] == c) << i;
    }
    return bits;
}

static inline uint32_t chars_in_names(const uint8_t *block)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < CHARS_NARROW; i++) {
        bits |= (uint32_t)(byte_is_alnum(block[i]) || block[i] == '-') << i;
    }
    return bits;
}

static inline uint32_t chars_in_json(const uint8_t *block)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < CHARS_NARROW; i++) {
        bits |= (uint32_t)chars_is_plain_json(block[i]) << i;
    }
    return bits;
}
#endif

/* The first of them that is not among the bits; CHARS_NARROW when all are. */
static inline unsigned chars_first_other(uint32_t bits)
{
    return (unsigned)__builtin_ctz(~bits);
}
