#pragma once

/* What the files of geo share; not for others. */

#include "sensor/enrich/geo.h"
#include "sensor/enrich/geo_layout.h"

#include <maxminddb.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { GEO_DATABASES_MAX = 16 };

/* Which file it was, and in which state: any of these is another when it was replaced or written
 * to. Times may go backwards: geoipupdate gives files the server's. */
struct geo_identity {
    bool there;
    uint64_t device;
    uint64_t inode;
    uint64_t size;
    uint64_t modified_ns;
    uint64_t changed_ns;
};
struct geo_identity geo_identity_of(const struct stat *st);
bool geo_identity_equal(const struct geo_identity *a, const struct geo_identity *b);

/* An open database. Immutable; shared by the sets that have it. */
struct geo_db {
    atomic_uint refs;
    bool open;
    MMDB_s mmdb;
    const struct geo_layout *layout;
    char *path;
    struct geo_identity identity; /* of the file when it was copied */
};

/* 0, or negative errno with a line in err. */
MUST_USE int geo_db_open(const char *path, struct geo_db **ret_db, struct errbuf *err);
struct geo_db *geo_db_ref(struct geo_db *d);
/* Nulls *d; accepts NULL. */
void geo_db_unref(struct geo_db **d);

struct geo {
    atomic_uint refs;
    struct geo_db *databases[GEO_DATABASES_MAX];
    size_t n;
};

/* An empty set, or NULL. */
struct geo *geo_new(void);
bool geo_has_type(const struct geo *g, const char *type);
/* Each file of the usual directories that may be a database, in the order in which they count. */
void geo_each_found(void (*found)(void *ctx, const char *path, struct errbuf *err), void *ctx,
                    struct errbuf *err);
