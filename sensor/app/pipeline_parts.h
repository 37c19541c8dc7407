#pragma once

/* What pipeline.c, pipeline_tx.c and reading.c share; not for others. */

#include "sensor/app/files.h"
#include "sensor/app/pipeline.h"
#include "sensor/app/reading.h"
#include "sensor/app/urls.h"

struct pipeline {
    struct pipeline_options options;
    struct detector *detector;
    struct tx_pool pool;
    bool ends;          /* flows are closed in the order of their ids, at one clock */
    bool wants_heads;   /* fields of every head are asked for, not only of those with findings */
    bool wants_packets; /* rules are asked of them */
    bool wants_files;   /* somebody wants to be told of them */
    struct files_user files;
    bool wants_urls; /* smtp events are written */
    struct urls_user urls;
    struct list due; /* transactions with waiting alerts, in the order of their time */
};

/* A transaction of the flow; `reading` NULL: of bytes no decoder reads. NULL when there is no
 * memory (counted). */
struct tx_slot *pipeline_tx_begin(struct flow_app *app, struct reading *reading,
                                  enum direction dir);
/* What the pipeline keeps of a flow, made if need be; NULL without memory. */
struct flow_app *pipeline_app_of(struct pipeline *p, struct conn *conn);
/* The stream's hook: asks the rules that are asked of packets. */
void pipeline_packet(void *ctx, struct conn *conn, enum direction dir, const struct headers *h);
/* Writes what waits, the transaction's event, and gives the slot back. */
void pipeline_tx_end(struct flow_app *app, struct tx_slot *slot, unsigned flags);
/* Counts bytes of the flow that are not inspected. */
void pipeline_lose(struct flow_app *app, enum lost reason, uint64_t n_bytes);
/* The same where the flow could not be given memory. */
void pipeline_lose_of(struct pipeline *p, struct conn *conn, enum lost reason, uint64_t n_bytes);
/* Writes the alerts of a list of transactions whose second ran out before clock_us, without what
 * came later. */
void pipeline_write_overdue(struct pipeline *p, struct tx_slot *slot, uint64_t clock_us);
/* Counters of a decoder's flows and transactions. */
struct app_stats {
    const char *name;
    bool datagrams;
    enum stat_id flows;
    enum stat_id transactions;
};
/* Those of this decoder in this flow; NULL when it is not counted by itself. */
const struct app_stats *pipeline_stats_of(const struct decoder *decoder, const struct conn *conn);
/* tx may be NULL. */
void pipeline_anomaly(struct flow_app *app, struct tx *tx, enum direction dir,
                      enum anomaly anomaly);
/* `rest` and what follows of this direction is inside what `outer` reads. */
void pipeline_hand_over(struct flow_app *app, struct reading *outer, enum direction dir,
                        struct span rest);
/* The engine's hooks: look-ups were opened in a field; it found something. */
void pipeline_opened(void *ctx, const struct tx *tx, enum field_id field, uint64_t n);
void pipeline_found(void *ctx, struct tx *tx, struct finding *finding);
