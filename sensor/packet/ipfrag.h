#pragma once

#include "sensor/base/hash.h"
#include "sensor/core/anomaly.h"
#include "sensor/core/packet.h"
#include "sensor/core/stats.h"

/* Puts IP datagrams together from their fragments. */
struct ipfrag;

struct ipfrag_options {
    struct stats *stats; /* FRAG_DROPPED */
    struct hash_key key;
    size_t memory;       /* most bytes held; the oldest datagram goes first */
    uint64_t timeout_us; /* from a datagram's first fragment, in packet time */
};

struct ipfrag_piece {
    const struct headers *headers; /* src, dst, vlans */
    struct span data;              /* the fragment's payload */
    size_t off;                    /* of it in the datagram's, a multiple of 8 */
    uint64_t clock_us;
    uint32_t id;
    uint8_t proto; /* the protocol; over IPv6 that of the first fragment counts */
    bool more;
};

/* A whole datagram. `ip` has a plain header (no options, no extension) in front of `payload`. */
struct ipfrag_datagram {
    struct span ip;
    struct span payload;
    uint8_t proto;
    uint8_t n_told; /* other readings handed out, up to this end */
    void *held;
};

enum ipfrag_result {
    IPFRAG_HELD,
    IPFRAG_WHOLE,
    IPFRAG_OTHER,      /* not whole, but another reading of one that was: see ipfrag_other() */
    IPFRAG_IMPOSSIBLE, /* beyond 65535 bytes, one end too many, or an illegal size */
    IPFRAG_NO_MEMORY,
};

/* NULL when there is no memory. */
MUST_USE struct ipfrag *ipfrag_new(const struct ipfrag_options *options);
/* Nulls *t; accepts NULL; what is held counts as dropped. */
void ipfrag_free(struct ipfrag **t);
/* Adds a fragment (its bytes are copied). IPFRAG_WHOLE and IPFRAG_OTHER fill
 * ret_datagram, which lives until ipfrag_release(). *ret_anomaly is set when there is one to
 * report. */
enum ipfrag_result ipfrag_add(struct ipfrag *t, const struct ipfrag_piece *piece,
                              struct ipfrag_datagram *ret_datagram, enum anomaly *ret_anomaly);
/* Puts the next other reading of a whole datagram in place of the one it has: where fragments
 * overlap with different data the second version stands, then the third, and in the last one the
 * latest; then the same up to another end. false when there is none left. */
bool ipfrag_other(struct ipfrag_datagram *datagram);
/* Gives a datagram back and empties it; one that is empty is fine. */
void ipfrag_release(struct ipfrag *t, struct ipfrag_datagram *datagram);
/* Datagrams waiting, and bytes held. */
size_t ipfrag_n(const struct ipfrag *t);
size_t ipfrag_memory(const struct ipfrag *t);
