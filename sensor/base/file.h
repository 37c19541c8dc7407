#pragma once

#include "sensor/base/sbuf.h"

/* Appends a whole file. 0; -EFBIG when it is longer than the buffer's cap leaves room for, or
 * memory is short; else a negative errno, of opening it where *ret_opened is false. */
MUST_USE int file_read(const char *path, struct sbuf *to, bool *ret_opened);
