/* source_live: packets from network interfaces, through libpcap.
 *
 * libpcap's packet memory is valid until its next read, so a batch is copied into a store of its
 * own. Interfaces are read in turn without blocking, and waited for together when none has
 * anything. An interface that is down is waited for; so is one that is not there, or goes away,
 * when that is asked for: every few seconds it is tried again. Else one that is gone ends the
 * capture when it was the last. The kernel's ring is handed over block by block; the poll interval
 * is also how long a block waits to be filled.
 *
 * More than one worker means one source each, all of one fanout group. A worker has no right to
 * open anything: then another thread tends the source. A port's handle belongs to who reads while
 * the port is PORT_READING, else to who tends; the reader gives it up by its state, and is asked
 * to. */
#include "sensor/base/bytes.h"
#include "sensor/base/clock.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/capture/fanout.h"
#include "sensor/capture/filter.h"
#include "sensor/capture/iface_check.h"
#include "sensor/capture/linktype.h"
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
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    SNAPLEN_DEFAULT = 262144,
    STORE_PACKETS = 16, /* of full snap length that the store holds */
    LOOK_EVERY = 1024,  /* receives between looks at the state of busy interfaces */
    SECOND_US = 1000000,
    RETRY_US = 5 * SECOND_US,
    NAME_CAP = 256,
    PATH_CAP = 4096,
    LIST_CAP = 2048,
    WHY_CAP = 256,
    SOON_MAX = 8,
};

enum port_state {
    PORT_READING, /* the handle is the reader's */
    PORT_LOST,    /* the reader could not read, `why` */
    PORT_DOWN,    /* waited for, and said so */
    PORT_ABSENT,  /* waited for, and said so */
    PORT_GONE,    /* for good */
};

/* One interface. */
struct port {
    char name[NAME_CAP];
    _Atomic enum port_state state;
    atomic_bool give_up; /* the reader is asked to */
    pcap_t *handle;      /* NULL but while it is read, or just lost */
    bool told_down;      /* though the reader has it still */
    uint64_t opened_us;  /* monotonic */
    unsigned n_soon;     /* how often in a row it was lost within a second */
    uint64_t retry_us;   /* when it is tried again, monotonic */
    int link_type;
    char why[WHY_CAP];
    uint64_t kernel_drops; /* of handles that were closed */
    uint64_t iface_drops;
    _Atomic uint64_t packets; /* the reader's alone to count */
    _Atomic uint64_t errors;
    _Atomic uint64_t bytes;
};

struct source {
    struct port ports[SOURCE_PORTS_MAX];
    size_t n_ports;
    size_t turn; /* port to be read first */
    struct sbuf store;
    struct packet_batch *batch; /* while it is filled */
    struct port *reading;
    struct wake wake;
    char *filter;
    uint32_t snaplen;
    bool promiscuous;
    bool waits;
    bool tended;
    bool speaks;
    int buffer_bytes;
    int poll_ms;
    uint16_t fanout;
    enum source_fanout fanout_by;
    const char *link_names;
    bool (*link_supported)(int link_type);
    int control_fd; /* for asking the kernel about interfaces */
    unsigned since_look;
    uint64_t n_packets;
    struct packet_clock clock;
};

/* "eth0 (up), lo (up)". */
static void list_interfaces(struct sbuf *text)
{
    char why[PCAP_ERRBUF_SIZE];
    pcap_if_t *all = NULL;
    if (pcap_findalldevs(&all, why) != 0) {
        return;
    }
    for (const pcap_if_t *i = all; i != NULL; i = i->next) {
        if (if_nametoindex(i->name) != 0) { /* leaves out what is no interface: any, bluetooth … */
            (void)sbuf_add_format(text, "%s%s (%s)", text->len > 0 ? ", " : "", i->name,
                                  (i->flags & PCAP_IF_UP) != 0 ? "up" : "down");
        }
    }
    pcap_freealldevs(all);
}

