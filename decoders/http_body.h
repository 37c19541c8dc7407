#pragma once

#include "decoders/http_coding.h"
#include "decoders/http_facts.h"
#include "decoders/http_out.h"
#include "sensor/codec/chunked.h"

/* The stream of body pieces that goes to the engine. One piece is held back during a call, so that
 * a short body is one region, FIRST and LAST. */
struct http_pieces {
    struct region region; /* field, item, direction, layers, and what goes with FIRST */
    struct span held;
    bool begun;
    bool after_gap;
};

/* A body on its way. */
struct http_body {
    enum http_framing framing;
    uint64_t left; /* of LENGTH */
    struct chunked chunked;
    struct sbuf extension;        /* of the chunk at hand */
    struct http_codings *codings; /* NULL: none, or no longer */
    struct encodings framing_layers;
    bool undecoded;        /* a coding is left that is not known */
    bool dropped;          /* the rest is not looked at, */
    enum lost dropped_for; /* for this reason */
    struct http_pieces pieces;
    bool lf_only; /* reported */
};

enum http_body_result {
    HTTP_BODY_MORE,     /* the input is used up */
    HTTP_BODY_END,      /* the body is complete: *in starts behind it */
    HTTP_BODY_TRAILERS, /* complete but for trailers */
    HTTP_BODY_BROKEN,   /* where it ends cannot be known any more */
};

void http_body_init(struct http_body *body, const struct decoder_limits *limits);
void http_body_free(struct http_body *body);
/* `facts` (which the body takes its type from) stay in place until the body ends. */
void http_body_begin(struct http_body *body, struct http_out *out, const struct http_facts *facts,
                     enum http_framing framing, uint64_t length);
/* A body of raw bytes, of another field than a message's body; goes on until the stream ends. */
void http_body_begin_raw(struct http_body *body, const struct region *region);
enum http_body_result http_body_data(struct http_body *body, struct http_out *out, struct span *in);
/* false: it reaches beyond the body, or where it ends cannot be known any more. */
MUST_USE bool http_body_gap(struct http_body *body, struct http_out *out, uint64_t n_bytes);
/* Bytes of the body, past framing and codings. */
void http_body_add(struct http_body *body, struct http_out *out, struct span bytes);
/* To be called at the end of each call into the decoder. */
void http_body_flush(struct http_body *body, struct http_out *out);
/* The body ends; `cut`: not by its own end. */
void http_body_end(struct http_body *body, struct http_out *out, bool cut);
