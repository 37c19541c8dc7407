/* Tests of the one-shot text codecs: percent-encoding, character references, backslash escapes,
 * mail words, charsets and the UTF family. */
#include "sensor/codec/charset.h"
#include "sensor/codec/entities.h"
#include "sensor/codec/jsescape.h"
#include "sensor/codec/uri.h"
#include "sensor/codec/utf.h"
#include "sensor/codec/words.h"
#include "tests/unit/runner.h"

static struct sbuf out; /* reset by each check */

static struct sbuf *fresh(void)
{
    sbuf_free(&out);
    out = sbuf_with_cap(4096);
    return &out;
}

static bool gave(struct span expected)
{
    return span_equal(sbuf_span(&out), expected);
}

static const unsigned all_uri = URI_PERCENT | URI_PERCENT_U | URI_PLUS;

static void percent_undoes_one_layer_and_says_which_forms(void)
{
    CU_ASSERT_EQUAL(uri_decode(SPAN("%24%7bjndi%7D"), all_uri, fresh()), URI_PERCENT);
    CU_ASSERT(gave(SPAN("${jndi}")));
    CU_ASSERT_EQUAL(uri_decode(SPAN("%2524%257B"), all_uri, fresh()), URI_PERCENT);
    CU_ASSERT(gave(SPAN("%24%7B")));
    CU_ASSERT_EQUAL(uri_decode(SPAN("a+b"), all_uri, fresh()), URI_PLUS);
    CU_ASSERT(gave(SPAN("a b")));
    CU_ASSERT_EQUAL(uri_decode(SPAN("a+b%2b"), URI_PERCENT, fresh()), URI_PERCENT);
    CU_ASSERT(gave(SPAN("a+b+")));
    CU_ASSERT_EQUAL(uri_decode(SPAN("%00"), all_uri, fresh()), URI_PERCENT);
    CU_ASSERT(gave(SPAN("\0")));
}

static void percent_u_gives_utf_8(void)
{
    CU_ASSERT_EQUAL(uri_decode(SPAN("%u0024%U007b%7d"), all_uri, fresh()),
                    URI_PERCENT | URI_PERCENT_U);
    CU_ASSERT(gave(SPAN("${}")));
    CU_ASSERT_EQUAL(uri_decode(SPAN("%u0131%uD83D%uDE00%uD83D"), all_uri, fresh()), URI_PERCENT_U);
    CU_ASSERT(gave(SPAN("\xc4\xb1\xf0\x9f\x98\x80\xef\xbf\xbd")));
    CU_ASSERT_EQUAL(uri_decode(SPAN("%u0024"), URI_PERCENT, fresh()), 0);
    CU_ASSERT(gave(SPAN("%u0024")));
}

static void percent_keeps_what_is_no_escape(void)
{
    CU_ASSERT_EQUAL(uri_decode(SPAN("100% %2 %zz %u12 %"), all_uri, fresh()), 0);
    CU_ASSERT(gave(SPAN("100% %2 %zz %u12 %")));
    CU_ASSERT_EQUAL(uri_decode(SPAN("%%24%2%34"), all_uri, fresh()), URI_PERCENT);
    CU_ASSERT(gave(SPAN("%$%24")));
}

static void entities_decimal_and_hexadecimal(void)
{
    CU_ASSERT_EQUAL(entities_decode(SPAN("&#36;&#x7b;&#X7D;"), fresh()), 3);
    CU_ASSERT(gave(SPAN("${}")));
    CU_ASSERT_EQUAL(entities_decode(SPAN("&#36&#123jndi&#x3a/"), fresh()), 3);
    CU_ASSERT(gave(SPAN("${jndi:/")));
    CU_ASSERT_EQUAL(entities_decode(SPAN("&#000000000000000000000000036;"), fresh()), 1);
    CU_ASSERT(gave(SPAN("$")));
    CU_ASSERT_EQUAL(entities_decode(SPAN("&#99999999999999999999;&#xd800;"), fresh()), 2);
    CU_ASSERT(gave(SPAN("\xef\xbf\xbd\xef\xbf\xbd")));
    CU_ASSERT_EQUAL(entities_decode(SPAN("&#;&#x;&#xg&#"), fresh()), 0);
    CU_ASSERT(gave(SPAN("&#;&#x;&#xg&#")));
}

