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
 *     tunnel: after CONNECT or Upgrade (RFC 9110 section 7.8): payload until the stream ends.
 *
 * Where servers are known to differ about how a body is framed, the other reading is followed by an
 * alternate decoder, which starts behind the head with what the reading says about the framing.
 *
 * Not here: HTTP/2, what is inside a WebSocket or a tunnel, and where in a body a value stands. */
#include "decoders/http_block.h"
#include "decoders/http_body.h"
#include "decoders/http_exchange.h"
#include "decoders/http_head.h"
#include "decoders/http_line.h"
#include "decoders/http_out.h"
#include "decoders/http_probe.h"
#include "sensor/base/bytes.h"
#include "sensor/core/tx.h"

struct side;

/* One direction. */
struct side {
    struct http *http;
    /* takes bytes off the front and returns what is left */
    struct span (*state)(struct side *side, struct span in);
    struct http_out out;
    struct http_block block;
    struct http_body body;
    /* of the message at hand */
    struct http_facts facts;
    struct http_exchange *exchange;
    bool head_begun; /* a part of its head was emitted */
    bool astray;     /* a transaction is open for bytes that belong to no message */
};

struct http {
    const struct decoder_limits *limits;
    const struct emit *emit; /* of the call at hand */
    unsigned reading;
    bool tunnel; /* what comes after the requests so far is not HTTP */
    struct http_exchanges exchanges;
    struct side sides[2];
};

/* What an alternate decoder is told: how the body that it starts with is framed, and in the bits
 * above how long it is. */
enum { READING_FRAMING_BITS = 3, READING_MOST_LENGTH = 1 << 28 };

static struct span on_start(struct side *side, struct span in);
static struct span on_first_line(struct side *side, struct span in);
static struct span on_head(struct side *side, struct span in);
static struct span on_long_line(struct side *side, struct span in);
static struct span on_body(struct side *side, struct span in);
static struct span on_trailers(struct side *side, struct span in);
static struct span on_search(struct side *side, struct span in);
static struct span on_stray_line(struct side *side, struct span in);
static struct span on_tunnel(struct side *side, struct span in);
static struct span on_alternate(struct side *side, struct span in);

/* --- bytes that belong to no message ------------------------------------------------------------
 */

static void begin_stray(struct side *side)
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

static void stray(struct side *side, struct span bytes)
{
    if (bytes.len > 0) {
        begin_stray(side);
        http_body_add(&side->body, &side->out, bytes);
    }
}

static void stray_kept(struct side *side)
{
    stray(side, sbuf_span(&side->block.kept));
    http_body_flush(&side->body, &side->out);
    http_block_reset(&side->block);
}

static void end_stray(struct side *side, unsigned flags)
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

/* --- messages begin and end ---------------------------------------------------------------------
 */

static void begin_request(struct side *side)
{
    struct http *http = side->http;
    http_exchanges_drop_doubtful(&http->exchanges, http->emit);
    side->exchange =
        http_exchange_begin(&http->exchanges, http->emit, TO_SERVER, http->limits->open_tx);
}

static void begin_response(struct side *side)
{
    struct http *http = side->http;
    side->exchange = http_exchange_take(&http->exchanges);
    bool alone = side->exchange == NULL;
    if (alone) {
        side->exchange =
            http_exchange_begin(&http->exchanges, http->emit, TO_CLIENT, http->limits->open_tx);
    }
    if (side->exchange != NULL) {
        side->exchange->response_begun = true;
        side->exchange->request_done = side->exchange->request_done || alone;
    }
    side->out.tx = side->exchange != NULL ? side->exchange->tx : NULL;
    if (alone && http->reading == 0) {
        http_emit_anomaly(&side->out, ANOMALY_HTTP_RESPONSE_WITHOUT_REQUEST);
    }
}

static void begin_message(struct side *side)
{
    end_stray(side, TX_CUT);
    if (side->out.dir == TO_SERVER) {
        begin_request(side);
    } else {
        begin_response(side);
    }
    side->out.tx = side->exchange != NULL ? side->exchange->tx : NULL;
}

