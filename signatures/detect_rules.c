/* detect_rules: groups that hold, rules of which all groups hold, and findings.
 *
 * A group is tried when its literal was hit in its buffer, or on each of its buffers when it has no
 * literal; once it holds in one direction of a transaction it is not tried again there. When a
 * group holds that decides, its rules are looked at: what is missing is waited for to the
 * transaction's end. A rule of plain bytes is found once in a transaction, in the buffer that
 * completed it; without a direction once in each.
 *
 * A pass rule silences its flow from the packet on that completes it, as Suricata has it: where
 * there are such rules, findings wait until all that the packet brought was looked at. So do rules
 * that have marks: what a packet's rules set comes before what its rules ask for, wherever in it
 * they were found. */
#include "signatures/detect_parts.h"

#include "sensor/base/bytes.h"
#include "signatures/transform.h"

#include <stdatomic.h>
#include <string.h>

/* So many tests of one transaction may give up over their limits; then expressions are left out. */
enum { GAVE_UP_MAX = 64 };

/* --- buffers made for rules --------------------------------------------------------------------
 */

/* Where the name of a header's line ends: those of HTTP/2 may begin with a colon. */
static size_t name_len(struct span line)
{
    bool pseudo = span_at(line, 0) == ':' && span_at(line, 1) != ' ';
    return span_find_byte(line, pseudo ? 1 : 0, ':');
}

/* The names of all headers of a block, each with its CRLF, and one CRLF around them. */
static struct span names_of(struct span block, struct sbuf *to)
{
    sbuf_reset(to);
    sbuf_add(to, SPAN("\r\n"));
    while (block.len > 0) {
        struct span line = span_split(&block, '\n');
        size_t colon = name_len(line);
        bool folded = span_at(line, 0) == ' ' || span_at(line, 0) == '\t';
        if (colon != SPAN_NONE && !folded) {
            sbuf_add(to, span_trim(span_head(line, colon)));
            sbuf_add(to, SPAN("\r\n"));
        }
    }
    sbuf_add(to, SPAN("\r\n"));
    return sbuf_span(to);
}

/* The headers of a block, "name: value" each, without those that http.cookie has. What is folded to
 * a line is joined to it. */
static struct span headers_of(struct span block, struct sbuf *to)
{
    bool kept = false;
    sbuf_reset(to);
    while (block.len > 0) {
        struct span line = span_split(&block, '\n');
        bool folded = span_at(line, 0) == ' ' || span_at(line, 0) == '\t';
        struct span value = span_trim(line);
        if (value.len == 0 || (folded && !kept)) {
            continue;
        }
        size_t colon = folded ? 0 : name_len(value);
        struct span name = span_trim(span_head(value, colon));
        value = folded ? value : span_from(value, colon == SPAN_NONE ? value.len : colon + 1);
        kept = folded || (!span_equal_nocase(name, SPAN("cookie")) &&
                          !span_equal_nocase(name, SPAN("set-cookie")));
        if (!kept) {
            continue;
        }
        if (folded) {
            sbuf_shorten(to, to->len - 2);
            sbuf_add_byte(to, ' ');
        } else {
            sbuf_add(to, name);
            sbuf_add(to, SPAN(": "));
        }
        sbuf_add(to, span_trim(value));
        sbuf_add(to, SPAN("\r\n"));
    }
    return sbuf_span(to);
}

/* The header's name as it was sent, when its value lies in the head; else as we know it. */
static struct span name_of(const struct detector *d, const struct spot *spot, struct span value)
{
    const struct head *h = &d->heads[spot->dir];
    size_t off = 0;
    if ((spot->how & HEAD_MADE) != 0) {
        return spot->header;
    }
    if (h->tx == spot->tx && span_contains(h->bytes, value, &off)) {
        size_t lf = span_rfind_byte(span_head(h->bytes, off), '\n');
        struct span line = span_from(h->bytes, lf == SPAN_NONE ? 0 : lf + 1);
        return span_trim(span_head(line, span_find_byte(line, 0, ':')));
    }
    return spot->item.len > 0 ? spot->item : span_str(buffer_header_name(spot->field));
}

static struct span header_line(struct detector *d, const struct spot *spot, struct span value)
{
    sbuf_reset(&d->made);
    sbuf_add(&d->made, name_of(d, spot, value));
    sbuf_add(&d->made, SPAN(": "));
    sbuf_add(&d->made, value);
    return sbuf_span(&d->made);
}

