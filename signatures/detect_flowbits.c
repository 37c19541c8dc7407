/* detect_flowbits: the marks that rules leave for other rules, in a flow or with an address.
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

bool detect_marks_hold(const struct engine *e, const struct rule *rule, const struct conn *conn,
                       enum direction from)
{
    for (size_t i = 0; i < rule->n_xbits; i++) {
        const struct rule_xbit *bit = &rule->xbits[i];
        bool asks = bit->op == RULE_FLOWBIT_ISSET || bit->op == RULE_FLOWBIT_ISNOTSET;
        if (asks && xbits_have(e->xbits, xbit_key(bit, conn, from), conn->clock_us) !=
                        (bit->op == RULE_FLOWBIT_ISSET)) {
            return false;
        }
    }
    return flowbits_hold(rule, conn);
}

static bool xbit_act(struct xbits *x, const struct rule_xbit *bit, const struct conn *conn,
                     enum direction from)
{
    uint64_t key = xbit_key(bit, conn, from);
    bool have = xbits_have(x, key, conn->clock_us);
    if (bit->op == RULE_FLOWBIT_SET || (bit->op == RULE_FLOWBIT_TOGGLE && !have)) {
        xbits_set(x, key, conn->clock_us + (uint64_t)bit->expire_s * 1000000);
        return !have;
    }
    if (bit->op == RULE_FLOWBIT_UNSET || bit->op == RULE_FLOWBIT_TOGGLE) {
        xbits_unset(x, key);
        return have;
    }
    return false;
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

static bool flowbits_act(struct detector *d, const struct rule *rule, struct conn *conn)
{
    bool changed = false;
    for (size_t i = 0; i < rule->n_flowbits; i++) {
        const struct rule_flowbit *bit = &rule->flowbits[i];
        size_t at = find(conn, bit->names[0]);
        bool is_set = at != SIZE_MAX;
        bool sets = bit->op == RULE_FLOWBIT_SET || bit->op == RULE_FLOWBIT_TOGGLE;
        bool unsets = bit->op == RULE_FLOWBIT_UNSET || bit->op == RULE_FLOWBIT_TOGGLE;
        if (!is_set && sets) {
            set(d, conn, bit->names[0]);
            changed = true;
        } else if (is_set && unsets) {
            unset(conn, at);
            changed = true;
        }
    }
    return changed;
}

bool detect_marks_act(struct detector *d, const struct engine *e, const struct rule *rule,
                      const struct finding *finding, struct conn *conn)
{
    bool changed = flowbits_act(d, rule, conn);
    for (size_t i = 0; i < rule->n_xbits; i++) {
        changed = xbit_act(e->xbits, &rule->xbits[i], conn, finding->dir) || changed;
    }
    return changed;
}
