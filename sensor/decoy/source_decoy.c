/* source_decoy: the visits of a honeypot as packets.
 *
 * A process of its own holds the sockets (host.h); what it tells of them becomes here what would
 * have been seen on the wire: the handshake, segments of what came and of what was answered, the
 * end. So flows, decoders, evidence and events of a decoy are those of everything else, by the same
 * way. What cannot be known is made up: sequence numbers begin at the time, so that a port that is
 * used again is another connection, segments are as long as fits every path, there are no losses.
 * The process is not trusted: records that make no sense are left out, and ids lead only to places
 * of the table. */
#include "sensor/decoy/source_decoy.h"

#include "sensor/base/log.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/capture/wake.h"
#include "sensor/core/packet_clock.h"
#include "sensor/decoy/record.h"
#include "sensor/packet/forge.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    RAW_IP = 101, /* LINKTYPE_RAW */
    STORE_BYTES = 1024 * 1024,
    STORE_SPARE = 128 * 1024, /* more than one record comes to, with its headers */
    SEGMENTS_MAX = 14,        /* of one record: of a piece as the host reads it */
    CHANNEL_BYTES = 1024 * 1024,
};

/* One connection, by its id. */
struct talked {
    bool open;
    uint16_t listener;
    struct addr addr[2]; /* by direction, as in conn: [TO_SERVER] is the visitor's */
    uint16_t port[2];
    uint32_t seq[2]; /* of the next byte of that side */
    const char *tls; /* what is told was encrypted by this; NULL: it was not */
    bool ended[2];
};

struct source {
    struct decoy_listeners listeners;
    struct decoy_counts *counts; /* shared memory */
    struct talked *talked;
    size_t n_talked;
    size_t n_gone;   /* of them, how many are looked at after a restart; n_talked: all */
    int channel;     /* what is read here */
    int far_channel; /* what the process writes to; -1: it has it */
    struct wake wake;
    bool stopping;
    int poll_ms;
    struct packet_clock clock;
    uint64_t time_us; /* of the record at hand */
    uint64_t number;
    struct packet_batch *batch;
    struct sbuf store;
    struct sbuf one; /* the packet at hand */
    struct sbuf message;
    _Atomic uint64_t packets[DECOY_SPOTS_MAX];
    _Atomic uint64_t bytes[DECOY_SPOTS_MAX];
    atomic_uint restarts;
};

/* --- packets
 * ----------------------------------------------------------------------------------------- */

static void add_packet(struct source *s, uint16_t listener, const char *tls)
{
    struct packet_batch *b = s->batch;
    size_t at = s->store.len;
    struct span ip = sbuf_span(&s->one);
    if (b->n == PACKET_BATCH || !sbuf_add(&s->store, ip)) {
        return; /* not reached: there is room for the largest record before it is read */
    }
    atomic_fetch_add_explicit(&s->packets[listener], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&s->bytes[listener], ip.len, memory_order_relaxed);
    b->verdicts[b->n] = VERDICT_PASS;
    b->packets[b->n++] = (struct packet){
        .data = span_sub(sbuf_span(&s->store), at, ip.len),
        .wire_len = (uint32_t)ip.len,
        .link_type = RAW_IP,
        .iface = listener,
        .tls = tls,
        .number = ++s->number,
        .time_us = s->time_us,
        .clock_us = packet_clock_follow(&s->clock, s->time_us),
    };
}

/* A segment of the side that sends to `dir`. */
static void segment(struct source *s, struct talked *t, enum direction dir, unsigned flags,
                    struct span payload)
{
    enum direction other = direction_other(dir);
    struct forged f = {
        .src = t->addr[dir],
        .dst = t->addr[other],
        .src_port = t->port[dir],
        .dst_port = t->port[other],
        .seq = t->seq[dir],
        .ack = (flags & TCP_ACK) != 0 ? t->seq[other] : 0,
        .flags = (uint8_t)flags,
        .payload = payload,
    };
    t->seq[dir] += (uint32_t)payload.len + ((flags & (TCP_SYN | TCP_FIN)) != 0);
    if (forge_tcp(&f, &s->one)) {
        add_packet(s, t->listener, t->tls);
    }
}