static bool is_interim(const struct side *side)
{
    unsigned status = side->facts.status;
    return side->out.dir == TO_CLIENT && status >= 100 && status < 200 && status != 101;
}

static void mark_done(struct side *side, bool cut)
{
    struct http_exchange *exchange = side->exchange;
    exchange->cut = exchange->cut || cut;
    if (side->out.dir == TO_SERVER) {
        exchange->request_done = true;
    } else if (is_interim(side) && !cut) {
        exchange->response_begun = false; /* the final response is still to come */
    } else {
        exchange->response_done = true;
    }
}

static void end_message(struct side *side, bool cut)
{
    http_body_end(&side->body, &side->out, cut);
    if (side->exchange != NULL) {
        mark_done(side, cut);
        http_exchange_settle(&side->http->exchanges, side->exchange, side->http->emit);
    }
    http_block_reset(&side->block);
    http_out_trim(&side->out);
    side->exchange = NULL;
    side->out.tx = NULL;
    side->facts = (struct http_facts){0};
    side->head_begun = false;
    side->state = on_start;
}

/* A gap or the flow's end in the middle of a head, or of trailers: what there is of it. */
static void emit_partial_head(struct side *side)
{
    const struct http_lines lines = {
        .bytes = sbuf_span(&side->block.kept),
        .begins = side->state != on_trailers && !side->head_begun,
        .trailers = side->state == on_trailers,
        .cut = true,
    };
    if (lines.begins) {
        begin_message(side);
        side->head_begun = true;
    }
    if (lines.bytes.len > 0) {
        http_head_emit(&side->out, &side->facts, &lines);
    }
}

static bool is_in_message(const struct side *side)
{
    return side->head_begun || side->state == on_head || side->state == on_body ||
           side->state == on_trailers;
}

/* A gap in the head of a request: what the server made of it is not known, so no response is waited
 * for. */
static void give_up_answer(struct side *side)
{
    struct http_exchange *exchange = side->exchange;
    if (side->out.dir == TO_SERVER && exchange != NULL && !exchange->response_begun) {
        exchange->response_done = true;
    }
}

/* The message at hand, if any, ends here though it is not complete; so does what is astray. */
static void cut_off(struct side *side, bool by_gap)
{
    struct span kept = sbuf_span(&side->block.kept);
    bool request = side->out.dir == TO_SERVER;
    bool first_line = side->state == on_first_line &&
                      (request ? http_is_request_start(kept) : http_is_status_line(kept));
    if (first_line || side->state == on_head || side->state == on_trailers) {
        emit_partial_head(side);
    } else {
        stray_kept(side);
    }
    if (by_gap && side->state != on_body) {
        give_up_answer(side);
    }
    if (is_in_message(side)) {
        end_message(side, true);
    }
    end_stray(side, TX_CUT);
    side->state = on_start;
}

/* No memory for lines that came in pieces: they are lost. */
static void give_up(struct side *side)
{
    http_emit_lost(&side->out, LOST_MEMORY, side->block.kept.len);
    http_block_reset(&side->block);
    cut_off(side, true);
    side->state = on_search;
}

/* --- start and first line -----------------------------------------------------------------------
 */

static bool answers_simple_request(struct side *side)
{
    struct http_exchange *exchange = NULL;
    if (side->out.dir == TO_CLIENT) {
        exchange = http_exchange_awaiting(&side->http->exchanges);
    }
    return exchange != NULL && exchange->is_simple;
}

/* Not a message. To a request of HTTP/0.9 it is the answer: a body and nothing else. */
static void begin_nonsense(struct side *side)
{
    if (answers_simple_request(side)) {
        begin_message(side);
        http_body_begin(&side->body, &side->out, &side->facts, HTTP_FRAMING_CLOSE, 0);
        http_body_add(&side->body, &side->out, sbuf_span(&side->block.kept));
        http_body_flush(&side->body, &side->out);
        http_block_reset(&side->block);
        side->state = on_body;
        return;
    }
    begin_stray(side);
    http_emit_anomaly(&side->out, side->out.dir == TO_SERVER ? ANOMALY_HTTP_BAD_REQUEST_LINE
                                                             : ANOMALY_HTTP_BAD_STATUS_LINE);
    struct span kept = sbuf_span(&side->block.kept);
    bool whole_line = kept.len == 0 || span_at(kept, kept.len - 1) == '\n';
    stray_kept(side);
    side->state = whole_line ? on_search : on_stray_line;
}

