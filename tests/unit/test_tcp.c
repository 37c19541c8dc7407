/* Tests of the TCP streams: what order, loss, lies and repetition do to the bytes that come out.
 * lint: over 800 lines, because all share the same few moves. */
#include "tests/unit/tcp_play.h"

static void close_both(struct lab *lab, uint32_t client_seq, uint32_t server_seq)
{
    struct shot fin = {
        .dir = TO_SERVER, .seq = client_seq, .ack = server_seq, .flags = TCP_FIN | TCP_ACK};
    struct shot answer = {
        .dir = TO_CLIENT, .seq = server_seq, .ack = client_seq + 1, .flags = TCP_FIN | TCP_ACK};
    struct shot ack = {
        .dir = TO_SERVER, .seq = client_seq + 1, .ack = server_seq + 1, .flags = TCP_ACK};
    lab_shoot(lab, &fin);
    lab_shoot(lab, &answer);
    lab_shoot(lab, &ack);
}

static void segments_in_order_pass_both_ways(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_to_client(&lab, 501, "xyz");
    lab_to_server(&lab, 104, "def");
    close_both(&lab, 107, 504);
    expect(&lab, "open >\"abc\" <\"xyz\" >\"def\" >end <end close:fin ");
}

static void swapped_segments_are_put_right(void)
{
    PLAY(lab);
    lab_to_server(&lab, 104, "def");
    lab_to_server(&lab, 110, "jkl");
    lab_to_server(&lab, 107, "ghi");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open ");
    lab_to_server(&lab, 101, "abc");
    expect(&lab, "open >\"abcdefghijkl\" close:end ");
}

static void exact_repetition_is_dropped(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_to_server(&lab, 101, "abc");
    lab_to_server(&lab, 107, "ghi");
    lab_to_server(&lab, 107, "ghi");
    lab_to_server(&lab, 101, "abcdefghi");
    lab_to_server(&lab, 109, "ijk");
    CU_ASSERT(stats_get(&lab.stats, STAT_TCP_OVERLAP) > 0);
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_TCP_OVERLAP_DIFF_DATA), 0);
    expect(&lab, "open >\"abcdefghijk\" close:end ");
}

static void gap_is_told_once_the_receiver_has_what_we_lack(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_to_server(&lab, 107, "ghi");
    lab_server_acks(&lab, 104);
    lab_server_acks(&lab, 106);
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open >\"abc\" ");
    lab_server_acks(&lab, 110);
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open >\"abc\" >gap3:gap >\"ghi\" ");
    lab_to_server(&lab, 110, "jkl");
    CU_ASSERT_EQUAL(conn_extra(lab.conn)->gap_bytes[TO_SERVER], 3);
    CU_ASSERT_EQUAL(conn_extra(lab.conn)->lost[LOST_GAP], 3);
    CU_ASSERT((lab.conn->marks & CONN_GAP) != 0);
    expect(&lab, "open >\"abc\" >gap3:gap >\"ghijkl\" close:end ");
}

static void gap_that_is_already_acknowledged_holds_nothing(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_server_acks(&lab, 107);
    lab_to_server(&lab, 107, "ghi");
    expect(&lab, "open >\"abc\" >gap3:gap >\"ghi\" close:end ");
}

static void hole_without_acks_is_given_up_after_its_time(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_shoot(&lab, &(struct shot){.seq = 100, .flags = TCP_SYN});
    lab_to_server(&lab, 101, "abc");
    lab_to_server(&lab, 107, "ghi");
    lab_wait(&lab, lab.limits.hole_us - 100);
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open >\"abc\" ");
    lab_wait(&lab, 200);
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open >\"abc\" >gap3:gap >\"ghi\" ");
    expect(&lab, "open >\"abc\" >gap3:gap >\"ghi\" close:end ");
}

static void decoy_behind_a_hole_is_not_believed_while_the_receiver_waits(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_server_acks(&lab, 104);
    lab_to_server(&lab, 110, "???");
    lab_wait(&lab, lab.limits.hole_us * 3);
    lab_to_server(&lab, 104, "def");
    expect(&lab, "open >\"abcdef\" >gap3:gap >\"???\" close:end ");
}

