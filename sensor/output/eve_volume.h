#pragma once

#include "sensor/output/eve.h"
#include "sensor/output/volume.h"

enum eve_volume_scope {
    EVE_VOLUME_CAMPAIGN, /* of one campaign */
    EVE_VOLUME_OTHER,    /* of those that had no room */
    EVE_VOLUME_TOTAL,
    EVE_VOLUME_SURGE, /* openers are many more than they were */
};

/* What a roll-up, or the alert of a surge, tells. */
struct eve_volume {
    enum eve_volume_scope scope;
    uint64_t time_us; /* of the event: the interval's end, or that of the input */
    uint64_t start_us;
    uint64_t interval_us;
    uint64_t n_opened; /* openers in it; of no campaign */
    uint64_t baseline; /* of a surge: openers in an interval before */
    const struct volume_group *group;
};

/* An alert with alert.context.volume. NULL when there is no memory. */
struct event *eve_volume(struct eve *e, const struct eve_volume *v);
