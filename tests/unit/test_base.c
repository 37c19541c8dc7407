/* Tests of sensor/base: each container one past its limit first. */
#include "sensor/base/arena.h"
#include "sensor/base/budget.h"
#include "sensor/base/bytes.h"
#include "sensor/base/chars.h"
#include "sensor/base/clock.h"
#include "sensor/base/cursor.h"
#include "sensor/base/errbuf.h"
#include "sensor/base/hash.h"
#include "sensor/base/list.h"
#include "sensor/base/mem.h"
#include "sensor/base/ring.h"
#include "sensor/base/sbuf.h"
#include "sensor/base/span.h"
#include "tests/unit/runner.h"

#include <pthread.h>
#include <string.h>

static void span_sub_past_the_end_is_empty(void)
{
    struct span s = SPAN("abc");
    CU_ASSERT_EQUAL(span_sub(s, 3, 1).len, 0);
    CU_ASSERT_EQUAL(span_sub(s, SIZE_MAX, SIZE_MAX).len, 0);
    CU_ASSERT_EQUAL(span_sub(s, 2, SIZE_MAX).len, 1);
    CU_ASSERT_EQUAL(span_at(s, 3), 0);
}

/* Words at once and byte by byte, at every length, for every byte in every place. */
static void case_is_ignored_for_letters_alone(void)
{
    uint8_t a[28];
    uint8_t b[28];
    for (size_t len = 0; len <= sizeof(a); len++) {
        memset(a, 'k', sizeof(a));
        memset(b, 'K', sizeof(b));
        CU_ASSERT(bytes_equal_nocase(a, b, len));
        for (unsigned c = 0; len > 0 && c < 256 * 2; c++) {
            size_t at = c * 7 % len;
            a[at] = (uint8_t)(c % 256);
            b[at] = (uint8_t)(c < 256 ? c ^ 0x20 : c + 1);
            bool same = byte_lower(a[at]) == byte_lower(b[at]);
            CU_ASSERT_EQUAL(bytes_equal_nocase(a, b, len), same);
            a[at] = b[at] = 'k';
        }
    }
}

static void characters_are_told_apart_in_blocks(void)
{
    uint8_t block[CHARS_WIDE];
    for (unsigned c = 0; c < 256; c++) {
        memset(block, (int)(c ^ 1), sizeof(block));
        block[c % CHARS_WIDE] = (uint8_t)c;
        CU_ASSERT_EQUAL(chars_equal(block, (uint8_t)c), 1ULL << c % CHARS_WIDE);
        memset(block, '/', sizeof(block));
        block[c % CHARS_NARROW] = (uint8_t)c;
        bool named = byte_is_alnum((uint8_t)c) || c == '-';
        CU_ASSERT_EQUAL(chars_in_names(block), named ? 1U << c % CHARS_NARROW : 0);
    }
    for (unsigned c = 0; c < 256; c++) {
        memset(block, '/', sizeof(block));
        block[c % CHARS_NARROW] = (uint8_t)c;
        bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '$' && c != '\\';
        CU_ASSERT_EQUAL(chars_is_plain_json((uint8_t)c), plain);
        CU_ASSERT_EQUAL(chars_in_json(block), 0xffffU ^ (plain ? 0 : 1U << c % CHARS_NARROW));
    }
    memset(block, 'a', sizeof(block));
    CU_ASSERT_EQUAL(chars_first_other(chars_in_names(block)), CHARS_NARROW);
}

/* Two bytes are searched in blocks: at every distance from the start, and across their borders. */
static void span_has_bare_lf_sees_one_anywhere(void)
{
    uint8_t text[200];
    for (size_t len = 0; len <= sizeof(text); len++) {
        for (size_t i = 0; i < sizeof(text); i++) {
            text[i] = (uint8_t)(i % 20 == 0 ? '\n' : i % 20 == 19 ? '\r' : 'a');
        }
        CU_ASSERT_FALSE(span_has_bare_lf(span_of(text, len)));
        text[len / 2] = '\n';
        bool bare = len / 2 > 0 && len / 2 < len && len / 2 % 20 != 0;
        bool behind = len / 2 % 20 == 19 && len / 2 + 1 < len; /* its CR is gone */
        CU_ASSERT_EQUAL(span_has_bare_lf(span_of(text, len)), bare || behind);
    }
}

