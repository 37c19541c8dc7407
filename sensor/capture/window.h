#pragma once

#include "sensor/capture/feed.h"
#include "sensor/capture/stretch.h"

/* A large buffer over a feed, through which records are read without a copy. Spans into it stay
 * valid while it is pinned, and those into a stretch as long as that is held. */
struct window {
    struct feed *feed;           /* owned by whoever opened it */
    struct stretches *stretches; /* as long as the window lives */
    struct stretch *stretch;     /* where it reads; NULL before the first byte */
    size_t off;                  /* of the next byte in the stretch */
    uint64_t before;             /* bytes of the stream before the stretch's first */
    size_t chunk; /* most bytes of the next read: grows, so that a look at a file's head is cheap */
    bool pinned;  /* the batch that is being filled points into the stretch */
};

enum window_status {
    WINDOW_OK,
    WINDOW_END,  /* the stream ends before that many bytes */
    WINDOW_WAIT, /* the buffer would have to move, or a pipe be waited for, while it is pinned; or
                    too much is held that was read before */
    WINDOW_INTERRUPTED,
    WINDOW_BAD, /* feed_why() */
};

/* The most that window_need() may be asked for is the size of the stretches. */
struct window window_of(struct feed *feed, struct stretches *stretches);
void window_free(struct window *w);
/* Whether the next `len` bytes are there already. */
static inline bool window_has(const struct window *w, size_t len)
{
    return w->stretch != NULL && w->stretch->buffer.len - w->off >= len;
}
/* Sees to it that the next `len` bytes are there. */
enum window_status window_need(struct window *w, size_t len);
/* The next bytes, as far as they are there. */
struct span window_rest(const struct window *w);
/* Goes on by len bytes, which must be there. */
void window_take(struct window *w, size_t len);
/* Goes on by up to len bytes, there or not, and takes what it passed off *len: 0 when all is
 * passed. */
enum window_status window_skip(struct window *w, uint64_t *len);
/* Place of the next byte in the (decompressed) stream. */
uint64_t window_offset(const struct window *w);
