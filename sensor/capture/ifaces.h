#pragma once

#include "sensor/base/span.h"

/* The interfaces of a source: a name and a link type each, by index. Equal ones share a row. */
struct ifaces {
    struct iface **rows;
    size_t n;
    size_t last; /* row found last */
};

enum { IFACES_MAX = 1024 };

void ifaces_free(struct ifaces *list);
/* The index of this interface, made when it is new. Beyond IFACES_MAX, or without memory, new ones
 * share the index IFACES_MAX, which has no name. */
uint32_t ifaces_add(struct ifaces *list, struct span name, int link_type);
/* "" when it has none. Lives as long as the list. */
const char *ifaces_name(const struct ifaces *list, uint32_t index);
