/* Tests of sensor/enrich: who the client is and where an address lies. The databases are given by
 * JNDIWATCH_TEST_GEO (a folder); without them the tests that read one are left out and said to be.
 */
#include "sensor/enrich/assets.h"
#include "sensor/enrich/client.h"
#include "sensor/enrich/client_mail.h"
#include "sensor/enrich/geo_watch.h"
#include "sensor/enrich/scope.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct addr addr(const char *text)
{
    struct addr a = {0};
    CU_ASSERT_FATAL(addr_parse(span_str(text), &a));
    return a;
}

/* --- scope
 * ------------------------------------------------------------------------------------------- */

static void special_ranges_are_named(void)
{
    static const struct {
        const char *text;
        enum scope scope;
    } cases[] = {
        {"8.8.8.8", SCOPE_GLOBAL},
        {"10.255.0.1", SCOPE_PRIVATE},
        {"172.31.255.255", SCOPE_PRIVATE},
        {"172.32.0.1", SCOPE_GLOBAL},
        {"192.168.1.1", SCOPE_PRIVATE},
        {"100.64.0.1", SCOPE_CGNAT},
        {"100.128.0.1", SCOPE_GLOBAL},
        {"127.0.0.1", SCOPE_LOOPBACK},
        {"169.254.1.1", SCOPE_LINKLOCAL},
        {"224.0.0.1", SCOPE_MULTICAST},
        {"203.0.113.9", SCOPE_DOCUMENTATION},
        {"198.19.0.1", SCOPE_RESERVED},
        {"255.255.255.255", SCOPE_RESERVED},
        {"2001:db8::1", SCOPE_DOCUMENTATION},
        {"fd00::1", SCOPE_PRIVATE},
        {"64:ff9b:1::808:404", SCOPE_PRIVATE},
        {"64:ff9b:2::808:404", SCOPE_GLOBAL},
        {"fe80::1", SCOPE_LINKLOCAL},
        {"::1", SCOPE_LOOPBACK},
        {"ff02::1", SCOPE_MULTICAST},
        {"2606:4700::1", SCOPE_GLOBAL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr a = addr(cases[i].text);
        CU_ASSERT_EQUAL(scope_of(&a), cases[i].scope);
    }
}

static void carried_addresses_are_unmapped(void)
{
    static const char *const cases[][2] = {
        {"::ffff:8.8.4.4", "8.8.4.4"},    {"64:ff9b::808:404", "8.8.4.4"},
        {"2002:808:404::1", "8.8.4.4"},   {"2001:0:1:2:3:4:f7f7:fbfb", "8.8.4.4"},
        {"2606:4700::1", "2606:4700::1"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr in = addr(cases[i][0]);
        struct addr want = addr(cases[i][1]);
        struct addr got = addr_unmapped(&in);
        CU_ASSERT(addr_equal(&got, &want));
    }
}

/* --- client
 * ------------------------------------------------------------------------------------------ */

struct client_case {
    const char *source;
    const char *header;
    const char *value;
    const char *second; /* another line of the same header, or NULL */
    const char *client; /* NULL: none */
    unsigned hops;
};

static struct client_policy *policy(void)
{
    struct client_policy *p = NULL;
    struct errbuf err = {0};
    char *nets[] = {(char[]){"192.0.2.0/24"}, (char[]){"2001:db8::/32"}};
    char *names[] = {(char[]){"x-forwarded-for"}, (char[]){"forwarded"},
                     (char[]){"true-client-ip"}};
    struct config_list trusted = {nets, ARRAY_LEN(nets)};
    struct config_list headers = {names, ARRAY_LEN(names)};
    CU_ASSERT_EQUAL_FATAL(client_policy_new(&trusted, &headers, &p, &err), 0);
    return p;
}

/* `client` NULL: nobody is found. */
static void expect_client(const struct client_policy *p, const struct tx *tx, const char *client,
                          const char *from, unsigned hops)
{
    struct client got = {0};
    CU_ASSERT_EQUAL_FATAL(client_find(p, tx, &got), client != NULL);
    if (client != NULL) {
        struct addr want = addr(client);
        CU_ASSERT(addr_equal(&got.addr, &want));
        CU_ASSERT_EQUAL(got.trusted_hops, hops);
        CU_ASSERT_STRING_EQUAL(got.from, from);
    }
}

static void the_rightmost_untrusted_address_is_the_client(void)
{
    static const struct client_case cases[] = {
        {"192.0.2.1", "x-forwarded-for", "203.0.113.7", NULL, "203.0.113.7", 1},
        {"192.0.2.1", "x-forwarded-for", "1.1.1.1, 203.0.113.7", NULL, "203.0.113.7", 1},
        {"192.0.2.1", "x-forwarded-for", "1.1.1.1, 203.0.113.7, 192.0.2.9", NULL, "203.0.113.7", 2},
        {"192.0.2.1", "x-forwarded-for", "1.1.1.1", "203.0.113.7", "203.0.113.7", 1},
        {"192.0.2.1", "x-forwarded-for", "192.0.2.8,192.0.2.9", NULL, "192.0.2.8", 3},
        {"192.0.2.1", "x-forwarded-for", "203.0.113.7:4711", NULL, "203.0.113.7", 1},
        {"192.0.2.1", "x-forwarded-for", "203.0.113.7, ${jndi:ldap://x/a}", NULL, NULL, 0},
        {"192.0.2.1", "x-forwarded-for", "unknown, 192.0.2.4", NULL, "192.0.2.4", 2},
        {"192.0.2.1", "x-forwarded-for", "203.0.113.7,, 192.0.2.9, ", NULL, "203.0.113.7", 2},
        {"192.0.2.1", "x-forwarded-for", "::ffff:203.0.113.7, ::ffff:192.0.2.9", NULL,
         "203.0.113.7", 2},
        {"192.0.2.1", "x-forwarded-for", "[::ffff:203.0.113.7]:80", NULL, "203.0.113.7", 1},
        {"198.51.100.1", "x-forwarded-for", "203.0.113.7", NULL, NULL, 0},
        {"192.0.2.1", "forwarded", "for=203.0.113.7, proto=https", NULL, NULL, 0},
        {"192.0.2.1", "forwarded", "for=203.0.113.7, 203.0.113.8", NULL, NULL, 0},
        {"2001:db8::1", "forwarded", "for=1.1.1.1, for=\"[2600::7]:80\";proto=https", NULL,
         "2600::7", 1},
        {"192.0.2.1", "forwarded", "for=_hidden", NULL, NULL, 0},
        {"192.0.2.1", "true-client-ip", " 203.0.113.7 ", NULL, "203.0.113.7", 1},
    };
    struct client_policy *p = policy();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct client_case *c = &cases[i];
        struct conn conn = {.addr[TO_SERVER] = addr(c->source)};
        struct kept_field second = {.id = FIELD_HTTP_REQUEST_HEADER, .item = span_str(c->header)};
        struct kept_field first = {.id = FIELD_HTTP_REQUEST_HEADER,
                                   .item = span_str(c->header),
                                   .value = span_str(c->value)};
        struct tx tx = {.conn = &conn, .kept = &first};
        if (c->second != NULL) {
            second.value = span_str(c->second);
            first.next = &second;
        }
        expect_client(p, &tx, c->client, c->header, c->hops);
    }
    client_policy_free(&p);
}

/* A list may be longer than what is kept of it, and its end is what proxies wrote. */
static void of_a_long_list_the_end_counts(void)
{
    static const struct {
        const char *header;
        const char *tail;
        const char *client;
        unsigned hops;
        bool truncated;
    } cases[] = {
        {"x-forwarded-for", "6.6.6.6, 203.0.113.7, 192.0.2.9", "203.0.113.7", 2, false},
        {"x-forwarded-for", "6.6.6.6, 192.0.2.9", "192.0.2.9", 2, false},
        {"x-forwarded-for", "6.6.6.6", NULL, 0, false},
        {"x-forwarded-for", "", NULL, 0, true},
        {"forwarded", "=6.6.6.6,for=203.0.113.7", "203.0.113.7", 1, false},
        {"true-client-ip", "x,203.0.113.7", NULL, 0, false},
    };
    struct client_policy *p = policy();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conn conn = {.addr[TO_SERVER] = addr("192.0.2.1")};
        struct kept_field header = {.id = FIELD_HTTP_REQUEST_HEADER,
                                    .item = span_str(cases[i].header),
                                    .value = SPAN("6.6.6.6"),
                                    .tail = span_str(cases[i].tail),
                                    .cut = !cases[i].truncated,
                                    .truncated = cases[i].truncated};
        struct tx tx = {.conn = &conn, .kept = &header};
        expect_client(p, &tx, cases[i].client, cases[i].header, cases[i].hops);
    }
    client_policy_free(&p);
}

