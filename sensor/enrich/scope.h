#pragma once

#include "sensor/core/place.h"

/* The special-purpose range an address lies in (RFC 6890 and its registries), SCOPE_GLOBAL when in
 * none. */
enum scope scope_of(const struct addr *addr);
/* The IPv4 address that an IPv6 one carries: ::ffff:0:0/96, 64:ff9b::/96 (NAT64), 2002::/16 (6to4),
 * 2001::/32 (Teredo, the client's). Any other address comes back as it is. */
struct addr addr_unmapped(const struct addr *addr);