static void held_bytes_beyond_their_cap_give_up_the_hole(void)
{
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.held = 1000;
    struct lab lab;
    lab_start(&lab, &limits);
    lab_open(&lab, 0);
    lab.quiet = true;
    char text[101];
    memset(text, 'x', 100);
    text[100] = '\0';
    for (uint32_t i = 1; i < 20; i++) {
        lab_to_server(&lab, 101 + i * 100, text);
    }
    CU_ASSERT_EQUAL(lab.gaps[TO_SERVER], 100);
    CU_ASSERT_EQUAL(lab.delivered[TO_SERVER], 1900);
    lab_stop(&lab);
}

static void sequence_numbers_wrap_around(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_shoot(&lab, &(struct shot){.seq = UINT32_MAX - 3, .flags = TCP_SYN});
    lab_to_server(&lab, UINT32_MAX - 2, "abc");
    lab_to_server(&lab, 3, "ghi");
    lab_to_server(&lab, 0, "def");
    lab_to_server(&lab, 6, "jkl");
    expect(&lab, "open >\"abcdefghijkl\" close:end ");
}

static void keep_alive_changes_nothing(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_server_acks(&lab, 104);
    lab_to_server(&lab, 103, "c");
    lab_shoot(&lab, &(struct shot){.seq = 103, .ack = 501, .flags = TCP_ACK});
    lab_server_acks(&lab, 104);
    lab_to_server(&lab, 104, "def");
    expect(&lab, "open >\"abcdef\" close:end ");
}

static void zero_window_probe_counts_as_data(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_shoot(&lab, &(struct shot){
                        .dir = TO_CLIENT, .seq = 501, .ack = 104, .flags = TCP_ACK, .window = 1});
    lab_to_server(&lab, 104, "d");
    lab_to_server(&lab, 104, "d");
    lab_to_server(&lab, 105, "ef");
    expect(&lab, "open >\"abcdef\" close:end ");
}

static void urgent_data_stays_in_line(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_shoot(&lab,
              &(struct shot){.seq = 104, .ack = 501, .flags = TCP_ACK | TCP_URG, .text = "d"});
    lab_to_server(&lab, 105, "ef");
    expect(&lab, "open >\"abcdef\" >alt\"abcef\" close:end ");
}

static void data_on_a_syn_is_the_start_of_the_stream(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_shoot(&lab, &(struct shot){.seq = 100, .flags = TCP_SYN, .text = "abc"});
    lab_shoot(&lab,
              &(struct shot){.dir = TO_CLIENT, .seq = 500, .ack = 104, .flags = TCP_SYN | TCP_ACK});
    lab_to_server(&lab, 104, "def");
    expect(&lab, "open >\"abcdef\" close:end ");
}

static void fin_may_carry_data_and_come_early(void)
{
    PLAY(lab);
    lab_shoot(&lab,
              &(struct shot){.seq = 104, .ack = 501, .flags = TCP_FIN | TCP_ACK, .text = "def"});
    lab_to_server(&lab, 101, "abc");
    lab_server_acks(&lab, 108);
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open >\"abcdef\" >end ");
    expect(&lab, "open >\"abcdef\" >end close:end ");
}

static void fin_that_nobody_acknowledged_does_not_stop_the_stream(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_shoot(&lab, &(struct shot){.seq = 104, .ack = 501, .flags = TCP_FIN | TCP_ACK});
    lab_to_server(&lab, 104, "def");
    expect(&lab, "open >\"abcdef\" close:end ");
}

static void reset_ends_the_flow_after_what_is_held(void)
{
    PLAY(lab);
    lab_to_server(&lab, 104, "def");
    lab_shoot(&lab, &(struct shot){.dir = TO_CLIENT, .seq = 501, .flags = TCP_RST});
    lab_wait(&lab, lab.limits.tcp_closed_us + 10);
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open >gap3:gap >\"def\" close:rst ");
    expect(&lab, "open >gap3:gap >\"def\" close:rst ");
}

static void reset_from_nowhere_is_not_believed(void)
{
    PLAY(lab);
    lab_shoot(&lab, &(struct shot){.dir = TO_CLIENT, .seq = 90000000, .flags = TCP_RST});
    lab_to_server(&lab, 101, "abc");
    expect(&lab, "open <!segment_outside_window >\"abc\" close:end ");
}

static void data_after_a_false_reset_goes_on_in_the_stream(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "${jn");
    lab_shoot(&lab, &(struct shot){.seq = 105, .flags = TCP_RST});
    lab_to_server(&lab, 105, "di:");
    expect(&lab, "open >\"${jndi:\" close:end ");
}

