/* decoys: the list of what is there to be touched.
 *
 * The usual listeners are the ports where Java applications are looked for. */
#include "sensor/app/decoys.h"

#include "sensor/app/given.h"
#include "sensor/base/arena.h"
#include "sensor/base/mem.h"
#include "sensor/core/nets.h"
#include "sensor/decoy/canary.h"
#include "sensor/enrich/scope.h"
#include "signatures/net.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { ARENA_BYTES = 64 * 1024, SECOND_US = 1000000 };
enum {
    SID_TOUCHED = 9000401,
    SID_ALARM = 9000402,
    SID_SCANNER = 9000403,
    SID_SELFTEST = 9000404,
    SEVERE = 1,
    SLIGHT = 3,
    EXPECTED = 4,
};
enum { NET_NAME_SIZE = 64 };

struct decoys {
    struct nets passive;
    char passive_names[NETS_MAX][NET_NAME_SIZE]; /* "passive:10.0.9.0/24" */
    struct decoy passive_list[NETS_MAX];
    struct nets scanners;
    struct nets proxies;
    struct decoy_spot spots[DECOY_SPOTS_MAX];
    struct personas *known;
    const struct persona *personas[DECOY_SPOTS_MAX];
    struct decoy list[DECOY_SPOTS_MAX];
    char canaries[DECOY_SPOTS_MAX][CANARY_SIZE];
    struct decoy_plan plan;
    struct decoy_limits limits;
    struct decoy_signatures signatures;
    struct decoy_tls *tls;
    const char *tls_words;
    bool has_certificate; /* that was given */
    struct selftest *selftest;
    struct arena *arena;
    struct net_set home;
    bool home_is_any;
};

static const char *const usual[] = {
    "http:*:8080:tomcat",
    "http:*:8000:login",
    "http:*:8888:jenkins",
    "http:*:8983:solr",
    "http:*:9200:elasticsearch",
    "http:*:7001:weblogic",
    "smtp:*:2525",
    "syslog:*:5514",
    "tcp:*:25565",
};

static const char *persona_of_kind(enum decoy_kind kind)
{
    switch (kind) {
    case DECOY_HTTP:
        return "tomcat";
    case DECOY_SMTP:
        return "postfix";
    case DECOY_LDAP:
    case DECOY_TCP:
    case DECOY_SYSLOG:
    case DECOY_KIND_N:
        break;
    }
    return "silent";
}

/* Why a persona cannot be that of a listener of this kind, or NULL. */
static const char *misfit(enum decoy_kind kind, const struct persona *p)
{
    if (kind == DECOY_HTTP && p->n_pages == 0) {
        return "has no pages to answer with";
    }
    if (kind == DECOY_LDAP && p->greeting.len > 0) {
        return "greets, which no directory does";
    }
    bool is_mail = p->host.len > 0 && span_starts(p->greeting, SPAN("220 "));
    if (kind == DECOY_SMTP && !is_mail) {
        return "is no mail server: it has no host, or no greeting that begins with 220";
    }
    return NULL;
}

static bool find_persona(struct decoys *d, size_t n, struct errbuf *err)
{
    struct decoy_spot *spot = &d->spots[n];
    const char *name = spot->persona[0] != '\0' ? spot->persona : persona_of_kind(spot->kind);
    d->personas[n] = personas_find(d->known, name);
    if (d->personas[n] == NULL) {
        errbuf_add(err, "listener '%s': no persona '%s'", spot->name, name);
        return false;
    }
    const char *why = misfit(spot->kind, d->personas[n]);
    if (why != NULL) {
        errbuf_add(err, "listener '%s': persona '%s' %s", spot->name, name, why);
    }
    return why == NULL;
}

/* Two listeners of one place: the second could not be opened, and the message would be misleading.
 */
static bool is_new(const struct decoys *d, const struct decoy_spot *spot)
{
    for (size_t i = 0; i < d->plan.n_spots; i++) {
        if (spot->port != 0 && strcmp(d->spots[i].name, spot->name) == 0) {
            return false;
        }
    }
    return true;
}

