/* Tests of what an inline sensor lets go on: rulings of the flow table, segment by segment. */
#include "tests/unit/tcp_play.h"

static void start_with(struct lab *lab, const struct guard *guard)
{
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.held = 4096;
    limits.hole_us = UINT64_C(1) << 50;
    limits.guard = *guard;
    lab_start(lab, &limits);
    lab_open(lab, 0);
}

static void start_guarded(struct lab *lab)
{
    start_with(lab, &(struct guard){.on = true, .refuses = true});
}

/* What the pipeline does when it finds something. */
static void block_at_x(struct lab *lab, enum direction dir, struct span bytes)
{
    (void)dir;
    if (span_find_byte(bytes, 0, 'X') != SPAN_NONE) {
        lab->conn->verdict = VERDICT_REJECT;
    }
}

static void start_blocking(struct lab *lab)
{
    start_guarded(lab);
    lab->on_data = block_at_x;
    lab->on_alternate = block_at_x;
}

#define EXPECT_PASS(lab) CU_ASSERT_EQUAL((lab)->ruling.verdict, VERDICT_PASS)
#define EXPECT_HELD(lab, why)                                                                      \
    do {                                                                                           \
        CU_ASSERT_NOT_EQUAL((lab)->ruling.verdict, VERDICT_PASS);                                  \
        CU_ASSERT_EQUAL((lab)->ruling.reason, why);                                                \
    } while (0)

static void the_packet_that_completes_it_is_held_back_and_all_behind_it(void)
{
    struct lab lab;
    start_blocking(&lab);
    lab_to_server(&lab, 101, "abc");
    EXPECT_PASS(&lab);
    lab_to_server(&lab, 104, "deX");
    EXPECT_HELD(&lab, DROP_RULES);
    CU_ASSERT_TRUE(lab.ruling.first);
    CU_ASSERT_EQUAL(lab.ruling.expected[TO_SERVER], 104);
    CU_ASSERT_EQUAL(lab.ruling.expected[TO_CLIENT], 501);
    lab_to_server(&lab, 104, "deX"); /* again */
    EXPECT_HELD(&lab, DROP_FLOW);
    CU_ASSERT_FALSE(lab.ruling.first);
    lab_to_server(&lab, 107, "g");
    EXPECT_HELD(&lab, DROP_FLOW);
    lab_to_client(&lab, 501, "200");
    EXPECT_HELD(&lab, DROP_FLOW);
    lab_stop(&lab);
}

static void behind_a_hole_all_goes_on_and_what_fills_it_is_held_back(void)
{
    struct lab lab;
    start_blocking(&lab);
    lab_to_server(&lab, 104, "deX");
    EXPECT_PASS(&lab);
    lab_wait(&lab, 600000000 - 1000); /* however long */
    lab_to_server(&lab, 107, "g");
    EXPECT_PASS(&lab);
    lab_to_server(&lab, 101, "abc");
    EXPECT_HELD(&lab, DROP_RULES);
    CU_ASSERT_EQUAL(lab.ruling.expected[TO_SERVER], 101);
    lab_stop(&lab);
}

static void other_contents_of_the_same_bytes_do_not_go_on(void)
{
    struct lab lab;
    start_guarded(&lab);
    lab_to_server(&lab, 101, "abcdef");
    lab_to_server(&lab, 101, "abcdef");
    EXPECT_PASS(&lab);
    lab_to_server(&lab, 101, "abcdeg");
    EXPECT_HELD(&lab, DROP_DIFFERENT);
    lab_to_server(&lab, 110, "jkl");
    lab_to_server(&lab, 110, "jkL"); /* behind a hole, too */
    EXPECT_HELD(&lab, DROP_DIFFERENT);
    lab_to_server(&lab, 107, "ghi");
    EXPECT_PASS(&lab); /* the flow itself goes on */
    lab_stop(&lab);
}

static void who_only_detects_lets_all_of_it_go_on(void)
{
    struct lab lab;
    start_with(&lab, &(struct guard){.on = true});
    lab_to_server(&lab, 101, "abcdef");
    lab_to_server(&lab, 101, "abcdeg");
    EXPECT_PASS(&lab);
    lab_stop(&lab);
}

static void what_cannot_be_kept_is_refused_when_that_is_asked_for(void)
{
    char text[1001];
    memset(text, 'x', 1000);
    text[1000] = '\0';
    for (unsigned closed = 0; closed < 2; closed++) {
        struct lab lab;
        start_with(&lab, &(struct guard){.on = true, .refuses = true, .memory_closed = closed});
        lab.quiet = true;
        unsigned n_held_back = 0;
        for (uint32_t i = 1; i < 10; i++) {
            lab_to_server(&lab, 101 + i * 1000, text);
            n_held_back += lab.ruling.verdict != VERDICT_PASS;
        }
        CU_ASSERT_EQUAL(n_held_back > 0, closed);
        CU_ASSERT_EQUAL(lab.gaps[TO_SERVER] > 0, !closed);
        lab_to_server(&lab, 101, text); /* fills the hole */
        EXPECT_PASS(&lab);
        lab_stop(&lab);
    }
}

