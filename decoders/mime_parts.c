/* mime_parts: one mail taken apart, RFC 2045, 2046, 5322.
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
 * does not lie whole in one piece. A mail inside that is encoded as a whole (base64 or
 * quoted-printable message/rfc822) is decoded into a buffer, for another one of these to read. */
#include "decoders/mime_parts.h"

#include "sensor/base/bytes.h"

enum { DASHES_CAP = BOUNDARY_MAX + 8, UNPACK_SLICE = 8 << 10, UNPACKED_CAP = 16 << 10 };

/* Fits every line that begins with two dashes. */
static const struct span any_boundary = {NULL, 0};

static const struct span eols[] = {
    [EOL_NONE] = {NULL, 0},
    [EOL_CR] = SPAN_LITERAL("\r"),
    [EOL_LF] = SPAN_LITERAL("\n"),
    [EOL_CRLF] = SPAN_LITERAL("\r\n"),
};

static void begin_head(struct mime_parts *p, enum mime_head_of of, bool in_digest)
{
    p->state = MIME_HEAD;
    mime_part_start(&p->part, in_digest, p->limits->line_bytes);
    mime_head_start(&p->head, of);
}

void mime_parts_start(struct mime_parts *p, const struct decoder_limits *limits,
                      enum mime_head_of of)
{
    p->limits = limits;
    p->may_unpack = false;
    p->unpacking = false;
    p->unpacked_ends = false;
    p->unpacked.cap = UNPACKED_CAP;
    sbuf_reset(&p->unpacked);
    sbuf_reset(&p->surplus);
    p->surplus_off = 0;
    p->head.limits = limits;
    p->head.levels = &p->levels;
    p->head.part = &p->part;
    p->dashes.cap = DASHES_CAP;
    sbuf_reset(&p->dashes);
    p->head_lost = false;
    p->leaf.bad_base64 = false;
    p->n_nested = 0;
    mime_levels_start(&p->levels, limits->mime_depth);
    begin_head(p, of, false);
}

void mime_parts_free(struct mime_parts *p)
{
    mime_head_free(&p->head);
    mime_part_free(&p->part);
    mime_leaf_free(&p->leaf);
    mime_levels_free(&p->levels);
    sbuf_free(&p->dashes);
    sbuf_free(&p->surplus);
    sbuf_free(&p->unpacked);
    p->state = MIME_IDLE;
}

/* Contents begin; part NULL: those of a multipart outside its parts. */
static void begin_body(struct mime_parts *p, const struct mime_out *out,
                       const struct mime_part *part)
{
    p->state = MIME_BODY;
    p->at_line_start = true;
    p->eol = EOL_NONE;
    mime_leaf_begin(&p->leaf, part, out);
}

/* The contents are a mail that is encoded as a whole. */
static void begin_unpacking(struct mime_parts *p, const struct mime_out *out)
{
    begin_body(p, out, &p->part);
    mime_leaf_divert(&p->leaf, &p->unpacked);
    p->unpacking = true;
}

static void refuse_deeper(struct mime_parts *p, const struct mime_out *out)
{
    mime_anomaly(out, ANOMALY_MIME_TOO_DEEP);
    begin_body(p, out, NULL);
}

static void begin_multipart(struct mime_parts *p, const struct mime_out *out)
{
    if (p->part.boundary.len == 0) {
        mime_anomaly(out, ANOMALY_MIME_NO_BOUNDARY);
        begin_body(p, out, NULL);
    } else if (mime_levels_push(&p->levels, sbuf_span(&p->part.boundary), p->part.digest)) {
        begin_body(p, out, NULL);
    } else {
        refuse_deeper(p, out);
    }
}

/* The head is complete: its contents begin. */
static void end_head(struct mime_parts *p, const struct mime_out *out)
{
    const struct mime_part *part = &p->part;
    if (part->name.len > 0) {
        const struct field name = {
            .id = FIELD_EMAIL_ATTACHMENT, .value = sbuf_span(&part->name), .flags = FIELD_REPEATED};
        mime_field(out, name);
    }
    if (part->media == MEDIA_MULTIPART) {
        begin_multipart(p, out);
    } else if (part->media == MEDIA_MESSAGE && part->transfer == TRANSFER_IDENTITY) {
        p->n_nested++;
        if (p->n_nested + p->levels.n > p->limits->mime_depth) {
            refuse_deeper(p, out);
        } else {
            begin_head(p, HEAD_OF_MESSAGE, false);
        }
    } else if (part->media == MEDIA_MESSAGE && part->transfer != TRANSFER_UNKNOWN &&
               p->may_unpack) {
        begin_unpacking(p, out);
    } else {
        if (p->head_lost && p->levels.n == 0 && part->transfer == TRANSFER_BASE64) {
            (void)mime_levels_push(&p->levels, any_boundary, false);
        }
        begin_body(p, out, part);
    }
}

