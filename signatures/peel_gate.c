/* peel_gate: the patterns behind which it is worth looking for a look-up.
 *
 * Log4j does nothing without `${`, so the two characters stand in what is evaluated, one behind the
 * other. In what was sent each stands as itself, or as an escape of the outermost layer, or as what
 * an inner layer made of it, whose first character is then itself or an escape of the outermost
 * layer. That gives the forms here: both characters, at least one of them escaped; an escape that
 * stands for the beginning of an escape, with what must follow it; letters and digits that are
 * escaped though nobody has to, as when all characters of an inner layer are; and the forms that
 * `${` and the beginnings of inner layers take in base64, UTF-7, UTF-16 and encoded words. A
 * missing `${` (attempts) has its own openers.
 *
 * Each pattern is as narrow as it takes to be rare in traffic ("%25" or "\u00" alone are
 * everywhere), and no narrower where that would cost: the gate sees all traffic, and what a pattern
 * leaves open a glance at the hit decides (peel_glance.c). So escapes that stand before what is
 * rare are known by their ends. All are case-sensitive, as base64 is. */
#include "signatures/peel_gate.h"

#include "sensor/base/bytes.h"
#include "signatures/peel.h"

struct row {
    enum peel_gate_kind kind;
    struct span regex;
};

/* The character with these hexadecimal, decimal and octal numbers and these names, escaped. */
#define BY_NUMBER(hex, dec, oct)                                                                   \
    "%" hex "|%[uU]00" hex "|&#0*" dec ";?|&#[xX]0*" hex ";?|\\\\u+00" hex "|\\\\u\\{0*" hex       \
    "\\}|\\\\x" hex "|\\\\0?" oct "|=" hex
#define ESCAPED(hex, dec, oct, names) "(?:" BY_NUMBER(hex, dec, oct) "|&(?:" names ");?)"
#define OCTET(hex, dec, oct)          "(?:" BY_NUMBER(hex, dec, oct) ")"

/* How escapes of '$', and of '#' and '%', end: what stands before that is left to the glance. */
#define DOLLAR_END "(?:24|36|44|dollar)[;}]?"
#define SIGN_END   "(?:23|35|43|num|25|37|45|percnt)[;}]?"
/* An escaped '{', as far as it takes to know one. */
#define BRACE                                                                                      \
    "(?:%7[bB]|%[uU]007[bB]|&#0*123|&#[xX]0*7[bB]|\\\\u+007[bB]|\\\\u\\{0*7[bB]|\\\\x7[bB]|"       \
    "\\\\0?173|=7[bB]|&lbrace|&lcub)"

#define PAREN     ESCAPED("28", "40", "50", "lpar")
#define HASH      ESCAPED("23", "35", "43", "num")
#define PERCENT   ESCAPED("25", "37", "45", "percnt")
#define AMPERSAND ESCAPED("26", "38", "46", "amp|AMP")
#define BACKSLASH "(?:\\\\\\\\|" ESCAPED("5[cC]", "92", "134", "bsol") ")"
#define EQUALS    ESCAPED("3[dD]", "61", "75", "equals")
#define QUESTION  ESCAPED("3[fF]", "63", "77", "quest")
#define PLUS      ESCAPED("2[bB]", "43", "53", "plus")
#define SEMICOLON ESCAPED("3[bB]", "59", "73", "semi")
#define LINE_END  OCTET("0[dDaA]", "1[03]", "1[25]")
#define NUL                                                                                        \
    "(?:%00|%[uU]0000|&#0+;?|&#[xX]0+;?|\\\\u+0000|"                                               \
    "\\\\u\\{0+\\}|\\\\x00|\\\\0{1,3}|=00)"

#define ALNUM_HEX "(?:3[0-9]|4[1-9a-fA-F]|5[0-9aA]|6[1-9a-fA-F]|7[0-9aA])"
#define ALNUM_DEC "(?:4[89]|5[0-7]|6[5-9]|[78][0-9]|90|9[789]|1[01][0-9]|12[012])"
#define ALNUM_OCT "(?:0?6[0-7]|0?7[01]|1[0-7][0-7])"
#define ALNUM     OCTET(ALNUM_HEX, ALNUM_DEC, ALNUM_OCT)
#define NEXT      "[%&\\\\=]" /* another escape begins */

