/* engine_compile: from rules to what is looked up while bytes go by.
 *
 * Rules of one set repeat themselves: the same tests of the same buffer stand in hundreds. Each
 * different group of tests is kept once, with a literal of its own in the gate, and is known to
 * hold in a transaction or not whenever its buffer comes; so no buffer has to be kept for a rule
 * that looks at several. Which of a rule's groups decides when the rule is looked at is the one
 * with the pattern its author chose, else the longest.
 *
 * The gate holds the openers of look-ups and these literals in one database, so that every byte is
 * scanned once whatever the number of rules. */
#include "signatures/engine_compile.h"

#include "sensor/base/hash.h"
#include "sensor/base/mem.h"

#include <errno.h>
#include <string.h>

/* A literal of one byte would hit everywhere. */
enum { LITERAL_MIN = 2 };

bool engine_group_reads(const struct engine_group *group, enum field_id field)
{
    struct buffer_info info = buffer_info(group->group->buffer);
    for (size_t i = 0; i < info.n_fields; i++) {
        if (info.fields[i] == field) {
            return true;
        }
    }
    return false;
}

/* --- literals ----------------------------------------------------------------------------------
 */

/* The longest part of a content of http.header that stands in one line of the head, with the line
 * ends around it: a line of cookies may lie between two that are next to each other there. */
static struct span within_line(struct span bytes)
{
    struct span best = {0};
    size_t from = 0;
    while (from < bytes.len) {
        size_t end = span_find(bytes, from + 2, SPAN("\r\n"));
        end = end == SPAN_NONE || from + 2 > bytes.len ? bytes.len : end + 2;
        if (end - from > best.len) {
            best = span_sub(bytes, from, end - from);
        }
        from = end == bytes.len ? end : end - 2;
    }
    return best;
}

/* The part of a content that shows in the bytes as they were sent: transforms change them. Empty
 * when none can be named. */
static struct span visible(const struct rule_group *g, struct span bytes, bool *nocase)
{
    for (size_t i = 0; i < g->n_transforms; i++) {
        switch (g->transforms[i].how) {
        case TRANSFORM_DOTPREFIX:
            bytes = span_at(bytes, 0) == '.' ? span_from(bytes, 1) : bytes;
            break;
        case TRANSFORM_TO_LOWERCASE:
        case TRANSFORM_TO_UPPERCASE:
        case TRANSFORM_HEADER_LOWERCASE:
            *nocase = true;
            break;
        case TRANSFORM_PCREXFORM:
        case TRANSFORM_NONE:
            break;
        case TRANSFORM_STRIP_WHITESPACE:
        case TRANSFORM_COMPRESS_WHITESPACE:
        case TRANSFORM_URL_DECODE:
        case TRANSFORM_FROM_BASE64:
        case TRANSFORM_TO_MD5:
        case TRANSFORM_TO_SHA1:
        case TRANSFORM_TO_SHA256:
        case TRANSFORM_XOR:
        case TRANSFORM_GUNZIP:
        case TRANSFORM_ZLIB_DEFLATE:
            return span_of(NULL, 0);
        }
    }
    enum buffer_make make = buffer_info(g->buffer).make;
    return make == BUFFER_NAMES     ? span_of(NULL, 0)
           : make == BUFFER_HEADERS ? within_line(bytes)
                                    : bytes;
}

/* The chosen content of a group, or its longest; NULL when it has none that must be there. */
static const struct rule_content *best_content(const struct rule_group *g)
{
    const struct rule_content *best = NULL;
    for (size_t i = 0; i < g->n_tests; i++) {
        const struct rule_test *t = &g->tests[i];
        if (t->kind != RULE_CONTENT || t->negated) {
            continue;
        }
        if (t->content.fast) {
            return &t->content;
        }
        if (best == NULL || t->content.bytes.len > best->bytes.len) {
            best = &t->content;
        }
    }
    return best;
}

