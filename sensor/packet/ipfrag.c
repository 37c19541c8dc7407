/* ipfrag: reassembly of IPv4 (RFC 791, 815) and IPv6 (RFC 8200 4.5) fragments.
 *
 * A datagram is one buffer and a bitmap of its 8-byte units, so the cost of a fragment depends on
 * its own length only, however many came before and in whatever order. Where fragments overlap
 * the first reading stands; when the bytes differ, a second buffer is begun in which the last one
 * stands, since receivers do not agree (Ptacek and Newsham 1998): both are handed out.
 *
 * Limits: the table's memory (the oldest datagram goes), a timeout from the first fragment on, and
 * 65535 bytes a datagram. A fragment of IPv4 that is not the last is cut to a multiple of 8 bytes
 * as Linux does; over IPv6 it is refused. Nothing is said of fragments' options: the plain header
 * in front of a whole datagram is of our own making. */
#include "sensor/packet/ipfrag.h"

#include "sensor/base/bytes.h"
#include "sensor/base/list.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/base/wire.h"

enum {
    UNIT = 8,
    MAX_PAYLOAD = 65535,
    N_UNITS = (MAX_PAYLOAD + UNIT) / UNIT,
    WORD_BITS = 64,
    N_BUCKETS = 4096,
    V4_HEADER = 20,
    V6_HEADER = 40,
    BUFFER_CAP = V6_HEADER + MAX_PAYLOAD + 1,
};

struct key {
    uint8_t src[16];
    uint8_t dst[16];
    uint16_t vlans[HEADERS_MAX_VLANS];
    uint32_t id;
    uint8_t proto; /* IPv4 only */
    uint8_t family;
    uint8_t pad[2];
};

struct datagram {
    struct list in_bucket;
    struct list in_age;
    struct key key;
    uint64_t begun_us;
    size_t n_fragments;
    size_t len;      /* of the payload, once the last fragment was seen; else 0 */
    size_t furthest; /* end of the fragment that reaches furthest */
    size_t n_units;  /* filled */
    uint8_t proto;
    uint64_t filled[(N_UNITS + WORD_BITS - 1) / WORD_BITS];
    struct sbuf first; /* header room, then the payload; first reading wins */
    struct sbuf last;  /* last reading wins; cap 0 while there is no difference */
};

struct ipfrag {
    struct ipfrag_options options;
    struct list buckets[N_BUCKETS];
    struct list by_age; /* oldest first */
    size_t n;
    size_t memory;
};

struct ipfrag *ipfrag_new(const struct ipfrag_options *options)
{
    struct ipfrag *t = mem_alloc(sizeof(*t));
    if (t == NULL) {
        return NULL;
    }
    t->options = *options;
    list_init(&t->by_age);
    for (size_t i = 0; i < N_BUCKETS; i++) {
        list_init(&t->buckets[i]);
    }
    return t;
}

static size_t memory_of(const struct datagram *d)
{
    return sizeof(*d) + d->first.room + d->last.room;
}

static void unlink_datagram(struct ipfrag *t, struct datagram *d)
{
    list_remove(&d->in_bucket);
    list_remove(&d->in_age);
    t->n--;
}

static void free_datagram(struct ipfrag *t, struct datagram *d)
{
    t->memory -= memory_of(d);
    sbuf_free(&d->first);
    sbuf_free(&d->last);
    mem_free(d);
}

static void drop(struct ipfrag *t, struct datagram *d)
{
    stats_add(t->options.stats, STAT_FRAG_DROPPED, d->n_fragments);
    unlink_datagram(t, d);
    free_datagram(t, d);
}

static struct datagram *oldest(struct ipfrag *t)
{
    struct list *first = list_first(&t->by_age);
    return first == NULL ? NULL : LIST_ENTRY(first, struct datagram, in_age);
}

void ipfrag_free(struct ipfrag **t)
{
    if (*t == NULL) {
        return;
    }
    for (struct datagram *d = oldest(*t); d != NULL; d = oldest(*t)) {
        drop(*t, d);
    }
    mem_free(*t);
    *t = NULL;
}

size_t ipfrag_n(const struct ipfrag *t)
{
    return t->n;
}

size_t ipfrag_memory(const struct ipfrag *t)
{
    return t->memory;
}

static void expire(struct ipfrag *t, uint64_t clock_us)
{
    struct datagram *d = oldest(t);
    while (d != NULL && clock_us - d->begun_us > t->options.timeout_us) {
        drop(t, d);
        d = oldest(t);
    }
}

static struct key key_of(const struct ipfrag_piece *p)
{
    const struct headers *h = p->headers;
    struct key key = {
        .id = p->id,
        .proto = h->src.family == 4 ? p->proto : 0,
        .family = h->src.family,
    };
    bytes_copy(key.src, h->src.bytes, sizeof(key.src));
    bytes_copy(key.dst, h->dst.bytes, sizeof(key.dst));
    bytes_copy(key.vlans, h->vlans, sizeof(key.vlans));
    return key;
}

