#pragma once

#include "decoders/http_facts.h"
#include "sensor/codec/inflater.h"
#include "sensor/core/decoder.h"

/* What comes out of a stack of codings, one thing at a time. */
enum http_decode_step {
    HTTP_DECODE_MORE,      /* the input is used up */
    HTTP_DECODE_PIECE,     /* bytes that all codings were undone of */
    HTTP_DECODE_RAW,       /* bytes of a stream that is broken, as they are */
    HTTP_DECODE_BROKEN,    /* one is broken or incomplete: RAW pieces follow */
    HTTP_DECODE_BOMB,      /* the cap on output is reached: nothing more comes */
    HTTP_DECODE_NO_MEMORY, /* nothing more comes */
};

/* One coding that is being undone. */
struct http_coding_level {
    enum http_coding coding;
    struct inflater *inflater; /* made with its first input */
    struct span in;            /* not yet taken */
    uint64_t n_out;
    bool has_more; /* its window was full */
    bool ended;    /* its stream is complete */
    bool broken;
    bool spent;   /* its output reached the cap */
    bool closing; /* no more input comes */
    bool closed;
};

/* The codings of a body, undone one after the other. */
struct http_codings {
    const struct decoder_limits *limits;
    struct http_coding_level levels[HTTP_CODINGS_MAX]; /* the outermost first */
    size_t n;                                          /* levels in use; less once one is broken */
    size_t n_made;                                     /* levels to be freed */
    uint64_t n_in;
    struct span out; /* behind the last level */
    struct span raw; /* what a broken level was given */
    bool is_raw;     /* `out` is not decoded */
    bool quiet;      /* incomplete streams are no finding: the body was cut */
};

/* NULL when there is no memory. `codings` in the order they are to be undone; all are known. */
MUST_USE struct http_codings *http_codings_new(const struct decoder_limits *limits,
                                               const uint8_t *codings, size_t n);
/* Nulls *c; accepts NULL. */
void http_codings_free(struct http_codings **c);
/* Takes from *in. A piece is valid until the next call that has something to do. */
enum http_decode_step http_codings_next(struct http_codings *c, struct span *in,
                                        struct span *ret_piece);
/* Whether http_codings_next() without input would do nothing. */
bool http_codings_idle(const struct http_codings *c);
/* After a BOMB: how many bytes of the input it came from were taken (counted from a multiple of 4
 * KiB, so that it does not depend on how the input was cut). */
uint64_t http_codings_spent_on(const struct http_codings *c);
/* No more input comes; http_codings_next() gives what is left. */
void http_codings_finish(struct http_codings *c, bool quiet);
/* Whether nothing is lacking as it stands. */
bool http_codings_complete(const struct http_codings *c);
enum encoding http_coding_encoding(enum http_coding coding);
