/* Tests of heads as rules are written for them: what comes twice, is folded or has odd blanks. */
#include "sensor/core/decoder.h"
#include "tests/unit/bench_detect.h"

#define ANY "alert http any any -> any any "

static const struct decoder http2 = {.name = "http2"};

/* Whole heads, as the decoder gives them. */
static void start(struct bench *b, const char *rules)
{
    bench_start(b, rules);
    b->head_flags = REGION_AGAIN;
}

/* A whole answer: its head and its first line. */
static void answer(struct bench *b, const char *text)
{
    struct span all = span_str(text);
    struct span rest = all;
    const struct region r = {.kind = REGION_HEAD,
                             .field = FIELD_HTTP_HEADER,
                             .dir = TO_CLIENT,
                             .bytes = all,
                             .flags = REGION_AGAIN};
    detect_region(b->detector, &b->tx, &r);
    const struct field line = {.id = FIELD_HTTP_RESPONSE_LINE,
                               .value = span_trim(span_split(&rest, '\n')),
                               .dir = TO_CLIENT};
    detect_field(b->detector, &b->tx, &line);
    const struct field block = {.id = FIELD_HTTP_HEADER, .value = rest, .dir = TO_CLIENT};
    detect_field(b->detector, &b->tx, &block);
}

static void headers_of_one_name_are_one(void)
{
    struct bench b;
    start(&b, ANY "(msg:\"m\"; http.user_agent; content:\"one, two\"; bsize:8; sid:1;)\n" ANY
                  "(msg:\"m\"; http.user_agent; content:\"two\"; startswith; sid:2;)\n" ANY
                  "(msg:\"m\"; http.header; content:\"Host: h|0d 0a|User-Agent: one, two|0d 0a|\"; "
                  "startswith; endswith; sid:3;)\n" ANY
                  "(msg:\"m\"; http.header_names; content:\"|0d 0a|Host|0d 0a|User-Agent|0d 0a|"
                  "Cookie|0d 0a 0d 0a|\"; startswith; endswith; sid:4;)\n" ANY
                  "(msg:\"m\"; http.request_header; content:\"User-Agent: one, two\"; endswith; "
                  "sid:5;)\n" ANY "(msg:\"m\"; flow:to_server; http.header.raw; content:\"agent: "
                  "two|0d 0a 0d 0a|\"; endswith; "
                  "sid:6;)\n" ANY "(msg:\"m\"; http.start; content:\"one, two|0d 0a|Cookie\"; "
                  "sid:7;)\n" ANY "(msg:\"m\"; http.cookie; content:\"a\"; sid:8;)\n");
    request(&b, "GET / HTTP/1.1\r\nHost: h\r\nUser-Agent: one\r\nCookie: a\r\n"
                "user-agent: two\r\n\r\n");
    EXPECT(&b, "twice", {5, "http.request_header.user-agent", NULL}, {1, "http.user_agent", NULL},
           {8, "http.cookie", NULL}, {3, "http.header", NULL}, {4, "http.header", NULL},
           {7, "http.header", NULL}, {6, "http.header", NULL});
    bench_stop(&b);
}

static void the_first_length_counts(void)
{
    struct bench b;
    start(&b, ANY "(msg:\"m\"; http.content_len; content:\"3\"; bsize:1; sid:1;)\n" ANY
                  "(msg:\"m\"; http.content_len; content:\"4\"; sid:2;)\n");
    request(&b, "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n");
    EXPECT(&b, "length", {1, "http.content_len", NULL});
    bench_stop(&b);
}

static void folded_lines_keep_their_blanks(void)
{
    struct bench b;
    start(&b,
          ANY "(msg:\"m\"; http.header; content:\"X-A: one \"; content:\"two|09|three|0d 0a|\"; "
              "distance:0; within:11; sid:1;)\n" ANY
              "(msg:\"m\"; http.user_agent; content:\"u  v\"; bsize:4; sid:2;)\n");
    request(&b,
            "GET / HTTP/1.1\r\nX-A:\r\n one\r\n two\r\n\tthree\r\nUser-Agent: u \r\n v\r\n\r\n");
    EXPECT(&b, "folded", {2, "http.user_agent", NULL}, {1, "http.header", NULL});
    bench_stop(&b);
}

