/* host: the connections of a honeypot, all in one loop.
 *
 * What came is told before it is answered, so that whoever has an answer was seen. Records are
 * written to a socket that blocks: when their reader is slow, visitors wait. There are as many
 * places as connections are allowed; who comes beyond that, or too often from one address, is
 * closed at once and counted. Each visitor has a time for a head, for silence, and in all. Who was
 * told everything may still send for a while: a server that closes on what is on its way would
 * reset, and not see it.
 *
 * Whoever comes from a trusted balancer is nobody until its PROXY header is there: then it is the
 * client that the header names, for limits and for what is told. Without a header, or with a broken
 * one, it is the balancer itself. The header is told with what came, but not answered. */
#include "sensor/decoy/host.h"

#include "sensor/base/clock.h"
#include "sensor/base/mem.h"
#include "sensor/core/proxy_header.h"
#include "sensor/core/sockname.h"
#include "sensor/decoy/datagrams.h"
#include "sensor/decoy/talk.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
    EVENTS = 64,
    ACCEPT_AT_ONCE = 16,
    PIECE = 16 * 1024,
    SWEEP_MS = 50,
    LINGER_BYTES = 256 * 1024,
    WIRE_MAX = 128 * 1024,
    LINK_BYTES = 48 * 1024, /* what the memory of a TLS connection is taken for */
    CHANNEL = 0xffffff,     /* what an event is about: below it connections, above it listeners */
};

struct visit {
    int fd; /* -1: the place is free */
    uint32_t id;
    struct record opened; /* who it is, and where to */
    bool awaits_header;   /* of a balancer: nothing was told yet */
    struct sbuf header;   /* as far as it came */
    size_t header_left;   /* bytes of it that are not the talk's */
    uint64_t began_us;    /* monotonic, as the next two */
    uint64_t heard_us;
    uint64_t head_us; /* since when a head is awaited; 0: none is */
    uint32_t waits_for;
    bool told_all; /* our side has ended */
    size_t lingered;
    size_t held;                 /* memory that counts */
    bool began;                  /* a byte has come */
    bool read;                   /* something of what was encrypted could be */
    struct decoy_tls_link *link; /* NULL: speaks plainly */
    struct sbuf wire;            /* encrypted, to be sent */
    struct talk talk;
};

struct decoy_host {
    const struct decoy_host_setup *setup;
    int epoll;
    struct visit *visits;
    size_t n_visits; /* places */
    size_t n_open;   /* of them taken */
    size_t answers;  /* bytes of memory that answers take */
    uint64_t swept_us;
    uint64_t now_us;   /* monotonic */
    bool paused;       /* nothing is accepted until the next sweep */
    int error;         /* the channel's */
    struct sbuf plain; /* of the piece at hand */
    uint8_t piece[PIECE];
    uint8_t datagram[DECOY_DATAGRAM_MAX];
};