static int add_spot(struct decoys *d, const char *text, struct errbuf *err)
{
    char why[DECOY_WHY_SIZE];
    struct decoy_spot spot;
    if (d->plan.n_spots == DECOY_SPOTS_MAX) {
        errbuf_add(err, "listener '%s' is one too many: %d are possible", text, DECOY_SPOTS_MAX);
        return -E2BIG;
    }
    if (!decoy_spot_parse(text, &spot, why)) {
        errbuf_add(err, "listener '%s' %s; example: http:*:8080", text, why);
        return -EINVAL;
    }
    if (!is_new(d, &spot)) {
        errbuf_add(err, "listener '%s' is there twice", spot.name);
        return -EINVAL;
    }
    d->spots[d->plan.n_spots] = spot;
    return find_persona(d, d->plan.n_spots++, err) ? 0 : -EINVAL;
}

static int add_personas(struct decoys *d, const struct config *c, struct errbuf *err)
{
    int worst = 0;
    for (size_t i = 0; i < c->honeypot_personas.n; i++) {
        int rc = personas_add(d->known, c->honeypot_personas.items[i], err);
        worst = rc != 0 ? rc : worst;
    }
    return worst;
}

static int add_spots(struct decoys *d, const struct config *c, const struct options *o,
                     struct errbuf *err)
{
    const struct config_list *given = o->listen.n > 0 ? &o->listen : &c->honeypot_listen;
    int worst = 0;
    for (size_t i = 0; i < given->n; i++) {
        int rc = add_spot(d, given->items[i], err);
        worst = rc != 0 ? rc : worst;
    }
    for (size_t i = 0; given->n == 0 && i < ARRAY_LEN(usual); i++) {
        int rc = add_spot(d, usual[i], err);
        worst = rc != 0 ? rc : worst;
    }
    return worst;
}

static int add_networks(struct decoys *d, const struct config *c, struct errbuf *err)
{
    int rc = nets_read(&d->passive, &c->honeypot_passive, "honeypot.passive", err);
    int rc_scanners = nets_read(&d->scanners, &c->honeypot_scanners, "honeypot.scanners", err);
    int rc_proxies = nets_read(&d->proxies, &c->honeypot_proxy, "honeypot.proxy", err);
    for (size_t i = 0; i < d->passive.n; i++) {
        char text[ADDR_TEXT_SIZE];
        addr_format(&d->passive.list[i].addr, text, sizeof(text));
        (void)snprintf(d->passive_names[i], NET_NAME_SIZE, "passive:%s/%u", text,
                       d->passive.list[i].prefix_len);
        d->passive_list[i] =
            (struct decoy){.listener = d->passive_names[i], .persona = "", .canary = ""};
    }
    return rc != 0 ? rc : rc_scanners != 0 ? rc_scanners : rc_proxies;
}

static int make_canary_key(const struct config *c, struct hash_key *key, struct errbuf *err)
{
    struct span secret = span_str(c->honeypot_canary_key);
    if (secret.len == 0) {
        return hash_key_random(key);
    }
    if (secret.len < CANARY_KEY_MIN) {
        errbuf_add(err,
                   "honeypot.canary_key has %zu characters; it needs at least %d, as `openssl "
                   "rand -hex 16` gives",
                   secret.len, CANARY_KEY_MIN);
        return -EINVAL;
    }
    *key = canary_key(secret);
    return 0;
}

/* Each listener's own token, in the pages that it answers with. */
static int add_canaries(struct decoys *d, const struct config *c, struct errbuf *err)
{
    struct hash_key key;
    int rc = make_canary_key(c, &key, err);
    for (size_t i = 0; rc == 0 && i < d->plan.n_spots; i++) {
        canary_make(&key, d->spots[i].name, d->canaries[i]);
        d->personas[i] = personas_mark(d->known, d->personas[i], span_str(d->canaries[i]));
        rc = d->personas[i] != NULL ? 0 : -ENOMEM;
    }
    return rc;
}

