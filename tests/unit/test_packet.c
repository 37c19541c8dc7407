/* Tests of sensor/packet: layers, lengths that lie, snap lengths, accounting, checksums. */
#include "sensor/base/mem.h"
#include "tests/unit/packet_lab.h"

static void ethernet_ipv4_tcp_is_read_to_its_payload(void)
{
    char text[ADDR_TEXT_SIZE];
    put_ether(&f, 0x0800);
    put_segment("GET / HTTP/1.1\r\n");
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("GET / HTTP/1.1\r\n");
    CU_ASSERT_EQUAL(h.tcp_ack, 2000);
    CU_ASSERT_EQUAL(h.tcp_flags, TCP_PSH | TCP_ACK);
    CU_ASSERT_EQUAL(h.tcp_window, 512);
    CU_ASSERT_EQUAL(h.ip.len, 56);
    CU_ASSERT_EQUAL(h.tunnel_depth, 0);
    CU_ASSERT(bytes_equal(h.dst_mac, "\x02\0\0\0\0\x01", 6));
    CU_ASSERT(bytes_equal(h.src_mac, "\x02\0\0\0\0\x02", 6));
    addr_format(&h.src, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "192.0.2.1");
    addr_format(&h.dst, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "198.51.100.2");
}

static void padding_is_not_payload(void)
{
    put_ether(&f, 0x0800);
    put_segment("x");
    put(&f, SPAN("padding"));
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("x");
    CU_ASSERT_EQUAL(h.ip.len, 41);
}

static void ip_length_zero_means_all_that_is_left(void)
{
    put_ether(&f, 0x0800);
    put_segment("unsegmented");
    set16(&f, 14 + 2, 0);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("unsegmented");
}

static void ip_length_beyond_the_packet_is_an_anomaly_and_read(void)
{
    put_ether(&f, 0x0800);
    put_segment("short");
    set16(&f, 14 + 2, 45 + 100);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT(span_equal(h.payload, SPAN("short")));
    CU_ASSERT_EQUAL(h.missing, 100);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_IP_TRUNCATED], 1);
}

static void snap_length_cuts_are_counted_as_missing(void)
{
    put_ether(&f, 0x0800);
    put_segment("0123456789");
    struct packet p = frame_packet(&f);
    p.data.len = 14 + 40 + 4;
    CU_ASSERT_EQUAL(packet_decode(decoder, &p, &h), DECODE_DONE);
    CU_ASSERT(span_equal(h.payload, SPAN("0123")));
    CU_ASSERT_EQUAL(h.missing, 6);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_IP_TRUNCATED], 0);
    p.data.len = 14 + 30;
    CU_ASSERT_EQUAL(packet_decode(decoder, &p, &h), DECODE_REFUSED);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_TRUNCATED), 1);
}

static void snap_length_within_tcp_options_leaves_an_empty_payload(void)
{
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, IP_PROTO_TCP);
    size_t tcp = put_tcp(&f);
    f.bytes[tcp + 12] = 0x80; /* 12 bytes of options */
    put(&f, SPAN("optionoption"));
    put(&f, SPAN("payload"));
    end_ipv4(&f, ip);
    struct packet p = frame_packet(&f);
    p.data.len = tcp + 25;
    CU_ASSERT_EQUAL(packet_decode(decoder, &p, &h), DECODE_DONE);
    CU_ASSERT_EQUAL(h.payload.len, 0);
    CU_ASSERT_EQUAL(h.missing, 7);
}

/* A SYN with eight bytes of options. */
static unsigned scale_of_syn_with(struct span options)
{
    f.len = 0;
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, IP_PROTO_TCP);
    size_t tcp = put_tcp(&f);
    f.bytes[tcp + 12] = 0x70;
    f.bytes[tcp + 13] = TCP_SYN;
    put(&f, options);
    end_ipv4(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    return h.tcp_scale;
}

