#pragma once

#include "sensor/codec/base64.h"

/* What the processor can do about base64. The file that implements it is chosen by meson. */
enum { BASE64_FAST_BLOCK = 32 }; /* characters looked at at once */

/* Decodes groups of four characters from the start of `in` as long as they are all of the
 * alphabet, as far as whole blocks reach; returns the characters taken, 0 where the processor
 * cannot. `to` has room for three bytes for each four of `in`, rounded up to a block. */
size_t base64_fast(enum base64_alphabet alphabet, struct span in, uint8_t *to);
