#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"

/* Private to the files of the DNS decoder. */

enum {
    DNS_HEADER_LEN = 12,
    DNS_NAME_CAP = 1024,   /* of a decoded name; RFC 1035 allows 255 */
    DNS_RECORDS_MAX = 256, /* of one message taken apart; the rest is inspected as it is */
    DNS_PROBE_MAX = 320,   /* bytes that decide whether something is a message */
};

enum dns_state {
    DNS_LENGTH,  /* the two bytes before a message */
    DNS_MESSAGE, /* a message that is kept until it is whole */
    DNS_PASS,    /* the rest of one that is not taken apart */
    DNS_SEARCH,  /* where no message is known to begin */
};

/* One direction. */
struct dns_side {
    enum dns_state state;
    struct sbuf held; /* of what is being read */
    size_t left;      /* DNS_MESSAGE: its length; DNS_PASS: bytes still to come */
    struct tx *stray; /* for bytes that belong to no message */
    bool stray_open;  /* also when stray is NULL because memory was short */
    bool after_gap;   /* the next such byte comes behind a hole */
};

/* A question that waits for its answer. */
struct dns_open {
    uint16_t id;
    uint64_t name; /* hash of the name asked for */
    struct tx *tx;
};

struct dns {
    const struct emit *emit; /* valid during a call only */
    const struct decoder_limits *limits;
    struct dns_side sides[2];
    struct dns_open *open; /* oldest first */
    size_t n_open;
    size_t room;
    struct sbuf name; /* the name being decoded */
};

/* dns.c */

/* Bytes of the stream that belong to no message. */
void dns_stray(struct dns *d, enum direction dir, struct span bytes);
/* The transaction of the latest question with that id, no longer waiting; false when none is. */
bool dns_take(struct dns *d, uint16_t id, struct dns_open *ret);
/* Lets a question wait; without room the oldest one ends. */
void dns_wait(struct dns *d, const struct dns_open *open);

/* dns_message.c */

/* A message, or with `cut` its start. */
void dns_message(struct dns *d, enum direction dir, struct span message, bool cut);

/* dns_name.c */

enum dns_name_end { DNS_NAME_WHOLE, DNS_NAME_SHORT, DNS_NAME_BAD };

/* The name at *off of the message, its labels joined by dots, in `to`; *off is moved behind it.
 * RFC 1035 §4.1.4: a pointer goes back, so following it ends. SHORT: the message ends first; BAD:
 * no name. `to` then has the labels before that. */
enum dns_name_end dns_name(struct span message, size_t *off, struct sbuf *to);

/* dns_probe.c */

enum probe dns_probe_datagram(struct span datagram, enum direction dir);
enum probe dns_probe_stream(struct span first, enum direction dir);
/* The same whichever way it goes. */
enum probe dns_probe_any(struct span first);