/* PROXY protocol: the packet comes from the trusted 192.0.2.1 unless said otherwise. */
static void a_proxy_header_counts_as_the_nearest_hop(void)
{
    static const struct {
        const char *source;
        const char *told;
        const char *header; /* X-Forwarded-For, or NULL */
        const char *client; /* NULL: not found */
        const char *from;
        unsigned hops;
    } cases[] = {
        {"192.0.2.1", "203.0.113.7", NULL, "203.0.113.7", "proxy-protocol", 1},
        {"192.0.2.1", "203.0.113.7", "1.1.1.1", "203.0.113.7", "proxy-protocol", 1},
        {"192.0.2.1", "192.0.2.9", "203.0.113.8", "203.0.113.8", "x-forwarded-for", 2},
        {"192.0.2.1", "192.0.2.9", NULL, "192.0.2.9", "proxy-protocol", 1},
        {"192.0.2.1", "::ffff:192.0.2.9", "203.0.113.8", "203.0.113.8", "x-forwarded-for", 2},
        {"192.0.2.1", "::ffff:203.0.113.7", NULL, "203.0.113.7", "proxy-protocol", 1},
        {"198.51.100.1", "203.0.113.7", NULL, NULL, NULL, 0},
    };
    struct client_policy *p = policy();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conn_extra extra = {.told_client = addr(cases[i].told)};
        struct conn conn = {.addr[TO_SERVER] = addr(cases[i].source), .extra = &extra};
        struct kept_field header = {.id = FIELD_HTTP_REQUEST_HEADER,
                                    .item = SPAN("x-forwarded-for")};
        struct tx tx = {.conn = &conn};
        if (cases[i].header != NULL) {
            header.value = span_str(cases[i].header);
            tx.kept = &header;
        }
        expect_client(p, &tx, cases[i].client, cases[i].from, cases[i].hops);
    }
    client_policy_free(&p);
}

