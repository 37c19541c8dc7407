/* Tests of rules that are asked of packets: their headers, their payload, the first of a flow. */
#include "sensor/core/packet.h"
#include "tests/unit/bench_detect.h"

#define PACKET(options, sid) "alert tcp any any -> any any (msg:\"m\"; " options " sid:" sid ";)\n"

/* An IPv4 segment: DF, an option (a time stamp of 4 bytes), 2 bytes of payload. */
static const uint8_t segment[] = {
    0x46, 0x08, 0x00, 0x2e, 0x12, 0x34, 0x40, 0x00, 0x40, 0x06, 0x00, 0x00, 192, 0,   2, 4,
    198,  51,   100,  9,    68,   4,    5,    0,    0x9c, 0x40, 0x1f, 0x90, 0,   0,   0, 7,
    0,    0,    0,    9,    0x50, 0x18, 0x10, 0x00, 0,    0,    0,    0,    'h', 'i',
};

static struct headers headers_of(const struct bench *b, struct span ip)
{
    return (struct headers){.src = b->conn.addr[TO_SERVER],
                            .dst = b->conn.addr[TO_CLIENT],
                            .proto = IP_PROTO_TCP,
                            .ip = ip,
                            .payload = span_from(ip, 44),
                            .tcp_seq = 7,
                            .tcp_ack = 9,
                            .tcp_window = 4096,
                            .tcp_flags = TCP_PSH | TCP_ACK};
}

static void packet(struct bench *b, const struct headers *h)
{
    b->conn.packets[TO_SERVER]++;
    b->conn.piece_bytes = (uint32_t)h->payload.len;
    uint32_t first = 0;
    if (detect_packet_holds(b->detector, &b->conn, TO_SERVER, h, &first)) {
        detect_packet(b->detector, &b->tx, TO_SERVER, h, first);
    }
}

/* Expects just those sids of 1 to 9 of which `digits` has the digit. */
static void expect_sids(const char *rules, const char *digits)
{
    struct bench b;
    struct expected expected[9];
    size_t n = 0;
    bench_start(&b, rules);
    CU_ASSERT(detector_asks_packets(b.detector));
    const struct headers h = headers_of(&b, span_of(segment, sizeof(segment)));
    packet(&b, &h);
    for (; *digits != '\0'; digits++) {
        expected[n++] = (struct expected){(unsigned)(*digits - '0'), "tcp.payload", NULL};
    }
    expect_list(&b, expected, n, rules);
    bench_stop(&b);
}

static void headers_are_asked(void)
{
    expect_sids(PACKET("flags:PA;", "1") PACKET("flags:A;", "2") PACKET("flags:A+;", "3")
                    PACKET("flags:*SA;", "4") PACKET("tcp.flags:!S;", "5") PACKET("flags:A,P;", "6")
                        PACKET("flags:!PA;", "7") PACKET("flags:0;", "8"),
                "13456");
    expect_sids(PACKET("ttl:64;", "1") PACKET("ttl:<64;", "2") PACKET("ttl:63-65;", "3")
                    PACKET("ttl:!64;", "4") PACKET("id:4660;", "5") PACKET("id:1;", "6")
                        PACKET("tos:8;", "7") PACKET("tos:x08;", "8") PACKET("tos:!8;", "9"),
                "13578");
    expect_sids(PACKET("seq:7;", "1") PACKET("seq:8;", "2") PACKET("tcp.ack:9;", "3")
                    PACKET("ack:0;", "4") PACKET("window:4096;", "5") PACKET("window:!4096;", "6")
                        PACKET("sameip;", "7"),
                "135");
    expect_sids(PACKET("fragbits:D;", "1") PACKET("fragbits:!M;", "2") PACKET("fragbits:+DR;", "3")
                    PACKET("fragbits:*DR;", "4") PACKET("ipopts:ts;", "5") PACKET("ipopts:rr;", "6")
                        PACKET("ipopts:any;", "7"),
                "12457");
    expect_sids(PACKET("l3_proto:ipv4; ttl:64;", "1")
                    PACKET("l3_proto:ip6; ttl:64;",
                           "2") "alert ip6 any any -> any any (msg:\"m\"; ttl:64; sid:3;)\n"
                                "alert http any any -> any any (msg:\"m\"; ttl:64; sid:4;)\n",
                "1");
}

static void bytes_of_a_packet_are_asked(void)
{
    expect_sids(PACKET("flags:A+; content:\"hi\"; startswith; endswith;", "1")
                    PACKET("flags:A+; content:\"ho\";", "2") PACKET("flags:S; content:\"hi\";", "3")
                        PACKET("ip.src; content:\"|c0 00 02 04|\"; bsize:4;", "4")
                            PACKET("ip.dst; content:\"|c0|\";", "5")
                                PACKET("tcp.hdr; content:\"|50 18|\"; offset:12; depth:2;", "6")
                                    PACKET("ipv4.hdr; bsize:24; byte_test:1,=,64,8;", "7")
                                        PACKET("ipv6.hdr; bsize:>0;", "8")
                                            PACKET("ttl:64; pkt_data; to_uppercase; "
                                                   "content:\"HI\";",
                                                   "9"),
                "14679");
}

