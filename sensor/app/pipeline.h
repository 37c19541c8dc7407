#pragma once

#include "sensor/app/evidence.h"
#include "sensor/app/report.h"
#include "sensor/core/decoder.h"
#include "sensor/core/stream.h"
#include "signatures/detect.h"

/* What happens to the bytes of streams: which decoder reads them, what the engine finds in its
 * fields, when that is told. It is the stream user of whoever has streams. One for each worker, on
 * its thread. */
struct pipeline;
struct decoys;

/* Inline: what is found decides over its flow. All-zero: nothing does. */
struct pipeline_block {
    bool enforces;        /* verdicts are carried out */
    unsigned classes;     /* bit set of enum lookup_class: their look-ups are blocked */
    enum verdict verdict; /* by this */
};

struct pipeline_options {
    struct report report;  /* copied */
    struct engine *engine; /* outlives the pipeline */
    struct detect_limits detect;
    struct decoder_limits limits;
    size_t kept_field_bytes; /* longest copy of one field */
    size_t kept_tx_bytes;    /* most bytes kept of one transaction */
    struct pipeline_block block;
    const char *file_hash;          /* "md5", "sha1" or "sha256"; NULL: none. Static */
    struct sighting_user sightings; /* seen may be NULL */
    struct evidence *evidence;      /* told of flows that are told of; NULL: none is kept */
    const struct decoys *decoys;    /* NULL: there are none */
};

/* NULL when there is no memory. */
MUST_USE struct pipeline *pipeline_new(const struct pipeline_options *options);
/* After the last flow was closed. Nulls *p; accepts NULL. */
void pipeline_free(struct pipeline **p);

/* From now on new transactions are looked at with these rules; the pipeline takes a reference of
 * its own. -ENOMEM: the old ones stay in use. Between packets. */
MUST_USE int pipeline_use(struct pipeline *p, struct engine *engine);
/* Gives back memory that is only kept to be used again. */
void pipeline_trim(struct pipeline *p);
/* For flow_table_new(). */
struct stream_user pipeline_user(struct pipeline *p);
/* Whether the server owes its client an answer to the request that was blocked, and nothing before
 * it: then one of ours can take its place. The protocol's name, or NULL. */
const char *pipeline_owes_answer(const struct conn *conn);
/* Writes the alerts whose time has come before clock_us: to be called with the clock of each
 * packet, before it. */
void pipeline_advance(struct pipeline *p, uint64_t clock_us);
/* From now on flows are only closed, all at one clock and in the order of their ids: what one says
 * may be written before the next is closed. */
void pipeline_ends(struct pipeline *p);
