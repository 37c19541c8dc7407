/* peer: sockets that are written to and never read.
 *
 * Sockets do not block: what they do not take is waited for with poll(), for as long as the caller
 * may be kept. A name is resolved whenever it is connected to, so that a server may move.
 *
 * Whether a local socket's peer has read what it was sent is known by the memory that Linux counts
 * for the sender until then (sock(7), SO_MEMINFO). A stream whose peer closes it before that is
 * reset (unix(7)); of datagrams nothing is said, so there the question is whether the same socket
 * still listens. */
#include "sensor/output/peer.h"

#include "sensor/base/bytes.h"
#include "sensor/base/idle.h"
#include "sensor/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <netdb.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONNECT_MS = 1000, WAIT_MS = 200, GLANCE_US = 20, GLANCE_MAX_US = 1000 };

/* Which local socket has a name. An inode's number may be used again at once, so a socket is known
 * by when it was made, too. */
struct identity {
    uint64_t inode; /* 0: none has it */
    struct statx_timestamp born;
};

struct peer {
    enum peer_kind kind;
    const char *where;
    atomic_int fd; /* -1: not connected */
    atomic_bool aborted;
    struct identity connected; /* of datagrams: the socket that the name led to */
};

int peer_check_path(const char *path, struct errbuf *err)
{
    struct sockaddr_un address;
    size_t len = span_str(path).len;
    if (len == 0) {
        errbuf_add(err, "an output needs a target: the path of a socket");
        return -EINVAL;
    }
    if (len >= sizeof(address.sun_path)) {
        errbuf_add(err, "socket path '%.40s…' is %zu bytes, the limit is %zu", path, len,
                   sizeof(address.sun_path) - 1);
        return -ENAMETOOLONG;
    }
    return 0;
}

bool peer_split(const char *address, char ret_host[256], char ret_port[16])
{
    struct span whole = span_str(address);
    size_t colon = span_rfind_byte(whole, ':');
    uint64_t port = 0;
    if (colon == SPAN_NONE || !span_to_u64(span_from(whole, colon + 1), &port) || port == 0 ||
        port > 65535) {
        return false;
    }
    struct span host = span_head(whole, colon);
    if (span_at(host, 0) == '[' && span_at(host, host.len - 1) == ']') {
        host = span_sub(host, 1, host.len - 2);
    }
    if (host.len == 0 || host.len >= 256) {
        return false;
    }
    (void)snprintf(ret_host, 256, "%.*s", (int)host.len, (const char *)host.data);
    (void)snprintf(ret_port, 16, "%u", (unsigned)port);
    return true;
}

int peer_check_address(const char *address, struct errbuf *err)
{
    char host[256];
    char port[16];
    if (!peer_split(address, host, port)) {
        errbuf_add(err, "'%.80s' is no address; example: 127.0.0.1:6379, [::1]:6379", address);
        return -EINVAL;
    }
    return 0;
}

struct peer *peer_new(enum peer_kind kind, const char *where)
{
    struct peer *p = mem_alloc(sizeof(*p));
    if (p != NULL) {
        p->kind = kind;
        p->where = where;
        atomic_init(&p->fd, -1);
    }
    return p;
}

void peer_hang_up(struct peer *p)
{
    int fd = atomic_exchange(&p->fd, -1);
    if (fd >= 0) {
        (void)close(fd);
    }
}

void peer_free(struct peer **p)
{
    if (*p != NULL) {
        peer_hang_up(*p);
        mem_free(*p);
        *p = NULL;
    }
}

/* Waits until the socket can be written to. 0, -EAGAIN, or the socket's own trouble. */
static int wait_writable(int fd, int ms)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int n = poll(&ready, 1, ms);
    if (n < 0) {
        return errno == EINTR ? -EAGAIN : -errno;
    }
    return n == 0 ? -EAGAIN : 0;
}

