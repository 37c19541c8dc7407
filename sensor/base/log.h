#pragma once

#include "sensor/base/errbuf.h"

/* Lines for the operator on stderr, "jndiwatch: error: …". Only app/, capture/ and output/ log. One
 * call is one line; control characters are shown as '?'. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_DEBUG };

/* Lines above `level` are not written; the default is LOG_LEVEL_NOTICE. */
void log_set_level(enum log_level level);
void log_error(const char *format, ...) PRINTF(1, 2);
void log_warning(const char *format, ...) PRINTF(1, 2);
void log_notice(const char *format, ...) PRINTF(1, 2);
void log_debug(const char *format, ...) PRINTF(1, 2);
/* Makes a text safe to show as a line of the log is, in its place: control characters and the '$'
 * of a look-up become '?'. */
void log_plain(char *text);
/* Each line collected in `lines` as one line of that level. */
void log_lines(const struct errbuf *lines, enum log_level level);
