/* Tests of sensor/output: what leaves the sensor is one valid, harmless line. */
#include "sensor/base/mem.h"
#include "sensor/core/decoder.h"
#include "sensor/output/community_id.h"
#include "sensor/output/eve.h"
#include "sensor/output/json.h"
#include "sensor/output/limits.h"
#include "sensor/output/redact.h"
#include "sensor/output/shorten.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <string.h>

static void string_becomes(struct span in, const char *expected)
{
    struct sbuf out = sbuf_with_cap(4096);
    struct json j = json_begin(&out, 3000);
    json_string(&j, NULL, in);
    CU_ASSERT(span_equal(sbuf_span(&out), span_str(expected)));
    if (!span_equal(sbuf_span(&out), span_str(expected))) {
        printf("\n  got %.*s\n", (int)out.len, (const char *)out.data);
    }
    sbuf_free(&out);
}

static void dollar_never_stands_literally(void)
{
    string_becomes(SPAN("${jndi}"), "\"\\u0024{jndi}\"");
    string_becomes(SPAN("$$"), "\"\\u0024\\u0024\"");
}

static void what_a_screen_obeys_is_escaped(void)
{
    string_becomes(SPAN("a\"b\\c\n\t\x01\x7f"), "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\"");
    string_becomes(SPAN("\xe2\x80\xae\xe2\x80\xa8\xd8\x9c"), "\"\\u202e\\u2028\\u061c\"");
    string_becomes(span_of("a\0b", 3), "\"a\\u0000b\"");
}

/* Bytes are looked at in blocks, where there is room for them: one that is escaped is so wherever
 * in them it stands. */
static void bytes_are_escaped_in_texts_of_any_length(void)
{
    for (unsigned c = 0; c < 0x80; c++) {
        bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '$' && c != '\\';
        for (size_t len = 1; len <= 50; len++) {
            uint8_t text[50];
            struct sbuf out = sbuf_with_cap(100);
            struct json j = json_begin(&out, 100);
            CU_ASSERT_PTR_NOT_NULL(sbuf_reserve(&out, len % 3 == 0 ? 1 : 90));
            memset(text, 'a', sizeof(text));
            text[c % len] = (uint8_t)c;
            json_string(&j, NULL, span_of(text, len));
            CU_ASSERT_EQUAL(out.len == len + 2, plain);
            CU_ASSERT(!plain || span_equal(span_sub(sbuf_span(&out), 1, len), span_of(text, len)));
            CU_ASSERT_EQUAL(out.data[out.len - 1], '"');
            sbuf_free(&out);
        }
    }
}

static void utf8_passes_and_other_bytes_stay_readable(void)
{
    string_becomes(SPAN("gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\xa5"),
                   "\"gr\xc3\xbc\xc3\x9f \xf0\x9f\x94\xa5\"");
    string_becomes(SPAN("\xff\xc0\xa4"), "\"\\\\xff\\\\xc0\\\\xa4\"");
    string_becomes(SPAN("\xed\xa0\x80"), "\"\\\\xed\\\\xa0\\\\x80\"");
    string_becomes(SPAN("\xe2\x82"), "\"\\\\xe2\\\\x82\"");
}

static void a_line_over_its_cap_is_cut_and_still_whole(void)
{
    struct sbuf out = sbuf_with_cap(4096);
    struct json j = json_begin(&out, 40);
    json_object(&j, NULL);
    json_text(&j, "a", "0123456789012345678901234567890123456789");
    json_text(&j, "b", "x");
    json_object_end(&j);
    CU_ASSERT(j.cut);
    CU_ASSERT(out.len < 60);
    CU_ASSERT_EQUAL(out.data[out.len - 1], '}');
    sbuf_free(&out);
}

static void url_becomes(unsigned what, struct span url, const char *expected)
{
    const struct redact r = {.what = what};
    struct sbuf out = sbuf_with_cap(256);
    redact_url(&r, url, &out);
    CU_ASSERT(span_equal(sbuf_span(&out), span_str(expected)));
    sbuf_free(&out);
}

