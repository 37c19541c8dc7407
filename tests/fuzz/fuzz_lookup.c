/* fuzz_lookup: the evaluator on any text.
 *
 * It must end within its fuel, say the same twice, keep its report within the text, and have names
 * exactly when it says that something asks; in both dialects. */
#include "signatures/lookup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUEL = 200000 };

static void check(const struct lookup_result *r, struct span text)
{
    CHECK((r->class >= LOOKUP_CONDITIONAL) == (r->n_names > 0));
    CHECK(r->n_names <= LOOKUP_NAMES_MAX && r->n_variables <= LOOKUP_NAMES_MAX);
    CHECK(r->raw_off <= text.len && r->raw_len <= text.len - r->raw_off);
    CHECK((r->class == LOOKUP_NONE) == (r->raw_len == 0));
    for (size_t i = 0; i < r->n_names; i++) {
        CHECK(span_contains(r->names[i].text, r->names[i].scheme, NULL) ||
              r->names[i].scheme.len == 0);
        for (size_t k = 0; k < i; k++) {
            CHECK(!span_equal(r->names[i].text, r->names[k].text));
        }
    }
}

static void read_as(struct lookup *l, struct span text, enum lookup_dialect dialect)
{
    struct lookup_result first;
    struct lookup_result second;
    uint64_t fuel = FUEL;
    struct lookup_options options = {.dialect = dialect, .time_us = text.len, .fuel = &fuel};
    lookup_evaluate(l, text, &options, &first);
    check(&first, text);
    uint64_t left = fuel;
    fuel = FUEL;
    lookup_evaluate(l, text, &options, &second);
    CHECK(fuel == left && fuel <= FUEL);
    CHECK(first.class == second.class && first.n_names == second.n_names);
    CHECK(first.over_budget == second.over_budget && first.tricks == second.tricks);
    CHECK(dialect == LOOKUP_LOG4J || first.class != LOOKUP_ATTACK || lookup_commons_may_ask(text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct lookup *l; /* as a worker has it: one for all texts */
    l = l != NULL ? l : lookup_new();
    if (l != NULL) {
        read_as(l, span_of(data, size), LOOKUP_LOG4J);
        read_as(l, span_of(data, size), LOOKUP_COMMONS_TEXT);
    }
    return 0;
}
