#pragma once

#include "sensor/flow/half.h"

/* What a side's peer has acknowledged and the capture has not shown yet. Made while there is any.
 */
struct lead {
    uint64_t believed; /* position up to which bytes that did not come are lost */
    uint64_t asked;    /* position that will be believed next */
    uint64_t since_us; /* clock when it was first asked for */
    unsigned n_beyond; /* packets of this side seen since, of what is behind it */
    bool waited_once;  /* it was waited for such an ACK's bytes in vain */
};

/* The peer has acknowledged up to x->s->acked, or x's bytes went on: keeps account of what is still
 * to come. Without memory every ACK is believed at once; so it is where limits.skew_us is 0. */
void lead_update(struct half *x);
/* Position up to which the ACKs of a side are proof that what did not come is lost. */
uint64_t lead_believed(const struct side *s);
/* Whether bytes of x have to wait, because their sender had seen its peer's up to the position
 * `after`, and those did not come by yet. */
bool lead_holds(const struct half *x, uint64_t after);
/* A packet of x at `pos` came by. */
void lead_note(struct half *x, uint64_t pos);
/* When the oldest ACK is to be believed; UINT64_MAX: there is none. */
uint64_t lead_deadline(const struct flow_table *t, const struct side *s);
/* Believes what is due at clock_us. */
void lead_age(struct half *x, uint64_t clock_us);
void lead_free(struct flow_table *t, struct side *s);
