#pragma once

#include "sensor/base/sbuf.h"

/* Whether a request target is as rules see it, once percent signs behind its path are undone.
 * Cheap: some that are get false. */
bool target_is_normal(struct span target);
/* The target as rules see it in http.uri: without scheme and host, percent-decoded once, the path
 * with single slashes and without dot segments. Empty: there is nothing left. */
struct span target_normal(struct span target, struct sbuf *to, struct sbuf *scratch);
/* The same of its path alone. */
struct span target_path(struct span target, struct sbuf *to, struct sbuf *scratch);
