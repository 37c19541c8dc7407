/* worst_search: looks for the texts that cost a field the most, by climbing.
 *
 * A text is a head, a middle and a tail, a few tokens each; head and tail are repeated until the
 * cap of a field is reached. What costs more than all before it is changed further: tokens are
 * added, taken away, exchanged and copied from other parts; now and then the climb begins anew. The
 * measure is the CPU time of a call with the default fuel, the least of a few when it matters; of a
 * header or a body, that of all that detection does with it.
 *
 * usage: worst_search evaluator|peeler|header|body SECONDS [SEED [FOLDER]]
 *
 * Prints each text that is worse than all before, and at the end the longest time. With FOLDER the
 * worst is written there, cut to SEED_BYTES, as a seed for fuzz_lookup, fuzz_peel or fuzz_engine.
 * No test runs it: whoever changes a budget, or what work is charged, does. */
#include "sensor/base/sbuf.h"
#include "signatures/lookup.h"
#include "signatures/peel.h"
#include "tests/bench/whole_field.h"
#include "tests/dice.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    TEXT_CAP = 64 * 1024,
    TOKENS_MAX = 12,
    N_PARTS = 3,
    REPEATS = 5,
    PATIENCE = 400, /* texts without a gain before the climb begins anew */
    SEED_BYTES = 4096,
};

static const struct span tokens[] = {
    SPAN_LITERAL("${"),          SPAN_LITERAL("}"),
    SPAN_LITERAL("$"),           SPAN_LITERAL("$${"),
    SPAN_LITERAL(":-"),          SPAN_LITERAL(":\\-"),
    SPAN_LITERAL(":"),           SPAN_LITERAL("'"),
    SPAN_LITERAL("a"),           SPAN_LITERAL("j"),
    SPAN_LITERAL("{"),           SPAN_LITERAL(" "),
    SPAN_LITERAL("${a:-"),       SPAN_LITERAL("${lower:"),
    SPAN_LITERAL("${upper:"),    SPAN_LITERAL("${jndi:"),
    SPAN_LITERAL("${jndi:x:y}"), SPAN_LITERAL("${date:"),
    SPAN_LITERAL("${date:'"),    SPAN_LITERAL("${z}"),
    SPAN_LITERAL("${url:"),      SPAN_LITERAL("${base64Decoder:"),
    SPAN_LITERAL("hostName"),    SPAN_LITERAL("${event:Message}"),
    SPAN_LITERAL("\xc4\xb1"),    SPAN_LITERAL("\xe2\x84\xaa"),
    SPAN_LITERAL("\xff"),        SPAN_LITERAL("\0"),
    SPAN_LITERAL("$\0{\0j\0"),   SPAN_LITERAL("%24"),
    SPAN_LITERAL("%2524"),       SPAN_LITERAL("%25"),
    SPAN_LITERAL("%7B"),         SPAN_LITERAL("%u0024"),
    SPAN_LITERAL("&#36;"),       SPAN_LITERAL("&amp;"),
    SPAN_LITERAL("&lbrace;"),    SPAN_LITERAL("&"),
    SPAN_LITERAL("\\u0024"),     SPAN_LITERAL("\\u007b"),
    SPAN_LITERAL("\\x24"),       SPAN_LITERAL("\\"),
    SPAN_LITERAL("=24=7B"),      SPAN_LITERAL("=3D"),
    SPAN_LITERAL("=\r\n"),       SPAN_LITERAL("=?utf-8?B?JHtqbmR4?="),
    SPAN_LITERAL("=?a?Q?=24?="), SPAN_LITERAL("?="),
    SPAN_LITERAL("+ACQAew-"),    SPAN_LITERAL("+"),
    SPAN_LITERAL("\xc0\xa4"),    SPAN_LITERAL("\xc1\xbb"),
    SPAN_LITERAL("JHtqbmRp"),    SPAN_LITERAL("SkhzSmFtNWth"),
    SPAN_LITERAL("JTI0JTdC"),    SPAN_LITERAL("H4sIAAAAAAAA"),
    SPAN_LITERAL("#{jndi"),      SPAN_LITERAL("ndi:ldap://x"),
    SPAN_LITERAL("eHh4"),        SPAN_LITERAL("/"),
    SPAN_LITERAL("=41"),         SPAN_LITERAL("\\x41"),
    SPAN_LITERAL("A"),           SPAN_LITERAL("ew"),
};

