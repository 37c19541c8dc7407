/* dns: questions and answers of the Domain Name System, RFC 1035.
 *
 * This file is the flow: where a message begins and ends, which answer belongs to which question,
 * what a gap does. A message is read in dns_message.c, names in dns_name.c.
 *
 * Streams have each message behind its length in two bytes (RFC 1035 §4.2.2); datagrams are given
 * in the same form, so there is one framing. A transaction is a question and the answer with its
 * id, or one of them alone; an answer that is seen twice is a transaction of its own. Behind a gap
 * that hides where the next message begins, and in streams whose start was not seen, a message is
 * looked for at every byte; what stands before it is inspected as it is.
 *
 * Limits: messages longer than head_bytes are inspected, not taken apart; open_tx questions wait.
 * Zone transfers are answers like others. DNS over TLS and HTTPS are not read here. */
#include "decoders/dns.h"

#include "sensor/base/mem.h"
#include "sensor/base/wire.h"
#include "sensor/core/tx.h"

static void open_flow(void *state, const struct decoder_env *env)
{
    struct dns *d = state;
    d->limits = env->limits;
    d->name = sbuf_with_cap(DNS_NAME_CAP);
    for (size_t i = 0; i < ARRAY_LEN(d->sides); i++) {
        d->sides[i].state = env->midstream ? DNS_SEARCH : DNS_LENGTH;
        d->sides[i].held = sbuf_with_cap(UINT16_MAX);
    }
}

/* --- transactions ------------------------------------------------------------------------------
 */

bool dns_take(struct dns *d, uint16_t id, struct dns_open *ret)
{
    for (size_t i = d->n_open; i-- > 0;) {
        if (d->open[i].id == id) {
            *ret = d->open[i];
            d->n_open--;
            for (; i < d->n_open; i++) {
                d->open[i] = d->open[i + 1];
            }
            return true;
        }
    }
    return false;
}

static void end_oldest(struct dns *d)
{
    d->emit->ops->tx_end(d->emit->ctx, d->open[0].tx, 0);
    d->n_open--;
    for (size_t i = 0; i < d->n_open; i++) {
        d->open[i] = d->open[i + 1];
    }
}

/* Room for one more that waits. */
static bool make_room(struct dns *d)
{
    if (d->n_open < d->room) {
        return true;
    }
    size_t room = d->room == 0 ? 4 : d->room * 2;
    room = room < d->limits->open_tx ? room : d->limits->open_tx;
    struct dns_open *list = room > d->room ? mem_resize(d->open, room * sizeof(*list)) : NULL;
    if (list != NULL) {
        d->open = list;
        d->room = room;
    } else if (d->n_open > 0) {
        end_oldest(d);
    }
    return d->n_open < d->room;
}

void dns_wait(struct dns *d, const struct dns_open *open)
{
    if (open->tx != NULL && make_room(d)) {
        d->open[d->n_open++] = *open;
    } else {
        d->emit->ops->tx_end(d->emit->ctx, open->tx, 0);
    }
}

/* --- bytes of no message -----------------------------------------------------------------------
 */

static void give_stray(struct dns *d, enum direction dir, struct span bytes, unsigned flags)
{
    const struct region region = {.kind = REGION_BODY,
                                  .field = FIELD_STREAM_PAYLOAD,
                                  .dir = dir,
                                  .bytes = bytes,
                                  .flags = flags};
    d->emit->ops->region(d->emit->ctx, d->sides[dir].stray, &region);
}

void dns_stray(struct dns *d, enum direction dir, struct span bytes)
{
    struct dns_side *s = &d->sides[dir];
    if (bytes.len == 0) {
        return;
    }
    unsigned flags = s->after_gap && s->stray_open ? REGION_AFTER_GAP : 0;
    if (!s->stray_open) {
        s->stray = d->emit->ops->tx_begin(d->emit->ctx, dir);
        s->stray_open = true;
        flags = REGION_FIRST;
    }
    s->after_gap = false;
    give_stray(d, dir, bytes, flags);
}

static void end_stray(struct dns *d, enum direction dir, bool cut)
{
    struct dns_side *s = &d->sides[dir];
    if (s->stray_open) {
        give_stray(d, dir, span_of(NULL, 0), REGION_LAST | (cut ? REGION_CUT : 0U));
        d->emit->ops->tx_end(d->emit->ctx, s->stray, cut ? TX_CUT : 0);
        s->stray = NULL;
        s->stray_open = false;
    }
}

/* --- messages ----------------------------------------------------------------------------------
 */

static void take_length(struct dns *d, enum direction dir, struct span *rest)
{
    struct dns_side *s = &d->sides[dir];
    struct span part = span_head(*rest, 2 - s->held.len);
    sbuf_add(&s->held, part);
    *rest = span_from(*rest, part.len);
    if (s->held.len < 2) {
        return;
    }
    s->left = wire_be16(sbuf_span(&s->held), 0);
    sbuf_reset(&s->held);
    end_stray(d, dir, false);
    s->state = s->left > d->limits->head_bytes ? DNS_PASS : DNS_MESSAGE;
    if (s->state == DNS_PASS) {
        d->emit->ops->anomaly(d->emit->ctx, NULL, dir, ANOMALY_DNS_TOO_LONG);
    }
    if (s->left == 0) {
        s->state = DNS_LENGTH;
    }
}

/* Without memory what is there is inspected as it is, and so is the rest. */
static void give_up_message(struct dns *d, enum direction dir, size_t n_held, struct span part)
{
    struct dns_side *s = &d->sides[dir];
    dns_stray(d, dir, span_head(sbuf_span(&s->held), n_held));
    dns_stray(d, dir, part);
    sbuf_reset(&s->held);
    s->left -= n_held + part.len;
    s->state = s->left > 0 ? DNS_PASS : DNS_LENGTH;
}

