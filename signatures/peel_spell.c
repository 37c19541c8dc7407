/* peel_spell: whether a text may come to spell the prefix `jndi`.
 *
 * Log4j only deletes and copies: an expression gives way to its value, which is a part of what
 * stands in it, or stays as it is; '$' is deleted where it escapes; `'` is deleted in patterns of
 * dates. So the letters of the prefix stand in their order, behind a '$', and between two of them
 * there is nothing but expressions, '$' and `'`. What an expression adds is the end of a value, its
 * whole or (when letters stand before it and behind it) nothing: values begin behind a ':' or '-'
 * or an expression, and end before a ':', an expression or the closing brace. That ':' or '-' may
 * itself be of the value of an expression within ("${u${a:-pper:i}}" is an I,
 * "${lower:${b:-i:-x}y}" an i): a value of each level around it may then begin or end there.
 *
 * For each open level two things are kept: how many letters may have been spelt right before the
 * present place, and how many where a value may have ended; each once for letters that all stand on
 * the level, and once for each number of letters that stood before its expression, as long as
 * nothing came between. It says "yes" a little too often, never too seldom. What produces a '$' in
 * front of a brace ("${::-$}{") is a "yes". So are, inside an expression, an escape and an escaped
 * splitter ("${a$${b:-c}}", "${a${:\-${b:-c}}}": these stay as they are, and a value around them
 * may begin in them), and nesting deeper than PEEL_SPELL_DEPTH. */
#include "signatures/peel_spell.h"

#include "sensor/base/bytes.h"

enum {
    NOTHING = 1,                   /* no letter was spelt */
    ALL = 1 << PEEL_SPELL_LETTERS, /* or all of them */
};

/* The bit of the letters that must have been spelt before this one. */
static const uint8_t before[256] = {
    ['j'] = 1, ['J'] = 1, ['n'] = 2, ['N'] = 2, ['d'] = 4, ['D'] = 4, ['i'] = 8, ['I'] = 8,
};

static void spelt_add(struct peel_spelt *to, const struct peel_spelt *more)
{
    for (size_t n = 0; n < PEEL_SPELL_LETTERS; n++) {
        to->from[n] |= more->from[n];
    }
}

static struct peel_level *innermost(struct peel_speller *s)
{
    return &s->levels[s->n_levels - 1];
}

static void note_found(struct peel_speller *s)
{
    s->found = s->found || (innermost(s)->here.from[0] & ALL) != 0;
}

void peel_speller_start(struct peel_speller *s)
{
    s->n_levels = 1;
    s->opened = false;
    s->dollar = false;
    s->escaped = false;
    s->entered = false;
    s->splitter = 0;
    s->found = false;
    s->levels[0] = (struct peel_level){.here = {{NOTHING}}};
}

/* A value may begin here: what stood before the expression may stand right before it. */
static void begin_value(struct peel_level *level)
{
    for (size_t n = 1; n < PEEL_SPELL_LETTERS; n++) {
        level->here.from[n] |= (uint8_t)(1u << n);
    }
}

static void push(struct peel_speller *s)
{
    struct peel_level *outer = innermost(s);
    spelt_add(&outer->ended, &outer->here);
    if (s->n_levels == PEEL_SPELL_DEPTH) {
        s->found = true;
        return;
    }
    s->levels[s->n_levels++] = (struct peel_level){.here = {{NOTHING}}};
}

/* What may have been spelt behind an expression, when `mask` may have been before it. */
static uint8_t behind(const struct peel_spelt *value, unsigned mask)
{
    uint8_t all = 0;
    for (size_t n = 1; n < PEEL_SPELL_LETTERS; n++) {
        all |= (mask >> n & 1) != 0 ? value->from[n] : (uint8_t)0;
    }
    return all;
}

/* The innermost level ends. */
static void pop(struct peel_speller *s)
{
    struct peel_level *inner = innermost(s);
    spelt_add(&inner->ended, &inner->here);
    s->n_levels--;
    struct peel_level *outer = innermost(s);
    for (size_t n = 1; n < PEEL_SPELL_LETTERS; n++) {
        outer->here.from[n] = behind(&inner->ended, outer->here.from[n]) | inner->ended.from[n];
    }
    outer->here.from[0] =
        inner->ended.from[0] | behind(&inner->ended, outer->here.from[0]) | NOTHING;
    spelt_add(&outer->ended, &outer->here);
    begin_value(outer);
    note_found(s);
}

