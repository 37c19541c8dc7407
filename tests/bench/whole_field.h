#pragma once

#include "sensor/base/span.h"

/* A text as a decoder gives it to the sensor's detection with its own rules: through the gate, the
 * looks at its hits, the peeler and the evaluator. */
struct whole_field;

/* NULL, and why on stderr, when there is none to be had. */
struct whole_field *whole_field_new(void);
void whole_field_free(struct whole_field **w);
/* As the value of a header, and as a body in pieces of a segment's size; each a request of its
 * own. */
void whole_field_header(struct whole_field *w, struct span text);
void whole_field_body(struct whole_field *w, struct span text);