static void refused_connection_is_closed_by_its_reset(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_shoot(&lab, &(struct shot){.seq = 100, .flags = TCP_SYN});
    lab_shoot(&lab, &(struct shot){.dir = TO_CLIENT, .ack = 101, .flags = TCP_RST | TCP_ACK});
    expect(&lab, "open close:rst ");
}

static void ports_used_again_after_the_end_begin_a_new_flow(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    close_both(&lab, 104, 501);
    uint64_t id = lab.conn->id;
    lab_shoot(&lab, &(struct shot){.seq = 7000, .flags = TCP_SYN});
    CU_ASSERT_NOT_EQUAL(lab.conn->id, id);
    lab_shoot(&lab, &(struct shot){.seq = 7001, .flags = TCP_ACK, .text = "new"});
    expect(&lab, "open >\"abc\" >end <end close:fin open >\"new\" close:end ");
}

static void ports_used_again_without_an_end_need_an_answer(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_shoot(&lab, &(struct shot){.seq = 7000, .flags = TCP_SYN});
    lab_to_server(&lab, 104, "def");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open >\"abcdef\" ");
    lab_shoot(&lab, &(struct shot){
                        .dir = TO_CLIENT, .seq = 9000, .ack = 7001, .flags = TCP_SYN | TCP_ACK});
    lab_shoot(&lab, &(struct shot){.seq = 7001, .ack = 9001, .flags = TCP_ACK, .text = "new"});
    expect(&lab, "open >\"abcdef\" close:timeout open >\"new\" close:end ");
}

static void ports_used_again_one_way_need_data_that_fits(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_shoot(&lab, &(struct shot){.seq = 100, .flags = TCP_SYN});
    lab_to_server(&lab, 101, "abc");
    lab_shoot(&lab, &(struct shot){.seq = 900000, .flags = TCP_SYN});
    lab_to_server(&lab, 104, "def");
    lab_to_server(&lab, 900001, "new");
    expect(&lab, "open >\"abcdef\" close:timeout open >\"new\" close:end ");
}

static void both_may_open_at_once(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_shoot(&lab, &(struct shot){.seq = 100, .flags = TCP_SYN});
    lab_shoot(&lab, &(struct shot){.dir = TO_CLIENT, .seq = 500, .flags = TCP_SYN});
    lab_shoot(&lab, &(struct shot){.seq = 100, .ack = 501, .flags = TCP_SYN | TCP_ACK});
    lab_shoot(&lab,
              &(struct shot){.dir = TO_CLIENT, .seq = 500, .ack = 101, .flags = TCP_SYN | TCP_ACK});
    lab_to_client(&lab, 501, "xyz");
    lab_to_server(&lab, 101, "abc");
    expect(&lab, "open <\"xyz\" >\"abc\" close:end ");
}

static void segment_far_away_is_an_anomaly_and_read_by_itself(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_to_server(&lab, 104 + (1U << 30) + 1, "far");
    lab_to_server(&lab, 104 - (1U << 24) - 4, "old");
    lab_to_server(&lab, 104, "def");
    expect(&lab, "open >\"abc\" >!segment_outside_window >alt\"far\" >!segment_outside_window "
                 ">\"def\" >alt\"old\" close:end ");
}

static void stray_segments_do_not_part_a_stream_whose_receiver_ignores_them(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "${jn");
    lab_server_acks(&lab, 105);
    lab_to_server(&lab, 3000000000U, "stray");
    lab_to_server(&lab, 3000000005U, "stray");
    lab_server_acks(&lab, 105);
    lab_to_server(&lab, 105, "di:");
    lab_finish(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), ">\"di:\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"straystray\""));
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_FLOW_TOTAL), 1);
    lab_stop(&lab);
}

static void acknowledged_stray_data_begin_a_new_flow(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_server_acks(&lab, 104);
    lab_to_server(&lab, 3000000000U, "stray");
    lab_server_acks(&lab, 3000000005U);
    lab_to_server(&lab, 3000000005U, "more");
    lab_finish(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"stray\" close:timeout pickup >\"more\""));
    CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_TCP_MIDSTREAM_PICKUPS), 1);
    lab_stop(&lab);
}

static void stray_data_that_go_on_begin_a_new_flow_where_no_acks_are_seen(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_to_server(&lab, 101, "abc");
    lab_to_server(&lab, 3000000000U, "stray");
    lab_to_server(&lab, 3000000005U, "more");
    lab_finish(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "alt\"stray\" close:timeout pickup >\"more\""));
    lab_stop(&lab);
}

