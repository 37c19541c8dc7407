#pragma once

#include <stdint.h>

/* Total order of events, the same at any number of workers: clock of the packet that caused it,
 * then flow, then number in the flow. */
struct event_key {
    uint64_t clock_us;
    uint64_t flow_id;
    uint64_t seq; /* n-th event of its flow */
};
