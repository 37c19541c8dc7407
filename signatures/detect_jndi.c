/* detect_jndi: from a text with a hit to what is told of its look-ups.
 *
 * The text is peeled and evaluated; what came out is given to the rules that ask about results,
 * which decide whether and under which number it is told. Nothing in the code knows a rule.
 *
 * All evaluations of one region share one budget, so that many values cannot cost more than one. */
#include "signatures/detect_parts.h"

#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"

enum { RAW_MAX = 1024, AROUND_BEFORE = 256 };

bool detect_may_hide(struct span text)
{
    return peel_may_hide(text);
}

void detect_evaluate(struct detector *d, const struct spot *spot, struct span text,
                     struct answer *ret)
{
    *ret = (struct answer){0};
    if (d->dry) {
        return; /* told once for the region */
    }
    stats_add(d->stats, STAT_EVALUATIONS, 1);
    const struct peel_hints hints = {.dialect = spot->dialect,
                                     .field = spot->field,
                                     .item = spot->item,
                                     .layers = spot->layers,
                                     .time_us = spot->tx->conn->last_us,
                                     .fuel = &d->fuel};
    struct peel_result result;
    (void)peel_and_evaluate(d->peeler, text, &hints, &result);
    *ret = (struct answer){.class = result.lookup.class,
                           .over_budget = result.lookup.over_budget,
                           .result = result.lookup,
                           .encodings = result.encodings,
                           .raw = span_sub(text, result.raw_off, result.raw_len)};
    d->dry = d->fuel == 0;
    d->commons = d->commons || result.commons;
    if (spot->dialect == LOOKUP_COMMONS_TEXT && ret->class == LOOKUP_NONE) {
        ret->over_budget = false; /* told of the text when Log4j was asked about it */
    }
    if (ret->over_budget) {
        stats_add(d->stats, STAT_OVER_BUDGET, 1);
    }
}

/* --- keys --------------------------------------------------------------------------------------
 */

uint64_t detect_names_key(struct detector *d, const struct answer *answer)
{
    sbuf_reset(&d->key);
    for (size_t i = 0; i < answer->result.n_names; i++) {
        sbuf_add(&d->key, answer->result.names[i].text);
        sbuf_add_byte(&d->key, 0);
    }
    if (answer->result.n_names == 0) {
        sbuf_add(&d->key, answer->result.attempt);
    }
    return hash_fixed(sbuf_span(&d->key));
}

static uint64_t told_key(struct detector *d, const struct spot *spot, const struct answer *answer)
{
    uint64_t names = detect_names_key(d, answer);
    sbuf_reset(&d->key);
    sbuf_add_format(&d->key, "%llx %d %d %d %d %d %d ", (unsigned long long)names,
                    (int)spot->dialect, (int)answer->class, answer->over_budget, (int)spot->field,
                    (int)spot->dir,
                    answer->result.n_names > 0 && answer->result.names[0].reaches_network);
    sbuf_add(&d->key, spot->item);
    return hash_fixed(sbuf_span(&d->key));
}

/* Which attempt this is: the same in every run. */
static uint64_t attack_key(struct detector *d, const struct spot *spot)
{
    sbuf_reset(&d->key);
    sbuf_add_format(&d->key, "%llu %u %s ", (unsigned long long)spot->tx->conn->id,
                    (unsigned)spot->tx->id, field_info(spot->field)->name);
    sbuf_add(&d->key, spot->item);
    return hash_fixed(sbuf_span(&d->key));
}

/* Which campaign it belongs to: where it calls, or without a call-back what it asks for. How it was
 * disguised does not matter. */
static uint64_t campaign_key(struct detector *d, const struct answer *answer)
{
    const struct lookup_result *r = &answer->result;
    sbuf_reset(&d->key);
    if (r->host.len > 0) {
        sbuf_add(&d->key, r->names[0].scheme);
        sbuf_add_format(&d->key, " %u ", (unsigned)r->port);
        sbuf_add(&d->key, r->host);
        sbuf_add_byte(&d->key, ' ');
        sbuf_add(&d->key, r->path);
    } else {
        sbuf_add(&d->key, r->n_names > 0 ? r->names[0].text : r->attempt);
    }
    return hash_fixed(sbuf_span(&d->key));
}

