/* mime: what is in a mail, RFC 2045, 2046, 5322.
 *
 * A mail is a head and contents; the contents of a multipart are parts, each a head and contents
 * again; those of message/rfc822 are a mail. Nothing here recurses: the multiparts we are in are a
 * stack (mime_levels), and which of them a boundary belongs to decides where we are. Heads are read
 * by mime_head, contents decoded and given by mime_leaf; this file finds the boundaries.
 *
 * A boundary may stand at any line start, whatever the part's encoding; the line end before it is
 * part of it. Text before the first boundary and after the last is given as text. A multipart
 * deeper than limits.mime_depth, or without a boundary, is given as text. Where a head is missing
 * in part, a line of dashes ends base64, which it cannot be: the boundary may have been in there.
 *
 * Bytes go through without being copied, except for the start of a line that may be a boundary and
 * does not lie whole in one piece. */
#include "decoders/mime.h"

#include "sensor/base/bytes.h"

enum { DASHES_CAP = BOUNDARY_MAX + 8 };

/* Fits every line that begins with two dashes. */
static const struct span any_boundary = {NULL, 0};

static const struct span eols[] = {
    [EOL_NONE] = {NULL, 0},
    [EOL_CR] = SPAN_LITERAL("\r"),
    [EOL_LF] = SPAN_LITERAL("\n"),
    [EOL_CRLF] = SPAN_LITERAL("\r\n"),
};

static void begin_head(struct mime *m, enum mime_head_of of, bool in_digest)
{
    m->state = MIME_HEAD;
    mime_part_start(&m->part, in_digest, m->limits->line_bytes);
    mime_head_start(&m->head, of);
}

void mime_start(struct mime *m, const struct decoder_limits *limits)
{
    m->limits = limits;
    m->head.limits = limits;
    m->head.levels = &m->levels;
    m->head.part = &m->part;
    m->dashes.cap = DASHES_CAP;
    sbuf_reset(&m->dashes);
    m->head_lost = false;
    m->n_nested = 0;
    mime_levels_start(&m->levels, limits->mime_depth);
    begin_head(m, HEAD_OF_MAIL, false);
}

void mime_resume(struct mime *m, const struct decoder_limits *limits)
{
    mime_start(m, limits);
    m->head_lost = true;
}

void mime_free(struct mime *m)
{
    mime_head_free(&m->head);
    mime_part_free(&m->part);
    mime_leaf_free(&m->leaf);
    mime_levels_free(&m->levels);
    sbuf_free(&m->dashes);
    sbuf_free(&m->surplus);
    m->state = MIME_IDLE;
}

/* Contents begin; part NULL: those of a multipart outside its parts. */
static void begin_body(struct mime *m, const struct mime_out *out, const struct mime_part *part)
{
    m->state = MIME_BODY;
    m->at_line_start = true;
    m->eol = EOL_NONE;
    mime_leaf_begin(&m->leaf, part, out);
}

static void refuse_deeper(struct mime *m, const struct mime_out *out)
{
    mime_anomaly(out, ANOMALY_MIME_TOO_DEEP);
    begin_body(m, out, NULL);
}

static void begin_multipart(struct mime *m, const struct mime_out *out)
{
    if (m->part.boundary.len == 0) {
        mime_anomaly(out, ANOMALY_MIME_NO_BOUNDARY);
        begin_body(m, out, NULL);
    } else if (mime_levels_push(&m->levels, sbuf_span(&m->part.boundary), m->part.digest)) {
        begin_body(m, out, NULL);
    } else {
        refuse_deeper(m, out);
    }
}

/* The head is complete: its contents begin. */
static void end_head(struct mime *m, const struct mime_out *out)
{
    const struct mime_part *part = &m->part;
    if (part->name.len > 0) {
        const struct field name = {
            .id = FIELD_EMAIL_ATTACHMENT, .value = sbuf_span(&part->name), .flags = FIELD_REPEATED};
        mime_field(out, name);
    }
    if (part->media == MEDIA_MULTIPART) {
        begin_multipart(m, out);
    } else if (part->media == MEDIA_MESSAGE && part->transfer == TRANSFER_IDENTITY) {
        m->n_nested++;
        if (m->n_nested + m->levels.n > m->limits->mime_depth) {
            refuse_deeper(m, out);
        } else {
            begin_head(m, HEAD_OF_MESSAGE, false);
        }
    } else {
        if (m->head_lost && m->levels.n == 0 && part->transfer == TRANSFER_BASE64) {
            (void)mime_levels_push(&m->levels, any_boundary, false);
        }
        begin_body(m, out, part);
    }
}

