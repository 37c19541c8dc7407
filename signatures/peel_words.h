#pragma once

#include "sensor/base/sbuf.h"

/* Private to signatures/peel*.c. Appends a text to `out` with its encoded words (RFC 2047) decoded;
 * returns their number. What stands for a blank between two of them is one, also where that is
 * still escaped. `joined` is room for the text without those. */
size_t peel_words_undo(struct span text, struct sbuf *joined, struct sbuf *out);
