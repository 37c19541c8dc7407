/* base64_avx2: 32 characters of base64 at a time, on processors that have AVX2 (asked at run time).
 *
 * Five ranges of the alphabet are told apart by comparisons; a character's six bits are then the
 * character and a constant of its range. Four sixes are joined by two multiplications with addition
 * (maddubs, madd), as W. Muła and D. Lemire describe it ("Faster Base64 Encoding and Decoding Using
 * AVX2 Instructions", 2018), and the bytes put next to each other. Where a block has a character of
 * no range in it, the groups before that count. */
#include "sensor/codec/base64_fast.h"

#include <immintrin.h>

enum { GROUP = 4, BLOCK_BYTES = 24 };

/* The characters for 62 and 63, and what else is taken for them. */
struct ends {
    char plus;
    char slash;
    char other_plus;
    char other_slash;
};

static const struct ends ends_of[] = {
    [BASE64_STANDARD] = {'+', '/', '+', '/'},
    [BASE64_URL] = {'-', '_', '-', '_'},
    [BASE64_EITHER] = {'+', '/', '-', '_'},
};

#define AVX2 __attribute__((target("avx2")))

/* All bits where first <= c <= last. */
AVX2 static __m256i in_range(__m256i c, char first, char last)
{
    __m256i above = _mm256_cmpgt_epi8(c, _mm256_set1_epi8((char)(first - 1)));
    __m256i below = _mm256_cmpgt_epi8(_mm256_set1_epi8((char)(last + 1)), c);
    return _mm256_and_si256(above, below);
}

AVX2 static __m256i is_either(__m256i c, char one, char other)
{
    return _mm256_or_si256(_mm256_cmpeq_epi8(c, _mm256_set1_epi8(one)),
                           _mm256_cmpeq_epi8(c, _mm256_set1_epi8(other)));
}

/* c + offset, where the mask is set. */
AVX2 static __m256i moved(__m256i c, __m256i mask, int offset)
{
    return _mm256_and_si256(mask, _mm256_add_epi8(c, _mm256_set1_epi8((char)offset)));
}

AVX2 static __m256i constant(__m256i mask, char value)
{
    return _mm256_and_si256(mask, _mm256_set1_epi8(value));
}

/* The six bits of each character; *ret_valid has a bit for each that is in the alphabet. */
AVX2 static __m256i values(__m256i c, const struct ends *ends, uint32_t *ret_valid)
{
    __m256i upper = in_range(c, 'A', 'Z');
    __m256i lower = in_range(c, 'a', 'z');
    __m256i digit = in_range(c, '0', '9');
    __m256i plus = is_either(c, ends->plus, ends->other_plus);
    __m256i slash = is_either(c, ends->slash, ends->other_slash);
    __m256i letters = _mm256_or_si256(upper, lower);
    __m256i others = _mm256_or_si256(digit, _mm256_or_si256(plus, slash));
    *ret_valid = (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(letters, others));
    __m256i v = _mm256_or_si256(moved(c, upper, -'A'), moved(c, lower, 26 - 'a'));
    v = _mm256_or_si256(v, moved(c, digit, 52 - '0'));
    return _mm256_or_si256(v, _mm256_or_si256(constant(plus, 62), constant(slash, 63)));
}

/* Sixes to bytes, 24 of them at the front. */
AVX2 static __m256i joined(__m256i v)
{
    const __m256i order = _mm256_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1,
                                           2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
    __m256i twelves = _mm256_maddubs_epi16(v, _mm256_set1_epi32(0x01400140));
    __m256i words = _mm256_madd_epi16(twelves, _mm256_set1_epi32(0x00011000));
    __m256i bytes = _mm256_shuffle_epi8(words, order);
    return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 1, 2, 4, 5, 6, 3, 7));
}

AVX2 static size_t decode(const struct ends *ends, struct span in, uint8_t *to)
{
    size_t off = 0;
    size_t out = 0;
    while (in.len - off >= BASE64_FAST_BLOCK) {
        uint32_t valid;
        __m256i c = _mm256_loadu_si256((const __m256i_u *)(const void *)&in.data[off]);
        __m256i v = values(c, ends, &valid);
        _mm256_storeu_si256((__m256i_u *)(void *)&to[out], joined(v));
        if (valid != UINT32_MAX) {
            return off + (size_t)__builtin_ctz(~valid) / GROUP * GROUP;
        }
        off += BASE64_FAST_BLOCK;
        out += BLOCK_BYTES;
    }
    return off;
}

size_t base64_fast(enum base64_alphabet alphabet, struct span in, uint8_t *to)
{
    return __builtin_cpu_supports("avx2") ? decode(&ends_of[alphabet], in, to) : 0;
}
