/* mime_head: finds the head of a mail or part, RFC 5322 section 2.2, RFC 2046 section 5.1.
 *
 * A head ends at an empty line, or at a boundary of a multipart around it. A line that is no header
 * ends it as well and is the first line of the contents, as mail readers have it, unless the next
 * line is a header again: then it was rubbish in the head. "From …" before the first header is the
 * mark of a mailbox file; what is left of a line behind a gap may be anything.
 *
 * A head that lies whole in the given bytes is read where it lies; else it is put together in a
 * buffer of limits.head_bytes. A longer head is given in several blocks, each ending with a header;
 * a single header longer than that is given as a body, and its start once more for events. What is
 * given does not depend on how the bytes were cut. */
#include "decoders/mime_head.h"

#include "decoders/mime_fields.h"

static const struct span mbox_from = SPAN_LITERAL("From ");
static const struct span mbox_quoted_from = SPAN_LITERAL(">From ");

void mime_head_start(struct mime_head *h, enum mime_head_of of)
{
    h->held.cap = h->limits->head_bytes;
    h->unfolded.cap = h->limits->line_bytes;
    h->decoded.cap = h->limits->line_bytes;
    sbuf_reset(&h->held);
    h->of = of;
    h->any_header = false;
    h->fragment = false;
    h->line = 0;
    h->header = 0;
    h->bad = SPAN_NONE;
    h->streaming = false;
}

void mime_head_free(struct mime_head *h)
{
    sbuf_free(&h->held);
    sbuf_free(&h->unfolded);
    sbuf_free(&h->decoded);
}

