/* detect_flowbits: the marks that rules leave for other rules, in a flow or with an address, and
 * the numbers of a flow.
 *
 * A mark is the hash of its name, so that it means the same to the rules that a reload brings. A
 * flow bears a few of them; more are counted and not set. */
#include "signatures/detect_parts.h"

#include "sensor/base/hash.h"

static size_t find(const struct conn *conn, uint32_t name)
{
    const struct conn_extra *extra = conn_extra(conn);
    for (size_t i = 0; i < extra->n_flowbits; i++) {
        if (extra->flowbits[i] == name) {
            return i;
        }
    }
    return SIZE_MAX;
}

static bool any_set(const struct conn *conn, const struct rule_flowbit *bit)
{
    for (size_t i = 0; i < bit->n_names; i++) {
        if (find(conn, bit->names[i]) != SIZE_MAX) {
            return true;
        }
    }
    return false;
}

static bool flowbits_hold(const struct rule *rule, const struct conn *conn)
{
    for (size_t i = 0; i < rule->n_flowbits; i++) {
        const struct rule_flowbit *bit = &rule->flowbits[i];
        bool asks = bit->op == RULE_FLOWBIT_ISSET || bit->op == RULE_FLOWBIT_ISNOTSET;
        if (asks && any_set(conn, bit) != (bit->op == RULE_FLOWBIT_ISSET)) {
            return false;
        }
    }
    return true;
}

/* What stands for a mark with an address of the flow, or with both. */
static uint64_t xbit_key(const struct rule_xbit *bit, const struct conn *conn, enum direction from)
{
    uint64_t ends[2] = {hash_fixed(addr_span(&conn->addr[from])),
                        hash_fixed(addr_span(&conn->addr[direction_other(from)]))};
    uint64_t whose = bit->track == RULE_XBIT_PAIR  ? ends[0] ^ ends[1]
                     : bit->track == RULE_XBIT_SRC ? ends[0]
                                                   : ends[1];
    uint64_t id[3] = {bit->name, bit->track == RULE_XBIT_PAIR, whose};
    return hash_fixed(span_of(id, sizeof(id)));
}

/* Tells the packets of all flows apart; 0 where they have no numbers, or it does not matter. */
static uint64_t packet_of(const struct rule_xbit *bit, const struct conn *conn)
{
    uint64_t id[2] = {conn->id, conn->number};
    return conn->number != 0 && !bit->at_once ? hash_fixed(span_of(id, sizeof(id))) | 1 : 0;
}

static const struct conn_number *number_of(const struct conn *conn, uint32_t name)
{
    const struct conn_extra *extra = conn_extra(conn);
    for (size_t i = 0; i < extra->n_numbers; i++) {
        if (extra->numbers[i].name == name) {
            return &extra->numbers[i];
        }
    }
    return NULL;
}

/* What a flow's number is compared or combined with: another one, which is 0 where it is not set.
 */
static uint32_t operand(const struct rule_flowint *x, const struct conn *conn)
{
    const struct conn_number *other = x->other != 0 ? number_of(conn, x->other) : NULL;
    return x->other == 0 ? x->value : other != NULL ? other->value : 0;
}

static bool flowints_hold(const struct rule *rule, const struct conn *conn)
{
    for (size_t i = 0; i < rule->n_flowints; i++) {
        const struct rule_flowint *x = &rule->flowints[i];
        const struct conn_number *n = number_of(conn, x->name);
        bool holds = true;
        switch (x->op) {
        case RULE_FLOWINT_SET:
        case RULE_FLOWINT_ADD:
        case RULE_FLOWINT_SUBTRACT:
            break;
        case RULE_FLOWINT_ISSET:
            holds = n != NULL;
            break;
        case RULE_FLOWINT_ISNOTSET:
            holds = n == NULL;
            break;
        case RULE_FLOWINT_IS:
            holds = n != NULL &&
                    verify_compare(x->compare, n->value, operand(x, conn), 0) != x->negated;
            break;
        }
        if (!holds) {
            return false;
        }
    }
    return true;
}

