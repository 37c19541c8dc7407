#pragma once

#include "sensor/base/sbuf.h"

enum { MULTIPART_HEAD_MAX = 4096, MULTIPART_BOUNDARY_MAX = 256 };

enum multipart_step {
    MULTIPART_MORE, /* the input is used up */
    MULTIPART_HEAD, /* a part begins: `head` holds its lines, as many as fit */
    MULTIPART_DATA, /* *ret_piece are contents of the part */
    MULTIPART_END,  /* the part ends with its boundary */
};

/* A multipart body (RFC 2046 section 5.1) that is read in pieces: which parts it has. What is
 * inside a part is not looked at, nor is anything in front of the first boundary or behind the
 * last.
 */
struct multipart {
    struct sbuf head;      /* of the part at hand, without the empty line; kept until the next */
    struct sbuf delimiter; /* LF, two dashes and the boundary */
    size_t matched;        /* of the delimiter */
    unsigned state;
    bool implied; /* its LF stands in front of what is searched */
    bool cr;      /* a CR is held, which belongs to the delimiter if one follows */
    bool inside;  /* a part is open */
    size_t line;  /* of the head: bytes of the line at hand, without CR */
    bool dash;    /* behind the boundary: one dash came */
};

/* The boundary is copied, and cut at its cap. false: no memory. */
MUST_USE bool multipart_start(struct multipart *m, struct span boundary);
/* Takes from *in. What comes does not depend on how the body was cut (pieces of one part joined).
 * A piece is valid until the next call. */
enum multipart_step multipart_next(struct multipart *m, struct span *in, struct span *ret_piece);
/* Bytes are missing: what was held for a delimiter is forgotten. */
void multipart_gap(struct multipart *m);
void multipart_free(struct multipart *m);
