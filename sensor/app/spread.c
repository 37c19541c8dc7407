/* spread: which worker a packet goes to, and a guess of its flow.
 *
 * The first runs on the reading thread for every packet, so it looks no further than the addresses
 * of the outermost IP header. A link layer that it does not know sends all its packets to the first
 * worker: slower, never wrong. The guess is made by the worker itself, ahead of decoding, and goes
 * to the ports: what it does not know costs a wait for memory. */
#include "sensor/app/spread.h"

#include "sensor/base/cursor.h"
#include "sensor/base/hash.h"
#include "sensor/base/wire.h"

#include <pcap/dlt.h>

enum { ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd, ETHERTYPE_MPLS = 0x8847, VLANS_MAX = 4 };

static bool is_vlan(uint16_t type)
{
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

/* Leaves the cursor on the IP header. */
static bool skip_ether_type(struct cursor *c, uint16_t type)
{
    for (unsigned i = 0; is_vlan(type) && i < VLANS_MAX; i++) {
        cursor_skip(c, 2);
        type = cursor_be16(c);
    }
    while (type == ETHERTYPE_MPLS && !cursor_bad(c)) {
        if ((cursor_be32(c) & 0x100) != 0) {
            return true; /* bottom of the stack */
        }
    }
    return type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6;
}

static bool skip_link(struct cursor *c, int link_type)
{
    switch (link_type) {
    case DLT_EN10MB:
        cursor_skip(c, 12);
        return skip_ether_type(c, cursor_be16(c));
    case DLT_LINUX_SLL:
        cursor_skip(c, 14);
        return skip_ether_type(c, cursor_be16(c));
    case DLT_LINUX_SLL2: {
        uint16_t type = cursor_be16(c);
        cursor_skip(c, 18);
        return skip_ether_type(c, type);
    }
    case DLT_NULL:
    case DLT_LOOP:
        cursor_skip(c, 4);
        return true;
    case DLT_RAW:
    case 101: /* LINKTYPE_RAW */
    case 228: /* LINKTYPE_IPV4 */
    case 229: /* LINKTYPE_IPV6 */
        return true;
    default: /* numbers, not an enum */
        return false;
    }
}

/* The same for both orders: sums and differences have none. Addresses of 4 or 16 bytes. */
static uint64_t spread_of(struct span a, struct span b)
{
    if (a.len == 4) {
        uint32_t x = wire_be32(a, 0);
        uint32_t y = wire_be32(b, 0);
        const uint64_t word = (uint64_t)(x + y) << 32 | (x ^ y);
        return hash_words_fixed(&word, 1);
    }
    uint64_t words[4];
    for (size_t i = 0; i < 2; i++) {
        uint64_t x = wire_be64(a, i * 8);
        uint64_t y = wire_be64(b, i * 8);
        words[i] = x + y;
        words[i + 2] = x ^ y;
    }
    return hash_words_fixed(words, ARRAY_LEN(words));
}

uint64_t packet_spread(const struct packet *packet)
{
    struct cursor c = cursor_of(packet->data);
    if (!skip_link(&c, packet->link_type)) {
        return 0;
    }
    uint8_t version = cursor_u8(&c) >> 4;
    size_t len = version == 4 ? 4 : 16;
    cursor_skip(&c, version == 4 ? 11 : 7);
    struct span src = cursor_bytes(&c, len);
    struct span dst = cursor_bytes(&c, len);
    return cursor_bad(&c) || (version != 4 && version != 6) ? 0 : spread_of(src, dst);
}

enum { FRAGMENT = 0x3fff, IPV4_MIN = 20 };

/* From behind the first byte of the header to the ports. */
static bool peek_ipv4(struct cursor *c, uint8_t first, struct headers *ret)
{
    size_t len = (size_t)(first & 15) * 4;
    cursor_skip(c, 5);
    bool whole = (cursor_be16(c) & FRAGMENT) == 0;
    cursor_skip(c, 1);
    ret->proto = cursor_u8(c);
    cursor_skip(c, 2);
    struct span src = cursor_bytes(c, 4);
    struct span dst = cursor_bytes(c, 4);
    if (!whole || len < IPV4_MIN || cursor_bad(c)) {
        return false;
    }
    ret->src = addr_v4(src);
    ret->dst = addr_v4(dst);
    cursor_skip(c, len - IPV4_MIN);
    return true;
}

static bool peek_ipv6(struct cursor *c, struct headers *ret)
{
    cursor_skip(c, 5);
    ret->proto = cursor_u8(c);
    cursor_skip(c, 1);
    struct span src = cursor_bytes(c, 16);
    struct span dst = cursor_bytes(c, 16);
    if (cursor_bad(c)) {
        return false;
    }
    ret->src = addr_v6(src);
    ret->dst = addr_v6(dst);
    return true;
}

bool packet_peek(const struct packet *packet, struct headers *ret_headers)
{
    struct cursor c = cursor_of(packet->data);
    if (!skip_link(&c, packet->link_type)) {
        return false;
    }
    uint8_t first = cursor_u8(&c);
    bool known = first >> 4 == 4   ? peek_ipv4(&c, first, ret_headers)
                 : first >> 4 == 6 ? peek_ipv6(&c, ret_headers)
                                   : false;
    ret_headers->src_port = cursor_be16(&c);
    ret_headers->dst_port = cursor_be16(&c);
    return known && !cursor_bad(&c) &&
           (ret_headers->proto == IP_PROTO_TCP || ret_headers->proto == IP_PROTO_UDP);
}
