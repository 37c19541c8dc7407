#pragma once

#include <stdbool.h>
#include <stdint.h>

/* A service manager that waits for the start, and has a watchdog: systemd's protocol, sd_notify(3).
 * All of it does nothing where there is none. */

/* Whether somebody is to be told; then sockets of this machine are needed. */
bool notify_is_wanted(void);
/* All is open, capture goes on. */
void notify_ready(void);
void notify_stopping(void);
/* How often the watchdog is to hear from us, in microseconds; 0: there is none. */
uint64_t notify_watchdog_us(void);
/* All workers go on. */
void notify_alive(void);
/* "systemd", or "none". */
const char *notify_about(void);
