/* source_bridge: a cable with a sensor in it. What comes in at one interface goes out at the other
 * when it has its verdict, as it came, through libpcap on both sides.
 *
 * Neither interface has an address or is part of a bridge of the kernel's: both are promiscuous,
 * and of each only what comes in is read. Offloads that join segments (GRO, LRO) must be off, since
 * a frame longer than the other side takes cannot go on: it is counted, and told once. While the
 * sensor does not run the cable is cut; frames for which it is too late are lost, as in any switch.
 *
 * With several workers each has both interfaces, in a fanout group each, dealt out by addresses, so
 * that both directions of a flow come to the same one. */
#include "sensor/base/bytes.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/base/wire.h"
#include "sensor/capture/fanout.h"
#include "sensor/capture/iface_check.h"
#include "sensor/capture/ifaces.h"
#include "sensor/capture/outbox.h"
#include "sensor/capture/wake.h"
#include "sensor/core/packet_clock.h"
#include "sensor/core/source.h"

#include <errno.h>
#include <net/if.h>
#include <pcap/pcap.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    SIDES = 2,
    STORE_BYTES = 4 * 1024 * 1024,
    SECOND_US = 1000000,
    NAME_CAP = 64,
    ETHERNET_HEADER = 14,
    TAG = 4,
    TAGS_MAX = 4,
    FRAME_MAX = 2048,
};

struct end {
    char name[NAME_CAP];
    pcap_t *handle;
    uint32_t iface;
    _Atomic uint64_t packets;
    _Atomic uint64_t bytes;
    _Atomic uint64_t unsent; /* frames that came in at the other end and could not go out here */
    atomic_bool gone;
    bool told_unsent;
};

struct source {
    struct end ends[SIDES];
    struct sbuf store;
    struct packet_batch *batch;   /* while it is filled */
    unsigned sides[PACKET_BATCH]; /* where each came in */
    unsigned reading;
    unsigned turn;
    struct outbox outbox;
    struct ifaces ifaces;
    struct wake wake;
    int poll_ms;
    uint32_t snaplen;
    struct packet_clock clock;
    uint64_t number;
};

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + n, memory_order_relaxed);
}

/* --- opening
 * ------------------------------------------------------------------------------------------ */

static int explain(const struct end *e, int code, struct errbuf *err)
{
    if (code == PCAP_ERROR_NO_SUCH_DEVICE) {
        errbuf_add(err, "no interface '%s' to make a bridge of", e->name);
        return -ENODEV;
    }
    if (code == PCAP_ERROR_PERM_DENIED || code == PCAP_ERROR_PROMISC_PERM_DENIED) {
        errbuf_add(err,
                   "cannot make a bridge of '%s': Operation not permitted. It needs CAP_NET_RAW: "
                   "run as root, or use the systemd unit",
                   e->name);
        return -EPERM;
    }
    if (code == PCAP_ERROR_IFACE_NOT_UP) {
        errbuf_add(err, "cannot make a bridge of '%s': it is down. ip link set %s up", e->name,
                   e->name);
        return -ENETDOWN;
    }
    const char *detail = pcap_geterr(e->handle);
    errbuf_add(err, "cannot make a bridge of '%s': %s", e->name,
               detail[0] != '\0' ? detail : pcap_statustostr(code));
    return -EIO;
}

/* Frames are wanted as they come, not when a block of them is full. */
static int configure(const struct source_options *o, pcap_t *handle)
{
    int code = pcap_set_snaplen(handle, (int)o->snaplen);
    code = code == 0 ? pcap_set_promisc(handle, 1) : code;
    code = code == 0 ? pcap_set_timeout(handle, (int)o->poll_ms) : code;
    code = code == 0 ? pcap_set_immediate_mode(handle, 1) : code;
    return code == 0 && o->buffer_bytes > 0
               ? pcap_set_buffer_size(
                     handle, (int)(o->buffer_bytes < INT32_MAX ? o->buffer_bytes : INT32_MAX))
               : code;
}

