/* idle: threads that wait. No packet does. */
#include "sensor/base/idle.h"

#include <time.h>

void idle_for(uint32_t us)
{
    struct timespec t = {.tv_nsec = (long)us * 1000};
    (void)nanosleep(&t, NULL); /* lint: a thread that has nothing to do */
}

uint32_t idle_pause(struct idle *i)
{
    uint32_t us = i->next_us > i->least_us ? i->next_us : i->least_us;
    idle_for(us);
    i->next_us = us < i->most_us / 2 ? us * 2 : i->most_us;
    return us;
}
