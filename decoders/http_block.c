/* http_block: lines of a head, collected until they can be looked at as one.
 *
 * A block that lies whole in the bytes at hand is a view of them; only one that is cut is copied,
 * up to the cap of `kept`. A longer block is given in parts, each cut at the end of a line that no
 * folded line follows, so that the parts do not depend on how the bytes came. Each byte is searched
 * for a line end once. */
#include "decoders/http_block.h"

#include "sensor/base/chars.h"

enum { KEPT_ROOM = 2048 };

static bool is_empty_line(struct span window, size_t start, size_t lf)
{
    return lf == start || (lf == start + 1 && span_at(window, start) == '\r');
}

/* Which of the CHARS_WIDE bytes from `at` on, or as many as the window has, are line ends. */
static uint64_t line_ends(struct span window, size_t at)
{
    size_t left = window.len - at;
    if (left >= CHARS_WIDE) {
        return chars_equal(&window.data[at], '\n');
    }
    if (window.len >= CHARS_WIDE) {
        return chars_equal(&window.data[window.len - CHARS_WIDE], '\n') >> (CHARS_WIDE - left);
    }
    uint64_t ends = 0;
    for (size_t i = 0; i < left; i++) {
        ends |= (uint64_t)(window.data[at + i] == '\n') << i;
    }
    return ends;
}

/* Moves on line by line; true when the empty line was met: then seen is the block's end. */
static bool find_end(struct http_block *b, struct span window)
{
    for (size_t at = b->seen; at < window.len; at += CHARS_WIDE) {
        for (uint64_t ends = line_ends(window, at); ends != 0; ends &= ends - 1) {
            size_t lf = at + (size_t)__builtin_ctzll(ends);
            bool empty = is_empty_line(window, b->line, lf);
            b->line = lf + 1;
            if (empty) {
                b->seen = lf + 1;
                return true;
            }
        }
    }
    b->seen = window.len;
    return false;
}

/* The last line end in a full window that no folded line (and not the window's end) follows; 0 when
 * there is none. */
static size_t part_end(struct span window)
{
    size_t end = span_rfind_byte(span_head(window, window.len - 1), '\n');
    while (end != SPAN_NONE) {
        uint8_t next = span_at(window, end + 1);
        if (next != ' ' && next != '\t') {
            return end + 1;
        }
        end = span_rfind_byte(span_head(window, end), '\n');
    }
    return 0;
}

static enum http_block_result take_part(struct span window, struct span *ret_block)
{
    size_t end = part_end(window);
    *ret_block = end > 0 ? span_head(window, end) : window;
    return end > 0 ? HTTP_BLOCK_PART : HTTP_BLOCK_LONG_LINE;
}

static bool keep(struct http_block *b, struct span *in, size_t len)
{
    bool kept = sbuf_add(&b->kept, span_head(*in, len));
    *in = span_from(*in, len);
    return kept;
}

/* Nothing is kept yet: looks at the input itself. */
static enum http_block_result look_at_input(struct http_block *b, struct span *in,
                                            struct span *ret_block)
{
    struct span window = span_head(*in, b->kept.cap);
    enum http_block_result result = HTTP_BLOCK_WHOLE;
    if (find_end(b, window)) {
        *ret_block = span_head(window, b->seen);
    } else if (in->len > b->kept.cap) {
        result = take_part(window, ret_block);
    } else {
        return keep(b, in, in->len) ? HTTP_BLOCK_MORE : HTTP_BLOCK_NO_MEMORY;
    }
    *in = span_from(*in, ret_block->len);
    return result;
}

/* Copies the input line by line, so that what follows the block is left alone. */
static enum http_block_result look_at_kept(struct http_block *b, struct span *in,
                                           struct span *ret_block)
{
    for (;;) {
        if (find_end(b, sbuf_span(&b->kept))) {
            *ret_block = span_head(sbuf_span(&b->kept), b->seen);
            return HTTP_BLOCK_WHOLE;
        }
        if (in->len == 0) { /* a full buffer is too small only for a byte more */
            return HTTP_BLOCK_MORE;
        }
        if (b->kept.len == b->kept.cap) {
            return take_part(sbuf_span(&b->kept), ret_block);
        }
        size_t lf = span_find_byte(*in, 0, '\n');
        size_t len = lf == SPAN_NONE ? in->len : lf + 1;
        size_t room = b->kept.cap - b->kept.len;
        if (!keep(b, in, len < room ? len : room)) {
            return HTTP_BLOCK_NO_MEMORY;
        }
    }
}

enum http_block_result http_block_next(struct http_block *b, struct span *in,
                                       struct span *ret_block)
{
    return b->kept.len > 0 ? look_at_kept(b, in, ret_block) : look_at_input(b, in, ret_block);
}

void http_block_taken(struct http_block *b, struct span block)
{
    sbuf_drop(&b->kept, block.len);
    b->line = 0;
    b->seen = 0;
}

enum http_block_result http_block_first_line(struct http_block *b, struct span *in,
                                             struct span *ret_line)
{
    size_t lf = span_find_byte(*in, 0, '\n');
    size_t len = lf == SPAN_NONE ? in->len : lf + 1;
    size_t room = b->kept.cap - b->kept.len;
    bool fits = len < room || (len == room && lf != SPAN_NONE);
    len = len < room ? len : room;
    if (b->kept.len == 0 && (lf != SPAN_NONE || !fits)) {
        *ret_line = span_head(*in, len);
        return fits ? HTTP_BLOCK_WHOLE : HTTP_BLOCK_LONG_LINE;
    }
    if (!keep(b, in, len)) {
        return HTTP_BLOCK_NO_MEMORY;
    }
    *ret_line = sbuf_span(&b->kept);
    if (!fits) {
        return HTTP_BLOCK_LONG_LINE;
    }
    return lf != SPAN_NONE ? HTTP_BLOCK_WHOLE : HTTP_BLOCK_MORE;
}

void http_block_reset(struct http_block *b)
{
    if (b->kept.room > KEPT_ROOM) {
        sbuf_free(&b->kept);
    }
    sbuf_reset(&b->kept);
    b->line = 0;
    b->seen = 0;
}