static void no_interface(const char *name, struct errbuf *err)
{
    struct sbuf text = sbuf_with_cap(LIST_CAP);
    list_interfaces(&text);
    errbuf_add(err, "no interface '%s'; there are: %.*s", name, (int)text.len,
               text.len > 0 ? (const char *)text.data : "");
    sbuf_free(&text);
}

static void not_permitted(const char *name, struct errbuf *err)
{
    char program[PATH_CAP];
    ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);
    program[len > 0 ? len : 0] = '\0';
    errbuf_add(err,
               "cannot capture on '%s': Operation not permitted. Run: setcap "
               "cap_net_raw,cap_net_admin+eip %s, or use the systemd unit",
               name, program);
}

/* Why a handle could not be activated, as a negative errno and a line. */
static int explain(const struct port *port, int code, struct errbuf *err)
{
    if (code == PCAP_ERROR_NO_SUCH_DEVICE) {
        no_interface(port->name, err);
        return -ENODEV;
    }
    if (code == PCAP_ERROR_PERM_DENIED || code == PCAP_ERROR_PROMISC_PERM_DENIED) {
        not_permitted(port->name, err);
        return -EPERM;
    }
    const char *detail = pcap_geterr(port->handle);
    errbuf_add(err, "cannot capture on '%s': %s", port->name,
               detail[0] != '\0' ? detail : pcap_statustostr(code));
    return -EIO;
}

static enum port_state state_of(const struct port *port)
{
    return atomic_load_explicit(&port->state, memory_order_acquire);
}

static void set_state(struct port *port, enum port_state state)
{
    atomic_store_explicit(&port->state, state, memory_order_release);
}

/* libpcap's figures are those of one handle. */
static void add_drops(const struct port *port, struct source_port *ret)
{
    struct pcap_stat counted = {0};
    ret->kernel_drops = port->kernel_drops;
    ret->iface_drops = port->iface_drops;
    if (port->handle != NULL && pcap_stats(port->handle, &counted) == 0) {
        ret->kernel_drops += counted.ps_drop;
        ret->iface_drops += counted.ps_ifdrop;
    }
}

static void port_close(struct port *port)
{
    struct source_port sum;
    if (port->handle == NULL) {
        return;
    }
    add_drops(port, &sum);
    port->kernel_drops = sum.kernel_drops;
    port->iface_drops = sum.iface_drops;
    pcap_close(port->handle);
    port->handle = NULL;
}

static int configure(const struct source *s, pcap_t *handle)
{
    int code = pcap_set_snaplen(handle, (int)s->snaplen);
    code = code == 0 ? pcap_set_promisc(handle, s->promiscuous) : code;
    code = code == 0 ? pcap_set_timeout(handle, s->poll_ms) : code;
    return code == 0 && s->buffer_bytes > 0 ? pcap_set_buffer_size(handle, s->buffer_bytes) : code;
}

/* Joins the port's own group: each interface is dealt out by itself. */
static int join_fanout(const struct source *s, const struct port *port, struct errbuf *err)
{
    uint16_t group = (uint16_t)(s->fanout + (port - s->ports));
    enum fanout_by by = s->fanout_by == SOURCE_FANOUT_ADDRESSES ? FANOUT_ADDRESSES : FANOUT_FLOWS;
    int error = fanout_join(pcap_fileno(port->handle), group, by);
    if (error != 0) {
        errbuf_add(err, "cannot share '%s' between workers: %s. Use one worker", port->name,
                   strerror(-error));
    }
    return error;
}

/* Whether what the interface gives can be decoded. */
static int check_link(const struct source *s, const struct port *port, struct errbuf *err)
{
    int link_type = pcap_datalink(port->handle);
    if (s->link_supported == NULL || s->link_supported(link_type)) {
        return 0;
    }
    char name[LINKTYPE_NAME_SIZE];
    linktype_name(link_type, name, sizeof(name));
    errbuf_add(err,
               "cannot capture on '%s': it has link type %s (%d), not supported; supported: %s",
               port->name, name, link_type, s->link_names);
    return -ENOTSUP;
}

