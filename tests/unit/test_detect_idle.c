/* Tests of heads whose fields nobody has to look at: all that was hit waits for a target. */
#include "sensor/core/decoder.h"
#include "tests/unit/bench_detect.h"

#define ANY  "alert http any any -> any any "
#define EVIL ANY "(msg:\"m\"; http.method; content:\"GET\"; http.uri; content:\"/evil\"; sid:1;)\n"

static bool is_looked_at(struct bench *b, enum direction dir, const char *text)
{
    const struct region r = {.kind = REGION_HEAD,
                             .field = FIELD_HTTP_HEADER,
                             .dir = dir,
                             .bytes = span_str(text),
                             .flags = REGION_AGAIN};
    tx_again(b);
    return detect_region(b->detector, &b->tx, &r);
}

static bool is_asked(struct bench *b, const char *line)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "%s\r\nHost: h\r\n\r\n", line);
    return is_looked_at(b, TO_SERVER, text);
}

static void a_method_waits_for_its_target(void)
{
    struct bench b;
    bench_start(&b, EVIL);
    CU_ASSERT(!is_asked(&b, "GET /a HTTP/1.1"));
    CU_ASSERT(!is_asked(&b, "GET /%61?b=%2C HTTP/1.1"));
    CU_ASSERT(is_asked(&b, "GET /evil HTTP/1.1"));
    CU_ASSERT(is_asked(&b, "GET /%65vil HTTP/1.1"));
    CU_ASSERT(is_asked(&b, "GET /ev%69l?x HTTP/1.1"));
    CU_ASSERT(is_asked(&b, "GET http://h/%65vil HTTP/1.0"));
    CU_ASSERT(!is_looked_at(&b, TO_CLIENT, "HTTP/1.1 200 OK\r\nX: GET\r\n\r\n"));
    bench_stop(&b);
}

static void what_is_no_plain_request_is_looked_at(void)
{
    struct bench b;
    bench_start(&b, EVIL);
    CU_ASSERT(is_asked(&b, "GET\t/a HTTP/1.1"));
    CU_ASSERT(is_asked(&b, "GET /a b HTTP/1.1"));
    CU_ASSERT(is_asked(&b, "GET  /a HTTP/1.1"));
    CU_ASSERT(is_asked(&b, "GET /a"));
    CU_ASSERT(is_asked(&b, "GET /a HTTP/2"));
    bench_stop(&b);
}

/* Rules that may hold without that target. */
static void other_rules_do_not_wait(void)
{
    static const char *const rules[] = {
        EVIL ANY "(msg:\"m\"; http.method; content:\"GET\"; http.host; content:\"h\"; sid:2;)\n",
        EVIL ANY "(msg:\"m\"; http.method; content:\"GET\"; sid:2;)\n",
        EVIL ANY "(msg:\"m\"; http.header_names; content:!\"Referer\"; sid:2;)\n",
        EVIL ANY "(msg:\"m\"; http.method; content:\"GET\"; http.request_body; content:\"ab\"; "
                 "sid:2;)\n",
        ANY "(msg:\"m\"; http.method; content:\"GET\"; http.uri; content:\"/evil\"; "
            "http.referer; absent; sid:2;)\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        struct bench b;
        bench_start(&b, rules[i]);
        CU_ASSERT(is_asked(&b, "GET /a HTTP/1.1"));
        bench_stop(&b);
    }
}

static void answers_wait_only_where_they_cannot_be_meant(void)
{
    struct bench b;
    bench_start(&b, "alert http any any => any any (msg:\"m\"; http.uri; content:\"/evil\"; "
                    "http.stat_msg; content:\"OK\"; sid:1;)\n");
    CU_ASSERT(is_looked_at(&b, TO_CLIENT, "HTTP/1.1 200 OK\r\n\r\n"));
    bench_stop(&b);
}

static void rules_hold_whatever_the_target_is_written_like(void)
{
    static const char *const targets[] = {"/evil", "/%65vil", "//evil", "/x/../evil", "/a?b=/evil"};
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; http.method; content:\"GET\"; http.uri; content:\"/evil\"; "
                        "http.header_names; content:!\"Referer\"; sid:1;)\n");
    b.head_flags = REGION_AGAIN;
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        char text[256];
        tx_again(&b);
        (void)snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", targets[i]);
        b.n_found = 0;
        request(&b, text);
        CU_ASSERT_EQUAL(b.n_found, 1);
    }
    tx_again(&b);
    b.n_found = 0;
    request(&b, "GET /evil HTTP/1.1\r\nReferer: h\r\n\r\n");
    CU_ASSERT_EQUAL(b.n_found, 0);
    bench_stop(&b);
}

static CU_TestInfo heads[] = {
    {"a method waits for its target", a_method_waits_for_its_target},
    {"what is no plain request is looked at", what_is_no_plain_request_is_looked_at},
    {"other rules do not wait", other_rules_do_not_wait},
    {"answers wait only where they cannot be meant", answers_wait_only_where_they_cannot_be_meant},
    {"rules hold whatever the target is written like",
     rules_hold_whatever_the_target_is_written_like},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"idle heads", NULL, NULL, NULL, NULL, heads},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
