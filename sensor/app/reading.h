#pragma once

#include "sensor/app/tx_pool.h"
#include "sensor/core/decoder.h"

/* One decoder at work on a flow: the main reading, or an alternate one that sees the same bytes
 * otherwise. */
struct reading {
    struct reading *next; /* of the alternates, or of the outer ones */
    struct flow_app *app;
    const struct decoder *decoder;
    struct emit emit;
    struct tx_slot *open; /* its transactions, oldest first */
    bool alternate;
    bool handed[2];     /* directions whose bytes belong to what is inside */
    bool fresh;         /* made within the data call that is running, which it must not see twice */
    struct span due;    /* fresh alternates: what they get of that call */
    enum direction dir; /* alternates: the direction they read */
    uint64_t fed;       /* alternates: bytes given, capped */
    char state[];       /* decoder->state_size bytes, aligned as this struct */
};

enum { PROBE_BYTES = 256, SEEN_MAX = 16 };

/* First bytes of a direction, while decoders are undecided. */
struct first_bytes {
    uint16_t ends[8]; /* of the pieces they came in; the last one is longer when there were more */
    unsigned n;
    size_t len;
    uint8_t bytes[PROBE_BYTES];
};

/* What the pipeline keeps for a flow, from its first payload on. */
struct flow_app {
    struct pipeline *pipeline;
    struct conn *conn;
    struct reading *main;  /* NULL while no decoder has claimed the flow, or what is inside it */
    struct reading *outer; /* those that handed over, the outermost first */
    unsigned n_outer;
    unsigned n_told; /* of them that told a client who is believed */
    struct reading *alternates;
    unsigned n_alternates;
    struct first_bytes *start[2]; /* made when any are held */
    bool undecided[2];            /* the direction's first bytes are still being looked at */
    bool began[2];                /* some payload of the direction was seen */
    bool judged_start;            /* first bytes were judged before it was known who reads them */
    bool after_gap[2];
    bool unsure;     /* where messages of the client begin is guessed, until the server answers */
    size_t n_unread; /* of the data call that is running: its end, that no other reading gets */
    bool ends_alternates; /* they get nothing more at all */
    size_t n_uncounted;   /* of that: not yet counted as lost */
    bool ended[2];
    uint8_t n_return;       /* bytes of what tells that an RMI call returned, so far */
    bool has_returned;      /* one has */
    struct tx_slot *raw[2]; /* bytes that no decoder reads, scanned as they are */
    uint64_t anomalies;     /* of the flow, reported once each */
    uint64_t *seen;         /* SEEN_MAX hashes of findings, so that alternate readings tell nothing
                               twice; NULL: none yet */
    unsigned n_seen;
};

/* Keeps the fields of the heads that a transaction has copies of: before anybody asks for them. */
void reading_keep_fields(struct pipeline *p, struct tx_slot *slot);
/* A decoder for the flow. `reading` 0 is the main one. NULL when there is no memory. */
struct reading *reading_new(struct flow_app *app, const struct decoder *decoder, unsigned reading);
/* Ends its transactions; it may hand over what it held. Only to be freed after that. */
void reading_end(struct reading *r, enum close_reason reason);
/* reading_end(), and frees it; nulls *r; accepts NULL. Not for the main one of a flow. */
void reading_close(struct reading **r, enum close_reason reason);
