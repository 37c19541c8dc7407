#pragma once

#include "sensor/base/sbuf.h"

/* Standard input or any descriptor, line by line. */
struct lines;

/* `max`: longest line in bytes. NULL when there is no memory. */
MUST_USE struct lines *lines_new(int fd, size_t max);
/* Nulls *l; accepts NULL. */
void lines_free(struct lines **l);

enum lines_result {
    LINES_LINE,
    LINES_TOO_LONG, /* *ret_line is its beginning; the rest of it was passed over */
    LINES_END,
    LINES_FAILED, /* errno says why */
};
/* The next line without its newline, valid until the next call; the last one need not have one. */
MUST_USE enum lines_result lines_next(struct lines *l, struct span *ret_line);
/* The number of the line that was given last, from 1 on; 0 before the first. */
uint64_t lines_number(const struct lines *l);
