#pragma once

#include "decoders/line.h"
#include "decoders/mime_body.h"

/* A text on its way out, with the files that stand in it. Starts with mime_text_begin(). */
struct mime_text {
    struct mime_body body; /* of the text */
    struct mime_body file; /* of the uuencoded file at hand */
    struct line line;      /* a line that may begin a file, or one of it */
    struct sbuf decoded;
    struct sbuf yenc; /* the yEnc files, to be given behind the text */
    bool at_line_start;
    bool in_line; /* `line` is being read */
    bool in_file;
    bool in_yenc;
    bool fragment; /* the line at hand began in a gap */
};

/* Memory is kept. */
void mime_text_begin(struct mime_text *t, const struct mime_body *body);
void mime_text_data(struct mime_text *t, const struct mime_out *out, struct span bytes);
void mime_text_gap(struct mime_text *t, const struct mime_out *out);
void mime_text_end(struct mime_text *t, const struct mime_out *out, bool cut);
void mime_text_free(struct mime_text *t);
