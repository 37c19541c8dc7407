/* eve_alert: one alert, with everything that is known of it.
 *
 * alert.context is the schema's open object: the look-up goes to context.jndi, the real client to
 * context.client, the packet's two addresses to context.source and context.destination, a decoy
 * that was touched to context.honeypot. A key without a value is left out. */
#include "sensor/base/hash.h"
#include "sensor/core/decoder.h"
#include "sensor/core/sighting.h"
#include "sensor/output/eve_parts.h"

#include <stdio.h>

static void add_spans(struct json *j, const char *key, const struct span *spans, size_t n)
{
    if (n == 0) {
        return;
    }
    json_array(j, key);
    for (size_t i = 0; i < n && !j->cut; i++) {
        json_string(j, NULL, spans[i]);
    }
    json_array_end(j);
}

static void add_encodings(struct json *j, const struct encodings *encodings)
{
    if (encodings->n == 0) {
        return;
    }
    json_array(j, "encodings");
    for (size_t i = 0; i < encodings->n; i++) {
        json_text(j, NULL, encoding_name((enum encoding)encodings->ids[i]));
    }
    json_array_end(j);
}

static void add_tricks(struct json *j, uint32_t tricks)
{
    if (tricks == 0) {
        return;
    }
    json_array(j, "tricks");
    for (unsigned t = 0; t < TRICK_N; t++) {
        if ((tricks & (1u << t)) != 0) {
            json_text(j, NULL, trick_name((enum trick)t));
        }
    }
    json_array_end(j);
}

static void add_callback(struct json *j, const struct callback *callback, const struct place *place)
{
    if (callback->host.len == 0 && callback->port == 0) {
        return;
    }
    json_object(j, "callback");
    json_string_if(j, "host", callback->host);
    eve_addr(j, "ip", &callback->ip);
    if (callback->port != 0) {
        json_number(j, "port", callback->port);
    }
    json_string_if(j, "path", callback->path);
    if (place != NULL) {
        eve_geo(j, place);
    }
    json_object_end(j);
}

/* "http.request_header.x-api-version": the field's name, then the item. */
static void add_field(struct json *j, const struct finding *finding)
{
    char text[512];
    int item_len = (int)(finding->item.len < 384 ? finding->item.len : 384);
    int len = snprintf(text, sizeof(text), "%s%s", field_info(finding->field)->name,
                       item_len > 0 ? "." : "");
    struct sbuf name = sbuf_with_cap(sizeof(text));
    sbuf_add(&name, span_of(text, len > 0 ? (size_t)len : 0));
    sbuf_add(&name, span_head(finding->item, (size_t)item_len));
    json_string(j, "field", sbuf_span(&name));
    sbuf_free(&name);
}

/* As it was sent it may be more than the look-up: base64 of a name and a password around it. */
static void add_raw(const struct eve *e, struct json *j, const struct finding *finding)
{
    const struct jndi *jndi = finding->jndi;
    if (jndi->encodings.n > 0 && redact_is_secret(&e->redact, finding->field, finding->item)) {
        char text[REDACTED_SIZE];
        json_string(j, "raw", span_of(text, redact_value(&e->redact, jndi->raw, text)));
    } else {
        json_string(j, "raw", jndi->raw);
    }
}

static void add_jndi(struct eve *e, struct json *j, const struct finding *finding,
                     const struct place *callback)
{
    const struct jndi *jndi = finding->jndi;
    json_object(j, "jndi");
    if (jndi->dialect != LOOKUP_LOG4J) {
        json_text(j, "dialect", lookup_dialect_name(jndi->dialect));
    }
    json_text(j, "class", lookup_class_name(jndi->class));
    add_field(j, finding);
    add_raw(e, j, finding);
    if (jndi->raw_cut) {
        json_bool(j, "raw_cut", true);
    }
    if (jndi->n_lookups > 0) {
        json_string(j, "decoded", jndi->lookups[0]);
    }
    add_spans(j, "lookups", jndi->lookups, jndi->n_lookups);
    json_string_if(j, "scheme", jndi->scheme);
    if (jndi->n_lookups > 0) {
        json_bool(j, "reaches_network", jndi->reaches_network);
    }
    add_callback(j, &jndi->callback, callback);
    add_spans(j, "variables", jndi->variables, jndi->n_variables);
    add_encodings(j, &jndi->encodings);
    add_tricks(j, jndi->tricks);
    json_number(j, "depth", jndi->depth);
    if (jndi->over_budget) {
        json_bool(j, "over_budget", true);
    }
    eve_id(j, "attack_id", 'a', jndi->attack_id);
    eve_id(j, "campaign", 'c', jndi->campaign);
    json_text(j, "stage", stage_name(STAGE_ATTEMPT)); /* what follows has alerts of its own */
    json_number(j, "repeat", 1);                      /* as long as nobody counts them */
    e->repeat_off = e->out.len - 1;
    json_object_end(j);
}

