#pragma once

#include "decoders/mime_head.h"
#include "decoders/mime_leaf.h"
#include "decoders/mime_levels.h"
#include "decoders/mime_out.h"

enum mime_state {
    MIME_IDLE,      /* between mails */
    MIME_HEAD,      /* in the head of a mail or of a part */
    MIME_BODY,      /* in a part's contents, a preamble or an epilogue */
    MIME_DELIMITER, /* behind a boundary, on its line */
};

/* A line end that belongs to the boundary behind it, if there is one. */
enum mime_eol { EOL_NONE, EOL_CR, EOL_LF, EOL_CRLF };

/* Reads a mail that is pushed in pieces, cut anywhere. All-zero is an idle one. */
struct mime {
    const struct decoder_limits *limits;
    enum mime_state state;
    struct mime_head head;
    struct mime_part part; /* what the latest head says */
    struct mime_leaf leaf;
    struct mime_levels levels;
    bool closing;        /* MIME_DELIMITER: of a closing boundary */
    bool head_lost;      /* some of a head is missing: there may be boundaries we do not know */
    unsigned n_nested;   /* messages inside messages, up to here */
    bool at_line_start;  /* MIME_BODY */
    enum mime_eol eol;   /* held back */
    struct sbuf dashes;  /* the start of a line that may be a boundary */
    struct sbuf surplus; /* bytes that were taken too early */
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