/* A segment of another conversation on the same ports. */
static void shoot_other(struct lab *lab, enum direction dir, uint32_t client, const char *text)
{
    const uint32_t server = 900000000;
    bool forth = dir == TO_SERVER;
    lab_shoot(lab, &(struct shot){.dir = dir,
                                  .seq = forth ? client : server,
                                  .ack = forth ? server : client,
                                  .flags = TCP_ACK,
                                  .text = text});
}

static void two_conversations_on_the_same_ports_make_no_gap(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_to_client(&lab, 501, "xyz");
    shoot_other(&lab, TO_SERVER, 300000000, "other");
    shoot_other(&lab, TO_SERVER, 300000005, "more");
    shoot_other(&lab, TO_CLIENT, 300000009, "answer");
    lab_to_server(&lab, 104, "def");
    lab_to_client(&lab, 504, "uvw");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab),
                           "open >\"abc\" <\"xyz\" pickup >\"othermore\" <\"answer\" "
                           ">\"def\" <\"uvw\" ");
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 2);
    lab_finish(&lab);
    CU_ASSERT_PTR_NULL(strstr(lab_log(&lab), "gap"));
    CU_ASSERT_PTR_NULL(strstr(lab_log(&lab), "alt"));
    lab_stop(&lab);
}

/* Numbers are easily made up: what they may cost is bounded, and the real stream goes on. */
static void conversations_side_by_side_are_few(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_to_client(&lab, 501, "xyz");
    for (uint32_t i = 1; i < 40; i++) {
        lab_shoot(&lab, &(struct shot){.dir = TO_SERVER,
                                       .seq = i * 100000000,
                                       .ack = i * 100000000,
                                       .flags = TCP_ACK,
                                       .text = "other"});
    }
    CU_ASSERT_EQUAL(flow_table_n(lab.table), 8);
    lab_to_server(&lab, 104, "def");
    lab_finish(&lab);
    CU_ASSERT_PTR_NOT_NULL(strstr(lab_log(&lab), "\"def\""));
    CU_ASSERT_PTR_NULL(strstr(lab_log(&lab), "gap"));
    lab_stop(&lab);
}

static void a_large_loss_of_one_direction_is_a_gap(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_to_server(&lab, 100000104, "def");
    expect(&lab, "open >\"abc\" >gap100000000:gap >\"def\" close:end ");
}

static void payload_without_ack_is_read_by_itself(void)
{
    PLAY(lab);
    lab_shoot(&lab, &(struct shot){.seq = 101, .flags = TCP_PSH, .text = "decoy"});
    lab_to_server(&lab, 101, "abc");
    lab_to_client(&lab, 501, "xyz");
    expect(&lab, "open >\"abc\" >alt\"decoy\" <\"xyz\" close:end ");
}

static void syn_within_a_stream_brings_no_data_into_it(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_shoot(&lab, &(struct shot){.seq = 103, .flags = TCP_SYN, .text = "decoy"});
    lab_to_server(&lab, 104, "def");
    expect(&lab, "open >\"abcdef\" >alt\"decoy\" close:end ");
}

/* The handshake of the second connection was partly lost. */
static void syn_to_one_who_has_spoken_begins_a_new_flow(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_to_client(&lab, 90000, "old");
    lab_shoot(&lab, &(struct shot){.seq = 100, .flags = TCP_SYN});
    lab_shoot(&lab,
              &(struct shot){.dir = TO_CLIENT, .seq = 500, .ack = 101, .flags = TCP_SYN | TCP_ACK});
    lab_to_client(&lab, 501, "new");
    expect(&lab, "pickup <\"old\" close:timeout open <\"new\" close:end ");
}

static void answer_from_one_who_has_spoken_otherwise_begins_a_new_flow(void)
{
    PLAY(lab);
    lab_to_client(&lab, 501, "old");
    lab_shoot(&lab, &(struct shot){
                        .dir = TO_CLIENT, .seq = 70000, .ack = 9001, .flags = TCP_SYN | TCP_ACK});
    lab_to_server(&lab, 9001, "new");
    expect(&lab, "open <\"old\" close:timeout open >\"new\" close:end ");
}

