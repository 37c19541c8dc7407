#pragma once

#include "sensor/app/report.h"
#include "sensor/core/config.h"
#include "sensor/flow/ruling.h"

/* What an inline worker does about a ruling: counters, drop events, and replies in the name of the
 * other end. */
struct gatekeeper;

/* A packet of ours, to be sent behind the packet at hand. */
struct reply {
    bool back;      /* to that packet's sender, else to where it was going */
    struct span ip; /* from the IP header on; until the next packet */
};

enum { REPLIES_MAX = 2 };

/* How flows are guarded where packets wait for their verdict. `rules_block`: some rule is a drop or
 * a reject. */
struct guard gatekeeper_guard(const struct config *config, bool rules_block);
/* By what look-ups are blocked that inline.block names. */
enum verdict gatekeeper_verdict(const struct config *config);
/* The classes that inline.block names: a bit set of enum lookup_class. */
unsigned gatekeeper_classes(const struct config *config);

/* NULL when there is no memory. `report` outlives it. */
MUST_USE struct gatekeeper *gatekeeper_new(const struct config *config,
                                           const struct report *report);
/* Nulls *g; accepts NULL. */
void gatekeeper_free(struct gatekeeper **g);

/* Counts and tells what becomes of a packet, and makes the replies to it. */
void gatekeeper_rule(struct gatekeeper *g, const struct ruling *ruling,
                     const struct headers *headers);
/* The replies to the latest packet; how many is returned. */
size_t gatekeeper_replies(const struct gatekeeper *g, const struct reply **ret_replies);
