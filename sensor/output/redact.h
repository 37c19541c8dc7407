#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/base/hash.h"
#include "sensor/core/config.h"
#include "sensor/core/field.h"

/* What no event is to tell. */
enum redacted {
    REDACT_AUTHORIZATION = 1 << 0, /* Authorization and its like */
    REDACT_COOKIE = 1 << 1,        /* Cookie, Set-Cookie */
    REDACT_PASSWORD = 1 << 2,      /* parameters called so, and passwords of other protocols */
    REDACT_BODY = 1 << 3,          /* bodies, files, messages, bytes that no decoder took */
};

/* All-zero redacts nothing. */
struct redact {
    unsigned what; /* bit set of enum redacted */
    bool hashed;   /* values that are equal can be told to be so */
    struct hash_key key;
};

/* As the configuration says. 0, or a negative errno with a line in err. */
MUST_USE int redact_read(const struct config *config, struct redact *ret_redact,
                         struct errbuf *err);

/* Whether bytes of a field may hold something of that. `item` is the field's, where it has one. */
bool redact_wants(const struct redact *r, enum field_id field, struct span item);
/* The same, bodies left alone: what was tried in a body is told. */
bool redact_is_secret(const struct redact *r, enum field_id field, struct span item);

/* What stands in place of a value: its length, and its hash. Returns the length of the text. */
enum { REDACTED_SIZE = 64 };
size_t redact_value(const struct redact *r, struct span value, char ret_text[REDACTED_SIZE]);

struct sbuf;
/* Appends an address of the web, with such texts in place of the values of parameters that are
 * passwords. What does not fit is cut. */
void redact_url(const struct redact *r, struct span url, struct sbuf *out);
