#pragma once

#include "signatures/peel_steps.h"

/* Private to signatures/peel*.c: layers that a text itself says it has. */

/* Whether there is a layer of which every introducer in the look-ups of a text begins a whole
 * escape, one of them such as hardly stands in a text that was not encoded. */
bool peel_is_marked(struct span text);
/* "=\r\n" or "=\n": lines that were folded. */
bool peel_is_folded(struct span text);
/* Whether the percent-encoding is that of a form, where '+' is a blank: in a word with one a colon
 * was encoded, and so a '+' that means itself would have been. */
bool peel_is_form(struct span text);
