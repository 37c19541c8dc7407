/* Tests of the TCP streams against a model: whatever is done to segments, each byte comes out where
 * it stood, and what does not come out is told. */
#include "sensor/base/mem.h"
#include "tests/flow/lab.h"
#include "tests/unit/runner.h"

/* The stream of the model tests: every byte tells where it stands. */
enum { MODEL_LEN = 4000, MODEL_STEPS = 600 };

static uint8_t model_byte(uint64_t pos)
{
    return (uint8_t)(pos * 131 + (pos >> 8) * 7 + 3);
}

struct model {
    uint64_t pos[2]; /* delivered or told lost */
    bool wrong;
};

static void check_data(struct lab *lab, enum direction dir, struct span bytes)
{
    struct model *m = lab->user;
    for (size_t i = 0; i < bytes.len; i++) {
        m->wrong = m->wrong || span_at(bytes, i) != model_byte(m->pos[dir] + i);
    }
    m->pos[dir] += bytes.len;
}

static void check_gap(struct lab *lab, enum direction dir, uint64_t n_bytes)
{
    struct model *m = lab->user;
    m->pos[dir] += n_bytes;
}

static void model_start(struct lab *lab, struct model *m, uint32_t isn)
{
    lab_start(lab, NULL);
    lab->quiet = true;
    lab->user = m;
    lab->on_data = check_data;
    lab->on_gap = check_gap;
    lab_shoot(lab, &(struct shot){.seq = isn, .flags = TCP_SYN});
    lab_shoot(lab, &(struct shot){
                       .dir = TO_CLIENT, .seq = isn, .ack = isn + 1, .flags = TCP_SYN | TCP_ACK});
}

static void model_shoot(struct lab *lab, uint32_t isn, uint64_t from, uint64_t len)
{
    uint8_t bytes[MODEL_LEN];
    for (uint64_t i = 0; i < len; i++) {
        bytes[i] = model_byte(from + i);
    }
    lab_shoot(lab, &(struct shot){.seq = isn + 1 + (uint32_t)from,
                                  .ack = isn + 1,
                                  .flags = TCP_ACK,
                                  .bytes = span_of(bytes, len)});
}

/* Any cuts, in any order, with repetitions: all comes out, once and in order. */
static void any_cut_order_and_repetition_gives_the_stream(void)
{
    uint64_t seed = lab_seed();
    for (int round = 0; round < 200; round++) {
        struct lab lab;
        struct model m = {.wrong = false};
        uint32_t isn = (uint32_t)lab_random(&seed);
        model_start(&lab, &m, isn);
        for (int i = 0; i < MODEL_STEPS; i++) {
            uint64_t from = lab_below(&seed, MODEL_LEN);
            uint64_t most = 1 + lab_below(&seed, i % 7 == 0 ? 600 : 30);
            model_shoot(&lab, isn, from, most < MODEL_LEN - from ? most : MODEL_LEN - from);
        }
        CU_ASSERT_EQUAL(lab.gaps[TO_SERVER], 0);
        for (uint64_t from = MODEL_LEN; from > 0;) {
            uint64_t len = 1 + lab_below(&seed, from < 50 ? from : 50);
            from -= len;
            model_shoot(&lab, isn, from, len);
        }
        CU_ASSERT_EQUAL(m.pos[TO_SERVER], MODEL_LEN);
        CU_ASSERT_EQUAL(lab.gaps[TO_SERVER], 0);
        CU_ASSERT_FALSE(m.wrong);
        lab_stop(&lab);
    }
}

/* Segments are lost, ACKs come or do not: bytes and gaps add up, and every byte stands where it
 * stood. */