static void answer_that_comes_late_or_twice_changes_nothing(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_to_client(&lab, 501, "xyz");
    lab_shoot(&lab,
              &(struct shot){.dir = TO_CLIENT, .seq = 500, .ack = 101, .flags = TCP_SYN | TCP_ACK});
    lab_to_client(&lab, 504, "uvw");
    expect(&lab, "pickup <\"xyzuvw\" close:end ");
}

/* A server whose windows are scaled by 2^(scale - 1), and a client that has sent three bytes. */
static void open_scaled(struct lab *lab, uint8_t scale)
{
    lab_start(lab, NULL);
    lab_shoot(lab, &(struct shot){.seq = 100, .flags = TCP_SYN, .scale = scale});
    lab_shoot(
        lab,
        &(struct shot){
            .dir = TO_CLIENT, .seq = 500, .ack = 101, .flags = TCP_SYN | TCP_ACK, .scale = scale});
    lab_to_server(lab, 101, "abc");
    lab_server_acks(lab, 104);
}

static void segment_beyond_the_window_is_no_data(void)
{
    struct lab lab;
    open_scaled(&lab, 1);
    lab_to_server(&lab, 104 + 2 * 65535 + 1, "out");
    lab_to_server(&lab, 104 + 2 * 65535, "in");
    expect(&lab, "open >\"abc\" >!segment_outside_window >alt\"out\" >gap131070:gap >\"in\" "
                 "close:end ");
    open_scaled(&lab, 4);
    lab_to_server(&lab, 104 + 2 * (64240 << 3) + 1, "out");
    lab_to_server(&lab, 104 + 2 * (64240 << 3), "in");
    expect(&lab, "open >\"abc\" >!segment_outside_window >alt\"out\" >gap1027840:gap >\"in\" "
                 "close:end ");
    open_scaled(&lab, 0);
    lab_to_server(&lab, 104 + 2 * (64240 << 3) + 1, "in");
    expect(&lab, "open >\"abc\" >gap1027841:gap >\"in\" close:end ");
}

/* As where acknowledgements were lost before the capture. That it was no decoy shows when the bytes
 * come again, and are others. */
static void next_bytes_need_no_window(void)
{
    enum { PIECE = 1000, PIECES = 140 };
    static const uint8_t piece[PIECE] = "piece";
    struct lab lab;
    open_scaled(&lab, 1);
    uint32_t next = 104;
    for (int i = 0; i < PIECES; i++) {
        lab_shoot(&lab,
                  &(struct shot){
                      .seq = next, .ack = 501, .flags = TCP_ACK, .bytes = span_of(piece, PIECE)});
        next += PIECE;
    }
    CU_ASSERT_EQUAL(lab.n_outside, 0);
    CU_ASSERT_EQUAL(lab.delivered[TO_SERVER], 3 + PIECES * PIECE);
    lab_to_server(&lab, next + 1, "out");
    CU_ASSERT_EQUAL(lab.n_outside, 1);
    lab_to_server(&lab, next, "in");
    CU_ASSERT_EQUAL(lab.delivered[TO_SERVER], 3 + PIECES * PIECE + 2);
    lab_stop(&lab);
}

static void stream_taken_up_in_the_middle_starts_with_its_first_data(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_shoot(&lab, &(struct shot){.seq = 77, .ack = 1000, .flags = TCP_ACK});
    lab_shoot(&lab, &(struct shot){
                        .dir = TO_CLIENT, .seq = 5000, .ack = 78, .flags = TCP_ACK, .text = "xyz"});
    lab_to_server(&lab, 90, "abc");
    lab_to_server(&lab, 93, "def");
    CU_ASSERT((lab.conn->marks & CONN_MIDSTREAM) != 0);
    CU_ASSERT_EQUAL(lab.conn->port[TO_CLIENT], 80);
    expect(&lab, "pickup <\"xyz\" >\"abcdef\" close:end ");
}

static void syn_ack_first_shows_who_the_client_is(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_shoot(&lab,
              &(struct shot){.dir = TO_CLIENT, .seq = 500, .ack = 101, .flags = TCP_SYN | TCP_ACK});
    lab_to_server(&lab, 104, "def");
    lab_to_server(&lab, 101, "abc");
    CU_ASSERT_EQUAL(lab.conn->port[TO_CLIENT], 80);
    CU_ASSERT_EQUAL(lab.conn->packets[TO_SERVER], 2);
    expect(&lab, "open >\"abcdef\" close:end ");
}