static struct list *bucket_of(struct ipfrag *t, const struct key *key)
{
    uint64_t hash = hash_siphash(span_of(key, sizeof(*key)), &t->options.key);
    return &t->buckets[hash % N_BUCKETS];
}

static struct datagram *find(struct list *bucket, const struct key *key)
{
    for (struct list *at = list_first(bucket); at != NULL; at = list_next(bucket, at)) {
        struct datagram *d = LIST_ENTRY(at, struct datagram, in_bucket);
        if (bytes_equal(&d->key, key, sizeof(*key))) {
            return d;
        }
    }
    return NULL;
}

static struct datagram *begin(struct ipfrag *t, struct list *bucket, const struct key *key,
                              uint64_t clock_us)
{
    struct datagram *d = mem_alloc(sizeof(*d));
    if (d == NULL) {
        return NULL;
    }
    d->key = *key;
    d->begun_us = clock_us;
    d->first = sbuf_with_cap(BUFFER_CAP);
    list_init(&d->in_bucket);
    list_init(&d->in_age);
    list_add_tail(bucket, &d->in_bucket);
    list_add_tail(&t->by_age, &d->in_age);
    t->n++;
    t->memory += memory_of(d);
    return d;
}

/* Makes the buffer reach `len` bytes of payload; what is new is not yet filled. */
static bool stretch(struct ipfrag *t, struct sbuf *b, size_t len)
{
    size_t want = V6_HEADER + len;
    if (b->len >= want) {
        return true;
    }
    size_t before = b->room;
    uint8_t *to = sbuf_reserve(b, want - b->len);
    t->memory += b->room - before;
    if (to == NULL) {
        return false;
    }
    bytes_zero(to, want - b->len);
    sbuf_commit(b, want - b->len);
    return true;
}

static bool unit_is_filled(const struct datagram *d, size_t unit)
{
    return (d->filled[unit / WORD_BITS] >> unit % WORD_BITS & 1) != 0;
}

static void fill_unit(struct datagram *d, size_t unit)
{
    d->filled[unit / WORD_BITS] |= (uint64_t)1 << unit % WORD_BITS;
    d->n_units++;
}

/* Whether any byte that is there already differs from the fragment's. */
static bool differs(const struct datagram *d, const struct ipfrag_piece *p)
{
    struct span have = span_from(sbuf_span(&d->first), V6_HEADER + p->off);
    for (size_t off = 0; off < p->data.len; off += UNIT) {
        if (unit_is_filled(d, (p->off + off) / UNIT) &&
            !span_equal(span_sub(have, off, UNIT), span_sub(p->data, off, UNIT))) {
            return true;
        }
    }
    return false;
}

/* Copies the units that are not there yet, and marks them. */
static void fill(struct datagram *d, const struct ipfrag_piece *p)
{
    for (size_t off = 0; off < p->data.len; off += UNIT) {
        size_t unit = (p->off + off) / UNIT;
        if (!unit_is_filled(d, unit)) {
            sbuf_overwrite(&d->first, V6_HEADER + p->off + off, span_sub(p->data, off, UNIT));
            fill_unit(d, unit);
        }
    }
}

/* From here on the two readings are kept apart. */
static bool begin_last(struct ipfrag *t, struct datagram *d)
{
    d->last = sbuf_with_cap(BUFFER_CAP);
    bool ok = sbuf_add(&d->last, sbuf_span(&d->first));
    t->memory += d->last.room;
    return ok;
}

static bool put(struct ipfrag *t, struct datagram *d, const struct ipfrag_piece *p,
                enum anomaly *ret_anomaly)
{
    size_t end = p->off + p->data.len;
    if (!stretch(t, &d->first, end) || (d->last.cap > 0 && !stretch(t, &d->last, end))) {
        return false;
    }
    if (differs(d, p)) {
        *ret_anomaly = ANOMALY_FRAGMENT_OVERLAP;
        if (d->last.cap == 0 && !begin_last(t, d)) {
            return false;
        }
    }
    if (d->last.cap > 0) {
        sbuf_overwrite(&d->last, V6_HEADER + p->off, p->data);
    }
    fill(d, p);
    return true;
}

/* Sizes and places that no datagram can have. The end, once known, stands. */
static bool possible(const struct datagram *d, const struct ipfrag_piece *p,
                     enum anomaly *ret_anomaly)
{
    size_t end = p->off + p->data.len;
    size_t header = d->key.family == 4 ? V4_HEADER : 0;
    if (end + header > MAX_PAYLOAD) {
        *ret_anomaly = ANOMALY_FRAGMENT_TOO_LARGE;
        return false;
    }
    if (p->data.len == 0 || (p->more && p->data.len % UNIT != 0)) {
        *ret_anomaly = ANOMALY_IP_BAD_HEADER;
        return false;
    }
    bool beyond = d->len > 0 && end > d->len;
    bool other_end = !p->more && (d->len > 0 ? end != d->len : end < d->furthest);
    if (beyond || other_end) {
        *ret_anomaly = ANOMALY_FRAGMENT_OVERLAP;
        return false;
    }
    return true;
}