/* --- results -----------------------------------------------------------------------------------
 */

/* Copies into a transaction's arena; `failed` once anything did not fit. */
struct keeper {
    struct tx *tx;
    bool failed;
};

static struct span keep(struct keeper *k, struct span text)
{
    bool cut = false;
    struct span copy = arena_copy(k->tx->arena, text, SIZE_MAX, &cut);
    k->failed = k->failed || cut;
    return copy;
}

static struct span *keep_list(struct keeper *k, size_t n)
{
    struct span *list = arena_alloc(k->tx->arena, (n + 1) * sizeof(*list));
    k->failed = k->failed || list == NULL;
    return list;
}

static void keep_names(struct detector *d, struct keeper *k, const struct lookup_result *r,
                       struct jndi *jndi)
{
    jndi->lookups = keep_list(k, r->n_names);
    for (size_t i = 0; jndi->lookups != NULL && i < r->n_names; i++) {
        sbuf_reset(&d->key);
        if (r->dialect == LOOKUP_LOG4J) {
            sbuf_add(&d->key, SPAN("jndi:"));
        }
        sbuf_add(&d->key, r->names[i].text);
        jndi->lookups[jndi->n_lookups++] = keep(k, sbuf_span(&d->key));
    }
}

static void keep_variables(struct keeper *k, const struct lookup_result *r, struct jndi *jndi)
{
    jndi->variables = keep_list(k, r->n_variables);
    for (size_t i = 0; jndi->variables != NULL && i < r->n_variables; i++) {
        jndi->variables[jndi->n_variables++] = keep(k, r->variables[i]);
    }
}

static void keep_callback(struct keeper *k, const struct lookup_result *r,
                          struct callback *callback)
{
    callback->host = keep(k, r->host);
    callback->port = r->port;
    callback->path = keep(k, r->path);
    if (!addr_parse(r->host, &callback->ip)) {
        callback->ip = (struct addr){0};
    }
}

static struct encodings join_layers(struct encodings outer, const struct encodings *inner)
{
    for (size_t i = 0; i < inner->n; i++) {
        outer = encodings_with(outer, (enum encoding)inner->ids[i]);
    }
    return outer;
}

/* The first name that leaves the machine, else the first; NULL without any. */
static const struct lookup_name *telling_name(const struct lookup_result *r)
{
    for (size_t i = 0; i < r->n_names; i++) {
        if (r->names[i].reaches_network) {
            return &r->names[i];
        }
    }
    return r->n_names > 0 ? &r->names[0] : NULL;
}

static struct jndi *keep_answer(struct detector *d, const struct spot *spot,
                                const struct answer *answer)
{
    const struct lookup_result *r = &answer->result;
    struct keeper k = {.tx = spot->tx};
    struct jndi *jndi = arena_alloc(spot->tx->arena, sizeof(*jndi));
    if (jndi == NULL) {
        return NULL;
    }
    jndi->dialect = r->dialect;
    jndi->class = answer->class;
    jndi->over_budget = answer->over_budget;
    jndi->raw_cut = answer->raw.len > RAW_MAX;
    jndi->raw = keep(&k, span_head(answer->raw, RAW_MAX));
    const struct lookup_name *name = telling_name(r);
    if (name != NULL) {
        jndi->scheme = keep(&k, name->scheme);
        jndi->reaches_network = name->reaches_network;
    }
    keep_names(d, &k, r, jndi);
    keep_variables(&k, r, jndi);
    keep_callback(&k, r, &jndi->callback);
    jndi->encodings = join_layers(spot->layers, &answer->encodings);
    jndi->tricks = r->tricks;
    jndi->depth = r->depth;
    jndi->attack_id = attack_key(d, spot);
    jndi->campaign = campaign_key(d, answer);
    return k.failed ? NULL : jndi;
}

/* --- rules about results -----------------------------------------------------------------------
 */

static unsigned class_of(const struct jndi *jndi)
{
    if (jndi->class == LOOKUP_ATTACK) {
        return RULE_CLASS_ATTACK;
    }
    if (jndi->over_budget) {
        return RULE_CLASS_OVER_BUDGET;
    }
    return jndi->class == LOOKUP_CONDITIONAL ? RULE_CLASS_CONDITIONAL : RULE_CLASS_ATTEMPT;
}

