/* geo: the look-up of an address in a set of databases.
 *
 * A look-up error is counted and costs no event. Each worker has a cache, which it empties when it
 * takes a newer set. */
#include "sensor/enrich/geo.h"

#include "sensor/base/hash.h"
#include "sensor/base/mem.h"
#include "sensor/core/sockname.h"
#include "sensor/enrich/assets.h"
#include "sensor/enrich/geo_parts.h"
#include "sensor/enrich/geo_watch.h"
#include "sensor/enrich/scope.h"

enum { CACHE_N = 1024 };

struct cached {
    struct addr addr;
    struct place place;
};

struct geo_cache {
    struct geo *geo; /* a reference, or NULL */
    struct geo_watch *watch;
    const struct assets *assets;
    uint64_t generation; /* of the set it has */
    struct stats *stats;
    struct cached *entries;
};

struct geo_cache *geo_cache_new(struct geo *g, struct stats *stats)
{
    struct geo_cache *c = mem_alloc(sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    *c = (struct geo_cache){.geo = g != NULL ? geo_ref(g) : NULL, .stats = stats};
    c->entries = mem_alloc_array(CACHE_N, sizeof(*c->entries));
    if (c->entries == NULL) {
        geo_cache_free(&c);
    }
    return c;
}

struct geo_cache *geo_cache_new_watching(struct geo_watch *watch, struct stats *stats)
{
    struct geo_cache *c = geo_cache_new(NULL, stats);
    if (c != NULL && watch != NULL) {
        c->watch = watch;
        c->geo = geo_watch_take(watch, &c->generation);
    }
    return c;
}

void geo_cache_free(struct geo_cache **c)
{
    if (*c == NULL) {
        return;
    }
    geo_free(&(*c)->geo);
    mem_free((*c)->entries);
    mem_free(*c);
    *c = NULL;
}

void geo_cache_name(struct geo_cache *c, const struct assets *assets)
{
    c->assets = assets;
}

static void ask(const struct geo_db *d, const struct addr *a, struct stats *stats,
                struct place *place)
{
    if (a->family == 6 && d->mmdb.metadata.ip_version == 4) {
        return; /* an IPv4 tree answers with an error, not with nothing */
    }
    struct sockaddr_storage where;
    (void)sockname_of(a, 0, &where);
    int status = MMDB_SUCCESS;
    MMDB_lookup_result_s result =
        MMDB_lookup_sockaddr(&d->mmdb, (const struct sockaddr *)(const void *)&where, &status);
    if (status != MMDB_SUCCESS ||
        (result.found_entry && !geo_layout_read(d->layout, &result.entry, place))) {
        stats_add(stats, STAT_GEO_ERRORS, 1);
    }
}

static void look_up(struct geo_cache *c, const struct addr *addr, struct place *place)
{
    struct addr a = addr_unmapped(addr);
    *place = (struct place){.scope = scope_of(&a), .asset = assets_find(c->assets, &a)};
    if (c->geo == NULL || a.family == 0 || place->scope == SCOPE_PRIVATE ||
        place->scope == SCOPE_LOOPBACK) {
        return;
    }
    for (size_t i = 0; i < c->geo->n; i++) {
        ask(c->geo->databases[i], &a, c->stats, place);
    }
}

/* A newer set, if there is one: what was known of addresses is of the old one. */
static void renew(struct geo_cache *c)
{
    if (c->watch == NULL || geo_watch_generation(c->watch) == c->generation) {
        return;
    }
    geo_free(&c->geo);
    c->geo = geo_watch_take(c->watch, &c->generation);
    for (size_t i = 0; i < CACHE_N; i++) {
        c->entries[i].addr.family = 0;
    }
}

void geo_find(struct geo_cache *c, const struct addr *addr, struct place *ret_place)
{
    renew(c);
    struct cached *slot = &c->entries[hash_fixed(addr_span(addr)) % CACHE_N];
    if (slot->addr.family == 0 || !addr_equal(&slot->addr, addr)) {
        slot->addr = *addr;
        look_up(c, addr, &slot->place);
    }
    *ret_place = slot->place;
}
