/* reading: the emit side of a decoder.
 *
 * What a decoder emits goes to the engine, and what events need is kept: of a head in which nothing
 * was hit a copy, which is taken apart when an alert of its transaction is written after all. An
 * alternate reading is a
 * second decoder of the same kind that gets the bytes of one direction from the point where they
 * can be understood otherwise, up to a cap; it finds, but its transactions are no events of their
 * own. */
#include "sensor/app/reading.h"

#include "sensor/app/pipeline_parts.h"
#include "sensor/app/sightings.h"
#include "sensor/base/mem.h"
#include "sensor/enrich/client_mail.h"

enum { ALTERNATES_MAX = 4 };

static struct pipeline *pipeline_of(const struct reading *r)
{
    return r->app->pipeline;
}

static struct tx *emit_tx_begin(void *ctx, enum direction dir)
{
    struct reading *r = ctx;
    struct tx_slot *slot = pipeline_tx_begin(r->app, r, dir);
    if (slot == NULL) {
        return NULL;
    }
    struct tx_slot **end = &r->open;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = slot;
    return &slot->tx;
}

static void mark_seen(struct tx *tx, enum direction dir)
{
    tx->flags |= dir == TO_SERVER ? TX_REQUEST_SEEN : TX_RESPONSE_SEEN;
}

/* Whether the fields of a head that nobody looks at can wait: those of an alternate reading are
 * not kept at all. */
static bool defer(struct reading *r, struct tx *tx, const struct region *region)
{
    if ((region->flags & REGION_AGAIN) == 0 || pipeline_of(r)->wants_heads) {
        return false;
    }
    return r->alternate || tx_keep_head(tx, region->dir, region->bytes);
}

/* For smtp events, or for rules. */
static bool wants_urls(const struct pipeline *p, const struct tx *tx, const struct region *region)
{
    return region->field == FIELD_EMAIL_BODY &&
           (p->wants_urls || detect_is_wanted(p->detector, tx, FIELD_EMAIL_URL));
}

static bool emit_region(void *ctx, struct tx *tx, const struct region *region)
{
    struct reading *r = ctx;
    if (tx == NULL) {
        if (!r->alternate) {
            pipeline_lose(r->app, LOST_MEMORY, region->bytes.len);
        }
        return true;
    }
    if (region->field != FIELD_STREAM_PAYLOAD) {
        mark_seen(tx, region->dir);
    }
    if (region->kind == REGION_BODY) {
        tx->body_bytes[region->dir] += region->bytes.len;
    }
    if (!r->alternate && pipeline_of(r)->wants_files) {
        files_region(&tx_slot_of(tx)->files[region->dir], &pipeline_of(r)->files, tx, region);
    }
    if (!r->alternate && wants_urls(pipeline_of(r), tx, region)) {
        urls_region(&tx_slot_of(tx)->urls, &pipeline_of(r)->urls, tx, region);
    }
    if (!r->alternate) {
        sightings_body(r->app, tx_slot_of(tx), region);
    }
    if (!detect_region(pipeline_of(r)->detector, tx, region) && defer(r, tx, region)) {
        return false;
    }
    if (region->kind == REGION_HEAD) {
        reading_keep_fields(pipeline_of(r), tx_slot_of(tx)); /* they come before this one's */
    }
    return true;
}

/* Of the headers without a name of their own, events need only those that may tell the client. */
static bool is_kept(const struct pipeline *p, const struct field *field)
{
    if (!field_info(field->id)->keep || (field->flags & FIELD_UNKEPT) != 0) {
        return false;
    }
    if (field->id == FIELD_HTTP_REQUEST_HEADER) {
        return client_wants_header(p->options.report.clients, field->item) ||
               span_equal(field->item, SPAN("x-forwarded-for")) ||
               span_equal(field->item, SPAN("true-client-ip"));
    }
    return field->id != FIELD_HTTP_RESPONSE_HEADER;
}

static void keep_field(void *ctx, struct tx *tx, const struct field *field)
{
    const struct pipeline *p = ctx;
    if (is_kept(p, field)) {
        tx_keep(tx, field, p->options.kept_field_bytes);
    }
}

