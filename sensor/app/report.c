/* report: the last step of a worker, from what was found to an event on its way to the writer.
 *
 * Places are looked up here and nowhere else, so only behind an event. An event that cannot be
 * built for lack of memory is counted as lost. */
#include "sensor/app/report.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/core/decoder.h"

struct known_places {
    struct place source;
    struct place destination;
    struct client client;
    struct place client_place;
    struct place callback;
    struct eve_places eve;
};

static bool wanted(const struct report *r, enum event_type type)
{
    return (r->types & (1u << type)) != 0;
}

static void put(const struct report *r, struct event *event)
{
    if (event == NULL) {
        stats_add(r->stats, STAT_EVENTS_LOST, 1);
        return;
    }
    stats_add(r->stats, STAT_EVENTS_WRITTEN, 1);
    writer_put(r->writer, r->producer, event);
}

/* Comes first: of the rest, only what this or another sets is looked at. */
static void find_sides(const struct report *r, const struct conn *conn, struct known_places *k)
{
    geo_find(r->geo, &conn->addr[TO_SERVER], &k->source);
    geo_find(r->geo, &conn->addr[TO_CLIENT], &k->destination);
    k->eve = (struct eve_places){.source = &k->source, .destination = &k->destination};
}

static void find_client(const struct report *r, const struct tx *tx, struct known_places *k)
{
    if (client_find(r->clients, tx, &k->client)) {
        geo_find(r->geo, &k->client.addr, &k->client_place);
        k->eve.client = &k->client;
        k->eve.client_place = &k->client_place;
    }
}

static const char *proto_of(const struct tx *tx)
{
    return tx->decoder != NULL               ? tx->decoder->name
           : tx->conn->proto == IP_PROTO_TCP ? "tcp"
           : tx->conn->proto == IP_PROTO_UDP ? "udp"
                                             : "ip";
}

/* Without memory they are counted in the next interval. */
static void hand_opened_on(const struct report *r, uint64_t clock_us)
{
    struct event *notice = r->opened->n > 0 ? mem_alloc(sizeof(*notice)) : NULL;
    if (notice != NULL) {
        notice->type = EVENT_N;
        notice->n_opened = r->opened->n;
        notice->key = (struct event_key){.clock_us = clock_us, .flow_id = UINT64_MAX - 1};
        writer_put(r->writer, r->producer, notice);
        r->opened->n = 0;
    }
}

void report_opened_until(const struct report *r, uint64_t clock_us)
{
    struct opened *o = r->opened;
    if (o != NULL && clock_us / o->interval_us > o->interval) {
        hand_opened_on(r, (o->interval + 1) * o->interval_us - 1);
        o->interval = clock_us / o->interval_us;
    }
}

void report_opened_end(const struct report *r, uint64_t clock_us)
{
    report_opened_until(r, clock_us);
    if (r->opened != NULL) {
        hand_opened_on(r, clock_us);
    }
}

void report_sighting(const struct report *r, const struct sighting *s)
{
    const size_t off = offsetof(struct event, json);
    const size_t align = _Alignof(struct sighting);
    const size_t begin = (off + align - 1) / align * align - off;
    struct event *notice =
        writer_lend(r->writer, r->producer, off + begin + sizeof(struct sighting));
    if (notice == NULL) {
        stats_add(r->stats, STAT_SIGHTINGS_LOST, 1);
        return;
    }
    notice->type = EVENT_N;
    notice->key = s->key;
    notice->sighting = (void *)(notice->json + begin);
    bytes_copy(notice->sighting, s, sighting_size(s));
    writer_put(r->writer, r->producer, notice);
}

static void add_opened(const struct report *r, uint64_t clock_us, uint64_t n)
{
    report_opened_until(r, clock_us);
    r->opened->n += n;
}

/* What a probe of our own holds is no attempt of anybody's. */
static bool counts(const struct conn *conn)
{
    return !conn->selftest;
}

void report_opened(const struct report *r, const struct tx *tx, enum field_id field, uint64_t n)
{
    if (r->opened != NULL && counts(tx->conn)) {
        add_opened(r, tx->conn->clock_us, n);
    }
    if (r->tally != NULL && counts(tx->conn)) {
        tally_dollar_brace(r->tally, proto_of(tx), field, n);
    }
}

static void tally_alert(const struct report *r, const struct tx *tx, const struct finding *finding,
                        const struct known_places *k)
{
    if (r->tally != NULL && finding->jndi != NULL) {
        const struct client *client = k->eve.client;
        tally_attempt(r->tally, proto_of(tx), finding->field, finding->jndi);
        tally_source(r->tally, client != NULL ? &client->addr : &tx->conn->addr[finding->dir]);
    }
}

