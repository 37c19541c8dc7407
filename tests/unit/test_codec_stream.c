/* Tests of the codecs that are fed piecemeal: base64 and quoted-printable. Each text is decoded
 * whole and in two pieces cut at every place, with equal results demanded. */
#include "sensor/codec/base64.h"
#include "sensor/codec/qp.h"
#include "tests/unit/runner.h"

static struct sbuf base64_in_two(struct span in, size_t cut, enum base64_alphabet alphabet)
{
    struct sbuf out = sbuf_with_cap(1 << 16);
    struct base64 d = base64_start(alphabet);
    base64_decode(&d, span_head(in, cut), &out);
    base64_decode(&d, span_from(in, cut), &out);
    base64_finish(&d, &out);
    return out;
}

/* Byte by byte no fast way is taken: it is the portable twin of whatever the processor has. */
static void fast_and_portable_base64_agree(void)
{
    static const enum base64_alphabet alphabets[] = {BASE64_STANDARD, BASE64_URL, BASE64_EITHER};
    uint8_t text[400];
    for (size_t round = 0; round < 256 * ARRAY_LEN(alphabets); round++) {
        /* all of the alphabet at every place of a block, and one other byte somewhere */
        for (size_t i = 0; i < sizeof(text); i++) {
            static const struct span all =
                SPAN_LITERAL("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_");
            text[i] = span_at(all, (i * 7 + round) % all.len);
        }
        text[round * 13 % sizeof(text)] = (uint8_t)round;
        enum base64_alphabet alphabet = alphabets[round / 256];
        struct base64 whole = base64_start(alphabet);
        struct base64 single = base64_start(alphabet);
        struct sbuf fast = sbuf_with_cap(10000);
        struct sbuf slow = sbuf_with_cap(10000);
        base64_decode(&whole, span_of(text, sizeof(text)), &fast);
        for (size_t i = 0; i < sizeof(text); i++) {
            base64_decode(&single, span_of(&text[i], 1), &slow);
        }
        base64_finish(&whole, &fast);
        base64_finish(&single, &slow);
        CU_ASSERT(span_equal(sbuf_span(&fast), sbuf_span(&slow)));
        CU_ASSERT_EQUAL(whole.n_junk, single.n_junk);
        sbuf_free(&fast);
        sbuf_free(&slow);
    }
}

/* Lines of odd lengths, padding and junk here and there, in pieces of any length. */
static void lines_of_base64_are_read_alike_however_cut(void)
{
    uint8_t text[6000];
    for (size_t round = 1; round < 120; round++) {
        for (size_t i = 0; i < sizeof(text); i++) {
            static const struct span all = SPAN_LITERAL("ABCabc019+/Z");
            bool end = i % (round + 2) == round;
            text[i] = end ? (uint8_t)(i % 3 == 0 ? '\r' : '\n') : span_at(all, i * round % 12);
        }
        text[round * 37] = '=';
        text[round * 41] = (uint8_t)(0x80 | round);
        struct base64 pieces = base64_start(BASE64_STANDARD);
        struct base64 single = base64_start(BASE64_STANDARD);
        struct sbuf fast = sbuf_with_cap(10000);
        struct sbuf slow = sbuf_with_cap(10000);
        for (struct span rest = span_of(text, sizeof(text)); rest.len > 0;) {
            struct span piece = span_head(rest, 1 + rest.len * round % 3001);
            base64_decode(&pieces, piece, &fast);
            rest = span_from(rest, piece.len);
        }
        for (size_t i = 0; i < sizeof(text); i++) {
            base64_decode(&single, span_of(&text[i], 1), &slow);
        }
        base64_finish(&pieces, &fast);
        base64_finish(&single, &slow);
        CU_ASSERT(span_equal(sbuf_span(&fast), sbuf_span(&slow)));
        CU_ASSERT_EQUAL(pieces.n_junk, single.n_junk);
        sbuf_free(&fast);
        sbuf_free(&slow);
    }
}

static void check_base64(struct span in, struct span expected, enum base64_alphabet alphabet)
{
    for (size_t cut = 0; cut <= in.len; cut++) {
        struct sbuf out = base64_in_two(in, cut, alphabet);
        CU_ASSERT(span_equal(sbuf_span(&out), expected));
        sbuf_free(&out);
    }
}

static void base64_decodes_the_vectors_of_rfc_4648(void)
{
    check_base64(SPAN(""), SPAN(""), BASE64_STANDARD);
    check_base64(SPAN("Zg=="), SPAN("f"), BASE64_STANDARD);
    check_base64(SPAN("Zm8="), SPAN("fo"), BASE64_STANDARD);
    check_base64(SPAN("Zm9v"), SPAN("foo"), BASE64_STANDARD);
    check_base64(SPAN("Zm9vYmFy"), SPAN("foobar"), BASE64_STANDARD);
}

static void base64_reads_text_without_padding(void)
{
    check_base64(SPAN("Zg"), SPAN("f"), BASE64_STANDARD);
    check_base64(SPAN("Zm9vYmE"), SPAN("fooba"), BASE64_STANDARD);
    check_base64(SPAN("Z"), SPAN(""), BASE64_STANDARD);
}

static void base64_goes_on_behind_padding(void)
{
    check_base64(SPAN("Zg==Zm9v"), SPAN("ffoo"), BASE64_STANDARD);
    check_base64(SPAN("Zm8=\r\nZm8=\r\n"), SPAN("fofo"), BASE64_STANDARD);
}

