/* peel_hide: whether anything could be found in a text, however it is read.
 *
 * A look-up has to spell `jndi` (peel_spell.c). Here each escape is read as what it stands for. One
 * that stands for the beginning of another one ("%25" for '%') may hide anything, if what follows
 * has the form of the rest; so may encoded words, UTF-7, UTF-16, soft line breaks, and letters that
 * nobody would escape. Base64 is decoded on the way, from each of the four characters at which its
 * groups may begin, and each stretch of text in it is looked at in the same manner.
 *
 * One pass, no memory. */
#include "sensor/base/bytes.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/utf.h"
#include "signatures/peel.h"
#include "signatures/peel_pieces.h"
#include "signatures/peel_spell.h"
#include "signatures/peel_steps.h"

enum {
    CODED_MIN = 4,           /* needless escapes in a row */
    WORD_MIN = PEEL_RUN_MIN, /* base64 inside of base64 */
    UTF7_MAX = 16,
    HEAD_MAX = 64, /* of an encoded word, to its text */
    WINDOW = 512,  /* of decoded bytes */
    CONTEXT = 128, /* of these, what is only looked at to read escapes */
    SHIFTS = 4,    /* places where base64 may begin */
};

static bool is_introducer(uint8_t c)
{
    return c == '%' || c == '&' || c == '\\' || c == '=' || c == '+';
}

/* The step that undoes an escape beginning with c; PEEL_STEP_N: none. */
static enum peel_step step_of(uint8_t c)
{
    return c == '%'    ? PEEL_STEP_PERCENT
           : c == '&'  ? PEEL_STEP_HTML
           : c == '\\' ? PEEL_STEP_BACKSLASH
           : c == '='  ? PEEL_STEP_QUOTED_PRINTABLE
           : c >= 0xc0 ? PEEL_STEP_OVERLONG
                       : PEEL_STEP_N;
}

/* A character of the text, or what an escape stands for. */
struct read_char {
    uint8_t bytes[16];
    size_t n;
    size_t len; /* in the text */
    bool coded;
};

static struct read_char read_at(struct span text, size_t off)
{
    struct read_char r = {.bytes = {span_at(text, off)}, .n = 1, .len = 1};
    enum peel_step step = step_of(r.bytes[0]);
    if (step == PEEL_STEP_N) {
        return r;
    }
    uint8_t first = r.bytes[0];
    uint32_t encodings = 0;
    struct sbuf to = {.data = r.bytes, .room = sizeof(r.bytes), .cap = sizeof(r.bytes)};
    size_t len = peel_step_escape(step, text, off, &to, &encodings);
    r.coded = len > 0;
    if (r.coded) {
        r.len = len;
        r.n = to.len;
    } else {
        r.bytes[0] = first;
    }
    return r;
}

/* Whether an octet of this value, written as an escape, may hide something. */
static bool is_worth_hiding(int high, int low)
{
    if (high < 0 || low < 0) {
        return false;
    }
    uint8_t c = (uint8_t)(high << 4 | low);
    return byte_is_alnum(c) || c == '$' || c == '{' || is_introducer(c) || c >= 0xc0 || c == 0;
}

/* Whether a name of a character reference that matters may begin with these. */
static bool begins_name(uint8_t a, uint8_t b)
{
    static const char pairs[] = "dolblcrbrcpebseqplamnucoimin";
    for (size_t i = 0; i + 2 < sizeof(pairs); i += 2) {
        if ((uint8_t)pairs[i] == a && (uint8_t)pairs[i + 1] == b) {
            return true;
        }
    }
    return false;
}

/* "u0024", "x24", "44": the rest of an escape that may hide something. */
static bool goes_on_as_backslash(struct span text, size_t off)
{
    uint8_t a = span_at(text, off);
    size_t hex = off + 1;
    if (a == 'u') {
        while (span_at(text, hex) == 'u') {
            hex++;
        }
        if (span_at(text, hex) == '{') {
            return true;
        }
        if (span_at(text, hex) != '0' || span_at(text, hex + 1) != '0') {
            return span_at(text, hex) == '0' && span_at(text, hex + 1) == '1'; /* U+0131 */
        }
        hex += 2;
    }
    if (a == 'u' || a == 'x') {
        return is_worth_hiding(byte_hex(span_at(text, hex)), byte_hex(span_at(text, hex + 1)));
    }
    if (a == '\\') {
        return true;
    }
    uint8_t b = span_at(text, off + 1);
    return a >= '0' && a <= '7' && b >= '0' && b <= '7';
}

