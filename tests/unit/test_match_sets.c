/* Tests of signatures/match*: whatever the patterns, what is found is what a scan of every byte
 * finds.
 *
 * Sets of patterns are put together at random from all that match_start.c knows, with texts that
 * hold samples of them, whole and in pieces. The same seeds in every run. */
#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "signatures/match.h"
#include "signatures/match_skip.h"
#include "tests/dice.h"
#include "tests/hits.h"
#include "tests/unit/runner.h"

enum {
    SETS = 400,
    TEXTS = 3, /* for each set */
    TEXT_MAX = 700,
    HITS_MAX = 1 << 16,
    PATTERNS_MAX = 10,
    PARTS_MAX = 6, /* of an expression */
    SAMPLES = 3,
    SAMPLE_MAX = 200,
    EXPRESSION_MAX = 600,
    ALPHABET_MAX = 8,
};

static bool one_in(uint64_t *seed, size_t n)
{
    return dice_below(seed, n) == 0;
}

/* --- what is found -----------------------------------------------------------------------------
 */

struct found {
    size_t n;
    size_t most;             /* of which the last one ends the scan */
    uint64_t hits[HITS_MAX]; /* end and pattern */
};

static bool on_hit(void *ctx, uint32_t pattern, uint64_t end)
{
    struct found *f = ctx;
    CU_ASSERT_FATAL(f->n < f->most);
    CU_ASSERT(f->n == 0 || end >= f->hits[f->n - 1] >> 16);
    f->hits[f->n++] = hit_of(pattern, end);
    return f->n < f->most;
}

static void found_none(struct found *f, size_t most)
{
    f->n = 0;
    f->most = most;
}

static void put_in_order(struct found *f)
{
    CU_ASSERT(hits_sort(f->hits, f->n));
}

/* Of a scan that was ended there may be others that end with the last one. */
static size_t sure_hits(const struct found *f, bool whole)
{
    size_t n = f->n;
    while (!whole && n > 0 && f->hits[n - 1] >> 16 == f->hits[f->n - 1] >> 16) {
        n--;
    }
    return n;
}

/* Whether they are all there are, or the first ones. */
static bool same(const struct found *all, struct found *f)
{
    put_in_order(f);
    size_t wanted = all->n < f->most ? all->n : f->most;
    size_t sure = sure_hits(f, f->n < f->most);
    return f->n == wanted && bytes_equal(all->hits, f->hits, sure * sizeof(f->hits[0])) &&
           (f->n == 0 || all->hits[f->n - 1] >> 16 == f->hits[f->n - 1] >> 16);
}

/* --- expressions -------------------------------------------------------------------------------
 */

/* A part of an expression that is one atom, and what it matches. */
struct part {
    struct sbuf text;
    struct sbuf samples[SAMPLES];
    bool single; /* one byte, or none */
    bool empty;  /* it may be nothing */
};

struct alphabet {
    uint8_t bytes[ALPHABET_MAX];
    size_t n;
};

/* Plain letters, what has a meaning in expressions, and bytes that differ in their highest bit. */
static struct alphabet make_alphabet(uint64_t *seed)
{
    static const uint8_t all[] = "abkKzZ09 \t\r\n\v=-%&#;{}$\\^.*+?|()[]/\0\x01\x81\x80\xff\xe1";
    struct alphabet a = {.n = 2 + dice_below(seed, ALPHABET_MAX - 1)};
    for (size_t i = 0; i < a.n; i++) {
        a.bytes[i] = all[dice_below(seed, sizeof(all) - 1)];
    }
    return a;
}

static uint8_t some_byte(uint64_t *seed, const struct alphabet *a)
{
    return a->bytes[dice_below(seed, a->n)];
}

static struct part part_new(void)
{
    struct part p = {.text = sbuf_with_cap(EXPRESSION_MAX), .single = true};
    for (size_t i = 0; i < SAMPLES; i++) {
        p.samples[i] = sbuf_with_cap(SAMPLE_MAX);
    }
    return p;
}

static void part_free(struct part *p)
{
    sbuf_free(&p->text);
    for (size_t i = 0; i < SAMPLES; i++) {
        sbuf_free(&p->samples[i]);
    }
}