/* The buffer a group looks at, from the field's value. */
static struct span make_buffer(struct detector *d, const struct spot *spot,
                               const struct rule_group *g, struct span value)
{
    struct span text = value;
    switch (buffer_info(g->buffer).make) {
    case BUFFER_VALUE:
        break;
    case BUFFER_HEADER_LINE:
        text = header_line(d, spot, value);
        break;
    case BUFFER_HEADERS:
        text = headers_of(value, &d->made);
        break;
    case BUFFER_NAMES:
        text = names_of(value, &d->made);
        break;
    }
    for (size_t i = 0; i < g->n_transforms; i++) {
        size_t off = 0;
        struct sbuf *to = span_contains(sbuf_span(&d->made), text, &off) ? &d->spare : &d->made;
        text = transform(&g->transforms[i], text, d->regex, to);
    }
    return text;
}

bool detect_holds_in(struct detector *d, const struct spot *spot, const struct rule_group *group,
                     struct span text)
{
    const struct verify_view view = {.text = make_buffer(d, spot, group, text)};
    return verify_group(group, &view, d->regex) == VERIFY_YES;
}

/* --- rules -------------------------------------------------------------------------------------
 */

static bool ends_are(const struct rule *rule, const struct conn *conn, enum direction from)
{
    enum direction to = direction_other(from);
    return net_addrs_have(&rule->src, &conn->addr[from]) &&
           net_ports_have(&rule->src_ports, conn->port[from]) &&
           net_addrs_have(&rule->dst, &conn->addr[to]) &&
           net_ports_have(&rule->dst_ports, conn->port[to]);
}

/* Both directions were seen, or, of TCP, its opening; mid-stream flows are taken to be open. */
static bool is_established(const struct conn *conn)
{
    return conn->state != CONN_NEW || (conn->marks & CONN_MIDSTREAM) != 0 ||
           (conn->packets[TO_SERVER] > 0 && conn->packets[TO_CLIENT] > 0);
}

/* "http" is any version, as with Suricata; "http1" and "http2" are those. */
static bool reads(const char *decoder, const char *protocol)
{
    if (decoder == NULL) {
        return false;
    }
    bool http1 = strcmp(decoder, "http") == 0;
    bool http2 = strcmp(decoder, "http2") == 0;
    return strcmp(protocol, "http") == 0    ? http1 || http2
           : strcmp(protocol, "http1") == 0 ? http1
                                            : strcmp(protocol, decoder) == 0;
}

static bool amount_is(const struct rule_amount *a, const struct conn *conn)
{
    const struct rule_size *s = &a->size;
    bool client = verify_compare(s->compare, conn->stream_bytes[TO_SERVER], s->low, s->high);
    bool server = verify_compare(s->compare, conn->stream_bytes[TO_CLIENT], s->low, s->high);
    if (a->of != RULE_AMOUNT_PAYLOAD && conn->proto != IP_PROTO_TCP) {
        return false;
    }
    switch (a->of) {
    case RULE_AMOUNT_PAYLOAD:
        return verify_compare(s->compare, conn->piece_bytes, s->low, s->high) != a->negated;
    case RULE_AMOUNT_CLIENT:
        return client != a->negated;
    case RULE_AMOUNT_SERVER:
        return server != a->negated;
    case RULE_AMOUNT_BOTH:
        return (client != a->negated) && (server != a->negated);
    case RULE_AMOUNT_EITHER:
        return (client != a->negated) || (server != a->negated);
    }
    return false;
}

static bool amounts_are(const struct rule *rule, const struct conn *conn)
{
    for (size_t i = 0; i < rule->n_amounts; i++) {
        if (!amount_is(&rule->amounts[i], conn)) {
            return false;
        }
    }
    return true;
}

/* Whether the flow is read as one of the protocols that the rule names. */
static bool is_read_as(const struct rule *rule, const struct conn *conn)
{
    for (size_t i = 0; i < rule->n_decoders; i++) {
        const char *read = conn->app_proto != NULL ? conn->app_proto : RULE_UNREAD;
        if (strcmp(rule->decoders[i], read) == 0) {
            return true;
        }
    }
    return false;
}

