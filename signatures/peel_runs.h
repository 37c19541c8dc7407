#pragma once

#include "signatures/peel_read.h"

/* Private to signatures/peel*.c: what base64 in a text hides. */

/* Decodes the run of base64 at *off, escapes in it undone, from each place where it may begin, and
 * leaves *off behind what was looked at. With `settle` less than SIZE_MAX only what begins before
 * that offset of the text matters. True when something may be hidden in it. */
bool peel_hides_in_run(struct span text, size_t *off, size_t settle);
/* The same for all runs of a text. */
bool peel_hides_in_runs(struct span text);
/* Whether there is UTF-16 in a text. */
bool peel_has_utf16(struct span text);
/* A cheap look at what base64 decodes to, of which data that is no text has much: false where
 * nothing opens or escapes anything and no word is long enough to be base64 again. */
bool peel_is_worth_a_look(struct span bytes);