static struct span on_start(struct side *side, struct span in)
{
    if (side->http->tunnel) {
        side->state = on_tunnel;
        return in;
    }
    while (span_at(in, 0) == '\r' || span_at(in, 0) == '\n') {
        in = span_from(in, 1); /* RFC 9112 section 2.2 */
    }
    if (in.len > 0) {
        side->state = on_first_line;
    }
    return in;
}

/* Whether the first line is one that its server or client would take; *ret_known is false as long
 * as that cannot be said. */
static bool accepts_first_line(const struct side *side, enum http_block_result result,
                               struct span line, bool *ret_known)
{
    bool request = side->out.dir == TO_SERVER;
    *ret_known = true;
    if (!request) {
        bool whole = result == HTTP_BLOCK_WHOLE || line.len >= 5;
        *ret_known = whole || !http_may_be_landmark(line, TO_CLIENT);
        return http_is_status_line(line);
    }
    *ret_known = result != HTTP_BLOCK_MORE;
    return result == HTTP_BLOCK_LONG_LINE ? http_is_request_start(line)
                                          : http_is_request_line(line);
}

static struct span on_first_line(struct side *side, struct span in)
{
    struct span line = {0};
    bool known;
    enum http_block_result result = http_block_first_line(&side->block, &in, &line);
    if (result == HTTP_BLOCK_NO_MEMORY) {
        give_up(side);
        return in;
    }
    bool accepted = accepts_first_line(side, result, line, &known);
    if (known && accepted && result != HTTP_BLOCK_MORE) {
        side->state = on_head;
    } else if (known && !accepted) {
        begin_nonsense(side);
    }
    return in;
}

/* --- heads --------------------------------------------------------------------------------------
 */

static void emit_lines(struct side *side, struct span bytes)
{
    const struct http_lines lines = {.bytes = bytes, .begins = !side->head_begun};
    if (lines.begins) {
        begin_message(side);
        side->head_begun = true;
    }
    http_head_emit(&side->out, &side->facts, &lines);
}

static void begin_long_line(struct side *side, struct span bytes, bool trailers)
{
    const struct http_lines lines = {
        .bytes = bytes, .begins = !side->head_begun, .trailers = trailers};
    if (lines.begins) {
        begin_message(side);
        side->head_begun = true;
    }
    const struct region rest = http_head_emit_long(&side->out, &side->facts, &lines);
    http_body_begin_raw(&side->body, &rest);
    side->body.pieces.begun = true;
}

static bool may_have_body(const struct side *side)
{
    unsigned status = side->facts.status;
    if (side->out.dir == TO_SERVER) {
        return true;
    }
    bool to_head = side->exchange != NULL && side->exchange->method == HTTP_METHOD_HEAD;
    return !to_head && !(status >= 100 && status < 200) && status != 204 && status != 304;
}

/* What follows is no HTTP any more, in both directions. */
static bool begins_tunnel(const struct side *side)
{
    const struct http_facts *facts = &side->facts;
    if (side->out.dir == TO_SERVER) {
        return facts->method == HTTP_METHOD_PRI;
    }
    bool to_connect = side->exchange != NULL && side->exchange->method == HTTP_METHOD_CONNECT;
    return facts->status == 101 || (to_connect && facts->status >= 200 && facts->status < 300);
}

static void begin_tunnel(struct http *http)
{
    http->tunnel = true;
    struct side *client = &http->sides[TO_SERVER];
    if (client->state == on_first_line || client->state == on_search) {
        stray_kept(client);
        client->state = on_tunnel;
    }
}