static void count_alert(const struct report *r, const struct finding *finding)
{
    static const enum stat_id by_class[] = {
        [LOOKUP_ATTEMPT] = STAT_ALERT_ATTEMPT,
        [LOOKUP_CONDITIONAL] = STAT_ALERT_CONDITIONAL,
        [LOOKUP_ATTACK] = STAT_ALERT_ATTACK,
    };
    stats_add(r->stats, STAT_ALERT, 1);
    if (finding->jndi != NULL && finding->jndi->class != LOOKUP_NONE) {
        stats_add(r->stats, by_class[finding->jndi->class], 1);
    }
}

static void expose_alert(const struct report *r, const struct tx *tx, const struct finding *finding,
                         const struct known_places *k)
{
    struct alert_facts facts;
    if (r->exposure != NULL && counts(tx->conn)) {
        eve_alert_facts(tx, finding, &k->eve, &facts);
        exposure_alert(r->exposure, &facts);
    }
}

void report_alert(const struct report *r, struct tx *tx, const struct finding *finding,
                  uint64_t clock_us)
{
    struct conn *conn = tx->conn;
    conn->n_alerts++;
    count_alert(r, finding);
    if (!wanted(r, EVENT_ALERT) && r->exposure == NULL && r->tally == NULL) {
        return;
    }
    struct known_places k;
    find_sides(r, conn, &k);
    find_client(r, tx, &k);
    tally_alert(r, tx, finding, &k);
    expose_alert(r, tx, finding, &k);
    if (!wanted(r, EVENT_ALERT)) {
        return;
    }
    if (finding->jndi != NULL && finding->jndi->callback.ip.family != 0) {
        geo_find(r->geo, &finding->jndi->callback.ip, &k.callback);
        k.eve.callback = &k.callback;
    }
    uint64_t clock_of_packet = conn->clock_us;
    conn->clock_us = clock_us;
    put(r, eve_alert(r->eve, tx, finding, &k.eve));
    conn->clock_us = clock_of_packet;
}

void report_transaction(const struct report *r, struct tx *tx)
{
    enum event_type type = eve_transaction_type(tx->decoder);
    if (type == EVENT_N || !wanted(r, type)) {
        return;
    }
    struct known_places k;
    find_sides(r, tx->conn, &k);
    find_client(r, tx, &k);
    for (unsigned part = 0; part < EVE_TRANSACTION_PARTS; part++) {
        bool has_event = false;
        struct event *event = eve_transaction(r->eve, tx, part, &k.eve, &has_event);
        if (has_event) {
            put(r, event);
        }
    }
}

void report_file(const struct report *r, struct tx *tx, const struct file_seen *file)
{
    if (wanted(r, EVENT_FILEINFO)) {
        struct known_places k;
        find_sides(r, tx->conn, &k);
        find_client(r, tx, &k);
        put(r, eve_file(r->eve, tx, file, &k.eve));
    }
}

static void expose_flow(const struct report *r, const struct conn *conn)
{
    struct place server;
    if (r->exposure != NULL) {
        geo_find(r->geo, &conn->addr[TO_CLIENT], &server);
        exposure_flow(r->exposure, conn, server.asset,
                      server.asset != NULL || server.scope != SCOPE_GLOBAL);
    }
}

void report_flow(const struct report *r, struct conn *conn, enum close_reason reason)
{
    expose_flow(r, conn);
    if (wanted(r, EVENT_FLOW)) {
        struct known_places k;
        find_sides(r, conn, &k);
        put(r, eve_flow(r->eve, conn, reason, &k.eve));
    }
}

void report_drop(const struct report *r, struct conn *conn, const struct eve_drop *drop)
{
    if (wanted(r, EVENT_DROP)) {
        put(r, eve_drop(r->eve, conn, drop));
    }
}

void report_anomaly(const struct report *r, struct conn *conn, const struct tx *tx,
                    enum anomaly anomaly)
{
    if (wanted(r, EVENT_ANOMALY)) {
        put(r, eve_anomaly(r->eve, conn, tx, anomaly));
    }
}

void report_packet_anomaly(const struct report *r, const struct packet *packet,
                           const struct headers *headers, enum anomaly anomaly)
{
    stats_add(r->stats, STAT_ANOMALIES, 1);
    if (wanted(r, EVENT_ANOMALY)) {
        put(r, eve_packet_anomaly(r->eve, packet, headers, anomaly));
    }
}
