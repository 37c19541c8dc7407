/* exposure: hosts and campaigns, counted.
 *
 * A lock for each worker's tables, taken at the end of a flow and behind an alert, never for a
 * packet; nobody else wants it but now and then who asks. Tables grow up to their limit; which
 * hosts have a row is decided by who came first, the sums are right in any case. */
#include "sensor/app/exposure.h"

#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "sensor/base/mem.h"

#include <pthread.h>
#include <stdio.h>

enum { INDEX_SPARE = 2 }; /* places of the index for each row */

/* Rows of one size in the order they came, and an index of them by a key. */
struct table {
    void *rows;
    size_t row_size;
    size_t n;
    size_t room;
    size_t max;
    uint32_t *index; /* 1 + number of a row; 0: free */
    size_t n_index;
};

struct exposure {
    pthread_mutex_t mutex;
    struct table hosts;
    struct table campaigns;
    struct exposed_host other_hosts;
    struct exposed_campaign other_campaigns;
};

/* --- tables
 * ---------------------------------------------------------------------------------------------- */

static bool table_begin(struct table *t, size_t row_size, size_t max)
{
    *t = (struct table){.row_size = row_size, .max = max, .n_index = INDEX_SPARE * max + 1};
    t->index = mem_alloc_array(t->n_index, sizeof(*t->index));
    return t->index != NULL;
}

static void table_end(struct table *t)
{
    mem_free(t->rows);
    mem_free(t->index);
}

static void *row_at(const struct table *t, size_t i)
{
    return (char *)t->rows + i * t->row_size;
}

static bool table_grow(struct table *t)
{
    size_t room = t->room > 0 ? t->room * 2 : 16;
    room = room < t->max ? room : t->max;
    void *rows = room > t->n ? mem_resize(t->rows, room * t->row_size) : NULL;
    if (rows == NULL) {
        return false;
    }
    t->rows = rows;
    t->room = room;
    return true;
}

/* The row that is_it() knows, or when `make` a new one of zeros; NULL when there is none. */
static void *table_find(struct table *t, uint64_t hash, bool (*is_it)(const void *, const void *),
                        const void *key, bool make)
{
    size_t at = (size_t)(hash % t->n_index);
    while (t->index[at] != 0) {
        void *row = row_at(t, t->index[at] - 1);
        if (is_it(row, key)) {
            return row;
        }
        at = (at + 1) % t->n_index;
    }
    if (!make || (t->n == t->room && !table_grow(t))) {
        return NULL;
    }
    void *row = row_at(t, t->n++);
    bytes_zero(row, t->row_size);
    t->index[at] = (uint32_t)t->n;
    return row;
}

static bool is_host(const void *row, const void *key)
{
    const struct exposed_host *h = row;
    return addr_equal(&h->addr, key);
}

static bool is_campaign(const void *row, const void *key)
{
    const struct exposed_campaign *c = row;
    const uint64_t *id = key;
    return c->id == *id;
}

/* One of `others` has no address. */
static struct exposed_host *host_of(struct exposure *e, const struct addr *addr, bool make)
{
    uint64_t hash = hash_fixed(addr_span(addr));
    struct exposed_host *h =
        addr->family == 0 ? NULL : table_find(&e->hosts, hash, is_host, addr, make);
    if (h != NULL) {
        h->addr = *addr;
    }
    return h != NULL || !make ? h : &e->other_hosts;
}

static struct exposed_campaign *campaign_of(struct exposure *e, uint64_t id)
{
    struct exposed_campaign *c =
        id == 0 ? NULL : table_find(&e->campaigns, id, is_campaign, &id, true);
    if (c == NULL) {
        return &e->other_campaigns;
    }
    c->id = id;
    return c;
}

/* --- adding
 * ---------------------------------------------------------------------------------------------- */

static void see(uint64_t *first_us, uint64_t *last_us, uint64_t from_us, uint64_t to_us)
{
    *first_us = *first_us == 0 || (from_us != 0 && from_us < *first_us) ? from_us : *first_us;
    *last_us = to_us > *last_us ? to_us : *last_us;
}

/* The lowest are kept: which they are does not depend on who came first. */
static void add_campaign(struct exposed_host *h, uint64_t id)
{
    size_t at = 0;
    while (at < h->n_campaigns && h->campaigns[at] < id) {
        at++;
    }
    if (at < h->n_campaigns && h->campaigns[at] == id) {
        return;
    }
    h->more_campaigns = h->more_campaigns || h->n_campaigns == EXPOSURE_CAMPAIGNS;
    if (at == EXPOSURE_CAMPAIGNS) {
        return;
    }
    h->n_campaigns += h->n_campaigns < EXPOSURE_CAMPAIGNS;
    bytes_move(&h->campaigns[at + 1], &h->campaigns[at],
               (h->n_campaigns - at - 1) * sizeof(h->campaigns[0]));
    h->campaigns[at] = id;
}

static void count_attempt(struct exposed_host *h, const struct alert_facts *f)
{
    h->attempts++;
    h->by_class[f->class]++;
    h->by_field[f->field]++;
    add_campaign(h, f->campaign);
}

static void count_campaign(struct exposed_campaign *c, const struct alert_facts *f)
{
    if (c->attempts == 0) {
        c->scheme = f->scheme;
        (void)snprintf(c->callback, sizeof(c->callback), "%s", c->id != 0 ? f->callback : "");
    }
    c->attempts++;
    c->class = f->class > c->class ? f->class : c->class;
    see(&c->first_us, &c->last_us, f->time_us, f->time_us);
    distinct_add(&c->targets, hash_fixed(addr_span(&f->target)));
    distinct_add(&c->clients, hash_fixed(addr_span(&f->client)));
}