static void add_count(_Atomic uint64_t *counter, uint64_t n)
{
    (void)atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static void count(_Atomic uint64_t *counter)
{
    add_count(counter, 1);
}

/* --- telling
 * ----------------------------------------------------------------------------------------- */

static void tell(struct decoy_host *h, struct record *r)
{
    uint8_t head[RECORD_HEAD_MAX];
    r->time_us = clock_wall_us();
    struct iovec parts[2] = {
        {.iov_base = head, .iov_len = record_write(r, head)},
        {.iov_base = (void *)(uintptr_t)r->bytes.data, .iov_len = r->bytes.len},
    };
    ssize_t n;
    do {
        n = writev(h->setup->channel, parts, r->bytes.len > 0 ? 2 : 1);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && h->error == 0) {
        h->error = -errno;
    }
}

static void tell_of(struct decoy_host *h, const struct visit *v, enum record_kind kind,
                    enum direction dir)
{
    struct record r = {.kind = kind, .id = v->id, .dir = dir};
    tell(h, &r);
}

static void tell_bytes(struct decoy_host *h, const struct visit *v, enum direction dir,
                       struct span bytes)
{
    struct record r = {.kind = RECORD_DATA, .id = v->id, .dir = dir, .bytes = bytes};
    if (bytes.len > 0) {
        tell(h, &r);
    }
}

/* --- one visit
 * --------------------------------------------------------------------------------------- */

static void wait_for(struct decoy_host *h, struct visit *v, uint32_t events)
{
    if (v->waits_for != events) {
        struct epoll_event event = {.events = events, .data.u32 = v->id};
        (void)epoll_ctl(h->epoll, EPOLL_CTL_MOD, v->fd, &event);
        v->waits_for = events;
    }
}

/* Brings the sum of memory up to date with what this one has. */
static void account(struct decoy_host *h, struct visit *v)
{
    size_t held = v->talk.out.room + v->wire.room + (v->link != NULL ? LINK_BYTES : 0);
    h->answers = h->answers - v->held + held;
    v->held = held;
}

static void leave(struct decoy_host *h, struct visit *v)
{
    (void)close(v->fd);
    v->fd = -1;
    h->answers -= v->held;
    decoy_tls_leave(&v->link);
    sbuf_free(&v->wire);
    sbuf_free(&v->header);
    talk_close(&v->talk);
    h->n_open--;
}

static void announce(struct decoy_host *h, struct visit *v)
{
    count(&h->setup->counts->accepted);
    v->awaits_header = false;
    tell(h, &v->opened);
}

/* Ends before it was known who it is: told as the balancer's, with what there was. */
static void announce_late(struct decoy_host *h, struct visit *v)
{
    if (v->awaits_header) {
        announce(h, v);
        tell_bytes(h, v, TO_SERVER, sbuf_span(&v->header));
    }
}

/* Our side ends, and with it the visit. */
static void end_visit(struct decoy_host *h, struct visit *v)
{
    announce_late(h, v);
    if (!v->told_all) {
        tell_of(h, v, RECORD_END, TO_CLIENT);
    }
    leave(h, v);
}

static void break_off(struct decoy_host *h, struct visit *v, enum direction dir)
{
    announce_late(h, v);
    tell_of(h, v, RECORD_RESET, dir);
    leave(h, v);
}

/* Answers become what is sent. They are told here, since what is sent cannot be read. */
static bool encrypt_answers(struct decoy_host *h, struct visit *v)
{
    while (v->talk.out.len > 0) {
        struct span some = span_head(sbuf_span(&v->talk.out), PIECE);
        if (!decoy_tls_give(v->link, some, &v->wire) || v->wire.cut) {
            return false;
        }
        tell_bytes(h, v, TO_CLIENT, some);
        sbuf_drop(&v->talk.out, some.len);
    }
    if (v->talk.over && !v->told_all) {
        decoy_tls_end(v->link, &v->wire);
    }
    return !v->wire.cut;
}

/* Sends what fits; false when the visit is over. */
static bool send_waiting(struct decoy_host *h, struct visit *v, struct sbuf *waiting)
{
    while (waiting->len > 0) {
        struct span some = span_head(sbuf_span(waiting), PIECE);
        ssize_t n = send(v->fd, some.data, some.len, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            wait_for(h, v, EPOLLOUT); /* and nothing more is read until it went */
            return true;
        }
        if (n < 0) {
            break_off(h, v, TO_SERVER);
            return false;
        }
        if (v->link == NULL) {
            tell_bytes(h, v, TO_CLIENT, span_head(some, (size_t)n));
        }
        sbuf_drop(waiting, (size_t)n);
    }
    wait_for(h, v, EPOLLIN);
    return true;
}

static void send_answers(struct decoy_host *h, struct visit *v)
{
    struct sbuf *waiting = v->link != NULL ? &v->wire : &v->talk.out;
    if (v->link != NULL && !encrypt_answers(h, v)) {
        break_off(h, v, TO_CLIENT);
        return;
    }
    if (send_waiting(h, v, waiting) && waiting->len == 0 && v->talk.over && !v->told_all) {
        (void)shutdown(v->fd, SHUT_WR);
        tell_of(h, v, RECORD_END, TO_CLIENT);
        v->told_all = true;
    }
}

/* What can be read of what came; false when the visit is over. */
static bool take_piece(struct decoy_host *h, struct visit *v, struct span bytes)
{
    bool was_cut = v->talk.cut;
    tell_bytes(h, v, TO_SERVER, bytes);
    talk_data(&v->talk, bytes, clock_wall_us());
    v->head_us = !v->talk.in_head ? 0 : v->head_us != 0 ? v->head_us : h->now_us;
    v->lingered += v->told_all ? bytes.len : 0;
    if (v->talk.cut && !was_cut) {
        count(&h->setup->counts->cut);
    }
    account(h, v);
    if (h->answers > h->setup->limits->memory || v->lingered > LINGER_BYTES) {
        count(&h->setup->counts->cut);
        end_visit(h, v);
        return false;
    }
    return true;
}

/* Who begins TLS says in the clear whom he wants to speak to, and how: that is told as it came. */
static bool tell_hello(struct decoy_host *h, struct visit *v)
{
    struct sbuf hello = decoy_tls_take_hello(v->link);
    bool tells = hello.len > 0;
    for (size_t at = 0; at < hello.len; at += PIECE) {
        tell_bytes(h, v, TO_SERVER, span_sub(sbuf_span(&hello), at, PIECE));
    }
    sbuf_free(&hello);
    return tells;
}

/* A handshake that comes to nothing is told as it came: then what it was stays encrypted. */
static void fail_link(struct decoy_host *h, struct visit *v, struct span bytes)
{
    if (!v->read) {
        tell_bytes(h, v, TO_SERVER, bytes);
    }
    if (send_waiting(h, v, &v->wire)) { /* an alert that says why */
        end_visit(h, v);
    }
}

/* Once, before the first bytes that could be read. */
static void tell_tls(struct decoy_host *h, struct visit *v)
{
    if (!v->read && h->plain.len > 0) {
        struct record r = {.kind = RECORD_TLS, .id = v->id, .listener = decoy_tls_version(v->link)};
        v->read = true;
        tell(h, &r);
    }
}

static void decrypt_piece(struct decoy_host *h, struct visit *v, struct span bytes)
{
    sbuf_reset(&h->plain);
    bool good = decoy_tls_take(v->link, bytes, &h->plain, &v->wire) && !v->wire.cut;
    bool told = tell_hello(h, v);
    tell_tls(h, v);
    for (size_t at = 0; at < h->plain.len; at += PIECE) {
        if (!take_piece(h, v, span_sub(sbuf_span(&h->plain), at, PIECE))) {
            return;
        }
    }
    account(h, v);
    v->talk.over = v->talk.over || decoy_tls_ended(v->link);
    if (!good) {
        fail_link(h, v, told ? span_of(NULL, 0) : bytes);
    } else {
        send_answers(h, v);
    }
}

/* Whoever is greeted first speaks plainly, unless both agreed on something else, and so does who
 * does not begin with a handshake. */
static bool begins_link(const struct decoy_host *h, const struct visit *v, struct span bytes)
{
    const struct talk *t = &v->talk;
    bool may = t->kind == DECOY_HTTP || t->kind == DECOY_LDAP ||
               (t->kind == DECOY_TCP && t->persona->greeting.len == 0);
    bool begins = !v->began && may && decoy_tls_begins(bytes);
    return v->link == NULL && h->setup->tls != NULL && (begins || t->awaits_tls);
}

static void begin_link(const struct decoy_host *h, struct visit *v, struct span bytes)
{
    if (begins_link(h, v, bytes)) {
        v->link = decoy_tls_accept(h->setup->tls);
        v->wire = sbuf_with_cap(WIRE_MAX);
        v->talk.over = v->talk.over || v->link == NULL;
        talk_in_tls(&v->talk);
    }
    v->began = true;
}

static void take_bytes(struct decoy_host *h, struct visit *v, struct span bytes)
{
    struct span header = span_head(bytes, v->header_left);
    tell_bytes(h, v, TO_SERVER, header);
    v->header_left -= header.len;
    bytes = span_from(bytes, header.len);
    if (bytes.len == 0) {
        return;
    }
    begin_link(h, v, bytes);
    if (v->link != NULL) {
        decrypt_piece(h, v, bytes);
    } else if (take_piece(h, v, bytes)) {
        send_answers(h, v);
    }
}

/* --- the door
 * ---------------------------------------------------------------------------------------- */

static struct visit *free_place(struct decoy_host *h)
{
    for (size_t i = 0; h->n_open < h->n_visits && i < h->n_visits; i++) {
        if (h->visits[i].fd < 0) {
            return &h->visits[i];
        }
    }
    return NULL;
}

/* Whether its word about whom it speaks for counts. */
static bool is_balancer(const struct decoy_host *h, const struct addr *peer)
{
    return nets_have(h->setup->proxies, peer);
}

static unsigned visits_of(const struct decoy_host *h, const struct addr *peer)
{
    unsigned n = 0;
    for (size_t i = 0; i < h->n_visits; i++) {
        n += h->visits[i].fd >= 0 && addr_equal(&h->visits[i].opened.peer, peer);
    }
    return n;
}

/* Who it is, is known: told, and greeted. */
static void admit(struct decoy_host *h, struct visit *v)
{
    announce(h, v);
    talk_open(&v->talk);
    account(h, v);
    v->head_us = v->talk.in_head ? h->now_us : 0;
    send_answers(h, v);
}

/* Whom the client connected to; where that was of another family, the listener itself, or, both
 * ends being of one, an address that is none. */
static void name_end(struct visit *v, const struct proxy_header *header)
{
    const uint8_t family = v->opened.peer.family;
    if (header->server.family == family) {
        v->opened.local = header->server;
        v->opened.local_port = header->server_port;
    } else if (v->opened.local.family != family) {
        v->opened.local = (struct addr){.family = family};
    }
}

/* The one whom a balancer speaks for; false when it has been sent away. */
static bool become(struct decoy_host *h, struct visit *v, const struct proxy_header *header)
{
    if (header->bad || header->client.family == 0) {
        return true;
    }
    if (visits_of(h, &header->client) >= h->setup->limits->per_source) {
        count(&h->setup->counts->refused_source);
        leave(h, v);
        return false;
    }
    v->header_left = header->len;
    v->opened.peer = header->client;
    v->opened.peer_port = header->client_port;
    name_end(v, header);
    return true;
}

static void take_header(struct decoy_host *h, struct visit *v, struct span bytes)
{
    struct span some = span_head(bytes, PROXY_HEADER_KEPT - v->header.len);
    struct proxy_header header = {.bad = true};
    if (!sbuf_add(&v->header, some)) {
        end_visit(h, v);
        return;
    }
    struct span kept = sbuf_span(&v->header);
    if (proxy_header_may_begin(kept)) {
        header = proxy_header_find(kept);
        if (header.len == 0) {
            return;
        }
    }
    if (!become(h, v, &header)) {
        return;
    }
    struct sbuf taken = v->header;
    v->header = (struct sbuf){0};
    admit(h, v);
    const struct span parts[] = {sbuf_span(&taken), span_from(bytes, some.len)};
    for (size_t i = 0; i < ARRAY_LEN(parts) && v->fd >= 0; i++) {
        take_bytes(h, v, parts[i]);
    }
    sbuf_free(&taken);
}

static void begin_visit(struct decoy_host *h, struct visit *v, const struct record *opened, int fd)
{
    size_t at = opened->listener;
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = v->id};
    *v = (struct visit){.fd = fd, .id = v->id, .opened = *opened, .waits_for = EPOLLIN};
    v->began_us = v->heard_us = h->now_us;
    v->opened.id = v->id;
    v->talk = (struct talk){.kind = h->setup->listeners->spots[at].kind,
                            .persona = h->setup->personas[at],
                            .limits = h->setup->limits,
                            .offers_tls = h->setup->tls != NULL && h->setup->starttls};
    v->awaits_header = is_balancer(h, &opened->peer);
    v->header = sbuf_with_cap(PROXY_HEADER_KEPT);
    v->head_us = h->now_us;
    h->n_open++;
    if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
        v->awaits_header = true; /* so that it is told */
        break_off(h, v, TO_CLIENT);
    } else if (!v->awaits_header) {
        admit(h, v);
    }
}

