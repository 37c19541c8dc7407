#pragma once

#include "decoders/mime_parts.h"

enum { MIME_INNER_MAX = 3 };

/* Reads a mail that is pushed in pieces, cut anywhere, and the mails that are encoded inside it.
 * All-zero is one between mails. */
struct mime {
    const struct decoder_limits *limits;
    bool open;
    struct mime_parts outer;
    struct mime_inner *inner[MIME_INNER_MAX]; /* each inside the one before */
    unsigned n_inner;
};

/* A mail begins. The limits must live as long. */
void mime_start(struct mime *m, const struct decoder_limits *limits);
/* The same in the middle of a head, its start not seen. */
void mime_resume(struct mime *m, const struct decoder_limits *limits);
/* More of it. */
void mime_data(struct mime *m, const struct mime_out *out, struct span bytes);
/* Bytes of it are missing here. */
void mime_gap(struct mime *m, const struct mime_out *out);
/* It is complete; or, when cut, its end will not come. Does nothing between mails. */
void mime_end(struct mime *m, const struct mime_out *out, bool cut);
void mime_free(struct mime *m);