static void span_find_finds_two_bytes_anywhere(void)
{
    uint8_t text[300];
    for (size_t len = 0; len <= sizeof(text); len += 1 + len / 16) {
        for (size_t at = 0; at + 1 < len; at++) {
            for (size_t i = 0; i < len; i++) {
                text[i] = i % 3 == 0 ? '{' : '$';
                text[i] = i % 3 == 2 ? ' ' : text[i];
            }
            text[at] = '$';
            text[at + 1] = '{';
            struct span s = {text, len};
            size_t want = 0;
            while (text[want] != '$' || text[want + 1] != '{') {
                want++;
            }
            CU_ASSERT_EQUAL(span_find(s, 0, SPAN("${")), want);
            CU_ASSERT_EQUAL(span_find(s, at, SPAN("${")), at);
        }
        for (size_t i = 0; i < len; i++) {
            text[i] = '$';
        }
        CU_ASSERT_EQUAL(span_find((struct span){text, len}, 0, SPAN("${")), SPAN_NONE);
        CU_ASSERT_EQUAL(span_find((struct span){text, len}, 0, SPAN("$$")),
                        len > 1 ? 0 : SPAN_NONE);
    }
}

static void span_find_starts_where_told(void)
{
    struct span s = SPAN("abcabC");
    CU_ASSERT_EQUAL(span_find(s, 1, SPAN("ab")), 3);
    CU_ASSERT_EQUAL(span_find(s, 4, SPAN("ab")), SPAN_NONE);
    CU_ASSERT_EQUAL(span_find(s, 7, SPAN("")), SPAN_NONE);
    CU_ASSERT_EQUAL(span_find_nocase(s, 1, SPAN("ABC")), 3);
    CU_ASSERT_EQUAL(span_find_byte(s, 6, 'a'), SPAN_NONE);
    CU_ASSERT_EQUAL(span_rfind_byte(s, 'b'), 4);
}

static void span_split_takes_all_without_the_byte(void)
{
    struct span s = SPAN("a;;b");
    CU_ASSERT(span_equal(span_split(&s, ';'), SPAN("a")));
    CU_ASSERT_EQUAL(span_split(&s, ';').len, 0);
    CU_ASSERT(span_equal(span_split(&s, ';'), SPAN("b")));
    CU_ASSERT_EQUAL(s.len, 0);
}

static void span_contains_knows_its_own_memory_only(void)
{
    struct span s = SPAN("0123456789");
    size_t off = 99;
    CU_ASSERT(span_contains(s, span_sub(s, 4, 6), &off));
    CU_ASSERT_EQUAL(off, 4);
    CU_ASSERT_FALSE(span_contains(span_head(s, 5), span_sub(s, 4, 2), NULL));
    CU_ASSERT_FALSE(span_contains(span_from(s, 5), span_head(s, 2), NULL));
}

static void numbers_refuse_overflow_signs_and_nothing(void)
{
    uint64_t v = 7;
    CU_ASSERT(span_to_u64(SPAN("18446744073709551615"), &v));
    CU_ASSERT_EQUAL(v, UINT64_MAX);
    CU_ASSERT_FALSE(span_to_u64(SPAN("18446744073709551616"), &v));
    CU_ASSERT_FALSE(span_to_u64(SPAN("+1"), &v));
    CU_ASSERT_FALSE(span_to_u64(SPAN(""), &v));
    CU_ASSERT(span_hex_to_u64(SPAN("fFffffffffffffff"), &v));
    CU_ASSERT_FALSE(span_hex_to_u64(SPAN("10000000000000000"), &v));
    CU_ASSERT_FALSE(span_hex_to_u64(SPAN("0x1"), &v));
    CU_ASSERT_EQUAL(v, UINT64_MAX);
}

