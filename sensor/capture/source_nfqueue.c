/* source_nfqueue: packets that netfilter holds until they have their verdict, through libmnl.
 *
 * One source is one queue. Packets are the IP packets themselves, of whole size: where the kernel
 * would cut a large one into segments later, it comes uncut. Verdicts go back in the order of the
 * packets, those that are let by in runs: one call for as many as follow each other.
 *
 * What happens when the queue is full, or the socket's buffer, is the kernel's to decide: with
 * fail-open it lets packets by, else it drops them. What happens when nobody reads the queue is
 * decided by the rule (`--queue-bypass`, in nft `bypass`).
 *
 * Our own packets go out through a raw socket, marked, so that rules can keep them from the queue.
 */
#include "sensor/base/clock.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/base/wire.h"
#include "sensor/capture/ifaces.h"
#include "sensor/capture/nfq_message.h"
#include "sensor/capture/outbox.h"
#include "sensor/capture/wake.h"
#include "sensor/core/packet_clock.h"
#include "sensor/core/sockname.h"
#include "sensor/core/source.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    LINKTYPE_RAW = 101, /* the packet begins with its IP header */
    MESSAGE_MAX = 72 * 1024,
    STORE_BYTES = 16 * MESSAGE_MAX,
    PAYLOAD_MAX = 0xffff,
    REQUEST_MAX = 256,
    SOCKET_BYTES = 8 * 1024 * 1024,
    ANSWER_MS = 2000,
    ANSWER_MAX = 8192,
    IFACES_KNOWN = 256,
    NAME_SIZE = 24,
    PROC_SIZE = 16 * 1024,
};

static const char proc_queues[] = "/proc/net/netfilter/nfnetlink_queue";

struct known_iface {
    uint32_t kernel_index;
    uint32_t iface; /* in `ifaces` */
};

struct source {
    struct mnl_socket *netlink;
    int fd;
    int raw[2]; /* IPv4, IPv6; -1: none */
    int proc;   /* the kernel's figures; -1: none */
    uint16_t queue;
    char name[NAME_SIZE];
    struct wake wake;
    int poll_ms;
    struct sbuf store;
    uint32_t ids[PACKET_BATCH];
    struct outbox outbox;
    struct ifaces ifaces;
    struct known_iface known[IFACES_KNOWN];
    size_t n_known;
    struct packet_clock clock;
    _Atomic uint64_t packets;
    _Atomic uint64_t bytes;
    _Atomic uint64_t overruns; /* times that the socket's buffer was full */
};

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + n, memory_order_relaxed);
}

/* --- requests
 * ----------------------------------------------------------------------------------------- */

static struct nlmsghdr *begin(void *buffer, uint16_t queue, unsigned type, unsigned flags)
{
    struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);
    m->nlmsg_type = (uint16_t)(NFNL_SUBSYS_QUEUE << 8 | type);
    m->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
    struct nfgenmsg *g = mnl_nlmsg_put_extra_header(m, sizeof(*g));
    g->nfgen_family = AF_UNSPEC;
    g->version = NFNETLINK_V0;
    g->res_id = htons(queue);
    return m;
}

/* Sends a request and waits for what becomes of it: 0 or a negative errno. Packets that come before
 * the answer are not lost: none do, before the queue is told to copy them. */
static int ask(const struct source *s, const struct nlmsghdr *m)
{
    uint8_t answer[ANSWER_MAX];
    if (send(s->fd, m, m->nlmsg_len, 0) < 0) {
        return -errno;
    }
    struct pollfd wait = {.fd = s->fd, .events = POLLIN};
    while (poll(&wait, 1, ANSWER_MS) > 0) {
        ssize_t len = recv(s->fd, answer, sizeof(answer), 0);
        if (len < 0) {
            return -errno;
        }
        struct span rest = span_of(answer, (size_t)len);
        struct nfq_message said;
        while (nfq_next(&rest, &said)) {
            if (said.kind == NFQ_ANSWER) {
                return said.error;
            }
        }
    }
    return -ETIMEDOUT;
}

static int bind_queue(const struct source *s)
{
    uint8_t buffer[REQUEST_MAX] = {0};
    struct nlmsghdr *m = begin(buffer, s->queue, NFQNL_MSG_CONFIG, NLM_F_ACK);
    struct nfqnl_msg_config_cmd command = {.command = NFQNL_CFG_CMD_BIND};
    mnl_attr_put(m, NFQA_CFG_CMD, sizeof(command), &command);
    return ask(s, m);
}

