#pragma once

#include "sensor/base/arena.h"
#include "sensor/core/conn.h"
#include "sensor/core/finding.h"

struct decoder;

enum tx_flag {
    TX_CUT = 1 << 0,           /* a gap or the flow's end came before its own */
    TX_TRUNCATED = 1 << 1,     /* a value reached a cap */
    TX_REQUEST_SEEN = 1 << 2,  /* the part to the server was seen */
    TX_RESPONSE_SEEN = 1 << 3, /* the part to the client was seen */
    TX_ALTERNATE = 1 << 4,     /* from an alternate reading: it alerts but is no event of its own */
    TX_UNSURE = 1 << 5,        /* where it begins is guessed: it may be contents of another */
    TX_FIELDS_LOST = 1 << 6,   /* there was no room to keep all fields that are to be kept */
};

/* A field that the transaction keeps a copy of. */
struct kept_field {
    struct kept_field *next;
    uint16_t id; /* enum field_id */
    uint8_t dir; /* enum direction */
    bool cut;
    bool truncated; /* its end was never seen */
    bool odd;       /* its line is malformed */
    struct span item;
    struct span value;
    struct span tail; /* of a request header that was cut here: as many of its last bytes */
};

/* A request and its response, or a mail. Made and owned by the pipeline, in an arena of its own
 * that goes with it. Decoders hold the pointer from tx_begin to tx_end and never look inside. */
struct tx {
    struct tx *next; /* of the flow, oldest first */
    uint32_t id;     /* 0-based in its flow */
    struct conn *conn;
    const struct decoder *decoder;
    struct arena *arena;
    enum direction dir; /* of its first message */
    uint64_t start_us;
    uint64_t end_us;
    unsigned flags; /* enum tx_flag */
    struct kept_field *kept;
    struct kept_field **kept_end;
    struct finding *findings; /* in the order made */
    uint64_t body_bytes[2];   /* after decoding */
    uint64_t anomalies[2]; /* bit sets of enum anomaly that were reported, so that each is once */
    uint64_t alert_due_us; /* clock at which pending findings are written at the latest; 0: none
                              pending */
    void *detect;          /* the engine's state for this transaction */
};

/* The first kept field of that id, or NULL. */
const struct kept_field *tx_field(const struct tx *tx, enum field_id id);
/* The next one of the same id after `at`, or NULL. */
const struct kept_field *tx_next_field(const struct kept_field *at);
