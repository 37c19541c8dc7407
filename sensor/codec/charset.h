#pragma once

#include "sensor/base/sbuf.h"

/* Appends `in`, which is in the charset of that name (case does not matter), as UTF-8. Bytes that
 * mean nothing in it become U+FFFD. false when the charset is unknown: then `in` is appended as it
 * stands. */
bool charset_to_utf8(struct span charset, struct span in, struct sbuf *out);

/* Makes every charset ready for threads that will not be able to open files. NULL when there is no
 * memory: then charsets are opened when they are needed. Released when those threads have ended. */
MUST_USE struct charset_hold *charset_hold(void);
/* Nulls *h; accepts NULL. */
void charset_release(struct charset_hold **h);