static void passwords_of_an_address_are_left_out(void)
{
    const unsigned all = REDACT_PASSWORD | REDACT_BODY;
    url_becomes(all, SPAN("/?PassWord=ab&x=1"), "/?PassWord=[redacted, 2 bytes]&x=1");
    url_becomes(all, SPAN("/?a;j_password=a=b"), "/?a;j_password=[redacted, 3 bytes]");
    url_becomes(all, SPAN("/?u[pwd]=#token=x"),
                "/?u[pwd]=[redacted, 0 bytes]#token=[redacted, 1 "
                "bytes]");
    url_becomes(all, SPAN("/?newPassword=ab&accessToken=c&%70ass%77d=d"),
                "/?newPassword=[redacted, 2 bytes]&accessToken=[redacted, 1 bytes]&%70ass%77d="
                "[redacted, 1 bytes]");
    url_becomes(all, SPAN("/?COMPASS=n&comPass=n&%63ompass=n"),
                "/?COMPASS=n&comPass=[redacted, 1 bytes]&%63ompass=n");
    url_becomes(all, SPAN("/?compass=n&password&=x&&"), "/?compass=n&password&=x&&");
    url_becomes(all, SPAN("/password=ab"), "/password=ab");
    url_becomes(all, SPAN("/?"), "/?");
    url_becomes(all, SPAN(""), "");
    url_becomes(REDACT_COOKIE, SPAN("/?password=ab"), "/?password=ab");
}

static void real_numbers_have_a_dot(void)
{
    struct sbuf out = sbuf_with_cap(4096);
    struct json j = json_begin(&out, 1000);
    json_array(&j, NULL);
    json_real(&j, NULL, 52.52);
    json_real(&j, NULL, -0.1278);
    json_real(&j, NULL, 13);
    json_real(&j, NULL, 0.0 / 1.0 - 0.0);
    json_array_end(&j);
    CU_ASSERT(span_equal(sbuf_span(&out), SPAN("[52.52,-0.1278,13.0,0.0]")));
    sbuf_free(&out);
}

static struct conn sample_conn(void)
{
    struct conn conn = {.id = 1676750115612680, .proto = IP_PROTO_TCP, .iface = "span0"};
    CU_ASSERT(addr_parse(SPAN("192.0.2.4"), &conn.addr[TO_SERVER]));
    CU_ASSERT(addr_parse(SPAN("198.51.100.7"), &conn.addr[TO_CLIENT]));
    conn.port[TO_SERVER] = 57932;
    conn.port[TO_CLIENT] = 80;
    conn.start_us = conn.last_us = conn.clock_us = 1639350256733555ULL;
    return conn;
}

