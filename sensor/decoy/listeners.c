/* listeners: opening the ports of a honeypot, before rights are given up.
 *
 * A spot of every address is one socket of IPv6 that takes IPv4 as well, or of IPv4 alone where the
 * kernel has no IPv6. SO_REUSEADDR only lets old connections of an earlier run be; a port that
 * somebody else listens at stays theirs.
 *
 * A service manager may have opened sockets before: each is that of the spot with its address, port
 * and kind. One that belongs to none would be a port at which nobody answers, so it is a mistake.
 */
#include "sensor/decoy/listeners.h"

#include "sensor/core/sockname.h"
#include "sensor/decoy/captured.h"
#include "sensor/decoy/datagrams.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 256 };

static int set_up(int fd, const struct decoy_spot *s, bool v6)
{
    const int one = 1;
    const int both = s->addr.family == 0 ? 0 : 1;
    const struct addr every = {.family = v6 ? 6 : 4};
    struct sockaddr_storage name;
    socklen_t len = sockname_of(s->addr.family != 0 ? &s->addr : &every, s->port, &name);
    bool shares = !decoy_kind_is_datagrams(s->kind); /* with UDP it would be a port of two */
    if ((shares && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0) ||
        (v6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof(both)) != 0) ||
        bind(fd, (struct sockaddr *)&name, len) != 0) {
        return -errno;
    }
    if (decoy_kind_is_datagrams(s->kind)) {
        return decoy_datagrams_set_up(fd, v6);
    }
    return listen(fd, BACKLOG) == 0 ? 0 : -errno;
}

static int open_family(const struct decoy_spot *s, bool v6, int *ret_fd)
{
    int type = decoy_kind_is_datagrams(s->kind) ? SOCK_DGRAM : SOCK_STREAM;
    int fd = socket(v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = fd < 0 ? -errno : set_up(fd, s, v6);
    if (rc != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return rc;
    }
    *ret_fd = fd;
    return 0;
}

static int open_spot(const struct decoy_spot *s, int *ret_fd)
{
    int rc = -EAFNOSUPPORT;
    if (s->addr.family != 4) {
        rc = open_family(s, true, ret_fd);
    }
    bool without_v6 = s->addr.family == 0 && (rc == -EAFNOSUPPORT || rc == -EADDRNOTAVAIL);
    return s->addr.family == 4 || without_v6 ? open_family(s, false, ret_fd) : rc;
}

/* --- sockets that are open already
 * -------------------------------------------------------------- */

/* What a given socket is bound to; false for what is none of a listener's. */
static bool look_at(int fd, bool *ret_datagrams, struct addr *ret_addr, uint16_t *ret_port)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof(name);
    int type = 0;
    int listens = 0;
    socklen_t type_len = sizeof(type);
    socklen_t listens_len = sizeof(listens);
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_len) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &listens_len) != 0 ||
        getsockname(fd, (struct sockaddr *)&name, &len) != 0) {
        return false;
    }
    *ret_datagrams = type == SOCK_DGRAM;
    *ret_addr = sockname_addr(&name, ret_port);
    return ret_addr->family != 0 && (*ret_datagrams || (type == SOCK_STREAM && listens != 0));
}

static bool is_every_address(const struct addr *addr)
{
    const struct addr every = {.family = addr->family};
    return addr_equal(addr, &every);
}

static bool fits(int fd, const struct decoy_spot *s)
{
    bool datagrams;
    struct addr addr;
    uint16_t port;
    if (!look_at(fd, &datagrams, &addr, &port)) {
        return false;
    }
    bool here = s->addr.family == 0 ? is_every_address(&addr) : addr_equal(&addr, &s->addr);
    return here && port == s->port && datagrams == decoy_kind_is_datagrams(s->kind);
}

/* The socket of the spot, from now on its own; -1 when none was given. */
static int take_given(const struct decoy_plan *plan, uint64_t *taken, const struct decoy_spot *s)
{
    for (unsigned i = 0; i < plan->n_given; i++) {
        int fd = plan->given + (int)i;
        if ((*taken >> i & 1) != 0 || !fits(fd, s)) {
            continue;
        }
        *taken |= UINT64_C(1) << i;
        return fd;
    }
    return -1;
}

