#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/core/encoding.h"

/* Private to signatures/peel*.c: the layers that are undone one escape at a time. */

enum peel_step {
    PEEL_STEP_PERCENT,
    PEEL_STEP_HTML,
    PEEL_STEP_BACKSLASH,
    PEEL_STEP_QUOTED_PRINTABLE,
    PEEL_STEP_OVERLONG,
    PEEL_STEP_PLUS,
    PEEL_STEP_FORM, /* percent and plus together, as a form is read */
    PEEL_STEP_N
};

/* Undoes one layer: appends the text to `out`, returns the encodings that really stood in it as
 * bits 1 << enum encoding; 0: nothing has changed. */
uint32_t peel_step_undo(enum peel_step step, struct span in, struct sbuf *out);
/* Where in `in` that comes from which stands at `off` in what is made of it. */
size_t peel_step_origin(enum peel_step step, struct span in, size_t off);
/* The escape at off: its length, with what it stands for appended; 0 when there is none. */
size_t peel_step_escape(enum peel_step step, struct span in, size_t off, struct sbuf *out,
                        uint32_t *encodings);
