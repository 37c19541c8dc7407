#pragma once

#include "decoders/http_facts.h"
#include "sensor/core/direction.h"

/* What is known of a header by its name. */
struct http_header {
    struct span name;        /* in lower case */
    enum field_id fields[2]; /* by enum direction; FIELD_N: the general field, with the name */
    enum http_header_kind kind;
};

enum { HTTP_HEADER_LONGEST = 19 };

/* By length, which letters the names of headers begin with that say something about the message
 * (all but HTTP_HEADER_PLAIN), a bit each by its last five. */
extern const uint32_t http_header_starts[HTTP_HEADER_LONGEST + 1];

/* Whether a name, not empty, may be of these: next to no other is taken for one. */
static inline bool http_header_may_tell(struct span name)
{
    return name.len <= HTTP_HEADER_LONGEST &&
           (http_header_starts[name.len] >> (name.data[0] & 31) & 1) != 0;
}

/* By its name, a token in whatever case. NULL: nothing is known of it. */
const struct http_header *http_header_find(struct span name);
