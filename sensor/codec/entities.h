#pragma once

#include "sensor/base/sbuf.h"

/* Undoes one layer of HTML and XML character references; returns how many there were. Decimal and
 * hexadecimal ones with any number of leading zeros, and the named ones that stand for ASCII or for
 * a character whose upper or lower case is ASCII. The ';' at the end may be missing. */
size_t entities_decode(struct span in, struct sbuf *out);

/* The one reference at off: its length with the ';', and the character it stands for; 0 when there
 * is none. */
size_t entity_at(struct span in, size_t off, uint32_t *ret_cp);
