#pragma once

#include "sensor/base/sbuf.h"
#include "signatures/detect.h"
#include "signatures/engine_parts.h"
#include "signatures/lookup.h"
#include "signatures/peel_glance.h"
#include "signatures/verify.h"

/* What the files of the detector share; nobody else includes this. */

enum {
    DETECT_HITS_MAX = 16384,
    DETECT_SEEN_MAX = 64,
    DETECT_COPIES_MAX = 32,
    DETECT_STREAMS_MAX = 256, /* kept for the next body */
    DETECT_BACK = 256,        /* of a body kept before a hit that may come */
};

struct hit {
    uint32_t pattern;
    uint32_t end;
};

/* Where patterns of the gate ended in a text, ascending. */
struct hits {
    struct hit *list;
    size_t n;
    size_t room;
    bool overflow; /* there are more */
};

/* Some of them: those of one field. */
struct hit_range {
    const struct hits *hits;
    size_t first;
    size_t end;
    size_t base; /* where the text that is looked at begins in what was scanned */
};

/* An engine and what it takes to use it. */
struct edition {
    struct edition *next; /* older ones */
    struct engine *engine;
    size_t n_tx; /* transactions that keep to it */
    struct match_stream *streams[DETECT_STREAMS_MAX];
    size_t n_streams;
};

/* Something that was told once and is not told again in this transaction. */
struct told {
    struct told *next;
    uint64_t key;
};

/* A rule whose deciding part has come, and which waits for the others, or for its packet's end. */
struct waiting {
    struct waiting *next;
    struct tx *tx;
    uint32_t rule;
    uint8_t *room; /* for the finding's context */
    size_t room_len;
    struct finding finding; /* as it will be made */
};

/* A finding that is not told yet. */
struct held {
    struct held *next;
    struct tx *tx;
    struct finding *finding;
};

/* What is kept for a transaction, from its first hit or body on; in its arena. */
struct tx_state {
    struct edition *edition;
    uint64_t *held[2]; /* bit sets of groups that hold in that direction; none yet: both NULL */
    uint64_t *met; /* bit set of the engine's flow_rules that were looked at, two for each, and are
                      not again */
    struct waiting *waiting;
    struct waiting *spare; /* to be used again */
    struct told *told;
    struct body *bodies; /* open ones */
    unsigned n_findings;
    unsigned n_gave_up;        /* tests given up over their limits */
    bool passed;               /* a pass rule matched in another reading of the flow */
    bool judged;               /* attacks were told before their window was full */
    bool ending;               /* no buffer comes any more: what is absent is known */
    struct span file_names[2]; /* of the body that comes in that direction, if rules ask for it */
    struct form *form;         /* of which the parts are read; see detect_files.c */
};

/* Part of a head whose look-ups are known. */
struct seen {
    size_t from;
    size_t end;
    enum lookup_class class;
};

/* The last decoded copy that was evaluated: its other form follows. */
struct last_copy {
    uint64_t place; /* hash of field and item; 0: none */
    enum lookup_class class;
    size_t n_names;
};

/* What was found in a head so far. */
struct known {
    struct seen seen[DETECT_SEEN_MAX];
    size_t n_seen;
    /* Names found in decoded copies, which stand somewhere in it. */
    uint64_t copies[DETECT_COPIES_MAX];
    size_t n_copies;
    struct last_copy last_copy;
    struct last_copy file_copy; /* the name of a file, which stands in a header as well */
};

enum { DETECT_DIALECTS = LOOKUP_COMMONS_TEXT + 1 };

/* What a request may bring files with. */
enum head_method { HEAD_UNKNOWN, HEAD_POST, HEAD_PUT, HEAD_OTHER };

/* The region announced last in a direction. */
struct head {
    const struct tx *tx;
    struct span bytes;
    enum region_kind kind;
    enum field_id field;
    enum head_method method; /* known where rules look at files */
    bool odd_target; /* rules see the target of the request in another form, once it comes */
    bool odd_head;   /* and its headers, behind them */
    bool http2;      /* known of one that is odd */
    bool quiet;      /* nothing was hit, and no rule wants its fields all the same */
    struct hits hits;
    struct known known[DETECT_DIALECTS];
};

