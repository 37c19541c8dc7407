#pragma once

#include "sensor/decoy/plan.h"

#include <sys/socket.h>

/* Sockets that listen, one for each spot. All-zero is none. */
struct decoy_listeners {
    struct decoy_spot spots[DECOY_SPOTS_MAX]; /* with the port that a spot of port 0 was given */
    int fds[DECOY_SPOTS_MAX];
    size_t n;
};

/* Opens all, or takes over the socket that is open for a spot already; tries the rest when one
 * fails, and then closes all. 0, or a negative errno with a line in err for each that failed, and
 * for each open socket that belongs to no spot. */
MUST_USE int decoy_listen(struct decoy_listeners *l, const struct decoy_plan *plan,
                          struct errbuf *err);
void decoy_listeners_close(struct decoy_listeners *l);
