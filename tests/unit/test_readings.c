/* Tests of the other reading: bytes that come twice and not alike, too late, or too early. */
#include "tests/unit/tcp_play.h"

static uint64_t n_alternate_bytes;

static void add_alternate(struct lab *lab, enum direction dir, struct span bytes)
{
    (void)lab;
    (void)dir;
    n_alternate_bytes += bytes.len;
}

static void count_alternates(struct lab *lab)
{
    n_alternate_bytes = 0;
    lab->on_alternate = add_alternate;
}

static void held_bytes_that_come_again_otherwise_are_read_both_ways(void)
{
    PLAY(lab);
    lab_to_server(&lab, 104, "def");
    lab_to_server(&lab, 104, "dXf");
    lab_to_server(&lab, 101, "abc");
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_TCP_OVERLAP_DIFF_DATA), 1);
    lab_finish(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "!overlap_different_data"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "dXf"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "\"abcdef\""));
    lab_stop(&lab);
}

static void delivered_bytes_that_come_again_otherwise_are_read_both_ways(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "GET /?x=${j");
    lab_to_server(&lab, 112, "XX");
    lab_to_server(&lab, 112, "nd");
    lab_to_server(&lab, 114, "i:ldap://a/b}");
    CU_ASSERT_PTR_NULL(strstr(lab_log(&lab), "alt"));
    lab_to_client(&lab, 501, "200");
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_TCP_OVERLAP_DIFF_DATA), 1);
    expect(&lab, "open >\"GET /?x=${jXX\" >!overlap_different_data >\"i:ldap://a/b}\" "
                 ">alt\"GET /?x=${jndi:ldap://a/b}\" <\"200\" close:end ");
}

static void each_of_many_small_decoys_is_replaced_in_the_other_reading(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "GET /");
    for (uint32_t i = 0; i < 10; i++) {
        lab_to_server(&lab, 106 + 2 * i, "__");
        char real[3] = {(char)('a' + i), (char)('A' + i), '\0'};
        lab_to_server(&lab, 106 + 2 * i, real);
    }
    lab_finish(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"GET /aAbBcCdDeEfFgGhHiIjJ\""));
    lab_stop(&lab);
}

static void versions_between_the_first_and_the_last_are_read(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "GET /__");
    lab_to_server(&lab, 106, "${");
    lab_to_server(&lab, 106, "..");
    lab_to_server(&lab, 106, "--");
    lab_finish(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"GET /${\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"GET /..\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"GET /--\""));
    lab_stop(&lab);
}

/* Rewriting one byte of a long reading over and over must not cost its length each time. */
static void what_many_versions_cost_is_bounded(void)
{
    enum { LEN = 60000, VERSIONS = 200 };
    static char text[LEN + 1];
    PLAY(lab);
    lab.quiet = true;
    memset(text, 'a', LEN);
    for (unsigned at = 0; at < LEN; at += 1000) {
        lab_shoot(&lab, &(struct shot){.seq = 101 + at,
                                       .ack = 501,
                                       .flags = TCP_ACK,
                                       .bytes = span_of(text + at, 1000)});
    }
    count_alternates(&lab);
    for (unsigned i = 0; i < VERSIONS; i++) {
        lab_to_server(&lab, 101 + LEN - 100, i % 2 == 0 ? "b" : "c");
    }
    lab_finish(&lab);
    CU_ASSERT(n_alternate_bytes > 0);
    CU_ASSERT(n_alternate_bytes < VERSIONS * 5000 + LEN + 10000);
    lab_stop(&lab);
}

/* One urgent byte in a segment; the reading without it goes on with what follows. */
static void urgent_byte_is_left_out_of_the_other_reading(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "GET /");
    lab_shoot(&lab,
              &(struct shot){
                  .seq = 106, .ack = 501, .flags = TCP_ACK | TCP_URG, .text = "${jX", .urgent = 4});
    lab_to_server(&lab, 110, "ndi:");
    lab_to_client(&lab, 501, "200");
    expect(&lab, "open >\"GET /${jXndi:\" >alt\"GET /${jndi:\" <\"200\" close:end ");
}

/* Behind a hole, announced before it comes, and two of them. */
static void urgent_bytes_that_wait_are_left_out_when_they_come(void)
{
    PLAY(lab);
    lab_shoot(&lab,
              &(struct shot){
                  .seq = 106, .ack = 501, .flags = TCP_ACK | TCP_URG, .text = "a!", .urgent = 2});
    lab_shoot(
        &lab,
        &(struct shot){
            .seq = 101, .ack = 501, .flags = TCP_ACK | TCP_URG, .text = "GET /", .urgent = 9});
    lab_to_server(&lab, 108, "b?c");
    lab_finish(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"GET /abc\""));
    lab_stop(&lab);
}

static void other_reading_waits_for_the_bytes_before_it(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "GET /");
    lab_to_server(&lab, 109, "___");
    lab_to_server(&lab, 109, "di:");
    lab_to_server(&lab, 112, "ldap");
    lab_to_server(&lab, 106, "${n");
    lab_to_server(&lab, 116, "://x");
    lab_finish(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"GET /${ndi:ldap://x\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "___ldap://x\""));
    lab_stop(&lab);
}

