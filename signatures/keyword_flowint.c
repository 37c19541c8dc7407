/* keyword_flowint: numbers that rules keep for a flow.
 *
 * "flowint:name, sign, number or name": `=`, `+` and `-` change it when the rule has matched, the
 * other signs ask for it before. Written as Suricata 8 documents it. A flow has a few of them, of
 * 32 bits, which wrap around. */
#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "signatures/rule_parse.h"

static const struct {
    const char *sign;
    enum rule_flowint_op op;
    enum rule_compare compare;
    bool negated;
} signs[] = {
    {"=", RULE_FLOWINT_SET, RULE_EQUAL, false},
    {"+", RULE_FLOWINT_ADD, RULE_EQUAL, false},
    {"-", RULE_FLOWINT_SUBTRACT, RULE_EQUAL, false},
    {"isset", RULE_FLOWINT_ISSET, RULE_EQUAL, false},
    {"notset", RULE_FLOWINT_ISNOTSET, RULE_EQUAL, false},
    {"isnotset", RULE_FLOWINT_ISNOTSET, RULE_EQUAL, false},
    {"==", RULE_FLOWINT_IS, RULE_EQUAL, false},
    {"!=", RULE_FLOWINT_IS, RULE_EQUAL, true},
    {"<", RULE_FLOWINT_IS, RULE_LESS, false},
    {"<=", RULE_FLOWINT_IS, RULE_LESS_EQUAL, false},
    {">", RULE_FLOWINT_IS, RULE_GREATER, false},
    {">=", RULE_FLOWINT_IS, RULE_GREATER_EQUAL, false},
};

/* A letter and at least one more letter, digit or sign. */
static bool is_name(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = span_at(text, i);
        if (!byte_is_alnum(c) && span_find_byte(SPAN("_./"), 0, c) == SPAN_NONE) {
            return false;
        }
    }
    return text.len > 1 && byte_is_alpha(span_at(text, 0));
}

static bool take_sign(struct span text, struct rule_flowint *ret)
{
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        if (span_equal(text, span_str(signs[i].sign))) {
            ret->op = signs[i].op;
            ret->compare = signs[i].compare;
            ret->negated = signs[i].negated;
            return true;
        }
    }
    return false;
}

static bool take_operand(struct span text, struct rule_flowint *ret)
{
    uint64_t value = 0;
    if (span_to_u64(text, &value) && value <= UINT32_MAX) {
        ret->value = (uint32_t)value;
        return true;
    }
    ret->other = is_name(text) ? (uint32_t)hash_fixed(text) : 0;
    return ret->other != 0;
}

/* flowint:name,=|+|-|==|!=|<|<=|>|>=,number|name; flowint:name,isset|notset|isnotset */
bool keyword_flowint(struct rule_parse *p, struct span value)
{
    struct rule_flowint x = {.op = RULE_FLOWINT_SET};
    struct span name = span_trim(span_split(&value, ','));
    struct span sign = span_trim(span_split(&value, ','));
    value = span_trim(value);
    if (!is_name(name)) {
        return rule_mistake(p, "'%s' is not a name", rule_shown(name).text);
    }
    if (!take_sign(sign, &x)) {
        return rule_mistake(p,
                            "the second word is =, +, -, ==, !=, <, <=, >, >=, isset or notset, "
                            "not '%s'",
                            rule_shown(sign).text);
    }
    bool alone = x.op == RULE_FLOWINT_ISSET || x.op == RULE_FLOWINT_ISNOTSET;
    if (alone ? value.len > 0 : !take_operand(value, &x)) {
        return rule_mistake(p, "'%s' is not a number, nor a name", rule_shown(value).text);
    }
    if (p->rule->n_flowints == RULE_FLOWINTS_MAX) {
        return rule_mistake(p, "more than %d in one rule", RULE_FLOWINTS_MAX);
    }
    x.name = (uint32_t)hash_fixed(name);
    p->rule->flowints[p->rule->n_flowints++] = x;
    return true;
}
