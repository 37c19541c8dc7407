#pragma once

#include "sensor/base/sbuf.h"

/* What uri_decode() is to undo, and what it says it undid. */
enum uri_form {
    URI_PERCENT = 1,   /* %24 */
    URI_PERCENT_U = 2, /* %u0024, as old IIS and escape() of JavaScript; given as UTF-8 */
    URI_PLUS = 4,      /* '+' is a blank, as in application/x-www-form-urlencoded */
};

/* Undoes one layer of the forms in `forms` (RFC 3986 section 2.1) and returns which of them really
 * stood in the text. '%' that begins no escape stays as it is. */
unsigned uri_decode(struct span in, unsigned forms, struct sbuf *out);

/* The one escape at off, if it is of `forms` (a plus included): its length, with what it stands for
 * appended to `out` and its form set in *ret_form; 0 when there is none. */
size_t uri_escape_at(struct span in, size_t off, unsigned forms, struct sbuf *out,
                     unsigned *ret_form);
