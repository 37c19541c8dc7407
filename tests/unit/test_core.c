/* Tests of sensor/core: tables that name things, addresses, the packet clock. */
#include "sensor/core/addr.h"
#include "sensor/core/anomaly.h"
#include "sensor/core/field.h"
#include "sensor/core/packet_clock.h"
#include "sensor/core/proxy_header.h"
#include "sensor/core/stats.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <string.h>

enum { HOUR = 3600 };
static const uint64_t second = 1000000;
static const uint64_t start = 1639350256ULL * 1000000;

static void one_packet_from_the_future_is_not_believed(void)
{
    struct packet_clock c = {0};
    CU_ASSERT_EQUAL(packet_clock_follow(&c, start), start);
    CU_ASSERT_EQUAL(packet_clock_follow(&c, start + 100000 * HOUR * second), start);
    CU_ASSERT_EQUAL(packet_clock_follow(&c, start + second), start + second);
    CU_ASSERT_EQUAL(packet_clock_follow(&c, UINT64_MAX), start + second);
    CU_ASSERT_EQUAL(packet_clock_follow(&c, start + 2 * second), start + 2 * second);
}

static void a_pause_that_the_next_packet_confirms_is(void)
{
    struct packet_clock c = {0};
    uint64_t later = start + 48 * HOUR * second;
    (void)packet_clock_follow(&c, start);
    CU_ASSERT_EQUAL(packet_clock_follow(&c, later), start);
    CU_ASSERT_EQUAL(packet_clock_follow(&c, later + second), later + second);
}

static void the_clock_never_goes_back_and_never_stands_for_good(void)
{
    struct packet_clock c = {0};
    uint64_t earlier = start - 1000 * HOUR * second;
    (void)packet_clock_follow(&c, start);
    CU_ASSERT_EQUAL(packet_clock_follow(&c, start - 5 * second), start);
    CU_ASSERT_EQUAL(packet_clock_follow(&c, earlier), start);
    CU_ASSERT_EQUAL(packet_clock_follow(&c, earlier + second), start);
    CU_ASSERT_EQUAL(packet_clock_follow(&c, earlier + 9 * second), start + 8 * second);
    CU_ASSERT_EQUAL(packet_clock_follow(&c, earlier + 9 * second), start + 8 * second);
}

static void every_row_of_a_table_has_a_name_of_its_own(void)
{
    for (unsigned a = 0; a < FIELD_N; a++) {
        CU_ASSERT(field_info((enum field_id)a)->name != NULL);
        CU_ASSERT_EQUAL(field_by_name(span_str(field_info((enum field_id)a)->name)), a);
        CU_ASSERT(strlen(field_info((enum field_id)a)->doc) > 0);
    }
    for (unsigned a = 0; a < ANOMALY_N; a++) {
        for (unsigned b = a + 1; b < ANOMALY_N; b++) {
            CU_ASSERT_STRING_NOT_EQUAL(anomaly_info((enum anomaly)a)->event,
                                       anomaly_info((enum anomaly)b)->event);
        }
    }
    for (unsigned a = 0; a < ENCODING_N; a++) {
        CU_ASSERT(encoding_name((enum encoding)a) != NULL);
    }
}

static void encodings_are_capped(void)
{
    struct encodings e = {0};
    for (unsigned i = 0; i < ENCODINGS_MAX + 1; i++) {
        e = encodings_with(e, ENCODING_PERCENT);
    }
    CU_ASSERT_EQUAL(e.n, ENCODINGS_MAX);
    CU_ASSERT(encodings_have(&e, ENCODING_PERCENT));
    CU_ASSERT_FALSE(encodings_have(&e, ENCODING_GZIP));
}

static void addresses_are_read_and_written(void)
{
    static const char *const good[][2] = {
        {"192.0.2.1", "192.0.2.1"},
        {"2001:DB8::1", "2001:db8::1"},
        {"[2001:db8::1]", "2001:db8::1"},
        {"::ffff:1.2.3.4", "::ffff:1.2.3.4"},
    };
    static const char *const bad[] = {"",         "1.2.3", "1.2.3.4.5", "1.2.3.256",
                                      "2001:db8", "[]",    "x",         "1.2.3.4 "};
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct addr a;
        char text[ADDR_TEXT_SIZE];
        CU_ASSERT_FATAL(addr_parse(span_str(good[i][0]), &a));
        addr_format(&a, text, sizeof(text));
        CU_ASSERT_STRING_EQUAL(text, good[i][1]);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct addr a;
        CU_ASSERT_FALSE(addr_parse(span_str(bad[i]), &a));
    }
}

