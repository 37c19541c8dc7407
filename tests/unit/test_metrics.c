/* Tests of what metrics are made of: tallies, estimates of how many, and the text. */
#include "sensor/base/distinct.h"
#include "sensor/base/hash.h"
#include "sensor/core/tally.h"
#include "sensor/output/metrics.h"
#include "sensor/output/recent.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <string.h>

/* --- distinct
 * ------------------------------------------------------------------------------------------- */

static void see(struct distinct *d, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++) {
        distinct_add(d, hash_fixed(span_of(&i, sizeof(i))));
    }
}

static bool is_near(const struct distinct *d, uint64_t n)
{
    uint64_t count = distinct_count(d);
    return count >= n - n / 8 && count <= n + n / 8;
}

static void few_things_are_counted_right(void)
{
    struct distinct d = {0};
    CU_ASSERT_EQUAL(distinct_count(&d), 0);
    see(&d, 0, 1);
    CU_ASSERT_EQUAL(distinct_count(&d), 1);
    see(&d, 0, 10);
    see(&d, 0, 10);
    CU_ASSERT_EQUAL(distinct_count(&d), 10);
}

static void many_things_are_estimated_within_an_eighth(void)
{
    struct distinct d = {0};
    uint64_t seen = 0;
    for (uint64_t n = 100; n <= 1000000; n *= 10) {
        see(&d, seen, n);
        seen = n;
        CU_ASSERT(is_near(&d, n));
    }
}

static void what_both_have_seen_counts_once(void)
{
    struct distinct a = {0};
    struct distinct b = {0};
    see(&a, 0, 3000);
    see(&b, 2000, 5000);
    distinct_join(&a, &b);
    CU_ASSERT(is_near(&a, 5000));
}

static void any_hash_has_a_place(void)
{
    struct distinct d = {0};
    distinct_add(&d, 0);
    distinct_add(&d, UINT64_MAX);
    CU_ASSERT_EQUAL(distinct_count(&d), 2);
}

/* --- tallies
 * -------------------------------------------------------------------------------------------- */

static struct jndi look_up(const char *scheme)
{
    return (struct jndi){.class = LOOKUP_ATTACK, .scheme = span_str(scheme)};
}

static uint64_t sum_of(const struct tally *t, enum tally_kind kind, const char *proto)
{
    struct tally_row row;
    uint64_t sum = 0;
    for (size_t at = 0; tally_next(t, &at, &row);) {
        bool meant = row.kind == kind && (proto == NULL || strcmp(row.proto, proto) == 0);
        sum += meant ? row.n : 0;
    }
    return sum;
}

static void rows_are_told_apart_and_summed(void)
{
    struct tally *a = tally_new();
    struct tally *b = tally_new();
    const struct jndi ldap = look_up("ldap");
    const struct jndi shouted = look_up("LDAP");
    const struct jndi strange = look_up("gopher");
    tally_dollar_brace(a, "http", FIELD_HTTP_URI, 3);
    tally_dollar_brace(b, "smtp", FIELD_EMAIL_SUBJECT, 4);
    tally_dollar_brace(b, "http", FIELD_HTTP_URI, 5);
    tally_attempt(a, "http", FIELD_HTTP_URI, &ldap);
    tally_attempt(b, "http", FIELD_HTTP_URI, &shouted);
    tally_attempt(b, "http", FIELD_HTTP_URI, &strange);
    tally_sum(a, b);
    CU_ASSERT_EQUAL(sum_of(a, TALLY_DOLLAR_BRACE, "http"), 8);
    CU_ASSERT_EQUAL(sum_of(a, TALLY_DOLLAR_BRACE, "smtp"), 4);
    struct tally_row row;
    uint64_t by_scheme[SCHEME_N] = {0};
    for (size_t at = 0; tally_next(a, &at, &row);) {
        by_scheme[row.scheme] += row.kind == TALLY_ATTEMPT ? row.n : 0;
    }
    CU_ASSERT_EQUAL(by_scheme[SCHEME_LDAP], 2);
    CU_ASSERT_EQUAL(by_scheme[SCHEME_OTHER], 1);
    tally_free(&a);
    tally_free(&b);
}

static void a_full_table_loses_nothing(void)
{
    struct tally *t = tally_new();
    uint64_t n = 0;
    char protos[40][8];
    for (unsigned p = 0; p < 40; p++) {
        (void)snprintf(protos[p], sizeof(protos[p]), "p%u", p);
        for (unsigned f = 0; f < FIELD_N; f++) {
            tally_dollar_brace(t, protos[p], (enum field_id)f, 1);
            n++;
        }
    }
    CU_ASSERT_EQUAL(sum_of(t, TALLY_DOLLAR_BRACE, NULL), n);
    CU_ASSERT(sum_of(t, TALLY_DOLLAR_BRACE, "other") > 0);
    CU_ASSERT_EQUAL(sum_of(t, TALLY_DOLLAR_BRACE, "p0"), FIELD_N);
    tally_free(&t);
}

