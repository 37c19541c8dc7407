/* Tests of engines: loading, listing, and taking over from one another. */
#include "sensor/base/mem.h"
#include "signatures/selftest.h"
#include "tests/unit/bench_detect.h"

#include <errno.h>
#include <stdlib.h>

#define ANY "alert http any any -> any any "

/* --- engines --- */

static void a_transaction_keeps_its_engine(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"old\"; http.request_body; content:\"old\"; sid:1;)\n");
    body_piece(&b, SPAN("it is o"), REGION_FIRST, BODY_TEXT);
    struct engine *next =
        engine_of(ANY "(msg:\"a\"; http.uri; content:\"a b c\"; sid:1;)\n" ANY
                      "(msg:\"new\"; http.request_body; content:\"new\"; sid:2;)\n");
    CU_ASSERT_EQUAL(detector_use(b.detector, next), 0);
    engine_unref(&b.engine);
    b.engine = next;
    body_piece(&b, SPAN("ld, not new"), REGION_LAST, BODY_UNKNOWN);
    EXPECT(&b, "old", {1, "http.request_body", NULL});
    CU_ASSERT(span_equal(b.found[0]->signature->msg, SPAN("old")));
    tx_again(&b);
    body_piece(&b, SPAN("it is old, not n"), REGION_FIRST, BODY_TEXT);
    body_piece(&b, SPAN("ew"), REGION_LAST, BODY_UNKNOWN);
    EXPECT(&b, "new", {2, "http.request_body", NULL});
    bench_stop(&b);
}

/* What loading came to. */
struct trial {
    int result;
    struct engine *engine;
    struct errbuf err;
    struct errbuf warnings;
};

static void trial_free(struct trial *t)
{
    engine_unref(&t->engine);
    errbuf_free(&t->err);
    errbuf_free(&t->warnings);
}

static struct trial try_engine(const char *file, const char *text, bool fatal)
{
    struct trial t = {0};
    const struct engine_text texts = {"t.rules", span_str(text)};
    const struct engine_options o = {.files = &file,
                                     .n_files = file != NULL,
                                     .texts = &texts,
                                     .n_texts = 1,
                                     .cache_dir = getenv("JNDIWATCH_TEST_CACHE"),
                                     .failed_rules_are_fatal = fatal,
                                     .warnings = &t.warnings};
    t.result = engine_new(&o, &t.engine, &t.err);
    CU_ASSERT((t.result == 0) == (t.engine != NULL));
    return t;
}

#define GOOD ANY "(msg:\"m\"; content:\"ab\"; sid:1;)\n"
#define BAD  ANY "(msg:\"m\"; nosuch; content:\"ab\"; sid:2;)\n"

static void what_is_wrong_with_rules_is_told(void)
{
    struct trial t = try_engine("none.rules", GOOD, false);
    CU_ASSERT_EQUAL(t.result, -ENOENT);
    CU_ASSERT_STRING_EQUAL(errbuf_text(&t.err), "cannot open rule file 'none.rules': No such file "
                                                "or directory. Check the path\n");
    trial_free(&t);
    t = try_engine(NULL, GOOD BAD, false);
    CU_ASSERT_EQUAL(t.result, 0);
    CU_ASSERT_STRING_EQUAL(errbuf_text(&t.err), "t.rules:2: sid 2: unknown keyword 'nosuch'\n");
    CU_ASSERT_EQUAL(engine_n_loaded(t.engine), 1);
    CU_ASSERT_EQUAL(engine_n_failed(t.engine), 1);
    trial_free(&t);
    t = try_engine(NULL, GOOD BAD, true);
    CU_ASSERT_EQUAL(t.result, -EINVAL);
    CU_ASSERT_EQUAL(t.err.n_lines, 1);
    trial_free(&t);
    t = try_engine(NULL, BAD, false);
    CU_ASSERT_EQUAL(t.result, -EINVAL);
    CU_ASSERT_STRING_EQUAL(errbuf_text(&t.err),
                           "t.rules:1: sid 2: unknown keyword 'nosuch'\n"
                           "rule file 't.rules': none of its rules could be loaded\n");
    CU_ASSERT_STRING_EQUAL(errbuf_text(&t.warnings), "");
    trial_free(&t);
    t = try_engine("/dev/null", GOOD, true);
    CU_ASSERT_EQUAL(t.result, 0);
    CU_ASSERT_STRING_EQUAL(errbuf_text(&t.warnings), "rule file '/dev/null' has no rules\n");
    trial_free(&t);
    t = try_engine(NULL,
                   ANY "(msg:\"m\"; pcre:\"/x/\"; sid:1;)\n" ANY
                       "(msg:\"m\"; http.method; content:!\"GET\"; sid:2;)\n" ANY
                       "(msg:\"m\"; http.method; content:!\"GET\"; http.uri; content:\"/ab\"; "
                       "sid:3;)\n" ANY "(msg:\"m\"; jndi.class:attack; sid:4;)\n",
                   true);
    CU_ASSERT_EQUAL(t.result, 0);
    CU_ASSERT_STRING_EQUAL(errbuf_text(&t.warnings),
                           "t.rules:1: sid 1: no content of 2 or more bytes must be there, so it "
                           "is tried on all bytes of pkt_data\n"
                           "t.rules:2: sid 2: no content of 2 or more bytes must be there, so it "
                           "is tried on every value of http.method\n");
    trial_free(&t);
}

