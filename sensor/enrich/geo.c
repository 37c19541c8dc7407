/* geo: the look-up of an address in a set of databases.
 *
 * A look-up error is counted and costs no event. Each worker has two caches, which it empties when
 * it takes a newer set: of addresses, and, since many addresses share a record and reading one is
 * what costs, of what the databases' records come to together. An address only says which of these
 * it has, so that there is room for many. */
#include "sensor/enrich/geo.h"

#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "sensor/base/mem.h"
#include "sensor/core/sockname.h"
#include "sensor/enrich/assets.h"
#include "sensor/enrich/geo_parts.h"
#include "sensor/enrich/geo_watch.h"
#include "sensor/enrich/scope.h"

enum { CACHE_N = 8192, RECORDS_N = 512 };

/* What is known of an address: the records that were at an index when they had this number. */
struct cached {
    struct addr addr; /* of no family: none */
    enum scope scope;
    uint32_t index; /* RECORDS_N: the databases know nothing of it */
    uint32_t number;
    const struct asset *asset;
};

/* Where in each database the record of an address is: its offset and 1, or 0 without one. */
struct where {
    uint32_t at[GEO_DATABASES_MAX];
};

/* What the records there come to. */
struct known {
    struct where where;
    uint32_t number; /* of those that were read, from 1; 0: unused */
    unsigned n_errors;
    struct place place; /* but for its scope and asset */
};

struct geo_cache {
    struct geo *geo; /* a reference, or NULL */
    struct geo_watch *watch;
    const struct assets *assets;
    uint64_t generation; /* of the set it has */
    struct stats *stats;
    struct cached *entries;
    struct known *records;
    uint32_t n_read; /* records so far */
    struct hash_row row;
};

struct geo_cache *geo_cache_new(struct geo *g, struct stats *stats)
{
    struct geo_cache *c = mem_alloc(sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    static const struct hash_key key = {0x67656f2d63616368, 0x652d6f662d616464};
    *c = (struct geo_cache){.geo = g != NULL ? geo_ref(g) : NULL, .stats = stats};
    c->row = hash_row_of(&key); /* whoever aims at a place wins that a look-up is done again */
    c->entries = mem_alloc_array(CACHE_N, sizeof(*c->entries));
    c->records = mem_alloc_array(RECORDS_N, sizeof(*c->records));
    if (c->entries == NULL || c->records == NULL) {
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
    mem_free((*c)->records);
    mem_free(*c);
    *c = NULL;
}

void geo_cache_name(struct geo_cache *c, const struct assets *assets)
{
    c->assets = assets;
}

/* Where a database has the record of an address, as in `where`. */
static uint32_t find_record(const struct geo_db *d, const struct addr *a, struct stats *stats)
{
    if (a->family == 6 && d->mmdb.metadata.ip_version == 4) {
        return 0; /* an IPv4 tree answers with an error, not with nothing */
    }
    struct sockaddr_storage name;
    (void)sockname_of(a, 0, &name);
    int status = MMDB_SUCCESS;
    MMDB_lookup_result_s result =
        MMDB_lookup_sockaddr(&d->mmdb, (const struct sockaddr *)(const void *)&name, &status);
    stats_add(stats, STAT_GEO_ERRORS, status != MMDB_SUCCESS);
    return status == MMDB_SUCCESS && result.found_entry ? result.entry.offset + 1 : 0;
}

/* What is at these places of the databases. */
static void read_records(struct geo_cache *c, const struct where *where, struct known *ret)
{
    const struct geo *geo = c->geo;
    c->n_read += c->n_read < UINT32_MAX ? 1 : 2; /* 0 is none */
    *ret = (struct known){.where = *where, .number = c->n_read};
    for (size_t i = 0; i < geo->n; i++) {
        const struct geo_db *d = geo->databases[i];
        MMDB_entry_s entry = {.mmdb = &d->mmdb, .offset = where->at[i] - 1};
        if (where->at[i] != 0 && !geo_layout_read(d->layout, &entry, &ret->place)) {
            ret->n_errors++;
        }
    }
}

/* The index of the records at these places. */
static uint32_t records_at(struct geo_cache *c, const struct where *where)
{
    struct span key = span_of(where, sizeof(*where));
    uint32_t index = (uint32_t)(hash_fixed(key) % RECORDS_N);
    struct known *known = &c->records[index];
    if (known->number == 0 || !bytes_equal(&known->where, where, sizeof(*where))) {
        read_records(c, where, known);
    }
    stats_add(c->stats, STAT_GEO_ERRORS, known->n_errors);
    return index;
}

/* The index of what the databases know of an address; RECORDS_N: nothing. */
static uint32_t ask(struct geo_cache *c, const struct addr *a)
{
    struct where where = {{0}};
    bool any = false;
    for (size_t i = 0; i < c->geo->n; i++) {
        where.at[i] = find_record(c->geo->databases[i], a, c->stats);
        any = any || where.at[i] != 0;
    }
    return any ? records_at(c, &where) : RECORDS_N;
}

static struct cached look_up(struct geo_cache *c, const struct addr *addr)
{
    struct addr a = addr_unmapped(addr);
    struct cached found = {.addr = *addr, .scope = scope_of(&a), .index = RECORDS_N};
    found.asset = assets_find(c->assets, &a);
    if (c->geo != NULL && a.family != 0 && found.scope != SCOPE_PRIVATE &&
        found.scope != SCOPE_LOOPBACK) {
        found.index = ask(c, &a);
        found.number = found.index < RECORDS_N ? c->records[found.index].number : 0;
    }
    return found;
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
    for (size_t i = 0; i < RECORDS_N; i++) {
        c->records[i].number = 0;
    }
}

/* Whether this is the address's, and its records are still there. */
static bool holds(const struct geo_cache *c, const struct cached *slot, const struct addr *addr)
{
    return slot->addr.family != 0 && addr_equal(&slot->addr, addr) &&
           (slot->index == RECORDS_N || c->records[slot->index].number == slot->number);
}

static struct cached *slot_of(const struct geo_cache *c, const struct addr *addr)
{
    uint64_t words[2];
    bytes_copy(words, addr->bytes, sizeof(words));
    return &c->entries[hash_row(&c->row, words, ARRAY_LEN(words)) % CACHE_N];
}

void geo_find(struct geo_cache *c, const struct addr *addr, struct place *ret_place)
{
    renew(c);
    struct cached *slot = slot_of(c, addr);
    if (!holds(c, slot, addr)) {
        *slot = look_up(c, addr);
    }
    *ret_place = slot->index < RECORDS_N ? c->records[slot->index].place
                                         : (struct place){.scope = slot->scope};
    ret_place->scope = slot->scope;
    ret_place->asset = slot->asset;
}
