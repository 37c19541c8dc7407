#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/core/encoding.h"

/* Encoders for tests: the ways in which senders wrap a text, each written on its own account (not
 * by inverting the decoder). */
struct encoder {
    const char *name;
    enum encoding encoding; /* what undoing it is called */
    bool of_characters;     /* it cannot carry bytes that are no text: they become characters */
    void (*encode)(struct span in, struct sbuf *out);
};

size_t encoders_n(void);
const struct encoder *encoder_at(size_t i);