static void cursor_read_past_the_end_sticks(void)
{
    struct cursor c = cursor_of(SPAN("\x01\x02\x03\x04\x05"));
    CU_ASSERT_EQUAL(cursor_be16(&c), 0x0102);
    CU_ASSERT_EQUAL(cursor_be32(&c), 0);
    CU_ASSERT(cursor_bad(&c));
    CU_ASSERT_EQUAL(cursor_u8(&c), 0);
    CU_ASSERT_EQUAL(cursor_rest(&c).len, 0);
}

static void cursor_reads_both_byte_orders(void)
{
    struct cursor c = cursor_of(SPAN("\x01\x02\x03\x04\x05\x06\x07\x08\x01\x02\x03\x04"));
    CU_ASSERT_EQUAL(cursor_be64(&c), 0x0102030405060708ULL);
    CU_ASSERT_EQUAL(cursor_le32(&c), 0x04030201);
    CU_ASSERT_EQUAL(cursor_left(&c), 0);
    CU_ASSERT_FALSE(cursor_bad(&c));
}

static void sbuf_cuts_at_its_cap_and_says_so(void)
{
    struct sbuf b = sbuf_with_cap(5);
    CU_ASSERT(sbuf_add(&b, SPAN("abc")));
    CU_ASSERT_FALSE(sbuf_add(&b, SPAN("def")));
    CU_ASSERT(b.cut);
    CU_ASSERT(span_equal(sbuf_span(&b), SPAN("abcde")));
    CU_ASSERT_PTR_NULL(sbuf_reserve(&b, 1));
    sbuf_reset(&b);
    CU_ASSERT_FALSE(b.cut);
    CU_ASSERT_EQUAL(b.len, 0);
    sbuf_free(&b);
}

static const uint8_t test_zeros[1000];

static void sbuf_that_goes_on_growing_has_room_ahead(void)
{
    struct sbuf b = sbuf_with_cap(1000);
    CU_ASSERT(sbuf_add_growing(&b, SPAN("0123456789012345678901234567890123456789")));
    CU_ASSERT(b.room >= 160);
    CU_ASSERT_EQUAL(b.len, 40);
    CU_ASSERT(sbuf_add_growing(&b, span_of(test_zeros, 900)));
    CU_ASSERT_EQUAL(b.room, 1000);
    CU_ASSERT_FALSE(sbuf_add_growing(&b, span_of(test_zeros, 61)));
    CU_ASSERT_EQUAL(b.len, 1000);
    CU_ASSERT(b.cut);
    sbuf_free(&b);
}

static void sbuf_zero_is_a_buffer_that_holds_nothing(void)
{
    struct sbuf b = {0};
    CU_ASSERT(sbuf_add(&b, SPAN("")));
    CU_ASSERT_FALSE(sbuf_add_byte(&b, 'x'));
    CU_ASSERT(b.cut);
    sbuf_free(&b);
}

static void sbuf_replace_and_drop_keep_the_rest(void)
{
    struct sbuf b = sbuf_with_cap(10);
    CU_ASSERT(sbuf_add_str(&b, "a${x}b"));
    CU_ASSERT(sbuf_replace(&b, 1, 4, SPAN("longer")));
    CU_ASSERT(span_equal(sbuf_span(&b), SPAN("alongerb")));
    CU_ASSERT_FALSE(sbuf_replace(&b, 0, 1, SPAN("wider")));
    CU_ASSERT(span_equal(sbuf_span(&b), SPAN("alongerb")));
    sbuf_drop(&b, 7);
    CU_ASSERT(span_equal(sbuf_span(&b), SPAN("b")));
    sbuf_free(&b);
}

static void sbuf_survives_an_empty_heap(void)
{
    struct sbuf b = sbuf_with_cap(1000);
    mem_fail_at(1, 0);
    CU_ASSERT_FALSE(sbuf_add(&b, SPAN("abc")));
    CU_ASSERT(b.cut);
    CU_ASSERT(sbuf_add(&b, SPAN("abc")));
    sbuf_free(&b);
}

