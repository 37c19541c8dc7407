#pragma once

#include "sensor/core/addr.h"

/* What mail relays tell about who came to them. */

/* The address from which the writer of a Received header had the mail, by the address it saw, not
 * by what the other called itself. false when there is none that can be read. */
bool received_from(struct span value, struct addr *ret_addr);
/* The ADDR of XCLIENT or XFORWARD, decoded; false for [UNAVAILABLE] and what is no address. */
bool xclient_addr(struct span value, struct addr *ret_addr);