static int finish_end(struct source *s, const struct source_options *o, unsigned side,
                      struct errbuf *err)
{
    struct end *e = &s->ends[side];
    char why[PCAP_ERRBUF_SIZE] = "";
    if (pcap_datalink(e->handle) != DLT_EN10MB) {
        errbuf_add(err, "cannot make a bridge of '%s': it is no Ethernet", e->name);
        return -ENOTSUP;
    }
    if (pcap_setdirection(e->handle, PCAP_D_IN) != 0 || pcap_setnonblock(e->handle, 1, why) != 0) {
        errbuf_add(err, "cannot make a bridge of '%s': %s", e->name,
                   why[0] != '\0' ? why : pcap_geterr(e->handle));
        return -EIO;
    }
    int error = 0;
    if (o->fanout != 0) {
        uint16_t group = (uint16_t)(o->fanout + side);
        error = fanout_join(pcap_fileno(e->handle), group, FANOUT_ADDRESSES);
    }
    if (error != 0) {
        errbuf_add(err, "cannot share '%s' between workers: %s. Use one worker", e->name,
                   strerror(-error));
    }
    e->iface = ifaces_add(&s->ifaces, span_str(e->name), DLT_EN10MB);
    return error;
}

static int open_end(struct source *s, const struct source_options *o, unsigned side,
                    struct errbuf *err)
{
    struct end *e = &s->ends[side];
    char why[PCAP_ERRBUF_SIZE] = "";
    (void)snprintf(e->name, sizeof(e->name), "%s", o->inputs[side]);
    if (if_nametoindex(e->name) == 0) {
        return explain(e, PCAP_ERROR_NO_SUCH_DEVICE, err);
    }
    e->handle = pcap_create(e->name, why);
    if (e->handle == NULL) {
        errbuf_add(err, "cannot make a bridge of '%s': %s", e->name, why);
        return -ENOMEM;
    }
    int code = configure(o, e->handle);
    code = code == 0 ? pcap_activate(e->handle) : code;
    return code < 0 ? explain(e, code, err) : finish_end(s, o, side, err);
}

static void check_ends(const struct source *s)
{
    struct errbuf warnings = {0};
    for (unsigned side = 0; side < SIDES; side++) {
        iface_check(pcap_fileno(s->ends[side].handle), s->ends[side].name, s->snaplen, &warnings);
    }
    log_lines(&warnings, LOG_LEVEL_WARNING);
    errbuf_free(&warnings);
}

static void close_source(struct source **source)
{
    struct source *s = *source;
    if (s == NULL) {
        return;
    }
    for (unsigned side = 0; side < SIDES; side++) {
        if (s->ends[side].handle != NULL) {
            pcap_close(s->ends[side].handle);
        }
    }
    wake_close(&s->wake);
    outbox_free(&s->outbox);
    ifaces_free(&s->ifaces);
    sbuf_free(&s->store);
    mem_free(s);
    *source = NULL;
}

static int open_source(const struct source_options *o, struct source **ret_source,
                       struct errbuf *err)
{
    CHECK(o->n_inputs == SIDES);
    struct source *s = mem_alloc(sizeof(*s));
    if (s == NULL) {
        return -ENOMEM;
    }
    s->wake.fd = -1;
    s->poll_ms = (int)o->poll_ms;
    s->snaplen = o->snaplen;
    s->store = sbuf_with_cap(STORE_BYTES);
    s->outbox = outbox_new();
    int error = wake_open(&s->wake);
    if (error == 0 && sbuf_reserve(&s->store, STORE_BYTES) == NULL) {
        error = -ENOMEM; /* packets point into it: it must not move */
    }
    for (unsigned side = 0; side < SIDES && (error == 0 || side > 0); side++) {
        int rc = open_end(s, o, side, err);
        error = error != 0 ? error : rc;
    }
    if (error != 0) {
        close_source(&s);
        return error;
    }
    if (o->speaks) {
        check_ends(s);
    }
    *ret_source = s;
    return 0;
}

