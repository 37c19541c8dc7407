#pragma once

#include "sensor/core/source.h"
#include "sensor/core/stats.h"
#include "sensor/output/writer.h"

/* One line over and over on a terminal: bytes, rate, alerts so far. */
void summary_progress(const struct source_stats *source, const struct stats *stats,
                      uint64_t elapsed_us);
/* The sum at the end, on stderr. */
void summary_say(const struct stats *stats, const struct writer *writer, uint64_t elapsed_us);
/* A line for each interface: what it gave, and the three ways of loss. */
void summary_ports(const struct source_port *ports, size_t n);
/* Whether packets and transactions in are what became of them. */
bool summary_adds_up(const struct stats *stats);
