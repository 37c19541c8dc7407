/* geo_watch: databases that are renewed while the sensor runs.
 *
 * A new set is made of the databases whose files are as they were and of those that are other files
 * now, opened anew; workers take it with their next look-up. A file that is gone, or that is no
 * good database, changes nothing: geoipupdate, a copy in place and a full disk all look like that
 * for a moment, and what was known stays better than nothing. */
#include "sensor/enrich/geo_watch.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/enrich/geo_parts.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>

/* A file that could not be used, so that it is told once. */
struct refusal {
    char *path;
    struct geo_identity identity;
};

struct geo_watch {
    pthread_mutex_t mutex; /* of current, for who takes */
    struct geo *current;
    _Atomic uint64_t generation;
    struct config_list files; /* empty: what is found */
    struct refusal refusals[GEO_DATABASES_MAX];
    size_t n_refusals;
    struct geo_watch_stats stats;
};

struct geo_watch *geo_watch_new(struct geo *geo, const struct config_list *files)
{
    struct geo_watch *w = mem_alloc(sizeof(*w));
    bool good = w != NULL && pthread_mutex_init(&w->mutex, NULL) == 0;
    for (size_t i = 0; good && i < files->n; i++) {
        good = config_append(&w->files, span_str(files->items[i])) == 0;
    }
    if (!good) {
        geo_watch_free(&w);
        return NULL;
    }
    w->current = geo;
    return w;
}

static void forget(struct refusal *r)
{
    mem_free(r->path);
    *r = (struct refusal){0};
}

void geo_watch_free(struct geo_watch **w)
{
    struct geo_watch *x = *w;
    *w = NULL;
    if (x == NULL) {
        return;
    }
    for (size_t i = 0; i < x->n_refusals; i++) {
        forget(&x->refusals[i]);
    }
    geo_free(&x->current);
    config_list_free(&x->files);
    (void)pthread_mutex_destroy(&x->mutex);
    mem_free(x);
}

/* --- what was refused
 * ------------------------------------------------------------------------------------ */

static struct refusal *refusal_of(struct geo_watch *w, const char *path)
{
    for (size_t i = 0; i < w->n_refusals; i++) {
        if (strcmp(w->refusals[i].path, path) == 0) {
            return &w->refusals[i];
        }
    }
    return NULL;
}

/* Without room or memory it is told again next time. */
static void remember(struct geo_watch *w, const char *path, const struct geo_identity *identity)
{
    struct refusal *r = refusal_of(w, path);
    size_t len = span_str(path).len + 1;
    if (r == NULL && w->n_refusals < GEO_DATABASES_MAX) {
        r = &w->refusals[w->n_refusals];
        r->path = mem_alloc(len);
        if (r->path == NULL) {
            return;
        }
        bytes_copy(r->path, path, len);
        w->n_refusals++;
    }
    if (r != NULL) {
        r->identity = *identity;
    }
}

/* --- checking
 * -------------------------------------------------------------------------------------------- */

/* One look at all files. */
struct look {
    struct geo_watch *watch;
    struct geo *next; /* the set being made */
    bool again;
    bool changed;
    struct errbuf *warnings;
    struct errbuf *notices;
};

static struct geo_db *in_use(const struct geo_watch *w, const char *path)
{
    for (size_t i = 0; i < w->current->n; i++) {
        if (strcmp(w->current->databases[i]->path, path) == 0) {
            return w->current->databases[i];
        }
    }
    return NULL;
}

static void keep(struct look *l, struct geo_db *d)
{
    if (d != NULL && l->next->n < GEO_DATABASES_MAX) {
        l->next->databases[l->next->n++] = geo_db_ref(d);
    }
}

static void refuse(struct look *l, const char *path, const struct geo_identity *identity,
                   const struct errbuf *why)
{
    struct geo_db *old = in_use(l->watch, path);
    struct span line = errbuf_first(why);
    errbuf_add(l->warnings, "%.*s; %s", (int)line.len, (const char *)line.data,
               old != NULL ? "the old one stays in use" : "going on without it");
    remember(l->watch, path, identity);
    l->watch->stats.refused++;
    keep(l, old);
}