bool detect_rule_is_of(const struct rule *rule, const struct tx *tx, enum direction dir,
                       const char *reader)
{
    const struct conn *conn = tx->conn;
    const struct rule_protocol *p = rule->protocol;
    if ((rule->flow & RULE_TO_SERVER && dir != TO_SERVER) ||
        (rule->flow & RULE_TO_CLIENT && dir != TO_CLIENT)) {
        return false;
    }
    unsigned over = conn->proto == IP_PROTO_TCP ? RULE_OVER_TCP : RULE_OVER_UDP;
    if ((p->ip_proto != 0 && p->ip_proto != conn->proto) || (rule->not_over & over) != 0 ||
        (p->decoder != NULL && !reads(reader, p->decoder))) {
        return false;
    }
    if (rule->n_decoders > 0 && is_read_as(rule, conn) == rule->not_decoder) {
        return false;
    }
    if (rule->ip_version != 0 && rule->ip_version != conn->addr[0].family) {
        return false;
    }
    return (ends_are(rule, conn, rule->whole_tx ? TO_SERVER : dir) ||
            (rule->both_ways && ends_are(rule, conn, direction_other(dir)))) &&
           amounts_are(rule, conn);
}

bool detect_rule_applies(const struct rule *rule, const struct tx *tx, enum direction dir)
{
    const struct conn *conn = tx->conn;
    return (rule->flow & (is_established(conn) ? RULE_NOT_ESTABLISHED : RULE_ESTABLISHED)) == 0 &&
           detect_rule_is_of(rule, tx, dir, tx->decoder != NULL ? tx->decoder->name : NULL);
}

bool detect_group_held(const struct tx_state *state, uint32_t group, enum direction dir)
{
    return state->held[dir] != NULL && (state->held[dir][group / 64] >> (group % 64) & 1) != 0;
}

/* Whether the group holds in what goes that way, in which all of a rule must; of a rule about both
 * sides of a transaction, or about a look-up, whichever way it went that the rule allows. */
static bool holds_for(const struct tx_state *state, uint32_t group, const struct rule *rule,
                      enum direction dir)
{
    if (!rule->whole_tx && !rule->jndi.asked) {
        return detect_group_held(state, group, dir);
    }
    unsigned flow = rule->whole_tx ? 0 : rule->flow;
    bool asked = (flow & RULE_TO_CLIENT) == 0 && detect_group_held(state, group, TO_SERVER);
    return asked || ((flow & RULE_TO_SERVER) == 0 && detect_group_held(state, group, TO_CLIENT));
}

static bool absences_hold(const struct tx_state *state, const struct engine_rule *rule,
                          enum direction dir)
{
    for (uint32_t i = 0; i < rule->n_absences; i++) {
        const struct engine_absence *a = &rule->absences[i];
        bool as_good = a->held != ENGINE_NONE && holds_for(state, a->held, rule->rule, dir);
        if (holds_for(state, a->there, rule->rule, dir) && !as_good) {
            return false;
        }
    }
    return rule->n_absences == 0 || state->ending;
}

bool detect_rule_holds(const struct tx_state *state, const struct engine_rule *rule,
                       enum direction dir)
{
    for (uint32_t i = 0; i < rule->n_groups; i++) {
        if (!holds_for(state, rule->groups[i], rule->rule, dir)) {
            return false;
        }
    }
    return absences_hold(state, rule, dir);
}

static bool hold(struct detector *d, const struct spot *spot, struct tx_state *state,
                 uint32_t group)
{
    size_t n = (state->edition->engine->n_groups + 63) / 64;
    if (state->held[0] == NULL) {
        state->held[0] = arena_alloc(spot->tx->arena, 2 * n * sizeof(*state->held[0]));
    }
    if (state->held[0] == NULL) {
        stats_add(d->stats, STAT_FINDINGS_LOST, 1);
        return false;
    }
    state->held[1] = state->held[0] + n;
    state->held[spot->dir][group / 64] |= (uint64_t)1 << (group % 64);
    return true;
}

/* --- findings ----------------------------------------------------------------------------------
 */

enum { CONTEXT_MAX = 1024, CONTEXT_BEFORE = 256 };

static struct finding finding_at(const struct spot *spot, const struct rule *rule,
                                 struct jndi *jndi)
{
    const struct conn *conn = spot->tx->conn;
    return (struct finding){.signature = &rule->signature,
                            .field = spot->field,
                            .item = spot->item,
                            .dir = spot->dir,
                            .time_us = conn->last_us,
                            .clock_us = conn->clock_us,
                            .number = conn->number,
                            .jndi = jndi,
                            .context = span_head(spot->around, CONTEXT_MAX)};
}

