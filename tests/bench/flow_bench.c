/* flow_bench: what the flow table costs a packet, by the number of flows.
 *
 * usage: flow_bench [FLOWS…]
 *
 * Opens the flows, then sends segments in order to flows drawn at random, in batches of 64, without
 * and with fetching the buckets and flows of a batch ahead; then one pair in eight is swapped. The
 * user does nothing with the bytes. Figures are nanoseconds of CPU time per packet, and the table's
 * bytes per flow. */
#include "sensor/base/mem.h"
#include "sensor/flow/flow.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 64, N_PACKETS = 2000000, PAYLOAD = 1400 };

struct bench {
    struct flow_table *table;
    struct stats stats;
    uint32_t *seq;  /* next of each flow's client */
    uint32_t *sent; /* end of what was sent */
    uint32_t n_flows;
    uint64_t clock_us;
    uint64_t number;
    uint64_t random;
};

static int on_open(void *ctx, struct conn *conn)
{
    (void)ctx;
    conn->claimed = true;
    return 0;
}

static void on_data(void *ctx, struct conn *conn, enum direction dir, struct span bytes)
{
    (void)ctx, (void)conn, (void)dir, (void)bytes;
}

static void on_gap(void *ctx, struct conn *conn, enum direction dir, uint64_t n, enum lost reason)
{
    (void)ctx, (void)conn, (void)dir, (void)n, (void)reason;
}

static void on_anomaly(void *ctx, struct conn *conn, enum direction dir, enum anomaly anomaly)
{
    (void)ctx, (void)conn, (void)dir, (void)anomaly;
}

static void on_end(void *ctx, struct conn *conn, enum direction dir)
{
    (void)ctx, (void)conn, (void)dir;
}

static void on_close(void *ctx, struct conn *conn, enum close_reason reason)
{
    (void)ctx, (void)conn, (void)reason;
}

static const struct stream_ops ops = {
    .open = on_open,
    .data = on_data,
    .gap = on_gap,
    .alternate = on_data,
    .anomaly = on_anomaly,
    .end = on_end,
    .close = on_close,
};

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t draw(struct bench *b)
{
    b->random ^= b->random >> 12;
    b->random ^= b->random << 25;
    b->random ^= b->random >> 27;
    return b->random * 0x2545f4914f6cdd1dULL;
}

static struct headers segment(uint32_t flow, uint32_t seq, uint8_t flags, struct span payload)
{
    struct headers h = {
        .src = {.family = 4},
        .dst = {.bytes = {198, 51, 100, 1}, .family = 4},
        .proto = IP_PROTO_TCP,
        .has_ports = true,
        .src_port = (uint16_t)(1024 + flow % 60000),
        .dst_port = 80,
        .tcp_seq = seq,
        .tcp_ack = 501,
        .tcp_flags = flags,
        .tcp_window = 64240,
        .payload = payload,
    };
    h.src.bytes[0] = 10;
    h.src.bytes[1] = (uint8_t)(flow / 60000);
    return h;
}

static void send(struct bench *b, const struct headers *h)
{
    struct packet p = {.number = ++b->number, .time_us = b->clock_us, .clock_us = b->clock_us};
    struct ruling ruling;
    flow_table_packet(b->table, &p, h, "bench0", &ruling);
    b->clock_us++;
}

static void answer(struct bench *b, uint32_t flow, uint8_t flags, uint32_t ack)
{
    struct headers h = segment(flow, flags & TCP_SYN ? 500 : 501, flags, (struct span){NULL, 0});
    struct addr addr = h.src;
    h.src = h.dst;
    h.dst = addr;
    h.dst_port = h.src_port;
    h.src_port = 80;
    h.tcp_ack = ack;
    send(b, &h);
}

static void open_flows(struct bench *b)
{
    for (uint32_t i = 0; i < b->n_flows; i++) {
        struct headers h = segment(i, 100, TCP_SYN, (struct span){NULL, 0});
        send(b, &h);
        answer(b, i, TCP_SYN | TCP_ACK, 101);
        b->seq[i] = 101;
        b->sent[i] = 101;
    }
}

