#pragma once

#include "sensor/app/decoys.h"
#include "sensor/app/report.h"

/* Something was found in a probe of our own: makes it what is told of that, without a look-up that
 * would be counted. */
void touch_mark_probe(const struct decoys *decoys, struct finding *finding);

/* That went to the writer. */
void touch_probe_told(const struct decoys *decoys, const struct conn *conn);

/* A flow has begun: when it touches a decoy, the flow is marked so and the touch is told, whether
 * anything is sent or not. */
void touch_flow(const struct decoys *decoys, const struct report *report, struct conn *conn);