/* The rules' reader has complained of what is wrong with it. */
static void find_home(struct decoys *d, const struct config *c)
{
    char why[NET_WHY_SIZE];
    const struct net_variable variables[] = {
        {.name = SPAN("HOME_NET"), .value = span_str(c->home_net)},
        {.name = SPAN("EXTERNAL_NET"), .value = span_str(c->external_net)},
    };
    const struct net_variables all = {variables, ARRAY_LEN(variables)};
    d->home_is_any = strcmp(c->home_net, "any") == 0 ||
                     !net_addrs_parse(span_str(c->home_net), &all, d->arena, &d->home, why);
}

static struct signature named(uint32_t sid, uint8_t severity, struct span msg)
{
    return (struct signature){
        .action = SIGNATURE_ALERT,
        .gid = 1,
        .sid = sid,
        .rev = 1,
        .severity = severity,
        .msg = msg,
        .category = SPAN("Attempted Information Leak"),
        .classtype = SPAN("attempted-recon"),
    };
}

static void make_signatures(struct decoys *d, const struct config *c)
{
    d->signatures = (struct decoy_signatures){
        .outside = named(SID_TOUCHED, SLIGHT, SPAN("Honeypot touched")),
        .inside = named(SID_TOUCHED, SEVERE, SPAN("Honeypot touched")),
        .alarm = named(SID_ALARM, SEVERE, SPAN("Honeypot touched from inside")),
        .scanner = named(SID_SCANNER, EXPECTED, SPAN("Honeypot touched by a known scanner")),
        .selftest = named(SID_SELFTEST, EXPECTED, SPAN("Honeypot self-test")),
    };
    d->signatures.alarm.limit = (struct signature_limit){
        .kind = SIGNATURE_LIMIT_FIRST,
        .track = SIGNATURE_BY_SRC,
        .count = 1,
        .seconds = (uint32_t)(c->honeypot_alarm_interval / SECOND_US),
    };
}

/* Before rights are given up: the key may be one that nobody else may read. */
static int open_tls(struct decoys *d, const struct config *c, struct errbuf *err)
{
    bool has_files = c->honeypot_certificate[0] != '\0' || c->honeypot_key[0] != '\0';
    d->tls_words = "without TLS";
    if (!c->honeypot_tls || (!has_files && !decoy_tls_is_there())) {
        return 0;
    }
    if (has_files && (c->honeypot_certificate[0] == '\0' || c->honeypot_key[0] == '\0')) {
        errbuf_add(err, "honeypot.certificate and honeypot.key go together: one of them is empty");
        return -EINVAL;
    }
    d->has_certificate = has_files;
    d->tls_words =
        has_files ? "TLS with the configured certificate" : "TLS with a certificate of its own";
    return decoy_tls_new(c->honeypot_certificate, c->honeypot_key, &d->tls, err);
}

static int add_listeners(struct decoys *d, const struct config *c, const struct options *o,
                         struct errbuf *err)
{
    d->plan = (struct decoy_plan){.spots = d->spots,
                                  .connections = d->limits.connections,
                                  .given = GIVEN_FIRST,
                                  .allow_on = &c->honeypot_allow_on,
                                  .n_given = given_sockets()};
    int rc = add_personas(d, c, err);
    rc = rc == 0 ? add_spots(d, c, o, err) : rc;
    rc = rc == 0 ? add_canaries(d, c, err) : rc;
    int rc_tls = open_tls(d, c, err);
    return rc != 0 ? rc : rc_tls;
}

