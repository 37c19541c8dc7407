/* Tests of the held segments: what comes first stays, nothing overlaps, and the work is bounded. */
#include "sensor/base/mem.h"
#include "sensor/flow/segments.h"
#include "tests/flow/lab.h"
#include "tests/unit/runner.h"

#include <string.h>

static enum overlap add(struct segments *s, uint64_t pos, const char *text)
{
    static uint64_t random = 1;
    enum overlap overlap = OVERLAP_NONE;
    CU_ASSERT_EQUAL(segments_add(s, pos, span_str(text), &random, &overlap), 0);
    return overlap;
}

/* All that is held, '.' for a hole, '?' for what was not captured. */
static const char *all(const struct segments *s, uint64_t from)
{
    static char text[256];
    memset(text, 0, sizeof(text));
    size_t len = 0;
    for (const struct segment *g = segments_first(s); g != NULL; g = g->next[0]) {
        CU_ASSERT(g->pos >= from + len);
        while (from + len < g->pos && len < sizeof(text) - 1) {
            text[len++] = '.';
        }
        for (size_t i = 0; i < g->len && len < sizeof(text) - 1; i++) {
            text[len++] = g->bytes != NULL ? (char)g->bytes[i] : '?';
        }
    }
    return text;
}

static void first_bytes_stay_and_a_difference_is_told(void)
{
    struct segments s = {.n = 0};
    CU_ASSERT_EQUAL(add(&s, 12, "cd"), OVERLAP_NONE);
    CU_ASSERT_EQUAL(add(&s, 16, "gh"), OVERLAP_NONE);
    CU_ASSERT_EQUAL(add(&s, 11, "bcdefg"), OVERLAP_EQUAL);
    CU_ASSERT_STRING_EQUAL(all(&s, 10), ".bcdefgh");
    CU_ASSERT_EQUAL(add(&s, 13, "dX"), OVERLAP_DIFFERENT);
    CU_ASSERT_EQUAL(add(&s, 10, "aXXXXXXXi"), OVERLAP_DIFFERENT);
    CU_ASSERT_STRING_EQUAL(all(&s, 10), "abcdefghi");
    segments_free(&s);
    CU_ASSERT_EQUAL(s.n, 0);
    CU_ASSERT_EQUAL(s.memory, 0);
}

static void uncaptured_bytes_give_way_to_captured_ones(void)
{
    struct segments s = {.n = 0};
    uint64_t random = 1;
    CU_ASSERT_EQUAL(add(&s, 20, "k"), OVERLAP_NONE);
    CU_ASSERT_EQUAL(segments_add_missing(&s, 12, 100, &random), 0);
    CU_ASSERT_STRING_EQUAL(all(&s, 10), "..????????k");
    CU_ASSERT_EQUAL(add(&s, 11, "bc"), OVERLAP_NONE);
    CU_ASSERT_EQUAL(add(&s, 15, "fg"), OVERLAP_NONE);
    CU_ASSERT_STRING_EQUAL(all(&s, 10), ".bc??fg...k");
    CU_ASSERT_EQUAL(segments_add_missing(&s, 16, 2, &random), 0);
    CU_ASSERT_STRING_EQUAL(all(&s, 10), ".bc??fg?..k");
    segments_free(&s);
}

/* Against an array of bytes. */
static void any_sequence_of_pieces_is_what_an_array_would_hold(void)
{
    enum { LEN = 200, ROUNDS = 2000 };
    uint64_t seed = lab_seed();
    for (int round = 0; round < ROUNDS; round++) {
        struct segments s = {.n = 0};
        char array[LEN + 1];
        memset(array, '.', sizeof(array));
        uint64_t top = 0;
        for (int i = 0; i < 20; i++) {
            char text[40];
            uint64_t pos = lab_below(&seed, LEN - sizeof(text));
            size_t len = 1 + lab_below(&seed, sizeof(text) - 2);
            memset(text, (int)('a' + lab_below(&seed, 3)), len);
            text[len] = '\0';
            enum overlap wanted = OVERLAP_NONE;
            for (size_t k = 0; k < len; k++) {
                char *at = &array[pos + k];
                wanted = *at == '.'               ? wanted
                         : *at != text[k]         ? OVERLAP_DIFFERENT
                         : wanted == OVERLAP_NONE ? OVERLAP_EQUAL
                                                  : wanted;
                *at = *at == '.' ? text[k] : *at;
            }
            top = pos + len > top ? pos + len : top;
            CU_ASSERT_EQUAL(add(&s, pos, text), wanted);
        }
        array[top] = '\0';
        CU_ASSERT_STRING_EQUAL(all(&s, 0), array);
        segments_free(&s);
    }
}

/* n log n links for n pieces, with room for the luck of the draw. */
static void expect_bounded_work(const struct segments *s, uint64_t n)
{
    uint64_t bits = 0;
    while (n >> bits != 0) {
        bits++;
    }
    CU_ASSERT(s->n_steps < n * bits * 4);
}

static void single_bytes_in_any_order_cost_little(void)
{
    enum { N = 65536 };
    for (int order = 0; order < 4; order++) {
        struct segments s = {.n = 0};
        for (uint64_t i = 0; i < N; i++) {
            const uint64_t positions[] = {i, N - 1 - i, i * 40503 % N, i % 2 == 0 ? i : N - i};
            add(&s, 1000 + positions[order], "x");
        }
        CU_ASSERT_EQUAL(s.n, N);
        expect_bounded_work(&s, N);
        segments_free(&s);
    }
}

static void large_piece_over_small_ones_pays_once(void)
{
    enum { N = 32000 };
    struct segments s = {.n = 0};
    char text[2 * N + 1];
    memset(text, 'x', 2 * N);
    text[2 * N] = '\0';
    for (uint64_t i = 0; i < N; i++) {
        add(&s, 2 * i + 1, "x");
    }
    for (int i = 0; i < 1000; i++) {
        add(&s, 0, text);
    }
    CU_ASSERT(s.n <= 2);
    expect_bounded_work(&s, N);
    segments_free(&s);
}

static void failed_allocation_changes_nothing(void)
{
    struct segments s = {.n = 0};
    uint64_t random = 1;
    enum overlap overlap = OVERLAP_NONE;
    add(&s, 12, "cd");
    mem_fail_at(1, 1);
    CU_ASSERT(segments_add(&s, 10, SPAN("abXdef"), &random, &overlap) < 0);
    CU_ASSERT(segments_add_missing(&s, 20, 5, &random) < 0);
    mem_fail_at(0, 0);
    CU_ASSERT_STRING_EQUAL(all(&s, 10), "..cd");
    segments_free(&s);
}

static CU_TestInfo segment_tests[] = {
#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    TEST(first_bytes_stay_and_a_difference_is_told),
    TEST(uncaptured_bytes_give_way_to_captured_ones),
    TEST(any_sequence_of_pieces_is_what_an_array_would_hold),
    TEST(single_bytes_in_any_order_cost_little),
    TEST(large_piece_over_small_ones_pays_once),
    TEST(failed_allocation_changes_nothing),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {.pName = "segments", .pTests = segment_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
