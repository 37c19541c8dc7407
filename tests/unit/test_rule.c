/* Tests of the rule language: what a text becomes, what is refused and how it is told, and what the
 * tests of a buffer mean. */
#include "sensor/base/bytes.h"
#include "sensor/base/sbuf.h"
#include "signatures/rule.h"
#include "signatures/verify.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <string.h>

static const struct net_variable variables[] = {
    {.name = SPAN_LITERAL("HOME_NET"), .value = SPAN_LITERAL("[10.0.0.0/8,!10.9.0.0/16]")},
    {.name = SPAN_LITERAL("WEB"), .value = SPAN_LITERAL("[80,8000:8100,!8080]")},
    {.name = SPAN_LITERAL("LOOP"), .value = SPAN_LITERAL("$LOOP")},
};

struct loaded {
    struct errbuf err;
    struct net_variables variables;
    struct rule_set set;
};

static void load(struct loaded *l, struct span text)
{
    bytes_zero(l, sizeof(*l));
    l->variables = (struct net_variables){variables, ARRAY_LEN(variables)};
    l->set =
        (struct rule_set){.arena = arena_new(1 << 24), .variables = &l->variables, .err = &l->err};
    l->set.end = &l->set.first;
    (void)rule_read(&l->set, "t.rules", text);
}

static void unload(struct loaded *l)
{
    rule_set_free(&l->set);
    arena_free(&l->set.arena);
    errbuf_free(&l->err);
}

/* The mistakes that a text's rules bring about, all lines. */
static void expect_mistakes(const char *text, const char *mistakes)
{
    struct loaded l;
    load(&l, span_str(text));
    rule_drop_duplicates(&l.set);
    CU_ASSERT_STRING_EQUAL(errbuf_text(&l.err), mistakes);
    if (strcmp(errbuf_text(&l.err), mistakes) != 0) {
        printf("\n  %s\n  %s  instead of %s", text, errbuf_text(&l.err), mistakes);
    }
    unload(&l);
}

#define RULE(options) "alert http any any -> any any (msg:\"m\"; " options " sid:7; rev:1;)\n"
#define TCP(options)  "alert tcp any any -> any any (msg:\"m\"; " options " sid:7; rev:1;)\n"

static void a_rule_tells_what_events_need(void)
{
    struct loaded l;
    load(&l, SPAN("# a comment\n"
                  "\n"
                  "drop http $HOME_NET any -> any $WEB \\\n"
                  "  (msg:\"a \\\"quoted\\\" name\\; and more\"; flow:established,to_server; \\\n"
                  "  http.uri; content:\"x\"; reference:cve,2021-44228; "
                  "reference:url,example.org/a; classtype:attempted-admin; "
                  "metadata:cve CVE_2021_44228, attack_target Server; target:dest_ip; "
                  "sid:4294967295; rev:3; gid:5;)\n"));
    CU_ASSERT_EQUAL_FATAL(l.set.n_loaded, 1);
    const struct rule *r = l.set.first;
    const struct signature *s = &r->signature;
    CU_ASSERT_EQUAL(s->action, SIGNATURE_DROP);
    CU_ASSERT_EQUAL(s->sid, 4294967295);
    CU_ASSERT_EQUAL(s->rev, 3);
    CU_ASSERT_EQUAL(s->gid, 5);
    CU_ASSERT_EQUAL(s->severity, 1);
    CU_ASSERT_EQUAL(s->target, SIGNATURE_TARGET_DEST);
    CU_ASSERT(span_equal(s->msg, SPAN("a \"quoted\" name; and more")));
    CU_ASSERT(span_equal(s->category, SPAN("Attempted Administrator Privilege Gain")));
    CU_ASSERT_EQUAL_FATAL(s->n_references, 2);
    CU_ASSERT(
        span_equal(s->references[0], SPAN("https://nvd.nist.gov/vuln/detail/CVE-2021-44228")));
    CU_ASSERT(span_equal(s->references[1], SPAN("https://example.org/a")));
    CU_ASSERT_EQUAL_FATAL(s->n_metadata, 2);
    CU_ASSERT(span_equal(s->metadata[1].key, SPAN("attack_target")));
    CU_ASSERT(span_equal(s->metadata[1].value, SPAN("Server")));
    CU_ASSERT_EQUAL(r->flow, RULE_TO_SERVER | RULE_ESTABLISHED);
    CU_ASSERT_EQUAL(r->line, 3);
    unload(&l);
}

static void priority_goes_before_the_class_in_any_order(void)
{
    struct loaded l;
    load(&l, SPAN(RULE("content:\"a\"; priority:2; classtype:attempted-admin;")));
    CU_ASSERT_EQUAL_FATAL(l.set.n_loaded, 1);
    CU_ASSERT_EQUAL(l.set.first->signature.severity, 2);
    unload(&l);
}