/* Writes a plain header in front of the payload, in the room kept for it; returns the whole packet.
 */
static struct span with_header_v4(const struct datagram *d, struct sbuf *b)
{
    uint8_t header[V4_HEADER] = {[0] = 0x45, [8] = 64, [9] = d->proto};
    size_t total = sizeof(header) + d->len;
    header[2] = (uint8_t)(total >> 8);
    header[3] = (uint8_t)total;
    bytes_copy(&header[12], d->key.src, 4);
    bytes_copy(&header[16], d->key.dst, 4);
    uint32_t sum = ~wire_sum(span_of(header, sizeof(header)), 0);
    header[10] = (uint8_t)(sum >> 8);
    header[11] = (uint8_t)sum;
    sbuf_overwrite(b, V6_HEADER - V4_HEADER, span_of(header, sizeof(header)));
    return span_sub(sbuf_span(b), V6_HEADER - V4_HEADER, total);
}

static struct span with_header_v6(const struct datagram *d, struct sbuf *b)
{
    uint8_t header[V6_HEADER] = {[0] = 0x60, [6] = d->proto, [7] = 64};
    header[4] = (uint8_t)(d->len >> 8);
    header[5] = (uint8_t)d->len;
    bytes_copy(&header[8], d->key.src, 16);
    bytes_copy(&header[24], d->key.dst, 16);
    sbuf_overwrite(b, 0, span_of(header, sizeof(header)));
    return span_sub(sbuf_span(b), 0, sizeof(header) + d->len);
}

static struct span with_header(const struct datagram *d, struct sbuf *b)
{
    return d->key.family == 4 ? with_header_v4(d, b) : with_header_v6(d, b);
}

static enum ipfrag_result whole(struct ipfrag *t, struct datagram *d,
                                struct ipfrag_datagram *ret_datagram)
{
    size_t header = d->key.family == 4 ? V4_HEADER : V6_HEADER;
    struct ipfrag_datagram r = {.proto = d->proto, .held = d};
    r.ip = with_header(d, &d->first);
    r.payload = span_from(r.ip, header);
    if (d->last.cap > 0) {
        r.other_ip = with_header(d, &d->last);
        r.other_payload = span_from(r.other_ip, header);
    }
    unlink_datagram(t, d);
    *ret_datagram = r;
    return IPFRAG_WHOLE;
}

/* Evicts until the table is within its memory again; the datagram at hand stays. */
static void shrink(struct ipfrag *t, const struct datagram *keep)
{
    struct datagram *d = oldest(t);
    while (t->memory > t->options.memory && d != NULL && d != keep) {
        drop(t, d);
        d = oldest(t);
    }
}

static enum ipfrag_result add_to(struct ipfrag *t, struct datagram *d, struct ipfrag_piece *p,
                                 enum anomaly *ret_anomaly)
{
    if (d->key.family == 4 && p->more) {
        p->data = span_head(p->data, p->data.len / UNIT * UNIT);
    }
    if (!possible(d, p, ret_anomaly)) {
        return IPFRAG_IMPOSSIBLE;
    }
    if (!put(t, d, p, ret_anomaly)) {
        drop(t, d);
        return IPFRAG_NO_MEMORY;
    }
    size_t end = p->off + p->data.len;
    d->n_fragments++;
    d->furthest = end > d->furthest ? end : d->furthest;
    d->len = p->more ? d->len : end;
    d->proto = p->off == 0 || d->key.family == 4 ? p->proto : d->proto;
    return IPFRAG_HELD;
}

enum ipfrag_result ipfrag_add(struct ipfrag *t, const struct ipfrag_piece *piece,
                              struct ipfrag_datagram *ret_datagram, enum anomaly *ret_anomaly)
{
    expire(t, piece->clock_us);
    struct key key = key_of(piece);
    struct list *bucket = bucket_of(t, &key);
    struct datagram *d = find(bucket, &key);
    if (d == NULL) {
        d = begin(t, bucket, &key, piece->clock_us);
    }
    if (d == NULL) {
        return IPFRAG_NO_MEMORY;
    }
    struct ipfrag_piece p = *piece;
    enum ipfrag_result result = add_to(t, d, &p, ret_anomaly);
    if (result == IPFRAG_IMPOSSIBLE && d->n_fragments == 0) {
        drop(t, d);
    }
    if (result != IPFRAG_HELD) {
        return result;
    }
    shrink(t, d);
    if (d->len > 0 && d->n_units == (d->len + UNIT - 1) / UNIT) {
        return whole(t, d, ret_datagram);
    }
    return IPFRAG_HELD;
}

void ipfrag_release(struct ipfrag *t, struct ipfrag_datagram *datagram)
{
    if (datagram->held != NULL) {
        free_datagram(t, datagram->held);
    }
    *datagram = (struct ipfrag_datagram){0};
}
