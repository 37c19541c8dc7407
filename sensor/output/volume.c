/* volume: the counting behind roll-ups.
 *
 * Tables are small and searched from their start: an alert costs far more than that to make. A
 * campaign's memory is taken when it is first seen in an interval and kept for the next one. When
 * there is none, the campaign is one of the others. */
#include "sensor/output/volume.h"

#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "sensor/base/mem.h"

#include <stdio.h>

struct volume {
    struct volume_limits limits;
    struct volume_group *total;
    struct volume_group *other;
    struct volume_group **campaigns; /* room for limits.campaigns; those behind n are spare */
    size_t n;
    size_t n_made;
};

const char *volume_by_name(enum volume_by by)
{
    static const char *const names[VOLUME_BY_N] = {
        [VOLUME_BY_CLASS] = "class",     [VOLUME_BY_FIELD] = "field",
        [VOLUME_BY_SCHEME] = "scheme",   [VOLUME_BY_COUNTRY] = "country",
        [VOLUME_BY_NETWORK] = "network", [VOLUME_BY_TARGET] = "target",
    };
    CHECK(by < VOLUME_BY_N);
    return names[by];
}

/* --- groups
 * --------------------------------------------------------------------------------------------- */

static void group_free(struct volume_group *g)
{
    for (size_t i = 0; g != NULL && i < VOLUME_BY_N; i++) {
        mem_free(g->by[i].list);
    }
    mem_free(g);
}

static struct volume_group *group_new(const struct volume_limits *limits)
{
    struct volume_group *g = mem_alloc(sizeof(*g));
    bool good = g != NULL;
    for (size_t i = 0; good && i < VOLUME_BY_N; i++) {
        g->by[i].list = mem_alloc_array(limits->values, sizeof(*g->by[i].list));
        good = g->by[i].list != NULL;
    }
    if (!good) {
        group_free(g);
        return NULL;
    }
    return g;
}

/* Keeps its memory. */
static void group_reset(struct volume_group *g)
{
    struct volume_group empty = {0};
    for (size_t i = 0; i < VOLUME_BY_N; i++) {
        empty.by[i].list = g->by[i].list;
    }
    *g = empty;
}

static void count_value(struct volume_values *v, size_t room, const char *text)
{
    for (size_t i = 0; i < v->n; i++) {
        if (span_equal(span_str(v->list[i].text), span_str(text))) {
            v->list[i].n++;
            return;
        }
    }
    if (v->n == room) {
        v->other++;
        return;
    }
    struct volume_value *value = &v->list[v->n++];
    (void)snprintf(value->text, sizeof(value->text), "%s", text);
    value->n = 1;
}

static void count_client(struct volume_clients *c, const struct addr *addr)
{
    uint64_t hash = hash_fixed(addr_span(addr));
    distinct_add(&c->all, hash);
    size_t kept = c->n < VOLUME_CLIENTS ? c->n : VOLUME_CLIENTS;
    for (size_t i = 0; i < kept; i++) {
        if (c->hashes[i] == hash) {
            return;
        }
    }
    if (c->n < VOLUME_CLIENTS) {
        c->hashes[c->n] = hash;
    }
    c->n += c->n <= VOLUME_CLIENTS; /* one more than there is room for: they are many */
}

uint64_t volume_n_clients(const struct volume_group *g)
{
    return g->clients.n <= VOLUME_CLIENTS ? g->clients.n : distinct_count(&g->clients.all);
}

