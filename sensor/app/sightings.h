#pragma once

#include "sensor/app/pipeline_parts.h"

/* What a worker sees that may follow an attempt, told as it happens. Each does nothing where nobody
 * wants it. */

/* A flow begins. */
void sightings_flow(const struct pipeline *p, struct conn *conn);
/* A look-up was found. */
void sightings_attempt(const struct pipeline *p, struct conn *conn, const struct finding *finding);
/* A field of the main reading of a flow: a name that is asked for, a part of an answer. */
void sightings_field(const struct pipeline *p, struct conn *conn, const struct field *field);
/* A piece of a body of the main reading. */
void sightings_body(struct flow_app *app, struct tx_slot *slot, const struct region *region);
/* A transaction that ends: what a DNS answer said. */
void sightings_end(const struct pipeline *p, const struct tx *tx);