struct part {
    uint8_t tokens[TOKENS_MAX];
    size_t n;
};

struct candidate {
    struct part parts[N_PARTS];
    size_t cap;
    uint8_t share; /* of the cap that heads take, in sixteenths */
};

/* What is looked at. */
static void (*give)(struct span text);
static struct lookup *lookup;
static struct peeler *peeler;
static struct whole_field *whole;
static uint64_t state = 1;

static uint32_t below(size_t n)
{
    return (uint32_t)dice_below(&state, n);
}

/* --- texts -------------------------------------------------------------------------------------
 */

static void add_part(struct sbuf *to, const struct part *part)
{
    for (size_t i = 0; i < part->n; i++) {
        sbuf_add(to, tokens[part->tokens[i]]);
    }
}

static void add_until(struct sbuf *to, const struct part *part, size_t len)
{
    size_t before = to->len;
    do {
        add_part(to, part);
    } while (to->len < len && to->len > before && !to->cut);
}

static void make_text(const struct candidate *c, struct sbuf *text)
{
    sbuf_reset(text);
    text->cap = c->cap;
    add_until(text, &c->parts[0], c->cap * c->share / 16);
    add_part(text, &c->parts[1]);
    add_until(text, &c->parts[2], c->cap);
}

static void add_token(struct part *part)
{
    if (part->n < TOKENS_MAX) {
        part->tokens[part->n++] = (uint8_t)below(ARRAY_LEN(tokens));
    }
}

static void begin_anew(struct candidate *c)
{
    static const size_t caps[] = {8 * 1024, TEXT_CAP, TEXT_CAP};
    *c = (struct candidate){.cap = caps[below(ARRAY_LEN(caps))], .share = (uint8_t)below(17)};
    for (size_t i = 0; i < N_PARTS; i++) {
        for (size_t n = below(6); n > 0; n--) {
            add_token(&c->parts[i]);
        }
    }
}

static void change(struct candidate *c)
{
    struct part *part = &c->parts[below(N_PARTS)];
    switch (below(6)) {
    case 0:
        add_token(part);
        break;
    case 1:
        part->n -= part->n > 0;
        break;
    case 2:
        *part = c->parts[below(N_PARTS)];
        break;
    case 3:
        c->share = (uint8_t)below(17);
        break;
    default:
        if (part->n > 0) {
            part->tokens[below(part->n)] = (uint8_t)below(ARRAY_LEN(tokens));
        }
        break;
    }
}

/* --- cost --------------------------------------------------------------------------------------
 */

static uint64_t cpu_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void evaluate(struct span text)
{
    uint64_t fuel = LOOKUP_FUEL;
    struct lookup_options options = {.time_us = UINT64_C(1639139696000000), .fuel = &fuel};
    struct lookup_result result;
    lookup_evaluate(lookup, text, &options, &result);
}

static void peel(struct span text)
{
    uint64_t fuel = PEEL_FUEL;
    struct peel_hints hints = {.fuel = &fuel};
    struct peel_result result;
    (void)peel_and_evaluate(peeler, text, &hints, &result);
}

static void give_header(struct span text)
{
    whole_field_header(whole, text);
}

static void give_body(struct span text)
{
    whole_field_body(whole, text);
}

static const struct {
    const char *name;
    void (*give)(struct span text);
} kinds[] = {
    {"evaluator", evaluate}, {"peeler", peel}, {"header", give_header}, {"body", give_body}};