/* Contents up to a place where a boundary may follow: a line end there is held back. */
static void give_contents(struct mime *m, const struct mime_out *out, struct span bytes)
{
    if (bytes.len == 0) {
        return;
    }
    if (m->eol == EOL_CR && span_at(bytes, 0) == '\n') {
        m->eol = EOL_CRLF;
        m->at_line_start = true;
        bytes = span_from(bytes, 1);
        if (bytes.len == 0) {
            return;
        }
    }
    mime_leaf_data(&m->leaf, out, eols[m->eol]);
    m->eol = EOL_NONE;
    for (enum mime_eol eol = EOL_CRLF; eol > EOL_NONE && m->eol == EOL_NONE; eol--) {
        m->eol = span_ends(bytes, eols[eol]) ? eol : EOL_NONE;
    }
    m->at_line_start = m->eol == EOL_LF || m->eol == EOL_CRLF;
    mime_leaf_data(&m->leaf, out, span_head(bytes, bytes.len - eols[m->eol].len));
}

static void end_part(struct mime *m, const struct mime_out *out, const struct boundary_found *found)
{
    mime_leaf_end(&m->leaf, out, false);
    m->eol = EOL_NONE;
    m->n_nested = 0;
    if (mime_levels_leave(&m->levels, found->level + 1) > 0) {
        mime_anomaly(out, ANOMALY_MIME_UNCLOSED);
    }
    if (found->closing) {
        mime_levels_close(&m->levels, found->level);
    }
    m->closing = found->closing;
    m->state = MIME_DELIMITER;
}

/* Whether a boundary begins here, as far as these bytes tell. */
static struct boundary_found match_here(const struct mime *m, struct span bytes)
{
    struct span line = span_head(bytes, m->levels.longest + 4);
    size_t lf = span_find_byte(line, 0, '\n');
    return mime_levels_match(&m->levels, span_head(line, lf), lf != SPAN_NONE);
}

/* The first line start in `bytes` where a boundary begins, or may begin; SPAN_NONE: none. */
static size_t find_boundary(const struct mime *m, struct span bytes,
                            struct boundary_found *ret_found)
{
    size_t at = span_find_byte(bytes, 0, '-');
    while (at != SPAN_NONE) {
        bool starts = at == 0 ? m->at_line_start : span_at(bytes, at - 1) == '\n';
        if (starts) {
            *ret_found = match_here(m, span_from(bytes, at));
            if (ret_found->is != BOUNDARY_NO) {
                return at;
            }
        }
        at = span_find_byte(bytes, at + 1, '-');
    }
    return SPAN_NONE;
}

/* One more byte of a line whose start is held because it may be a boundary. */
static void grow_dashes(struct mime *m, const struct mime_out *out, struct span *rest)
{
    bool ended = span_at(*rest, 0) == '\n';
    bool full = !ended && !sbuf_add(&m->dashes, span_head(*rest, 1));
    if (!ended && !full) {
        *rest = span_from(*rest, 1);
    }
    struct span held = sbuf_span(&m->dashes);
    const struct boundary_found found = mime_levels_match(&m->levels, held, ended);
    if (found.is == BOUNDARY_MAYBE && !full) {
        return;
    }
    if (found.is == BOUNDARY_YES) {
        end_part(m, out, &found);
        m->surplus.cap = DASHES_CAP;
        sbuf_reset(&m->surplus);
        sbuf_add(&m->surplus, span_from(held, found.len));
    } else {
        give_contents(m, out, held);
    }
    sbuf_reset(&m->dashes);
}

static void take_body(struct mime *m, const struct mime_out *out, struct span *rest)
{
    if (m->levels.n == 0) {
        mime_leaf_data(&m->leaf, out, *rest);
        *rest = span_from(*rest, rest->len);
        return;
    }
    if (m->dashes.len > 0) {
        grow_dashes(m, out, rest);
        return;
    }
    struct boundary_found found;
    size_t at = find_boundary(m, *rest, &found);
    struct span contents = span_head(*rest, at);
    give_contents(m, out, contents);
    *rest = span_from(*rest, contents.len);
    if (at == SPAN_NONE) {
        return;
    }
    if (found.is == BOUNDARY_YES) {
        *rest = span_from(*rest, found.len);
        end_part(m, out, &found);
    } else {
        (void)sbuf_add(&m->dashes, *rest);
        *rest = span_from(*rest, rest->len);
    }
}

