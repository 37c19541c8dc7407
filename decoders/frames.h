#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"

/* Streams of messages that say at their start how long they are: where each begins and ends, what a
 * gap does, and how the next one is found behind it. Used by the decoders of such protocols. */

enum { FRAMES_BAD = -1, FRAMES_MORE = 0 };

struct frames_protocol {
    /* The length of a whole message, by its first bytes; FRAMES_MORE when these are too few (never
     * of more than 16), FRAMES_BAD when no message begins so. */
    int64_t (*length)(struct span start);
    /* Whether a message begins here, of whichever direction; decided by PROBE_MAX bytes. */
    enum probe (*probe)(struct span first);
    /* A message, or with `cut` the start of one of which the rest is missing. */
    void (*message)(void *owner, enum direction dir, struct span message, bool cut);
    size_t prefix;         /* bytes of length() that head_bytes does not count */
    enum anomaly too_long; /* than head_bytes: inspected as it is */
    enum anomaly bad;      /* no message begins where one should */
};

enum { FRAMES_PROBE_MAX = 512 };

enum frames_state {
    FRAMES_READ,   /* messages, each kept until it is whole */
    FRAMES_PASS,   /* the rest of one that is inspected as it is */
    FRAMES_SEARCH, /* where no message is known to begin */
    FRAMES_OPAQUE, /* nothing more can be read */
};

/* One direction. */
struct frames {
    const struct frames_protocol *protocol;
    void *owner;             /* for message() */
    const struct emit *emit; /* valid during a call only */
    enum direction dir;
    size_t longest; /* message that is kept */
    enum frames_state state;
    struct sbuf held;
    uint64_t left;    /* FRAMES_PASS: bytes still to come */
    struct tx *stray; /* for bytes that belong to no message */
    bool stray_open;  /* also when stray is NULL because memory was short */
    bool after_gap;   /* the next such byte comes behind a hole */
};

/* No memory is taken. Mid-stream a message must be found first. */
void frames_open(struct frames *f, const struct frames_protocol *protocol, void *owner,
                 enum direction dir, const struct decoder_env *env);
/* Returns the end of the bytes that was left alone: more than none only behind frames_stop(). */
struct span frames_data(struct frames *f, const struct emit *emit, struct span bytes);
void frames_gap(struct frames *f, const struct emit *emit, uint64_t n_bytes);
/* The direction has ended, or the flow has: what is kept is given, and memory is freed. */
void frames_end(struct frames *f, const struct emit *emit);
/* What comes from now on, also in the call that is running, is left alone. */
void frames_stop(struct frames *f);
/* Behind frames_stop(): bytes that had been kept and are no message any more. Memory is freed. */
size_t frames_give_up(struct frames *f);
/* Bytes that belong to no message: inspected in a transaction of their own that is no event. */
void frames_stray(struct frames *f, struct span bytes);
