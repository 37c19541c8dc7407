#pragma once

#include "sensor/core/addr.h"

/* The header of the PROXY protocol, versions 1 and 2, with which a load balancer begins a
 * connection (HAProxy's proxy-protocol.txt, sections 2.1 and 2.2). */

enum {
    PROXY_HEADER_PROBE = 12,  /* bytes after which it is known whether there is one */
    PROXY_HEADER_KEPT = 4096, /* of a longer one only so much is looked at */
};

struct proxy_header {
    size_t len; /* of the whole of it, in bytes, also of what has not come; 0: not known yet */
    bool bad;   /* its format does not allow it; `len` then counts what was looked at */
    struct addr client; /* family 0: it tells none, as the balancer's own checks do not.
                           "::ffff:192.0.2.1" is told as IPv4 */
    struct addr server; /* whom the client connected to; of the client's family, or family 0 where
                           it had none of that */
    uint16_t client_port;
    uint16_t server_port;
    struct span strange; /* what it holds besides addresses; of the bytes given */
};

/* Whether bytes begin as a header does, as far as there are any. */
bool proxy_header_may_begin(struct span bytes);
/* What there is of it in the first bytes of a connection. All-zero while it is not complete, except
 * that one longer than PROXY_HEADER_KEPT is told of when so much of it is there. */
struct proxy_header proxy_header_find(struct span bytes);
