#pragma once

#include "decoders/http_facts.h"
#include "sensor/base/list.h"
#include "sensor/core/decoder.h"

/* A request and its response. */
struct http_exchange {
    struct list link; /* in the flow's open ones, oldest first, or in the spare ones */
    struct tx *tx;
    enum http_method method;
    bool is_simple;      /* asked in HTTP/0.9 */
    bool asks_websocket; /* with Upgrade */
    bool request_done;
    bool response_begun;
    bool response_done;
    bool cut;      /* one of the messages did not come to its own end */
    bool doubtful; /* its response may have been in a gap */
};

/* The exchanges of a flow. */
struct http_exchanges {
    struct list open;
    struct list spare;
    unsigned n_open;
    uint64_t n_dropped;         /* ended early at the cap: their responses are still to come */
    struct http_exchange first; /* so that flows without pipelining need no memory */
};

void http_exchanges_init(struct http_exchanges *all);
/* Ends all of them. */
void http_exchanges_close(struct http_exchanges *all, const struct emit *emit);

/* Begins a transaction whose first message goes this way. At the cap of open ones the oldest
 * that no message is being read for ends first. NULL when
 * there is no memory. */
struct http_exchange *http_exchange_begin(struct http_exchanges *all, const struct emit *emit,
                                          enum direction dir, unsigned most_open);
/* The oldest one that waits for its response, or NULL. */
struct http_exchange *http_exchange_awaiting(const struct http_exchanges *all);
/* Whether every request so far has its response, or none to come. */
bool http_exchanges_are_answered(const struct http_exchanges *all);
/* The same as http_exchange_awaiting() for the response that begins now. */
struct http_exchange *http_exchange_take(struct http_exchanges *all);
/* Ends the transaction when both its messages are done. */
void http_exchange_settle(struct http_exchanges *all, struct http_exchange *exchange,
                          const struct emit *emit);
/* Something to the client is missing where responses begin. */
void http_exchanges_doubt(struct http_exchanges *all);
/* The client goes on: what was doubtful is not waited for any longer. */
void http_exchanges_drop_doubtful(struct http_exchanges *all, const struct emit *emit);
