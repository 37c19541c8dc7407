/* appid: names for flows that no decoder claims, by nDPI 4.2.
 *
 * nDPI is asked with the first packets that carry payload, until it knows or a count is reached; of
 * TCP with packets made of the stream's bytes, so that their order on the wire does not matter;
 * its state of about 700 bytes lives only so long. What it would guess from the port alone is not
 * taken: a name says what was seen. Each table has a module of its own, because a module is not
 * shared between threads. Its names are joined and lower-cased once and kept, so that a conn can
 * point at them; beyond a cap of joined names ("TLS.Google") the first part stands alone.
 *
 * The module (5 MB, 15 ms) is made with the first flow to ask about, for many a capture has none,
 * or at the start, where packets do not wait. It is not part of the table's memory limit; the state
 * of flows is. When half of the memory is in use a flow stays without a name. */
#include "sensor/flow/appid.h"

#include "sensor/base/arena.h"
#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"

#include <ndpi_api.h>

enum {
    NAMES_MAX = 256 * 1024,
    PAIRS_MAX = 1024,
    IPV4_HEADER = 20,
    TCP_HEADER = 20,
    TTL = 64,
    SEGMENT_MAX = 1400,
    PACKET_MAX = 2048,
};

/* A protocol within a protocol, and the two names joined. */
struct pair {
    uint16_t master;
    uint16_t app;
    const char *name;
};

struct appid {
    bool tried; /* to make what follows */
    bool ready;
    struct ndpi_detection_module_struct *module;
    struct arena *texts;
    const char **lower; /* names of all protocols, in lower case */
    size_t n_protocols;
    struct pair *pairs;
    size_t n_pairs;
    size_t flow_size;
    struct sbuf packet; /* made of bytes in order */
};

static const char *keep_name(struct appid *a, struct span name, bool lower)
{
    char *text = arena_alloc(a->texts, name.len + 1);
    for (size_t i = 0; text != NULL && i < name.len; i++) {
        uint8_t c = span_at(name, i);
        text[i] = (char)(lower ? byte_lower(c) : c);
    }
    return text;
}

static struct span protocol_name(struct appid *a, uint16_t id)
{
    return span_str(ndpi_get_proto_name(a->module, id));
}

static bool load_names(struct appid *a)
{
    a->n_protocols = ndpi_get_num_supported_protocols(a->module);
    a->lower = mem_alloc_array(a->n_protocols, sizeof(*a->lower));
    a->pairs = mem_alloc_array(PAIRS_MAX, sizeof(*a->pairs));
    a->texts = arena_new(NAMES_MAX);
    if (a->lower == NULL || a->pairs == NULL || a->texts == NULL) {
        return false;
    }
    for (size_t i = 0; i < a->n_protocols; i++) {
        a->lower[i] = keep_name(a, protocol_name(a, (uint16_t)i), true);
    }
    return !arena_overflowed(a->texts);
}

static bool make_module(struct appid *a)
{
    NDPI_PROTOCOL_BITMASK all;
    a->module = ndpi_init_detection_module(ndpi_dont_load_tor_hosts | ndpi_dont_init_libgcrypt);
    if (a->module == NULL) {
        return false;
    }
    NDPI_BITMASK_SET_ALL(all);
    ndpi_set_protocol_detection_bitmask2(a->module, &all);
    ndpi_finalize_initialization(a->module);
    return load_names(a);
}

/* Makes the module, if it was not; once there was no memory for it there is none. */
static bool be_ready(struct appid *a)
{
    if (!a->tried) {
        a->tried = true;
        a->ready = make_module(a);
    }
    return a->ready;
}

struct appid *appid_new(bool at_once)
{
    struct appid *a = mem_alloc(sizeof(*a));
    if (a == NULL) {
        return NULL;
    }
    a->packet = sbuf_with_cap(PACKET_MAX);
    a->flow_size = ndpi_detection_get_sizeof_ndpi_flow_struct();
    if (at_once && !be_ready(a)) {
        appid_free(&a);
    }
    return a;
}

void appid_free(struct appid **a)
{
    if (*a == NULL) {
        return;
    }
    if ((*a)->module != NULL) {
        ndpi_exit_detection_module((*a)->module);
    }
    mem_free((*a)->pairs);
    mem_free((*a)->lower);
    sbuf_free(&(*a)->packet);
    arena_free(&(*a)->texts);
    mem_free(*a);
    *a = NULL;
}

/* "TLS.Google", made with the first flow that is that. */
static const char *joined_name(struct appid *a, uint16_t master, uint16_t app)
{
    for (size_t i = 0; i < a->n_pairs; i++) {
        if (a->pairs[i].master == master && a->pairs[i].app == app) {
            return a->pairs[i].name;
        }
    }
    struct span first = protocol_name(a, master);
    struct span second = protocol_name(a, app);
    char text[128];
    if (a->n_pairs == PAIRS_MAX || first.len + second.len + 1 > sizeof(text)) {
        return ndpi_get_proto_name(a->module, master);
    }
    bytes_copy(text, first.data, first.len);
    text[first.len] = '.';
    bytes_copy(text + first.len + 1, second.data, second.len);
    const char *name = keep_name(a, span_of(text, first.len + 1 + second.len), false);
    if (name == NULL) {
        return ndpi_get_proto_name(a->module, master);
    }
    a->pairs[a->n_pairs++] = (struct pair){master, app, name};
    return name;
}

