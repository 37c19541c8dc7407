/* log: one line per call on stderr.
 *
 * Each line is written by one write(2), so lines of several threads do not mix. Control characters
 * become '?', because a file name may hold anything and a terminal obeys it; and so does the '$' of
 * what could be a look-up, because lines end up in log viewers that evaluate it. */
#include "sensor/base/log.h"

#include "sensor/base/bytes.h"
#include "sensor/base/span.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

enum { LINE_CAP = 2048 };

static atomic_int max_level = LOG_LEVEL_NOTICE;

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

void log_plain(char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++) {
        unsigned char c = (unsigned char)text[i];
        bool opens = c == '$' && text[i + 1] == '{';
        text[i] = c < 0x20 || c == 0x7f || opens ? '?' : text[i];
    }
}

PRINTF(3, 0)
static void write_line(enum log_level level, const char *prefix, const char *format, va_list args)
{
    if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed)) {
        return;
    }
    char line[LINE_CAP];
    int head = snprintf(line, sizeof(line), "jndiwatch: %s", prefix);
    size_t start = head < 0 ? 0 : (size_t)head;
    int body = vsnprintf(line + start, sizeof(line) - start - 1, format, args);
    size_t len = start + (body < 0 ? 0 : (size_t)body);
    len = len < sizeof(line) - 1 ? len : sizeof(line) - 2;
    line[len] = '\0';
    log_plain(line + start);
    line[len] = '\n';
    ssize_t written = write(STDERR_FILENO, line, len + 1);
    (void)written; /* there is nowhere left to say so */
}

#define LOG_BODY(level, prefix)                                                                    \
    va_list args;                                                                                  \
    va_start(args, format);                                                                        \
    write_line(level, prefix, format, args);                                                       \
    va_end(args)

void log_error(const char *format, ...)
{
    LOG_BODY(LOG_LEVEL_ERROR, "error: ");
}

void log_warning(const char *format, ...)
{
    LOG_BODY(LOG_LEVEL_WARNING, "warning: ");
}

void log_notice(const char *format, ...)
{
    LOG_BODY(LOG_LEVEL_NOTICE, "");
}

void log_debug(const char *format, ...)
{
    LOG_BODY(LOG_LEVEL_DEBUG, "debug: ");
}

static void log_span(enum log_level level, struct span line)
{
    switch (level) {
    case LOG_LEVEL_ERROR:
        log_error("%.*s", (int)line.len, (const char *)line.data);
        break;
    case LOG_LEVEL_WARNING:
        log_warning("%.*s", (int)line.len, (const char *)line.data);
        break;
    case LOG_LEVEL_NOTICE:
    case LOG_LEVEL_DEBUG:
        log_notice("%.*s", (int)line.len, (const char *)line.data);
        break;
    }
}

void log_lines(const struct errbuf *lines, enum log_level level)
{
    struct span rest = span_str(errbuf_text(lines));
    while (rest.len > 0) {
        log_span(level, span_split(&rest, '\n'));
    }
    if (lines->n_dropped > 0) {
        char more[64];
        (void)snprintf(more, sizeof(more), "and %zu more lines like these", lines->n_dropped);
        log_span(level, span_str(more));
    }
}