/* Contents up to a place where a boundary may follow: a line end there is held back. */
static void give_contents(struct mime_parts *p, const struct mime_out *out, struct span bytes)
{
    if (bytes.len == 0) {
        return;
    }
    if (p->eol == EOL_CR && span_at(bytes, 0) == '\n') {
        p->eol = EOL_CRLF;
        p->at_line_start = true;
        bytes = span_from(bytes, 1);
        if (bytes.len == 0) {
            return;
        }
    }
    mime_leaf_data(&p->leaf, out, eols[p->eol]);
    p->eol = EOL_NONE;
    for (enum mime_eol eol = EOL_CRLF; eol > EOL_NONE && p->eol == EOL_NONE; eol--) {
        p->eol = span_ends(bytes, eols[eol]) ? eol : EOL_NONE;
    }
    p->at_line_start = p->eol == EOL_LF || p->eol == EOL_CRLF;
    mime_leaf_data(&p->leaf, out, span_head(bytes, bytes.len - eols[p->eol].len));
}

static void end_leaf(struct mime_parts *p, const struct mime_out *out, bool cut)
{
    mime_leaf_end(&p->leaf, out, cut);
    p->unpacked_ends = p->unpacking;
    p->unpacking = false;
}

static void end_part(struct mime_parts *p, const struct mime_out *out,
                     const struct boundary_found *found)
{
    end_leaf(p, out, false);
    p->eol = EOL_NONE;
    p->n_nested = 0;
    if (mime_levels_leave(&p->levels, found->level + 1) > 0) {
        mime_anomaly(out, ANOMALY_MIME_UNCLOSED);
    }
    if (found->closing) {
        mime_levels_close(&p->levels, found->level);
    }
    p->closing = found->closing;
    p->state = MIME_DELIMITER;
}

/* Whether a boundary begins here, as far as these bytes tell. */
static struct boundary_found match_here(const struct mime_parts *p, struct span bytes)
{
    struct span line = span_head(bytes, p->levels.longest + 4);
    size_t lf = span_find_byte(line, 0, '\n');
    return mime_levels_match(&p->levels, span_head(line, lf), lf != SPAN_NONE);
}

/* The first line start in `bytes` where a boundary begins, or may begin; SPAN_NONE: none. */
static size_t find_boundary(const struct mime_parts *p, struct span bytes,
                            struct boundary_found *ret_found)
{
    size_t at = span_find_byte(bytes, 0, '-');
    while (at != SPAN_NONE) {
        bool starts = at == 0 ? p->at_line_start : span_at(bytes, at - 1) == '\n';
        if (starts) {
            *ret_found = match_here(p, span_from(bytes, at));
            if (ret_found->is != BOUNDARY_NO) {
                return at;
            }
        }
        at = span_find_byte(bytes, at + 1, '-');
    }
    return SPAN_NONE;
}

/* One more byte of a line whose start is held because it may be a boundary. */
static void grow_dashes(struct mime_parts *p, const struct mime_out *out, struct span *rest)
{
    bool ended = span_at(*rest, 0) == '\n';
    bool full = !ended && !sbuf_add(&p->dashes, span_head(*rest, 1));
    if (!ended && !full) {
        *rest = span_from(*rest, 1);
    }
    struct span held = sbuf_span(&p->dashes);
    const struct boundary_found found = mime_levels_match(&p->levels, held, ended);
    if (found.is == BOUNDARY_MAYBE && !full) {
        return;
    }
    if (found.is == BOUNDARY_YES) {
        end_part(p, out, &found);
        p->surplus.cap = DASHES_CAP;
        p->surplus_off = 0;
        sbuf_reset(&p->surplus);
        sbuf_add(&p->surplus, span_from(held, found.len));
    } else {
        give_contents(p, out, held);
    }
    sbuf_reset(&p->dashes);
}

static void take_body(struct mime_parts *p, const struct mime_out *out, struct span *rest)
{
    /* What is unpacked is taken away between steps, so each makes little of it. */
    struct span bytes = p->unpacking ? span_head(*rest, UNPACK_SLICE) : *rest;
    struct boundary_found found = {.is = BOUNDARY_NO};
    size_t at = p->levels.n > 0 ? find_boundary(p, bytes, &found) : SPAN_NONE;
    struct span contents = span_head(bytes, at);
    if (p->levels.n > 0) {
        give_contents(p, out, contents);
    } else {
        mime_leaf_data(&p->leaf, out, contents);
    }
    size_t taken = contents.len;
    if (found.is == BOUNDARY_YES) {
        taken += found.len;
        end_part(p, out, &found);
    } else if (found.is == BOUNDARY_MAYBE) {
        (void)sbuf_add(&p->dashes, span_from(bytes, at));
        taken = bytes.len;
    }
    *rest = span_from(*rest, taken);
}

