#pragma once

#include "sensor/base/sbuf.h"
#include "signatures/lookup.h"

/* Private to signatures/lookup*.c: the machine that carries out one pass, and what it has found. */

/* A `${` in a source. */
struct lookup_opener {
    uint32_t at;
    uint32_t close; /* of its '}', or LOOKUP_UNCLOSED */
};
#define LOOKUP_UNCLOSED UINT32_MAX

enum { LOOKUP_ATTEMPT_MAX = 256 }; /* bytes shown of one */

enum lookup_frame_kind {
    LOOKUP_FRAME_TEXT,       /* the whole text */
    LOOKUP_FRAME_EXPRESSION, /* what stands between `${` and '}', substituted on its own */
    LOOKUP_FRAME_VALUE,      /* what a look-up gave, substituted again in its place */
};

/* A range that is being substituted: reads [at, end) of its source and appends to `out`. */
struct lookup_frame {
    enum lookup_frame_kind kind;
    bool in_values; /* the source lies in `values`; else it is the text of this pass */
    size_t source_off;
    size_t source_len;
    size_t start; /* an expression's `${` in its source */
    size_t at;
    size_t end;
    size_t opener; /* the next one not yet met, if it is below opener_end and before `end` */
    size_t opener_end;
    size_t out_base; /* where the range begins in `out` */

    /* The cycle list. A text's or an expression's own entry is what it was at its first look-up:
     * first_out bytes of `out` and its source from first_at on. A value's entry is the name that
     * gave it. */
    bool has_first;
    size_t first_out;
    size_t first_at;
    size_t name_len; /* the name stands in `values` before the value */

    size_t openers_base; /* a value's openers begin here */

    /* For the report. */
    size_t from; /* the expression in the text of this pass that all this comes from ... */
    size_t to;   /* ... to behind its '}' */
    uint32_t tricks;
    unsigned depth;
    unsigned deepest;
};

/* A look-up that gave nothing here and might on the host. */
struct lookup_unknown {
    size_t out_off;  /* where its text stands in `out` */
    size_t name_off; /* "env:X" in `unknown_names` */
    size_t name_len;
};

/* Texts one after the other in a buffer. */
struct lookup_list {
    size_t off[LOOKUP_NAMES_MAX];
    size_t len[LOOKUP_NAMES_MAX];
    size_t n;
    struct sbuf text;
};

/* What has been found in one reading of the text. */
struct lookup_found {
    struct lookup_list names;
    struct lookup_list variables;
    uint32_t tricks;
    unsigned depth;
    bool has_raw;
    size_t raw_off;
    size_t raw_len;
    bool thread_context; /* it was asked for something */
    bool cycle;          /* a look-up came to itself */
    bool thrown;
    bool refused;       /* it threw at what was meant as an attack */
    size_t thrown_from; /* the expression that threw, in the text of that pass ... */
    size_t thrown_end;  /* ... to behind it */
    struct sbuf exception;
};

struct lookup {
    const struct lookup_options *options;
    bool commons; /* the dialect is Commons Text's; then: */
    bool nests;   /* `${` in a name nest, as when an application has turned that on */
    uint64_t *fuel;
    bool over_budget;
    uint8_t mark; /* with a second byte it stands for a value of the host; 0: no byte is free */
    struct span given; /* the text as logged, which ${event:Message} gives */
    size_t raw_limit;  /* what lies behind it in the given text was added by us */
    bool first_pass;
    uint32_t carried; /* tricks of the passes before this one */

    struct span source; /* the text of this pass */
    struct sbuf out;    /* what the open ranges have come to so far, the innermost last */
    struct sbuf values; /* name and value of each open value frame */
    struct sbuf value;  /* the value being made */
    struct lookup_frame *frames;
    size_t n_frames;
    size_t frames_room;
    struct lookup_opener *openers;
    size_t n_openers;
    size_t openers_room;
    struct lookup_unknown *unknown;
    size_t n_unknown;
    size_t unknown_room;
    struct sbuf unknown_names;

    struct lookup_found found;

    struct sbuf text;                           /* the text of this pass, from the second one on */
    struct sbuf with_ends;                      /* a text with the missing '}' appended */
    struct sbuf shown[2];                       /* texts for others, with marks written out */
    struct lookup_name names[LOOKUP_NAMES_MAX]; /* as handed out */
    struct span variables[LOOKUP_NAMES_MAX];
};

/* Evaluates one reading of a text as Log4j evaluates a message, into l->found; what its text is
 * then stands in l->source. false when over budget. `ours` bytes at the end of the text were added.
 */
bool lookup_read(struct lookup *l, struct span text, size_t ours);
/* Goes on where lookup_read() ended as if more `${` followed: pass after pass until nothing changes
 * or a name was asked. */
void lookup_read_on(struct lookup *l);
/* A text that asks nothing by itself: the class, with what it would ask in l->found. */
enum lookup_class lookup_classify(struct lookup *l, struct span text, struct span *ret_attempt);