/* It was told when the head came. */
static void leave_anomaly(void *ctx, struct tx *tx, enum direction dir, enum anomaly anomaly)
{
    (void)ctx;
    (void)tx;
    (void)dir;
    (void)anomaly;
}

void reading_keep_fields(struct pipeline *p, struct tx_slot *slot)
{
    static const struct emit_ops ops = {.field = keep_field, .anomaly = leave_anomaly};
    const struct emit emit = {&ops, p};
    struct kept_head *h = slot->heads;
    slot->heads = NULL;
    slot->heads_end = &slot->heads;
    for (; h != NULL; h = h->next) {
        slot->tx.decoder->fields(&p->options.limits, &emit, &slot->tx, h->dir, h->bytes);
    }
}

static void keep_xclient(struct conn *conn, struct span value)
{
    struct conn_extra *extra = conn_extend(conn);
    if (extra != NULL) {
        extra->xclient = (struct addr){0};
        (void)xclient_addr(value, &extra->xclient);
    }
}

static void emit_field(void *ctx, struct tx *tx, const struct field *field)
{
    struct reading *r = ctx;
    struct pipeline *p = pipeline_of(r);
    if (tx == NULL) {
        return;
    }
    if ((field->flags & FIELD_TRUNCATED) != 0) {
        tx->flags |= TX_TRUNCATED;
        tx->conn->marks |= CONN_TRUNCATED;
    }
    if (!r->alternate && is_kept(p, field)) {
        tx_keep(tx, field, p->options.kept_field_bytes);
    }
    bool sure = !r->alternate && (tx->flags & TX_UNSURE) == 0;
    if (field->id == FIELD_SMTP_XCLIENT && sure && span_equal(field->item, SPAN("addr"))) {
        keep_xclient(tx->conn, field->value);
    }
    if (field->id == FIELD_EMAIL_ATTACHMENT && !r->alternate && p->wants_files) {
        files_name(&tx_slot_of(tx)->files[field->dir], field->value);
    }
    if (!r->alternate) {
        sightings_field(p, tx->conn, field);
    }
    if ((field->flags & FIELD_REPEATED) == 0) {
        detect_field(p->detector, tx, field);
    } else { /* rules ask for it by its name: a HELO in each mail, a name in question and answer */
        detect_field_again(p->detector, tx, field);
    }
}

static void emit_anomaly(void *ctx, struct tx *tx, enum direction dir, enum anomaly anomaly)
{
    struct reading *r = ctx;
    if (!r->alternate) {
        pipeline_anomaly(r->app, tx, dir, anomaly);
    }
}

/* What is lost in TLS that began within another protocol. */
static enum lost reason_in(const struct reading *r, enum lost reason)
{
    bool within = reason == LOST_TLS && (r->app->conn->marks & CONN_STARTTLS) != 0;
    return within ? LOST_STARTTLS : reason;
}

static void emit_lost(void *ctx, struct tx *tx, enum lost reason, uint64_t n_bytes)
{
    struct reading *r = ctx;
    reason = reason_in(r, reason);
    if (r->alternate || n_bytes == 0) {
        return;
    }
    if (reason == LOST_CONFIG && tx != NULL) {
        tx->body_bytes[TO_CLIENT] += n_bytes; /* left out, but there: as it was transferred */
    }
    pipeline_lose(r->app, reason, n_bytes);
    if (reason == LOST_CAP) {
        r->app->conn->marks |= CONN_CUT_BY_CAP;
    }
}

static void emit_alternate(void *ctx, enum direction dir, unsigned reading, struct span rest)
{
    struct reading *main = ctx;
    struct flow_app *app = main->app;
    if (main->alternate || app->n_alternates == ALTERNATES_MAX) {
        return; /* two readings of two readings: the anomaly that comes with it has been told */
    }
    struct reading *r = reading_new(app, main->decoder, reading);
    if (r == NULL) {
        return;
    }
    r->alternate = true;
    r->fresh = true;
    r->dir = dir;
    r->due = rest;
    r->next = app->alternates;
    app->alternates = r;
    app->n_alternates++;
}

