#pragma once

#include "sensor/base/span.h"

/* An IPv4 or IPv6 address in network order; IPv4 takes the first four bytes, the rest is zero.
 * family 0 is no address. */
struct addr {
    uint8_t bytes[16];
    uint8_t family; /* 0, 4 or 6 */
};

/* Longest text form with its NUL. */
enum { ADDR_TEXT_SIZE = 46 };

struct addr addr_v4(struct span four_bytes);
struct addr addr_v6(struct span sixteen_bytes);
/* Dotted or RFC 4291 text, the whole span, also in brackets ("[2001:db8::1]"); false for anything
 * else. */
MUST_USE bool addr_parse(struct span text, struct addr *ret_addr);
/* RFC 5952 text; "" for family 0. */
void addr_format(const struct addr *a, char *ret_text, size_t size);
/* Inline: each packet asks twice. */
static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
    return a->family == b->family && __builtin_memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
int addr_compare(const struct addr *a, const struct addr *b);
/* The address's own bytes: 4, 16 or none. */
struct span addr_span(const struct addr *a);
/* Whether a lies in net/prefix_len (bits; same family). */
bool addr_in_net(const struct addr *a, const struct addr *net, unsigned prefix_len);

/* A network; all-zero matches nothing. */
struct addr_net {
    struct addr addr;
    uint8_t prefix_len;
};
/* "192.0.2.0/24", or an address alone. */
MUST_USE bool addr_net_parse(struct span text, struct addr_net *ret_net);
