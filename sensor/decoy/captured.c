/* captured: interfaces that somebody captures from, as the kernel counts them.
 *
 * Who captures wants packets that are not for this machine, so the interface is promiscuous. The
 * count of that is told by rtnetlink(7) alone: flags that are asked for otherwise leave out what
 * packet sockets brought about, and a folder of sysfs may be that of another network namespace. Who
 * captures without that is not noticed: the sockets alone are also those of DHCP clients. */
#include "sensor/decoy/captured.h"

#include "sensor/base/bytes.h"
#include "sensor/base/sbuf.h"
#include "sensor/capture/netlink.h"
#include "sensor/core/sockname.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

enum { REPLY_BYTES = 64 * 1024, FLAGS_AT = 8 };

struct look {
    const struct decoy_plan *plan;
    const struct ifaddrs *addrs; /* of all interfaces */
    struct errbuf *err;
    int rc;
};

static bool is_allowed(const struct decoy_plan *plan, const char *name)
{
    for (size_t i = 0; plan->allow_on != NULL && i < plan->allow_on->n; i++) {
        if (strcmp(plan->allow_on->items[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static struct addr addr_of(const struct ifaddrs *one)
{
    struct sockaddr_storage name = {0};
    uint16_t port;
    int family = one->ifa_addr != NULL ? one->ifa_addr->sa_family : AF_UNSPEC;
    if (family != AF_INET && family != AF_INET6) {
        return (struct addr){.family = 0};
    }
    bytes_copy(&name, one->ifa_addr,
               family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
    return sockname_addr(&name, &port);
}

static bool is_at(const struct decoy_spot *spot, const struct ifaddrs *addrs, const char *name)
{
    for (const struct ifaddrs *one = addrs; one != NULL; one = one->ifa_next) {
        struct addr addr = addr_of(one);
        if (addr.family != 0 && strcmp(one->ifa_name, name) == 0 &&
            (spot->addr.family == 0 || addr_equal(&spot->addr, &addr))) {
            return true;
        }
    }
    return false;
}

static void refuse_at(struct look *look, const char *name)
{
    const struct decoy_spot *first = NULL;
    size_t n = 0;
    for (size_t i = 0; i < look->plan->n_spots; i++) {
        const struct decoy_spot *spot = &look->plan->spots[i];
        if (is_at(spot, look->addrs, name)) {
            first = first != NULL ? first : spot;
            n++;
        }
    }
    if (first == NULL) {
        return;
    }
    errbuf_add(look->err,
               "cannot listen at '%s'%s: packets of its interface '%s' are captured (it is "
               "promiscuous). Listen at an address of another one, or allow it: --set "
               "honeypot.allow_on=%s",
               first->name, n > 1 ? " and others" : "", name, name);
    look->rc = -EADDRINUSE;
}

/* RTM_NEWLINK: struct ifinfomsg, and what there is to tell. */
static void look_at_link(struct look *look, struct span body)
{
    char name[IF_NAMESIZE] = "";
    uint32_t promiscuous = 0;
    struct netlink_attribute a;
    struct span rest = span_from(body, sizeof(struct ifinfomsg));
    while (netlink_next_attribute(&rest, &a)) {
        if (a.type == IFLA_PROMISCUITY) {
            promiscuous = netlink_u32(a.value, 0);
        } else if (a.type == IFLA_IFNAME) {
            bytes_copy(name, a.value.data, a.value.len < IF_NAMESIZE ? a.value.len : 0);
        }
    }
    name[IF_NAMESIZE - 1] = '\0';
    bool loops = (netlink_u32(body, FLAGS_AT) & IFF_LOOPBACK) != 0;
    if (promiscuous > 0 && !loops && !is_allowed(look->plan, name)) {
        refuse_at(look, name);
    }
}

/* false when nothing more follows. */
static bool look_at_reply(struct look *look, struct span reply)
{
    struct netlink_message message;
    while (netlink_next(&reply, &message)) {
        if (message.type == NLMSG_DONE || message.type == NLMSG_ERROR) {
            return false;
        }
        if (message.type == RTM_NEWLINK) {
            look_at_link(look, message.body);
        }
    }
    return true;
}

static void look_at_links(struct look *look, int fd, struct sbuf *reply)
{
    const struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } request = {
        .header = {.nlmsg_len = sizeof(request),
                   .nlmsg_type = RTM_GETLINK,
                   .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
        .link = {.ifi_family = AF_UNSPEC},
    };
    uint8_t *to = sbuf_reserve(reply, REPLY_BYTES);
    bool more = to != NULL && send(fd, &request, sizeof(request), 0) == (ssize_t)sizeof(request);
    while (more) {
        ssize_t n = recv(fd, to, REPLY_BYTES, 0);
        more = n > 0 && look_at_reply(look, span_of(to, (size_t)n));
    }
}

int decoy_check_captured(const struct decoy_plan *plan, struct errbuf *err)
{
    struct ifaddrs *addrs = NULL;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0 || getifaddrs(&addrs) != 0) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return 0;
    }
    struct look look = {.plan = plan, .addrs = addrs, .err = err};
    struct sbuf reply = sbuf_with_cap(REPLY_BYTES);
    look_at_links(&look, fd, &reply);
    sbuf_free(&reply);
    freeifaddrs(addrs);
    (void)close(fd);
    return look.rc;
}
