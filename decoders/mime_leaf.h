#pragma once

#include "decoders/mime_out.h"
#include "decoders/mime_part.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/qp.h"

/* The contents of one part on their way to a region. Starts with mime_leaf_begin(). */
struct mime_leaf {
    enum field_id field;
    enum body_type body_type;
    struct encodings layers;
    enum mime_transfer transfer;
    struct base64 base64;
    struct qp qp;
    struct sbuf decoded;
    bool open;      /* the body's first piece was given */
    bool after_gap; /* bytes are missing before the next piece */
    bool realign;   /* behind a gap: the next bytes may be in the middle of an encoded one */
    unsigned n_skipped;
};

/* part NULL: plain text that no head describes. */
void mime_leaf_begin(struct mime_leaf *l, const struct mime_part *part, const struct mime_out *out);
void mime_leaf_data(struct mime_leaf *l, const struct mime_out *out, struct span bytes);
void mime_leaf_gap(struct mime_leaf *l, const struct mime_out *out);
/* May be called for one that is not open. */
void mime_leaf_end(struct mime_leaf *l, const struct mime_out *out, bool cut);
void mime_leaf_free(struct mime_leaf *l);
