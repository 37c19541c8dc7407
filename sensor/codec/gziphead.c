/* gziphead: the header of a gzip member (RFC 1952 section 2.3).
 *
 * igzip has a reader of its own, but it fails on a header with a check sum that comes in pieces. As
 * lenient as can be: only magic number and method must be right; reserved flags and the header's
 * check sum are not looked at. Name, comment and extra field are skipped. */
#include "sensor/codec/gziphead.h"

enum state { FIXED, EXTRA_LENGTH, EXTRA, NAME, COMMENT, CHECK_SUM, END };
enum { FIXED_LEN = 10, FLAGS_AT = 3 };
enum { HAS_CHECK_SUM = 2, HAS_EXTRA = 4, HAS_NAME = 8, HAS_COMMENT = 16 };

static bool fixed_byte(struct gziphead *h, uint8_t c)
{
    static const struct span magic = SPAN_LITERAL("\x1f\x8b\x08");
    if (h->n < magic.len && c != span_at(magic, h->n)) {
        return false;
    }
    h->flags = h->n == FLAGS_AT ? c : h->flags;
    return true;
}

/* The part that comes next, by the flags. */
static void begin_part(struct gziphead *h)
{
    static const struct {
        unsigned flag;
        enum state state;
    } parts[] = {
        {HAS_EXTRA, EXTRA_LENGTH},
        {HAS_NAME, NAME},
        {HAS_COMMENT, COMMENT},
        {HAS_CHECK_SUM, CHECK_SUM},
    };
    h->n = 0;
    h->state = END;
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if ((h->flags & parts[i].flag) != 0) {
            h->flags &= ~parts[i].flag;
            h->state = parts[i].state;
            return;
        }
    }
}

/* Whether the part at hand is complete with this byte. */
static bool ends_part(struct gziphead *h, uint8_t c)
{
    h->n++;
    switch ((enum state)h->state) {
    case FIXED:
        return h->n == FIXED_LEN;
    case EXTRA_LENGTH:
        h->extra |= (unsigned)c << (8 * (h->n - 1));
        return h->n == 2 && h->extra == 0;
    case EXTRA:
        return h->n == h->extra;
    case NAME:
    case COMMENT:
        return c == 0;
    case CHECK_SUM:
        return h->n == 2;
    case END:
        break;
    }
    return true;
}

enum gziphead_result gziphead_next(struct gziphead *h, struct span *in)
{
    while (h->state != END && in->len > 0) {
        uint8_t c = span_at(*in, 0);
        *in = span_from(*in, 1);
        if (h->state == FIXED && !fixed_byte(h, c)) {
            return GZIPHEAD_BROKEN;
        }
        if (ends_part(h, c)) {
            begin_part(h);
        } else if (h->state == EXTRA_LENGTH && h->n == 2) {
            h->state = EXTRA;
            h->n = 0;
        }
    }
    return h->state == END ? GZIPHEAD_END : GZIPHEAD_MORE;
}
