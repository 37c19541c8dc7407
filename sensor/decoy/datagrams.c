/* datagrams: what comes by UDP, and where to.
 *
 * A socket of every address tells with each datagram which of them was meant (RFC 3542; ip(7)).
 * Nothing is ever answered: the sender may be made up. */
#include "sensor/decoy/datagrams.h"

#include "sensor/base/bytes.h"
#include "sensor/core/sockname.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>

enum { CONTROL_BYTES = 256 };

int decoy_datagrams_set_up(int fd, bool v6)
{
    const int one = 1;
    int level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
    int option = v6 ? IPV6_RECVPKTINFO : IP_PKTINFO;
    bool good = setsockopt(fd, level, option, &one, sizeof(one)) == 0 &&
                setsockopt(fd, SOL_SOCKET, SO_RXQ_OVFL, &one, sizeof(one)) == 0;
    return good ? 0 : -errno;
}

static void take_control(const struct cmsghdr *c, struct record *r, uint32_t *ret_lost)
{
    struct in_pktinfo info4;
    struct in6_pktinfo info6;
    if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
        bytes_copy(&info4, CMSG_DATA(c), sizeof(info4));
        r->local = addr_v4(span_of(&info4.ipi_addr, sizeof(info4.ipi_addr)));
    } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
        bytes_copy(&info6, CMSG_DATA(c), sizeof(info6));
        r->local = sockname_addr_v6(span_of(&info6.ipi6_addr, sizeof(info6.ipi6_addr)));
    } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_RXQ_OVFL) {
        bytes_copy(ret_lost, CMSG_DATA(c), sizeof(*ret_lost));
    }
}

bool decoy_datagram_take(int fd, uint8_t room[DECOY_DATAGRAM_MAX], struct record *ret_record,
                         uint32_t *ret_lost)
{
    struct sockaddr_storage from = {0};
    _Alignas(struct cmsghdr) uint8_t control[CONTROL_BYTES] = {0};
    struct iovec part = {.iov_base = room, .iov_len = DECOY_DATAGRAM_MAX};
    struct msghdr message = {
        .msg_name = &from,
        .msg_namelen = sizeof(from),
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control,
        .msg_controllen = sizeof(control),
    };
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
    if (n < 0) {
        return false;
    }
    struct record r = {.dir = TO_SERVER, .bytes = span_of(room, (size_t)n)};
    r.peer = sockname_addr(&from, &r.peer_port);
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c != NULL; c = CMSG_NXTHDR(&message, c)) {
        take_control(c, &r, ret_lost);
    }
    *ret_record = r;
    return true;
}