static void snap_length_is_told_behind_what_was_captured(void)
{
    PLAY(lab);
    lab_shoot(&lab, &(struct shot){
                        .seq = 101, .ack = 501, .flags = TCP_ACK, .text = "abc", .missing = 10});
    lab_shoot(&lab, &(struct shot){
                        .seq = 119, .ack = 501, .flags = TCP_ACK, .text = "jkl", .missing = 2});
    lab_shoot(&lab, &(struct shot){
                        .seq = 114, .ack = 501, .flags = TCP_ACK, .text = "def", .missing = 2});
    CU_ASSERT((lab.conn->marks & (CONN_SNAPLEN | CONN_GAP)) == CONN_SNAPLEN);
    CU_ASSERT_EQUAL(conn_extra(lab.conn)->lost[LOST_SNAPLEN], 14);
    expect(&lab, "open >\"abc\" >gap10:snaplen >\"def\" >gap2:snaplen >\"jkl\" >gap2:snaplen "
                 "close:end ");
}

static void lost_tail_is_told_at_the_end(void)
{
    PLAY(lab);
    lab_to_server(&lab, 101, "abc");
    lab_server_acks(&lab, 124);
    expect(&lab, "open >\"abc\" >gap20:gap close:end ");
}

static void opaque_flow_is_counted_and_not_delivered(void)
{
    PLAY(lab);
    lab.blind = true;
    lab_to_server(&lab, 101, "abc");
    lab_to_server(&lab, 104, "def");
    lab_to_client(&lab, 504, "xyz");
    lab_to_client(&lab, 501, "uvw");
    lab_to_server(&lab, 104, "def");
    CU_ASSERT_EQUAL(conn_extra(lab.conn)->lost[LOST_TLS], 9);
    CU_ASSERT_EQUAL(conn_extra(lab.conn)->gap_bytes[TO_CLIENT], 0);
    expect(&lab, "open >\"abc\" close:end ");
}

static void flow_without_memory_is_counted_and_mute(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab.refuse = true;
    lab_open(&lab, 0);
    lab_to_server(&lab, 101, "abc");
    CU_ASSERT_EQUAL(conn_extra(lab.conn)->lost[LOST_MEMORY], 3);
    expect(&lab, "open close:end ");
}

static void swap_within_a_call_names_the_new_direction_from_then_on(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_to_client(&lab, 501, "GET");
    CU_ASSERT_EQUAL(lab.conn->port[TO_CLIENT], 80);
    lab.swap_at_data = true;
    lab_to_client(&lab, 504, " /");
    CU_ASSERT_EQUAL(lab.conn->port[TO_SERVER], 80);
    CU_ASSERT_EQUAL(lab.conn->packets[TO_SERVER], 2);
    lab_to_client(&lab, 506, "x");
    lab_to_server(&lab, 101, "200");
    expect(&lab, "pickup <\"GET /\" >\"x\" <\"200\" close:end ");
}

static void syn_behind_the_first_data_opens_the_same_flow(void)
{
    struct lab lab;
    lab_start(&lab, NULL);
    lab_to_server(&lab, 101, "abc");
    lab_shoot(&lab, &(struct shot){.seq = 100, .flags = TCP_SYN});
    lab_shoot(&lab,
              &(struct shot){.dir = TO_CLIENT, .seq = 500, .ack = 101, .flags = TCP_SYN | TCP_ACK});
    lab_to_client(&lab, 501, "xyz");
    lab_to_server(&lab, 104, "def");
    expect(&lab, "pickup >\"abc\" <\"xyz\" >\"def\" close:end ");
}

/* Answers that come by before their questions, as from two taps. */

static void start_skewed(struct lab *lab, size_t held)
{
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.skew_us = 500000;
    limits.held = held;
    lab_start(lab, &limits);
    lab_open(lab, 0);
}

static void say(struct lab *lab, enum direction dir, uint32_t seq, uint32_t ack, const char *text)
{
    lab_shoot(lab,
              &(struct shot){.dir = dir, .seq = seq, .ack = ack, .flags = TCP_ACK, .text = text});
}

static void answer_waits_for_the_question_it_acknowledges(void)
{
    struct lab lab;
    start_skewed(&lab, 1 << 20);
    say(&lab, TO_CLIENT, 501, 104, "xyz");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open ");
    say(&lab, TO_SERVER, 101, 501, "abc");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open >\"abc\" <\"xyz\" ");
    expect(&lab, "open >\"abc\" <\"xyz\" close:end ");
}

