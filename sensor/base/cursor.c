/* cursor: bounded, sticky reading of wire formats.
 *
 * All casts that narrow or widen wire values live here. */
#include "sensor/base/cursor.h"

struct cursor cursor_of(struct span s)
{
    return (struct cursor){.s = s};
}

bool cursor_bad(const struct cursor *c)
{
    return c->bad;
}

size_t cursor_left(const struct cursor *c)
{
    return c->bad ? 0 : c->s.len - c->off;
}

struct span cursor_bytes(struct cursor *c, size_t len)
{
    if (len > cursor_left(c) || c->bad) {
        c->bad = true;
        return (struct span){NULL, 0};
    }
    struct span s = {c->s.data + c->off, len};
    c->off += len;
    return s;
}

void cursor_skip(struct cursor *c, size_t len)
{
    (void)cursor_bytes(c, len);
}

struct span cursor_rest(struct cursor *c)
{
    return cursor_bytes(c, cursor_left(c));
}

static uint64_t read_be(struct cursor *c, size_t len)
{
    struct span s = cursor_bytes(c, len);
    uint64_t value = 0;
    for (size_t i = 0; i < s.len; i++) {
        value = value << 8 | s.data[i];
    }
    return value;
}

static uint64_t read_le(struct cursor *c, size_t len)
{
    struct span s = cursor_bytes(c, len);
    uint64_t value = 0;
    for (size_t i = s.len; i > 0; i--) {
        value = value << 8 | s.data[i - 1];
    }
    return value;
}

uint8_t cursor_u8(struct cursor *c)
{
    return (uint8_t)read_be(c, 1);
}

uint16_t cursor_be16(struct cursor *c)
{
    return (uint16_t)read_be(c, 2);
}

uint32_t cursor_be24(struct cursor *c)
{
    return (uint32_t)read_be(c, 3);
}

uint32_t cursor_be32(struct cursor *c)
{
    return (uint32_t)read_be(c, 4);
}

uint64_t cursor_be64(struct cursor *c)
{
    return read_be(c, 8);
}

uint16_t cursor_le16(struct cursor *c)
{
    return (uint16_t)read_le(c, 2);
}

uint32_t cursor_le32(struct cursor *c)
{
    return (uint32_t)read_le(c, 4);
}

uint64_t cursor_le64(struct cursor *c)
{
    return read_le(c, 8);
}
