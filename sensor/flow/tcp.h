#pragma once

#include "sensor/flow/entry.h"

/* The TCP streams of a flow. */

/* Who opened, as far as this first segment tells: true when its sender is the client. */
bool tcp_from_client(const struct headers *h);
/* Whether the first segment of a direction acknowledges about what the other one has sent. */
bool tcp_answers(const struct flow *f, const struct headers *h, enum direction dir);
/* Whether the segment is of another conversation on the same ports than those of the flow: both of
 * its numbers are far off. */
bool tcp_is_foreign(const struct flow *f, const struct headers *h, enum direction dir);
/* Whether the segment belongs to a new connection that uses the ports of this flow again. */
enum tcp_reuse {
    TCP_NO_REUSE,
    TCP_REOPENED, /* its SYN was seen */
    TCP_TAKEN_UP, /* its start was not seen */
    TCP_ANSWERED, /* nor was it; the segment acknowledges what was taken for stray */
    TCP_BESIDE,   /* payload of another conversation: it may go on beside this flow */
};
enum tcp_reuse tcp_reuse(struct flow *f, const struct headers *h, enum direction dir);
/* The first segment of a new flow is TCP_ANSWERED: the other side is where it acknowledges. */
void tcp_answered(struct flow *f, const struct headers *h, enum direction dir);
/* Carries out a segment; the conn's packet accounts are already kept. */
void tcp_segment(struct flow_table *t, struct flow *f, const struct headers *h, enum direction dir);
/* Both ends said FIN, and had it acknowledged: nothing but repetitions can come. */
bool tcp_is_finished(const struct flow *f);
/* Another reading of the segment just carried out. */
void tcp_alternate(struct flow_table *t, struct flow *f, const struct headers *h,
                   enum direction dir);
/* When something of the flow is due, a hole to be given up or a reading to be told; UINT64_MAX:
 * never. */
uint64_t tcp_deadline(const struct flow_table *t, const struct flow *f);
/* Carries out what is due at clock_us. */
void tcp_on_deadline(struct flow_table *t, struct flow *f, uint64_t clock_us);
/* Delivers all that is held, telling of the holes, and the ends. Frees what the flow holds. */
void tcp_finish(struct flow_table *t, struct flow *f);
/* Only frees. */
void tcp_free(struct flow_table *t, struct flow *f);