static void base64_skips_line_ends_and_junk(void)
{
    check_base64(SPAN("Zm9v\r\nYm\r\nFy"), SPAN("foobar"), BASE64_STANDARD);
    check_base64(SPAN("Z*m!9-v"), SPAN("foo"), BASE64_STANDARD);
    struct base64 d = base64_start(BASE64_STANDARD);
    struct sbuf out = sbuf_with_cap(64);
    base64_decode(&d, SPAN("Z*m!9-v\r\n"), &out);
    CU_ASSERT_EQUAL(d.n_junk, 3);
    sbuf_free(&out);
}

static void base64_alphabets_differ_in_two_characters(void)
{
    check_base64(SPAN("+/+/"), SPAN("\xfb\xff\xbf"), BASE64_STANDARD);
    check_base64(SPAN("-_-_"), SPAN("\xfb\xff\xbf"), BASE64_URL);
    check_base64(SPAN("+_-/"), SPAN("\xfb\xff\xbf"), BASE64_EITHER);
    check_base64(SPAN("-_-_"), SPAN(""), BASE64_STANDARD);
    CU_ASSERT_EQUAL(base64_value(BASE64_URL, '+'), -1);
    CU_ASSERT_EQUAL(base64_value(BASE64_EITHER, '_'), 63);
}

static void base64_of_a_long_text_takes_the_fast_path(void)
{
    static const char digits[] = "QUJD";
    struct sbuf in = sbuf_with_cap(1 << 16);
    struct sbuf expected = sbuf_with_cap(1 << 16);
    for (unsigned i = 0; i < 3000; i++) {
        sbuf_add_str(&in, digits);
        sbuf_add_str(&expected, "ABC");
        if (i % 19 == 18) {
            sbuf_add_str(&in, "\r\n");
        }
    }
    for (size_t cut = 0; cut < in.len; cut += 997) {
        struct sbuf out = base64_in_two(sbuf_span(&in), cut, BASE64_STANDARD);
        CU_ASSERT(span_equal(sbuf_span(&out), sbuf_span(&expected)));
        sbuf_free(&out);
    }
    sbuf_free(&in);
    sbuf_free(&expected);
}

static void base64_stops_at_the_cap_and_says_so(void)
{
    struct sbuf out = sbuf_with_cap(4);
    struct base64 d = base64_start(BASE64_STANDARD);
    base64_decode(&d, SPAN("Zm9vYmFy"), &out);
    CU_ASSERT(out.cut);
    CU_ASSERT(span_equal(sbuf_span(&out), SPAN("foob")));
    sbuf_free(&out);
}

static void check_qp(struct span in, struct span expected)
{
    for (size_t cut = 0; cut <= in.len; cut++) {
        struct sbuf out = sbuf_with_cap(4096);
        struct qp d = qp_start();
        qp_decode(&d, span_head(in, cut), &out);
        qp_decode(&d, span_from(in, cut), &out);
        qp_finish(&d, &out);
        CU_ASSERT(span_equal(sbuf_span(&out), expected));
        sbuf_free(&out);
    }
}

static void qp_decodes_octets_in_either_case(void)
{
    check_qp(SPAN("=24=7bx=7D"), SPAN("${x}"));
    check_qp(SPAN("a=3D=3d"), SPAN("a=="));
    check_qp(SPAN("=00"), SPAN("\0"));
}

static void qp_soft_breaks_vanish(void)
{
    check_qp(SPAN("${jn=\r\ndi"), SPAN("${jndi"));
    check_qp(SPAN("${jn=\ndi"), SPAN("${jndi"));
    check_qp(SPAN("${jn=\rdi"), SPAN("${jndi"));
    check_qp(SPAN("${jn= \t \r\ndi"), SPAN("${jndi"));
    check_qp(SPAN("jn="), SPAN("jn"));
}

static void qp_keeps_what_is_no_escape(void)
{
    check_qp(SPAN("a=zz=4=4\r\n==24=="), SPAN("a=zz=4=4\r\n=$="));
    check_qp(SPAN("a= b"), SPAN("a= b"));
    check_qp(SPAN("a=4"), SPAN("a=4"));
    check_qp(SPAN("a = b\r\n"), SPAN("a = b\r\n"));
}

static void qp_held_blanks_are_capped(void)
{
    struct sbuf in = sbuf_with_cap(4096);
    sbuf_add_str(&in, "=");
    for (unsigned i = 0; i < QP_HELD_MAX; i++) {
        sbuf_add_str(&in, " ");
    }
    sbuf_add_str(&in, "\nx");
    check_qp(sbuf_span(&in), sbuf_span(&in));
    sbuf_free(&in);
}

static CU_TestInfo base64_tests[] = {
    {"decodes the vectors of RFC 4648", base64_decodes_the_vectors_of_rfc_4648},
    {"reads text without padding", base64_reads_text_without_padding},
    {"goes on behind padding", base64_goes_on_behind_padding},
    {"skips line ends and junk", base64_skips_line_ends_and_junk},
    {"fast and portable agree", fast_and_portable_base64_agree},
    {"lines are read alike however cut", lines_of_base64_are_read_alike_however_cut},
    {"alphabets differ in two characters", base64_alphabets_differ_in_two_characters},
    {"a long text takes the fast path", base64_of_a_long_text_takes_the_fast_path},
    {"stops at the cap and says so", base64_stops_at_the_cap_and_says_so},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo qp_tests[] = {
    {"decodes octets in either case", qp_decodes_octets_in_either_case},
    {"soft breaks vanish", qp_soft_breaks_vanish},
    {"keeps what is no escape", qp_keeps_what_is_no_escape},
    {"held blanks are capped", qp_held_blanks_are_capped},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"base64", NULL, NULL, NULL, NULL, base64_tests},
        {"quoted-printable", NULL, NULL, NULL, NULL, qp_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
