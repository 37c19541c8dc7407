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
    detect_settle(b.detector);
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

#define AGENT(content, mark, sid)                                                                  \
    "alert http any any -> any any (msg:\"m\"; http.user_agent; content:\"" content "\"; " mark    \
    " sid:" sid ";)\n"
#define STREAM(content, mark, sid)                                                                 \
    "alert tcp any any -> any any (msg:\"m\"; content:\"" content "\"; " mark " sid:" sid ";)\n"

/* The target stands before the headers of a request, and both before its end. */
static void what_is_not_set_is_known_at_the_end_of_a_packet(void)
{
    struct bench b;
    bench_start(&b,
                URI("/x", "flowbits:isnotset,a;", "1") AGENT("example", "flowbits:set,a;", "2")
                    AGENT("example", "flowint:nn,+,1;", "3") URI("/x", "flowint:nn,notset;", "4")
                        AGENT("example", "hostbits:set,h;", "5")
                            URI("/x", "hostbits:isnotset,h;", "6"));
    request(&b, "GET /x HTTP/1.1\r\nUser-Agent: an example\r\n\r\n");
    EXPECT(&b, "set later", {2, "http.user_agent", NULL}, {3, "http.user_agent", NULL},
           {5, "http.user_agent", NULL});
    tx_again(&b);
    bench_stop(&b);
}

/* By the class of what they do, then by priority, then as they stand there. */
static void rules_see_marks_in_the_order_of_rules(void)
{
    struct bench b;
    bench_start(&b, URI("/x", "flowbits:isset,b; flowbits:set,c;", "1")
                        URI("/x", "flowbits:isset,a; flowbits:set,b;", "2")
                            URI("/x", "flowbits:set,a; priority:3;", "3")
                                URI("/x", "flowbits:unset,a; priority:2;", "4")
                                    URI("/x", "flowbits:isset,b;", "5")
                                        URI("/x", "flowbits:isset,c;", "6"));
    request(&b, "GET /x HTTP/1.1\r\n\r\n");
    EXPECT(&b, "order", {4, "http.uri", NULL}, {3, "http.uri", NULL}, {2, "http.uri", NULL},
           {5, "http.uri", NULL});
    bench_stop(&b);
}

static void rules_about_packets_go_before_those_about_transactions(void)
{
    struct bench b;
    bench_start(&b, STREAM("/x", "flowbits:isnotset,a;", "1") URI("/x", "flowbits:set,a;", "2")
                        URI("/x", "flowbits:isset,b;", "3") STREAM("/x", "flowbits:set,b;", "4")
                            STREAM("/x", "flowbits:isset,a;", "5")
                                STREAM("/x", "flowbits:isset,a; flowbits:isnotset,b;", "6"));
    request(&b, "GET /x HTTP/1.1\r\n\r\n");
    EXPECT(&b, "both", {4, "http.header", NULL}, {1, "http.header", NULL}, {2, "http.uri", NULL},
           {3, "http.uri", NULL}, {5, "http.header", NULL});
    bench_stop(&b);
}

/* What a rule asks of bytes held in a packet before: its marks were asked for there. */
static void a_mark_that_comes_later_does_not_count(void)
{
    struct bench b;
    bench_start(&b, URI("/x", "flowbits:isset,a;", "1") AGENT("example", "flowbits:set,a;", "2")
                        STREAM("again", "flowbits:isset,a;", "3"));
    head(&b, SPAN("GET /x again"));
    field_of(&b, FIELD_HTTP_URI, "", SPAN("/x"));
    detect_settle(b.detector);
    field_of(&b, FIELD_HTTP_USER_AGENT, "", SPAN("an example"));
    detect_settle(b.detector);
    EXPECT(&b, "the mark", {2, "http.user_agent", NULL});
    head(&b, SPAN("once more"));
    expect_list(&b, (const struct expected[]){{2, "http.user_agent", NULL}}, 1, "no bytes");
    head(&b, SPAN("and again"));
    EXPECT(&b, "bytes that come again", {2, "http.user_agent", NULL}, {3, "http.header", NULL});
    bench_stop(&b);
}

static CU_TestInfo tests[] = {
    {"numbers of a flow are kept", numbers_of_a_flow_are_kept},
    {"more numbers than a flow has are counted", more_numbers_than_a_flow_has_are_counted},
    {"a packet sees marks of addresses as they were before it",
     a_packet_sees_marks_of_addresses_as_they_were_before_it},
    {"a packet sees marks of hosts as they are set", a_packet_sees_marks_of_hosts_as_they_are_set},
    {"what is not set is known at the end of a packet",
     what_is_not_set_is_known_at_the_end_of_a_packet},
    {"rules see marks in the order of rules", rules_see_marks_in_the_order_of_rules},
    {"rules about packets go before those about transactions",
     rules_about_packets_go_before_those_about_transactions},
    {"a mark that comes later does not count", a_mark_that_comes_later_does_not_count},
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
