#pragma once

#include "sensor/core/packet.h"

/* A number that is the same for all packets between two addresses, in both directions: by the
 * outermost IP header, so fragments and tunnels stay together. 0 for packets without one. */
uint64_t packet_spread(const struct packet *packet);

/* What names the flow of a plain packet (no VLAN tags, tunnels, fragments or extension headers):
 * addresses, protocol and ports, and nothing else of *ret_headers. A guess from few bytes, for
 * hints; false where it takes more to know. */
bool packet_peek(const struct packet *packet, struct headers *ret_headers);
