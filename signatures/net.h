#pragma once

#include "sensor/base/arena.h"
#include "sensor/base/errbuf.h"
#include "sensor/core/addr.h"

/* Addresses and ports as a rule's header names them: "any", "192.0.2.0/24", "!10.0.0.1",
 * "[$HOME_NET,!192.0.2.7]",
 * "192.0.2.1-192.0.2.9", "80", "1024:", "[80,8000:8100,!8080]". */

/* What "$HOME_NET" or "$HTTP_PORTS" stands for; which of the two sorts it is, its use decides. */
struct net_variable {
    struct span name; /* without the $ */
    struct span value;
    struct span excluded; /* stands for it where it is excluded while its value is "any", of which
                             nothing would be left; empty: nothing does */
};

struct net_variables {
    const struct net_variable *variables;
    size_t n;
};

/* Addresses or ports. What it excludes goes before what it names; a set without entries is all. */
struct net_set {
    const struct net_entry *entries;
    size_t n;
    const struct net_scope *scopes; /* the lists with `!` before them, and first the whole */
    size_t n_scopes;
};

enum { NET_WHY_SIZE = 160 };

/* Reads the text; what it makes lies in the arena. false: `why` says what is wrong with it; a text
 * that leaves no address, or no port, is wrong. */
MUST_USE bool net_addrs_parse(struct span text, const struct net_variables *variables,
                              struct arena *arena, struct net_set *ret_addrs,
                              char ret_why[NET_WHY_SIZE]);
MUST_USE bool net_ports_parse(struct span text, const struct net_variables *variables,
                              struct arena *arena, struct net_set *ret_ports,
                              char ret_why[NET_WHY_SIZE]);

/* Whether it excludes anything by itself. */
bool net_excludes(const struct net_set *set);
bool net_addrs_have(const struct net_set *addrs, const struct addr *addr);
bool net_ports_have(const struct net_set *ports, uint16_t port);
