#pragma once

#include "sensor/base/span.h"

/* Rows of scheme.def: what a look-up's scheme is counted as. */
enum scheme {
#define SCHEME(id, name) SCHEME_##id,
#include "sensor/core/scheme.def"
#undef SCHEME
    SCHEME_N
};
const char *scheme_name(enum scheme scheme);
/* SCHEME_NONE for an empty one, SCHEME_OTHER for one without a row. */
enum scheme scheme_of(struct span name);