/* The same of Commons Text: reads the text, and classifies it. */
enum lookup_class lookup_commons_read(struct lookup *l, struct span text, struct span *ret_attempt);
/* Whether a text asks something once n closing braces stand behind it. */
bool lookup_fires_closed(struct lookup *l, struct span text, size_t n);
/* Whether one of its escaped look-ups does, alone. */
bool lookup_fires_unescaped(struct lookup *l, struct span text);
/* Whether one behind an expression that throws does. */
bool lookup_fires_behind_exception(struct lookup *l, struct span text);
/* The number of `${` in a text that have no end; l->openers holds all of them then. */
size_t lookup_count_unclosed(struct lookup *l, struct span text);

/* One pass over l->source, into l->out. false when it ended early: thrown, or over budget. */
MUST_USE bool lookup_pass(struct lookup *l);
/* Appends every `${` of a source and its '}' to l->openers, in order; false when over budget. */
MUST_USE bool lookup_scan(struct lookup *l, struct span source);

/* What things cost, in units of about a nanosecond. */
enum {
    LOOKUP_COST_STEP = 40,
    LOOKUP_COST_OPENER = 8,
    LOOKUP_COST_COLON = 8,
    LOOKUP_COST_DOLLAR = 12,  /* one that is passed over in the search for an opener */
    LOOKUP_COST_UNITS = 14,   /* a byte of a text whose units are counted, twice */
    LOOKUP_COST_UNICODE = 32, /* a byte of a text that is not ASCII and changes case */
    LOOKUP_COST_CASE = 1,     /* a byte of ASCII that changes case */
    LOOKUP_COST_CODER = 8,    /* a byte that a decoder or encoder of Commons Text reads */
    LOOKUP_COST_DATE = 240,
    LOOKUP_COST_DATE_BYTE = 8,
    LOOKUP_COST_LIST = 4,    /* an entry that is looked at */
    LOOKUP_COST_MARK = 64,   /* times LOOKUP_SHARE_COPY bytes that have marks and are written out */
    LOOKUP_SHARE_COPY = 16,  /* bytes that are only copied, or searched for one byte */
    LOOKUP_SHARE_SEARCH = 8, /* bytes searched for two */
};

/* Takes n units of fuel; false (and over_budget) when there are not so many. */
MUST_USE bool lookup_spend(struct lookup *l, uint64_t n);
/* The same where there is nothing to end: the next to spend will. */
void lookup_charge(struct lookup *l, uint64_t n);
/* Makes room for one more element of an array; false (and over_budget) at `max` or without memory.
 */
MUST_USE bool lookup_grow(struct lookup *l, void **array, size_t *room, size_t size, size_t n_max);
/* s with its marks written out as `${hostName}`, in l->shown[i] if there are any. */
struct span lookup_shown(struct lookup *l, size_t i, struct span s);
/* Tells of a step, if anybody listens. */
void lookup_tell(struct lookup *l, enum lookup_step_kind kind, struct span text, struct span value);
/* Tells as what the text is evaluated from here on. */
void lookup_tell_reading(struct lookup *l, const char *as);

/* Name and default of an evaluated expression. */
struct lookup_split {
    size_t name_len; /* the name begins where the expression does */
    size_t default_off;
    bool has_default; /* it runs to the end of the buffer */
    uint64_t cost;    /* of looking for the delimiter */
};
/* Splits what `out` holds from `base` on, deleting what belongs to neither. */
struct lookup_split lookup_split(struct sbuf *out, size_t base);
/* The same as Commons Text does it, which deletes nothing. */
struct lookup_split lookup_commons_split(const struct sbuf *out, size_t base, bool nests);

enum lookup_value_kind {
    LOOKUP_VALUE_NULL,
    LOOKUP_VALUE_TEXT,
    LOOKUP_VALUE_ASK, /* JNDI is asked, or what is like it, which gives nothing */
    LOOKUP_VALUE_THROWS,
};

/* What a look-up says. */
struct lookup_answer {
    enum lookup_value_kind kind;
    bool has_text;      /* there is a value, in l->value: its own or the default look-up's */
    bool host_knows;    /* there is none here, but there may be one on the host */
    struct span prefix; /* in lower case; empty when there is no such look-up */
    struct span key;    /* what stands behind it, in the name */
    uint32_t tricks;
};
/* The answer to a name, by its prefix. */
struct lookup_answer lookup_answer_to(struct lookup *l, struct span name);
struct lookup_answer lookup_commons_answer_to(struct lookup *l, struct span name);
/* Puts the mark of the host value whose name is `kind` and then `key` into l->value; false when
 * there is none. */
bool lookup_host_value(struct lookup *l, struct span kind, struct span key);

/* The variable that a mark's second byte stands for ("hostName"), empty when it is none, and
 * whether its value has a ':' in it. */
struct span lookup_host_variable(uint8_t id);
bool lookup_host_value_has_colon(uint8_t id);

/* JNDI is asked for the key of `name`, which is what expression e came to. */
void lookup_ask(struct lookup *l, const struct lookup_frame *e, struct span name,
                const struct lookup_answer *a);

void lookup_list_reset(struct lookup_list *list);
struct span lookup_list_at(const struct lookup_list *list, size_t i);

struct span lookup_scheme(struct span name);
bool lookup_scheme_reaches_network(struct span scheme);
/* The same of a name of Commons Text. */
bool lookup_commons_reaches_network(struct span name);
/* The URL of a key of its url look-up: behind the character set, as java.net.URL trims it; empty
 * when there is none. */
struct span lookup_commons_url(struct span key);