static void welcome(struct decoy_host *h, size_t listener, int fd,
                    const struct sockaddr_storage *from)
{
    struct sockaddr_storage here = {0};
    socklen_t len = sizeof(here);
    struct record opened = {.kind = RECORD_OPEN, .listener = (uint16_t)listener};
    opened.peer = sockname_addr(from, &opened.peer_port);
    if (getsockname(fd, (struct sockaddr *)&here, &len) == 0) {
        opened.local = sockname_addr(&here, &opened.local_port);
    }
    struct visit *v = free_place(h);
    bool too_many =
        !is_balancer(h, &opened.peer) && visits_of(h, &opened.peer) >= h->setup->limits->per_source;
    if (v == NULL || too_many || opened.local.family == 0) {
        count(v == NULL ? &h->setup->counts->refused_total : &h->setup->counts->refused_source);
        (void)close(fd);
        return;
    }
    begin_visit(h, v, &opened, fd);
}

static void read_visit(struct decoy_host *h, struct visit *v)
{
    ssize_t n = recv(v->fd, h->piece, sizeof(h->piece), 0);
    struct span bytes = span_of(h->piece, n > 0 ? (size_t)n : 0);
    v->heard_us = n > 0 ? h->now_us : v->heard_us;
    if (n > 0 && v->awaits_header) {
        take_header(h, v, bytes);
    } else if (n > 0) {
        take_bytes(h, v, bytes);
    } else if (n == 0) {
        announce_late(h, v);
        tell_of(h, v, RECORD_END, TO_SERVER);
        end_visit(h, v);
    } else if (errno != EAGAIN && errno != EINTR) {
        break_off(h, v, TO_SERVER);
    }
}

