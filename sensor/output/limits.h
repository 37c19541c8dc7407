#pragma once

#include "sensor/core/event.h"

/* Which alerts are told when their rules want only some of them. One for the writer, which sees
 * the events of all workers in their order: so the same are told at any number of workers. */
struct limits;

/* NULL when there is no memory. */
MUST_USE struct limits *limits_new(void);
/* Nulls *l; accepts NULL. */
void limits_free(struct limits **l);
/* Whether the event is to be told. Time is the event's own. */
bool limits_pass(struct limits *l, const struct event *event);
