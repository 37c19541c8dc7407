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

/* What is summed: judged apart, because what rewrites packets often mends one and not the other. */
enum checksum_kind {
    CHECKSUM_OF_HEADER,  /* IPv4 */
    CHECKSUM_OF_SEGMENT, /* TCP, UDP */
    CHECKSUM_KINDS,
};

enum checksum_judgement {
    CHECKSUM_ACCEPTED, /* right, or not asked for */
    CHECKSUM_EXCUSED,  /* not right, but with this sender that means nothing */
    CHECKSUM_DOUBTED,  /* wrong, and nothing is known of the sender */
    CHECKSUM_REFUSED,
};

/* Which wrong checksums count. In AUTO that goes by a survey of the first packets of the input,
 * sender by sender. It is made before packets are judged; from then on nothing changes, and any
 * thread may ask. */
struct checksum_policy;

/* NULL when there is no memory. */
MUST_USE struct checksum_policy *checksum_policy_new(enum checksum_mode mode);
/* Nulls *p; accepts NULL. */
void checksum_policy_free(struct checksum_policy **p);

/* A survey is made of so many segments. */
enum { CHECKSUM_SURVEY = 1000 };
/* Whether there is to be a survey, and it is not complete. */
bool checksum_policy_wants_survey(const struct checksum_policy *p);
/* Takes note of a packet's checksum. */
void checksum_policy_note(struct checksum_policy *p, const struct addr *sender,
                          enum checksum_kind kind, enum checksum_state state);
/* Whether checksums need to be computed at all. */
bool checksum_policy_verifies(const struct checksum_policy *p);
/* What a packet of this sender with such a checksum is to be taken for. */
enum checksum_judgement checksum_policy_judge(const struct checksum_policy *p,
                                              const struct addr *sender, enum checksum_kind kind,
                                              enum checksum_state state);

/* The state of a TCP or UDP segment (whole, header included) between two addresses. A UDP checksum
 * of zero is none, and good (RFC 768; in tunnels over IPv6 too, RFC 6935). */
enum checksum_state checksum_transport(const struct addr *src, const struct addr *dst,
                                       uint8_t proto, struct span segment);
/* The state of an IPv4 header: good or wrong. */
enum checksum_state checksum_ipv4(struct span header);
