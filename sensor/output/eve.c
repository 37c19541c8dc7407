/* eve: the envelope that all events share.
 *
 * The layout is Suricata 8's EVE, which is closed: nothing may be added at the top. What we know
 * beyond it goes to the places left open: alert.context, metadata.flowbits, flowints and flowvars.
 * Times are packet times, ids are hashes of the traffic: two runs give the same bytes. */
#include "sensor/output/eve_parts.h"

#include "sensor/base/bytes.h"
#include "sensor/base/clock.h"
#include "sensor/base/mem.h"
#include "sensor/output/community_id.h"
#include "sensor/output/evidence_store.h"

#include <stdio.h>

/* Room above the soft cap for keys, numbers and brackets, which are never cut. */
enum { HARD_ROOM = 16 * 1024 };

struct eve *eve_new(const struct eve_options *options)
{
    struct eve *e = mem_alloc(sizeof(*e));
    if (e == NULL) {
        return NULL;
    }
    e->soft_cap = options->line_bytes;
    e->layouts = options->layouts != 0 ? options->layouts : 1u << LAYOUT_CONTEXT;
    e->redact = options->redact != NULL ? *options->redact : (struct redact){.what = 0};
    e->evidence_folder = options->evidence_folder;
    e->out = sbuf_with_cap(options->line_bytes + HARD_ROOM);
    e->host = sbuf_with_cap(256);
    e->redacted = sbuf_with_cap(options->line_bytes);
    sbuf_add_str(&e->host, options->host);
    return e;
}

void eve_free(struct eve **e)
{
    if (*e == NULL) {
        return;
    }
    sbuf_free(&(*e)->out);
    sbuf_free(&(*e)->host);
    sbuf_free(&(*e)->redacted);
    mem_free(*e);
    *e = NULL;
}

void eve_time(struct json *j, const char *key, uint64_t time_us)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(time_us, text, sizeof(text));
    json_text(j, key, text);
}

void eve_id(struct json *j, const char *key, char prefix, uint64_t id)
{
    char text[24];
    (void)snprintf(text, sizeof(text), "%c-%08x", prefix, (unsigned)(id & 0xffffffff));
    json_text(j, key, text);
}

void eve_addr(struct json *j, const char *key, const struct addr *addr)
{
    char text[ADDR_TEXT_SIZE];
    addr_format(addr, text, sizeof(text));
    json_text_if(j, key, text);
}

void eve_begin(struct eve *e, struct json *j, enum event_type type, uint64_t time_us)
{
    e->n_pieces = 0;
    e->facts = NULL;
    e->repeat_off = 0;
    *j = json_begin(&e->out, e->soft_cap);
    json_object(j, NULL);
    eve_time(j, "timestamp", time_us);
    json_text(j, "event_type", event_type_name(type));
    json_string_if(j, "host", sbuf_span(&e->host));
}

static void add_proto(struct json *j, uint8_t proto)
{
    static const struct {
        uint8_t proto;
        const char *name;
    } names[] = {
        {IP_PROTO_TCP, "TCP"},
        {IP_PROTO_UDP, "UDP"},
        {IP_PROTO_ICMP, "ICMP"},
        {IP_PROTO_ICMPV6, "IPv6-ICMP"},
        {IP_PROTO_SCTP, "SCTP"},
        {2, "IGMP"},
        {4, "IPv4"},
        {41, "IPv6"},
        {47, "GRE"},
        {50, "ESP"},
        {51, "AH"},
        {97, "ETHERIP"},
    }; /* IANA's keywords */
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].proto == proto) {
            json_text(j, "proto", names[i].name);
            return;
        }
    }
    char text[8];
    (void)snprintf(text, sizeof(text), "%03u", proto);
    json_text(j, "proto", text);
}

static void add_vlans(struct json *j, const uint16_t *vlans, size_t n)
{
    if (n == 0) {
        return;
    }
    json_array(j, "vlan");
    for (size_t i = 0; i < n; i++) {
        json_number(j, NULL, vlans[i]);
    }
    json_array_end(j);
}

void eve_packet(struct json *j, const struct headers *h)
{
    add_vlans(j, h->vlans, h->n_vlans);
    if (h->src.family != 0) {
        eve_addr(j, "src_ip", &h->src);
        if (h->has_ports) {
            json_number(j, "src_port", h->src_port);
        }
        eve_addr(j, "dest_ip", &h->dst);
        if (h->has_ports) {
            json_number(j, "dest_port", h->dst_port);
        }
        add_proto(j, h->proto);
        json_number(j, "ip_v", h->src.family);
    }
    json_text(j, "pkt_src", h->tunnel != NULL ? h->tunnel->kind : "wire/pcap");
}

