/* http: HTTP/0.9, 1.0 and 1.1, requests and responses (RFC 9110, RFC 9112).
 *
 * Each direction is a machine of its own whose state is a function: it gets the bytes at hand,
 * takes what it can and returns the rest. What a state finds is taken apart elsewhere: http_block
 * (the lines of a head), http_line (request and status lines), http_head (a head as fields),
 * http_facts (what a head says about the body), http_body (framing and codings), http_exchange
 * (which response belongs to which request).
 *
 *     start → first line → head → body → (trailers) → start
 *       ↑                    ↕ long line
 *     search: after a gap, in the middle of a flow, after nonsense. Looks for a line that begins a
 *     message to the letter; what it passes by is emitted as payload of the stream, so that nothing
 *     is hidden by it.
 *     tunnel: after CONNECT or Upgrade (RFC 9110 sections 9.3.6 and 7.8) each direction is handed
 *     over, to be read as whatever it is.
 *     websocket: the same, where it is known what it is.
 *
 * Where servers are known to differ about how a body is framed, the other reading is followed by an
 * alternate decoder, which starts behind the head with what the reading says about the framing.
 *
 * Not here: HTTP/2, and where in a body a value stands. */
#include "decoders/http_head.h"
#include "decoders/http_line.h"
#include "decoders/http_probe.h"
#include "decoders/http_side.h"
#include "sensor/base/mem.h"
#include "sensor/core/tx.h"

static void http_open(void *state, const struct decoder_env *env)
{
    struct http *http = state;
    http->limits = env->limits;
    http->reading = env->reading;
    http_exchanges_init(&http->exchanges);
    for (unsigned dir = TO_SERVER; dir <= TO_CLIENT; dir++) {
        http->first[dir] = env->reading != 0 ? http_on_alternate
                           : env->midstream  ? http_on_search
                                             : http_on_start;
    }
}

static void begin_call(struct http *http, const struct emit *emit)
{
    http->emit = emit;
    for (unsigned dir = TO_SERVER; dir <= TO_CLIENT; dir++) {
        if (http->sides[dir] != NULL) {
            http->sides[dir]->out.emit = emit;
        }
    }
}

/* The state of a direction, which is only kept while there is something to know; NULL when there is
 * no memory: then what comes next begins anywhere. */
static struct http_side *side_of(struct http *http, enum direction dir)
{
    if (http->sides[dir] != NULL) {
        return http->sides[dir];
    }
    struct http_side *side = mem_alloc(sizeof(*side));
    if (side == NULL) {
        http->first[dir] = http_on_search;
        return NULL;
    }
    side->http = http;
    side->state = http->first[dir];
    http_out_init(&side->out, dir, http->limits);
    side->out.emit = http->emit;
    side->block.kept = sbuf_with_cap(http->limits->head_bytes);
    http_body_init(&side->body, http->limits);
    http->sides[dir] = side;
    return side;
}

static void free_side(struct http *http, enum direction dir)
{
    struct http_side *side = http->sides[dir];
    http_out_free(&side->out);
    sbuf_free(&side->block.kept);
    http_body_free(&side->body);
    websocket_free(&side->websocket);
    mem_free(side);
    http->sides[dir] = NULL;
}

/* Between messages a connection that is kept alive takes little memory. */
static void rest(struct http *http, enum direction dir)
{
    const struct http_side *side = http->sides[dir];
    bool idle = side->state == http_on_start && side->block.kept.len == 0 && !side->astray &&
                side->exchange == NULL && side->websocket == NULL;
    if (idle) {
        http->first[dir] = http_on_start;
        free_side(http, dir);
    }
}

/* A request line without a version, and nothing after it: HTTP/0.9, unless headers follow. That
 * they do not is known once the server answers or the stream ends. */
static bool is_simple_request(const struct http_side *side)
{
    if (side == NULL) {
        return false;
    }
    struct span kept = sbuf_span(&side->block.kept);
    bool one_line = kept.len > 0 && span_find_byte(kept, 0, '\n') == kept.len - 1;
    return side->out.dir == TO_SERVER && side->state == http_on_head && !side->head_begun &&
           one_line && http_request_line_parse(span_trim(kept)).version.len == 0;
}

static void end_simple_request(struct http_side *side)
{
    struct span kept = sbuf_span(&side->block.kept);
    http_head_lines(side, kept);
    http_block_taken(&side->block, kept);
    http_head_end(side, (struct span){0});
}

static void http_data(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    struct http *http = state;
    begin_call(http, emit);
    struct http_side *side = side_of(http, dir);
    if (side == NULL) {
        emit->ops->lost(emit->ctx, NULL, LOST_MEMORY, bytes.len);
        return;
    }
    if (dir == TO_CLIENT && is_simple_request(http->sides[TO_SERVER])) {
        end_simple_request(http->sides[TO_SERVER]);
    }
    while (bytes.len > 0) {
        bytes = side->state(side, bytes);
    }
    http_body_flush(&side->body, &side->out);
    rest(http, dir);
}

static void http_gap(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    struct http *http = state;
    begin_call(http, emit);
    struct http_side *side = side_of(http, dir);
    if (side == NULL) {
        return;
    }
    if (side->state == http_on_body && http_body_gap(&side->body, &side->out, n_bytes)) {
        side->body.pieces.after_gap = true;
        return;
    }
    if (side->state == http_on_websocket) {
        if (!websocket_gap(side->websocket, &side->out, n_bytes)) {
            http_websocket_lost(side);
        }
        return;
    }
    http_message_cut(side, true);
    if (http->tunnel != HTTP_TUNNEL_NONE) {
        http_hand_over(side, (struct span){0}); /* the gap is inside, or reaches into it */
        return;
    }
    side->state = http_on_search;
    if (dir == TO_CLIENT) {
        http_exchanges_doubt(&http->exchanges);
    }
}

static void end_side(struct http_side *side, bool proper)
{
    if (side == NULL) {
        return; /* between messages */
    }
    bool until_close = side->state == http_on_body && side->body.framing == HTTP_FRAMING_CLOSE;
    if (is_simple_request(side)) {
        end_simple_request(side);
    }
    if (proper && until_close) {
        http_message_end(side, false);
    }
    if (side->state == http_on_websocket) {
        bool cut = websocket_end(side->websocket, &side->out);
        side->exchange->cut = side->exchange->cut || cut;
    } else if (side->state != http_on_handed) {
        http_message_cut(side, false);
    }
}

static void http_end(void *state, const struct emit *emit, enum direction dir)
{
    struct http *http = state;
    begin_call(http, emit);
    end_side(http->sides[dir], true);
}

static void http_close(void *state, const struct emit *emit, enum close_reason reason)
{
    struct http *http = state;
    begin_call(http, emit);
    for (unsigned dir = TO_SERVER; dir <= TO_CLIENT; dir++) {
        end_side(http->sides[dir], reason == CLOSE_FIN);
        if (http->sides[dir] != NULL) {
            free_side(http, (enum direction)dir);
        }
    }
    http_exchanges_close(&http->exchanges, emit);
}

const struct decoder http_decoder = {
    .name = "http",
    .state_size = sizeof(struct http),
    .probe = http_probe,
    .open = http_open,
    .data = http_data,
    .gap = http_gap,
    .end = http_end,
    .fields = http_head_fields,
    .close = http_close,
};