static void mistakes_name_file_line_sid_and_keyword(void)
{
    expect_mistakes(RULE("pcre:\"/(/\";"), "t.rules:1: sid 7: pcre: missing closing parenthesis at "
                                           "character 1 of '('\n");
    expect_mistakes(RULE("jndi.dialect:velocity;"),
                    "t.rules:1: sid 7: jndi.dialect: is log4j or commons-text, not 'velocity'\n");
    expect_mistakes(RULE("requires:version = 7; nosuch; requires:keyword nosuch;"), "");
    expect_mistakes("\n" RULE("nosuch:\"a\"; content:\"a\";"),
                    "t.rules:2: sid 7: unknown keyword 'nosuch'\n");
    expect_mistakes(RULE("nosuch.buffer; dotprefix; content:\"a\";"),
                    "t.rules:1: sid 7: unknown keyword 'nosuch.buffer'\n");
    expect_mistakes(RULE("content:\"a\"; dotprefix;"),
                    "t.rules:1: sid 7: dotprefix: stands behind a sticky buffer and before its "
                    "first test\n");
    expect_mistakes(RULE("content:\"a|0\"; ") RULE("content:\"|0|\";"),
                    "t.rules:1: sid 7: content: missing closing '|'\n"
                    "t.rules:2: sid 7: content: odd number of hexadecimal digits at character 3\n");
    expect_mistakes(RULE("content:\"|0g|\";"),
                    "t.rules:1: sid 7: content: 'g' at character 3 is no "
                    "hexadecimal digit\n");
    expect_mistakes(RULE("content:\"\";"),
                    "t.rules:1: sid 7: content: empty; it has 1 to 4096 bytes\n");
    expect_mistakes(RULE("flow:to_server;"), "");
    expect_mistakes("alert tcp any any -> any any (msg:\"m\"; flow:to_server; sid:7;)\n", "");
    expect_mistakes("alert tcp any any -> any any (msg:\"m\"; sid:7;)\n", "");
    expect_mistakes(RULE("nocase; content:\"a\";"),
                    "t.rules:1: sid 7: nocase: no content stands before it\n");
    expect_mistakes(RULE("content:\"abc\"; depth:2;"),
                    "t.rules:1: sid 7: content: depth 2 is less than the content's 3 bytes\n");
    expect_mistakes(RULE("content:\"a\"; content:\"b\"; within:4; depth:5;"),
                    "t.rules:1: sid 7: content: offset and depth cannot stand with distance or "
                    "within\n");
    expect_mistakes(RULE("content:\"a\"; content:\"b\"; offset:2; distance:0;"),
                    "t.rules:1: sid 7: content: offset and depth cannot stand with distance or "
                    "within\n");
    expect_mistakes(RULE("content:\"abc\"; offset:x;"),
                    "t.rules:1: sid 7: offset: 'x' is not a number from 0 to 65535\n");
    expect_mistakes(RULE("content:\"a\"; flow:to_server,sideways;"),
                    "t.rules:1: sid 7: flow: unknown word 'sideways'\n");
    expect_mistakes(
        RULE("content:\"a\"; stream_size:client,<,x;"),
        "t.rules:1: sid 7: stream_size: '<x' is not a size; examples: 10, >10, 5<>20\n");
    expect_mistakes(RULE("http.uri; content:\"a\"; absent;"),
                    "t.rules:1: sid 7: absent: stands behind the name of a field's buffer, before "
                    "anything else\n");
    expect_mistakes(RULE("content:\"a\"; stream_size:left,<,1;"),
                    "t.rules:1: sid 7: stream_size: the first word is client, server, both or "
                    "either, not 'left'\n");
    expect_mistakes(RULE("content:\"a\"; threshold:type limit, track by_src, count 1;"),
                    "t.rules:1: sid 7: threshold: wants type, track, count and seconds, or of "
                    "backoff a multiplier\n");
    expect_mistakes(RULE("content:\"a\"; detection_filter:track by_port, count 1, seconds 2;"),
                    "t.rules:1: sid 7: detection_filter: unknown word 'track by_port'\n");
    expect_mistakes(RULE("content:\"a\"; flowbits:sets,x;"),
                    "t.rules:1: sid 7: flowbits: is set, unset, toggle, isset, isnotset or "
                    "noalert, not 'sets'\n");
    expect_mistakes(RULE("content:\"a\"; flowbits:set;"),
                    "t.rules:1: sid 7: flowbits: wants one name\n");
    expect_mistakes(RULE("content:\"a\"; flowbits:set,a|b;"), "");
    expect_mistakes(TCP("content:\"a\"; app-layer-protocol:icq;"),
                    "t.rules:1: sid 7: app-layer-protocol: no decoder reads 'icq'\n");
    expect_mistakes(RULE("content:\"a\"; urilen:<9,odd;"),
                    "t.rules:1: sid 7: urilen: the second word is norm or raw\n");
    expect_mistakes(RULE("content:\"a\"; dsize:4<>3;"),
                    "t.rules:1: sid 7: dsize: '4<>3' is not a size; examples: 10, >10, 5<>20\n");
    expect_mistakes(RULE("content:\"a\"; classtype:none;"), "");
    expect_mistakes(RULE("http.uri:1; content:\"a\";"),
                    "t.rules:1: sid 7: http.uri: takes no value\n");
#define BASE64_WORDS                                                                               \
    "' is none of 'bytes 1' and more, 'offset 0' to 65535, 'mode rfc4648|rfc2045|strict', each "   \
    "once\n"
    expect_mistakes(RULE("http.uri; from_base64:offset 65536; content:\"a\";"),
                    "t.rules:1: sid 7: from_base64: 'offset 65536" BASE64_WORDS);
    expect_mistakes(RULE("http.uri; from_base64:mode strict, mode strict; content:\"a\";"),
                    "t.rules:1: sid 7: from_base64: 'mode strict" BASE64_WORDS);
    expect_mistakes(RULE("http.uri; from_base64:bytes name; content:\"a\";"),
                    "t.rules:1: sid 7: from_base64: 'bytes name" BASE64_WORDS);
    expect_mistakes(RULE("from_base64:bytes 3; content:\"a\";"),
                    "t.rules:1: sid 7: from_base64: stands behind a sticky buffer and before its "
                    "first test\n");
    expect_mistakes(RULE("http.uri; http.method; content:\"a\";"),
                    "t.rules:1: sid 7: nothing is asked of the buffer 'http.uri'\n");
    expect_mistakes("alert http any any -> any any (content:\"a\"; sid:3)\n",
                    "t.rules:1: sid 3: no ';' behind the option 'sid:3'\n");
    expect_mistakes(
        "alert http any any -> any any (content:\"sid:1; rev:2; sid: 44; rev:1;)\n",
        "t.rules:1: sid 44: content: its quotes do not end; a ';' within them is written '\\;'\n");
    expect_mistakes(RULE("content:\"a\"; priority:x;"),
                    "t.rules:1: sid 7: priority: 'x' is not a number from 0 to 4294967295\n");
    expect_mistakes(RULE("content:\"a\"; priority:256;"), "");
    expect_mistakes("alert http any any -> any any (msg:\"m\"; content:\"a\";)\n",
                    "t.rules:1: no sid\n");
}

