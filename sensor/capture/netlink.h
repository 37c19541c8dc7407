#pragma once

#include "sensor/base/span.h"

/* What the kernel says by netlink(7): messages, one behind the other, with attributes in them.
 * What is shorter than it says ends there. */

struct netlink_message {
    unsigned type;
    struct span body;
};

/* The next one of those received; false at the end, also at one that is damaged: *rest is empty
 * then. */
MUST_USE bool netlink_next(struct span *rest, struct netlink_message *ret_message);

struct netlink_attribute {
    unsigned type;
    struct span value;
};

/* The next one of a message's; false at the end. */
MUST_USE bool netlink_next_attribute(struct span *rest, struct netlink_attribute *ret_attribute);

/* A number in the machine's byte order; what is not there is zero. */
uint32_t netlink_u32(struct span s, size_t off);
