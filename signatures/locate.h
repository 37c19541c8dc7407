#pragma once

#include "sensor/core/field.h"

/* What the bytes are that a hit stands in. */
struct locate_hint {
    enum field_id field;  /* of the whole: HTTP_URI_RAW, HTTP_COOKIE, HTTP_REQUEST_BODY … */
    enum body_type type;  /* bodies: what the sender called it; contents are looked at as well */
    struct span boundary; /* BODY_MULTIPART */
};

enum { LOCATE_ITEM_SIZE = 256 };

/* The smallest value around a hit. `value` lies in the whole; `item` is this struct's own copy, cut
 * at its size. */
struct located {
    enum field_id id;
    struct span value;
    char item[LOCATE_ITEM_SIZE]; /* "form.q", "json.user.name", "xml.note", "sid" …; may be empty */
    size_t item_len;
};

/* Finds the query parameter, cookie, form parameter, JSON string, multipart value, XML text or line
 * that holds the byte at `off`. Linear in whole.len, no memory. Always finds something: at worst
 * the whole. */
struct located locate(struct span whole, size_t off, const struct locate_hint *hint);
