#pragma once

#include "sensor/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A view of bytes that somebody else owns. It dies when the call it was passed to returns. {NULL,
 * 0} is the empty span. */
struct span {
    const uint8_t *data;
    size_t len;
};

/* What span_find*() return when there is nothing. */
#define SPAN_NONE SIZE_MAX

/* A span over a string literal (without its NUL), also in static initialisers. */
#define SPAN_LITERAL(s)                                                                            \
    {                                                                                              \
        (const uint8_t *)(s), sizeof(s) - 1                                                        \
    }
#define SPAN(s) ((struct span)SPAN_LITERAL(s))

static inline struct span span_of(const void *data, size_t len)
{
    return (struct span){(const uint8_t *)data, len};
}

/* Over a NUL-terminated string of our own (never over input). */
struct span span_str(const char *text);

/* Bounds are clamped, never checked by the caller: past the end gives an empty span. */
static inline struct span span_sub(struct span s, size_t off, size_t len)
{
    if (off >= s.len) {
        return (struct span){NULL, 0};
    }
    size_t left = s.len - off;
    return (struct span){s.data + off, len < left ? len : left};
}

static inline struct span span_from(struct span s, size_t off)
{
    return span_sub(s, off, SIZE_MAX);
}

static inline struct span span_head(struct span s, size_t len)
{
    return span_sub(s, 0, len);
}

/* The byte at off, or 0 past the end. */
static inline uint8_t span_at(struct span s, size_t off)
{
    return off < s.len ? s.data[off] : 0;
}

bool span_equal(struct span a, struct span b);
/* ASCII case is ignored. */
bool span_equal_nocase(struct span a, struct span b);
/* <0, 0, >0: bytewise, a shorter prefix first. */
int span_compare(struct span a, struct span b);
bool span_starts(struct span s, struct span prefix);
bool span_starts_nocase(struct span s, struct span prefix);
bool span_ends(struct span s, struct span suffix);

/* Offset of the first match at or after `from`, or SPAN_NONE. */
size_t span_find_byte(struct span s, size_t from, uint8_t c);
/* Whether an LF stands behind anything but a CR; what stands before the first byte is not known. */
bool span_has_bare_lf(struct span s);
size_t span_find(struct span s, size_t from, struct span what);
size_t span_find_nocase(struct span s, size_t from, struct span what);
/* Offset of the last c, or SPAN_NONE. */
size_t span_rfind_byte(struct span s, uint8_t c);

/* Without blanks and tabs (and CR, LF) at both ends. */
struct span span_trim(struct span s);
/* Cuts the part before the first c off *s and returns it; c itself is dropped; without c it takes
 * all, *s ends empty. */
struct span span_split(struct span *s, uint8_t c);

/* true when `inner` lies wholly in the memory of `outer`; *ret_off is then its offset (ret_off may
 * be NULL). */
bool span_contains(struct span outer, struct span inner, size_t *ret_off);

/* Decimal digits only, the whole span, at most UINT64_MAX. */
MUST_USE bool span_to_u64(struct span s, uint64_t *ret_value);
/* Hexadecimal digits only, the whole span. */
MUST_USE bool span_hex_to_u64(struct span s, uint64_t *ret_value);
