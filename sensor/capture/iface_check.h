#pragma once

#include "sensor/base/errbuf.h"

#include <stdint.h>

/* What about an interface keeps the sensor from seeing what was on the wire: a line in
 * `ret_warnings` for each, with what to do. `control_fd`: any socket. What the driver does not tell
 * is left out. */
void iface_check(int control_fd, const char *name, uint32_t snaplen, struct errbuf *ret_warnings);
