/* ipfrag: reassembly of IPv4 (RFC 791, 815) and IPv6 (RFC 8200 4.5) fragments.
 *
 * A datagram is one buffer and a bitmap of its 8-byte units, so the cost of a fragment depends on
 * its own length only, however many came before and in whatever order. Where fragments overlap with
 * different data receivers do not agree which stands (Ptacek and Newsham 1998), and some fragments
 * may not have reached the receiver: up to four versions of each unit are kept, and as many
 * readings handed out. Fragments that contradict each other about where the datagram ends are
 * readings, too, one for each end that is reached. The decoy may be what made a datagram whole, so
 * the last datagrams that were handed out are kept: a fragment that differs from theirs gives
 * another reading, and may as well be the first of a new datagram with the same number.
 *
 * Limits: the table's memory (the oldest datagram goes), a timeout from the first fragment on,
 * 65535 bytes a datagram, three ends, 64 datagrams that are kept. A fragment of IPv4 that is not
 * the last is cut to a multiple of 8 bytes as Linux does; over IPv6 it is refused. Nothing is said
 * of fragments' options: the plain header in front of a whole datagram is of our own making. */
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
    N_WORDS = (N_UNITS + WORD_BITS - 1) / WORD_BITS,
    MAX_OTHERS = 3,
    MAX_ENDS = 3,
    MAX_KEPT = 64,
};

struct key {
    uint8_t src[16];
    uint8_t dst[16];
    uint16_t vlans[HEADERS_MAX_VLANS];
    uint32_t network;
    uint32_t id;
    uint8_t proto; /* IPv4 only */
    uint8_t family;
    uint8_t pad[2];
};

/* A reading other than the first: the units that were the n-th of their kind, and where there are
 * fewer the latest. */
struct version {
    struct sbuf bytes;     /* as datagram.first */
    uint64_t own[N_WORDS]; /* units that have a version of this number */
};

struct end {
    size_t len; /* of the payload, by a fragment that says it is the last */
    bool told;
};

struct datagram {
    struct list in_bucket;
    struct list in_age;
    struct key key;
    uint64_t begun_us;
    size_t n_fragments;
    size_t furthest;   /* end of the fragment that reaches furthest */
    size_t contiguous; /* units filled from the start on */
    struct end ends[MAX_ENDS];
    unsigned n_ends;
    uint8_t proto;
    bool kept;   /* was handed out, and stays for what may come behind */
    bool in_use; /* its buffers are: it cannot go */
    uint64_t filled[N_WORDS];
    struct sbuf first; /* header room, then the payload; the first version of each unit */
    struct version *others[MAX_OTHERS]; /* NULL while there is no difference */
};

struct ipfrag {
    struct ipfrag_options options;
    struct list buckets[N_BUCKETS];
    struct list by_age; /* that are not whole, oldest first */
    struct list kept;   /* oldest first */
    size_t n;
    size_t n_kept;
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
    list_init(&t->kept);
    for (size_t i = 0; i < N_BUCKETS; i++) {
        list_init(&t->buckets[i]);
    }
    return t;
}

static size_t memory_of(const struct datagram *d)
{
    size_t size = sizeof(*d) + d->first.room;
    for (size_t i = 0; i < MAX_OTHERS && d->others[i] != NULL; i++) {
        size += sizeof(*d->others[i]) + d->others[i]->bytes.room;
    }
    return size;
}

static void unlink_datagram(struct ipfrag *t, struct datagram *d)
{
    list_remove(&d->in_bucket);
    list_remove(&d->in_age);
    t->n -= d->kept ? 0 : 1;
    t->n_kept -= d->kept ? 1 : 0;
}

static void free_datagram(struct ipfrag *t, struct datagram *d)
{
    t->memory -= memory_of(d);
    sbuf_free(&d->first);
    for (size_t i = 0; i < MAX_OTHERS && d->others[i] != NULL; i++) {
        sbuf_free(&d->others[i]->bytes);
        mem_free(d->others[i]);
    }
    mem_free(d);
}

static void drop(struct ipfrag *t, struct datagram *d)
{
    stats_add(t->options.stats, STAT_FRAG_DROPPED, d->n_fragments);
    unlink_datagram(t, d);
    free_datagram(t, d);
}

/* The oldest of a list that can go: one is in use at most. */
static struct datagram *oldest_of(struct list *list)
{
    struct list *at = list_first(list);
    if (at != NULL && LIST_ENTRY(at, struct datagram, in_age)->in_use) {
        at = list_next(list, at);
    }
    return at == NULL ? NULL : LIST_ENTRY(at, struct datagram, in_age);
}

/* What was handed out goes first. */
static struct datagram *oldest(struct ipfrag *t)
{
    struct datagram *d = oldest_of(&t->kept);
    return d != NULL ? d : oldest_of(&t->by_age);
}

