#pragma once

#include "sensor/base/sbuf.h"

enum { JSON_DEPTH = 16 };

/* Writes one JSON object into a buffer. Strings are made safe for whoever reads the log: no '$',
 * control, bidirectional or line separator character stands in it literally, invalid UTF-8 is shown
 * as \xNN text. Beyond `soft_cap` strings are shortened to nothing and `cut` is set, long ones from
 * seven eighths of it on; brackets and keys still fit, so the object is always complete. */
struct json {
    struct sbuf *out;
    size_t soft_cap;
    bool cut;
    bool surrogates; /* one that stands alone, in three bytes, is written as \udXXX: for readers
                        that gave it so; others choke on it */
    unsigned depth;
    bool filled[JSON_DEPTH]; /* something stands in the open object or array: a comma is due */
};

/* Empties `out`, whose cap must be well above soft_cap. */
struct json json_begin(struct sbuf *out, size_t soft_cap);

/* `key` NULL inside an array, and for the outermost object. */
void json_object(struct json *j, const char *key);
void json_object_end(struct json *j);
void json_array(struct json *j, const char *key);
void json_array_end(struct json *j);

void json_string(struct json *j, const char *key, struct span value);
/* At most max bytes of the value; a longer one sets `cut`. */
void json_string_cut(struct json *j, const char *key, struct span value, size_t max);
void json_text(struct json *j, const char *key, const char *value);
void json_number(struct json *j, const char *key, uint64_t value);
/* With up to 6 fraction digits and a dot, whatever the locale; NaN and infinities are left out. */
void json_real(struct json *j, const char *key, double value);
void json_bool(struct json *j, const char *key, bool value);

/* Of text that is one JSON value already: a number as it was read, null. */
void json_literal(struct json *j, const char *key, struct span text);

/* The same as json_string() when value is not empty; else nothing: a key without a value is left
 * out. */
void json_string_if(struct json *j, const char *key, struct span value);
void json_text_if(struct json *j, const char *key, const char *value);
/* A key that is itself input (a name from a rule). */
void json_key_span(struct json *j, struct span key);

/* Characters that change how a line is shown or where it ends: controls, bidirectional and
 * invisible marks, line separators. */
bool json_is_treacherous(uint32_t code);
