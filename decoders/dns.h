#pragma once

#include "decoders/frames.h"
#include "decoders/numbered.h"
#include "sensor/core/decoder.h"

/* Private to the files of the DNS decoder. */

enum {
    DNS_PREFIX_LEN = 2, /* a message's length before it, RFC 1035 §4.2.2 */
    DNS_HEADER_LEN = 12,
    DNS_NAME_CAP = 1024,   /* of a decoded name; RFC 1035 allows 255 */
    DNS_RECORDS_MAX = 256, /* of one message taken apart; the rest is inspected as it is */
};

struct dns {
    const struct emit *emit; /* valid during a call only */
    const struct decoder_limits *limits;
    struct frames sides[2];
    struct numbered open; /* questions; mark: hash of the name asked for */
    struct sbuf name;     /* the name being decoded */
};

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
