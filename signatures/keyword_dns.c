/* keyword_dns: numbers of DNS messages, as Suricata writes them.
 *
 * dns.opcode and dns.rcode are bits of the header (RFC 1035 §4.1.1), dns.rrtype is the type of a
 * question or record: each is a number read from the field that has it. The record that only bears
 * options of EDNS (RFC 6891) is a record of nothing, and of no type but its own. */
#include "signatures/rule_parse.h"

enum { TYPE_OPT = 41 };

/* Where a number stands in its field. */
struct place {
    enum field_id field;
    unsigned off;
    unsigned n_bytes;
    uint64_t mask;
    uint64_t max;
};

static struct rule_test *ask(struct rule_parse *p, const struct place *at,
                             const struct rule_size *size, bool negated)
{
    struct rule_test *t = rule_test_in(p, (enum buffer)at->field, RULE_BYTE_TEST);
    p->last = NULL;
    if (t != NULL) {
        t->negated = negated;
        t->number = (struct rule_number){.n_bytes = at->n_bytes,
                                         .offset = at->off,
                                         .mask = at->mask,
                                         .compare = size->compare,
                                         .value = size->low,
                                         .high = size->high};
    }
    return t;
}

static bool take(struct rule_parse *p, const struct place *at, struct span value,
                 struct rule_size *ret_size)
{
    bool negated = false;
    if (!rule_size(p, value, ret_size, &negated)) {
        return false;
    }
    if (ret_size->low > at->max || ret_size->high > at->max) {
        return rule_mistake(p, "'%s' is more than %u", rule_shown(value).text, (unsigned)at->max);
    }
    return ask(p, at, ret_size, negated) != NULL;
}

/* dns.opcode:4, !0, 7-15 */
bool keyword_dns_opcode(struct rule_parse *p, struct span value)
{
    static const struct place at = {FIELD_DNS_HEADER, 2, 1, 0x78, UINT8_MAX};
    struct rule_size size;
    return take(p, &at, value, &size);
}

/* dns.rcode:3 */
bool keyword_dns_rcode(struct rule_parse *p, struct span value)
{
    static const struct place at = {FIELD_DNS_HEADER, 3, 1, 0x0f, UINT8_MAX};
    struct rule_size size;
    return take(p, &at, value, &size);
}

/* dns.rrtype:16 */
bool keyword_dns_rrtype(struct rule_parse *p, struct span value)
{
    static const struct place at = {FIELD_DNS_RECORD, 0, 2, UINT64_MAX, UINT16_MAX};
    static const struct rule_size options = {.compare = RULE_EQUAL, .low = TYPE_OPT};
    struct rule_size size;
    if (!take(p, &at, value, &size)) {
        return false;
    }
    bool asked_for = size.compare == RULE_EQUAL && size.low == TYPE_OPT;
    return asked_for || ask(p, &at, &options, true) != NULL;
}