static void add_client(struct json *j, const struct eve_places *p)
{
    if (p->client == NULL) {
        return;
    }
    json_object(j, "client");
    eve_addr(j, "ip", &p->client->addr);
    json_text(j, "from", p->client->from);
    json_number(j, "trusted_hops", p->client->trusted_hops);
    if (p->client_place != NULL) {
        eve_place(j, p->client_place);
    }
    json_object_end(j);
}

void eve_side(struct json *j, const char *key, const struct place *place)
{
    if (place != NULL) {
        json_object(j, key);
        eve_place(j, place);
        json_object_end(j);
    }
}

static void add_sides(struct json *j, const struct finding *finding,
                      const struct eve_places *places)
{
    add_client(j, places);
    eve_side(j, "source", finding->dir == TO_SERVER ? places->source : places->destination);
    eve_side(j, "destination", finding->dir == TO_SERVER ? places->destination : places->source);
}

/* `session` is of one connection, or of one sender's datagrams, and the same in all its alerts. */
void eve_honeypot(struct json *j, const struct decoy *decoy, uint64_t flow_id)
{
    json_object(j, "honeypot");
    json_text(j, "listener", decoy->listener);
    if (decoy->persona[0] != '\0') {
        json_text(j, "persona", decoy->persona);
    }
    eve_id(j, "session", 's', hash_words_fixed(&flow_id, 1));
    json_object_end(j);
}

/* The two addresses and the client are of one layout, the look-up and the decoy are of all. */
static void add_context(struct eve *e, struct json *j, const struct conn *conn,
                        const struct finding *finding, const struct eve_places *places)
{
    bool with_sides = eve_wants(e, LAYOUT_CONTEXT);
    bool for_all = finding->jndi != NULL || conn_extra(conn)->decoy != NULL;
    if (!for_all && !with_sides) {
        return;
    }
    size_t whole = eve_piece_begin(e);
    json_object(j, "context");
    if (finding->jndi != NULL) {
        add_jndi(e, j, finding, places->callback);
    }
    if (conn_extra(conn)->decoy != NULL) {
        eve_honeypot(j, conn_extra(conn)->decoy, conn->id);
    }
    size_t sides = eve_piece_begin(e);
    if (with_sides) {
        add_sides(j, finding, places);
    }
    if (for_all) {
        eve_piece_end(e, sides, LAYOUT_CONTEXT);
    }
    json_object_end(j);
    if (!for_all) {
        eve_piece_end(e, whole, LAYOUT_CONTEXT);
    }
}

/* Keys that stand several times become one array, as readers expect. */
static void add_metadata(struct json *j, const struct signature *s)
{
    if (s->n_metadata == 0) {
        return;
    }
    json_object(j, "metadata");
    for (size_t i = 0; i < s->n_metadata; i++) {
        bool first = true;
        for (size_t k = 0; k < i; k++) {
            first = first && !span_equal(s->metadata[k].key, s->metadata[i].key);
        }
        if (!first) {
            continue;
        }
        json_key_span(j, s->metadata[i].key);
        json_array(j, NULL);
        for (size_t k = i; k < s->n_metadata; k++) {
            if (span_equal(s->metadata[k].key, s->metadata[i].key)) {
                json_string(j, NULL, s->metadata[k].value);
            }
        }
        json_array_end(j);
    }
    json_object_end(j);
}

void eve_endpoint(struct json *j, const char *key, const struct conn *conn, enum direction dir)
{
    json_object(j, key);
    eve_addr(j, "ip", &conn->addr[dir]);
    json_number(j, "port", conn->port[dir]);
    json_object_end(j);
}

/* Whether the packet in which it was found did not go on. */
static bool is_blocked(const struct conn *conn, const struct finding *finding)
{
    uint64_t first = conn_extra(conn)->blocked_number;
    return first != 0 &&
           (finding->number == first || (conn->verdict != VERDICT_PASS && finding->number > first));
}

/* The rule's, one worse against what is known to be vulnerable, one better against what is not. */
static unsigned severity_of(const struct finding *finding, const struct eve_places *places)
{
    enum { WORST = 1, LEAST = 4 };
    unsigned severity = finding->signature->severity;
    const struct place *target = finding->dir == TO_SERVER ? places->destination : places->source;
    if (finding->jndi == NULL || target == NULL || target->asset == NULL) {
        return severity;
    }
    switch (target->asset->vulnerable) {
    case VULNERABLE_YES:
        return severity > WORST ? severity - 1 : severity;
    case VULNERABLE_NO:
        return severity < LEAST ? severity + 1 : severity;
    case VULNERABLE_UNKNOWN:
        break;
    }
    return severity;
}

static void add_alert(struct eve *e, struct json *j, const struct tx *tx,
                      const struct finding *finding, const struct eve_places *places)
{
    const struct signature *s = finding->signature;
    json_object(j, "alert");
    json_text(j, "action", is_blocked(tx->conn, finding) ? "blocked" : "allowed");
    json_number(j, "gid", s->gid);
    json_number(j, "signature_id", s->sid);
    json_number(j, "rev", s->rev);
    json_string(j, "signature", s->msg);
    json_string(j, "category", s->category);
    json_number(j, "severity", severity_of(finding, places));
    eve_endpoint(j, "source", tx->conn, finding->dir);
    eve_endpoint(j, "target", tx->conn, direction_other(finding->dir));
    if (places->client != NULL) {
        eve_addr(j, "xff", &places->client->addr);
    }
    add_spans(j, "references", s->references, s->n_references);
    add_metadata(j, s);
    add_context(e, j, tx->conn, finding, places);
    json_object_end(j);
}

