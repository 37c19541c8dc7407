#pragma once

#include "sensor/base/sbuf.h"

/* Appends `in` with its "+HH" octets (RFC 3461 section 4) decoded; returns how many there were. A
 * '+' that begins none stays as it is. */
size_t xtext_decode(struct span in, struct sbuf *out);
