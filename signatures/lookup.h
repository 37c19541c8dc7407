#pragma once

#include "sensor/core/finding.h"

/* Carries out the look-ups in a text as Log4j 2.14.1 does when the text is logged, and says what
 * JNDI would have been asked; or as Commons Text 1.9 does with its interpolating StringSubstitutor
 * as it comes, and says which scripts, addresses and URLs it would have been after. */

/* Work per text when the caller sets no limit. One unit is a nanosecond or two. */
enum {
    LOOKUP_FUEL = 1000000,
    LOOKUP_TEXT_MAX = 1 << 18, /* longer texts are cut: over_budget */
    LOOKUP_DEPTH_MAX = 4096,   /* nesting beyond: over_budget; Java's stack ends at about 1,600 */
    LOOKUP_NAMES_MAX = 256,    /* different names kept; more: over_budget */
    LOOKUP_COMMONS_LONGEST = sizeof("base64Decoder:") - 1,
};

/* The evaluator's memory: one per worker, used for text after text. */
struct lookup;

/* NULL when there is no memory. */
MUST_USE struct lookup *lookup_new(void);
/* Nulls *l; accepts NULL. */
void lookup_free(struct lookup **l);

/* What happened in an evaluation, for a person to read; spans are valid during the call only. */
enum lookup_step_kind {
    LOOKUP_STEP_READING,   /* the text is evaluated anew from here on; `value` says as what */
    LOOKUP_STEP_TEXT,      /* text: the whole text before a pass */
    LOOKUP_STEP_VALUE,     /* `text`, the expression as evaluated, gave `value` */
    LOOKUP_STEP_DEFAULT,   /* the same; the value is its default */
    LOOKUP_STEP_NOTHING,   /* it gave nothing and stays as it stands */
    LOOKUP_STEP_ASK,       /* JNDI is asked for `text` */
    LOOKUP_STEP_ESCAPED,   /* one `$` before a `${` was taken away; `text` is what follows */
    LOOKUP_STEP_SHIELDED,  /* `text` is not looked at: its `${` has no end */
    LOOKUP_STEP_EXCEPTION, /* `value` says which; nothing more is evaluated */
};

struct lookup_step {
    enum lookup_step_kind kind;
    unsigned depth;
    struct span text;
    struct span value;
};

struct lookup_options {
    enum lookup_dialect dialect;
    uint64_t time_us; /* of the event, for ${date:...} */
    uint64_t *fuel;   /* lowered by the work done; NULL: LOOKUP_FUEL for this text */
    void (*step)(void *context, const struct lookup_step *step); /* may be NULL */
    void *step_context;
};

struct lookup_name {
    struct span text;     /* as JNDI would be asked, without "jndi:"; of Commons Text all of it */
    struct span scheme;   /* what stands before the first ':', or empty */
    bool reaches_network; /* the scheme, case and all, is one that JDK 8 has a provider for; of
                             Commons Text: a script, a name to resolve, a URL that is no file */
};

/* Where a name would call; host is empty when it calls nobody. All are parts of the name, or
 * static. */
struct lookup_callback {
    struct span scheme; /* how: the name's own, or the URL's that stands in it */
    struct span host;
    uint16_t port;    /* the scheme's own when none is given; 0 when it has none, or without host */
    struct span path; /* what follows host and port, '/' in front */
};
/* Names of Commons Text are such as "dns:address|x.example" (no port), "url:UTF-8:http://x/a". */
struct lookup_callback lookup_callback(enum lookup_dialect dialect, struct span name);

/* All spans belong to the evaluator and are valid until it is used again. */
struct lookup_result {
    enum lookup_dialect dialect;
    enum lookup_class class;
    bool over_budget; /* fuel, depth, names or text size ran out; what was found stands here */
    const struct lookup_name *names; /* in the order asked, each once; of a conditional one those
                                        that would be asked; of an attempt none */
    size_t n_names;
    struct span host; /* where the first name would call, as lookup_callback() says */
    uint16_t port;
    struct span path;
    const struct span *variables; /* "env:USER", "hostName": what the names would carry away */
    size_t n_variables;
    uint32_t tricks;       /* bit 1 << enum trick */
    uint32_t cves;         /* bit 1 << enum cve; one may stand without a name, see cve.def */
    unsigned depth;        /* deepest nesting of what asked; 1 for a plain look-up */
    size_t raw_off;        /* the first look-up that asks (or tries), from its opener ... */
    size_t raw_len;        /* ... to its end, in the text that was given */
    struct span attempt;   /* LOOKUP_ATTEMPT: the evaluated text from the opener on, cut */
    struct span exception; /* "IllegalStateException: a", or empty */
    struct span evaluated; /* the text after the last pass */
};

/* Evaluates `text` (UTF-8; a byte that is not part of it is a character of its own) and fills
 * *ret_result. Bounded by fuel and the limits above: measured (tests/bench/lookup_bench.c
 * and worst_search.c) at most 3 ms and 8 MiB with the default fuel, and 0.5 us for a plain
 * look-up. */
void lookup_evaluate(struct lookup *l, struct span text, const struct lookup_options *options,
                     struct lookup_result *ret_result);

/* Whether the text behind a `${` begins with what Commons Text would act on, or decode to such;
 * ASCII case is ignored. LOOKUP_COMMONS_LONGEST bytes are enough to tell. */
bool lookup_commons_begins(struct span name);
/* Whether such a `${` stands in a text: without one Commons Text, with names that do not nest, asks
 * nothing. Linear, without memory. */
bool lookup_commons_may_ask(struct span text);
