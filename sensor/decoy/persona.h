#pragma once

#include "sensor/base/span.h"

/* What a listener poses as: static answers, from which nothing of the real machine can be told. */

/* An answer to requests for some paths. */
struct persona_page {
    struct span path; /* "/manager*": what begins so; without a star this one alone */
    unsigned status;
    struct span type;   /* Content-Type; empty: none */
    struct span header; /* a further header line without its end; empty: none */
    struct span body;
};

struct persona {
    const char *name;
    struct span server;   /* the Server header; empty: none is sent */
    struct span greeting; /* what a connection other than HTTP is told first; may be empty */
    struct span host;     /* what a mail server is called */
    const struct persona_page *pages; /* the first that fits counts; the last fits all */
    size_t n_pages;
};

/* Of that name, or NULL. */
const struct persona *persona_by_name(const char *name);
/* The page for a path (with its query, or without); the persona must have pages. */
const struct persona_page *persona_page(const struct persona *p, struct span path);