static void the_list_tells_patterns_and_costs(void)
{
    struct engine *e =
        engine_of(ANY "(msg:\"m\"; http.uri; content:\"long one\"; content:\"short\"; "
                      "fast_pattern; sid:1;)\n" ANY
                      "(msg:\"m\"; http.method; content:\"GET\"; http.uri; content:\"/abcdef\"; "
                      "sid:2;)\n" ANY "(msg:\"m\"; http.method; content:!\"GET\"; sid:3;)\n" ANY
                      "(msg:\"m\"; pcre:\"/x/\"; sid:4;)\n" ANY
                      "(msg:\"m\"; jndi.lookup; content:\"ldap\"; sid:5;)\n"
                      "drop http any any -> any any (msg:\"m\"; dsize:>5; sid:6;)\n"
                      "alert tcp any any -> any any (msg:\"m\"; flags:S; sid:7;)\n");
    static const struct {
        const char *pattern;
        enum engine_cost cost;
    } expected[] = {
        {"short", ENGINE_COST_GATE}, {"/abcdef", ENGINE_COST_GATE}, {"", ENGINE_COST_FIELD},
        {"", ENGINE_COST_BYTES},     {"", ENGINE_COST_RESULT},      {"", ENGINE_COST_FLOW},
        {"", ENGINE_COST_PACKET},
    };
    CU_ASSERT_EQUAL_FATAL(engine_n_loaded(e), ARRAY_LEN(expected));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        struct engine_listing l = engine_list(e, i);
        CU_ASSERT_EQUAL(l.signature->sid, i + 1);
        CU_ASSERT(span_equal(l.fast_pattern, span_str(expected[i].pattern)));
        CU_ASSERT_EQUAL(l.cost, expected[i].cost);
    }
    engine_unref(&e);
}

static void the_shipped_rules_tell_what_events_need(void)
{
    struct engine *e = engine_of("");
    CU_ASSERT_EQUAL_FATAL(engine_n_loaded(e), 32);
    for (size_t i = 0; i < engine_n_loaded(e); i++) {
        const struct signature *s = engine_list(e, i).signature;
        bool commons = s->sid >= 9001000;
        struct span id = commons ? SPAN("CVE_2022_42889") : SPAN("CVE_2021_44228");
        struct span page = commons ? SPAN("https://nvd.nist.gov/vuln/detail/CVE-2022-42889")
                                   : SPAN("https://nvd.nist.gov/vuln/detail/CVE-2021-44228");
        bool cve = false;
        for (size_t k = 0; k < s->n_metadata; k++) {
            cve = cve || (span_equal(s->metadata[k].key, SPAN("cve")) &&
                          span_equal(s->metadata[k].value, id));
        }
        CU_ASSERT(cve);
        CU_ASSERT(s->category.len > 0);
        CU_ASSERT_EQUAL_FATAL(s->n_references, 1);
        CU_ASSERT(span_equal(s->references[0], page));
        CU_ASSERT_EQUAL(engine_list(e, i).cost, ENGINE_COST_RESULT);
    }
    engine_unref(&e);
}