static void choose_literal(struct engine_group *group)
{
    const struct rule_content *c = best_content(group->group);
    if (c == NULL) {
        return;
    }
    bool nocase = c->nocase;
    struct span bytes = c->fast ? span_sub(c->bytes, c->fast_off, c->fast_len) : c->bytes;
    struct span literal = visible(group->group, bytes, &nocase);
    if (literal.len >= LITERAL_MIN) {
        group->literal = literal;
        group->nocase = nocase;
    }
}

/* Whether some content must lie near the buffer's start. */
static bool is_anchored(const struct rule_group *g)
{
    for (size_t i = 0; i < g->n_tests; i++) {
        const struct rule_content *c = &g->tests[i].content;
        if (g->tests[i].kind == RULE_CONTENT && !c->has_distance && !c->has_within &&
            (c->starts || c->has_depth || c->offset > 0)) {
            return true;
        }
    }
    return false;
}

static bool has_fast(const struct rule_group *g)
{
    for (size_t i = 0; i < g->n_tests; i++) {
        if (g->tests[i].kind == RULE_CONTENT && g->tests[i].content.fast) {
            return true;
        }
    }
    return false;
}

/* --- marks -------------------------------------------------------------------------------------
 */

/* Whether a rule changes marks of a kind and whether it asks for them, as a place in their order:
 * those that only change some go first, then those that do both, then those that only ask. */
static uint64_t mark_place(bool changes, bool asks)
{
    return !changes && !asks ? 3 : !asks ? 0 : changes ? 1 : 2;
}

static bool is_question(enum rule_flowbit_op op)
{
    return op == RULE_FLOWBIT_ISSET || op == RULE_FLOWBIT_ISNOTSET;
}

static uint64_t flowbit_place(const struct rule *rule)
{
    bool does[2] = {false, false};
    for (size_t i = 0; i < rule->n_flowbits; i++) {
        does[is_question(rule->flowbits[i].op)] = true;
    }
    return mark_place(does[0], does[1]);
}

static uint64_t flowint_place(const struct rule *rule)
{
    bool does[2] = {false, false};
    for (size_t i = 0; i < rule->n_flowints; i++) {
        enum rule_flowint_op op = rule->flowints[i].op;
        does[op != RULE_FLOWINT_SET && op != RULE_FLOWINT_ADD && op != RULE_FLOWINT_SUBTRACT] =
            true;
    }
    return mark_place(does[0], does[1]);
}

static uint64_t xbit_place(const struct rule *rule, bool pair)
{
    bool does[2] = {false, false};
    for (size_t i = 0; i < rule->n_xbits; i++) {
        if ((rule->xbits[i].track == RULE_XBIT_PAIR) == pair) {
            does[is_question(rule->xbits[i].op)] = true;
        }
    }
    return mark_place(does[0], does[1]);
}

static uint64_t action_place(enum signature_action action)
{
    switch (action) {
    case SIGNATURE_PASS:
        return 0;
    case SIGNATURE_DROP:
        return 1;
    case SIGNATURE_REJECT:
        return 2;
    case SIGNATURE_ALERT:
        break;
    }
    return 3;
}

/* As Suricata orders rules: by action, then by what they do to the marks of a flow, its numbers,
 * the marks of an address and of a pair, then by priority, then as they stand in the files. */
static uint64_t rank_of(const struct rule *rule, uint32_t i)
{
    enum { PRIORITY_BITS = 20 };
    const uint64_t most = (1U << PRIORITY_BITS) - 1;
    uint64_t priority = rule->signature.severity;
    uint64_t rank = action_place(rule->signature.action);
    rank = rank << 2 | flowbit_place(rule);
    rank = rank << 2 | flowint_place(rule);
    rank = rank << 2 | xbit_place(rule, false);
    rank = rank << 2 | xbit_place(rule, true);
    rank = rank << PRIORITY_BITS | (priority < most ? priority : most);
    return rank << 32 | i;
}

static bool asks_marks(const struct rule *rule)
{
    return flowbit_place(rule) % 3 != 0 || flowint_place(rule) % 3 != 0 ||
           xbit_place(rule, false) % 3 != 0 || xbit_place(rule, true) % 3 != 0;
}

