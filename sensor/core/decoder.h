#pragma once

#include "sensor/core/conn.h"
#include "sensor/core/field.h"

struct tx;

/* What a decoder calls while it is being pushed bytes. tx_begin() may return NULL when memory is
 * short; every other call accepts a NULL tx, so decoders pass on what they got. Nothing passed in
 * is kept after the call. */
struct emit_ops {
    /* A transaction whose first message goes this way. */
    struct tx *(*tx_begin)(void *ctx, enum direction dir);
    /* Bytes to be scanned once; the fields that lie in a head follow it. false, and only of a head
     * that is REGION_AGAIN: nobody looks at those now, so they are left out, and whoever may want
     * them later keeps the bytes for the decoder's fields(). What is decoded from them follows all
     * the same, as FIELD_UNKEPT. */
    bool (*region)(void *ctx, struct tx *tx, const struct region *region);
    void (*field)(void *ctx, struct tx *tx, const struct field *field);
    /* tx NULL: the flow's. The first of a kind is reported, all are counted. */
    void (*anomaly)(void *ctx, struct tx *tx, enum direction dir, enum anomaly anomaly);
    /* Bytes that could not be inspected, and why. */
    void (*lost)(void *ctx, struct tx *tx, enum lost reason, uint64_t n_bytes);
    /* From the bytes now being given on, two readings are possible: a second decoder of the same
     * kind is opened with `reading` (a number that only the decoder understands) and, once this
     * call of data() is done, gets `rest` (the end of the bytes given to it) and what follows of
     * this direction, up to a cap. */
    void (*alternate)(void *ctx, enum direction dir, unsigned reading, struct span rest);
    /* Another protocol begins inside this one (behind CONNECT, a PROXY or SOCKS prologue): `rest`
     * and what follows of this direction goes to whichever decoder recognises it, as if the flow
     * began there. From then on this decoder gets no more calls for the direction; within the call
     * at hand it may give more. `rest` may be empty. */
    void (*hand_over)(void *ctx, enum direction dir, struct span rest);
    /* Both ends have agreed on TLS within the protocol, and it begins with `rest`, the end of the
     * bytes now being given: both directions are handed over next. No other reading gets what is
     * encrypted, and what of it is not read counts as LOST_STARTTLS. */
    void (*starttls)(void *ctx, struct span rest);
    /* Who is at the client's end, as a proxy in front of the flow told it. */
    void (*client)(void *ctx, const struct addr *addr);
    /* The flow has become unreadable for good (TLS): no more data calls are wanted. `rest` is the
     * end of the bytes now being given that was not read: it counts as lost, and other readings do
     * not get it either. */
    void (*opaque)(void *ctx, enum lost reason, struct span rest);
    /* `flags`: TX_CUT or 0. tx is gone after this. */
    void (*tx_end)(void *ctx, struct tx *tx, unsigned flags);
};

struct emit {
    const struct emit_ops *ops;
    void *ctx;
};

/* Caps a decoder keeps to, from the configuration. */
struct decoder_limits {
    size_t line_bytes; /* longest line or header value kept whole */
    size_t
        head_bytes; /* longest head kept whole for one region; a longer one is given in several */
    size_t inflate_bytes;    /* most bytes out of one compressed body */
    size_t inflate_ratio;    /* most bytes out for each byte in, once out is beyond 1 MiB */
    unsigned encoding_depth; /* stacked content encodings */
    unsigned mime_depth;     /* nested parts */
    unsigned open_tx;        /* requests waiting for their response in one flow */
    unsigned skip_responses; /* bodies of responses are only counted, as LOST_CONFIG; 0 or 1 */
};

struct decoder_env {
    const struct decoder_limits *limits;
    bool midstream;   /* the flow's start was not seen */
    unsigned reading; /* 0: the main reading; else what alternate() was given */
};

enum probe { PROBE_NO, PROBE_MORE, PROBE_YES };

/* A protocol. The contract, which the replay test enforces for each: data() gets contiguous,
 * in-order, non-empty bytes of one direction, cut anywhere; what is emitted does not depend on the
 * cuts (chunks of one body joined). It consumes all it is given and copies what it needs later into
 * capped buffers of its own. Malformed input is an anomaly and the decoder goes on. Work is linear
 * in the bytes seen. No I/O, no clock, no globals, no logging. */
struct decoder {
    const char *name; /* app_proto of events */
    size_t state_size;
    bool opening_only; /* what follows cannot be read: nDPI may still name what it is */
    /* Looks at the first bytes of a direction (mid-stream: of whatever comes). PROBE_MORE:
     * undecided, show more, up to 256 bytes. */
    enum probe (*probe)(struct span first, enum direction dir);
    /* The same of the first datagram of a direction; NULL: it reads streams only. Each datagram is
     * given to data() as a message of a stream is: behind its length in two bytes, high byte first.
     * So a decoder has one framing. */
    enum probe (*probe_datagram)(struct span datagram, enum direction dir);
    /* `state` is state_size zeroed bytes. No memory is needed: buffers grow later. */
    void (*open)(void *state, const struct decoder_env *env);
    void (*data)(void *state, const struct emit *emit, enum direction dir, struct span bytes);
    /* n_bytes are missing here. Nothing before and after is ever joined in one value. */
    void (*gap)(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes);
    /* This direction has ended properly: a body that lasts until close is complete. NULL: that
     * changes nothing. */
    void (*end)(void *state, const struct emit *emit, enum direction dir);
    /* Emits the fields of a head that is REGION_AGAIN, and its anomalies, from a copy of its bytes.
     * NULL: no head of this protocol is. */
    void (*fields)(const struct decoder_limits *limits, const struct emit *emit, struct tx *tx,
                   enum direction dir, struct span head);
    /* Ends every open transaction and frees what the state holds (not the state itself). */
    void (*close)(void *state, const struct emit *emit, enum close_reason reason);
};

/* All decoders, in the order of decoders.list; NULL at the end. Defined by the decoders folder. */
extern const struct decoder *const decoders[];