/* --- campaigns
 * ------------------------------------------------------------------------------------------ */

enum { QUIET_US = 60000000 };

static void campaigns_count_once_and_until_they_are_quiet(void)
{
    struct recent *r = recent_new(QUIET_US);
    recent_until(r, 1);
    CU_ASSERT_EQUAL(recent_n(r), 0);
    recent_see(r, 0, 1000);
    recent_see(r, 7, 1000);
    recent_see(r, 7, 2000);
    recent_see(r, 8, QUIET_US / 2);
    CU_ASSERT_EQUAL(recent_n(r), 3);
    recent_until(r, 1000 + QUIET_US);
    CU_ASSERT_EQUAL(recent_n(r), 3);
    recent_until(r, 2000 + QUIET_US + QUIET_US / 60);
    CU_ASSERT_EQUAL(recent_n(r), 1);
    recent_see(r, 7, 2 * QUIET_US);
    CU_ASSERT_EQUAL(recent_n(r), 2);
    recent_until(r, 4 * (uint64_t)QUIET_US);
    CU_ASSERT_EQUAL(recent_n(r), 0);
    recent_free(&r);
}

static void more_campaigns_than_have_room_are_as_many_as_have(void)
{
    struct recent *r = recent_new(QUIET_US);
    for (uint64_t i = 0; i < 200000; i++) {
        recent_see(r, i, i);
    }
    uint64_t n = recent_n(r);
    CU_ASSERT(n > 4000 && n < 10000);
    recent_until(r, 200000);
    CU_ASSERT_EQUAL(recent_n(r), n);
    recent_free(&r);
}

/* --- the text
 * --------------------------------------------------------------------------------------- */

static void labels_are_escaped_and_small_rooms_are_told(void)
{
    static const struct stats stats;
    static const struct story_stats stories = {
        .outcomes = {[SCHEME_RMI] = {[STAGE_CALLED_BACK] = 3, [STORY_NO_CALLBACK] = 2},
                     [SCHEME_HTTP] = {[STAGE_CALLED_BACK] = 1}}};
    const struct metrics_output output = {"a\"b\\c\nd\x24{e\xff", 7, 8};
    struct metrics m = {.version = "1",
                        .stats = &stats,
                        .stories = &stories,
                        .outputs = &output,
                        .n_outputs = 1,
                        .uptime_us = 1500000};
    struct tally *t = tally_new();
    m.tally = t;
    struct sbuf out = sbuf_with_cap(1 << 20);
    CU_ASSERT(metrics_write(&m, &out));
    struct span text = sbuf_span(&out);
    const char *wanted[] = {
        "\njndiwatch_output_dropped_total{output=\"a\\\"b\\\\c\\\\x0ad\\\\x24{e\\\\xff\"} 8\n",
        "\njndiwatch_uptime_seconds 1.500000\n",
        "\njndiwatch_callbacks_total{scheme=\"rmi\",outcome=\"called_back\"} 3\n",
        "\njndiwatch_callbacks_total{scheme=\"rmi\",outcome=\"no_callback_seen\"} 2\n",
        "\njndiwatch_callbacks_total{scheme=\"ldap\",outcome=\"class_delivered\"} 0\n",
        "\njndiwatch_callbacks_total{scheme=\"http\",outcome=\"called_back\"} 1\n",
        "\n# TYPE jndiwatch_bytes_not_inspected_total counter\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
        CU_ASSERT(span_find(text, 0, span_str(wanted[i])) != SPAN_NONE);
    }
    CU_ASSERT_EQUAL(span_find(text, 0, SPAN("packet_lag")), SPAN_NONE);
    CU_ASSERT_EQUAL(span_find(text, 0, SPAN("scheme=\"nis\"")), SPAN_NONE);
    sbuf_free(&out);
    out = sbuf_with_cap(100);
    CU_ASSERT(!metrics_write(&m, &out));
    sbuf_free(&out);
    tally_free(&t);
}

int main(void)
{
    CU_TestInfo tests[] = {
        {"few things are counted right", few_things_are_counted_right},
        {"many are estimated within an eighth", many_things_are_estimated_within_an_eighth},
        {"what both have seen counts once", what_both_have_seen_counts_once},
        {"any hash has a place", any_hash_has_a_place},
        {"rows are told apart and summed", rows_are_told_apart_and_summed},
        {"a full table loses nothing", a_full_table_loses_nothing},
        {"campaigns at work", campaigns_count_once_and_until_they_are_quiet},
        {"more campaigns than room", more_campaigns_than_have_room_are_as_many_as_have},
        {"labels are escaped", labels_are_escaped_and_small_rooms_are_told},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"metrics", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