/* Begins to capture. 0; -ENETDOWN (without a line) when the interface is down; or another negative
 * errno with a line. */
static int port_activate(struct source *s, struct port *port, struct errbuf *err)
{
    char why[PCAP_ERRBUF_SIZE] = "";
    port->handle = pcap_create(port->name, why);
    if (port->handle == NULL) {
        errbuf_add(err, "cannot capture on '%s': %s", port->name, why);
        return -ENOMEM;
    }
    int code = configure(s, port->handle);
    code = code == 0 ? pcap_activate(port->handle) : code;
    if (code == PCAP_ERROR_IFACE_NOT_UP) {
        port_close(port);
        return -ENETDOWN;
    }
    int error = code < 0 ? explain(port, code, err) : 0;
    if (code > 0 && s->speaks) {
        log_warning("interface '%s': %s", port->name, pcap_geterr(port->handle));
    }
    if (error == 0) {
        error = check_link(s, port, err);
    }
    if (error == 0 && pcap_setnonblock(port->handle, 1, why) != 0) {
        errbuf_add(err, "cannot capture on '%s': %s", port->name, why);
        error = -EIO;
    }
    if (error == 0 && s->filter != NULL) {
        error = filter_attach(port->handle, s->filter, err);
    }
    if (error == 0 && s->fanout != 0) {
        error = join_fanout(s, port, err);
    }
    if (error != 0) {
        port_close(port);
        return error;
    }
    port->link_type = pcap_datalink(port->handle);
    port->told_down = false;
    port->opened_us = clock_monotonic_us();
    atomic_store_explicit(&port->give_up, false, memory_order_relaxed);
    set_state(port, PORT_READING);
    return 0;
}

static bool exists(const char *name)
{
    return if_nametoindex(name) != 0 || strcmp(name, "any") == 0;
}

static void tell_down(const struct source *s, const struct port *port)
{
    if (!s->speaks) {
        return;
    }
    log_warning("interface '%s' is down: waiting for it", port->name);
}

/* It is captured from again: `how`. */
static void tell_back(const struct source *s, const struct port *port, const char *how)
{
    if (s->speaks) {
        log_notice("interface '%s' is %s", port->name, how);
    }
}

static bool is_up(const struct source *s, const struct port *port)
{
    struct ifreq request = {0};
    struct span name = span_str(port->name);
    if (name.len >= sizeof(request.ifr_name)) {
        return true;
    }
    bytes_copy(request.ifr_name, name.data, name.len);
    return ioctl(s->control_fd, SIOCGIFFLAGS, &request) != 0 || (request.ifr_flags & IFF_UP) != 0;
}

/* It ends the capture, or is waited for. */
static void end_port(const struct source *s, struct port *port, const char *why, struct errbuf *err)
{
    if (!s->waits) {
        set_state(port, PORT_GONE);
        if (s->speaks) {
            errbuf_add(err, "capture on '%s' ended: %s", port->name, why);
        }
        return;
    }
    port->retry_us = clock_monotonic_us() + RETRY_US;
    if (s->speaks) {
        log_warning("capture on '%s' ended: %s. Trying again every %d s", port->name, why,
                    RETRY_US / SECOND_US);
    }
    set_state(port, PORT_ABSENT);
}

/* One that the reader gave up. Where it is up, it went down and came back in between: that was
 * told, or is not worth it; but one that cannot be read at all is not opened for ever. */
static void take_lost(struct source *s, struct port *port, struct errbuf *err)
{
    struct errbuf ignored = {0};
    bool soon = clock_monotonic_us() - port->opened_us < SECOND_US;
    bool told = port->told_down;
    port_close(port);
    port->n_soon = soon ? port->n_soon + 1 : 0;
    if (!exists(port->name) || port->n_soon > SOON_MAX) {
        end_port(s, port, port->why, err);
    } else if (!is_up(s, port)) {
        if (!told) {
            tell_down(s, port);
        }
        set_state(port, PORT_DOWN);
    } else if (port_activate(s, port, &ignored) != 0) {
        end_port(s, port, port->why, err);
    } else if (told) {
        tell_back(s, port, "up again");
    }
    errbuf_free(&ignored);
}

