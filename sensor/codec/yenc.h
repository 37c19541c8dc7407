#pragma once

#include "sensor/base/sbuf.h"

/* Whether a line begins an encoded file, "=ybegin line=128 size=9 name=NAME"; its name. */
bool yenc_begins(struct span line, struct span *ret_name);
/* Whether it ends one, "=yend …". */
bool yenc_ends(struct span line);
/* Appends what a line (without its end) of such a file decodes to; "=ypart …" is nothing. */
void yenc_line(struct span line, struct sbuf *out);
