/* Tests of the transforms that take a text apart: what an expression captures, and what was
 * compressed. */
#include "signatures/transform.h"
#include "tests/unit/runner.h"

/* "needle in a text" behind 40 letters, as gzip and as zlib compress it. */
static const uint8_t gzipped[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03,
                                  0x4b, 0x4c, 0x24, 0x0e, 0xe4, 0xa5, 0xa6, 0xa6, 0xe4, 0xa4,
                                  0x2a, 0x64, 0xe6, 0x29, 0x24, 0x2a, 0x94, 0xa4, 0x56, 0x94,
                                  0x00, 0x00, 0x96, 0xd0, 0x66, 0x55, 0x38, 0x00, 0x00, 0x00};
static const uint8_t zlibbed[] = {0x78, 0x9c, 0x4b, 0x4c, 0x24, 0x0e, 0xe4, 0xa5, 0xa6, 0xa6,
                                  0xe4, 0xa4, 0x2a, 0x64, 0xe6, 0x29, 0x24, 0x2a, 0x94, 0xa4,
                                  0x56, 0x94, 0x00, 0x00, 0x5a, 0xe0, 0x14, 0xf3};

static bool becomes(struct rule_step step, struct span text, struct span expected)
{
    struct regex_scratch *scratch = regex_scratch_new();
    struct sbuf to = sbuf_with_cap(1 << 16);
    bool good = span_equal(transform(&step, text, scratch, &to), expected);
    sbuf_free(&to);
    regex_scratch_free(&scratch);
    return good;
}

static bool captures(const char *pattern, const char *text, const char *expected)
{
    char why[REGEX_WHY_SIZE];
    struct rule_step step = {.how = TRANSFORM_PCREXFORM};
    step.regex = regex_new(span_str(pattern), 0, why);
    bool good = step.regex != NULL && regex_n_groups(step.regex) == 1 &&
                becomes(step, span_str(text), span_str(expected));
    regex_free(&step.regex);
    return good;
}

static void what_a_group_captures_is_looked_at(void)
{
    CU_ASSERT(captures("a(b+)c", "xabbcabc", "bb"));
    CU_ASSERT(captures("x(b*)", "xabbc", ""));
    CU_ASSERT(captures("(?:a)(.*)", "", ""));
    /* Without a match, and where the group is no part of it, the text stays. */
    CU_ASSERT(captures("(q)", "abc", "abc"));
    CU_ASSERT(captures("(q)?b", "abc", "abc"));
    CU_ASSERT(captures("(a|aa)+[bc]",
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                       "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void what_was_compressed_is_looked_at(void)
{
#define TEXT "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaneedle in a text"
    struct rule_step step = {.how = TRANSFORM_GUNZIP, .bytes = 1024};
    struct span gzip = span_of(gzipped, sizeof(gzipped));
    struct span zlib = span_of(zlibbed, sizeof(zlibbed));
    CU_ASSERT(becomes(step, gzip, SPAN(TEXT)));
    CU_ASSERT(becomes(step, zlib, zlib));
    CU_ASSERT(becomes(step, SPAN("plain"), SPAN("plain")));
    CU_ASSERT(becomes(step, SPAN(""), SPAN("")));
    CU_ASSERT(becomes(step, span_head(gzip, 4), SPAN("")));
    step.bytes = 42;
    CU_ASSERT(becomes(step, gzip, span_head(SPAN(TEXT), 42)));
    step = (struct rule_step){.how = TRANSFORM_ZLIB_DEFLATE, .bytes = 1024};
    CU_ASSERT(becomes(step, zlib, SPAN(TEXT)));
    CU_ASSERT(becomes(step, gzip, gzip));
#undef TEXT
}

static CU_TestInfo tests[] = {
    {"what a group captures is looked at", what_a_group_captures_is_looked_at},
    {"what was compressed is looked at", what_was_compressed_is_looked_at},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"transforms", NULL, NULL, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
