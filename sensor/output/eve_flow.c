/* eve_flow: flow, anomaly and stats events, in the objects Suricata's schema has for them.
 *
 * Counters that the schema does not name go to stats.flowints, whose keys are free. Nothing is
 * summed or measured here: the caller brings the figures. */
#include "sensor/base/bytes.h"
#include "sensor/core/decoder.h"
#include "sensor/output/eve_parts.h"

#include <stdio.h>

static void add_counts(struct json *j, const struct conn *conn)
{
    json_number(j, "pkts_toserver", conn->packets[TO_SERVER]);
    json_number(j, "pkts_toclient", conn->packets[TO_CLIENT]);
    json_number(j, "bytes_toserver", conn->bytes[TO_SERVER]);
    json_number(j, "bytes_toclient", conn->bytes[TO_CLIENT]);
    eve_time(j, "start", conn->start_us);
}

void eve_flow_brief(struct json *j, const struct conn *conn)
{
    json_object(j, "flow");
    add_counts(j, conn);
    eve_addr(j, "src_ip", &conn->addr[TO_SERVER]);
    eve_addr(j, "dest_ip", &conn->addr[TO_CLIENT]);
    json_number(j, "src_port", conn->port[TO_SERVER]);
    json_number(j, "dest_port", conn->port[TO_CLIENT]);
    json_object_end(j);
}

static const char *state_name(enum conn_state state)
{
    static const char *const names[] = {"new", "established", "closed"};
    return names[state];
}

static const char *reason_name(enum close_reason reason)
{
    switch (reason) {
    case CLOSE_FIN:
    case CLOSE_RST:
    case CLOSE_TIMEOUT:
        return "timeout";
    case CLOSE_EVICTED:
        return "forced";
    case CLOSE_END_OF_INPUT:
        return "shutdown";
    }
    return "unknown";
}

static void add_flags(struct json *j, const char *key, unsigned flags)
{
    char text[4];
    (void)snprintf(text, sizeof(text), "%02x", flags & 0xff);
    json_text(j, key, text);
}

static void add_tcp(struct json *j, const struct conn *conn)
{
    static const struct {
        enum tcp_flag flag;
        const char *name;
    } names[] = {
        {TCP_SYN, "syn"}, {TCP_FIN, "fin"}, {TCP_RST, "rst"}, {TCP_PSH, "psh"},
        {TCP_ACK, "ack"}, {TCP_URG, "urg"}, {TCP_ECE, "ecn"}, {TCP_CWR, "cwr"},
    };
    unsigned all = conn->tcp_flags[TO_SERVER] | conn->tcp_flags[TO_CLIENT];
    json_object(j, "tcp");
    add_flags(j, "tcp_flags", all);
    add_flags(j, "tcp_flags_ts", conn->tcp_flags[TO_SERVER]);
    add_flags(j, "tcp_flags_tc", conn->tcp_flags[TO_CLIENT]);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if ((all & names[i].flag) != 0) {
            json_bool(j, names[i].name, true);
        }
    }
    json_text(j, "state", state_name(conn->state));
    if (conn_extra(conn)->gap_bytes[TO_SERVER] > 0) {
        json_bool(j, "ts_gap", true);
    }
    if (conn_extra(conn)->gap_bytes[TO_CLIENT] > 0) {
        json_bool(j, "tc_gap", true);
    }
    json_object_end(j);
}

/* What nDPI said, on flows where it was asked. Where a decoder knew better later it is left out. */
static void add_ndpi(struct json *j, const struct conn *conn)
{
    const struct conn_extra *extra = conn_extra(conn);
    if (extra->ndpi_proto != NULL && !conn->claimed) {
        json_object(j, "ndpi");
        json_text(j, "proto", extra->ndpi_proto);
        if (extra->ndpi_category != NULL) {
            json_text(j, "category", extra->ndpi_category);
        }
        json_object_end(j);
    }
}

struct event *eve_flow(struct eve *e, struct conn *conn, enum close_reason reason,
                       const struct eve_places *places)
{
    struct json j;
    struct event_key key = eve_key(conn);
    eve_begin(e, &j, EVENT_FLOW, conn->last_us);
    eve_envelope(e, &j, conn, TO_SERVER);
    json_text(&j, "app_proto", conn->app_proto != NULL ? conn->app_proto : "failed");
    json_object(&j, "flow");
    add_counts(&j, conn);
    eve_time(&j, "end", conn->last_us);
    json_number(&j, "age",
                conn->last_us > conn->start_us ? (conn->last_us - conn->start_us) / 1000000 : 0);
    json_text(&j, "state", state_name(conn->state));
    json_text(&j, "reason", reason_name(reason));
    json_bool(&j, "alerted", conn->n_alerts > 0);
    json_text_if(&j, "action", conn->verdict != VERDICT_PASS ? "drop" : "");
    json_number(&j, "tx_cnt", conn->n_tx);
    json_object_end(&j);
    if (conn->proto == IP_PROTO_TCP) {
        add_tcp(&j, conn);
    }
    add_ndpi(&j, conn);
    eve_layouts(e, &j, conn, TO_SERVER, places);
    eve_metadata(e, &j, conn, places);
    return eve_finish(e, &j, EVENT_FLOW, &key);
}

