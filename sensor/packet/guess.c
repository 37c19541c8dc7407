/* guess: telling packets from other bytes by their content.
 *
 * MPLS does not say what it carries, and a UDP port says little: but the length of an IP packet and
 * its header checksum (IPv4) or exact fit (IPv6) are hard to meet by chance. */
#include "sensor/packet/guess.h"

#include "sensor/base/wire.h"
#include "sensor/packet/checksum.h"

enum {
    ETHER_HEADER = 14,
    TAG = 4,
    MAX_TAGS = 8,
    PPPOE_HEADER = 6,
    PPP_HEADER = 2,
    V4_HEADER = 20,
    V6_HEADER = 40,
};

enum guess guess_ip(struct span s, size_t left)
{
    unsigned version = wire_u8(s, 0) >> 4;
    if (version == 4 && s.len >= V4_HEADER) {
        size_t header = (size_t)(wire_u8(s, 0) & 0x0f) * 4;
        size_t total = wire_be16(s, 2);
        if (header < V4_HEADER || total < header || total > left) {
            return GUESS_NO;
        }
        bool right = checksum_ipv4(wire_sub(s, 0, header)) == CHECKSUM_GOOD;
        return right ? GUESS_SURE : GUESS_POSSIBLE;
    }
    if (version == 6 && s.len >= V6_HEADER) {
        size_t total = V6_HEADER + (size_t)wire_be16(s, 4);
        return total == left ? GUESS_SURE : total < left ? GUESS_POSSIBLE : GUESS_NO;
    }
    return GUESS_NO;
}

/* Session data of PPPoE (RFC 2516), whose own length says where they end. */
static enum guess guess_pppoe(struct span s, size_t left)
{
    size_t len = wire_be16(s, 4);
    if (s.len < PPPOE_HEADER + PPP_HEADER || wire_be16(s, 0) != 0x1100 || len < PPP_HEADER ||
        len > left - PPPOE_HEADER) {
        return GUESS_NO;
    }
    uint16_t protocol = wire_be16(s, PPPOE_HEADER);
    bool ip = protocol == 0x0021 || protocol == 0x0057;
    return ip ? guess_ip(wire_from(s, PPPOE_HEADER + PPP_HEADER), len - PPP_HEADER)
              : GUESS_POSSIBLE;
}

static bool is_tag(uint16_t type)
{
    return type == 0x8100 || type == 0x88a8 || type == 0x9100 || type == 0x9200 || type == 0x9300;
}

enum guess guess_ether(struct span s, size_t left)
{
    size_t off = ETHER_HEADER;
    uint16_t type = wire_be16(s, off - 2);
    while (is_tag(type) && off < ETHER_HEADER + MAX_TAGS * TAG) {
        off += TAG;
        type = wire_be16(s, off - 2);
    }
    if (s.len < off) {
        return GUESS_NO;
    }
    switch (type) {
    case 0x0800:
    case 0x86dd:
        return guess_ip(wire_from(s, off), left - off);
    case 0x8864:
        return guess_pppoe(wire_from(s, off), left - off);
    default:
        return GUESS_POSSIBLE;
    }
}
