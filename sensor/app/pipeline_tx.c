/* pipeline_tx: transactions, what is found in them, and what could not be inspected.
 *
 * Alerts are written when their transaction is complete, at the latest one second of packet time
 * after the finding: that moment depends on the flow alone, so the output is the same at any number
 * of workers. What two readings of a flow find alike is told once. */
#include "sensor/app/canaries.h"
#include "sensor/app/pipeline_parts.h"
#include "sensor/app/sightings.h"
#include "sensor/app/touch.h"
#include "sensor/base/hash.h"
#include "sensor/base/mem.h"

#include <string.h>

enum { ALERT_WAIT_US = 1000000 };

_Static_assert(ANOMALY_N <= 64, "the sets of reported anomalies have 64 bits");

static void write_waiting(struct pipeline *p, struct tx_slot *slot, uint64_t clock_us)
{
    if (slot->waiting != NULL) {
        reading_keep_fields(p, slot);
    }
    for (; slot->waiting != NULL; slot->waiting = slot->waiting->next) {
        report_alert(&p->options.report, &slot->tx, slot->waiting, clock_us);
        touch_told(p->options.decoys, slot->tx.conn);
    }
    slot->tx.alert_due_us = 0;
    list_remove(&slot->due);
}

/* What a finding says, wherever it stood: an alternate reading often sees the same bytes at another
 * place. */
static uint64_t finding_hash(const struct finding *f)
{
    uint64_t key[2] = {f->signature->sid, f->jndi == NULL ? f->field : 0};
    for (size_t i = 0; f->jndi != NULL && i < f->jndi->n_lookups; i++) {
        key[1] ^= hash_fixed(f->jndi->lookups[i]);
    }
    return hash_fixed(span_of(key, sizeof(key)));
}

/* Whether this was told before in the flow; remembers it. */
static bool told_before(struct flow_app *app, const struct finding *f)
{
    uint64_t hash = finding_hash(f);
    if (app->seen == NULL) {
        app->seen = mem_alloc_array(SEEN_MAX, sizeof(*app->seen));
    }
    if (app->seen == NULL) {
        return false;
    }
    size_t n = app->n_seen < SEEN_MAX ? app->n_seen : SEEN_MAX;
    for (size_t i = 0; i < n; i++) {
        if (app->seen[i] == hash) {
            return true;
        }
    }
    app->seen[app->n_seen++ % SEEN_MAX] = hash;
    return false;
}

static enum verdict verdict_of(const struct pipeline_block *block, const struct finding *f)
{
    enum lookup_class class = f->jndi != NULL ? f->jndi->class : LOOKUP_NONE;
    enum verdict ours = (block->classes >> class & 1) != 0 ? block->verdict : VERDICT_PASS;
    switch (f->signature->action) {
    case SIGNATURE_ALERT:
        return ours;
    case SIGNATURE_PASS:
        return VERDICT_PASS;
    case SIGNATURE_DROP:
        return ours > VERDICT_DROP ? ours : VERDICT_DROP;
    case SIGNATURE_REJECT:
        return VERDICT_REJECT;
    }
    return ours;
}

/* From the packet at hand on its flow is blocked, if that is what the finding comes to. */
static void rule(const struct pipeline *p, struct conn *conn, const struct finding *f)
{
    enum verdict verdict = verdict_of(&p->options.block, f);
    if (!p->options.block.enforces || verdict <= conn->verdict) {
        return;
    }
    struct conn_extra *extra = conn->verdict == VERDICT_PASS ? conn_extend(conn) : NULL;
    if (extra != NULL) {
        extra->blocked_number = conn->number;
    }
    conn->verdict = (uint8_t)verdict;
}

void pipeline_opened(void *ctx, const struct tx *tx, enum field_id field, uint64_t n)
{
    struct pipeline *p = ctx;
    report_opened(&p->options.report, tx, field, n);
}

