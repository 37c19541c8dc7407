/* geo_open: the databases of a set.
 *
 * A database is copied to a sealed memfd before libmaxminddb maps it: who truncates or rewrites the
 * file in place can then neither crash the sensor nor change an answer. Which record layout a
 * database has is decided once, when it is opened (geo_layout.c). A database lives as long as any
 * set that has it. */
#include "sensor/base/bytes.h"
#include "sensor/base/clock.h"
#include "sensor/base/mem.h"
#include "sensor/enrich/geo_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

enum { PATH_CAP = 4096 };

/* --- one database
 * --------------------------------------------------------------------------------------- */

struct geo_identity geo_identity_of(const struct stat *st)
{
    return (struct geo_identity){
        .there = true,
        .device = (uint64_t)st->st_dev,
        .inode = (uint64_t)st->st_ino,
        .size = (uint64_t)st->st_size,
        .modified_ns = (uint64_t)st->st_mtim.tv_sec * 1000000000 + (uint64_t)st->st_mtim.tv_nsec,
        .changed_ns = (uint64_t)st->st_ctim.tv_sec * 1000000000 + (uint64_t)st->st_ctim.tv_nsec,
    };
}

bool geo_identity_equal(const struct geo_identity *a, const struct geo_identity *b)
{
    return a->there == b->there && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && a->modified_ns == b->modified_ns && a->changed_ns == b->changed_ns;
}

