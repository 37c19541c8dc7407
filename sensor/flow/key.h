#pragma once

#include "sensor/base/hash.h"
#include "sensor/core/conn.h"

/* The same for both directions of a flow; never 0. Taken from h->flow_hash where that is set. */
uint64_t key_hash(const struct headers *h, const struct hash_row *secret);
/* conn.id, of the first packet: 51 bits. `generation` keeps flows apart that begin at the same time
 * on the same ports.
 */
uint64_t key_id(const struct headers *h, uint64_t start_us, unsigned generation);
/* A number for the networks that the packet came through: tunnels', and VLANs unless `any_vlan`. */
uint32_t key_network(const struct headers *h, bool any_vlan);
/* Whether protocol, addresses and ports are the conn's, if the packet goes this way. */
bool key_fits(const struct conn *c, const struct headers *h, enum direction dir);
