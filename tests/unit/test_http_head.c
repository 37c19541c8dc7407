/* Heads of HTTP that nobody looks at say the same of their message, and have the same anomalies and
 * decoded values, as those whose fields are wanted: put together at random from lines good and
 * bad. */
#include "decoders/http_head.h"
#include "decoders/http_header.h"
#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "tests/unit/runner.h"

enum { HEADS = 20000, HEAD_ROOM = 2048 };

static const char *const names[] = {
    "Host",
    "host",
    "Content-Length",
    "CONTENT-TYPE",
    "content-encoding",
    "Upgrade",
    "Connection",
    "Transfer-Encoding",
    "Authorization",
    "Proxy-Authorization",
    "User-Agent",
    "Accept",
    "X-Request-Id",
    "Cookie",
    "Set-Cookie",
    "Server",
    "Content-Typo",
    "Hosts",
    "X_Under_Score",
    "A-Name-Longer-Than-Any-Known",
    "Bad Name",
    " Leading",
    "Trailing ",
    "",
    "No\x80Token",
};

static const char *const values[] = {
    " a.example",
    " A.Example:8080",
    " 17",
    "17, 18",
    " -3",
    " text/html; charset=utf-8",
    " multipart/form-data; boundary=x",
    " gzip, br",
    " identity",
    " chunked",
    " websocket",
    " Basic dXNlcjpwYXNz",
    " Bearer eyJhIjoxfQ.eyJiIjoyfQ.sig",
    "",
    " \t",
    " a rather long value that does not end within the sixty-four characters that are looked at",
};

static const char *const ends[] = {"\r\n",  "\r\n", "\r\n", "\r\n", "\n", "\r\n folded\r\n",
                                   "\r\r\n"};

static const char *const starts[2][3] = {
    [TO_SERVER] = {"GET /a%20b HTTP/1.1\r\n", "POST http://b.example/ HTTP/1.0\r\n",
                   "get  / x\r\n"},
    [TO_CLIENT] = {"HTTP/1.1 200 OK\r\n", "HTTP/1.1 101 \r\n", "HTTP/1.0  404\n"},
};

struct seen {
    bool wanted;
    struct span head;
    uint64_t anomalies; /* hashed in their order */
    uint64_t copies;    /* values that do not lie in the head, so, too */
    unsigned n_copies;
};

static bool on_region(void *ctx, struct tx *tx, const struct region *region)
{
    (void)tx;
    (void)region;
    return ((struct seen *)ctx)->wanted;
}

static void on_field(void *ctx, struct tx *tx, const struct field *field)
{
    struct seen *s = ctx;
    (void)tx;
    if (!span_contains(s->head, field->value, NULL) && field->value.len > 0) {
        const uint64_t words[] = {s->copies, (uint64_t)field->id, hash_fixed(field->value)};
        s->copies = hash_words_fixed(words, ARRAY_LEN(words));
        s->n_copies++;
    }
}

static void on_anomaly(void *ctx, struct tx *tx, enum direction dir, enum anomaly anomaly)
{
    struct seen *s = ctx;
    (void)tx;
    const uint64_t words[] = {s->anomalies, (uint64_t)dir, (uint64_t)anomaly};
    s->anomalies = hash_words_fixed(words, ARRAY_LEN(words));
}

static const struct emit_ops ops = {.region = on_region, .field = on_field, .anomaly = on_anomaly};

static struct seen emit_head(struct span head, enum direction dir, bool wanted,
                             struct http_facts *ret_facts)
{
    struct seen s = {.wanted = wanted, .head = head};
    const struct emit emit = {&ops, &s};
    const struct decoder_limits limits = {.line_bytes = HEAD_ROOM, .head_bytes = HEAD_ROOM};
    const struct http_lines lines = {.bytes = head, .begins = true};
    struct http_out out;
    http_out_init(&out, dir, &limits);
    out.emit = &emit;
    bytes_zero(ret_facts, sizeof(*ret_facts));
    http_head_emit(&out, ret_facts, &lines);
    http_out_free(&out);
    return s;
}

static uint64_t roll(uint64_t *state, size_t n)
{
    *state = hash_words_fixed(state, 1);
    return *state % n;
}

static void make_head(uint64_t *state, enum direction dir, struct sbuf *head)
{
    sbuf_reset(head);
    sbuf_add_str(head, starts[dir][roll(state, 3)]);
    for (uint64_t n = roll(state, 8); n > 0; n--) {
        sbuf_add_str(head, names[roll(state, ARRAY_LEN(names))]);
        sbuf_add_str(head, roll(state, 16) > 0 ? ":" : "");
        sbuf_add_str(head, values[roll(state, ARRAY_LEN(values))]);
        sbuf_add_str(head, ends[roll(state, ARRAY_LEN(ends))]);
    }
    sbuf_add_str(head, roll(state, 16) > 0 ? "\r\n" : "");
}

static void a_head_nobody_looks_at_says_the_same(void)
{
    uint64_t state = 1;
    unsigned n_copies = 0;
    struct sbuf head = sbuf_with_cap(HEAD_ROOM);
    for (unsigned i = 0; i < HEADS; i++) {
        enum direction dir = i % 2 == 0 ? TO_SERVER : TO_CLIENT;
        struct http_facts facts[2];
        make_head(&state, dir, &head);
        struct seen wanted = emit_head(sbuf_span(&head), dir, true, &facts[0]);
        struct seen quiet = emit_head(sbuf_span(&head), dir, false, &facts[1]);
        CU_ASSERT_EQUAL(wanted.anomalies, quiet.anomalies);
        CU_ASSERT_EQUAL(wanted.copies, quiet.copies);
        CU_ASSERT(bytes_equal(&facts[0], &facts[1], sizeof(facts[0])));
        n_copies += quiet.n_copies;
    }
    CU_ASSERT(n_copies > HEADS / 4);
    sbuf_free(&head);
}

static void names_that_tell_are_looked_up(void)
{
    bool kinds[HTTP_HEADER_UPGRADE + 1] = {false};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct span name = span_str(names[i]);
        const struct http_header *known = http_header_find(name);
        if (known != NULL) {
            kinds[known->kind] = true;
            CU_ASSERT(known->kind == HTTP_HEADER_PLAIN || http_header_may_tell(name));
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        CU_ASSERT(kinds[i]);
    }
}

static CU_TestInfo tests[] = {
    {"a_head_nobody_looks_at_says_the_same", a_head_nobody_looks_at_says_the_same},
    {"names_that_tell_are_looked_up", names_that_tell_are_looked_up},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"heads of HTTP", NULL, NULL, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
