#pragma once

#include "sensor/base/sbuf.h"

/* Appends one JSON object as json.h writes it, made to fit `max` bytes: of values that are texts
 * the longest are cut, never below 64 bytes; then parts that an event can do without (flow, email,
 * http …) are left out. "truncated" is put among metadata.flowbits. false, and nothing is appended,
 * when that is not enough or there is no memory. */
MUST_USE bool shorten(struct span object, size_t max, struct sbuf *to);
