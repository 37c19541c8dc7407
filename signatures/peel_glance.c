/* peel_glance: whether anything begins at one hit of the gate.
 *
 * Nearly all hits are chance, in pictures and archives, or templates of another language. What a
 * look-up is made of stands in one piece, from its opener to where all that was opened is closed,
 * so only that piece is looked at. How it is read follows from the pattern that hit: as a text with
 * escapes, as base64, or decoded first (UTF-16, UTF-7, soft line breaks, encoded words), and then
 * as a text.
 *
 * Looks at hits that stand close read the same bytes again, and what nothing closes is read to the
 * end. Where that comes to more than the text is long, all that follows is looked at once, for all
 * hits in it; of a text that goes on the answer is then "yes", and of any where that has come to
 * much as well: whoever asks on after a "yes" has limits of his own.
 *
 * What is decoded first is bounded by LOCAL_MAX; where that does not settle it, the answer is
 * "yes". */
#include "signatures/peel_glance.h"

#include "sensor/base/bytes.h"
#include "sensor/base/sbuf.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/utf.h"
#include "signatures/peel_gate.h"
#include "signatures/peel_runs.h"
#include "signatures/peel_steps.h"
#include "signatures/peel_words.h"

enum {
    LOCAL_MAX = 2048,
    DECODED_MAX = 3 * LOCAL_MAX,
    CHARS_BEHIND = 4,
    BROKEN_MAX = 10,
    WORD_MAX = 5, /* "jnd" with NULs between */
    WORD_BEHIND = 128,
    NAME_MAX = 64,
    FAR_BEHIND = 4096,       /* bytes behind a hit from which on all is looked at */
    WALKED_FREE = 16 * 1024, /* bytes that looks of one kind may read, */
    WALKED_TIMES = 4,        /* and for each byte of a text that goes on; else one */
    WALKED_MOST = 4,         /* times that, after which nothing is read */
};

_Static_assert(PEEL_GLANCE_KINDS == (int)PEEL_GATE_KIND_N, "what is settled is kept by kind");

/* What a look came to. */
struct look {
    size_t done;   /* hits that end up to here in the text are settled, where it found nothing */
    size_t walked; /* bytes that were read */
};

/* n bytes before the end of a hit, or where the text begins. */
static size_t bytes_before(const struct peel_hit *hit, size_t n)
{
    return hit->end > n ? hit->end - n : 0;
}

static bool is_plain(uint8_t c)
{
    return byte_is_alnum(c) || c == '.' || c == '_' || c == ' ' || c == '(' || c == ')' ||
           c == '[' || c == ']' || c == ',';
}

/* Walks through a text from its start; what begins behind `settle` does not matter. Leaves in
 * *ret_off how far it came. */
static bool hides_in_text(struct span text, size_t settle, bool more, size_t *ret_off)
{
    struct peel_walk walk;
    size_t off = 0;
    peel_walk_start(&walk);
    walk.settle = settle;
    bool found = peel_walk_on(&walk, text, &off, text.len);
    *ret_off = off;
    return found || (!walk.settled && (more || peel_walk_end(&walk)));
}

/* "${name}" as templates of other languages have it, with nothing in it that Log4j gives a meaning.
 * It stays as it is: a look-up around it has an opener, and a hit, of its own. */
static bool is_plain_name(const struct peel_hit *hit)
{
    struct span opener = SPAN("${");
    struct span text = hit->text;
    size_t from = hit->end;
    if (from < opener.len || !span_equal(span_sub(text, from - opener.len, opener.len), opener)) {
        return false;
    }
    size_t at = from;
    while (at < text.len && at - from < NAME_MAX && is_plain(text.data[at])) {
        at++;
    }
    struct span name = span_sub(text, from, at - from);
    return span_at(text, at) == '}' && span_find_nocase(name, 0, SPAN("jndi")) == SPAN_NONE;
}

/* Whether a word at the hit has nothing but blanks and the like before it, as far back as is looked
 * at: the opener of an attempt may lie further back. */
