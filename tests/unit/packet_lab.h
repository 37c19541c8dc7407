#pragma once

#include "sensor/packet/decode.h"
#include "tests/unit/frame.h"
#include "tests/unit/runner.h"

#include <stdio.h>

/* A packet decoder, a frame to be filled, and what came of it. */

static struct stats stats;
static struct packet_decoder *decoder;
static struct headers h;
static struct frame f;
static unsigned n_anomalies[ANOMALY_N];

UNUSED static void count_anomaly(void *ctx, const struct packet *packet,
                                 const struct headers *headers, enum anomaly anomaly)
{
    (void)ctx;
    (void)packet;
    (void)headers;
    n_anomalies[anomaly]++;
}

UNUSED static void make_decoder(struct checksum_policy *checksums, bool survey)
{
    struct packet_options options = {
        .stats = &stats,
        .user = {.anomaly = count_anomaly},
        .checksums = checksums,
        .survey = survey,
        .max_layers = 16,
        .fragment_bytes = 1 << 20,
        .fragment_timeout_us = 30000000,
    };
    bytes_zero(&stats, sizeof(stats));
    bytes_zero(n_anomalies, sizeof(n_anomalies));
    CU_ASSERT_EQUAL_FATAL(packet_decoder_new(&options, &decoder), 0);
}

UNUSED static void set_up(void)
{
    f.len = 0;
    make_decoder(NULL, false);
}

UNUSED static void tear_down(void)
{
    packet_decoder_free(&decoder);
}

UNUSED static enum decode_result decode_as(int link_type)
{
    struct packet p = frame_packet(&f);
    p.link_type = link_type;
    return packet_decode(decoder, &p, &h);
}

UNUSED static enum decode_result decode(void)
{
    return decode_as(1);
}

UNUSED static uint64_t count(enum stat_id stat)
{
    return stats_get(&stats, stat);
}

/* A TCP segment with a payload over IPv4, behind whatever stands in the frame already. */
UNUSED static void put_segment(const char *payload)
{
    size_t ip = begin_ipv4(&f, IP_PROTO_TCP);
    size_t tcp = put_tcp(&f);
    put(&f, span_str(payload));
    end_ipv4(&f, ip);
    set_checksum(&f, ip, tcp);
}

UNUSED static void expect_segment(const char *payload)
{
    CU_ASSERT_EQUAL(h.proto, IP_PROTO_TCP);
    CU_ASSERT(h.has_ports);
    CU_ASSERT_EQUAL(h.src_port, 40000);
    CU_ASSERT_EQUAL(h.dst_port, 80);
    CU_ASSERT_EQUAL(h.tcp_seq, 1000);
    CU_ASSERT(span_equal(h.payload, span_str(payload)));
    CU_ASSERT_EQUAL(h.missing, 0);
}

/* Every part of a head is refused as truncated, never misread. */
UNUSED static void expect_truncated(int link_type, size_t from, size_t end)
{
    for (size_t len = from; len < end; len++) {
        uint64_t before = count(STAT_REFUSED_TRUNCATED);
        f.len = len;
        enum decode_result result = decode_as(link_type);
        if (result != DECODE_REFUSED || count(STAT_REFUSED_TRUNCATED) != before + 1) {
            printf("link type %d cut at %zu: result %d\n", link_type, len, (int)result);
            CU_FAIL("not refused as truncated");
        }
    }
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
