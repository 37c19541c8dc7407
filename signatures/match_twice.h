#pragma once

#include "sensor/base/span.h"

/* Private to signatures/match*.c: base64 that decodes to base64, of either alphabet. */

enum {
    TWICE_BLOCK = 16,  /* characters that tell it */
    TWICE_STRIDE = 28, /* bytes from one that is looked at to the next */
};

/* A text in pieces; all-zero but `text` at its start. */
struct twice {
    struct span text;           /* the piece at hand */
    size_t at;                  /* where the next block begins in it */
    uint8_t block[TWICE_BLOCK]; /* what there is of one that a piece's end cut */
    size_t n_block;
};

/* The next place behind such a block; SPAN_NONE when there is none, and then `text` may be the next
 * piece. A run of TWICE_STRIDE + TWICE_BLOCK - 1 characters has a block in it. */
size_t twice_next(struct twice *t);