static uint64_t limit_key(const struct finding *f, const struct conn *conn)
{
    const struct signature *s = f->signature;
    enum signature_track track = s->limit.track;
    uint64_t id[2] = {s->gid, s->sid};
    uint64_t key = hash_fixed(span_of(id, sizeof(id)));
    if (track == SIGNATURE_BY_SRC || track == SIGNATURE_BY_BOTH) {
        key ^= hash_fixed(addr_span(&conn->addr[f->dir]));
    }
    if (track == SIGNATURE_BY_DST || track == SIGNATURE_BY_BOTH) {
        key = key << 1 ^ hash_fixed(addr_span(&conn->addr[direction_other(f->dir)]));
    }
    if (track == SIGNATURE_BY_FLOW) {
        key ^= hash_fixed(span_of(&conn->id, sizeof(conn->id)));
    }
    return key;
}

/* "host:port" */
static void name_callback(const struct callback *callback, char ret_text[EVENT_CALLBACK_SIZE])
{
    enum { HOST_MAX = EVENT_CALLBACK_SIZE - 8 };
    int len = (int)(callback->host.len < HOST_MAX ? callback->host.len : HOST_MAX);
    if (len > 0) {
        (void)snprintf(ret_text, EVENT_CALLBACK_SIZE, "%.*s:%u", len,
                       (const char *)callback->host.data, (unsigned)callback->port);
    }
}

void eve_alert_facts(const struct tx *tx, const struct finding *finding,
                     const struct eve_places *places, struct alert_facts *ret_facts)
{
    struct alert_facts *f = ret_facts;
    const struct jndi *jndi = finding->jndi;
    const struct place *place = finding->dir == TO_SERVER ? places->source : places->destination;
    place = places->client_place != NULL ? places->client_place : place;
    *f = (struct alert_facts){
        .is_lookup = jndi != NULL,
        .field = finding->field,
        .time_us = finding->time_us,
        .client = places->client != NULL ? places->client->addr : tx->conn->addr[finding->dir],
        .target = tx->conn->addr[direction_other(finding->dir)],
    };
    if (jndi != NULL) {
        f->campaign = jndi->campaign;
        f->class = jndi->class;
        f->scheme = scheme_of(jndi->scheme);
        name_callback(&jndi->callback, f->callback);
    }
    const struct place *target = finding->dir == TO_SERVER ? places->destination : places->source;
    f->asset = target != NULL ? target->asset : NULL;
    if (place != NULL) {
        (void)snprintf(f->country, sizeof(f->country), "%s", place->country_iso_code);
        f->as_number = place->as_number;
    }
}

static void add_printable(const struct eve *e, struct json *j, const struct finding *finding)
{
    char text[REDACTED_SIZE];
    struct span shown = finding->context;
    if (shown.len > 0 && redact_wants(&e->redact, finding->field, finding->item)) {
        shown = span_of(text, redact_value(&e->redact, shown, text));
    }
    json_string_if(j, "payload_printable", shown);
}

struct event *eve_alert(struct eve *e, struct tx *tx, const struct finding *finding,
                        const struct eve_places *places)
{
    struct json j;
    struct conn *conn = tx->conn;
    struct event_key key = eve_key(conn);
    struct alert_facts facts;
    eve_alert_facts(tx, finding, places, &facts);
    eve_begin(e, &j, EVENT_ALERT, finding->time_us);
    e->facts = &facts;
    eve_envelope(e, &j, conn, finding->dir);
    eve_origin(&j, conn, finding->number);
    json_text(&j, "direction", direction_name(finding->dir));
    const unsigned message = TX_REQUEST_SEEN | TX_RESPONSE_SEEN;
    if (tx->decoder != NULL && (tx->flags & TX_ALTERNATE) == 0 && (tx->flags & message) != 0) {
        json_number(&j, "tx_id", tx->id); /* else there is no event of the transaction */
    }
    add_alert(e, &j, tx, finding, places);
    eve_app_objects(e, &j, tx);
    eve_flow_brief(&j, conn);
    if (is_blocked(conn, finding)) {
        eve_verdict(&j, conn->verdict);
    }
    add_printable(e, &j, finding);
    json_number(&j, "stream", conn->proto == IP_PROTO_TCP);
    eve_capture_file(e, &j, conn);
    eve_layouts(e, &j, conn, finding->dir, places);
    eve_metadata(e, &j, conn, NULL);
    struct event *event = eve_finish(e, &j, EVENT_ALERT, &key);
    e->facts = NULL;
    if (event != NULL && finding->signature->limit.kind != SIGNATURE_LIMIT_NONE) {
        event->limit = finding->signature->limit;
        event->limit_key = limit_key(finding, conn);
    }
    return event;
}
