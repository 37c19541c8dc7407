#pragma once

#include "sensor/base/span.h"

/* HPACK, RFC 7541: the header blocks of one direction of an HTTP/2 connection, which share a table.
 */
struct hpack;

/* One header, valid until the next call. */
struct hpack_header {
    struct span name;
    struct span value;
};

enum hpack_result {
    HPACK_MORE,   /* the input is used up */
    HPACK_HEADER, /* *ret_header is the next one */
    HPACK_END,    /* the block is complete (only when it was told to be the last piece) */
    HPACK_BROKEN, /* no header of this direction can be read any more */
};

/* NULL when there is no memory. */
MUST_USE struct hpack *hpack_new(void);
/* Nulls *h; accepts NULL. */
void hpack_free(struct hpack **h);
/* Takes from *in, a piece of a block; `last`: no more of the block comes behind it. What comes out
 * does not depend on how the block was cut. */
enum hpack_result hpack_next(struct hpack *h, struct span *in, bool last,
                             struct hpack_header *ret_header);
/* The largest table that the receiver of the blocks allows (SETTINGS_HEADER_TABLE_SIZE). It is only
 * ever raised here: that it was lowered, the blocks say themselves. Capped at 1 MiB. Holds from the
 * next block on. */
void hpack_allow_table(struct hpack *h, uint32_t n_bytes);
