#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/base/span.h"

struct sink;

/* Where finished events go. Called from the writer only; a sink knows nothing but lines. */
struct sink_ops {
    const char *name;
    /* `target`: path, address …; NULL for the default. 0, or negative errno with a line in err. */
    int (*open)(const char *target, struct sink **ret_sink, struct errbuf *err);
    /* Whole lines, each with its newline. 0, or negative errno: then *ret_n_lost lines of these
     * (counted from the end) are not written. */
    int (*write)(struct sink *s, struct span lines, size_t n_lines, size_t *ret_n_lost);
    /* Gives what is buffered to the system. */
    int (*flush)(struct sink *s);
    /* Opens its target anew (log rotation). On failure the old one stays. */
    int (*reopen)(struct sink *s, struct errbuf *err);
    /* Nulls *s; accepts NULL. */
    void (*close)(struct sink **s);
};