static void write_byte(uint64_t *seed, struct sbuf *to, uint8_t c)
{
    if (c < ' ' || c > '~' || one_in(seed, 4)) {
        sbuf_add_format(to, one_in(seed, 2) ? "\\x%02x" : "\\x%02X", (unsigned)c);
    } else if (byte_is_alnum(c)) {
        sbuf_add_byte(to, c);
    } else {
        sbuf_add_format(to, "\\%c", c);
    }
}

static struct part make_byte(uint64_t *seed, const struct alphabet *a)
{
    struct part p = part_new();
    uint8_t c = some_byte(seed, a);
    write_byte(seed, &p.text, c);
    for (size_t i = 0; i < SAMPLES; i++) {
        sbuf_add_byte(&p.samples[i], c);
    }
    return p;
}

/* Some bytes, ranges of a few, or blanks. */
static struct part make_class(uint64_t *seed, const struct alphabet *a)
{
    struct part p = part_new();
    sbuf_add_str(&p.text, one_in(seed, 8) ? "[\\s" : "[");
    for (size_t i = 0; i < SAMPLES; i++) {
        uint8_t c = some_byte(seed, a);
        uint8_t last = (uint8_t)(c + dice_below(seed, 4));
        write_byte(seed, &p.text, c);
        if (last >= c && one_in(seed, 3)) {
            sbuf_add_byte(&p.text, '-');
            write_byte(seed, &p.text, last);
            c = last;
        }
        sbuf_add_byte(&p.samples[i], c);
    }
    sbuf_add_byte(&p.text, ']');
    return p;
}

/* All but one: what it matches is whatever else there is. */
static struct part make_negated(uint64_t *seed, const struct alphabet *a)
{
    struct part p = part_new();
    uint8_t c = some_byte(seed, a);
    sbuf_add_str(&p.text, "[^");
    write_byte(seed, &p.text, c);
    sbuf_add_byte(&p.text, ']');
    for (size_t i = 0; i < SAMPLES; i++) {
        sbuf_add_byte(&p.samples[i], (uint8_t)(c + 1 + dice_below(seed, 3)));
    }
    return p;
}

static struct part make_leaf(uint64_t *seed, const struct alphabet *a)
{
    size_t kind = dice_below(seed, 20);
    if (kind == 0) {
        return make_negated(seed, a);
    }
    return kind < 6 ? make_class(seed, a) : make_byte(seed, a);
}

/* One behind the other, or one of both. Takes b. */
static void join(uint64_t *seed, struct part *a, struct part *b)
{
    bool choice = one_in(seed, 3);
    struct part p = part_new();
    sbuf_add_str(&p.text, "(?:");
    sbuf_add(&p.text, sbuf_span(&a->text));
    sbuf_add_str(&p.text, choice ? "|" : "");
    sbuf_add(&p.text, sbuf_span(&b->text));
    sbuf_add_str(&p.text, ")");
    for (size_t i = 0; i < SAMPLES; i++) {
        bool second = choice && one_in(seed, 2);
        sbuf_add(&p.samples[i], sbuf_span(second ? &b->samples[i] : &a->samples[i]));
        sbuf_add(&p.samples[i], choice ? SPAN("") : sbuf_span(&b->samples[i]));
    }
    p.single = choice && a->single && b->single;
    p.empty = choice ? a->empty || b->empty : a->empty && b->empty;
    part_free(a);
    part_free(b);
    *a = p;
}

/* How often a part stands there; `most` 0: without a bound. */
struct count {
    size_t least;
    size_t most;
};

static struct count write_count(uint64_t *seed, const struct part *p, struct sbuf *to)
{
    static const char *const signs[] = {"?", "*", "+"};
    static const struct count counts[] = {{0, 1}, {0, 0}, {1, 0}};
    size_t sign = p->single ? dice_below(seed, 6) : 3 * dice_below(seed, 2);
    if (sign < 3) {
        sbuf_add_str(to, signs[sign]);
        return counts[sign];
    }
    bool many = p->single && one_in(seed, 6); /* more than make a run */
    struct count c = {many ? 25 + dice_below(seed, 20) : dice_below(seed, 4), 0};
    c.most = c.least + dice_below(seed, 4);
    c.most = c.most == 0 ? 1 : c.most;
    if (p->single && one_in(seed, 4)) {
        c.most = 0;
        sbuf_add_format(to, "{%zu,}", c.least);
    } else if (c.most == c.least) {
        sbuf_add_format(to, "{%zu}", c.least);
    } else {
        sbuf_add_format(to, "{%zu,%zu}", c.least, c.most);
    }
    return c;
}

