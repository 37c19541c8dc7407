/* peel_runs: whether anything may be hidden in the base64 of a text.
 *
 * Base64 is decoded on the way, from each of the four characters at which its groups may begin, and
 * each stretch of text in what comes out is looked at like any other text (peel_read.c). Words of
 * prose are such runs too, so a short one is first decoded as a whole, and left where nothing in it
 * could begin a look-up.
 *
 * One pass, no memory but a window of decoded bytes for each beginning. */
#include "signatures/peel_runs.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/utf.h"
#include "signatures/peel_pieces.h"

enum {
    WORD_MIN = PEEL_RUN_MIN, /* base64 inside of base64 */
    WINDOW = 512,            /* of decoded bytes */
    CONTEXT = 128,           /* of these, what is only looked at to read escapes */
    SHIFTS = 4,              /* places where base64 may begin */
    GZIP_START = 0x1f8b08,   /* how data that gzip made begins */
    SHORT_MAX = 256,         /* characters of a run that is decoded as a whole */
};

/* What a run decodes to when it begins at one of its first characters. */
struct decoded {
    struct peel_walk walk;
    uint8_t bytes[WINDOW];
    size_t n;
    uint8_t last;
    uint8_t last_but_one;
    bool worth;      /* something in `bytes` may begin a look-up or an encoding */
    size_t settle;   /* what begins behind this in `bytes` does not matter; SIZE_MAX: all does */
    bool over;       /* and what began before is over */
    unsigned n_word; /* length of the word of base64 at the end */
    unsigned cases;  /* of its letters */
    size_t n_all;
    size_t n_control;
};

static bool is_late(const struct decoded *d)
{
    return d->settle != SIZE_MAX;
}

bool peel_has_utf16(struct span text)
{
    struct span piece;
    enum utf16_order order;
    return utf16_guess(text, &order) || peel_next_utf16(text, 0, &piece);
}

/* Looks at what there is up to `until`, and forgets that. */
static bool look_at(struct decoded *d, size_t until)
{
    struct span text = span_of(d->bytes, d->n);
    size_t off = 0;
    until = until < d->n ? until : d->n;
    if (d->worth && d->n >= PEEL_TEXT_MIN) {
        d->walk.settle = d->settle;
        d->walk.active = 0;
        if (peel_walk_on(&d->walk, text, &off, until) || peel_has_utf16(text) ||
            (d->walk.folded && span_find_byte(text, 0, 0) != SPAN_NONE)) {
            return true;
        }
        d->over = d->over || d->walk.settled;
    }
    off = off > until ? off : until;
    off = off < d->n ? off : d->n;
    bytes_move(d->bytes, d->bytes + off, d->n - off);
    d->n -= off;
    if (is_late(d)) {
        d->settle = d->settle > off ? d->settle - off : 0;
    }
    return false;
}

/* A stretch of text ends. */
static bool look_at_end(struct decoded *d)
{
    bool found = look_at(d, SIZE_MAX) || (d->worth && peel_walk_end(&d->walk));
    if (d->worth) {
        peel_walk_start(&d->walk);
    }
    d->over = d->over || is_late(d);
    d->n = 0;
    d->worth = false;
    d->n_word = 0;
    d->cases = 0;
    return found;
}

/* Whether a long word of base64, with letters of both cases, ends here. */
static bool ends_word(struct decoded *d, uint8_t c)
{
    bool in_word = base64_value(BASE64_EITHER, c) >= 0;
    d->n_word = in_word ? d->n_word + 1 : 0;
    d->cases = in_word ? d->cases : 0;
    d->cases |= byte_is_alpha(c) ? (c >= 97 ? 1u : 2u) : 0u;
    return d->n_word >= WORD_MIN && d->cases == 3;
}

/* One more decoded byte; true when something is hidden in what came so far. */
static bool decoded_byte(struct decoded *d, uint8_t c)
{
    bool is_text = peel_is_text(c, d->last, d->last_but_one);
    d->last_but_one = d->last;
    d->last = c;
    d->n_all++;
    if (!is_text) {
        d->n_control++;
        /* Now and then one is no reason to begin anew. */
        return d->n_control * 8 > d->n_all && look_at_end(d);
    }
    if (ends_word(d, c)) {
        return true;
    }
    d->worth = d->worth || peel_is_worth_reading(c);
    d->bytes[d->n++] = c;
    return d->n == WINDOW && look_at(d, WINDOW - CONTEXT);
}

static void decoded_start(struct decoded *d)
{
    peel_walk_start(&d->walk);
    d->n = 0;
    d->last = ' ';
    d->last_but_one = ' ';
    d->worth = false;
    d->settle = SIZE_MAX;
    d->over = false;
    d->n_word = 0;
    d->cases = 0;
    d->n_all = 0;
    d->n_control = 0;
}

/* One more character of a run: bits are those of the last five, n is its place. */
static bool run_char(struct decoded *shifts, uint32_t bits, size_t n)
{
    for (size_t s = 0; s < SHIFTS && s <= n; s++) {
        size_t place = (n - s) % 4;
        if (place > 0 && !shifts[s].over &&
            decoded_byte(&shifts[s], (uint8_t)(bits >> (6 - place * 2)))) {
            return true;
        }
    }
    return false;
}

