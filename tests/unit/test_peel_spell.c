/* Tests of the check whether a text may spell `jndi`: it never says no to what the evaluator finds
 * anything in, and nearly always to what it finds nothing in. Texts are made of the pieces that
 * look-ups are made of, at random. JNDIWATCH_SEED and JNDIWATCH_ROUNDS choose which and how many.
 */
#include "sensor/base/sbuf.h"
#include "signatures/lookup.h"
#include "signatures/peel_spell.h"
#include "tests/dice.h"
#include "tests/unit/runner.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum { PIECES_MAX = 24, ROUNDS = 200000, TOLD_MAX = 10 };

static const struct span pieces[] = {
    SPAN_LITERAL("${"),       SPAN_LITERAL("${"),         SPAN_LITERAL("${"),
    SPAN_LITERAL("}"),        SPAN_LITERAL("}"),          SPAN_LITERAL("}"),
    SPAN_LITERAL("j"),        SPAN_LITERAL("J"),          SPAN_LITERAL("n"),
    SPAN_LITERAL("d"),        SPAN_LITERAL("i"),          SPAN_LITERAL("jn"),
    SPAN_LITERAL("di"),       SPAN_LITERAL("ndi"),        SPAN_LITERAL("jndi:"),
    SPAN_LITERAL("jndi:a:b"), SPAN_LITERAL(":"),          SPAN_LITERAL("-"),
    SPAN_LITERAL(":-"),       SPAN_LITERAL("::-"),        SPAN_LITERAL(":\\-"),
    SPAN_LITERAL("$"),        SPAN_LITERAL("$${"),        SPAN_LITERAL("$"),
    SPAN_LITERAL("{"),        SPAN_LITERAL("lower:"),     SPAN_LITERAL("upper:"),
    SPAN_LITERAL("date:"),    SPAN_LITERAL("date:'"),     SPAN_LITERAL("'"),
    SPAN_LITERAL("env:X"),    SPAN_LITERAL("x"),          SPAN_LITERAL(" "),
    SPAN_LITERAL("java:x"),   SPAN_LITERAL("#{"),         SPAN_LITERAL("%{"),
    SPAN_LITERAL("$("),       SPAN_LITERAL("\xc4\xb1"),   SPAN_LITERAL("sys:path.separator"),
    SPAN_LITERAL("${::-j}"),  SPAN_LITERAL("${lower:n}"), SPAN_LITERAL("${:-d}"),
    SPAN_LITERAL("${a:-i}"),  SPAN_LITERAL("ldap://h/a"),
};

static struct lookup *lookup;

static int start(void)
{
    lookup = lookup_new();
    return lookup == NULL;
}

static int end(void)
{
    lookup_free(&lookup);
    return 0;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    uint64_t value = otherwise;
    return text != NULL && span_to_u64(span_str(text), &value) ? value : otherwise;
}

static void make_text(uint64_t *state, struct sbuf *text)
{
    size_t n = 1 + dice_below(state, PIECES_MAX);
    sbuf_reset(text);
    for (size_t i = 0; i < n; i++) {
        sbuf_add(text, pieces[dice_below(state, ARRAY_LEN(pieces))]);
    }
}

/* Puts any piece, of names and splitters too, into an expression whose default it is: the end of
 * one that begins at `begin`, of the `n_more`th place where as much was closed as opened. */
static size_t balanced_end(struct span text, size_t begin, size_t n_more)
{
    size_t depth = 0;
    size_t end = begin;
    for (size_t at = begin; at < text.len && n_more > 0; at++) {
        bool opens = span_at(text, at) == '$' && span_at(text, at + 1) == '{';
        bool closes = span_at(text, at) == '}';
        if (closes && depth == 0) {
            break;
        }
        depth = opens ? depth + 1 : closes ? depth - 1 : depth;
        if (depth == 0) {
            end = at + 1;
            n_more--;
        }
    }
    return end;
}

static void produce(uint64_t *state, struct sbuf *text)
{
    struct span all = sbuf_span(text);
    size_t begin = dice_below(state, all.len + 1);
    size_t end = balanced_end(all, begin, dice_below(state, 12));
    struct sbuf made = sbuf_with_cap(text->cap);
    sbuf_add(&made, span_head(all, begin));
    sbuf_add(&made, dice_below(state, 4) == 0 ? SPAN("${::-") : SPAN("${x:-"));
    sbuf_add(&made, span_sub(all, begin, end - begin));
    sbuf_add_byte(&made, '}');
    sbuf_add(&made, span_from(all, end));
    sbuf_reset(text);
    sbuf_add(text, sbuf_span(&made));
    sbuf_free(&made);
}

