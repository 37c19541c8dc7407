#pragma once

#include "sensor/core/conn.h"
#include "sensor/core/packet.h"
#include "sensor/output/evidence_store.h"
#include "sensor/packet/decode.h"

/* The recent past of one worker: its latest packets, of which those of a flow that is told of go to
 * the store, and all that follow until its end. */
struct evidence;

struct evidence_options {
    struct evidence_store *store; /* outlives it */
    unsigned producer;            /* of the store */
    size_t recent;                /* bytes of the past */
    size_t file_bytes;            /* most bytes of one flow */
};

/* NULL when there is no memory. */
MUST_USE struct evidence *evidence_new(const struct evidence_options *options);
/* Nulls *e; accepts NULL. */
void evidence_free(struct evidence **e);

/* Each packet once its headers are known, before its flow gets it. */
void evidence_packet(struct evidence *e, const struct packet *packet, const struct headers *headers,
                     enum decode_result result);
/* The flow is told of: marks it. Again: nothing. */
void evidence_want(struct evidence *e, struct conn *conn);
/* The flow has ended. */
void evidence_end(struct evidence *e, const struct conn *conn);