static void report_framing(struct side *side)
{
    const struct http_facts *facts = &side->facts;
    bool lengthy = facts->length_kind != HTTP_LENGTH_NONE;
    if (facts->lengths_differ || (facts->chunked && (lengthy || facts->transfer_odd))) {
        http_emit_anomaly(&side->out, ANOMALY_HTTP_CONFLICTING_LENGTH);
    }
    if (facts->length_kind == HTTP_LENGTH_BAD) {
        http_emit_anomaly(&side->out, ANOMALY_HTTP_BAD_LENGTH);
    }
    if (facts->transfer_odd && !facts->chunked) {
        http_emit_anomaly(&side->out, ANOMALY_ENCODING_UNKNOWN);
    }
    if (facts->needs_host && !facts->has_host) {
        http_emit_anomaly(&side->out, ANOMALY_HTTP_MISSING_HOST);
    }
}

/* Has the other reading of the framing followed by a decoder of its own. */
static void open_alternate(struct side *side, const struct http_framing_choice *choice,
                           struct span rest)
{
    const struct emit *emit = side->http->emit;
    bool by_length = choice->other == HTTP_FRAMING_LENGTH;
    bool same =
        choice->other == choice->framing && (!by_length || choice->other_length == choice->length);
    if (!choice->disputed || same || side->http->reading != 0) {
        return;
    }
    uint64_t length = by_length ? choice->other_length : 0;
    length = length < READING_MOST_LENGTH ? length : READING_MOST_LENGTH;
    unsigned reading = (unsigned)length << READING_FRAMING_BITS | (unsigned)choice->other << 1 | 1;
    emit->ops->alternate(emit->ctx, side->out.dir, reading, rest);
}

/* The head is complete: what comes next? */
static void end_head(struct side *side, struct span rest)
{
    struct http_framing_choice choice = http_facts_framing(&side->facts, side->out.dir);
    if (side->exchange != NULL && side->out.dir == TO_SERVER) {
        side->exchange->method = side->facts.method;
        side->exchange->is_simple = side->facts.is_simple;
    }
    report_framing(side);
    bool tunnel = begins_tunnel(side);
    if (tunnel || !may_have_body(side)) {
        choice = (struct http_framing_choice){0};
    }
    open_alternate(side, &choice, rest);
    if (choice.framing == HTTP_FRAMING_NONE) {
        end_message(side, false);
    } else {
        http_body_begin(&side->body, &side->out, &side->facts, choice.framing, choice.length);
        side->state = on_body;
    }
    if (tunnel) {
        begin_tunnel(side->http);
    }
}

static struct span on_head(struct side *side, struct span in)
{
    struct span bytes;
    switch (http_block_next(&side->block, &in, &bytes)) {
    case HTTP_BLOCK_MORE:
        break;
    case HTTP_BLOCK_WHOLE:
        emit_lines(side, bytes);
        http_block_taken(&side->block, bytes);
        end_head(side, in);
        break;
    case HTTP_BLOCK_PART:
        emit_lines(side, bytes);
        http_block_taken(&side->block, bytes);
        break;
    case HTTP_BLOCK_LONG_LINE:
        begin_long_line(side, bytes, false);
        http_block_taken(&side->block, bytes);
        side->state = on_long_line;
        break;
    case HTTP_BLOCK_NO_MEMORY:
        give_up(side);
        break;
    }
    return in;
}

/* The rest of a line that no buffer holds. */
static struct span on_long_line(struct side *side, struct span in)
{
    size_t lf = span_find_byte(in, 0, '\n');
    http_body_add(&side->body, &side->out, span_head(in, lf));
    if (lf == SPAN_NONE) {
        return (struct span){0};
    }
    bool trailers = side->body.pieces.region.field == FIELD_HTTP_TRAILER;
    http_body_end(&side->body, &side->out, false);
    side->state = trailers ? on_trailers : on_head;
    return span_from(in, lf + 1);
}

/* --- bodies -------------------------------------------------------------------------------------
 */