static void serve_visit(struct decoy_host *h, struct visit *v, uint32_t events)
{
    if (v->fd < 0) {
        return; /* ended by an event before this one */
    }
    if ((events & EPOLLOUT) != 0) {
        send_answers(h, v);
    } else {
        read_visit(h, v);
    }
}

static void arm_listeners(struct decoy_host *h, int operation, uint32_t events)
{
    for (size_t i = 0; i < h->setup->listeners->n; i++) {
        struct epoll_event event = {.events = events, .data.u32 = CHANNEL + 1 + (uint32_t)i};
        (void)epoll_ctl(h->epoll, operation, h->setup->listeners->fds[i], &event);
    }
}

/* Where the machine has no descriptor left, nothing is accepted for a moment. */
static void pause_door(struct decoy_host *h)
{
    count(&h->setup->counts->refused_total);
    arm_listeners(h, EPOLL_CTL_MOD, 0);
    h->paused = true;
}

static void take_datagrams(struct decoy_host *h, size_t listener)
{
    for (unsigned i = 0; i < ACCEPT_AT_ONCE; i++) {
        struct record r;
        uint32_t before = atomic_load(&h->setup->counts->lost_of[listener]);
        uint32_t lost = before;
        if (!decoy_datagram_take(h->setup->listeners->fds[listener], h->datagram, &r, &lost)) {
            return;
        }
        add_count(&h->setup->counts->datagrams, 1);
        add_count(&h->setup->counts->datagrams_lost, lost - before);
        atomic_store(&h->setup->counts->lost_of[listener], lost);
        r.kind = RECORD_DATAGRAM;
        r.listener = (uint16_t)listener;
        r.local_port = h->setup->listeners->spots[listener].port;
        if (r.local.family == r.peer.family) {
            tell(h, &r);
        }
    }
}

