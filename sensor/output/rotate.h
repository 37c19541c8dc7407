#pragma once

#include "sensor/base/span.h"

/* Names of files that are begun anew from time to time. In a pattern %Y %m %d %H %M %S are parts of
 * a time (UTC), %s is its seconds since 1970; %% is one percent sign. */

/* Whether there is any of them in it. */
bool rotate_is_pattern(const char *pattern);
/* The name for a time, NUL-terminated. 0, -ENAMETOOLONG, or -EINVAL for any other % sequence; then
 * ret_name is not to be used. */
MUST_USE int rotate_name(const char *pattern, uint64_t time_us, char *ret_name, size_t size);
/* Whether the pattern can have made the name; "-" and a number may follow. */
bool rotate_matches(const char *pattern, const char *name);
/* Deletes those files that the path's pattern can have made, but the newest `keep`, and but the one
 * whose name is `current`. */
void rotate_prune(const char *path_pattern, size_t keep, const char *current);
