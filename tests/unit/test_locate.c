/* Tests of signatures/locate: the value a mark stands in. The mark is '@', which no case uses
 * otherwise. */
#include "signatures/locate.h"
#include "tests/unit/runner.h"

struct locate_case {
    enum field_id field;
    enum body_type type;
    const char *text;
    enum field_id id;
    const char *item;
    const char *value;
};

static void expect(const struct locate_case *c)
{
    struct span whole = span_str(c->text);
    struct locate_hint hint = {.field = c->field, .type = c->type};
    struct located l = locate(whole, span_find_byte(whole, 0, '@'), &hint);
    CU_ASSERT_EQUAL(l.id, c->id);
    CU_ASSERT(span_equal(span_of(l.item, l.item_len), span_str(c->item)));
    CU_ASSERT(span_equal(l.value, span_str(c->value)));
    if (!span_equal(l.value, span_str(c->value)) ||
        !span_equal(span_of(l.item, l.item_len), span_str(c->item))) {
        printf("\n  %s: item '%.*s' value '%.*s'\n", c->text, (int)l.item_len, l.item,
               (int)l.value.len, (const char *)l.value.data);
    }
}

#define BODY FIELD_HTTP_REQUEST_BODY

static void pairs_are_told_apart_by_name(void)
{
    static const struct locate_case cases[] = {
        {FIELD_HTTP_URI_RAW, 0, "/a@b?x=1", FIELD_HTTP_URI, "", "/a@b?x=1"},
        {FIELD_HTTP_URI_RAW, 0, "/a?x=1&q=a@b&z=3", FIELD_HTTP_URI_PARAM, "q", "a@b"},
        {FIELD_HTTP_URI_RAW, 0, "/a?x@y=1&q=2", FIELD_HTTP_URI_PARAM, "", "x@y"},
        {FIELD_HTTP_URI_RAW, 0, "/a?@", FIELD_HTTP_URI_PARAM, "", "@"},
        {FIELD_HTTP_URI_RAW, 0, "/a?q=1=@", FIELD_HTTP_URI_PARAM, "q", "1=@"},
        {FIELD_HTTP_COOKIE, 0, "a=1; sid=x@; b=2", FIELD_HTTP_COOKIE, "sid", "x@"},
        {FIELD_HTTP_COOKIE, 0, "@", FIELD_HTTP_COOKIE, "", "@"},
        {BODY, BODY_FORM, "user=a&pass=@&z=1", BODY, "form.pass", "@"},
        {BODY, BODY_UNKNOWN, "user=a&pass=@&z=1", BODY, "form.pass", "@"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        expect(&cases[i]);
    }
}

/* Its NULs hide the blanks that a form does not have. */
static void a_text_in_utf16_is_no_form(void)
{
    static const uint8_t text[] = "h\0i\0 \0@\0a\0=\0b";
    const struct locate_hint hint = {.field = BODY, .type = BODY_TEXT};
    struct span whole = span_of(text, sizeof(text));
    struct located l = locate(whole, span_find_byte(whole, 0, '@'), &hint);
    CU_ASSERT(span_equal(l.value, whole));
    CU_ASSERT_EQUAL(l.item_len, 0);
}

static void json_strings_have_paths(void)
{
    static const struct locate_case cases[] = {
        {BODY, BODY_JSON, "{\"a\":{\"b\":[1,\"x\",{\"c\":\"v@\"}]}}", BODY, "json.a.b.2.c", "v@"},
        {BODY, BODY_JSON, "{\"a\":1, \"b\" : \"q\\\"@\"}", BODY, "json.b", "q\\\"@"},
        {BODY, BODY_JSON, "{\"a\":\"1\",\"k@\":2}", BODY, "json", "k@"},
        {BODY, BODY_JSON, "{\"a\":{\"x\":1},\"b\":\"@\"}", BODY, "json.b", "@"},
        {BODY, BODY_UNKNOWN, "[\"@\"]", BODY, "json.0", "@"},
        {BODY, BODY_JSON, "\"@\"", BODY, "json", "@"},
        {BODY, BODY_JSON, "{\"a\": \"broken @ off", BODY, "json.a", "broken @ off"},
        {BODY, BODY_JSON, "plain\nline @\nmore", BODY, "", "line @"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        expect(&cases[i]);
    }
}

static void xml_gives_text_and_attributes(void)
{
    static const struct locate_case cases[] = {
        {BODY, BODY_XML, "<r><note>a@b</note></r>", BODY, "xml.note", "a@b"},
        {BODY, BODY_XML, "<r><n t='1' to=\"x@\"/></r>", BODY, "xml.n.to", "x@"},
        {BODY, BODY_XML, "<r><n><![CDATA[1 < @]]></n></r>", BODY, "xml.n", "1 < @"},
        {BODY, BODY_UNKNOWN, "<?xml version=\"1.0\"?><n>@", BODY, "xml.n", "@"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        expect(&cases[i]);
    }
}

static void multipart_values_and_file_names(void)
{
    static const struct locate_case cases[] = {
        {BODY, BODY_MULTIPART,
         "--B\r\nContent-Disposition: form-data; "
         "name=\"a\"\r\n\r\n1\r\n--B\r\nContent-Disposition: form-data; "
         "name=\"b\"\r\n\r\nx@\r\n--B--\r\n",
         BODY, "multipart.b", "x@"},
        {BODY, BODY_MULTIPART,
         "--B\r\nContent-Disposition: form-data; name=\"up\"; "
         "filename=\"f@.txt\"\r\n\r\n1\r\n--B--\r\n",
         FIELD_FILE_NAME, "", "f@.txt"},
        {BODY, BODY_MULTIPART, "--B\r\nX-Odd: @\r\n\r\n1\r\n--B--\r\n", BODY, "multipart",
         "X-Odd: @"},
        {BODY, BODY_MULTIPART, "--B\nContent-Disposition: form-data; name=c\n\n@\n--B--\n", BODY,
         "multipart.c", "@\n"},
        /* a delimiter is a line; the boundary alone may stand anywhere */
        {BODY, BODY_MULTIPART,
         "--b\r\nContent-Disposition: form-data; name=q\r\n\r\nb--b @ --b b\r\n-b\r\n--b--\r\n",
         BODY, "multipart.q", "b--b @ --b b\r\n-b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        expect(&cases[i]);
    }
}

static void everything_else_is_a_line(void)
{
    static const struct locate_case cases[] = {
        {BODY, BODY_TEXT, "one\r\ntwo @ x\r\nthree", BODY, "", "two @ x"},
        {FIELD_EMAIL_BODY, BODY_TEXT, "one\ntwo=@\nthree", FIELD_EMAIL_BODY, "", "two=@"},
        {FIELD_HTTP_HEADER, 0, "Host: a\r\nX@: b\r\n", FIELD_HTTP_HEADER, "", "X@: b"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        expect(&cases[i]);
    }
}

static void json_deeper_than_the_stack_is_still_found(void)
{
    char text[400];
    size_t n = 0;
    while (n < 300) {
        text[n++] = '[';
    }
    text[n++] = '"';
    text[n++] = '@';
    text[n++] = '"';
    struct locate_hint hint = {.field = BODY, .type = BODY_JSON};
    struct located l = locate(span_of(text, n), n - 2, &hint);
    CU_ASSERT(span_equal(l.value, SPAN("@")));
    CU_ASSERT(l.item_len > 4);
}

static CU_TestInfo tests[] = {
    {"pairs_are_told_apart_by_name", pairs_are_told_apart_by_name},
    {"a_text_in_utf16_is_no_form", a_text_in_utf16_is_no_form},
    {"json_strings_have_paths", json_strings_have_paths},
    {"xml_gives_text_and_attributes", xml_gives_text_and_attributes},
    {"multipart_values_and_file_names", multipart_values_and_file_names},
    {"everything_else_is_a_line", everything_else_is_a_line},
    {"json_deeper_than_the_stack_is_still_found", json_deeper_than_the_stack_is_still_found},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {{"locate", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