static void open_door(struct decoy_host *h, size_t listener)
{
    if (decoy_kind_is_datagrams(h->setup->listeners->spots[listener].kind)) {
        take_datagrams(h, listener);
        return;
    }
    for (unsigned i = 0; i < ACCEPT_AT_ONCE && !h->paused; i++) {
        struct sockaddr_storage from = {0};
        socklen_t len = sizeof(from);
        int fd = accept4(h->setup->listeners->fds[listener], (struct sockaddr *)&from, &len,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            welcome(h, listener, fd, &from);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            pause_door(h);
        } else {
            return;
        }
    }
}

/* --- time
 * -------------------------------------------------------------------------------------------- */

static bool is_late(const struct decoy_host *h, const struct visit *v)
{
    const struct decoy_limits *l = h->setup->limits;
    return h->now_us - v->began_us > l->total_us || h->now_us - v->heard_us > l->idle_us ||
           (v->head_us != 0 && h->now_us - v->head_us > l->header_us);
}

static void sweep(struct decoy_host *h)
{
    if (h->now_us - h->swept_us < SWEEP_MS * UINT64_C(1000)) {
        return;
    }
    h->swept_us = h->now_us;
    for (size_t i = 0; i < h->n_visits && h->n_open > 0; i++) {
        struct visit *v = &h->visits[i];
        if (v->fd >= 0 && is_late(h, v)) {
            count(&h->setup->counts->timed_out);
            end_visit(h, v);
        }
    }
    if (h->paused) {
        h->paused = false;
        arm_listeners(h, EPOLL_CTL_MOD, EPOLLIN);
    }
}