static void nothing(struct source *s, struct talked *t, enum direction dir, unsigned flags)
{
    segment(s, t, dir, flags, span_of(NULL, 0));
}

static void reset(struct source *s, struct talked *t, enum direction dir)
{
    nothing(s, t, dir, TCP_RST | TCP_ACK);
    t->open = false;
}

static void open_talk(struct source *s, struct talked *t, const struct record *r)
{
    if (t->open) {
        reset(s, t, TO_CLIENT); /* its end was never told */
    }
    *t = (struct talked){
        .open = true,
        .listener = r->listener,
        .addr = {r->peer, r->local},
        .port = {r->peer_port, r->local_port},
        .seq = {(uint32_t)r->time_us, (uint32_t)r->time_us},
    };
    nothing(s, t, TO_SERVER, TCP_SYN);
    nothing(s, t, TO_CLIENT, TCP_SYN | TCP_ACK);
    nothing(s, t, TO_SERVER, TCP_ACK);
}

static void pass_bytes(struct source *s, struct talked *t, enum direction dir, struct span bytes)
{
    if (t->ended[dir]) {
        return;
    }
    for (size_t at = 0; at < bytes.len; at += FORGED_PAYLOAD_MAX) {
        segment(s, t, dir, TCP_PSH | TCP_ACK, span_sub(bytes, at, FORGED_PAYLOAD_MAX));
    }
    nothing(s, t, direction_other(dir), TCP_ACK);
}

/* As events name it; none of a version that there is not. */
static const char *tls_name(uint16_t version)
{
    static const char *const names[] = {"TLSv1", "TLS 1.1", "TLS 1.2", "TLS 1.3"};
    unsigned n = version - 0x0301U;
    return n < ARRAY_LEN(names) ? names[n] : NULL;
}

static void end_side(struct source *s, struct talked *t, enum direction dir)
{
    if (t->ended[dir]) {
        return;
    }
    nothing(s, t, dir, TCP_FIN | TCP_ACK);
    nothing(s, t, direction_other(dir), TCP_ACK);
    t->ended[dir] = true;
    t->open = !t->ended[TO_SERVER] || !t->ended[TO_CLIENT];
}

static void datagram(struct source *s, const struct record *r)
{
    struct forged f = {
        .src = r->peer,
        .dst = r->local,
        .src_port = r->peer_port,
        .dst_port = r->local_port,
        .payload = r->bytes,
    };
    if (forge_udp(&f, &s->one)) {
        add_packet(s, r->listener, NULL);
    }
}

/* --- records
 * ----------------------------------------------------------------------------------------- */

static void carry_out(struct source *s, const struct record *r)
{
    struct talked *t = r->id < s->n_talked ? &s->talked[r->id] : NULL;
    bool has_listener = r->listener < s->listeners.n;
    s->time_us = r->time_us;
    switch (r->kind) {
    case RECORD_OPEN:
        if (t != NULL && has_listener) {
            open_talk(s, t, r);
        }
        break;
    case RECORD_DATA:
        if (t != NULL && t->open && r->bytes.len <= SEGMENTS_MAX * FORGED_PAYLOAD_MAX) {
            pass_bytes(s, t, r->dir, r->bytes);
        }
        break;
    case RECORD_TLS:
        if (t != NULL && t->open) {
            t->tls = tls_name(r->listener);
        }
        break;
    case RECORD_END:
        if (t != NULL && t->open) {
            end_side(s, t, r->dir);
        }
        break;
    case RECORD_RESET:
        if (t != NULL && t->open) {
            reset(s, t, r->dir);
        }
        break;
    case RECORD_DATAGRAM:
        if (has_listener) {
            datagram(s, r);
        }
        break;
    case RECORD_ANEW:
        atomic_fetch_add(&s->restarts, 1);
        s->n_gone = 0;
        break;
    case RECORD_KIND_N:
        break;
    }
}

