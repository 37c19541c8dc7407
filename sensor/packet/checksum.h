#pragma once

#include "sensor/core/addr.h"

enum checksum_mode {
    CHECKSUM_AUTO, /* refuse wrong (not partial) ones of senders whose checksums are otherwise right
                    */
    CHECKSUM_ALL,  /* refuse every wrong one */
    CHECKSUM_NONE, /* verify none */
};

/* How a packet's checksum was. */
enum checksum_state {
    CHECKSUM_GOOD,
    CHECKSUM_PARTIAL, /* the sum of the pseudo header alone: left to the network card */
    CHECKSUM_WRONG,
};

/* Which wrong checksums count. In AUTO it looks at the first packets of the input, then decides,
 * sender by sender; until then nothing is refused. One thread surveys; when it has decided, any
 * thread may ask. */
struct checksum_policy;

/* NULL when there is no memory. */
MUST_USE struct checksum_policy *checksum_policy_new(enum checksum_mode mode);
/* Nulls *p; accepts NULL. */
void checksum_policy_free(struct checksum_policy **p);

/* Takes note of a packet's checksum; decides by itself after CHECKSUM_SURVEY packets. */
enum { CHECKSUM_SURVEY = 1000 };
void checksum_policy_note(struct checksum_policy *p, const struct addr *sender,
                          enum checksum_state state);
/* Decides now, on what was noted so far: after a first pass over the head of a file. Nothing noted:
 * nothing will be refused. */
void checksum_policy_decide(struct checksum_policy *p);
/* false while AUTO is still looking. */
bool checksum_policy_is_decided(const struct checksum_policy *p);
/* Whether checksums need to be computed at all. */
bool checksum_policy_verifies(const struct checksum_policy *p);
/* Whether a packet of this sender with such a checksum is to be refused. */
bool checksum_policy_refuses(const struct checksum_policy *p, const struct addr *sender,
                             enum checksum_state state);

/* The state of a TCP or UDP segment (whole, header included) between two addresses. A UDP checksum
 * of zero is none, and good (RFC 768; in tunnels over IPv6 too, RFC 6935). */
enum checksum_state checksum_transport(const struct addr *src, const struct addr *dst,
                                       uint8_t proto, struct span segment);
/* The state of an IPv4 header: good or wrong. */
enum checksum_state checksum_ipv4(struct span header);