static void letter(struct peel_speller *s, unsigned wanted)
{
    struct peel_level *level = innermost(s);
    for (size_t n = 0; n < PEEL_SPELL_LETTERS; n++) {
        level->here.from[n] = (uint8_t)((level->here.from[n] & wanted) << 1);
        level->ended.from[n] |= level->here.from[n] & ALL; /* whatever follows */
    }
    level->here.from[0] |= NOTHING;
    note_found(s);
}

static void anything_else(struct peel_level *level)
{
    level->here = (struct peel_spelt){{NOTHING}};
}

void peel_speller_open(struct peel_speller *s)
{
    s->opened = true;
}

void peel_speller_skip(struct peel_speller *s)
{
    s->dollar = false;
    s->escaped = false;
    s->entered = false;
    s->splitter = 0;
    anything_else(innermost(s));
}

static void plain(struct peel_speller *s, uint8_t c)
{
    struct peel_level *level = innermost(s);
    if (before[c] != 0) {
        letter(s, before[c]);
    } else if (c == ':' || c == '-') {
        spelt_add(&level->ended, &level->here);
        anything_else(level);
        begin_value(level);
    } else if (c != '\'' && c != '$') {
        anything_else(level);
    }
}

/* Whether the escaped splitter, `:\-`, may end here or come to end here: parts of it may be values.
 */
static bool note_splitter(struct peel_speller *s, uint8_t c)
{
    bool at_seam = c == '}' || c == '$' || c == '\'';
    bool ends = s->splitter == 2 && (at_seam || c == '-');
    s->splitter = c == ':' || at_seam ? 1 : c == '\\' && s->splitter == 1 ? 2 : 0;
    return ends;
}

void peel_speller_feed(struct peel_speller *s, uint8_t c)
{
    bool dollar = s->dollar;
    bool escaped = s->escaped;
    s->dollar = c == '$';
    s->escaped = dollar && s->dollar;
    s->entered = dollar && c == '{';
    bool splits = note_splitter(s, c);
    s->opened = s->opened || s->dollar;
    if (!s->opened) {
        return;
    }
    if (dollar && s->n_levels > 1 && (c == '}' || c == '\'')) {
        s->found = true; /* the '$' may come to stand in front of a brace */
    } else if (s->n_levels > 1 && (splits || (c == '{' && escaped))) {
        s->found = true; /* what stays as it is: a value around it may begin in it */
    } else if (c == '{' && dollar) {
        push(s);
    } else if (c == '}' && s->n_levels > 1) {
        pop(s);
    } else {
        plain(s, c);
    }
}

bool peel_speller_end(struct peel_speller *s)
{
    while (s->n_levels > 1) {
        pop(s);
    }
    return s->found;
}

bool peel_speller_idle(const struct peel_speller *s)
{
    return s->n_levels == 1 && !s->dollar && s->levels[0].here.from[0] == NOTHING;
}

static const bool counts[256] = {
    ['$'] = true, ['{'] = true, ['}'] = true,  ['#'] = true, ['%'] = true, ['\''] = true,
    [':'] = true, ['-'] = true, ['\\'] = true, ['j'] = true, ['J'] = true, ['n'] = true,
    ['N'] = true, ['d'] = true, ['D'] = true,  ['i'] = true, ['I'] = true, [0xc4] = true,
};

bool peel_spell_counts(uint8_t c)
{
    return counts[c];
}

bool peel_may_spell(struct span text)
{
    struct peel_speller s;
    peel_speller_start(&s);
    size_t off = 0;
    while (off < text.len && !s.found) {
        uint8_t c = text.data[off];
        if (!counts[c]) {
            while (off < text.len && !counts[text.data[off]]) {
                off++;
            }
            peel_speller_skip(&s);
            continue;
        }
        if ((c == '#' || c == '%') && span_at(text, off + 1) == '{') {
            peel_speller_open(&s);
        }
        bool dotless = c == 0xc4 && (span_at(text, off + 1) & 0xfe) == 0xb0; /* U+0130, U+0131 */
        peel_speller_feed(&s, dotless ? 'i' : c);
        off += dotless ? 2 : 1;
    }
    return peel_speller_end(&s);
}