static void directions_one_after_the_other_are_put_together(void)
{
    struct lab lab;
    start_skewed(&lab, 1 << 20);
    say(&lab, TO_CLIENT, 501, 104, "one");
    say(&lab, TO_CLIENT, 504, 107, "two");
    lab_shoot(&lab,
              &(struct shot){.dir = TO_CLIENT, .seq = 507, .ack = 108, .flags = TCP_FIN | TCP_ACK});
    say(&lab, TO_SERVER, 101, 501, "abc");
    say(&lab, TO_SERVER, 104, 504, "def");
    lab_shoot(&lab,
              &(struct shot){.dir = TO_SERVER, .seq = 107, .ack = 508, .flags = TCP_FIN | TCP_ACK});
    expect(&lab, "open >\"abc\" <\"one\" >\"def\" <\"two\" <end >end close:fin ");
}

static void question_that_does_not_come_is_waited_for_its_time(void)
{
    struct lab lab;
    start_skewed(&lab, 1 << 20);
    say(&lab, TO_CLIENT, 501, 104, "xyz");
    lab_wait(&lab, lab.limits.skew_us - 100);
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open ");
    lab_wait(&lab, 200);
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open <\"xyz\" ");
    say(&lab, TO_SERVER, 104, 504, "def");
    expect(&lab, "open <\"xyz\" >gap3:gap >\"def\" close:end ");
}

static void acknowledged_segment_may_still_come_out_of_order(void)
{
    struct lab lab;
    start_skewed(&lab, 1 << 20);
    say(&lab, TO_SERVER, 104, 501, "def");
    lab_server_acks(&lab, 107);
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open ");
    say(&lab, TO_SERVER, 101, 501, "abc");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open >\"abcdef\" ");
    expect(&lab, "open >\"abcdef\" close:end ");
}

static void three_segments_from_behind_prove_a_loss(void)
{
    struct lab lab;
    start_skewed(&lab, 1 << 20);
    lab_server_acks(&lab, 104);
    say(&lab, TO_SERVER, 104, 501, "d");
    say(&lab, TO_SERVER, 105, 501, "e");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open ");
    say(&lab, TO_SERVER, 106, 501, "f");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open >gap3:gap >\"def\" ");
    expect(&lab, "open >gap3:gap >\"def\" close:end ");
}

static void answers_stay_behind_their_questions_where_one_is_lost(void)
{
    struct lab lab;
    start_skewed(&lab, 1 << 20);
    say(&lab, TO_CLIENT, 501, 104, "one");
    say(&lab, TO_SERVER, 104, 504, "def");
    say(&lab, TO_CLIENT, 504, 107, "two");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open ");
    expect(&lab, "open >gap3:gap <\"one\" >\"def\" <\"two\" close:end ");
}

static void what_is_held_is_not_taken_for_lost(void)
{
    struct lab lab;
    start_skewed(&lab, 1 << 20);
    say(&lab, TO_CLIENT, 504, 104, "two"); /* the client's first bytes are lost */
    say(&lab, TO_CLIENT, 501, 104, "one");
    say(&lab, TO_SERVER, 104, 507, "def");
    say(&lab, TO_CLIENT, 507, 107, "3");
    say(&lab, TO_CLIENT, 508, 107, "4");
    say(&lab, TO_CLIENT, 509, 107, "5");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open ");
    say(&lab, TO_SERVER, 107, 510, "g");
    say(&lab, TO_SERVER, 108, 510, "h");
    expect(&lab, "open >gap3:gap <\"onetwo\" >\"def\" <\"345\" >\"gh\" close:end ");
}

static void direction_that_is_not_captured_is_waited_for_once(void)
{
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.skew_us = 500000;
    struct lab lab;
    lab_start(&lab, &limits);
    lab_shoot(&lab,
              &(struct shot){.dir = TO_CLIENT, .seq = 500, .ack = 101, .flags = TCP_SYN | TCP_ACK});
    say(&lab, TO_CLIENT, 501, 110, "one");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open ");
    lab_wait(&lab, limits.skew_us + 100);
    say(&lab, TO_CLIENT, 504, 120, "two");
    CU_ASSERT_STRING_EQUAL(lab_log(&lab), "open <\"onetwo\" ");
    expect(&lab, "open <\"onetwo\" close:end ");
}

