#pragma once

#include "sensor/core/conn.h"
#include "sensor/core/finding.h"

enum sighting_kind {
    SIGHTING_ATTEMPT,   /* a look-up was found */
    SIGHTING_FLOW_OPEN, /* somebody connects to addr:port */
    SIGHTING_NAME,      /* a name was asked in DNS */
    SIGHTING_REFERENCE, /* an LDAP or RMI answer that refers to code */
    SIGHTING_CLASS,     /* class bytes were fetched */
};

enum { SIGHTING_NAME_SIZE = 256 };

/* Something small that may be a step of an attack's story. A value: it is copied into its ring and
 * holds no pointer. Whoever ties attempts to what follows them orders all workers' sightings by
 * (clock_us, flow_id, seq). */
struct sighting {
    enum sighting_kind kind;
    uint64_t clock_us;
    uint64_t time_us;
    uint64_t flow_id;
    uint64_t seq;
    uint64_t attack_id;
    uint64_t campaign;
    struct addr client;
    struct addr server;
    struct addr ip; /* of the call-back, when it is an address */
    uint16_t port;
    char
        name[SIGHTING_NAME_SIZE]; /* host of the call-back or the name asked; cut, NUL-terminated */
};

/* Told by a worker as it happens. */
struct sighting_user {
    void (*seen)(void *ctx, const struct sighting *sighting);
    void *ctx;
};

/* The sighting of a finding that has a jndi result. */
struct sighting sighting_of_finding(const struct conn *conn, const struct finding *finding);
/* The sighting of a flow that begins. */
struct sighting sighting_of_flow(const struct conn *conn);
