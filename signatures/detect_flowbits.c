/* detect_flowbits: the marks that rules leave in a flow for other rules.
 *
 * A mark is the hash of its name, so that it means the same to the rules that a reload brings. A
 * flow bears a few of them; more are counted and not set. */
#include "signatures/detect_parts.h"

static size_t find(const struct conn *conn, uint32_t name)
{
    for (size_t i = 0; i < conn->n_flowbits; i++) {
        if (conn->flowbits[i] == name) {
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

bool detect_flowbits_hold(const struct rule *rule, const struct conn *conn)
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

static void set(struct detector *d, struct conn *conn, uint32_t name)
{
    if (conn->n_flowbits < CONN_FLOWBITS_MAX) {
        conn->flowbits[conn->n_flowbits++] = name;
    } else {
        stats_add(d->stats, STAT_FLOWBITS_LOST, 1);
    }
}

static void unset(struct conn *conn, size_t at)
{
    conn->n_flowbits--;
    conn->flowbits[at] = conn->flowbits[conn->n_flowbits];
}

bool detect_flowbits_act(struct detector *d, const struct rule *rule, struct conn *conn)
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
