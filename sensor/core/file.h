#pragma once

#include "sensor/base/span.h"

/* A file that a transaction carries, as far as it was seen. */
struct file_seen {
    struct span name;   /* as it was told, in UTF-8; empty: it has none */
    uint64_t size;      /* bytes seen */
    bool gaps;          /* bytes of it are missing */
    bool cut;           /* its end did not come */
    const char *hash;   /* "md5", "sha1", "sha256", or NULL; static */
    struct span digest; /* in hexadecimal; empty without a hash */
};
