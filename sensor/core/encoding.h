#pragma once

#include "sensor/base/check.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Rows of encoding.def. */
enum encoding {
#define ENCODING(id, name) ENCODING_##id,
#include "sensor/core/encoding.def"
#undef ENCODING
    ENCODING_N
};

enum { ENCODINGS_MAX = 16 };

/* Layers in the order they were undone; a value, copied freely. */
struct encodings {
    uint8_t n;
    uint8_t ids[ENCODINGS_MAX]; /* enum encoding */
};

/* "gzip" … */
const char *encoding_name(enum encoding e);
/* With e appended; at ENCODINGS_MAX it is left as it is. */
struct encodings encodings_with(struct encodings layers, enum encoding e);
bool encodings_have(const struct encodings *layers, enum encoding e);
