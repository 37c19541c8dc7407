#pragma once

#include "signatures/peel_steps.h"

/* Private to signatures/peel*.c: layers that a text itself says it has. */

/* The layer of which every introducer in the text begins a whole escape, one of them such as hardly
 * stands in a text that was not encoded; PEEL_STEP_N: none. *ret_first: the introducer. */
enum peel_step peel_marked(struct span text, uint8_t *ret_first);
/* "=\r\n" or "=\n": lines that were folded. */
bool peel_is_folded(struct span text);
/* Whether the percent-encoding is that of a form, where '+' is a blank: all colons were encoded,
 * and so a '+' that means itself would have been. */
bool peel_is_form(struct span text);