static void a_relay_tells_whom_it_had_a_mail_from(void)
{
    static const struct {
        const char *value;
        const char *want; /* NULL: none */
    } cases[] = {
        {"from helo.example (name.example [203.0.113.7]) by mx.example (Postfix) with ESMTP",
         "203.0.113.7"},
        {"from [198.51.100.66] (unknown [203.0.113.7])\r\n\tby mx.example", "203.0.113.7"},
        {"from name.example ([203.0.113.7] helo=[198.51.100.66]) by mx.example with smtp",
         "203.0.113.7"},
        {"from [203.0.113.7] (helo=x [198.51.100.66]) by mx.example", "203.0.113.7"},
        {"from unknown (HELO [198.51.100.66]) (203.0.113.7)\r\n  by mx.example with SMTP",
         "203.0.113.7"},
        {"from a.example (203.0.113.7) by b.example (10.0.0.1) with Microsoft SMTP Server",
         "203.0.113.7"},
        {"from h (n [IPv6:2001:db8::7]) by mx", "2001:db8::7"},
        {"from by.example (by.example [203.0.113.7]) by mx", "203.0.113.7"},
        {"from h (n [203.0.113.7] (may be forged)) by mx", "203.0.113.7"},
        {"by mx.example (Postfix, from userid 0) id 1", NULL},
        {"from localhost by mx.example ([203.0.113.7])", NULL},
        {"from h (n [${jndi:ldap://203.0.113.9/a}]) by mx", NULL},
        {"from h (", NULL},
        {"from", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr got = {0};
        bool found = received_from(span_str(cases[i].value), &got);
        CU_ASSERT_EQUAL(found, cases[i].want != NULL);
        if (found && cases[i].want != NULL) {
            struct addr want = addr(cases[i].want);
            CU_ASSERT(addr_equal(&got, &want));
        }
    }
}

/* The packet comes from the trusted relay 192.0.2.1 unless said otherwise. */
static void relays_are_passed_as_far_as_they_are_trusted(void)
{
    static const struct {
        const char *source;
        const char *xclient; /* or NULL */
        const char *newest;  /* Received, or NULL */
        const char *older;
        const char *client; /* NULL: not found */
        const char *from;
        unsigned hops;
    } cases[] = {
        {"192.0.2.1", "203.0.113.7", NULL, NULL, "203.0.113.7", "xclient", 1},
        {"192.0.2.1", "203.0.113.7", "from x (y [1.1.1.1]) by z", NULL, "203.0.113.7", "xclient",
         1},
        {"192.0.2.1", "192.0.2.2", "from x (y [203.0.113.8]) by z", NULL, "203.0.113.8", "received",
         2},
        {"192.0.2.1", NULL, "from x (y [203.0.113.8]) by z", "from x (y [1.1.1.1]) by z",
         "203.0.113.8", "received", 1},
        {"192.0.2.1", NULL, "from x (y [192.0.2.3]) by z", "from x (y [203.0.113.8]) by z",
         "203.0.113.8", "received", 2},
        {"192.0.2.1", NULL, "from x (y [192.0.2.3]) by z", "nonsense", "192.0.2.3", "received", 1},
        {"192.0.2.1", NULL, "nonsense", "from x (y [203.0.113.8]) by z", NULL, NULL, 0},
        {"198.51.100.1", "203.0.113.7", "from x (y [1.1.1.1]) by z", NULL, NULL, NULL, 0},
        {"192.0.2.1", NULL, NULL, NULL, NULL, NULL, 0},
    };
    struct client_policy *p = policy();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct conn_extra extra = {0};
        struct conn conn = {.addr[TO_SERVER] = addr(cases[i].source), .extra = &extra};
        struct kept_field older = {.id = FIELD_EMAIL_RECEIVED};
        struct kept_field newest = {.id = FIELD_EMAIL_RECEIVED};
        struct tx tx = {.conn = &conn};
        if (cases[i].xclient != NULL) {
            CU_ASSERT(xclient_addr(span_str(cases[i].xclient), &extra.xclient));
        }
        if (cases[i].newest != NULL) {
            newest.value = span_str(cases[i].newest);
            tx.kept = &newest;
        }
        if (cases[i].older != NULL) {
            older.value = span_str(cases[i].older);
            newest.next = &older;
        }
        expect_client(p, &tx, cases[i].client, cases[i].from, cases[i].hops);
    }
    client_policy_free(&p);
}