static void what_is_in_use_goes_back_to_nothing(void)
{
    int64_t before = mem_in_use();
    char *block = mem_alloc(1000);
    void *array = mem_alloc_array(10, 100);
    void *aligned = mem_alloc_aligned(1000, 64);
    CU_ASSERT(mem_in_use() - before >= 3000);
    block = mem_resize(block, 100000);
    CU_ASSERT(mem_in_use() - before >= 102000);
    block = mem_resize(block, 10);
    CU_ASSERT(mem_in_use() - before < 100000);
    mem_fail_at(1, 0);
    CU_ASSERT_PTR_NULL(mem_resize(block, 1000000)); /* the old one is still there, and counts */
    CU_ASSERT(mem_in_use() - before < 100000);
    mem_free(aligned);
    mem_free(array);
    mem_free(block);
    mem_free(NULL);
    CU_ASSERT_EQUAL(mem_in_use(), before);
}

static void *take_and_free(void *block)
{
    mem_take_over(block);
    int64_t with = mem_in_use();
    mem_free(block);
    return with > 0 && mem_in_use() == 0 ? block : NULL;
}

static void a_block_counts_for_the_thread_that_has_it(void)
{
    int64_t before = mem_in_use();
    void *block = mem_alloc(1000);
    void *result = NULL;
    pthread_t thread;
    mem_give_away(block);
    CU_ASSERT_EQUAL(mem_in_use(), before);
    CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, take_and_free, block), 0);
    CU_ASSERT_EQUAL(pthread_join(thread, &result), 0);
    CU_ASSERT_PTR_EQUAL(result, block);
    CU_ASSERT_EQUAL(mem_in_use(), before);
}

static void a_budget_counts_from_its_start(void)
{
    void *old = mem_alloc(5000);
    struct budget b;
    budget_start(&b, 4096);
    CU_ASSERT_EQUAL(budget_used(&b), 0);
    CU_ASSERT_FALSE(budget_lacks(&b, 4096));
    CU_ASSERT(budget_lacks(&b, 4097));
    CU_ASSERT(budget_lacks(&b, SIZE_MAX));
    void *block = mem_alloc(4096); /* and the heap's own word */
    CU_ASSERT(budget_used(&b) > 4096);
    CU_ASSERT(budget_lacks(&b, 0));
    mem_free(block);
    CU_ASSERT_FALSE(budget_lacks(&b, 0));
    mem_free(old); /* more was given back than was taken */
    CU_ASSERT_EQUAL(budget_used(&b), 0);
}

static void arena_refuses_beyond_its_cap_and_marks_it(void)
{
    struct arena *a = arena_new(4096);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_PTR_NOT_NULL(arena_alloc(a, 4000));
    CU_ASSERT_FALSE(arena_overflowed(a));
    CU_ASSERT_PTR_NULL(arena_alloc(a, 4000));
    CU_ASSERT_PTR_NULL(arena_alloc(a, SIZE_MAX));
    CU_ASSERT(arena_overflowed(a));
    arena_reset(a);
    CU_ASSERT_FALSE(arena_overflowed(a));
    bool cut = false;
    CU_ASSERT(span_equal(arena_copy(a, SPAN("hello"), 4, &cut), SPAN("hell")));
    CU_ASSERT(cut);
    arena_free(&a);
    CU_ASSERT_PTR_NULL(a);
}

static void arena_memory_is_zero_after_a_reset(void)
{
    struct arena *a = arena_new(100000);
    unsigned char *p = arena_alloc(a, 64);
    CU_ASSERT_PTR_NOT_NULL_FATAL(p);
    p[5] = 1;
    arena_reset(a);
    p = arena_alloc(a, 64);
    CU_ASSERT_EQUAL(p[5], 0);
    arena_free(&a);
}

/* Vectors of the SipHash paper, appendix A: key 00..0f, input 00..0e. */
static void siphash_matches_the_published_vector(void)
{
    uint8_t in[15];
    for (uint8_t i = 0; i < sizeof(in); i++) {
        in[i] = i;
    }
    struct hash_key key = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
    CU_ASSERT_EQUAL(hash_siphash(span_of(in, sizeof(in)), &key), 0xa129ca6149be45e5ULL);
}

