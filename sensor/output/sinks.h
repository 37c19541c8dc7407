#pragma once

#include "sensor/core/sink.h"

/* The sinks of this build, in the order of sinks.list; NULL behind the last. */
extern const struct sink_ops *const sinks[];

/* By the type of an output; NULL when this build has it not. */
const struct sink_ops *sink_by_type(const char *type);
