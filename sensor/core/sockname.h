#pragma once

#include "sensor/core/addr.h"

#include <sys/socket.h>

/* Addresses as the system's calls take and give them. */

/* The name of an end; of family 0 every address, as IPv4 writes it. Returns its length. */
socklen_t sockname_of(const struct addr *addr, uint16_t port, struct sockaddr_storage *ret_name);
/* The other way; IPv4 in IPv6 is IPv4. Family 0, and port 0, for a name of neither. */
struct addr sockname_addr(const struct sockaddr_storage *name, uint16_t *ret_port);
/* The address alone, of its 16 bytes: IPv4 in IPv6 is IPv4. */
struct addr sockname_addr_v6(struct span sixteen_bytes);
