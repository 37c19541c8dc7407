/* http_states: from the first line of a message to its last byte.
 *
 * Where servers are known to differ about how a body is framed, the other reading is followed by an
 * alternate decoder, which starts behind the head with what the reading says about the framing. */
#include "decoders/http_head.h"
#include "decoders/http_line.h"
#include "decoders/http_side.h"
#include "sensor/base/bytes.h"
#include "sensor/core/tx.h"

/* What an alternate decoder is told: how the body that it starts with is framed, and in the bits
 * above how long it is. Never 0, which is the main reading. */
enum { READING_FRAMING_BITS = 3, READING_MOST_LENGTH = 1 << 28 };

static bool answers_simple_request(struct http_side *side)
{
    struct http_exchange *exchange = NULL;
    if (side->out.dir == TO_CLIENT) {
        exchange = http_exchange_awaiting(&side->http->exchanges);
    }
    return exchange != NULL && exchange->is_simple;
}

/* Not a message. To a request of HTTP/0.9 it is the answer: a body and nothing else. */
static void begin_nonsense(struct http_side *side)
{
    if (answers_simple_request(side)) {
        http_message_begin(side);
        http_body_begin(&side->body, &side->out, &side->facts, HTTP_FRAMING_CLOSE, 0);
        http_body_add(&side->body, &side->out, sbuf_span(&side->block.kept));
        http_body_flush(&side->body, &side->out);
        http_block_reset(&side->block);
        side->state = http_on_body;
        return;
    }
    http_stray_begin(side);
    http_emit_anomaly(&side->out, side->out.dir == TO_SERVER ? ANOMALY_HTTP_BAD_REQUEST_LINE
                                                             : ANOMALY_HTTP_BAD_STATUS_LINE);
    struct span kept = sbuf_span(&side->block.kept);
    bool whole_line = kept.len == 0 || span_at(kept, kept.len - 1) == '\n';
    http_stray_kept(side);
    side->state = whole_line ? http_on_search : http_on_stray_line;
}

/* Where only the client's direction is seen, a frame behind the request says that it was granted:
 * no request begins with such a byte. */
static bool begins_unanswered_websocket(const struct http_side *side, struct span in)
{
    const struct http_exchange *exchange = http_exchange_awaiting(&side->http->exchanges);
    return side->out.dir == TO_SERVER && exchange != NULL && exchange->asks_websocket &&
           exchange->request_done && span_at(in, 0) >= 0x80;
}

struct span http_on_start(struct http_side *side, struct span in)
{
    if (side->http->tunnel != HTTP_TUNNEL_NONE) {
        return http_on_tunnel(side, in);
    }
    while (span_at(in, 0) == '\r' || span_at(in, 0) == '\n') {
        in = span_from(in, 1); /* RFC 9112 section 2.2 */
    }
    if (begins_unanswered_websocket(side, in)) {
        side->http->upgraded = http_exchange_awaiting(&side->http->exchanges);
        return http_on_tunnel(side, in);
    }
    if (in.len > 0) {
        side->state = http_on_first_line;
    }
    return in;
}

/* Whether the first line is one that its server or client would take; *ret_known is false as long
 * as that cannot be said. */
