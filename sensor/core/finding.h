#pragma once

#include "sensor/core/addr.h"
#include "sensor/core/encoding.h"
#include "sensor/core/field.h"
#include "sensor/core/signature.h"

/* How sure it is that Log4j would ask JNDI, or Commons Text what runs scripts or calls out.
 * Ordered.
 */
enum lookup_class {
    LOOKUP_NONE,
    LOOKUP_ATTEMPT,     /* meant as a look-up, but Log4j does nothing with it */
    LOOKUP_CONDITIONAL, /* fires only with other text around it */
    LOOKUP_ATTACK,      /* the field alone makes Log4j ask JNDI */
};
const char *lookup_class_name(enum lookup_class class);
/* As alerts are counted by it: an alert without a class is one about what was given up. */
const char *alert_class_name(enum lookup_class class);

/* Whose look-ups. */
enum lookup_dialect {
    LOOKUP_LOG4J,        /* Log4j 2.14.1, in a logged message */
    LOOKUP_COMMONS_TEXT, /* Commons Text 1.5 to 1.9, in a text that is interpolated */
};
const char *lookup_dialect_name(enum lookup_dialect dialect);

/* Rows of trick.def. */
enum trick {
#define TRICK(id, name) TRICK_##id,
#include "sensor/core/trick.def"
#undef TRICK
    TRICK_N
};
const char *trick_name(enum trick t);

/* Rows of cve.def. */
enum cve {
#define CVE(id, name, doc) CVE_##id,
#include "sensor/core/cve.def"
#undef CVE
    CVE_N
};
const char *cve_name(enum cve c);

/* Where the first name would call. Spans may be empty; port 0 is none. */
struct callback {
    struct span host;
    struct addr ip; /* family 0 unless host is an address */
    uint16_t port;
    struct span path;
};

/* What carrying out a field's look-ups comes to. All memory lies in the transaction's arena. */
struct jndi {
    enum lookup_dialect dialect;
    enum lookup_class class;
    bool
        over_budget; /* the evaluator or the peeler gave up; what it had found so far stands here */
    struct span raw; /* from the opener to its end, before peeling, capped */
    bool raw_cut;
    /* Names in the order asked, each once, "jndi:", or "script:" ..., in front. */
    struct span *lookups;
    size_t n_lookups;
    struct span scheme; /* of the first name; empty when it has none */
    bool reaches_network;
    struct callback callback;
    struct span *variables; /* "env:AWS_KEY" … */
    size_t n_variables;
    struct encodings encodings;
    uint32_t tricks; /* bit 1 << enum trick */
    unsigned depth;
    uint64_t attack_id; /* hash of flow, transaction and field */
    uint64_t campaign;  /* hash of call-back and form */
};

/* One rule that matched in one field of a transaction. Made by the engine in the transaction's
 * arena, freed with it. */
struct finding {
    struct finding *next;
    const struct signature *signature; /* of the rule snapshot, which outlives the transaction */
    enum field_id field;
    struct span item;
    enum direction dir;
    uint64_t time_us;    /* packet time at which it was made */
    uint64_t clock_us;   /* greatest packet time then */
    uint64_t number;     /* of that packet in the input */
    struct jndi *jndi;   /* NULL when the rule looked at plain bytes only */
    struct span context; /* bytes around the hit, capped, for payload_printable */
};
