#pragma once

#include "sensor/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* When the number of something in an interval leaves its baseline: the mean of the hour before,
 * when intervals are minutes. */
enum { SURGE_HISTORY = 60, SURGE_WARM = 5 };

struct surge_limits {
    uint64_t factor; /* so many times the baseline */
    uint64_t least;  /* and at least so many */
};

/* All-zero has seen nothing. */
struct surge {
    uint64_t history[SURGE_HISTORY];
    size_t n;
    size_t next;
    bool lasts;
};

/* The interval's number; true when a surge begins with it. *ret_baseline: the mean before. In the
 * first SURGE_WARM intervals there is no baseline, and no surge. */
bool surge_step(struct surge *s, const struct surge_limits *limits, uint64_t n,
                uint64_t *ret_baseline);
/* `count` intervals in which there was nothing. */
void surge_rest(struct surge *s, const struct surge_limits *limits, uint64_t count);