static void forms_are_those_of_suricata(void)
{
    expect_mistakes("alert http any any -> any any (content:\"a\"; sid:7;)\n", "");
    expect_mistakes(RULE("content:\"abc\"; startswith; offset:0;"),
                    "t.rules:1: sid 7: content: startswith cannot stand with depth, offset, "
                    "distance or within\n");
    expect_mistakes(RULE("http.uri; to_lowercase; content:\"/A\"; nocase;"),
                    "t.rules:1: sid 7: content: has letters that a transform takes away\n");
    expect_mistakes(RULE("http.uri; to_uppercase; content:!\"/a\";"), "");
#define HOST_MISTAKE                                                                               \
    "t.rules:1: sid 7: content: http.host is in small letters: so must its content be, without "   \
    "nocase\n"
    expect_mistakes(RULE("http.host; content:\"A\";"), HOST_MISTAKE);
    expect_mistakes(RULE("http.host; content:\"a\"; nocase;"), HOST_MISTAKE);
    expect_mistakes(RULE("content:\"a\"; detection_filter:track by_both, count 1, seconds 2;"),
                    "t.rules:1: sid 7: detection_filter: is tracked by_src, by_dst or by_flow\n");
    expect_mistakes(RULE("content:\"a\"; threshold:type limit, track by_flow, count 1, seconds 2;"),
                    "");
    expect_mistakes(RULE("http.method; content:\"G\"; http.stat_code; content:\"2\";"),
                    "t.rules:1: sid 7: 'http.method' is of requests and 'http.stat_code' of "
                    "answers: => asks both\n");
    expect_mistakes(RULE("flow:to_client; http.uri; content:\"/\";"),
                    "t.rules:1: sid 7: 'http.uri' does not go that way\n");
}

static void a_content_is_written_with_four_escapes(void)
{
    struct loaded l;
    load(&l, SPAN(RULE("http.uri; content:\"a\\;b\\:c\\\"d\\\\e|3b|\";")));
    CU_ASSERT_EQUAL_FATAL(l.set.n_loaded, 1);
    CU_ASSERT(span_equal(l.set.first->groups[0].tests[0].content.bytes, SPAN("a;b:c\"d\\e;")));
    unload(&l);
    expect_mistakes(RULE("http.uri; content:\"a\\xb\";"),
                    "t.rules:1: sid 7: content: a backslash stands only before \\, \", ; and :\n");
    expect_mistakes(RULE("http.uri; content:\"a\"b\";"),
                    "t.rules:1: sid 7: content: a double quote within it is written '\\\"'\n");
}

static void what_has_no_room_is_a_mistake(void)
{
#define NO_ROOM(name) "t.rules:1: sid 7: the contents of '" name "' are longer than it may be\n"
    expect_mistakes(RULE("http.uri; content:\"abcd\"; bsize:3;"), NO_ROOM("http.uri"));
    expect_mistakes(RULE("http.uri; content:\"abcd\"; bsize:<4;"), "");
    expect_mistakes(RULE("http.uri; content:\"abcde\"; bsize:<4;"), NO_ROOM("http.uri"));
    expect_mistakes(RULE("http.uri; content:\"abcd\"; bsize:!3;"), "");
    expect_mistakes(RULE("http.uri; content:\"ab\"; content:\"cd\"; bsize:3;"), "");
    expect_mistakes(RULE("http.uri; content:\"ab\"; content:\"cd\"; distance:3; bsize:6;"),
                    NO_ROOM("http.uri"));
    expect_mistakes(RULE("http.uri; content:\"ab\"; offset:3; bsize:5;"), "");
    expect_mistakes(TCP("dsize:3; content:\"abcd\";"), NO_ROOM("pkt_data"));
    expect_mistakes(TCP("dsize:!3; content:\"abcd\";"), NO_ROOM("pkt_data"));
    expect_mistakes(TCP("dsize:>3; content:\"abcd\";"), "");
}

static void protocols_are_asked_once(void)
{
    struct loaded l;
    load(&l, SPAN(TCP("app-layer-protocol:!http; app-layer-protocol:!dns; content:\"a\";")));
    CU_ASSERT_EQUAL_FATAL(l.set.n_loaded, 1);
    CU_ASSERT_EQUAL(l.set.first->n_decoders, 2);
    CU_ASSERT(l.set.first->not_decoder);
    unload(&l);
    expect_mistakes(RULE("app-layer-protocol:http; content:\"a\";"),
                    "t.rules:1: sid 7: app-layer-protocol: the rule has said which protocol it is "
                    "about\n");
}

static void the_header_is_checked_word_by_word(void)
{
#define HEADER(header) header " (msg:\"m\"; content:\"a\"; sid:7;)\n"
    expect_mistakes(HEADER("shout http any any -> any any"),
                    "t.rules:1: sid 7: unknown action 'shout'\n");
    expect_mistakes(HEADER("alert icq any any -> any any"),
                    "t.rules:1: sid 7: unknown protocol 'icq'\n");
    expect_mistakes(HEADER("alert http any any <- any any"),
                    "t.rules:1: sid 7: direction is '->', '<>' or '=>', not '<-'\n");
    expect_mistakes(HEADER("alert tcp any any => any any"),
                    "t.rules:1: sid 7: '=>' wants a protocol of requests and answers, http or "
                    "dns\n");
    expect_mistakes(HEADER("alert http ![any] any -> [10.0.0.1,!10.0.0.1] !any"),
                    "t.rules:1: sid 7: source address: no address is left in '![any]'\n"
                    "t.rules:1: sid 7: destination address: no address is left in "
                    "'[10.0.0.1,!10.0.0.1]'\n"
                    "t.rules:1: sid 7: destination port: no port is left in '!any'\n");
    expect_mistakes(HEADER("alert http $NONE any -> any any"),
                    "t.rules:1: sid 7: source address: unknown variable 'NONE'\n");
    expect_mistakes(HEADER("alert http $LOOP any -> any any"),
                    "t.rules:1: sid 7: source address: lists nested too deeply at '$LOOP'\n");
    expect_mistakes(HEADER("alert http [10.0.0.0/8 any -> any any"),
                    "t.rules:1: sid 7: a rule begins with: action protocol address port -> address "
                    "port (options)\n");
    expect_mistakes(HEADER("alert http any 80:70 -> any 65536"),
                    "t.rules:1: sid 7: source port: not a port or port range: '80:70'\n"
                    "t.rules:1: sid 7: destination port: not a port or port range: '65536'\n");
    expect_mistakes(HEADER("alert http [] any -> [10.0.0.1,] any"),
                    "t.rules:1: sid 7: source address: empty list '[]'\n");
    expect_mistakes(HEADER("alert http [10.0.0.1,10.0.0.2,] : -> any [80,]"), "");
#undef HEADER
}

