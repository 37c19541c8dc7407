/* match_skip_vbmi: 64 places of a text at a time, on processors that have AVX-512 VBMI and VBMI2
 * (asked at run time).
 *
 * vpermi2b looks 64 bytes up in a table of 128, by seven bits of each. The tables of all rounds and
 * places stay in registers. */
#include "signatures/match_skip.h"

#include <immintrin.h>

/* Not under AddressSanitizer: gcc 12 puts vectors of 64 bytes on its stack where they are not
 * aligned (gcc bug 110027). What is read is checked once, before the loop. */
#define VBMI                                                                                       \
    __attribute__((target("avx512f,avx512bw,avx512vbmi,avx512vbmi2,popcnt,bmi"),                   \
                   no_sanitize_address))

/* What the buckets of a round allow at each place. */
struct tables {
    __m512i half[START_LEN][2];
};

VBMI static inline __m512i load(const uint8_t *at)
{
    return _mm512_loadu_si512((const void *)at);
}

VBMI static inline struct tables tables_of(const struct skip_masks *m, size_t round)
{
    struct tables t;
    for (size_t place = 0; place < START_LEN; place++) {
        t.half[place][0] = load(&m->allowed[round][place][0]);
        t.half[place][1] = load(&m->allowed[round][place][SKIP_ALLOWED / 2]);
    }
    return t;
}

VBMI static inline __m512i allow(const struct tables *t, size_t place, __m512i bytes)
{
    return _mm512_permutex2var_epi8(t->half[place][0], bytes, t->half[place][1]);
}

/* The buckets of a round that allow all bytes of each place, or of each but the last. */
VBMI static inline __m512i look_short(const struct tables *t, const __m512i bytes[START_LEN])
{
    return _mm512_and_si512(_mm512_and_si512(allow(t, 0, bytes[0]), allow(t, 1, bytes[1])),
                            allow(t, 2, bytes[2]));
}

VBMI static inline __m512i look(const struct tables *t, const __m512i bytes[START_LEN])
{
    return _mm512_and_si512(look_short(t, bytes), allow(t, 3, bytes[3]));
}

static const uint8_t each_place[SKIP_BLOCK] = {
    0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
    22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
    44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
};

_Static_assert(START_LEN == 4 && SKIP_ROUNDS == 3 && SKIP_BLOCK == 64, "as they stand here");

bool skip_is_fast(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("avx512vbmi2");
}

/* The places of a block that some bucket allows. */
VBMI static inline uint64_t look_at(const struct tables t[SKIP_ROUNDS], const uint8_t *at)
{
    const __m512i bytes[] = {load(&at[0]), load(&at[1]), load(&at[2]), load(&at[3])};
    __m512i any = _mm512_or_si512(look_short(&t[0], bytes),
                                  _mm512_or_si512(look(&t[1], bytes), look(&t[2], bytes)));
    return _mm512_test_epi8_mask(any, any);
}

/* Adds the places of a block that have their bits set. Half a block's are written however few they
 * are, so that no branch has to be guessed. */
VBMI static inline void list_block(struct skip_found *found, size_t at, uint64_t bits)
{
    const __m512i first = _mm512_set1_epi16((short)at);
    size_t n = (size_t)__builtin_popcountll(bits);
    __m512i places = _mm512_maskz_compress_epi8(bits, load(each_place));
    __m512i half = _mm512_cvtepu8_epi16(_mm512_castsi512_si256(places));
    _mm512_storeu_si512(&found->places[found->n_places], _mm512_add_epi16(half, first));
    if (n > SKIP_PLACES_AHEAD) {
        half = _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(places, 1));
        _mm512_storeu_si512(&found->places[found->n_places + SKIP_PLACES_AHEAD],
                            _mm512_add_epi16(half, first));
    }
    found->n_places += n;
}

VBMI void skip_blocks(const struct skip_masks *masks, struct span text, size_t from,
                      struct skip_found *found)
{
    const struct tables t[] = {tables_of(masks, 0), tables_of(masks, 1), tables_of(masks, 2)};
    CHECK(found->n <= SKIP_BLOCKS_MAX && from + found->n * SKIP_BLOCK + SKIP_AHEAD <= text.len);
    found->from = from;
    found->n_places = 0;
    for (size_t i = 0; i < found->n; i++) {
        uint64_t bits = look_at(t, &text.data[from + i * SKIP_BLOCK]);
        list_block(found, i * SKIP_BLOCK, bits);
    }
    if (found->last) {
        CHECK(text.len >= SKIP_BLOCK + SKIP_AHEAD);
        size_t start = text.len - SKIP_BLOCK - SKIP_AHEAD;
        size_t at;
        uint64_t bits = look_at(t, &text.data[start]);
        bits = skip_last_places(found, start, bits, &at);
        list_block(found, at, bits);
    }
}
