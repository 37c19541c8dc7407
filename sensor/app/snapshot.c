/* snapshot: from options and configuration to the immutable things a sensor works with.
 *
 * The command line is laid over the configuration file, which is laid over the defaults. All parts
 * are tried even when one is wrong, so that one run tells every mistake; only where there cannot be
 * memory enough, that alone is said. */
#include "sensor/app/snapshot.h"

#include "sensor/app/canaries.h"
#include "sensor/app/options.h"
#include "sensor/app/outputs.h"
#include "signatures/selftest.h"
#include "signatures/shipped.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { TEXTS_MAX = 16 };

static int set_one(struct config *c, const char *key, const char *value, const char *where,
                   struct errbuf *err)
{
    return value == NULL ? 0 : config_set(c, key, span_str(value), where, err);
}

static int set_given(struct config *c, const char *text, struct errbuf *err)
{
    char key[256];
    struct span whole = span_str(text);
    size_t sign = span_find_byte(whole, 0, '=');
    if (sign == SPAN_NONE || sign >= sizeof(key)) {
        errbuf_add(err, "--set '%s': not KEY=VALUE", text);
        return -EINVAL;
    }
    (void)snprintf(key, sizeof(key), "%.*s", (int)sign, text);
    return config_set(c, key, span_from(whole, sign + 1), "--set ", err);
}

static int load_config(struct config *c, const struct options *o, struct errbuf *err)
{
    int rc = config_init(c);
    if (rc != 0) {
        return rc;
    }
    int worst = o->config != NULL ? config_read(c, o->config, err) : 0;
    rc = set_one(c, "output.types", o->events, "--events: ", err);
    worst = worst != 0 ? worst : rc;
    rc = set_one(c, "capture.checksums", o->checksums, "-k: ", err);
    worst = worst != 0 ? worst : rc;
    rc = set_one(c, "workers", o->workers, "--workers: ", err);
    worst = worst != 0 ? worst : rc;
    rc = set_one(c, "command.socket", o->socket, "--socket: ", err);
    worst = worst != 0 ? worst : rc;
    rc = set_one(c, "rights.user", o->user, "--user: ", err);
    worst = worst != 0 ? worst : rc;
    for (size_t i = 0; i < o->settings.n; i++) {
        rc = set_given(c, o->settings.items[i], err);
        worst = worst != 0 ? worst : rc;
    }
    for (size_t i = 0; i < o->geo.n; i++) {
        rc = config_append(&c->geo_databases, span_str(o->geo.items[i]));
        worst = worst != 0 ? worst : rc;
    }
    rc = outputs_complete(c, o, err);
    return worst != 0 ? worst : rc;
}

const char *snapshot_cache_folder(const struct config *config, char *text, size_t size)
{
    const char *configured = config->cache;
    const char *home = getenv("HOME");
    const char *user = getenv("XDG_CACHE_HOME");
    int len = 0;
    if (strcmp(configured, "auto") != 0) {
        return strcmp(configured, "none") == 0 || configured[0] == '\0' ? NULL : configured;
    }
    if (geteuid() == 0) {
        return "/var/cache/jndiwatch";
    }
    if (user != NULL && user[0] == '/') {
        len = snprintf(text, size, "%s/jndiwatch", user);
    } else if (home != NULL && home[0] == '/') {
        len = snprintf(text, size, "%s/.cache/jndiwatch", home);
    }
    return len > 0 && (size_t)len < size ? text : NULL;
}

/* The shipped rules, unless others stand in their place, and those that the configuration makes.
 * Returns how many texts these are. */
static size_t texts_of(const struct config *c, struct sbuf *made, struct engine_text *ret_texts)
{
    size_t n = c->rules.n > 0 ? 0 : shipped_rules_n;
    for (size_t i = 0; i < n; i++) {
        ret_texts[i] = shipped_rules[i];
    }
    if (made->len > 0) {
        ret_texts[n++] = (struct engine_text){.name = "canaries", .text = sbuf_span(made)};
    }
    return n;
}

/* Rule files of the configuration, else the shipped rules; those of the command line beside them.
 */