static struct span on_body(struct side *side, struct span in)
{
    switch (http_body_data(&side->body, &side->out, &in)) {
    case HTTP_BODY_MORE:
        break;
    case HTTP_BODY_END:
        end_message(side, false);
        break;
    case HTTP_BODY_TRAILERS:
        http_body_end(&side->body, &side->out, false);
        side->state = on_trailers;
        break;
    case HTTP_BODY_BROKEN:
        http_body_flush(&side->body, &side->out);
        http_emit_anomaly(&side->out, ANOMALY_HTTP_BAD_CHUNK);
        end_message(side, true);
        side->state = on_search;
        break;
    }
    return in;
}

static void emit_trailers(struct side *side, struct span bytes)
{
    const struct http_lines lines = {.bytes = bytes, .trailers = true};
    bool empty = span_trim(bytes).len == 0;
    if (!empty) {
        http_head_emit(&side->out, &side->facts, &lines);
    }
    http_block_taken(&side->block, bytes);
}

static struct span on_trailers(struct side *side, struct span in)
{
    struct span bytes;
    switch (http_block_next(&side->block, &in, &bytes)) {
    case HTTP_BLOCK_MORE:
        break;
    case HTTP_BLOCK_WHOLE:
        emit_trailers(side, bytes);
        end_message(side, false);
        break;
    case HTTP_BLOCK_PART:
        emit_trailers(side, bytes);
        break;
    case HTTP_BLOCK_LONG_LINE:
        begin_long_line(side, bytes, true);
        http_block_taken(&side->block, bytes);
        side->state = on_long_line;
        break;
    case HTTP_BLOCK_NO_MEMORY:
        give_up(side);
        break;
    }
    return in;
}

static struct span on_tunnel(struct side *side, struct span in)
{
    stray(side, in);
    return (struct span){0};
}

/* --- search -------------------------------------------------------------------------------------
 */

/* How many bytes at the front are lines that no message begins with; *ret_more: the line behind
 * them is not whole and may still begin one. Lines longer than what a block keeps begin none. */
static size_t lines_passed(const struct side *side, struct span in, bool *ret_more)
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
static struct span search_input(struct side *side, struct span in)
{
    bool more;
    size_t passed = lines_passed(side, in, &more);
    struct span rest = span_from(in, passed);
    stray(side, span_head(in, passed));
    if (more) {
        struct span line;
        if (http_block_first_line(&side->block, &rest, &line) == HTTP_BLOCK_NO_MEMORY) {
            give_up(side);
        }
    } else if (rest.len > 0) {
        end_stray(side, TX_CUT);
        side->state = on_head;
    } else if (span_at(in, in.len - 1) != '\n') {
        side->state = on_stray_line;
    }
    return rest;
}

/* With the start of a line kept. */
static struct span search_kept(struct side *side, struct span in)
{
    struct span line = {0};
    enum http_block_result result = http_block_first_line(&side->block, &in, &line);
    bool whole = result == HTTP_BLOCK_WHOLE;
    enum direction dir = side->out.dir;
    if (result == HTTP_BLOCK_NO_MEMORY) {
        give_up(side);
    } else if (whole && http_is_landmark(line, dir)) {
        end_stray(side, TX_CUT);
        side->state = on_head;
    } else if (result != HTTP_BLOCK_MORE || !http_may_be_landmark(line, dir)) {
        stray_kept(side);
        side->state = whole ? on_search : on_stray_line;
    }
    return in;
}

static struct span on_search(struct side *side, struct span in)
{
    return side->block.kept.len > 0 ? search_kept(side, in) : search_input(side, in);
}

/* In the middle of a line that begins no message. */
static struct span on_stray_line(struct side *side, struct span in)
{
    size_t lf = span_find_byte(in, 0, '\n');
    size_t len = lf == SPAN_NONE ? in.len : lf + 1;
    stray(side, span_head(in, len));
    side->state = lf == SPAN_NONE ? on_stray_line : on_search;
    return span_from(in, len);
}

/* --- alternate readings -------------------------------------------------------------------------
 */