static void losses_are_told_where_they_are(void)
{
    uint64_t seed = lab_seed();
    for (int round = 0; round < 300; round++) {
        struct lab lab;
        struct model m = {.wrong = false};
        uint32_t isn = (uint32_t)lab_random(&seed);
        model_start(&lab, &m, isn);
        bool acks = round % 2 == 0;
        uint64_t seen = 0;
        for (uint64_t from = 0; from < MODEL_LEN;) {
            uint64_t len = 1 + lab_below(&seed, 100);
            len = len < MODEL_LEN - from ? len : MODEL_LEN - from;
            if (lab_below(&seed, 4) != 0) {
                model_shoot(&lab, isn, from, len);
                seen = from + len;
            }
            from += len;
            if (acks && lab_below(&seed, 3) == 0) {
                lab_shoot(&lab, &(struct shot){.dir = TO_CLIENT,
                                               .seq = isn + 1,
                                               .ack = isn + 1 + (uint32_t)from,
                                               .flags = TCP_ACK});
                seen = from - seen > 1 ? from : seen;
            }
        }
        lab_finish(&lab);
        CU_ASSERT(m.pos[TO_SERVER] >= seen);
        CU_ASSERT_EQUAL(lab.delivered[TO_SERVER] + lab.gaps[TO_SERVER], m.pos[TO_SERVER]);
        CU_ASSERT_FALSE(m.wrong);
        lab_stop(&lab);
    }
}

/* A conversation, and what may be done to its segments without changing what is said. */
enum change { NOTHING, CUT, REPEAT, SWAP, SHIFT_NUMBERS, SHIFT_TIME, CHANGES };

static const struct shot conversation[] = {
    {.dir = TO_SERVER, .seq = 0, .flags = TCP_SYN},
    {.dir = TO_CLIENT, .seq = 0, .ack = 1, .flags = TCP_SYN | TCP_ACK},
    {.dir = TO_SERVER, .seq = 1, .ack = 1, .flags = TCP_ACK},
    {.dir = TO_SERVER, .seq = 1, .ack = 1, .flags = TCP_ACK, .text = "GET /first"},
    {.dir = TO_SERVER, .seq = 11, .ack = 1, .flags = TCP_ACK, .text = " HTTP/1.1"},
    {.dir = TO_SERVER, .seq = 20, .ack = 1, .flags = TCP_ACK, .text = " more"},
    {.dir = TO_CLIENT, .seq = 1, .ack = 25, .flags = TCP_ACK, .text = "200 OK"},
    {.dir = TO_CLIENT, .seq = 7, .ack = 25, .flags = TCP_ACK, .text = " and its body"},
    {.dir = TO_SERVER, .seq = 25, .ack = 20, .flags = TCP_ACK, .text = "GET /second"},
    {.dir = TO_CLIENT, .seq = 20, .ack = 36, .flags = TCP_ACK, .text = "404"},
    {.dir = TO_SERVER, .seq = 36, .ack = 23, .flags = TCP_FIN | TCP_ACK},
    {.dir = TO_CLIENT, .seq = 23, .ack = 37, .flags = TCP_FIN | TCP_ACK},
    {.dir = TO_SERVER, .seq = 37, .ack = 24, .flags = TCP_ACK},
};

static void shoot_cut(struct lab *lab, struct shot shot)
{
    struct span text = span_str(shot.text);
    shot.text = NULL;
    for (size_t i = 0; i < text.len; i++) {
        shot.bytes = span_sub(text, i, 1);
        lab_shoot(lab, &shot);
        shot.seq++;
    }
}

static bool are_neighbours(const struct shot *a, const struct shot *b)
{
    return a->dir == b->dir && a->text != NULL && b->text != NULL;
}

static void play_changed(struct lab *lab, enum change change)
{
    uint32_t shift = change == SHIFT_NUMBERS ? UINT32_MAX - 12 : 1000;
    lab_start(lab, NULL);
    lab->clock_us += change == SHIFT_TIME ? 86400123457ULL : 0;
    size_t swapped = SIZE_MAX;
    for (size_t i = 0; i < ARRAY_LEN(conversation); i++) {
        size_t at = i;
        if (change == SWAP && i + 1 < ARRAY_LEN(conversation) && swapped != i - 1 &&
            are_neighbours(&conversation[i], &conversation[i + 1])) {
            swapped = i;
            at = i + 1;
        } else if (change == SWAP && i > 0 && swapped == i - 1) {
            at = i - 1;
        }
        struct shot shot = conversation[at];
        shot.seq += shift;
        shot.ack += (shot.flags & TCP_ACK) != 0 ? shift : 0;
        if (change == CUT && shot.text != NULL) {
            shoot_cut(lab, shot);
        } else {
            lab_shoot(lab, &shot);
        }
        if (change == REPEAT) {
            lab_shoot(lab, &shot);
        }
    }
    lab_finish(lab);
}

