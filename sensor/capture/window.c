/* window: one large read buffer per input.
 *
 * Records are looked at where they lie. When the next one is not whole in the buffer, what is left
 * is moved to the front and the rest filled, unless spans of a batch still point into it: then the
 * batch ends first. A pipe is not waited for either while a batch is held, so that what a slow
 * writer gave is handed on at once. */
#include "sensor/capture/window.h"

enum { FIRST_CHUNK = 64 * 1024 };

struct window window_of(struct feed *feed, size_t size)
{
    return (struct window){.feed = feed, .buffer = sbuf_with_cap(size), .chunk = FIRST_CHUNK};
}

void window_free(struct window *w)
{
    sbuf_free(&w->buffer);
    w->off = 0;
}

struct span window_rest(const struct window *w)
{
    return span_from(sbuf_span(&w->buffer), w->off);
}

void window_take(struct window *w, size_t len)
{
    CHECK(len <= w->buffer.len - w->off);
    w->off += len;
}

uint64_t window_offset(const struct window *w)
{
    return w->before + w->off;
}

static enum window_status of_feed(enum feed_status status)
{
    switch (status) {
    case FEED_OK:
        return WINDOW_OK;
    case FEED_END:
        return WINDOW_END;
    case FEED_INTERRUPTED:
        return WINDOW_INTERRUPTED;
    case FEED_BAD:
        break;
    }
    return WINDOW_BAD;
}

/* One read into the room behind what is there. */
static enum window_status fill(struct window *w)
{
    sbuf_drop(&w->buffer, w->off);
    w->before += w->off;
    w->off = 0;
    size_t room = w->buffer.cap - w->buffer.len;
    uint8_t *to = sbuf_reserve(&w->buffer, room);
    if (to == NULL) {
        return WINDOW_BAD;
    }
    room = w->chunk < room ? w->chunk : room;
    w->chunk = w->chunk < w->buffer.cap ? w->chunk * 2 : w->chunk;
    size_t len = 0;
    enum window_status status = of_feed(feed_read(w->feed, to, room, &len));
    if (status == WINDOW_OK) {
        sbuf_commit(&w->buffer, len);
    }
    return status;
}

enum window_status window_need(struct window *w, size_t len)
{
    CHECK(len <= w->buffer.cap);
    while (w->buffer.len - w->off < len) {
        if (w->pinned) {
            return WINDOW_WAIT;
        }
        enum window_status status = fill(w);
        if (status != WINDOW_OK) {
            return status;
        }
    }
    return WINDOW_OK;
}

enum window_status window_skip(struct window *w, uint64_t *len)
{
    while (*len > 0) {
        enum window_status status = window_need(w, 1);
        if (status != WINDOW_OK) {
            return status;
        }
        size_t there = w->buffer.len - w->off;
        size_t part = *len < there ? (size_t)*len : there;
        w->off += part;
        *len -= part;
    }
    return WINDOW_OK;
}