static void repeat(uint64_t *seed, struct part *a)
{
    struct part p = part_new();
    sbuf_add_str(&p.text, "(?:");
    sbuf_add(&p.text, sbuf_span(&a->text));
    struct count c = write_count(seed, a, &p.text);
    sbuf_add_str(&p.text, ")");
    for (size_t i = 0; i < SAMPLES; i++) {
        size_t more = c.most == 0 ? dice_below(seed, 60) : dice_below(seed, c.most - c.least + 1);
        for (size_t n = 0; n < c.least + more; n++) {
            sbuf_add(&p.samples[i], sbuf_span(&a->samples[i]));
        }
    }
    p.single = a->single && c.most == 1;
    p.empty = a->empty || c.least == 0;
    part_free(a);
    *a = p;
}

static struct part make_expression(uint64_t *seed, const struct alphabet *a)
{
    struct part parts[PARTS_MAX];
    size_t n = 1 + dice_below(seed, PARTS_MAX);
    for (size_t i = 0; i < n; i++) {
        parts[i] = make_leaf(seed, a);
    }
    while (n > 1) {
        size_t at = dice_below(seed, n - 1);
        if (one_in(seed, 3)) {
            repeat(seed, &parts[at]);
        }
        join(seed, &parts[at], &parts[at + 1]);
        for (size_t i = at + 1; i + 1 < n; i++) {
            parts[i] = parts[i + 1];
        }
        n--;
    }
    if (parts[0].empty) {
        struct part more = make_byte(seed, a);
        sbuf_add(&parts[0].text, sbuf_span(&more.text));
        for (size_t i = 0; i < SAMPLES; i++) {
            sbuf_add(&parts[0].samples[i], sbuf_span(&more.samples[i]));
        }
        part_free(&more);
    }
    return parts[0];
}

static struct part make_literal(uint64_t *seed, const struct alphabet *a)
{
    struct part p = part_new();
    size_t len = 1 + dice_below(seed, one_in(seed, 3) ? 40 : 6);
    for (size_t i = 0; i < len; i++) {
        sbuf_add_byte(&p.text, some_byte(seed, a));
    }
    for (size_t i = 0; i < SAMPLES; i++) {
        for (size_t k = 0; k < len; k++) {
            uint8_t c = sbuf_span(&p.text).data[k];
            sbuf_add_byte(&p.samples[i], i == 0 ? c : i == 1 ? byte_lower(c) : byte_upper(c));
        }
    }
    return p;
}

/* --- sets --------------------------------------------------------------------------------------
 */

struct set {
    struct alphabet alphabet;
    struct part parts[PATTERNS_MAX];
    struct match_pattern patterns[PATTERNS_MAX];
    size_t n;
};

static void make_set(uint64_t *seed, struct set *s)
{
    s->alphabet = make_alphabet(seed);
    s->n = 1 + dice_below(seed, PATTERNS_MAX);
    for (size_t i = 0; i < s->n; i++) {
        bool literal = one_in(seed, 3);
        s->parts[i] =
            literal ? make_literal(seed, &s->alphabet) : make_expression(seed, &s->alphabet);
        s->patterns[i] = (struct match_pattern){.text = sbuf_span(&s->parts[i].text),
                                                .literal = literal,
                                                .nocase = literal && one_in(seed, 2)};
        CU_ASSERT(!s->parts[i].text.cut);
    }
}

static void set_free(struct set *s)
{
    for (size_t i = 0; i < s->n; i++) {
        part_free(&s->parts[i]);
    }
}

static void add_times(struct sbuf *to, uint8_t c, size_t times)
{
    for (size_t i = 0; i < times; i++) {
        sbuf_add_byte(to, c);
    }
}

