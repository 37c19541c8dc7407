/* Tests of signatures/match*: what is passed over holds no match, however a text is cut. */
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "signatures/match.h"
#include "signatures/match_skip.h"
#include "signatures/peel.h"
#include "tests/dice.h"
#include "tests/hits.h"
#include "tests/unit/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { HITS_MAX = 20000, TEXT_MAX = 2000, ROUNDS = 200 };

struct found {
    size_t n;
    uint64_t hits[HITS_MAX]; /* end and pattern */
};

static bool on_hit(void *ctx, uint32_t pattern, uint64_t end)
{
    struct found *f = ctx;
    CU_ASSERT_FATAL(f->n < HITS_MAX);
    f->hits[f->n++] = hit_of(pattern, end);
    return true;
}

/* --- the gate's patterns -----------------------------------------------------------------------
 */

struct gate {
    struct match_pattern *patterns;
    size_t n;
    struct match_db *db;
    struct match_scratch *scratch;
    struct match_stream *stream;
};

static struct gate gate_new(void)
{
    struct errbuf err = {0};
    struct gate g = {.n = peel_gate_n_patterns()};
    g.patterns = mem_alloc_array(g.n + 1, sizeof(*g.patterns));
    for (size_t i = 0; i < g.n; i++) {
        g.patterns[i] = peel_gate_pattern(i);
    }
    g.patterns[g.n++] =
        (struct match_pattern){.text = SPAN("JnDi:"), .literal = true, .nocase = true};
    CU_ASSERT_EQUAL_FATAL(match_db_new(g.patterns, g.n, NULL, &g.db, &err), 0);
    CU_ASSERT_EQUAL_FATAL(match_scratch_fit(&g.scratch, g.db), 0);
    g.stream = match_stream_open(g.db);
    CU_ASSERT_PTR_NOT_NULL_FATAL(g.stream);
    errbuf_free(&err);
    return g;
}

static void gate_free(struct gate *g)
{
    match_stream_close(&g->stream);
    match_scratch_free(&g->scratch);
    match_db_free(&g->db);
    mem_free(g->patterns);
}

/* What patterns are made of, and runs that they may go on over. */
static const struct span bits[] = {
    SPAN_LITERAL("$"),          SPAN_LITERAL("{"),
    SPAN_LITERAL("${"),         SPAN_LITERAL("24"),
    SPAN_LITERAL("%7b"),        SPAN_LITERAL("&#"),
    SPAN_LITERAL("0000000"),    SPAN_LITERAL("123"),
    SPAN_LITERAL("x"),          SPAN_LITERAL("\\u"),
    SPAN_LITERAL("uuuuuuuuuu"), SPAN_LITERAL("007B"),
    SPAN_LITERAL("=\r\n"),      SPAN_LITERAL("="),
    SPAN_LITERAL("\n"),         SPAN_LITERAL("        "),
    SPAN_LITERAL("\t\t\t\t"),   SPAN_LITERAL("-----------"),
    SPAN_LITERAL("jnd"),        SPAN_LITERAL("jndi:"),
    SPAN_LITERAL("#{"),         SPAN_LITERAL("\0"),
    SPAN_LITERAL("a\0b\0c\0"),  SPAN_LITERAL("\xc0\xa4"),
    SPAN_LITERAL("\xe0\x81"),   SPAN_LITERAL("JHs"),
    SPAN_LITERAL("R7S"),        SPAN_LITERAL("ke0"),
    SPAN_LITERAL("AAAAAAAA"),   SPAN_LITERAL("H4sI"),
    SPAN_LITERAL("=?utf-8?b?"), SPAN_LITERAL("+ADs"),
    SPAN_LITERAL("dollar"),     SPAN_LITERAL("the quick brown fox "),
    SPAN_LITERAL("\\\\"),       SPAN_LITERAL("amp;"),
    SPAN_LITERAL("25"),         SPAN_LITERAL("%"),
    SPAN_LITERAL("num"),        SPAN_LITERAL("U2toMGNXSnRVbkJQYlZKMVkzb3Y="),
};