static bool accepts_first_line(const struct http_side *side, enum http_block_result result,
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

struct span http_on_first_line(struct http_side *side, struct span in)
{
    struct span line = {0};
    bool known;
    enum http_block_result result = http_block_first_line(&side->block, &in, &line);
    if (result == HTTP_BLOCK_NO_MEMORY) {
        http_message_give_up(side);
        return in;
    }
    bool accepted = accepts_first_line(side, result, line, &known);
    if (known && accepted && result != HTTP_BLOCK_MORE) {
        side->state = http_on_head;
    } else if (known && !accepted) {
        begin_nonsense(side);
    }
    return in;
}

void http_head_lines(struct http_side *side, struct span bytes)
{
    const struct http_lines lines = {.bytes = bytes, .begins = !side->head_begun};
    http_head_begin(side);
    http_head_emit(&side->out, &side->facts, &lines);
}

static void begin_long_line(struct http_side *side, struct span bytes, bool trailers)
{
    const struct http_lines lines = {
        .bytes = bytes, .begins = !side->head_begun, .trailers = trailers};
    http_head_begin(side);
    const struct region rest = http_head_emit_long(&side->out, &side->facts, &lines);
    http_body_begin_raw(&side->body, &rest);
    side->body.pieces.begun = true;
}

static bool may_have_body(const struct http_side *side)
{
    unsigned status = side->facts.status;
    if (side->out.dir == TO_SERVER) {
        return true;
    }
    bool to_head = side->exchange != NULL && side->exchange->method == HTTP_METHOD_HEAD;
    return !to_head && !(status >= 100 && status < 200) && status != 204 && status != 304;
}

/* What follows is no HTTP any more, in both directions. */
static enum http_tunnel tunnel_of(const struct http_side *side)
{
    const struct http_facts *facts = &side->facts;
    const struct http_exchange *exchange = side->exchange;
    if (side->out.dir == TO_SERVER) {
        return facts->method == HTTP_METHOD_PRI ? HTTP_TUNNEL_OTHER : HTTP_TUNNEL_NONE;
    }
    bool to_connect = exchange != NULL && exchange->method == HTTP_METHOD_CONNECT;
    bool connected = to_connect && facts->status >= 200 && facts->status < 300;
    if (facts->status != 101) {
        return connected ? HTTP_TUNNEL_OTHER : HTTP_TUNNEL_NONE;
    }
    bool websocket = facts->upgrades_to_websocket && exchange != NULL;
    return websocket ? HTTP_TUNNEL_WEBSOCKET : HTTP_TUNNEL_OTHER;
}

/* Of the client's next line a part may have come before the answer. */
static void enter_tunnel(struct http *http)
{
    struct http_side *client = http->sides[TO_SERVER];
    if (client == NULL) {
        return;
    }
    if (client->state == http_on_first_line || client->state == http_on_search) {
        http_stray_end(client, TX_CUT);
        http_message_leave(client, true);
        struct span kept = http_on_tunnel(client, sbuf_span(&client->block.kept));
        while (kept.len > 0) {
            kept = client->state(client, kept);
        }
        http_block_reset(&client->block);
    }
}

static void report_framing(struct http_side *side)
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
static void open_alternate(struct http_side *side, const struct http_framing_choice *choice,
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
void http_head_end(struct http_side *side, struct span rest)
{
    struct http_framing_choice choice = http_facts_framing(&side->facts, side->out.dir);
    if (side->exchange != NULL && side->out.dir == TO_SERVER) {
        side->exchange->method = side->facts.method;
        side->exchange->is_simple = side->facts.is_simple;
        side->exchange->asks_websocket = side->facts.upgrades_to_websocket;
    }
    report_framing(side);
    if (side->out.dir == TO_SERVER || side->facts.status >= 200) {
        http_search_anew(side->http->sides[direction_other(side->out.dir)]);
    }
    enum http_tunnel tunnel = tunnel_of(side);
    if (tunnel == HTTP_TUNNEL_WEBSOCKET) {
        side->http->upgraded = side->exchange;
    }
    if (tunnel != HTTP_TUNNEL_NONE || !may_have_body(side)) {
        choice = (struct http_framing_choice){0};
    }
    open_alternate(side, &choice, rest);
    if (choice.framing == HTTP_FRAMING_NONE) {
        http_message_end(side, false);
    } else {
        http_body_begin(&side->body, &side->out, &side->facts, choice.framing, choice.length);
        side->state = http_on_body;
    }
    if (tunnel != HTTP_TUNNEL_NONE) {
        side->http->tunnel = tunnel;
        enter_tunnel(side->http);
    }
}

struct span http_on_head(struct http_side *side, struct span in)
{
    struct span bytes;
    switch (http_block_next(&side->block, &in, &bytes)) {
    case HTTP_BLOCK_MORE:
        break;
    case HTTP_BLOCK_WHOLE:
        http_head_lines(side, bytes);
        http_block_taken(&side->block, bytes);
        http_head_end(side, in);
        break;
    case HTTP_BLOCK_PART:
        http_head_lines(side, bytes);
        http_block_taken(&side->block, bytes);
        break;
    case HTTP_BLOCK_LONG_LINE:
        begin_long_line(side, bytes, false);
        http_block_taken(&side->block, bytes);
        side->state = http_on_long_line;
        break;
    case HTTP_BLOCK_NO_MEMORY:
        http_message_give_up(side);
        break;
    }
    return in;
}

/* The rest of a line that no buffer holds. */
struct span http_on_long_line(struct http_side *side, struct span in)
{
    size_t lf = span_find_byte(in, 0, '\n');
    http_body_add(&side->body, &side->out, span_head(in, lf));
    if (lf == SPAN_NONE) {
        return (struct span){0};
    }
    bool trailers = side->body.pieces.region.field == FIELD_HTTP_TRAILER;
    http_body_end(&side->body, &side->out, false);
    side->state = trailers ? http_on_trailers : http_on_head;
    return span_from(in, lf + 1);
}

struct span http_on_body(struct http_side *side, struct span in)
{
    switch (http_body_data(&side->body, &side->out, &in)) {
    case HTTP_BODY_MORE:
        break;
    case HTTP_BODY_END:
        http_message_end(side, false);
        break;
    case HTTP_BODY_TRAILERS:
        http_body_end(&side->body, &side->out, false);
        side->state = http_on_trailers;
        break;
    case HTTP_BODY_BROKEN:
        http_body_flush(&side->body, &side->out);
        http_emit_anomaly(&side->out, ANOMALY_HTTP_BAD_CHUNK);
        http_message_end(side, true);
        side->state = http_on_search;
        break;
    }
    return in;
}

static void emit_trailers(struct http_side *side, struct span bytes)
{
    const struct http_lines lines = {.bytes = bytes, .trailers = true};
    bool empty = span_trim(bytes).len == 0;
    if (!empty) {
        http_head_emit(&side->out, &side->facts, &lines);
    }
    http_block_taken(&side->block, bytes);
}

struct span http_on_trailers(struct http_side *side, struct span in)
{
    struct span bytes;
    switch (http_block_next(&side->block, &in, &bytes)) {
    case HTTP_BLOCK_MORE:
        break;
    case HTTP_BLOCK_WHOLE:
        emit_trailers(side, bytes);
        http_message_end(side, false);
        break;
    case HTTP_BLOCK_PART:
        emit_trailers(side, bytes);
        break;
    case HTTP_BLOCK_LONG_LINE:
        begin_long_line(side, bytes, true);
        http_block_taken(&side->block, bytes);
        side->state = http_on_long_line;
        break;
    case HTTP_BLOCK_NO_MEMORY:
        http_message_give_up(side);
        break;
    }
    return in;
}

struct span http_hand_over(struct http_side *side, struct span in)
{
    const struct emit *emit = side->http->emit;
    side->state = http_on_handed;
    emit->ops->hand_over(emit->ctx, side->out.dir, in);
    return (struct span){0};
}

struct span http_on_tunnel(struct http_side *side, struct span in)
{
    if (side->http->upgraded != NULL) {
        side->websocket = websocket_new(side->http->limits);
    }
    if (side->websocket == NULL) {
        return http_hand_over(side, in);
    }
    side->exchange = side->http->upgraded;
    side->out.tx = side->exchange->tx;
    side->state = http_on_websocket;
    return in;
}

void http_websocket_lost(struct http_side *side)
{
    uint8_t head[WEBSOCKET_HEAD_MAX];
    struct span unread = websocket_unread(side->websocket);
    bytes_copy(head, unread.data, unread.len);
    unread = span_of(head, unread.len);
    side->exchange->cut = true;
    websocket_end(side->websocket, &side->out);
    http_hand_over(side, unread);
}

struct span http_on_websocket(struct http_side *side, struct span in)
{
    if (websocket_data(side->websocket, &side->out, &in)) {
        return in;
    }
    http_emit_anomaly(&side->out, ANOMALY_WEBSOCKET_BAD_FRAME);
    http_websocket_lost(side);
    return http_hand_over(side, in);
}

struct span http_on_handed(struct http_side *side, struct span in)
{
    (void)side;
    return span_from(in, in.len); /* nothing comes any more */
}

/* The first bytes of another reading: a body, framed as that reading has it, or a head. */
struct span http_on_alternate(struct http_side *side, struct span in)
{
    unsigned reading = side->http->reading;
    enum http_framing framing = (enum http_framing)(reading >> 1 & 3);
    side->state = http_on_start;
    if (framing != HTTP_FRAMING_NONE) {
        http_message_begin(side);
        http_body_begin(&side->body, &side->out, &side->facts, framing,
                        reading >> READING_FRAMING_BITS);
        side->state = http_on_body;
    }
    return in;
}