static void what_is_said_does_not_depend_on_how_it_arrives(void)
{
    struct lab plain;
    play_changed(&plain, NOTHING);
    CU_ASSERT_STRING_EQUAL(lab_log(&plain),
                           "open >\"GET /first HTTP/1.1 more\" <\"200 OK and its body\" "
                           ">\"GET /second\" <\"404\" >end <end close:fin ");
    for (unsigned change = NOTHING + 1; change < CHANGES; change++) {
        struct lab lab;
        play_changed(&lab, (enum change)change);
        CU_ASSERT_STRING_EQUAL(lab_log(&lab), lab_log(&plain));
        CU_ASSERT_EQUAL(lab.last.marks, plain.last.marks);
        CU_ASSERT_EQUAL(lab.last.state, plain.last.state);
        CU_ASSERT_EQUAL(stats_get(&lab.stats, STAT_TCP_OVERLAP_DIFF_DATA), 0);
        lab_stop(&lab);
    }
    lab_stop(&plain);
}

static void single_bytes_in_reverse_order_come_out_in_order(void)
{
    enum { N = 16384 };
    struct flow_limits limits = flow_limits_default();
    limits.appid_packets = 0;
    limits.held = 8U << 20;
    struct lab lab;
    struct model m = {.wrong = false};
    lab_start(&lab, &limits);
    lab.quiet = true;
    lab.user = &m;
    lab.on_data = check_data;
    lab.on_gap = check_gap;
    lab_shoot(&lab, &(struct shot){.seq = 0, .flags = TCP_SYN});
    for (uint64_t i = N; i-- > 0;) {
        model_shoot(&lab, 0, i, 1);
    }
    CU_ASSERT_EQUAL(m.pos[TO_SERVER], N);
    CU_ASSERT_FALSE(m.wrong);
    lab_stop(&lab);
}

/* One run with holes, repetitions and forgeries, with the n-th allocation failing, or all from the
 * n-th on. */
static void run_with_failure(size_t n, int sticky)
{
    struct lab lab;
    struct model m = {.wrong = false};
    model_start(&lab, &m, 1000);
    mem_fail_at(n, sticky);
    model_shoot(&lab, 1000, 0, 10);
    model_shoot(&lab, 1000, 20, 300);
    model_shoot(&lab, 1000, 15, 10);
    model_shoot(&lab, 1000, 0, 10);
    lab_to_server(&lab, 1000 + 1 + 100, "forged");
    lab_to_server(&lab, 1000 + 1 + 2, "forged");
    model_shoot(&lab, 1000, 400, 300);
    model_shoot(&lab, 1000, 10, 500);
    model_shoot(&lab, 1000, 710, 10);
    mem_fail_at(0, 0);
    lab_finish(&lab);
    CU_ASSERT_EQUAL(m.pos[TO_SERVER], 720);
    CU_ASSERT_EQUAL(lab.delivered[TO_SERVER] + lab.gaps[TO_SERVER], 720);
    CU_ASSERT_EQUAL(flow_table_memory(lab.table), 0);
    CU_ASSERT_EQUAL(lab.n_open, 0);
    CU_ASSERT_FALSE(m.wrong);
    lab_stop(&lab);
}

static void stream_survives_the_failure_of_any_allocation(void)
{
    for (size_t n = 0; n < 40; n++) {
        run_with_failure(n, 0);
        run_with_failure(n, 1);
    }
}

static CU_TestInfo model_tests[] = {
#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    TEST(any_cut_order_and_repetition_gives_the_stream),
    TEST(losses_are_told_where_they_are),
    TEST(what_is_said_does_not_depend_on_how_it_arrives),
    TEST(single_bytes_in_reverse_order_come_out_in_order),
    TEST(stream_survives_the_failure_of_any_allocation),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {.pName = "model", .pTests = model_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