static void what_is_unavailable_is_no_address(void)
{
    struct addr got = {0};
    CU_ASSERT(!xclient_addr(SPAN("[UNAVAILABLE]"), &got));
    CU_ASSERT(!xclient_addr(SPAN("[TEMPUNAVAIL]"), &got));
    CU_ASSERT_EQUAL(got.family, 0);
    CU_ASSERT(xclient_addr(SPAN("IPV6:2001:db8::7"), &got));
    CU_ASSERT_EQUAL(got.family, 6);
}

static void wrong_networks_and_headers_are_told(void)
{
    struct client_policy *p = NULL;
    struct errbuf err = {0};
    char *nets[] = {(char[]){"192.0.2.0/33"}, (char[]){"x"}};
    char *names[] = {(char[]){"x-forward"}};
    CU_ASSERT(client_policy_new(&(struct config_list){nets, 2}, &(struct config_list){names, 1}, &p,
                                &err) < 0);
    CU_ASSERT_EQUAL(err.n_lines, 3);
    errbuf_free(&err);
}

/* --- geo
 * --------------------------------------------------------------------------------------------- */

static const char *geo_dir(void)
{
    const char *dir = getenv("JNDIWATCH_TEST_GEO");
    if (dir == NULL) {
        printf("\nskipped: no geo databases (libmaxmind-db-writer-perl is not installed)\n");
    }
    return dir;
}

struct opened {
    struct geo *geo;
    struct geo_cache *cache;
    struct stats stats;
    struct errbuf err;
    int rc;
};

static void open_files(struct opened *o, const char *const *names, size_t n)
{
    struct config_list files = {0};
    *o = (struct opened){0};
    for (size_t i = 0; i < n; i++) {
        char path[512];
        const char *dir = geo_dir();
        (void)snprintf(path, sizeof(path), "%s/%s", dir != NULL ? dir : ".", names[i]);
        CU_ASSERT_EQUAL(config_append(&files, span_str(path)), 0);
    }
    o->rc = geo_open(&files, &o->geo, &o->err);
    o->cache = geo_cache_new(o->geo, &o->stats);
    struct config holder = {.geo_databases = files};
    config_free(&holder);
}