static void entities_named(void)
{
    CU_ASSERT_EQUAL(
        entities_decode(SPAN("&dollar;&lbrace;&lcub;&colon;&sol;&period;&lpar;&rcub;"), fresh()),
        8);
    CU_ASSERT(gave(SPAN("${{:/.(}")));
    CU_ASSERT_EQUAL(entities_decode(SPAN("&ltx&commat&imath;&amp;lt;"), fresh()), 4);
    CU_ASSERT(gave(SPAN("<x@\xc4\xb1&lt;")));
    CU_ASSERT_EQUAL(entities_decode(SPAN("&foo; a & b &"), fresh()), 0);
    CU_ASSERT(gave(SPAN("&foo; a & b &")));
}

static const unsigned all_js = JSESCAPE_UNICODE | JSESCAPE_OTHER;

static void jsescape_unicode_forms(void)
{
    CU_ASSERT_EQUAL(jsescape_decode(SPAN("\\u0024\\u007Bjndi\\uuu003a\\u{7d}"), all_js, fresh()),
                    JSESCAPE_UNICODE);
    CU_ASSERT(gave(SPAN("${jndi:}")));
    CU_ASSERT_EQUAL(jsescape_decode(SPAN("\\ud83d\\ude00\\ud83d"), all_js, fresh()),
                    JSESCAPE_UNICODE);
    CU_ASSERT(gave(SPAN("\xf0\x9f\x98\x80\xef\xbf\xbd")));
    CU_ASSERT_EQUAL(jsescape_decode(SPAN("\\u{} \\u{7d \\u12"), all_js, fresh()), 0);
    CU_ASSERT(gave(SPAN("\\u{} \\u{7d \\u12")));
}

static void jsescape_other_forms(void)
{
    CU_ASSERT_EQUAL(jsescape_decode(SPAN("\\x24\\44\\044{\\/\\\"\\'\\n\\1752"), all_js, fresh()),
                    JSESCAPE_OTHER);
    CU_ASSERT(gave(SPAN("$$${/\"'\n}2")));
    CU_ASSERT_EQUAL(jsescape_decode(SPAN("\\777\\x2"), all_js, fresh()), JSESCAPE_OTHER);
    CU_ASSERT(gave(SPAN("?7\\x2")));
}

static void jsescape_needless_backslashes_stay(void)
{
    CU_ASSERT_EQUAL(jsescape_decode(SPAN("\\${\\d\\.\\"), all_js, fresh()), 0);
    CU_ASSERT(gave(SPAN("\\${\\d\\.\\")));
}

static void jsescape_undoes_one_layer_only(void)
{
    CU_ASSERT_EQUAL(jsescape_decode(SPAN("\\\\u0024"), all_js, fresh()), JSESCAPE_OTHER);
    CU_ASSERT(gave(SPAN("\\u0024")));
    CU_ASSERT_EQUAL(jsescape_decode(SPAN("\\\\u0024\\n"), JSESCAPE_UNICODE, fresh()), 0);
    CU_ASSERT(gave(SPAN("\\\\u0024\\n")));
}

static void words_decode_both_encodings(void)
{
    CU_ASSERT_EQUAL(words_decode(SPAN("Re: =?utf-8?B?JHtqbmRpOg==?= x"), fresh()), 1);
    CU_ASSERT(gave(SPAN("Re: ${jndi: x")));
    CU_ASSERT_EQUAL(words_decode(SPAN("=?US-ASCII?q?=24=7Ba_b?="), fresh()), 1);
    CU_ASSERT(gave(SPAN("${a b")));
    CU_ASSERT_EQUAL(words_decode(SPAN("=?iso-8859-1*de?Q?f=FCr?="), fresh()), 1);
    CU_ASSERT(gave(SPAN("f\xc3\xbcr")));
}

static void words_next_to_each_other_are_joined(void)
{
    CU_ASSERT_EQUAL(
        words_decode(SPAN("=?utf-8?q?=24?= \r\n =?UTF-8?b?e2pu?=\t=?a?q?di?= end"), fresh()), 3);
    CU_ASSERT(gave(SPAN("${jndi end")));
    CU_ASSERT_EQUAL(words_decode(SPAN("=?utf-8?q?=C3?==?utf-8?q?=BC?="), fresh()), 2);
    CU_ASSERT(gave(SPAN("\xc3\xbc")));
}

