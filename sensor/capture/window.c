/* window: one large read buffer per input.
 *
 * Records are looked at where they lie. When the next one is not whole in the buffer, what is left
 * is moved to the front and the rest filled, unless spans of a batch still point into it. For the
 * batch that is being filled this is its end; where earlier ones are still being worked at, the
 * window goes on in another stretch. A pipe is not waited for either while a batch is held, so that
 * what a slow writer gave is handed on at once. */
#include "sensor/capture/window.h"

enum { FIRST_CHUNK = 64 * 1024 };

struct window window_of(struct feed *feed, struct stretches *stretches)
{
    return (struct window){.feed = feed, .stretches = stretches, .chunk = FIRST_CHUNK};
}

void window_free(struct window *w)
{
    if (w->stretch != NULL) {
        stretch_leave(w->stretches, w->stretch);
    }
    w->stretch = NULL;
    w->off = 0;
}

static size_t there(const struct window *w)
{
    return w->stretch == NULL ? 0 : w->stretch->buffer.len - w->off;
}

struct span window_rest(const struct window *w)
{
    return w->stretch == NULL ? span_of(NULL, 0)
                              : span_from(sbuf_span(&w->stretch->buffer), w->off);
}

void window_take(struct window *w, size_t len)
{
    CHECK(len <= there(w));
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

/* What is left stands at the front of a stretch that nobody else looks at. */
static enum window_status make_room(struct window *w)
{
    struct stretch *was = w->stretch;
    if (was != NULL && was->n_holders == 0) {
        sbuf_drop(&was->buffer, w->off);
    } else {
        if (was != NULL && !stretches_have_room(w->stretches)) {
            return WINDOW_WAIT;
        }
        struct stretch *to = stretch_take(w->stretches);
        if (to == NULL || !sbuf_add(&to->buffer, window_rest(w))) {
            return WINDOW_BAD;
        }
        if (was != NULL) {
            stretch_leave(w->stretches, was);
        }
        w->stretch = to;
    }
    w->before += w->off;
    w->off = 0;
    return WINDOW_OK;
}

/* One read into the room behind what is there. */
static enum window_status fill(struct window *w)
{
    enum window_status status = make_room(w);
    if (status != WINDOW_OK) {
        return status;
    }
    struct sbuf *buffer = &w->stretch->buffer;
    size_t room = buffer->cap - buffer->len;
    uint8_t *to = sbuf_reserve(buffer, room);
    if (to == NULL) {
        return WINDOW_BAD;
    }
    room = w->chunk < room ? w->chunk : room;
    w->chunk = w->chunk < buffer->cap ? w->chunk * 2 : w->chunk;
    size_t len = 0;
    status = of_feed(feed_read(w->feed, to, room, &len));
    if (status == WINDOW_OK) {
        sbuf_commit(buffer, len);
    }
    return status;
}

enum window_status window_need(struct window *w, size_t len)
{
    CHECK(len <= w->stretches->size);
    while (there(w) < len) {
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
        size_t part = *len < there(w) ? (size_t)*len : there(w);
        w->off += part;
        *len -= part;
    }
    return WINDOW_OK;
}
