#pragma once

#include "sensor/base/sbuf.h"

/* Takes lines out of a stream that is cut anywhere. A line that lies whole in the given bytes is a
 * view of them; one that does not is put together in a buffer. Starts with line_start(). */
struct line {
    struct sbuf held; /* of the line being read: all of it so far, or its start when it is long */
    bool given;       /* `held` was handed out and is forgotten with the next call */
    bool is_long;
    bool after_cr; /* long: the last piece ended with CR */
};

enum line_part {
    LINE_NONE,  /* no line ends here: all bytes are taken */
    LINE_WHOLE, /* a line without its end */
    LINE_PIECE, /* a piece of a line that is longer than the cap; pieces come in order */
    LINE_TAIL,  /* the last piece, maybe empty: line_long_start() has its start once more */
};

struct line_found {
    enum line_part part;
    struct span bytes;
    bool first;   /* the first piece of a long line */
    bool bare_lf; /* LINE_WHOLE, LINE_TAIL: ended by LF without CR */
};

/* `cap`: longest line given whole. */
struct line line_start(size_t cap);
void line_free(struct line *l);
/* Takes one part off the front of *rest. The bytes in it die with the next call, or with *rest. */
struct line_found line_take(struct line *l, struct span *rest);
/* After LINE_TAIL: the first `cap` bytes of that line, until the next call. */
struct span line_long_start(const struct line *l);
/* Whether a line was begun and not ended. */
bool line_is_open(const struct line *l);
/* Gives up the line being read: what there is of it as LINE_WHOLE or LINE_TAIL, or LINE_NONE. */
struct line_found line_give_up(struct line *l);