static void answers_beyond_the_cap_of_held_bytes_wait_no_longer(void)
{
    struct lab lab;
    start_skewed(&lab, 150);
    say(&lab, TO_CLIENT, 501, 110, "one");
    say(&lab, TO_CLIENT, 504, 110, "two");
    say(&lab, TO_CLIENT, 507, 110, "three");
    CU_ASSERT(lab.delivered[TO_CLIENT] > 0);
    expect(&lab, "open <\"onetwothree\" >gap9:gap close:end ");
}

static CU_TestInfo stream_tests[] = {
#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    TEST(segments_in_order_pass_both_ways),
    TEST(swapped_segments_are_put_right),
    TEST(exact_repetition_is_dropped),
    TEST(gap_is_told_once_the_receiver_has_what_we_lack),
    TEST(gap_that_is_already_acknowledged_holds_nothing),
    TEST(hole_without_acks_is_given_up_after_its_time),
    TEST(decoy_behind_a_hole_is_not_believed_while_the_receiver_waits),
    TEST(held_bytes_beyond_their_cap_give_up_the_hole),
    TEST(sequence_numbers_wrap_around),
    TEST(keep_alive_changes_nothing),
    TEST(zero_window_probe_counts_as_data),
    TEST(urgent_data_stays_in_line),
    TEST(data_on_a_syn_is_the_start_of_the_stream),
    TEST(fin_may_carry_data_and_come_early),
    TEST(fin_that_nobody_acknowledged_does_not_stop_the_stream),
    TEST(reset_ends_the_flow_after_what_is_held),
    TEST(reset_from_nowhere_is_not_believed),
    TEST(data_after_a_false_reset_goes_on_in_the_stream),
    TEST(refused_connection_is_closed_by_its_reset),
    TEST(ports_used_again_after_the_end_begin_a_new_flow),
    TEST(ports_used_again_without_an_end_need_an_answer),
    TEST(ports_used_again_one_way_need_data_that_fits),
    TEST(both_may_open_at_once),
    TEST(segment_far_away_is_an_anomaly_and_read_by_itself),
    TEST(stray_segments_do_not_part_a_stream_whose_receiver_ignores_them),
    TEST(acknowledged_stray_data_begin_a_new_flow),
    TEST(two_conversations_on_the_same_ports_make_no_gap),
    TEST(conversations_side_by_side_are_few),
    TEST(a_large_loss_of_one_direction_is_a_gap),
    TEST(stray_data_that_go_on_begin_a_new_flow_where_no_acks_are_seen),
    TEST(payload_without_ack_is_read_by_itself),
    TEST(syn_behind_the_first_data_opens_the_same_flow),
    TEST(syn_within_a_stream_brings_no_data_into_it),
    TEST(syn_to_one_who_has_spoken_begins_a_new_flow),
    TEST(answer_from_one_who_has_spoken_otherwise_begins_a_new_flow),
    TEST(answer_that_comes_late_or_twice_changes_nothing),
    TEST(segment_beyond_the_window_is_no_data),
    TEST(next_bytes_need_no_window),
    TEST(stream_taken_up_in_the_middle_starts_with_its_first_data),
    TEST(syn_ack_first_shows_who_the_client_is),
    TEST(snap_length_is_told_behind_what_was_captured),
    TEST(lost_tail_is_told_at_the_end),
    TEST(opaque_flow_is_counted_and_not_delivered),
    TEST(flow_without_memory_is_counted_and_mute),
    TEST(swap_within_a_call_names_the_new_direction_from_then_on),
    CU_TEST_INFO_NULL,
};

static CU_TestInfo skew_tests[] = {
    TEST(answer_waits_for_the_question_it_acknowledges),
    TEST(directions_one_after_the_other_are_put_together),
    TEST(question_that_does_not_come_is_waited_for_its_time),
    TEST(acknowledged_segment_may_still_come_out_of_order),
    TEST(three_segments_from_behind_prove_a_loss),
    TEST(answers_stay_behind_their_questions_where_one_is_lost),
    TEST(what_is_held_is_not_taken_for_lost),
    TEST(direction_that_is_not_captured_is_waited_for_once),
    TEST(answers_beyond_the_cap_of_held_bytes_wait_no_longer),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {.pName = "streams", .pTests = stream_tests},
        {.pName = "skewed", .pTests = skew_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
