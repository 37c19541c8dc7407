#pragma once

#include "sensor/flow/entry.h"

/* What an inline sensor lets by, flow by flow. */

/* Whether a packet of a blocked flow goes on all the same: it can bring its receiver no bytes. */
bool guard_lets_by(struct flow *f, const struct headers *h, enum direction dir);
/* Whether it shows that both ends have begun anew on the ports of a blocked flow. */
bool guard_is_reopened(const struct flow *f, const struct headers *h, enum direction dir);
/* The verdict that a flow begins with. */
enum verdict guard_first_verdict(const struct flow_table *t, const struct flow *f,
                                 const struct headers *h);
/* A blocked flow goes: its packets are still to be known. */
void guard_remember(struct flow_table *t, const struct flow *f);
/* Notes what receivers wait for, before a packet is carried out: their bytes so far went on. */
void guard_note(const struct flow *f, struct ruling *r);
/* Turns the ruling as its flow was turned since: client and server change places. */
void guard_turn(const struct flow *f, bool flipped_before, struct ruling *r);
/* There was no memory to inspect all of the packet. */
void guard_uninspected(struct flow_table *t, struct flow *f);
/* All that its packet brought is judged now, not when the rest has come. */
void guard_judge(struct flow_table *t, struct flow *f);
/* Makes the ruling of the packet at hand. */
void guard_rule(struct flow_table *t, struct flow *f, struct ruling *ret_ruling);
