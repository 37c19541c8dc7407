/* worst_texts: what the benches and their searches go by. */
#include "tests/bench/worst_texts.h"

const struct worst_text worst_texts[] = {
    {"harmless template", SPAN_LITERAL(""), SPAN_LITERAL("<a href=\"${url}\">${name}</a> "),
     SPAN_LITERAL("")},
    {"harmless json", SPAN_LITERAL(""), SPAN_LITERAL("{\"a\":\"\\u003cb\\u003e\",\"c\":12345},"),
     SPAN_LITERAL("")},
    {"base64 of data", SPAN_LITERAL(""), SPAN_LITERAL("q83vEjRWeJq83vASNFZ4mrze8BI0VniavN7w"),
     SPAN_LITERAL("${ jndi :x:y}")},
    {"base64 of text", SPAN_LITERAL(""), SPAN_LITERAL("JHtqbmR4Ong6eX0gJHtqbmR4Ong6eX0g"),
     SPAN_LITERAL("${ jndi :x:y}")},
    {"base64 pieces", SPAN_LITERAL(""), SPAN_LITERAL("JHtqbmRpYTp4fQ== "),
     SPAN_LITERAL("${ jndi :x:y}")},
    {"percent decoys", SPAN_LITERAL(""), SPAN_LITERAL("%252525252525"),
     SPAN_LITERAL("${ jndi :x:y}")},
    {"mixed decoys", SPAN_LITERAL(""), SPAN_LITERAL("%2525 &amp;amp; \\\\\\\\u0031 =3D3D "),
     SPAN_LITERAL("${ jndi :x:y}")},
    {"escapes of all kinds", SPAN_LITERAL(""), SPAN_LITERAL("%41&#65;\\x41=41+AEE-\xc1\x81"),
     SPAN_LITERAL("${ jndi :x:y}")},
    {"growing", SPAN_LITERAL(""), SPAN_LITERAL("$${event:Message} ${z} %24 "),
     SPAN_LITERAL("${jndi")},
    {"unknown", SPAN_LITERAL(""), SPAN_LITERAL("${a${b}%7d"), SPAN_LITERAL("${ jndi :x:y}")},
    {"utf-16", SPAN_LITERAL(""), SPAN_LITERAL("$\0{\0j\0n\0d\0x\0"), SPAN_LITERAL("${ jndi :x:y}")},
    {"words", SPAN_LITERAL(""), SPAN_LITERAL("=?utf-8?B?JHtqbmR4?= =?euc-jp?Q?=24=A4?= "),
     SPAN_LITERAL("${ jndi :x:y}")},
    {"backslashes", SPAN_LITERAL(""), SPAN_LITERAL("\\\\"), SPAN_LITERAL("${jndi\\u007d")},
    {"openers", SPAN_LITERAL(""), SPAN_LITERAL("${"), SPAN_LITERAL("jndi%3A")},
    {"ampersands", SPAN_LITERAL(""), SPAN_LITERAL("&&"),
     SPAN_LITERAL("SkhzSmFtNWthJHtqbmRp=3D\xc1\xbb&lbrace;\xe0\x80\xa4\\u007b}")},
    {"heads of words", SPAN_LITERAL(""), SPAN_LITERAL("?="),
     SPAN_LITERAL("=7B&amp;amp;=?euc-jp?B?\xc0\xa4${upper:\xc4\xb1}\\u007b$&lbrace;%41")},
    {"NULs behind an opener", SPAN_LITERAL("/%25\xc4\xb1$${"), SPAN_LITERAL("\0"),
     SPAN_LITERAL("")},
    {"plus signs", SPAN_LITERAL(""), SPAN_LITERAL("+"), SPAN_LITERAL("\\u0024${url:")},
    {"names and an escape", SPAN_LITERAL(""), SPAN_LITERAL("${a}"),
     SPAN_LITERAL(
         "\xc1\xbbj${url:\\u007b\\JTI0JTdCan=\r\n%24a#{\xf0\x80\x80\xa4${lower:j}&#36;%24")},
    {"base64, overlong, names", SPAN_LITERAL(""), SPAN_LITERAL("SkhzSmFtNWth\xc1\xbb${a}j\0"),
     SPAN_LITERAL("#{i")},
    {"quotes and braces", SPAN_LITERAL(""), SPAN_LITERAL("JTI0JTdC$"),
     SPAN_LITERAL("\\u007b${event:Message}=3D%7BSkhzSmFtNWth?=&#36;")},
    {"blanks and all layers", SPAN_LITERAL(""), SPAN_LITERAL("/a"),
     SPAN_LITERAL("SkhzSmFtNWth\xc0\xa4${::-\\x24&jSkhzSmFtNWth=7B\\u{24}")},
    {"members of gzip", SPAN_LITERAL(""),
     SPAN_LITERAL("H4sIAAAAAAACAwMAAAAAAAAAAAAfiwgAAAAAAAID"
                  "AwAAAAAAAAAAAB+LCAAAAAAAAgMDAAAAAAAAAAAA"),
     SPAN_LITERAL(" ${jnd")},
    {"names and layers", SPAN_LITERAL(""), SPAN_LITERAL("${z}\xe2\x84\xaa\xff"),
     SPAN_LITERAL("&amp;=?a?Q?=24?=\xc1\xbb%24JHtqbmRp&lbrace;${z}")},
    {"dotless names", SPAN_LITERAL(""), SPAN_LITERAL("\xc4\xb1${}"),
     SPAN_LITERAL("&amp;\\%2524?=JTI0JTdCH4sIAAAAAAAA")},
    /* what is read over and over by looks at hits that stand close */
    {"base64 of one letter", SPAN_LITERAL(""), SPAN_LITERAL("eHh4"), SPAN_LITERAL("")},
    {"overlong braces and escapes", SPAN_LITERAL(""), SPAN_LITERAL("\xc1\xbb\\x41\\x42"),
     SPAN_LITERAL("")},
    {"octets of two kinds", SPAN_LITERAL(""), SPAN_LITERAL("/=41=42"), SPAN_LITERAL("")},
    {"octets and backslashes", SPAN_LITERAL(""), SPAN_LITERAL("=41\\"),
     SPAN_LITERAL("\\x41eHh4}%25${base64Decoder:=41=41=41=41")},
    {"ends of words, names in names", SPAN_LITERAL("?=?=?=?="),
     SPAN_LITERAL("${base64Decoder:${jndi:"), SPAN_LITERAL("")},
    /* where the gate looked for the same over and over */
    {"names and half an overlong", SPAN_LITERAL("%7Bj&#36;JHtqbmRp&\\u0024=41"),
     SPAN_LITERAL("${z}\xc0\xa4"), SPAN_LITERAL("")},
    {"backslashes behind an entity", SPAN_LITERAL("&amp;"), SPAN_LITERAL("\\"), SPAN_LITERAL("")},
};

const size_t worst_texts_n = ARRAY_LEN(worst_texts);

void worst_text_fill(const struct worst_text *w, size_t len, struct sbuf *to)
{
    sbuf_add(to, w->start);
    while (to->len + w->piece.len + w->end.len <= len) {
        sbuf_add(to, w->piece);
    }
    sbuf_add(to, w->end);
}