static void odd_blanks_hide_nothing(void)
{
    struct bench b;
    start(&b,
          ANY "(msg:\"m\"; http.header; content:\"X-A: evil|0d 0a|X-B: \"; sid:1;)\n" ANY
              "(msg:\"m\"; http.request_header; content:\"X-B: worse\"; startswith; sid:2;)\n" ANY
              "(msg:\"m\"; http.referer; bsize:0; sid:3;)\n" ANY
              "(msg:\"m\"; http.header; content:\"|0d 0a 3a 20|no colon\"; sid:4;)\n" ANY
              "(msg:\"m\"; http.start; content:\" HTTP/1.1|0d 0a|X-A: evil\"; sid:5;)\n");
    request(&b, "GET / HTTP/1.1\r\nX-A:evil\r\nX-B \t:  worse \t\r\nReferer: \r\nno colon\r\n\r\n");
    EXPECT(&b, "blanks", {2, "http.request_header.x-b", NULL}, {3, "http.referer", NULL},
           {1, "http.header", NULL}, {4, "http.header", NULL}, {5, "http.header", NULL});
    bench_stop(&b);
}

static void the_host_of_the_target_goes_first(void)
{
    struct bench b;
    start(&b, ANY "(msg:\"m\"; http.host; content:\"shop.example\"; bsize:12; sid:1;)\n" ANY
                  "(msg:\"m\"; http.host.raw; content:\"shop.example\"; bsize:12; sid:2;)\n" ANY
                  "(msg:\"m\"; http.host; content:\"other\"; sid:3;)\n" ANY
                  "(msg:\"m\"; http.host.raw; content:\"Other\"; sid:4;)\n" ANY
                  "(msg:\"m\"; http.header; content:\"Host: Other:81|0d 0a|\"; sid:5;)\n");
    request(&b, "GET http://me@Shop.example:80/a HTTP/1.1\r\nHost: Other:81\r\n\r\n");
    EXPECT(&b, "absolute", {1, "http.host", NULL}, {2, "http.host.raw", NULL},
           {5, "http.header", NULL});
    tx_again(&b);
    request(&b, "GET /a HTTP/1.1\r\nHost: Other:81\r\n\r\n");
    EXPECT(&b, "as sent", {4, "http.host.raw", NULL}, {5, "http.header", NULL});
    bench_stop(&b);
}

static void an_answer_keeps_the_end_of_its_line(void)
{
    struct bench b;
    start(&b,
          ANY "(msg:\"m\"; http.response_line; content:\"200 OK|0d 0a|\"; endswith; sid:1;)\n" ANY
              "(msg:\"m\"; http.start; content:\"OK|0d 0a 0d 0a|Server: s|0d 0a 0d 0a|\"; "
              "sid:2;)\n" ANY
              "(msg:\"m\"; http.response_header; content:\"B: c\"; startswith; sid:3;)\n");
    answer(&b, "HTTP/1.1 200 OK\r\nServer: s\r\n\r\n");
    EXPECT(&b, "plain", {1, "http.response_line", NULL}, {2, "http.header", NULL});
    tx_again(&b);
    answer(&b, "HTTP/1.1 404 No\r\nServer: s\r\n B: c\r\n\r\n");
    EXPECT(&b, "a header, though folded", {3, "http.response_header.b", NULL});
    bench_stop(&b);
}

static void the_first_line_of_http2_is_headers(void)
{
    struct bench b;
    start(&b, ANY
          "(msg:\"m\"; http.header; content:\":method: GET|0d 0a|:path: /a|0d 0a|:scheme\"; "
          "content:\":authority: h|0d 0a|accept: x\"; distance:0; sid:1;)\n" ANY
          "(msg:\"m\"; http.header_names; content:\"|0d 0a|:authority|0d 0a|accept\"; "
          "sid:2;)\n" ANY "(msg:\"m\"; http.protocol; content:\"HTTP/2\"; bsize:6; sid:3;)\n" ANY
          "(msg:\"m\"; http.request_line; content:\" HTTP/2|0d 0a|\"; endswith; sid:4;)\n" ANY
          "(msg:\"m\"; http.start; content:\"GET\"; sid:5;)\n" ANY
          "(msg:\"m\"; http.header; content:\":status: 200\"; startswith; sid:6;)\n" ANY
          "(msg:\"m\"; http.response_line; content:\"HTTP/2 200|0d 0a|\"; bsize:12; "
          "sid:7;)\n");
    b.tx.decoder = &http2;
    request(&b, "GET /a HTTP/2.0\r\nhost: h\r\naccept: x\r\n\r\n");
    EXPECT(&b, "request", {3, "http.protocol", NULL}, {4, "http.request_line", NULL},
           {1, "http.header", NULL}, {2, "http.header", NULL});
    tx_again(&b);
    b.tx.decoder = &http2;
    answer(&b, "HTTP/2.0 200\r\nserver: s\r\n\r\n");
    EXPECT(&b, "answer", {3, "http.protocol", NULL}, {7, "http.response_line", NULL},
           {6, "http.header", NULL});
    bench_stop(&b);
}