/* --- frames
 * ------------------------------------------------------------------------------------------- */

/* pcap_dispatch()'s handler: copies one frame into the batch. */
static void take(unsigned char *user, const struct pcap_pkthdr *header, const unsigned char *data)
{
    struct source *s = (struct source *)(void *)user;
    struct packet_batch *batch = s->batch;
    struct end *e = &s->ends[s->reading];
    size_t at = s->store.len;
    if (batch->n == PACKET_BATCH || !sbuf_add(&s->store, span_of(data, header->caplen))) {
        return; /* not reached: as many are asked for as there is room */
    }
    uint64_t time_us = (uint64_t)header->ts.tv_sec * SECOND_US + (uint64_t)header->ts.tv_usec;
    count(&e->packets, 1);
    count(&e->bytes, header->caplen);
    s->sides[batch->n] = s->reading;
    batch->packets[batch->n] = (struct packet){
        .data = span_sub(sbuf_span(&s->store), at, header->caplen),
        .wire_len = header->len > header->caplen ? header->len : header->caplen,
        .link_type = DLT_EN10MB,
        .iface = e->iface,
        .number = ++s->number,
        .time_us = time_us,
        .clock_us = packet_clock_follow(&s->clock, time_us),
    };
    batch->verdicts[batch->n] = VERDICT_PASS;
    batch->n++;
}

static void read_end(struct source *s, unsigned side, struct errbuf *err)
{
    struct end *e = &s->ends[side];
    size_t fit = (s->store.cap - s->store.len) / s->snaplen;
    size_t room = PACKET_BATCH / SIDES < fit ? PACKET_BATCH / SIDES : fit;
    s->reading = side;
    int got = room > 0 ? pcap_dispatch(e->handle, (int)room, take, (unsigned char *)s) : 0;
    if (got < 0 && if_nametoindex(e->name) == 0 &&
        !atomic_exchange_explicit(&e->gone, true, memory_order_relaxed)) {
        errbuf_add(err, "the bridge ended: interface '%s' is gone", e->name);
    } /* else it is down: what is plugged in again is read on */
}

static void wait_for_ends(const struct source *s)
{
    struct pollfd fds[SIDES + 1] = {
        {.fd = pcap_get_selectable_fd(s->ends[0].handle), .events = POLLIN},
        {.fd = pcap_get_selectable_fd(s->ends[1].handle), .events = POLLIN},
        {.fd = s->wake.fd, .events = POLLIN},
    };
    int n = poll(fds, ARRAY_LEN(fds), s->poll_ms);
    bool readable = false;
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        readable = readable || (fds[i].revents & POLLIN) != 0;
    }
    if (n > 0 && !readable) { /* an end in an error state must not make this a busy loop */
        (void)poll(&fds[SIDES], 1, s->poll_ms);
    }
}

static enum source_status receive(struct source *s, struct packet_batch *batch, struct errbuf *err)
{
    batch->n = 0;
    s->batch = batch;
    sbuf_reset(&s->store);
    outbox_reset(&s->outbox);
    if (wake_taken(&s->wake)) {
        return SOURCE_INTERRUPTED;
    }
    for (unsigned tries = 0; batch->n == 0 && tries < 2; tries++) {
        if (tries > 0) {
            wait_for_ends(s);
        }
        for (unsigned i = 0; i < SIDES; i++) {
            read_end(s, (s->turn + i) % SIDES, err);
        }
    }
    s->turn = (s->turn + 1) % SIDES;
    bool gone = atomic_load(&s->ends[0].gone) || atomic_load(&s->ends[1].gone);
    return gone ? SOURCE_FAILED : batch->n > 0 ? SOURCE_OK : SOURCE_TIMEOUT;
}

/* --- going on
 * ----------------------------------------------------------------------------------------- */

