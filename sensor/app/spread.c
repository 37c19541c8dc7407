/* spread: which worker a packet goes to.
 *
 * Runs on the reading thread for every packet, so it looks no further than the addresses of the
 * outermost IP header. A link layer that it does not know sends all its packets to the first
 * worker: slower, never wrong. */
#include "sensor/app/spread.h"

#include "sensor/base/cursor.h"
#include "sensor/base/hash.h"

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

static uint64_t spread_of(struct span a, struct span b)
{
    return hash_fixed(a) ^ hash_fixed(b); /* symmetric */
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