static void done(struct opened *o)
{
    geo_cache_free(&o->cache);
    geo_free(&o->geo);
    errbuf_free(&o->err);
}

static void expect_place(const char *file, const char *at, const struct place *want)
{
    struct opened o;
    open_files(&o, &file, 1);
    CU_ASSERT_EQUAL_FATAL(o.rc, 0);
    struct addr a = addr(at);
    struct place got;
    geo_find(o.cache, &a, &got);
    CU_ASSERT_STRING_EQUAL(got.country_iso_code, want->country_iso_code);
    CU_ASSERT_STRING_EQUAL(got.city_name, want->city_name);
    CU_ASSERT_EQUAL(got.as_number, want->as_number);
    if (strcmp(got.country_iso_code, want->country_iso_code) != 0 ||
        got.as_number != want->as_number || strcmp(got.city_name, want->city_name) != 0) {
        printf("\n  %s %s: '%s' '%s' %u\n", file, at, got.country_iso_code, got.city_name,
               got.as_number);
    }
    done(&o);
}

static void every_vendors_layout_is_read(void)
{
    static const struct {
        const char *file;
        const char *at;
        struct place place;
    } cases[] = {
        {"maxmind-city.mmdb", "192.0.2.9", {.country_iso_code = "XA", .city_name = "Example City"}},
        {"maxmind-city.mmdb",
         "::ffff:192.0.2.9",
         {.country_iso_code = "XA", .city_name = "Example City"}},
        {"maxmind-country.mmdb", "192.0.2.9", {.country_iso_code = "XA"}},
        {"maxmind-asn.mmdb", "192.0.2.9", {.as_number = 64496}},
        {"maxmind-asn.mmdb", "198.51.100.9", {.as_number = 4294967295}},
        {"maxmind-isp.mmdb", "192.0.2.9", {.as_number = 64497}},
        {"ipinfo-lite.mmdb", "192.0.2.9", {.country_iso_code = "XA", .as_number = 64496}},
        {"ipinfo-country-asn.mmdb", "192.0.2.9", {.country_iso_code = "XA", .as_number = 64496}},
        {"ipinfo-country-asn.mmdb", "198.51.100.9", {.country_iso_code = "XB"}},
        {"ip-location-country-v4.mmdb", "192.0.2.9", {.country_iso_code = "XA"}},
        {"ip-location-country-v4.mmdb", "2001:db8::1", {.country_iso_code = ""}},
        {"ip-location-country-v6.mmdb", "2001:db8::1", {.country_iso_code = "XF"}},
        {"ip-location-city-v4.mmdb",
         "192.0.2.9",
         {.country_iso_code = "XA", .city_name = "Example City"}},
        {"ip-location-city-v4.mmdb", "198.51.100.9", {.country_iso_code = "XB"}},
        {"ip-location-asn.mmdb", "2001:db8::1", {.as_number = 64497}},
    };
    for (size_t i = 0; geo_dir() != NULL && i < ARRAY_LEN(cases); i++) {
        expect_place(cases[i].file, cases[i].at, &cases[i].place);
    }
}

static void several_databases_complete_each_other(void)
{
    if (geo_dir() == NULL) {
        return;
    }
    struct opened o;
    const char *names[] = {"ip-location-country-v4.mmdb", "ip-location-country-v6.mmdb",
                           "maxmind-asn.mmdb"};
    open_files(&o, names, ARRAY_LEN(names));
    CU_ASSERT_EQUAL_FATAL(o.rc, 0);
    struct place got;
    struct addr a = addr("192.0.2.9");
    geo_find(o.cache, &a, &got);
    CU_ASSERT_STRING_EQUAL(got.country_iso_code, "XA");
    CU_ASSERT_EQUAL(got.as_number, 64496);
    a = addr("2001:db8::1");
    geo_find(o.cache, &a, &got);
    CU_ASSERT_STRING_EQUAL(got.country_iso_code, "XF");
    CU_ASSERT_EQUAL(got.as_number, 65536);
    CU_ASSERT_EQUAL(stats_get(&o.stats, STAT_GEO_ERRORS), 0);
    done(&o);
}