static void a_wrong_rule_does_not_stop_the_others(void)
{
    struct loaded l;
    load(&l,
         SPAN(RULE("nosuch;") "alert ip any any -> any any (msg:\"n\"; content:\"b\"; sid:8;)"));
    CU_ASSERT_EQUAL(l.set.n_loaded, 1);
    CU_ASSERT_EQUAL(l.set.n_failed, 1);
    CU_ASSERT_EQUAL(l.set.first->signature.sid, 8);
    unload(&l);
}

static void of_equal_sids_the_higher_rev_stays(void)
{
#define NUMBERED(sid, rev)                                                                         \
    "alert ip any any -> any any (msg:\"m\"; content:\"a\"; sid:" sid "; rev:" rev ";)\n"
    expect_mistakes(NUMBERED("3", "1") NUMBERED("3", "1"),
                    "t.rules:2: sid 3 rev 1 was already defined at t.rules:1\n");
    struct loaded l;
    load(&l, SPAN(NUMBERED("3", "1") NUMBERED("4", "1") NUMBERED("3", "2") NUMBERED("3", "1")));
    rule_drop_duplicates(&l.set);
    CU_ASSERT_EQUAL(l.set.n_loaded, 2);
    CU_ASSERT_EQUAL(l.set.n_failed, 2);
    CU_ASSERT_EQUAL(l.set.first->signature.sid, 4);
    CU_ASSERT_EQUAL_FATAL(l.set.first->next->signature.sid, 3);
    CU_ASSERT_EQUAL(l.set.first->next->signature.rev, 2);
    CU_ASSERT_STRING_EQUAL(errbuf_text(&l.err),
                           "t.rules:3: sid 3 rev 2 was already defined at t.rules:1, with a lower "
                           "rev: this one is used\n"
                           "t.rules:4: sid 3 rev 1 was already defined at t.rules:3\n");
    unload(&l);
#undef NUMBERED
}

static void long_lines_and_other_text_are_told(void)
{
    struct sbuf text = sbuf_with_cap(1 << 20);
    sbuf_add_str(&text, "alert ip any any -> any any (msg:\"");
    while (text.len < 70000) {
        sbuf_add_byte(&text, 'x');
    }
    sbuf_add_str(&text, "\"; content:\"a\"; sid:1;)\n");
    sbuf_add_str(&text, "alert ip any any -> any any (msg:\"\xff\"; content:\"a\"; sid:2;)\n");
    struct loaded l;
    load(&l, sbuf_span(&text));
    CU_ASSERT_EQUAL(l.set.n_loaded, 0);
    CU_ASSERT_EQUAL(l.set.n_failed, 2);
    CU_ASSERT_STRING_EQUAL(errbuf_text(&l.err),
                           "t.rules:1: the rule is longer than the limit of 65536 bytes\n"
                           "t.rules:2: the rule is not UTF-8 text\n");
    unload(&l);
    sbuf_free(&text);
}

/* --- what the tests of a buffer mean -----------------------------------------------------------
 */

static enum verify_result verify_in(const char *options, struct verify_view view)
{
    char text[1024];
    struct loaded l;
    struct regex_scratch *scratch = regex_scratch_new();
    snprintf(text, sizeof(text), "alert ip any any -> any any (msg:\"m\"; http.uri; %s sid:1;)",
             options);
    load(&l, span_str(text));
    CU_ASSERT_STRING_EQUAL(errbuf_text(&l.err), "");
    CU_ASSERT_EQUAL_FATAL(l.set.n_loaded, 1);
    enum verify_result r = verify_group(&l.set.first->groups[0], &view, scratch);
    unload(&l);
    regex_scratch_free(&scratch);
    return r;
}

static bool matches(const char *options, const char *text)
{
    return verify_in(options, (struct verify_view){.text = span_str(text)}) == VERIFY_YES;
}

static void contents_stand_where_they_are_told_to(void)
{
    CU_ASSERT(matches("content:\"bc\";", "abcd"));
    CU_ASSERT_FALSE(matches("content:\"BC\";", "abcd"));
    CU_ASSERT(matches("content:\"BC\"; nocase;", "abcd"));
    CU_ASSERT(matches("content:!\"x\";", "abcd"));
    CU_ASSERT_FALSE(matches("content:!\"bc\";", "abcd"));
    CU_ASSERT(matches("content:\"a|62 63|\\\"d\";", "abc\"d"));
    CU_ASSERT(matches("content:\"cd\"; offset:2;", "abcd"));
    CU_ASSERT_FALSE(matches("content:\"bc\"; offset:2;", "abcd"));
    CU_ASSERT(matches("content:\"bc\"; offset:1; depth:2;", "abcd"));
    CU_ASSERT_FALSE(matches("content:\"cd\"; offset:1; depth:2;", "abcd"));
    CU_ASSERT_FALSE(matches("content:\"bc\"; depth:2;", "abcd"));
    CU_ASSERT(matches("content:\"ab\"; startswith;", "abcd"));
    CU_ASSERT_FALSE(matches("content:\"bc\"; startswith;", "abcd"));
    CU_ASSERT(matches("content:\"cd\"; endswith;", "cdcd"));
    CU_ASSERT_FALSE(matches("content:\"cd\"; endswith;", "cdce"));
    CU_ASSERT(matches("content:\"abcd\"; startswith; endswith;", "abcd"));
    CU_ASSERT_FALSE(matches("content:\"abcd\"; startswith; endswith;", "abcde"));
}

