/* notify_off: built without libsystemd. */
#include "sensor/app/notify.h"

bool notify_is_wanted(void)
{
    return false;
}

void notify_ready(void)
{
}

void notify_stopping(void)
{
}

uint64_t notify_watchdog_us(void)
{
    return 0;
}

void notify_alive(void)
{
}

const char *notify_about(void)
{
    return "none (built without libsystemd)";
}