/* An escape stood for `c`, which begins escapes itself: whether what follows goes on as one. */
static bool goes_on(uint8_t c, struct span text, size_t off)
{
    if (!is_introducer(c) && c < 0xc0) {
        return false;
    }
    struct read_char first = read_at(text, off);
    struct read_char second = read_at(text, off + first.len);
    uint8_t a = first.n > 0 ? first.bytes[0] : 0;
    uint8_t b = second.n > 0 ? second.bytes[0] : 0;
    if (first.coded && (is_introducer(a) || a >= 0xc0 || (byte_is_alnum(a) && c != '='))) {
        return true;
    }
    bool octet = is_worth_hiding(byte_hex(a), byte_hex(b)) ||
                 (byte_hex(a) >= 0 && second.coded && is_introducer(b));
    switch (c) {
    case '%':
        return octet || byte_lower(a) == 'u';
    case '&':
        return a == '#' || begins_name(a, b);
    case '\\':
        return goes_on_as_backslash(text, off);
    case '=':
        return octet || a == '?' || a == '\r' || a == '\n';
    case '+':
        return a == 'A';
    default:
        return first.coded; /* the second byte of an overlong form */
    }
}

/* "=?charset?B?" or "?Q?" at off. */
static bool is_word(struct span text, size_t off)
{
    struct span head = span_sub(text, off, HEAD_MAX);
    return span_starts(head, SPAN("=?")) && (span_find_nocase(head, 2, SPAN("?b?")) != SPAN_NONE ||
                                             span_find_nocase(head, 2, SPAN("?q?")) != SPAN_NONE);
}

/* A section of UTF-7 at off: characters below 256 begin with 'A' and a letter up to 'P'. */
static bool is_utf7(struct span text, size_t off)
{
    uint8_t second = span_at(text, off + 2);
    if (span_at(text, off + 1) == 'A' && second >= 'A' && second <= 'P') {
        return base64_value(BASE64_STANDARD, span_at(text, off + 3)) >= 0;
    }
    size_t n = 0;
    size_t at = off + 1;
    while (at < text.len && at - off <= UTF7_MAX &&
           base64_value(BASE64_STANDARD, text.data[at]) >= 0) {
        n += text.data[at] == 'A';
        at++;
    }
    return at - off > PEEL_RUN_MIN && n >= 3;
}

/* Feeds what was read; U+0130 and U+0131 count as 'i'. */
static void feed(struct peel_speller *s, const struct read_char *r, uint8_t next)
{
    uint8_t second = r->n > 1 ? r->bytes[1] : next;
    if (r->n > 0 && r->bytes[0] == 0xc4 && (second & 0xfe) == 0xb0) {
        peel_speller_feed(s, 'i');
        return;
    }
    for (size_t i = 0; i < r->n; i++) {
        uint8_t c = r->bytes[i];
        /* Not half a character of UTF-16, nor the second half of U+0131, escaped by itself; in
         * UTF-16 that has a byte of 1. */
        if (c != 0 && c != 0xb0 && c != 0xb1) {
            peel_speller_feed(s, c == 1 ? 'i' : c);
        }
    }
}

/* The first byte of an overlong form, as the character of that number, and more escapes. */
static bool is_overlong_lead(const struct read_char *r, struct span text, size_t off)
{
    bool lead = r->n == 2 && r->bytes[0] == 0xc3 &&
                (r->bytes[1] <= 0x81 || r->bytes[1] == 0xa0 || r->bytes[1] == 0xb0);
    return lead && read_at(text, off).coded;
}

