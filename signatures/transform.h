#pragma once

#include "sensor/base/sbuf.h"
#include "signatures/rule.h"

/* A text after one step: a part of `to`, or of the text itself. `to` must not hold the text. What
 * has no room in `to` is left out. */
struct span transform(const struct rule_step *step, struct span text, struct regex_scratch *scratch,
                      struct sbuf *to);
/* The same of a text with each byte changed. */
struct span transform_bytes(struct span text, uint8_t (*change)(uint8_t), struct sbuf *to);
