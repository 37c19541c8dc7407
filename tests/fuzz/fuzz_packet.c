/* fuzz_packet: a run of packets through one decoder, so that fragments meet.
 *
 * The input is records of a link type's index, a number of bytes missing, a length of two bytes,
 * and the packet. Whatever comes, each packet is in exactly one account and the spans that are
 * handed out lie in the packet or in its datagram. */
#include "sensor/base/bytes.h"
#include "sensor/base/cursor.h"
#include "sensor/packet/decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const int link_types[] = {1,   101, 113, 276, 0,   9,  51, 104, 107, 219, 105, 127,
                                 119, 163, 192, 239, 258, 10, 11, 122, 138, 109, 117, 147};

static void note_anomaly(void *ctx, const struct packet *packet, const struct headers *headers,
                         enum anomaly anomaly)
{
    unsigned *n = ctx;
    CHECK(packet != NULL && headers != NULL && anomaly < ANOMALY_N);
    ++*n;
}

static uint64_t accounts(const struct stats *s)
{
    static const enum stat_id all[] = {
        STAT_PACKETS_DECODED,   STAT_PACKETS_FRAGMENTS, STAT_PACKETS_NOT_IP,
        STAT_REFUSED_LINK_TYPE, STAT_REFUSED_TRUNCATED, STAT_REFUSED_HEADER,
        STAT_REFUSED_CHECKSUM,  STAT_REFUSED_LAYERS,    STAT_REFUSED_MEMORY,
        STAT_REFUSED_EMPTY,
    };
    uint64_t sum = 0;
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        sum += stats_get(s, all[i]);
    }
    return sum;
}

static void check_headers(const struct packet *packet, const struct headers *h)
{
    unsigned sum = 0;
    CHECK(h->ip.len > 0 && (h->src.family == 4 || h->src.family == 6));
    CHECK(h->src.family == h->dst.family);
    CHECK(h->reassembled || span_contains(packet->data, h->ip, NULL));
    CHECK(h->payload.len == 0 || span_contains(h->ip, h->payload, NULL));
    CHECK((h->tunnel != NULL) == (h->tunnel_depth > 0));
    for (size_t i = 0; i < h->payload.len; i++) {
        sum += span_at(h->payload, i);
    }
    CHECK(sum <= h->payload.len * 255);
}

static void decode_record(struct packet_decoder *decoder, struct cursor *c, uint64_t number)
{
    struct headers h;
    int link_type = link_types[cursor_u8(c) % ARRAY_LEN(link_types)];
    unsigned missing = cursor_u8(c);
    size_t len = cursor_be16(c);
    struct span data = cursor_bytes(c, len < cursor_left(c) ? len : cursor_left(c));
    struct packet packet = {
        .data = data,
        .wire_len = (uint32_t)data.len + missing,
        .link_type = link_type,
        .number = number,
        .time_us = number * 1000000,
        .clock_us = number * 1000000,
    };
    enum decode_result result = packet_decode(decoder, &packet, &h);
    do {
        if (result == DECODE_DONE) {
            check_headers(&packet, &h);
        }
        while (h.reassembled && packet_alternate(decoder, &h)) {
            check_headers(&packet, &h);
        }
    } while (packet_next(decoder, &h, &result));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cursor_of(span_of(data, size));
    struct stats stats = {0};
    struct packet_decoder *decoder = NULL;
    unsigned n_anomalies = 0;
    enum checksum_mode mode = (enum checksum_mode)(cursor_u8(&c) % 3);
    struct checksum_policy *policy = checksum_policy_new(mode);
    struct packet_options options = {
        .stats = &stats,
        .user = {.anomaly = note_anomaly, .ctx = &n_anomalies},
        .checksums = policy,
        .survey = true,
        .max_layers = 16,
        .fragment_bytes = 1 << 18,
        .fragment_timeout_us = 30000000,
    };
    CHECK(policy != NULL && packet_decoder_new(&options, &decoder) == 0);
    uint64_t n = 0;
    while (cursor_left(&c) > 0) {
        decode_record(decoder, &c, ++n);
    }
    CHECK(stats_get(&stats, STAT_DECODER_PKTS) == n && accounts(&stats) == n);
    packet_decoder_free(&decoder);
    checksum_policy_free(&policy);
    return 0;
}
