/* http_message: how messages begin and end, each as a half of its exchange.
 *
 * A message that a gap or the flow's end cuts off is emitted as far as it came: a look-up may stand
 * in the half of a head. */
#include "decoders/http_head.h"
#include "decoders/http_line.h"
#include "decoders/http_side.h"
#include "sensor/core/tx.h"

static void begin_request(struct http_side *side)
{
    struct http *http = side->http;
    http_exchanges_drop_doubtful(&http->exchanges, http->emit);
    side->exchange =
        http_exchange_begin(&http->exchanges, http->emit, TO_SERVER, http->limits->open_tx);
    side->out.tx = side->exchange != NULL ? side->exchange->tx : NULL;
}

/* In lines that are sure to be a request's, none of which was emitted. */
static bool is_before_emission(const struct http_side *client)
{
    struct span kept = sbuf_span(&client->block.kept);
    bool first_line = client->state == http_on_first_line && http_is_request_start(kept) &&
                      http_is_request_line(kept);
    return client->exchange == NULL && (client->state == http_on_head || first_line);
}

/* A response may come before the head that it answers is whole, as 400, 408 and 431 do. */
static void begin_unfinished_request(struct http *http)
{
    struct http_side *client = http->sides[TO_SERVER];
    if (client != NULL && http_exchanges_are_answered(&http->exchanges) &&
        is_before_emission(client)) {
        begin_request(client);
    }
}

static void begin_response(struct http_side *side)
{
    struct http *http = side->http;
    begin_unfinished_request(http);
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

void http_message_begin(struct http_side *side)
{
    http_stray_end(side, TX_CUT);
    if (side->out.dir == TO_SERVER) {
        begin_request(side);
    } else {
        begin_response(side);
    }
}

static bool is_interim(const struct http_side *side)
{
    unsigned status = side->facts.status;
    return side->out.dir == TO_CLIENT && status >= 100 && status < 200 && status != 101;
}

static void mark_done(struct http_side *side, bool cut)
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

void http_message_leave(struct http_side *side, bool cut)
{
    bool goes_on = side->exchange == side->http->upgraded;
    if (side->exchange != NULL && !goes_on) {
        mark_done(side, cut);
        http_exchange_settle(&side->http->exchanges, side->exchange, side->http->emit);
    }
    side->exchange = NULL;
    side->out.tx = NULL;
}

void http_message_end(struct http_side *side, bool cut)
{
    http_body_end(&side->body, &side->out, cut);
    http_message_leave(side, cut);
    http_block_reset(&side->block);
    http_out_trim(&side->out);
    side->facts = (struct http_facts){0};
    side->head_begun = false;
    side->state = http_on_start;
}

void http_head_begin(struct http_side *side)
{
    if (!side->head_begun && side->exchange == NULL) {
        http_message_begin(side);
    }
    side->head_begun = true;
}

/* A gap or the flow's end in the middle of a head, or of trailers: what there is of it. */
static void emit_partial_head(struct http_side *side)
{
    const struct http_lines lines = {
        .bytes = sbuf_span(&side->block.kept),
        .begins = side->state != http_on_trailers && !side->head_begun,
        .trailers = side->state == http_on_trailers,
        .cut = true,
    };
    http_head_begin(side);
    if (lines.bytes.len > 0) {
        http_head_emit(&side->out, &side->facts, &lines);
    }
}

static bool is_in_message(const struct http_side *side)
{
    return side->exchange != NULL || side->head_begun || side->state == http_on_head ||
           side->state == http_on_body || side->state == http_on_trailers;
}

/* A gap in the head of a request: what the server made of it is not known, so no response is waited
 * for. */
static void give_up_answer(struct http_side *side)
{
    struct http_exchange *exchange = side->exchange;
    if (side->out.dir == TO_SERVER && exchange != NULL && !exchange->response_begun) {
        exchange->response_done = true;
    }
}

/* The message at hand, if any, ends here though it is not complete; so does what is astray. */
void http_message_cut(struct http_side *side, bool by_gap)
{
    struct span kept = sbuf_span(&side->block.kept);
    bool request = side->out.dir == TO_SERVER;
    bool first_line = side->state == http_on_first_line &&
                      (request ? http_is_request_start(kept) : http_is_status_line(kept));
    if (first_line || side->state == http_on_head || side->state == http_on_trailers) {
        emit_partial_head(side);
    } else {
        http_stray_kept(side);
    }
    if (by_gap && side->state != http_on_body) {
        give_up_answer(side);
    }
    if (is_in_message(side)) {
        http_message_end(side, true);
    }
    http_stray_end(side, TX_CUT);
    side->state = http_on_start;
}

/* No memory for lines that came in pieces: they are lost. */
void http_message_give_up(struct http_side *side)
{
    http_emit_lost(&side->out, LOST_MEMORY, side->block.kept.len);
    http_block_reset(&side->block);
    http_message_cut(side, true);
    side->state = http_on_search;
}
