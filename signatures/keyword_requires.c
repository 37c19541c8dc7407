/* keyword_requires: conditions for reading a rule at all.
 *
 * "version >= 7.0.3 < 8 | >= 8.0.3, keyword NAME": what a rule needs is looked at before anything
 * else in it, so that rules for other versions, with words that are not known here, are no
 * mistakes: they are left out. Versions are Suricata's, whose language this is; of its features
 * there is none. */
#include "sensor/base/bytes.h"
#include "signatures/rule_parse.h"
#include "signatures/verify.h"

/* The version of Suricata whose language is read: 8.0.7. */
enum { MAJOR = 8, MINOR = 0, PATCH = 7, PART_MAX = 999 };

enum answer { NO, YES, NO_FORM };

/* "8.0.3" as one number; missing parts are 0. */
static bool take_version(struct span text, uint64_t *ret)
{
    uint64_t version = 0;
    for (size_t i = 0; i < 3; i++) {
        uint64_t part = 0;
        struct span digits = span_split(&text, '.');
        if ((i == 0 || digits.len > 0) && (!span_to_u64(digits, &part) || part > PART_MAX)) {
            return false;
        }
        version = version * (PART_MAX + 1) + part;
    }
    *ret = version;
    return text.len == 0;
}

/* ">= 8.0.3", off the start of a text. */
static enum answer take_bound(struct span *text)
{
    static const struct {
        const char *sign;
        enum rule_compare how;
    } signs[] = {
        {">=", RULE_GREATER_EQUAL}, {"<=", RULE_LESS_EQUAL}, {">", RULE_GREATER}, {"<", RULE_LESS}};
    const uint64_t own = ((uint64_t)MAJOR * (PART_MAX + 1) + MINOR) * (PART_MAX + 1) + PATCH;
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        struct span sign = span_str(signs[i].sign);
        uint64_t version = 0;
        if (span_starts(*text, sign)) {
            struct span rest = span_trim(span_from(*text, sign.len));
            bool good = take_version(span_split(&rest, ' '), &version);
            *text = span_trim(rest);
            return !good ? NO_FORM : verify_compare(signs[i].how, own, version, 0) ? YES : NO;
        }
    }
    return NO_FORM;
}

/* Some bounds that all hold, or any of several such with '|' between. */
static enum answer is_version(struct span text)
{
    bool any = false;
    while (text.len > 0) {
        struct span bounds = span_trim(span_split(&text, '|'));
        bool all = true;
        do {
            enum answer one = take_bound(&bounds);
            if (one == NO_FORM) {
                return NO_FORM;
            }
            all = all && one == YES;
        } while (bounds.len > 0);
        any = any || all;
    }
    return any ? YES : NO;
}

static enum answer is_met(struct span condition)
{
    struct span argument = condition;
    struct span word = span_split(&argument, ' ');
    argument = span_trim(argument);
    if (span_equal(word, SPAN("version"))) {
        return argument.len > 0 ? is_version(argument) : NO_FORM;
    }
    bool known = span_equal(word, SPAN("keyword")) &&
                 (keyword_find(argument) != NULL || buffer_by_name(argument) != BUFFER_N ||
                  buffer_by_modifier(argument) != BUFFER_N || keyword_is_transform(argument));
    return known ? YES : NO;
}

bool rule_lacks(struct rule_parse *p, struct span value, struct span *odd)
{
    while (value.len > 0) {
        struct span condition = span_trim(span_split(&value, ','));
        enum answer met = is_met(condition);
        if (met == NO) {
            rule_warning(p, "left out: it requires '%s'", rule_shown(condition).text);
            return true;
        }
        if (met == NO_FORM) {
            *odd = condition;
        }
    }
    return false;
}
