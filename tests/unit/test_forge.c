/* Tests of packets of our own: lengths, addresses and checksums as RFC 791, 8200 and 9293 want. */
#include "sensor/base/wire.h"
#include "sensor/packet/checksum.h"
#include "sensor/packet/forge.h"
#include "tests/unit/runner.h"

static struct forged segment_between(const char *src, const char *dst)
{
    struct forged f = {.src_port = 80,
                       .dst_port = 40000,
                       .seq = 0x01020304,
                       .ack = 0xfffffffe,
                       .flags = TCP_PSH | TCP_ACK,
                       .payload = SPAN("HTTP/1.1 403 Forbidden\r\n\r\n!")}; /* an odd length */
    CU_ASSERT_TRUE_FATAL(addr_parse(span_str(src), &f.src));
    CU_ASSERT_TRUE_FATAL(addr_parse(span_str(dst), &f.dst));
    return f;
}

static void expect_tcp(const struct forged *f, struct span tcp)
{
    CU_ASSERT_EQUAL(wire_be16(tcp, 0), 80);
    CU_ASSERT_EQUAL(wire_be16(tcp, 2), 40000);
    CU_ASSERT_EQUAL(wire_be32(tcp, 4), 0x01020304);
    CU_ASSERT_EQUAL(wire_be32(tcp, 8), 0xfffffffe);
    CU_ASSERT_EQUAL(wire_be16(tcp, 12), 0x5018);
    CU_ASSERT_TRUE(span_equal(span_from(tcp, 20), f->payload));
    CU_ASSERT_EQUAL(checksum_transport(&f->src, &f->dst, IP_PROTO_TCP, tcp), CHECKSUM_GOOD);
}

static void a_segment_over_ipv4_is_whole_and_sums_up(void)
{
    struct sbuf out = sbuf_with_cap(1500);
    struct forged f = segment_between("198.51.100.7", "192.0.2.4");
    CU_ASSERT_TRUE_FATAL(forge_tcp(&f, &out));
    struct span ip = sbuf_span(&out);
    CU_ASSERT_EQUAL(wire_be16(ip, 2), ip.len);
    CU_ASSERT_TRUE(span_equal(span_sub(ip, 12, 8), SPAN("\xc6\x33\x64\x07\xc0\x00\x02\x04")));
    CU_ASSERT_EQUAL(checksum_ipv4(span_head(ip, 20)), CHECKSUM_GOOD);
    expect_tcp(&f, span_from(ip, 20));
    sbuf_free(&out);
}

static void a_segment_over_ipv6_is_whole_and_sums_up(void)
{
    struct sbuf out = sbuf_with_cap(1500);
    struct forged f = segment_between("2001:db8::7", "2001:db8::4");
    CU_ASSERT_TRUE_FATAL(forge_tcp(&f, &out));
    struct span ip = sbuf_span(&out);
    CU_ASSERT_EQUAL(wire_be16(ip, 4), ip.len - 40);
    CU_ASSERT_EQUAL(wire_u8(ip, 6), IP_PROTO_TCP);
    CU_ASSERT_TRUE(span_equal(span_sub(ip, 8, 16), span_of(f.src.bytes, 16)));
    expect_tcp(&f, span_from(ip, 40));
    sbuf_free(&out);
}

static void expect_udp(const struct forged *f, struct span udp)
{
    CU_ASSERT_EQUAL(wire_be16(udp, 0), 80);
    CU_ASSERT_EQUAL(wire_be16(udp, 2), 40000);
    CU_ASSERT_EQUAL(wire_be16(udp, 4), udp.len);
    CU_ASSERT_TRUE(span_equal(span_from(udp, 8), f->payload));
    CU_ASSERT_EQUAL(checksum_transport(&f->src, &f->dst, IP_PROTO_UDP, udp), CHECKSUM_GOOD);
}