static void window_scale_of_a_syn_is_read(void)
{
    CU_ASSERT_EQUAL(scale_of_syn_with(SPAN("\x02\x04\x05\xb4\x01\x03\x03\x07")), 8);
    CU_ASSERT_EQUAL(scale_of_syn_with(SPAN("\x03\x03\x00\x00\x00\x00\x00\x00")), 1);
    CU_ASSERT_EQUAL(scale_of_syn_with(SPAN("\x01\x01\x01\x01\x01\x01\x01\x01")), 1);
    CU_ASSERT_EQUAL(scale_of_syn_with(SPAN("\x03\x03\xff\x00\x00\x00\x00\x00")), 15);
    CU_ASSERT_EQUAL(scale_of_syn_with(SPAN("\x00\x03\x03\x07\x00\x00\x00\x00")), 1);
    CU_ASSERT_EQUAL(scale_of_syn_with(SPAN("\x02\x00\x03\x03\x07\x00\x00\x00")), 1);
    CU_ASSERT_EQUAL(scale_of_syn_with(SPAN("\x01\x01\x01\x01\x01\x01\x03\x03")), 1);
    struct packet p = frame_packet(&f);
    p.data.len -= 1;
    CU_ASSERT_EQUAL(packet_decode(decoder, &p, &h), DECODE_DONE);
    CU_ASSERT_EQUAL(h.tcp_scale, 0);
    f.len = 0;
    put_ether(&f, 0x0800);
    put_segment("x");
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.tcp_scale, 0);
}

static void vlan_tags_are_kept_outermost_first_up_to_four(void)
{
    put_ether(&f, 0x88a8);
    for (unsigned i = 1; i <= 5; i++) {
        put16(&f, 0xe000 | i); /* priority bits are not the id */
        put16(&f, i < 5 ? 0x8100 : 0x0800);
    }
    put_segment("tagged");
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("tagged");
    CU_ASSERT_EQUAL(h.n_vlans, 4);
    CU_ASSERT_EQUAL(h.vlans[0], 1);
    CU_ASSERT_EQUAL(h.vlans[3], 4);
    CU_ASSERT_EQUAL(count(STAT_DECODER_VLAN), 1);
}

static void more_layers_than_the_cap_are_refused(void)
{
    put_ether(&f, 0x8100);
    for (unsigned i = 0; i < 20; i++) {
        put16(&f, 1);
        put16(&f, i < 19 ? 0x8100 : 0x0800);
    }
    put_segment("deep");
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_LAYERS), 1);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_TOO_MANY_LAYERS], 1);
}

static void llc_snap_carries_ip_and_other_llc_is_not_ip(void)
{
    put_ether(&f, 0);
    put(&f, SPAN("\xaa\xaa\x03\0\0\0\x08\0"));
    put_segment("snap");
    set16(&f, 12, (unsigned)(f.len - 14));
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("snap");
    f.len = 0;
    put_ether(&f, 38);
    put(&f, SPAN("\x42\x42\x03 spanning tree"));
    CU_ASSERT_EQUAL(decode(), DECODE_NOT_IP);
}

static void every_link_type_leads_to_ip(void)
{
    static const struct {
        int link_type;
        struct span head;
    } rows[] = {
        {101, SPAN_LITERAL("")},
        {12, SPAN_LITERAL("")},
        {14, SPAN_LITERAL("")},
        {228, SPAN_LITERAL("")},
        {0, SPAN_LITERAL("\x02\0\0\0")},
        {0, SPAN_LITERAL("\0\0\0\x02")},
        {108, SPAN_LITERAL("\0\0\0\x02")},
        {113, SPAN_LITERAL("\0\0\0\x01\0\x06\x02\0\0\0\0\x09\0\0\x08\0")},
        {276, SPAN_LITERAL("\x08\0\0\0\0\0\0\x02\0\x01\0\x06\x02\0\0\0\0\x09\0\0")},
        {9, SPAN_LITERAL("\xff\x03\0\x21")},
        {9, SPAN_LITERAL("\0\x21")},
        {50, SPAN_LITERAL("\xff\x03\x21")},
        {51, SPAN_LITERAL("\x11\0\0\x07\0\x2e\0\x21")},
        {219, SPAN_LITERAL("\0\x01\0\x40\0\x01\x11\x40")},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f.len = 0;
        put(&f, rows[i].head);
        put_segment("link");
        CU_ASSERT_EQUAL(decode_as(rows[i].link_type), DECODE_DONE);
        expect_segment("link");
        CU_ASSERT(packet_link_supported(rows[i].link_type));
    }
    CU_ASSERT_EQUAL(decode_as(147), DECODE_REFUSED);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_LINK_TYPE), 1);
    CU_ASSERT_FALSE(packet_link_supported(147));
}