static bool scheme_is(const struct rule_jndi *asked, struct span scheme)
{
    for (size_t i = 0; i < asked->n_schemes; i++) {
        if (span_equal(asked->schemes[i], scheme)) {
            return !asked->not_schemes;
        }
    }
    return asked->n_schemes == 0 || asked->not_schemes;
}

static bool group_in(struct detector *d, const struct engine_rule *rule, const struct rule_group *g,
                     struct span text)
{
    const struct verify_view view = {.text = text};
    enum verify_result r = verify_group(g, &view, d->regex);
    if (r == VERIFY_GAVE_UP) {
        detect_gave_up(d, rule);
    }
    return r == VERIFY_YES;
}

static bool group_in_any(struct detector *d, const struct engine_rule *rule,
                         const struct rule_group *g, const struct span *texts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (group_in(d, rule, g, texts[i])) {
            return true;
        }
    }
    return false;
}

/* "host:port", as jndi.callback shows it. */
static bool group_in_callback(struct detector *d, const struct engine_rule *rule,
                              const struct rule_group *g, const struct callback *c)
{
    if (c->host.len == 0) {
        return false;
    }
    sbuf_reset(&d->made);
    sbuf_add(&d->made, c->host);
    sbuf_add_format(&d->made, ":%u", (unsigned)c->port);
    return group_in(d, rule, g, sbuf_span(&d->made));
}

static bool result_groups_hold(struct detector *d, const struct engine_rule *rule,
                               const struct jndi *jndi)
{
    for (size_t i = 0; i < rule->rule->n_groups; i++) {
        const struct rule_group *g = &rule->rule->groups[i];
        bool good = true;
        if (g->buffer == (enum buffer)FIELD_JNDI_LOOKUP) {
            good = group_in_any(d, rule, g, jndi->lookups, jndi->n_lookups);
        } else if (g->buffer == (enum buffer)FIELD_JNDI_VARIABLE) {
            good = group_in_any(d, rule, g, jndi->variables, jndi->n_variables);
        } else if (g->buffer == (enum buffer)FIELD_JNDI_CALLBACK) {
            good = group_in_callback(d, rule, g, &jndi->callback);
        }
        if (!good) {
            return false;
        }
    }
    return true;
}

static bool result_matches(struct detector *d, const struct spot *spot,
                           const struct engine_rule *rule, const struct jndi *jndi)
{
    const struct rule_jndi *asked = &rule->rule->jndi;
    if (jndi->dialect != asked->dialect ||
        (asked->classes != 0 && (asked->classes & class_of(jndi)) == 0) ||
        (asked->reach != RULE_REACH_ANY &&
         jndi->reaches_network != (asked->reach == RULE_REACH_YES)) ||
        !scheme_is(asked, jndi->scheme)) {
        return false;
    }
    return detect_rule_applies(rule->rule, spot->tx, spot->dir) &&
           result_groups_hold(d, rule, jndi);
}

static void ask_rules(struct detector *d, const struct spot *spot, struct tx_state *state,
                      struct jndi *jndi)
{
    const struct engine *e = state->edition->engine;
    for (uint32_t i = 0; i < e->result_rules.n; i++) {
        const struct engine_rule *rule = &e->rules[e->result_rules.items[i]];
        if (!result_matches(d, spot, rule, jndi)) {
            continue;
        }
        if (rule->rule->signature.action == SIGNATURE_PASS) {
            return; /* of this result only */
        }
        detect_offer(d, spot, e->result_rules.items[i], jndi);
    }
}

/* --- telling -----------------------------------------------------------------------------------
 */

/* Whether it is new, and from now on it is not. */
static bool was_told(const struct tx_state *state, uint64_t key)
{
    for (const struct told *t = state->told; t != NULL; t = t->next) {
        if (t->key == key) {
            return true;
        }
    }
    return false;
}