static bool opens_far_back(const struct peel_hit *hit, size_t from)
{
    size_t at = from;
    while (at < hit->end && !byte_is_alnum(hit->text.data[at])) {
        at++;
    }
    return (from > 0 || hit->off > 0) && at + WORD_MAX >= hit->end;
}

/* The same for all that follows; hits in it need no other look. */
static bool all_text(const struct peel_hit *hit, size_t from, struct look *look)
{
    size_t off = 0;
    bool found = hides_in_text(span_from(hit->text, from), SIZE_MAX, hit->more, &off);
    look->done = hit->text.len;
    look->walked += off;
    return found;
}

static bool as_text(const struct peel_hit *hit, struct look *look)
{
    if (is_plain_name(hit)) {
        return false;
    }
    size_t from = bytes_before(hit, PEEL_GLANCE_BEFORE);
    if (opens_far_back(hit, from)) {
        return true;
    }
    struct span near = span_sub(hit->text, from, hit->end - from + FAR_BEHIND);
    bool far = from + near.len < hit->text.len;
    size_t off = 0;
    bool found = hides_in_text(near, hit->end - from, far || hit->more, &off);
    look->done = from + off;
    look->walked = off;
    return found && (!far || off < near.len || all_text(hit, from, look));
}

/* What may stand for a character of any layer: an escape, a byte of something overlong, UTF-7, a
 * break, or the end of an encoded word. */
static bool may_be_coded(uint8_t c)
{
    return span_find_byte(SPAN("%&\\=+?\r\n\0\xc0\xc1\xc3\xe0\xf0"), 0, c) != SPAN_NONE;
}

/* Whether `c`, which begins an opener or an escape, can do so before `next`. */
static bool may_begin(uint8_t c, uint8_t next)
{
    switch (c) {
    case '$':
        return next == '{' || next == '(';
    case '%':
        return byte_hex(next) >= 0 || next == 'u' || next == 'U' || next == '{';
    case '&':
        return byte_is_alnum(next) || next == '#';
    case '\\':
        return byte_is_alnum(next);
    case '=':
        return byte_hex(next) >= 0 || byte_is_space(next);
    case '+':
        return next == 'A' || next == '-';
    default: /* any other character, part of what was escaped though it need not be */
        return true;
    }
}

/* Of a byte before an overlong '{': whether it may be the end of '$' in any form, or of the openers
 * of attempts. */
static bool may_end_opener(uint8_t c)
{
    return byte_is_alnum(c) || (c >= 0x80 && c <= 0xbf) ||
           span_find_byte(SPAN("$#%;}=?\n \t\0"), 0, c) != SPAN_NONE;
}

/* Random bytes are overlong characters often enough, in pictures and archives. What hit is one of
 * two bytes, or a longer one but for its last byte; two bytes have all that is left of the number.
 */
static bool overlong_goes_on(const struct peel_hit *hit)
{
    size_t at = hit->end;
    uint8_t high = span_at(hit->text, at - 2);
    uint8_t low = span_at(hit->text, at - 1);
    bool is_short = high == 0xc0 || high == 0xc1;
    if (at + 1 >= hit->text.len && hit->more) {
        return true;
    }
    if (!is_short) {
        high = low;
        low = span_at(hit->text, at++);
        if (low < 0x80 || low > 0xbf) {
            return may_be_coded(low) || low == 0xc2;
        }
    }
    uint8_t c = (uint8_t)((high & 1) << 6 | (low & 0x3f));
    if (c == '{') {
        return !is_short || may_end_opener(span_at(hit->text, at - 3));
    }
    return may_be_coded(span_at(hit->text, at)) || may_begin(c, span_at(hit->text, at));
}

static bool as_overlong(const struct peel_hit *hit, struct look *look)
{
    return overlong_goes_on(hit) && as_text(hit, look);
}

/* Where the base64 before `at` begins, no further back than `least`. */
static size_t run_start(struct span text, size_t at, size_t least)
{
    while (at > least && base64_value(BASE64_EITHER, text.data[at - 1]) >= 0) {
        at--;
    }
    return at;
}

/* The same for all that follows; hits in it need no other look. */
static bool all_runs(const struct peel_hit *hit, size_t from, struct look *look)
{
    look->done = hit->text.len;
    look->walked += hit->text.len - from;
    return peel_hides_in_runs(span_from(hit->text, from)) || hit->more;
}