/* Samples and parts of them, bytes and runs, and stretches of what no pattern has. */
static void make_text(uint64_t *seed, const struct set *s, struct sbuf *text)
{
    static const uint8_t harmless[] = "~qQ";
    const struct alphabet *a = &s->alphabet;
    size_t wanted = 1 + dice_below(seed, TEXT_MAX);
    while (text->len < wanted && !text->cut) {
        const struct part *p = &s->parts[dice_below(seed, s->n)];
        struct span sample = sbuf_span(&p->samples[dice_below(seed, SAMPLES)]);
        size_t kind = dice_below(seed, 20);
        if (kind < 10) {
            sbuf_add(text, sample);
        } else if (kind < 13 && sample.len > 0) {
            sbuf_add(text, span_sub(sample, dice_below(seed, 2), 1 + dice_below(seed, sample.len)));
        } else if (kind < 17) {
            sbuf_add_byte(text, some_byte(seed, a));
        } else if (kind < 18) {
            add_times(text, some_byte(seed, a), dice_below(seed, one_in(seed, 4) ? 300 : 80));
        } else {
            add_times(text, harmless[dice_below(seed, 3)], dice_below(seed, kind == 18 ? 6 : 150));
        }
    }
}

/* --- scans -------------------------------------------------------------------------------------
 */

struct scanner {
    struct match_db *db;
    struct match_scratch *scratch;
    struct match_stream *stream;
};

/* False when the patterns are refused. */
static bool scanner_open(struct scanner *s, const struct match_pattern *patterns, size_t n)
{
    struct errbuf err = {0};
    bool good = match_db_new(patterns, n, NULL, &s->db, &err) == 0;
    errbuf_free(&err);
    if (good) {
        CU_ASSERT_EQUAL_FATAL(match_scratch_fit(&s->scratch, s->db), 0);
        s->stream = match_stream_open(s->db);
        CU_ASSERT_PTR_NOT_NULL_FATAL(s->stream);
    }
    return good;
}

static void scanner_close(struct scanner *s)
{
    match_stream_close(&s->stream);
    match_db_free(&s->db);
}

static void scan_whole(struct scanner *s, struct span text, size_t most, struct found *f)
{
    found_none(f, most);
    match_block(s->db, s->scratch, text, on_hit, f);
}

static void scan_pieces(struct scanner *s, struct span text, size_t piece_max, struct found *f)
{
    uint64_t seed = text.len + piece_max;
    uint64_t before = 0;
    match_stream_reset(s->stream);
    while (text.len > 0) {
        struct span piece = span_head(text, 1 + dice_below(&seed, piece_max));
        size_t n = f->n;
        match_stream_scan(s->stream, s->scratch, piece, on_hit, f);
        CU_ASSERT(n == f->n || f->hits[n] >> 16 > before); /* none is told late */
        before += piece.len;
        text = span_from(text, piece.len);
    }
}

/* All that there is, and the first few. Returns whether nothing differs. */
static bool check_text(struct scanner *s, struct span text, const struct found *all,
                       struct found *f)
{
    static const size_t piece_max[] = {1, 2, 6, 40, 200};
    scan_whole(s, text, HITS_MAX, f);
    bool good = same(all, f);
    for (size_t i = 0; i < ARRAY_LEN(piece_max); i++) {
        found_none(f, HITS_MAX);
        scan_pieces(s, text, piece_max[i], f);
        good = same(all, f) && good;
        scan_whole(s, text, 1 + all->n * i / 4, f);
        good = same(all, f) && good;
        found_none(f, 1 + all->n * i / 4);
        scan_pieces(s, text, piece_max[i], f);
        good = same(all, f) && good;
    }
    return good;
}

/* --- tests -------------------------------------------------------------------------------------
 */

static bool is_known(const struct match_pattern *patterns, size_t n)
{
    struct skip *skip = skip_new(patterns, n);
    bool known = skip != NULL;
    skip_free(&skip);
    return known;
}

struct tally {
    size_t known;
    size_t refused;
    size_t hits;
};