static bool tell_once(struct tx *tx, struct tx_state *state, uint64_t key)
{
    if (was_told(state, key)) {
        return false;
    }
    struct told *t = arena_alloc(tx->arena, sizeof(*t));
    if (t != NULL) {
        *t = (struct told){state->told, key};
        state->told = t;
    }
    return true;
}

/* What the event shows: the raw look-up with a little before it, and what follows. */
static struct span around(struct span text, struct span raw)
{
    size_t at = 0;
    if (!span_contains(text, raw, &at)) {
        return text;
    }
    return span_from(text, at > AROUND_BEFORE ? at - AROUND_BEFORE : 0);
}

/* Of two fields that are forms of one another, the name that is known better. */
static enum field_id told_as(enum field_id id)
{
    if (id == FIELD_HTTP_URI_RAW) {
        return FIELD_HTTP_URI;
    }
    return id == FIELD_HTTP_HOST_RAW ? FIELD_HTTP_HOST : id;
}

/* A picture, an archive: by chance they hold every introducer there is, so giving up on one is
 * counted and no alert. In text it is one. */
static bool is_binary(struct span text)
{
    size_t odd = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        odd += c >= 0x80 || (c < 0x20 && !byte_is_space(c));
    }
    return odd > text.len / 4;
}

/* Once the body has gone on, the same may stand in another place of it: its names are enough to
 * know it again. What is judged is noted here. */
static bool was_judged(struct detector *d, struct tx_state *state, const struct spot *spot,
                       const struct answer *answer)
{
    static const uint64_t judged = 0x9e3779b97f4a7c15; /* no key of a place is meant */
    uint64_t key = detect_names_key(d, answer) ^ judged;
    if (d->judging) {
        state->judged = true;
        return !tell_once(spot->tx, state, key);
    }
    return state->judged && was_told(state, key);
}

void detect_report(struct detector *d, const struct spot *spot, struct span text,
                   const struct answer *answer)
{
    if (answer->class == LOOKUP_NONE && (!answer->over_budget || is_binary(text))) {
        return;
    }
    if (d->judging && answer->class != LOOKUP_ATTACK) {
        return;
    }
    struct spot told = *spot;
    told.field = told_as(spot->field);
    told.around = around(text, answer->raw);
    struct tx_state *state = detect_state(d, spot->tx);
    if (state == NULL || was_judged(d, state, spot, answer) ||
        !tell_once(spot->tx, state, told_key(d, &told, answer))) {
        return;
    }
    if (state->n_findings >= d->limits.findings) {
        stats_add(d->stats, STAT_FINDINGS_LOST, 1);
        return;
    }
    struct jndi *jndi = keep_answer(d, &told, answer);
    if (jndi == NULL) {
        stats_add(d->stats, STAT_FINDINGS_LOST, 1);
        return;
    }
    ask_rules(d, &told, state, jndi);
}

/* Whether the look-up begins where it must; what gave up may have begun anywhere. */
static bool begins_in(const struct candidate *c, const struct answer *answer)
{
    size_t at = 0;
    return answer->class == LOOKUP_NONE || !span_contains(c->text, answer->raw, &at) ||
           at < c->limit;
}

size_t detect_best(struct detector *d, const struct candidate *candidates, size_t n,
                   enum lookup_class *ret_class)
{
    struct answer answer = {0};
    enum lookup_class class = LOOKUP_NONE;
    size_t best = 0;
    size_t last = 0; /* whose answer it is */
    bool over_budget = false;
    for (size_t i = 0; i < n && class != LOOKUP_ATTACK; i++) {
        if (!detect_may_hide(candidates[i].text)) {
            continue;
        }
        detect_evaluate(d, &candidates[i].spot, candidates[i].text, &answer);
        last = i;
        bool more =
            answer.class > class || (class == LOOKUP_NONE && answer.over_budget && !over_budget);
        if (more && begins_in(&candidates[i], &answer)) {
            class = answer.class;
            over_budget = answer.over_budget;
            best = i;
        }
    }
    if (class != LOOKUP_NONE || over_budget) {
        if (last != best) {
            detect_evaluate(d, &candidates[best].spot, candidates[best].text, &answer);
        }
        detect_report(d, &candidates[best].spot, candidates[best].text, &answer);
    }
    *ret_class = class;
    return best;
}
