#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/core/addr.h"
#include "sensor/core/config.h"

/* The honeypot as it was asked for: which ports, posing as what, within which limits. */

/* What a listener speaks. */
enum decoy_kind {
    DECOY_HTTP,   /* HTTP/1 */
    DECOY_TCP,    /* nothing: takes whatever comes */
    DECOY_SMTP,   /* mail, of which none is delivered */
    DECOY_LDAP,   /* LDAP, of an empty directory */
    DECOY_SYSLOG, /* messages by UDP (RFC 5426); nothing is answered */
    DECOY_KIND_N
};
const char *decoy_kind_name(enum decoy_kind kind);
/* By UDP, else by TCP. */
bool decoy_kind_is_datagrams(enum decoy_kind kind);

enum { DECOY_SPOTS_MAX = 64, DECOY_NAME_SIZE = 80, DECOY_PERSONA_SIZE = 32 };

/* One port to listen at. */
struct decoy_spot {
    enum decoy_kind kind;
    struct addr addr;           /* family 0: every address, of IPv4 and IPv6 */
    uint16_t port;              /* 0: any that is free */
    char name[DECOY_NAME_SIZE]; /* "http:192.0.2.1:8080", "tcp:[2001:db8::1]:25565", "http:*:80" */
    char persona[DECOY_PERSONA_SIZE]; /* "": the kind's own */
};

/* "KIND:ADDRESS:PORT" or "KIND:ADDRESS:PORT:PERSONA"; an address is IPv4, IPv6 in brackets, or *.
 * false: `why` says what is wrong with it, in words that follow "'x' ". */
enum { DECOY_WHY_SIZE = 128 };
MUST_USE bool decoy_spot_parse(const char *text, struct decoy_spot *ret_spot,
                               char ret_why[DECOY_WHY_SIZE]);
/* Writes the name of a spot from its kind, address and port. */
void decoy_spot_rename(struct decoy_spot *spot);

/* What the honeypot is opened with, beside the options of every source. */
struct decoy_plan {
    const struct decoy_spot *spots;
    size_t n_spots;
    unsigned connections; /* most at once */
    int given;            /* the first of the descriptors of sockets that are open already */
    unsigned n_given;     /* how many, one behind the other */
    const struct config_list *allow_on; /* interfaces at which it may listen though packets are
                                           captured there; NULL: none */
};

/* What one visitor, and all together, may take. */
struct decoy_limits {
    unsigned connections; /* at once */
    unsigned per_source;  /* of one address at once */
    uint64_t header_us;   /* until a message's head is complete */
    uint64_t idle_us;     /* without a byte */
    uint64_t total_us;    /* of one connection */
    size_t head_bytes;    /* of one message */
    size_t body_bytes;    /* of one message; of a raw connection in all */
    size_t memory;        /* of answers that wait to be sent, all together */
};

/* What happened at the door. In memory that the process which listens shares with the one that
 * reads: relaxed, and no more than figures. */
struct decoy_counts {
    _Atomic uint64_t accepted;
    _Atomic uint64_t refused_total;  /* beyond limits.connections, or the descriptors there are */
    _Atomic uint64_t refused_source; /* beyond limits.per_source */
    _Atomic uint64_t timed_out;
    _Atomic uint64_t datagrams;
    _Atomic uint64_t datagrams_lost;           /* did not fit while they waited */
    _Atomic uint32_t lost_of[DECOY_SPOTS_MAX]; /* of them, what each socket told last; a process
                                                  that is started anew goes on from there */
    _Atomic uint64_t cut;                      /* a head, a body or answers beyond their limit */
};
