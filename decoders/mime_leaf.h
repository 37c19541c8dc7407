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
    bool bad_base64; /* some part had more than the alphabet; set back by who tells it */
    struct qp qp;
    struct sbuf decoded;
    struct charset_stream charset;
    struct sbuf converted;
    bool realign; /* behind a gap: the next bytes may be in the middle of an encoded one */
    unsigned n_digits;
    struct sbuf *diverted; /* or NULL: the contents go there and nowhere else */
    bool raw_line; /* behind a gap: which alphabet is in force is known at the next line only */
};

/* part NULL: plain text that no head describes. */
void mime_leaf_begin(struct mime_leaf *l, const struct mime_part *part, const struct mime_out *out);
/* Sends the decoded contents of the part that has just begun to a buffer of the caller's. */
void mime_leaf_divert(struct mime_leaf *l, struct sbuf *to);
void mime_leaf_data(struct mime_leaf *l, const struct mime_out *out, struct span bytes);
void mime_leaf_gap(struct mime_leaf *l, const struct mime_out *out);
/* Does nothing to one that is not open. */
void mime_leaf_end(struct mime_leaf *l, const struct mime_out *out, bool cut);
void mime_leaf_free(struct mime_leaf *l);