static void send_frame(struct source *s, unsigned side, struct span frame)
{
    struct end *e = &s->ends[side];
    if (pcap_inject(e->handle, frame.data, frame.len) >= 0) {
        return;
    }
    count(&e->unsent, 1);
    if (!e->told_unsent) {
        e->told_unsent = true;
        log_warning("a frame of %zu bytes cannot go out at '%s': %s. Offloads (gro, lro) of the "
                    "other interface must be off; further ones are counted as its drops",
                    frame.len, e->name, pcap_geterr(e->handle));
    }
}

/* Its tags with it; false when it is not what a reply can be made to. */
static bool dress(struct sbuf *out, struct span like, bool back, struct span ip)
{
    size_t header = ETHERNET_HEADER;
    for (unsigned i = 0; i < TAGS_MAX; i++) {
        unsigned type = wire_be16(like, header - 2);
        header += type == 0x8100 || type == 0x88a8 ? TAG : 0;
    }
    if (like.len < header) {
        return false;
    }
    (void)sbuf_add(out, back ? span_sub(like, 6, 6) : span_sub(like, 0, 6));
    (void)sbuf_add(out, back ? span_sub(like, 0, 6) : span_sub(like, 6, 6));
    (void)sbuf_add(out, span_sub(like, 12, header - 14));
    bool is_v4 = wire_u8(ip, 0) >> 4 == 4;
    (void)sbuf_add(out, is_v4 ? SPAN("\x08\x00") : SPAN("\x86\xdd"));
    return sbuf_add(out, ip);
}

static void inject(struct source *s, size_t behind, bool back, struct span ip)
{
    struct sbuf frame = sbuf_with_cap(FRAME_MAX);
    if (dress(&frame, s->batch->packets[behind].data, back, ip)) {
        outbox_add(&s->outbox, behind, back, sbuf_span(&frame));
    }
    sbuf_free(&frame);
}

static void release(struct source *s, struct packet_batch *batch)
{
    size_t own = 0;
    for (size_t i = 0; i < batch->n; i++) {
        unsigned from = s->sides[i];
        if (batch->verdicts[i] == VERDICT_PASS) {
            send_frame(s, 1 - from, batch->packets[i].data);
        }
        for (; own < s->outbox.n && s->outbox.list[own].behind == i; own++) {
            const struct outgoing *g = &s->outbox.list[own];
            send_frame(s, g->back ? from : 1 - from, outbox_bytes(&s->outbox, g));
        }
    }
    batch->n = 0;
}

static void interrupt(struct source *s)
{
    wake_call(&s->wake);
}

static bool port(const struct source *s, size_t n, struct source_port *ret_port)
{
    if (n >= SIDES) {
        return false;
    }
    const struct end *e = &s->ends[n];
    struct pcap_stat counted = {0};
    (void)pcap_stats(e->handle, &counted);
    *ret_port = (struct source_port){
        .name = e->name,
        .up = !atomic_load_explicit(&e->gone, memory_order_relaxed),
        .packets = atomic_load_explicit(&e->packets, memory_order_relaxed),
        .bytes = atomic_load_explicit(&e->bytes, memory_order_relaxed),
        .kernel_drops = counted.ps_drop,
        .errors = atomic_load_explicit(&e->gone, memory_order_relaxed) ? 1 : 0,
        .iface_drops = counted.ps_ifdrop + atomic_load_explicit(&e->unsent, memory_order_relaxed),
    };
    return true;
}

static void stats(const struct source *s, struct source_stats *ret_stats)
{
    *ret_stats = source_sum_ports(s, port);
}

static const char *iface(const struct source *s, uint32_t index)
{
    return ifaces_name(&s->ifaces, index);
}

const struct source_ops source_bridge = {
    .name = "bridge",
    .caps = SOURCE_LIVE | SOURCE_INLINE,
    .open = open_source,
    .receive = receive,
    .release = release,
    .inject = inject,
    .interrupt = interrupt,
    .stats = stats,
    .port = port,
    .iface = iface,
    .close = close_source,
};
