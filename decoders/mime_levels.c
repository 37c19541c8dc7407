/* mime_levels: the stack of multiparts and their boundaries, RFC 2046 section 5.1.1.
 *
 * A line is a boundary when it begins with two dashes and the boundary; what stands behind it on
 * the line does not matter. The boundaries of all multiparts around us count, so that a part that
 * was never closed ends with its parent. Where several fit (one being the start of another), the
 * longest is meant; of equal ones the innermost. A closed multipart stays until its parent goes on:
 * some readers take further parts of it. */
#include "decoders/mime_levels.h"

#include "sensor/base/bytes.h"

static const struct span dashes = SPAN_LITERAL("--");

struct level {
    size_t off;
    size_t len;
    bool digest;
    bool closed;
};

/* Rows are copied in and out: a buffer of bytes has no alignment. */
static struct level get(const struct mime_levels *l, unsigned i)
{
    struct level row;
    bytes_copy(&row, span_sub(sbuf_span(&l->rows), i * sizeof(row), sizeof(row)).data, sizeof(row));
    return row;
}

static struct span name_of(const struct mime_levels *l, const struct level *row)
{
    return span_sub(sbuf_span(&l->names), row->off, row->len);
}

void mime_levels_start(struct mime_levels *l, unsigned n_max)
{
    l->rows.cap = n_max * sizeof(struct level);
    l->names.cap = (size_t)n_max * BOUNDARY_MAX;
    sbuf_reset(&l->rows);
    sbuf_reset(&l->names);
    l->n_max = n_max;
    l->n = 0;
    l->longest = 0;
}

void mime_levels_free(struct mime_levels *l)
{
    sbuf_free(&l->rows);
    sbuf_free(&l->names);
    l->n = 0;
}

bool mime_levels_push(struct mime_levels *l, struct span boundary, bool digest)
{
    boundary = span_head(boundary, BOUNDARY_MAX);
    const struct level row = {.off = l->names.len, .len = boundary.len, .digest = digest};
    if (l->n == l->n_max || !sbuf_add(&l->names, boundary)) {
        return false;
    }
    if (!sbuf_add(&l->rows, span_of(&row, sizeof(row)))) {
        sbuf_shorten(&l->names, row.off);
        return false;
    }
    l->n++;
    l->longest = boundary.len > l->longest ? boundary.len : l->longest;
    return true;
}

unsigned mime_levels_leave(struct mime_levels *l, unsigned n_kept)
{
    unsigned n_open = 0;
    while (l->n > n_kept) {
        const struct level row = get(l, l->n - 1);
        n_open += row.closed ? 0 : 1;
        sbuf_shorten(&l->names, row.off);
        l->n--;
        sbuf_shorten(&l->rows, l->n * sizeof(row));
    }
    return n_open;
}

void mime_levels_close(struct mime_levels *l, unsigned level)
{
    struct level row = get(l, level);
    row.closed = true;
    (void)sbuf_replace(&l->rows, level * sizeof(row), sizeof(row), span_of(&row, sizeof(row)));
}

bool mime_levels_digest(const struct mime_levels *l)
{
    return l->n > 0 && get(l, l->n - 1).digest;
}

/* How the line stands to one boundary. */
static enum boundary compare(struct span text, struct span name, bool ended)
{
    if (span_starts(text, name)) {
        return BOUNDARY_YES;
    }
    return !ended && span_starts(name, text) ? BOUNDARY_MAYBE : BOUNDARY_NO;
}

struct boundary_found mime_levels_match(const struct mime_levels *l, struct span line, bool ended)
{
    struct boundary_found found = {.is = BOUNDARY_NO};
    if (!span_starts(line, dashes)) {
        bool maybe = l->n > 0 && !ended && span_starts(dashes, line);
        found.is = maybe ? BOUNDARY_MAYBE : BOUNDARY_NO;
        return found;
    }
    struct span text = span_from(line, dashes.len);
    bool maybe = false;
    for (unsigned i = 0; i < l->n; i++) {
        const struct level row = get(l, i);
        enum boundary is = compare(text, name_of(l, &row), ended);
        maybe = maybe || is == BOUNDARY_MAYBE;
        if (is == BOUNDARY_YES && dashes.len + row.len >= found.len) {
            found.is = BOUNDARY_YES;
            found.level = i;
            found.len = dashes.len + row.len;
        }
    }
    struct span behind = span_from(line, found.len);
    if (found.is == BOUNDARY_YES) {
        found.closing = span_starts(behind, dashes);
        maybe = maybe || (!ended && behind.len < dashes.len && span_starts(dashes, behind));
        found.len += found.closing ? dashes.len : 0;
    }
    found.is = maybe ? BOUNDARY_MAYBE : found.is;
    return found;
}
