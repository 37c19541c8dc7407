#pragma once

#include "sensor/base/span.h"

/* Reads wire values from a span. A read past the end gives zero or an empty span and sticks:
 * everything after it fails too, so a header's worth is read first and cursor_bad() asked once.
 * Multi-byte reads give host order. */
struct cursor {
    struct span s;
    size_t off;
    bool bad;
};

struct cursor cursor_of(struct span s);
bool cursor_bad(const struct cursor *c);
/* Bytes not yet read; 0 once bad. */
size_t cursor_left(const struct cursor *c);

uint8_t cursor_u8(struct cursor *c);
uint16_t cursor_be16(struct cursor *c);
uint32_t cursor_be24(struct cursor *c);
uint32_t cursor_be32(struct cursor *c);
uint64_t cursor_be64(struct cursor *c);
uint16_t cursor_le16(struct cursor *c);
uint32_t cursor_le32(struct cursor *c);
uint64_t cursor_le64(struct cursor *c);
struct span cursor_bytes(struct cursor *c, size_t len);
void cursor_skip(struct cursor *c, size_t len);
/* All that is left, which may be nothing; never makes the cursor bad. */
struct span cursor_rest(struct cursor *c);