/* Whether a rule only asks for marks of its flow that must be set. */
static bool asks_what_is_set(const struct rule *rule)
{
    bool only = rule->n_flowbits > 0 && rule->n_flowints == 0 && rule->n_xbits == 0;
    for (size_t i = 0; i < rule->n_flowbits; i++) {
        only = only && rule->flowbits[i].op == RULE_FLOWBIT_ISSET;
    }
    return only;
}

/* Whether a rule asks for nothing that changes within a flow; marks of hosts do not count. What its
 * addresses exclude makes it one of packets, as Suricata has it. */
static bool asks_once(const struct rule *rule)
{
    bool sets = true;
    for (size_t i = 0; i < rule->n_flowbits; i++) {
        sets = sets && rule->flowbits[i].op == RULE_FLOWBIT_SET;
    }
    return sets && rule->n_groups + rule->n_amounts + rule->n_flowints == 0 &&
           !net_excludes(&rule->src) && !net_excludes(&rule->dst);
}

/* Whether all that a rule does when it holds is to be told: what has a verdict is about the first
 * bytes of a protocol, not about the packet behind them. So is what is asked of DNS, of which these
 * may be all; there it is asked of each message. */
static bool is_told_only(const struct rule *rule)
{
    return rule->signature.action == SIGNATURE_ALERT && !rule->jndi.asked && !rule->whole_tx;
}

/* Whether the rule is about what comes, whatever it is part of. */
static bool is_of_packet(const struct rule *rule)
{
    bool is = rule->protocol->decoder == NULL && !rule->jndi.asked;
    for (size_t i = 0; i < rule->n_groups; i++) {
        is = is && rule->groups[i].buffer == BUFFER_PAYLOAD;
    }
    return is || rule->asks_packet;
}

/* --- groups ------------------------------------------------------------------------------------
 */

/* Finds the groups that are there already: open addressing over their keys. */
struct interner {
    uint32_t *slots; /* index + 1 */
    size_t n_slots;  /* a power of two */
};

static uint32_t add_group(struct engine *e, const struct rule_group *g)
{
    e->groups[e->n_groups] = (struct engine_group){.group = g};
    choose_literal(&e->groups[e->n_groups]);
    if (g->buffer == BUFFER_PAYLOAD && is_anchored(g)) {
        e->groups[e->n_groups].anchored = true;
        e->payload_anchored = true;
    }
    return e->n_groups++;
}

static uint32_t intern(struct engine *e, struct interner *in, const struct rule_group *g)
{
    size_t at = (size_t)hash_fixed(g->text) & (in->n_slots - 1);
    while (in->slots[at] != 0) {
        uint32_t i = in->slots[at] - 1;
        if (span_equal(e->groups[i].group->text, g->text)) {
            return i;
        }
        at = (at + 1) & (in->n_slots - 1);
    }
    in->slots[at] = e->n_groups + 1;
    return add_group(e, g);
}

static size_t count_groups(const struct rule_set *set)
{
    size_t n = 0;
    for (const struct rule *r = set->first; r != NULL; r = r->next) {
        n += 2 * r->n_groups; /* those that may be absent count twice */
    }
    return n;
}

/* How good a group is to decide by. */
static size_t weight(const struct engine *e, uint32_t group)
{
    const struct engine_group *g = &e->groups[group];
    return g->literal.len + (g->literal.len > 0 && has_fast(g->group) ? 1U << 20 : 0);
}

static void add_absence(struct engine *e, struct interner *in, struct engine_rule *r,
                        const struct rule_group *group)
{
    struct engine_absence *a = &r->absences[r->n_absences++];
    bool or_else = group->presence == RULE_ABSENT_OR_ELSE;
    a->held = or_else ? intern(e, in, group) : ENGINE_NONE;
    a->there = intern(e, in, or_else ? group->there : group);
    e->any_absence = true;
}