/* What stands behind a boundary on its line: blanks, or else the first line of what follows. */
static void take_delimiter(struct mime_parts *p, const struct mime_out *out, struct span *rest)
{
    uint8_t c = span_at(*rest, 0);
    if (c == ' ' || c == '\t' || c == '\r') {
        *rest = span_from(*rest, 1);
        return;
    }
    if (c == '\n') {
        *rest = span_from(*rest, 1);
    }
    if (p->closing) {
        begin_body(p, out, NULL);
        p->at_line_start = c == '\n';
    } else {
        begin_head(p, HEAD_OF_PART, mime_levels_digest(&p->levels));
    }
}

/* Bytes that a head had taken are kept aside: the next head needs its buffer. */
static void keep_surplus(struct mime_parts *p, struct span surplus)
{
    if (surplus.len > 0) {
        size_t off = p->head.held.len - surplus.len;
        sbuf_free(&p->surplus);
        p->surplus = p->head.held;
        p->surplus_off = off;
        p->head.held = (struct sbuf){.cap = p->limits->head_bytes};
    }
}

static void step(struct mime_parts *p, const struct mime_out *out, struct span *rest)
{
    struct span surplus;
    switch (p->state) {
    case MIME_HEAD:
        if (mime_head_take(&p->head, out, rest, &surplus) == HEAD_DONE) {
            keep_surplus(p, surplus);
            end_head(p, out);
        }
        break;
    case MIME_BODY:
        if (p->dashes.len > 0) {
            grow_dashes(p, out, rest);
        } else {
            take_body(p, out, rest);
        }
        break;
    case MIME_DELIMITER:
        take_delimiter(p, out, rest);
        break;
    case MIME_IDLE:
        *rest = span_from(*rest, rest->len);
        break;
    }
}

bool mime_parts_has_surplus(const struct mime_parts *p)
{
    return p->surplus_off < p->surplus.len;
}

void mime_parts_step(struct mime_parts *p, const struct mime_out *out, struct span *rest)
{
    if (!mime_parts_has_surplus(p)) {
        step(p, out, rest);
        return;
    }
    /* No new surplus comes of this one: heads and boundaries that lie whole in the bytes given take
     * no more than is theirs. */
    struct span surplus = span_from(sbuf_span(&p->surplus), p->surplus_off);
    step(p, out, &surplus);
    p->surplus_off = p->surplus.len - surplus.len;
}

/* What was held back to see whether a boundary comes. Where bytes are missing behind it, dashes are
 * believed to be the start of one (its text is known from the head), and the line end before them
 * to be its. */
static void flush_held(struct mime_parts *p, const struct mime_out *out, bool cut)
{
    if (!cut && p->leaf.transfer != TRANSFER_BASE64) {
        give_contents(p, out, sbuf_span(&p->dashes));
    }
    sbuf_reset(&p->dashes);
    bool plain =
        p->leaf.transfer == TRANSFER_IDENTITY && p->leaf.charset.kind == CHARSET_ASCII_LIKE;
    if (!cut || plain) {
        mime_leaf_data(&p->leaf, out, eols[p->eol]);
    }
    p->eol = EOL_NONE;
    p->at_line_start = false;
}

void mime_parts_gap(struct mime_parts *p, const struct mime_out *out)
{
    if (p->state == MIME_DELIMITER && p->closing) {
        begin_body(p, out, NULL);
    } else if (p->state == MIME_DELIMITER) {
        begin_head(p, HEAD_OF_PART, mime_levels_digest(&p->levels));
    }
    if (p->state == MIME_HEAD) {
        p->head_lost = true;
        mime_head_gap(&p->head, out);
    } else if (p->state == MIME_BODY) {
        flush_held(p, out, true);
        mime_leaf_gap(&p->leaf, out);
    }
}

static void finish_body(struct mime_parts *p, const struct mime_out *out, bool cut)
{
    struct span held = sbuf_span(&p->dashes);
    const struct boundary_found found = mime_levels_match(&p->levels, held, true);
    if (held.len > 0 && found.is == BOUNDARY_YES) {
        end_part(p, out, &found);
    } else {
        flush_held(p, out, cut);
        end_leaf(p, out, cut);
        p->state = MIME_DELIMITER;
    }
}

bool mime_parts_flush(struct mime_parts *p, const struct mime_out *out, bool cut)
{
    struct span surplus;
    switch (p->state) {
    case MIME_HEAD:
        mime_head_finish(&p->head, out, cut, &surplus);
        keep_surplus(p, surplus);
        end_head(p, out);
        return false;
    case MIME_BODY:
        finish_body(p, out, cut);
        break;
    case MIME_DELIMITER:
    case MIME_IDLE:
        break;
    }
    return true;
}

void mime_parts_end(struct mime_parts *p, const struct mime_out *out, bool cut)
{
    if (mime_levels_leave(&p->levels, 0) > 0 && !cut) {
        mime_anomaly(out, ANOMALY_MIME_UNCLOSED);
    }
    if (p->leaf.bad_base64) {
        mime_anomaly(out, ANOMALY_MIME_BAD_BASE64);
    }
    mime_parts_free(p);
}