static int set_up_queue(const struct source *s, const struct source_options *o)
{
    uint8_t buffer[REQUEST_MAX] = {0};
    struct nlmsghdr *m = begin(buffer, s->queue, NFQNL_MSG_CONFIG, NLM_F_ACK);
    struct nfqnl_msg_config_params params = {.copy_range = htonl(PAYLOAD_MAX),
                                             .copy_mode = NFQNL_COPY_PACKET};
    uint32_t mask = NFQA_CFG_F_FAIL_OPEN | NFQA_CFG_F_GSO;
    uint32_t flags = NFQA_CFG_F_GSO | (o->fail_open ? (uint32_t)NFQA_CFG_F_FAIL_OPEN : 0);
    mnl_attr_put_u32(m, NFQA_CFG_QUEUE_MAXLEN, htonl(o->queue_packets));
    mnl_attr_put_u32(m, NFQA_CFG_FLAGS, htonl(flags));
    mnl_attr_put_u32(m, NFQA_CFG_MASK, htonl(mask));
    mnl_attr_put(m, NFQA_CFG_PARAMS, sizeof(params), &params);
    return ask(s, m);
}

/* --- the kernel's own figures
 * ------------------------------------------------------------------------- */

struct figures {
    unsigned owner; /* netlink port of who reads the queue */
    unsigned long long dropped;
    bool found;
};

/* The row of a queue: number, owner, waiting, mode, range, dropped for a full queue, dropped for a
 * full socket … */
static struct figures read_figures(int proc, uint16_t queue)
{
    struct figures f = {0};
    char text[PROC_SIZE];
    ssize_t len = proc >= 0 ? pread(proc, text, sizeof(text) - 1, 0) : 0;
    text[len > 0 ? len : 0] = '\0';
    char *rest = text;
    for (char *line = strsep(&rest, "\n"); line != NULL; line = strsep(&rest, "\n")) {
        unsigned number = 0;
        unsigned owner = 0;
        unsigned long long full = 0;
        unsigned long long unread = 0;
        int n = sscanf(line, "%u %u %*u %*u %*u %llu %llu", &number, &owner, &full, &unread);
        if (n == 4 && number == queue) {
            f = (struct figures){owner, full + unread, true};
        }
    }
    return f;
}

/* --- opening
 * ------------------------------------------------------------------------------------------ */

static int refuse_bind(const struct source *s, int error, struct errbuf *err)
{
    struct figures f = read_figures(s->proc, s->queue);
    if (error == -EBUSY || (error == -EPERM && f.found)) {
        errbuf_add(err,
                   "cannot take packets from queue %u: it is in use (netlink port %u). Choose "
                   "another with --nfqueue",
                   s->queue, f.owner);
    } else if (error == -EPERM) {
        errbuf_add(err,
                   "cannot take packets from queue %u: Operation not permitted. It needs "
                   "CAP_NET_ADMIN and CAP_NET_RAW: run as root, or use the systemd unit with what "
                   "jndiwatch(8) adds to it under INLINE",
                   s->queue);
    } else if (error == -EINVAL || error == -EPROTONOSUPPORT || error == -EOPNOTSUPP) {
        errbuf_add(err,
                   "cannot take packets from queue %u: this kernel has no NFQUEUE. modprobe "
                   "nfnetlink_queue",
                   s->queue);
    } else {
        errbuf_add(err, "cannot take packets from queue %u: %s", s->queue, strerror(-error));
    }
    return error;
}

static int open_netlink(struct source *s)
{
    int bytes = SOCKET_BYTES;
    s->netlink = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (s->netlink == NULL || mnl_socket_bind(s->netlink, 0, MNL_SOCKET_AUTOPID) != 0) {
        return -errno;
    }
    s->fd = mnl_socket_get_fd(s->netlink);
    if (setsockopt(s->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0) {
        (void)setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    }
    return 0;
}

static int open_raw(int family, uint32_t mark)
{
    const int on = 1;
    int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
    if (fd < 0) {
        return -errno;
    }
    int failed = mark != 0 ? setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof(mark)) : 0;
    if (failed == 0 && family == AF_INET6) {
        failed = setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &on, sizeof(on));
    }
    if (failed != 0) {
        int error = -errno;
        (void)close(fd);
        return error;
    }
    return fd;
}

/* A kernel without IPv6 has none to send either. */
static int open_senders(struct source *s, const struct source_options *o, struct errbuf *err)
{
    s->raw[0] = open_raw(AF_INET, o->mark);
    s->raw[1] = open_raw(AF_INET6, o->mark);
    if (s->raw[0] < 0) {
        errbuf_add(err, "cannot open a socket to end connections with: %s. It needs CAP_NET_RAW",
                   strerror(-s->raw[0]));
        return s->raw[0];
    }
    return 0;
}