/* Escapes that may hide anything, at off. */
static bool hides_anything(const struct read_char *r, struct span text, size_t off)
{
    uint8_t c = span_at(text, off);
    if (r->coded) {
        return r->n == 0 || goes_on(r->bytes[r->n - 1], text, off + r->len) ||
               is_overlong_lead(r, text, off + r->len);
    }
    if (c == '=') {
        struct read_char next = read_at(text, off + 1);
        bool line_end =
            next.coded && next.n == 1 && (next.bytes[0] == '\r' || next.bytes[0] == '\n');
        return line_end || is_word(text, off);
    }
    return c == '+' && is_utf7(text, off);
}

/* The first byte of what stands at off, or behind a NUL there; or 0. */
static uint8_t first_byte(struct span text, size_t off)
{
    struct read_char r = read_at(text, off);
    if (r.n > 0 && r.bytes[0] == 0) {
        r = read_at(text, off + r.len);
    }
    return r.n > 0 ? r.bytes[0] : 0;
}

/* What a byte may mean where it stands. */
enum kind {
    KIND_NONE = 0,
    KIND_LETTER, /* counts in spelling, or does not break it */
    KIND_ESCAPE, /* may begin an escape, or an overlong form (C3: one that was encoded again) */
};

#define LETTERS(a, b) [a] = KIND_LETTER, [b] = KIND_LETTER
static const uint8_t kinds[256] = {
    LETTERS('j', 'J'),    LETTERS('n', 'N'),    LETTERS('d', 'D'),    LETTERS('i', 'I'),
    LETTERS('$', '#'),    LETTERS('{', '}'),    LETTERS(0, 1),        LETTERS(0xb0, 0xb1),
    [0xc0] = KIND_ESCAPE, [0xc1] = KIND_ESCAPE, [0xc3] = KIND_ESCAPE, [0xe0] = KIND_ESCAPE,
    [0xf0] = KIND_ESCAPE, [0xc4] = KIND_LETTER, ['%'] = KIND_ESCAPE,  ['&'] = KIND_ESCAPE,
    ['\\'] = KIND_ESCAPE, ['='] = KIND_ESCAPE,  ['+'] = KIND_ESCAPE,
};

/* One character or escape at off: feeds it and tells its length. True when it may hide anything. */
static bool read_one(struct peel_speller *s, struct span text, size_t off, struct read_char *ret)
{
    *ret = (struct read_char){.bytes = {text.data[off]}, .n = 1, .len = 1};
    if (kinds[text.data[off]] == KIND_ESCAPE) {
        *ret = read_at(text, off);
        if (hides_anything(ret, text, off)) {
            return true;
        }
    }
    uint8_t last = ret->n > 0 ? ret->bytes[ret->n - 1] : 0;
    bool opener = last == '#' || last == '%';
    uint8_t next = opener || ret->bytes[0] == 0xc4 ? first_byte(text, off + ret->len) : (uint8_t)0;
    if (opener && next == '{') {
        peel_speller_open(s);
    }
    feed(s, ret, next);
    return false;
}

/* Looks at a text without base64, up to *off_end or a little further: what lies behind is only the
 * context of what lies before. Leaves there how far it came. */
static bool hides_in_text(struct peel_speller *s, struct span text, size_t *off_end)
{
    unsigned n_coded = 0;
    size_t off = 0;
    size_t end = *off_end < text.len ? *off_end : text.len;
    while (off < end && !s->found) {
        size_t from = off;
        while (off < end && kinds[text.data[off]] == KIND_NONE) {
            off++;
        }
        if (off > from) {
            peel_speller_skip(s);
            n_coded = 0;
            continue;
        }
        struct read_char r;
        if (read_one(s, text, off, &r)) {
            return true;
        }
        bool coded = r.coded && r.n > 0 && base64_value(BASE64_EITHER, r.bytes[r.n - 1]) >= 0;
        n_coded = coded ? n_coded + 1 : 0;
        if (n_coded >= CODED_MIN) {
            return true;
        }
        off += r.len;
    }
    *off_end = off;
    return s->found;
}

/* What a run decodes to when it begins at one of its first characters. */
struct decoded {
    struct peel_speller speller;
    uint8_t bytes[WINDOW];
    size_t n;
    uint8_t last;
    uint8_t last_but_one;
    bool worth;      /* something in `bytes` may begin a look-up or an encoding */
    unsigned n_word; /* length of the word of base64 at the end */
    unsigned cases;  /* of its letters */
    size_t n_all;
    size_t n_control;
};

