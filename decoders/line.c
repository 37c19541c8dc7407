/* line: lines out of a stream, for the protocols that talk in lines.
 *
 * A line ends with LF; a CR before it belongs to the end. What is given does not depend on how the
 * bytes were cut: a line of up to `cap` bytes (its CR counted) is given whole, a longer one in
 * pieces of which the first is exactly `cap` bytes long. Its start is kept until it ends, so that
 * the reader can act upon the line then.
 *
 * A failed allocation makes a line "long" early, no more. A bare CR is no line end. */
#include "decoders/line.h"

struct line line_start(size_t cap)
{
    return (struct line){.held = sbuf_with_cap(cap)};
}

void line_free(struct line *l)
{
    sbuf_free(&l->held);
}

static struct span without_cr(struct span line, bool *ret_bare_lf)
{
    bool cr = span_at(line, line.len - 1) == '\r';
    *ret_bare_lf = !cr;
    return span_head(line, line.len - (cr ? 1 : 0));
}

static struct line_found whole(struct span line)
{
    struct line_found found = {.part = LINE_WHOLE};
    found.bytes = without_cr(line, &found.bare_lf);
    return found;
}

/* More of a long line: up to its end, or all there is. */
static struct line_found more_of_long(struct line *l, struct span *rest)
{
    size_t lf = span_find_byte(*rest, 0, '\n');
    struct line_found found = {.part = LINE_PIECE, .bytes = *rest};
    if (lf == SPAN_NONE) {
        l->after_cr = span_at(*rest, rest->len - 1) == '\r';
        *rest = span_from(*rest, rest->len);
        return found;
    }
    found.part = LINE_TAIL;
    found.bytes = span_head(*rest, lf);
    found.bare_lf = !(lf > 0 ? span_at(*rest, lf - 1) == '\r' : l->after_cr);
    *rest = span_from(*rest, lf + 1);
    l->is_long = false;
    l->given = true;
    return found;
}

/* The line is longer than what is held. */
static struct line_found begin_long(struct line *l)
{
    l->is_long = true;
    l->after_cr = span_at(sbuf_span(&l->held), l->held.len - 1) == '\r';
    return (struct line_found){.part = LINE_PIECE, .bytes = sbuf_span(&l->held), .first = true};
}

struct line_found line_take(struct line *l, struct span *rest)
{
    if (l->given) {
        l->given = false;
        sbuf_reset(&l->held);
    }
    if (l->is_long) {
        return more_of_long(l, rest);
    }
    size_t lf = span_find_byte(*rest, 0, '\n');
    struct span part = span_head(*rest, lf == SPAN_NONE ? rest->len : lf);
    if (lf != SPAN_NONE && l->held.len == 0 && part.len <= l->held.cap) {
        *rest = span_from(*rest, lf + 1);
        return whole(part);
    }
    size_t before = l->held.len;
    bool fits = sbuf_add(&l->held, part);
    *rest = span_from(*rest, l->held.len - before);
    if (!fits) {
        return begin_long(l);
    }
    if (lf == SPAN_NONE) {
        return (struct line_found){.part = LINE_NONE};
    }
    *rest = span_from(*rest, 1);
    l->given = true;
    return whole(sbuf_span(&l->held));
}

struct span line_long_start(const struct line *l)
{
    return sbuf_span(&l->held);
}

bool line_is_open(const struct line *l)
{
    return l->is_long || (!l->given && l->held.len > 0);
}

struct line_found line_give_up(struct line *l)
{
    struct line_found found = {.part = LINE_NONE};
    if (line_is_open(l)) {
        found.part = l->is_long ? LINE_TAIL : LINE_WHOLE;
        found.bytes = l->is_long ? (struct span){NULL, 0} : sbuf_span(&l->held);
    }
    l->is_long = false;
    l->given = true;
    return found;
}