/* Notes when the rule is asked, and in which order. */
static void note_when(struct engine_rule *r, uint32_t i)
{
    const struct rule *rule = r->rule;
    r->rank = rank_of(rule, i);
    r->of_packet = is_of_packet(rule);
    r->retries = r->of_packet && asks_marks(rule);
    r->asks_late = r->of_packet && asks_what_is_set(rule);
    bool read = rule->protocol->decoder != NULL;
    bool dns = read && strcmp(rule->protocol->decoder, "dns") == 0;
    bool flow = rule->n_groups == 0 && (r->of_packet || (read && !dns && is_told_only(rule)));
    bool both = (rule->flow & (RULE_ESTABLISHED | RULE_NOT_ESTABLISHED)) == 0;
    bool once = flow && !rule->asks_packet && !read && asks_once(rule) && both;
    r->once_read = once && rule->n_decoders > 0;
    r->each_way = r->once_read || dns;
    r->by_packet = rule->asks_packet || (flow && !r->once_read);
    r->once = once && !r->once_read && rule->flow == 0;
}

static void add_rule(struct engine *e, struct interner *in, const struct rule *rule)
{
    struct engine_rule *r = &e->rules[e->n_rules++];
    *r = (struct engine_rule){
        .rule = rule, .deciding = ENGINE_NONE, .n_gave_up = &e->n_gave_up[e->n_rules - 1]};
    note_when(r, e->n_rules - 1);
    for (size_t i = 0; i < rule->n_groups && !rule->asks_packet; i++) {
        if (buffer_is_result(rule->groups[i].buffer)) {
            continue;
        }
        if (rule->groups[i].presence != RULE_IS_THERE) {
            add_absence(e, in, r, &rule->groups[i]);
            continue;
        }
        uint32_t group =
            r->retries ? add_group(e, &rule->groups[i]) : intern(e, in, &rule->groups[i]);
        r->groups[r->n_groups++] = group;
        if (!rule->jndi.asked &&
            (r->deciding == ENGINE_NONE || weight(e, group) > weight(e, r->deciding))) {
            r->deciding = group;
        }
    }
}

static int make_groups(struct engine *e)
{
    size_t n = count_groups(&e->set);
    struct interner in = {.n_slots = 16};
    while (in.n_slots < 2 * n) {
        in.n_slots *= 2;
    }
    in.slots = mem_alloc_array(in.n_slots, sizeof(*in.slots));
    e->groups = arena_alloc(e->arena, (n + 1) * sizeof(*e->groups));
    e->rules = arena_alloc(e->arena, (e->set.n_loaded + 1) * sizeof(*e->rules));
    e->n_gave_up = arena_alloc(e->arena, (e->set.n_loaded + 1) * sizeof(*e->n_gave_up));
    bool good = in.slots != NULL && e->groups != NULL && e->rules != NULL && e->n_gave_up != NULL;
    for (const struct rule *r = e->set.first; good && r != NULL; r = r->next) {
        add_rule(e, &in, r);
    }
    mem_free(in.slots);
    return good ? 0 : -ENOMEM;
}

/* --- lists -------------------------------------------------------------------------------------
 */

static bool list_make(struct engine *e, struct engine_list *list, size_t n)
{
    list->items = n > 0 ? arena_alloc(e->arena, n * sizeof(*list->items)) : NULL;
    list->n = 0;
    return n == 0 || list->items != NULL;
}

/* The list of the rules that no group decides. */
static struct engine_list *undecided(struct engine *e, const struct engine_rule *r)
{
    return r->rule->jndi.asked ? &e->result_rules
           : r->n_absences > 0 ? &e->end_rules
                               : &e->flow_rules;
}

static void list_rule(struct engine *e, uint32_t i)
{
    struct engine_rule *r = &e->rules[i];
    if (r->by_packet) {
        e->packet_rules.items[e->packet_rules.n++] = i;
    }
    if (r->by_packet && r->rule->asks_packet) {
        e->any_pass = e->any_pass || r->rule->signature.action == SIGNATURE_PASS;
        return;
    }
    if (r->deciding == ENGINE_NONE) {
        struct engine_list *list = undecided(e, r);
        r->flow_at = list->n;
        list->items[list->n++] = i;
    } else {
        struct engine_group *g = &e->groups[r->deciding];
        g->rules[g->n_rules++] = i;
    }
    e->any_pass =
        e->any_pass || (r->rule->signature.action == SIGNATURE_PASS && !r->rule->jndi.asked);
}

