#pragma once

#include "sensor/base/span.h"

/* Where a chunked body (RFC 9112 section 7.1) stands; the input may be cut anywhere. All-zero is
 * its start. */
struct chunked {
    unsigned state;
    uint64_t left;   /* bytes of the chunk, or its size so far */
    bool has_digits; /* the size has one */
    bool lf_only;    /* a line ended without CR */
};

enum chunked_step {
    CHUNKED_MORE,      /* the input is used up */
    CHUNKED_DATA,      /* *ret_piece is a piece of the body */
    CHUNKED_EXTENSION, /* *ret_piece is a piece of what stands behind a chunk's size */
    CHUNKED_END,       /* the last chunk's line is read: trailers follow */
    CHUNKED_BROKEN,    /* no chunk: *in starts at the byte that cannot be one */
};

/* Takes the next step from *in, which is moved on. *ret_piece is a view of the input. */
enum chunked_step chunked_next(struct chunked *c, struct span *in, struct span *ret_piece);
/* n_bytes are missing here. false when they are not all inside one chunk: then where the next one
 * begins is unknown. */
MUST_USE bool chunked_skip(struct chunked *c, uint64_t n_bytes);
