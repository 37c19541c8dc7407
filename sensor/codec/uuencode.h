#pragma once

#include "sensor/base/sbuf.h"

/* Whether a line begins an encoded file, "begin 644 NAME"; its name. */
bool uuencode_begins(struct span line, struct span *ret_name);
/* Appends what a line (without its end) of such a file decodes to. false when it is none; at the
 * file's end it is "end", which is none either. */
bool uuencode_line(struct span line, struct sbuf *out);