/* Rules of each group that decides, and those that results or the flow decide; pass rules stand
 * first. */
static int list_rules(struct engine *e)
{
    for (uint32_t i = 0; i < e->n_rules; i++) {
        const struct engine_rule *r = &e->rules[i];
        (*(r->deciding == ENGINE_NONE ? &undecided(e, r)->n : &e->groups[r->deciding].n_rules))++;
        e->packet_rules.n += r->by_packet;
    }
    bool good = list_make(e, &e->result_rules, e->result_rules.n) &&
                list_make(e, &e->flow_rules, e->flow_rules.n) &&
                list_make(e, &e->packet_rules, e->packet_rules.n) &&
                list_make(e, &e->end_rules, e->end_rules.n);
    for (uint32_t i = 0; good && i < e->n_groups; i++) {
        struct engine_list list;
        good = list_make(e, &list, e->groups[i].n_rules);
        e->groups[i].rules = list.items;
        e->groups[i].n_rules = 0;
    }
    for (unsigned round = 0; good && round < 2; round++) {
        for (uint32_t i = 0; i < e->n_rules; i++) {
            if ((e->rules[i].rule->signature.action == SIGNATURE_PASS) == (round == 0)) {
                list_rule(e, i);
            }
        }
    }
    return good ? 0 : -ENOMEM;
}

static bool reads(const struct engine_group *g, size_t field)
{
    return field == FIELD_N ? buffer_is_region(g->group->buffer)
                            : engine_group_reads(g, (enum field_id)field);
}

/* What is wanted of a field, or with FIELD_N of the payload. */
static int list_wants(struct engine *e, size_t field, struct engine_wants *wants)
{
    size_t n = 0;
    for (uint32_t i = 0; i < e->n_groups; i++) {
        const struct engine_group *g = &e->groups[i];
        if (!reads(g, field)) {
            continue;
        }
        bool header = buffer_info(g->group->buffer).make == BUFFER_HEADER_LINE;
        wants->header_line = wants->header_line || header;
        wants->gated = wants->gated || g->literal.len > 0;
        n += g->literal.len == 0;
    }
    if (!list_make(e, &wants->always, n)) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; n > 0 && i < e->n_groups; i++) {
        if (e->groups[i].literal.len == 0 && reads(&e->groups[i], field)) {
            wants->always.items[wants->always.n++] = i;
        }
    }
    return 0;
}

/* --- gate --------------------------------------------------------------------------------------
 */

static int make_gate(struct engine *e, const char *cache_dir, struct errbuf *err)
{
    size_t n_openers = peel_gate_n_patterns();
    size_t n_max = n_openers + e->n_groups;
    struct match_pattern *patterns = mem_alloc_array(n_max + 1, sizeof(*patterns));
    e->pattern_groups = arena_alloc(e->arena, (e->n_groups + 1) * sizeof(*e->pattern_groups));
    if (patterns == NULL || e->pattern_groups == NULL) {
        mem_free(patterns);
        return -ENOMEM;
    }
    for (size_t i = 0; i < n_openers; i++) {
        patterns[i] = peel_gate_pattern(i);
    }
    e->n_openers = (uint32_t)n_openers;
    for (uint32_t i = 0; i < e->n_groups; i++) {
        if (e->groups[i].literal.len > 0) {
            patterns[n_openers + e->n_patterns] = (struct match_pattern){
                .text = e->groups[i].literal, .literal = true, .nocase = e->groups[i].nocase};
            e->pattern_groups[e->n_patterns++] = i;
        }
    }
    int r = match_db_new(patterns, n_openers + e->n_patterns, cache_dir, &e->gate, err);
    mem_free(patterns);
    return r;
}

static int make_xbits(struct engine *e)
{
    for (uint32_t i = 0; i < e->n_rules && e->xbits == NULL; i++) {
        if (e->rules[i].rule->n_xbits > 0) {
            e->xbits = xbits_new();
            return e->xbits != NULL ? 0 : -ENOMEM;
        }
    }
    return 0;
}

/* --- all of it ---------------------------------------------------------------------------------
 */

