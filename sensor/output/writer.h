#pragma once

#include "sensor/core/event.h"
#include "sensor/output/outlet.h"
#include "sensor/output/teller.h"

/* Brings the events of all producers into one order and gives them to the outputs. A producer is a
 * worker, or whoever else makes events; each has a number and is one thread. */
struct writer;

struct writer_options {
    unsigned n_producers;
    size_t queue;  /* events of one producer that may wait */
    bool threaded; /* a thread of its own; else everything happens inside writer_put() */
    bool may_drop; /* live: a full queue drops the event and counts it, and every output has a
                      thread; files: the producer waits */
    struct teller_options teller; /* roll-ups */
};

/* 0 or negative errno. */
MUST_USE int writer_new(const struct writer_options *options, struct writer **ret_writer);

/* Before the first event; `threaded` and `may_drop` of the outlet are the writer's business.
 * Negative errno with a line in err. */
MUST_USE int writer_add_output(struct writer *w, const struct outlet_options *options,
                               struct errbuf *err);
/* Starts the threads, if there are to be any. */
MUST_USE int writer_start(struct writer *w);

/* A block of `size` bytes, all-zero as far as struct event goes, for an event of which there are
 * many and that soon is gone. It comes back here from writer_put(): taken from the heap each time,
 * such blocks would leave holes between others that stay. `size` is always the same. NULL when
 * there is no memory. */
MUST_USE struct event *writer_lend(struct writer *w, unsigned producer, size_t size);
/* Takes the event, whatever happens. Its key is not below what the producer last promised with
 * writer_advance(). */
void writer_put(struct writer *w, unsigned producer, struct event *event);
/* Promises that no event of this producer with a lower clock will follow: what is older than all
 * promises may be written. */
void writer_advance(struct writer *w, unsigned producer, uint64_t clock_us);
/* The same of lower keys: of flows with a lower id at that clock. Until the next writer_advance()
 * it may be called with the same clock and growing ids. So what all flows say when the input ends
 * need not be kept. */
void writer_advance_flow(struct writer *w, unsigned producer, uint64_t clock_us, uint64_t flow_id);
/* Gives what is buffered to the system; live sources call it when nothing happens. Threaded: it is
 * only asked for. */
void writer_flush(struct writer *w);
/* Async-signal-safe: all outputs open their targets anew before the next write. */
void writer_reopen(struct writer *w);
/* Async-signal-safe: from now on nobody waits for an output for longer than a second. */
void writer_hurry(struct writer *w);

/* Of all outputs together. */
struct writer_stats {
    uint64_t written;        /* events, counted once for each output that took them */
    uint64_t suppressed;     /* alerts that their rules did not want told */
    uint64_t rolled_up;      /* alerts that a roll-up alone tells */
    uint64_t lost;           /* not written, for whatever reason */
    uint64_t campaigns;      /* at work now: seen within teller.quiet_us */
    uint64_t sightings_lost; /* that a full queue had no room for */
    struct story_stats stories;
};
/* Any thread may ask. */
void writer_stats(const struct writer *w, struct writer_stats *ret_stats);
/* Of output i, in the order they were added; false behind the last. Any thread may ask. The texts
 * live as long as the writer. */
bool writer_output_stats(const struct writer *w, size_t i, struct outlet_stats *ret_stats);
/* Why output i lost events, in words; once the writer was ended. */
const char *writer_output_why(const struct writer *w, size_t i);

/* All producers are done but for the caller's thread, whose last stats are still to come: what they
 * put is given to the outputs, so that the figures say all of it. */
void writer_settle(struct writer *w);
/* All producers are done: writes everything and closes the outputs. Figures are final then. */
void writer_end(struct writer *w);
/* Nulls *w; accepts NULL; ends it first. */
void writer_free(struct writer **w);