static bool has_marks(const struct rule *rule)
{
    return rule->n_flowbits > 0 || rule->n_xbits > 0 || rule->n_flowints > 0;
}

/* A pass rule matched: what was found beside it is forgotten, and of the flow nothing more is told.
 * Another reading of the flow is one that was not meant: it silences itself. */
static void pass(struct detector *d, const struct tx *tx, struct tx_state *state)
{
    bool other = (tx->flags & TX_ALTERNATE) != 0;
    state->passed = true;
    tx->conn->passed = tx->conn->passed || !other;
    struct held **at = &d->held;
    while (*at != NULL) {
        const struct held *h = *at;
        if (h->tx == tx || (!other && h->tx->conn == tx->conn)) {
            *at = h->next;
        } else {
            at = &(*at)->next;
        }
    }
    d->held_end = at;
}

/* Keeps what is found until the packet's bytes were all looked at; false without memory. */
static bool hold_back(struct detector *d, struct tx *tx, struct finding *finding)
{
    struct held *h = arena_alloc(tx->arena, sizeof(*h));
    if (h != NULL) {
        *h = (struct held){.tx = tx, .finding = finding};
        *(d->held != NULL ? d->held_end : &d->held) = h;
        d->held_end = &h->next;
    }
    return h != NULL;
}

static void give(struct detector *d, struct tx *tx, struct tx_state *state,
                 const struct finding *finding, const struct rule *rule)
{
    if (tx->conn->passed || state->passed) {
        return;
    }
    if (has_marks(rule)) {
        detect_marks_act(d, state->edition->engine, rule, finding, tx->conn);
    }
    if (rule->no_alert) {
        return;
    }
    if (finding->signature->action == SIGNATURE_PASS) {
        pass(d, tx, state);
        return;
    }
    struct finding *f =
        state->n_findings < d->limits.findings ? arena_alloc(tx->arena, sizeof(*f)) : NULL;
    if (f == NULL) {
        stats_add(d->stats, STAT_FINDINGS_LOST, 1);
        return;
    }
    *f = *finding;
    f->next = NULL;
    f->item = arena_copy(tx->arena, finding->item, SIZE_MAX, NULL);
    f->context = arena_copy(tx->arena, finding->context, SIZE_MAX, NULL);
    state->n_findings++;
    if (!state->edition->engine->any_pass || !hold_back(d, tx, f)) {
        d->user.found(d->user.ctx, tx, f);
    }
}

/* A place to keep a rule in; NULL, and counted, without memory. */
static struct waiting *keep(struct detector *d, const struct spot *spot, struct tx_state *state,
                            uint32_t rule, struct jndi *jndi)
{
    struct arena *arena = spot->tx->arena;
    const struct rule *r = state->edition->engine->rules[rule].rule;
    struct waiting *w = state->spare != NULL ? state->spare : arena_alloc(arena, sizeof(*w));
    if (w == NULL) {
        stats_add(d->stats, STAT_FINDINGS_LOST, 1);
        return NULL;
    }
    state->spare = w->next;
    w->tx = spot->tx;
    w->rule = rule;
    w->finding = finding_at(spot, r, jndi);
    w->finding.item = arena_copy(arena, w->finding.item, SIZE_MAX, NULL);
    struct span context = r->no_alert ? SPAN("") : w->finding.context;
    if (context.len > w->room_len) {
        w->room = arena_alloc(arena, context.len);
        w->room_len = w->room != NULL ? context.len : 0;
    }
    context = span_head(context, w->room_len);
    bytes_copy(w->room, context.data, context.len);
    w->finding.context = span_of(w->room, context.len);
    return w;
}

static const struct engine_rule *rule_kept(const struct waiting *w)
{
    const struct tx_state *state = w->tx->detect;
    return &state->edition->engine->rules[w->rule];
}

/* Whether the one is asked for its marks before the other: rules about packets go before those
 * about transactions, and these by the order of the transactions. */
static bool is_before(const struct waiting *a, const struct waiting *b)
{
    const struct engine_rule *one = rule_kept(a);
    const struct engine_rule *other = rule_kept(b);
    if (one->of_packet != other->of_packet) {
        return one->of_packet;
    }
    return !one->of_packet && a->tx->id != b->tx->id ? a->tx->id < b->tx->id
                                                     : one->rank < other->rank;
}

