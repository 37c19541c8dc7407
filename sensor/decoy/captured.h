#pragma once

#include "sensor/decoy/plan.h"

/* Refuses listeners at interfaces whose packets are captured: what a decoy answers there would be
 * counted with the traffic that somebody wants to see. Looks at listeners with an address of such
 * an interface, or with every address; those of plan->allow_on may be, and the loopback. 0, or
 * -EADDRINUSE with a line in err for each interface. What the kernel does not tell is no capture.
 */
MUST_USE int decoy_check_captured(const struct decoy_plan *plan, struct errbuf *err);