static bool as_base64(const struct peel_hit *hit, struct look *look)
{
    size_t from = run_start(hit->text, hit->end, bytes_before(hit, PEEL_GLANCE_BEFORE));
    struct span near = span_head(hit->text, hit->end + FAR_BEHIND);
    bool far = near.len < hit->text.len;
    size_t off = from;
    bool found = peel_hides_in_run(near, &off, hit->end + CHARS_BEHIND);
    look->done = hit->end;
    look->walked = off - from;
    if (!found && far && off >= near.len) {
        return all_runs(hit, from, look);
    }
    return found || (off >= hit->text.len && hit->more);
}

static void decode_utf16(struct span in, struct sbuf *out)
{
    sbuf_add(out, in);
}

static void decode_utf7(struct span in, struct sbuf *out)
{
    (void)utf7_decode(in, out);
}

static void decode_folded(struct span in, struct sbuf *out)
{
    (void)peel_step_undo(PEEL_STEP_QUOTED_PRINTABLE, in, out);
}

/* Without its NULs UTF-16 of ASCII is ASCII. */
static size_t without_nuls(uint8_t *bytes, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        bytes[n] = bytes[i];
        n += bytes[i] != 0;
    }
    return n;
}

/* Decodes what stands around the hit, and looks at all of it; at base64 in it `with_runs`. */
static bool decoded_by(void (*decode)(struct span in, struct sbuf *out), const struct peel_hit *hit,
                       bool with_runs, struct look *look)
{
    uint8_t room[DECODED_MAX];
    struct sbuf out = {.data = room, .room = sizeof(room), .cap = sizeof(room)};
    size_t from = bytes_before(hit, 2 * PEEL_GLANCE_BEFORE);
    struct span local = span_sub(hit->text, from, LOCAL_MAX);
    bool more = hit->more || from + local.len < hit->text.len;
    decode(span_head(local, hit->end - from), &out);
    size_t settle = without_nuls(room, out.len);
    sbuf_reset(&out);
    decode(local, &out);
    struct span text = span_of(room, without_nuls(room, out.len));
    size_t done = 0;
    look->done = hit->end;
    look->walked = 2 * local.len;
    return out.cut || hides_in_text(text, settle, more, &done) ||
           (with_runs && peel_hides_in_runs(text));
}

static bool as_utf16(const struct peel_hit *hit, struct look *look)
{
    return decoded_by(decode_utf16, hit, true, look);
}

static bool as_utf7(const struct peel_hit *hit, struct look *look)
{
    return decoded_by(decode_utf7, hit, true, look);
}

/* Whether an escape, or an opener, may have begun shortly before the soft line break that hit. */
static bool is_broken_off(const struct peel_hit *hit)
{
    size_t at = hit->end;
    while (at > 0 && byte_is_space(hit->text.data[at - 1])) {
        at--;
    }
    at -= at > 0; /* the '=' */
    for (size_t n = 0; n < BROKEN_MAX && at > 0; n++, at--) {
        uint8_t c = hit->text.data[at - 1];
        if (c == '{' || peel_is_worth_reading(c) || c >= 0xc0) {
            return true;
        }
    }
    return false;
}

static bool as_folded(const struct peel_hit *hit, struct look *look)
{
    look->done = hit->end;
    return is_broken_off(hit) && decoded_by(decode_folded, hit, false, look);
}

static bool as_folded_run(const struct peel_hit *hit, struct look *look)
{
    return decoded_by(decode_folded, hit, true, look);
}

/* The text up to `end` with its words decoded. */
static struct span words_until(struct span text, size_t end, struct sbuf *joined, struct sbuf *out)
{
    sbuf_reset(joined);
    sbuf_reset(out);
    (void)peel_words_undo(span_head(text, end), joined, out);
    return sbuf_span(out);
}

/* Base64 that a word is part of; it lies in [from, end). */
static struct span run_around(struct span text, size_t from, size_t end)
{
    from = run_start(text, from, 0);
    while (end < text.len && base64_value(BASE64_EITHER, text.data[end]) >= 0) {
        end++;
    }
    return span_sub(text, from, end - from);
}