static void add_anomaly(struct json *j, enum anomaly anomaly, const char *app_proto)
{
    const struct anomaly_info *info = anomaly_info(anomaly);
    json_object(j, "anomaly");
    if (info->type == ANOMALY_TYPE_APPLAYER && app_proto != NULL) {
        json_text(j, "app_proto", app_proto);
    }
    json_text(j, "type", anomaly_type_name(info->type));
    json_text(j, "event", info->event);
    if (info->type == ANOMALY_TYPE_APPLAYER) {
        json_text(j, "layer", "proto_parser");
    }
    json_object_end(j);
}

struct event *eve_anomaly(struct eve *e, struct conn *conn, const struct tx *tx,
                          enum anomaly anomaly)
{
    struct json j;
    struct event_key key = eve_key(conn);
    eve_begin(e, &j, EVENT_ANOMALY, conn->last_us);
    eve_envelope(e, &j, conn, TO_SERVER);
    json_number(&j, "pcap_cnt", conn->number);
    if (conn->app_proto != NULL) {
        json_text(&j, "app_proto", conn->app_proto);
    }
    if (tx != NULL) {
        json_number(&j, "tx_id", tx->id);
    }
    add_anomaly(&j, anomaly, conn->app_proto);
    return eve_finish(e, &j, EVENT_ANOMALY, &key);
}

struct event *eve_packet_anomaly(struct eve *e, const struct packet *packet,
                                 const struct headers *headers, enum anomaly anomaly)
{
    struct json j;
    struct event_key key = {packet->clock_us, 0, packet->number};
    eve_begin(e, &j, EVENT_ANOMALY, packet->time_us);
    json_number(&j, "pcap_cnt", packet->number);
    eve_packet(&j, headers);
    add_anomaly(&j, anomaly, NULL);
    return eve_finish(e, &j, EVENT_ANOMALY, &key);
}

struct event *eve_own_anomaly(struct eve *e, uint64_t time_us, enum anomaly anomaly)
{
    struct json j;
    struct event_key key = {time_us, 0, e->n_stats++};
    eve_begin(e, &j, EVENT_ANOMALY, time_us);
    add_anomaly(&j, anomaly, NULL);
    return eve_finish(e, &j, EVENT_ANOMALY, &key);
}

/* --- stats
 * ---------------------------------------------------------------------------------------- */

enum { PATH_DEPTH = 4 };

struct path_walk {
    struct json *j;
    const struct eve_rules *rules; /* their place is among the counters; NULL: not told here */
    bool all_objects;              /* with those that we count nothing for */
    struct span open[PATH_DEPTH];
    unsigned depth;
};

static void close_to(struct path_walk *w, unsigned depth)
{
    while (w->depth > depth) {
        json_object_end(w->j);
        w->depth--;
    }
}

void eve_add_rules(struct json *j, const char *name, const struct eve_rules *rules)
{
    json_array(j, name);
    json_object(j, NULL);
    json_number(j, "id", 0);
    if (rules->reloaded_us != 0) {
        eve_time(j, "last_reload", rules->reloaded_us);
    }
    json_number(j, "rules_loaded", rules->n_loaded);
    json_number(j, "rules_failed", rules->n_failed);
    json_number(j, "rules_skipped", 0);
    json_object_end(j);
    json_array_end(j);
}

static void add_empty(struct json *j, const char *key)
{
    json_object(j, key);
    json_object_end(j);
}

/* What stands first in an object that was opened, beside the rows of stats.def. */
static void add_first(struct path_walk *w, struct span name)
{
    if (w->rules != NULL && w->depth == 1 && span_equal(name, SPAN("detect"))) {
        eve_add_rules(w->j, "engines", w->rules);
    }
    if (w->rules != NULL && w->depth == 1 && span_equal(name, SPAN("tcp"))) {
        json_number(w->j, "memuse", 0); /* in flow.memuse */
    }
    if (w->all_objects && w->depth == 1 && span_equal(name, SPAN("flow"))) {
        add_empty(w->j, "wrk");
    }
}

/* Opens the objects of "a.b.c" that are not open yet, closes others; returns "c". Rows of one
 * object stand together in stats.def. */
