/* evidence: a ring of the latest packets, and the flows that are wanted.
 *
 * A flow is known here by a hash of its ends alone, which packet and conn have alike, so that
 * nothing has to be asked of the flow table. IP fragments have no ports: they are kept under their
 * addresses, and go to every wanted flow between these. Packets of wanted flows do not go through
 * the ring. The past is shorter the more traffic there is; a flow's file is capped, and so is the
 * number of flows that are wanted at once. */
#include "sensor/app/evidence.h"

#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "sensor/base/mem.h"

enum { WANTED_MAX = 1024, BYTES_PER_RECORD = 128, RECORDS_MIN = 64 };

struct record {
    uint64_t key;  /* of the flow; 0: a fragment */
    uint64_t pair; /* of the addresses */
    uint64_t time_us;
    uint32_t wire_len;
    int link_type;
    size_t off;
    size_t len;
};

struct wanted {
    uint64_t key; /* 0: free */
    uint64_t pair;
    uint64_t flow_id;
    size_t left; /* bytes that its file may still take */
};

struct evidence {
    struct evidence_options options;
    uint8_t *bytes;
    size_t at; /* where the next packet's bytes go */
    struct record *records;
    size_t room;
    size_t first;
    size_t n;
    struct wanted wanted[WANTED_MAX];
    size_t n_wanted;
};

/* --- keys
 * ------------------------------------------------------------
 */

static uint64_t end_hash(const struct addr *addr, uint16_t port)
{
    uint8_t text[sizeof(addr->bytes) + 3];
    bytes_copy(text, addr->bytes, sizeof(addr->bytes));
    text[16] = addr->family;
    text[17] = (uint8_t)(port >> 8);
    text[18] = (uint8_t)port;
    return hash_fixed(span_of(text, sizeof(text)));
}

/* The same for both directions, and never 0. */
static uint64_t key_of(const struct addr *a, uint16_t a_port, const struct addr *b, uint16_t b_port)
{
    return (end_hash(a, a_port) + end_hash(b, b_port)) | 1;
}

static uint64_t flow_key(uint64_t ends, uint8_t proto)
{
    return ends ^ ((uint64_t)proto << 56);
}

static uint64_t conn_key(const struct conn *c)
{
    return flow_key(key_of(&c->addr[0], c->port[0], &c->addr[1], c->port[1]), c->proto);
}

/* --- the past
 * ------------------------------------------------------------
 */

static struct record *record_at(const struct evidence *e, size_t i)
{
    return &e->records[(e->first + i) % e->room];
}

static void forget_oldest(struct evidence *e)
{
    e->first = (e->first + 1) % e->room;
    e->n--;
}

/* Packets lie one behind the other, from the start again where the end is too near; those whose
 * place is taken are forgotten. */
static void make_room(struct evidence *e, size_t len)
{
    if (len > e->options.recent - e->at) {
        while (e->n > 0 && record_at(e, 0)->off >= e->at) {
            forget_oldest(e);
        }
        e->at = 0;
    }
    while (e->n > 0 && record_at(e, 0)->off >= e->at && record_at(e, 0)->off < e->at + len) {
        forget_oldest(e);
    }
    if (e->n == e->room) {
        forget_oldest(e);
    }
}

static void remember(struct evidence *e, const struct packet *p, uint64_t key, uint64_t pair)
{
    size_t len = p->data.len;
    if (len > e->options.recent) {
        return;
    }
    make_room(e, len);
    bytes_copy(e->bytes + e->at, p->data.data, len); /* lint: the ring's own memory */
    *record_at(e, e->n++) = (struct record){
        .key = key,
        .pair = pair,
        .time_us = p->time_us,
        .wire_len = p->wire_len,
        .link_type = p->link_type,
        .off = e->at,
        .len = len,
    };
    e->at += len;
}

/* --- wanted flows
 * --------------------------------------------------------------------------------------------- */

static struct wanted *find(struct evidence *e, uint64_t key)
{
    for (size_t i = 0; e->n_wanted > 0 && i < WANTED_MAX; i++) {
        struct wanted *w = &e->wanted[(key + i) % WANTED_MAX];
        if (w->key == key) {
            return w;
        }
        if (w->key == 0) {
            return NULL;
        }
    }
    return NULL;
}

static struct wanted *add(struct evidence *e, uint64_t key)
{
    if (e->n_wanted == WANTED_MAX - 1) { /* one place stays free, so that every search ends */
        return NULL;
    }
    size_t i = key % WANTED_MAX;
    while (e->wanted[i].key != 0) {
        i = (i + 1) % WANTED_MAX;
    }
    e->n_wanted++;
    e->wanted[i] = (struct wanted){.key = key};
    return &e->wanted[i];
}

