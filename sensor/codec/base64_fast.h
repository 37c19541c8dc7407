#pragma once

#include "sensor/codec/base64.h"

/* What the processor can do about base64. The files that implement it are chosen by meson. */
enum {
    BASE64_FAST_BLOCK = 32,  /* characters looked at at once */
    BASE64_LINES_MAX = 2048, /* characters taken at once */
    BASE64_LINES_MORE = 128, /* room for what is left of blocks */
};

/* A character's six bits, or BASE64_BAD, as constants: a table of them for 256 characters is
 * BASE64_ROW256(BASE64_V_STANDARD). */
#define BASE64_BAD 0x80000000u

#define BASE64_PLAIN(c)                                                                            \
    ((c) >= 'A' && (c) <= 'Z'   ? (uint32_t)(c) - 'A'                                              \
     : (c) >= 'a' && (c) <= 'z' ? (uint32_t)(c) - 'a' + 26                                         \
     : (c) >= '0' && (c) <= '9' ? (uint32_t)(c) - '0' + 52                                         \
                                : BASE64_BAD)
#define BASE64_V_STANDARD(c) ((c) == '+' ? 62u : (c) == '/' ? 63u : BASE64_PLAIN(c))
#define BASE64_V_URL(c)      ((c) == '-' ? 62u : (c) == '_' ? 63u : BASE64_PLAIN(c))
#define BASE64_V_EITHER(c)                                                                         \
    ((c) == '+' || (c) == '-' ? 62u : (c) == '/' || (c) == '_' ? 63u : BASE64_PLAIN(c))

#define BASE64_ROW4(v, c) v(c), v((c) + 1), v((c) + 2), v((c) + 3)
#define BASE64_ROW16(v, c)                                                                         \
    BASE64_ROW4(v, c), BASE64_ROW4(v, (c) + 4), BASE64_ROW4(v, (c) + 8), BASE64_ROW4(v, (c) + 12)
#define BASE64_ROW64(v, c)                                                                         \
    BASE64_ROW16(v, c), BASE64_ROW16(v, (c) + 16), BASE64_ROW16(v, (c) + 32),                      \
        BASE64_ROW16(v, (c) + 48)
/* The first half of that. */
#define BASE64_ROW128(v) BASE64_ROW64(v, 0), BASE64_ROW64(v, 64)
#define BASE64_ROW256(v)                                                                           \
    BASE64_ROW64(v, 0), BASE64_ROW64(v, 64), BASE64_ROW64(v, 128), BASE64_ROW64(v, 192)

/* Decodes groups of four characters from the start of `in` as long as they are all of the
 * alphabet, as far as whole blocks reach; returns the characters taken, 0 where the processor
 * cannot. `to` has room for three bytes for each four of `in`, rounded up to a block. */
size_t base64_fast(enum base64_alphabet alphabet, struct span in, uint8_t *to);

/* Whether the processor can do the next. */
bool base64_has_lines(void);
/* Goes on with `d` through characters of the alphabet and line ends up to anything else; `in` has
 * BASE64_LINES_MAX at most. Returns the characters taken. Only where base64_has_lines(). Whole
 * groups are written to `to`, which has room for `in` and BASE64_LINES_MORE; *ret_len is how many
 * bytes they are. */
size_t base64_lines(struct base64 *d, struct span in, uint8_t *to, size_t *ret_len);