static void relative_contents_count_from_the_match_before(void)
{
    CU_ASSERT(matches("content:\"a\"; content:\"b\"; distance:0;", "a-b"));
    CU_ASSERT_FALSE(matches("content:\"a\"; content:\"b\"; distance:0;", "b-a"));
    CU_ASSERT(matches("content:\"a\"; content:\"b\"; within:2;", "a-b"));
    CU_ASSERT_FALSE(matches("content:\"a\"; content:\"b\"; within:1;", "a-b"));
    CU_ASSERT(matches("content:\"a\"; content:\"b\"; distance:1; within:1;", "a-b"));
    CU_ASSERT_FALSE(matches("content:\"a\"; content:\"b\"; distance:1; within:1;", "a--b"));
    CU_ASSERT(matches("content:\"b\"; content:\"a\"; distance:-2;", "ab"));
    CU_ASSERT(matches("content:\"a\"; content:!\"b\"; within:2;", "a--b"));
    CU_ASSERT_FALSE(matches("content:\"a\"; content:!\"b\"; within:3;", "a--b"));
}

static void a_failed_relative_test_tries_the_next_match(void)
{
    CU_ASSERT(matches("content:\"a\"; content:\"b\"; within:1;", "a-a-ab"));
    CU_ASSERT(
        matches("content:\"a\"; content:\"b\"; within:1; content:\"c\"; within:1;", "ab-abc"));
    CU_ASSERT(
        matches("content:\"a\"; content:\"b\"; distance:0; content:\"c\"; within:1;", "a-bb-bc"));
    CU_ASSERT_FALSE(matches("content:\"a\"; content:\"b\"; within:1; content:\"x\";", "a-ab"));
    CU_ASSERT(matches("pcre:\"/a./\"; content:\"c\"; within:1;", "abaac"));
    CU_ASSERT(matches("content:\"a\"; pcre:\"/^b/R\";", "a-ab"));
}

static void expressions_have_their_flags(void)
{
    CU_ASSERT(matches("pcre:\"/B.C/i\";", "abxcd"));
    CU_ASSERT_FALSE(matches("pcre:\"/B.C/\";", "abxcd"));
    CU_ASSERT_FALSE(matches("pcre:\"/b.c/\";", "ab\ncd"));
    CU_ASSERT(matches("pcre:\"/b.c/s\";", "ab\ncd"));
    CU_ASSERT(matches("pcre:\"/^b/m\";", "a\nb"));
    CU_ASSERT_FALSE(matches("pcre:\"/b/A\";", "ab"));
    CU_ASSERT(matches("pcre:!\"/x/\";", "abc"));
    CU_ASSERT(matches("pcre:\"/a\\;b\\x3a\\/c/\";", "a;b:/c"));
    CU_ASSERT(matches("pcre:\"/^\\/a/U\";", "/a"));
}

static void sizes_are_the_buffers(void)
{
    CU_ASSERT(matches("bsize:4;", "abcd"));
    CU_ASSERT_FALSE(matches("bsize:5;", "abcd"));
    CU_ASSERT(matches("bsize:>3;", "abcd"));
    CU_ASSERT(matches("bsize:3<>5;", "abcd"));
    CU_ASSERT_FALSE(matches("bsize:4<>6;", "abcd"));
    CU_ASSERT(matches("bsize:!5;", "abcd"));
    CU_ASSERT(matches("content:\"b\"; isdataat:2,relative;", "abcd"));
    CU_ASSERT_FALSE(matches("content:\"b\"; isdataat:3,relative;", "abcd"));
    CU_ASSERT_FALSE(matches("content:\"c\"; isdataat:!1,relative;", "abcd"));
    CU_ASSERT(matches("content:\"d\"; isdataat:!1,relative;", "abcd"));
    CU_ASSERT(matches("isdataat:3;", "abcd"));
    CU_ASSERT_FALSE(matches("isdataat:4;", "abcd"));
}

static void numbers_are_read_and_jumped_over(void)
{
    CU_ASSERT(matches("byte_test:2,=,0x6162,0;", "abcd"));
    CU_ASSERT(matches("byte_test:2,=,0x6261,0,little;", "abcd"));
    CU_ASSERT(matches("byte_test:1,&,0x20,1;", "abcd"));
    CU_ASSERT(matches("byte_test:1,!&,0x80,1;", "abcd"));
    CU_ASSERT(matches("byte_test:3,>,99,1,string,dec;", "x100"));
    CU_ASSERT(matches("content:\"b\"; byte_test:1,=,0x63,0,relative;", "abcd"));
    CU_ASSERT_FALSE(matches("byte_test:2,=,0x6162,3;", "abcd"));
    CU_ASSERT(matches("content:\"|04|\"; byte_jump:1,0,relative; content:\"z\"; within:1;",
                      "\x04\x03"
                      "abcz"));
    CU_ASSERT_FALSE(matches("content:\"|04|\"; byte_jump:1,0,relative; content:\"z\"; within:1;",
                            "\x04\x02"
                            "abcz"));
    CU_ASSERT_FALSE(matches("byte_jump:1,0; content:\"a\"; distance:0;", "\x40"
                                                                         "abc"));
}

