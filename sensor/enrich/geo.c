/* geo: the set of databases and the look-up of an address.
 *
 * A database is copied to a sealed memfd before libmaxminddb maps it: who truncates or rewrites the
 * file in place can then neither crash the sensor nor change an answer. Which record layout a
 * database has is decided once, when it is opened (geo_layout.c). A look-up error is counted and
 * costs no event. */
#include "sensor/enrich/geo.h"

#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "sensor/base/mem.h"
#include "sensor/enrich/geo_layout.h"
#include "sensor/enrich/scope.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DATABASES_MAX = 16, CACHE_N = 1024, PATH_CAP = 4096 };

struct database {
    MMDB_s mmdb;
    const struct geo_layout *layout;
    char *path;
};

struct geo {
    struct database databases[DATABASES_MAX];
    size_t n;
};

/* --- opening
 * ---------------------------------------------------------------------------------------- */

static int copy_to_memfd(int from, int to)
{
    struct stat st;
    if (fstat(from, &st) != 0) {
        return -errno;
    }
    if (!S_ISREG(st.st_mode)) {
        return -EINVAL;
    }
    off_t left = st.st_size;
    while (left > 0) {
        ssize_t n = sendfile(to, from, NULL, (size_t)left);
        if (n <= 0) {
            return n < 0 ? -errno : -EIO;
        }
        left -= n;
    }
    return fcntl(to, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0
               ? 0
               : -errno;
}

/* A sealed copy of the file, or negative errno. */
static int sealed_copy(const char *path)
{
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return -errno;
    }
    int to = memfd_create("geo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int rc = to < 0 ? -errno : copy_to_memfd(from, to);
    (void)close(from);
    if (rc != 0 && to >= 0) {
        (void)close(to);
    }
    return rc != 0 ? rc : to;
}

static int open_sealed(const char *path, MMDB_s *mmdb, struct errbuf *err)
{
    int fd = sealed_copy(path);
    if (fd < 0) {
        errbuf_add(err, "cannot open geo database '%s': %s. Check the path", path, strerror(-fd));
        return fd;
    }
    char name[64];
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    int status = MMDB_open(name, MMDB_MODE_MMAP, mmdb);
    (void)close(fd);
    if (status != MMDB_SUCCESS) {
        errbuf_add(err, "cannot use geo database '%s': %s (file truncated?). Download it again",
                   path, MMDB_strerror(status));
        return -EINVAL;
    }
    return 0;
}

static int add_database(struct geo *g, const char *path, struct errbuf *err)
{
    if (g->n == DATABASES_MAX) {
        errbuf_add(err, "geo database '%s' is one too many: %d is the most", path, DATABASES_MAX);
        return -E2BIG;
    }
    struct database *d = &g->databases[g->n];
    int rc = open_sealed(path, &d->mmdb, err);
    if (rc != 0) {
        return rc;
    }
    d->layout = geo_layout_of(&d->mmdb);
    size_t len = strlen(path); /* lint: our own operator's text */
    d->path = mem_alloc(len + 1);
    if (d->layout == NULL || d->path == NULL) {
        if (d->layout == NULL) {
            errbuf_add(err, "'%s' is a %s database; --geoip takes Country, City and ASN ones", path,
                       d->mmdb.metadata.database_type);
        }
        mem_free(d->path);
        MMDB_close(&d->mmdb);
        return d->layout == NULL ? -EINVAL : -ENOMEM;
    }
    bytes_copy(d->path, path, len);
    g->n++;
    return 0;
}

void geo_free(struct geo **g)
{
    if (*g == NULL) {
        return;
    }
    for (size_t i = 0; i < (*g)->n; i++) {
        MMDB_close(&(*g)->databases[i].mmdb);
        mem_free((*g)->databases[i].path);
    }
    mem_free(*g);
    *g = NULL;
}

int geo_open(const struct config_list *files, struct geo **ret_geo, struct errbuf *err)
{
    struct geo *g = mem_alloc(sizeof(*g));
    int rc = g == NULL ? -ENOMEM : 0;
    for (size_t i = 0; g != NULL && i < files->n; i++) {
        int one = add_database(g, files->items[i], err);
        rc = rc == 0 ? one : rc;
    }
    if (rc != 0) {
        geo_free(&g);
        return rc;
    }
    *ret_geo = g;
    return 0;
}

static bool has_type(const struct geo *g, const char *type)
{
    for (size_t i = 0; i + 1 < g->n; i++) {
        if (strcmp(g->databases[i].mmdb.metadata.database_type, type) == 0) {
            return true;
        }
    }
    return false;
}

/* The same type twice is an old copy beside a new one: the first directory wins. */
static void add_found(struct geo *g, const char *path, struct errbuf *err)
{
    if (g->n == DATABASES_MAX || add_database(g, path, err) != 0) {
        return;
    }
    struct database *d = &g->databases[g->n - 1];
    if (has_type(g, d->mmdb.metadata.database_type)) {
        MMDB_close(&d->mmdb);
        mem_free(d->path);
        g->n--;
    }
}

static int only_mmdb(const struct dirent *entry)
{
    return span_ends(span_str(entry->d_name), SPAN(".mmdb"));
}

const char *const geo_folders[] = {"/var/lib/jndiwatch/geo", "/usr/share/GeoIP", "/var/lib/GeoIP",
                                   "/usr/local/share/GeoIP", NULL};

int geo_open_found(struct geo **ret_geo, struct errbuf *err)
{
    struct geo *g = mem_alloc(sizeof(*g));
    if (g == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; geo_folders[i] != NULL; i++) {
        struct dirent **entries = NULL;
        int n = scandir(geo_folders[i], &entries, only_mmdb, alphasort);
        for (int k = 0; k < n; k++) {
            char path[PATH_CAP];
            if (snprintf(path, sizeof(path), "%s/%s", geo_folders[i], entries[k]->d_name) <
                (int)sizeof(path)) {
                add_found(g, path, err);
            }
            mem_free(entries[k]);
        }
        mem_free(entries);
    }
    *ret_geo = g;
    return 0;
}

size_t geo_n_databases(const struct geo *g)
{
    return g == NULL ? 0 : g->n;
}

struct geo_database geo_database(const struct geo *g, size_t i)
{
    CHECK(i < g->n);
    const struct database *d = &g->databases[i];
    return (struct geo_database){d->path, d->mmdb.metadata.database_type,
                                 d->mmdb.metadata.build_epoch};
}

/* --- look-up
 * ---------------------------------------------------------------------------------------- */

struct cached {
    struct addr addr;
    struct place place;
};

struct geo_cache {
    const struct geo *geo;
    struct stats *stats;
    struct cached *entries;
};

struct geo_cache *geo_cache_new(const struct geo *g, struct stats *stats)
{
    struct geo_cache *c = mem_alloc(sizeof(*c));
    if (c == NULL) {
        return NULL;
    }
    *c = (struct geo_cache){.geo = g, .stats = stats};
    c->entries = mem_alloc_array(CACHE_N, sizeof(*c->entries));
    if (c->entries == NULL) {
        mem_free(c);
        return NULL;
    }
    return c;
}

void geo_cache_free(struct geo_cache **c)
{
    if (*c == NULL) {
        return;
    }
    mem_free((*c)->entries);
    mem_free(*c);
    *c = NULL;
}

static void to_sockaddr(const struct addr *a, struct sockaddr_storage *ret)
{
    *ret = (struct sockaddr_storage){0};
    if (a->family == 4) {
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        bytes_copy(&v4.sin_addr, a->bytes, 4);
        bytes_copy(ret, &v4, sizeof(v4));
    } else {
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
        bytes_copy(&v6.sin6_addr, a->bytes, 16);
        bytes_copy(ret, &v6, sizeof(v6));
    }
}

static void ask(const struct database *d, const struct addr *a, struct stats *stats,
                struct place *place)
{
    if (a->family == 6 && d->mmdb.metadata.ip_version == 4) {
        return; /* an IPv4 tree answers with an error, not with nothing */
    }
    struct sockaddr_storage where;
    to_sockaddr(a, &where);
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
    *place = (struct place){.scope = scope_of(&a)};
    if (c->geo == NULL || a.family == 0 || place->scope == SCOPE_PRIVATE ||
        place->scope == SCOPE_LOOPBACK) {
        return;
    }
    for (size_t i = 0; i < c->geo->n; i++) {
        ask(&c->geo->databases[i], &a, c->stats, place);
    }
}

void geo_find(struct geo_cache *c, const struct addr *addr, struct place *ret_place)
{
    struct cached *slot = &c->entries[hash_fixed(addr_span(addr)) % CACHE_N];
    if (slot->addr.family == 0 || !addr_equal(&slot->addr, addr)) {
        slot->addr = *addr;
        look_up(c, addr, &slot->place);
    }
    *ret_place = slot->place;
}
