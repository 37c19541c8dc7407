/* errbuf: mistakes for the operator, kept apart from the code that finds them.
 *
 * Libraries say what is wrong here; app/ prints it. Capped at 64 KiB, because a broken rule file of
 * a million lines must not become a million lines on somebody's terminal. */
#include "sensor/base/errbuf.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"

#include <stdarg.h>
#include <stdio.h>

enum { LINE_CAP = 1024, TEXT_CAP = 64 * 1024 };

void errbuf_free(struct errbuf *e)
{
    mem_free(e->text);
    *e = (struct errbuf){0};
}

static size_t clean(char *line, int len)
{
    size_t n = len < 0 ? 0 : (size_t)len;
    n = n < LINE_CAP ? n : LINE_CAP - 1;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)line[i];
        if (c < 0x20 || c == 0x7f) {
            line[i] = '?';
        }
    }
    line[n] = '\n';
    return n + 1;
}

void errbuf_add(struct errbuf *e, const char *format, ...)
{
    char line[LINE_CAP];
    va_list args;
    va_start(args, format);
    size_t len = clean(line, vsnprintf(line, sizeof(line), format, args));
    va_end(args);
    char *text = e->len + len < TEXT_CAP ? mem_resize(e->text, e->len + len + 1) : NULL;
    if (text == NULL) {
        e->n_dropped++;
        return;
    }
    bytes_copy(text + e->len, line, len);
    e->text = text;
    e->len += len;
    e->text[e->len] = '\0';
    e->n_lines++;
}

void errbuf_move(struct errbuf *to, struct errbuf *from)
{
    const char *at = errbuf_text(from);
    for (size_t i = 0; i < from->n_lines; i++) {
        size_t len = 0;
        while (at[len] != '\n') {
            len++;
        }
        errbuf_add(to, "%.*s", (int)len, at);
        at += len + 1;
    }
    to->n_dropped += from->n_dropped;
    errbuf_free(from);
}

bool errbuf_is_empty(const struct errbuf *e)
{
    return e->n_lines == 0 && e->n_dropped == 0;
}

const char *errbuf_text(const struct errbuf *e)
{
    return e->text == NULL ? "" : e->text;
}

struct span errbuf_first(const struct errbuf *e)
{
    struct span lines = span_of(e->text, e->len);
    return span_head(lines, span_find_byte(lines, 0, '\n'));
}
