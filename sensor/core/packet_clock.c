/* packet_clock: packet times as one clock that can be relied on.
 *
 * A capture may hold a packet stamped years away. Were it believed, every flow would time out at
 * once (or none ever would again). So a time more than an hour from the clock counts only when the
 * next packet agrees. When times went back for good, the clock goes on from where it stands, at the
 * pace of the packets. */
#include "sensor/core/packet_clock.h"

static const uint64_t far_away_us = 3600ULL * 1000000;
static const uint64_t latest_us = 1ULL << 62; /* what a damaged record may claim beyond is cut */

static uint64_t between(uint64_t a, uint64_t b)
{
    return a > b ? a - b : b - a;
}

static void take_far(struct packet_clock *c, uint64_t time_us, uint64_t adjusted_us)
{
    if (c->far_us == 0 || between(c->far_us, time_us) > far_away_us) {
        c->far_us = time_us;
        return;
    }
    c->far_us = 0;
    if (adjusted_us > c->now_us) {
        c->now_us = adjusted_us;
    } else {
        c->offset_us += c->now_us - adjusted_us;
    }
}

uint64_t packet_clock_follow(struct packet_clock *c, uint64_t time_us)
{
    time_us = time_us < latest_us ? time_us : latest_us;
    uint64_t adjusted_us = time_us + c->offset_us;
    if (!c->started) {
        c->started = true;
        c->now_us = time_us;
    } else if (between(adjusted_us, c->now_us) > far_away_us) {
        take_far(c, time_us, adjusted_us);
    } else {
        c->now_us = adjusted_us > c->now_us ? adjusted_us : c->now_us;
        c->far_us = 0;
    }
    return c->now_us;
}