/* As Suricata's documentation has it, and where that is silent, as it does. */
static void numbers_are_read_as_suricata_reads_them(void)
{
    static const struct {
        const char *options;
        const char *text;
        bool holds;
    } rows[] = {
        /* Text: a prefix, a sign and white space count; what follows does not. */
        {"byte_test:4,=,31,0,string,hex;", "0x1f", true},
        {"byte_test:4,=,12,0,string,dec;", " +12", true},
        {"byte_test:3,=,10,0,string,oct;", "128", true},
        {"byte_test:20,>,1,0,string,dec;", "99999999999999999999", false}, /* more than 64 bits */
        {"byte_test:0,=,12,0,string,dec;", "12ab", true},
        /* What is relative goes on behind the digits that were read. */
        {"byte_jump:4,0,string,dec; content:\"z\"; within:1;", "2 abz", false},
        {"byte_jump:4,0,string,dec; content:\"z\"; within:1;", "2abz", true},
        {"byte_extract:3,0,n,string,dec; content:\"a\"; within:1;", "1abc", true},
        /* Jumps: to before the buffer's start is to its start, to its end is to nothing. */
        {"content:\"b\"; byte_jump:1,0,relative,post_offset -100; content:\"a\"; within:1;",
         "ab\x01z", true},
        {"byte_jump:1,0;",
         "\x02"
         "ab",
         false},
        {"byte_jump:1,0;",
         "\x01"
         "ab",
         true},
        {"byte_jump:0,0,from_end,post_offset -2; content:\"y\"; within:1;", "abyz", true},
        {"byte_jump:0,0,from_end,post_offset -2; content:\"z\"; within:1;", "abyz", false},
        {"byte_jump:1,0,from_beginning,align; content:\"z\"; within:1;",
         "\x03"
         "abcz",
         true},
        {"byte_jump:1,0,bitmask 0x30,multiplier 2; content:\"z\"; within:1;",
         "\x1f"
         "abz",
         true},
        /* The mask of a test is of what it reads, that of byte_math of what it comes to. */
        {"byte_test:1,=,3,0,bitmask 0xc;", "\x1e", true},
        {"byte_test:1,=,2,0,bitmask 10;", "\x1e", false},
        {"byte_math:bytes 1, offset 0, oper +, rvalue 1, result n, bitmask 0xf0; "
         "byte_test:1,=,n,1;",
         "\x1f\x02", true},
        {"byte_math:bytes 1, offset 0, oper +, rvalue 1, result n, bitmask f0; "
         "byte_test:1,=,n,1;",
         "\x1f\x03", false},
        /* Rounded up, after the multiplier. */
        {"byte_extract:1,0,n,align 4; content:\"z\"; offset:n; depth:1;",
         "\x01"
         "abcz",
         true},
        {"byte_extract:1,0,n,align 2; content:\"b\"; offset:n; depth:1;",
         "\x01"
         "abcz",
         true},
        {"byte_extract:1,0,n,multiplier 3,align 4; content:\"z\"; offset:n; depth:1;",
         "\x01"
         "abcz",
         true},
        /* The number of bytes may have been read. */
        {"byte_extract:1,0,n; byte_test:n,=,0x6162,1;",
         "\x02"
         "ab",
         true},
        {"byte_extract:1,0,n; byte_test:n,=,0x6162,1;",
         "\x01"
         "ab",
         false},
        {"byte_extract:1,0,n; byte_test:n,>,0,1;",
         "\x09"
         "abcdefghi",
         false},
        {"byte_extract:1,0,n; byte_jump:n,1; content:\"z\"; within:1;",
         "\x01\x01"
         "az",
         true},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (matches(rows[i].options, rows[i].text) != rows[i].holds) {
            printf("%s %s\n", rows[i].options, rows[i].text);
            CU_FAIL("a number is not read as it must be");
        }
    }
}

/* What byte_extract and byte_math read stands for numbers of later tests. */
static void numbers_are_read_for_later_tests(void)
{
    const char *within = "content:\"L\"; byte_extract:1,0,len,relative; "
                         "content:\"z\"; within:len;";
    CU_ASSERT(matches(within, "L\x04"
                              "abcz"));
    CU_ASSERT_FALSE(matches(within, "L\x03"
                                    "abcz"));
    /* The first L is not the one; nor the second. */
    CU_ASSERT(matches(within, "L\x01"
                              "aL\x01"
                              "bL\x02"
                              "cz"));
    CU_ASSERT(matches("byte_extract:1,0,at; content:\"z\"; offset:at; depth:1;", "\x03"
                                                                                 "abz"));
    CU_ASSERT_FALSE(matches("byte_extract:1,0,at; content:\"z\"; offset:at; depth:1;", "\x02"
                                                                                       "abz"));
    CU_ASSERT_FALSE(matches("byte_extract:2,0,n,little; byte_test:1,=,n,2;", "\x61\x01"
                                                                             "a"));
    CU_ASSERT(matches("byte_extract:1,0,n; byte_test:1,=,n,1;", "aa"));
    CU_ASSERT_FALSE(matches("byte_extract:1,0,n; byte_test:1,=,n,1;", "ab"));
    CU_ASSERT(matches("byte_extract:1,0,n,string,dec; byte_jump:1,n; content:\"z\"; within:1;",
                      "2a\x01"
                      "bz"));
    CU_ASSERT(matches("byte_extract:2,0,n,string,hex,multiplier 2; isdataat:!n;", "02ab"));
    CU_ASSERT_FALSE(matches("byte_extract:2,0,n,string,hex,multiplier 2; isdataat:!n;", "02abc"));
    /* A later extraction is taken back to where a later test of its value holds. */
    CU_ASSERT(matches("content:\"L\"; byte_extract:1,0,n,relative,string,dec; content:\"z\"; "
                      "offset:n; depth:1;",
                      "L1L4zL"));
    CU_ASSERT(matches("byte_extract:1,0,n; content:\"b\"; distance:n;", "\x01"
                                                                        "ab"));
    CU_ASSERT_FALSE(matches("byte_extract:1,0,n; content:\"b\"; distance:n;", "\x02"
                                                                              "ab"));
}

