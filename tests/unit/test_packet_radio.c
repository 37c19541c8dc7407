/* Tests of IEEE 802.11 frames, with what cards write in front, and of aggregates of them. */
#include "tests/unit/packet_lab.h"

static void prism_headers_have_their_old_length(void)
{
    static const char head[144] = "\x44";
    put(&f, span_of(head, sizeof(head)));
    put(&f, SPAN("\x08\x02\0\0dest..bssid.source\0\0\xaa\xaa\x03\0\0\0\x08\0"));
    put_segment("prism");
    CU_ASSERT_EQUAL(decode_as(119), DECODE_DONE);
    expect_segment("prism");
}

static void wireless_addresses_depend_on_the_direction(void)
{
    put(&f, SPAN("\x08\x01\0\0bssid.sourcedestin\0\0\xaa\xaa\x03\0\0\0\x08\0"));
    put_segment("");
    CU_ASSERT_EQUAL(decode_as(105), DECODE_DONE);
    CU_ASSERT(bytes_equal(h.src_mac, "source", 6));
    CU_ASSERT(bytes_equal(h.dst_mac, "destin", 6));
    CU_ASSERT_EQUAL(count(STAT_DECODER_IEEE80211), 1);
}

static void wireless_frames_that_cannot_be_read_are_not_ip(void)
{
    static const struct span rows[] = {
        SPAN_LITERAL("\x08\x42\0\0dest..bssid.source\0\0\xaa\xaa\x03\0\0\0\x08\0"), /* protected */
        SPAN_LITERAL("\x48\x02\0\0dest..bssid.source\0\0"),                         /* no data */
        SPAN_LITERAL("\x80\0\0\0dest..bssid.source\0\0beacon"),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        f.len = 0;
        put(&f, rows[i]);
        CU_ASSERT_EQUAL(decode_as(105), DECODE_NOT_IP);
    }
}

static void put_subframe(const char *addresses, const char *payload)
{
    put(&f, span_str(addresses));
    put16(&f, (unsigned)(8 + 40 + span_str(payload).len));
    put(&f, SPAN("\xaa\xaa\x03\0\0\0\x08\0"));
    put_segment(payload);
}

static void each_frame_of_an_aggregate_is_read(void)
{
    enum decode_result result = DECODE_REFUSED;
    put(&f, SPAN("\x88\x02\0\0dest..bssid.source\0\0\x80\0"));
    put_subframe("dest.asourcA", "abc");
    put(&f, SPAN("\0\0\0")); /* up to a multiple of four */
    put_subframe("dest.bsourcB", "after");
    put(&f, SPAN("\0"));
    put(&f, SPAN("macmacmacmac\0\x20\xaa\xaa\x03\0\0\0\x08\6not IP, but long enough"));
    put(&f, SPAN("check"));
    CU_ASSERT_EQUAL(decode_as(105), DECODE_DONE);
    expect_segment("abc");
    CU_ASSERT(bytes_equal(h.src_mac, "sourcA", 6));
    CU_ASSERT(packet_next(decoder, &h, &result));
    CU_ASSERT_EQUAL(result, DECODE_DONE);
    expect_segment("after");
    CU_ASSERT(bytes_equal(h.dst_mac, "dest.b", 6));
    CU_ASSERT(packet_next(decoder, &h, &result));
    CU_ASSERT_EQUAL(result, DECODE_NOT_IP);
    CU_ASSERT_FALSE(packet_next(decoder, &h, &result));
    CU_ASSERT_EQUAL(count(STAT_DECODER_PKTS), 1);
    CU_ASSERT_EQUAL(count(STAT_PACKETS_DECODED), 1);
}

static void headers_of_a_mesh_are_passed(void)
{
    static const struct span meshes[] = {
        SPAN_LITERAL("\0\x1f\1\0\0\0"),
        SPAN_LITERAL("\1\x1f\1\0\0\0addr.4"),
        SPAN_LITERAL("\2\x1f\1\0\0\0addr.5addr.6"),
    };
    for (size_t i = 0; i < ARRAY_LEN(meshes); i++) {
        f.len = 0;
        put(&f, SPAN("\x88\x03\0\0bssid.sourcedestin\0\0addr.4\0\1"));
        put(&f, meshes[i]);
        put(&f, SPAN("\xaa\xaa\x03\0\0\0\x08\0"));
        put_segment("mesh");
        CU_ASSERT_EQUAL(decode_as(105), DECODE_DONE);
        expect_segment("mesh");
    }
}

static void the_bit_of_a_mesh_alone_makes_none(void)
{
    put(&f, SPAN("\x88\x02\0\0dest..bssid.source\0\0\0\1\xaa\xaa\x03\0\0\0\x08\0"));
    put_segment("no mesh");
    CU_ASSERT_EQUAL(decode_as(105), DECODE_DONE);
    expect_segment("no mesh");
}

static void an_aggregate_ends_where_nothing_fits(void)
{
    enum decode_result result = DECODE_DONE;
    put(&f, SPAN("\x88\x02\0\0dest..bssid.source\0\0\x80\0"));
    for (int i = 0; i < 8; i++) {
        put(&f, SPAN("macmacmacmac\0\0\0\0")); /* empty ones */
    }
    CU_ASSERT_EQUAL(decode_as(105), DECODE_REFUSED);
    int n = 0;
    while (packet_next(decoder, &h, &result)) {
        n++;
    }
    CU_ASSERT(n < 8);
}

static CU_TestInfo radio_tests[] = {
    TEST(prism_headers_have_their_old_length),
    TEST(wireless_addresses_depend_on_the_direction),
    TEST(wireless_frames_that_cannot_be_read_are_not_ip),
    TEST(each_frame_of_an_aggregate_is_read),
    TEST(an_aggregate_ends_where_nothing_fits),
    TEST(headers_of_a_mesh_are_passed),
    TEST(the_bit_of_a_mesh_alone_makes_none),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"radio", NULL, NULL, set_up, tear_down, radio_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
