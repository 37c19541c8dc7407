#pragma once

#include "sensor/core/sighting.h"

/* What followed which attempt: call-backs are remembered, and what is seen later is held against
 * them. */
struct story;

struct story_options {
    size_t callbacks;     /* remembered at most */
    uint64_t remember_us; /* after the latest attempt */
};

/* NULL when there is no memory. */
MUST_USE struct story *story_new(const struct story_options *options);
/* Nulls *s; accepts NULL. */
void story_free(struct story **s);

/* An attempt, as it is remembered. */
struct story_attempt {
    struct sighted_attempt what;
    uint64_t flow_id;
    uint64_t time_us;
    struct addr client; /* who sent it */
    struct addr target;
};

/* An attempt has come further. */
struct story_step {
    enum stage stage;
    struct story_attempt attempt;
    const char *host; /* of its call-back, as it was first told; until the next call */
    struct addr ip;   /* where that is, as far as is known */
};

/* The next sighting in the order of events. Whether it is a step that was not told: the same host
 * has not come so far with this attempt before. */
bool story_see(struct story *s, const struct sighting *sighting, struct story_step *ret_step);
/* It is so late: what has been remembered for long enough goes. */
void story_until(struct story *s, uint64_t clock_us);

/* What became of call-backs: steps by stage, and those of which none was seen while they were
 * remembered. */
enum { STORY_NO_CALLBACK = STAGE_ATTEMPT, STORY_OUTCOMES = STAGE_N };
const char *story_outcome_name(unsigned outcome);

struct story_stats {
    uint64_t watched; /* call-backs now */
    uint64_t evicted;
    uint64_t outcomes[SCHEME_N][STORY_OUTCOMES];
};
/* Any thread may ask. */
void story_stats(const struct story *s, struct story_stats *ret_stats);
/* All steps of one stage, or of all. */
uint64_t story_n_stage(const struct story_stats *stats, enum stage stage);
uint64_t story_n_steps(const struct story_stats *stats);