/* All that a rule with marks asks of bytes holds: what its packet's rules did is known later. */
static void make_due(struct detector *d, struct waiting *w)
{
    struct waiting **at = &d->due;
    while (*at != NULL && !is_before(w, *at)) {
        at = &(*at)->next;
    }
    w->next = *at;
    *at = w;
}

void detect_offer(struct detector *d, const struct spot *spot, uint32_t rule, struct jndi *jndi)
{
    struct tx_state *state = detect_state(d, spot->tx);
    if (state == NULL) {
        return;
    }
    const struct engine_rule *r = &state->edition->engine->rules[rule];
    bool holds = detect_rule_holds(state, r, spot->dir);
    if (holds && !has_marks(r->rule)) {
        const struct finding finding = finding_at(spot, r->rule, jndi);
        give(d, spot->tx, state, &finding, r->rule);
        return;
    }
    struct waiting *w = keep(d, spot, state, rule, jndi);
    if (w != NULL && holds) {
        make_due(d, w);
    } else if (w != NULL) {
        w->next = state->waiting;
        state->waiting = w;
    }
}

/* Lets what a rule about packets asks of bytes hold once more: its marks were not set. */
static void retry(struct tx_state *state, const struct waiting *w)
{
    const struct engine_rule *r = rule_kept(w);
    for (uint32_t i = 0; r->retries && i < r->n_groups; i++) {
        uint32_t group = r->groups[i];
        state->held[w->finding.dir][group / 64] &= ~((uint64_t)1 << (group % 64));
    }
    if (r->retries && r->n_groups == 0 && state->met != NULL) {
        uint32_t at = 2 * r->flow_at;
        state->met[at / 64] &= ~((uint64_t)1 << (at % 64));
    }
}

/* Gives a rule, if the marks are as it asks. */
static bool settle_rule(struct detector *d, struct waiting *w)
{
    struct tx_state *state = w->tx->detect;
    const struct rule *rule = rule_kept(w)->rule;
    bool holds = detect_marks_hold(state->edition->engine, rule, w->tx->conn, w->finding.dir);
    if (holds) {
        give(d, w->tx, state, &w->finding, rule);
    }
    return holds;
}

/* Gives the rules of which the marks are as they ask, in their order; those that see what is set
 * behind them once more at the end. */
static void settle_marks(struct detector *d)
{
    struct waiting *late = NULL;
    while (d->due != NULL || late != NULL) {
        struct waiting **from = d->due != NULL ? &d->due : &late;
        struct waiting *w = *from;
        struct tx_state *state = w->tx->detect;
        *from = w->next;
        bool held = settle_rule(d, w);
        if (!held && from == &d->due && rule_kept(w)->asks_late) {
            w->next = late;
            late = w;
            continue;
        }
        if (!held) {
            retry(state, w);
        }
        w->next = state->spare;
        state->spare = w;
    }
}

void detect_settle(struct detector *d)
{
    if (d->due != NULL) {
        settle_marks(d);
    }
    while (d->held != NULL) {
        const struct held *h = d->held;
        d->held = h->next;
        d->user.found(d->user.ctx, h->tx, h->finding);
    }
}

/* --- groups ------------------------------------------------------------------------------------
 */

static bool rule_has(const struct engine_rule *rule, uint32_t group)
{
    for (uint32_t i = 0; i < rule->n_groups; i++) {
        if (rule->groups[i] == group) {
            return true;
        }
    }
    return false;
}

/* Whether the rule may hold now that the group does, or, with ENGINE_NONE, the transaction ends. */
static bool is_concerned(const struct tx_state *state, const struct engine_rule *rule,
                         uint32_t group)
{
    return group != ENGINE_NONE ? rule_has(rule, group) : state->ending && rule->n_absences > 0;
}

/* Gives rules that waited for this group, or with ENGINE_NONE for the end. */
static void wake(struct detector *d, struct tx *tx, struct tx_state *state, uint32_t group)
{
    struct waiting **at = &state->waiting;
    while (*at != NULL) {
        struct waiting *w = *at;
        const struct engine_rule *rule = rule_kept(w);
        if (!is_concerned(state, rule, group) || !detect_rule_holds(state, rule, w->finding.dir)) {
            at = &w->next;
            continue;
        }
        *at = w->next;
        if (has_marks(rule->rule)) {
            make_due(d, w);
        } else {
            give(d, tx, state, &w->finding, rule->rule);
        }
    }
}