int decoys_new(const struct config *config, const struct options *options,
               struct decoys **ret_decoys, struct errbuf *err)
{
    struct decoys *d = mem_alloc(sizeof(*d));
    if (d == NULL) {
        return -ENOMEM;
    }
    d->arena = arena_new(ARENA_BYTES);
    d->known = personas_new();
    if (d->arena == NULL || d->known == NULL) {
        decoys_free(&d);
        return -ENOMEM;
    }
    d->limits = (struct decoy_limits){
        .connections = (unsigned)config->honeypot_connections,
        .per_source = (unsigned)config->honeypot_per_source,
        .header_us = config->honeypot_timeout_header,
        .idle_us = config->honeypot_timeout_idle,
        .total_us = config->honeypot_timeout_total,
        .head_bytes = config->honeypot_head,
        .body_bytes = config->honeypot_body,
        .memory = config->honeypot_memory,
    };
    find_home(d, config);
    make_signatures(d, config);
    int rc = add_networks(d, config, err);
    int rc_listen = options->honeypot ? add_listeners(d, config, options, err) : 0;
    rc = rc == 0 ? rc_listen : rc;
    if (rc != 0) {
        decoys_free(&d);
        return rc;
    }
    *ret_decoys = d;
    return 0;
}

void decoys_free(struct decoys **d)
{
    if (*d == NULL) {
        return;
    }
    arena_free(&(*d)->arena);
    personas_free(&(*d)->known);
    decoy_tls_free(&(*d)->tls);
    mem_free(*d);
    *d = NULL;
}

const struct decoy_plan *decoys_plan(const struct decoys *d)
{
    return &d->plan;
}

const struct decoy_limits *decoys_limits(const struct decoys *d)
{
    return &d->limits;
}

const struct nets *decoys_proxies(const struct decoys *d)
{
    return &d->proxies;
}

const struct decoy_tls *decoys_tls(const struct decoys *d)
{
    return d->tls;
}

bool decoys_offer_starttls(const struct decoys *d)
{
    return d->tls != NULL && d->has_certificate;
}

void decoys_forget_tls(struct decoys *d)
{
    decoy_tls_free(&d->tls);
}

const char *decoys_tls_words(const struct decoys *d)
{
    return d->tls_words;
}

const struct persona *const *decoys_personas(const struct decoys *d)
{
    return d->personas;
}

const struct decoy_signatures *decoys_signatures(const struct decoys *d)
{
    return &d->signatures;
}

void decoys_list_canaries(const struct decoys *d)
{
    for (size_t i = 0; i < d->plan.n_spots; i++) {
        printf("%s %s\n", d->canaries[i], d->spots[i].name);
    }
}

void decoys_set_selftest(struct decoys *d, struct selftest *test)
{
    d->selftest = test;
}

struct selftest *decoys_selftest(const struct decoys *d)
{
    return d->selftest;
}

void decoys_learn(struct decoys *d, const struct decoy_listeners *listeners)
{
    CHECK(listeners->n == d->plan.n_spots);
    for (size_t i = 0; i < listeners->n; i++) {
        d->spots[i] = listeners->spots[i];
        d->list[i] = (struct decoy){.listener = d->spots[i].name,
                                    .persona = d->personas[i]->name,
                                    .canary = d->canaries[i]};
    }
}

const struct decoy *decoys_touched(const struct decoys *d, const struct conn *conn)
{
    for (size_t i = 0; i < d->plan.n_spots; i++) {
        if (strcmp(conn->iface, d->spots[i].name) == 0) {
            return &d->list[i];
        }
    }
    size_t n = nets_find(&d->passive, &conn->addr[TO_CLIENT]);
    return n < d->passive.n ? &d->passive_list[n] : NULL;
}

bool decoys_is_scanner(const struct decoys *d, const struct addr *addr)
{
    return nets_have(&d->scanners, addr);
}

static bool is_public(enum scope scope)
{
    return scope == SCOPE_GLOBAL || scope == SCOPE_DOCUMENTATION || scope == SCOPE_RESERVED ||
           scope == SCOPE_MULTICAST;
}

bool decoys_is_inside(const struct decoys *d, const struct addr *addr)
{
    return d->home_is_any ? !is_public(scope_of(addr)) : net_addrs_have(&d->home, addr);
}