struct detector {
    struct edition *edition; /* in use for new transactions */
    struct detect_limits limits;
    struct stats *stats;
    struct detect_user user;
    struct match_scratch *scratch;
    struct regex_scratch *regex;
    struct peeler *peeler;
    struct head heads[2];
    struct hits hits; /* of whatever is scanned by itself */
    struct sbuf made; /* a buffer made for a rule */
    struct sbuf spare;
    struct sbuf key;        /* what is hashed */
    struct sbuf targets[2]; /* a request's, as rules see it; and scratch for that */
    struct sbuf head_block; /* a head's headers, as rules see them; */
    struct sbuf head_line;  /* its first line, and all of it; */
    struct sbuf head_host;  /* its host, and names in small letters */
    uint64_t fuel;          /* left for evaluations of this region */
    bool dry;               /* none is, and that was told */
    bool commons;           /* what Log4j was asked about holds what Commons Text may act on */
    struct body *free_bodies;
    size_t n_free_bodies;
    size_t body_bytes;   /* held by open bodies */
    struct waiting *due; /* rules with marks of which all else holds, in their order */
    struct held *held;   /* found by the packet at hand, which a pass rule may yet silence */
    struct held **held_end;
    bool judging; /* what is looked at may go on: attacks alone are told */
};

/* Where something was found. */
struct spot {
    struct tx *tx;
    enum lookup_dialect dialect;
    enum field_id field;
    struct span item;
    enum direction dir;
    struct encodings layers;
    struct span around; /* for the event: what holds the text that matched */
    struct span header; /* of a header that was put together: its name */
    unsigned how;       /* enum detect_body_how: of a body; enum detect_head_how: of a head */
};

/* --- detect.c ----------------------------------------------------------------------------------
 */

/* The region as it lies, its bytes around. */
struct spot detect_spot_of(struct tx *tx, const struct region *region);
/* The engine that looks at this transaction. */
const struct engine *detect_engine(const struct detector *d, const struct tx *tx);
struct edition *detect_edition(const struct detector *d, const struct tx *tx);
/* Its state, made if need be; NULL (and counted) when its memory is used up. */
struct tx_state *detect_state(struct detector *d, struct tx *tx);
/* Scans a text by itself. */
void detect_scan(struct detector *d, const struct engine *e, struct span text, struct hits *hits);
void detect_no_hits(struct hits *hits);
/* Adds one; false, and hits->overflow, when there is no room. */
bool detect_note_hit(struct hits *hits, uint32_t pattern, size_t end);
/* The first hit that ends behind `off`. */
size_t detect_first_hit(const struct hits *hits, size_t off);
/* Tells that n look-ups were opened in a field; how many are in a range of hits. */
void detect_opened(const struct detector *d, const struct tx *tx, enum field_id field, uint64_t n);
uint64_t detect_n_opened(const struct hit_range *range);
/* Whether the hit is one that may begin a look-up, or an encoding that hides one. */
bool detect_is_opener(const struct engine *e, const struct hit *hit);
/* Starts the budget of a region. */
void detect_refuel(struct detector *d);

/* --- detect_rules.c ----------------------------------------------------------------------------
 */

/* Tries a group in one buffer, if it does not hold in the transaction yet, and the rules that wait
 * for it. */
void detect_group(struct detector *d, const struct spot *spot, uint32_t group,
                  const struct verify_view *view);
/* Looks at the rules that ask for no byte, now that some have come. */
void detect_flow_rules(struct detector *d, const struct spot *spot);
/* Counts and tells that an expression of the rule gave up. */
void detect_gave_up(struct detector *d, const struct engine_rule *rule);
/* Tries the groups of a field (FIELD_N: of the payload) that were hit, and those without a pattern.
 */
void detect_groups(struct detector *d, const struct spot *spot, size_t field,
                   const struct hit_range *range, const struct verify_view *view);
/* Whether the flow, the direction and the addresses are the rule's. */
bool detect_rule_applies(const struct rule *rule, const struct tx *tx, enum direction dir);
/* The same, whether the flow is established or not, where that decoder reads it (or none, NULL). */
bool detect_rule_is_of(const struct rule *rule, const struct tx *tx, enum direction dir,
                       const char *reader);
/* Whether the tests hold in a text that is whole. */
bool detect_holds_in(struct detector *d, const struct spot *spot, const struct rule_group *group,
                     struct span text);
/* The transaction ends: looks at the rules that ask for what is absent. */
void detect_rules_end(struct detector *d, struct tx *tx);
/* Whether a group has held in that direction. */
bool detect_group_held(const struct tx_state *state, uint32_t group, enum direction dir);
/* Whether all of a rule's groups of fields hold for what goes in that direction. Before the
 * transaction's end no buffer is known to be absent. */