static int load_engine(struct snapshot *s, const struct options *o, struct errbuf *err,
                       struct errbuf *warnings)
{
    const struct config *c = &s->config;
    const struct net_variable variables[] = {
        {.name = SPAN("HOME_NET"), .value = span_str(c->home_net)},
        {.name = SPAN("EXTERNAL_NET"), .value = span_str(c->external_net)},
        {.name = SPAN("HTTP_SERVERS"), .value = span_str(c->http_servers)},
        {.name = SPAN("SMTP_SERVERS"), .value = span_str(c->smtp_servers)},
        {.name = SPAN("HTTP_PORTS"), .value = span_str(c->http_ports)},
    };
    struct config_list files = {0};
    struct engine_text texts[TEXTS_MAX];
    struct sbuf made = sbuf_with_cap(CANARIES_RULES_MAX);
    CHECK(shipped_rules_n < TEXTS_MAX);
    int rc = canaries_rules(c, &made, err);
    for (size_t i = 0; rc == 0 && i < c->rules.n; i++) {
        rc = config_append(&files, span_str(c->rules.items[i]));
    }
    for (size_t i = 0; rc == 0 && i < o->rules.n; i++) {
        rc = config_append(&files, span_str(o->rules.items[i]));
    }
    struct errbuf bad_rules = {0};
    char cache[4096];
    struct engine_options options = {
        .files = (const char *const *)files.items,
        .n_files = files.n,
        .texts = texts,
        .n_texts = texts_of(c, &made, texts),
        .variables = variables,
        .n_variables = ARRAY_LEN(variables),
        .classes = c->classification[0] != '\0' ? c->classification : NULL,
        .cache_dir = snapshot_cache_folder(c, cache, sizeof(cache)),
        .failed_rules_are_fatal = o->action == ACTION_TEST || o->init_errors_fatal,
        .warnings = warnings,
    };
    rc = rc == 0 ? engine_new(&options, &s->engine, &bad_rules) : rc;
    errbuf_move(err, &bad_rules);
    config_list_free(&files);
    sbuf_free(&made);
    return rc;
}

static int load_geo(struct snapshot *s, struct errbuf *err, struct errbuf *warnings)
{
    struct geo *geo = NULL;
    int rc = s->config.geo_databases.n > 0 ? geo_open(&s->config.geo_databases, &geo, err)
                                           : geo_open_found(&geo, warnings);
    if (rc != 0) {
        return rc;
    }
    s->geo = geo_watch_new(geo, &s->config.geo_databases);
    if (s->geo == NULL) {
        geo_free(&geo);
        return -ENOMEM;
    }
    return 0;
}

/* Beyond the limit: the databases of the gate, tables of fixed size, the program itself. */
enum { FIXED_BYTES = 96 * 1024 * 1024 };

int snapshot_check_memory(uint64_t memory_limit, struct errbuf *err)
{
    struct rlimit limit;
    uint64_t need = memory_limit + FIXED_BYTES;
    if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        need <= limit.rlim_cur) {
        return 0;
    }
    errbuf_add(err,
               "needs %llu MiB for the configured tables, limit is %llu MiB; lower memory.limit",
               (unsigned long long)(need >> 20), (unsigned long long)(limit.rlim_cur >> 20));
    return -ENOMEM;
}

int snapshot_load(struct snapshot *ret_snapshot, const struct options *options, struct errbuf *err,
                  struct errbuf *warnings)
{
    struct snapshot *s = ret_snapshot;
    *s = (struct snapshot){0};
    int worst = load_config(&s->config, options, err);
    if (worst != 0) {
        /* The rest is checked with the defaults, so that one run tells every mistake. */
        config_free(&s->config);
        if (config_init(&s->config) != 0) {
            return -ENOMEM;
        }
    }
    int rc = snapshot_check_memory(s->config.memory_limit, err);
    if (rc != 0) {
        return rc; /* what else fails would fail for want of memory */
    }
    rc = load_engine(s, options, err, warnings);
    rc = rc == 0 && !engine_self_test(s->engine, err) ? -EINVAL : rc;
    worst = worst != 0 ? worst : rc;
    rc = options->without_geo ? 0 : load_geo(s, err, warnings);
    worst = worst != 0 ? worst : rc;
    if (s->config.assets[0] != '\0') {
        rc = assets_read(s->config.assets, &s->assets, err);
        worst = worst != 0 ? worst : rc;
    }
    rc = client_policy_new(&s->config.client_trusted, &s->config.client_headers, &s->clients, err);
    return worst != 0 ? worst : rc;
}

void snapshot_free(struct snapshot *s)
{
    client_policy_free(&s->clients);
    assets_free(&s->assets);
    geo_watch_free(&s->geo);
    engine_unref(&s->engine);
    config_free(&s->config);
}