static void other_databases_are_refused_by_name(void)
{
    if (geo_dir() == NULL) {
        return;
    }
    struct opened o;
    const char *names[] = {"maxmind-connection.mmdb", "no-such.mmdb", "damaged-empty.mmdb"};
    open_files(&o, names, ARRAY_LEN(names));
    CU_ASSERT(o.rc < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(errbuf_text(&o.err), "--geoip takes Country, City and ASN ones"));
    CU_ASSERT_PTR_NOT_NULL(strstr(errbuf_text(&o.err), "no-such.mmdb': No such file"));
    CU_ASSERT_PTR_NOT_NULL(strstr(errbuf_text(&o.err), "(file truncated?)"));
    CU_ASSERT_EQUAL(o.err.n_lines, 3);
    done(&o);
}

/* Whatever is wrong with a file, asking it never crashes, and an answer is always there. */
static void damaged_databases_cost_no_event(void)
{
    static const char *const names[] = {
        "damaged-data.mmdb",       "damaged-data-cut.mmdb",
        "damaged-data-cycle.mmdb", "damaged-data-deep.mmdb",
        "damaged-empty.mmdb",      "damaged-epoch.mmdb",
        "damaged-half.mmdb",       "damaged-marker.mmdb",
        "damaged-metadata.mmdb",   "damaged-metadata-map.mmdb",
        "damaged-noise.mmdb",      "damaged-tail.mmdb",
        "damaged-text.mmdb",       "damaged-tree.mmdb",
        "damaged-tree-cut.mmdb",   "odd-types.mmdb",
        "string-records.mmdb",
    };
    for (size_t i = 0; geo_dir() != NULL && i < ARRAY_LEN(names); i++) {
        struct opened o;
        open_files(&o, &names[i], 1);
        for (unsigned n = 0; n < 512; n++) {
            char text[ADDR_TEXT_SIZE];
            (void)snprintf(text, sizeof(text), n < 256 ? "%u.51.100.7" : "2001:%x::7", n);
            struct addr a = addr(text);
            struct place got = {.scope = SCOPE_RESERVED, .as_number = 7};
            geo_find(o.cache, &a, &got);
            CU_ASSERT(got.as_number != 7);
        }
        done(&o);
    }
}

static void without_a_database_the_scope_is_known(void)
{
    struct stats stats = {0};
    struct geo_cache *c = geo_cache_new(NULL, &stats);
    struct addr a = addr("10.0.0.1");
    struct place got;
    geo_find(c, &a, &got);
    CU_ASSERT_EQUAL(got.scope, SCOPE_PRIVATE);
    geo_cache_free(&c);
}

/* --- assets
 * ------------------------------------------------------------------------------------------ */

/* Reads a file of that text; its mistakes are in err. */
static int read_assets(const char *text, struct assets **ret, struct errbuf *err)
{
    char path[] = "/tmp/test-enrich-XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
    int rc = assets_read(path, ret, err);
    (void)unlink(path);
    return rc;
}