void ipfrag_free(struct ipfrag **t)
{
    if (*t == NULL) {
        return;
    }
    for (struct datagram *d = oldest(*t); d != NULL; d = oldest(*t)) {
        d->in_use = false;
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
    struct list *const lists[] = {&t->kept, &t->by_age};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct datagram *d = oldest_of(lists[i]);
        while (d != NULL && clock_us - d->begun_us > t->options.timeout_us) {
            drop(t, d);
            d = oldest_of(lists[i]);
        }
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
    key.network = h->network;
    return key;
}

static struct list *bucket_of(struct ipfrag *t, const struct key *key)
{
    uint64_t hash = hash_siphash(span_of(key, sizeof(*key)), &t->options.key);
    return &t->buckets[hash % N_BUCKETS];
}

static struct datagram *find(struct list *bucket, const struct key *key, bool kept)
{
    for (struct list *at = list_first(bucket); at != NULL; at = list_next(bucket, at)) {
        struct datagram *d = LIST_ENTRY(at, struct datagram, in_bucket);
        if (d->kept == kept && !d->in_use && bytes_equal(&d->key, key, sizeof(*key))) {
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

static bool has_unit(const uint64_t *units, size_t unit)
{
    return (units[unit / WORD_BITS] >> unit % WORD_BITS & 1) != 0;
}

static void add_unit(uint64_t *units, size_t unit)
{
    units[unit / WORD_BITS] |= (uint64_t)1 << unit % WORD_BITS;
}

static bool unit_is(const struct sbuf *b, size_t at, struct span bytes)
{
    return span_equal(span_sub(sbuf_span(b), at, bytes.len), bytes);
}

/* Whether one of the versions of a unit that is there says this. */
static bool is_known(const struct datagram *d, size_t at, struct span bytes)
{
    bool known = unit_is(&d->first, at, bytes);
    for (size_t i = 0; !known && i < MAX_OTHERS && d->others[i] != NULL; i++) {
        known = unit_is(&d->others[i]->bytes, at, bytes);
    }
    return known;
}

/* Begins with the latest of all units, which the one before it has. */
static struct version *begin_version(struct ipfrag *t, const struct sbuf *latest)
{
    struct version *v = mem_alloc(sizeof(*v));
    if (v == NULL) {
        return NULL;
    }
    v->bytes = sbuf_with_cap(BUFFER_CAP);
    if (!sbuf_add(&v->bytes, sbuf_span(latest))) {
        sbuf_free(&v->bytes);
        mem_free(v);
        return NULL;
    }
    t->memory += sizeof(*v) + v->bytes.room;
    return v;
}

/* One more version of a unit: the next of its kind, and the latest in all readings behind. */
static bool add_version(struct ipfrag *t, struct datagram *d, size_t unit, size_t at,
                        struct span bytes)
{
    size_t i = 0;
    while (i + 1 < MAX_OTHERS && d->others[i] != NULL && has_unit(d->others[i]->own, unit)) {
        i++;
    }
    if (d->others[i] == NULL) {
        d->others[i] = begin_version(t, i == 0 ? &d->first : &d->others[i - 1]->bytes);
    }
    if (d->others[i] == NULL) {
        return false;
    }
    add_unit(d->others[i]->own, unit);
    for (; i < MAX_OTHERS && d->others[i] != NULL; i++) {
        sbuf_overwrite(&d->others[i]->bytes, at, bytes);
    }
    return true;
}

static void fill_unit(struct datagram *d, size_t unit, size_t at, struct span bytes)
{
    add_unit(d->filled, unit);
    sbuf_overwrite(&d->first, at, bytes);
    for (size_t i = 0; i < MAX_OTHERS && d->others[i] != NULL; i++) {
        sbuf_overwrite(&d->others[i]->bytes, at, bytes);
    }
}

static bool stretch_all(struct ipfrag *t, struct datagram *d, size_t end)
{
    bool ok = stretch(t, &d->first, end);
    for (size_t i = 0; ok && i < MAX_OTHERS && d->others[i] != NULL; i++) {
        ok = stretch(t, &d->others[i]->bytes, end);
    }
    return ok;
}

static bool put(struct ipfrag *t, struct datagram *d, const struct ipfrag_piece *p,
                enum anomaly *ret_anomaly)
{
    if (!stretch_all(t, d, p->off + p->data.len)) {
        return false;
    }
    for (size_t off = 0; off < p->data.len; off += UNIT) {
        size_t unit = (p->off + off) / UNIT;
        size_t at = V6_HEADER + p->off + off;
        struct span bytes = span_sub(p->data, off, UNIT);
        if (!has_unit(d->filled, unit)) {
            fill_unit(d, unit, at, bytes);
        } else if (!is_known(d, at, bytes)) {
            *ret_anomaly = ANOMALY_FRAGMENT_OVERLAP;
            if (!add_version(t, d, unit, at, bytes)) {
                return false;
            }
        }
    }
    while (d->contiguous < N_UNITS && has_unit(d->filled, d->contiguous)) {
        d->contiguous++;
    }
    return true;
}

/* Sizes and places that no datagram can have. */
static bool possible(const struct datagram *d, const struct ipfrag_piece *p,
                     enum anomaly *ret_anomaly)
{
    size_t header = d->key.family == 4 ? V4_HEADER : 0;
    if (p->off + p->data.len + header > MAX_PAYLOAD) {
        *ret_anomaly = ANOMALY_FRAGMENT_TOO_LARGE;
        return false;
    }
    if (p->data.len == 0 || (p->more && p->data.len % UNIT != 0)) {
        *ret_anomaly = ANOMALY_IP_BAD_HEADER;
        return false;
    }
    return true;
}

/* Notes what the fragment says of the end; false when it is one end too many. */
static bool note_end(struct datagram *d, const struct ipfrag_piece *p, enum anomaly *ret_anomaly)
{
    size_t end = p->off + p->data.len;
    bool known = false;
    for (unsigned i = 0; i < d->n_ends; i++) {
        known = known || d->ends[i].len == end;
        if (end > d->ends[i].len) {
            *ret_anomaly = ANOMALY_FRAGMENT_OVERLAP;
        }
    }
    if (p->more || known) {
        return true;
    }
    if (d->n_ends > 0 || end < d->furthest) {
        *ret_anomaly = ANOMALY_FRAGMENT_OVERLAP;
    }
    if (d->n_ends == MAX_ENDS) {
        return false;
    }
    d->ends[d->n_ends++] = (struct end){.len = end};
    return true;
}

/* Writes a plain header in front of the payload, in the room kept for it; returns the whole packet.
 */
static struct span with_header_v4(const struct datagram *d, struct sbuf *b, size_t len)
{
    uint8_t header[V4_HEADER] = {[0] = 0x45, [8] = 64, [9] = d->proto};
    size_t total = sizeof(header) + len;
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

static struct span with_header_v6(const struct datagram *d, struct sbuf *b, size_t len)
{
    uint8_t header[V6_HEADER] = {[0] = 0x60, [6] = d->proto, [7] = 64};
    header[4] = (uint8_t)(len >> 8);
    header[5] = (uint8_t)len;
    bytes_copy(&header[8], d->key.src, 16);
    bytes_copy(&header[24], d->key.dst, 16);
    sbuf_overwrite(b, 0, span_of(header, sizeof(header)));
    return span_sub(sbuf_span(b), 0, sizeof(header) + len);
}

static struct span with_header(const struct datagram *d, struct sbuf *b, size_t len)
{
    return d->key.family == 4 ? with_header_v4(d, b, len) : with_header_v6(d, b, len);
}

static size_t header_of(const struct datagram *d)
{
    return d->key.family == 4 ? V4_HEADER : V6_HEADER;
}

static bool is_reached(const struct datagram *d, const struct end *end)
{
    return (end->len + UNIT - 1) / UNIT <= d->contiguous;
}

/* The furthest end that was not told, and before which all is there; NULL: none. */
static struct end *reached_end(struct datagram *d)
{
    struct end *furthest = NULL;
    for (unsigned i = 0; i < d->n_ends; i++) {
        struct end *end = &d->ends[i];
        bool further = furthest == NULL || end->len > furthest->len;
        if (!end->told && is_reached(d, end) && further) {
            furthest = end;
        }
    }
    return furthest;
}

/* The datagram as it is up to an end. */
static void hand_out(struct datagram *d, struct end *end, struct ipfrag_datagram *ret_datagram)
{
    end->told = true;
    struct span ip = with_header(d, &d->first, end->len);
    *ret_datagram = (struct ipfrag_datagram){
        .ip = ip, .payload = span_from(ip, header_of(d)), .proto = d->proto, .held = d};
}

static enum ipfrag_result whole(struct ipfrag *t, struct datagram *d, struct end *end,
                                struct ipfrag_datagram *ret_datagram)
{
    hand_out(d, end, ret_datagram);
    d->n_fragments = 0; /* these were of use */
    d->in_use = true;
    d->kept = true;
    t->n--;
    t->n_kept++;
    list_remove(&d->in_age);
    list_add_tail(&t->kept, &d->in_age);
    if (t->n_kept > MAX_KEPT) {
        drop(t, oldest_of(&t->kept));
    }
    return IPFRAG_WHOLE;
}

bool ipfrag_other(struct ipfrag_datagram *datagram)
{
    struct datagram *d = datagram->held;
    if (d == NULL) {
        return false;
    }
    if (datagram->n_told < MAX_OTHERS && d->others[datagram->n_told] != NULL) {
        struct sbuf *b = &d->others[datagram->n_told++]->bytes;
        datagram->ip = with_header(d, b, datagram->payload.len);
        datagram->payload = span_from(datagram->ip, header_of(d));
        return true;
    }
    struct end *end = reached_end(d);
    if (end != NULL) {
        hand_out(d, end, datagram);
    }
    return end != NULL;
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

static enum ipfrag_result add_to(struct ipfrag *t, struct datagram *d, const struct ipfrag_piece *p,
                                 enum anomaly *ret_anomaly)
{
    enum ipfrag_result result = IPFRAG_IMPOSSIBLE;
    if (possible(d, p, ret_anomaly) && note_end(d, p, ret_anomaly)) {
        result = put(t, d, p, ret_anomaly) ? IPFRAG_HELD : IPFRAG_NO_MEMORY;
    }
    if (result == IPFRAG_NO_MEMORY || (result == IPFRAG_IMPOSSIBLE && d->n_fragments == 0)) {
        drop(t, d);
    }
    if (result == IPFRAG_HELD) {
        size_t end = p->off + p->data.len;
        d->n_fragments++;
        d->furthest = end > d->furthest ? end : d->furthest;
        d->proto = p->off == 0 || d->key.family == 4 ? p->proto : d->proto;
        shrink(t, d);
    }
    return result;
}

/* Whether a fragment begins a new datagram that has the number of a kept one: the transport header
 * differs. */
static bool begins_another(const struct datagram *kept, const struct ipfrag_piece *p)
{
    return p->off == 0 && !unit_is(&kept->first, V6_HEADER, span_head(p->data, UNIT));
}

/* Whether a fragment that came behind a kept datagram gives another reading of it. */
static bool add_to_kept(struct ipfrag *t, struct datagram *d, const struct ipfrag_piece *p,
                        enum anomaly *ret_anomaly)
{
    enum anomaly overlap = ANOMALY_N;
    if (begins_another(d, p)) {
        drop(t, d);
        return false;
    }
    if (!possible(d, p, ret_anomaly) || !note_end(d, p, &overlap)) {
        return false;
    }
    size_t furthest = d->furthest;
    if (!put(t, d, p, &overlap)) {
        drop(t, d);
        return false;
    }
    size_t end = p->off + p->data.len;
    d->furthest = end > furthest ? end : furthest;
    *ret_anomaly = overlap != ANOMALY_N ? overlap : *ret_anomaly;
    return overlap != ANOMALY_N || reached_end(d) != NULL;
}

/* The latest version of a kept datagram; ipfrag_other() goes on with its ends. */
static enum ipfrag_result other(struct datagram *d, struct ipfrag_datagram *ret_datagram)
{
    hand_out(d, &d->ends[0], ret_datagram);
    while (ret_datagram->n_told + 1 < MAX_OTHERS && d->others[ret_datagram->n_told + 1] != NULL) {
        ret_datagram->n_told++;
    }
    d->in_use = true;
    return IPFRAG_OTHER;
}

enum ipfrag_result ipfrag_add(struct ipfrag *t, const struct ipfrag_piece *piece,
                              struct ipfrag_datagram *ret_datagram, enum anomaly *ret_anomaly)
{
    expire(t, piece->clock_us);
    struct ipfrag_piece p = *piece;
    if (p.headers->src.family == 4 && p.more) {
        p.data = span_head(p.data, p.data.len / UNIT * UNIT);
    }
    struct key key = key_of(&p);
    struct list *bucket = bucket_of(t, &key);
    struct datagram *kept = find(bucket, &key, true);
    struct datagram *d = find(bucket, &key, false);
    bool has_other = kept != NULL && add_to_kept(t, kept, &p, ret_anomaly);
    enum ipfrag_result result = IPFRAG_NO_MEMORY;
    d = d != NULL ? d : begin(t, bucket, &key, p.clock_us);
    if (d != NULL) {
        result = add_to(t, d, &p, ret_anomaly);
    }
    if (result == IPFRAG_HELD && reached_end(d) != NULL) {
        return whole(t, d, reached_end(d), ret_datagram);
    }
    return has_other ? other(kept, ret_datagram) : result;
}

void ipfrag_release(struct ipfrag *t, struct ipfrag_datagram *datagram)
{
    struct datagram *d = datagram->held;
    *datagram = (struct ipfrag_datagram){0};
    if (d != NULL) {
        d->in_use = false;
        shrink(t, NULL);
    }
}
