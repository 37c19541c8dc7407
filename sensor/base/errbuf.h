#pragma once

#include "sensor/base/span.h"

#include <stdbool.h>
#include <stddef.h>

/* Collects what is to be said to the operator: one line per mistake, all mistakes of one run. Lines
 * beyond the room are counted, not lost silently. All-zero is an empty one; errbuf_free() when
 * done. */
struct errbuf {
    char *text; /* lines, each ended by \n */
    size_t len;
    size_t n_lines;
    size_t n_dropped;
};

void errbuf_free(struct errbuf *e);
/* Adds one line ("WHAT 'NAME': WHY. FIX"), without newline; control characters in it are shown as
 * '?'. */
void errbuf_add(struct errbuf *e, const char *format, ...) PRINTF(2, 3);
/* Adds all lines of `from` to `to` and empties `from`. */
void errbuf_move(struct errbuf *to, struct errbuf *from);
bool errbuf_is_empty(const struct errbuf *e);
/* The first line without its newline, to be told within another; empty when there is none. Owned
 * by e. */
struct span errbuf_first(const struct errbuf *e);
/* The lines as one NUL-terminated text, "" when there are none; owned by e. */
const char *errbuf_text(const struct errbuf *e);
