#pragma once

#include "decoders/mime_part.h"
#include "decoders/mime_text.h"
#include "sensor/codec/base64.h"
#include "sensor/codec/charset_stream.h"
#include "sensor/codec/qp.h"

/* The contents of one part on their way to a region. All-zero is one that is not open. */
struct mime_leaf {
    bool open;
    bool is_text;
    bool begun; /* its body was */
    struct mime_body body;
    struct mime_text text; /* is_text: what the body is given through */
    enum mime_transfer transfer;
    struct base64 base64;
    struct qp qp;
    struct sbuf decoded;
    struct charset_stream charset;
    struct sbuf converted;
    bool realign; /* behind a gap: the next bytes may be in the middle of an encoded one */
    unsigned n_digits;
    bool raw_line; /* behind a gap: which alphabet is in force is known at the next line only */
};

/* part NULL: plain text that no head describes. */
void mime_leaf_begin(struct mime_leaf *l, const struct mime_part *part, const struct mime_out *out);
void mime_leaf_data(struct mime_leaf *l, const struct mime_out *out, struct span bytes);
void mime_leaf_gap(struct mime_leaf *l, const struct mime_out *out);
/* Does nothing to one that is not open. */
void mime_leaf_end(struct mime_leaf *l, const struct mime_out *out, bool cut);
void mime_leaf_free(struct mime_leaf *l);
