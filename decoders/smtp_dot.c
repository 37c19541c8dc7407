/* smtp_dot: the transparency procedure of SMTP, RFC 5321 section 4.5.2.
 *
 * The end of a mail is CR LF . CR LF and nothing else; a dot behind CR LF that is followed by
 * anything else was added by the sender and is dropped. Servers that take a bare LF (or CR) for a
 * line end see an end in other dot lines too, which is how mails are smuggled in: such a place is
 * reported as DOT_MAYBE_END, with its bytes given as the data they are for everybody else. In the
 * loose reading it is the end.
 *
 * Mail without a dot at a line start goes through untouched, in pieces as large as they came. The
 * search is for dots, not for lines: a base64 attachment has none. */
#include "decoders/smtp_dot.h"

static const struct span dot = SPAN_LITERAL(".");
static const struct span cr = SPAN_LITERAL("\r");
static const struct span dot_cr = SPAN_LITERAL(".\r");
static const struct span dot_crlf = SPAN_LITERAL(".\r\n");
static const struct span lf = SPAN_LITERAL("\n");
static const struct span dot_lf = SPAN_LITERAL(".\n");

struct dot dot_start(bool loose)
{
    return (struct dot){.place = DOT_LINE, .loose = loose};
}

void dot_gap(struct dot *d)
{
    d->place = DOT_UNKNOWN;
}

/* What precedes the byte at off, in terms of places. */
static enum dot_place place_at(const struct dot *d, struct span s, size_t off)
{
    if (off == 0) {
        return d->place;
    }
    uint8_t last = span_at(s, off - 1);
    if (last == '\r') {
        return DOT_AFTER_CR;
    }
    if (last != '\n') {
        return DOT_MID;
    }
    if (off == 1 && d->place == DOT_UNKNOWN) {
        return d->bare_lf ? DOT_LOOSE : DOT_LIKELY; /* no bare LF so far: it will not be one */
    }
    bool after_cr = off >= 2 ? span_at(s, off - 2) == '\r' : d->place == DOT_AFTER_CR;
    return after_cr ? DOT_LINE : DOT_LOOSE;
}

/* Looks for an LF without CR, until one was seen. */
static void note_bare_lf(struct dot *d, struct span data)
{
    bool first = span_at(data, 0) == '\n' && place_at(d, data, 1) == DOT_LOOSE;
    d->bare_lf = d->bare_lf || first || span_has_bare_lf(data);
}

/* The dot line ended without being the end for all: its bytes are data. */
static struct dot_found maybe_end(const struct dot *d, struct span data)
{
    return d->loose ? (struct dot_found){.event = DOT_END}
                    : (struct dot_found){.data = data, .event = DOT_MAYBE_END};
}

static bool drops(const struct dot *d)
{
    return d->strict && !d->keep;
}

static struct dot_found after_dot(struct dot *d, struct span *rest)
{
    uint8_t c = span_at(*rest, 0);
    if (c == '\r') {
        d->place = DOT_SEEN_CR;
        *rest = span_from(*rest, 1);
        return (struct dot_found){.event = DOT_DATA};
    }
    if (c == '\n') {
        d->place = DOT_LOOSE;
        d->bare_lf = true;
        *rest = span_from(*rest, 1);
        return maybe_end(d, drops(d) && d->sure ? lf : dot_lf);
    }
    d->place = DOT_MID;
    return (struct dot_found){.data = drops(d) ? (struct span){NULL, 0} : dot};
}

static struct dot_found after_dot_cr(struct dot *d, struct span *rest)
{
    if (span_at(*rest, 0) != '\n') {
        d->place = DOT_AFTER_CR;
        return maybe_end(d, drops(d) && d->sure ? cr : dot_cr);
    }
    *rest = span_from(*rest, 1);
    d->place = DOT_LINE;
    return d->strict ? (struct dot_found){.event = DOT_END} : maybe_end(d, dot_crlf);
}

struct dot_found dot_take(struct dot *d, struct span *rest)
{
    if (d->place == DOT_SEEN) {
        return after_dot(d, rest);
    }
    if (d->place == DOT_SEEN_CR) {
        return after_dot_cr(d, rest);
    }
    size_t at = span_find_byte(*rest, 0, '.');
    while (at != SPAN_NONE && place_at(d, *rest, at) == DOT_MID) {
        at = span_find_byte(*rest, at + 1, '.');
    }
    size_t len = at == SPAN_NONE ? rest->len : at;
    struct dot_found found = {.data = span_head(*rest, len)};
    enum dot_place place = place_at(d, *rest, len);
    note_bare_lf(d, found.data);
    if (at != SPAN_NONE) {
        d->strict = place == DOT_LINE || place == DOT_LIKELY || place == DOT_UNKNOWN;
        d->sure = place == DOT_LINE;
        place = DOT_SEEN;
    }
    d->place = place;
    *rest = span_from(*rest, len + (at == SPAN_NONE ? 0 : 1));
    return found;
}
