/* explain_lines: a descriptor line by line.
 *
 * One buffer holds what was read and not yet given; it is moved to its front when it runs out, so
 * each byte is moved at most once per read. Longer lines than the cap are cut and say so. */
#include "sensor/app/explain_lines.h"

#include "sensor/base/mem.h"

#include <errno.h>
#include <unistd.h>

enum { CHUNK = 256 * 1024 };

struct lines {
    int fd;
    size_t max;
    struct sbuf buffer;
    size_t at;      /* of the next line in the buffer */
    size_t scanned; /* no newline stands between `at` and here */
    uint64_t number;
    bool ended;
    bool passing; /* over the rest of a line that was too long */
};

struct lines *lines_new(int fd, size_t max)
{
    struct lines *l = mem_alloc(sizeof(*l));
    if (l != NULL) {
        *l = (struct lines){.fd = fd, .max = max, .buffer = sbuf_with_cap(max + 2 * CHUNK)};
    }
    return l;
}

void lines_free(struct lines **l)
{
    if (*l != NULL) {
        sbuf_free(&(*l)->buffer);
        mem_free(*l);
        *l = NULL;
    }
}

uint64_t lines_number(const struct lines *l)
{
    return l->number;
}

/* Reads more; false at the end or on failure. */
static bool fill(struct lines *l, bool *ret_failed)
{
    sbuf_drop(&l->buffer, l->at);
    l->scanned -= l->at;
    l->at = 0;
    uint8_t *room = sbuf_reserve(&l->buffer, CHUNK);
    ssize_t n = -1;
    if (room == NULL) {
        errno = ENOMEM;
    } else {
        do {
            n = read(l->fd, room, CHUNK);
        } while (n < 0 && errno == EINTR);
    }
    *ret_failed = n < 0;
    l->ended = n <= 0;
    sbuf_commit(&l->buffer, n > 0 ? (size_t)n : 0);
    return n > 0;
}

/* The end of the line that begins at l->at, in what is there, or SPAN_NONE. */
static size_t line_end(struct lines *l)
{
    size_t end = span_find_byte(sbuf_span(&l->buffer), l->scanned, '\n');
    l->scanned = end == SPAN_NONE ? l->buffer.len : end + 1;
    return end;
}

static enum lines_result give(struct lines *l, size_t end, size_t next, struct span *ret_line)
{
    struct span line = span_sub(sbuf_span(&l->buffer), l->at, end - l->at);
    l->at = next;
    l->scanned = next > l->scanned ? next : l->scanned;
    l->number++;
    *ret_line = span_head(line, l->max);
    return line.len > l->max ? LINES_TOO_LONG : LINES_LINE;
}

enum lines_result lines_next(struct lines *l, struct span *ret_line)
{
    for (;;) {
        size_t end = line_end(l);
        bool failed = false;
        if (end != SPAN_NONE && l->passing) {
            l->at = end + 1;
            l->passing = false;
        } else if (end != SPAN_NONE) {
            return give(l, end, end + 1, ret_line);
        } else if (l->passing) {
            l->at = l->buffer.len;
        } else if (l->buffer.len - l->at > l->max) {
            l->passing = true;
            return give(l, l->buffer.len, l->buffer.len, ret_line);
        }
        if (end == SPAN_NONE && (l->ended || !fill(l, &failed))) {
            bool rest = !l->passing && l->at < l->buffer.len;
            if (failed || !rest) {
                return failed ? LINES_FAILED : LINES_END;
            }
            return give(l, l->buffer.len, l->buffer.len, ret_line);
        }
    }
}
