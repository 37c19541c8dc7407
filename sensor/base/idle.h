#pragma once

#include <stdint.h>

/* How a thread waits that looks for work by itself, for those who have it are not to be held up by
 * waking it: each time longer, up to a limit. All zero but for the limits is a valid one. */
struct idle {
    uint32_t least_us;
    uint32_t most_us;
    uint32_t next_us; /* 0: as long as the least */
};

/* There was nothing to do, once more: sleeps. Returns for how many microseconds it meant to. */
uint32_t idle_pause(struct idle *i);
/* There was something. */
static inline void idle_over(struct idle *i)
{
    i->next_us = 0;
}
/* Sleeps for us microseconds (less than a second), or until a signal comes. */
void idle_for(uint32_t us);
