/* fuzz_match_sets: any patterns in any text, and in the same text as a stream in pieces.
 *
 * As fuzz_match, but for the patterns, which come from the input: the first two bytes say how long
 * the pieces are. Then come the patterns, one a line, each behind a byte that says what it is;
 * behind an empty line the text. In a text a byte of 0xfe repeats the one before 32 times, so that
 * runs are short to write. Patterns of which skipping knows nothing, or that Hyperscan refuses, are
 * of no interest here. */
#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "signatures/match.h"
#include "signatures/match_skip.h"
#include "tests/hits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    HITS_MAX = 1 << 16,
    PIECE_MAX = 100,
    PATTERNS_MAX = 8,
    PATTERN_MAX = 48, /* bytes: longer ones take long to compile */
    TEXT_CAP = 4096,
    RUN = 0xfe,
    RUN_LEN = 32,
};

struct hits {
    size_t n;
    uint64_t all[HITS_MAX]; /* end and pattern */
};

struct input {
    size_t first; /* bytes of the first piece */
    size_t piece; /* and of the others */
    struct match_pattern patterns[PATTERNS_MAX];
    size_t n;
    struct sbuf text;
};

static struct match_scratch *scratch;
static struct hits expected;
static struct hits got;

static bool on_hit(void *ctx, uint32_t pattern, uint64_t end)
{
    struct hits *h = ctx;
    CHECK(h->n == 0 || h->all[h->n - 1] >> 16 <= end);
    if (h->n < HITS_MAX) {
        h->all[h->n++] = hit_of(pattern, end);
    }
    return true;
}

static void put_in_order(struct hits *h)
{
    CHECK(hits_sort(h->all, h->n));
}

/* Whether it is one that is tried. An expression ends at a zero for Hyperscan, and counts of three
 * digits, or in counts, take it long. */
static bool is_fit(const struct match_pattern *pattern)
{
    size_t n_digits = 0;
    size_t n_counts = 0;
    for (size_t i = 0; i < pattern->text.len && !pattern->literal; i++) {
        uint8_t c = pattern->text.data[i];
        n_digits = byte_is_digit(c) ? n_digits + 1 : 0;
        n_counts += c == '{';
        if (c == 0 || n_digits > 2 || n_counts > 3) {
            return false;
        }
    }
    return pattern->text.len <= PATTERN_MAX;
}

static bool read_patterns(struct span *in, struct input *ret)
{
    for (ret->n = 0; ret->n < PATTERNS_MAX && in->len > 0; ret->n++) {
        size_t end = span_find_byte(*in, 0, '\n');
        struct span line = span_head(*in, end);
        *in = span_from(*in, line.len + 1);
        if (line.len == 0) {
            break;
        }
        bool literal = line.data[0] % 4 >= 2;
        ret->patterns[ret->n] = (struct match_pattern){
            .text = span_from(line, 1), .literal = literal, .nocase = line.data[0] % 4 == 3};
        if (!is_fit(&ret->patterns[ret->n])) {
            return false;
        }
    }
    return ret->n > 0;
}

static void read_text(struct span in, struct sbuf *to)
{
    uint8_t before = 0;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.data[i];
        size_t times = c == RUN ? RUN_LEN : 1;
        before = c == RUN ? before : c;
        for (size_t k = 0; k < times; k++) {
            sbuf_add_byte(to, before);
        }
    }
}

static void check_same(void)
{
    put_in_order(&got);
    CHECK(got.n == expected.n);
    CHECK(bytes_equal(got.all, expected.all, got.n * sizeof(got.all[0])));
    got.n = 0;
}

static void check_stream(const struct match_db *db, const struct input *in)
{
    struct match_stream *stream = match_stream_open(db);
    size_t len = in->first;
    for (size_t off = 0; stream != NULL && off < in->text.len; off += len, len = in->piece) {
        size_t n = got.n;
        struct span piece = span_sub(sbuf_span(&in->text), off, len);
        match_stream_scan(stream, scratch, piece, on_hit, &got);
        CHECK(n == got.n || got.all[n] >> 16 > off); /* none is told late */
    }
    if (stream != NULL) {
        check_same();
    }
    match_stream_close(&stream);
}

static void check(struct match_db *db, const struct input *in)
{
    expected.n = 0;
    got.n = 0;
    match_db_skip(db, NULL, 0);
    match_block(db, scratch, sbuf_span(&in->text), on_hit, &expected);
    put_in_order(&expected);
    match_db_skip(db, in->patterns, in->n);
    match_block(db, scratch, sbuf_span(&in->text), on_hit, &got);
    check_same();
    check_stream(db, in);
}

static bool is_known(const struct input *in)
{
    struct skip *skip = skip_new(in->patterns, in->n);
    bool known = skip != NULL;
    skip_free(&skip);
    return known;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data, size);
    struct errbuf err = {0};
    struct match_db *db = NULL;
    struct input in = {.first = 1 + span_at(rest, 0) % PIECE_MAX,
                       .piece = 1 + span_at(rest, 1) % PIECE_MAX};
    rest = span_from(rest, 2);
    if (!read_patterns(&rest, &in) || !is_known(&in)) {
        return 0;
    }
    in.text = sbuf_with_cap(TEXT_CAP);
    read_text(rest, &in.text);
    if (match_db_new(in.patterns, in.n, NULL, &db, &err) == 0 &&
        match_scratch_fit(&scratch, db) == 0) {
        check(db, &in);
    }
    match_db_free(&db);
    sbuf_free(&in.text);
    errbuf_free(&err);
    return 0;
}
