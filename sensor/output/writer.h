#pragma once

#include "sensor/core/event.h"
#include "sensor/core/sink.h"

/* Brings the events of all producers into one order and gives them to the sinks. A producer is a
 * worker, or whoever else makes events; each has a number and is one thread. */
struct writer;

struct writer_options {
    unsigned n_producers;
    size_t queue;  /* events of one producer that may wait */
    bool threaded; /* a thread of its own; else everything happens inside writer_put() */
    bool may_drop; /* live: a full queue drops the event and counts it; files: the producer waits */
};

/* 0 or negative errno. */
MUST_USE int writer_new(const struct writer_options *options, struct writer **ret_writer);

/* Before the first event. `types`: bit set of enum event_type that this sink gets. The writer
 * closes the sink. Negative errno with a line in err. */
MUST_USE int writer_add_sink(struct writer *w, const struct sink_ops *ops, const char *target,
                             unsigned types, struct errbuf *err);
/* Starts the thread, if there is to be one. */
MUST_USE int writer_start(struct writer *w);

/* Takes the event, whatever happens. Its key is not below what the producer last promised with
 * writer_advance(). */
void writer_put(struct writer *w, unsigned producer, struct event *event);
/* Promises that no event of this producer with a lower clock will follow: what is older than all
 * promises may be written. */
void writer_advance(struct writer *w, unsigned producer, uint64_t clock_us);
/* Gives what is buffered to the system; live sources call it when nothing happens. Threaded: it is
 * only asked for. */
void writer_flush(struct writer *w);
/* Async-signal-safe: all sinks open their targets anew before the next write. */
void writer_reopen(struct writer *w);

struct writer_stats {
    uint64_t written;    /* events, counted once for each sink that took them */
    uint64_t suppressed; /* alerts that their rules did not want told */
    uint64_t lost;       /* not written, for whatever reason */
    uint64_t told;       /* of these, how many the operator has been told of */
    int error;           /* the latest failure of a sink as positive errno, or 0 */
};
/* Any thread may ask. */
void writer_stats(const struct writer *w, struct writer_stats *ret_stats);

/* All producers are done: writes everything, closes the sinks, nulls *w. *ret_stats is final.
 * Accepts NULL. */
void writer_free(struct writer **w, struct writer_stats *ret_stats);
