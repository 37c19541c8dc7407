#pragma once

#include "sensor/base/sbuf.h"

/* Reads one JSON object (RFC 8259) that is all there, member by member, without copying. */

enum { JSONREAD_DEPTH_MAX = 512 }; /* values nested deeper are an error */

enum jsonread_kind { JSONREAD_STRING, JSONREAD_NUMBER, JSONREAD_OTHER };

struct jsonread_member {
    struct span key; /* what stands between its quotes, as written */
    enum jsonread_kind kind;
    struct span value; /* a string: what stands between its quotes, as written; else all of it */
};

/* All-zero but for `text` is the beginning. */
struct jsonread {
    struct span text;
    size_t off;        /* of what comes next, or of what is wrong */
    const char *error; /* what is wrong there, static; NULL when nothing is */
    bool begun;
    bool ended;
};

/* The next member of the object; false at its end, which is the end of the text but for blanks, or
 * when r->error says what is wrong. Raw control characters in strings, which RFC 8259 forbids, are
 * taken as they stand, and so are bytes that are no UTF-8. */
MUST_USE bool jsonread_next(struct jsonread *r, struct jsonread_member *ret_member);

/* Appends what a string means, escapes undone (RFC 8259 section 7). A surrogate without its partner
 * is appended as the three bytes that UTF-8 would have for it, which are not well-formed UTF-8. */
void jsonread_unescape(struct span string, struct sbuf *out);
