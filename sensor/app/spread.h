#pragma once

#include "sensor/core/packet.h"

/* A number that is the same for all packets between two addresses, in both directions: by the
 * outermost IP header, so fragments and tunnels stay together. 0 for packets without one. */
uint64_t packet_spread(const struct packet *packet);