static void a_datagram_is_whole_and_sums_up(void)
{
    static const uint8_t much[FORGED_DATAGRAM_MAX];
    struct sbuf out = sbuf_with_cap(128 * 1024);
    struct forged f = segment_between("198.51.100.7", "192.0.2.4");
    CU_ASSERT_TRUE_FATAL(forge_udp(&f, &out));
    CU_ASSERT_EQUAL(wire_be16(sbuf_span(&out), 2), out.len);
    expect_udp(&f, span_from(sbuf_span(&out), 20));
    f.payload = span_of(much, sizeof(much));
    CU_ASSERT_TRUE_FATAL(forge_udp(&f, &out));
    CU_ASSERT_EQUAL(wire_be16(sbuf_span(&out), 2), UINT16_MAX);
    f = segment_between("2001:db8::7", "2001:db8::4");
    CU_ASSERT_TRUE_FATAL(forge_udp(&f, &out));
    CU_ASSERT_EQUAL(wire_be16(sbuf_span(&out), 4), out.len - 40);
    expect_udp(&f, span_from(sbuf_span(&out), 40));
    sbuf_free(&out);
}

static void a_refusal_quotes_the_datagram(void)
{
    struct sbuf out = sbuf_with_cap(1500);
    struct forged f = segment_between("198.51.100.7", "192.0.2.4");
    CU_ASSERT_TRUE_FATAL(forge_unreachable(&f, &out));
    struct span ip = sbuf_span(&out);
    CU_ASSERT_EQUAL(ip.len, 20 + 8 + 20 + 8);
    CU_ASSERT_EQUAL(wire_be16(ip, 2), ip.len);
    CU_ASSERT_EQUAL(checksum_ipv4(span_head(ip, 20)), CHECKSUM_GOOD);
    CU_ASSERT_TRUE(span_equal(span_sub(ip, 12, 8), SPAN("\xc0\x00\x02\x04\xc6\x33\x64\x07")));
    CU_ASSERT_EQUAL(wire_be32(ip, 20) >> 16, 0x0303);
    CU_ASSERT_EQUAL(wire_sum(span_from(ip, 20), 0), 0xffff);
    struct span quoted = span_from(ip, 28);
    CU_ASSERT_TRUE(span_equal(span_sub(quoted, 12, 8), SPAN("\xc6\x33\x64\x07\xc0\x00\x02\x04")));
    CU_ASSERT_EQUAL(wire_be32(quoted, 20), 80u << 16 | 40000);
    CU_ASSERT_EQUAL(wire_be16(quoted, 2), 20 + 8 + f.payload.len);
    f = segment_between("2001:db8::7", "2001:db8::4");
    CU_ASSERT_TRUE_FATAL(forge_unreachable(&f, &out));
    struct span icmp = span_from(sbuf_span(&out), 40);
    CU_ASSERT_EQUAL(wire_be16(icmp, 0), 0x0104);
    CU_ASSERT_EQUAL(icmp.len, 8 + 40 + 8);
    CU_ASSERT_EQUAL(checksum_transport(&f.dst, &f.src, 58, icmp), CHECKSUM_GOOD);
    sbuf_free(&out);
}

static void a_sum_of_zero_is_not_written_as_none(void)
{
    struct sbuf out = sbuf_with_cap(1500);
    struct forged f = segment_between("0.0.0.0", "0.0.0.0");
    f.src_port = 0;
    f.dst_port = 0;
    f.payload = SPAN("\xff\xda"); /* with 17 and twice the length 10: 0xffff */
    CU_ASSERT_TRUE_FATAL(forge_udp(&f, &out));
    CU_ASSERT_EQUAL(wire_be16(sbuf_span(&out), 20 + 6), 0xffff);
    sbuf_free(&out);
}

static void what_has_no_room_is_not_made(void)
{
    static const uint8_t much[FORGED_PAYLOAD_MAX + 1];
    struct sbuf small = sbuf_with_cap(60);
    struct sbuf large = sbuf_with_cap(4096);
    struct forged f = segment_between("198.51.100.7", "192.0.2.4");
    CU_ASSERT_FALSE(forge_tcp(&f, &small));
    f.payload = span_of(much, sizeof(much));
    CU_ASSERT_FALSE(forge_tcp(&f, &large));
    f.payload = span_of(much, FORGED_PAYLOAD_MAX);
    CU_ASSERT_TRUE(forge_tcp(&f, &large));
    sbuf_free(&small);
    sbuf_free(&large);
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

static CU_TestInfo forge_tests[] = {
    TEST(a_segment_over_ipv4_is_whole_and_sums_up),
    TEST(a_segment_over_ipv6_is_whole_and_sums_up),
    TEST(a_datagram_is_whole_and_sums_up),
    TEST(a_refusal_quotes_the_datagram),
    TEST(a_sum_of_zero_is_not_written_as_none),
    TEST(what_has_no_room_is_not_made),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {.pName = "forge", .pTests = forge_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
