/* match_skip_vbmi: 64 places of a text at a time, on processors that have AVX-512 VBMI (asked at
 * run time).
 *
 * vpermi2b looks 64 bytes up in a table of 128, by seven bits of each. The tables of all rounds and
 * places stay in registers. */
#include "signatures/match_skip.h"

#include <immintrin.h>

/* Not under AddressSanitizer: gcc 12 puts vectors of 64 bytes on its stack where they are not
 * aligned (gcc bug 110027). What is read is checked once, before the loop. */
#define VBMI __attribute__((target("avx512f,avx512bw,avx512vbmi,popcnt,bmi"), no_sanitize_address))

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

/* The buckets of a round that allow all bytes of each place. */
VBMI static inline __m512i look(const struct tables *t, const __m512i bytes[START_LEN])
{
    return _mm512_and_si512(_mm512_and_si512(allow(t, 0, bytes[0]), allow(t, 1, bytes[1])),
                            _mm512_and_si512(allow(t, 2, bytes[2]), allow(t, 3, bytes[3])));
}

_Static_assert(START_LEN == 4 && SKIP_ROUNDS == 3 && SKIP_BLOCK == 64, "as they stand here");

bool skip_is_fast(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi");
}

/* The places of a block that some bucket allows. */
VBMI static inline uint64_t look_at(const struct tables t[SKIP_ROUNDS], const uint8_t *at)
{
    const __m512i bytes[] = {load(&at[0]), load(&at[1]), load(&at[2]), load(&at[3])};
    __m512i any = _mm512_or_si512(look(&t[0], bytes),
                                  _mm512_or_si512(look(&t[1], bytes), look(&t[2], bytes)));
    return _mm512_test_epi8_mask(any, any);
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
        skip_list_block(found, i * SKIP_BLOCK, bits);
    }
    if (found->last) {
        CHECK(text.len >= SKIP_BLOCK + SKIP_AHEAD);
        size_t start = text.len - SKIP_BLOCK - SKIP_AHEAD;
        skip_list_last(found, start, look_at(t, &text.data[start]));
    }
}