void detect_flow_rules(struct detector *d, const struct spot *spot)
{
    const struct engine *e = detect_engine(d, spot->tx);
    const struct conn *conn = spot->tx->conn;
    const bool by_packet = conn->packets[TO_SERVER] + conn->packets[TO_CLIENT] > 0;
    struct tx_state *state = NULL;
    for (uint32_t i = 0; i < e->flow_rules.n; i++) {
        uint32_t rule = e->flow_rules.items[i];
        const struct engine_rule *r = &e->rules[rule];
        uint32_t at = 2 * i + (r->each_way ? spot->dir : 0);
        uint64_t bit = (uint64_t)1 << (at % 64);
        if ((by_packet && r->by_packet) || (r->once_read && spot->tx->id > 0) ||
            !detect_rule_applies(r->rule, spot->tx, spot->dir)) {
            continue;
        }
        state = state != NULL ? state : detect_state(d, spot->tx);
        if (state != NULL && state->met == NULL) {
            state->met =
                arena_alloc(spot->tx->arena, (2 * e->flow_rules.n + 63) / 64 * sizeof(*state->met));
        }
        if (state == NULL || state->met == NULL) {
            stats_add(d->stats, STAT_FINDINGS_LOST, 1);
            return;
        }
        if ((state->met[at / 64] & bit) == 0) {
            state->met[at / 64] |= bit;
            detect_offer(d, spot, rule, NULL);
        }
    }
}

/* A rule that asks only for what is absent is about a message: what came in that direction. */
static void look_at_end_rule(struct detector *d, struct tx *tx, enum direction dir, uint32_t i)
{
    const struct tx_state *state = tx->detect;
    const struct engine *e = state->edition->engine;
    const struct engine_rule *rule = &e->rules[i];
    const struct spot spot = {
        .tx = tx,
        .field = buffer_info(e->groups[rule->absences[0].there].group->buffer).fields[0],
        .dir = dir};
    bool seen = (tx->flags & (dir == TO_CLIENT ? TX_RESPONSE_SEEN : TX_REQUEST_SEEN)) != 0;
    if (seen && detect_rule_applies(rule->rule, tx, spot.dir) &&
        detect_rule_holds(state, rule, spot.dir)) {
        detect_offer(d, &spot, i, NULL);
    }
}

void detect_rules_end(struct detector *d, struct tx *tx)
{
    struct tx_state *state = tx->detect;
    const struct engine *e = state->edition->engine;
    const unsigned unsure = TX_CUT | TX_TRUNCATED | TX_UNSURE;
    if (!e->any_absence || (tx->flags & unsure) != 0) {
        return; /* what did not come may have been sent */
    }
    state->ending = true;
    wake(d, tx, state, ENGINE_NONE);
    for (uint32_t i = 0; i < e->end_rules.n; i++) {
        look_at_end_rule(d, tx, TO_SERVER, e->end_rules.items[i]);
        if (!e->rules[e->end_rules.items[i]].rule->whole_tx) {
            look_at_end_rule(d, tx, TO_CLIENT, e->end_rules.items[i]);
        }
    }
}

static void group_holds(struct detector *d, const struct spot *spot, struct tx_state *state,
                        uint32_t group)
{
    const struct engine *e = state->edition->engine;
    const struct engine_group *g = &e->groups[group];
    enum direction back = direction_other(spot->dir);
    bool again = detect_group_held(state, group, back);
    if (!hold(d, spot, state, group)) {
        return;
    }
    wake(d, spot->tx, state, group);
    for (uint32_t i = 0; i < g->n_rules; i++) {
        const struct rule *rule = e->rules[g->rules[i]].rule;
        bool looked_at = again && rule->whole_tx && detect_rule_applies(rule, spot->tx, back);
        if (!looked_at && detect_rule_applies(rule, spot->tx, spot->dir)) {
            detect_offer(d, spot, g->rules[i], NULL);
        }
    }
}

void detect_gave_up(struct detector *d, const struct engine_rule *rule)
{
    stats_add(d->stats, STAT_RULES_GAVE_UP, 1);
    if (rule != NULL) {
        atomic_fetch_add_explicit(rule->n_gave_up, 1, memory_order_relaxed);
    }
}

/* A rule that has the group. */
static const struct engine_rule *rule_of(const struct engine *e, uint32_t group)
{
    for (size_t i = 0; i < e->n_rules; i++) {
        for (uint32_t k = 0; k < e->rules[i].n_groups; k++) {
            if (e->rules[i].groups[k] == group) {
                return &e->rules[i];
            }
        }
    }
    return NULL;
}