/* "unknown" keeps the sum of each kind that of the alerts. */
static void count_by(struct volume_group *g, size_t room, const struct alert_facts *f)
{
    char target[ADDR_TEXT_SIZE];
    char network[16] = "unknown";
    addr_format(&f->target, target, sizeof(target));
    if (f->as_number != 0) {
        (void)snprintf(network, sizeof(network), "AS%u", (unsigned)f->as_number);
    }
    const char *class = f->is_lookup ? alert_class_name(f->class) : "rule";
    const char *texts[VOLUME_BY_N] = {
        [VOLUME_BY_CLASS] = class,
        [VOLUME_BY_FIELD] = f->field < FIELD_N ? field_info(f->field)->name : "unknown",
        [VOLUME_BY_SCHEME] = scheme_name(f->scheme),
        [VOLUME_BY_COUNTRY] = f->country[0] != '\0' ? f->country : "unknown",
        [VOLUME_BY_NETWORK] = network,
        [VOLUME_BY_TARGET] = target[0] != '\0' ? target : "unknown",
    };
    for (size_t i = 0; i < VOLUME_BY_N; i++) {
        count_value(&g->by[i], room, texts[i]);
    }
}

static void group_add(struct volume_group *g, size_t room, const struct event *alert, bool told)
{
    uint64_t time_us = alert->facts->time_us;
    if (g->alerts == 0) {
        g->client = alert->facts->client;
        g->target = alert->facts->target;
    }
    g->first_us = g->alerts == 0 || time_us < g->first_us ? time_us : g->first_us;
    g->last_us = time_us > g->last_us ? time_us : g->last_us;
    g->alerts++;
    g->told += told;
    count_client(&g->clients, &alert->facts->client);
    count_by(g, room, alert->facts);
}

/* --- interface
 * ------------------------------------------------------------------------------------------ */

struct volume *volume_new(const struct volume_limits *limits)
{
    struct volume *v = mem_alloc(sizeof(*v));
    if (v == NULL) {
        return NULL;
    }
    v->limits = *limits;
    v->total = group_new(limits);
    v->other = group_new(limits);
    v->campaigns = mem_alloc_array(limits->campaigns, sizeof(struct volume_group *));
    if (v->total == NULL || v->other == NULL || v->campaigns == NULL) {
        volume_free(&v);
    }
    return v;
}

void volume_free(struct volume **v)
{
    if (*v == NULL) {
        return;
    }
    for (size_t i = 0; i < (*v)->n_made; i++) {
        group_free((*v)->campaigns[i]);
    }
    group_free((*v)->total);
    group_free((*v)->other);
    mem_free((*v)->campaigns);
    mem_free(*v);
    *v = NULL;
}

static struct volume_group *begin_campaign(struct volume *v, const struct alert_facts *f)
{
    if (v->n == v->limits.campaigns) {
        return v->other;
    }
    if (v->n == v->n_made) {
        v->campaigns[v->n] = group_new(&v->limits);
        v->n_made += v->campaigns[v->n] != NULL;
    }
    if (v->n == v->n_made) {
        return v->other;
    }
    struct volume_group *g = v->campaigns[v->n++];
    g->campaign = f->campaign;
    (void)snprintf(g->callback, sizeof(g->callback), "%s", f->callback);
    return g;
}

static struct volume_group *group_of(struct volume *v, const struct alert_facts *f)
{
    for (size_t i = 0; i < v->n; i++) {
        if (v->campaigns[i]->campaign == f->campaign) {
            return v->campaigns[i];
        }
    }
    return begin_campaign(v, f);
}

void volume_add(struct volume *v, const struct event *alert, bool told)
{
    group_add(v->total, v->limits.values, alert, told);
    if (alert->facts->is_lookup) {
        group_add(group_of(v, alert->facts), v->limits.values, alert, told);
    }
}

const struct volume_group *volume_total(const struct volume *v)
{
    return v->total;
}

const struct volume_group *volume_campaign(const struct volume *v, size_t i)
{
    return i < v->n ? v->campaigns[i] : NULL;
}

const struct volume_group *volume_other(const struct volume *v)
{
    return v->other;
}

void volume_reset(struct volume *v)
{
    for (size_t i = 0; i < v->n; i++) {
        group_reset(v->campaigns[i]);
    }
    group_reset(v->total);
    group_reset(v->other);
    v->n = 0;
}