/* The outermost packets, seen from the same side as the rest of the event. */
static void add_tunnel(struct json *j, const struct conn *conn, enum direction dir)
{
    const struct tunnel *t = conn->tunnel;
    if (t == NULL) {
        return;
    }
    json_object(j, "tunnel");
    eve_addr(j, "src_ip", dir == TO_SERVER ? &t->src : &t->dst);
    if (t->has_ports) {
        json_number(j, "src_port", dir == TO_SERVER ? t->src_port : t->dst_port);
    }
    eve_addr(j, "dest_ip", dir == TO_SERVER ? &t->dst : &t->src);
    if (t->has_ports) {
        json_number(j, "dest_port", dir == TO_SERVER ? t->dst_port : t->src_port);
    }
    add_proto(j, t->proto);
    json_number(j, "depth", t->depth);
    json_text(j, "pkt_src", "wire/pcap");
    json_object_end(j);
}

void eve_envelope(struct eve *e, struct json *j, const struct conn *conn, enum direction dir)
{
    enum direction back = direction_other(dir);
    bool has_ports =
        conn->proto == IP_PROTO_TCP || conn->proto == IP_PROTO_UDP || conn->proto == IP_PROTO_SCTP;
    json_number(j, "flow_id", conn->id);
    if (conn->iface != NULL) {
        json_text_if(j, "in_iface", conn->iface);
    }
    add_vlans(j, conn->vlans, conn->n_vlans);
    eve_addr(j, "src_ip", &conn->addr[dir]);
    if (has_ports) {
        json_number(j, "src_port", conn->port[dir]);
    }
    eve_addr(j, "dest_ip", &conn->addr[back]);
    if (has_ports) {
        json_number(j, "dest_port", conn->port[back]);
    }
    add_proto(j, conn->proto);
    json_number(j, "ip_v", conn->addr[dir].family);
    json_text(j, "pkt_src", conn->tunnel != NULL ? conn->tunnel->kind : "wire/pcap");
    add_tunnel(j, conn, dir);
    json_text(j, "community_id", community_id_of(&e->ids, conn));
}

void eve_origin(struct json *j, const struct conn *conn, uint64_t number)
{
    json_number(j, "pcap_cnt", number);
    json_text(j, "app_proto", conn->app_proto != NULL ? conn->app_proto : "failed");
}

void eve_capture_file(const struct eve *e, struct json *j, const struct conn *conn)
{
    char name[EVIDENCE_NAME_SIZE];
    if (e->evidence_folder == NULL || !conn->has_evidence) {
        return;
    }
    struct sbuf path = sbuf_with_cap(4096);
    evidence_name(conn->id, name, sizeof(name));
    (void)sbuf_add_format(&path, "%s/%s", e->evidence_folder, name);
    json_string(j, "capture_file", sbuf_span(&path));
    sbuf_free(&path);
}

static const struct {
    enum conn_mark mark;
    const char *name;
} marks[] = {
    {CONN_MIDSTREAM, "midstream"}, {CONN_ONE_SIDED, "one_sided"},   {CONN_GAP, "gap"},
    {CONN_TRUNCATED, "truncated"}, {CONN_CUT_BY_CAP, "cut_by_cap"}, {CONN_STARTTLS, "starttls"},
    {CONN_SNAPLEN, "snaplen"},     {CONN_MEMORY, "memory"},
};

static void add_marks(struct json *j, const struct conn *conn)
{
    if (conn->marks == 0 && !j->cut) {
        return;
    }
    json_array(j, "flowbits");
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if ((conn->marks & marks[i].mark) != 0 && (marks[i].mark != CONN_TRUNCATED || !j->cut)) {
            json_text(j, NULL, marks[i].name);
        }
    }
    if (j->cut) {
        json_text(j, NULL, "truncated");
    }
    json_array_end(j);
}

static bool has_figures(const struct conn *conn)
{
    const struct conn_extra *extra = conn_extra(conn);
    return extra->gap_bytes[0] + extra->gap_bytes[1] + conn_lost_bytes(conn) > 0;
}