static void retry(struct source *s, struct port *port)
{
    uint64_t now = clock_monotonic_us();
    if (now < port->retry_us) {
        return;
    }
    port->retry_us = now + RETRY_US;
    struct errbuf ignored = {0};
    int error = exists(port->name) ? port_activate(s, port, &ignored) : -ENODEV;
    errbuf_free(&ignored);
    if (error == 0) {
        tell_back(s, port, "there: capturing");
    } else if (error == -ENETDOWN) {
        tell_down(s, port);
        set_state(port, PORT_DOWN);
    }
}

/* One that was down may be up. */
static void open_again(struct source *s, struct port *port, struct errbuf *err)
{
    struct errbuf ignored = {0};
    if (!exists(port->name)) {
        end_port(s, port, "the interface is gone", err);
    } else if (is_up(s, port)) {
        if (port_activate(s, port, &ignored) != 0) {
            end_port(s, port, "it could not be opened again", err);
        } else {
            tell_back(s, port, "up");
        }
    }
    errbuf_free(&ignored);
}

/* One that is read may have gone without the reader's hearing of it. One that is down is read on:
 * what came before is still to be had. */
static void look_at_reading(const struct source *s, struct port *port)
{
    if (!exists(port->name)) {
        atomic_store_explicit(&port->give_up, true, memory_order_relaxed);
    } else if (!is_up(s, port)) {
        if (!port->told_down) {
            tell_down(s, port);
        }
        port->told_down = true;
    } else if (port->told_down) {
        port->told_down = false;
        tell_back(s, port, "up again");
    }
}

static void tend(struct source *s, struct errbuf *err)
{
    for (size_t i = 0; i < s->n_ports; i++) {
        struct port *port = &s->ports[i];
        switch (state_of(port)) {
        case PORT_READING:
            look_at_reading(s, port);
            break;
        case PORT_LOST:
            take_lost(s, port, err);
            break;
        case PORT_DOWN:
            open_again(s, port, err);
            break;
        case PORT_ABSENT:
            retry(s, port);
            break;
        case PORT_GONE:
            break;
        }
    }
}

static void count(_Atomic uint64_t *counter, uint64_t n)
{
    uint64_t before = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, before + n, memory_order_relaxed);
}

/* pcap_dispatch()'s handler: copies one packet into the batch. */
static void take(unsigned char *user, const struct pcap_pkthdr *header, const unsigned char *data)
{
    struct source *s = (struct source *)(void *)user;
    struct packet_batch *batch = s->batch;
    size_t at = s->store.len;
    if (batch->n == PACKET_BATCH || !sbuf_add(&s->store, span_of(data, header->caplen))) {
        return; /* not reached: as many are asked for as there is room */
    }
    uint64_t time_us = (uint64_t)header->ts.tv_sec * SECOND_US + (uint64_t)header->ts.tv_usec;
    s->n_packets++;
    count(&s->reading->packets, 1);
    count(&s->reading->bytes, header->caplen);
    batch->packets[batch->n] = (struct packet){
        .data = span_sub(sbuf_span(&s->store), at, header->caplen),
        .wire_len = header->len > header->caplen ? header->len : header->caplen,
        .link_type = s->reading->link_type,
        .iface = (uint32_t)(s->reading - s->ports),
        .number = s->n_packets,
        .time_us = time_us,
        .clock_us = packet_clock_follow(&s->clock, time_us),
    };
    batch->verdicts[batch->n] = VERDICT_PASS;
    batch->n++;
}

static void give_up(struct port *port, const char *why)
{
    (void)snprintf(port->why, sizeof(port->why), "%s", why);
    atomic_fetch_add_explicit(&port->errors, 1, memory_order_relaxed);
    set_state(port, PORT_LOST);
}

