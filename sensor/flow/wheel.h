#pragma once

#include "sensor/base/list.h"

#include <stdint.h>

struct flow;

/* Deadlines of flows, in packet time. Putting a deadline off costs nothing: the flow is moved when
 * its old place comes up. */
struct wheel {
    struct list *slots;
    struct list ripe; /* of slot `now`, sorted */
    uint64_t now;     /* slot that has come up */
    uint64_t nearest; /* no slot before it holds a flow, `ripe` apart */
    size_t n;
};

/* -ENOMEM. */
MUST_USE int wheel_init(struct wheel *w);
void wheel_free(struct wheel *w);
/* Sets f->deadline_us, and adds the flow when it is not in the wheel. */
void wheel_set(struct wheel *w, struct flow *f, uint64_t deadline_us);
void wheel_remove(struct wheel *w, struct flow *f);
/* Takes out the flow with the earliest deadline (of equal ones that with the least id) if it lies
 * before the clock; else NULL. */
struct flow *wheel_pop(struct wheel *w, uint64_t clock_us);
/* The flow with the earliest deadline, up to a slot's length; NULL when empty. It stays. */
struct flow *wheel_nearest(struct wheel *w);