static bool has_utf16(struct span text)
{
    struct span piece;
    enum utf16_order order;
    return utf16_guess(text, &order) || peel_next_utf16(text, 0, &piece);
}

/* Looks at what there is up to `until`, and forgets that. */
static bool look_at(struct decoded *d, size_t until)
{
    struct span text = span_of(d->bytes, d->n);
    until = until < d->n ? until : d->n;
    if (d->worth && d->n >= PEEL_TEXT_MIN &&
        (hides_in_text(&d->speller, text, &until) || has_utf16(text))) {
        return true;
    }
    until = until < d->n ? until : d->n;
    bytes_move(d->bytes, d->bytes + until, d->n - until);
    d->n -= until;
    return false;
}

/* A stretch of text ends. */
static bool look_at_end(struct decoded *d)
{
    bool found = look_at(d, SIZE_MAX) || (d->worth && peel_speller_end(&d->speller));
    if (d->worth) {
        peel_speller_start(&d->speller);
    }
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
    d->worth = d->worth || c == '$' || c == '#' || c == 0 || kinds[c] == KIND_ESCAPE;
    d->bytes[d->n++] = c;
    return d->n == WINDOW && look_at(d, WINDOW - CONTEXT);
}

static void decoded_start(struct decoded *d)
{
    peel_speller_start(&d->speller);
    d->n = 0;
    d->last = ' ';
    d->last_but_one = ' ';
    d->worth = false;
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
        if (place > 0 && decoded_byte(&shifts[s], (uint8_t)(bits >> (6 - place * 2)))) {
            return true;
        }
    }
    return false;
}

/* Decodes the run at *off, escapes in it undone, and leaves *off behind it. */
static bool hides_in_run(struct span text, size_t *off, struct decoded *shifts)
{
    uint32_t bits = 0;
    size_t n = 0;
    size_t at = *off;
    for (size_t s = 0; s < SHIFTS; s++) {
        decoded_start(&shifts[s]);
    }
    while (at < text.len) {
        uint8_t c = text.data[at];
        struct read_char r = {.bytes = {c}, .n = 1, .len = 1};
        if (c == '%' || c == '&' || c == '\\') {
            r = read_at(text, at);
        }
        int value = r.n == 1 ? base64_value(BASE64_EITHER, r.bytes[0]) : -1;
        if (value < 0 && r.bytes[0] != '\r' && r.bytes[0] != '\n') {
            break;
        }
        at += r.len;
        if (value >= 0) {
            bits = bits << 6 | (uint32_t)value;
            if (run_char(shifts, bits, n++)) {
                return true;
            }
        }
    }
    *off = at > *off ? at : *off + 1;
    bool found = false;
    for (size_t s = 0; s < SHIFTS && n >= PEEL_RUN_MIN && !found; s++) {
        found = look_at_end(&shifts[s]);
    }
    return found;
}

static bool hides_in_runs(struct span text)
{
    struct decoded shifts[SHIFTS];
    size_t off = 0;
    while (off < text.len) {
        size_t len = 0;
        while (off + len < text.len && base64_value(BASE64_EITHER, text.data[off + len]) >= 0) {
            len++;
        }
        uint8_t next = span_at(text, off + len);
        bool more =
            len > 0 && (next == '%' || next == '&' || next == '\\' || next == '\r' || next == '\n');
        if (len < PEEL_RUN_MIN && !more) {
            off += len + 1;
            continue;
        }
        /* "H4sI" is how gzip begins. */
        if (span_starts(span_from(text, off), SPAN("H4sI")) || hides_in_run(text, &off, shifts)) {
            return true;
        }
    }
    return false;
}

bool peel_may_hide(struct span text)
{
    struct peel_speller speller;
    peel_speller_start(&speller);
    size_t end = text.len;
    return hides_in_text(&speller, text, &end) || peel_speller_end(&speller) ||
           peel_is_extended(text) || has_utf16(text) || hides_in_runs(text);
}