void pipeline_found(void *ctx, struct tx *tx, struct finding *f)
{
    struct pipeline *p = ctx;
    struct tx_slot *slot = tx_slot_of(tx);
    struct conn *conn = tx->conn;
    struct flow_app *app = conn->app;
    if (canaries_at_home(conn, f)) {
        return;
    }
    bool probe = touch_mark_probe(p->options.decoys, conn, f);
    bool told = told_before(app, f);
    if (told && (probe || (tx->flags & TX_ALTERNATE) != 0 || app->judged_start)) {
        return;
    }
    if (p->options.evidence != NULL) {
        evidence_want(p->options.evidence, conn);
    }
    f->time_us = conn->last_us;
    f->clock_us = conn->clock_us;
    f->number = conn->number;
    f->next = NULL;
    *slot->tail = f;
    slot->tail = &f->next;
    rule(p, conn, f);
    if (slot->waiting == NULL) {
        slot->waiting = f;
        tx->alert_due_us = conn->clock_us + ALERT_WAIT_US;
        list_add_tail(&p->due, &slot->due);
    }
    sightings_attempt(p, conn, f);
}

void pipeline_lose_of(struct pipeline *p, struct conn *conn, enum lost reason, uint64_t n_bytes)
{
    static const enum stat_id counters[LOST_N] = {
#define LOST(id, name, doc) [LOST_##id] = STAT_LOST_##id,
#include "sensor/core/lost.def"
#undef LOST
    };
    conn_lose(conn, reason, n_bytes);
    stats_add(p->options.report.stats, counters[reason], n_bytes);
}

void pipeline_lose(struct flow_app *app, enum lost reason, uint64_t n_bytes)
{
    pipeline_lose_of(app->pipeline, app->conn, reason, n_bytes);
}

/* There is no memory for a transaction: its flow says so. */
static void lose_tx(struct pipeline *p, struct conn *conn, const struct reading *reading)
{
    conn->marks |= CONN_MEMORY;
    if (reading != NULL && !reading->alternate) {
        stats_add(p->options.report.stats, STAT_TX_LOST, 1);
    }
}

struct tx_slot *pipeline_tx_begin(struct flow_app *app, struct reading *reading, enum direction dir)
{
    struct pipeline *p = app->pipeline;
    struct conn *conn = app->conn;
    struct tx_slot *slot = tx_pool_get(&p->pool);
    bool alternate = reading != NULL && reading->alternate;
    if (reading != NULL && !alternate) {
        stats_add(p->options.report.stats, STAT_TX_BEGUN, 1);
    }
    if (slot == NULL) {
        lose_tx(p, conn, reading);
        return NULL;
    }
    slot->reading = reading;
    slot->tx.conn = conn;
    slot->tx.decoder = reading != NULL ? reading->decoder : NULL;
    slot->tx.dir = dir;
    slot->tx.start_us = conn->last_us;
    slot->tx.id = conn->n_tx;
    if (app->unsure && dir == TO_SERVER) {
        slot->tx.flags = TX_UNSURE;
    }
    if (alternate) {
        slot->tx.flags |= TX_ALTERNATE;
        slot->tx.id = conn->n_tx > 0 ? conn->n_tx - 1 : 0; /* it reads the same request */
    } else if (reading != NULL) {
        conn->n_tx++;
    }
    return slot;
}

/* The counters of a decoder's flows and transactions; `datagrams` where UDP has its own. */
static const struct app_stats app_stats[] = {
    {"http", false, STAT_APP_FLOW_HTTP, STAT_APP_TX_HTTP},
    {"smtp", false, STAT_APP_FLOW_SMTP, STAT_APP_TX_SMTP},
    {"dns", false, STAT_APP_FLOW_DNS_TCP, STAT_APP_TX_DNS_TCP},
    {"ldap", false, STAT_APP_FLOW_LDAP, STAT_APP_TX_LDAP},
    {"tls", false, STAT_APP_FLOW_TLS, STAT_APP_TX_TLS},
    {"dns", true, STAT_APP_FLOW_DNS_UDP, STAT_APP_TX_DNS_UDP},
};