/* 128.232.110.120:34855 -> 66.35.250.204:80 TCP: the first pair of the specification's baseline. */
static void community_id_matches_the_specification(void)
{
    struct conn conn = {.proto = IP_PROTO_TCP, .port = {34855, 80}};
    char text[COMMUNITY_ID_SIZE];
    CU_ASSERT(addr_parse(SPAN("128.232.110.120"), &conn.addr[0]));
    CU_ASSERT(addr_parse(SPAN("66.35.250.204"), &conn.addr[1]));
    community_id(&conn, text);
    CU_ASSERT_STRING_EQUAL(text, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
    struct conn back = {
        .proto = IP_PROTO_TCP, .port = {80, 34855}, .addr = {conn.addr[1], conn.addr[0]}};
    community_id(&back, text);
    CU_ASSERT_STRING_EQUAL(text, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
}

static bool has(const struct event *event, const char *text)
{
    bool found = event != NULL &&
                 span_find(span_of(event->json, event->len), 0, span_str(text)) != SPAN_NONE;
    if (!found) {
        printf("\n  no %s in %.*s\n", text, event == NULL ? 0 : (int)event->len,
               event == NULL ? "" : event->json);
    }
    return found;
}

static const struct decoder http = {.name = "http"};

static void a_stream_of_http2_is_an_http_event(void)
{
    static const struct decoder http2 = {.name = "http2"};
    struct eve *e = eve_new(&(struct eve_options){.host = "sensor-a", .line_bytes = 16384});
    struct conn conn = sample_conn();
    struct kept_field number = {.id = FIELD_HTTP2_STREAM, .value = SPAN_LITERAL("7")};
    struct kept_field url = {
        .id = FIELD_HTTP_URI_RAW, .value = SPAN_LITERAL("/a"), .next = &number};
    struct tx tx = {.conn = &conn, .decoder = &http2, .kept = &url};
    bool has_event = false;
    struct event *event = eve_transaction(e, &tx, 0, &(struct eve_places){0}, &has_event);
    CU_ASSERT(has_event);
    CU_ASSERT(has(event, "\"event_type\":\"http\""));
    CU_ASSERT(has(event, "\"http\":{\"url\":\"/a\",\"length\":0,\"version\":\"2\","
                         "\"http2\":{\"stream_id\":7}}"));
    mem_free(event);
    eve_free(&e);
}

static void an_alert_tells_the_whole_story(void)
{
    struct eve *e = eve_new(&(struct eve_options){.host = "sensor-a", .line_bytes = 16384});
    struct conn conn = sample_conn();
    struct tx tx = {.id = 3, .flags = TX_REQUEST_SEEN, .conn = &conn, .decoder = &http};
    struct kept_field url = {.id = FIELD_HTTP_URI_RAW, .value = SPAN_LITERAL("/login")};
    tx.kept = &url;
    struct span names[] = {SPAN_LITERAL("jndi:ldap://203.0.113.9:1389/a")};
    struct signature sig = {
        .gid = 1, .sid = 9000101, .rev = 1, .severity = 1, .msg = SPAN_LITERAL("JNDI")};
    struct signature_metadata meta[] = {{SPAN_LITERAL("cve"), SPAN_LITERAL("A")},
                                        {SPAN_LITERAL("tag"), SPAN_LITERAL("x")},
                                        {SPAN_LITERAL("cve"), SPAN_LITERAL("B")}};
    sig.metadata = meta;
    sig.n_metadata = ARRAY_LEN(meta);
    struct jndi jndi = {.class = LOOKUP_ATTACK,
                        .raw = SPAN_LITERAL("${jndi:x}"),
                        .lookups = names,
                        .n_lookups = 1,
                        .depth = 1,
                        .scheme = SPAN_LITERAL("ldap"),
                        .reaches_network = true};
    jndi.tricks = 1u << TRICK_LOWER;
    jndi.encodings = encodings_with(jndi.encodings, ENCODING_GZIP);
    jndi.callback = (struct callback){
        .host = SPAN_LITERAL("203.0.113.9"), .port = 1389, .path = SPAN_LITERAL("/a")};
    struct finding f = {.signature = &sig,
                        .field = FIELD_HTTP_REQUEST_HEADER,
                        .item = SPAN_LITERAL("x-api"),
                        .jndi = &jndi,
                        .time_us = conn.last_us};
    struct place de = {.scope = SCOPE_GLOBAL, .country_iso_code = "DE", .as_number = 64501};
    struct client client = {
        .from = "x-forwarded-for", .trusted_hops = 1, .addr = conn.addr[TO_CLIENT]};
    struct eve_places places = {
        .source = &de, .client = &client, .client_place = &de, .callback = &de};
    struct event *event = eve_alert(e, &tx, &f, &places);
    CU_ASSERT(
        has(event, "\"timestamp\":\"2021-12-12T23:04:16.733555+0000\",\"event_type\":\"alert\""));
    CU_ASSERT(has(event, "\"field\":\"http.request_header.x-api\""));
    CU_ASSERT(has(event, "\"metadata\":{\"cve\":[\"A\",\"B\"],\"tag\":[\"x\"]}"));
    CU_ASSERT(has(event, "\"xff\":\"198.51.100.7\""));
    CU_ASSERT(has(event, "\"client\":{\"ip\":\"198.51.100.7\",\"from\":\"x-forwarded-for\","
                         "\"trusted_hops\":1,\"geo\":{\"country_iso_code\":\"DE\"},"
                         "\"as\":{\"number\":64501},\"scope\":\"global\"}"));
    CU_ASSERT(has(event, "\"encodings\":[\"gzip\"],\"tricks\":[\"lower\"]"));
    CU_ASSERT(has(event, "\"callback\":{\"host\":\"203.0.113.9\",\"port\":1389,\"path\":\"/a\""));
    CU_ASSERT(has(event, "\"http\":{\"url\":\"/login\""));
    CU_ASSERT(has(event, "\"tx_id\":3,"));
    tx.flags = 0; /* stray bytes: there is no event of such a transaction */
    struct event *stray = eve_alert(e, &tx, &f, &places);
    CU_ASSERT_FALSE(has(stray, "\"tx_id\""));
    mem_free(stray);
    CU_ASSERT_EQUAL(span_find(span_of(event->json, event->len), 0, SPAN("${")), SPAN_NONE);
    CU_ASSERT_EQUAL(conn.n_events, 2);
    mem_free(event);
    tx.flags = TX_ALTERNATE;
    event = eve_alert(e, &tx, &f, &places);
    CU_ASSERT(has(event, "\"http\":{\"url\":\"/login\"") && !has(event, "\"tx_id\""));
    mem_free(event);
    tx.flags = 0;
    tx.decoder = NULL; /* payload that no decoder read */
    event = eve_alert(e, &tx, &f, &places);
    CU_ASSERT(has(event, "\"alert\":{") && !has(event, "\"tx_id\""));
    mem_free(event);
    eve_free(&e);
}

static void mail_addresses_are_split_at_their_commas(void)
{
    static const struct decoder smtp = {.name = "smtp"};
    struct eve *e = eve_new(&(struct eve_options){.host = "", .line_bytes = 16384});
    struct conn conn = sample_conn();
    struct tx tx = {.conn = &conn, .decoder = &smtp};
    struct kept_field to = {.id = FIELD_EMAIL_TO,
                            .value = SPAN_LITERAL("\"Doe, J\" <j@x.example>, b@x.example ,")};
    struct kept_field from = {
        .id = FIELD_SMTP_MAIL_FROM, .value = SPAN_LITERAL("<a@x.example> SIZE=10"), .next = &to};
    tx.kept = &from;
    bool has_event = false;
    struct event *event = eve_transaction(e, &tx, 0, &(struct eve_places){0}, &has_event);
    CU_ASSERT(has_event);
    CU_ASSERT(has(event, "\"smtp\":{\"mail_from\":\"<a@x.example>\"}"));
    CU_ASSERT(has(event, "\"to\":[\"\\\"Doe, J\\\" <j@x.example>\",\"b@x.example\"]"));
    mem_free(event);
    eve_free(&e);
}

static void mails_have_a_subject_also_where_they_have_none(void)
{
    static const struct decoder smtp = {.name = "smtp"};
    struct eve *e = eve_new(&(struct eve_options){.host = "", .line_bytes = 16384});
    struct conn conn = sample_conn();
    struct kept_field from = {.id = FIELD_EMAIL_FROM, .value = SPAN_LITERAL("a@x.example")};
    struct kept_field empty = {.id = FIELD_EMAIL_SUBJECT};
    struct tx tx = {.conn = &conn, .decoder = &smtp, .kept = &from};
    for (int i = 0; i < 2; i++) {
        bool has_event = false;
        struct event *event = eve_transaction(e, &tx, 0, &(struct eve_places){0}, &has_event);
        CU_ASSERT(has(event, "\"email\":{\"status\":\"PARSE_DONE\",\"from\":\"a@x.example\","
                             "\"subject\":\"\"}"));
        mem_free(event);
        from.next = &empty;
    }
    eve_free(&e);
}

static void mail_of_which_only_the_server_was_seen_has_no_empty_object(void)
{
    static const struct decoder smtp = {.name = "smtp"};
    struct eve *e = eve_new(&(struct eve_options){.host = "", .line_bytes = 16384});
    struct conn conn = sample_conn();
    struct tx tx = {.conn = &conn, .decoder = &smtp};
    struct kept_field blank = {.id = FIELD_SMTP_RCPT_TO, .value = SPAN_LITERAL(" ")};
    bool has_event = false;
    struct event *event = eve_transaction(e, &tx, 0, &(struct eve_places){0}, &has_event);
    CU_ASSERT(has_event);
    CU_ASSERT(!has(event, "\"smtp\":{"));
    mem_free(event);
    tx.kept = &blank;
    event = eve_transaction(e, &tx, 0, &(struct eve_places){0}, &has_event);
    CU_ASSERT(!has(event, "\"smtp\":{"));
    CU_ASSERT(!has(event, "\"email\":{"));
    mem_free(event);
    tx.body_bytes[TO_SERVER] = 1; /* no header, but a body */
    event = eve_transaction(e, &tx, 0, &(struct eve_places){0}, &has_event);
    CU_ASSERT(has(event, "\"email\":{\"status\":\"PARSE_DONE\""));
    mem_free(event);
    eve_free(&e);
}

static void stats_nest_by_their_path(void)
{
    struct eve *e = eve_new(&(struct eve_options){.host = "", .line_bytes = 16384});
    struct stats stats = {0};
    stats_add(&stats, STAT_DECODER_PKTS, 7);
    stats_add(&stats, STAT_APP_TX_SMTP, 2);
    stats_add(&stats, STAT_LOST_TLS, 5);
    const struct source_port ports[] = {{.name = "eth0",
                                         .up = true,
                                         .packets = 11,
                                         .kernel_drops = 12,
                                         .iface_drops = 13,
                                         .upstream_lost = 14}};
    const struct eve_sums sums = {.uptime_s = 3, .stats = &stats, .ports = ports, .n_ports = 1};
    struct event *event = eve_stats(e, 1639350256733555ULL, &sums);
    CU_ASSERT(has(event, "\"decoder\":{\"pkts\":7,"));
    CU_ASSERT(has(event,
                  "\"app_layer\":{\"flow\":{\"http\":0,\"smtp\":0,\"dns_tcp\":0,\"dns_udp\":0,"
                  "\"ldap_tcp\":0,\"tls\":0},"
                  "\"tx\":{\"http\":0,\"smtp\":2,\"dns_tcp\":0,\"dns_udp\":0,\"ldap_tcp\":0,"
                  "\"tls\":0}}"));
    CU_ASSERT(has(event, "\"lost_tls\":5"));
    CU_ASSERT(has(event, "\"iface.eth0.up\":1,\"iface.eth0.packets\":11,"
                         "\"iface.eth0.kernel_drops\":12,\"iface.eth0.iface_drops\":13,"
                         "\"iface.eth0.upstream_lost\":14"));
    mem_free(event);
    const struct source_port strange[] = {{.name = "a\"b\x24{c", .packets = 11}};
    const struct eve_sums others = {.stats = &stats, .ports = strange, .n_ports = 1};
    event = eve_stats(e, 1639350256733555ULL, &others);
    CU_ASSERT(has(event, "\"iface.a\\\"b\\u0024{c.packets\":11,"));
    mem_free(event);
    eve_free(&e);
}

static void no_memory_gives_no_event_and_no_leak(void)
{
    struct eve *e = eve_new(&(struct eve_options){.host = "", .line_bytes = 16384});
    for (size_t n = 1; n < 12; n++) {
        struct conn conn = sample_conn();
        mem_fail_at(n, 1);
        struct event *event = eve_flow(e, &conn, CLOSE_FIN, NULL);
        mem_fail_at(0, 0);
        if (event != NULL) {
            CU_ASSERT_EQUAL(event->json[event->len - 1], '}');
        }
        mem_free(event);
    }
    eve_free(&e);
}

static void parts_are_left_out_where_cut_texts_are_not_enough(void)
{
    static const char in[] =
        "{\"t\":\"x\",\"flow\":{\"a\":\"}\",\"b\":[1,{}]},\"alert\":{"
        "\"references\":[\"r\"],\"context\":{\"flow\":1,\"source\":{\"c\":1}}}}";
    static const char *const outs[] = {
        "{\"t\":\"x\",\"alert\":{\"references\":[\"r\"],\"context\":{\"flow\":1,\"source\":{\"c\":"
        "1}}},"
        "\"metadata\":{\"flowbits\":[\"truncated\"]}}",
        "{\"t\":\"x\",\"alert\":{\"context\":{\"flow\":1,\"source\":{\"c\":1}}},"
        "\"metadata\":{\"flowbits\":[\"truncated\"]}}",
        "{\"t\":\"x\",\"alert\":{\"context\":{\"flow\":1}},"
        "\"metadata\":{\"flowbits\":[\"truncated\"]}}"};
    for (size_t i = 0; i < ARRAY_LEN(outs); i++) {
        struct sbuf out = sbuf_with_cap(4096);
        CU_ASSERT(shorten(span_str(in), span_str(outs[i]).len, &out));
        CU_ASSERT(span_equal(sbuf_span(&out), span_str(outs[i])));
        sbuf_free(&out);
    }
}

static bool told_at(struct limits *l, uint64_t seconds)
{
    const struct event event = {.limit = {.kind = SIGNATURE_LIMIT_FIRST, .count = 1, .seconds = 6},
                                .limit_key = 99,
                                .key = {.clock_us = seconds * 1000000}};
    return limits_pass(l, &event);
}

static void the_end_of_a_threshold_is_within_it(void)
{
    struct limits *l = limits_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    CU_ASSERT(told_at(l, 100));
    CU_ASSERT_FALSE(told_at(l, 106));
    CU_ASSERT(told_at(l, 107));
    CU_ASSERT_FALSE(told_at(l, 112));
    limits_free(&l);
}

static void a_backoff_tells_of_powers(void)
{
    struct limits *l = limits_new();
    CU_ASSERT_PTR_NOT_NULL_FATAL(l);
    const struct event event = {
        .limit = {.kind = SIGNATURE_LIMIT_BACKOFF, .count = 2, .multiplier = 3}, .limit_key = 99};
    for (unsigned n = 1; n <= 60; n++) {
        CU_ASSERT_EQUAL(limits_pass(l, &event), n == 2 || n == 6 || n == 18 || n == 54);
    }
    limits_free(&l);
}

static CU_TestInfo tests[] = {
    {"a backoff tells of powers", a_backoff_tells_of_powers},
    {"the_end_of_a_threshold_is_within_it", the_end_of_a_threshold_is_within_it},
    {"parts_are_left_out_where_cut_texts_are_not_enough",
     parts_are_left_out_where_cut_texts_are_not_enough},
    {"dollar_never_stands_literally", dollar_never_stands_literally},
    {"what_a_screen_obeys_is_escaped", what_a_screen_obeys_is_escaped},
    {"bytes are escaped in texts of any length", bytes_are_escaped_in_texts_of_any_length},
    {"utf8_passes_and_other_bytes_stay_readable", utf8_passes_and_other_bytes_stay_readable},
    {"a_line_over_its_cap_is_cut_and_still_whole", a_line_over_its_cap_is_cut_and_still_whole},
    {"passwords_of_an_address_are_left_out", passwords_of_an_address_are_left_out},
    {"real_numbers_have_a_dot", real_numbers_have_a_dot},
    {"community_id_matches_the_specification", community_id_matches_the_specification},
    {"a_stream_of_http2_is_an_http_event", a_stream_of_http2_is_an_http_event},
    {"an_alert_tells_the_whole_story", an_alert_tells_the_whole_story},
    {"mail_addresses_are_split_at_their_commas", mail_addresses_are_split_at_their_commas},
    {"mails_have_a_subject_also_where_they_have_none",
     mails_have_a_subject_also_where_they_have_none},
    {"mail_of_which_only_the_server_was_seen_has_no_empty_object",
     mail_of_which_only_the_server_was_seen_has_no_empty_object},
    {"stats_nest_by_their_path", stats_nest_by_their_path},
    {"no_memory_gives_no_event_and_no_leak", no_memory_gives_no_event_and_no_leak},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {{"output", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