/* Texts are scanned byte by byte first. */
static void check_set(struct scanner *s, uint64_t *seed, const struct set *set, struct tally *t)
{
    static struct found all;
    static struct found f;
    struct sbuf text = sbuf_with_cap(TEXT_MAX);
    for (size_t i = 0; i < TEXTS; i++) {
        sbuf_reset(&text);
        make_text(seed, set, &text);
        match_db_skip(s->db, NULL, 0);
        scan_whole(s, sbuf_span(&text), HITS_MAX, &all);
        put_in_order(&all);
        t->hits += all.n;
        match_db_skip(s->db, set->patterns, set->n);
        CU_ASSERT(check_text(s, sbuf_span(&text), &all, &f));
    }
    sbuf_free(&text);
}

static void sets_at_random_find_what_a_scan_of_every_byte_finds(void)
{
    struct tally t = {0};
    struct scanner s = {.db = NULL};
    for (uint64_t round = 0; round < SETS; round++) {
        uint64_t seed = round;
        struct set set;
        make_set(&seed, &set);
        bool known = is_known(set.patterns, set.n);
        t.known += known;
        if (known && scanner_open(&s, set.patterns, set.n)) {
            check_set(&s, &seed, &set, &t);
            scanner_close(&s);
        } else {
            t.refused += known;
        }
        set_free(&set);
    }
    CU_ASSERT(t.known > SETS / 2);
    CU_ASSERT(t.refused < SETS / 10);
    CU_ASSERT(t.hits > 50 * SETS);
    match_scratch_free(&s.scratch);
}

/* In two pieces, wherever they are cut. */
static bool check_cuts(struct scanner *s, struct span text, const struct found *all,
                       struct found *f)
{
    bool good = true;
    for (size_t cut = 1; cut < text.len; cut++) {
        found_none(f, HITS_MAX);
        match_stream_reset(s->stream);
        match_stream_scan(s->stream, s->scratch, span_head(text, cut), on_hit, f);
        match_stream_scan(s->stream, s->scratch, span_from(text, cut), on_hit, f);
        good = same(all, f) && good;
    }
    return good;
}

/* Whether nothing differs, for expressions of which all is known. Ends with NULL. */
static bool finds_the_same(const char *const *expressions, const char *text)
{
    static struct found all;
    static struct found f;
    struct match_pattern patterns[PATTERNS_MAX] = {{.literal = false}};
    struct scanner s = {.db = NULL};
    size_t n = 0;
    for (; expressions[n] != NULL; n++) {
        patterns[n].text = span_str(expressions[n]);
    }
    CU_ASSERT(is_known(patterns, n));
    CU_ASSERT_FATAL(scanner_open(&s, patterns, n));
    match_db_skip(s.db, NULL, 0);
    scan_whole(&s, span_str(text), HITS_MAX, &all);
    put_in_order(&all);
    match_db_skip(s.db, patterns, n);
    bool good = all.n > 0 && check_text(&s, span_str(text), &all, &f) &&
                check_cuts(&s, span_str(text), &all, &f);
    scanner_close(&s);
    match_scratch_free(&s.scratch);
    return good;
}

/* "a" is too little to go on with, but the 'x' behind it, a match, is where the scan begins. */
static void a_beginning_that_is_cut_before_a_match_is_not_lost(void)
{
    static const char *const expressions[] = {"x", "axcd", "=\\r\\n=", NULL};
    CU_ASSERT(finds_the_same(expressions, "axcd"));
    CU_ASSERT(finds_the_same(expressions, "~~axcd~~~~~~~~~~~~~~~"));
    CU_ASSERT(finds_the_same(expressions, "~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~"
                                          "~~~~~~~~~~~~~~~~~~~~=\r\n=axcd~~~~~~"));
}

/* What goes on is short, as far as counts say, and counts are not looked at. */
static void a_long_match_is_found_where_a_short_one_seems_to_go_on(void)
{
    static const char *const expressions[] = {"%0+#", "%[0-9#]{1,3}!", NULL};
    CU_ASSERT(finds_the_same(expressions, "~~~~%0000000000000000000000#33333333333333333~~~~"));
}

/* --- many literals -----------------------------------------------------------------------------
 */

