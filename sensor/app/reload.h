#pragma once

#include "sensor/app/options.h"
#include "signatures/engine.h"

/* Rules read anew while the sensor runs: on a thread of their own, so that packets do not wait. One
 * for each run, on the thread that carries out its loop. */
struct reload;

/* NULL when there is no memory. `options` outlive it. Its thread is started now, or with the first
 * reading. */
MUST_USE struct reload *reload_new(const struct options *options, bool start_now);
/* Waits for a reading that goes on. Nulls *r; accepts NULL. */
void reload_free(struct reload **r);

/* Begins to read configuration and rules; asked for again while that goes on, it begins once more
 * when it is done. */
void reload_ask(struct reload *r);
/* Whether one goes on, or is to be taken. */
bool reload_is_busy(const struct reload *r);
/* Why the last one was refused, "" when it was not. */
const char *reload_refusal(const struct reload *r);
/* The new rules once they are there, whose reference is the caller's; else NULL. What was refused
 * is told in one line of the log: with any mistake in them the old ones stay in use. */
struct engine *reload_take(struct reload *r);