/* What a word begins may go on behind it, and in the next one. */
static bool as_words(const struct peel_hit *hit, struct look *look)
{
    uint8_t joined_room[LOCAL_MAX];
    uint8_t room[DECODED_MAX];
    struct sbuf joined = {.data = joined_room, .room = LOCAL_MAX, .cap = LOCAL_MAX};
    struct sbuf out = {.data = room, .room = DECODED_MAX, .cap = DECODED_MAX};
    size_t from = bytes_before(hit, 2 * PEEL_GLANCE_BEFORE);
    struct span local = span_from(hit->text, from);
    size_t start = span_rfind_byte(span_head(local, hit->end - from), '=');
    size_t end = span_find(local, hit->end - from, SPAN("?="));
    look->done = hit->end;
    look->walked = 3 * LOCAL_MAX;
    if (start == SPAN_NONE || end == SPAN_NONE || end + WORD_BEHIND > LOCAL_MAX) {
        return true;
    }
    size_t begins = words_until(local, start, &joined, &out).len;
    size_t settle = words_until(local, end + 2, &joined, &out).len;
    struct span text = words_until(local, end + WORD_BEHIND, &joined, &out);
    size_t done = 0;
    return out.cut || span_find_byte(text, 0, 0) != SPAN_NONE ||
           hides_in_text(text, settle, hit->more || end + WORD_BEHIND < local.len, &done) ||
           peel_hides_in_runs(run_around(text, begins, settle));
}

static bool as_anything(const struct peel_hit *hit, struct look *look)
{
    (void)hit;
    (void)look;
    return true;
}

static bool (*const looks[])(const struct peel_hit *hit, struct look *look) = {
    [PEEL_GATE_TEXT] = as_text,
    [PEEL_GATE_OVERLONG] = as_overlong,
    [PEEL_GATE_BASE64] = as_base64,
    [PEEL_GATE_UTF16] = as_utf16,
    [PEEL_GATE_UTF7] = as_utf7,
    [PEEL_GATE_FOLDED] = as_folded,
    [PEEL_GATE_FOLDED_RUN] = as_folded_run,
    [PEEL_GATE_TWICE] = as_base64,
    [PEEL_GATE_WORDS] = as_words,
    [PEEL_GATE_ANYTHING] = as_anything,
};

/* A look at all that follows, where looks at each hit have read the same bytes over and over. */
static bool look_at_all(enum peel_gate_kind kind, const struct peel_hit *hit, struct look *look)
{
    size_t from = bytes_before(hit, PEEL_GLANCE_BEFORE);
    if (hit->more) {
        return true;
    }
    switch (kind) {
    case PEEL_GATE_TEXT:
    case PEEL_GATE_OVERLONG:
        return all_text(hit, from, look);
    case PEEL_GATE_BASE64:
    case PEEL_GATE_TWICE:
        return all_runs(hit, run_start(hit->text, hit->end, from), look);
    case PEEL_GATE_UTF16:
    case PEEL_GATE_UTF7:
    case PEEL_GATE_FOLDED:
    case PEEL_GATE_FOLDED_RUN:
    case PEEL_GATE_WORDS:
    case PEEL_GATE_ANYTHING:
    case PEEL_GATE_KIND_N:
        break;
    }
    return true;
}

bool peel_glance(struct peel_glance *g, const struct peel_hit *hit)
{
    enum peel_gate_kind kind = peel_gate_kind(hit->pattern);
    struct look look = {.done = hit->end};
    uint64_t end = hit->off + hit->end;
    if (end <= g->done[kind]) {
        return false;
    }
    uint64_t free = WALKED_FREE + (hit->more ? WALKED_TIMES : 1) * end;
    if (g->walked[kind] > WALKED_MOST * free) {
        return true;
    }
    bool crowded = g->walked[kind] > free;
    bool found = crowded ? look_at_all(kind, hit, &look) : looks[kind](hit, &look);
    g->walked[kind] += look.walked;
    g->done[kind] = found ? g->done[kind] : hit->off + look.done;
    return found;
}