static void pppoe_and_mpls_behind_ethernet_carry_ip(void)
{
    put_ether(&f, 0x8864);
    put(&f, SPAN("\x11\0\0\x07\0\x2f\0\x21")); /* its length leaves the padding out */
    put_segment("pppoe");
    put(&f, SPAN("pad"));
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("pppoe");
    f.len = 0;
    put_ether(&f, 0x8847);
    put(&f, SPAN("\0\x01\0\x40\0\x01\x11\x40\0\0\0\0")); /* two labels and a control word */
    put_ether(&f, 0x0800);
    put_segment("pseudo-wire");
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("pseudo-wire");
}

static void ipv6_extension_headers_are_taken_off(void)
{
    put_ether(&f, 0x86dd);
    size_t ip = begin_ipv6(&f, 0);
    put(&f, SPAN("\x2b\0\x01\x04\0\0\0\0"));           /* hop by hop */
    put(&f, SPAN("\x33\0\0\0\0\0\0\0"));               /* routing, none left */
    put(&f, SPAN("\x3c\x04\0\0\0\0\0\x01\0\0\0\x02")); /* AH: six words */
    put(&f, SPAN("signature-12"));
    put(&f, SPAN("\x2c\x01\x01\x0c\0\0\0\0\0\0\0\0\0\0\0\0")); /* destination: 16 bytes */
    put(&f, SPAN("\x06\0\0\0\0\0\0\x09"));                     /* a fragment that is all of it */
    put_tcp(&f);
    put(&f, SPAN("v6"));
    end_ipv6(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("v6");
    CU_ASSERT_FALSE(h.reassembled);
    CU_ASSERT_EQUAL(h.src.family, 6);
}

static void ipv6_no_next_header_has_no_payload_to_misread(void)
{
    put_ether(&f, 0x86dd);
    size_t ip = begin_ipv6(&f, 59);
    end_ipv6(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.proto, 59);
    CU_ASSERT_FALSE(h.has_ports);
}

static void any_number_of_extension_headers_is_read(void)
{
    put_ether(&f, 0x86dd);
    size_t ip = begin_ipv6(&f, 60);
    for (int i = 0; i < 100; i++) {
        put(&f, i < 99 ? SPAN("\x3c\0\x01\x04\0\0\0\0") : SPAN("\x06\0\x01\x04\0\0\0\0"));
    }
    put_tcp(&f);
    put(&f, SPAN("hidden"));
    end_ipv6(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("hidden");
}

static void ipv4_options_are_skipped(void)
{
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, IP_PROTO_TCP);
    f.bytes[ip] = 0x47;
    put(&f, SPAN("\x01\x01\x01\x01\x01\x01\x01\0"));
    put_tcp(&f);
    put(&f, SPAN("options"));
    end_ipv4(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("options");
}

static void udp_ends_where_it_says(void)
{
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, IP_PROTO_UDP);
    size_t udp = begin_udp(&f);
    put(&f, SPAN("query"));
    end_udp(&f, udp);
    put(&f, SPAN("rest"));
    end_ipv4(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT(span_equal(h.payload, SPAN("query")));
    CU_ASSERT_EQUAL(h.src_port, 5000);
    set16(&f, udp + 4, 100);
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    set16(&f, udp + 4, 7);
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_UDP_BAD_HEADER], 2);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_HEADER), 2);
}

static void impossible_headers_are_refused_and_reported(void)
{
    put_ether(&f, 0x0800);
    put_segment("");
    f.bytes[14] = 0x44; /* IP header of 16 bytes */
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    f.bytes[14] = 0x55; /* version 5 */
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    f.bytes[14] = 0x45;
    set16(&f, 14 + 2, 19); /* shorter than its header */
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_IP_BAD_HEADER], 3);
    set16(&f, 14 + 2, 40);
    f.bytes[14 + 20 + 12] = 0x40; /* TCP header of 16 bytes */
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    f.bytes[14 + 20 + 12] = 0x60; /* options that are not there */
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    set16(&f, 14 + 2, 39); /* TCP header cut */
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_TCP_BAD_HEADER], 3);
}