static void gave_up(struct detector *d, const struct spot *spot, uint32_t group)
{
    struct tx_state *state = detect_state(d, spot->tx);
    detect_gave_up(d, rule_of(detect_engine(d, spot->tx), group));
    if (state != NULL) {
        state->n_gave_up++;
    }
}

static bool has_expression(const struct rule_group *g)
{
    for (size_t i = 0; i < g->n_tests; i++) {
        if (g->tests[i].kind == RULE_PCRE) {
            return true;
        }
    }
    return false;
}

/* A literal may stand at every byte, and each time the expression behind it would take all that its
 * limits allow. */
static bool is_exhausted(const struct tx_state *state, const struct rule_group *g)
{
    return state != NULL && state->n_gave_up >= GAVE_UP_MAX && has_expression(g);
}

/* Whether the group looks at the other form of a head: as sent, or as it is put together. */
static bool is_of_other_head(const struct rule_group *g, unsigned how)
{
    enum buffer_make make = buffer_info(g->buffer).make;
    bool all = make == BUFFER_HEADERS || make == BUFFER_NAMES || g->buffer == BUFFER_HTTP_START;
    return ((how & HEAD_AS_SENT) != 0 && all) ||
           ((how & HEAD_MADE) != 0 && g->buffer == BUFFER_PAYLOAD) ||
           ((how & HEAD_NOT_RAW) != 0 && g->buffer == BUFFER_HEADER_RAW) ||
           ((how & HEAD_VALUE) != 0 && make == BUFFER_HEADER_LINE);
}

void detect_group(struct detector *d, const struct spot *spot, uint32_t group,
                  const struct verify_view *view)
{
    const struct engine *e = detect_engine(d, spot->tx);
    const struct tx_state *before = spot->tx->detect;
    const struct rule_group *g = e->groups[group].group;
    bool other = (g->buffer == BUFFER_HTTP_START && spot->field != FIELD_HTTP_HEADER) ||
                 (g->buffer == BUFFER_FILE_DATA && (spot->how & BODY_NO_FILE) != 0) ||
                 (spot->how >= HEAD_AS_SENT && is_of_other_head(g, spot->how));
    if ((before != NULL && detect_group_held(before, group, spot->dir)) ||
        is_exhausted(before, g) || other) {
        return;
    }
    struct verify_view made = *view;
    made.text = make_buffer(d, spot, g, view->text);
    enum verify_result r = verify_group(g, &made, d->regex);
    if (r == VERIFY_GAVE_UP) {
        gave_up(d, spot, group);
    }
    struct tx_state *state = r == VERIFY_YES ? detect_state(d, spot->tx) : NULL;
    if (state != NULL) {
        group_holds(d, spot, state, group);
    }
}

static bool wanted(const struct engine_group *g, size_t field)
{
    return field == FIELD_N ? buffer_is_region(g->group->buffer)
                            : engine_group_reads(g, (enum field_id)field);
}

void detect_groups(struct detector *d, const struct spot *spot, size_t field,
                   const struct hit_range *range, const struct verify_view *view)
{
    const struct engine *e = detect_engine(d, spot->tx);
    const struct engine_wants *wants = field == FIELD_N ? &e->payload : &e->fields[field];
    for (size_t i = range->first; wants->gated && i < range->end; i++) {
        uint32_t pattern = range->hits->list[i].pattern;
        if (pattern < e->n_openers) {
            continue;
        }
        uint32_t group = e->pattern_groups[pattern - e->n_openers];
        size_t end = range->hits->list[i].end - range->base;
        if (wanted(&e->groups[group], field)) {
            struct spot at = *spot;
            at.around =
                span_from(view->text,
                          end > CONTEXT_BEFORE && end <= view->text.len ? end - CONTEXT_BEFORE : 0);
            detect_group(d, &at, group, view);
        }
    }
    for (uint32_t i = 0; wants->gated && range->hits->overflow && i < e->n_groups; i++) {
        if (e->groups[i].literal.len > 0 && wanted(&e->groups[i], field)) {
            detect_group(d, spot, i, view);
        }
    }
    for (uint32_t i = 0; i < wants->always.n; i++) {
        detect_group(d, spot, wants->always.items[i], view);
    }
}