static void memory_that_runs_out_while_loading_leaks_nothing(void)
{
    bool done = false;
    size_t n = 0;
    while (!done && n < 1000) {
        mem_fail_at(++n, 1);
        struct trial t =
            try_engine(NULL, ANY "(msg:\"m\"; pcre:\"/a/\"; content:\"ab\"; sid:1;)\n", false);
        mem_fail_at(0, 0);
        CU_ASSERT(t.result == 0 || t.err.n_lines + t.err.n_dropped > 0);
        done = t.result == 0;
        trial_free(&t);
    }
    CU_ASSERT(done && n > 10);
}

static void memory_that_runs_out_for_a_detector_leaks_nothing(void)
{
    struct stats stats = {0};
    const struct detect_limits limits = detect_limits_default();
    const struct detect_user user = {0};
    struct engine *e = engine_of("");
    struct detector *d = NULL;
    size_t n = 0;
    while (d == NULL && n < 1000) {
        mem_fail_at(++n, 1);
        d = detector_new(e, &limits, &stats, &user);
        mem_fail_at(0, 0);
    }
    CU_ASSERT(d != NULL && n > 3);
    detector_free(&d);
    engine_unref(&e);
}

static void a_rule_set_is_tried_before_it_is_used(void)
{
    static const struct golden right[] = {
#define GOLDEN(dialect, class, lookup, text)                                                       \
    {LOOKUP_##dialect, LOOKUP_##class, lookup, text, false},
#define GOLDEN_OVER(text) {LOOKUP_LOG4J, LOOKUP_NONE, NULL, text, true},
#include "signatures/golden.def"
#undef GOLDEN
#undef GOLDEN_OVER
    };
    struct engine *e = engine_of(ANY "(msg:\"m\"; http.uri; content:\"abc\"; sid:1;)\n");
    struct errbuf err = {0};
    CU_ASSERT(engine_self_test(e, &err));
    CU_ASSERT(errbuf_is_empty(&err));
    for (size_t i = 0; i < ARRAY_LEN(right); i++) {
        struct golden wrong = right[i];
        CU_ASSERT(engine_reads(e, &wrong, 1, &err));
        CU_ASSERT_EQUAL(err.n_lines, 0);
        wrong.class = wrong.class == LOOKUP_NONE ? LOOKUP_ATTEMPT : LOOKUP_NONE;
        CU_ASSERT_FALSE(engine_reads(e, &wrong, 1, &err));
        wrong = right[i];
        wrong.over_budget = !wrong.over_budget;
        CU_ASSERT_FALSE(engine_reads(e, &wrong, 1, &err));
        wrong = right[i];
        wrong.lookup = "ldap://203.0.113.9/other";
        CU_ASSERT_FALSE(engine_reads(e, &wrong, 1, &err));
        CU_ASSERT_EQUAL(err.n_lines, 3);
        errbuf_free(&err);
        err = (struct errbuf){0};
    }
    errbuf_free(&err);
    engine_unref(&e);
}

static CU_TestInfo engines[] = {
    {"a rule set is tried before it is used", a_rule_set_is_tried_before_it_is_used},
    {"a transaction keeps its engine", a_transaction_keeps_its_engine},
    {"what is wrong with rules is told", what_is_wrong_with_rules_is_told},
    {"the list tells patterns and costs", the_list_tells_patterns_and_costs},
    {"the shipped rules tell what events need", the_shipped_rules_tell_what_events_need},
    {"memory that runs out while loading leaks nothing",
     memory_that_runs_out_while_loading_leaks_nothing},
    {"memory that runs out for a detector leaks nothing",
     memory_that_runs_out_for_a_detector_leaks_nothing},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"engines", NULL, NULL, NULL, NULL, engines},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
