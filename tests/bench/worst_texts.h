#pragma once

#include "sensor/base/sbuf.h"

/* A text that takes long for its length: `start`, `piece` over and over, `end`. */
struct worst_text {
    const char *name;
    struct span start;
    struct span piece;
    struct span end;
};

/* All that are known, the worst that searches have found among them. */
extern const struct worst_text worst_texts[];
extern const size_t worst_texts_n;

/* As long as goes into len bytes. */
void worst_text_fill(const struct worst_text *w, size_t len, struct sbuf *to);
