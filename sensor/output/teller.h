#pragma once

#include "sensor/core/place.h"
#include "sensor/output/story.h"
#include "sensor/output/surge.h"
#include "sensor/output/volume.h"

/* Sees all events in their order, and tells what only who sees all of them can: roll-ups of each
 * interval of packet time, and surges; and what followed an attempt. One for the writer, on its
 * thread. */
struct teller;

struct teller_options {
    bool writes; /* roll-ups and surges; else they are not told, and nothing kept for them */
    uint64_t full_alerts; /* repeats of one campaign against one target that are written as they
                             are, while roll-ups are written; 0: all */
    uint64_t quiet_us;    /* after which it is no repeat */
    uint64_t interval_us;
    struct volume_limits volume;
    struct surge_limits surge;
    struct story_options story;
    unsigned layouts; /* bit set of enum layout that some output has */
    /* Where an address is; NULL: nobody knows. */
    void (*find_place)(void *ctx, const struct addr *addr, struct place *ret_place);
    void *place_ctx;
    const char *host;  /* sensor name; copied */
    size_t line_bytes; /* longest line */
};

/* Who writes what is told. */
struct teller_user {
    /* The event is the user's. NULL: there was no memory for it. */
    void (*tell)(void *ctx, struct event *event, uint64_t clock_us);
    void *ctx;
};

/* NULL when there is no memory. */
MUST_USE struct teller *teller_new(const struct teller_options *options,
                                   const struct teller_user *user);
/* Nulls *t; accepts NULL. */
void teller_free(struct teller **t);

/* All events before clock_us were seen: intervals that end there or earlier are told. */
void teller_until(struct teller *t, uint64_t clock_us);
/* The next event; `told`: its rule wants it written. Writes into it which repeat it is. Whether it
 * is to be written: false when a roll-up alone is to tell it. */
bool teller_see(struct teller *t, struct event *event, bool told);
/* What became of the call-backs of attempts. Any thread may ask. */
void teller_stories(const struct teller *t, struct story_stats *ret_stats);
/* Campaigns that were seen within options.quiet_us, about. Any thread may ask. */
uint64_t teller_n_campaigns(const struct teller *t);
/* No event follows: what there is of the last interval is told, as of clock_us. */
void teller_finish(struct teller *t, uint64_t clock_us);