/* The first bytes of another reading: a body, framed as that reading has it, or a head. */
static struct span on_alternate(struct side *side, struct span in)
{
    unsigned reading = side->http->reading;
    enum http_framing framing = (enum http_framing)(reading >> 1 & 3);
    side->state = on_start;
    if (framing != HTTP_FRAMING_NONE) {
        begin_message(side);
        http_body_begin(&side->body, &side->out, &side->facts, framing,
                        reading >> READING_FRAMING_BITS);
        side->state = on_body;
    }
    return in;
}

/* --- the decoder --------------------------------------------------------------------------------
 */

static void http_open(void *state, const struct decoder_env *env)
{
    struct http *http = state;
    http->limits = env->limits;
    http->reading = env->reading;
    http_exchanges_init(&http->exchanges);
    for (unsigned dir = TO_SERVER; dir <= TO_CLIENT; dir++) {
        struct side *side = &http->sides[dir];
        side->http = http;
        side->state = env->reading != 0 ? on_alternate : env->midstream ? on_search : on_start;
        http_out_init(&side->out, (enum direction)dir, env->limits);
        side->block.kept = sbuf_with_cap(env->limits->head_bytes);
        http_body_init(&side->body, env->limits);
    }
}

static void begin_call(struct http *http, const struct emit *emit)
{
    http->emit = emit;
    http->sides[TO_SERVER].out.emit = emit;
    http->sides[TO_CLIENT].out.emit = emit;
}

/* A request line without a version, and nothing after it: HTTP/0.9, unless headers follow. That
 * they do not is known once the server answers or the stream ends. */
static bool is_simple_request(const struct side *side)
{
    struct span kept = sbuf_span(&side->block.kept);
    bool one_line = kept.len > 0 && span_find_byte(kept, 0, '\n') == kept.len - 1;
    return side->out.dir == TO_SERVER && side->state == on_head && !side->head_begun && one_line &&
           http_request_line_parse(span_trim(kept)).version.len == 0;
}

static void end_simple_request(struct side *side)
{
    struct span kept = sbuf_span(&side->block.kept);
    emit_lines(side, kept);
    http_block_taken(&side->block, kept);
    end_head(side, (struct span){0});
}

static void http_data(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    struct http *http = state;
    struct side *side = &http->sides[dir];
    begin_call(http, emit);
    if (dir == TO_CLIENT && is_simple_request(&http->sides[TO_SERVER])) {
        end_simple_request(&http->sides[TO_SERVER]);
    }
    while (bytes.len > 0) {
        bytes = side->state(side, bytes);
    }
    http_body_flush(&side->body, &side->out);
}

static void http_gap(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    struct http *http = state;
    struct side *side = &http->sides[dir];
    begin_call(http, emit);
    if (side->state == on_tunnel ||
        (side->state == on_body && http_body_gap(&side->body, &side->out, n_bytes))) {
        side->body.pieces.after_gap = true;
        return;
    }
    cut_off(side, true);
    side->state = on_search;
    if (dir == TO_CLIENT) {
        http_exchanges_doubt(&http->exchanges);
    }
}

static void end_side(struct side *side, bool proper)
{
    bool until_close = side->state == on_body && side->body.framing == HTTP_FRAMING_CLOSE;
    if (is_simple_request(side)) {
        end_simple_request(side);
    }
    if (proper && until_close) {
        end_message(side, false);
    } else if (proper && side->state == on_tunnel) {
        end_stray(side, 0);
    }
    cut_off(side, false);
}

static void http_end(void *state, const struct emit *emit, enum direction dir)
{
    struct http *http = state;
    begin_call(http, emit);
    end_side(&http->sides[dir], true);
}

static void http_close(void *state, const struct emit *emit, enum close_reason reason)
{
    struct http *http = state;
    begin_call(http, emit);
    for (unsigned dir = TO_SERVER; dir <= TO_CLIENT; dir++) {
        struct side *side = &http->sides[dir];
        end_side(side, reason == CLOSE_FIN);
        http_out_free(&side->out);
        sbuf_free(&side->block.kept);
        http_body_free(&side->body);
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
    .close = http_close,
};
