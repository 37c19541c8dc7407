#pragma once

#include <stdint.h>

/* How the kernel deals the packets of an interface out to the sockets of a group. */
enum fanout_by {
    FANOUT_ADDRESSES, /* by the two addresses of the outermost IP header */
    FANOUT_FLOWS,     /* by the kernel's hash of a flow; fragments of IPv4 are joined first */
};

/* The socket joins the group of that number. 0 or negative errno. */
int fanout_join(int fd, uint16_t group, enum fanout_by by);
