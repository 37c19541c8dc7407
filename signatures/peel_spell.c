/* peel_spell: whether a text may come to spell the prefix `jndi`.
 *
 * Log4j only deletes and copies, and it deletes nothing but expressions (to put their values in
 * their places) and '$'. So the letters of the prefix that it asks stand in their order, behind a
 * '$', and between them, on their own level of braces, there is nothing but expressions, which may
 * add letters of their own or come to nothing. Text that has only the letters in order has them far
 * apart; this check tells such text from a look-up without evaluating it. It says "yes" too often
 * (any letters of an expression may count), never too seldom.
 *
 * For each open level it keeps how many letters may have been spelt right before the present place,
 * as a set, and what the letters in it can add to what was spelt before it. Deeper nesting than
 * PEEL_SPELL_DEPTH is a "yes". */
#include "signatures/peel_spell.h"

#include "sensor/base/bytes.h"

static const uint8_t letters[PEEL_SPELL_LETTERS] = {'j', 'n', 'd', 'i'};

static void begin_level(struct peel_level *level)
{
    level->mask = 1;
    for (uint8_t i = 0; i <= PEEL_SPELL_LETTERS; i++) {
        level->reach[i] = i;
    }
}

void peel_speller_start(struct peel_speller *s)
{
    s->n_levels = 1;
    s->opened = false;
    s->dollar = false;
    s->found = false;
    begin_level(&s->levels[0]);
}

static void push(struct peel_speller *s)
{
    if (s->n_levels == PEEL_SPELL_DEPTH) {
        s->found = true;
        return;
    }
    begin_level(&s->levels[s->n_levels++]);
}

/* The innermost level ends: its letters may have been added to what stands before it. */
static void pop(struct peel_speller *s)
{
    const struct peel_level *inner = &s->levels[--s->n_levels];
    struct peel_level *outer = &s->levels[s->n_levels - 1];
    unsigned mask = 0;
    for (unsigned n = 0; n <= PEEL_SPELL_LETTERS; n++) {
        if ((outer->mask >> n & 1) != 0) {
            mask |= (2u << inner->reach[n]) - (1u << n);
        }
        outer->reach[n] = inner->reach[outer->reach[n]];
    }
    outer->mask = (uint8_t)mask;
    s->found = s->found || (mask >> PEEL_SPELL_LETTERS & 1) != 0;
}

static void plain(struct peel_speller *s, uint8_t c)
{
    struct peel_level *level = &s->levels[s->n_levels - 1];
    unsigned mask = 1;
    c = byte_lower(c);
    for (unsigned n = 0; n < PEEL_SPELL_LETTERS; n++) {
        if (letters[n] == c) {
            mask |= (level->mask & 1u << n) << 1;
        }
    }
    for (unsigned n = 0; n <= PEEL_SPELL_LETTERS; n++) {
        uint8_t reach = level->reach[n];
        level->reach[n] =
            reach < PEEL_SPELL_LETTERS && letters[reach] == c ? (uint8_t)(reach + 1) : reach;
    }
    level->mask = (uint8_t)mask;
    s->found = s->found || (mask >> PEEL_SPELL_LETTERS & 1) != 0;
}

void peel_speller_open(struct peel_speller *s)
{
    s->opened = true;
}

void peel_speller_skip(struct peel_speller *s)
{
    s->dollar = false;
    s->levels[s->n_levels - 1].mask = 1;
}

void peel_speller_feed(struct peel_speller *s, uint8_t c)
{
    bool dollar = s->dollar;
    s->dollar = c == '$';
    s->opened = s->opened || s->dollar;
    if (!s->opened) {
        return;
    }
    if (c == '{' && dollar) {
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

/* The characters that are not skipped. */
static const bool counts[256] = {
    ['$'] = true, ['{'] = true, ['}'] = true, ['#'] = true,  ['%'] = true,
    ['j'] = true, ['J'] = true, ['n'] = true, ['N'] = true,  ['d'] = true,
    ['D'] = true, ['i'] = true, ['I'] = true, [0xc4] = true,
};

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