static int prepare_given(const struct decoy_spot *s, int fd)
{
    int family = AF_INET;
    socklen_t len = sizeof(family);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
        getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &len) != 0) {
        return -errno;
    }
    bool datagrams = decoy_kind_is_datagrams(s->kind);
    return datagrams ? decoy_datagrams_set_up(fd, family == AF_INET6) : 0;
}

static void name_given(int fd, char ret_text[DECOY_NAME_SIZE])
{
    struct decoy_spot spot = {0};
    bool datagrams = false;
    if (!look_at(fd, &datagrams, &spot.addr, &spot.port)) {
        (void)snprintf(ret_text, DECOY_NAME_SIZE, "no socket that listens by TCP or UDP");
        return;
    }
    char text[ADDR_TEXT_SIZE];
    addr_format(&spot.addr, text, sizeof(text));
    (void)snprintf(ret_text, DECOY_NAME_SIZE, "%s, %s port %u", text, datagrams ? "UDP" : "TCP",
                   spot.port);
}

static int refuse_rest(const struct decoy_plan *plan, uint64_t taken, struct errbuf *err)
{
    int rc = 0;
    for (unsigned i = 0; i < plan->n_given; i++) {
        if ((taken >> i & 1) == 0) {
            char text[DECOY_NAME_SIZE];
            name_given(plan->given + (int)i, text);
            errbuf_add(err,
                       "descriptor %d from the service manager belongs to no listener: it is %s. "
                       "Name one in honeypot.listen, or take it out of the socket unit",
                       plan->given + (int)i, text);
            rc = -EINVAL;
        }
    }
    return rc;
}

static int find_or_open(const struct decoy_plan *plan, uint64_t *taken, const struct decoy_spot *s,
                        int *ret_fd)
{
    int fd = take_given(plan, taken, s);
    if (fd < 0) {
        return open_spot(s, ret_fd);
    }
    *ret_fd = fd;
    return prepare_given(s, fd);
}

/* The port that the kernel chose. */
static void learn_port(struct decoy_spot *s, int fd)
{
    struct sockaddr_storage name = {0};
    socklen_t len = sizeof(name);
    if (s->port == 0 && getsockname(fd, (struct sockaddr *)&name, &len) == 0) {
        (void)sockname_addr(&name, &s->port);
        decoy_spot_rename(s);
    }
}

static void explain(const struct decoy_spot *s, int rc, struct errbuf *err)
{
    const char *fix = "";
    if (rc == -EADDRINUSE) {
        fix = ". Another program listens there: end it, or choose another port";
    } else if (rc == -EACCES || rc == -EPERM) {
        fix = ". Ports below 1024 need CAP_NET_BIND_SERVICE: start as root, or choose another port";
    } else if (rc == -EADDRNOTAVAIL) {
        fix = ". This machine has no such address";
    }
    errbuf_add(err, "cannot listen at '%s': %s%s", s->name, strerror(-rc), fix);
}

void decoy_listeners_close(struct decoy_listeners *l)
{
    for (size_t i = 0; i < l->n; i++) {
        (void)close(l->fds[i]);
    }
    l->n = 0;
}

int decoy_listen(struct decoy_listeners *l, const struct decoy_plan *plan, struct errbuf *err)
{
    uint64_t taken = 0;
    const struct decoy_spot *spots = plan->spots;
    CHECK(plan->n_spots <= DECOY_SPOTS_MAX && plan->n_given <= DECOY_SPOTS_MAX);
    *l = (struct decoy_listeners){.n = 0};
    int worst = decoy_check_captured(plan, err);
    if (worst != 0) {
        return worst;
    }
    for (size_t i = 0; i < plan->n_spots; i++) {
        int rc = find_or_open(plan, &taken, &spots[i], &l->fds[l->n]);
        if (rc != 0) {
            explain(&spots[i], rc, err);
            worst = rc;
            continue;
        }
        l->spots[l->n] = spots[i];
        learn_port(&l->spots[l->n], l->fds[l->n]);
        l->n++;
    }
    int rc_rest = refuse_rest(plan, taken, err);
    worst = worst != 0 ? worst : rc_rest;
    if (worst != 0) {
        decoy_listeners_close(l);
    }
    return worst;
}