static bool reads_bodies(const struct engine_group *g)
{
    return g->group->buffer == BUFFER_PAYLOAD || g->group->buffer == BUFFER_FILE_DATA ||
           engine_group_reads(g, FIELD_HTTP_REQUEST_BODY) ||
           engine_group_reads(g, FIELD_HTTP_RESPONSE_BODY) ||
           engine_group_reads(g, FIELD_EMAIL_BODY) || engine_group_reads(g, FIELD_FILE_DATA) ||
           engine_group_reads(g, FIELD_STREAM_PAYLOAD);
}

enum engine_cost engine_rule_cost(const struct engine *e, const struct engine_rule *rule)
{
    if (rule->by_packet) {
        return ENGINE_COST_PACKET;
    }
    if (rule->deciding == ENGINE_NONE) {
        return rule->rule->jndi.asked ? ENGINE_COST_RESULT
               : rule->n_absences > 0 ? ENGINE_COST_FIELD
                                      : ENGINE_COST_FLOW;
    }
    const struct engine_group *g = &e->groups[rule->deciding];
    if (g->literal.len > 0) {
        return ENGINE_COST_GATE;
    }
    return reads_bodies(g) ? ENGINE_COST_BYTES : ENGINE_COST_FIELD;
}

static const char *tried_on(enum engine_cost cost)
{
    return cost == ENGINE_COST_BYTES   ? "all bytes of "
           : cost == ENGINE_COST_FIELD ? "every value of "
           : cost == ENGINE_COST_FLOW  ? "every piece of every flow"
                                       : "every packet";
}

/* The buffer of which that is; "" when it is none. */
static const char *tried_buffer(const struct engine *e, const struct engine_rule *r)
{
    uint32_t group = r->deciding != ENGINE_NONE ? r->deciding
                     : r->n_absences > 0        ? r->absences[0].there
                                                : ENGINE_NONE;
    return group != ENGINE_NONE ? buffer_info(e->groups[group].group->buffer).name : "";
}

/* Rules that no pattern of the gate holds back, and on what they are tried instead. */
static void warn_of_costs(const struct engine *e, struct errbuf *warnings)
{
    for (uint32_t i = 0; i < e->n_rules && warnings != NULL; i++) {
        const struct engine_rule *r = &e->rules[i];
        enum engine_cost cost = engine_rule_cost(e, r);
        if (cost >= ENGINE_COST_FIELD) {
            errbuf_add(warnings,
                       "%s:%zu: sid %u: no content of %d or more bytes must be there, so it is "
                       "tried on %s%s",
                       r->rule->file, r->rule->line, (unsigned)r->rule->signature.sid, LITERAL_MIN,
                       tried_on(cost), tried_buffer(e, r));
        }
    }
}

bool engine_looks_at(const struct engine *e, enum field_id field)
{
    return e->fields[field].gated || e->fields[field].always.n > 0;
}

/* --- heads -------------------------------------------------------------------------------------
 */

static bool is_of_target(const struct engine_group *g)
{
    return g->literal.len > 0 &&
           (engine_group_reads(g, FIELD_HTTP_URI) || engine_group_reads(g, FIELD_HTTP_URI_RAW));
}

/* The group of a rule that its others wait for; ENGINE_NONE: they do not. All buffers of such a
 * rule are of one direction, that of the target. */
static uint32_t awaited_by(const struct engine *e, const struct engine_rule *r)
{
    bool one_way = !r->rule->whole_tx && r->deciding != ENGINE_NONE && r->n_absences == 0;
    for (uint32_t i = 0; i < r->n_groups && one_way; i++) {
        if (is_of_target(&e->groups[r->groups[i]])) {
            return r->groups[i];
        }
    }
    return ENGINE_NONE;
}

/* A method, or a header that is not there, are of nearly every request: what makes a rule rare is
 * its target. */
