/* peel_undo: the layers that a reading may have, each undone on trial.
 *
 * Layers of escapes are undone wherever their escapes stand. Encoded words, extended parameters and
 * UTF-7 are decoded as a whole, UTF-16 as a whole or where a piece of it stands. The order is that
 * in which readings with equally many layers are looked at. */
#include "sensor/base/bytes.h"
#include "sensor/codec/utf.h"
#include "sensor/codec/words.h"
#include "signatures/peel_marks.h"
#include "signatures/peel_pieces.h"
#include "signatures/peel_search.h"
#include "signatures/peel_words.h"

static void undo_step(struct peeler *p, int parent, enum peel_step step)
{
    struct span text = p->readings[parent].text;
    sbuf_reset(&p->scratch);
    if (!peel_spend(p, text.len)) {
        return;
    }
    uint32_t encodings = peel_step_undo(step, text, &p->scratch);
    if (encodings == 0) {
        return;
    }
    struct peel_reading r = peel_child(p, parent);
    r.text = sbuf_span(&p->scratch);
    r.step = step;
    peel_add_encodings(&r, encodings);
    peel_add(p, &r);
}

/* Where it is a form's, '+' is undone with it. */
static void undo_form(struct peeler *p, int parent)
{
    struct span text = p->readings[parent].text;
    if (span_find_byte(text, 0, '+') != SPAN_NONE && peel_spend(p, text.len * PEEL_COST) &&
        peel_is_form(text)) {
        undo_step(p, parent, PEEL_STEP_FORM);
    }
}

/* All of p->scratch came from all of the parent. */
static void add_whole(struct peeler *p, int parent, enum encoding encoding)
{
    struct peel_reading r = peel_child(p, parent);
    r.text = sbuf_span(&p->scratch);
    r.encodings = encodings_with(r.encodings, encoding);
    r.pieces[0] = (struct peel_piece){0, p->readings[parent].text.len, 0, r.text.len, 0};
    r.n_pieces = 1;
    peel_add(p, &r);
}

size_t peel_decode_words(struct peeler *p, struct span text)
{
    sbuf_reset(&p->scratch);
    sbuf_reset(&p->decoded);
    return peel_words_undo(text, &p->decoded, &p->scratch);
}

/* Whether there were any. */
static bool undo_words(struct peeler *p, int parent)
{
    struct span text = p->readings[parent].text;
    if (span_find(text, 0, SPAN("=?")) == SPAN_NONE || !peel_spend(p, text.len * PEEL_COST) ||
        peel_decode_words(p, text) == 0) {
        return false;
    }
    add_whole(p, parent, ENCODING_RFC2047);
    return true;
}

static void undo_extended(struct peeler *p, int parent)
{
    struct span text = p->readings[parent].text;
    sbuf_reset(&p->scratch);
    if (peel_is_extended(text) && peel_spend(p, text.len * PEEL_COST) &&
        words_decode_extended(text, &p->scratch)) {
        add_whole(p, parent, ENCODING_RFC2231);
    }
}

static void undo_utf7(struct peeler *p, int parent)
{
    struct span text = p->readings[parent].text;
    sbuf_reset(&p->scratch);
    if (span_find_byte(text, 0, '+') != SPAN_NONE && peel_spend(p, text.len * PEEL_COST) &&
        (utf7_decode_latin(text, &p->scratch) > 0 || span_find(text, 0, SPAN("+-")) != SPAN_NONE)) {
        add_whole(p, parent, ENCODING_UTF7);
    }
}

static void undo_utf16_whole(struct peeler *p, int parent, enum utf16_order order)
{
    struct span text = p->readings[parent].text;
    sbuf_reset(&p->scratch);
    utf16_decode(text, order, &p->scratch);
    struct peel_reading r = peel_child(p, parent);
    r.text = sbuf_span(&p->scratch);
    r.encodings = encodings_with(r.encodings, ENCODING_UTF16);
    size_t mark = text.len - r.text.len * 2 == 2 ? 2 : 0;
    size_t grain = text.len - mark == r.text.len * 2 ? 2 : 0;
    r.pieces[0] = (struct peel_piece){mark, text.len - mark, 0, r.text.len, grain};
    r.n_pieces = 1;
    peel_add(p, &r);
}

/* Where pieces of it stand; what is whole as such is one piece. Whether the first is all but a
 * character in front and one behind. */
static bool undo_utf16_pieces(struct peeler *p, int parent)
{
    struct span text = p->readings[parent].text;
    struct peel_reading r = peel_child(p, parent);
    sbuf_reset(&p->decoded);
    struct span piece;
    size_t off = 0;
    while (r.n_pieces < PEEL_PIECES_MAX && peel_next_utf16(text, off, &piece)) {
        size_t at = 0;
        (void)span_contains(text, piece, &at);
        size_t before = p->decoded.len;
        utf16_decode(piece, piece.data[0] == 0 ? UTF16_BE : UTF16_LE, &p->decoded);
        size_t n = p->decoded.len - before;
        size_t grain = piece.len == n * 2 ? 2 : 0;
        r.pieces[r.n_pieces++] = (struct peel_piece){at, piece.len, 0, n, grain};
        off = at + piece.len;
    }
    if (r.n_pieces > 0) {
        r.encodings = encodings_with(r.encodings, ENCODING_UTF16);
        peel_add_spliced(p, &r);
    }
    return r.n_pieces > 0 && r.pieces[0].in_off <= 1 && r.pieces[0].in_len + 2 >= text.len;
}

/* Whether the first two bytes are characters of ASCII, and what follows them is not of one layer
 * with them. */
static bool begins_otherwise(struct span text)
{
    uint8_t a = span_at(text, 0);
    uint8_t b = span_at(text, 1);
    return a >= 0x20 && a < 0x7f && b >= 0x20 && b < 0x7f;
}

/* As a whole, and in pieces too: other characters in front may turn what is high and what is low
 * around. Read as a whole such a text loses a character, perhaps the '$' that opens it, so that is
 * not tried where one piece is nearly all. */
static void undo_utf16(struct peeler *p, int parent)
{
    struct span text = p->readings[parent].text;
    enum utf16_order order = UTF16_LE;
    if (!peel_spend(p, text.len)) {
        return;
    }
    bool whole = utf16_guess(text, &order);
    bool pieces_first = begins_otherwise(text);
    if (whole && !pieces_first) {
        undo_utf16_whole(p, parent, order);
    }
    bool one_piece = undo_utf16_pieces(p, parent);
    if (whole && pieces_first && !one_piece) {
        undo_utf16_whole(p, parent, order);
    }
}

void peel_undo_plus(struct peeler *p, int parent)
{
    undo_step(p, parent, PEEL_STEP_PLUS);
}

void peel_undo(struct peeler *p, int parent)
{
    undo_extended(p, parent);
    undo_form(p, parent);
    undo_step(p, parent, PEEL_STEP_PERCENT);
    undo_step(p, parent, PEEL_STEP_HTML);
    undo_step(p, parent, PEEL_STEP_BACKSLASH);
    if (!undo_words(p, parent)) { /* base64 and '=' in words are theirs */
        peel_undo_base64(p, parent);
        undo_step(p, parent, PEEL_STEP_QUOTED_PRINTABLE);
    }
    undo_step(p, parent, PEEL_STEP_OVERLONG);
    undo_utf16(p, parent);
    undo_utf7(p, parent);
}