static void every_cut_of_the_headers_is_truncation(void)
{
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, IP_PROTO_TCP);
    f.bytes[ip] = 0x46;
    put(&f, SPAN("\x01\x01\x01\0"));
    (void)put_tcp(&f);
    end_ipv4(&f, ip);
    expect_truncated(1, 1, f.len);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_IP_TRUNCATED], 44); /* with 14 bytes to 57 */
    f.len = 0;
    put_ether(&f, 0x86dd);
    ip = begin_ipv6(&f, 60);
    put(&f, SPAN("\x33\0\x01\x04\0\0\0\0"));
    put(&f, SPAN("\x11\x01\0\0\0\0\0\x01\0\0\0\x02"));
    (void)begin_udp(&f);
    end_ipv6(&f, ip);
    expect_truncated(1, 1, f.len);
    f.len = 0;
    put_ether(&f, 0x0800);
    ip = begin_ipv4(&f, IP_PROTO_SCTP);
    put(&f, SPAN("portvtagsum:"));
    end_ipv4(&f, ip);
    expect_truncated(1, 1, f.len);
}

static void ip_of_another_version_than_announced_is_impossible(void)
{
    put_ether(&f, 0x86dd);
    size_t ip = begin_ipv6(&f, IP_PROTO_TCP);
    (void)put_tcp(&f);
    end_ipv6(&f, ip);
    f.bytes[14] = 0x40;
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_IP_BAD_HEADER], 1);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_HEADER), 1);
}

static void headers_that_ip_leaves_no_room_for_are_anomalies(void)
{
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, IP_PROTO_UDP);
    put(&f, SPAN("7 bytes"));
    end_ipv4(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    CU_ASSERT_EQUAL(n_anomalies[ANOMALY_UDP_BAD_HEADER], 1);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_TRUNCATED), 1);
}

static void ip_in_ip_gives_the_inner_headers_and_the_depth(void)
{
    put_ether(&f, 0x86dd);
    size_t six = begin_ipv6(&f, 4);
    size_t four = begin_ipv4(&f, 41);
    size_t inner = begin_ipv6(&f, 47);
    put(&f, SPAN("\xb0\0\x08\0\0\0\0\0\0\0\0\x01\0\0\0\x02")); /* GRE: checksum, key, sequence */
    put_segment("inner");
    end_ipv6(&f, inner);
    end_ipv4(&f, four);
    end_ipv6(&f, six);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    expect_segment("inner");
    CU_ASSERT_EQUAL(h.src.family, 4);
    CU_ASSERT_EQUAL(h.tunnel_depth, 3);
}

static void a_tunnel_without_ip_inside_is_its_outer_packet(void)
{
    put_ether(&f, 0x0800);
    size_t ip = begin_ipv4(&f, 47);
    put(&f, SPAN("\0\0\x08\x06"));
    put(&f, SPAN("an ARP request"));
    end_ipv4(&f, ip);
    CU_ASSERT_EQUAL(decode(), DECODE_DONE);
    CU_ASSERT_EQUAL(h.proto, 47);
    CU_ASSERT_EQUAL(h.payload.len, 18);
    CU_ASSERT_EQUAL(h.tunnel_depth, 0);
}

static uint64_t sum_of_results(void)
{
    return count(STAT_PACKETS_DECODED) + count(STAT_PACKETS_FRAGMENTS) +
           count(STAT_PACKETS_NOT_IP) + count(STAT_REFUSED_LINK_TYPE) +
           count(STAT_REFUSED_TRUNCATED) + count(STAT_REFUSED_HEADER) +
           count(STAT_REFUSED_CHECKSUM) + count(STAT_REFUSED_LAYERS) + count(STAT_REFUSED_MEMORY) +
           count(STAT_REFUSED_EMPTY);
}

static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525 + 1013904223;
    return *state >> 8;
}