static void note_waiting(struct engine *e)
{
    for (uint32_t i = 0; i < e->n_groups; i++) {
        e->groups[i].waits = true;
    }
    for (uint32_t i = 0; i < e->n_rules; i++) {
        const struct engine_rule *r = &e->rules[i];
        uint32_t awaited = awaited_by(e, r);
        for (uint32_t n = 0; n < r->n_groups; n++) {
            struct engine_group *g = &e->groups[r->groups[n]];
            g->waits = g->waits && awaited != ENGINE_NONE && r->groups[n] != awaited;
        }
        for (uint32_t n = 0; n < r->n_absences; n++) {
            const struct engine_absence *absence = &r->absences[n];
            e->groups[absence->there].waits = false;
            if (absence->held != ENGINE_NONE) {
                e->groups[absence->held].waits = false;
            }
        }
    }
}

bool engine_is_mail_header(enum field_id field)
{
    static const enum field_id fields[] = {
        FIELD_EMAIL_FROM, FIELD_EMAIL_TO,         FIELD_EMAIL_CC,       FIELD_EMAIL_SUBJECT,
        FIELD_EMAIL_DATE, FIELD_EMAIL_MESSAGE_ID, FIELD_EMAIL_X_MAILER, FIELD_EMAIL_RECEIVED,
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        if (fields[i] == field) {
            return true;
        }
    }
    return false;
}

/* Whether a group looks at what of a head may be put together. */
static bool is_of_head(const struct engine_group *g)
{
    static const enum field_id fields[] = {
        FIELD_HTTP_HEADER,          FIELD_HTTP_HOST,         FIELD_HTTP_REQUEST_HEADER,
        FIELD_HTTP_RESPONSE_HEADER, FIELD_HTTP_REQUEST_LINE, FIELD_HTTP_RESPONSE_LINE,
        FIELD_HTTP_PROTOCOL,
    };
    bool is = g->group->buffer == BUFFER_HTTP_START;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        is = is || engine_group_reads(g, fields[i]);
    }
    for (size_t id = 0; id < FIELD_N; id++) {
        is = is || (*buffer_header_name((enum field_id)id) != '\0' &&
                    engine_group_reads(g, (enum field_id)id));
    }
    return is;
}

/* Which parts of heads the rules look at. */
static void note_heads(struct engine *e)
{
    for (uint32_t i = 0; i < e->n_groups; i++) {
        const struct engine_group *g = &e->groups[i];
        bool of_head = is_of_head(g);
        e->any_start = e->any_start || g->group->buffer == BUFFER_HTTP_START;
        e->any_waits = e->any_waits || g->waits;
        e->any_header = e->any_header || of_head;
        e->any_header_first = e->any_header_first || (of_head && !g->waits);
    }
    for (size_t id = 0; id < FIELD_N; id++) {
        e->any_mail = e->any_mail || (engine_is_mail_header((enum field_id)id) &&
                                      engine_looks_at(e, (enum field_id)id));
    }
    e->any_status_line = e->any_start || engine_looks_at(e, FIELD_HTTP_RESPONSE_LINE);
}

static void note_always(struct engine *e, const struct engine_wants *wants)
{
    e->wants_all = e->wants_all || wants->always.n > 0;
    for (uint32_t i = 0; i < wants->always.n; i++) {
        e->wants_all_first = e->wants_all_first || !e->groups[wants->always.items[i]].waits;
    }
}

int engine_compile(struct engine *e, const struct engine_options *options, struct errbuf *err)
{
    int r = make_groups(e);
    r = r == 0 ? list_rules(e) : r;
    for (size_t field = 0; r == 0 && field <= FIELD_N; field++) {
        r = list_wants(e, field, field < FIELD_N ? &e->fields[field] : &e->payload);
    }
    if (r == 0) {
        note_waiting(e);
        note_heads(e);
    }
    for (size_t field = 0; r == 0 && field < FIELD_N; field++) {
        note_always(e, &e->fields[field]);
    }
    e->any_file = engine_looks_at(e, FIELD_FILE_NAME) || engine_looks_at(e, FIELD_FILE_DATA);
    r = r == 0 ? make_xbits(e) : r;
    r = r == 0 ? make_gate(e, options->cache_dir, err) : r;
    if (r == 0) {
        warn_of_costs(e, options->warnings);
    }
    return r;
}
