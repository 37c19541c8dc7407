/* wheel: timeouts of flows in packet time, exact and nearly free.
 *
 * A ring of slots, each a quarter of a second long. A packet that puts its flow's deadline off only
 * writes the deadline; when the slot it is in comes up, the flow is moved to where it belongs by
 * then, or, if its time has come, sorted with the others of the slot. So a flow costs one visit per
 * timeout, not one per packet, and yet flows expire in the exact order of their deadlines, at any
 * number of workers. A deadline beyond the ring (18 minutes) waits in the farthest slot. */
#include "sensor/flow/wheel.h"

#include "sensor/base/mem.h"
#include "sensor/flow/entry.h"

#include <errno.h>

enum { SLOT_BITS = 18, N_SLOTS = 4096, SAMPLE = 16 };

static struct flow *flow_of(struct list *link)
{
    return LIST_ENTRY(link, struct flow, timer);
}

static uint64_t slot_of(uint64_t time_us)
{
    return time_us >> SLOT_BITS;
}

/* How far ahead of the slot that has come up a flow stands: less than N_SLOTS. */
static uint64_t slots_ahead(const struct wheel *w, const struct flow *f)
{
    return f->slot - (uint32_t)w->now;
}

int wheel_init(struct wheel *w)
{
    *w = (struct wheel){.slots = mem_alloc_array(N_SLOTS, sizeof(*w->slots))};
    if (w->slots == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < N_SLOTS; i++) {
        list_init(&w->slots[i]);
    }
    list_init(&w->ripe);
    return 0;
}

void wheel_free(struct wheel *w)
{
    mem_free(w->slots);
    *w = (struct wheel){0};
}

static bool is_after(struct list *a, struct list *b)
{
    const struct flow *x = flow_of(a);
    const struct flow *y = flow_of(b);
    return x->deadline_us != y->deadline_us ? x->deadline_us > y->deadline_us
                                            : x->conn.id > y->conn.id;
}

static void add_ripe(struct wheel *w, struct flow *f)
{
    struct list *at = &w->ripe;
    while (at->prev != &w->ripe && is_after(at->prev, &f->timer)) {
        at = at->prev;
    }
    f->slot = (uint32_t)w->now;
    list_add_before(at, &f->timer);
}

static void place(struct wheel *w, struct flow *f)
{
    uint64_t slot = slot_of(f->deadline_us);
    if (slot <= w->now) {
        add_ripe(w, f);
        return;
    }
    slot = slot - w->now < N_SLOTS ? slot : w->now + N_SLOTS - 1;
    w->nearest = slot < w->nearest ? slot : w->nearest;
    f->slot = (uint32_t)slot;
    f->put_off = false;
    list_add_tail(&w->slots[slot % N_SLOTS], &f->timer);
}

/* Whether a flow can stay where it is, to be moved when that place comes up. */
static bool may_stay(const struct wheel *w, const struct flow *f, uint64_t slot)
{
    uint64_t ahead = slots_ahead(w, f);
    return ahead > 0 ? slot >= w->now + ahead : slot > w->now;
}

void wheel_set(struct wheel *w, struct flow *f, uint64_t deadline_us)
{
    f->put_off = f->put_off || f->deadline_us != deadline_us;
    f->deadline_us = deadline_us;
    if (f->timer.next != NULL && may_stay(w, f, slot_of(deadline_us))) {
        return;
    }
    wheel_remove(w, f);
    if (w->n == 0) {
        w->nearest = UINT64_MAX;
    }
    w->n++;
    place(w, f);
}

void wheel_remove(struct wheel *w, struct flow *f)
{
    if (f->timer.next != NULL) {
        list_remove(&f->timer);
        w->n--;
    }
}

/* Slot `now` comes up: what is due in it becomes ripe, the rest goes where it belongs. */
static void ripen(struct wheel *w)
{
    struct list *slot = &w->slots[w->now % N_SLOTS];
    struct list *link = list_first(slot);
    while (link != NULL) {
        struct flow *f = flow_of(link);
        list_remove(link);
        if (slot_of(f->deadline_us) > w->now) {
            place(w, f);
        } else {
            f->slot = (uint32_t)w->now;
            list_add_tail(&w->ripe, link);
        }
        link = list_first(slot);
    }
    list_sort(&w->ripe, is_after);
}

/* Moves on to the next slot that may hold a flow, at most to `limit`. Nothing is ripe. */
static void turn(struct wheel *w, uint64_t limit)
{
    uint64_t next = w->nearest > w->now ? w->nearest : w->now + 1;
    w->now = w->n == 0 || next > limit ? limit : next;
    w->nearest = w->nearest > w->now ? w->nearest : w->now + 1;
    ripen(w);
}

/* The first ripe flow whose deadline was not put off; those before it are moved. */
static struct flow *first_ripe(struct wheel *w)
{
    struct list *link = list_first(&w->ripe);
    while (link != NULL && slot_of(flow_of(link)->deadline_us) > w->now) {
        list_remove(link);
        place(w, flow_of(link));
        link = list_first(&w->ripe);
    }
    return link != NULL ? flow_of(link) : NULL;
}

struct flow *wheel_pop(struct wheel *w, uint64_t clock_us)
{
    for (;;) {
        struct flow *f = first_ripe(w);
        if (f != NULL && f->deadline_us < clock_us) {
            wheel_remove(w, f);
            return f;
        }
        if (f != NULL || w->now >= slot_of(clock_us)) {
            return NULL;
        }
        turn(w, slot_of(clock_us));
    }
}

/* The first of a slot whose deadline lies in it and was not put off since the flow got its place
 * there; those before it are moved, to the end of the slot or to a later one. */
static struct flow *first_of_slot(struct wheel *w, uint64_t slot)
{
    struct list *head = &w->slots[slot % N_SLOTS];
    struct list *link = list_first(head);
    while (link != NULL && flow_of(link)->put_off) {
        list_remove(link);
        place(w, flow_of(link));
        link = list_first(head);
    }
    return link != NULL ? flow_of(link) : NULL;
}

/* Flows that share a slot stand in the order in which they came there: the nearest of some. */
static struct flow *nearest_of_slot(struct wheel *w, uint64_t slot)
{
    struct list *head = &w->slots[slot % N_SLOTS];
    struct flow *best = first_of_slot(w, slot);
    struct list *link = best != NULL ? list_next(head, &best->timer) : NULL;
    for (unsigned i = 0; i < SAMPLE && link != NULL; i++) {
        best = flow_of(link)->deadline_us < best->deadline_us ? flow_of(link) : best;
        link = list_next(head, link);
    }
    return best;
}

struct flow *wheel_nearest(struct wheel *w)
{
    struct flow *f = first_ripe(w);
    uint64_t slot = w->nearest > w->now ? w->nearest : w->now + 1;
    for (; f == NULL && w->n > 0 && slot < w->now + N_SLOTS; slot++) {
        w->nearest = slot;
        f = nearest_of_slot(w, slot);
    }
    return f;
}