const struct app_stats *pipeline_stats_of(const struct decoder *decoder, const struct conn *conn)
{
    for (size_t i = 0; i < ARRAY_LEN(app_stats); i++) {
        if (strcmp(app_stats[i].name, decoder->name) == 0 &&
            app_stats[i].datagrams == (conn->proto == IP_PROTO_UDP)) {
            return &app_stats[i];
        }
    }
    return NULL;
}

static void count_tx(struct pipeline *p, const struct tx *tx)
{
    const struct app_stats *counters = pipeline_stats_of(tx->decoder, tx->conn);
    if (counters != NULL) {
        stats_add(p->options.report.stats, counters->transactions, 1);
    }
}

void pipeline_tx_end(struct flow_app *app, struct tx_slot *slot, unsigned flags)
{
    struct pipeline *p = app->pipeline;
    struct tx *tx = &slot->tx;
    tx->flags |= flags;
    tx->end_us = tx->conn->last_us;
    detect_tx_end(p->detector, tx);
    sightings_end(p, tx);
    write_waiting(p, slot, tx->conn->clock_us);
    if (slot->reading != NULL && !slot->reading->alternate) {
        stats_add(p->options.report.stats, STAT_TX_WRITTEN, 1);
        if ((tx->flags & (TX_REQUEST_SEEN | TX_RESPONSE_SEEN)) != 0) {
            count_tx(p, tx);
            report_transaction(&p->options.report, tx);
        } /* else it held stray bytes only: inspected, but no message */
    }
    tx_pool_put(&p->pool, slot);
}

void pipeline_packet(void *ctx, struct conn *conn, enum direction dir, const struct headers *h)
{
    struct pipeline *p = ctx;
    conn->piece_bytes = (uint32_t)h->payload.len;
    conn->stream_bytes[dir] += h->payload.len; /* rules see it with what the packet brings */
    uint32_t first = 0;
    bool holds = detect_packet_holds(p->detector, conn, dir, h, &first);
    struct flow_app *app = holds ? pipeline_app_of(p, conn) : NULL;
    struct tx_slot *slot = app != NULL ? pipeline_tx_begin(app, NULL, dir) : NULL;
    if (slot != NULL) {
        detect_packet(p->detector, &slot->tx, dir, h, first);
        pipeline_tx_end(app, slot, 0);
    }
    conn->stream_bytes[dir] -= h->payload.len;
}

/* Rules may ask for it. */
static void show_anomaly(struct detector *d, struct tx *tx, enum direction dir,
                         enum anomaly anomaly)
{
    if (tx != NULL && detect_is_wanted(d, tx, FIELD_ANOMALY)) {
        const struct field field = {
            .id = FIELD_ANOMALY, .value = span_str(anomaly_info(anomaly)->event), .dir = dir};
        detect_field_again(d, tx, &field);
    }
}

void pipeline_anomaly(struct flow_app *app, struct tx *tx, enum direction dir, enum anomaly anomaly)
{
    uint64_t bit = 1ULL << anomaly;
    uint64_t *reported = tx != NULL ? &tx->anomalies[dir] : &app->anomalies;
    stats_add(app->pipeline->options.report.stats, STAT_ANOMALIES, 1);
    if ((*reported & bit) == 0) {
        *reported |= bit;
        report_anomaly(&app->pipeline->options.report, app->conn, tx, anomaly);
        show_anomaly(app->pipeline->detector, tx, dir, anomaly);
    }
}

void pipeline_advance(struct pipeline *p, uint64_t clock_us)
{
    struct list *first;
    while ((first = list_first(&p->due)) != NULL) {
        struct tx_slot *slot = LIST_ENTRY(first, struct tx_slot, due);
        if (slot->tx.alert_due_us >= clock_us) {
            return;
        }
        write_waiting(p, slot, slot->tx.alert_due_us);
    }
}

void pipeline_write_overdue(struct pipeline *p, struct tx_slot *slot, uint64_t clock_us)
{
    for (; slot != NULL; slot = slot->next) {
        if (slot->waiting != NULL && slot->tx.alert_due_us < clock_us) {
            write_waiting(p, slot, slot->tx.alert_due_us);
        }
    }
}