/* Every value of a byte, at each place of the four. */
static void four_numbers_are_written_whatever_they_are(void)
{
    for (unsigned n = 0; n < 256; n++) {
        const uint8_t bytes[4] = {(uint8_t)n, (uint8_t)(255 - n), (uint8_t)(n * 7),
                                  (uint8_t)(n / 3)};
        struct addr a = addr_v4(span_of(bytes, sizeof(bytes)));
        char text[ADDR_TEXT_SIZE];
        char wanted[ADDR_TEXT_SIZE];
        addr_format(&a, text, sizeof(text));
        (void)snprintf(wanted, sizeof(wanted), "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2],
                       bytes[3]);
        CU_ASSERT_STRING_EQUAL(text, wanted);
    }
}

static void networks_hold_their_addresses_only(void)
{
    struct addr_net net;
    struct addr in;
    struct addr out;
    CU_ASSERT_FALSE(addr_net_parse(SPAN("192.0.2.0/33"), &net));
    CU_ASSERT_FALSE(addr_net_parse(SPAN("192.0.2.0/"), &net));
    CU_ASSERT_FATAL(addr_net_parse(SPAN("192.0.2.128/25"), &net));
    CU_ASSERT_FATAL(addr_parse(SPAN("192.0.2.200"), &in));
    CU_ASSERT_FATAL(addr_parse(SPAN("192.0.2.127"), &out));
    CU_ASSERT(addr_in_net(&in, &net.addr, net.prefix_len));
    CU_ASSERT_FALSE(addr_in_net(&out, &net.addr, net.prefix_len));
}

static struct addr parsed(const char *text)
{
    struct addr a = {0};
    CU_ASSERT_FATAL(text[0] == '\0' || addr_parse(span_str(text), &a));
    return a;
}

static void a_proxy_header_tells_clients_in_their_own_family(void)
{
    static const char *const rows[][4] = {
        {"::ffff:192.0.2.1", "::ffff:192.0.2.2", "192.0.2.1", "192.0.2.2"},
        {"2001:db8::1", "2001:db8::2", "2001:db8::1", "2001:db8::2"},
        {"2001:db8::1", "::ffff:192.0.2.2", "2001:db8::1", "::ffff:192.0.2.2"},
        {"::ffff:192.0.2.1", "2001:db8::2", "192.0.2.1", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char line[108];
        struct addr client = parsed(rows[i][2]);
        struct addr server = parsed(rows[i][3]);
        (void)snprintf(line, sizeof(line), "PROXY TCP6 %s %s 1 2\r\n", rows[i][0], rows[i][1]);
        struct proxy_header h = proxy_header_find(span_str(line));
        CU_ASSERT_FALSE(h.bad);
        CU_ASSERT(addr_equal(&h.client, &client));
        CU_ASSERT(addr_equal(&h.server, &server));
    }
}

static void sums_of_counters_are_exact(void)
{
    struct stats a = {0};
    struct stats b = {0};
    stats_add(&a, STAT_ALERT, 2);
    stats_add(&b, STAT_ALERT, 3);
    stats_sum(&a, &b);
    CU_ASSERT_EQUAL(stats_get(&a, STAT_ALERT), 5);
    CU_ASSERT_EQUAL(stats_get(&b, STAT_ALERT), 3);
}

static CU_TestInfo tests[] = {
    {"one_packet_from_the_future_is_not_believed", one_packet_from_the_future_is_not_believed},
    {"a_pause_that_the_next_packet_confirms_is", a_pause_that_the_next_packet_confirms_is},
    {"the_clock_never_goes_back_and_never_stands_for_good",
     the_clock_never_goes_back_and_never_stands_for_good},
    {"every_row_of_a_table_has_a_name_of_its_own", every_row_of_a_table_has_a_name_of_its_own},
    {"encodings_are_capped", encodings_are_capped},
    {"addresses_are_read_and_written", addresses_are_read_and_written},
    {"four_numbers_are_written_whatever_they_are", four_numbers_are_written_whatever_they_are},
    {"networks_hold_their_addresses_only", networks_hold_their_addresses_only},
    {"a_proxy_header_tells_clients_in_their_own_family",
     a_proxy_header_tells_clients_in_their_own_family},
    {"sums_of_counters_are_exact", sums_of_counters_are_exact},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {{"core", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
