/* peel_base64: pieces of base64 in a text.
 *
 * Each run of its characters is decoded from each of the four places where its groups may begin.
 * What is nearly all text when the run is taken as it stands is one piece, and all if it is UTF-8;
 * else each stretch of text in what comes out is one, so that characters glued to the front or the
 * end of a run do no harm. Data that gzip made is inflated, up to a cap, wherever in a run it
 * begins. Pieces that hide nothing are dropped; the others are readings by themselves, and one more
 * reading is the text with all of them in their places.
 *
 * A run that an escape cuts ("JHt%2FqbmRp": its '/' is percent-encoded) is decoded all the same,
 * but what comes of it is marked: it stands only when the escape, undone first, shows no more. */
#include "sensor/base/bytes.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/inflater.h"
#include "sensor/codec/utf.h"
#include "signatures/peel_pieces.h"
#include "signatures/peel_read.h"
#include "signatures/peel_runs.h"
#include "signatures/peel_search.h"
#include "signatures/peel_spell.h"

enum {
    SHIFTS = 4,
    SAMPLE_MAX = 256,
    GLANCE_COST = 2,
    INFLATED_MAX = 1 << 16,
    INFLATER_COST = 1000, /* to have one */
    INFLATE_STEP = 512,
    INFLATE_COST = 30, /* of a byte that is inflated; one that comes out costs 1 */
};

/* The pieces of base64 found so far in a reading. */
struct found {
    int parent;
    struct peel_reading spliced;
    struct peel_reading alone[PEEL_PIECES_MAX];
    size_t n;
    bool cut; /* an escape stands where a run ends */
};

/* What it takes is charged as it goes: small blocks, and members, each have tables to be made, and
 * a damaged stream is read again. */
static bool inflate(struct peeler *p, struct span in, struct sbuf *out)
{
    struct inflater *i = inflater_new(INFLATER_GZIP);
    enum inflater_result result = i == NULL ? INFLATER_BROKEN : INFLATER_MORE;
    size_t n = 0;
    bool paid = peel_spend(p, INFLATER_COST);
    while (result == INFLATER_MORE && in.len > 0 && !out->cut && paid) {
        struct span part = span_head(in, INFLATE_STEP);
        in = span_from(in, part.len);
        n += part.len;
        paid = peel_spend(p, part.len * INFLATE_COST);
        size_t before = out->len;
        do {
            struct span piece = {NULL, 0};
            result = inflater_next(i, &part, &piece);
            sbuf_add(out, piece);
        } while (result == INFLATER_FULL && !out->cut);
        paid = paid && peel_spend(p, out->len - before);
    }
    inflater_free(&i);
    return (result != INFLATER_BROKEN || peel_spend(p, n * INFLATE_COST)) && paid && out->len > 0;
}

static bool is_gzip(struct span bytes)
{
    return span_starts(bytes, SPAN("\x1f\x8b"));
}

/* One text came out of a run: kept, if something may be hidden in it. */
static bool keep_piece(struct peeler *p, struct found *f, const struct peel_piece *piece,
                       struct span text, struct encodings encodings)
{
    bool cut = false;
    if (!peel_spend(p, peel_read_cost(text)) || !peel_may_hide(text)) {
        return false;
    }
    struct span copy = arena_copy(p->texts, text, text.len, &cut);
    if (f->n == PEEL_PIECES_MAX || cut) {
        p->over_budget = true;
        return false;
    }
    struct peel_reading *alone = &f->alone[f->n++];
    *alone = peel_child(p, f->parent);
    alone->text = copy;
    alone->encodings = encodings;
    alone->pieces[0] = *piece;
    alone->n_pieces = 1;
    return true;
}

/* Stretches of text in what a run decodes to when it begins `shift` characters late. */
static void keep_stretches(struct peeler *p, struct found *f, const struct peel_run *run,
                           size_t shift, struct encodings encodings)
{
    struct span bytes = sbuf_span(&p->decoded);
    struct span text = {NULL, 0};
    size_t off = 0;
    while (peel_next_text(bytes, off, &text)) {
        if (f->n == PEEL_PIECES_MAX) {
            p->over_budget = true;
            return;
        }
        size_t at = 0;
        (void)span_contains(bytes, text, &at);
        off = at + text.len;
        if (!peel_is_worth_a_look(text)) {
            if (!peel_spend(p, text.len * GLANCE_COST)) {
                return;
            }
            continue;
        }
        size_t from = shift + at / 3 * 4;
        size_t end = shift + (off + 2) / 3 * 4;
        end = end < run->len ? end : run->len + run->tail;
        struct peel_piece piece = {run->off + from, end - from, 0, text.len, 4};
        (void)keep_piece(p, f, &piece, text, encodings);
    }
}

/* Tries a run as it stands: gzip, or text. */
static bool keep_run(struct peeler *p, struct found *f, const struct peel_run *run,
                     struct encodings encodings)
{
    struct span bytes = sbuf_span(&p->decoded);
    struct peel_piece piece = {run->off, run->len + run->tail, 0, bytes.len, 4};
    if (is_gzip(bytes)) {
        struct sbuf out = sbuf_with_cap(INFLATED_MAX);
        piece.grain = 0;
        encodings = encodings_with(encodings, ENCODING_GZIP);
        bool kept = inflate(p, bytes, &out);
        piece.out_len = out.len;
        kept = kept && keep_piece(p, f, &piece, sbuf_span(&out), encodings);
        sbuf_free(&out);
        return kept;
    }
    return peel_is_mostly_text(bytes) && keep_piece(p, f, &piece, bytes, encodings);
}

