/* http_exchange: which response belongs to which request.
 *
 * HTTP/1.1 answers in the order of the requests (RFC 9112 section 9.3.2), so a response belongs to
 * the oldest request that has none. A gap may have swallowed a response: then the requests that
 * were waiting are given up as soon as the client asks something new, which it would not have done
 * without them. The number of open ones is capped; the oldest goes, and the response it would have
 * had is kept from being taken for the next one's. */
#include "decoders/http_exchange.h"

#include "sensor/base/mem.h"
#include "sensor/core/tx.h"

static struct http_exchange *exchange_of(struct list *link)
{
    return link != NULL ? LIST_ENTRY(link, struct http_exchange, link) : NULL;
}

void http_exchanges_init(struct http_exchanges *all)
{
    *all = (struct http_exchanges){0};
    list_init(&all->open);
    list_init(&all->spare);
    list_add_tail(&all->spare, &all->first.link);
}

static void end(struct http_exchanges *all, struct http_exchange *exchange, const struct emit *emit)
{
    if (exchange->tx != NULL) {
        emit->ops->tx_end(emit->ctx, exchange->tx, exchange->cut ? TX_CUT : 0U);
    }
    list_remove(&exchange->link);
    list_add_tail(&all->spare, &exchange->link);
    all->n_open--;
}

void http_exchanges_close(struct http_exchanges *all, const struct emit *emit)
{
    while (!list_is_empty(&all->open)) {
        end(all, exchange_of(list_first(&all->open)), emit);
    }
    while (!list_is_empty(&all->spare)) {
        struct http_exchange *exchange = exchange_of(list_first(&all->spare));
        list_remove(&exchange->link);
        if (exchange != &all->first) {
            mem_free(exchange);
        }
    }
}

static struct http_exchange *take_spare(struct http_exchanges *all)
{
    struct http_exchange *exchange = exchange_of(list_first(&all->spare));
    if (exchange == NULL) {
        return mem_alloc(sizeof(*exchange));
    }
    list_remove(&exchange->link);
    return exchange;
}

/* The oldest one that no message is being read for. */
static struct http_exchange *oldest_idle(struct http_exchanges *all)
{
    struct list *at = list_first(&all->open);
    while (at != NULL) {
        struct http_exchange *exchange = exchange_of(at);
        if (exchange->request_done && !exchange->response_begun) {
            return exchange;
        }
        at = list_next(&all->open, at);
    }
    return NULL;
}

static void make_room(struct http_exchanges *all, const struct emit *emit, unsigned most_open)
{
    struct http_exchange *oldest = all->n_open >= most_open ? oldest_idle(all) : NULL;
    if (oldest != NULL) {
        oldest->cut = true;
        all->n_dropped++;
        end(all, oldest, emit);
    }
}

struct http_exchange *http_exchange_begin(struct http_exchanges *all, const struct emit *emit,
                                          enum direction dir, unsigned most_open)
{
    if (dir == TO_SERVER) {
        make_room(all, emit, most_open); /* of responses alone there is one at a time */
    }
    struct http_exchange *exchange = take_spare(all);
    if (exchange == NULL) {
        return NULL;
    }
    *exchange = (struct http_exchange){.tx = emit->ops->tx_begin(emit->ctx, dir)};
    list_init(&exchange->link);
    list_add_tail(&all->open, &exchange->link);
    all->n_open++;
    return exchange;
}

struct http_exchange *http_exchange_awaiting(const struct http_exchanges *all)
{
    if (all->n_dropped > 0) {
        return NULL;
    }
    struct list *at = list_first(&all->open);
    while (at != NULL && exchange_of(at)->response_begun) {
        at = list_next(&all->open, at);
    }
    return exchange_of(at);
}

bool http_exchanges_are_answered(const struct http_exchanges *all)
{
    return all->n_dropped == 0 && http_exchange_awaiting(all) == NULL;
}

struct http_exchange *http_exchange_take(struct http_exchanges *all)
{
    struct http_exchange *exchange = http_exchange_awaiting(all);
    all->n_dropped -= all->n_dropped > 0 ? 1 : 0;
    return exchange;
}

void http_exchange_settle(struct http_exchanges *all, struct http_exchange *exchange,
                          const struct emit *emit)
{
    if (exchange->request_done && exchange->response_done) {
        end(all, exchange, emit);
    }
}

void http_exchanges_doubt(struct http_exchanges *all)
{
    struct list *at = list_first(&all->open);
    while (at != NULL) {
        exchange_of(at)->doubtful = true;
        at = list_next(&all->open, at);
    }
}

void http_exchanges_drop_doubtful(struct http_exchanges *all, const struct emit *emit)
{
    struct list *at = list_first(&all->open);
    while (at != NULL) {
        struct list *next = list_next(&all->open, at);
        struct http_exchange *exchange = exchange_of(at);
        if (exchange->doubtful && exchange->request_done && !exchange->response_begun) {
            exchange->cut = true;
            end(all, exchange, emit);
        }
        at = next;
    }
}
