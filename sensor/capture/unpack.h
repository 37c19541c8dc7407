#pragma once

#include "sensor/base/span.h"

enum unpack_status {
    UNPACK_OK,    /* go on with more input or more room */
    UNPACK_WHOLE, /* the same, and what was read so far is complete */
    UNPACK_BAD,   /* damaged, or beyond a limit */
};

/* One call: what it is given, and what it did. */
struct unpack_step {
    struct span input;
    bool last; /* no input will follow this */
    uint8_t *to;
    size_t room;
    size_t consumed; /* of the input */
    size_t produced; /* into the room */
    const char *why; /* when bad: words for the operator */
};

/* A way files are compressed, as a stream. Each row of unpack.c's table is one of these. */
struct unpack_ops {
    const char *name;
    struct span magic; /* first bytes of such a file */
    /* NULL when there is no memory. */
    void *(*open)(void);
    enum unpack_status (*run)(void *state, struct unpack_step *step);
    void (*close)(void *state);
};

enum { UNPACK_MAGIC_MAX = 6 };

/* By the first bytes of a file; NULL: it is not compressed in a way we know. */
const struct unpack_ops *unpack_for(struct span head);
