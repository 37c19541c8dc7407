/* bench_detect: a detector with one connection and one transaction, for tests that say in a few
 * lines what a decoder emits and what must be found.
 *
 * Requests are taken apart by the simplest rules there are; a test that needs more emits its fields
 * itself. What was found instead of what was expected is printed. */
#include "tests/unit/bench_detect.h"

#include "sensor/base/bytes.h"

#include <stdlib.h>
#include <string.h>

static const struct decoder http = {.name = "http"};

static void on_found(void *ctx, struct tx *tx, struct finding *finding)
{
    struct bench *b = ctx;
    CU_ASSERT_PTR_EQUAL(tx, &b->tx);
    CU_ASSERT_FATAL(b->n_found < FOUND_MAX);
    b->found[b->n_found++] = finding;
}

static struct engine *load(const char *rules)
{
    char paths[2][1024];
    const char *files[] = {paths[0], paths[1]};
    const struct engine_text text = {"t.rules", span_str(rules)};
    struct engine_options o = {.files = files,
                               .texts = &text,
                               .n_texts = rules[0] != 0,
                               .cache_dir = getenv("JNDIWATCH_TEST_CACHE")};
    struct engine *engine = NULL;
    struct errbuf err = {0};
    const char *folder = getenv("JNDIWATCH_RULES");
    CU_ASSERT_PTR_NOT_NULL_FATAL(folder);
    snprintf(paths[0], sizeof(paths[0]), "%s/jndi.rules", folder);
    snprintf(paths[1], sizeof(paths[1]), "%s/commons-text.rules", folder);
    o.n_files = rules[0] == 0 ? 2 : 0;
    CU_ASSERT_EQUAL(engine_new(&o, &engine, &err), 0);
    CU_ASSERT_STRING_EQUAL(errbuf_text(&err), "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(engine);
    errbuf_free(&err);
    return engine;
}

/* The shipped rules are compiled once: it takes longer than most tests. */
static struct engine *shipped;

static void forget_shipped(void)
{
    engine_unref(&shipped);
}

struct engine *engine_of(const char *rules)
{
    if (rules[0] != 0) {
        return load(rules);
    }
    if (shipped == NULL) {
        shipped = load("");
        atexit(forget_shipped);
    }
    return engine_ref(shipped);
}

static void tx_start(struct bench *b)
{
    b->tx = (struct tx){
        .conn = &b->conn, .decoder = &http, .arena = arena_new(1 << 20), .detect = NULL};
    b->n_found = 0;
}

void tx_stop(struct bench *b)
{
    detect_tx_end(b->detector, &b->tx);
    CU_ASSERT_PTR_NULL(b->tx.detect);
}

static void tx_free(struct bench *b)
{
    arena_free(&b->tx.arena);
}

void bench_start_limited(struct bench *b, const char *rules, struct detect_limits limits)
{
    bytes_zero(b, sizeof(*b));
    b->conn = (struct conn){.id = 77,
                            .proto = IP_PROTO_TCP,
                            .state = CONN_ESTABLISHED,
                            .port = {40000, 8080},
                            .last_us = 1639141200000000,
                            .clock_us = 1639141200000001,
                            .number = 5};
    CU_ASSERT(addr_parse(SPAN("192.0.2.4"), &b->conn.addr[TO_SERVER]));
    CU_ASSERT(addr_parse(SPAN("198.51.100.9"), &b->conn.addr[TO_CLIENT]));
    b->engine = engine_of(rules);
    const struct detect_user user = {.found = on_found, .ctx = b};
    b->limits = limits;
    b->detector = detector_new(b->engine, &b->limits, &b->stats, &user);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b->detector);
    tx_start(b);
}

void tx_again(struct bench *b)
{
    tx_stop(b);
    tx_free(b);
    tx_start(b);
    b->conn.number++; /* in another packet */
}

void bench_start(struct bench *b, const char *rules)
{
    bench_start_limited(b, rules, detect_limits_default());
}

void bench_stop(struct bench *b)
{
    tx_stop(b);
    conn_release(&b->conn);
    detector_free(&b->detector);
    engine_unref(&b->engine);
    tx_free(b);
}

static void head_of(struct bench *b, enum direction dir, enum field_id field, struct span bytes)
{
    const struct region r = {
        .kind = REGION_HEAD, .field = field, .dir = dir, .bytes = bytes, .flags = b->head_flags};
    detect_region(b->detector, &b->tx, &r);
}

void head(struct bench *b, struct span bytes)
{
    head_of(b, TO_SERVER, FIELD_HTTP_HEADER, bytes);
}

