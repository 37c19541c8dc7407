#pragma once

#include "decoders/mime_head.h"

/* How many bytes of `line` are a header's name, 0 when it is no header. */
size_t mime_header_name(struct span line);
/* The field that a header is, by its name. */
enum field_id mime_header_field(const struct mime_head *h, struct span name);
/* Gives a block of headers: the region, each field, the whole, and what they say of the part. The
 * last header is cut when `cut`. */
void mime_fields_give(struct mime_head *h, const struct mime_out *out, struct span block, bool cut);
/* Gives the start of a header whose bytes are given as a body, for events, and what it says of the
 * part. */
void mime_fields_give_start(struct mime_head *h, const struct mime_out *out, struct span header);
