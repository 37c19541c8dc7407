#pragma once

#include "sensor/base/arena.h"
#include "sensor/base/errbuf.h"
#include "sensor/core/addr.h"

/* Addresses and ports as a rule's header names them: "any", "192.0.2.0/24", "!10.0.0.1",
 * "[$HOME_NET,!192.0.2.7]", "80", "1024:", "[80,8000:8100,!8080]". */

/* What "$HOME_NET" or "$HTTP_PORTS" stands for; which of the two sorts it is, its use decides. */
struct net_variable {
    struct span name; /* without the $ */
    struct span value;
};

struct net_variables {
    const struct net_variable *variables;
    size_t n;
};

/* The most specific entry that holds an address decides; where none does, `otherwise`. */
struct net_addrs {
    const struct net_entry *entries;
    size_t n;
    bool otherwise;
};

struct net_ports {
    const struct net_port_range *ranges;
    size_t n;
    bool otherwise;
};

enum { NET_WHY_SIZE = 160 };

/* Reads the text; what it makes lies in the arena. false: `why` says what is wrong with it; a text
 * that leaves no address, or no port, is wrong. */
MUST_USE bool net_addrs_parse(struct span text, const struct net_variables *variables,
                              struct arena *arena, struct net_addrs *ret_addrs,
                              char ret_why[NET_WHY_SIZE]);
MUST_USE bool net_ports_parse(struct span text, const struct net_variables *variables,
                              struct arena *arena, struct net_ports *ret_ports,
                              char ret_why[NET_WHY_SIZE]);

bool net_addrs_have(const struct net_addrs *addrs, const struct addr *addr);
bool net_ports_have(const struct net_ports *ports, uint16_t port);
