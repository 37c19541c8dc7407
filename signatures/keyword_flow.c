/* keyword_flow: conditions on the flow that a rule's bytes came in: how much of it there is.
 *
 * Written as Suricata 8 documents them. They are asked when the rule's last buffer has matched: of
 * the stream as far as it has come by then, and of the segment or datagram it came in. */
#include "sensor/base/bytes.h"
#include "signatures/rule_parse.h"

static bool add_amount(struct rule_parse *p, enum rule_amount_of of, struct span size)
{
    struct rule_amount amount = {.of = of};
    if (!rule_size(p, size, &amount.size, &amount.negated)) {
        return false;
    }
    if (p->rule->n_amounts == RULE_AMOUNTS_MAX) {
        return rule_mistake(p, "more than %d sizes in one rule", RULE_AMOUNTS_MAX);
    }
    p->rule->amounts[p->rule->n_amounts++] = amount;
    return true;
}

/* dsize:10, <10, 5<>10 */
bool keyword_dsize(struct rule_parse *p, struct span value)
{
    return add_amount(p, RULE_AMOUNT_PAYLOAD, value);
}

/* stream_size:client|server|both|either,sign,bytes */
bool keyword_stream_size(struct rule_parse *p, struct span value)
{
    static const struct {
        const char *name;
        enum rule_amount_of of;
    } sides[] = {
        {"client", RULE_AMOUNT_CLIENT},
        {"server", RULE_AMOUNT_SERVER},
        {"both", RULE_AMOUNT_BOTH},
        {"either", RULE_AMOUNT_EITHER},
    };
    struct sbuf size = sbuf_with_cap(32);
    struct span side = span_trim(span_split(&value, ','));
    struct span sign = span_trim(span_split(&value, ','));
    size_t i = 0;
    while (i < ARRAY_LEN(sides) && !span_equal_nocase(side, span_str(sides[i].name))) {
        i++;
    }
    if (i == ARRAY_LEN(sides)) {
        return rule_mistake(p, "the first word is client, server, both or either, not '%.*s'",
                            (int)(side.len < 20 ? side.len : 20), (const char *)side.data);
    }
    sbuf_add(&size, sign);
    sbuf_add(&size, span_trim(value));
    bool good = add_amount(p, sides[i].of, sbuf_span(&size));
    sbuf_free(&size);
    return good;
}
