#pragma once

#include "signatures/rule.h"

/* A buffer as far as it is known: a whole field, or a window of a long body. */
struct verify_view {
    struct span text;
    uint64_t off; /* bytes of the buffer before text */
    bool more;    /* the buffer goes on behind text */
};

enum verify_result { VERIFY_NO, VERIFY_YES, VERIFY_GAVE_UP };

/* Whether the value compares so; `high` counts for RULE_BETWEEN only, which takes neither end. */
bool verify_compare(enum rule_compare how, uint64_t value, uint64_t low, uint64_t high);
/* Whether all tests of the group hold in the view. What an end that is not known could change does
 * not hold. Work is bounded; VERIFY_GAVE_UP when the bound was reached before an answer. */
enum verify_result verify_group(const struct rule_group *group, const struct verify_view *view,
                                struct regex_scratch *scratch);