/* What stands behind a boundary on its line: blanks, or else the first line of what follows. */
static void take_delimiter(struct mime *m, const struct mime_out *out, struct span *rest)
{
    uint8_t c = span_at(*rest, 0);
    if (c == ' ' || c == '\t' || c == '\r') {
        *rest = span_from(*rest, 1);
        return;
    }
    if (c == '\n') {
        *rest = span_from(*rest, 1);
    }
    if (m->closing) {
        begin_body(m, out, NULL);
        m->at_line_start = c == '\n';
    } else {
        begin_head(m, HEAD_OF_PART, mime_levels_digest(&m->levels));
    }
}

/* Bytes that a head had taken are kept aside: the next head needs its buffer. */
static void keep_surplus(struct mime *m, struct span surplus)
{
    if (surplus.len > 0) {
        size_t off = m->head.held.len - surplus.len;
        sbuf_free(&m->surplus);
        m->surplus = m->head.held;
        m->head.held = (struct sbuf){.cap = m->limits->head_bytes};
        sbuf_drop(&m->surplus, off);
    }
}

static void step(struct mime *m, const struct mime_out *out, struct span *rest)
{
    struct span surplus;
    switch (m->state) {
    case MIME_HEAD:
        if (mime_head_take(&m->head, out, rest, &surplus) == HEAD_DONE) {
            keep_surplus(m, surplus);
            end_head(m, out);
        }
        break;
    case MIME_BODY:
        take_body(m, out, rest);
        break;
    case MIME_DELIMITER:
        take_delimiter(m, out, rest);
        break;
    case MIME_IDLE:
        *rest = span_from(*rest, rest->len);
        break;
    }
}

/* Reads what was taken too early. It leaves nothing of that kind behind: heads and boundaries that
 * lie whole in the bytes given take no more than is theirs. */
static void read_surplus(struct mime *m, const struct mime_out *out)
{
    struct sbuf taken = m->surplus;
    m->surplus = (struct sbuf){0};
    struct span rest = sbuf_span(&taken);
    while (rest.len > 0) {
        step(m, out, &rest);
    }
    sbuf_free(&taken);
}

void mime_data(struct mime *m, const struct mime_out *out, struct span bytes)
{
    while (bytes.len > 0) {
        step(m, out, &bytes);
        if (m->surplus.len > 0) {
            read_surplus(m, out);
        }
    }
}

/* What was held back to see whether a boundary comes. Where bytes are missing behind it, dashes are
 * believed to be the start of one; its text is known from the head. */
static void flush_held(struct mime *m, const struct mime_out *out, bool cut)
{
    if (!cut && m->leaf.transfer != TRANSFER_BASE64) {
        give_contents(m, out, sbuf_span(&m->dashes));
    }
    sbuf_reset(&m->dashes);
    if (!cut || !m->leaf.charset.active) {
        mime_leaf_data(&m->leaf, out, eols[m->eol]);
    }
    m->eol = EOL_NONE;
    m->at_line_start = false;
}

void mime_gap(struct mime *m, const struct mime_out *out)
{
    if (m->state == MIME_DELIMITER && m->closing) {
        begin_body(m, out, NULL);
    } else if (m->state == MIME_DELIMITER) {
        begin_head(m, HEAD_OF_PART, mime_levels_digest(&m->levels));
    }
    if (m->state == MIME_HEAD) {
        m->head_lost = true;
        mime_head_gap(&m->head, out);
    } else if (m->state == MIME_BODY) {
        flush_held(m, out, true);
        mime_leaf_gap(&m->leaf, out);
    }
}

static void finish_head(struct mime *m, const struct mime_out *out, bool cut)
{
    struct span surplus;
    mime_head_finish(&m->head, out, cut, &surplus);
    keep_surplus(m, surplus);
    end_head(m, out);
    if (m->surplus.len > 0) {
        read_surplus(m, out);
    }
}

void mime_end(struct mime *m, const struct mime_out *out, bool cut)
{
    while (m->state == MIME_HEAD) { /* an empty head is followed by a body */
        finish_head(m, out, cut);
    }
    if (m->state == MIME_BODY) {
        const struct boundary_found found =
            mime_levels_match(&m->levels, sbuf_span(&m->dashes), true);
        if (m->dashes.len > 0 && found.is == BOUNDARY_YES) {
            end_part(m, out, &found);
        } else {
            flush_held(m, out, cut);
            mime_leaf_end(&m->leaf, out, cut);
        }
    }
    if (m->state != MIME_IDLE && mime_levels_leave(&m->levels, 0) > 0 && !cut) {
        mime_anomaly(out, ANOMALY_MIME_UNCLOSED);
    }
    mime_free(m);
}
