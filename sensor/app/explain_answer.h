#pragma once

#include "signatures/peel.h"

/* What look-ups in one text come to: the answer of `jndiwatch explain`. */

struct texts {
    struct span *items;
    size_t n;
    size_t room;
};

/* All memory belongs to the explainer and is valid until the next text. */
struct explanation {
    enum lookup_dialect dialect;
    enum lookup_class class;
    bool over_budget;
    bool reaches_network;   /* of the first name that does, else false */
    struct texts lookups;   /* "jndi:", or "script:" ..., in front, in the order asked, each once */
    struct texts callbacks; /* "ldap://host:port/path", likewise */
    struct texts variables;
    struct encodings encodings;
    uint32_t tricks; /* bit 1 << enum trick */
    uint32_t cves;   /* bit 1 << enum cve */
    unsigned depth;
    struct span raw;     /* the look-up as it stands in the text */
    struct span reading; /* the text that was evaluated, outer encodings undone */
};

/* The same text to both. */
struct explanations {
    struct explanation log4j;
    struct explanation commons; /* LOOKUP_NONE also where Commons Text was not asked */
};

struct explainer;

/* NULL when there is no memory. */
MUST_USE struct explainer *explainer_new(void);
/* Nulls *x; accepts NULL. */
void explainer_free(struct explainer **x);

/* Peels and evaluates a text with the hints and the budget that a field without a name has in
 * detection. A text longer than the evaluator takes is looked at in windows that overlap by half,
 * and what they come to is joined. */
void explainer_read(struct explainer *x, struct span text, uint64_t time_us,
                    struct explanations *ret);
