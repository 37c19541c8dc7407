#pragma once

#include "sensor/base/sbuf.h"

/* Private to signatures/peel*.c: base64 and other encodings that stand as a piece in a text. */

enum {
    PEEL_RUN_MIN = 8,   /* characters of base64; "${jndi" takes as many */
    PEEL_TEXT_MIN = 6,  /* bytes of a text inside decoded bytes */
    PEEL_UTF16_MIN = 8, /* characters of a piece of UTF-16 */
};

/* A run of base64 characters in a text, with its padding. Line ends inside belong to it. */
struct peel_run {
    size_t off;
    size_t len;
    size_t tail; /* of escapes for padding behind it */
    bool url;    /* the alphabet of URLs: it has '-' or '_' */
};
/* The first run of at least PEEL_RUN_MIN characters at or after off. */
bool peel_next_run(struct span text, size_t off, struct peel_run *ret_run);
/* Whether an escape stands right before or right behind it that may be a part of it: of '/', '+' or
 * a line end. */
bool peel_run_is_cut(struct span text, const struct peel_run *run);

/* Whether byte c can be text behind these: all but control characters can; where NULs are near it
 * is UTF-16, and they can be halves of characters. */
bool peel_is_text(uint8_t c, uint8_t before, uint8_t before_that);
/* The first stretch of at least PEEL_TEXT_MIN such bytes at or after off. */
bool peel_next_text(struct span bytes, size_t off, struct span *ret_text);
/* Whether nearly all of it is text. */
bool peel_is_mostly_text(struct span bytes);

/* The first piece of UTF-16 (either order) at or after off whose characters are ASCII, at least
 * PEEL_UTF16_MIN of them, and a few others between. */
bool peel_next_utf16(struct span text, size_t off, struct span *ret_piece);

/* Whether the text is an extended parameter of mail, "charset'language'%24...". */
bool peel_is_extended(struct span text);
