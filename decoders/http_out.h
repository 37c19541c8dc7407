#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"

/* Where the emissions of one direction go, and room for what must be decoded on the way. */
struct http_out {
    const struct emit *emit; /* of the call at hand */
    const struct decoder_limits *limits;
    struct tx *tx; /* of the message at hand; NULL when there is no memory */
    enum direction dir;
    bool quiet;          /* nobody looks at what lies in the head at hand */
    struct sbuf name;    /* a header's name in lower case */
    struct sbuf folded;  /* a value that stood on several lines */
    struct sbuf decoded; /* a decoded copy */
};

void http_out_init(struct http_out *out, enum direction dir, const struct decoder_limits *limits);
void http_out_free(struct http_out *out);
/* Gives back what an unusually long message made the buffers grow to. */
void http_out_trim(struct http_out *out);

/* A value that lies in the head or the body at hand. */
void http_emit_field(struct http_out *out, enum field_id id, struct span value);
void http_emit_anomaly(struct http_out *out, enum anomaly anomaly);
void http_emit_lost(struct http_out *out, enum lost reason, uint64_t n_bytes);
/* A whole block of lines, before the fields in it; `flags`: REGION_AGAIN or 0. Whether the fields
 * are wanted. */
bool http_emit_head(struct http_out *out, enum field_id field, struct span bytes, unsigned flags);