static void last_of_several_that_differ_wins_in_the_other_reading(void)
{
    PLAY(lab);
    lab_to_server(&lab, 104, "___");
    lab_to_server(&lab, 104, "YYY");
    lab_to_server(&lab, 105, "Z");
    lab_to_server(&lab, 101, "abc");
    lab_finish(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "\"abc___\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"abcYZY\""));
    lab_stop(&lab);
}

static void acknowledged_bytes_that_come_again_are_not_read(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_server_acks(&lab, 104);
    lab_to_server(&lab, 101, "aXc");
    lab_to_server(&lab, 103, "?");
    lab_to_server(&lab, 102, "_Xd");
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_TCP_OVERLAP_DIFF_DATA), 0);
    expect(&lab, "open >\"abcd\" close:end ");
}

static void bytes_beyond_the_copy_that_come_again_are_read_by_themselves(void)
{
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.past = 4;
    struct lab lab;
    lab_start(&lab, &limits);
    lab_open(&lab, 0);
    lab_to_server(&lab, 101, "abc");
    lab_to_server(&lab, 104, "_____");
    lab_to_server(&lab, 104, "real-");
    lab_to_server(&lab, 109, "next");
    lab_to_server(&lab, 109, "neXt");
    lab_finish(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"real-neXt\""));
    lab_stop(&lab);
}

static void bytes_that_come_after_their_hole_was_given_up_are_still_read(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_to_server(&lab, 107, "ghi");
    lab_server_acks(&lab, 107);
    lab_to_server(&lab, 104, "def");
    lab_to_server(&lab, 104, "def");
    lab_to_server(&lab, 110, "jkl");
    expect(&lab, "open >\"abc\" >gap3:gap >\"ghijkl\" >alt\"defghijkl\" close:end ");
}

static void bytes_before_the_start_of_a_stream_taken_up_are_still_read(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_to_server(&lab, 104, "def");
    lab_to_server(&lab, 101, "abc");
    expect(&lab, "pickup >\"def\" >alt\"abcdef\" close:end ");
}

static void other_reading_is_told_after_a_second(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_to_server(&lab, 101, "aXc");
    lab_wait(&lab, 900000);
    CU_ASSERT_PTR_NULL(strstr(lab_log(&lab), "alt"));
    lab_wait(&lab, 200000);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"aXc\""));
    CU_ASSERT_EQUAL(lab.n_open, 1);
    lab_stop(&lab);
}

/* The packet decoder has two readings of one datagram. */
static void alternate_at(struct lab *lab, uint8_t proto, uint32_t seq, const char *text)
{
    struct headers h = lab_headers(
        &(struct shot){.seq = seq, .ack = 501, .flags = TCP_ACK | TCP_PSH, .text = text});
    struct packet p = {.number = lab->number, .clock_us = lab->clock_us, .time_us = lab->clock_us};
    h.proto = proto;
    flow_table_alternate(lab->table, &p, &h, "lab0", &lab->ruling);
}

static void other_reading_of_fragments_is_one_of_the_stream(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "GET /");
    lab_to_server(&lab, 106, "decoy");
    alternate_at(&lab, IP_PROTO_TCP, 106, "${jnd");
    lab_to_server(&lab, 111, "i:}");
    lab_to_server(&lab, 117, "decoy");
    alternate_at(&lab, IP_PROTO_TCP, 117, "truth");
    lab_to_server(&lab, 114, "abc");
    CU_ASSERT_EQUAL(lab.conn->packets[TO_SERVER], 7);
    lab_finish(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"GET /${jndi:}abctruth\""));
    lab_stop(&lab);
}

static void other_reading_of_a_datagram_is_told_at_once(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    struct headers h = lab_headers(&(struct shot){.text = "decoy"});
    h.proto = IP_PROTO_UDP;
    lab_packet(&lab, &h);
    alternate_at(&lab, IP_PROTO_UDP, 0, "truth");
    expect(&lab, "open >\"decoy\" >alt\"truth\" close:end ");
}

static CU_TestInfo reading_tests[] = {
#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    TEST(held_bytes_that_come_again_otherwise_are_read_both_ways),
    TEST(delivered_bytes_that_come_again_otherwise_are_read_both_ways),
    TEST(each_of_many_small_decoys_is_replaced_in_the_other_reading),
    TEST(versions_between_the_first_and_the_last_are_read),
    TEST(what_many_versions_cost_is_bounded),
    TEST(urgent_byte_is_left_out_of_the_other_reading),
    TEST(urgent_bytes_that_wait_are_left_out_when_they_come),
    TEST(other_reading_waits_for_the_bytes_before_it),
    TEST(last_of_several_that_differ_wins_in_the_other_reading),
    TEST(acknowledged_bytes_that_come_again_are_not_read),
    TEST(bytes_beyond_the_copy_that_come_again_are_read_by_themselves),
    TEST(bytes_that_come_after_their_hole_was_given_up_are_still_read),
    TEST(bytes_before_the_start_of_a_stream_taken_up_are_still_read),
    TEST(other_reading_is_told_after_a_second),
    TEST(other_reading_of_fragments_is_one_of_the_stream),
    TEST(other_reading_of_a_datagram_is_told_at_once),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {.pName = "readings", .pTests = reading_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