static void hash_of_words_is_that_of_their_bytes(void)
{
    struct hash_key key = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
    uint64_t words[] = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
    uint8_t in[16];
    for (uint8_t i = 0; i < sizeof(in); i++) {
        in[i] = i;
    }
    for (size_t n = 0; n <= 2; n++) {
        struct span bytes = span_of(in, n * 8);
        CU_ASSERT_EQUAL(hash_words(words, n, &key), hash_siphash(bytes, &key));
        CU_ASSERT_EQUAL(hash_words_fixed(words, n), hash_fixed(bytes));
    }
}

/* Keys that differ by little, as addresses and ports do, spread as if thrown: of 65,536 in as many
 * buckets, no bucket gets 16 (chance: one in 10^9), whichever bits are taken. */
static void hash_row_spreads_what_is_alike(void)
{
    enum { N = 65536 };
    static uint8_t low[N];
    static uint8_t high[N];
    struct hash_key key = {0x0706050403020100ULL, 0x0f0e0d0c0b0a0908ULL};
    struct hash_row row = hash_row_of(&key);
    unsigned most = 0;
    for (uint64_t i = 0; i < N; i++) {
        const uint64_t words[] = {0xc0000200c6336400ULL + i % 16, (80 + i / 16) << 48};
        uint64_t hash = hash_row(&row, words, ARRAY_LEN(words));
        unsigned n_low = ++low[hash % N];
        unsigned n_high = ++high[hash >> 48];
        most = n_low > most ? n_low : most;
        most = n_high > most ? n_high : most;
    }
    CU_ASSERT(most > 1);
    CU_ASSERT(most < 16);
}

static void hash_row_depends_on_key_and_order(void)
{
    struct hash_row rows[] = {hash_row_of(&(struct hash_key){1, 2}),
                              hash_row_of(&(struct hash_key){1, 3})};
    const uint64_t forth[] = {5, 6, 7, 8, 9};
    const uint64_t back[] = {9, 8, 7, 6, 5};
    uint64_t hash = hash_row(&rows[0], forth, ARRAY_LEN(forth));
    CU_ASSERT_EQUAL(hash_row(&rows[0], forth, ARRAY_LEN(forth)), hash);
    CU_ASSERT_NOT_EQUAL(hash_row(&rows[1], forth, ARRAY_LEN(forth)), hash);
    CU_ASSERT_NOT_EQUAL(hash_row(&rows[0], back, ARRAY_LEN(back)), hash);
}

static void ring_refuses_when_full_and_keeps_order(void)
{
    struct ring *r = ring_new(3);
    int items[5];
    for (size_t i = 0; i < 4; i++) {
        CU_ASSERT(ring_push(r, &items[i]));
    }
    CU_ASSERT_FALSE(ring_push(r, &items[4]));
    CU_ASSERT_EQUAL(ring_n(r), 4);
    CU_ASSERT_PTR_EQUAL(ring_pop(r), &items[0]);
    CU_ASSERT(ring_push(r, &items[4]));
    for (size_t i = 1; i < 5; i++) {
        CU_ASSERT_PTR_EQUAL(ring_pop(r), &items[i]);
    }
    CU_ASSERT_PTR_NULL(ring_pop(r));
    ring_free(&r);
}

static void list_remove_twice_does_no_harm(void)
{
    struct list head, a = {0}, b = {0};
    list_init(&head);
    CU_ASSERT(list_is_empty(&head));
    list_add_tail(&head, &a);
    list_add_tail(&head, &b);
    list_remove(&a);
    list_remove(&a);
    CU_ASSERT_PTR_EQUAL(list_first(&head), &b);
    CU_ASSERT_PTR_NULL(list_next(&head, &b));
    list_remove(&b);
    CU_ASSERT(list_is_empty(&head));
}

static void clock_writes_the_only_form_every_reader_takes(void)
{
    char text[CLOCK_TEXT_SIZE];
    clock_format(1639350256733555ULL, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "2021-12-12T23:04:16.733555+0000");
    clock_format(951782400000000ULL, text, sizeof(text));
    CU_ASSERT_STRING_EQUAL(text, "2000-02-29T00:00:00.000000+0000");
    clock_format(UINT64_MAX, text, sizeof(text));
    CU_ASSERT_EQUAL(strlen(text), 31);
}

