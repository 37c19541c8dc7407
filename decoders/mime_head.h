#pragma once

#include "decoders/mime_levels.h"
#include "decoders/mime_out.h"
#include "decoders/mime_part.h"

/* Whose head it is. */
enum mime_head_of {
    HEAD_OF_MAIL,    /* the mail's own */
    HEAD_OF_MESSAGE, /* of a mail inside the mail */
    HEAD_OF_PART,
};

/* Reads one head that is pushed in pieces. All-zero is valid; a head begins with
 * mime_head_start(). */
struct mime_head {
    /* For the mail. */
    const struct decoder_limits *limits;
    const struct mime_levels *levels;
    struct mime_part *part; /* filled in */
    struct sbuf held;       /* the block so far, where it does not lie whole in one piece */
    struct sbuf unfolded;   /* scratch of the fields */
    struct sbuf decoded;
    /* For the head. */
    enum mime_head_of of;
    bool any_header;
    bool fragment; /* the line being read began in a gap */
    /* Offsets in the block, which is what was not given yet. */
    size_t line;   /* where the line being read begins, */
    size_t header; /* and the header that it belongs to */
    size_t bad;    /* a line that is no header, until the next one tells; or SPAN_NONE */
    /* A header longer than a block is being given as a body: */
    bool streaming;
    bool line_ended; /* its last byte was a line end */
    enum field_id long_id;
};

enum head_is { HEAD_MORE, HEAD_DONE };

void mime_head_start(struct mime_head *h, enum mime_head_of of);
/* Takes bytes off *rest. HEAD_DONE: the head is complete; its fields were given and *h->part is
 * filled. What follows is *ret_surplus (bytes that were held, and live until the next call), then
 * *rest. */
enum head_is mime_head_take(struct mime_head *h, const struct mime_out *out, struct span *rest,
                            struct span *ret_surplus);
void mime_head_gap(struct mime_head *h, const struct mime_out *out);
/* No more comes. */
void mime_head_finish(struct mime_head *h, const struct mime_out *out, bool cut,
                      struct span *ret_surplus);
void mime_head_free(struct mime_head *h);