/* Whether the largest record there is would fit what is left of the batch. */
static bool has_room(const struct source *s)
{
    return s->batch->n + SEGMENTS_MAX + 4 <= PACKET_BATCH &&
           s->store.len + STORE_SPARE <= STORE_BYTES;
}

/* After a restart: connections that ended with the process. */
static void reset_gone(struct source *s)
{
    for (; s->n_gone < s->n_talked && s->batch->n < PACKET_BATCH; s->n_gone++) {
        if (s->talked[s->n_gone].open) {
            reset(s, &s->talked[s->n_gone], TO_CLIENT);
        }
    }
}

/* Reads a record; SOURCE_TIMEOUT when there is none, SOURCE_FAILED when there never will be. */
static enum source_status read_record(struct source *s)
{
    struct record r;
    sbuf_reset(&s->message);
    uint8_t *to = sbuf_reserve(&s->message, s->message.cap);
    ssize_t n = to != NULL ? recv(s->channel, to, s->message.cap, MSG_DONTWAIT) : -1;
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? SOURCE_TIMEOUT : SOURCE_FAILED;
    }
    if (n == 0) {
        return SOURCE_FAILED;
    }
    sbuf_commit(&s->message, (size_t)n);
    if (record_read(sbuf_span(&s->message), &r)) {
        carry_out(s, &r);
    }
    return SOURCE_OK;
}

static enum source_status read_records(struct source *s)
{
    enum source_status status = SOURCE_OK;
    reset_gone(s);
    while (status == SOURCE_OK && has_room(s) && s->n_gone == s->n_talked) {
        status = read_record(s);
    }
    return status;
}

static void wait_for_records(const struct source *s)
{
    struct pollfd fds[] = {{.fd = s->channel, .events = POLLIN},
                           {.fd = s->wake.fd, .events = POLLIN}};
    (void)poll(fds, ARRAY_LEN(fds), s->poll_ms);
}

/* Once it was interrupted it gives what is there, and waits for nothing more. */
static enum source_status receive(struct source *s, struct packet_batch *batch, struct errbuf *err)
{
    batch->n = 0;
    s->batch = batch;
    sbuf_reset(&s->store);
    s->stopping = wake_taken(&s->wake) || s->stopping;
    enum source_status status = read_records(s);
    if (batch->n == 0 && status == SOURCE_TIMEOUT && !s->stopping) {
        wait_for_records(s);
        status = read_records(s);
    }
    if (batch->n > 0) {
        return SOURCE_OK;
    }
    if (status == SOURCE_FAILED) {
        errbuf_add(err, "the honeypot's listening process ended, and cannot be started again");
        return SOURCE_FAILED;
    }
    return s->stopping ? SOURCE_INTERRUPTED : SOURCE_TIMEOUT;
}

static void release(struct source *s, struct packet_batch *batch)
{
    (void)s;
    batch->n = 0;
}

static void interrupt(struct source *s)
{
    wake_call(&s->wake);
}

/* --- life
 * -------------------------------------------------------------------------------------------- */

static void close_source(struct source **source)
{
    struct source *s = *source;
    if (s == NULL) {
        return;
    }
    decoy_listeners_close(&s->listeners);
    const int fds[] = {s->channel, s->far_channel};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    if (s->counts != NULL) {
        (void)munmap(s->counts, sizeof(*s->counts));
    }
    wake_close(&s->wake);
    sbuf_free(&s->store);
    sbuf_free(&s->one);
    sbuf_free(&s->message);
    mem_free(s->talked);
    mem_free(s);
    *source = NULL;
}

static int open_channel(struct source *s)
{
    int ends[2];
    const int room = CHANNEL_BYTES;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
        return -errno;
    }
    s->channel = ends[0];
    s->far_channel = ends[1];
    (void)setsockopt(s->far_channel, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    return 0;
}

