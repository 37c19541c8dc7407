/* lab: drives a flow table from segments made up on the spot, and keeps the record of what its user
 * is told.
 *
 * The log joins adjacent data of one direction, because where bytes are cut is not promised. */
#include "tests/flow/lab.h"

#include "sensor/base/bytes.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_MAX = 1 << 20, WINDOW = 64240 };

static const char *const reasons[] = {"fin", "rst", "timeout", "evicted", "end"};

static void say(struct lab *lab, enum direction dir, const char *text)
{
    if (lab->quiet) {
        return;
    }
    if (lab->joining) {
        sbuf_add_str(&lab->log, "\" ");
        lab->joining = false;
    }
    sbuf_add_str(&lab->log, dir == TO_SERVER ? ">" : "<");
    sbuf_add_str(&lab->log, text);
}

static void say_plain(struct lab *lab, const char *text)
{
    if (!lab->quiet) {
        sbuf_add_str(&lab->log, lab->joining ? "\" " : "");
        lab->joining = false;
        sbuf_add_str(&lab->log, text);
    }
}

static int on_open(void *ctx, struct conn *conn)
{
    struct lab *lab = ctx;
    lab->conn = conn;
    lab->n_open++;
    say_plain(lab, (conn->marks & CONN_MIDSTREAM) != 0 ? "pickup " : "open ");
    return lab->refuse ? -1 : 0;
}

static void on_data(void *ctx, struct conn *conn, enum direction dir, struct span bytes)
{
    struct lab *lab = ctx;
    if (lab->swap_at_data) {
        lab->swap_at_data = false;
        flow_swap(conn);
    }
    if (lab->blind) {
        conn->opaque = true;
        conn->opaque_reason = LOST_TLS;
    }
    lab->delivered[dir] += bytes.len;
    if (!lab->quiet && !(lab->joining && lab->joined == dir)) {
        say(lab, dir, "\"");
        lab->joining = true;
        lab->joined = dir;
    }
    if (!lab->quiet) {
        sbuf_add(&lab->log, bytes);
    }
    if (lab->on_data != NULL) {
        lab->on_data(lab, dir, bytes);
    }
}

static void on_gap(void *ctx, struct conn *conn, enum direction dir, uint64_t n_bytes,
                   enum lost reason)
{
    struct lab *lab = ctx;
    (void)conn;
    char text[64];
    snprintf(text, sizeof(text), "gap%" PRIu64 ":%s ", n_bytes, lost_name(reason));
    say(lab, dir, text);
    lab->gaps[dir] += n_bytes;
    if (lab->on_gap != NULL) {
        lab->on_gap(lab, dir, n_bytes);
    }
}

static void on_alternate(void *ctx, struct conn *conn, enum direction dir, struct span bytes)
{
    struct lab *lab = ctx;
    (void)conn;
    say(lab, dir, "alt\"");
    if (!lab->quiet) {
        sbuf_add(&lab->log, bytes);
        sbuf_add_str(&lab->log, "\" ");
    }
    if (lab->on_alternate != NULL) {
        lab->on_alternate(lab, dir, bytes);
    }
}

static void on_anomaly(void *ctx, struct conn *conn, enum direction dir, enum anomaly anomaly)
{
    struct lab *lab = ctx;
    (void)conn;
    lab->n_outside += anomaly == ANOMALY_SEGMENT_OUTSIDE_WINDOW ? 1 : 0;
    if (anomaly != ANOMALY_STREAM_GAP) {
        char text[80];
        snprintf(text, sizeof(text), "!%s ", anomaly_info(anomaly)->event);
        say(lab, dir, text);
    }
}

static void on_end(void *ctx, struct conn *conn, enum direction dir)
{
    (void)conn;
    say(ctx, dir, "end ");
}

static void on_close(void *ctx, struct conn *conn, enum close_reason reason)
{
    struct lab *lab = ctx;
    char text[32];
    snprintf(text, sizeof(text), "close:%s ", reasons[reason]);
    say_plain(lab, text);
    if (conn->clock_us < lab->last_close_us ||
        (conn->clock_us == lab->last_close_us && reason == CLOSE_TIMEOUT &&
         conn->id < lab->last_close_id)) {
        lab->disordered = true;
    }
    lab->last_close_us = conn->clock_us;
    lab->last_close_id = conn->id;
    lab->last = *conn;
    lab->n_closed[reason]++;
    lab->n_open--;
    if (lab->on_close != NULL) {
        lab->on_close(lab);
    }
}

static const struct stream_ops ops = {
    .open = on_open,
    .data = on_data,
    .gap = on_gap,
    .alternate = on_alternate,
    .anomaly = on_anomaly,
    .end = on_end,
    .close = on_close,
};