/* One that asks for addresses alone is told at the first packet of a direction. */
static void rules_of_flows_are_asked_of_packets(void)
{
    struct bench b;
    bench_start(&b, PACKET("", "1") PACKET("flow:to_server;", "2") PACKET("flow:to_client;", "3")
                        PACKET("dsize:2;", "4") PACKET("flow:established;", "5")
                            PACKET("flowbits:set,a; flow:established; noalert;", "6")
                                PACKET("flowbits:isset,a; ttl:64;", "7"));
    const struct headers h = headers_of(&b, span_of(segment, sizeof(segment)));
    b.conn.state = CONN_NEW;
    packet(&b, &h);
    EXPECT(&b, "first", {1, "tcp.payload", NULL}, {2, "tcp.payload", NULL},
           {4, "tcp.payload", NULL});
    tx_again(&b);
    b.conn.packets[TO_CLIENT]++;
    packet(&b, &h);
    EXPECT(&b, "shaking hands", {2, "tcp.payload", NULL}, {4, "tcp.payload", NULL});
    tx_again(&b);
    packet(&b, &h);
    EXPECT(&b, "open", {2, "tcp.payload", NULL}, {4, "tcp.payload", NULL}, {5, "tcp.payload", NULL},
           {7, "tcp.payload", NULL});
    tx_again(&b);
    head(&b, SPAN("bytes"));
    expect_nothing(&b, "not of bytes, too");
    bench_stop(&b);
}

/* Which of them are about packets, and which about their first. */
static void rules_without_bytes_are_told_as_often_as_they_ask(void)
{
    struct bench b;
    bench_start(&b, PACKET("flowbits:set,a;", "1") PACKET("flowbits:unset,b;",
                                                          "2") PACKET("flowint:nn,=,1;", "3")
                        PACKET("hostbits:isnotset,c;",
                               "4") "alert tcp !192.0.2.99 any -> any any (msg:\"m\"; sid:5;)\n"
                                    "alert http any any -> any any (msg:\"m\"; sid:6;)\n" PACKET(
                                        "app-layer-protocol:http; dsize:2;", "7")
                                        PACKET("app-layer-protocol:http;", "8"));
    const struct headers h = headers_of(&b, span_of(segment, sizeof(segment)));
    packet(&b, &h);
    EXPECT(&b, "first", {5, "tcp.payload", NULL}, {1, "tcp.payload", NULL},
           {2, "tcp.payload", NULL}, {3, "tcp.payload", NULL}, {4, "tcp.payload", NULL});
    tx_again(&b);
    b.conn.app_proto = "http";
    packet(&b, &h);
    EXPECT(&b, "second", {5, "tcp.payload", NULL}, {6, "tcp.payload", NULL},
           {7, "tcp.payload", NULL}, {2, "tcp.payload", NULL}, {3, "tcp.payload", NULL});
    tx_again(&b);
    head(&b, SPAN("bytes"));
    head(&b, SPAN("bytes"));
    EXPECT(&b, "first transaction", {8, "http.header", NULL});
    tx_again(&b);
    b.tx.id = 1;
    head(&b, SPAN("bytes"));
    expect_nothing(&b, "second transaction");
    bench_stop(&b);
}

static void a_header_that_is_cut_has_nothing(void)
{
    struct bench b;
    bench_start(&b, PACKET("ttl:64;", "1") PACKET("ipopts:rr;", "2") PACKET("id:4660;", "3")
                        PACKET("tcp.hdr; bsize:20;", "4") PACKET("ip.src; bsize:16;", "5"));
    for (size_t n = 0; n < 4; n++) {
        struct headers h = headers_of(&b, span_of(segment, sizeof(segment)));
        h.ip = span_head(h.ip, n);
        packet(&b, &h);
    }
    uint8_t odd[sizeof(segment)];
    for (size_t i = 0; i < sizeof(segment); i++) {
        odd[i] = 0x4f; /* options that end behind the packet */
    }
    struct headers h = headers_of(&b, span_of(odd, sizeof(odd)));
    packet(&b, &h);
    expect_nothing(&b, "cut");
    bench_stop(&b);
}

static CU_TestInfo tests[] = {
    {"headers are asked", headers_are_asked},
    {"bytes of a packet are asked", bytes_of_a_packet_are_asked},
    {"rules of flows are asked of packets", rules_of_flows_are_asked_of_packets},
    {"rules without bytes are told as often as they ask",
     rules_without_bytes_are_told_as_often_as_they_ask},
    {"a header that is cut has nothing", a_header_that_is_cut_has_nothing},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"packets", NULL, NULL, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