/* A batch of data segments; one pair in `overtake` of the same flow is swapped (0: none). */
static void fill(struct bench *b, struct headers batch[BATCH], uint32_t flows[BATCH],
                 unsigned overtake)
{
    static const uint8_t payload[PAYLOAD] = {0};
    for (size_t i = 0; i < BATCH; i += 2) {
        uint64_t r = draw(b);
        bool swaps = overtake > 0 && r % overtake == 0;
        flows[i] = (uint32_t)((r >> 16) % b->n_flows);
        flows[i + 1] = swaps ? flows[i] : (uint32_t)((r >> 40) % b->n_flows);
        for (size_t k = i; k < i + 2; k++) {
            uint32_t seq = b->seq[flows[k]];
            b->seq[flows[k]] += PAYLOAD;
            batch[swaps ? 2 * i + 1 - k : k] =
                segment(flows[k], seq, TCP_ACK, span_of(payload, PAYLOAD));
        }
    }
}

/* Nanoseconds per data segment. Every other segment is acknowledged; the acknowledgement's cost is
 * part of the figure. */
static double run(struct bench *b, bool prefetch, unsigned overtake)
{
    struct headers batch[BATCH];
    uint32_t flows[BATCH];
    double start = cpu_seconds();
    for (size_t done = 0; done < N_PACKETS; done += BATCH) {
        fill(b, batch, flows, overtake);
        for (size_t i = 0; prefetch && i < BATCH; i++) {
            flow_table_prefetch(b->table, &batch[i]);
        }
        for (size_t i = 0; prefetch && i < BATCH; i++) {
            flow_table_prefetch_flow(b->table, batch[i].flow_hash);
        }
        for (size_t i = 0; i < BATCH; i++) {
            send(b, &batch[i]);
            uint32_t end = batch[i].tcp_seq + PAYLOAD;
            b->sent[flows[i]] = (int32_t)(end - b->sent[flows[i]]) > 0 ? end : b->sent[flows[i]];
            if (i % 2 == 1) {
                answer(b, flows[i], TCP_ACK, b->sent[flows[i]]);
            }
        }
    }
    return (cpu_seconds() - start) * 1e9 / N_PACKETS;
}

static int bench(uint32_t n_flows)
{
    struct flow_limits limits = flow_limits_default();
    limits.flows = (size_t)n_flows + 1;
    limits.memory = (size_t)4 << 30;
    limits.appid_packets = 0;
    struct hash_key key = {1, 2};
    struct bench b = {.n_flows = n_flows, .random = 1, .clock_us = 1600000000000000};
    b.seq = mem_alloc_array(n_flows, sizeof(*b.seq));
    b.table = flow_table_new(&limits, (struct stream_user){&ops, &b, NULL}, &b.stats, &key);
    b.sent = mem_alloc_array(n_flows, sizeof(*b.sent));
    if (b.seq == NULL || b.sent == NULL || b.table == NULL) {
        fprintf(stderr, "no memory\n");
        return EXIT_FAILURE;
    }
    double start = cpu_seconds();
    open_flows(&b);
    double opening = (cpu_seconds() - start) * 1e9 / n_flows;
    size_t memory = flow_table_memory(b.table) / n_flows;
    double plain = run(&b, false, 0);
    double ahead = run(&b, true, 0);
    double mixed = run(&b, true, 8);
    start = cpu_seconds();
    flow_table_finish(b.table, b.clock_us);
    double closing = (cpu_seconds() - start) * 1e9 / n_flows;
    printf(
        "%8u flows: open %4.0f ns, segment %4.0f, prefetched %4.0f, one pair in 8 swapped %4.0f, "
        "close %4.0f, %zu bytes a flow\n",
        n_flows, opening, plain, ahead, mixed, closing, memory);
    flow_table_free(&b.table);
    mem_free(b.seq);
    mem_free(b.sent);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static const uint32_t usual[] = {10000, 100000, 1000000};
    int result = EXIT_SUCCESS;
    for (size_t i = 0; argc < 2 && i < ARRAY_LEN(usual); i++) {
        result = bench(usual[i]) != EXIT_SUCCESS ? EXIT_FAILURE : result;
    }
    for (int i = 1; i < argc; i++) {
        uint64_t n = 0;
        if (!span_to_u64(span_str(argv[i]), &n) || n == 0 || n > 10000000) {
            fprintf(stderr, "flow_bench: '%s' is no number of flows\n", argv[i]);
            return EXIT_FAILURE;
        }
        result = bench((uint32_t)n) != EXIT_SUCCESS ? EXIT_FAILURE : result;
    }
    return result;
}
