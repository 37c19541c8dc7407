#pragma once

#include "sensor/base/span.h"

/* Where the header of a gzip member stands; the input may be cut anywhere. All-zero is its start.
 */
struct gziphead {
    unsigned state;
    unsigned n;     /* bytes of the part at hand */
    unsigned flags; /* parts that are still to come */
    unsigned extra; /* length of the extra field */
};

enum gziphead_result { GZIPHEAD_MORE, GZIPHEAD_END, GZIPHEAD_BROKEN };

/* Takes header bytes from *in, which is moved on. BROKEN: these are no gzip bytes. */
enum gziphead_result gziphead_next(struct gziphead *h, struct span *in);