static void add_figures(struct json *j, const struct conn *conn)
{
    const struct conn_extra *extra = conn_extra(conn);
    if (!has_figures(conn)) {
        return;
    }
    json_object(j, "flowints");
    for (unsigned i = 0; i < LOST_N; i++) {
        char key[64];
        (void)snprintf(key, sizeof(key), "bytes_not_inspected_%s", lost_name((enum lost)i));
        if (extra->lost[i] > 0) {
            json_number(j, key, extra->lost[i]);
        }
    }
    if (extra->gap_bytes[TO_SERVER] > 0) {
        json_number(j, "gap_bytes_toserver", extra->gap_bytes[TO_SERVER]);
    }
    if (extra->gap_bytes[TO_CLIENT] > 0) {
        json_number(j, "gap_bytes_toclient", extra->gap_bytes[TO_CLIENT]);
    }
    json_object_end(j);
}

static void add_var(struct json *j, const char *key, const char *value)
{
    if (value[0] != '\0') {
        json_object(j, NULL);
        json_text(j, key, value);
        json_object_end(j);
    }
}

static void add_place_vars(struct json *j, const struct place *place, const char *country,
                           const char *as, const char *asset)
{
    if (place == NULL) {
        return;
    }
    char number[16] = "";
    if (place->as_number != 0) {
        (void)snprintf(number, sizeof(number), "%u", place->as_number);
    }
    add_var(j, country, place->country_iso_code);
    add_var(j, as, number);
    add_var(j, asset, place->asset != NULL ? place->asset->name : "");
}

static bool place_is_known(const struct place *place)
{
    return place != NULL &&
           (place->country_iso_code[0] != '\0' || place->as_number != 0 || place->asset != NULL);
}

/* Geo data of events that are no alerts, some of which is known: the schema has no other place for
 * it. */
static void add_vars(struct json *j, const struct eve_places *p)
{
    json_array(j, "flowvars");
    if (p->client != NULL) {
        char text[ADDR_TEXT_SIZE];
        addr_format(&p->client->addr, text, sizeof(text));
        add_var(j, "client_ip", text);
        add_place_vars(j, p->client_place, "client_country", "client_asn", "client_asset");
    }
    add_place_vars(j, p->source, "src_country", "src_asn", "src_asset");
    add_place_vars(j, p->destination, "dest_country", "dest_asn", "dest_asset");
    json_array_end(j);
}

void eve_metadata(struct eve *e, struct json *j, const struct conn *conn,
                  const struct eve_places *places)
{
    bool any_var = eve_wants(e, LAYOUT_CONTEXT) && places != NULL &&
                   (place_is_known(places->source) || place_is_known(places->destination) ||
                    place_is_known(places->client_place) || places->client != NULL);
    bool any_else = conn->marks != 0 || j->cut || has_figures(conn);
    if (!any_else && !any_var) {
        return;
    }
    size_t whole = eve_piece_begin(e);
    json_object(j, "metadata");
    add_marks(j, conn);
    add_figures(j, conn);
    size_t vars = eve_piece_begin(e);
    if (any_var) {
        add_vars(j, places);
    }
    if (any_else) {
        eve_piece_end(e, vars, LAYOUT_CONTEXT);
    }
    json_object_end(j);
    if (!any_else) {
        eve_piece_end(e, whole, LAYOUT_CONTEXT);
    }
}

struct event_key eve_key(struct conn *conn)
{
    return (struct event_key){conn->clock_us, conn->id, conn->n_events++};
}

struct event *eve_finish(struct eve *e, struct json *j, enum event_type type,
                         const struct event_key *key)
{
    json_object_end(j);
    CHECK(j->depth == 0);
    if (e->out.cut) {
        return NULL; /* no memory for the line, or more keys than HARD_ROOM: half a line must not
                        leave */
    }
    const size_t align = _Alignof(struct alert_facts);
    size_t room = e->out.len + (e->repeat_off > 0 ? EVENT_REPEAT_DIGITS : 0);
    size_t facts_off = (room + align - 1) / align * align;
    size_t facts_len = e->facts != NULL ? sizeof(*e->facts) : 0;
    struct event *event = mem_alloc(sizeof(*event) + facts_off + facts_len);
    if (event != NULL) {
        if (e->facts != NULL) {
            event->facts = (void *)(event->json + facts_off);
            bytes_copy(event->facts, e->facts, facts_len);
        }
        event->key = *key;
        event->type = type;
        event->len = e->out.len;
        event->repeat_off = e->repeat_off;
        event->n_pieces = e->n_pieces;
        for (size_t i = 0; i < e->n_pieces; i++) {
            event->pieces[i] = e->pieces[i];
        }
        bytes_copy(event->json, e->out.data, e->out.len);
    }
    return event;
}
