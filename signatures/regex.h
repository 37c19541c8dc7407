#pragma once

#include "sensor/base/span.h"

/* Perl-compatible expressions with a bound on what one search may cost. */

enum regex_flag {
    REGEX_NOCASE = 1 << 0,
    REGEX_DOTALL = 1 << 1,
    REGEX_MULTILINE = 1 << 2,
    REGEX_EXTENDED = 1 << 3,
    REGEX_ANCHORED = 1 << 4,
    REGEX_DOLLAR_END = 1 << 5,
    REGEX_UNGREEDY = 1 << 6,
};

/* Immutable, shared by all workers. */
struct regex;
/* One worker's working memory, for all expressions. */
struct regex_scratch;

enum regex_result { REGEX_NO, REGEX_YES, REGEX_GAVE_UP };

enum { REGEX_WHY_SIZE = 200 };

/* NULL: `why` says what is wrong, "missing closing parenthesis at character 1 of '('". */
MUST_USE struct regex *regex_new(struct span pattern, unsigned flags, char ret_why[REGEX_WHY_SIZE]);
/* How many groups of it capture. */
unsigned regex_n_groups(const struct regex *r);
/* Nulls *r; accepts NULL. */
void regex_free(struct regex **r);

MUST_USE struct regex_scratch *regex_scratch_new(void);
void regex_scratch_free(struct regex_scratch **s);

/* The first match in `text` at or after `from`, and where it lies. What stands before `from` is
 * visible to look-behinds only; with `anchored` the match must begin at `from`. */
enum regex_result regex_find(const struct regex *r, struct regex_scratch *s, struct span text,
                             size_t from, size_t ret_range[2]);
/* What the first group of an expression that has one captures in its first match; false when there
 * is none, the group is not part of it, or the search gave up. */
bool regex_capture(const struct regex *r, struct regex_scratch *s, struct span text,
                   struct span *ret);
