#pragma once

#include "signatures/peel_steps.h"

/* Private to signatures/peel*.c: layers that a text itself says it has. */

/* In what quotes the first look-up of a text stands, as the value, the name or the first item of
 * something in JSON or what looks like it. */
enum peel_string {
    PEEL_STRING_NONE,
    PEEL_STRING_PLAIN,
    PEEL_STRING_ESCAPED, /* in quotes that are escaped themselves */
};
enum peel_string peel_string_of(struct span text);
/* Whether there is a layer of which every introducer in the look-ups of a text begins a whole
 * escape, one of them such as hardly stands in a text that was not encoded, or not as a string (of
 * a text that is `in_string`). */
bool peel_is_marked(struct span text, bool in_string);
/* "=\r\n" or "=\n": lines that were folded. */
bool peel_is_folded(struct span text);
/* Whether the percent-encoding is that of a form, where '+' is a blank: in a word with one a colon
 * was encoded, and so a '+' that means itself would have been. */
bool peel_is_form(struct span text);
