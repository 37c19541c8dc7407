/* Tests of the reader of JSON objects, against RFC 8259. */
#include "sensor/codec/jsonread.h"
#include "tests/unit/runner.h"

static struct sbuf out;

/* The members of an object as "key=value;", strings in quotes; then "!" and the reason, if any. */
static struct span members(struct span text)
{
    struct jsonread r = {.text = text};
    struct jsonread_member m;
    sbuf_free(&out);
    out = sbuf_with_cap(1 << 16);
    while (jsonread_next(&r, &m)) {
        sbuf_add(&out, m.key);
        sbuf_add_str(&out, m.kind == JSONREAD_STRING ? "='" : "=");
        sbuf_add(&out, m.value);
        sbuf_add_str(&out, m.kind == JSONREAD_STRING ? "';" : ";");
    }
    if (r.error != NULL) {
        sbuf_add_format(&out, "!%zu %s", r.off, r.error);
    }
    return sbuf_span(&out);
}

static void members_are_given_as_written(void)
{
    CU_ASSERT(span_equal(members(SPAN("{}")), SPAN("")));
    CU_ASSERT(span_equal(members(SPAN(" { } \r\n")), SPAN("")));
    CU_ASSERT(span_equal(members(SPAN("{\"a\":\"b\\n\", \"c\" : -1.5e+3,\"\":null}")),
                         SPAN("a='b\\n';c=-1.5e+3;=null;")));
    CU_ASSERT(
        span_equal(members(SPAN("{\"a\":[1,{\"b\":[]},\"}\"],\"c\":{\"d\":{}}\t,\"e\":true}")),
                   SPAN("a=[1,{\"b\":[]},\"}\"];c={\"d\":{}};e=true;")));
    CU_ASSERT(span_equal(members(SPAN("{\"a\\\"b\":0}")), SPAN("a\\\"b=0;")));
}

static void what_is_no_object_says_where(void)
{
    static const struct {
        struct span text;
        size_t off;
    } rows[] = {
        {SPAN_LITERAL(""), 0},
        {SPAN_LITERAL("[]"), 0},
        {SPAN_LITERAL("{"), 1},
        {SPAN_LITERAL("{\"a\"}"), 4},
        {SPAN_LITERAL("{\"a\":}"), 5},
        {SPAN_LITERAL("{\"a\":1,}"), 7},
        {SPAN_LITERAL("{\"a\":1 \"b\":2}"), 7},
        {SPAN_LITERAL("{,\"a\":1}"), 1},
        {SPAN_LITERAL("{\"a\":01}"), 6},
        {SPAN_LITERAL("{\"a\":1.}"), 5},
        {SPAN_LITERAL("{\"a\":+1}"), 5},
        {SPAN_LITERAL("{\"a\":nul}"), 5},
        {SPAN_LITERAL("{\"a\":\"b}"), 5},
        {SPAN_LITERAL("{\"a\":\"\\x41\"}"), 6},
        {SPAN_LITERAL("{\"a\":\"\\u12g4\"}"), 6},
        {SPAN_LITERAL("{\"a\":\"\\u12"), 6},
        {SPAN_LITERAL("{\"a\":[1}"), 7},
        {SPAN_LITERAL("{\"a\":[1,]}"), 8},
        {SPAN_LITERAL("{\"a\":{\"b\":1]}"), 11},
        {SPAN_LITERAL("{\"a\":{1:2}}"), 6},
        {SPAN_LITERAL("{\"a\":1} x"), 8},
        {SPAN_LITERAL("{\"a\":1}{"), 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct jsonread r = {.text = rows[i].text};
        struct jsonread_member m;
        while (jsonread_next(&r, &m)) {
        }
        CU_ASSERT(r.error != NULL);
        CU_ASSERT_EQUAL(r.off, rows[i].off);
        CU_ASSERT_FALSE(jsonread_next(&r, &m));
    }
}

static void nesting_ends_at_its_cap(void)
{
    struct sbuf text = sbuf_with_cap(4096);
    for (size_t depth = JSONREAD_DEPTH_MAX; depth <= JSONREAD_DEPTH_MAX + 1; depth++) {
        sbuf_reset(&text);
        sbuf_add_str(&text, "{\"a\":");
        for (size_t i = 0; i < depth; i++) {
            sbuf_add_byte(&text, '[');
        }
        for (size_t i = 0; i < depth; i++) {
            sbuf_add_byte(&text, ']');
        }
        sbuf_add_byte(&text, '}');
        struct jsonread r = {.text = sbuf_span(&text)};
        struct jsonread_member m;
        CU_ASSERT_EQUAL(jsonread_next(&r, &m), depth == JSONREAD_DEPTH_MAX);
        CU_ASSERT_EQUAL(r.error == NULL, depth == JSONREAD_DEPTH_MAX);
    }
    sbuf_free(&text);
}

static bool means(struct span string, struct span expected)
{
    sbuf_free(&out);
    out = sbuf_with_cap(4096);
    jsonread_unescape(string, &out);
    return span_equal(sbuf_span(&out), expected);
}

static void escapes_are_undone(void)
{
    CU_ASSERT(means(SPAN("a\\\"\\\\\\/\\b\\f\\n\\r\\tz"), SPAN("a\"\\/\b\f\n\r\tz")));
    CU_ASSERT(means(SPAN("\\u0024\\u007B\\u0000\\u00e4\\u20AC"), SPAN("${\0\xc3\xa4\xe2\x82\xac")));
    CU_ASSERT(means(SPAN("\\\\u0024"), SPAN("\\u0024")));
    CU_ASSERT(means(SPAN("\\uD83D\\uDE00"), SPAN("\xf0\x9f\x98\x80")));
}

static void surrogates_alone_are_three_bytes(void)
{
    CU_ASSERT(means(SPAN("\\ud800x"), SPAN("\xed\xa0\x80x")));
    CU_ASSERT(means(SPAN("\\udfff"), SPAN("\xed\xbf\xbf")));
    CU_ASSERT(means(SPAN("\\ud83d\\ud83d\\ude00"), SPAN("\xed\xa0\xbd\xf0\x9f\x98\x80")));
    CU_ASSERT(means(SPAN("\\ud83d\\n"), SPAN("\xed\xa0\xbd\n")));
    CU_ASSERT(means(SPAN("\\ud83d\\u0041"), SPAN("\xed\xa0\xbd"
                                                 "A")));
}

static CU_TestInfo tests[] = {
    {"members are given as written", members_are_given_as_written},
    {"what is no object says where", what_is_no_object_says_where},
    {"nesting ends at its cap", nesting_ends_at_its_cap},
    {"escapes are undone", escapes_are_undone},
    {"surrogates alone are three bytes", surrogates_alone_are_three_bytes},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"jsonread", NULL, NULL, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };
    int code = run_suites(suites);
    sbuf_free(&out);
    return code;
}
