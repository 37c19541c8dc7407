/* Tests of sensor/decoy: names of listeners, records, and what is answered. */
#include "sensor/base/arena.h"
#include "sensor/decoy/record.h"
#include "sensor/decoy/talk.h"
#include "tests/unit/runner.h"

#include <stdio.h>
#include <string.h>

#define NOW_US ((uint64_t)1637687595 * 1000000) /* 2021-11-23T17:13:15 */

/* --- names
 * ------------------------------------------------------------------------------------------- */

static void listeners_are_read_and_named(void)
{
    static const struct {
        const char *text;
        const char *name;
        const char *persona;
    } good[] = {
        {"http:*:8080", "http:*:8080", ""},
        {"tcp:192.0.2.1:0", "tcp:192.0.2.1:0", ""},
        {"http:[2001:DB8::1]:80:tomcat", "http:[2001:db8::1]:80", "tomcat"},
        {"http:*:65535:", "http:*:65535", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        char why[DECOY_WHY_SIZE];
        struct decoy_spot spot;
        CU_ASSERT_TRUE_FATAL(decoy_spot_parse(good[i].text, &spot, why));
        CU_ASSERT_STRING_EQUAL(spot.name, good[i].name);
        CU_ASSERT_STRING_EQUAL(spot.persona, good[i].persona);
    }
}

static void what_is_no_listener_is_told(void)
{
    static const struct {
        const char *text;
        const char *why;
    } bad[] = {
        {"", "kind"},
        {"8080", "kind"},
        {"HTTP:*:80", "kind"},
        {"http", "address"},
        {"http:8080", "address"},
        {"http:2001:db8::1:80", "address"},
        {"http:[2001:db8::1:80", "address"},
        {"http:[192.0.2.1]x:80", "address"},
        {"http:localhost:80", "address"},
        {"http:*:", "port"},
        {"http:*:-1", "port"},
        {"http:*:65536", "port"},
        {"http:*:80:a/b", "persona"},
        {"http:*:80:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "persona"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        char why[DECOY_WHY_SIZE] = "";
        struct decoy_spot spot;
        CU_ASSERT_FALSE(decoy_spot_parse(bad[i].text, &spot, why));
        CU_ASSERT_PTR_NOT_NULL(strstr(why, bad[i].why));
    }
}

/* --- records
 * ----------------------------------------------------------------------------------------- */

static struct span message_of(const struct record *r, uint8_t room[RECORD_HEAD_MAX + 16])
{
    size_t n = record_write(r, room);
    for (size_t i = 0; i < r->bytes.len; i++) {
        room[n + i] = r->bytes.data[i];
    }
    return span_of(room, n + r->bytes.len);
}

static void records_come_back_as_they_were(void)
{
    uint8_t room[RECORD_HEAD_MAX + 16];
    struct record read;
    struct record wrote = {.kind = RECORD_DATAGRAM,
                           .dir = TO_CLIENT,
                           .listener = 513,
                           .id = 70000,
                           .time_us = NOW_US,
                           .peer_port = 40000,
                           .local_port = 514,
                           .bytes = SPAN("bytes")};
    CU_ASSERT_TRUE_FATAL(addr_parse(SPAN("2001:db8::7"), &wrote.peer));
    CU_ASSERT_TRUE_FATAL(addr_parse(SPAN("2001:db8::4"), &wrote.local));
    CU_ASSERT_TRUE_FATAL(record_read(message_of(&wrote, room), &read));
    CU_ASSERT_EQUAL(read.kind, RECORD_DATAGRAM);
    CU_ASSERT_EQUAL(read.dir, TO_CLIENT);
    CU_ASSERT_EQUAL(read.listener, 513);
    CU_ASSERT_EQUAL(read.id, 70000);
    CU_ASSERT_EQUAL(read.time_us, NOW_US);
    CU_ASSERT_EQUAL(read.peer_port, 40000);
    CU_ASSERT_EQUAL(read.local_port, 514);
    CU_ASSERT_TRUE(addr_equal(&read.peer, &wrote.peer));
    CU_ASSERT_TRUE(addr_equal(&read.local, &wrote.local));
    CU_ASSERT_TRUE(span_equal(read.bytes, wrote.bytes));
}

static void what_is_no_record_is_refused(void)
{
    uint8_t room[RECORD_HEAD_MAX + 16];
    struct record r = {.kind = RECORD_OPEN};
    CU_ASSERT_TRUE_FATAL(addr_parse(SPAN("192.0.2.7"), &r.peer));
    CU_ASSERT_TRUE_FATAL(addr_parse(SPAN("192.0.2.4"), &r.local));
    struct span whole = message_of(&r, room);
    CU_ASSERT_TRUE(record_read(whole, &r));
    for (size_t len = 0; len < whole.len; len++) {
        CU_ASSERT_FALSE(record_read(span_head(whole, len), &r));
    }
    room[0] = RECORD_KIND_N;
    CU_ASSERT_FALSE(record_read(whole, &r));
    room[0] = RECORD_OPEN;
    room[1] = 2;
    CU_ASSERT_FALSE(record_read(whole, &r));
    room[1] = 0;
    room[16] = 5; /* the family */
    CU_ASSERT_FALSE(record_read(whole, &r));
}

/* --- answers
 * ----------------------------------------------------------------------------------------- */

static const struct decoy_limits limits = {.head_bytes = 2048, .body_bytes = 4096};

static struct personas *shipped;

static struct talk begin(enum decoy_kind kind, const char *persona)
{
    struct talk t = {.kind = kind, .persona = personas_find(shipped, persona), .limits = &limits};
    CU_ASSERT_PTR_NOT_NULL_FATAL(t.persona);
    talk_open(&t);
    return t;
}

/* The statuses of all answers, "200 401". */
static void statuses(const struct talk *t, char *ret_text, size_t size)
{
    struct span out = sbuf_span(&t->out);
    size_t at = 0;
    size_t len = 0;
    ret_text[0] = '\0';
    while ((at = span_find(out, at, SPAN("HTTP/1.1 "))) != SPAN_NONE && len + 5 < size) {
        int n = snprintf(ret_text + len, size - len, "%s%.3s", len > 0 ? " " : "",
                         (const char *)span_from(out, at + 9).data);
        len += (size_t)n;
        at++;
    }
}

static void expect(struct span request, const char *wanted, bool over)
{
    /* whole, byte by byte, and in two pieces */
    for (size_t way = 0; way <= request.len; way++) {
        char got[64];
        struct talk t = begin(DECOY_HTTP, "tomcat");
        size_t step = way == 0 ? 1 : way;
        for (size_t at = 0; at < request.len; at += step) {
            talk_data(&t, span_sub(request, at, step), NOW_US);
        }
        statuses(&t, got, sizeof(got));
        CU_ASSERT_STRING_EQUAL(got, wanted);
        CU_ASSERT_EQUAL(t.over, over);
        talk_close(&t);
    }
}

#define EXPECT(request, wanted, over) expect(SPAN(request), wanted, over)

static void requests_are_answered(void)
{
    EXPECT("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "200", false);
    EXPECT("GET / HTTP/1.1\nHost: x\n\n", "200", false);
    EXPECT("\r\nGET /manager/html?a HTTP/1.1\r\n\r\n", "401", false);
    EXPECT("GET / HTTP/1.0\r\n\r\n", "200", true);
    EXPECT("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "200", false);
    EXPECT("GET / HTTP/1.1\r\nCONNECTION:close\r\n\r\n", "200", true);
    EXPECT("GET /${jndi:ldap://x/ a} HTTP/1.1\r\n\r\n", "200", false);
    EXPECT("GET / HTTP/1.1\r\nHost", "", false);
}

static void several_requests_are_answered_in_order(void)
{
    EXPECT("GET / HTTP/1.1\r\n\r\nHEAD /manager HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
           "200 401 200", false);
    EXPECT("GET / HTTP/1.1\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n", "200", true);
}

static void bodies_are_waited_for(void)
{
    EXPECT("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcd", "", false);
    EXPECT("POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabcdeGET /manager HTTP/1.1\r\n\r\n",
           "200 401", false);
    EXPECT("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\n", "", false);
    EXPECT(
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n"
        "Trailer: x\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        "200 200", false);
    EXPECT("POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab", "100 200",
           false);
}

static void what_is_no_request_ends_it(void)
{
    EXPECT("hello\r\n", "400", true);
    EXPECT("GET /\r\n", "400", true);
    EXPECT("GET / FTP/1.1\r\n", "400", true);
    EXPECT(" / HTTP/1.1\r\n", "400", true);
    EXPECT("GET  HTTP/1.1\r\n\r\n", "200", false);
    EXPECT("POST / HTTP/1.1\r\nContent-Length: 5x\r\n\r\n", "400", true);
    EXPECT("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "400", true);
}

/* The codes of all replies, "220 250 250". */
static void codes(const struct talk *t, char *ret_text, size_t size)
{
    struct span out = sbuf_span(&t->out);
    size_t len = 0;
    ret_text[0] = '\0';
    while (out.len > 0 && len + 5 < size) {
        struct span line = span_split(&out, '\n');
        CU_ASSERT_TRUE(span_ends(line, SPAN("\r")));
        if (span_at(line, 3) == ' ') {
            len += (size_t)snprintf(ret_text + len, size - len, "%s%.3s", len > 0 ? " " : "",
                                    (const char *)line.data);
        }
    }
}

static void expect_mail(struct span said, const char *wanted, bool over)
{
    for (size_t step = 1; step <= said.len; step++) {
        char got[256];
        struct talk t = begin(DECOY_SMTP, "postfix");
        for (size_t at = 0; at < said.len; at += step) {
            talk_data(&t, span_sub(said, at, step), NOW_US);
        }
        codes(&t, got, sizeof(got));
        CU_ASSERT_STRING_EQUAL(got, wanted);
        CU_ASSERT_EQUAL(t.over, over);
        talk_close(&t);
    }
}

#define EXPECT_MAIL(said, wanted, over) expect_mail(SPAN(said), wanted, over)

static void mails_are_taken(void)
{
    EXPECT_MAIL("EHLO x\r\nmail FROM:<a@b>\r\nRCPT TO:<c@d>\r\nRCPT TO:<e@f>\r\nDATA\r\n"
                "Subject: x\r\n\r\n..\r\n. \r\nQUIT\r\n.\r\nQUIT\r\nNOOP\r\n",
                "220 250 250 250 250 354 250 221", true);
    EXPECT_MAIL("HELO x\nMAIL FROM:<>\nRSET\nMAIL FROM:<>\nRCPT TO:<a>\nDATA\n.\n"
                "MAIL FROM:<>\nVRFY a\n",
                "220 250 250 250 250 250 354 250 250 252", false);
}

static void wrong_orders_are_mistakes(void)
{
    EXPECT_MAIL("MAIL FROM:<a>\r\nHELO x\r\nRCPT TO:<a>\r\nDATA\r\nMAIL FROM:<a>\r\n"
                "MAIL FROM:<b>\r\nDATA\r\nSTARTTLS\r\nGET / HTTP/1.1\r\n\r\n",
                "220 503 250 503 503 250 503 503 502 502 502", false);
}

static void starttls_begins_a_new_session(void)
{
    struct talk t = begin(DECOY_SMTP, "postfix");
    char got[256];
    t.offers_tls = true;
    talk_data(&t, SPAN("EHLO x\r\nMAIL FROM:<a>\r\nSTARTTLS\r\nNOOP\r\n"), NOW_US);
    CU_ASSERT_NOT_EQUAL(span_find(sbuf_span(&t.out), 0, SPAN("\r\n250-STARTTLS\r\n")), SPAN_NONE);
    CU_ASSERT_TRUE(t.awaits_tls);
    talk_data(&t, SPAN("NOOP\r\n"), NOW_US);
    talk_in_tls(&t);
    CU_ASSERT_FALSE(t.awaits_tls);
    talk_data(&t, SPAN("RCPT TO:<a>\r\nSTARTTLS\r\n"), NOW_US);
    codes(&t, got, sizeof(got));
    CU_ASSERT_STRING_EQUAL(got, "220 250 250 220 503 502");
    talk_close(&t);
}

static void who_only_makes_mistakes_is_sent_away(void)
{
    struct talk t = begin(DECOY_SMTP, "postfix");
    for (unsigned i = 0; i < 100; i++) {
        talk_data(&t, SPAN("x\r\n"), NOW_US);
    }
    CU_ASSERT_TRUE(t.over);
    CU_ASSERT_TRUE(span_ends(sbuf_span(&t.out), SPAN("\r\n421 4.7.0 Too many errors\r\n")));
    talk_close(&t);
}

static void mails_have_a_limit(void)
{
    static const uint8_t much[3000] = {0};
    struct talk t = begin(DECOY_SMTP, "postfix");
    talk_data(&t, SPAN("HELO x\r\nMAIL FROM:<a>\r\nRCPT TO:<a>\r\nDATA\r\n"), NOW_US);
    talk_data(&t, span_of(much, 3000), NOW_US);
    talk_data(&t, SPAN("\r\n"), NOW_US);
    CU_ASSERT_FALSE(t.over);
    talk_data(&t, span_of(much, 3000), NOW_US);
    CU_ASSERT_TRUE(t.over && t.cut);
    talk_close(&t);
    t = begin(DECOY_SMTP, "postfix");
    talk_data(&t, span_of(much, 3000), NOW_US);
    CU_ASSERT_TRUE(t.over && t.cut);
    talk_close(&t);
}

static void nothing_of_the_visitor_is_in_the_answer(void)
{
    struct talk t = begin(DECOY_HTTP, "tomcat");
    talk_data(&t, SPAN("GET /secret-path HTTP/1.1\r\nHost: secret-host\r\nX: secret-value\r\n\r\n"),
              NOW_US);
    struct span out = sbuf_span(&t.out);
    CU_ASSERT_EQUAL(span_find(out, 0, SPAN("secret")), SPAN_NONE);
    CU_ASSERT_NOT_EQUAL(span_find(out, 0, SPAN("\r\nDate: Tue, 23 Nov 2021 17:13:15 GMT\r\n")),
                        SPAN_NONE);
    CU_ASSERT_NOT_EQUAL(span_find(out, 0, SPAN("\r\nServer: Apache-Coyote/1.1\r\n")), SPAN_NONE);
    talk_close(&t);
}

static void limits_cut(void)
{
    static const uint8_t much[5000] = {0};
    char got[64];
    struct talk t = begin(DECOY_HTTP, "tomcat");
    talk_data(&t, SPAN("GET / HTTP/1.1\r\nX: "), NOW_US);
    CU_ASSERT_TRUE(t.in_head);
    talk_data(&t, span_of(much, 2030), NOW_US);
    CU_ASSERT_FALSE(t.cut);
    talk_data(&t, span_of(much, 20), NOW_US);
    statuses(&t, got, sizeof(got));
    CU_ASSERT_STRING_EQUAL(got, "431");
    CU_ASSERT_TRUE(t.cut && t.over);
    talk_close(&t);
    t = begin(DECOY_HTTP, "tomcat");
    talk_data(&t, SPAN("POST / HTTP/1.1\r\nContent-Length: 4097\r\n\r\n"), NOW_US);
    statuses(&t, got, sizeof(got));
    CU_ASSERT_STRING_EQUAL(got, "413");
    CU_ASSERT_TRUE(t.cut && t.over);
    talk_close(&t);
    t = begin(DECOY_HTTP, "tomcat");
    talk_data(&t, SPAN("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1388\r\n"), NOW_US);
    talk_data(&t, span_of(much, sizeof(much)), NOW_US);
    statuses(&t, got, sizeof(got));
    CU_ASSERT_STRING_EQUAL(got, "413");
    talk_close(&t);
    t = begin(DECOY_TCP, "silent");
    talk_data(&t, span_of(much, 4096), NOW_US);
    CU_ASSERT_FALSE(t.over);
    talk_data(&t, span_of(much, 1), NOW_US);
    CU_ASSERT_TRUE(t.over && t.cut);
    talk_close(&t);
}

static void expect_answer(struct talk *t, struct span wanted)
{
    CU_ASSERT(span_equal(sbuf_span(&t->out), wanted));
    sbuf_reset(&t->out);
}

/* RFC 4511: bind and search are answered, with the number they had, and nothing else. */
static void a_directory_is_empty(void)
{
    struct talk t = begin(DECOY_LDAP, "silent");
    talk_data(&t, SPAN("0\x0c\x02\x01\x01\x60\x07\x02\x01\x03\x04\x00\x80"), NOW_US);
    CU_ASSERT_FALSE(t.in_head);
    expect_answer(&t, SPAN(""));
    talk_data(&t, SPAN("\x00"), NOW_US);
    expect_answer(&t, SPAN("0\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"));
    /* the same number in more bytes, lengths in more bytes, and two at once */
    talk_data(&t,
              SPAN("0\x84\x00\x00\x00\x0c\x02\x04\x00\x01\x00\x80\x63\x81\x03"
                   "abc"
                   "0\x05\x02\x01\x7f\x63\x00"),
              NOW_US);
    expect_answer(&t, SPAN("0\x0e\x02\x03\x01\x00\x80\x65\x07\x0a\x01\x00\x04\x00\x04\x00"
                           "0\x0c\x02\x01\x7f\x65\x07\x0a\x01\x00\x04\x00\x04\x00"));
    /* both lengths as long as they may be: the longest head there is */
    talk_data(&t,
              SPAN("0\x84\x00\x00\x00\x0c\x02\x84\x00\x00\x00\x04\x00\x00\x00\x09\x63\x00"
                   "0\x05\x02\x01\x0a\x63\x00"),
              NOW_US);
    expect_answer(&t, SPAN("0\x0c\x02\x01\x09\x65\x07\x0a\x01\x00\x04\x00\x04\x00"
                           "0\x0c\x02\x01\x0a\x65\x07\x0a\x01\x00\x04\x00\x04\x00"));
    /* add, extended, abandon */
    talk_data(&t,
              SPAN("0\x05\x02\x01\x04\x68\x00"
                   "0\x05\x02\x01\x05\x77\x00"
                   "0\x06\x02\x01\x06\x50\x01\x05"),
              NOW_US);
    expect_answer(&t, SPAN(""));
    CU_ASSERT_FALSE(t.over);
    talk_data(&t, SPAN("0\x05\x02\x01\x07\x42\x00"), NOW_US);
    expect_answer(&t, SPAN(""));
    CU_ASSERT(t.over && !t.cut);
    talk_close(&t);
}

static void what_is_no_message_ends_a_directory(void)
{
    static const struct {
        struct span bytes;
        bool cut;
    } bad[] = {
        {SPAN_LITERAL("GET / HTTP/1.0\r\n\r\n"), false},
        {SPAN_LITERAL("0\x80\x02\x01\x01\x63\x00"), false}, /* no definite length */
        {SPAN_LITERAL("0\x85\x00\x00\x00\x00\x05\x02\x01\x01\x63\x00"), false},
        {SPAN_LITERAL("0\x05\x04\x01\x01\x63\x00"), false},             /* no number */
        {SPAN_LITERAL("0\x04\x02\x00\x63\x00"), false},                 /* an empty one */
        {SPAN_LITERAL("0\x08\x02\x04\x80\x00\x00\x00\x63\x00"), false}, /* beyond 2^31 - 1 */
        {SPAN_LITERAL("0\x03\x02\x01\x01\x63\x00"), false},             /* no operation in it */
        {SPAN_LITERAL("0\x84\xff\xff\xff\xff\x02\x01\x01\x63"), true},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct talk t = begin(DECOY_LDAP, "silent");
        talk_data(&t, bad[i].bytes, NOW_US);
        CU_ASSERT(t.over);
        CU_ASSERT_EQUAL(t.cut, bad[i].cut);
        expect_answer(&t, SPAN(""));
        talk_close(&t);
    }
    struct talk late = begin(DECOY_LDAP, "silent");
    CU_ASSERT_FALSE(late.in_head);
    talk_data(&late, SPAN("0\x05\x02"), NOW_US);
    CU_ASSERT(late.in_head && !late.over);
    talk_close(&late);
}

static void answers_that_nobody_fetches_have_a_limit(void)
{
    struct talk t = begin(DECOY_HTTP, "tomcat");
    for (unsigned i = 0; i < 1000; i++) {
        talk_data(&t, SPAN("GET / HTTP/1.1\r\n\r\n"), NOW_US);
    }
    CU_ASSERT_TRUE(t.over && t.cut);
    CU_ASSERT(t.out.len <= TALK_ANSWERS_MAX);
    talk_close(&t);
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

/* --- personas
 * ---------------------------------------------------------------------------------------- */

struct reading {
    struct arena *arena;
    struct persona persona;
    struct errbuf err;
    bool good;
};

static struct reading read_text(struct span text)
{
    struct reading r = {.arena = arena_new(PERSONA_FILE_MAX * 4)};
    CU_ASSERT_PTR_NOT_NULL_FATAL(r.arena);
    r.good = persona_read(text, "x.persona", r.arena, &r.persona, &r.err);
    return r;
}

static void forget(struct reading *r)
{
    arena_free(&r->arena);
    errbuf_free(&r->err);
}

static void all_shipped_personas_are_right(void)
{
    CU_ASSERT(shipped_personas_n >= 10);
    for (size_t i = 0; i < shipped_personas_n; i++) {
        struct reading r = read_text(shipped_personas[i].text);
        CU_ASSERT_TRUE(r.good);
        CU_ASSERT_STRING_EQUAL(errbuf_text(&r.err), "");
        CU_ASSERT_PTR_NOT_NULL(personas_find(shipped, shipped_personas[i].name));
        forget(&r);
    }
    CU_ASSERT_PTR_NULL(personas_find(shipped, "nosuch"));
}

static void a_persona_is_read_as_it_stands(void)
{
    struct reading r = read_text(SPAN("\xef\xbb\xbf# a comment\r\n"
                                      "server  A/1  \n"
                                      "host h\n\n"
                                      "  page /a* 401 text/html; charset=x\n"
                                      "header X: 1\nheader Y: 2\n| one\n|two\n|\n|  three\n"
                                      "page * 204"));
    CU_ASSERT_TRUE_FATAL(r.good);
    CU_ASSERT_TRUE(span_equal(r.persona.server, SPAN("A/1")));
    CU_ASSERT_TRUE(span_equal(r.persona.host, SPAN("h")));
    CU_ASSERT_EQUAL_FATAL(r.persona.n_pages, 2);
    const struct persona_page *page = persona_page(&r.persona, SPAN("/abc?d"));
    CU_ASSERT_EQUAL(page->status, 401);
    CU_ASSERT_TRUE(span_equal(page->type, SPAN("text/html; charset=x")));
    CU_ASSERT_TRUE(span_equal(page->headers, SPAN("X: 1\r\nY: 2\r\n")));
    CU_ASSERT_TRUE(span_equal(page->body, SPAN("one\ntwo\n\n three\n")));
    page = persona_page(&r.persona, SPAN("/b"));
    CU_ASSERT_EQUAL(page->status, 204);
    CU_ASSERT_EQUAL(page->body.len + page->headers.len + page->type.len, 0);
    forget(&r);
}

static void the_first_mistake_is_told(void)
{
    static const struct {
        struct span text;
        const char *wanted;
    } bad[] = {
        {SPAN_LITERAL("# x\nsever a\n"), "x.persona:2: 'sever' is no word of a persona: server, "
                                         "greeting, host, page, header, |\n"},
        {SPAN_LITERAL("server a\nserver b\n"), "x.persona:2: 'server' is there twice\n"},
        {SPAN_LITERAL("server\n"), "x.persona:1: 'server' has no value\n"},
        {SPAN_LITERAL("page a 200\n"), "x.persona:1: 'page' has no path that begins with / or *\n"},
        {SPAN_LITERAL("page / 99\n"), "x.persona:1: 'page' has no status from 200 to 599\n"},
        {SPAN_LITERAL("page /\n"), "x.persona:1: 'page' has no status from 200 to 599\n"},
        {SPAN_LITERAL("header X: 1\n"), "x.persona:1: 'header' belongs to no page\n"},
        {SPAN_LITERAL("| x\n"), "x.persona:1: '|' belongs to no page\n"},
        {SPAN_LITERAL("page / 200\nheader X y: 1\n"), "x.persona:2: 'header' is no NAME: VALUE\n"},
        {SPAN_LITERAL("page / 200\nheader Content-Length: 1\n"),
         "x.persona:2: 'header' is one that the honeypot writes itself\n"},
        {SPAN_LITERAL("page / 200\n| a\tb\n"), "x.persona:2: a control character\n"},
        {SPAN_LITERAL("server a\0b\n"), "x.persona:1: a control character\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct reading r = read_text(bad[i].text);
        CU_ASSERT_FALSE(r.good);
        CU_ASSERT_STRING_EQUAL(errbuf_text(&r.err), bad[i].wanted);
        forget(&r);
    }
}

static void add_line(struct sbuf *text, uint8_t first, size_t n)
{
    sbuf_add_byte(text, first);
    for (size_t i = 0; i < n; i++) {
        sbuf_add_byte(text, 'x');
    }
    sbuf_add_byte(text, '\n');
}

static void personas_have_limits(void)
{
    struct sbuf text = sbuf_with_cap(PERSONA_FILE_MAX);
    for (unsigned i = 0; i < PERSONA_PAGES_MAX; i++) {
        sbuf_add_format(&text, "page /%u 200\n", i);
    }
    struct reading r = read_text(sbuf_span(&text));
    CU_ASSERT_TRUE(r.good);
    forget(&r);
    sbuf_add_str(&text, "page /more 200\n");
    r = read_text(sbuf_span(&text));
    CU_ASSERT_STRING_EQUAL(errbuf_text(&r.err),
                           "x.persona:65: 'page' is one too many: 64 are possible\n");
    forget(&r);
    sbuf_reset(&text);
    sbuf_add_str(&text, "page / 200\n");
    for (unsigned i = 0; i < PERSONA_PAGE_MAX / 1024; i++) {
        add_line(&text, '|', 1023);
    }
    r = read_text(sbuf_span(&text));
    CU_ASSERT_TRUE(r.good);
    forget(&r);
    sbuf_add_str(&text, "|\n");
    r = read_text(sbuf_span(&text));
    CU_ASSERT_STRING_EQUAL(errbuf_text(&r.err),
                           "x.persona:34: '|' the page is longer than 32 KiB\n");
    forget(&r);
    sbuf_reset(&text);
    add_line(&text, '#', PERSONA_LINE_MAX);
    r = read_text(sbuf_span(&text));
    CU_ASSERT_STRING_EQUAL(errbuf_text(&r.err),
                           "x.persona:1: the line is longer than 4096 bytes\n");
    forget(&r);
    sbuf_free(&text);
}

static CU_TestInfo decoy_tests[] = {
    TEST(listeners_are_read_and_named),
    TEST(what_is_no_listener_is_told),
    TEST(records_come_back_as_they_were),
    TEST(what_is_no_record_is_refused),
    TEST(requests_are_answered),
    TEST(several_requests_are_answered_in_order),
    TEST(bodies_are_waited_for),
    TEST(what_is_no_request_ends_it),
    TEST(mails_are_taken),
    TEST(wrong_orders_are_mistakes),
    TEST(starttls_begins_a_new_session),
    TEST(who_only_makes_mistakes_is_sent_away),
    TEST(mails_have_a_limit),
    TEST(nothing_of_the_visitor_is_in_the_answer),
    TEST(limits_cut),
    TEST(a_directory_is_empty),
    TEST(what_is_no_message_ends_a_directory),
    TEST(answers_that_nobody_fetches_have_a_limit),
    TEST(all_shipped_personas_are_right),
    TEST(a_persona_is_read_as_it_stands),
    TEST(the_first_mistake_is_told),
    TEST(personas_have_limits),
    CU_TEST_INFO_NULL,
};

static CU_SuiteInfo suites[] = {
    {"decoy", NULL, NULL, NULL, NULL, decoy_tests},
    CU_SUITE_INFO_NULL,
};

int main(void)
{
    shipped = personas_new();
    int code = shipped != NULL ? run_suites(suites) : 1;
    personas_free(&shipped);
    return code;
}