static void words_that_are_none_stay(void)
{
    CU_ASSERT_EQUAL(words_decode(SPAN("=??b?e2pu?= =?utf 8?q?di?="), fresh()), 0);
    CU_ASSERT_EQUAL(words_decode(SPAN("=?0123456789012345678901234567890123456789?q?a?="), fresh()),
                    1);
    CU_ASSERT_EQUAL(
        words_decode(SPAN("=?01234567890123456789012345678901234567890?q?a?="), fresh()), 0);
    CU_ASSERT_EQUAL(words_decode(SPAN("a =? b =?x?z?y?= =?x? =?x?q"), fresh()), 0);
    CU_ASSERT(gave(SPAN("a =? b =?x?z?y?= =?x? =?x?q")));
    CU_ASSERT_EQUAL(words_decode(SPAN("=?utf-8?q?=24=7B"), fresh()), 1);
    CU_ASSERT(gave(SPAN("${")));
}

static void extended_parameters_are_decoded(void)
{
    CU_ASSERT(words_decode_extended(SPAN("utf-8'en'%24%7Bjndi%3A"), fresh()));
    CU_ASSERT(gave(SPAN("${jndi:")));
    CU_ASSERT(words_decode_extended(SPAN("iso-8859-1''%FC"), fresh()));
    CU_ASSERT(gave(SPAN("\xc3\xbc")));
    CU_ASSERT_FALSE(words_decode_extended(SPAN("plain%24"), fresh()));
    CU_ASSERT(gave(SPAN("plain%24")));
}

static void charsets_by_name(void)
{
    CU_ASSERT(charset_to_utf8(SPAN("windows-1252"), SPAN("\x80"), fresh()));
    CU_ASSERT(gave(SPAN("\xe2\x82\xac")));
    CU_ASSERT(charset_to_utf8(SPAN("IBM037"), SPAN("\x5b\xc0"), fresh()));
    CU_ASSERT(gave(SPAN("${")));
    CU_ASSERT(charset_to_utf8(SPAN("euc-jp"), SPAN("a\xff"), fresh()));
    CU_ASSERT(gave(SPAN("a\xef\xbf\xbd")));
    CU_ASSERT_FALSE(charset_to_utf8(SPAN("no-such"), SPAN("\xff"), fresh()));
    CU_ASSERT(gave(SPAN("\xff")));
    CU_ASSERT_FALSE(charset_to_utf8(SPAN("ascii//TRANSLIT"), SPAN("x"), fresh()));
}

static void utf8_refuses_what_rfc_3629_refuses(void)
{
    uint32_t cp = 0;
    CU_ASSERT_EQUAL(utf8_next(SPAN("\xf0\x9f\x98\x80"), 0, &cp), 4);
    CU_ASSERT_EQUAL(cp, 0x1f600);
    CU_ASSERT_EQUAL(utf8_next(SPAN("\xc0\xa4"), 0, &cp), 0);
    CU_ASSERT_EQUAL(utf8_next(SPAN("\xed\xa0\x80"), 0, &cp), 0);
    CU_ASSERT_EQUAL(utf8_next(SPAN("\xf4\x90\x80\x80"), 0, &cp), 0);
    CU_ASSERT_EQUAL(utf8_next(SPAN("\xc3"), 0, &cp), 0);
    CU_ASSERT_EQUAL(utf8_next(SPAN("a"), 1, &cp), 0);
    CU_ASSERT(utf8_is_valid(SPAN("a\xc3\xbc")));
    CU_ASSERT_FALSE(utf8_is_valid(SPAN("a\xc3")));
}