/* Some bits many times, one after another, between harmless words. */
static size_t make_text(uint64_t *seed, uint8_t *text)
{
    size_t len = 0;
    size_t wanted = 1 + dice_below(seed, TEXT_MAX - 200);
    while (len < wanted) {
        const struct span *bit = &bits[dice_below(seed, ARRAY_LEN(bits))];
        size_t times = dice_below(seed, 8) == 0 ? 1 + dice_below(seed, 40) : 1;
        size_t harmless = dice_below(seed, 3) == 0 ? dice_below(seed, 150) : 0;
        for (size_t i = 0; i < times && len + bit->len < TEXT_MAX; i++) {
            bytes_copy(&text[len], bit->data, bit->len);
            len += bit->len;
        }
        for (size_t i = 0; i < harmless && len < TEXT_MAX; i++) {
            text[len++] = (uint8_t)('a' + dice_below(seed, 26));
        }
    }
    return len;
}

static void scan_whole(struct gate *g, struct span text, struct found *f)
{
    f->n = 0;
    match_block(g->db, g->scratch, text, on_hit, f);
}

static void scan_pieces(struct gate *g, struct span text, size_t piece_max, struct found *f)
{
    uint64_t cuts = text.len + piece_max;
    uint64_t *seed = &cuts;
    f->n = 0;
    match_stream_reset(g->stream);
    while (text.len > 0) {
        struct span piece = span_head(text, 1 + dice_below(seed, piece_max));
        size_t before = f->n;
        match_stream_scan(g->stream, g->scratch, piece, on_hit, f);
        for (size_t i = before; i < f->n; i++) { /* none is told late */
            CU_ASSERT(f->hits[i] >> 16 > 0);
        }
        text = span_from(text, piece.len);
    }
}

static bool same(const struct found *a, const struct found *b)
{
    return a->n == b->n && bytes_equal(a->hits, b->hits, a->n * sizeof(*a->hits));
}

static void what_is_passed_over_holds_no_match(void)
{
    static const size_t piece_max[] = {1, 3, 8, 70, 400, TEXT_MAX};
    struct gate g = gate_new();
    struct gate plain = gate_new();
    struct found *all = mem_alloc(sizeof(*all));
    struct found *f = mem_alloc(sizeof(*f));
    size_t n_hits = 0;
    match_db_skip(g.db, g.patterns, g.n);
    match_db_skip(plain.db, NULL, 0);
    uint64_t seed = 7;
    for (size_t round = 0; round < ROUNDS; round++) {
        uint8_t bytes[TEXT_MAX];
        const struct span text = span_of(bytes, make_text(&seed, bytes));
        scan_whole(&plain, text, all);
        n_hits += all->n;
        scan_whole(&g, text, f);
        CU_ASSERT(same(all, f));
        for (size_t i = 0; i < ARRAY_LEN(piece_max); i++) {
            scan_pieces(&g, text, piece_max[i], f);
            CU_ASSERT(same(all, f));
        }
    }
    CU_ASSERT(n_hits > 1000);
    mem_free(all);
    mem_free(f);
    gate_free(&plain);
    gate_free(&g);
}

/* Base64 of base64 has no beginning of its own: it is found at whatever place of a text. */
static void base64_of_base64_is_found_wherever_it_stands(void)
{
    static const struct span twice =
        SPAN_LITERAL("SlRJMEpUZENhbTVrYVRwc1pHRndPaTh2ZUM1bGVHRnRjR3hsTDJFbE4wUT0=");
    struct gate g = gate_new();
    struct found *whole = mem_alloc(sizeof(*whole));
    struct found *f = mem_alloc(sizeof(*f));
    for (size_t before = 0; before < 64; before++) {
        uint8_t bytes[TEXT_MAX] = {0};
        bytes_copy(&bytes[before], twice.data, twice.len);
        const struct span text = span_of(bytes, before + twice.len + 10);
        scan_whole(&g, text, whole);
        CU_ASSERT(whole->n > 0);
        for (size_t piece_max = 1; piece_max < 30; piece_max += 7) {
            scan_pieces(&g, text, piece_max, f);
            CU_ASSERT(same(whole, f));
        }
    }
    mem_free(whole);
    mem_free(f);
    gate_free(&g);
}

/* --- beginnings --------------------------------------------------------------------------------
 */

