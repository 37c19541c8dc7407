#pragma once

#include "sensor/core/source.h"
#include "sensor/core/stats.h"
#include "sensor/decoy/listeners.h"

/* Once it is open: its listeners and the end of the channel that the listening process writes to,
 * both for that process alone; they stay the source's until it has started. */
const struct decoy_listeners *source_decoy_listeners(const struct source *s);
int source_decoy_channel(const struct source *s);
/* Where that process counts; shared with those that are forked from here on. */
struct decoy_counts *source_decoy_counts(const struct source *s);
/* The process runs: what it has is closed here. */
void source_decoy_started(struct source *s);
/* What was counted at the door, added to the sum. */
void source_decoy_add_stats(const struct source *s, struct stats *sum);
/* How often the listening process was started anew since this was asked last. Any thread. */
unsigned source_decoy_take_restarts(struct source *s);