static void learn_ifaces(struct source *s)
{
    struct if_nameindex *all = if_nameindex();
    for (const struct if_nameindex *i = all; i != NULL && i->if_index != 0; i++) {
        if (s->n_known < IFACES_KNOWN) {
            uint32_t iface = ifaces_add(&s->ifaces, span_str(i->if_name), LINKTYPE_RAW);
            s->known[s->n_known++] = (struct known_iface){i->if_index, iface};
        }
    }
    if (all != NULL) {
        if_freenameindex(all);
    }
}

static int open_queue(struct source *s, const struct source_options *o, struct errbuf *err)
{
    s->proc = open(proc_queues, O_RDONLY | O_CLOEXEC);
    int error = open_netlink(s);
    error = error == 0 ? bind_queue(s) : error;
    if (error != 0) {
        return refuse_bind(s, error, err);
    }
    error = open_senders(s, o, err);
    if (error != 0) {
        return error;
    }
    error = set_up_queue(s, o);
    return error != 0 ? refuse_bind(s, error, err) : 0;
}

static void close_source(struct source **source)
{
    struct source *s = *source;
    if (s == NULL) {
        return;
    }
    const int fds[] = {s->raw[0], s->raw[1], s->proc};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
        if (fds[i] >= 0) {
            (void)close(fds[i]);
        }
    }
    if (s->netlink != NULL) {
        (void)mnl_socket_close(
            s->netlink); /* the queue goes with it, and its packets are dropped */
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
    struct source *s = mem_alloc(sizeof(*s));
    if (s == NULL) {
        return -ENOMEM;
    }
    s->fd = s->raw[0] = s->raw[1] = s->proc = s->wake.fd = -1;
    s->queue = o->queue;
    s->poll_ms = (int)o->poll_ms;
    s->store = sbuf_with_cap(STORE_BYTES);
    s->outbox = outbox_new();
    (void)snprintf(s->name, sizeof(s->name), "nfqueue%u", o->queue);
    learn_ifaces(s);
    int error = wake_open(&s->wake);
    if (error == 0 && sbuf_reserve(&s->store, STORE_BYTES) == NULL) {
        error = -ENOMEM; /* packets point into it: it must not move */
    }
    error = error == 0 ? open_queue(s, o, err) : error;
    if (error != 0) {
        close_source(&s);
        return error;
    }
    *ret_source = s;
    return 0;
}

/* --- packets
 * ------------------------------------------------------------------------------------------ */

static uint32_t iface_of(const struct source *s, const struct nfq_message *m)
{
    uint32_t index = m->iface_in != 0 ? m->iface_in : m->iface_out;
    for (size_t i = 0; i < s->n_known; i++) {
        if (s->known[i].kernel_index == index) {
            return s->known[i].iface;
        }
    }
    return IFACES_MAX; /* one that came later: without a name */
}

static void take(struct source *s, struct packet_batch *batch, const struct nfq_message *m,
                 uint64_t time_us)
{
    count(&s->packets, 1);
    count(&s->bytes, m->payload.len);
    s->ids[batch->n] = m->id;
    batch->packets[batch->n] = (struct packet){
        .data = m->payload,
        .wire_len = m->wire_len,
        .link_type = LINKTYPE_RAW,
        .iface = iface_of(s, m),
        .number = atomic_load_explicit(&s->packets, memory_order_relaxed),
        .time_us = time_us,
        .clock_us = packet_clock_follow(&s->clock, time_us),
    };
    batch->verdicts[batch->n] = VERDICT_PASS;
    batch->n++;
}

/* Reads one datagram into the store; false when there is none, or no room. */
static bool read_one(struct source *s, struct packet_batch *batch, uint64_t time_us)
{
    uint8_t *place =
        s->store.cap - s->store.len >= MESSAGE_MAX ? sbuf_reserve(&s->store, MESSAGE_MAX) : NULL;
    if (batch->n == PACKET_BATCH || place == NULL) {
        return false;
    }
    ssize_t len = recv(s->fd, place, MESSAGE_MAX, MSG_DONTWAIT);
    if (len < 0 && errno == ENOBUFS) {
        count(&s->overruns, 1);
        return true;
    }
    if (len <= 0) {
        return false;
    }
    sbuf_commit(&s->store, (size_t)len);
    struct span rest = span_of(place, (size_t)len);
    struct nfq_message m;
    while (batch->n < PACKET_BATCH && nfq_next(&rest, &m)) {
        if (m.kind == NFQ_PACKET) {
            take(s, batch, &m, time_us);
        }
    }
    return true;
}

