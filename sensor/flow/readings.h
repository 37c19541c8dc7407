#pragma once

#include "sensor/flow/half.h"

/* The other reading of a stream whose bytes came twice and not alike. */

/* These bytes were delivered at this position. */
void readings_delivered(const struct half *x, uint64_t pos, struct span bytes);
/* Nothing is joined across a hole. What comes of [from, to) later is still read. */
void readings_gap(const struct half *x, uint64_t from, uint64_t to);
/* These bytes came again, or late: all lie before what was delivered. */
void readings_repeated(const struct half *x, uint64_t pos, struct span bytes);
/* These bytes differ from those that are held behind a hole, which were first. */
void readings_differ(const struct half *x, uint64_t pos, struct span bytes);
/* These bytes begin before what was delivered and go on behind it: another reading is longer. */
void readings_longer(const struct half *x, uint64_t pos, struct span bytes);
/* These bytes are none of the stream's, as far as is known. */
void readings_stray(const struct half *x, uint64_t pos, struct span bytes);
/* The byte at this position is urgent: its receiver may take it out of the stream. To be told
 * before the byte is delivered. */
void readings_urgent(const struct half *x, uint64_t pos);
/* Tells the user the other reading as far as it has come, and keeps it: a verdict is wanted. */
void readings_judge(const struct half *x);
/* The peer has acknowledged more. */
void readings_acked(const struct half *x);
/* The peer speaks: what this side said is complete. */
void readings_spoken_to(const struct half *x);
/* Tells the user the other reading as far as it has come, if there is one. */
void readings_flush(const struct half *x);
/* The same at the end of the stream: also what still waits for bytes that never came. */
void readings_end(const struct half *x);
/* When the other reading is to be told at the latest; UINT64_MAX: there is none. */
uint64_t readings_deadline(const struct side *s);
void readings_free(struct flow_table *t, struct side *s);
