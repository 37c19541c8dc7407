/* Tests of what rules keep for one another: the order in which marks are seen, and the numbers of a
 * flow. */
#include "sensor/core/conn.h"
#include "tests/unit/bench_detect.h"

#define URI(content, mark, sid)                                                                    \
    "alert http any any -> any any (msg:\"m\"; http.uri; content:\"" content "\"; " mark           \
    " sid:" sid ";)\n"

static void numbers_of_a_flow_are_kept(void)
{
    struct bench b;
    bench_start(
        &b, URI("/x", "flowint:seen,>=,2;", "1") URI("/x", "flowint:seen,+,1; noalert;", "2")
                URI("/x", "flowint:seen,==,1;", "3") URI("/x", "flowint:none,!=,9;", "4")
                    URI("/x", "flowint:limit,notset; flowint:limit,=,3;", "5")
                        URI("/x", "flowint:seen,>,limit;", "6") URI("/x", "flowint:less,-,1;", "7")
                            URI("/x", "flowint:less,isset;", "8")
                                URI("/down", "flowint:seen,-,1; noalert;", "9"));
    request(&b, "GET /x HTTP/1.1\r\n\r\n");
    EXPECT(&b, "first", {7, "http.uri", NULL}, {5, "http.uri", NULL}, {3, "http.uri", NULL});
    tx_again(&b);
    request(&b, "GET /x HTTP/1.1\r\n\r\n");
    EXPECT(&b, "second", {7, "http.uri", NULL}, {1, "http.uri", NULL});
    tx_again(&b);
    request(&b, "GET /down HTTP/1.1\r\n\r\n");
    tx_again(&b);
    request(&b, "GET /down HTTP/1.1\r\n\r\n");
    tx_again(&b);
    request(&b, "GET /x HTTP/1.1\r\n\r\n");
    EXPECT(&b, "counted down", {7, "http.uri", NULL}, {3, "http.uri", NULL});
    for (int i = 0; i < 3; i++) {
        tx_again(&b);
        request(&b, "GET /x HTTP/1.1\r\n\r\n");
    }
    EXPECT(&b, "beyond the other number", {7, "http.uri", NULL}, {1, "http.uri", NULL},
           {6, "http.uri", NULL});
    bench_stop(&b);
}

static void more_numbers_than_a_flow_has_are_counted(void)
{
    struct bench b;
    struct sbuf rules = sbuf_with_cap(1 << 16);
    for (int i = 0; i < CONN_NUMBERS_MAX + 2; i++) {
        sbuf_add_format(&rules, URI("/x", "flowint:n%d,+,1; noalert;", "%d"), i, i + 1);
    }
    sbuf_add_byte(&rules, 0);
    bench_start(&b, (const char *)rules.data);
    request(&b, "GET /x HTTP/1.1\r\n\r\n");
    CU_ASSERT_EQUAL(conn_extra(&b.conn)->n_numbers, CONN_NUMBERS_MAX);
    CU_ASSERT_EQUAL(stats_get(&b.stats, STAT_FLOWBITS_LOST), 2);
    expect_nothing(&b, "noalert");
    bench_stop(&b);
    sbuf_free(&rules);
}

static void a_packet_sees_marks_of_addresses_as_they_were_before_it(void)
{
    struct bench b;
    bench_start(&b, URI("/set", "xbits:set,a,track ip_src; priority:1;", "1")
                        URI("/", "xbits:isset,a,track ip_src;", "2")
                            URI("/", "xbits:isnotset,a,track ip_src;", "3")
                                URI("/end", "xbits:unset,a,track ip_src; priority:1;", "4"));
    b.conn.clock_us = 1000000;
    request(&b, "GET /set HTTP/1.1\r\n\r\n");
    EXPECT(&b, "it sets it", {1, "http.uri", NULL}, {3, "http.uri", NULL});
    tx_again(&b);
    request(&b, "GET /set HTTP/1.1\r\n\r\n");
    EXPECT(&b, "it sets it again", {1, "http.uri", NULL}, {2, "http.uri", NULL});
    tx_again(&b);
    request(&b, "GET /end HTTP/1.1\r\n\r\n");
    EXPECT(&b, "it ends it", {4, "http.uri", NULL}, {2, "http.uri", NULL});
    tx_again(&b);
    request(&b, "GET /x HTTP/1.1\r\n\r\n");
    EXPECT(&b, "it is gone", {3, "http.uri", NULL});
    bench_stop(&b);
}

/* Of hostbits it sees them at once. */
static void a_packet_sees_marks_of_hosts_as_they_are_set(void)
{
    struct bench b;
    bench_start(&b, URI("/", "hostbits:isset,a;", "1") URI("/set", "hostbits:set,a;", "2"));
    b.conn.clock_us = 1000000;
    request(&b, "GET /set HTTP/1.1\r\n\r\n");
    EXPECT(&b, "in its packet", {2, "http.uri", NULL}, {1, "http.uri", NULL});
    bench_stop(&b);
}

static CU_TestInfo tests[] = {
    {"numbers of a flow are kept", numbers_of_a_flow_are_kept},
    {"more numbers than a flow has are counted", more_numbers_than_a_flow_has_are_counted},
    {"a packet sees marks of addresses as they were before it",
     a_packet_sees_marks_of_addresses_as_they_were_before_it},
    {"a packet sees marks of hosts as they are set", a_packet_sees_marks_of_hosts_as_they_are_set},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"marks", NULL, NULL, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
