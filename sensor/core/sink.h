#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/base/span.h"
#include "sensor/core/config.h"

struct sink;

/* What a sink is opened with; outlives it. */
struct sink_options {
    const struct config_output *config;
    const char *host; /* the sensor's name */
    bool may_wait;    /* write() may take as long as the reader likes; else it gives up within a
                         second, with -EAGAIN */
};

/* Whole lines, each with its newline. */
struct sink_block {
    struct span lines;
    size_t n_lines;
    uint64_t clock_us; /* of the first event: for names of files */
};

/* What became of the lines of a block: as many of the first n_written + n_lost are written and
 * lost, for good. The rest is to be given again, in the same order. */
struct sink_result {
    size_t n_written;
    size_t n_lost;
};

/* What a sink asks of the system while it works, beside reading and writing what is open and
 * opening its file anew. */
enum sink_need {
    SINK_LOCAL = 1 << 0,   /* connects to sockets of this machine */
    SINK_CONNECT = 1 << 1, /* connects anywhere, looks names up */
    SINK_THREADS = 1 << 2, /* its library starts threads at any time */
};

/* Where finished events go. One thread works with a sink, but for abort(). A sink knows nothing but
 * lines. */
struct sink_ops {
    const char *name;
    /* Set of enum sink_need, of the thread that works with it once it is open. NULL: files only. */
    unsigned (*needs)(const struct config_output *config);
    /* Whether the configuration makes sense and the place is there; touches nothing. 0, or negative
     * errno with a line in err. NULL: anything goes. */
    int (*check)(const struct config_output *config, struct errbuf *err);
    /* 0, or negative errno with a line in err. A server that cannot be reached is no failure: it is
     * connected to by write(). */
    int (*open)(const struct sink_options *options, struct sink **ret_sink, struct errbuf *err);
    /* 0 when nothing is left to be given again and nothing was lost; -EAGAIN when the reader is
     * slow; else a negative errno. *ret_result comes zeroed and says what became of the lines in
     * every case. */
    int (*write)(struct sink *s, const struct sink_block *block, struct sink_result *ret_result);
    /* The block that is left over will not be given again. How many of its lines are written all
     * the same. NULL: none, ever. */
    size_t (*give_up)(struct sink *s);
    /* Gives what is buffered to the system; looks whether the place is still the same. */
    int (*flush)(struct sink *s);
    /* Opens its target anew (log rotation). On failure the old one stays. */
    int (*reopen)(struct sink *s, struct errbuf *err);
    /* What the latest failure was, in better words than errno's; NULL: there are none. The pointer
     * itself may be NULL. */
    const char *(*why)(const struct sink *s);
    /* From another thread: a write() that waits for somebody ends soon, and later ones fail. NULL:
     * it never waits for long. */
    void (*abort)(struct sink *s);
    /* Nulls *s; accepts NULL. */
    void (*close)(struct sink **s);
};
