/* scope: the special-purpose address ranges, so that a dashboard can tell inside from outside
 * without knowing them.
 *
 * IANA's IPv4 and IPv6 special-purpose registries (RFC 6890, RFC 8190). Unique local addresses
 * and local translation prefixes (RFC 8215) count as private, benchmarking ones as reserved. */
#include "sensor/enrich/scope.h"

#include "sensor/base/bytes.h"

struct range {
    uint8_t bytes[16];
    uint8_t family;
    uint8_t prefix_len;
    enum scope scope;
};

static const struct range ranges[] = {
    {{0}, 4, 8, SCOPE_RESERVED},
    {{10}, 4, 8, SCOPE_PRIVATE},
    {{100, 64}, 4, 10, SCOPE_CGNAT},
    {{127}, 4, 8, SCOPE_LOOPBACK},
    {{169, 254}, 4, 16, SCOPE_LINKLOCAL},
    {{172, 16}, 4, 12, SCOPE_PRIVATE},
    {{192, 0, 0}, 4, 24, SCOPE_RESERVED},
    {{192, 0, 2}, 4, 24, SCOPE_DOCUMENTATION},
    {{192, 168}, 4, 16, SCOPE_PRIVATE},
    {{198, 18}, 4, 15, SCOPE_RESERVED},
    {{198, 51, 100}, 4, 24, SCOPE_DOCUMENTATION},
    {{203, 0, 113}, 4, 24, SCOPE_DOCUMENTATION},
    {{224}, 4, 4, SCOPE_MULTICAST},
    {{240}, 4, 4, SCOPE_RESERVED},
    {{0}, 6, 128, SCOPE_RESERVED},
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 6, 128, SCOPE_LOOPBACK},
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 6, 48, SCOPE_PRIVATE},
    {{0x01}, 6, 64, SCOPE_RESERVED},
    {{0x20, 0x01, 0x00, 0x02}, 6, 48, SCOPE_RESERVED},
    {{0x20, 0x01, 0x0d, 0xb8}, 6, 32, SCOPE_DOCUMENTATION},
    {{0x3f, 0xff}, 6, 20, SCOPE_DOCUMENTATION},
    {{0x5f}, 6, 16, SCOPE_RESERVED},
    {{0xfc}, 6, 7, SCOPE_PRIVATE},
    {{0xfe, 0x80}, 6, 10, SCOPE_LINKLOCAL},
    {{0xff}, 6, 8, SCOPE_MULTICAST},
};

enum scope scope_of(const struct addr *addr)
{
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        struct addr net = {.family = ranges[i].family};
        bytes_copy(net.bytes, ranges[i].bytes, sizeof(net.bytes));
        if (addr_in_net(addr, &net, ranges[i].prefix_len)) {
            return ranges[i].scope;
        }
    }
    return SCOPE_GLOBAL;
}

static const struct {
    uint8_t prefix[16];
    uint8_t prefix_len;
    uint8_t off;  /* of the four bytes */
    uint8_t mask; /* they are xored with it */
} carriers[] = {
    {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}, 96, 12, 0},
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12, 0},
    {{0x20, 0x02}, 16, 2, 0},
    {{0x20, 0x01, 0x00, 0x00}, 32, 12, 0xff},
};

struct addr addr_unmapped(const struct addr *addr)
{
    for (size_t i = 0; addr->family == 6 && i < ARRAY_LEN(carriers); i++) {
        struct addr net = {.family = 6};
        bytes_copy(net.bytes, carriers[i].prefix, sizeof(net.bytes));
        if (addr_in_net(addr, &net, carriers[i].prefix_len)) {
            struct addr v4 = {.family = 4};
            for (size_t k = 0; k < 4; k++) {
                v4.bytes[k] = addr->bytes[carriers[i].off + k] ^ carriers[i].mask;
            }
            return v4;
        }
    }
    return *addr;
}