/* Every packet is in exactly one account, whatever is done to it. */
static void accounts_add_up_for_damaged_packets(void)
{
    uint32_t seed = 20211210;
    for (unsigned round = 0; round < 20000; round++) {
        f.len = 0;
        put_ether(&f, round % 2 == 0 ? 0x0800 : 0x8100);
        if (round % 2 != 0) {
            put(&f, SPAN("\0\x05\x08\0"));
        }
        size_t outer = begin_ipv4(&f, 4);
        put_segment("payload of a packet to be damaged");
        end_ipv4(&f, outer);
        for (unsigned n = next_random(&seed) % 4; n > 0; n--) {
            f.bytes[next_random(&seed) % 80] = (uint8_t)next_random(&seed);
        }
        f.len -= next_random(&seed) % 3 == 0 ? next_random(&seed) % f.len : 0;
        (void)decode();
    }
    CU_ASSERT_EQUAL(count(STAT_DECODER_PKTS), 20000);
    CU_ASSERT_EQUAL(sum_of_results(), 20000);
    uint64_t fine =
        count(STAT_PACKETS_DECODED) + count(STAT_PACKETS_FRAGMENTS) + count(STAT_PACKETS_NOT_IP);
    CU_ASSERT_EQUAL(count(STAT_DECODER_INVALID), 20000 - fine);
    CU_ASSERT(count(STAT_REFUSED_TRUNCATED) > 0);
    CU_ASSERT(count(STAT_REFUSED_HEADER) > 0);
    CU_ASSERT(count(STAT_PACKETS_FRAGMENTS) > 0);
    CU_ASSERT(count(STAT_PACKETS_NOT_IP) > 0);
}

static void a_packet_without_a_byte_is_counted_as_empty(void)
{
    CU_ASSERT_EQUAL(decode(), DECODE_REFUSED);
    CU_ASSERT_EQUAL(count(STAT_REFUSED_EMPTY), 1);
}

static void no_memory_is_an_error_at_the_start_only(void)
{
    struct packet_decoder *none = NULL;
    packet_decoder_free(&none);
    struct packet_options options = {.stats = &stats, .max_layers = 16};
    for (size_t n = 1; n <= 2; n++) {
        mem_fail_at(n, 0);
        CU_ASSERT(packet_decoder_new(&options, &none) < 0);
        CU_ASSERT_PTR_NULL(none);
    }
    mem_fail_at(0, 0);
}

static CU_TestInfo layer_tests[] = {
    TEST(ethernet_ipv4_tcp_is_read_to_its_payload),
    TEST(vlan_tags_are_kept_outermost_first_up_to_four),
    TEST(more_layers_than_the_cap_are_refused),
    TEST(llc_snap_carries_ip_and_other_llc_is_not_ip),
    TEST(every_link_type_leads_to_ip),
    TEST(pppoe_and_mpls_behind_ethernet_carry_ip),
    TEST(ipv6_extension_headers_are_taken_off),
    TEST(ipv6_no_next_header_has_no_payload_to_misread),
    TEST(any_number_of_extension_headers_is_read),
    TEST(ipv4_options_are_skipped),
    TEST(every_cut_of_the_headers_is_truncation),
    TEST(ip_of_another_version_than_announced_is_impossible),
    TEST(headers_that_ip_leaves_no_room_for_are_anomalies),
    TEST(ip_in_ip_gives_the_inner_headers_and_the_depth),
    TEST(a_tunnel_without_ip_inside_is_its_outer_packet),
    CU_TEST_INFO_NULL,
};

static CU_TestInfo length_tests[] = {
    TEST(padding_is_not_payload),
    TEST(ip_length_zero_means_all_that_is_left),
    TEST(ip_length_beyond_the_packet_is_an_anomaly_and_read),
    TEST(snap_length_cuts_are_counted_as_missing),
    TEST(snap_length_within_tcp_options_leaves_an_empty_payload),
    TEST(window_scale_of_a_syn_is_read),
    TEST(udp_ends_where_it_says),
    TEST(impossible_headers_are_refused_and_reported),
    CU_TEST_INFO_NULL,
};

static CU_TestInfo account_tests[] = {
    TEST(accounts_add_up_for_damaged_packets),
    TEST(a_packet_without_a_byte_is_counted_as_empty),
    TEST(no_memory_is_an_error_at_the_start_only),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"layers", NULL, NULL, set_up, tear_down, layer_tests},
        {"lengths", NULL, NULL, set_up, tear_down, length_tests},
        {"accounts", NULL, NULL, set_up, tear_down, account_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