/* Reads what a port has, as far as the batch and the store have room. */
static void read_port(struct source *s, struct port *port)
{
    int got = 1;
    if (state_of(port) == PORT_READING &&
        atomic_load_explicit(&port->give_up, memory_order_relaxed)) {
        give_up(port, "the interface is gone");
    }
    while (state_of(port) == PORT_READING && got > 0) {
        size_t fit = (s->store.cap - s->store.len) / s->snaplen;
        size_t room = PACKET_BATCH - s->batch->n;
        room = room < fit ? room : fit;
        if (room == 0) {
            return;
        }
        s->reading = port;
        got = pcap_dispatch(port->handle, (int)room, take, (unsigned char *)s);
        if (got < 0) {
            give_up(port, pcap_geterr(port->handle));
        }
    }
}

static void read_ports(struct source *s)
{
    for (size_t i = 0; i < s->n_ports; i++) {
        read_port(s, &s->ports[(s->turn + i) % s->n_ports]);
    }
    s->turn = (s->turn + 1) % s->n_ports;
}

/* Waits for any port or the wake. A port in an error state is left out, so that it cannot make this
 * a busy loop. */
static void wait_for_ports(const struct source *s)
{
    struct pollfd fds[SOURCE_PORTS_MAX + 1] = {{.fd = s->wake.fd, .events = POLLIN}};
    nfds_t n = 1;
    for (size_t i = 0; i < s->n_ports; i++) {
        const struct port *port = &s->ports[i];
        bool reading = state_of(port) == PORT_READING;
        int fd = reading ? pcap_get_selectable_fd(port->handle) : -1;
        if (fd >= 0) {
            fds[n++] = (struct pollfd){.fd = fd, .events = POLLIN};
        }
    }
    if (poll(fds, n, s->poll_ms) <= 0) {
        return;
    }
    bool readable = false;
    for (nfds_t i = 0; i < n; i++) {
        readable = readable || (fds[i].revents & POLLIN) != 0;
    }
    if (!readable) {
        (void)poll(fds, 1, s->poll_ms);
    }
}

static bool any_left(const struct source *s)
{
    for (size_t i = 0; i < s->n_ports; i++) {
        if (state_of(&s->ports[i]) != PORT_GONE) {
            return true;
        }
    }
    return false;
}

static enum source_status receive(struct source *s, struct packet_batch *batch, struct errbuf *err)
{
    batch->n = 0;
    s->batch = batch;
    sbuf_reset(&s->store);
    if (wake_taken(&s->wake)) {
        return SOURCE_INTERRUPTED;
    }
    read_ports(s);
    if (batch->n == 0) {
        wait_for_ports(s);
        read_ports(s);
    }
    if (!s->tended && (batch->n == 0 || ++s->since_look >= LOOK_EVERY)) {
        s->since_look = 0;
        tend(s, err);
    }
    if (batch->n > 0) {
        return SOURCE_OK;
    }
    return any_left(s) ? SOURCE_TIMEOUT : SOURCE_FAILED;
}

static void release(struct source *s, struct packet_batch *batch)
{
    batch->n = 0;
    sbuf_reset(&s->store);
}

static void interrupt(struct source *s)
{
    wake_call(&s->wake);
}

static bool port(const struct source *s, size_t n, struct source_port *ret_port)
{
    if (n >= s->n_ports) {
        return false;
    }
    const struct port *p = &s->ports[n];
    *ret_port = (struct source_port){
        .name = p->name,
        .up = state_of(p) == PORT_READING && !p->told_down,
        .packets = atomic_load_explicit(&p->packets, memory_order_relaxed),
        .bytes = atomic_load_explicit(&p->bytes, memory_order_relaxed),
        .errors = atomic_load_explicit(&p->errors, memory_order_relaxed),
    };
    add_drops(p, ret_port);
    return true;
}

static void stats(const struct source *s, struct source_stats *ret_stats)
{
    *ret_stats = source_sum_ports(s, port);
}