static bool is_known(const ndpi_protocol *p)
{
    return p->app_protocol != NDPI_PROTOCOL_UNKNOWN || p->master_protocol != NDPI_PROTOCOL_UNKNOWN;
}

static void name_conn(struct appid *a, struct conn *conn, const ndpi_protocol *p)
{
    bool both = p->master_protocol != NDPI_PROTOCOL_UNKNOWN &&
                p->app_protocol != NDPI_PROTOCOL_UNKNOWN && p->app_protocol != p->master_protocol;
    uint16_t master =
        p->master_protocol != NDPI_PROTOCOL_UNKNOWN ? p->master_protocol : p->app_protocol;
    struct conn_extra *extra = conn_extend(conn);
    if (extra != NULL) {
        extra->ndpi_proto =
            both ? joined_name(a, master, p->app_protocol) : ndpi_get_proto_name(a->module, master);
        extra->ndpi_category = ndpi_category_get_name(a->module, p->category);
    }
    if (conn->app_proto == NULL && !conn->claimed && master < a->n_protocols) {
        conn->app_proto = a->lower[master];
    }
}

void appid_forget(struct flow_table *t, struct flow *f)
{
    f->named = true;
    if (f->appid != NULL) {
        ndpi_free_flow_data(f->appid);
        mem_free(f->appid);
        f->appid = NULL;
        flow_unreserve(t, t->appid->flow_size + MEM_OVERHEAD);
    }
}

static bool make_state(struct flow_table *t, struct flow *f)
{
    size_t size = t->appid->flow_size + MEM_OVERHEAD;
    if (f->appid != NULL) {
        return true;
    }
    if (!be_ready(t->appid) || !flow_reserve_spare(t, size)) {
        return false;
    }
    f->appid = mem_alloc(t->appid->flow_size);
    if (f->appid == NULL) {
        flow_unreserve(t, size);
    }
    return f->appid != NULL;
}

static void add_words(struct sbuf *b, const uint16_t *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sbuf_add_byte(b, (uint8_t)(words[i] >> 8));
        sbuf_add_byte(b, (uint8_t)words[i]);
    }
}

static void ask(struct flow_table *t, struct flow *f, struct span packet)
{
    struct appid *a = t->appid;
    if (f->conn.claimed || !make_state(t, f)) {
        appid_forget(t, f);
        return;
    }
    ndpi_protocol p = ndpi_detection_process_packet(
        a->module, f->appid, packet.data, (unsigned short)packet.len, f->conn.last_us / 1000);
    f->n_asked++;
    bool last = f->n_asked >= t->limits.appid_packets;
    if (last && !is_known(&p)) {
        uint8_t guessed = 0;
        p = ndpi_detection_giveup(a->module, f->appid, 0, &guessed);
    }
    if (is_known(&p)) {
        name_conn(a, &f->conn, &p);
    }
    if (last || is_known(&p)) {
        appid_forget(t, f);
    }
}

void appid_packet(struct flow_table *t, struct flow *f, const struct headers *h)
{
    if (t->appid != NULL && !f->named && h->payload.len > 0 && h->ip.len <= UINT16_MAX) {
        ask(t, f, h->ip);
    }
}

/* An IP header, without options and checksum, of a packet with so many bytes behind it. */
static void add_ip(struct sbuf *b, const struct conn *c, enum direction dir, size_t len)
{
    struct span src = addr_span(&c->addr[dir]);
    struct span dst = addr_span(&c->addr[direction_other(dir)]);
    if (c->addr[dir].family == 4) {
        add_words(b,
                  (uint16_t[]){0x4500, (uint16_t)(IPV4_HEADER + len), 0, 0,
                               (uint16_t)(TTL << 8 | c->proto), 0},
                  6);
    } else {
        add_words(b, (uint16_t[]){0x6000, 0, (uint16_t)len, (uint16_t)(c->proto << 8 | TTL)}, 4);
    }
    sbuf_add(b, src);
    sbuf_add(b, dst);
}

void appid_stream(struct flow_table *t, struct flow *f, enum direction dir, uint64_t pos,
                  struct span bytes)
{
    if (t->appid == NULL || f->named || bytes.len == 0) {
        return;
    }
    const struct conn *c = &f->conn;
    struct sbuf *b = &t->appid->packet;
    struct span part = span_head(bytes, SEGMENT_MAX);
    sbuf_reset(b);
    add_ip(b, c, dir, TCP_HEADER + part.len);
    add_words(b,
              (uint16_t[]){c->port[dir], c->port[direction_other(dir)], (uint16_t)(pos >> 16),
                           (uint16_t)pos, 0, 0, 0x5000 | TCP_ACK | TCP_PSH, UINT16_MAX, 0, 0},
              10);
    if (sbuf_add(b, part)) {
        ask(t, f, sbuf_span(b));
    } else {
        appid_forget(t, f);
    }
}