static int copy_to_memfd(int from, int to, struct geo_identity *ret_identity)
{
    struct stat st;
    if (fstat(from, &st) != 0) {
        return -errno;
    }
    *ret_identity = geo_identity_of(&st);
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
static int sealed_copy(const char *path, struct geo_identity *ret_identity)
{
    int from = open(path, O_RDONLY | O_CLOEXEC);
    if (from < 0) {
        return -errno;
    }
    int to = memfd_create("geo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int rc = to < 0 ? -errno : copy_to_memfd(from, to, ret_identity);
    (void)close(from);
    if (rc != 0 && to >= 0) {
        (void)close(to);
    }
    return rc != 0 ? rc : to;
}

static int open_sealed(const char *path, struct geo_db *d, struct errbuf *err)
{
    int fd = sealed_copy(path, &d->identity);
    if (fd < 0) {
        errbuf_add(err, "cannot open geo database '%s': %s. Check the path", path, strerror(-fd));
        return fd;
    }
    char name[64];
    (void)snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    int status = MMDB_open(name, MMDB_MODE_MMAP, &d->mmdb);
    (void)close(fd);
    if (status != MMDB_SUCCESS) {
        errbuf_add(err, "cannot use geo database '%s': %s (file truncated?). Download it again",
                   path, MMDB_strerror(status));
        return -EINVAL;
    }
    d->open = true;
    d->layout = geo_layout_of(&d->mmdb);
    if (d->layout == NULL) {
        errbuf_add(err, "'%s' is a %s database; --geoip takes Country, City and ASN ones", path,
                   d->mmdb.metadata.database_type);
    }
    return d->layout == NULL ? -EINVAL : 0;
}

void geo_db_unref(struct geo_db **d)
{
    struct geo_db *x = *d;
    *d = NULL;
    if (x == NULL || atomic_fetch_sub_explicit(&x->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    if (x->open) {
        MMDB_close(&x->mmdb);
    }
    mem_free(x->path);
    mem_free(x);
}

struct geo_db *geo_db_ref(struct geo_db *d)
{
    atomic_fetch_add_explicit(&d->refs, 1, memory_order_relaxed);
    return d;
}

int geo_db_open(const char *path, struct geo_db **ret_db, struct errbuf *err)
{
    size_t len = span_str(path).len;
    struct geo_db *d = mem_alloc(sizeof(*d));
    if (d == NULL) {
        return -ENOMEM;
    }
    atomic_init(&d->refs, 1);
    d->path = mem_alloc(len + 1);
    int rc = d->path == NULL ? -ENOMEM : open_sealed(path, d, err);
    if (rc != 0) {
        geo_db_unref(&d);
        return rc;
    }
    bytes_copy(d->path, path, len);
    *ret_db = d;
    return 0;
}

/* --- a set
 * ---------------------------------------------------------------------------------------------- */

struct geo *geo_new(void)
{
    struct geo *g = mem_alloc(sizeof(*g));
    if (g != NULL) {
        atomic_init(&g->refs, 1);
    }
    return g;
}

struct geo *geo_ref(struct geo *g)
{
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void geo_free(struct geo **g)
{
    struct geo *x = *g;
    *g = NULL;
    if (x == NULL || atomic_fetch_sub_explicit(&x->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < x->n; i++) {
        geo_db_unref(&x->databases[i]);
    }
    mem_free(x);
}

static int add_database(struct geo *g, const char *path, struct errbuf *err)
{
    if (g->n == GEO_DATABASES_MAX) {
        errbuf_add(err, "geo database '%s' is one too many: %d is the most", path,
                   GEO_DATABASES_MAX);
        return -E2BIG;
    }
    int rc = geo_db_open(path, &g->databases[g->n], err);
    g->n += rc == 0;
    return rc;
}

int geo_open(const struct config_list *files, struct geo **ret_geo, struct errbuf *err)
{
    struct geo *g = geo_new();
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

bool geo_has_type(const struct geo *g, const char *type)
{
    for (size_t i = 0; i < g->n; i++) {
        if (strcmp(g->databases[i]->mmdb.metadata.database_type, type) == 0) {
            return true;
        }
    }
    return false;
}

/* The same type twice is an old copy beside a new one: the first directory wins. */
static void add_found(void *ctx, const char *path, struct errbuf *err)
{
    struct geo *g = ctx;
    struct geo_db *d = NULL;
    if (g->n == GEO_DATABASES_MAX || geo_db_open(path, &d, err) != 0) {
        return;
    }
    if (geo_has_type(g, d->mmdb.metadata.database_type)) {
        geo_db_unref(&d);
    } else {
        g->databases[g->n++] = d;
    }
}

static int only_mmdb(const struct dirent *entry)
{
    return span_ends(span_str(entry->d_name), SPAN(".mmdb"));
}

const char *const geo_folders[] = {"/var/lib/jndiwatch/geo", "/usr/share/GeoIP", "/var/lib/GeoIP",
                                   "/usr/local/share/GeoIP", NULL};

void geo_each_found(void (*found)(void *ctx, const char *path, struct errbuf *err), void *ctx,
                    struct errbuf *err)
{
    for (size_t i = 0; geo_folders[i] != NULL; i++) {
        struct dirent **entries = NULL;
        int n = scandir(geo_folders[i], &entries, only_mmdb, alphasort);
        for (int k = 0; k < n; k++) {
            char path[PATH_CAP];
            if (snprintf(path, sizeof(path), "%s/%s", geo_folders[i], entries[k]->d_name) <
                (int)sizeof(path)) {
                found(ctx, path, err);
            }
            mem_free(entries[k]);
        }
        mem_free(entries);
    }
}

int geo_open_found(struct geo **ret_geo, struct errbuf *err)
{
    struct geo *g = geo_new();
    if (g == NULL) {
        return -ENOMEM;
    }
    geo_each_found(add_found, g, err);
    *ret_geo = g;
    return 0;
}

void geo_date(uint64_t build_epoch_s, char ret_text[GEO_DATE_SIZE])
{
    char text[CLOCK_TEXT_SIZE] = "?";
    if (build_epoch_s < UINT64_MAX / 1000000) {
        clock_format(build_epoch_s * 1000000, text, sizeof(text));
    }
    (void)snprintf(ret_text, GEO_DATE_SIZE, "%.*s", GEO_DATE_SIZE - 1, text);
}

size_t geo_n_databases(const struct geo *g)
{
    return g == NULL ? 0 : g->n;
}

struct geo_database geo_database(const struct geo *g, size_t i)
{
    CHECK(i < g->n);
    const struct geo_db *d = g->databases[i];
    return (struct geo_database){d->path, d->mmdb.metadata.database_type,
                                 d->mmdb.metadata.build_epoch};
}