static void decode(struct peeler *p, struct span chars)
{
    struct base64 d = base64_start(BASE64_EITHER);
    sbuf_reset(&p->decoded);
    base64_decode(&d, chars, &p->decoded);
    base64_finish(&d, &p->decoded);
}

/* Tries what gzip made, behind other characters of the run ("/path/H4sI"). */
static bool keep_gzip(struct peeler *p, struct found *f, const struct peel_run *run,
                      struct encodings encodings)
{
    struct span text = p->readings[f->parent].text;
    struct peel_run rest = *run;
    size_t end = run->off + run->len;
    size_t at = span_find(span_head(text, end), run->off + 1, SPAN("H4sI"));
    while (at != SPAN_NONE && peel_spend(p, run->len)) {
        rest.off = at;
        rest.len = end - at;
        decode(p, span_sub(text, at, rest.len));
        if (keep_run(p, f, &rest, encodings)) {
            return true;
        }
        at = span_find(span_head(text, end), at + 1, SPAN("H4sI"));
    }
    return false;
}

/* Bytes of the beginning of a run that are plain text, of UTF-16 too, when it begins so late. */
static size_t count_plain(struct peeler *p, struct span chars, size_t shift)
{
    decode(p, span_sub(chars, shift, SAMPLE_MAX));
    size_t n = 0;
    for (size_t i = 0; i < p->decoded.len; i++) {
        uint8_t c = p->decoded.data[i];
        n += (c >= 0x20 && c < 0x7f) || c == 0 || c == '\r' || c == '\n' || c == '\t';
    }
    return n;
}

/* The places where a run may begin, the likeliest first: others give chance finds, for which there
 * is only so much room. What gzip made is not plain. */
static void sort_shifts(struct peeler *p, struct span chars, size_t *order)
{
    size_t plain[SHIFTS];
    for (size_t shift = 0; shift < SHIFTS; shift++) {
        size_t at = shift;
        bool packed = shift == 0 && span_starts(chars, SPAN("H4sI"));
        plain[shift] = packed ? SIZE_MAX : count_plain(p, chars, shift);
        while (at > 0 && plain[order[at - 1]] < plain[shift]) {
            order[at] = order[at - 1];
            at--;
        }
        order[at] = shift;
    }
}

static void undo_run(struct peeler *p, struct found *f, const struct peel_run *run)
{
    struct span chars = span_sub(p->readings[f->parent].text, run->off, run->len);
    enum encoding encoding = run->url ? ENCODING_BASE64URL : ENCODING_BASE64;
    struct encodings encodings = encodings_with(p->readings[f->parent].encodings, encoding);
    f->cut = f->cut || peel_run_is_cut(p->readings[f->parent].text, run);
    size_t order[SHIFTS];
    sort_shifts(p, chars, order);
    for (size_t i = 0; i < SHIFTS && peel_spend(p, run->len * PEEL_COST); i++) {
        decode(p, span_from(chars, order[i]));
        struct span bytes = sbuf_span(&p->decoded);
        if (order[i] > 0 || !keep_run(p, f, run, encodings)) {
            keep_stretches(p, f, run, order[i], encodings);
        } else if (is_gzip(bytes) || utf8_is_valid(bytes)) {
            return;
        }
    }
    (void)keep_gzip(p, f, run, encodings);
}

static void splice_found(struct peeler *p, struct found *f)
{
    struct peel_reading r = peel_child(p, f->parent);
    size_t end = 0;
    sbuf_reset(&p->decoded);
    r.encodings = f->alone[0].encodings;
    r.cut = r.cut || f->cut;
    for (size_t i = 0; i < f->n; i++) {
        const struct peel_piece *piece = &f->alone[i].pieces[0];
        bool overlaps =
            i + 1 < f->n && f->alone[i + 1].pieces[0].in_off < piece->in_off + piece->in_len;
        bool better =
            overlaps && !peel_may_spell(f->alone[i].text) && !peel_has_utf16(f->alone[i].text);
        if (piece->in_off < end || better) { /* one reading of each place */
            continue;
        }
        end = piece->in_off + piece->in_len;
        r.pieces[r.n_pieces++] = *piece;
        sbuf_add(&p->decoded, f->alone[i].text);
    }
    peel_add_spliced(p, &r);
}

void peel_undo_base64(struct peeler *p, int parent)
{
    struct found f = {.parent = parent};
    struct peel_run run;
    size_t off = 0;
    while (f.n < PEEL_PIECES_MAX && peel_next_run(p->readings[parent].text, off, &run)) {
        undo_run(p, &f, &run);
        off = run.off + run.len;
    }
    p->over_budget = p->over_budget ||
                     (f.n == PEEL_PIECES_MAX && peel_next_run(p->readings[parent].text, off, &run));
    for (size_t i = 0; i < f.n; i++) {
        f.alone[i].cut = f.alone[i].cut || f.cut;
        peel_add(p, &f.alone[i]);
    }
    if (f.n > 0) {
        splice_found(p, &f);
    }
}
