/* match_twice: finds base64 (RFC 4648, sections 4 and 5) that decodes to base64.
 *
 * What each character of it may be is known, and no character is: so it has no literal, and without
 * one Hyperscan would step through all bytes. Here a few bytes in every TWICE_STRIDE are compared
 * with the lowest character of the alphabet, below which are blanks, quotes and brackets: nearly
 * all text is passed over by that. What is left is decoded from each of the four places where a
 * group may begin; by chance, all of it is of the alphabet in one block of data in 50,000. */
#include "signatures/match_twice.h"

#include "sensor/base/bytes.h"
#include "sensor/base/wide.h"
#include "sensor/codec/base64.h"

enum { SHIFTS = 4, CHARS = TWICE_BLOCK - SHIFTS, LOWEST = '+' };

#if defined(__SSE2__)
#include <emmintrin.h>

/* Whether no character of a block is below the alphabet. */
static inline bool may_be_run(const uint8_t *block)
{
    __m128i bytes = _mm_loadu_si128((const void *)block);
    return _mm_movemask_epi8(_mm_add_epi8(bytes, _mm_set1_epi8(-LOWEST))) == 0;
}
#else
static inline bool may_be_run(const uint8_t *block)
{
    for (size_t i = 0; i < TWICE_BLOCK; i++) {
        if (block[i] < LOWEST) {
            return false;
        }
    }
    return true;
}
#endif

/* Whether whole groups of characters of base64 decode to such. */
static bool decodes_to_base64(const uint8_t *chars)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < CHARS; i++) {
        int value = base64_value(BASE64_EITHER, chars[i]);
        bits = bits << 6 | (uint32_t)(value & 0x3f);
        uint8_t c = (uint8_t)(bits >> (6 - i % 4 * 2));
        if (value < 0 || (i % 4 > 0 && base64_value(BASE64_EITHER, c) < 0)) {
            return false;
        }
    }
    return true;
}

/* Whether a character may be the first of a group that decodes to such. */
static inline bool may_be_first(uint8_t c)
{
    return (c >= 'K' && c <= 'Z') || (c >= 'a' && c <= 'e');
}

static bool is_twice(const uint8_t *block)
{
    for (size_t i = 0; i < SHIFTS; i++) {
        if (may_be_first(block[i]) && may_be_first(block[i + 4]) && may_be_first(block[i + 8]) &&
            decodes_to_base64(&block[i])) {
            return true;
        }
    }
    return false;
}

/* Where the next block begins that may be of base64, or that the text's end cuts. */
WIDE static size_t next_block(struct span text, size_t at)
{
    const size_t four = 3 * TWICE_STRIDE + TWICE_BLOCK;
    while (at + four <= text.len && !may_be_run(&text.data[at]) &&
           !may_be_run(&text.data[at + TWICE_STRIDE]) &&
           !may_be_run(&text.data[at + 2 * TWICE_STRIDE]) &&
           !may_be_run(&text.data[at + 3 * TWICE_STRIDE])) {
        at += 4 * TWICE_STRIDE;
    }
    while (at + TWICE_BLOCK <= text.len && !may_be_run(&text.data[at])) {
        at += TWICE_STRIDE;
    }
    return at;
}

/* The bytes of a block that are there. Returns how many of the text they are. */
static size_t fill_block(struct twice *t)
{
    struct span more = span_sub(t->text, t->at, TWICE_BLOCK - t->n_block);
    bytes_copy(&t->block[t->n_block], more.data, more.len);
    t->n_block += more.len;
    return more.len;
}

size_t twice_next(struct twice *t)
{
    if (t->n_block > 0 && t->at == 0) {
        size_t n = fill_block(t);
        if (t->n_block < TWICE_BLOCK) {
            return SPAN_NONE;
        }
        t->n_block = 0;
        t->at = n + TWICE_STRIDE - TWICE_BLOCK;
        if (may_be_run(t->block) && is_twice(t->block)) {
            return n;
        }
    }
    size_t at = next_block(t->text, t->at);
    while (at + TWICE_BLOCK <= t->text.len) {
        if (is_twice(&t->text.data[at])) {
            t->at = at + TWICE_STRIDE;
            return at + TWICE_BLOCK;
        }
        at = next_block(t->text, at + TWICE_STRIDE);
    }
    t->at = at;
    (void)fill_block(t);
    t->at = at < t->text.len ? 0 : at - t->text.len;
    return SPAN_NONE;
}
