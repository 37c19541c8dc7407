#pragma once

#include "sensor/core/event.h"
#include "sensor/core/sink.h"

/* One output: chooses its events, brings them into its layout, lets them wait in a bounded queue,
 * and gives them to its sink, again and again where that is away. The writer's thread owns it. */
struct outlet;

struct outlet_options {
    const struct sink_ops *ops;
    const struct config_output *config; /* outlives the outlet */
    const char *name;                   /* in counters and messages; copied */
    const char *host;                   /* the sensor's name; outlives the outlet */
    unsigned types;                     /* bit set of enum event_type */
    bool threaded; /* a thread of its own works with the sink; else outlet_add() itself */
    bool may_drop; /* live: what does not fit the queue is lost, and counted; files: waits */
};

/* Opens the sink. 0, or negative errno with a line in err. */
MUST_USE int outlet_new(const struct outlet_options *options, struct outlet **ret_outlet,
                        struct errbuf *err);
/* Starts the thread, if there is to be one. 0 or negative errno. */
MUST_USE int outlet_start(struct outlet *o);

/* Takes a copy of the event when its type is wanted. */
void outlet_add(struct outlet *o, const struct event *event);
/* n events of these times will not come: counts them, to be told. Any thread. */
void outlet_lose(struct outlet *o, enum event_type type, uint64_t clock_us, int error);
/* Gives what was gathered to the sink; threaded: it is only asked for. */
void outlet_flush(struct outlet *o);
/* The sink opens its target anew before the next write. Any thread; async-signal-safe. */
void outlet_reopen(struct outlet *o);
/* From now on no sink is waited for longer than a second. Any thread; async-signal-safe. */
void outlet_hurry(struct outlet *o);

enum { OUTLET_WHY_SIZE = 160 };
struct outlet_stats {
    const char *name;
    const char *target;
    uint64_t written; /* events */
    uint64_t lost;    /* events not written, for whatever reason */
    uint64_t told;    /* of these, how many the operator has been told of */
    int error;        /* the latest failure as positive errno, or 0 */
};
/* Any thread may ask. */
void outlet_stats(const struct outlet *o, struct outlet_stats *ret_stats);
/* Why events were lost, in words; only once the outlet was ended. */
const char *outlet_why(const struct outlet *o);

/* No event follows: the thread ends when all is written. Does not wait for it. */
void outlet_stop(struct outlet *o);
/* Writes what waits, in live capture for at most a second, and closes the sink. */
void outlet_end(struct outlet *o);
/* Nulls *o; accepts NULL. Ended before. */
void outlet_free(struct outlet **o);