static int connect_within(int fd, const struct sockaddr *address, socklen_t len)
{
    if (connect(fd, address, len) == 0) {
        return 0;
    }
    if (errno != EINPROGRESS) {
        return -errno; /* of a unix socket EAGAIN: its backlog is full */
    }
    int error = 0;
    socklen_t size = sizeof(error);
    if (wait_writable(fd, CONNECT_MS) != 0) {
        return -ETIMEDOUT;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 ? -errno : -error;
}

static int open_socket(int family, int type, const struct sockaddr *address, socklen_t len)
{
    int fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    int rc = fd < 0 ? -errno : connect_within(fd, address, len);
    if (rc != 0 && fd >= 0) {
        (void)close(fd);
    }
    return rc != 0 ? rc : fd;
}

static int open_unix(const char *path, int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
    int fd = open_socket(AF_UNIX, type, (const struct sockaddr *)&address, sizeof(address));
    return fd == -EAGAIN ? -ECONNREFUSED : fd;
}

static int open_inet(const char *where, int type)
{
    char host[256];
    char port[16];
    struct addrinfo hints = {.ai_socktype = type, .ai_flags = AI_ADDRCONFIG};
    struct addrinfo *found = NULL;
    if (!peer_split(where, host, port) || getaddrinfo(host, port, &hints, &found) != 0) {
        return -EHOSTUNREACH;
    }
    int fd = -EHOSTUNREACH;
    for (const struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next) {
        fd = open_socket(a->ai_family, type, a->ai_addr, a->ai_addrlen);
    }
    freeaddrinfo(found);
    return fd;
}

static struct identity identity_of(const char *path)
{
    struct statx st;
    if (statx(AT_FDCWD, path, 0, STATX_INO | STATX_BTIME, &st) != 0) {
        return (struct identity){0};
    }
    return (struct identity){.inode = st.stx_ino, .born = st.stx_btime};
}

static bool is_same(const struct identity *a, const struct identity *b)
{
    return a->inode == b->inode && a->born.tv_sec == b->born.tv_sec &&
           a->born.tv_nsec == b->born.tv_nsec;
}

int peer_connect(struct peer *p, bool *ret_new)
{
    int fd = -EINVAL;
    if (ret_new != NULL) {
        *ret_new = false;
    }
    if (atomic_load(&p->aborted)) {
        return -ECONNABORTED;
    }
    if (atomic_load(&p->fd) >= 0) {
        return 0;
    }
    switch (p->kind) {
    case PEER_UNIX_STREAM:
        fd = open_unix(p->where, SOCK_STREAM);
        break;
    case PEER_UNIX_DGRAM:
        p->connected = identity_of(p->where);
        fd = open_unix(p->where, SOCK_DGRAM);
        break;
    case PEER_UDP:
        fd = open_inet(p->where, SOCK_DGRAM);
        break;
    case PEER_TCP:
        fd = open_inet(p->where, SOCK_STREAM);
        break;
    }
    if (fd < 0) {
        return fd;
    }
    atomic_store(&p->fd, fd);
    if (ret_new != NULL) {
        *ret_new = true;
    }
    return 0;
}

/* The trouble that a socket has by itself; -EPIPE when its peer left without any. */
static int trouble_of(int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0) {
        return -error;
    }
    return -EPIPE;
}

int peer_write(struct peer *p, struct span data, size_t *ret_done)
{
    int fd = atomic_load(&p->fd);
    int rc = 0;
    *ret_done = 0;
    while (*ret_done < data.len && rc == 0) {
        struct span rest = span_from(data, *ret_done);
        ssize_t n = send(fd, rest.data, rest.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n > 0) {
            *ret_done += (size_t)n;
        } else if (n < 0 && errno == EAGAIN) {
            rc = wait_writable(fd, WAIT_MS);
        } else if (n == 0 || errno != EINTR) {
            rc = n < 0 && errno != EPIPE ? -errno : trouble_of(fd);
            rc = p->kind == PEER_TCP && rc == -EPIPE ? -ECONNRESET : rc;
        }
    }
    if (rc != 0 && rc != -EAGAIN) {
        peer_hang_up(p);
    }
    return rc;
}

int peer_send(struct peer *p, struct span data)
{
    int fd = atomic_load(&p->fd);
    for (unsigned tries = 0; tries < 2; tries++) {
        ssize_t n = send(fd, data.data, data.len, MSG_NOSIGNAL | MSG_DONTWAIT);
        int error = n >= 0 ? 0 : errno;
        if (error == EAGAIN || error == EINTR || error == ENOBUFS) {
            int rc = wait_writable(fd, WAIT_MS);
            if (rc != 0) {
                return rc;
            }
            continue;
        }
        if (error != 0 && error != EMSGSIZE) {
            peer_hang_up(p);
        }
        return -error;
    }
    return -EAGAIN;
}

static bool has_unread(int fd)
{
    uint32_t memory[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof(memory);
    return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, memory, &size) == 0 &&
           memory[SK_MEMINFO_WMEM_ALLOC] > 0;
}

static int settle_stream(int fd)
{
    bool unread = has_unread(fd); /* asked first: what dies with the peer is not unread any more */
    struct pollfd state = {.fd = fd, .events = POLLOUT};
    (void)poll(&state, 1, 0);
    if ((state.revents & (POLLHUP | POLLERR)) != 0) {
        return trouble_of(fd);
    }
    return unread ? -EAGAIN : 0;
}

static int settle_datagrams(const struct peer *p, int fd)
{
    if (has_unread(fd)) {
        return -EAGAIN;
    }
    int probe = open_unix(p->where, SOCK_DGRAM);
    if (probe >= 0) {
        (void)close(probe);
    }
    struct identity now = identity_of(p->where);
    return probe >= 0 && is_same(&now, &p->connected) ? 0 : -ECONNREFUSED;
}

int peer_settle(struct peer *p)
{
    int fd = atomic_load(&p->fd);
    int rc = 0;
    if (p->kind == PEER_UDP || p->kind == PEER_TCP) {
        return 0;
    }
    struct idle idle = {.least_us = GLANCE_US, .most_us = GLANCE_MAX_US};
    for (uint32_t waited_us = 0; waited_us < WAIT_MS * 1000; waited_us += idle_pause(&idle)) {
        rc = p->kind == PEER_UNIX_STREAM ? settle_stream(fd) : settle_datagrams(p, fd);
        if (rc != -EAGAIN) {
            break;
        }
    }
    if (rc != 0 && rc != -EAGAIN) {
        peer_hang_up(p);
    }
    return rc;
}

void peer_abort(struct peer *p)
{
    atomic_store(&p->aborted, true);
    int fd = atomic_load(&p->fd);
    if (fd >= 0) {
        (void)shutdown(fd, SHUT_RDWR);
    }
}