static const char *walk_to(struct path_walk *w, const char *path)
{
    struct span rest = span_str(path);
    unsigned depth = 0;
    size_t dot;
    while ((dot = span_find_byte(rest, 0, '.')) != SPAN_NONE) {
        struct span name = span_head(rest, dot);
        CHECK(depth < PATH_DEPTH);
        if (depth >= w->depth || !span_equal(w->open[depth], name)) {
            char key[32];
            close_to(w, depth);
            (void)snprintf(key, sizeof(key), "%.*s", (int)name.len, (const char *)name.data);
            json_object(w->j, key);
            w->open[w->depth++] = name;
            add_first(w, name);
        }
        depth++;
        rest = span_from(rest, dot + 1);
    }
    close_to(w, depth);
    return (const char *)rest.data;
}

static void add_figure_of_output(struct json *j, const struct eve_figure *figure)
{
    char key[128];
    (void)snprintf(key, sizeof(key), "output_%s_%s", figure->name, figure->about);
    json_key_span(j, span_str(key)); /* an operator may have named it anything */
    json_number(j, NULL, figure->value);
}

static void add_flowints(struct json *j, const struct stats *stats)
{
    for (unsigned id = 0; id < STAT_N; id++) {
        const struct stat_info *info = stat_info((enum stat_id)id);
        if (info->eve != NULL) {
            continue;
        }
        char key[64];
        size_t len = span_str(info->name).len;
        CHECK(len < sizeof(key));
        for (size_t i = 0; i <= len; i++) {
            key[i] = (char)byte_lower((uint8_t)info->name[i]);
        }
        json_number(j, key, stats_get(stats, (enum stat_id)id));
    }
}

/* "iface.eth0.packets" */
static void add_port_number(struct json *j, const char *iface, const char *what, uint64_t n)
{
    char key[300];
    (void)snprintf(key, sizeof(key), "iface.%s.%s", iface, what);
    json_key_span(j, span_str(key)); /* Linux lets an interface have almost any name */
    json_number(j, NULL, n);
}

static void add_ports(struct json *j, const struct eve_sums *sums)
{
    for (size_t i = 0; i < sums->n_ports; i++) {
        const struct source_port *p = &sums->ports[i];
        add_port_number(j, p->name, "up", p->up ? 1 : 0);
        add_port_number(j, p->name, "packets", p->packets);
        add_port_number(j, p->name, "kernel_drops", p->kernel_drops);
        add_port_number(j, p->name, "iface_drops", p->iface_drops);
        add_port_number(j, p->name, "upstream_lost", p->upstream_lost);
    }
}

static void add_rows(struct path_walk *w, const struct stats *stats)
{
    for (unsigned id = 0; id < STAT_N; id++) {
        const struct stat_info *info = stat_info((enum stat_id)id);
        if (info->eve != NULL) {
            const char *name = walk_to(w, info->eve);
            json_number(w->j, name, stats_get(stats, (enum stat_id)id));
        }
    }
    close_to(w, 0);
}

static void add_stats(struct json *j, const struct eve_sums *sums)
{
    struct path_walk walk = {.j = j, .rules = sums->rules};
    json_number(j, "uptime", sums->uptime_s);
    add_rows(&walk, sums->stats);
}

static void add_others(struct json *j, const struct eve_sums *sums)
{
    json_object(j, "flowints");
    add_flowints(j, sums->stats);
    add_ports(j, sums);
    for (size_t i = 0; i < sums->n_outputs; i++) {
        add_figure_of_output(j, &sums->outputs[i]);
    }
    json_object_end(j);
}

void eve_add_counters(struct json *j, const struct eve_sums *sums)
{
    /* All memory of a flow, its decoders' too, is in flow.memuse; programs ask for these as well.
     */
    static const char *const apart[] = {"http", "ftp"};
    add_stats(j, sums);
    add_others(j, sums);
    for (size_t i = 0; i < ARRAY_LEN(apart); i++) {
        json_object(j, apart[i]);
        json_number(j, "memuse", 0);
        json_object_end(j);
    }
}

void eve_add_thread(struct json *j, const char *name, const struct stats *stats)
{
    struct path_walk walk = {.j = j, .all_objects = true};
    json_object(j, name);
    add_rows(&walk, stats);
    json_object(j, "defrag");
    add_empty(j, "ipv4");
    add_empty(j, "ipv6");
    json_object_end(j);
    add_empty(j, "flow_bypassed");
    json_object_end(j);
}

struct event *eve_stats(struct eve *e, uint64_t time_us, const struct eve_sums *sums)
{
    struct json j;
    struct event_key key = {time_us, UINT64_MAX, e->n_stats++}; /* after all else of that time */
    eve_begin(e, &j, EVENT_STATS, time_us);
    json_object(&j, "stats");
    add_stats(&j, sums);
    json_object_end(&j);
    json_object(&j, "metadata");
    add_others(&j, sums);
    json_object_end(&j);
    return eve_finish(e, &j, EVENT_STATS, &key);
}
