#pragma once

#include "sensor/core/conn.h"

/* What is held against the packets of an inline sensor. All-zero: nothing, the packets are copies.
 */
struct guard {
    bool on; /* packets wait for their verdict: all that can be found is found before it, and what
                is blocked stays blocked */
    bool refuses;           /* what would let others read what was not inspected does not go on */
    enum verdict midstream; /* of TCP flows whose start was not seen */
    bool memory_closed;     /* what there is no memory for is refused, else let by */
};

/* What is to become of one packet. */
struct ruling {
    enum verdict verdict;
    enum drop_reason reason; /* of a verdict that is no VERDICT_PASS */
    bool first;              /* of its flow that does not go on for such a reason */
    struct conn *conn;       /* its flow, until the next packet; NULL: none */
    enum direction dir;
    /* The number that the receiver of each direction waits for, now that the packet does not go on.
     */
    uint32_t expected[2];
};
