#pragma once

#include "decoders/http_facts.h"
#include "sensor/core/direction.h"

/* What is known of a header by its name. */
struct http_header {
    struct span name;        /* in lower case */
    enum field_id fields[2]; /* by enum direction; FIELD_N: the general field, with the name */
    enum http_header_kind kind;
};

/* By its name, a token in whatever case. NULL: nothing is known of it. */
const struct http_header *http_header_find(struct span name);
