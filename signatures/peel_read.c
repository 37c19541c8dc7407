/* peel_read: a text with its escapes standing for what they stand for.
 *
 * A look-up has to spell `jndi` (peel_spell.c), or is one of Commons Text, whose name stands right
 * behind its `${`. Here each escape is read as what it stands for. One
 * that stands for the beginning of another one ("%25" for '%') may hide anything, if what follows
 * has the form of the rest; so may encoded words, UTF-7, and letters that nobody would escape. Soft
 * line breaks are read as if they were not there; one within an escape may hide anything.
 *
 * One pass, no memory. */
#include "signatures/peel_read.h"

#include "sensor/base/bytes.h"
#include "sensor/base/sbuf.h"
#include "sensor/codec/base64.h"
#include "signatures/lookup.h"
#include "signatures/peel_pieces.h"
#include "signatures/peel_steps.h"

enum {
    CODED_MIN = 4, /* needless escapes in a row */
    UTF7_MAX = 16,
    HEAD_MAX = 64,   /* of an encoded word, to its text */
    BROKEN_MAX = 4,  /* characters of an escape that are looked at for escapes */
    FOLDED_MAX = 16, /* characters of an escape behind which a line may be folded */
    IDLE_MAX = 32,   /* characters behind which a walk is settled */
    COST_NONE = 4,   /* units of a byte that is read, with all that is tried on it later: */
    COST_LETTER = 16,
    COST_ESCAPE = 60,
    COST_RUN = 120, /* of what may be base64, beside its bytes: it is read from four places */
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

/* Whether an escape that begins with c may have this byte behind it: a cheap look before the costly
 * one, for texts that are full of c. */
static bool goes_on_as_escape(uint8_t c, uint8_t next)
{
    switch (c) {
    case '%':
        return byte_hex(next) >= 0 || byte_lower(next) == 'u';
    case '&':
        return next == '#' || byte_is_alpha(next);
    case '=':
        return byte_hex(next) >= 0 || next == ' ' || next == '\t' || next == '\r' || next == '\n';
    default:
        return c == '\\' || next >= 0x80;
    }
}

/* A character of the text, or what an escape stands for. */
struct peel_char {
    uint8_t bytes[16];
    size_t n;
    size_t len; /* in the text */
    bool coded;
};

static struct peel_char read_at(struct span text, size_t off)
{
    struct peel_char r = {.bytes = {span_at(text, off)}, .n = 1, .len = 1};
    enum peel_step step = step_of(r.bytes[0]);
    if (step == PEEL_STEP_N || !goes_on_as_escape(r.bytes[0], span_at(text, off + 1))) {
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
    return byte_is_alnum(c) || c == '$' || c == '{' || c == '}' || is_introducer(c) || c >= 0xc0 ||
           c == 0;
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
        struct peel_char brace = read_at(text, hex);
        if (brace.n == 1 && brace.bytes[0] == '{') {
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
    struct peel_char first = read_at(text, off);
    struct peel_char second = read_at(text, off + first.len);
    uint8_t a = first.n > 0 ? first.bytes[0] : 0;
    uint8_t b = second.n > 0 ? second.bytes[0] : 0;
    bool half = a == 0 && first.n == 1; /* the rest is UTF-16, whatever it is */
    bool begins = is_introducer(a) || a >= 0xc0 || (byte_is_alnum(a) && c != '=');
    if (first.coded && (half || begins)) {
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
    if (!span_starts(head, SPAN("=?"))) {
        return false;
    }
    for (size_t at = 2; at + 2 < head.len; at++) {
        uint8_t kind = head.data[at + 1] | 0x20;
        if (head.data[at] == '?' && head.data[at + 2] == '?' && (kind == 'b' || kind == 'q')) {
            return true;
        }
    }
    return false;
}

/* A section of UTF-7 at off: characters below 256 begin with 'A' and a letter up to 'P', U+0130 and
 * U+0131 with "AT" and a letter from 'A' on. */
static bool is_utf7(struct span text, size_t off)
{
    uint8_t second = span_at(text, off + 2);
    if (span_at(text, off + 1) == 'A' && ((second >= 'A' && second <= 'P') || second == 'T')) {
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
static void feed(struct peel_speller *s, const struct peel_char *r, uint8_t next)
{
    uint8_t second = r->n > 1 ? r->bytes[1] : next;
    if (r->n > 0 && r->bytes[0] == 0xc4 && (second & 0xfe) == 0xb0) {
        peel_speller_feed(s, 'i');
        return;
    }
    for (size_t i = 0; i < r->n; i++) {
        uint8_t c = r->bytes[i];
        /* Not half a character of UTF-16, nor the second half of U+0131, escaped by itself; in
         * UTF-16 that is a '1' (see is_half) and a byte of 1. */
        if (c != 0 && c != 0xb0 && c != 0xb1 && !(r->coded && c == '1')) {
            peel_speller_feed(s, c == 1 ? 'i' : c);
        }
    }
}

/* The first byte of an overlong form, as the character of that number, and more escapes. */
static bool is_overlong_lead(const struct peel_char *r, struct span text, size_t off)
{
    bool lead = r->n == 2 && r->bytes[0] == 0xc3 &&
                (r->bytes[1] <= 0x81 || r->bytes[1] == 0xa0 || r->bytes[1] == 0xb0);
    return lead && read_at(text, off).coded;
}

/* Whether a line is folded within what may be an escape, or base64, that begins at off; as far as
 * the next introducer, so that a text full of them is not read over and over. */
static bool is_folded(struct span text, size_t off)
{
    size_t end = off + 1 + FOLDED_MAX;
    for (size_t at = off + 1; at < end && at < text.len; at++) {
        uint8_t c = text.data[at];
        struct peel_char r = read_at(text, at);
        if (r.coded && r.n == 0) {
            return true;
        }
        if (!byte_is_alnum(c) && c != '#' && c != '{' && c != '?' && c != '-' && c != '_' &&
            c != '/') {
            return false;
        }
    }
    return false;
}

/* Whether an escape that begins at off is itself partly escaped: "\u%7b24%7d", "%2&#52;". Two
 * characters of it at least must be there. */
static bool is_broken(struct span text, size_t off)
{
    uint8_t c = text.data[off];
    size_t at = off + 1;
    bool coded = false;
    for (size_t i = 0; i < BROKEN_MAX; i++) {
        struct peel_char r = read_at(text, at);
        uint8_t a = r.n == 1 ? r.bytes[0] : (uint8_t)0;
        bool first = i == 0 && (a == '#' || a == 'u' || a == 'x' || a == 'U');
        bool goes = first || byte_hex(a) >= 0 || (a == '{' && c == '\\' && i == 1) ||
                    (c == '&' && byte_is_alpha(a));
        coded = coded || r.coded;
        if (!goes || (coded && i > 0)) {
            return goes;
        }
        at += r.len;
    }
    return false;
}

/* Whether what was read at off would be another escape without the soft line break behind it:
 * "\17=" and "3" in the next line, "&#3=" and "6;". */
static bool is_cut_short(const struct peel_char *r, struct span text, size_t off)
{
    uint8_t c = text.data[off];
    size_t end = off + r->len;
    if ((c != '\\' && c != '&') || !byte_is_alnum(span_at(text, end - 1))) {
        return false;
    }
    struct peel_char next = read_at(text, end);
    return next.coded && next.n == 0;
}

/* Escapes that may hide anything, at off: "+-" is a '+' of UTF-7, too. */
static bool hides_anything(const struct peel_char *r, struct span text, size_t off)
{
    uint8_t c = span_at(text, off);
    if (r->coded) {
        uint8_t last = r->n > 0 ? r->bytes[r->n - 1] : 0;
        size_t end = off + r->len;
        return goes_on(last, text, end) || is_overlong_lead(r, text, end) ||
               is_cut_short(r, text, off) || (is_introducer(last) && is_folded(text, end - 1));
    }
    if ((c == '%' || c == '&' || c == '\\' || c == '=') && is_broken(text, off)) {
        return true;
    }
    if (is_introducer(c) && is_folded(text, off)) {
        return true;
    }
    if (c == '=') {
        struct peel_char next = read_at(text, off + 1);
        bool line_end =
            next.coded && next.n == 1 && (next.bytes[0] == '\r' || next.bytes[0] == '\n');
        return line_end || is_word(text, off);
    }
    return c == '+' &&
           (is_utf7(text, off) || (span_at(text, off + 1) == '-' && is_utf7(text, off + 1)));
}

/* The first byte of what stands at off, or behind soft line breaks and one NUL there; or 0. */
static uint8_t first_byte(struct span text, size_t off)
{
    struct peel_char r = read_at(text, off);
    bool behind_nul = false;
    while (r.n == 0 || (r.bytes[0] == 0 && !behind_nul && off < text.len)) {
        behind_nul = behind_nul || r.n > 0;
        off += r.len;
        r = read_at(text, off);
    }
    return r.bytes[0];
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
    LETTERS(':', '-'),    ['\''] = KIND_LETTER, [0xc0] = KIND_ESCAPE, [0xc1] = KIND_ESCAPE,
    ['1'] = KIND_LETTER,  [0xc3] = KIND_ESCAPE, [0xe0] = KIND_ESCAPE, [0xf0] = KIND_ESCAPE,
    [0xc4] = KIND_LETTER, ['%'] = KIND_ESCAPE,  ['&'] = KIND_ESCAPE,  ['\\'] = KIND_ESCAPE,
    ['='] = KIND_ESCAPE,  ['+'] = KIND_ESCAPE,
};

/* Whether the '1' at off is half of U+0131 in UTF-16, whose other half may be escaped. */
static bool is_half(const struct peel_walk *w, struct span text, size_t off)
{
    struct peel_char next = read_at(text, off + 1);
    return w->one || (next.n == 1 && next.bytes[0] == 1);
}

/* Whether a byte may stand between the opener of an attempt and its word, or belong to the opener:
 * blanks, control characters and those without a width, none of which ends it, however many. */
static bool may_await(uint8_t c)
{
    return c <= ' ' || c >= 0x7f || c == '{' || c == '(';
}

/* These bytes of text were read: whether the opener of an attempt still waits for its word. Returns
 * how many of them it waited through. */
static size_t note_awaited(struct peel_walk *w, struct span read)
{
    size_t n = 0;
    while (w->awaits && n < read.len) {
        w->awaits = may_await(read.data[n]);
        n += w->awaits;
    }
    return n;
}

/* One character or escape at off: feeds it and tells its length. True when it may hide anything. */
static bool read_one(struct peel_walk *w, struct span text, size_t off, struct peel_char *ret)
{
    struct peel_speller *s = &w->speller;
    *ret = (struct peel_char){.bytes = {text.data[off]}, .n = 1, .len = 1};
    if (text.data[off] == '1') {
        w->awaits = false;
        if (!is_half(w, text, off)) {
            peel_speller_skip(s);
        }
        w->one = false;
        return false;
    }
    if (kinds[text.data[off]] == KIND_ESCAPE) {
        *ret = read_at(text, off);
        bool escapes = ret->coded && ret->n == 1 && is_introducer(ret->bytes[0]);
        if (hides_anything(ret, text, off) || (w->awaits && escapes)) {
            return true;
        }
    }
    (void)note_awaited(w, span_of(ret->bytes, ret->n));
    uint8_t last = ret->n > 0 ? ret->bytes[ret->n - 1] : 0;
    bool opener = last == '#' || last == '%' || last == '$';
    uint8_t next = opener || ret->bytes[0] == 0xc4 ? first_byte(text, off + ret->len) : (uint8_t)0;
    if (opener && next == (last == '$' ? '(' : '{')) {
        peel_speller_open(s);
        w->awaits = true;
    }
    feed(s, ret, next);
    w->one = ret->n == 1 && last == 1;
    return false;
}

/* Takes note of how it was written. True when so many were written so that they may be base64. */
static bool note_coded(struct peel_walk *w, const struct peel_char *r)
{
    bool coded = r->coded && r->n > 0 && base64_value(BASE64_EITHER, r->bytes[r->n - 1]) >= 0;
    w->n_coded = coded ? w->n_coded + 1 : 0;
    w->folded = w->folded || (r->coded && r->n == 0);
    return w->n_coded >= CODED_MIN;
}

/* Whether a name begins at off that Commons Text would act on. */
static bool begins_commons(struct span text, size_t off)
{
    uint8_t name[LOOKUP_COMMONS_LONGEST];
    size_t n = 0;
    while (n < sizeof(name) && off < text.len) {
        struct peel_char r = {.bytes = {text.data[off]}, .n = 1, .len = 1};
        if (r.bytes[0] >= 0x80 || kinds[r.bytes[0]] == KIND_ESCAPE) {
            r = read_at(text, off);
        }
        off += r.len;
        if (r.n > 0 && r.bytes[0] != 0) {
            name[n++] = r.bytes[0];
        }
        if (n > 0 && !byte_is_alnum(name[n - 1])) { /* a ':' ends a name; no other is in one */
            break;
        }
    }
    return lookup_commons_begins(span_of(name, n));
}

static size_t skip_none(struct span text, size_t off, size_t end)
{
    while (off < end && kinds[text.data[off]] == KIND_NONE) {
        off++;
    }
    return off;
}

void peel_walk_start(struct peel_walk *w)
{
    peel_speller_start(&w->speller);
    w->n_coded = 0;
    w->settle = SIZE_MAX;
    w->active = 0;
    w->awaits = false;
    w->one = false;
    w->folded = false;
    w->settled = false;
}

bool peel_walk_on(struct peel_walk *w, struct span text, size_t *ret_off, size_t end)
{
    struct peel_speller *s = &w->speller;
    size_t off = *ret_off;
    end = end < text.len ? end : text.len;
    while (off < end && !s->found && !w->settled) {
        struct peel_char r;
        if (kinds[text.data[off]] == KIND_NONE) {
            size_t from = off;
            off = skip_none(text, off, end);
            peel_speller_skip(s);
            w->one = false;
            w->n_coded = 0;
            size_t awaited = note_awaited(w, span_sub(text, from, off - from));
            w->active = awaited > 0 ? from + awaited : w->active;
        } else {
            *ret_off = off;
            if (read_one(w, text, off, &r) || note_coded(w, &r)) {
                return true;
            }
            off += r.len;
            if (s->entered && begins_commons(text, off)) {
                return true;
            }
            s->entered = false; /* once for each opener: NULs behind it are read over above */
        }
        w->active = peel_speller_idle(s) && !w->awaits ? w->active : off;
        size_t last = w->active > w->settle ? w->active : w->settle;
        w->settled = off >= last && off - last >= IDLE_MAX;
    }
    *ret_off = off;
    return s->found;
}

bool peel_walk_end(struct peel_walk *w)
{
    return peel_speller_end(&w->speller);
}

int peel_read_base64(struct span text, size_t off, size_t *ret_len)
{
    uint8_t c = text.data[off];
    *ret_len = 1;
    if (kinds[c] == KIND_ESCAPE && c != '+') {
        struct peel_char r = read_at(text, off);
        *ret_len = r.len;
        c = r.n == 1 ? r.bytes[0] : r.n == 0 ? '\n' : 0; /* a soft line break */
    }
    if (c == '\r' || c == '\n' || c == 0) { /* 0: half a character of UTF-16 */
        return -2;
    }
    return base64_value(BASE64_EITHER, c);
}

bool peel_is_worth_reading(uint8_t c)
{
    return c == '$' || c == '#' || c == 0 || kinds[c] == KIND_ESCAPE;
}

uint64_t peel_read_cost(struct span text)
{
    static const uint8_t costs[] = {
        [KIND_NONE] = COST_NONE, [KIND_LETTER] = COST_LETTER, [KIND_ESCAPE] = COST_ESCAPE};
    uint64_t cost = 0;
    size_t run = 0;
    for (size_t i = 0; i < text.len; i++) {
        cost += costs[kinds[text.data[i]]];
        run = base64_value(BASE64_EITHER, text.data[i]) >= 0 ? run + 1 : 0;
        cost += run == PEEL_RUN_MIN ? (uint64_t)COST_RUN : 0;
    }
    return cost;
}
