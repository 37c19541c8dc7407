/* fuzz_peel: the peeler on any text.
 *
 * It must end within its fuel, keep its report within the text, find whatever it finds when nothing
 * stands before the search, and what it finds must be what the evaluator makes of its reading; and
 * the gate and a glance at what it hits must let it pass. */
#include "signatures/peel.h"
#include "tests/gating/gating.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUEL = 400000 };

static void check(const struct peel_result *r, struct span text)
{
    const struct lookup_result *l = &r->lookup;
    CHECK(r->raw_off <= text.len && r->raw_len <= text.len - r->raw_off);
    CHECK((l->class >= LOOKUP_CONDITIONAL) == (l->n_names > 0));
    CHECK((l->class == LOOKUP_NONE) == (r->raw_len == 0));
    CHECK(r->encodings.n > 0 || span_equal(r->text, text));
}

static struct lookup *lookup;
static struct peeler *peeler;
static struct gating *gate;

static void check_reading(const struct peel_result *r, enum lookup_class class)
{
    struct lookup_options options = {.time_us = 0};
    struct lookup_result plain;
    lookup_evaluate(lookup, r->text, &options, &plain);
    CHECK(plain.class == class);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lookup = lookup != NULL ? lookup : lookup_new();
    peeler = peeler != NULL ? peeler : peeler_new();
    gate = gate != NULL ? gate : gating_new();
    if (lookup == NULL || peeler == NULL || gate == NULL) {
        return 0;
    }
    struct span text = span_of(data, size);
    uint64_t fuel = FUEL;
    struct peel_hints hints = {.fuel = &fuel};
    struct peel_result r;
    enum lookup_class class = peel_and_evaluate(peeler, text, &hints, &r);
    bool over_budget = r.lookup.over_budget;
    CHECK(fuel <= FUEL);
    check(&r, text);
    if (!over_budget && class != LOOKUP_NONE) {
        check_reading(&r, class);
        CHECK(gating_ask(gate, text).passed);
    }
    fuel = FUEL;
    hints.forced = true;
    enum lookup_class forced = peel_and_evaluate(peeler, text, &hints, &r);
    check(&r, text);
    CHECK(over_budget || r.lookup.over_budget || forced == class);
    return 0;
}