static uint64_t cost_once(struct span text)
{
    uint64_t start = cpu_us();
    give(text);
    return cpu_us() - start;
}

/* Other load can only make it seem longer, so the least counts of what seems worth it. */
static uint64_t cost(struct span text, uint64_t to_beat)
{
    uint64_t least = cost_once(text);
    for (int i = 0; i < REPEATS && least > to_beat; i++) {
        uint64_t once = cost_once(text);
        least = once < least ? once : least;
    }
    return least;
}

/* --- the search --------------------------------------------------------------------------------
 */

static void print_part(const struct part *part)
{
    putchar('\'');
    for (size_t i = 0; i < part->n; i++) {
        struct span token = tokens[part->tokens[i]];
        for (size_t k = 0; k < token.len; k++) {
            uint8_t c = token.data[k];
            (void)printf(c >= ' ' && c < 0x7f ? "%c" : "\\x%02x", c);
        }
    }
    putchar('\'');
}

static void print_candidate(const struct candidate *c, uint64_t us)
{
    (void)printf("%6" PRIu64 " us, %5zu bytes, %2u/16: ", us, c->cap, c->share);
    for (size_t i = 0; i < N_PARTS; i++) {
        print_part(&c->parts[i]);
    }
    putchar('\n');
    (void)fflush(stdout);
}

static uint64_t search(uint64_t seconds, struct candidate *ret_worst)
{
    struct sbuf text = sbuf_with_cap(TEXT_CAP);
    struct candidate here = {0};
    uint64_t here_us = 0;
    uint64_t worst_us = 0;
    unsigned patience = 0;
    while (cpu_us() < seconds * 1000000) {
        struct candidate next = here;
        if (patience == 0) {
            begin_anew(&next);
            here_us = 0;
            patience = PATIENCE;
        } else {
            for (uint32_t n = 1 + below(3); n > 0; n--) {
                change(&next);
            }
        }
        make_text(&next, &text);
        uint64_t us = cost(sbuf_span(&text), here_us);
        patience = us > here_us ? PATIENCE : patience - 1;
        if (us >= here_us) {
            here = next;
            here_us = us;
        }
        if (us > worst_us) {
            worst_us = us;
            *ret_worst = next;
            print_candidate(&next, us);
        }
    }
    sbuf_free(&text);
    return worst_us;
}

static int write_seed(const struct candidate *worst, const char *folder, const char *what)
{
    struct sbuf text = sbuf_with_cap(TEXT_CAP);
    struct candidate small = *worst;
    char path[4096];
    small.cap = SEED_BYTES;
    make_text(&small, &text);
    (void)snprintf(path, sizeof(path), "%s/worst-%s", folder, what);
    FILE *f = fopen(path, "wb");
    bool good = f != NULL && fwrite(text.data, 1, text.len, f) == text.len;
    good = f != NULL && fclose(f) == 0 && good;
    sbuf_free(&text);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    uint64_t seconds = 0;
    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(kinds); i++) {
        give = strcmp(argv[1], kinds[i].name) == 0 ? kinds[i].give : give;
    }
    if (give == NULL || argc < 3 || !span_to_u64(span_str(argv[2]), &seconds) || seconds == 0 ||
        (argc > 3 && !span_to_u64(span_str(argv[3]), &state))) {
        fprintf(stderr,
                "usage: worst_search evaluator|peeler|header|body SECONDS [SEED [FOLDER]]\n");
        return EXIT_FAILURE;
    }
    lookup = lookup_new();
    peeler = peeler_new();
    whole = whole_field_new();
    if (lookup == NULL || peeler == NULL || whole == NULL) {
        return EXIT_FAILURE;
    }
    struct candidate worst = {0};
    (void)printf("longest: %" PRIu64 " us\n", search(seconds, &worst));
    int rc = argc > 4 ? write_seed(&worst, argv[4], argv[1]) : EXIT_SUCCESS;
    whole_field_free(&whole);
    peeler_free(&peeler);
    lookup_free(&lookup);
    return rc;
}
