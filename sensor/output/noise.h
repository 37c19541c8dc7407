#pragma once

#include "sensor/core/event.h"

/* How often an alert came before: the same campaign and class against the same target. */
struct noise;

/* `quiet_us`: after so long without one it is counted from the start. NULL when there is no memory.
 */
MUST_USE struct noise *noise_new(uint64_t quiet_us);
/* Nulls *n; accepts NULL. */
void noise_free(struct noise **n);
/* Which repeat it is, from 1. Events come in their order. */
uint64_t noise_repeat(struct noise *n, const struct event *alert);
