#pragma once

#include "sensor/base/span.h"

/* A growing byte buffer that cannot be made without a cap. Reaching the cap cuts, sets `cut`, and
 * goes on; so does a failed allocation. It may be embedded; all-zero is a valid buffer of cap 0. */
struct sbuf {
    uint8_t *data;
    size_t len;
    size_t room; /* allocated bytes */
    size_t cap;  /* most bytes it will ever hold */
    bool cut;
};

/* No memory is taken before the first byte. */
struct sbuf sbuf_with_cap(size_t cap);
/* Frees the memory and keeps the cap. */
void sbuf_free(struct sbuf *b);
/* Length 0, not cut; memory is kept. */
void sbuf_reset(struct sbuf *b);
/* The bytes so far; dies with the next change of the buffer. */
struct span sbuf_span(const struct sbuf *b);

/* false when not everything fitted: what fits is appended, `cut` is set. */
bool sbuf_add(struct sbuf *b, struct span s);
/* The same for one that goes on growing: makes room for several times as much. */
bool sbuf_add_growing(struct sbuf *b, struct span s);
bool sbuf_add_byte(struct sbuf *b, uint8_t c);
bool sbuf_add_str(struct sbuf *b, const char *text);
bool sbuf_add_format(struct sbuf *b, const char *format, ...) PRINTF(2, 3);
/* Makes room for `len` more bytes to be written by the caller at the returned place, then told with
 * sbuf_commit(). NULL (and `cut`) when the cap or the heap does not allow it. */
MUST_USE uint8_t *sbuf_reserve(struct sbuf *b, size_t len);
void sbuf_commit(struct sbuf *b, size_t len);
/* Forgets all bytes from len on. */
void sbuf_shorten(struct sbuf *b, size_t len);
/* Forgets the first len bytes. */
void sbuf_drop(struct sbuf *b, size_t len);
/* Replaces [off, off+old_len) by s, which must not lie in b. false when the cap cut it: then
 * nothing is changed. */
bool sbuf_replace(struct sbuf *b, size_t off, size_t old_len, struct span s);
/* Puts s in place of the bytes from off on, which must be there. */
void sbuf_overwrite(struct sbuf *b, size_t off, struct span s);