static const char *iface(const struct source *s, uint32_t index)
{
    return index < s->n_ports ? s->ports[index].name : "";
}

static void close_source(struct source **source)
{
    struct source *s = *source;
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < s->n_ports; i++) {
        port_close(&s->ports[i]);
    }
    if (s->control_fd >= 0) {
        (void)close(s->control_fd);
    }
    wake_close(&s->wake);
    sbuf_free(&s->store);
    mem_free(s->filter);
    mem_free(s);
    *source = NULL;
}

static int add_port(struct source *s, const char *name, struct errbuf *err)
{
    struct span text = span_str(name);
    if (text.len >= NAME_CAP) {
        no_interface(name, err);
        return -ENODEV;
    }
    if (s->n_ports == SOURCE_PORTS_MAX) {
        errbuf_add(err, "cannot capture on '%s': more than %d interfaces", name, SOURCE_PORTS_MAX);
        return -E2BIG;
    }
    struct port *port = &s->ports[s->n_ports++];
    bytes_copy(port->name, text.data, text.len);
    set_state(port, PORT_GONE);
    if (s->waits && !exists(name)) {
        set_state(port, PORT_ABSENT);
        if (s->speaks) {
            log_warning("no interface '%s' yet: waiting for it", name);
        }
        return 0;
    }
    int error = port_activate(s, port, err);
    if (error == -ENETDOWN) {
        tell_down(s, port);
        set_state(port, PORT_DOWN);
        error = 0;
    }
    if (error == 0 && s->speaks) {
        struct errbuf warnings = {0};
        iface_check(s->control_fd, name, s->snaplen, &warnings);
        log_lines(&warnings, LOG_LEVEL_WARNING);
        errbuf_free(&warnings);
    }
    return error;
}

static int set_options(struct source *s, const struct source_options *options)
{
    s->snaplen = options->snaplen > 0 ? options->snaplen : SNAPLEN_DEFAULT;
    s->promiscuous = options->promiscuous;
    s->fanout = options->fanout;
    s->fanout_by = options->fanout_by;
    s->tended = options->tended;
    s->speaks = options->speaks;
    s->waits = options->wait;
    s->link_supported = options->link_supported;
    s->link_names = options->link_names == NULL ? "" : options->link_names;
    s->buffer_bytes = options->buffer_bytes < INT32_MAX ? (int)options->buffer_bytes : INT32_MAX;
    s->poll_ms = options->poll_ms > 0 ? (int)options->poll_ms : 1;
    s->store = sbuf_with_cap((size_t)s->snaplen * STORE_PACKETS);
    if (options->filter != NULL) {
        struct span text = span_str(options->filter);
        s->filter = mem_alloc(text.len + 1);
        if (s->filter == NULL) {
            return -ENOMEM;
        }
        bytes_copy(s->filter, text.data, text.len);
    }
    /* All of its room at once: spans into it must not move. */
    return sbuf_reserve(&s->store, s->store.cap) == NULL ? -ENOMEM : wake_open(&s->wake);
}

static int open_source(const struct source_options *options, struct source **ret_source,
                       struct errbuf *err)
{
    CHECK(options->n_inputs > 0);
    struct source *s = mem_alloc(sizeof(*s));
    if (s == NULL) {
        return -ENOMEM;
    }
    s->wake.fd = -1;
    s->control_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int result = set_options(s, options);
    for (size_t i = 0; result != -ENOMEM && i < options->n_inputs; i++) {
        int error = add_port(s, options->inputs[i], err);
        result = result == 0 ? error : result;
    }
    if (result != 0) {
        close_source(&s);
        return result;
    }
    *ret_source = s;
    return 0;
}

const struct source_ops source_live = {
    .name = "live",
    .caps = SOURCE_LIVE,
    .open = open_source,
    .receive = receive,
    .release = release,
    .interrupt = interrupt,
    .stats = stats,
    .tend = tend,
    .port = port,
    .iface = iface,
    .close = close_source,
};