/* --- life
 * -------------------------------------------------------------------------------------------- */

struct decoy_host *decoy_host_new(const struct decoy_host_setup *setup)
{
    struct decoy_host *h = mem_alloc(sizeof(*h));
    if (h == NULL) {
        return NULL;
    }
    h->setup = setup;
    h->plain = sbuf_with_cap(4 * PIECE);
    h->n_visits = setup->limits->connections;
    h->visits = mem_alloc_array(h->n_visits, sizeof(*h->visits));
    h->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; h->visits != NULL && i < h->n_visits; i++) {
        h->visits[i].fd = -1;
        h->visits[i].id = (uint32_t)i;
    }
    struct epoll_event event = {.events = EPOLLHUP | EPOLLRDHUP, .data.u32 = CHANNEL};
    if (h->visits == NULL || h->epoll < 0 ||
        epoll_ctl(h->epoll, EPOLL_CTL_ADD, setup->channel, &event) != 0) {
        decoy_host_free(&h);
        return NULL;
    }
    arm_listeners(h, EPOLL_CTL_ADD, EPOLLIN);
    return h;
}

void decoy_host_free(struct decoy_host **h)
{
    if (*h == NULL) {
        return;
    }
    for (size_t i = 0; (*h)->visits != NULL && i < (*h)->n_visits; i++) {
        if ((*h)->visits[i].fd >= 0) {
            leave(*h, &(*h)->visits[i]);
        }
    }
    if ((*h)->epoll >= 0) {
        (void)close((*h)->epoll);
    }
    sbuf_free(&(*h)->plain);
    mem_free((*h)->visits);
    mem_free(*h);
    *h = NULL;
}

static void serve(struct decoy_host *h, const struct epoll_event *event)
{
    uint32_t about = event->data.u32;
    if (about < CHANNEL) {
        serve_visit(h, &h->visits[about], event->events);
    } else if (about > CHANNEL) {
        open_door(h, about - CHANNEL - 1);
    } else if (h->error == 0) {
        h->error = -EPIPE;
    }
}

int decoy_host_run(struct decoy_host *h)
{
    struct epoll_event events[EVENTS];
    while (h->error == 0) {
        int timeout = h->n_open > 0 || h->paused ? SWEEP_MS : -1;
        int n = epoll_wait(h->epoll, events, EVENTS, timeout);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        h->now_us = clock_monotonic_us();
        for (int i = 0; i < n && h->error == 0; i++) {
            serve(h, &events[i]);
        }
        sweep(h);
    }
    return h->error == -EPIPE || h->error == -ECONNRESET ? 0 : h->error;
}