/* From here on nothing that begins matters. True when all is over. */
static bool come_late(struct decoded *shifts)
{
    bool over = true;
    for (size_t s = 0; s < SHIFTS; s++) {
        shifts[s].settle = is_late(&shifts[s]) ? shifts[s].settle : shifts[s].n;
        shifts[s].over = shifts[s].over || (!shifts[s].worth && shifts[s].n_word == 0);
        over = over && shifts[s].over;
    }
    return over;
}

bool peel_is_worth_a_look(struct span bytes)
{
    size_t n_word = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        uint8_t c = bytes.data[i];
        n_word = base64_value(BASE64_EITHER, c) >= 0 ? n_word + 1 : 0;
        if (n_word >= WORD_MIN || peel_is_worth_reading(c)) {
            return true;
        }
    }
    return false;
}

/* What a whole run decodes to, from one of its beginnings. */
static bool hides_in_decoded(struct span bytes)
{
    if (!peel_is_worth_a_look(bytes)) {
        return false;
    }
    struct decoded d;
    decoded_start(&d);
    for (size_t i = 0; i < bytes.len; i++) {
        if (decoded_byte(&d, bytes.data[i])) {
            return true;
        }
    }
    return look_at_end(&d);
}

/* What characters of base64 decode to from the s-th on, a last group without all its bytes too. */
static struct span decode_from(struct span chars, size_t s, uint8_t *to)
{
    size_t n = 0;
    uint32_t bits = 0;
    for (size_t i = s; i < chars.len; i++) {
        size_t place = (i - s) % 4;
        bits = bits << 6 | (uint32_t)base64_value(BASE64_EITHER, chars.data[i]);
        if (place > 0) {
            to[n++] = (uint8_t)(bits >> (6 - place * 2));
        }
    }
    return span_of(to, n);
}

/* Whether a group of it is how data that gzip made begins. */
static bool has_gzip(struct span bytes)
{
    for (size_t i = 0; i + 3 <= bytes.len; i += 3) {
        uint32_t group =
            (uint32_t)bytes.data[i] << 16 | (uint32_t)bytes.data[i + 1] << 8 | bytes.data[i + 2];
        if (group == GZIP_START) {
            return true;
        }
    }
    return false;
}

/* The same as peel_hides_in_run() for a short run of nothing but characters of base64. */
static bool hides_in_short(struct span chars)
{
    uint8_t to[SHORT_MAX];
    for (size_t s = 0; s < SHIFTS; s++) {
        struct span bytes = decode_from(chars, s, to);
        if (has_gzip(bytes) || hides_in_decoded(bytes)) {
            return true;
        }
    }
    return false;
}

bool peel_hides_in_run(struct span text, size_t *ret_off, size_t settle)
{
    struct decoded shifts[SHIFTS];
    uint32_t bits = 0;
    size_t n = 0;
    size_t at = *ret_off;
    for (size_t s = 0; s < SHIFTS; s++) {
        decoded_start(&shifts[s]);
    }
    while (at < text.len && (at < settle || !come_late(shifts))) {
        size_t len = 0;
        int value = peel_read_base64(text, at, &len);
        if (value == -1) {
            break;
        }
        at += len;
        if (value >= 0) {
            bits = bits << 6 | (uint32_t)value;
            if (run_char(shifts, bits, n++) || (n >= 4 && (bits & 0xffffff) == GZIP_START)) {
                *ret_off = at;
                return true;
            }
        }
    }
    *ret_off = at > *ret_off ? at : *ret_off + 1;
    bool found = false;
    for (size_t s = 0; s < SHIFTS && n >= PEEL_RUN_MIN && !found; s++) {
        found = !shifts[s].over && look_at_end(&shifts[s]);
    }
    return found;
}

/* Behind the characters of base64 at off. */
static size_t run_end(struct span text, size_t off)
{
    while (off < text.len && base64_value(BASE64_EITHER, text.data[off]) >= 0) {
        off++;
    }
    return off;
}

/* A '=' in front of what looks like the rest of an escape ("token=cCR7") may be none: behind the
 * first in a run, the run is read once more as if it began there. */
bool peel_hides_in_runs(struct span text)
{
    size_t off = 0;
    size_t read_to = 0;
    while (off < text.len) {
        size_t end = run_end(text, off);
        size_t next = 1;
        bool more =
            end < text.len && peel_read_base64(text, end, &next) != -1 && (end > off || next > 1);
        if (end - off < PEEL_RUN_MIN && !more) {
            off = end + (span_at(text, end) == '=' ? 1 : next);
            continue;
        }
        size_t from = off;
        if (!more && end - off <= SHORT_MAX) {
            if (hides_in_short(span_sub(text, off, end - off))) {
                return true;
            }
            off = end;
            continue;
        }
        if (peel_hides_in_run(text, &off, SIZE_MAX)) {
            return true;
        }
        size_t equals = span_find_byte(span_head(text, off), from, '=');
        if (equals != SPAN_NONE && from >= read_to) {
            read_to = off;
            off = equals + 1;
        }
    }
    return false;
}