/* Numbers of the characters that open a look-up or begin an escape. */
#define WANTED_HEX "(?:24|7[bB]|25|26|5[cC]|3[dD]|2[bB])"
#define WANTED_DEC "(?:36|123|37|38|92|61|43)"
#define WANTED_OCT "0?(?:44|173|45|46|134|75|53)"

#define SOFT_BREAK "=[ \\t]*\\r?\\n"

/* Overlong '$' and '{', each byte itself or escaped. */
#define LEAD_2   OCTET("[cC][01]", "19[23]", "30[01]")
#define LEAD_34  OCTET("[eEfF]0", "2(?:24|40)", "3[46]0")
#define SECOND   OCTET("8[01]", "1(?:28|29)", "20[01]")
#define LAST_ESC "(?:%[aAbB]|&#|\\\\[uUxX2]|=[aAbB])"

static const struct row rows[] = {
    {PEEL_GATE_OPENER, SPAN_LITERAL("\\$\\{")},
    /* one or both escaped */
    {PEEL_GATE_OPENER, SPAN_LITERAL(DOLLAR_END "\\{")},
    {PEEL_GATE_OPENER, SPAN_LITERAL(DOLLAR_END BRACE)},
    {PEEL_GATE_OPENER, SPAN_LITERAL("\\$" BRACE)},
    /* folded: what stands before a break is looked for behind the hit, which costs less */
    {PEEL_GATE_FOLDED, SPAN_LITERAL("=[ \\t]?\\r?\\n")},
    {PEEL_GATE_FOLDED, SPAN_LITERAL("=[ \\t]{2}[ \\t]*\\r?\\n")},
    {PEEL_GATE_FOLDED_RUN, SPAN_LITERAL(SOFT_BREAK "[^\\s=]{1,76}" SOFT_BREAK)},
    {PEEL_GATE_TEXT, SPAN_LITERAL(NUL "[{%&\\\\=]")},
    {PEEL_GATE_ANYTHING, SPAN_LITERAL("[A-Za-z0-9+/](?:%00[A-Za-z0-9+/]){8}")},
    {PEEL_GATE_TEXT, SPAN_LITERAL("\\$\\x00\\{")},
    {PEEL_GATE_TEXT, SPAN_LITERAL("\\x00" BRACE)},
    {PEEL_GATE_TEXT, SPAN_LITERAL(DOLLAR_END "\\x00\\{")},
    /* openers of attempts; NULs fall out where only half of a text is UTF-16 */
    {PEEL_GATE_TEXT, SPAN_LITERAL("(?:[#%]\\{|\\$\\()[^A-Za-z0-9]*"
                                  "(?:[jJ]\\x00?[nN]\\x00?[dD]|[%&\\\\=][uUxX#0-9])")},
    {PEEL_GATE_TEXT, SPAN_LITERAL("(?:[#%]|" SIGN_END ")" BRACE)},
    {PEEL_GATE_TEXT, SPAN_LITERAL(SIGN_END "\\x00?\\{")},
    {PEEL_GATE_TEXT, SPAN_LITERAL("[#%]\\x00\\{")},
    {PEEL_GATE_TEXT, SPAN_LITERAL("(?:[#%]|" SIGN_END "|2[35])" EQUALS "7[bB]")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(DOLLAR_END "(?:\\(|" PAREN ")")},
    {PEEL_GATE_TEXT, SPAN_LITERAL("\\$" PAREN)},
    /* needlessly escaped */
    {PEEL_GATE_TEXT, SPAN_LITERAL("%" ALNUM_HEX NEXT)},
    {PEEL_GATE_TEXT, SPAN_LITERAL("%[uU]00" ALNUM_HEX NEXT)},
    {PEEL_GATE_TEXT, SPAN_LITERAL("&#0*" ALNUM_DEC ";?" NEXT)},
    {PEEL_GATE_TEXT, SPAN_LITERAL("&#[xX]0*" ALNUM_HEX ";?" NEXT)},
    {PEEL_GATE_TEXT, SPAN_LITERAL("\\\\u+00" ALNUM_HEX NEXT)},
    {PEEL_GATE_TEXT, SPAN_LITERAL("\\\\u\\{0*" ALNUM_HEX "\\}" NEXT)},
    {PEEL_GATE_TEXT, SPAN_LITERAL("\\\\x" ALNUM_HEX NEXT)},
    {PEEL_GATE_TEXT, SPAN_LITERAL("\\\\" ALNUM_OCT NEXT)},
    {PEEL_GATE_TEXT, SPAN_LITERAL("=" ALNUM_HEX NEXT)},
    /* overlong */
    {PEEL_GATE_TEXT, SPAN_LITERAL("[\\xc0\\xc1][\\x80-\\xbf][\\xc0\\xc1]")},
    {PEEL_GATE_OVERLONG, SPAN_LITERAL("\\xc0[\\xa4-\\xa6\\xab\\xbd]|\\xc1[\\x9c\\xbb]")},
    {PEEL_GATE_TEXT, SPAN_LITERAL("[\\xc0\\xc1]" LAST_ESC)},
    {PEEL_GATE_TEXT, SPAN_LITERAL("\\xc3[\\x80\\x81](?:\\xc2|" LAST_ESC ")")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(LEAD_2 "[\\x80-\\xbf\\xc2%&\\\\=]")},
    {PEEL_GATE_OVERLONG, SPAN_LITERAL("\\xe0[\\x80\\x81]|\\xf0\\x80[\\x80\\x81]")},
    {PEEL_GATE_TEXT, SPAN_LITERAL("\\xc3[\\xa0\\xb0]\\xc2[\\x80\\x81]")},
    {PEEL_GATE_TEXT, SPAN_LITERAL("(?:[\\xe0\\xf0]|\\xc3[\\xa0\\xb0])" SECOND)},
    {PEEL_GATE_TEXT, SPAN_LITERAL(LEAD_34 "(?:[\\x80\\x81\\xc2]|" SECOND ")")},
    /* the beginning of an escape, escaped */
    {PEEL_GATE_TEXT,
     SPAN_LITERAL(PERCENT "(?:24|7[bB]|25|5[cC]|[cCeEfF]0|[cC]1|00|[uU]00" WANTED_HEX "|" ALNUM_HEX
                          "[%&\\\\]|" ALNUM ")")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(PERCENT "26(?:#|" HASH "|" PERCENT "23|lbr|lcu|dol|amp;?#)")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(PERCENT "3[dD](?:24|7[bB]|\\?|" PERCENT "3[fF])")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(PERCENT "2[bB]A[A-H]")},
    {PEEL_GATE_TEXT,
     SPAN_LITERAL(AMPERSAND "(?:#|" HASH ")(?:0*" WANTED_DEC "|[xX]0*" WANTED_HEX "|" ALNUM ")")},
    {PEEL_GATE_TEXT,
     SPAN_LITERAL(AMPERSAND "(?:dollar|lbrace|lcub|percnt|bsol|equals|plus|amp;?#)")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(AMPERSAND "amp" SEMICOLON "(?:#|" HASH "|" AMPERSAND
                                            "num|dollar|lbrace|lcub|amp)")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(BACKSLASH "(?:u+00" WANTED_HEX "|u(?:\\{|" BRACE ")|x" WANTED_HEX
                                            "|" WANTED_OCT "|" ALNUM ")")},
    {PEEL_GATE_TEXT, SPAN_LITERAL("\\\\u" BRACE)},
    {PEEL_GATE_TEXT, SPAN_LITERAL(EQUALS ALNUM_HEX EQUALS)},
    {PEEL_GATE_TEXT, SPAN_LITERAL(BACKSLASH "(?:(?:u+00|x)" ALNUM_HEX "|" ALNUM_OCT ")[\\\\%&]")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(AMPERSAND "(?:#|" HASH ")(?:0*" ALNUM_DEC "|[xX]0*" ALNUM_HEX
                                            ")(?:" SEMICOLON ")?[%&\\\\]")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(PERCENT "[uU]00" ALNUM_HEX "[%&\\\\]")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(EQUALS "3[dD](?:24|7[bB])")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(EQUALS "24(?:\\{|" BRACE "|" EQUALS "7[bB])")},
    {PEEL_GATE_TEXT, SPAN_LITERAL("(?:\\$|" DOLLAR_END ")" EQUALS "7[bB]")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(EQUALS "(?:" QUESTION "|\\?[A-Za-z])")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(EQUALS LINE_END)},
    {PEEL_GATE_TEXT, SPAN_LITERAL(PLUS "A[A-H][A-Za-z0-9+/]")},
    {PEEL_GATE_TEXT, SPAN_LITERAL(PLUS "A" ALNUM)},
    /* other layers */
    {PEEL_GATE_WORDS, SPAN_LITERAL("=\\?[^?\\s]{1,40}\\?[bBqQ]\\?")},
    {PEEL_GATE_UTF7, SPAN_LITERAL("\\+-?A[A-H][A-Za-z0-9+/]")},
    {PEEL_GATE_UTF7, SPAN_LITERAL("\\+A[I-P][A-Za-z0-9+/]-\\+A")},
    {PEEL_GATE_UTF16, SPAN_LITERAL("[$%&\\\\#]\\x00[{(2-7a-z#0]\\x00")},
    {PEEL_GATE_UTF16, SPAN_LITERAL("[$%&\\\\#=+]\\x00{3}[!-~]\\x00{3}")},
    {PEEL_GATE_UTF16, SPAN_LITERAL("[\\xc0\\xc1\\xe0\\xf0]\\x00[\\x80-\\xbf]\\x00")},
    {PEEL_GATE_UTF16, SPAN_LITERAL("=\\x00[27?]\\x00")},
    {PEEL_GATE_UTF16, SPAN_LITERAL("\\+\\x00A\\x00")},
    /* apart by what they begin with: as one, each NUL would have to be looked at */
    {PEEL_GATE_UTF16, SPAN_LITERAL("[A-Za-z]\\x00(?:[A-Za-z0-9+/]\\x00){11}")},
    {PEEL_GATE_UTF16, SPAN_LITERAL("[0-9+/]\\x00(?:[A-Za-z0-9+/]\\x00){11}")},
    {PEEL_GATE_TWICE, SPAN_LITERAL("base64")},
    {PEEL_GATE_ANYTHING, SPAN_LITERAL("H4sI[A-Za-z0-9+/_-]{8}")},
    /* UTF-16 in base64, whatever is in it: NUL, a character, NUL and a character, NUL */
    {PEEL_GATE_BASE64, SPAN_LITERAL("A[C-H][AEIMQUYcgkosw048]A[I-Za-f][AQgw][AB]")},
#define GATE_BASE64(regex) {PEEL_GATE_BASE64, SPAN_LITERAL(regex)},
#include "signatures/peel_gate_base64.def"
#undef GATE_BASE64
};

size_t peel_gate_n_patterns(void)
{
    return ARRAY_LEN(rows);
}

struct match_pattern peel_gate_pattern(size_t i)
{
    CHECK(i < ARRAY_LEN(rows));
    return (struct match_pattern){.text = rows[i].regex, .twice = rows[i].kind == PEEL_GATE_TWICE};
}

enum peel_gate_kind peel_gate_kind(size_t i)
{
    CHECK(i < ARRAY_LEN(rows));
    return rows[i].kind == PEEL_GATE_OPENER ? PEEL_GATE_TEXT : rows[i].kind;
}

bool peel_gate_opens(size_t i)
{
    return i < ARRAY_LEN(rows) && rows[i].kind == PEEL_GATE_OPENER;
}