bool detect_rule_holds(const struct tx_state *state, const struct engine_rule *rule,
                       enum direction dir);
/* detect_flowbits.c: whether what the rule asks of the marks of the flow and its addresses holds,
 * for what `from` says who sends. */
bool detect_marks_hold(const struct engine *e, const struct rule *rule, const struct conn *conn,
                       enum direction from);
/* Does to them what a rule that matched does. */
void detect_marks_act(struct detector *d, const struct engine *e, const struct rule *rule,
                      const struct finding *finding, struct conn *conn);
/* Gives a rule whose deciding part has come, where its groups hold; of one with marks it is asked
 * at the packet's end whether they do. Else keeps it until its other groups hold. */
void detect_offer(struct detector *d, const struct spot *spot, uint32_t rule, struct jndi *jndi);

/* --- detect_jndi.c -----------------------------------------------------------------------------
 */

/* What a text evaluates to. Spans are valid until the next evaluation. */
struct answer {
    enum lookup_class class;
    bool over_budget;
    struct lookup_result result;
    struct encodings encodings; /* peeled off, in order */
    struct span raw;            /* in the text that was given */
};

/* False, cheaply, when there is no look-up in the text however it is read. */
bool detect_may_hide(struct span text);
void detect_evaluate(struct detector *d, const struct spot *spot, struct span text,
                     struct answer *ret);
/* Gives the answer to the rules, unless the same was told of the same place. */
void detect_report(struct detector *d, const struct spot *spot, struct span text,
                   const struct answer *answer);
/* A text that may be what a hit belongs to. */
struct candidate {
    struct spot spot;
    struct span text;
    size_t limit; /* a look-up that begins behind here does not count: it has hits of its own */
};
/* Evaluates the candidates, smallest first, until one is an attack, and reports the one with the
 * highest class, of equals the smallest. Returns its index, and its class in *ret_class. */
size_t detect_best(struct detector *d, const struct candidate *candidates, size_t n,
                   enum lookup_class *ret_class);
/* A hash of the names an answer has. */
uint64_t detect_names_key(struct detector *d, const struct answer *answer);

/* --- detect_body.c -----------------------------------------------------------------------------
 */

enum detect_body_how {
    BODY_FOR_RULES = 1 << 0, /* its bytes were looked at as those of another */
    BODY_NO_FILE = 1 << 1,   /* file.data is none of it */
};
/* `how`: of a region that is a body's first. */
void detect_body(struct detector *d, struct tx *tx, const struct region *region, unsigned how);
/* Ends all open bodies of a transaction. */
void detect_bodies_end(struct detector *d, struct tx *tx);
/* What detect_judge() does. */
void detect_bodies_judge(struct detector *d, struct tx *tx);
void detect_bodies_free(struct detector *d);

/* --- detect_head.c -----------------------------------------------------------------------------
 */

/* Which buffers of a head that is odd are looked at. */
enum detect_head_how {
    HEAD_AS_SENT = 1 << 2, /* none that is put together */
    HEAD_MADE = 1 << 3,    /* none but those */
    HEAD_NOT_RAW = 1 << 4, /* not http.header.raw */
    HEAD_VALUE = 1 << 5,   /* none of a header with its name */
};
/* Notes whether rules see the head of an HTTP message in another form than as it was sent, if that
 * is wanted. */
void detect_head_judge(struct head *h, const struct engine *e, const struct tx *tx,
                       const struct region *region, bool wanted);
/* Whether a field is shown by detect_head_show() instead, of a head that is odd. */
bool detect_head_remakes(const struct head *h, enum field_id id);
/* A mail's header as rules see it, with its folded lines joined; valid until the next head. */
struct span detect_head_mail_value(struct detector *d, struct span value);
/* Shows rules the head in that direction as it is put together; once, behind its headers. */
void detect_head_show(struct detector *d, struct tx *tx, enum direction dir);

/* --- detect_files.c ----------------------------------------------------------------------------
 */

/* To be called, where rules look at files, for each head and each piece of a body; returns what
 * detect_body() is to be told of a body that begins. */
void detect_files_head(struct detector *d, struct tx *tx, const struct region *region);
MUST_USE unsigned detect_files_body(struct detector *d, struct tx *tx, const struct region *region);
/* Shows what waits to the rules. The transaction has a state. */
void detect_files_judge(struct detector *d, struct tx *tx);
/* No more of a form comes. */
void detect_files_end(struct detector *d, struct tx *tx);
