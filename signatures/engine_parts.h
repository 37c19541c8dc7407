#pragma once

#include "sensor/base/arena.h"
#include "signatures/engine.h"
#include "signatures/match.h"
#include "signatures/rule.h"
#include "signatures/xbits.h"

#include <stdatomic.h>

/* What an engine is made of. For the engine and the detector only. */

#define ENGINE_NONE UINT32_MAX

/* The tests of one buffer, shared by all rules that have the same. Each has its own pattern in the
 * gate where it has a literal, so that it is known to hold, or not, whenever its buffer comes. */
struct engine_group {
    const struct rule_group *group;
    struct span literal; /* what the gate looks for; empty: it is tried on every buffer */
    bool nocase;
    bool anchored;   /* a place at the buffer's start is asked for */
    bool waits;      /* none of its rules can hold but where another group's literal is hit in the
                      * target of the same request */
    uint32_t *rules; /* those for which this group decides when they are looked at */
    uint32_t n_rules;
};

struct engine_rule {
    const struct rule *rule;
    uint32_t groups[RULE_GROUPS_MAX]; /* of its groups of fields; results are not among them */
    uint32_t n_groups;
    /* Those that must not be there: `there` holds where the buffer is, whatever it says; `held` is
     * what is as good, or ENGINE_NONE. Known at the transaction's end. */
    struct engine_absence {
        uint32_t there;
        uint32_t held;
    } absences[RULE_GROUPS_MAX];
    uint32_t n_absences;
    uint32_t deciding; /* a group, or ENGINE_NONE when results decide */
    uint64_t rank;     /* its place in the order in which rules see each other's marks; of a rule of
                          a later place it is higher */
    bool of_packet;    /* it asks nothing of transactions */
    bool by_packet;    /* it is asked of each packet, where there are any; */
    bool once;         /* of the first in its direction */
    bool once_read;    /* it is asked of the first transaction, */
    bool each_way;     /* in each direction */
    bool retries;      /* it asks for marks, and what it asks of bytes may hold again */
    bool asks_late;    /* of marks it asks only whether some of the flow are set, and sees those
                          that rules behind it set */
    uint32_t flow_at;  /* its place among flow_rules */
    _Atomic uint64_t *n_gave_up;
};

struct engine_list {
    uint32_t *items;
    uint32_t n;
};

/* What the rules want of one field, or of the payload. */
struct engine_wants {
    struct engine_list always; /* groups without a pattern */
    bool gated;                /* any group with one */
    bool header_line;          /* any group that sees the header's name too */
};

struct engine {
    _Atomic unsigned refs;
    struct arena *arena;
    struct rule_set set;
    struct engine_rule *rules;
    uint32_t n_rules;
    _Atomic uint64_t *n_gave_up; /* by rule: all that changes in an engine */
    struct engine_group *groups;
    uint32_t n_groups;
    struct engine_list result_rules; /* pass rules first */
    struct engine_list end_rules;    /* those that ask only for what is absent */
    bool any_absence;                /* some rule asks for that */
    struct engine_list flow_rules;   /* those that look at no byte; pass rules first */
    struct engine_list packet_rules; /* those that are asked of packets */
    struct engine_wants fields[FIELD_N];
    struct engine_wants payload;
    bool payload_anchored;    /* some group of the payload is */
    bool any_pass;            /* some rule silences what is found beside it */
    bool any_file;            /* some group looks at files or their names, */
    bool any_mail;            /* at headers of a mail, */
    bool any_start;           /* at http.start, */
    bool any_status_line;     /* at that or http.response_line, */
    bool any_header;          /* or at anything of a head that may be put together */
    bool any_waits;           /* some group waits for a target */
    bool any_header_first;    /* some that waits for none is of any_header's */
    bool wants_all;           /* some field is looked at whatever was hit, */
    bool wants_all_first;     /* whatever the target is */
    struct xbits *xbits;      /* NULL when no rule has any; they change, too */
    struct match_db *gate;    /* openers, then the groups' literals */
    uint32_t n_openers;       /* patterns below this are openers */
    uint32_t *pattern_groups; /* group of pattern n_openers + i */
    uint32_t n_patterns;
};

/* Whether the group looks at that field. */
bool engine_group_reads(const struct engine_group *group, enum field_id field);
/* Whether rules look at the field. */
bool engine_looks_at(const struct engine *e, enum field_id field);
/* Whether the field is a header of a mail that has a name of its own. */
bool engine_is_mail_header(enum field_id field);