/* A new block begins where the old one was given up to. */
static void shift(struct mime_head *h, size_t len)
{
    h->line -= len < h->line ? len : h->line;
    h->header = h->header > len ? h->header - len : 0;
    h->bad = h->bad != SPAN_NONE && h->bad >= len ? h->bad - len : SPAN_NONE;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static bool is_mbox_mark(const struct mime_head *h, struct span line)
{
    return !h->any_header && h->of != HEAD_OF_PART &&
           (span_starts(line, mbox_from) || span_starts(line, mbox_quoted_from));
}

enum line_is {
    LINE_OF_HEAD,
    LINE_EMPTY,    /* ends the head and belongs to it */
    LINE_OUTSIDE,  /* is not of the head any more */
    LINE_WAS_BODY, /* nor was the one before */
};

static enum line_is judge_doubtful(struct mime_head *h, const struct mime_out *out,
                                   struct span line)
{
    mime_anomaly(out, ANOMALY_MIME_BAD_HEADER);
    if (mime_header_name(line) == 0) {
        return LINE_WAS_BODY;
    }
    h->bad = SPAN_NONE;
    return LINE_OF_HEAD;
}

/* What the line [h->line, end) of the block is. */
static enum line_is judge(struct mime_head *h, const struct mime_out *out, struct span line)
{
    bool boundary = mime_levels_match(h->levels, line, true).is == BOUNDARY_YES;
    if (h->bad != SPAN_NONE && !boundary) {
        enum line_is is = judge_doubtful(h, out, line);
        if (is != LINE_OF_HEAD) {
            return is;
        }
    }
    if (h->fragment && !boundary) {
        h->fragment = false;
        h->any_header = h->any_header || mime_header_name(line) > 0;
        h->header = h->line;
        return LINE_OF_HEAD;
    }
    if (boundary) {
        return h->bad != SPAN_NONE ? LINE_WAS_BODY : LINE_OUTSIDE;
    }
    if (line.len == 0) {
        return LINE_EMPTY;
    }
    if (is_blank(span_at(line, 0)) && h->any_header) {
        return LINE_OF_HEAD;
    }
    h->header = h->line;
    if (mime_header_name(line) > 0) {
        h->any_header = true;
    } else if (!is_mbox_mark(h, line)) {
        h->bad = h->line;
    }
    return LINE_OF_HEAD;
}

static struct span without_eol(struct span line)
{
    size_t len = line.len;
    len -= len > 0 && span_at(line, len - 1) == '\n' ? 1 : 0;
    len -= len > 0 && span_at(line, len - 1) == '\r' ? 1 : 0;
    return span_head(line, len);
}

/* Reads the line of the block that ends at `end`. true when the head is complete: it is the block's
 * first *ret_len bytes, and what comes behind it begins at *ret_next. */
static bool read_line(struct mime_head *h, const struct mime_out *out, struct span block,
                      size_t end, size_t *ret_next)
{
    size_t len = h->line;
    switch (judge(h, out, without_eol(span_sub(block, h->line, end - h->line)))) {
    case LINE_OF_HEAD:
        h->line = end;
        return false;
    case LINE_EMPTY:
        *ret_next = end;
        break;
    case LINE_OUTSIDE:
        *ret_next = h->line;
        break;
    case LINE_WAS_BODY:
        len = h->bad;
        *ret_next = h->bad;
        break;
    }
    mime_fields_give(h, out, span_head(block, len), false);
    return true;
}

/* A header that is longer than a block. */
static void stream_piece(struct mime_head *h, const struct mime_out *out, struct span bytes,
                         unsigned flags)
{
    const struct region piece = {
        .kind = REGION_BODY,
        .field = h->long_id,
        .bytes = bytes,
        .flags = flags,
        .body_type = (flags & REGION_FIRST) != 0 ? BODY_TEXT : BODY_UNKNOWN,
    };
    mime_region(out, piece);
}

static void begin_stream(struct mime_head *h, const struct mime_out *out, struct span block)
{
    mime_anomaly(out, ANOMALY_MIME_HEADER_TOO_LONG);
    h->long_id = mime_header_field(h, span_head(block, mime_header_name(block)));
    h->streaming = true;
    h->any_header = true;
    h->line_ended = span_at(block, block.len - 1) == '\n';
    mime_fields_give_start(h, out, block);
    stream_piece(h, out, block, REGION_FIRST);
}

static void end_stream(struct mime_head *h, const struct mime_out *out, unsigned flags)
{
    stream_piece(h, out, (struct span){NULL, 0}, REGION_LAST | flags);
    h->streaming = false;
}

static void stream(struct mime_head *h, const struct mime_out *out, struct span *rest)
{
    if (h->line_ended && !is_blank(span_at(*rest, 0))) {
        end_stream(h, out, 0);
        return;
    }
    size_t lf = span_find_byte(*rest, 0, '\n');
    h->line_ended = lf != SPAN_NONE;
    struct span piece = span_head(*rest, lf == SPAN_NONE ? rest->len : lf + 1);
    stream_piece(h, out, piece, 0);
    *rest = span_from(*rest, piece.len);
}

/* How much of a full block is complete headers: up to the one that its last line belongs to. */
static size_t complete_len(const struct mime_head *h, struct span block)
{
    if (h->bad != SPAN_NONE) {
        return h->bad;
    }
    bool begins = h->line < block.len && !is_blank(span_at(block, h->line));
    return begins ? h->line : h->header;
}

/* The block is full and its last line has not ended. Gives what is complete and says how long that
 * was; 0 when what is left is no header: then the head is complete before it. */
static size_t give_full(struct mime_head *h, const struct mime_out *out, struct span block)
{
    size_t len = complete_len(h, block);
    if (len > 0) {
        mime_fields_give(h, out, span_head(block, len), false);
    } else if (h->bad == SPAN_NONE && mime_header_name(block) > 0) {
        begin_stream(h, out, block);
        len = block.len;
    } else {
        mime_anomaly(out, ANOMALY_MIME_BAD_HEADER);
    }
    shift(h, len);
    return len;
}

/* Reads the head where it lies, as far as it is whole there. */
static enum head_is take_in_place(struct mime_head *h, const struct mime_out *out,
                                  struct span *rest)
{
    struct span block = span_head(*rest, h->limits->head_bytes);
    size_t lf = span_find_byte(block, h->line, '\n');
    while (lf != SPAN_NONE) {
        size_t next;
        if (read_line(h, out, block, lf + 1, &next)) {
            *rest = span_from(*rest, next);
            return HEAD_DONE;
        }
        lf = span_find_byte(block, h->line, '\n');
    }
    if (block.len == h->limits->head_bytes) {
        size_t len = give_full(h, out, block);
        *rest = span_from(*rest, len);
        return len > 0 ? HEAD_MORE : HEAD_DONE;
    }
    size_t before = h->held.len;
    (void)sbuf_add(&h->held, block);
    *rest = span_from(*rest, block.len);
    if (h->held.len - before < block.len) { /* no memory */
        mime_fields_give(h, out, block, true);
        shift(h, block.len);
    }
    return HEAD_MORE;
}

/* Adds to the block that is held, up to the next line end. */
static enum head_is take_held(struct mime_head *h, const struct mime_out *out, struct span *rest,
                              struct span *ret_surplus)
{
    size_t lf = span_find_byte(*rest, 0, '\n');
    struct span piece = span_head(*rest, lf == SPAN_NONE ? rest->len : lf + 1);
    size_t before = h->held.len;
    bool fits = sbuf_add(&h->held, piece);
    *rest = span_from(*rest, h->held.len - before);
    struct span block = sbuf_span(&h->held);
    size_t next = 0;
    if (fits && lf != SPAN_NONE && read_line(h, out, block, block.len, &next)) {
        *ret_surplus = span_from(block, next);
        return HEAD_DONE;
    }
    bool stuck = !fits && h->held.len == before && before < h->held.cap; /* no memory */
    if (!stuck && h->held.len < h->held.cap) {
        return HEAD_MORE;
    }
    size_t len = give_full(h, out, block);
    if (len == 0) {
        *ret_surplus = block;
        return HEAD_DONE;
    }
    sbuf_drop(&h->held, len);
    return HEAD_MORE;
}

enum head_is mime_head_take(struct mime_head *h, const struct mime_out *out, struct span *rest,
                            struct span *ret_surplus)
{
    enum head_is is = HEAD_MORE;
    *ret_surplus = (struct span){NULL, 0};
    while (rest->len > 0 && is == HEAD_MORE) {
        if (h->streaming) {
            stream(h, out, rest);
        } else if (h->held.len == 0) {
            is = take_in_place(h, out, rest);
        } else {
            is = take_held(h, out, rest, ret_surplus);
        }
    }
    return is;
}

/* What was held when no more comes: without half a line end. */
static struct span last_block(const struct mime_head *h)
{
    struct span block = sbuf_span(&h->held);
    bool half = block.len == h->line + 1 && span_at(block, h->line) == '\r';
    return span_head(block, block.len - (half ? 1 : 0));
}

void mime_head_gap(struct mime_head *h, const struct mime_out *out)
{
    if (h->streaming) {
        end_stream(h, out, REGION_CUT);
    }
    mime_fields_give(h, out, last_block(h), true);
    sbuf_reset(&h->held);
    h->line = 0;
    h->header = 0;
    h->bad = SPAN_NONE;
    h->fragment = true;
}

void mime_head_finish(struct mime_head *h, const struct mime_out *out, bool cut,
                      struct span *ret_surplus)
{
    struct span block = sbuf_span(&h->held);
    *ret_surplus = (struct span){NULL, 0};
    if (h->streaming) {
        end_stream(h, out, cut ? REGION_CUT : 0);
    }
    size_t next = 0;
    bool line = !cut && h->line < block.len; /* without a line end, but whole */
    if (line && read_line(h, out, block, block.len, &next)) {
        *ret_surplus = span_from(block, next);
    } else if (h->bad != SPAN_NONE) {
        mime_anomaly(out, ANOMALY_MIME_BAD_HEADER);
        mime_fields_give(h, out, span_head(block, h->bad), false);
        *ret_surplus = span_from(block, h->bad);
    } else {
        mime_fields_give(h, out, cut ? last_block(h) : block, cut);
    }
}
