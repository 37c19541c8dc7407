/* http_search: bytes where no message is.
 *
 * After a gap, in the middle of a flow and after nonsense it is not known where the next message
 * begins. It is taken to begin with a line that is a request or status line to the letter; looser
 * grammar would find requests in bodies and mails. What is passed by is emitted as payload of the
 * stream, in a transaction of its own, so that nothing is hidden by it. Lines longer than what a
 * block keeps begin no message. */
#include "decoders/http_line.h"
#include "decoders/http_side.h"
#include "sensor/core/tx.h"

void http_stray_begin(struct http_side *side)
{
    const struct emit *emit = side->http->emit;
    const struct region payload = {
        .kind = REGION_BODY, .field = FIELD_STREAM_PAYLOAD, .dir = side->out.dir};
    if (!side->astray) {
        side->astray = true;
        side->out.tx = emit->ops->tx_begin(emit->ctx, side->out.dir);
        http_body_begin_raw(&side->body, &payload);
    }
}

void http_stray(struct http_side *side, struct span bytes)
{
    if (bytes.len > 0) {
        http_stray_begin(side);
        http_body_add(&side->body, &side->out, bytes);
    }
}

void http_stray_kept(struct http_side *side)
{
    http_stray(side, sbuf_span(&side->block.kept));
    http_body_flush(&side->body, &side->out);
    http_block_reset(&side->block);
}

void http_stray_end(struct http_side *side, unsigned flags)
{
    if (!side->astray) {
        return;
    }
    const struct emit *emit = side->http->emit;
    http_body_end(&side->body, &side->out, false);
    if (side->out.tx != NULL) {
        emit->ops->tx_end(emit->ctx, side->out.tx, flags);
    }
    side->out.tx = NULL;
    side->astray = false;
}

/* How many bytes at the front are lines that no message begins with; *ret_more: the line behind
 * them is not whole and may still begin one. Lines longer than what a block keeps begin none. */
static size_t lines_passed(const struct http_side *side, struct span in, bool *ret_more)
{
    enum direction dir = side->out.dir;
    size_t longest = side->block.kept.cap;
    size_t off = 0;
    *ret_more = false;
    while (off < in.len) {
        struct span rest = span_from(in, off);
        size_t lf = span_find_byte(rest, 0, '\n');
        if (lf == SPAN_NONE) {
            *ret_more = rest.len < longest && http_may_be_landmark(rest, dir);
            return *ret_more ? off : in.len;
        }
        if (lf < longest && http_is_landmark(span_head(rest, lf), dir)) {
            break;
        }
        off += lf + 1;
    }
    return off;
}

/* At the start of a line, none of which is kept. */
static struct span search_input(struct http_side *side, struct span in)
{
    bool more;
    size_t passed = lines_passed(side, in, &more);
    struct span rest = span_from(in, passed);
    http_stray(side, span_head(in, passed));
    if (more) {
        struct span line;
        if (http_block_first_line(&side->block, &rest, &line) == HTTP_BLOCK_NO_MEMORY) {
            http_message_give_up(side);
        }
    } else if (rest.len > 0) {
        http_stray_end(side, TX_CUT);
        side->state = http_on_head;
    } else if (span_at(in, in.len - 1) != '\n') {
        side->state = http_on_stray_line;
    }
    return rest;
}

/* With the start of a line kept. */
static struct span search_kept(struct http_side *side, struct span in)
{
    struct span line = {0};
    enum http_block_result result = http_block_first_line(&side->block, &in, &line);
    bool whole = result == HTTP_BLOCK_WHOLE;
    enum direction dir = side->out.dir;
    if (result == HTTP_BLOCK_NO_MEMORY) {
        http_message_give_up(side);
    } else if (whole && http_is_landmark(line, dir)) {
        http_stray_end(side, TX_CUT);
        side->state = http_on_head;
    } else if (result != HTTP_BLOCK_MORE || !http_may_be_landmark(line, dir)) {
        http_stray_kept(side);
        side->state = whole ? http_on_search : http_on_stray_line;
    }
    return in;
}

struct span http_on_search(struct http_side *side, struct span in)
{
    return side->block.kept.len > 0 ? search_kept(side, in) : search_input(side, in);
}

/* In the middle of a line that begins no message. */
struct span http_on_stray_line(struct http_side *side, struct span in)
{
    size_t lf = span_find_byte(in, 0, '\n');
    size_t len = lf == SPAN_NONE ? in.len : lf + 1;
    http_stray(side, span_head(in, len));
    side->state = lf == SPAN_NONE ? http_on_stray_line : http_on_search;
    return span_from(in, len);
}

void http_search_anew(struct http_side *side)
{
    if (side != NULL && side->state == http_on_stray_line) {
        side->state = http_on_search;
    }
}