static void little_of_a_plain_text_may_begin_something(void)
{
    static const char text[] = "GET /shop/list?page=2 HTTP/1.1\r\nHost: shop.example\r\n"
                               "User-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
                               "Accept: text/html,application/xhtml+xml;q=0.9\r\n\r\n";
    struct gate g = gate_new();
    struct skip *skip = skip_new(g.patterns, g.n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(skip);
    const struct span plain = span_of(text, sizeof(text) - 1);
    struct skip_scan scan;
    skip_scan(&scan, skip, plain);
    CU_ASSERT_EQUAL(skip_next(&scan, 0).at, plain.len);
    skip_free(&skip);
    gate_free(&g);
}

static size_t next_of(const char *expression, const char *text)
{
    const struct match_pattern pattern = {.text = span_str(expression)};
    struct skip *skip = skip_new(&pattern, 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(skip);
    struct skip_scan scan;
    skip_scan(&scan, skip, span_str(text));
    size_t at = skip_next(&scan, 0).at;
    skip_free(&skip);
    return at;
}

static void beginnings_are_those_of_the_expression(void)
{
    CU_ASSERT_EQUAL(next_of("abcd", "xxabcxxabcd"), 7);
    CU_ASSERT_EQUAL(next_of("ab?cd", "xacd"), 1);
    CU_ASSERT_EQUAL(next_of("(?:ab|c)?d|e\\x66", "xxef"), 2);
    CU_ASSERT_EQUAL(next_of("[^a-z]q", "aq-q"), 2);
    CU_ASSERT_EQUAL(next_of("a0*b", "xa00000000"), 1);
    CU_ASSERT_EQUAL(next_of("[a\\-]\\{{2}x", "-{{x"), 0);
    CU_ASSERT_EQUAL(next_of("xy", "x"), 1); /* cut: nothing is told of it */
}

static void what_is_not_known_of_expressions_is_refused(void)
{
    static const char *const unknown[] = {"a.", "^a", "a$", "\\da", "(a)", "(?i:a)", "a{3,2x",
                                          "(?:a", "a)", "*a", "", "a*", "(?:ab)*c", "[a", "a\\xg0",
                                          /* known, but for what they seem to be */
                                          "xa+?y", "xa++", "xa{2}{3}", "xa??y", "xa{2}?", "a{,3}",
                                          "a{,}", "a{}", "xa{3,2}y", "xa{2,0}y", "[]a]", "[^]a]",
                                          "[[:alpha:]]", "[a-[:x:]b]", "[[.a.]]", "[\\s-a]",
                                          "[!-\\s]", "[z-a]",
                                          /* too long */
                                          "(?:(?:a{999}){999}){999}b"};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        struct starts s = starts_none();
        const struct match_pattern pattern = {.text = span_str(unknown[i])};
        CU_ASSERT_EQUAL(starts_add(&s, &pattern, 0), -EINVAL);
        starts_free(&s);
    }
}

/* --- walks ---- */

static struct dfa *dfa_of(const char *const *expressions, size_t n)
{
    struct starts s = starts_none();
    for (size_t i = 0; i < n; i++) {
        const struct match_pattern pattern = {.text = span_str(expressions[i])};
        CU_ASSERT_EQUAL(starts_add(&s, &pattern, (uint32_t)i), 0);
    }
    CU_ASSERT_EQUAL(starts_merge(&s), 0);
    struct dfa *dfa = dfa_new(&s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(dfa);
    starts_free(&s);
    return dfa;
}

/* What begins with the text; its reach, negative when it is not known. */
static int reach_of(const char *expression, const char *text)
{
    struct dfa *dfa = dfa_of(&expression, 1);
    struct dfa_match m = dfa_match(dfa, span_str(text), 0);
    dfa_free(&dfa);
    return m.known || m.reach == 0 ? (int)m.reach : -(int)m.reach;
}

static void matches_reach_as_far_as_the_text_goes_with_them(void)
{
    CU_ASSERT_EQUAL(reach_of("ab", "abc"), 2);
    CU_ASSERT_EQUAL(reach_of("ab", "acb"), 0);
    CU_ASSERT_EQUAL(reach_of("ab+", "abbbbc"), 5);
    CU_ASSERT_EQUAL(reach_of("a|abcd|abcdef", "abcdeg"), 4);
    CU_ASSERT_EQUAL(reach_of("abcdefghij", "abcdefgX"), 0);
    /* not followed so far: as long as near ones may be, or as far ones */
    CU_ASSERT_EQUAL(reach_of("abcdefghij", "abcdefghX"), -10);
    CU_ASSERT_EQUAL(reach_of("abcdefgh[a-z]*!", "abcdefghX"), -40);
    CU_ASSERT_EQUAL(reach_of("ab+", "abbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbc"), -32);
    /* it may be as it seems, or not: whoever counts knows */
    CU_ASSERT_EQUAL(reach_of("ab{3}", "abbc"), -3);
    /* cut: a match already, or a beginning of START_LEN bytes, or neither */
    CU_ASSERT_EQUAL(reach_of("ab+", "ab"), -32);
    CU_ASSERT_EQUAL(reach_of("abcdef", "abcd"), -6);
    CU_ASSERT_EQUAL(reach_of("abcdef", "abc"), 0);
}

/* Patterns and where they end, written down. */
static bool on_told(void *ctx, uint32_t pattern, uint64_t end)
{
    sbuf_add_format(ctx, "%u:%u ", (unsigned)pattern, (unsigned)end);
    return end < 4;
}

static void known_matches_are_told_by_where_they_end(void)
{
    static const char *const expressions[] = {"bc", "abc?", "[ab]b", "a(?:b|bcde)", "abcdef"};
    struct dfa *dfa = dfa_of(expressions, ARRAY_LEN(expressions));
    struct sbuf told = sbuf_with_cap(100);
    CU_ASSERT(dfa_match(dfa, SPAN("xabcd "), 1).known);
    CU_ASSERT(dfa_tell(dfa, SPAN("xabcd "), 1, on_told, &told) == false);
    CU_ASSERT(span_equal(sbuf_span(&told), SPAN("1:3 2:3 3:3 1:4 ")));
    sbuf_reset(&told);
    CU_ASSERT(dfa_tell(dfa, SPAN("bc"), 0, on_told, &told));
    CU_ASSERT(span_equal(sbuf_span(&told), SPAN("0:2 ")));
    sbuf_free(&told);
    dfa_free(&dfa);
}

static void blocks_are_the_same_by_both_ways(void)
{
    struct gate g = gate_new();
    struct skip *skip = skip_new(g.patterns, g.n);
    CU_ASSERT_PTR_NOT_NULL_FATAL(skip);
    uint64_t seed = 9;
    for (size_t round = 0; skip_is_fast() && round < ROUNDS; round++) {
        uint8_t bytes[TEXT_MAX] = {0};
        (void)make_text(&seed, bytes);
        struct skip_found fast = {.n = dice_below(&seed, 20), .last = dice_below(&seed, 2) == 0};
        struct skip_found slow = {.n = fast.n, .last = fast.last};
        size_t from = dice_below(&seed, fast.n == 0 ? TEXT_MAX - 3 : 600);
        skip_blocks(&skip->masks, span_of(bytes, sizeof(bytes)), from, &fast);
        skip_blocks_slow(&skip->masks, span_of(bytes, sizeof(bytes)), from, &slow);
        CU_ASSERT_EQUAL_FATAL(fast.n_places, slow.n_places);
        CU_ASSERT(bytes_equal(fast.places, slow.places, fast.n_places * sizeof(*fast.places)));
        CU_ASSERT_EQUAL(fast.from, slow.from);
    }
    skip_free(&skip);
    gate_free(&g);
}

static void memory_that_is_not_there_costs_only_time(void)
{
    struct gate g = gate_new();
    for (size_t n = 1; n < 400; n += n < 20 ? 1 : 37) {
        mem_fail_at(n, 0);
        struct skip *skip = skip_new(g.patterns, g.n);
        mem_fail_at(0, 0);
        skip_free(&skip);
    }
    gate_free(&g);
}

static CU_TestInfo tests[] = {
    {"base64_of_base64_is_found_wherever_it_stands", base64_of_base64_is_found_wherever_it_stands},
    {"what_is_passed_over_holds_no_match", what_is_passed_over_holds_no_match},
    {"little_of_a_plain_text_may_begin_something", little_of_a_plain_text_may_begin_something},
    {"beginnings_are_those_of_the_expression", beginnings_are_those_of_the_expression},
    {"what_is_not_known_of_expressions_is_refused", what_is_not_known_of_expressions_is_refused},
    {"matches_reach_as_far_as_the_text_goes_with_them",
     matches_reach_as_far_as_the_text_goes_with_them},
    {"known_matches_are_told_by_where_they_end", known_matches_are_told_by_where_they_end},
    {"blocks_are_the_same_by_both_ways", blocks_are_the_same_by_both_ways},
    {"memory_that_is_not_there_costs_only_time", memory_that_is_not_there_costs_only_time},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {{"match", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
