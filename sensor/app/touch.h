#pragma once

#include "sensor/app/decoys.h"
#include "sensor/app/report.h"

/* A flow has begun: when it touches a decoy, the flow is marked so and the touch is told, whether
 * anything is sent or not. */
void touch_flow(const struct decoys *decoys, const struct report *report, struct conn *conn);
