/* keyword_dns: numbers of DNS messages, as Suricata writes them.
 *
 * dns.opcode and dns.rcode are bits of the header (RFC 1035 §4.1.1), dns.rrtype is the type of a
 * question or record: each is a number read from the field that has it. The record that only bears
 * options of EDNS (RFC 6891) is a record of nothing, and of no type but its own. */
#include "signatures/rule_parse.h"

enum { TYPE_OPT = 41 };

struct number_name;

/* Where a number stands in its field. */
struct place {
    enum field_id field;
    unsigned off;
    unsigned n_bytes;
    uint64_t mask;
    uint64_t max;
    const struct number_name *names; /* for it; NULL: none */
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

/* A name for a number, in letters of any case (IANA, "DNS Parameters"). */
struct number_name {
    const char *name;
    uint16_t number;
};

static const struct number_name rcodes[] = {
    {"NOERROR", 0}, {"FORMERR", 1}, {"SERVFAIL", 2}, {"NXDOMAIN", 3},
    {"NOTIMP", 4},  {"REFUSED", 5}, {"YXDOMAIN", 6}, {"YXRRSET", 7},
    {"NXRRSET", 8}, {"NOTAUTH", 9}, {"NOTZONE", 10}, {NULL, 0},
};

static const struct number_name types[] = {
    {"A", 1},       {"NS", 2},     {"CNAME", 5},  {"SOA", 6},    {"NULL", 10},  {"PTR", 12},
    {"HINFO", 13},  {"MX", 15},    {"TXT", 16},   {"AAAA", 28},  {"SRV", 33},   {"NAPTR", 35},
    {"DNAME", 39},  {"OPT", 41},   {"DS", 43},    {"SSHFP", 44}, {"RRSIG", 46}, {"NSEC", 47},
    {"DNSKEY", 48}, {"NSEC3", 50}, {"TLSA", 52},  {"SVCB", 64},  {"HTTPS", 65}, {"SPF", 99},
    {"TSIG", 250},  {"IXFR", 251}, {"AXFR", 252}, {"ANY", 255},  {"URI", 256},  {"CAA", 257},
    {NULL, 0},
};

/* "!NXDOMAIN"; false when the value is no name. */
static bool take_name(const struct place *at, struct span value, struct rule_size *ret_size,
                      bool *ret_negated)
{
    const struct number_name *row = at->names;
    bool negated = span_at(value, 0) == '!';
    struct span name = span_trim(span_from(value, negated));
    while (row != NULL && row->name != NULL && !span_equal_nocase(name, span_str(row->name))) {
        row++;
    }
    if (row == NULL || row->name == NULL) {
        return false;
    }
    *ret_size = (struct rule_size){.compare = RULE_EQUAL, .low = row->number};
    *ret_negated = negated;
    return true;
}

static bool take(struct rule_parse *p, const struct place *at, struct span value,
                 struct rule_size *ret_size)
{
    bool negated = false;
    if (!take_name(at, value, ret_size, &negated) && !rule_size(p, value, ret_size, &negated)) {
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
    static const struct place at = {FIELD_DNS_HEADER, 2, 1, 0x78, UINT8_MAX, NULL};
    struct rule_size size;
    return take(p, &at, value, &size);
}

/* dns.rcode:3, dns.rcode:NXDOMAIN */
bool keyword_dns_rcode(struct rule_parse *p, struct span value)
{
    static const struct place at = {FIELD_DNS_HEADER, 3, 1, 0x0f, UINT8_MAX, rcodes};
    struct rule_size size;
    return take(p, &at, value, &size);
}

/* dns.rrtype:16, dns.rrtype:TXT */
bool keyword_dns_rrtype(struct rule_parse *p, struct span value)
{
    static const struct place at = {FIELD_DNS_RECORD, 0, 2, UINT64_MAX, UINT16_MAX, types};
    static const struct rule_size options = {.compare = RULE_EQUAL, .low = TYPE_OPT};
    struct rule_size size;
    if (!take(p, &at, value, &size)) {
        return false;
    }
    bool asked_for = size.compare == RULE_EQUAL && size.low == TYPE_OPT;
    return asked_for || ask(p, &at, &options, true) != NULL;
}
