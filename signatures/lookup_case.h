#pragma once

#include "sensor/base/sbuf.h"

/* What a change of case did that plain ASCII text does not need; a set of flags. */
enum lookup_case_flag {
    LOOKUP_CASE_DOTLESS_I = 1, /* U+0131 became 'I' */
    LOOKUP_CASE_UNICODE = 2,   /* another character outside ASCII became ASCII letters */
};

/* Appends what Java's String.toLowerCase(Locale.ROOT) makes of UTF-8 text; bytes that are no
 * well-formed UTF-8 are copied. Returns the flags. */
unsigned lookup_lower(struct span in, struct sbuf *out);
/* The same for toUpperCase(). */
unsigned lookup_upper(struct span in, struct sbuf *out);