enum { LITERALS = 1500, LITERAL_MAX = 24 };

struct literals {
    uint8_t bytes[LITERALS][LITERAL_MAX];
    struct match_pattern patterns[LITERALS];
};

/* More than the automaton has states for, with all bytes apart. */
static void make_literals(uint64_t *seed, struct literals *l)
{
    static const uint8_t first[] = "%#&=";
    for (size_t i = 0; i < LITERALS; i++) {
        size_t len = 3 + dice_below(seed, LITERAL_MAX - 2);
        for (size_t k = 0; k < len; k++) {
            l->bytes[i][k] =
                k < START_LEN ? first[dice_below(seed, 4)] : (uint8_t)dice_below(seed, 256);
        }
        l->patterns[i] = (struct match_pattern){
            .text = span_of(l->bytes[i], len), .literal = true, .nocase = one_in(seed, 2)};
    }
}

/* Literals, some of them cut, one after another. */
static void join_literals(uint64_t *seed, const struct literals *l, struct sbuf *text)
{
    while (text->len < TEXT_MAX - LITERAL_MAX) {
        struct span literal = l->patterns[dice_below(seed, LITERALS)].text;
        sbuf_add(text,
                 span_head(literal, one_in(seed, 3) ? 1 + dice_below(seed, 12) : literal.len));
        add_times(text, '~', one_in(seed, 4) ? dice_below(seed, 60) : 0);
    }
}

static void sets_of_more_literals_than_states_find_the_same(void)
{
    static struct found all;
    static struct found f;
    static struct literals l;
    struct scanner s = {.db = NULL};
    struct sbuf text = sbuf_with_cap(TEXT_MAX);
    uint64_t seed = 3;
    make_literals(&seed, &l);
    CU_ASSERT(is_known(l.patterns, LITERALS));
    CU_ASSERT_FATAL(scanner_open(&s, l.patterns, LITERALS));
    for (size_t i = 0; i < TEXTS; i++) {
        sbuf_reset(&text);
        join_literals(&seed, &l, &text);
        match_db_skip(s.db, NULL, 0);
        scan_whole(&s, sbuf_span(&text), HITS_MAX, &all);
        put_in_order(&all);
        CU_ASSERT(all.n > 20);
        match_db_skip(s.db, l.patterns, LITERALS);
        CU_ASSERT(check_text(&s, sbuf_span(&text), &all, &f));
        CU_ASSERT(check_cuts(&s, sbuf_span(&text), &all, &f));
    }
    sbuf_free(&text);
    scanner_close(&s);
    match_scratch_free(&s.scratch);
}

static void memory_that_fails_anywhere_leaves_nothing_behind(void)
{
    const struct match_pattern patterns[] = {
        {.text = SPAN("0+%#")},
        {.text = SPAN("(?:&|#{1,2})[^a]!?%")},
        {.text = SPAN("%Kk"), .literal = true, .nocase = true}};
    bool whole = false;
    for (size_t n = 1; !whole; n++) {
        int64_t before = mem_in_use();
        mem_fail_at(n, 0);
        struct skip *skip = skip_new(patterns, ARRAY_LEN(patterns));
        whole = mem_fail_left() > 0;
        mem_fail_at(0, 0);
        CU_ASSERT(skip != NULL || !whole);
        skip_free(&skip);
        CU_ASSERT_EQUAL(mem_in_use(), before);
    }
}

static CU_TestInfo tests[] = {
    {"sets_of_more_literals_than_states_find_the_same",
     sets_of_more_literals_than_states_find_the_same},
    {"memory_that_fails_anywhere_leaves_nothing_behind",
     memory_that_fails_anywhere_leaves_nothing_behind},
    {"a_beginning_that_is_cut_before_a_match_is_not_lost",
     a_beginning_that_is_cut_before_a_match_is_not_lost},
    {"a_long_match_is_found_where_a_short_one_seems_to_go_on",
     a_long_match_is_found_where_a_short_one_seems_to_go_on},
    {"sets_at_random_find_what_a_scan_of_every_byte_finds",
     sets_at_random_find_what_a_scan_of_every_byte_finds},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {{"match_sets", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
