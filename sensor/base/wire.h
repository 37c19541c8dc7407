#pragma once

#include "sensor/base/span.h"

/* Wire values at a fixed place of a header: inline, because a packet has some twenty of them. Past
 * the end they read as zero; whoever needs to know asks for the span's length first, and the
 * compiler drops the second test. */

static inline uint8_t wire_u8(struct span s, size_t off)
{
    return off < s.len ? s.data[off] : 0;
}

static inline uint16_t wire_be16(struct span s, size_t off)
{
    if (s.len < 2 || off > s.len - 2) {
        return 0;
    }
    return (uint16_t)(s.data[off] << 8 | s.data[off + 1]);
}

static inline uint16_t wire_le16(struct span s, size_t off)
{
    if (s.len < 2 || off > s.len - 2) {
        return 0;
    }
    return (uint16_t)(s.data[off + 1] << 8 | s.data[off]);
}

static inline uint32_t wire_be32(struct span s, size_t off)
{
    if (s.len < 4 || off > s.len - 4) {
        return 0;
    }
    return (uint32_t)s.data[off] << 24 | (uint32_t)s.data[off + 1] << 16 |
           (uint32_t)s.data[off + 2] << 8 | s.data[off + 3];
}

static inline uint64_t wire_be64(struct span s, size_t off)
{
    return (uint64_t)wire_be32(s, off) << 32 | wire_be32(s, off + 4);
}

static inline uint32_t wire_le32(struct span s, size_t off)
{
    if (s.len < 4 || off > s.len - 4) {
        return 0;
    }
    return (uint32_t)s.data[off + 3] << 24 | (uint32_t)s.data[off + 2] << 16 |
           (uint32_t)s.data[off + 1] << 8 | s.data[off];
}

/* span_sub(), inline. */
static inline struct span wire_sub(struct span s, size_t off, size_t len)
{
    if (off >= s.len) {
        return (struct span){NULL, 0};
    }
    size_t left = s.len - off;
    return (struct span){s.data + off, len < left ? len : left};
}

static inline struct span wire_from(struct span s, size_t off)
{
    return wire_sub(s, off, SIZE_MAX);
}

/* The Internet checksum's sum (RFC 1071) of s in 16-bit big-endian words, added to `sum`; not yet
 * complemented. An odd last byte is the high half of a word. */
uint32_t wire_sum(struct span s, uint32_t sum);

/* The same in steps, for one that is made of parts: the sum of a part in words of the machine, of
 * which 2^32 may be added up; only the last part may be of odd length. Folded, it is in the
 * machine's byte order, and all ones where wire_sum() would be (RFC 1071, 2.B). */
uint64_t wire_words(struct span s);
uint16_t wire_fold(uint64_t words);
/* What a part that holds just this number would give. */
uint64_t wire_word(uint16_t value);