static void put_to_use(struct look *l, struct geo_db *d)
{
    char date[GEO_DATE_SIZE];
    geo_date(d->mmdb.metadata.build_epoch, date);
    errbuf_add(l->notices, "geo database '%s' put to use: %s of %s", d->path,
               d->mmdb.metadata.database_type, date);
    l->changed = true;
    l->watch->stats.swapped++;
    keep(l, d);
}

/* Opens what is another file than the one in use. */
static void open_other(struct look *l, const char *path, const struct geo_identity *identity)
{
    struct errbuf why = {0};
    struct geo_db *d = NULL;
    const struct refusal *refusal = refusal_of(l->watch, path);
    if (refusal != NULL && !l->again && geo_identity_equal(&refusal->identity, identity)) {
        keep(l, in_use(l->watch, path));
        return;
    }
    int rc = geo_db_open(path, &d, &why);
    if (rc != 0) {
        refuse(l, path, identity, &why);
    } else if (in_use(l->watch, path) == NULL &&
               geo_has_type(l->next, d->mmdb.metadata.database_type)) {
        remember(l->watch, path, identity); /* found, and of a type that there is */
    } else {
        put_to_use(l, d);
    }
    geo_db_unref(&d);
    errbuf_free(&why);
}

static void look_at(void *ctx, const char *path, struct errbuf *err)
{
    struct look *l = ctx;
    struct stat st;
    (void)err;
    struct geo_identity now = {0};
    if (stat(path, &st) == 0) {
        now = geo_identity_of(&st);
    }
    struct geo_db *old = in_use(l->watch, path);
    if (old != NULL && geo_identity_equal(&old->identity, &now)) {
        keep(l, old);
    } else {
        open_other(l, path, &now);
    }
}

/* Found before, and gone from its directory. */
static void keep_gone(struct look *l)
{
    for (size_t i = 0; i < l->watch->current->n; i++) {
        struct geo_db *d = l->watch->current->databases[i];
        if (!geo_has_type(l->next, d->mmdb.metadata.database_type)) {
            keep(l, d);
        }
    }
}

static void look_at_all(struct look *l)
{
    for (size_t i = 0; i < l->watch->files.n; i++) {
        look_at(l, l->watch->files.items[i], l->warnings);
    }
    if (l->watch->files.n == 0) {
        geo_each_found(look_at, l, l->warnings);
        keep_gone(l);
    }
}

static void swap(struct geo_watch *w, struct geo *next)
{
    (void)pthread_mutex_lock(&w->mutex);
    struct geo *old = w->current;
    w->current = next;
    atomic_fetch_add_explicit(&w->generation, 1, memory_order_release);
    (void)pthread_mutex_unlock(&w->mutex);
    geo_free(&old);
}

void geo_watch_check(struct geo_watch *w, bool again, struct errbuf *warnings,
                     struct errbuf *notices)
{
    struct look l = {
        .watch = w, .next = geo_new(), .again = again, .warnings = warnings, .notices = notices};
    if (l.next == NULL) {
        return;
    }
    look_at_all(&l);
    if (l.changed) {
        swap(w, l.next);
    } else {
        geo_free(&l.next);
    }
}

/* --- taking
 * ---------------------------------------------------------------------------------------------- */

uint64_t geo_watch_generation(const struct geo_watch *w)
{
    return atomic_load_explicit(&w->generation, memory_order_acquire);
}

struct geo *geo_watch_take(struct geo_watch *w, uint64_t *ret_generation)
{
    (void)pthread_mutex_lock(&w->mutex);
    struct geo *g = geo_ref(w->current);
    *ret_generation = atomic_load_explicit(&w->generation, memory_order_relaxed);
    (void)pthread_mutex_unlock(&w->mutex);
    return g;
}

const struct geo *geo_watch_current(const struct geo_watch *w)
{
    return w->current;
}

struct geo_watch_stats geo_watch_stats(const struct geo_watch *w)
{
    return w->stats;
}
