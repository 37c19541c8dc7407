#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/core/source.h"
#include "sensor/core/stats.h"
#include "sensor/core/tally.h"
#include "sensor/output/story.h"

/* All figures of a moment, as Prometheus reads them. Nothing in it is kept. */
struct metrics_output {
    const char *name;
    uint64_t written;
    uint64_t lost;
};

struct metrics_database {
    const char *type;
    uint64_t build_epoch_s;
};

struct metrics {
    const char *version;
    uint64_t uptime_us;
    uint64_t reloaded_us; /* wall clock, of the rules */
    const struct stats *stats;
    const struct tally *tally; /* of all workers */
    uint64_t campaigns;        /* at work now */
    const struct story_stats *stories;
    const struct source_port *ports;
    size_t n_ports;
    const struct metrics_output *outputs;
    size_t n_outputs;
    const struct metrics_database *databases;
    size_t n_databases;
    uint64_t databases_swapped; /* put to use since the start */
    uint64_t databases_refused;
    uint64_t memory_limit; /* bytes */
    uint64_t memory_resident;
    bool live;
    uint64_t lag_us; /* live: from the newest packet to now, 0 without packets */
};

/* Adds the text (exposition format 0.0.4). Labels are names of the configuration or rows of our own
 * tables: how many series there are does not depend on traffic, but for which of them are not 0.
 * false when it did not fit. */
MUST_USE bool metrics_write(const struct metrics *m, struct sbuf *out);
