/* sbuf: a capped, growing byte buffer.
 *
 * Growth doubles from 64 bytes, so appending is linear over the life of a buffer. The cap is a
 * promise about memory, not about input: callers look at `cut`, report it and go on. */
#include "sensor/base/sbuf.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { FIRST_ROOM = 64 };

struct sbuf sbuf_with_cap(size_t cap)
{
    return (struct sbuf){.cap = cap};
}

void sbuf_free(struct sbuf *b)
{
    mem_free(b->data);
    *b = sbuf_with_cap(b->cap);
}

void sbuf_reset(struct sbuf *b)
{
    b->len = 0;
    b->cut = false;
}

struct span sbuf_span(const struct sbuf *b)
{
    return (struct span){b->data, b->len};
}

static bool grow_to(struct sbuf *b, size_t need)
{
    size_t room = b->room > 0 ? b->room : FIRST_ROOM;
    while (room < need) {
        room = room > b->cap / 2 ? b->cap : room * 2;
    }
    room = room < b->cap ? room : b->cap;
    uint8_t *data = mem_resize(b->data, room);
    if (data == NULL) {
        return false;
    }
    b->data = data;
    b->room = room;
    return true;
}

uint8_t *sbuf_reserve(struct sbuf *b, size_t len)
{
    if (len > b->cap - b->len || (b->len + len > b->room && !grow_to(b, b->len + len))) {
        b->cut = true;
        return NULL;
    }
    return b->data + b->len;
}

void sbuf_commit(struct sbuf *b, size_t len)
{
    CHECK(len <= b->room - b->len);
    b->len += len;
}

bool sbuf_add(struct sbuf *b, struct span s)
{
    if (s.len == 0) {
        return true;
    }
    size_t left = b->cap - b->len;
    bool fits = s.len <= left;
    struct span part = fits ? s : span_head(s, left);
    if (!fits) {
        b->cut = true;
    }
    uint8_t *at = part.len > 0 ? sbuf_reserve(b, part.len) : NULL;
    if (at == NULL) {
        return false;
    }
    bytes_copy(at, part.data, part.len);
    b->len += part.len;
    return fits;
}

bool sbuf_add_growing(struct sbuf *b, struct span s)
{
    enum { TIMES = 4 };
    size_t left = b->cap - b->len;
    size_t need = b->len + (s.len < left ? s.len : left);
    if (need > b->room) {
        (void)grow_to(b, need < b->cap / TIMES ? need * TIMES : b->cap);
    }
    return sbuf_add(b, s); /* which makes do with less when there is no memory for that */
}

bool sbuf_add_byte(struct sbuf *b, uint8_t c)
{
    if (b->len < b->room) { /* never more than the cap */
        b->data[b->len++] = c;
        return true;
    }
    return sbuf_add(b, span_of(&c, 1));
}

bool sbuf_add_str(struct sbuf *b, const char *text)
{
    return sbuf_add(b, span_str(text));
}

bool sbuf_add_format(struct sbuf *b, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (len < 0) {
        return false;
    }
    bool whole = (size_t)len < sizeof(text);
    b->cut = b->cut || !whole;
    return sbuf_add(b, span_of(text, whole ? (size_t)len : sizeof(text) - 1)) && whole;
}

void sbuf_shorten(struct sbuf *b, size_t len)
{
    b->len = len < b->len ? len : b->len;
}

void sbuf_drop(struct sbuf *b, size_t len)
{
    if (len >= b->len) {
        b->len = 0;
        return;
    }
    bytes_move(b->data, b->data + len, b->len - len);
    b->len -= len;
}

bool sbuf_replace(struct sbuf *b, size_t off, size_t old_len, struct span s)
{
    CHECK(off <= b->len && old_len <= b->len - off);
    if (s.len > old_len && sbuf_reserve(b, s.len - old_len) == NULL) {
        return false;
    }
    size_t tail = off + old_len;
    bytes_move(b->data + off + s.len, b->data + tail, b->len - tail);
    bytes_copy(b->data + off, s.data, s.len);
    b->len = b->len - old_len + s.len;
    return true;
}

void sbuf_overwrite(struct sbuf *b, size_t off, struct span s)
{
    CHECK(off <= b->len && s.len <= b->len - off);
    bytes_copy(b->data + off, s.data, s.len);
}