static void make_produced(uint64_t *state, struct sbuf *text)
{
    static const struct span whole[] = {
        SPAN_LITERAL("${jndi:a:b}"),
        SPAN_LITERAL("${j${lower:n}d${upper:i}:a:b}"),
        SPAN_LITERAL("${${lower:jn}${a:-d}${date:'i'}:a:b}"),
        SPAN_LITERAL("${j${lower:n:-x}d${::-i:-y}:a:b}"),
        SPAN_LITERAL("${a:-${lower:j}${b:c:-n}}${jn${upper:${lower:di}}:a:b}"),
    };
    sbuf_reset(text);
    sbuf_add(text, whole[dice_below(state, ARRAY_LEN(whole))]);
    for (size_t n = dice_below(state, 7); n > 0; n--) {
        produce(state, text);
    }
}

static bool finds(struct span text)
{
    struct lookup_result result;
    lookup_evaluate(lookup, text, &(struct lookup_options){0}, &result);
    return result.class != LOOKUP_NONE;
}

static void what_is_found_may_be_spelt(void)
{
    uint64_t state = from_environment("JNDIWATCH_SEED", 1);
    uint64_t rounds = from_environment("JNDIWATCH_ROUNDS", ROUNDS);
    struct sbuf text = sbuf_with_cap(4096);
    uint64_t n_found = 0;
    uint64_t n_spelt = 0;
    uint64_t n_missed = 0;
    for (uint64_t i = 0; i < rounds; i++) {
        (i % 2 == 0 ? make_text : make_produced)(&state, &text);
        bool found = finds(sbuf_span(&text));
        bool spelt = peel_may_spell(sbuf_span(&text));
        n_found += found;
        n_spelt += spelt;
        if (found && !spelt && n_missed++ < TOLD_MAX) {
            printf("missed: %.*s\n", (int)text.len, (const char *)text.data);
        }
    }
    printf("%" PRIu64 " texts: something is found in %" PRIu64 ", may be spelt in %" PRIu64 "\n",
           rounds, n_found, n_spelt);
    CU_ASSERT_EQUAL(n_missed, 0);
    CU_ASSERT(n_found > rounds / 20);
    sbuf_free(&text);
}

static void letters_that_stand_apart_are_not_spelt(void)
{
    static const struct span texts[] = {
        SPAN_LITERAL(""),
        SPAN_LITERAL("jndi"),
        SPAN_LITERAL("${j} n d i"),
        SPAN_LITERAL("${just need directions in}"),
        SPAN_LITERAL("${just ${another:-template} d} i"),
        SPAN_LITERAL("${a:-j}x${b:-ndi}"),
        SPAN_LITERAL("${j and no end, for di"),
        SPAN_LITERAL("`${count} node${count === 1 ? '' : 's'} joined: ${nodes.map((id) => id)}`"),
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CU_ASSERT_FALSE(peel_may_spell(texts[i]));
    }
}

static void expressions_come_between_letters(void)
{
    static const struct span texts[] = {
        SPAN_LITERAL("${jndi:a}"),
        SPAN_LITERAL("${j${::-n}di:a}"),
        SPAN_LITERAL("${j${a:-}n${lower:${upper:d}}${date:'i'}:a}"),
        SPAN_LITERAL("${${lower:jn}${x:${y}-di}:a}"),
        SPAN_LITERAL("${${lower:jn:-x}di:a}"),
        SPAN_LITERAL("${j$n$di"),
        SPAN_LITERAL("#{jndi"),
        SPAN_LITERAL("$(jndi"),
        SPAN_LITERAL("${a:-${::-$}{lower:j}}"),
        SPAN_LITERAL("${jnd${u${x:-pper:i}}:a}"),
        SPAN_LITERAL("${jnd${lo${x:-we${y:-r:i}}}:a}"),
        SPAN_LITERAL("${j${lo${x:-wer:nd}i}:a}"),
        SPAN_LITERAL("${jn${a${b:-:-d}}i:a}"),
        SPAN_LITERAL("${jnd${lower:${x:-i:-q}zzz}:a}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CU_ASSERT(peel_may_spell(texts[i]));
    }
}

static void deep_nesting_may_be_anything(void)
{
    struct sbuf text = sbuf_with_cap(1 << 16);
    for (size_t i = 0; i < PEEL_SPELL_DEPTH; i++) {
        CU_ASSERT_FALSE(peel_may_spell(sbuf_span(&text)));
        sbuf_add_str(&text, "${");
    }
    CU_ASSERT(peel_may_spell(sbuf_span(&text)));
    sbuf_free(&text);
}

static CU_TestInfo spell_tests[] = {
    {"what is found may be spelt", what_is_found_may_be_spelt},
    {"letters that stand apart are not spelt", letters_that_stand_apart_are_not_spelt},
    {"expressions come between letters", expressions_come_between_letters},
    {"deep nesting may be anything", deep_nesting_may_be_anything},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"spelling", start, end, NULL, NULL, spell_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