bool detect_marks_hold(const struct engine *e, const struct rule *rule, const struct conn *conn,
                       enum direction from)
{
    for (size_t i = 0; i < rule->n_xbits; i++) {
        const struct rule_xbit *bit = &rule->xbits[i];
        bool asks = bit->op == RULE_FLOWBIT_ISSET || bit->op == RULE_FLOWBIT_ISNOTSET;
        if (asks && xbits_have(e->xbits, xbit_key(bit, conn, from), conn->clock_us,
                               packet_of(bit, conn)) != (bit->op == RULE_FLOWBIT_ISSET)) {
            return false;
        }
    }
    return flowbits_hold(rule, conn) && flowints_hold(rule, conn);
}

static void xbit_act(struct xbits *x, const struct rule_xbit *bit, const struct conn *conn,
                     enum direction from)
{
    uint64_t key = xbit_key(bit, conn, from);
    bool have = xbits_have(x, key, conn->clock_us, packet_of(bit, conn));
    if (bit->op == RULE_FLOWBIT_SET || (bit->op == RULE_FLOWBIT_TOGGLE && !have)) {
        xbits_set(x, key, conn->clock_us + (uint64_t)bit->expire_s * 1000000, packet_of(bit, conn));
    } else if (bit->op == RULE_FLOWBIT_UNSET || bit->op == RULE_FLOWBIT_TOGGLE) {
        xbits_unset(x, key, packet_of(bit, conn));
    }
}

static void set(struct detector *d, struct conn *conn, uint32_t name)
{
    struct conn_extra *extra = conn_extend(conn);
    if (extra != NULL && extra->n_flowbits < CONN_FLOWBITS_MAX) {
        extra->flowbits[extra->n_flowbits++] = name;
    } else {
        stats_add(d->stats, STAT_FLOWBITS_LOST, 1);
    }
}

static void unset(const struct conn *conn, size_t at)
{
    struct conn_extra *extra = conn->extra; /* what is set lies in it */
    extra->n_flowbits--;
    extra->flowbits[at] = extra->flowbits[extra->n_flowbits];
}

static void flowbits_act(struct detector *d, const struct rule *rule, struct conn *conn)
{
    for (size_t i = 0; i < rule->n_flowbits; i++) {
        const struct rule_flowbit *bit = &rule->flowbits[i];
        size_t at = find(conn, bit->names[0]);
        bool is_set = at != SIZE_MAX;
        bool sets = bit->op == RULE_FLOWBIT_SET || bit->op == RULE_FLOWBIT_TOGGLE;
        bool unsets = bit->op == RULE_FLOWBIT_UNSET || bit->op == RULE_FLOWBIT_TOGGLE;
        if (!is_set && sets) {
            set(d, conn, bit->names[0]);
        } else if (is_set && unsets) {
            unset(conn, at);
        }
    }
}

static void set_number(struct detector *d, struct conn *conn, uint32_t name, uint32_t value)
{
    struct conn_extra *extra = conn_extend(conn);
    size_t i = 0;
    while (extra != NULL && i < extra->n_numbers && extra->numbers[i].name != name) {
        i++;
    }
    if (extra == NULL || i == CONN_NUMBERS_MAX) {
        stats_add(d->stats, STAT_FLOWBITS_LOST, 1);
        return;
    }
    extra->numbers[i] = (struct conn_number){name, value};
    if (i == extra->n_numbers) {
        extra->n_numbers++;
    }
}

static void flowints_act(struct detector *d, const struct rule *rule, struct conn *conn)
{
    for (size_t i = 0; i < rule->n_flowints; i++) {
        const struct rule_flowint *x = &rule->flowints[i];
        const struct conn_number *n = number_of(conn, x->name);
        uint32_t before = n != NULL ? n->value : 0;
        uint32_t by = operand(x, conn);
        if (x->op == RULE_FLOWINT_SET || x->op == RULE_FLOWINT_ADD) {
            set_number(d, conn, x->name, x->op == RULE_FLOWINT_SET ? by : before + by);
        } else if (x->op == RULE_FLOWINT_SUBTRACT && n != NULL) {
            set_number(d, conn, x->name, before - by);
        }
    }
}

void detect_marks_act(struct detector *d, const struct engine *e, const struct rule *rule,
                      const struct finding *finding, struct conn *conn)
{
    flowbits_act(d, rule, conn);
    flowints_act(d, rule, conn);
    for (size_t i = 0; i < rule->n_xbits; i++) {
        xbit_act(e->xbits, &rule->xbits[i], conn, finding->dir);
    }
}