void exposure_alert(struct exposure *e, const struct alert_facts *facts)
{
    (void)pthread_mutex_lock(&e->mutex);
    struct exposed_host *h = host_of(e, &facts->target, true);
    h->asset = facts->asset;
    see(&h->first_us, &h->last_us, facts->time_us, facts->time_us);
    if (facts->is_lookup) {
        count_attempt(h, facts);
        count_campaign(campaign_of(e, facts->campaign), facts);
    } else {
        h->rules++;
    }
    (void)pthread_mutex_unlock(&e->mutex);
}

/* Payload that a decoder saw, holes in it, and what was passed over as a whole. */
static uint64_t payload_of(const struct conn *conn)
{
    uint64_t bytes = conn->stream_bytes[0] + conn->stream_bytes[1];
    return bytes + (conn->opaque ? conn_extra(conn)->lost[conn->opaque_reason] : 0);
}

void exposure_flow(struct exposure *e, const struct conn *conn, const struct asset *asset, bool own)
{
    uint64_t payload = payload_of(conn);
    uint64_t lost = conn_lost_bytes(conn);
    if (payload == 0 && lost == 0) {
        return;
    }
    (void)pthread_mutex_lock(&e->mutex);
    struct exposed_host *h = host_of(e, &conn->addr[TO_CLIENT], own);
    if (h != NULL) {
        h->asset = asset;
        h->flows++;
        h->payload_bytes += payload > lost ? payload : lost;
        h->not_inspected_bytes += lost;
    }
    (void)pthread_mutex_unlock(&e->mutex);
}

/* --- summing
 * --------------------------------------------------------------------------------------------- */

static void sum_host(struct exposed_host *to, const struct exposed_host *from)
{
    to->asset = from->addr.family != 0 ? from->asset : NULL;
    to->attempts += from->attempts;
    to->rules += from->rules;
    for (size_t i = 0; i < EXPOSURE_CLASSES; i++) {
        to->by_class[i] += from->by_class[i];
    }
    for (size_t i = 0; i < FIELD_N; i++) {
        to->by_field[i] += from->by_field[i];
    }
    for (size_t i = 0; i < from->n_campaigns; i++) {
        add_campaign(to, from->campaigns[i]);
    }
    to->more_campaigns = to->more_campaigns || from->more_campaigns;
    see(&to->first_us, &to->last_us, from->first_us, from->last_us);
    to->flows += from->flows;
    to->payload_bytes += from->payload_bytes;
    to->not_inspected_bytes += from->not_inspected_bytes;
}

/* Of whom it was heard first says how it calls. */
static void sum_campaign(struct exposed_campaign *to, const struct exposed_campaign *from)
{
    if (from->attempts == 0) {
        return;
    }
    if (to->attempts == 0 || from->first_us < to->first_us) {
        to->scheme = from->scheme;
        (void)snprintf(to->callback, sizeof(to->callback), "%s", to->id != 0 ? from->callback : "");
    }
    to->attempts += from->attempts;
    to->class = from->class > to->class ? from->class : to->class;
    see(&to->first_us, &to->last_us, from->first_us, from->last_us);
    distinct_join(&to->targets, &from->targets);
    distinct_join(&to->clients, &from->clients);
}

void exposure_sum(struct exposure *to, struct exposure *from)
{
    (void)pthread_mutex_lock(&from->mutex);
    for (size_t i = 0; i < from->hosts.n; i++) {
        const struct exposed_host *h = row_at(&from->hosts, i);
        sum_host(host_of(to, &h->addr, true), h);
    }
    sum_host(&to->other_hosts, &from->other_hosts);
    for (size_t i = 0; i < from->campaigns.n; i++) {
        const struct exposed_campaign *c = row_at(&from->campaigns, i);
        sum_campaign(campaign_of(to, c->id), c);
    }
    sum_campaign(&to->other_campaigns, &from->other_campaigns);
    (void)pthread_mutex_unlock(&from->mutex);
}

/* --- life
 * ------------------------------------------------------------------------------------------------
 */

struct exposure *exposure_new(const struct exposure_limits *limits)
{
    struct exposure *e = mem_alloc(sizeof(*e));
    if (e == NULL) {
        return NULL;
    }
    (void)pthread_mutex_init(&e->mutex, NULL);
    if (!table_begin(&e->hosts, sizeof(struct exposed_host), limits->hosts) ||
        !table_begin(&e->campaigns, sizeof(struct exposed_campaign), limits->campaigns)) {
        exposure_free(&e);
    }
    return e;
}

void exposure_free(struct exposure **e)
{
    if (*e == NULL) {
        return;
    }
    table_end(&(*e)->hosts);
    table_end(&(*e)->campaigns);
    (void)pthread_mutex_destroy(&(*e)->mutex);
    mem_free(*e);
    *e = NULL;
}

const struct exposed_host *exposure_host(const struct exposure *e, size_t i)
{
    return i < e->hosts.n ? row_at(&e->hosts, i) : NULL;
}

const struct exposed_host *exposure_other_hosts(const struct exposure *e)
{
    return &e->other_hosts;
}

const struct exposed_campaign *exposure_campaign(const struct exposure *e, size_t i)
{
    return i < e->campaigns.n ? row_at(&e->campaigns, i) : NULL;
}

const struct exposed_campaign *exposure_other_campaigns(const struct exposure *e)
{
    return &e->other_campaigns;
}
