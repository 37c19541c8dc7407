#pragma once

#include "sensor/base/sbuf.h"

/* Undoes one layer of HTML and XML character references; returns how many there were. Decimal and
 * hexadecimal ones with any number of leading zeros, and the named ones that stand for ASCII or for
 * a character whose upper or lower case is ASCII. The ';' at the end may be missing. */
size_t entities_decode(struct span in, struct sbuf *out);
