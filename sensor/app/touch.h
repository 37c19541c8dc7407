#pragma once

#include "sensor/app/decoys.h"
#include "sensor/app/report.h"

/* Something was found. In a probe of our own: makes it what is told of that, without a look-up that
 * would be counted; true then. */
bool touch_mark_probe(const struct decoys *decoys, const struct conn *conn,
                      struct finding *finding);

/* What was found went to the writer. */
void touch_told(const struct decoys *decoys, const struct conn *conn);

/* A flow has begun: when it touches a decoy, the flow is marked so and the touch is told, whether
 * anything is sent or not. */
void touch_flow(const struct decoys *decoys, const struct report *report, struct conn *conn);
