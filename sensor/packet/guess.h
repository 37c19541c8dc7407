#pragma once

#include "sensor/base/span.h"

/* How far some bytes are a packet. */
enum guess { GUESS_NO, GUESS_POSSIBLE, GUESS_SURE };

/* An IP packet at the front of `left` bytes on the wire, of which s was captured. Sure: IPv4 with a
 * right header checksum, or IPv6 that ends exactly with them. */
enum guess guess_ip(struct span s, size_t left);
/* An Ethernet frame, with at most eight tags. Sure when it carries an IP packet that is, alone or
 * in PPPoE; possible when it carries something else. */
enum guess guess_ether(struct span s, size_t left);
