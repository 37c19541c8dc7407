#pragma once

#include "signatures/lookup.h"
#include "signatures/match.h"

/* Undoes the outer encodings of a text, layer by layer, until a look-up shows, and evaluates it. */

enum {
    PEEL_FUEL = 4000000, /* work per text when the caller sets no limit: about 5 ms, 15 at worst */
    PEEL_LAYERS_MAX = 6, /* layers undone, one inside the other */
    PEEL_READINGS_MAX = 64 /* different texts looked at; more: over_budget */
};

/* A worker's memory for peeling and evaluating, used for text after text. */
struct peeler;

/* NULL when there is no memory. */
MUST_USE struct peeler *peeler_new(void);
/* Nulls *p; accepts NULL. */
void peeler_free(struct peeler **p);

/* What is known of the text; all-zero is nothing. */
struct peel_hints {
    enum lookup_dialect dialect; /* whose look-ups */
    enum field_id field;         /* where it stands: query and form parameters, JSON strings ... */
    struct span item;        /* ("form.q", "json.user.name") are first read as their reader would */
    struct encodings layers; /* undone so far */
    uint64_t time_us;        /* of the event */
    uint64_t *fuel;          /* lowered by the work done; NULL: PEEL_FUEL for this text */
    bool forced;             /* look at everything, also where nothing seems to hide (for tests) */
};

struct peel_result {
    struct lookup_result lookup; /* raw_off and raw_len there are those in `text` */
    struct encodings encodings;  /* undone here, the outermost first */
    struct span text;            /* the reading that was evaluated */
    size_t raw_off;              /* where the look-up stands in the text that was given ... */
    size_t raw_len;              /* ... as it was encoded */
    bool commons;                /* in a reading stands what Commons Text may act on */
};

/* Looks for the reading with the highest class and, among those, with the fewest layers; the first
 * that is an attack ends it. All spans belong to the peeler, or lie in `text`, and are valid until
 * it is used again. Time and memory are bounded by fuel and the limits above; reaching one is
 * lookup.over_budget. */
enum lookup_class peel_and_evaluate(struct peeler *p, struct span text,
                                    const struct peel_hints *hints, struct peel_result *ret_result);

/* Whether peel_and_evaluate() could find anything, in either dialect: cheap, linear in text.len,
 * without memory; never false for a text in which it would. */
bool peel_may_hide(struct span text);

/* The gate: patterns one of which stands in every text that peel_may_hide() is true of, as far as a
 * look-up comes out of it. */
size_t peel_gate_n_patterns(void);
/* Whether it is a dollar and a brace, each as itself or escaped once; false beyond them. */
bool peel_gate_opens(size_t i);
/* Static; i below that. */
struct match_pattern peel_gate_pattern(size_t i);
