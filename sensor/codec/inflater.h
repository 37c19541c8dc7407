#pragma once

#include "sensor/base/span.h"

enum inflater_kind {
    INFLATER_GZIP,    /* RFC 1952, one member after the other */
    INFLATER_DEFLATE, /* RFC 1950, or RFC 1951 without its wrapping, as some servers send; also
                         gzip, which zlib's users tell by itself when asked to */
    INFLATER_BROTLI,  /* RFC 7932 */
    INFLATER_ZSTD,    /* RFC 8878, one frame after the other */
    INFLATER_RAW,     /* RFC 1951 alone */
};

/* What a step came to. Each may give output. */
enum inflater_result {
    INFLATER_MORE,   /* the input is used up */
    INFLATER_FULL,   /* there is more output to come: call again */
    INFLATER_END,    /* the stream is complete; *in starts behind it */
    INFLATER_BROKEN, /* it cannot be read on: all that could be read has been given */
};

/* A streaming decompressor. Its output comes in windows of at most 64 KiB and does not depend on
 * how the input was cut, also when the input is damaged. */
struct inflater;

/* NULL when there is no memory. */
MUST_USE struct inflater *inflater_new(enum inflater_kind kind);
/* RFC 1951 alone, where what is repeated may stand in `window` (of which the last 32 KiB count). It
 * must stay in place until the inflater is freed. */
MUST_USE struct inflater *inflater_new_behind(struct span window);
/* Nulls *i; accepts NULL. */
void inflater_free(struct inflater **i);

/* Moves *in on. *ret_out is the next piece of output, valid until the next call. */
enum inflater_result inflater_next(struct inflater *i, struct span *in, struct span *ret_out);
/* There is no more input: what can be read yet, FULL as long as there is more, then END when the
 * stream was complete or BROKEN. */
enum inflater_result inflater_finish(struct inflater *i, struct span *ret_out);
/* Whether the stream is complete as it stands: it would lack nothing if there were no more input.
 */
bool inflater_is_complete(const struct inflater *i);
/* Input to be looked at as it is, valid until the inflater is freed. Of a stream that is broken or
 * incomplete: the latest (all of it when it was short; where it starts does not depend on how the
 * input was cut). Of one that is complete: what was taken from behind its end. */
struct span inflater_input(const struct inflater *i);
