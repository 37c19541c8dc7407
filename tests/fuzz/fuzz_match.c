/* fuzz_match: the patterns of the gate in any text, and in the same text as a stream in pieces.
 *
 * Scanned only where a match may begin, both find what is found when every byte is scanned. The
 * first two bytes of the input say how long the pieces are. */
#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "signatures/match.h"
#include "signatures/peel.h"
#include "tests/hits.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HITS_MAX = 1 << 16, PIECE_MAX = 100, N_LITERALS = 2 };

struct hits {
    size_t n;
    uint64_t all[HITS_MAX]; /* end and pattern, in the order in which they are told */
};

static struct match_db *thorough; /* scans every byte */
static struct match_db *db;
static struct match_scratch *scratch;
static struct match_stream *stream;
static struct hits expected;
static struct hits got;

static bool on_hit(void *ctx, uint32_t pattern, uint64_t end)
{
    struct hits *h = ctx;
    if (h->n < HITS_MAX) {
        h->all[h->n++] = hit_of(pattern, end);
    }
    return true;
}

static struct match_db *compile(const struct match_pattern *patterns, size_t n)
{
    struct errbuf err = {0};
    struct match_db *made = NULL;
    int r = match_db_new(patterns, n, NULL, &made, &err);
    r = r == 0 ? match_scratch_fit(&scratch, made) : r;
    errbuf_free(&err);
    return r == 0 ? made : NULL;
}

static bool prepare(void)
{
    size_t n = peel_gate_n_patterns() + N_LITERALS;
    struct match_pattern *patterns = mem_alloc_array(n, sizeof(*patterns));
    if (patterns == NULL) {
        return false;
    }
    patterns[0] = (struct match_pattern){.text = SPAN("jNdi:"), .literal = true, .nocase = true};
    patterns[1] = (struct match_pattern){.text = SPAN("x}"), .literal = true};
    for (size_t i = N_LITERALS; i < n; i++) {
        patterns[i] = peel_gate_pattern(i - N_LITERALS);
    }
    thorough = compile(patterns, n);
    db = compile(patterns, n);
    if (thorough != NULL && db != NULL) {
        match_db_skip(thorough, NULL, 0);
        match_db_skip(db, patterns, n);
        stream = match_stream_open(db);
    }
    mem_free(patterns);
    return stream != NULL;
}

static void scan_pieces(struct span text, size_t first, size_t piece)
{
    size_t len = first;
    match_stream_reset(stream);
    for (size_t off = 0; off < text.len; off += len, len = piece) {
        match_stream_scan(stream, scratch, span_sub(text, off, len), on_hit, &got);
    }
}

static void check_same(void)
{
    CHECK(got.n == expected.n);
    CHECK(bytes_equal(got.all, expected.all, got.n * sizeof(got.all[0])));
    got.n = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (stream == NULL && !prepare()) {
        return 0;
    }
    struct span in = span_of(data, size);
    struct span text = span_from(in, 2);
    size_t first = 1 + span_at(in, 0) % PIECE_MAX;
    size_t piece = 1 + span_at(in, 1) % PIECE_MAX;
    expected.n = 0;
    got.n = 0;
    match_block(thorough, scratch, text, on_hit, &expected);
    match_block(db, scratch, text, on_hit, &got);
    check_same();
    scan_pieces(text, first, piece);
    check_same();
    return 0;
}
