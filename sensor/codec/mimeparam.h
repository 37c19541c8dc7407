#pragma once

#include "sensor/base/sbuf.h"

/* The part of a Content-Type or Content-Disposition value before its parameters, without blanks and
 * comments around it: "text/plain". */
struct span mimeparam_main(struct span value);

/* One parameter as it stands. */
struct mimeparam {
    struct span name;  /* with what RFC 2231 adds to it: "filename*0*" */
    struct span value; /* without the quotes around it; escapes and line ends still inside */
    bool quoted;
};

/* Walks the parameters: takes the next one off *rest, which begins as the whole value. false at the
 * end. */
bool mimeparam_next(struct span *rest, struct mimeparam *ret_param);

/* How a parameter's value was written. */
enum mimeparam_form {
    MIMEPARAM_NONE,     /* there is none of that name */
    MIMEPARAM_PLAIN,    /* as it stands: the span lies in the value given */
    MIMEPARAM_ESCAPED,  /* quoted, with escapes or line ends taken out */
    MIMEPARAM_EXTENDED, /* in pieces, or with a charset and percent signs (RFC 2231) */
};

/* The first plain parameter of that name (lower case). *ret_value lies in `value`, or in
 * *scratch. */
enum mimeparam_form mimeparam_plain(struct span value, struct span name, struct sbuf *scratch,
                                    struct span *ret_value);
/* The same of a parameter written as RFC 2231 has it, in UTF-8, put together in *scratch. */
enum mimeparam_form mimeparam_extended(struct span value, struct span name, struct sbuf *scratch,
                                       struct span *ret_value);
/* Either, the extended one first, as mail readers do. */
enum mimeparam_form mimeparam_find(struct span value, struct span name, struct sbuf *scratch,
                                   struct span *ret_value);
/* Takes headers off *headers, a line each, up to the first Content-Disposition that has a file name
 * (RFC 2183 section 2.3), which takes the place of what *to holds. false: there is none. */
bool mimeparam_take_file_name(struct span *headers, struct sbuf *to);
