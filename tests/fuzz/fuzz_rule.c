/* fuzz_rule: any text as rules, and what loads of it against any bytes.
 *
 * Up to the first NUL the input is rules, what follows is the text that their tests are tried on,
 * whole and as a window. Every rule that is refused must be counted and told of. */
#include "sensor/base/check.h"
#include "signatures/rule.h"
#include "signatures/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct net_variable variables[] = {
    {.name = SPAN_LITERAL("HOME_NET"), .value = SPAN_LITERAL("[10.0.0.0/8,!10.9.0.0/16]")},
    {.name = SPAN_LITERAL("EXTERNAL_NET"), .value = SPAN_LITERAL("!$HOME_NET")},
};

static void try_rules(const struct rule_set *set, struct span text)
{
    struct regex_scratch *scratch = regex_scratch_new();
    const struct verify_view whole = {.text = text};
    const struct verify_view window = {.text = text, .off = 7, .more = true};
    for (const struct rule *r = set->first; r != NULL && scratch != NULL; r = r->next) {
        CHECK(r->signature.sid != 0);
        for (size_t i = 0; i < r->n_groups; i++) {
            (void)verify_group(&r->groups[i], &whole, scratch);
            (void)verify_group(&r->groups[i], &window, scratch);
        }
    }
    regex_scratch_free(&scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data, size);
    struct span rules = span_split(&rest, 0);
    struct errbuf err = {0};
    const struct net_variables v = {variables, ARRAY_LEN(variables)};
    struct rule_set set = {.arena = arena_new(1 << 24), .variables = &v, .err = &err};
    if (set.arena == NULL) {
        return 0;
    }
    set.end = &set.first;
    (void)rule_read(&set, "fuzz.rules", rules);
    rule_drop_duplicates(&set);
    CHECK(err.n_lines + err.n_dropped >= set.n_failed);
    try_rules(&set, rest);
    rule_set_free(&set);
    arena_free(&set.arena);
    errbuf_free(&err);
    return 0;
}
