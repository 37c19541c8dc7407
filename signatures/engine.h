#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/core/signature.h"
#include "signatures/net.h"

/* A rule set made ready: rules and the compiled gate. Immutable, shared by all workers, counted by
 * reference: whoever holds one calls engine_unref(). */
struct engine;

/* Rules that are given as text instead of a file. */
struct engine_text {
    const char *name; /* for messages */
    struct span text;
};

struct engine_options {
    const char *const *files;
    size_t n_files;
    const struct engine_text *texts;
    size_t n_texts;
    const struct net_variable *variables; /* instead of, or beside, the built-in ones */
    size_t n_variables;
    const char *classes;   /* a file of classes beside the built-in ones; NULL: none */
    const char *cache_dir; /* where compiled patterns are kept; NULL: nowhere */
    bool failed_rules_are_fatal;
    struct errbuf *warnings; /* what is odd but loads; may be NULL */
};

/* Reads and compiles. Every mistake is a line in err, "x.rules:3: sid 7: content: …", also when the
 * call succeeds (the other rules are loaded then). Negative errno: a file could not be read, a rule
 * failed and that is fatal, none of a file's rules is left, or memory is short. */
MUST_USE int engine_new(const struct engine_options *options, struct engine **ret_engine,
                        struct errbuf *err);
struct engine *engine_ref(struct engine *engine);
/* Nulls *engine; accepts NULL. The last one frees it. */
void engine_unref(struct engine **engine);

size_t engine_n_loaded(const struct engine *engine);
size_t engine_n_failed(const struct engine *engine);

/* Whether some rule is a drop or a reject. */
bool engine_blocks(const struct engine *engine);

/* How often an expression of rule i of engine_n_loaded() gave up over its limits, by all who use
 * the engine. */
uint64_t engine_n_gave_up(const struct engine *engine, size_t i);

/* What a rule costs on traffic that does not match it. */
enum engine_cost {
    ENGINE_COST_RESULT, /* nothing: it is asked about look-ups that were found */
    ENGINE_COST_GATE,   /* nothing: its pattern is one of the gate's */
    ENGINE_COST_FIELD,  /* it looks at each value of a field */
    ENGINE_COST_BYTES,  /* it looks at all bytes of bodies or of everything */
    ENGINE_COST_FLOW,   /* it looks at no byte, and is asked whenever some come */
    ENGINE_COST_PACKET, /* it is asked of each packet */
};
const char *engine_cost_name(enum engine_cost cost);

/* A loaded rule as --list-rules shows it. Spans belong to the engine. */
struct engine_listing {
    const struct signature *signature;
    const char *file;
    size_t line;
    struct span fast_pattern; /* empty without one */
    const char *buffer;       /* where it is looked for; NULL without one */
    enum engine_cost cost;
};

/* Rule i of engine_n_loaded(), in the order read. */
struct engine_listing engine_list(const struct engine *engine, size_t i);
