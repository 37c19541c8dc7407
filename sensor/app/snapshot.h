#pragma once

#include "sensor/core/config.h"
#include "sensor/enrich/assets.h"
#include "sensor/enrich/client.h"
#include "sensor/enrich/geo_watch.h"
#include "signatures/engine.h"

/* Everything that is decided at start and then only read: configuration, rules, databases, trusted
 * proxies. */
struct snapshot {
    struct config config;
    struct engine *engine;
    struct geo_watch *geo; /* renewed while it is in use */
    struct client_policy *clients;
    struct assets *assets; /* NULL: none */
};

struct options;

/* Reads and checks all of it; every mistake is a line of err. `warnings` gets what one can go on
 * with (a database that was found and cannot be used). 0 or negative errno; ret_snapshot is to be
 * freed in any case, and after a mistake good only for looking for more of them. */
MUST_USE int snapshot_load(struct snapshot *ret_snapshot, const struct options *options,
                           struct errbuf *err, struct errbuf *warnings);
void snapshot_free(struct snapshot *s);
/* Whether the process may have that much, and what the program itself takes: 0, or -ENOMEM with a
 * line in err. */
MUST_USE int snapshot_check_memory(uint64_t memory_limit, struct errbuf *err);
/* Where compiled rules are kept, which may be written to `text`; NULL: nowhere. */
const char *snapshot_cache_folder(const struct config *config, char *text, size_t size);