static void take_message(struct dns *d, enum direction dir, struct span *rest)
{
    struct dns_side *s = &d->sides[dir];
    size_t n_held = s->held.len;
    struct span part = span_head(*rest, s->left - n_held);
    *rest = span_from(*rest, part.len);
    if (n_held == 0 && part.len == s->left) {
        s->state = DNS_LENGTH;
        dns_message(d, dir, part, false);
    } else if (!sbuf_add(&s->held, part)) {
        give_up_message(d, dir, n_held, part);
    } else if (s->held.len == s->left) {
        s->state = DNS_LENGTH;
        dns_message(d, dir, sbuf_span(&s->held), false);
        sbuf_reset(&s->held);
    }
}

static void pass(struct dns *d, enum direction dir, struct span *rest)
{
    struct dns_side *s = &d->sides[dir];
    struct span part = span_head(*rest, s->left);
    *rest = span_from(*rest, part.len);
    s->left -= part.len;
    dns_stray(d, dir, part);
    if (s->left == 0) {
        s->state = DNS_LENGTH;
    }
}

/* The offset at which a message begins, or may once more bytes are there; the length when none
 * does. */
static size_t find_message(struct span bytes, enum probe *ret_answer)
{
    size_t at = 0;
    *ret_answer = PROBE_NO;
    while (at < bytes.len) {
        *ret_answer = dns_probe_any(span_from(bytes, at));
        if (*ret_answer != PROBE_NO) {
            break;
        }
        at++;
    }
    return at;
}

/* What was kept while it was looked for is read as what it is now known to be. */
static void read_again(struct dns *d, enum direction dir)
{
    struct dns_side *s = &d->sides[dir];
    struct sbuf kept = s->held;
    struct span bytes = sbuf_span(&kept);
    s->held = sbuf_with_cap(UINT16_MAX);
    s->state = DNS_LENGTH;
    while (bytes.len > 0) {
        if (s->state == DNS_LENGTH) {
            take_length(d, dir, &bytes);
        } else if (s->state == DNS_MESSAGE) {
            take_message(d, dir, &bytes);
        } else {
            pass(d, dir, &bytes);
        }
    }
    sbuf_free(&kept);
}

static void search(struct dns *d, enum direction dir, struct span *rest)
{
    struct dns_side *s = &d->sides[dir];
    enum probe answer = PROBE_NO;
    size_t n_held = s->held.len;
    struct span part = span_head(*rest, DNS_PROBE_MAX);
    *rest = span_from(*rest, part.len);
    if (!sbuf_add(&s->held, part)) {
        dns_stray(d, dir, span_head(sbuf_span(&s->held), n_held));
        dns_stray(d, dir, part);
        sbuf_reset(&s->held);
        return;
    }
    size_t at = find_message(sbuf_span(&s->held), &answer);
    dns_stray(d, dir, span_head(sbuf_span(&s->held), at));
    sbuf_drop(&s->held, at);
    if (answer == PROBE_YES) {
        read_again(d, dir);
    }
}

static void data(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    struct dns *d = state;
    d->emit = emit;
    while (bytes.len > 0) {
        switch (d->sides[dir].state) {
        case DNS_LENGTH:
            take_length(d, dir, &bytes);
            break;
        case DNS_MESSAGE:
            take_message(d, dir, &bytes);
            break;
        case DNS_PASS:
            pass(d, dir, &bytes);
            break;
        case DNS_SEARCH:
            search(d, dir, &bytes);
            break;
        }
    }
}

/* --- ends --------------------------------------------------------------------------------------
 */

/* Nothing more comes of what was kept. */
static void flush(struct dns *d, enum direction dir)
{
    struct dns_side *s = &d->sides[dir];
    if (s->state == DNS_MESSAGE) {
        dns_message(d, dir, sbuf_span(&s->held), true);
    } else {
        dns_stray(d, dir, sbuf_span(&s->held));
    }
    sbuf_free(&s->held);
}

static void gap(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    struct dns *d = state;
    struct dns_side *s = &d->sides[dir];
    d->emit = emit;
    uint64_t left = 0;
    if (s->state == DNS_MESSAGE || s->state == DNS_PASS) {
        left = s->left - s->held.len;
    }
    flush(d, dir);
    s->after_gap = true;
    if (left > n_bytes) {
        s->state = DNS_PASS;
        s->left = (size_t)(left - n_bytes);
    } else {
        s->state = left > 0 && left == n_bytes ? DNS_LENGTH : DNS_SEARCH;
    }
}

static void end(void *state, const struct emit *emit, enum direction dir)
{
    struct dns *d = state;
    d->emit = emit;
    flush(d, dir);
    end_stray(d, dir, false);
    d->sides[dir].state = DNS_SEARCH;
}

static void close_flow(void *state, const struct emit *emit, enum close_reason reason)
{
    struct dns *d = state;
    (void)reason;
    d->emit = emit;
    for (unsigned i = 0; i < 2; i++) {
        flush(d, (enum direction)i);
        end_stray(d, (enum direction)i, false);
    }
    while (d->n_open > 0) {
        end_oldest(d);
    }
    mem_free(d->open);
    sbuf_free(&d->name);
}

const struct decoder dns_decoder = {
    .name = "dns",
    .state_size = sizeof(struct dns),
    .probe = dns_probe_stream,
    .probe_datagram = dns_probe_datagram,
    .open = open_flow,
    .data = data,
    .gap = gap,
    .end = end,
    .close = close_flow,
};