static enum source_status receive(struct source *s, struct packet_batch *batch, struct errbuf *err)
{
    (void)err;
    batch->n = 0;
    sbuf_reset(&s->store);
    outbox_reset(&s->outbox);
    if (wake_taken(&s->wake)) {
        return SOURCE_INTERRUPTED;
    }
    struct pollfd fds[] = {{.fd = s->fd, .events = POLLIN}, {.fd = s->wake.fd, .events = POLLIN}};
    if (poll(fds, ARRAY_LEN(fds), s->poll_ms) <= 0) {
        return SOURCE_TIMEOUT;
    }
    uint64_t now = clock_wall_us();
    while (read_one(s, batch, now)) {
    }
    return batch->n > 0 ? SOURCE_OK : SOURCE_TIMEOUT;
}

/* --- verdicts
 * ------------------------------------------------------------------------------------------ */

/* A packet that is gone already (its queue was flushed) has no verdict to be given. */
static void give_verdict(const struct source *s, unsigned type, uint32_t id, uint32_t verdict)
{
    uint8_t buffer[REQUEST_MAX] = {0};
    struct nlmsghdr *m = begin(buffer, s->queue, type, 0);
    struct nfqnl_msg_verdict_hdr header = {.verdict = htonl(verdict), .id = htonl(id)};
    mnl_attr_put(m, NFQA_VERDICT_HDR, sizeof(header), &header);
    ssize_t sent = send(s->fd, m, m->nlmsg_len, 0);
    (void)sent;
}

static void send_own(const struct source *s, struct span ip)
{
    struct sockaddr_storage to;
    bool is_v4 = wire_u8(ip, 0) >> 4 == 4;
    struct addr dst = is_v4 ? addr_v4(span_sub(ip, 16, 4)) : addr_v6(span_sub(ip, 24, 16));
    socklen_t to_len = sockname_of(&dst, 0, &to);
    int fd = s->raw[is_v4 ? 0 : 1];
    ssize_t sent =
        fd >= 0 ? sendto(fd, ip.data, ip.len, MSG_DONTWAIT, (const struct sockaddr *)&to, to_len)
                : 0;
    (void)sent; /* who waits for it says so again */
}

static void release(struct source *s, struct packet_batch *batch)
{
    size_t own = 0;
    for (size_t i = 0; i < batch->n; i++) {
        bool passes = batch->verdicts[i] == VERDICT_PASS;
        bool more = i + 1 < batch->n && batch->verdicts[i + 1] == VERDICT_PASS;
        bool speaks = own < s->outbox.n && s->outbox.list[own].behind == i;
        if (!passes) {
            give_verdict(s, NFQNL_MSG_VERDICT, s->ids[i], NF_DROP);
        } else if (!more || speaks) {
            give_verdict(s, NFQNL_MSG_VERDICT_BATCH, s->ids[i], NF_ACCEPT);
        }
        for (; own < s->outbox.n && s->outbox.list[own].behind == i; own++) {
            send_own(s, outbox_bytes(&s->outbox, &s->outbox.list[own]));
        }
    }
    batch->n = 0;
}

static void inject(struct source *s, size_t behind, bool back, struct span ip)
{
    outbox_add(&s->outbox, behind, back, ip);
}

static void interrupt(struct source *s)
{
    wake_call(&s->wake);
}

static bool port(const struct source *s, size_t n, struct source_port *ret_port)
{
    if (n > 0) {
        return false;
    }
    *ret_port = (struct source_port){
        .name = s->name,
        .up = true,
        .packets = atomic_load_explicit(&s->packets, memory_order_relaxed),
        .kernel_drops = read_figures(s->proc, s->queue).dropped,
    };
    return true;
}

static void stats(const struct source *s, struct source_stats *ret_stats)
{
    *ret_stats = (struct source_stats){
        .packets = atomic_load_explicit(&s->packets, memory_order_relaxed),
        .bytes = atomic_load_explicit(&s->bytes, memory_order_relaxed),
        .kernel_drops = read_figures(s->proc, s->queue).dropped,
    };
}

static const char *iface(const struct source *s, uint32_t index)
{
    return ifaces_name(&s->ifaces, index);
}

const struct source_ops source_nfqueue = {
    .name = "nfqueue",
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