void lab_start(struct lab *lab, const struct flow_limits *limits)
{
    *lab = (struct lab){.clock_us = 1600000000000000, .key = {1, 2}};
    lab->limits = flow_limits_default();
    lab->limits.appid_packets = 0;
    lab->limits = limits != NULL ? *limits : lab->limits;
    lab->log = sbuf_with_cap(LOG_MAX);
    lab->table =
        flow_table_new(&lab->limits, (struct stream_user){&ops, lab, NULL}, &lab->stats, &lab->key);
}

void lab_finish(struct lab *lab)
{
    flow_table_finish(lab->table, lab->clock_us);
}

void lab_stop(struct lab *lab)
{
    lab_finish(lab);
    flow_table_free(&lab->table);
    sbuf_free(&lab->log);
}

const char *lab_log(struct lab *lab)
{
    size_t len = lab->log.len;
    sbuf_add(&lab->log, lab->joining ? SPAN("\" \0") : SPAN("\0"));
    sbuf_shorten(&lab->log, len);
    return (const char *)lab->log.data;
}

struct headers lab_headers(const struct shot *shot)
{
    struct addr client = addr_v4(SPAN("\xc0\x00\x02\x01"));
    struct addr server = addr_v4(SPAN("\xc6\x33\x64\x01"));
    uint16_t client_port = (uint16_t)(40000 + shot->flow % 20000);
    client.bytes[3] = (uint8_t)(shot->flow / 20000);
    bool forward = shot->dir == TO_SERVER;
    struct headers h = {
        .src = forward ? client : server,
        .dst = forward ? server : client,
        .proto = IP_PROTO_TCP,
        .has_ports = true,
        .src_port = forward ? client_port : 80,
        .dst_port = forward ? 80 : client_port,
        .tcp_seq = shot->seq,
        .tcp_ack = shot->ack,
        .tcp_flags = shot->flags,
        .tcp_urgent = shot->urgent,
        .tcp_window = shot->window != 0 ? shot->window : WINDOW,
        .tcp_scale = shot->scale,
        .payload = shot->text != NULL ? span_str(shot->text) : shot->bytes,
        .missing = shot->missing,
    };
    return h;
}

void lab_packet(struct lab *lab, const struct headers *h)
{
    struct packet p = {
        .number = ++lab->number,
        .time_us = lab->clock_us,
        .clock_us = lab->clock_us,
    };
    flow_table_packet(lab->table, &p, h, "lab0", &lab->ruling);
    lab->clock_us++;
}

void lab_shoot(struct lab *lab, const struct shot *shot)
{
    struct headers h = lab_headers(shot);
    lab_packet(lab, &h);
}

void lab_open(struct lab *lab, unsigned flow)
{
    struct shot syn = {.flow = flow, .dir = TO_SERVER, .seq = 100, .flags = TCP_SYN};
    struct shot answer = {
        .flow = flow, .dir = TO_CLIENT, .seq = 500, .ack = 101, .flags = TCP_SYN | TCP_ACK};
    struct shot ack = {.flow = flow, .dir = TO_SERVER, .seq = 101, .ack = 501, .flags = TCP_ACK};
    lab_shoot(lab, &syn);
    lab_shoot(lab, &answer);
    lab_shoot(lab, &ack);
}

void lab_to_server(struct lab *lab, uint32_t seq, const char *text)
{
    struct shot shot = {
        .dir = TO_SERVER, .seq = seq, .ack = 501, .flags = TCP_ACK | TCP_PSH, .text = text};
    lab_shoot(lab, &shot);
}

void lab_to_client(struct lab *lab, uint32_t seq, const char *text)
{
    struct shot shot = {
        .dir = TO_CLIENT, .seq = seq, .ack = 101, .flags = TCP_ACK | TCP_PSH, .text = text};
    lab_shoot(lab, &shot);
}

void lab_server_acks(struct lab *lab, uint32_t ack)
{
    struct shot shot = {.dir = TO_CLIENT, .seq = 501, .ack = ack, .flags = TCP_ACK};
    lab_shoot(lab, &shot);
}

void lab_client_acks(struct lab *lab, uint32_t ack)
{
    struct shot shot = {.dir = TO_SERVER, .seq = 101, .ack = ack, .flags = TCP_ACK};
    lab_shoot(lab, &shot);
}

void lab_wait(struct lab *lab, uint64_t us)
{
    lab->clock_us += us;
    flow_table_expire(lab->table, lab->clock_us);
}

uint64_t lab_seed(void)
{
    const char *text = getenv("JNDIWATCH_SEED");
    uint64_t seed = 0;
    if (text == NULL || !span_to_u64(span_str(text), &seed)) {
        struct hash_key key = {0};
        seed = hash_key_random(&key) == 0 ? key.k0 : 1;
    }
    printf("JNDIWATCH_SEED=%" PRIu64 "\n", seed);
    return seed;
}

uint64_t lab_random(uint64_t *state)
{
    uint64_t x = *state != 0 ? *state : 1;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    *state = x;
    return x * 0x2545f4914f6cdd1dULL;
}

uint64_t lab_below(uint64_t *state, uint64_t n)
{
    return (lab_random(state) >> 11) % n;
}