static void neither_a_reset_nor_a_syn_of_one_end_frees_a_blocked_flow(void)
{
    struct lab lab;
    start_blocking(&lab);
    lab_to_server(&lab, 101, "X");
    lab_shoot(&lab, &(struct shot){.seq = 101, .ack = 501, .flags = TCP_RST | TCP_ACK});
    EXPECT_PASS(&lab);
    lab_to_server(&lab, 101, "X");
    EXPECT_HELD(&lab, DROP_FLOW);
    lab_shoot(&lab, &(struct shot){.seq = 9000, .flags = TCP_SYN});
    EXPECT_PASS(&lab);
    lab_to_server(&lab, 101, "X");
    EXPECT_HELD(&lab, DROP_FLOW);
    lab_wait(&lab, 590000000);
    lab_to_server(&lab, 101, "X");
    EXPECT_HELD(&lab, DROP_FLOW);
    lab_stop(&lab);
}

static void a_syn_that_is_answered_begins_a_new_flow(void)
{
    struct lab lab;
    start_blocking(&lab);
    lab_to_server(&lab, 101, "X");
    lab_shoot(&lab, &(struct shot){.seq = 9000, .flags = TCP_SYN});
    lab_shoot(&lab, &(struct shot){
                        .dir = TO_CLIENT, .seq = 700, .ack = 9001, .flags = TCP_SYN | TCP_ACK});
    EXPECT_PASS(&lab);
    lab_to_server(&lab, 9001, "abc");
    EXPECT_PASS(&lab);
    lab_stop(&lab);
}

static void a_blocked_flow_that_made_room_is_still_known(void)
{
    struct lab lab;
    start_blocking(&lab);
    lab_to_server(&lab, 101, "X");
    CU_ASSERT_TRUE(flow_table_evict(lab.table));
    lab_to_server(&lab, 101, "X");
    EXPECT_HELD(&lab, DROP_MIDSTREAM);
    lab_stop(&lab);
}

static void flows_without_a_start_are_blocked_when_that_is_asked_for(void)
{
    struct lab lab;
    start_guarded(&lab);
    struct shot middle = {.flow = 1, .seq = 101, .ack = 501, .flags = TCP_ACK, .text = "GET /"};
    lab_shoot(&lab, &middle);
    EXPECT_PASS(&lab);
    lab_stop(&lab);
    start_with(&lab, &(struct guard){.on = true, .refuses = true, .midstream = VERDICT_REJECT});
    lab_shoot(&lab, &middle);
    EXPECT_HELD(&lab, DROP_MIDSTREAM);
    CU_ASSERT_EQUAL(lab.ruling.verdict, VERDICT_REJECT);
    lab_open(&lab, 3);
    EXPECT_PASS(&lab);
    lab_stop(&lab);
}

static void of_datagrams_only_the_one_is_held_back(void)
{
    struct lab lab;
    start_blocking(&lab);
    struct headers h = lab_headers(&(struct shot){.flow = 4, .text = "aX"});
    h.proto = IP_PROTO_UDP;
    lab_packet(&lab, &h);
    EXPECT_HELD(&lab, DROP_RULES);
    h.payload = SPAN("abc");
    lab_packet(&lab, &h);
    EXPECT_PASS(&lab);
    lab_stop(&lab);
}

static void an_urgent_byte_is_read_both_ways_before_its_packet_goes_on(void)
{
    struct lab lab;
    start_guarded(&lab);
    lab_shoot(&lab,
              &(struct shot){
                  .seq = 101, .ack = 501, .flags = TCP_ACK | TCP_URG, .urgent = 2, .text = "a!bc"});
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"abc\""));
    lab_stop(&lab);
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

static CU_TestInfo guard_tests[] = {
    TEST(the_packet_that_completes_it_is_held_back_and_all_behind_it),
    TEST(behind_a_hole_all_goes_on_and_what_fills_it_is_held_back),
    TEST(other_contents_of_the_same_bytes_do_not_go_on),
    TEST(who_only_detects_lets_all_of_it_go_on),
    TEST(what_cannot_be_kept_is_refused_when_that_is_asked_for),
    TEST(neither_a_reset_nor_a_syn_of_one_end_frees_a_blocked_flow),
    TEST(a_syn_that_is_answered_begins_a_new_flow),
    TEST(a_blocked_flow_that_made_room_is_still_known),
    TEST(flows_without_a_start_are_blocked_when_that_is_asked_for),
    TEST(of_datagrams_only_the_one_is_held_back),
    TEST(an_urgent_byte_is_read_both_ways_before_its_packet_goes_on),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {.pName = "guard", .pTests = guard_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