/* What an alternate reading hands over is not looked into: the main one has those bytes too. */
static void emit_hand_over(void *ctx, enum direction dir, struct span rest)
{
    struct reading *r = ctx;
    r->handed[dir] = true;
    if (!r->alternate) {
        pipeline_hand_over(r->app, r, dir, rest);
    }
}

static void emit_starttls(void *ctx, struct span rest)
{
    struct reading *r = ctx;
    if (!r->alternate) {
        r->app->conn->marks |= CONN_STARTTLS;
        r->app->n_unread = rest.len;
        r->app->ends_alternates = true;
    }
}

/* The first header is the word of who sends the packets; each other that of whom the one before it
 * names, and what comes behind anything else may be anybody's. So may what looks like one in a flow
 * whose start was not seen: it stands at a flow's start alone. */
static void emit_client(void *ctx, const struct addr *addr)
{
    struct reading *r = ctx;
    struct flow_app *app = r->app;
    const struct addr *told = &conn_extra(app->conn)->told_client;
    bool believed = app->n_told == 0 || client_trusts(app->pipeline->options.report.clients, told);
    bool at_start = (app->conn->marks & CONN_MIDSTREAM) == 0;
    if (r->alternate || !at_start || !believed || app->n_told != app->n_outer) {
        return;
    }
    struct conn_extra *extra = conn_extend(app->conn);
    if (extra != NULL) {
        extra->told_client = *addr;
        app->n_told++;
    }
}

static void emit_opaque(void *ctx, enum lost reason, struct span rest)
{
    struct reading *r = ctx;
    if (r->alternate) {
        return;
    }
    reason = reason_in(r, reason);
    r->app->conn->opaque = true;
    r->app->conn->opaque_reason = (uint8_t)reason;
    r->app->n_unread = rest.len > r->app->n_unread ? rest.len : r->app->n_unread;
    r->app->n_uncounted = rest.len;
    if (reason == LOST_STARTTLS) {
        r->app->conn->marks |= CONN_STARTTLS;
    }
}

static void emit_tx_end(void *ctx, struct tx *tx, unsigned flags)
{
    struct reading *r = ctx;
    if (tx == NULL) {
        return;
    }
    struct tx_slot *slot = tx_slot_of(tx);
    struct tx_slot **at = &r->open;
    while (*at != slot) {
        CHECK(*at != NULL); /* a decoder ends only what it began, once */
        at = &(*at)->next;
    }
    *at = slot->next;
    pipeline_tx_end(r->app, slot, flags);
}

static const struct emit_ops emit_ops = {
    .tx_begin = emit_tx_begin,
    .region = emit_region,
    .field = emit_field,
    .anomaly = emit_anomaly,
    .lost = emit_lost,
    .alternate = emit_alternate,
    .hand_over = emit_hand_over,
    .starttls = emit_starttls,
    .client = emit_client,
    .opaque = emit_opaque,
    .tx_end = emit_tx_end,
};

struct reading *reading_new(struct flow_app *app, const struct decoder *decoder, unsigned reading)
{
    struct reading *r = mem_alloc(sizeof(*r) + decoder->state_size);
    if (r == NULL) {
        return NULL;
    }
    r->app = app;
    r->decoder = decoder;
    r->emit = (struct emit){&emit_ops, r};
    struct decoder_env env = {
        .limits = &app->pipeline->options.limits,
        .midstream = (app->conn->marks & CONN_MIDSTREAM) != 0 && app->n_outer == 0,
        .reading = reading,
    };
    decoder->open(r->state, &env);
    return r;
}

void reading_end(struct reading *r, enum close_reason reason)
{
    r->decoder->close(r->state, &r->emit, reason);
    CHECK(r->open == NULL); /* the contract: close() ends every transaction */
}

void reading_close(struct reading **r, enum close_reason reason)
{
    if (*r == NULL) {
        return;
    }
    reading_end(*r, reason);
    mem_free(*r);
    *r = NULL;
}
