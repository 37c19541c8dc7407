#pragma once

#include "sensor/base/check.h"

#include <stdint.h>

/* How many campaigns are at work: those that were seen within a time. */
struct recent;

/* `quiet_us`: after so long without one it is at work no more. About 128 KiB; NULL when there is no
 * memory. */
MUST_USE struct recent *recent_new(uint64_t quiet_us);
/* Nulls *r; accepts NULL. */
void recent_free(struct recent **r);
/* An alert of a campaign; times never go back. */
void recent_see(struct recent *r, uint64_t campaign, uint64_t clock_us);
/* It is so late: those that were quiet for too long go, at the latest a sixtieth of `quiet_us`
 * after their time. */
void recent_until(struct recent *r, uint64_t clock_us);
/* How many there are; of more than some thousands those that have room. Any thread may ask. */
uint64_t recent_n(const struct recent *r);