static void look_ups_are_told_of_what_was_sent(void)
{
    struct bench b;
    start(&b, ANY "(msg:\"m\"; jndi.lookup; content:\"ldap\"; http.user_agent; "
                  "content:\"one, two\"; sid:1;)\n");
    request(&b, "GET / HTTP/1.1\r\nUser-Agent: one\r\nUser-Agent: two\r\n"
                "X: ${jndi:ldap://a/b}\r\n\r\n");
    EXPECT(&b, "both", {1, "http.request_header.x", "jndi:ldap://a/b"});
    bench_stop(&b);
}

/* A mail's header that lies in the block: where its value begins, and what that is. */
static void give_header(struct bench *b, enum field_id id, struct span block, const char *value)
{
    struct span text = span_str(value);
    field_of(b, id, "", span_sub(block, span_find(block, 0, text), text.len));
}

static void headers_of_mails_are_as_sent(void)
{
    struct bench b;
    bench_start(&b,
                "alert smtp any any -> any any (msg:\"m\"; email.subject; "
                "content:\"onetwo=?utf-8?Q?x?=\"; bsize:19; sid:1;)\n"
                "alert smtp any any -> any any (msg:\"m\"; email.subject; content:\"one two x\"; "
                "sid:2;)\n"
                "alert smtp any any -> any any (msg:\"m\"; email.from; content:\"a@b  \"; bsize:5; "
                "sid:3;)\n"
                "alert smtp any any -> any any (msg:\"m\"; smtp.mail_from; content:\"<a@b>\"; "
                "bsize:5; sid:4;)\n"
                "alert smtp any any -> any any (msg:\"m\"; email.url; content:\"h/a\"; "
                "startswith; sid:5;)\n");
    static const struct decoder smtp = {.name = "smtp"};
    b.tx.decoder = &smtp;
    struct span block = SPAN("Subject: one\r\n two\r\n\t=?utf-8?Q?x?=\r\nFrom: a@b  \r\n");
    field_of(&b, FIELD_SMTP_MAIL_FROM, "", SPAN("<a@b> SIZE=1"));
    const struct region r = {.kind = REGION_HEAD, .field = FIELD_EMAIL_HEADER, .bytes = block};
    detect_region(b.detector, &b.tx, &r);
    field_of(&b, FIELD_EMAIL_SUBJECT, "", SPAN("one two x"));
    give_header(&b, FIELD_EMAIL_SUBJECT, block, "one\r\n two\r\n\t=?utf-8?Q?x?=");
    give_header(&b, FIELD_EMAIL_FROM, block, "a@b");
    const struct field url = {.id = FIELD_EMAIL_URL, .value = SPAN("https://h/a")};
    detect_field_again(b.detector, &b.tx, &url);
    EXPECT(&b, "mail", {4, "smtp.mail_from", NULL}, {1, "email.subject", NULL},
           {3, "email.from", NULL}, {5, "email.url", NULL});
    bench_stop(&b);
}

static void an_answer_has_the_types_of_its_records(void)
{
    struct bench b;
    static const struct decoder dns = {.name = "dns"};
    bench_start(&b, "alert dns any any -> any any (msg:\"m\"; dns.rrtype:txt; sid:1;)\n"
                    "alert dns any any -> any any (msg:\"m\"; dns.rrtype:A; sid:2;)\n"
                    "alert dns any any -> any any (msg:\"m\"; dns.rcode:nxdomain; sid:3;)\n");
    b.tx.decoder = &dns;
    struct field field = {.id = FIELD_DNS_RECORD, .value = SPAN("\0\x10\0\1"), .dir = TO_CLIENT};
    detect_field(b.detector, &b.tx, &field); /* the question, repeated */
    expect_nothing(&b, "question");
    field.value = SPAN("\0\1\0\1\0\0\0\0");
    detect_field(b.detector, &b.tx, &field);
    field.id = FIELD_DNS_HEADER;
    field.value = SPAN("\0\1\x81\x83\0\1\0\0\0\0\0\0");
    detect_field(b.detector, &b.tx, &field);
    EXPECT(&b, "answer", {2, "dns.record", NULL}, {3, "dns.header", NULL});
    bench_stop(&b);
}

static CU_TestInfo heads[] = {
    {"headers of mails are as sent", headers_of_mails_are_as_sent},
    {"an answer has the types of its records", an_answer_has_the_types_of_its_records},
    {"headers of one name are one", headers_of_one_name_are_one},
    {"the first length counts", the_first_length_counts},
    {"folded lines keep their blanks", folded_lines_keep_their_blanks},
    {"odd blanks hide nothing", odd_blanks_hide_nothing},
    {"the host of the target goes first", the_host_of_the_target_goes_first},
    {"an answer keeps the end of its line", an_answer_keeps_the_end_of_its_line},
    {"the first line of HTTP/2 is headers", the_first_line_of_http2_is_headers},
    {"look-ups are told of what was sent", look_ups_are_told_of_what_was_sent},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"heads", NULL, NULL, NULL, NULL, heads},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