/* Knuth's algorithm R (6.4): what follows moves up where it would not be found else. */
static void drop(struct evidence *e, struct wanted *w)
{
    size_t hole = (size_t)(w - e->wanted);
    size_t i = hole;
    e->n_wanted--;
    e->wanted[hole].key = 0;
    while (e->wanted[i = (i + 1) % WANTED_MAX].key != 0) {
        size_t home = e->wanted[i].key % WANTED_MAX;
        bool between = hole < i ? hole < home && home <= i : hole < home || home <= i;
        if (!between) {
            e->wanted[hole] = e->wanted[i];
            e->wanted[i].key = 0;
            hole = i;
        }
    }
}

static void put(struct evidence *e, struct wanted *w, const struct record *r, const uint8_t *bytes)
{
    struct evidence_piece *piece = r->len <= w->left ? mem_alloc(sizeof(*piece) + r->len) : NULL;
    if (piece == NULL) {
        w->left = 0; /* no later packet stands behind a missing one */
        return;
    }
    w->left -= r->len;
    piece->flow_id = w->flow_id;
    piece->time_us = r->time_us;
    piece->wire_len = r->wire_len;
    piece->link_type = r->link_type;
    piece->len = r->len;
    bytes_copy(piece->bytes, bytes, r->len);
    evidence_store_put(e->options.store, e->options.producer, piece);
}

static void put_packet(struct evidence *e, struct wanted *w, const struct packet *p)
{
    const struct record r = {.time_us = p->time_us,
                             .wire_len = p->wire_len,
                             .link_type = p->link_type,
                             .len = p->data.len};
    put(e, w, &r, p->data.data);
}

static void put_fragment(struct evidence *e, uint64_t pair, const struct packet *p)
{
    for (size_t i = 0; e->n_wanted > 0 && i < WANTED_MAX; i++) {
        if (e->wanted[i].key != 0 && e->wanted[i].pair == pair) {
            put_packet(e, &e->wanted[i], p);
        }
    }
}

void evidence_packet(struct evidence *e, const struct packet *packet, const struct headers *headers,
                     enum decode_result result)
{
    bool fragment = result == DECODE_HELD || (result == DECODE_DONE && headers->reassembled);
    if ((result != DECODE_DONE && !fragment) || headers->src.family == 0) {
        return;
    }
    uint64_t pair = key_of(&headers->src, 0, &headers->dst, 0);
    if (fragment) {
        put_fragment(e, pair, packet);
        remember(e, packet, 0, pair);
        return;
    }
    uint64_t ends = key_of(&headers->src, headers->src_port, &headers->dst, headers->dst_port);
    uint64_t key = flow_key(ends, headers->proto);
    struct wanted *w = find(e, key);
    if (w != NULL) {
        put_packet(e, w, packet);
    } else {
        remember(e, packet, key, pair);
    }
}

void evidence_want(struct evidence *e, struct conn *conn)
{
    uint64_t key = conn_key(conn);
    struct wanted *w = conn->has_evidence ? NULL : find(e, key);
    if (conn->has_evidence || w != NULL) {
        return;
    }
    w = add(e, key);
    if (w == NULL) {
        return;
    }
    conn->has_evidence = true;
    w->flow_id = conn->id;
    w->pair = key_of(&conn->addr[0], 0, &conn->addr[1], 0);
    w->left = e->options.file_bytes;
    for (size_t i = 0; i < e->n; i++) {
        const struct record *r = record_at(e, i);
        if (r->key == key || (r->key == 0 && r->pair == w->pair)) {
            put(e, w, r, e->bytes + r->off); /* lint: the ring's own memory */
        }
    }
}

void evidence_end(struct evidence *e, const struct conn *conn)
{
    struct wanted *w = conn->has_evidence ? find(e, conn_key(conn)) : NULL;
    if (w == NULL) {
        return;
    }
    struct evidence_piece *piece = mem_alloc(sizeof(*piece));
    if (piece != NULL) {
        piece->flow_id = w->flow_id;
        piece->last = true;
        evidence_store_put(e->options.store, e->options.producer, piece);
    }
    drop(e, w);
}

/* --- life
 * ------------------------------------------------------------
 */

struct evidence *evidence_new(const struct evidence_options *options)
{
    struct evidence *e = mem_alloc(sizeof(*e));
    if (e == NULL) {
        return NULL;
    }
    e->options = *options;
    e->room = options->recent / BYTES_PER_RECORD;
    e->room = e->room < RECORDS_MIN ? RECORDS_MIN : e->room;
    e->bytes = mem_alloc(options->recent);
    e->records = mem_alloc_array(e->room, sizeof(*e->records));
    if (e->bytes == NULL || e->records == NULL) {
        evidence_free(&e);
    }
    return e;
}

void evidence_free(struct evidence **e)
{
    if (*e == NULL) {
        return;
    }
    mem_free((*e)->bytes);
    mem_free((*e)->records);
    mem_free(*e);
    *e = NULL;
}
