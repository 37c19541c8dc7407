#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The clock of an input: what its packets' times amount to. It never goes back, so that timeouts
 * and the order of events can rely on it. All-zero is a new one. */
struct packet_clock {
    uint64_t now_us;
    uint64_t offset_us; /* added to packet times, after they went back for good */
    uint64_t far_us;    /* time of a packet that nobody has confirmed; 0: none */
    bool started;
};

/* Follows the time of the next packet and returns the clock. */
uint64_t packet_clock_follow(struct packet_clock *c, uint64_t time_us);
