/* listeners: opening the ports of a honeypot, before rights are given up.
 *
 * A spot of every address is one socket of IPv6 that takes IPv4 as well, or of IPv4 alone where the
 * kernel has no IPv6. SO_REUSEADDR only lets old connections of an earlier run be; a port that
 * somebody else listens at stays theirs. */
#include "sensor/decoy/listeners.h"

#include "sensor/core/sockname.h"
#include "sensor/decoy/datagrams.h"

#include <errno.h>
#include <netinet/in.h>
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

int decoy_listen(struct decoy_listeners *l, const struct decoy_spot *spots, size_t n,
                 struct errbuf *err)
{
    int worst = 0;
    CHECK(n <= DECOY_SPOTS_MAX);
    *l = (struct decoy_listeners){.n = 0};
    for (size_t i = 0; i < n; i++) {
        int rc = open_spot(&spots[i], &l->fds[l->n]);
        if (rc != 0) {
            explain(&spots[i], rc, err);
            worst = rc;
            continue;
        }
        l->spots[l->n] = spots[i];
        learn_port(&l->spots[l->n], l->fds[l->n]);
        l->n++;
    }
    if (worst != 0) {
        decoy_listeners_close(l);
    }
    return worst;
}
