#pragma once

#include "sensor/core/finding.h"
#include "signatures/engine.h"

/* A value, and what it must come to. */
struct golden {
    enum lookup_dialect dialect;
    enum lookup_class class;
    const char *lookup; /* a name that is asked for, without "jndi:"; NULL: none is */
    const char *text;
    bool over_budget; /* it is given up */
};

/* Whether the engine reads all of them so; the first that it does not is a line in err. */
MUST_USE bool engine_reads(struct engine *engine, const struct golden *goldens, size_t n,
                           struct errbuf *err);
/* Whether a rule set, made ready, still finds what it must: the values of golden.def go through its
 * gate and the evaluator. A compiled pattern from a spoiled cache, or a database that the library
 * made wrong, would else be blind without a word. False with a line in err. */
MUST_USE bool engine_self_test(struct engine *engine, struct errbuf *err);