void field_of(struct bench *b, enum field_id id, const char *item, struct span value)
{
    const struct field f = {.id = id, .item = span_str(item), .value = value, .dir = TO_SERVER};
    detect_field(b->detector, &b->tx, &f);
}

/* A whole request: the request line, headers by the table, the line and the block. */
void request(struct bench *b, const char *text)
{
    static const struct {
        const char *name;
        enum field_id id;
    } own[] = {
        {"User-Agent", FIELD_HTTP_USER_AGENT},
        {"Host", FIELD_HTTP_HOST_RAW},
        {"Cookie", FIELD_HTTP_COOKIE},
        {"Referer", FIELD_HTTP_REFERER},
    };
    struct span all = span_str(text);
    head(b, all);
    struct span rest = all;
    struct span line = span_trim(span_split(&rest, '\n'));
    struct span words = line;
    field_of(b, FIELD_HTTP_METHOD, "", span_split(&words, ' '));
    size_t end = span_rfind_byte(words, ' ');
    field_of(b, FIELD_HTTP_URI_RAW, "", span_head(words, end));
    field_of(b, FIELD_HTTP_URI, "", span_head(words, end));
    field_of(b, FIELD_HTTP_PROTOCOL, "", span_from(words, end + 1));
    struct span block = rest;
    while (rest.len > 2) {
        struct span value = span_trim(span_split(&rest, '\n'));
        struct span name = span_split(&value, ':');
        char item[64] = "";
        enum field_id id = FIELD_HTTP_REQUEST_HEADER;
        for (size_t i = 0; i < ARRAY_LEN(own); i++) {
            id = span_equal_nocase(name, span_str(own[i].name)) ? own[i].id : id;
        }
        for (size_t i = 0; id == FIELD_HTTP_REQUEST_HEADER && i < name.len && i < 63; i++) {
            item[i] = (char)byte_lower(name.data[i]);
        }
        field_of(b, id, item, span_trim(value));
    }
    field_of(b, FIELD_HTTP_REQUEST_LINE, "", line);
    field_of(b, FIELD_HTTP_HEADER, "", block);
}

void body_piece(struct bench *b, struct span bytes, unsigned flags, enum body_type type)
{
    const struct region r = {.kind = REGION_BODY,
                             .field = FIELD_HTTP_REQUEST_BODY,
                             .dir = TO_SERVER,
                             .bytes = bytes,
                             .flags = flags,
                             .body_type = type};
    detect_region(b->detector, &b->tx, &r);
}

void body(struct bench *b, const char *text, enum body_type type)
{
    body_piece(b, span_str(text), REGION_FIRST | REGION_LAST, type);
}

/* Field and item of a finding, as events write it. */
static void name_of(const struct finding *f, char *ret, size_t size)
{
    snprintf(ret, size, "%s%s%.*s", field_info(f->field)->name, f->item.len > 0 ? "." : "",
             (int)f->item.len, (const char *)f->item.data);
}

void expect_list(const struct bench *b, const struct expected *expected, size_t n, const char *what)
{
    detect_settle(b->detector);
    bool good = b->n_found == n;
    for (size_t i = 0; i < n && i < b->n_found; i++) {
        char name[512];
        const struct finding *f = b->found[i];
        struct span lookup =
            f->jndi != NULL && f->jndi->n_lookups > 0 ? f->jndi->lookups[0] : span_of(NULL, 0);
        name_of(f, name, sizeof(name));
        good = good && f->signature->sid == expected[i].sid &&
               strcmp(name, expected[i].name) == 0 &&
               (expected[i].lookup == NULL || span_equal(lookup, span_str(expected[i].lookup)));
    }
    CU_ASSERT(good);
    for (size_t i = 0; !good && i < b->n_found; i++) {
        char name[512];
        const struct finding *f = b->found[i];
        name_of(f, name, sizeof(name));
        printf("\n  %s: %u %s", what, (unsigned)f->signature->sid, name);
        for (size_t k = 0; f->jndi != NULL && k < f->jndi->n_lookups; k++) {
            printf(" '%.*s'", (int)f->jndi->lookups[k].len, (const char *)f->jndi->lookups[k].data);
        }
    }
    if (!good && b->n_found == 0) {
        printf("\n  %s: nothing", what);
    }
}

void expect_nothing(const struct bench *b, const char *what)
{
    expect_list(b, NULL, 0, what);
}

void add_lines(struct sbuf *text, size_t len)
{
    while (text->len < len) {
        sbuf_add_str(text, "the quick brown fox jumps over the lazy dog ${x} $1 {2}\n");
    }
}
