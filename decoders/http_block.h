#pragma once

#include "sensor/base/sbuf.h"

/* Collects lines up to and with the empty one that ends them: a head, or the trailers behind a
 * chunked body. What lies whole in the input is not copied. */
struct http_block {
    struct sbuf kept; /* what came in earlier pieces; its cap is the longest block */
    size_t line;      /* where the line at hand starts */
    size_t seen;      /* how far was looked for its end */
};

enum http_block_result {
    HTTP_BLOCK_MORE,      /* the input is used up */
    HTTP_BLOCK_WHOLE,     /* *ret_block ends with the empty line */
    HTTP_BLOCK_PART,      /* the cap is reached: *ret_block is as many whole lines as fit */
    HTTP_BLOCK_LONG_LINE, /* not even one line fits: *ret_block is its start */
    HTTP_BLOCK_NO_MEMORY, /* what came before is gone */
};

/* Takes what it needs from *in. *ret_block is valid until http_block_taken(), which must follow. */
enum http_block_result http_block_next(struct http_block *b, struct span *in,
                                       struct span *ret_block);
void http_block_taken(struct http_block *b, struct span block);

/* The first line, with its end, as soon as it is there: MORE, WHOLE (a whole line), LONG_LINE or
 * NO_MEMORY. It is not taken: it begins the block that http_block_next() gives. */
enum http_block_result http_block_first_line(struct http_block *b, struct span *in,
                                             struct span *ret_line);
/* Forgets what it holds; memory is kept up to a small size. */
void http_block_reset(struct http_block *b);
