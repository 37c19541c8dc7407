/* decode: from a captured packet to its innermost transport header.
 *
 * A packet is walked layer by layer: each layer is a row of layers.def and a function that reads
 * one header and names the next. The walk is a loop, so nesting costs no stack, and it ends at a
 * cap on layers. IP fragments leave the walk until their datagram is whole, then it goes on with
 * the datagram's bytes.
 *
 * Inside a tunnel the innermost IP header is what counts. Where the tunnel carries something that
 * is not IP, the packet is what its outer headers say. */
#include "sensor/packet/decode.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/base/wire.h"
#include "sensor/packet/walk.h"

#include <errno.h>

static const struct {
    enum layer (*function)(struct walk *w);
    enum stat_id counter; /* STAT_N: none */
} layers[LAYER_N] = {
#define LAYER(id, function_, counter_) [LAYER_##id] = {.function = function_, .counter = counter_},
#include "sensor/packet/layers.def"
#undef LAYER
};

int packet_decoder_new(const struct packet_options *options, struct packet_decoder **ret_decoder)
{
    struct packet_decoder *d = mem_alloc(sizeof(*d));
    if (d == NULL) {
        return -ENOMEM;
    }
    d->options = *options;
    d->fragments = ipfrag_new(&(struct ipfrag_options){
        .stats = options->stats,
        .key = options->key,
        .memory = options->fragment_bytes,
        .timeout_us = options->fragment_timeout_us,
    });
    if (d->fragments == NULL) {
        mem_free(d);
        return -ENOMEM;
    }
    *ret_decoder = d;
    return 0;
}

void packet_decoder_free(struct packet_decoder **d)
{
    if (*d == NULL) {
        return;
    }
    ipfrag_release((*d)->fragments, &(*d)->datagram);
    ipfrag_release((*d)->fragments, &(*d)->datagram);
    ipfrag_free(&(*d)->fragments);
    mem_free(*d);
    *d = NULL;
}

void walk_anomaly(struct walk *w, enum anomaly anomaly)
{
    const struct packet_user *user = &w->decoder->options.user;
    if (user->anomaly != NULL && !w->in_alternate) {
        user->anomaly(user->ctx, w->packet, w->headers, anomaly);
    }
}

enum layer walk_refuse(struct walk *w, enum stat_id reason)
{
    w->refusal = reason;
    return END_REFUSED;
}

enum layer walk_short(struct walk *w, enum anomaly anomaly)
{
    if (w->missing == 0 && anomaly != ANOMALY_N) {
        walk_anomaly(w, anomaly);
    }
    return walk_refuse(w, STAT_REFUSED_TRUNCATED);
}

bool walk_sum_refused(struct walk *w, enum checksum_kind kind, enum checksum_state state)
{
    struct checksum_policy *p = w->decoder->options.checksums;
    struct headers *h = w->headers;
    if (w->decoder->options.survey) {
        if (!w->in_alternate) {
            checksum_policy_note(p, &h->src, kind, state);
        }
        return false;
    }
    switch (checksum_policy_judge(p, &h->src, kind, state)) {
    case CHECKSUM_ACCEPTED:
        h->sums = kind == CHECKSUM_OF_SEGMENT && h->sums == SUMS_UNKNOWN ? SUMS_RIGHT : h->sums;
        return false;
    case CHECKSUM_EXCUSED:
        return false;
    case CHECKSUM_DOUBTED:
        h->sums = SUMS_WRONG;
        return false;
    case CHECKSUM_REFUSED:
        break;
    }
    walk_anomaly(w, ANOMALY_BAD_CHECKSUM);
    return true;
}

static enum layer walk_layers(struct walk *w, enum layer layer)
{
    unsigned left = w->decoder->options.max_layers;
    while (layer < LAYER_N) {
        if (left-- == 0) {
            walk_anomaly(w, ANOMALY_TOO_MANY_LAYERS);
            return walk_refuse(w, STAT_REFUSED_LAYERS);
        }
        if (layers[layer].counter != STAT_N) {
            walk_count(w, layers[layer].counter);
        }
        layer = layers[layer].function(w);
    }
    return layer;
}

static enum decode_result result_of(const struct walk *w, enum layer end)
{
    if (end == END_NOT_IP) {
        return w->has_ip ? DECODE_DONE : DECODE_NOT_IP;
    }
    return end == END_REFUSED ? DECODE_REFUSED : end == END_HELD ? DECODE_HELD : DECODE_DONE;
}

static enum decode_result finish(struct walk *w, enum layer end)
{
    enum decode_result result = result_of(w, end);
    switch (result) {
    case DECODE_REFUSED:
        walk_count(w, w->refusal);
        walk_count(w, STAT_DECODER_INVALID);
        break;
    case DECODE_HELD:
        walk_count(w, STAT_PACKETS_FRAGMENTS);
        break;
    case DECODE_NOT_IP:
        walk_count(w, STAT_PACKETS_NOT_IP);
        break;
    case DECODE_DONE:
        walk_count(w, STAT_PACKETS_DECODED);
        break;
    }
    return result;
}

static void let_go(struct packet_decoder *d)
{
    if (d->datagram.held != NULL) {
        ipfrag_release(d->fragments, &d->datagram);
    }
}

enum decode_result packet_decode(struct packet_decoder *d, const struct packet *packet,
                                 struct headers *ret_headers)
{
    size_t len = packet->data.len;
    struct walk w = {
        .decoder = d,
        .packet = packet,
        .headers = ret_headers,
        .rest = packet->data,
        .missing = packet->wire_len > len ? (uint32_t)(packet->wire_len - len) : 0,
    };
    bytes_zero(ret_headers, sizeof(*ret_headers));
    let_go(d);
    d->has_behind = false;
    walk_count(&w, STAT_DECODER_PKTS);
    stats_add(d->options.stats, STAT_DECODER_BYTES, len);
    if (len == 0) {
        return finish(&w, walk_refuse(&w, STAT_REFUSED_EMPTY));
    }
    enum layer first = layer_of_link(packet->link_type);
    if (first == LAYER_N) {
        return finish(&w, walk_refuse(&w, STAT_REFUSED_LINK_TYPE));
    }
    return finish(&w, walk_layers(&w, first));
}

bool packet_next(struct packet_decoder *d, struct headers *ret_headers,
                 enum decode_result *ret_result)
{
    if (!d->has_behind) {
        return false;
    }
    struct walk w = d->behind;
    d->has_behind = false;
    let_go(d);
    bytes_zero(ret_headers, sizeof(*ret_headers));
    w.headers = ret_headers;
    *ret_result = result_of(&w, walk_layers(&w, LAYER_AGGREGATE));
    return true;
}

bool packet_alternate(struct packet_decoder *d, struct headers *ret_headers)
{
    while (ipfrag_other(&d->datagram)) {
        struct walk w = d->at_datagram;
        *ret_headers = d->headers_at_datagram;
        w.headers = ret_headers;
        w.in_alternate = true;
        ret_headers->ip = d->datagram.ip;
        w.rest = d->datagram.payload;
        if (walk_layers(&w, LAYER_IP_PAYLOAD) == END_DONE) {
            return true;
        }
    }
    return false;
}
