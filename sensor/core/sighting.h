#pragma once

#include "sensor/core/conn.h"
#include "sensor/core/event_key.h"
#include "sensor/core/finding.h"
#include "sensor/core/scheme.h"

/* Rows of stage.def. */
enum stage {
#define STAGE(id, name, sid, msg, doc) STAGE_##id,
#include "sensor/core/stage.def"
#undef STAGE
    STAGE_N
};
const char *stage_name(enum stage stage);

enum sighting_kind {
    SIGHTING_ATTEMPT,   /* a look-up was found that would call back */
    SIGHTING_FLOW_OPEN, /* somebody connects */
    SIGHTING_NAME,      /* a name was asked in DNS */
    SIGHTING_ADDRESSES, /* DNS answered with addresses */
    SIGHTING_REFERENCE, /* an LDAP or RMI answer that refers to code */
    SIGHTING_CLASS,     /* class bytes were fetched */
};

enum { SIGHTING_NAME_SIZE = 256, SIGHTING_ADDRS = 8 };

/* What an attempt would do. */
struct sighted_attempt {
    uint64_t attack_id;
    uint64_t campaign;
    enum lookup_class class;
    enum lookup_dialect dialect;
    enum scheme scheme;
    enum field_id field;
    enum direction dir; /* in which it went */
    bool reaches_network;
    uint16_t port; /* of its call-back; the host is the sighting's name */
};

/* Something small that may be a step of an attack's story. A value: what its conn points to is not
 * to be used, but for names that live as long as the input, and `tunnel` here. Whoever ties
 * attempts to what follows them sees the sightings of all workers in the order of events. */
struct sighting {
    enum sighting_kind kind;
    struct event_key key;
    struct conn conn; /* the flow as it was then */
    struct tunnel tunnel;
    const struct decoy *decoy; /* that the flow touches; NULL: none */
    struct sighted_attempt attempt;
    uint8_t n_addrs; /* of SIGHTING_ADDRESSES; more than there is room for are left out */
    struct addr addrs[SIGHTING_ADDRS];
    /* Host of the call-back; the name asked; where a reference points; the host that a class was
     * asked of. Cut, NUL-terminated; "": none. Last, so that what is unused of it costs no copy. */
    char name[SIGHTING_NAME_SIZE];
};

/* Told by a worker as it happens. */
struct sighting_user {
    void (*seen)(void *ctx, const struct sighting *sighting);
    void *ctx;
};

/* Of a flow at this moment; it counts as an event of the flow. */
struct sighting sighting_of(struct conn *conn, enum sighting_kind kind, struct span name);
/* The attempt that a finding with a jndi result is, with one of the hosts that it would call.
 * Scheme and port of that call-back are the caller's to fill in. */
struct sighting sighting_of_finding(struct conn *conn, const struct finding *finding,
                                    struct span host);
/* Bytes that hold all of it. */
size_t sighting_size(const struct sighting *s);
