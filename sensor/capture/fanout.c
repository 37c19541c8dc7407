/* fanout: packet(7), PACKET_FANOUT.
 *
 * What belongs together has to come to the same worker: both directions of a flow, a flow's
 * fragments and its whole packets, both directions of a tunnel. The kernel's own hash of a flow
 * takes ports in where it sees them, so a flow of which one segment comes in IPv6 fragments, or a
 * VXLAN tunnel, whose source ports differ, falls apart. The addresses alone never do; the price is
 * that two hosts are one worker's load. The program is classic BPF: it runs in every kernel, needs
 * no right of its own, and is given in the same call for every socket of the group.
 *
 * A VLAN tag is off when it runs; a second one is skipped. What is no IP goes to the first socket.
 */
#include "sensor/capture/fanout.h"

#include "sensor/base/bytes.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stddef.h>
#include <sys/socket.h>

#define NET(off)           ((uint32_t)(SKF_NET_OFF + (off)))
#define LOAD(off)          BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NET(off))
#define LOAD_HALF(off)     BPF_STMT(BPF_LD | BPF_H | BPF_ABS, NET(off))
#define XOR_WITH_X         BPF_STMT(BPF_ALU | BPF_XOR | BPF_X, 0)
#define TO_X               BPF_STMT(BPF_MISC | BPF_TAX, 0)
#define IF(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, yes, no)
#define XOR_IN(off)        TO_X, LOAD(off), XOR_WITH_X
/* Knuth's multiplicative hash: the upper bits, which depend on all lower ones. */
#define RETURN_MIXED                                                                               \
    BPF_STMT(BPF_ALU | BPF_MUL | BPF_K, 2654435761u), BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 16),     \
        BPF_STMT(BPF_RET | BPF_A, 0)
#define RETURN_FIRST BPF_STMT(BPF_RET | BPF_K, 0)
/* Addresses from `at` bytes behind the network header's start. */
#define HASH_IPV4(at) LOAD((at) + 12), XOR_IN((at) + 16), RETURN_MIXED
#define HASH_IPV6(at)                                                                              \
    LOAD((at) + 8), XOR_IN((at) + 12), XOR_IN((at) + 16), XOR_IN((at) + 20), XOR_IN((at) + 24),    \
        XOR_IN((at) + 28), XOR_IN((at) + 32), XOR_IN((at) + 36), RETURN_MIXED

enum { IPV4_LEN = 7, IPV6_LEN = 25, TAG = 4 };

/* Reads either protocol behind `load`; what is neither goes on behind it. */
#define HASH_EITHER(load, at)                                                                      \
    load, IF(ETH_P_IP, 0, IPV4_LEN), HASH_IPV4(at), load, IF(ETH_P_IPV6, 0, IPV6_LEN), HASH_IPV6(at)

static const struct sock_filter by_addresses[] = {
    HASH_EITHER(BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)), 0),
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL)),
    IF(ETH_P_8021Q, 2, 0),
    IF(ETH_P_8021AD, 1, 0),
    RETURN_FIRST,
    HASH_EITHER(LOAD_HALF(2), TAG),
    RETURN_FIRST,
};

int fanout_join(int fd, uint16_t group, enum fanout_by by)
{
    uint32_t how = by == FANOUT_ADDRESSES ? PACKET_FANOUT_CBPF
                                          : PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_DEFRAG;
    uint32_t value = how << 16 | group;
    if (setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, sizeof(value)) != 0) {
        return -errno;
    }
    if (by != FANOUT_ADDRESSES) {
        return 0;
    }
    struct sock_filter copy[ARRAY_LEN(by_addresses)]; /* which the call wants without const */
    bytes_copy(copy, by_addresses, sizeof(copy));
    struct sock_fprog program = {.len = ARRAY_LEN(copy), .filter = copy};
    return setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &program, sizeof(program)) == 0 ? 0
                                                                                          : -errno;
}