static void errbuf_keeps_lines_apart_and_clean(void)
{
    struct errbuf e = {0};
    CU_ASSERT_STRING_EQUAL(errbuf_text(&e), "");
    errbuf_add(&e, "a '%s'", "x\ny");
    errbuf_add(&e, "b");
    CU_ASSERT_STRING_EQUAL(errbuf_text(&e), "a 'x?y'\nb\n");
    CU_ASSERT_EQUAL(e.n_lines, 2);
    errbuf_free(&e);
}

static void errbuf_counts_what_it_has_no_room_for(void)
{
    struct errbuf e = {0};
    for (int i = 0; i < 3000; i++) {
        errbuf_add(&e, "%s", "a line of some length, again and again");
    }
    CU_ASSERT(e.n_dropped > 0);
    CU_ASSERT_EQUAL(e.n_lines + e.n_dropped, 3000);
    errbuf_free(&e);
}

static CU_TestInfo span_tests[] = {
    {"case_is_ignored_for_letters_alone", case_is_ignored_for_letters_alone},
    {"characters_are_told_apart_in_blocks", characters_are_told_apart_in_blocks},
    {"span_sub_past_the_end_is_empty", span_sub_past_the_end_is_empty},
    {"span_find_starts_where_told", span_find_starts_where_told},
    {"span_has_bare_lf_sees_one_anywhere", span_has_bare_lf_sees_one_anywhere},
    {"span_find_finds_two_bytes_anywhere", span_find_finds_two_bytes_anywhere},
    {"span_split_takes_all_without_the_byte", span_split_takes_all_without_the_byte},
    {"span_contains_knows_its_own_memory_only", span_contains_knows_its_own_memory_only},
    {"numbers_refuse_overflow_signs_and_nothing", numbers_refuse_overflow_signs_and_nothing},
    {"cursor_read_past_the_end_sticks", cursor_read_past_the_end_sticks},
    {"cursor_reads_both_byte_orders", cursor_reads_both_byte_orders},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo memory_tests[] = {
    {"sbuf_cuts_at_its_cap_and_says_so", sbuf_cuts_at_its_cap_and_says_so},
    {"sbuf_that_goes_on_growing_has_room_ahead", sbuf_that_goes_on_growing_has_room_ahead},
    {"sbuf_zero_is_a_buffer_that_holds_nothing", sbuf_zero_is_a_buffer_that_holds_nothing},
    {"sbuf_replace_and_drop_keep_the_rest", sbuf_replace_and_drop_keep_the_rest},
    {"sbuf_survives_an_empty_heap", sbuf_survives_an_empty_heap},
    {"what_is_in_use_goes_back_to_nothing", what_is_in_use_goes_back_to_nothing},
    {"a_block_counts_for_the_thread_that_has_it", a_block_counts_for_the_thread_that_has_it},
    {"a_budget_counts_from_its_start", a_budget_counts_from_its_start},
    {"arena_refuses_beyond_its_cap_and_marks_it", arena_refuses_beyond_its_cap_and_marks_it},
    {"arena_memory_is_zero_after_a_reset", arena_memory_is_zero_after_a_reset},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo other_tests[] = {
    {"siphash_matches_the_published_vector", siphash_matches_the_published_vector},
    {"hash_of_words_is_that_of_their_bytes", hash_of_words_is_that_of_their_bytes},
    {"hash_row_spreads_what_is_alike", hash_row_spreads_what_is_alike},
    {"hash_row_depends_on_key_and_order", hash_row_depends_on_key_and_order},
    {"ring_refuses_when_full_and_keeps_order", ring_refuses_when_full_and_keeps_order},
    {"list_remove_twice_does_no_harm", list_remove_twice_does_no_harm},
    {"clock_writes_the_only_form_every_reader_takes",
     clock_writes_the_only_form_every_reader_takes},
    {"errbuf_keeps_lines_apart_and_clean", errbuf_keeps_lines_apart_and_clean},
    {"errbuf_counts_what_it_has_no_room_for", errbuf_counts_what_it_has_no_room_for},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"span and cursor", NULL, NULL, NULL, NULL, span_tests},
        {"memory", NULL, NULL, NULL, NULL, memory_tests},
        {"other", NULL, NULL, NULL, NULL, other_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