static void the_smallest_network_names_an_address(void)
{
    struct assets *a = NULL;
    struct errbuf err = {0};
    const char *text = "# network, name\n"
                       "10.0.0.0/8, all\r\n\n"
                       "  10.1.2.0/24 , shops , team , internet , yes\n"
                       "10.1.2.3,one,,,no\n"
                       "10.1.0.0/16,city,owner\n"
                       "2001:db8:1::/48,six,,partner\n"
                       "0.0.0.0/0,rest";
    static const char *const cases[][2] = {
        {"10.1.2.3", "one"},     {"10.1.2.4", "shops"},   {"10.1.3.4", "city"},
        {"10.2.0.0", "all"},     {"11.0.0.1", "rest"},    {"2001:db8:1:2::7", "six"},
        {"2001:db8:2::1", NULL}, {"10.1.2.255", "shops"}, {"10.255.255.255", "all"},
    };
    CU_ASSERT_EQUAL_FATAL(read_assets(text, &a, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct addr at = addr(cases[i][0]);
        const struct asset *got = assets_find(a, &at);
        CU_ASSERT_EQUAL_FATAL(got != NULL, cases[i][1] != NULL);
        if (got != NULL) {
            CU_ASSERT_STRING_EQUAL(got->name, cases[i][1]);
        }
    }
    struct addr at = addr("10.1.2.77");
    const struct asset *shops = assets_find(a, &at);
    CU_ASSERT_STRING_EQUAL(shops->owner, "team");
    CU_ASSERT_EQUAL(shops->exposure, REACH_INTERNET);
    CU_ASSERT_EQUAL(shops->vulnerable, VULNERABLE_YES);
    CU_ASSERT_EQUAL(assets_find(NULL, &at), NULL);
    assets_free(&a);
}

static void every_mistake_of_a_file_of_assets_is_told(void)
{
    struct assets *a = NULL;
    struct errbuf err = {0};
    CU_ASSERT(read_assets("10.0.0.0/33,x\n10.0.0.0/8\n10.0.0.0/8,x,y,street\n"
                          "10.0.0.0/8,x,,,perhaps\n1.1.1.1,a,b,,,c\n"
                          "10.9.0.0/8,x\n10.0.0.0/8,y\n",
                          &a, &err) < 0);
    CU_ASSERT_EQUAL(err.n_lines, 6);
    CU_ASSERT(strstr(errbuf_text(&err), ":1: '10.0.0.0/33' is not a network") != NULL);
    CU_ASSERT(strstr(errbuf_text(&err), ":7: this network stands at line 6 already") != NULL);
    CU_ASSERT_EQUAL(a, NULL);
    errbuf_free(&err);
    CU_ASSERT_EQUAL(read_assets("", &a, &err), 0);
    assets_free(&a);
}

/* --- databases that are replaced
 * ------------------------------------------------------------------------- */

enum { PATH_SIZE = 600 };

static void copy_database(const char *name, const char *to)
{
    char from[PATH_SIZE];
    char bytes[4096];
    size_t n = 0;
    (void)snprintf(from, sizeof(from), "%s/%s", geo_dir(), name);
    FILE *in = fopen(from, "rb");
    FILE *out = fopen(to, "wb");
    CU_ASSERT_FATAL(in != NULL && out != NULL);
    while ((n = fread(bytes, 1, sizeof(bytes), in)) > 0) {
        CU_ASSERT_EQUAL(fwrite(bytes, 1, n, out), n);
    }
    (void)fclose(in);
    CU_ASSERT_EQUAL(fclose(out), 0);
}

/* A folder with one file, a watch of it, and a worker's cache. */
struct watched {
    char path[PATH_SIZE];
    char folder[64];
    struct geo_watch *watch;
    struct geo_cache *cache;
    struct stats stats;
    struct errbuf warnings;
    struct errbuf notices;
};

static void begin_watch(struct watched *w, const char *name)
{
    struct config_list files = {0};
    struct geo *geo = NULL;
    *w = (struct watched){.folder = "/tmp/test-enrich-XXXXXX"};
    CU_ASSERT_FATAL(mkdtemp(w->folder) != NULL);
    (void)snprintf(w->path, sizeof(w->path), "%s/x.mmdb", w->folder);
    copy_database(name, w->path);
    CU_ASSERT_EQUAL(config_append(&files, span_str(w->path)), 0);
    CU_ASSERT_EQUAL_FATAL(geo_open(&files, &geo, &w->warnings), 0);
    w->watch = geo_watch_new(geo, &files);
    CU_ASSERT_FATAL(w->watch != NULL);
    w->cache = geo_cache_new_watching(w->watch, &w->stats);
    config_list_free(&files);
}

/* Checks; how many lines of each kind there are since the last time. */
static void check(struct watched *w, bool again, size_t n_warnings, size_t n_notices)
{
    errbuf_free(&w->warnings);
    errbuf_free(&w->notices);
    geo_watch_check(w->watch, again, &w->warnings, &w->notices);
    CU_ASSERT_EQUAL(w->warnings.n_lines, n_warnings);
    CU_ASSERT_EQUAL(w->notices.n_lines, n_notices);
}

static bool knows_as(struct watched *w)
{
    struct addr a = addr("192.0.2.1");
    struct place got;
    geo_find(w->cache, &a, &got);
    return got.as_number != 0;
}

static void end_watch(struct watched *w)
{
    geo_cache_free(&w->cache);
    geo_watch_free(&w->watch);
    errbuf_free(&w->warnings);
    errbuf_free(&w->notices);
    (void)unlink(w->path);
    CU_ASSERT_EQUAL(rmdir(w->folder), 0);
}

static void a_replaced_database_is_put_to_use(void)
{
    struct watched w;
    char other[PATH_SIZE + 8];
    if (geo_dir() == NULL) {
        return;
    }
    begin_watch(&w, "maxmind-city.mmdb");
    check(&w, false, 0, 0);
    CU_ASSERT(!knows_as(&w));
    (void)snprintf(other, sizeof(other), "%s.new", w.path);
    copy_database("maxmind-asn.mmdb", other);
    CU_ASSERT_EQUAL(rename(other, w.path), 0);
    CU_ASSERT(!knows_as(&w)); /* nobody has looked yet */
    check(&w, false, 0, 1);
    CU_ASSERT(knows_as(&w));
    check(&w, false, 0, 0);
    CU_ASSERT_EQUAL(geo_watch_stats(w.watch).swapped, 1);
    end_watch(&w);
}

static void a_bad_database_is_told_once_and_the_old_one_stays(void)
{
    struct watched w;
    if (geo_dir() == NULL) {
        return;
    }
    begin_watch(&w, "maxmind-asn.mmdb");
    CU_ASSERT(knows_as(&w));
    CU_ASSERT_EQUAL(truncate(w.path, 500), 0);
    check(&w, false, 1, 0);
    check(&w, false, 0, 0);
    check(&w, true, 1, 0);
    CU_ASSERT_EQUAL(unlink(w.path), 0);
    check(&w, false, 1, 0);
    check(&w, false, 0, 0);
    CU_ASSERT(knows_as(&w));
    copy_database("damaged-half.mmdb", w.path);
    check(&w, false, 1, 0);
    CU_ASSERT(knows_as(&w));
    copy_database("maxmind-connection.mmdb", w.path);
    check(&w, false, 1, 0);
    CU_ASSERT(knows_as(&w));
    copy_database("maxmind-asn.mmdb", w.path);
    check(&w, false, 0, 1);
    CU_ASSERT(knows_as(&w));
    end_watch(&w);
}

static void a_set_lives_as_long_as_a_worker_has_it(void)
{
    struct watched w;
    if (geo_dir() == NULL) {
        return;
    }
    begin_watch(&w, "maxmind-asn.mmdb");
    for (unsigned i = 0; i < 50; i++) {
        copy_database(i % 2 == 0 ? "maxmind-city.mmdb" : "maxmind-asn.mmdb", w.path);
        check(&w, false, 0, 1);
        CU_ASSERT(i % 5 != 0 || knows_as(&w) == (i % 2 != 0));
    }
    CU_ASSERT_EQUAL(geo_watch_generation(w.watch), 50);
    end_watch(&w);
}

static CU_TestInfo tests[] = {
    {"special_ranges_are_named", special_ranges_are_named},
    {"carried_addresses_are_unmapped", carried_addresses_are_unmapped},
    {"the_rightmost_untrusted_address_is_the_client",
     the_rightmost_untrusted_address_is_the_client},
    {"of a long list the end counts", of_a_long_list_the_end_counts},
    {"a_proxy_header_counts_as_the_nearest_hop", a_proxy_header_counts_as_the_nearest_hop},
    {"a_relay_tells_whom_it_had_a_mail_from", a_relay_tells_whom_it_had_a_mail_from},
    {"relays_are_passed_as_far_as_they_are_trusted", relays_are_passed_as_far_as_they_are_trusted},
    {"what_is_unavailable_is_no_address", what_is_unavailable_is_no_address},
    {"wrong_networks_and_headers_are_told", wrong_networks_and_headers_are_told},
    {"every_vendors_layout_is_read", every_vendors_layout_is_read},
    {"several_databases_complete_each_other", several_databases_complete_each_other},
    {"other_databases_are_refused_by_name", other_databases_are_refused_by_name},
    {"damaged_databases_cost_no_event", damaged_databases_cost_no_event},
    {"without_a_database_the_scope_is_known", without_a_database_the_scope_is_known},
    {"the_smallest_network_names_an_address", the_smallest_network_names_an_address},
    {"every_mistake_of_a_file_of_assets_is_told", every_mistake_of_a_file_of_assets_is_told},
    {"a_replaced_database_is_put_to_use", a_replaced_database_is_put_to_use},
    {"a_bad_database_is_told_once_and_the_old_one_stays",
     a_bad_database_is_told_once_and_the_old_one_stays},
    {"a_set_lives_as_long_as_a_worker_has_it", a_set_lives_as_long_as_a_worker_has_it},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {{"enrich", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