static int make_tables(struct source *s, const struct decoy_plan *plan)
{
    s->n_talked = plan->connections;
    s->n_gone = s->n_talked;
    s->talked = mem_alloc_array(s->n_talked, sizeof(*s->talked));
    s->store = sbuf_with_cap(STORE_BYTES);
    s->one = sbuf_with_cap(RECORD_BYTES_MAX + 128);
    s->message = sbuf_with_cap(RECORD_BYTES_MAX + RECORD_HEAD_MAX);
    void *shared =
        mmap(NULL, sizeof(*s->counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    s->counts = shared != MAP_FAILED ? shared : NULL;
    /* Packets point into the store: it must not move. */
    bool good =
        s->talked != NULL && s->counts != NULL && sbuf_reserve(&s->store, STORE_BYTES) != NULL;
    return good ? 0 : -ENOMEM;
}

static int open_source(const struct source_options *o, struct source **ret_source,
                       struct errbuf *err)
{
    struct source *s = mem_alloc(sizeof(*s));
    if (s == NULL) {
        return -ENOMEM;
    }
    s->channel = s->far_channel = s->wake.fd = -1;
    s->poll_ms = (int)o->poll_ms;
    int rc = wake_open(&s->wake);
    rc = rc == 0 ? make_tables(s, o->decoys) : rc;
    rc = rc == 0 ? open_channel(s) : rc;
    rc = rc == 0 ? decoy_listen(&s->listeners, o->decoys, err) : rc;
    if (rc != 0) {
        close_source(&s);
        return rc;
    }
    *ret_source = s;
    return 0;
}

const struct decoy_listeners *source_decoy_listeners(const struct source *s)
{
    return &s->listeners;
}

int source_decoy_channel(const struct source *s)
{
    return s->far_channel;
}

struct decoy_counts *source_decoy_counts(const struct source *s)
{
    return s->counts;
}

/* Names and ports are still asked for, so that they stay. */
void source_decoy_started(struct source *s)
{
    for (size_t i = 0; i < s->listeners.n; i++) {
        (void)close(s->listeners.fds[i]);
        s->listeners.fds[i] = -1;
    }
    (void)close(s->far_channel);
    s->far_channel = -1;
}

/* --- figures
 * ----------------------------------------------------------------------------------------- */

static uint64_t figure(const _Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

void source_decoy_add_stats(const struct source *s, struct stats *sum)
{
    stats_add(sum, STAT_DECOY_ACCEPTED, figure(&s->counts->accepted));
    stats_add(sum, STAT_DECOY_REFUSED_TOTAL, figure(&s->counts->refused_total));
    stats_add(sum, STAT_DECOY_REFUSED_SOURCE, figure(&s->counts->refused_source));
    stats_add(sum, STAT_DECOY_TIMED_OUT, figure(&s->counts->timed_out));
    stats_add(sum, STAT_DECOY_DATAGRAMS, figure(&s->counts->datagrams));
    stats_add(sum, STAT_DECOY_DATAGRAMS_LOST, figure(&s->counts->datagrams_lost));
    stats_add(sum, STAT_DECOY_CUT, figure(&s->counts->cut));
}

unsigned source_decoy_take_restarts(struct source *s)
{
    return atomic_exchange(&s->restarts, 0);
}

static bool port(const struct source *s, size_t n, struct source_port *ret_port)
{
    if (n >= s->listeners.n) {
        return false;
    }
    *ret_port = (struct source_port){
        .name = s->listeners.spots[n].name,
        .up = true,
        .packets = figure(&s->packets[n]),
        .bytes = figure(&s->bytes[n]),
    };
    return true;
}

static void stats(const struct source *s, struct source_stats *ret_stats)
{
    *ret_stats = source_sum_ports(s, port);
}

static const char *iface(const struct source *s, uint32_t index)
{
    return index < s->listeners.n ? s->listeners.spots[index].name : "";
}

const struct source_ops source_decoy = {
    .name = "honeypot",
    .caps = SOURCE_LIVE | SOURCE_GIVES_REST,
    .open = open_source,
    .receive = receive,
    .release = release,
    .interrupt = interrupt,
    .stats = stats,
    .port = port,
    .iface = iface,
    .close = close_source,
};
