#pragma once

#include "tests/bench/text.h"

/* Bodies made once and sent again and again in different messages. */
enum body_kind {
    BODY_HTML,
    BODY_SCRIPT,
    BODY_STYLE,
    BODY_JSON,
    BODY_JSON_SMALL,
    BODY_IMAGE,
    BODY_VIDEO,
    BODY_MAIL,
    BODY_KIND_N,
};

/* One body; gzip and the chunked forms are empty where they are not sent. */
struct body {
    const char *type;
    struct text plain;
    struct text gzip;
    struct text chunked;
    struct text chunked_gzip;
    const char *boundary; /* of a mail */
};

struct corpus {
    struct body *bodies[BODY_KIND_N];
    size_t n[BODY_KIND_N];
};

/* Makes all bodies. */
void corpus_make(struct corpus *c, struct random *r);
/* One body of a kind. */
const struct body *corpus_pick(const struct corpus *c, struct random *r, enum body_kind kind);
void corpus_free(struct corpus *c);
