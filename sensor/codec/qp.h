#pragma once

#include "sensor/base/sbuf.h"

enum { QP_HELD_MAX = 80 };

/* A streaming decoder; the input may be cut anywhere. */
struct qp {
    uint8_t held[QP_HELD_MAX]; /* '=' and what follows it, as long as it may still be an escape */
    unsigned n_held;
    uint64_t n_bad; /* '=' that began neither an octet nor a soft line break; kept as they stand */
};

struct qp qp_start(void);
/* Appends what `in` decodes to; stops adding at out's cap (out->cut), the state stays good. */
void qp_decode(struct qp *d, struct span in, struct sbuf *out);
/* The end of the text: an '=' there is a soft break, "=4" stays as it is. */
void qp_finish(struct qp *d, struct sbuf *out);
