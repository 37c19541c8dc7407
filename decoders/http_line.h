#pragma once

#include "decoders/http_facts.h"
#include "sensor/base/span.h"
#include "sensor/core/direction.h"

/* A request line, taken apart; parts that are missing are empty. */
struct http_request_line {
    struct span method;
    struct span target;
    struct span version;
    bool odd; /* not as the grammar has it */
};

/* A status line, taken apart. */
struct http_status_line {
    struct span version;
    struct span code;
    struct span reason;
    bool odd;
};

/* Lines without their ends. */
struct http_request_line http_request_line_parse(struct span line);
struct http_status_line http_status_line_parse(struct span line);
enum http_method http_method_of(struct span name);

/* What follows takes lines with or without their ends. */

/* Whether a line can be a request line, however sloppy: a known method and something behind it, or
 * words of which the last is a version. */
bool http_is_request_line(struct span line);
/* Whether the start of an endless line may be one. */
bool http_is_request_start(struct span start);
bool http_is_status_line(struct span line);
/* Whether a line is one of its kind to the letter: a message begins here even where none was
 * expected. */
bool http_is_landmark(struct span line, enum direction dir);
/* Whether bytes without a line end can still become a landmark. */
bool http_may_be_landmark(struct span start, enum direction dir);
/* How many characters of a token (RFC 9110 section 5.6.2) `s` begins with. */
size_t http_token_len(struct span s);
/* Whether it is one as a whole; not empty. */
bool http_is_token(struct span s);
