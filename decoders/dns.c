/* dns: questions and answers of the Domain Name System, RFC 1035.
 *
 * Streams have each message behind its length in two bytes (RFC 1035 §4.2.2); datagrams are given
 * in the same form, so there is one framing (frames.c). A message is read in dns_message.c, names
 * in dns_name.c. A transaction is a question and the answer with its id, or one of them alone; an
 * answer that is seen twice is a transaction of its own.
 *
 * Limits: messages longer than head_bytes are inspected, not taken apart; open_tx questions wait.
 * Zone transfers are answers like others. DNS over TLS and HTTPS are not read here. */
#include "decoders/dns.h"

#include "sensor/base/wire.h"

static int64_t message_length(struct span start)
{
    return start.len < DNS_PREFIX_LEN ? FRAMES_MORE : (int64_t)DNS_PREFIX_LEN + wire_be16(start, 0);
}

static void on_message(void *owner, enum direction dir, struct span message, bool cut)
{
    struct span bytes = wire_from(message, DNS_PREFIX_LEN);
    if (bytes.len > 0) {
        dns_message(owner, dir, bytes, cut);
    }
}

static const struct frames_protocol protocol = {
    .length = message_length,
    .probe = dns_probe_any,
    .message = on_message,
    .prefix = DNS_PREFIX_LEN,
    .too_long = ANOMALY_DNS_TOO_LONG,
    .bad = ANOMALY_DNS_MALFORMED,
};

static void open_flow(void *state, const struct decoder_env *env)
{
    struct dns *d = state;
    d->limits = env->limits;
    d->name = sbuf_with_cap(DNS_NAME_CAP);
    for (unsigned i = 0; i < 2; i++) {
        frames_open(&d->sides[i], &protocol, d, (enum direction)i, env);
    }
}

static void data(void *state, const struct emit *emit, enum direction dir, struct span bytes)
{
    struct dns *d = state;
    d->emit = emit;
    frames_data(&d->sides[dir], emit, bytes);
}

static void gap(void *state, const struct emit *emit, enum direction dir, uint64_t n_bytes)
{
    struct dns *d = state;
    d->emit = emit;
    frames_gap(&d->sides[dir], emit, n_bytes);
}

static void end(void *state, const struct emit *emit, enum direction dir)
{
    struct dns *d = state;
    d->emit = emit;
    frames_end(&d->sides[dir], emit);
}

static void close_flow(void *state, const struct emit *emit, enum close_reason reason)
{
    struct dns *d = state;
    (void)reason;
    end(d, emit, TO_SERVER);
    end(d, emit, TO_CLIENT);
    numbered_end(&d->open, emit, 0); /* a question without an answer is whole */
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
