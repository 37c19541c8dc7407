#pragma once

#include "decoders/mime_out.h"

/* One body on its way out, piece by piece. Starts with mime_body_begin(). */
struct mime_body {
    enum field_id field;
    enum body_type type;
    struct encodings layers;
    bool open;      /* its first piece was given */
    bool after_gap; /* bytes are missing before the next piece */
};

static inline struct mime_body mime_body_begin(enum field_id field, enum body_type type)
{
    return (struct mime_body){.field = field, .type = type};
}

/* An empty piece is none. */
void mime_body_give(struct mime_body *b, const struct mime_out *out, struct span bytes);
/* Nothing when no piece was given. Another body of the same kind may begin then. */
void mime_body_end(struct mime_body *b, const struct mime_out *out, bool cut);
