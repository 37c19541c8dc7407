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

/* Reads one mail that is pushed in pieces, cut anywhere. All-zero is an idle one. */
struct mime_parts {
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
    struct sbuf surplus; /* bytes that were taken too early, */
    size_t surplus_off;  /* and how many of them were read since */
    /* Mails that are encoded as a whole: */
    bool may_unpack;      /* they may be, else they are files */
    bool unpacking;       /* one is being decoded */
    struct sbuf unpacked; /* into this; taken away after each step */
    bool unpacked_ends;   /* that was the last of it; set back by who took it */
};

void mime_parts_start(struct mime_parts *p, const struct decoder_limits *limits,
                      enum mime_head_of of);
/* Whether a step has something to do where no new bytes are given. */
bool mime_parts_has_surplus(const struct mime_parts *p);
/* Reads some of *rest, or of its own surplus. */
void mime_parts_step(struct mime_parts *p, const struct mime_out *out, struct span *rest);
/* Bytes are missing here. */
void mime_parts_gap(struct mime_parts *p, const struct mime_out *out);
/* No more comes: ends what is open. false: that left a surplus, or has to be called again. */
MUST_USE bool mime_parts_flush(struct mime_parts *p, const struct mime_out *out, bool cut);
/* Behind a flush. */
void mime_parts_end(struct mime_parts *p, const struct mime_out *out, bool cut);
void mime_parts_free(struct mime_parts *p);
