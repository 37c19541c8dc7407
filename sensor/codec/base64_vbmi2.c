/* base64_vbmi2: lines of base64, 64 characters at a time, on processors that have AVX-512 VBMI2
 * (asked at run time).
 *
 * vpermi2b looks each character's six bits up; vpcompressb puts those of the alphabet next to each
 * other, so that line ends fall out wherever they stand. Then four sixes each become three bytes,
 * as in base64_avx2.c. The one is done for some lines before the other: what was just stored in
 * pieces of odd lengths is slow to load. */
#include "sensor/codec/base64_fast.h"

#include <immintrin.h>

enum {
    BLOCK = 64,
    GROUP = 4,
    GROUP_BYTES = 3,
    BLOCK_BYTES = BLOCK / GROUP * GROUP_BYTES,
    TABLE = 2 * BLOCK
};

/* Not under AddressSanitizer: gcc 12 puts vectors of 64 bytes on its stack where they are not
 * aligned (gcc bug 110027). */
#define VBMI2                                                                                      \
    __attribute__((target("avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt,bmi"),                   \
                   no_sanitize_address))

/* The values of the first 128 characters; the top bit is set for those of no alphabet. */
#define V8(v)       (uint8_t)((v) == BASE64_BAD ? 0x80 : (v))
#define STANDARD(c) V8(BASE64_V_STANDARD(c))
#define URL(c)      V8(BASE64_V_URL(c))
#define EITHER(c)   V8(BASE64_V_EITHER(c))

static const uint8_t tables[3][TABLE] = {
    [BASE64_STANDARD] = {BASE64_ROW128(STANDARD)},
    [BASE64_URL] = {BASE64_ROW128(URL)},
    [BASE64_EITHER] = {BASE64_ROW128(EITHER)},
};

struct sixes {
    uint8_t of[BASE64_LINES_MAX + 2 * BLOCK];
    size_t n;
};

VBMI2 static __m512i load(const uint8_t *at)
{
    return _mm512_loadu_si512((const void *)at);
}

/* Adds the values of the characters up to one that is neither of the alphabet nor a line end;
 * returns how many were taken. */
VBMI2 static size_t take(const uint8_t *table, struct span in, struct sixes *to)
{
    const __m512i low = load(&table[0]);
    const __m512i high = load(&table[BLOCK]);
    size_t off = 0;
    while (off < in.len) {
        size_t left = in.len - off;
        uint64_t taken = left < BLOCK ? (1ULL << left) - 1 : UINT64_MAX;
        __m512i c = _mm512_maskz_loadu_epi8(taken, &in.data[off]);
        __m512i v = _mm512_permutex2var_epi8(low, c, high);
        uint64_t other = _mm512_movepi8_mask(_mm512_or_si512(v, c));
        uint64_t bad = other & ~_mm512_cmpeq_epi8_mask(c, _mm512_set1_epi8('\n')) &
                       ~_mm512_cmpeq_epi8_mask(c, _mm512_set1_epi8('\r')) & taken;
        taken = bad != 0 ? taken & ((bad & -bad) - 1) : taken;
        _mm512_storeu_si512(&to->of[to->n], _mm512_maskz_compress_epi8(taken & ~other, v));
        to->n += (size_t)__builtin_popcountll(taken & ~other);
        off += (size_t)__builtin_popcountll(taken);
        if (bad != 0) {
            break;
        }
    }
    return off;
}

/* Sixes to bytes. */
VBMI2 static void join(const struct sixes *from, uint8_t *to)
{
    static const uint8_t order[BLOCK] = {2,  1,  0,  6,  5,  4,  10, 9,  8,  14, 13, 12,
                                         18, 17, 16, 22, 21, 20, 26, 25, 24, 30, 29, 28,
                                         34, 33, 32, 38, 37, 36, 42, 41, 40, 46, 45, 44,
                                         50, 49, 48, 54, 53, 52, 58, 57, 56, 62, 61, 60};
    const __m512i by = load(order);
    for (size_t off = 0; off + GROUP <= from->n; off += BLOCK) {
        __m512i twelves = _mm512_maddubs_epi16(load(&from->of[off]), _mm512_set1_epi32(0x01400140));
        __m512i words = _mm512_madd_epi16(twelves, _mm512_set1_epi32(0x00011000));
        _mm512_storeu_si512(&to[off / BLOCK * BLOCK_BYTES], _mm512_permutexvar_epi8(by, words));
    }
}

bool base64_has_lines(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("avx512vbmi2");
}

size_t base64_lines(struct base64 *d, struct span in, uint8_t *to, size_t *ret_len)
{
    struct sixes sixes;
    for (sixes.n = 0; sixes.n < d->n; sixes.n++) {
        sixes.of[sixes.n] = (uint8_t)(d->bits >> 6 * (d->n - 1 - sixes.n) & 63);
    }
    size_t taken = take(tables[d->alphabet], in, &sixes);
    join(&sixes, to);
    *ret_len = sixes.n / GROUP * GROUP_BYTES;
    d->n = (unsigned)(sixes.n % GROUP);
    d->bits = 0;
    for (size_t i = sixes.n - d->n; i < sixes.n; i++) {
        d->bits = d->bits << 6 | sixes.of[i];
    }
    return taken;
}