static void utf16_in_both_orders(void)
{
    enum utf16_order order = UTF16_BE;
    CU_ASSERT(utf16_guess(SPAN("$\0{\0j\0"), &order));
    CU_ASSERT_EQUAL(order, UTF16_LE);
    utf16_decode(SPAN("$\0{\0j\0x"), order, fresh());
    CU_ASSERT(gave(SPAN("${j")));
    CU_ASSERT(utf16_guess(SPAN("\0$\0{\0j"), &order));
    CU_ASSERT_EQUAL(order, UTF16_BE);
    CU_ASSERT(utf16_guess(SPAN("\xff\xfe\x31\x01"), &order));
    utf16_decode(SPAN("\xff\xfe\x31\x01\x3d\xd8\x00\xde\x3d\xd8"), order, fresh());
    CU_ASSERT(gave(SPAN("\xc4\xb1\xf0\x9f\x98\x80\xef\xbf\xbd")));
    CU_ASSERT_FALSE(utf16_guess(SPAN("ordinary text"), &order));
    CU_ASSERT_FALSE(utf16_guess(SPAN("\0\0\0\0\0\0"), &order));
}

static void utf7_sections(void)
{
    CU_ASSERT_EQUAL(utf7_decode(SPAN("+ACQAew-jndi+ADo-/+-x"), fresh()), 2);
    CU_ASSERT(gave(SPAN("${jndi:/+x")));
    CU_ASSERT_EQUAL(utf7_decode(SPAN("+2D3eAA.1 + 1+"), fresh()), 1);
    CU_ASSERT(gave(SPAN("\xf0\x9f\x98\x80.1 + 1+")));
    static const struct {
        const char *in;
        const char *want;
    } rows[] = {
        {"+ACQAew-j+AdU-", "${j+AdU-"},         /* U+01D5 is no letter of ASCII in any case */
        {"+ATE-+ISo-", "\xc4\xb1\xe2\x84\xaa"}, /* U+0131, U+212A */
        {"+2D3eAAAk-", "\xf0\x9f\x98\x80$"},
        {"+ACTYPQ-x", "+ACTYPQ-x"}, /* '$' and half a pair: base64 of something else */
        {"+3gAAJA-", "+3gAAJA-"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        (void)utf7_decode_latin(span_str(rows[i].in), fresh());
        CU_ASSERT(span_equal(sbuf_span(&out), span_str(rows[i].want)));
    }
}

static void overlong_forms_become_short(void)
{
    CU_ASSERT_EQUAL(
        utf8_undo_overlong(SPAN("\xc0\xa4\xe0\x81\xbbj\xf0\x80\x80\xba\xc3\xbc\xff"), fresh()), 3);
    CU_ASSERT(gave(SPAN("${j:\xc3\xbc\xff")));
}

static CU_TestInfo uri_tests[] = {
    {"undoes one layer and says which forms", percent_undoes_one_layer_and_says_which_forms},
    {"%u gives UTF-8", percent_u_gives_utf_8},
    {"keeps what is no escape", percent_keeps_what_is_no_escape},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo entities_tests[] = {
    {"decimal and hexadecimal", entities_decimal_and_hexadecimal},
    {"named", entities_named},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo jsescape_tests[] = {
    {"unicode forms", jsescape_unicode_forms},
    {"other forms", jsescape_other_forms},
    {"needless backslashes stay", jsescape_needless_backslashes_stay},
    {"undoes one layer only", jsescape_undoes_one_layer_only},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo words_tests[] = {
    {"decode both encodings", words_decode_both_encodings},
    {"next to each other are joined", words_next_to_each_other_are_joined},
    {"that are none stay", words_that_are_none_stay},
    {"extended parameters are decoded", extended_parameters_are_decoded},
    {"charsets by name", charsets_by_name},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo utf_tests[] = {
    {"utf8 refuses what RFC 3629 refuses", utf8_refuses_what_rfc_3629_refuses},
    {"utf16 in both orders", utf16_in_both_orders},
    {"utf7 sections", utf7_sections},
    {"overlong forms become short", overlong_forms_become_short},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"uri", NULL, NULL, NULL, NULL, uri_tests},
        {"entities", NULL, NULL, NULL, NULL, entities_tests},
        {"jsescape", NULL, NULL, NULL, NULL, jsescape_tests},
        {"words and charsets", NULL, NULL, NULL, NULL, words_tests},
        {"utf", NULL, NULL, NULL, NULL, utf_tests},
        CU_SUITE_INFO_NULL,
    };
    int code = run_suites(suites);
    sbuf_free(&out);
    return code;
}
