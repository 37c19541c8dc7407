#pragma once

#include "sensor/core/decoder.h"
#include "sensor/core/stats.h"
#include "sensor/core/tx.h"
#include "signatures/engine.h"

/* Caps on what detection keeps. Reaching one never stops the search: it makes it coarser, and is
 * counted. */
struct detect_limits {
    size_t body_before; /* of a body from its start kept, so that a hit can be placed in it */
    size_t body_after;  /* looked at together, from a hit in a body on */
    size_t body_memory; /* of all open bodies of a worker; beyond it bodies keep a few KiB each */
    unsigned findings;  /* of one transaction */
};
/* 64 KiB, 64 KiB, 64 MiB, 64. */
struct detect_limits detect_limits_default(void);

/* Told at the moment a finding is made: its field, or the piece of a body, is complete then. The
 * finding lies in tx->arena; whoever is told puts it into tx->findings if he wants it there. */
struct detect_user {
    void (*found)(void *ctx, struct tx *tx, struct finding *finding);
    void *ctx;
    /* n times a dollar and a brace, as they are or escaped, in a field or a piece of a body,
     * whatever follows them. NULL: not told. */
    void (*opened)(void *ctx, const struct tx *tx, enum field_id field, uint64_t n);
};

/* One worker's detection. */
struct detector;

/* Takes a reference to the engine. NULL when there is no memory. */
MUST_USE struct detector *detector_new(struct engine *engine, const struct detect_limits *limits,
                                       struct stats *stats, const struct detect_user *user);
/* Nulls *d; accepts NULL. Every transaction must have ended. */
void detector_free(struct detector **d);
/* Gives back what is only kept to be used again. */
void detector_trim(struct detector *d);
/* From now on new transactions are looked at with this engine; those that have begun keep theirs to
 * their end, and engines that no transaction needs any more are let go. To be called between
 * packets, when no finding of an ended transaction is waiting to be written. -ENOMEM: the old one
 * stays in use. */
MUST_USE int detector_use(struct detector *d, struct engine *engine);

/* What the pipeline passes on, in the order emitted. A NULL tx is counted and left alone.
 * detect_region() says whether it matters that the fields which lie in a head follow: false when
 * nothing was hit in it that could make one of interest. */
bool detect_region(struct detector *d, struct tx *tx, const struct region *region);
void detect_field(struct detector *d, struct tx *tx, const struct field *field);
/* A value that stands in another field, in which look-ups were looked for: for rules alone. */
void detect_field_again(struct detector *d, struct tx *tx, const struct field *field);
/* Whether rules ask for such values. */
bool detect_is_wanted(const struct detector *d, const struct tx *tx, enum field_id field);
/* Whether rules are asked of packets; with another engine it may be another answer. */
bool detector_asks_packets(const struct detector *d);
/* Whether a rule holds of a packet, of which the flow has kept account but not passed on bytes, and
 * which is the first; and gives those that do from that one on, in a transaction for it alone. */
bool detect_packet_holds(struct detector *d, struct conn *conn, enum direction dir,
                         const struct headers *h, uint32_t *ret_first);
void detect_packet(struct detector *d, struct tx *tx, enum direction dir, const struct headers *h,
                   uint32_t first);
/* Inline: a verdict is wanted of what has come so far. Bodies that wait for more are looked at as
 * they are, and go on waiting; of look-ups only those of class attack are told, because any other
 * may become one. How much is looked at again is bounded by what has come: of one that comes in
 * very small pieces not every piece is. */
void detect_judge(struct detector *d, struct tx *tx);
/* To be called when all that a packet brought was passed on: with pass rules what is found is told
 * only here, or at the transaction's end. */
void detect_settle(struct detector *d);
/* To be called for each transaction before its memory goes: what is still waiting for more bytes is
 * looked at as it is, and what was taken for it is given back. */
void detect_tx_end(struct detector *d, struct tx *tx);
