#pragma once

#include "sensor/base/sbuf.h"

/* What jsescape_decode() is to undo, and what it says it undid. */
enum jsescape_form {
    JSESCAPE_UNICODE = 1, /* \u0024, \uuu0024 (Java), \u{24} */
    JSESCAPE_OTHER = 2,   /* \x24, \44, \044, \/ \" \' \\ \b \f \n \r \t \v */
};

/* Undoes one layer of the escapes of JSON (RFC 8259 section 7), JavaScript and Java strings and
 * returns which forms really stood in the text. A backslash before anything else stays. */
unsigned jsescape_decode(struct span in, unsigned forms, struct sbuf *out);

/* The one escape at off, if it is of `forms`: its length, the character it stands for and its form;
 * 0 when there is none. */
size_t jsescape_at(struct span in, size_t off, unsigned forms, uint32_t *ret_cp,
                   unsigned *ret_form);