static void numbers_are_combined(void)
{
    static const struct {
        const char *part;
        bool right;
    } rows[] = {
        {"oper +, rvalue 1", true},  {"oper -, rvalue 1", false},  {"oper *, rvalue 2", false},
        {"oper /, rvalue 1", false}, {"oper <<, rvalue 1", false}, {"oper >>, rvalue 1", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char options[128];
        (void)snprintf(
            options, sizeof(options),
            "byte_math:bytes 1, offset 0, %s, result n; content:\"z\"; offset:n; depth:1;",
            rows[i].part);
        CU_ASSERT_EQUAL(matches(options, "\x03"
                                         "abcz"),
                        rows[i].right);
    }
    CU_ASSERT(
        matches("byte_extract:1,0,m; byte_math:bytes 1, offset 1, oper -, rvalue m, result n; "
                "byte_test:1,=,n,2;",
                "\x01"
                "ba"));
    CU_ASSERT(matches("byte_math:bytes 2, offset 0, oper /, rvalue 2, result n, string hex; "
                      "byte_test:1,=,n,2;",
                      "c2a"));
    CU_ASSERT_FALSE(matches("byte_extract:1,1,m,string,dec; "
                            "byte_math:bytes 1, offset 0, oper /, rvalue m, result n;",
                            "a0"));
}

static void base64_is_decoded_on_the_way(void)
{
    const char *basic = "content:\"Basic \"; base64_decode:relative; "
                        "base64_data; content:\"admin:\"; startswith; content:\"x\"; distance:0;";
    CU_ASSERT(matches(basic, "A: Basic YWRtaW46eHl6"));
    CU_ASSERT_FALSE(matches(basic, "A: Basic YWRtaW46YWJj"));
    CU_ASSERT(matches(basic, "Basic eA== Basic YWRtaW46eHl6 z"));
    CU_ASSERT(matches("base64_decode:bytes 4, offset 2; base64_data; content:\"abc\"; bsize:3;",
                      "x=YWJjZGVm"));
    CU_ASSERT_FALSE(matches(
        "base64_decode:bytes 8, offset 2; base64_data; content:\"abc\"; bsize:3;", "x=YWJjZGVm"));
    CU_ASSERT(matches("base64_decode; base64_data; pcre:\"/^a.c/\"; isdataat:!6;", "YWJj\r\nZGVm"));
    CU_ASSERT(matches("content:\"=\"; base64_decode:relative;", "x=YWJj"));
    CU_ASSERT_FALSE(matches("content:\"=\"; base64_decode:relative;", "x=?"));
}

/* Numbers of operations, and none of several versions. */
static void words_are_asked_for_by_number_and_together(void)
{
    struct loaded l;
    struct regex_scratch *scratch = regex_scratch_new();
    struct verify_view view = {.text = SPAN("search_request")};
    load(&l, SPAN("alert ldap any any -> any any (ldap.request.operation:>2; sid:7;)\n"
                  "alert tls any any -> any any (ssl_version:!tls1.0,tls1.3; sid:8;)\n"
                  "alert tls any any -> any any (tls.version:0x0303; sid:9;)\n"));
    CU_ASSERT_EQUAL_FATAL(l.set.n_loaded, 3);
    const struct rule *r = l.set.first;
    CU_ASSERT_EQUAL(verify_group(&r->groups[0], &view, scratch), VERIFY_YES);
    view.text = SPAN("unbind_request");
    CU_ASSERT_EQUAL(verify_group(&r->groups[0], &view, scratch), VERIFY_NO);
    view.text = SPAN("TLS 1.2");
    CU_ASSERT_EQUAL(verify_group(&r->next->groups[0], &view, scratch), VERIFY_YES);
    CU_ASSERT_EQUAL(verify_group(&r->next->next->groups[0], &view, scratch), VERIFY_YES);
    view.text = SPAN("TLS 1.3");
    CU_ASSERT_EQUAL(verify_group(&r->next->groups[0], &view, scratch), VERIFY_NO);
    regex_scratch_free(&scratch);
    unload(&l);
}

/* A buffer whose value stands behind its name. */
static void a_buffer_may_be_a_keyword(void)
{
    struct loaded l;
    struct regex_scratch *scratch = regex_scratch_new();
    load(&l, SPAN("alert ldap any any => any any (msg:\"m\"; "
                  "ldap.request.operation:search_request; "
                  "ldap.responses.operation: search_result_done , any; sid:7;)\n"));
    CU_ASSERT_STRING_EQUAL(errbuf_text(&l.err), "");
    CU_ASSERT_PTR_NOT_NULL_FATAL(l.set.first);
    CU_ASSERT_EQUAL_FATAL(l.set.first->n_groups, 2);
    const struct rule_group *operation = &l.set.first->groups[0];
    const struct rule_group *result = &l.set.first->groups[1];
    struct verify_view view = {.text = SPAN("search_request")};
    CU_ASSERT_EQUAL(operation->buffer, (enum buffer)FIELD_LDAP_REQUEST_OP);
    CU_ASSERT_EQUAL(verify_group(operation, &view, scratch), VERIFY_YES);
    view.text = SPAN("search_request_2");
    CU_ASSERT_EQUAL(verify_group(operation, &view, scratch), VERIFY_NO);
    view.text = SPAN("search_result_done");
    CU_ASSERT_EQUAL(result->buffer, (enum buffer)FIELD_LDAP_RESPONSE_OP);
    CU_ASSERT_EQUAL(verify_group(result, &view, scratch), VERIFY_YES);
    regex_scratch_free(&scratch);
    unload(&l);
}

static void a_window_knows_what_it_does_not_know(void)
{
    struct verify_view later = {SPAN("abcd"), 100, true};
    CU_ASSERT_EQUAL(verify_in("content:\"bc\";", later), VERIFY_YES);
    CU_ASSERT_EQUAL(verify_in("content:\"ab\"; startswith;", later), VERIFY_NO);
    CU_ASSERT_EQUAL(verify_in("content:\"cd\"; endswith;", later), VERIFY_NO);
    CU_ASSERT_EQUAL(verify_in("content:\"bc\"; offset:101; depth:2;", later), VERIFY_YES);
    CU_ASSERT_EQUAL(verify_in("content:\"bc\"; offset:102;", later), VERIFY_NO);
    CU_ASSERT_EQUAL(verify_in("bsize:104;", later), VERIFY_NO);
    CU_ASSERT_EQUAL(verify_in("bsize:>100;", later), VERIFY_YES);
    CU_ASSERT_EQUAL(verify_in("content:\"d\"; isdataat:!1,relative;", later), VERIFY_NO);
    CU_ASSERT_EQUAL(verify_in("content:\"b\"; isdataat:2,relative;", later), VERIFY_YES);
    CU_ASSERT_EQUAL(verify_in("content:\"b\"; isdataat:3,relative;", later), VERIFY_NO);
}

static void a_search_that_explodes_is_given_up(void)
{
    struct sbuf text = sbuf_with_cap(200000);
    while (text.len < 100000) {
        sbuf_add_byte(&text, 'a');
    }
    struct verify_view view = {.text = sbuf_span(&text)};
    CU_ASSERT_EQUAL(verify_in("pcre:\"/(a|aa)+[bc]/\";", view), VERIFY_GAVE_UP);
    CU_ASSERT_EQUAL(
        verify_in("content:\"a\"; content:\"a\"; distance:0; content:\"b\"; within:1;", view),
        VERIFY_GAVE_UP);
    CU_ASSERT_EQUAL(verify_in("content:\"aa\"; content:\"b\"; distance:0;", view), VERIFY_GAVE_UP);
    sbuf_free(&text);
}

static void older_modifiers_move_their_content(void)
{
    struct loaded l;
    load(&l, SPAN(RULE("content:\"GET\"; http_method; content:\"/x\"; nocase; http_uri; "
                       "content:\"raw\"; pcre:\"/y/U\";")));
    CU_ASSERT_EQUAL_FATAL(l.set.n_loaded, 1);
    const struct rule *r = l.set.first;
    CU_ASSERT_EQUAL_FATAL(r->n_groups, 3);
    CU_ASSERT_EQUAL(r->groups[0].buffer, BUFFER_PAYLOAD);
    CU_ASSERT_EQUAL(r->groups[0].n_tests, 1);
    CU_ASSERT_EQUAL(r->groups[1].buffer, (enum buffer)FIELD_HTTP_METHOD);
    CU_ASSERT_EQUAL(r->groups[2].buffer, (enum buffer)FIELD_HTTP_URI);
    CU_ASSERT_EQUAL_FATAL(r->groups[2].n_tests, 2);
    CU_ASSERT(r->groups[2].tests[0].content.nocase);
    CU_ASSERT_EQUAL(r->groups[2].tests[1].kind, RULE_PCRE);
    unload(&l);
}

static void groups_that_mean_the_same_have_the_same_key(void)
{
    struct loaded l;
    load(&l,
         SPAN("alert ip any any -> any any (msg:\"m\"; http.uri; content:\"a\"; nocase; sid:1;)\n"
              "drop ip any any -> any any (msg:\"n\"; http.uri; content: \"|61|\" ; nocase; "
              "sid:2;)\n"
              "alert ip any any -> any any (msg:\"m\"; http.uri; content:\"a\"; sid:3;)\n"));
    CU_ASSERT_EQUAL_FATAL(l.set.n_loaded, 3);
    const struct rule *r = l.set.first;
    CU_ASSERT(span_equal(r->groups[0].text, r->next->groups[0].text));
    CU_ASSERT_FALSE(span_equal(r->groups[0].text, r->next->next->groups[0].text));
    unload(&l);
}

static CU_TestInfo reading[] = {
    {"a rule tells what events need", a_rule_tells_what_events_need},
    {"a content is written with four escapes", a_content_is_written_with_four_escapes},
    {"what has no room is a mistake", what_has_no_room_is_a_mistake},
    {"protocols are asked once", protocols_are_asked_once},
    {"priority goes before the class in any order", priority_goes_before_the_class_in_any_order},
    {"mistakes name file, line, sid and keyword", mistakes_name_file_line_sid_and_keyword},
    {"forms_are_those_of_suricata", forms_are_those_of_suricata},
    {"the header is checked word by word", the_header_is_checked_word_by_word},
    {"a wrong rule does not stop the others", a_wrong_rule_does_not_stop_the_others},
    {"of equal sids the higher rev stays", of_equal_sids_the_higher_rev_stays},
    {"long lines and other text are told", long_lines_and_other_text_are_told},
    {"older modifiers move their content", older_modifiers_move_their_content},
    {"groups that mean the same have the same key", groups_that_mean_the_same_have_the_same_key},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo tests[] = {
    {"contents stand where they are told to", contents_stand_where_they_are_told_to},
    {"relative contents count from the match before",
     relative_contents_count_from_the_match_before},
    {"a failed relative test tries the next match", a_failed_relative_test_tries_the_next_match},
    {"expressions have their flags", expressions_have_their_flags},
    {"sizes are the buffer's", sizes_are_the_buffers},
    {"numbers are read and jumped over", numbers_are_read_and_jumped_over},
    {"numbers are read as Suricata reads them", numbers_are_read_as_suricata_reads_them},
    {"numbers are read for later tests", numbers_are_read_for_later_tests},
    {"numbers are combined", numbers_are_combined},
    {"a buffer may be a keyword", a_buffer_may_be_a_keyword},
    {"words are asked for by number and together", words_are_asked_for_by_number_and_together},
    {"base64 is decoded on the way", base64_is_decoded_on_the_way},
    {"a window knows what it does not know", a_window_knows_what_it_does_not_know},
    {"a search that explodes is given up", a_search_that_explodes_is_given_up},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"reading rules", NULL, NULL, NULL, NULL, reading},
        {"tests of a buffer", NULL, NULL, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
