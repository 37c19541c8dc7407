/* crew: one worker or many.
 *
 * With threads, the caller's thread shares packets out by a hash of the two addresses, so that both
 * directions, and the fragments of a datagram, come to the same worker. Packets are copied into
 * parcels: the source can have its memory back at once, and a worker's packets lie together. Every
 * parcel tells the clock, also to workers that got no packet, so that nobody's events wait for an
 * idle one. File input waits for workers; so does live input: the kernel's buffer is the queue, and
 * its drops are counted by the kernel. */
#include "sensor/app/crew.h"

#include "sensor/app/privs.h"
#include "sensor/app/sandbox.h"
#include "sensor/app/spread.h"
#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"
#include "sensor/base/ring.h"
#include "sensor/core/source.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

/* What lies in parcels should still be in the caches when the worker comes to it: 4 MiB for each
 * worker, some milliseconds of work. */
enum { PARCELS = 16, PARCEL_PACKETS = 256, PARCEL_BYTES = 256 * 1024, TICK_PACKETS = 4096 };

/* How long a thread sleeps that has nothing to do; a full worker has more than that before it. */
enum { IDLE_US = 50, FULL_US = 500 };

struct parcel {
    size_t n;
    size_t used;
    uint64_t clock_us; /* of the whole input when the parcel was sent */
    bool last;
    struct engine *engine; /* new rules, for what follows it; NULL: none */
    struct packet packets[PARCEL_PACKETS];
    const char *ifaces[PARCEL_PACKETS];
    uint8_t bytes[PARCEL_BYTES];
};

struct hand {
    struct worker *worker;
    struct ring *full;  /* parcels to the worker */
    struct ring *empty; /* and back */
    struct parcel *parcels;
    struct parcel *open; /* being filled */
    pthread_t thread;
    bool started;
    bool tighten;
};

struct crew {
    unsigned n_threads;
    struct worker *alone;
    struct hand *hands;
    uint64_t clock_us;
    size_t since_tick;
};

static void pause_us(long us)
{
    struct timespec t = {.tv_nsec = us * 1000};
    (void)nanosleep(&t, NULL); /* lint: a thread that has nothing to do */
}

static void use(struct worker *w, struct engine *engine)
{
    if (worker_use(w, engine) != 0) {
        log_error("no memory for the new rules; the old ones stay in use");
    }
}

/* --- a worker's thread
 * ------------------------------------------------------------------------------ */

static void carry_out(struct worker *w, const struct parcel *parcel)
{
    for (size_t i = 0; i < parcel->n; i++) {
        if (i % PACKET_BATCH == 0) {
            size_t left = parcel->n - i;
            worker_ahead(w, &parcel->packets[i], left < PACKET_BATCH ? left : PACKET_BATCH);
        }
        (void)worker_packet(w, &parcel->packets[i], parcel->ifaces[i]);
    }
    if (parcel->engine != NULL) {
        use(w, parcel->engine);
    }
    worker_gauge(w);
    if (parcel->last) {
        worker_finish(w, parcel->clock_us);
    } else {
        worker_advance(w, parcel->clock_us);
    }
}

static void *run(void *arg)
{
    struct hand *h = arg;
    bool last = false;
    if (h->tighten) {
        privs_drop_thread(0);
        (void)sandbox_tighten(0); /* who started it has told when there is none */
    }
    while (!last) {
        struct parcel *parcel = ring_pop(h->full);
        if (parcel == NULL) {
            pause_us(IDLE_US);
            continue;
        }
        carry_out(h->worker, parcel);
        last = parcel->last;
        engine_unref(&parcel->engine);
        CHECK(ring_push(h->empty, parcel)); /* it has room for all parcels */
    }
    return NULL;
}

/* --- sharing out
 * -------------------------------------------------------------------------------------- */

static void reset(struct parcel *parcel)
{
    parcel->n = 0;
    parcel->used = 0;
    parcel->last = false;
    parcel->engine = NULL;
}

static struct parcel *open_parcel(struct hand *h)
{
    while (h->open == NULL) {
        h->open = ring_pop(h->empty);
        if (h->open == NULL) {
            pause_us(FULL_US);
        } else {
            reset(h->open);
        }
    }
    return h->open;
}

static void send(struct crew *c, struct hand *h, bool last)
{
    struct parcel *parcel = open_parcel(h);
    parcel->clock_us = c->clock_us;
    parcel->last = last;
    h->open = NULL;
    CHECK(ring_push(h->full, parcel));
}

static void add(struct crew *c, struct hand *h, const struct packet *packet, const char *iface)
{
    struct parcel *parcel = open_parcel(h);
    size_t len = packet->data.len < PARCEL_BYTES ? packet->data.len : PARCEL_BYTES;
    if (parcel->n == PARCEL_PACKETS || len > PARCEL_BYTES - parcel->used) {
        send(c, h, false);
        parcel = open_parcel(h);
    }
    uint8_t *to = parcel->bytes + parcel->used; /* lint: the parcel's own memory */
    bytes_copy(to, packet->data.data, len);
    parcel->packets[parcel->n] = *packet;
    parcel->packets[parcel->n].data = span_of(to, len);
    parcel->ifaces[parcel->n] = iface;
    parcel->n++;
    parcel->used += len;
}

static void tick(struct crew *c, bool last)
{
    for (unsigned i = 0; i < c->n_threads; i++) {
        send(c, &c->hands[i], last);
    }
    c->since_tick = 0;
}

void crew_batch(struct crew *c, struct packet_batch *batch,
                const char *(*iface)(void *ctx, uint32_t n), void *ctx)
{
    if (c->n_threads == 0) {
        worker_ahead(c->alone, batch->packets, batch->n);
    }
    for (size_t i = 0; i < batch->n; i++) {
        const struct packet *p = &batch->packets[i];
        c->clock_us = p->clock_us;
        if (c->n_threads == 0) {
            batch->verdicts[i] = worker_packet(c->alone, p, iface(ctx, p->iface));
        } else {
            batch->verdicts[i] = VERDICT_PASS;
            add(c, &c->hands[packet_spread(p) % c->n_threads], p, iface(ctx, p->iface));
        }
    }
    if (c->n_threads == 0) {
        worker_advance(c->alone, c->clock_us);
        return;
    }
    c->since_tick += batch->n;
    if (c->since_tick >= TICK_PACKETS) {
        tick(c, false);
    }
}

void crew_advance(struct crew *c, uint64_t clock_us)
{
    c->clock_us = clock_us > c->clock_us ? clock_us : c->clock_us;
    if (c->n_threads == 0) {
        worker_advance(c->alone, c->clock_us);
    } else {
        tick(c, false);
    }
}

void crew_use(struct crew *c, struct engine *engine)
{
    if (c->n_threads == 0) {
        use(c->alone, engine);
        return;
    }
    for (unsigned i = 0; i < c->n_threads; i++) {
        open_parcel(&c->hands[i])->engine = engine_ref(engine);
    }
    tick(c, false);
}

static void join(struct crew *c)
{
    for (unsigned i = 0; i < c->n_threads; i++) {
        if (c->hands[i].started) {
            (void)pthread_join(c->hands[i].thread, NULL);
            c->hands[i].started = false;
        }
    }
}

void crew_finish(struct crew *c, uint64_t clock_us)
{
    c->clock_us = clock_us > c->clock_us ? clock_us : c->clock_us;
    if (c->n_threads == 0) {
        worker_finish(c->alone, c->clock_us);
        return;
    }
    tick(c, true);
    join(c);
}

const struct worker *crew_worker(const struct crew *c, size_t i)
{
    if (c->n_threads == 0) {
        return i == 0 ? c->alone : NULL;
    }
    return i < c->n_threads ? c->hands[i].worker : NULL;
}

void crew_stats(struct crew *c, struct stats *ret_sum)
{
    *ret_sum = (struct stats){0};
    if (c->n_threads == 0) {
        worker_gauge(c->alone);
        stats_sum(ret_sum, worker_stats(c->alone));
        return;
    }
    for (unsigned i = 0; i < c->n_threads; i++) {
        stats_sum(ret_sum, worker_stats(c->hands[i].worker));
    }
}

/* --- life
 * ---------------------------------------------------------------------------------------------- */

static bool make_hand(struct hand *h, const struct worker_shared *shared, unsigned number)
{
    h->tighten = shared->tighten;
    h->worker = worker_new(shared, number);
    h->full = ring_new(PARCELS);
    h->empty = ring_new(PARCELS);
    h->parcels = mem_alloc_array(PARCELS, sizeof(*h->parcels));
    if (h->worker == NULL || h->full == NULL || h->empty == NULL || h->parcels == NULL) {
        return false;
    }
    for (size_t i = 0; i < PARCELS; i++) {
        CHECK(ring_push(h->empty, &h->parcels[i]));
    }
    h->started = pthread_create(&h->thread, NULL, run, h) == 0;
    return h->started;
}

int crew_new(const struct worker_shared *shared, unsigned n_threads, struct crew **ret_crew)
{
    struct crew *c = mem_alloc(sizeof(*c));
    if (c == NULL) {
        return -ENOMEM;
    }
    bool good = true;
    if (n_threads == 0) {
        c->alone = worker_new(shared, 0);
        good = c->alone != NULL;
    } else {
        c->hands = mem_alloc_array(n_threads, sizeof(*c->hands));
        for (unsigned i = 0; c->hands != NULL && good && i < n_threads; i++) {
            c->n_threads++;
            good = make_hand(&c->hands[i], shared, i);
        }
        good = good && c->hands != NULL;
    }
    if (!good) {
        crew_free(&c);
        return -ENOMEM;
    }
    *ret_crew = c;
    return 0;
}

static void free_hand(struct hand *h)
{
    worker_free(&h->worker);
    ring_free(&h->full);
    ring_free(&h->empty);
    mem_free(h->parcels);
}

void crew_free(struct crew **c)
{
    if (*c == NULL) {
        return;
    }
    for (unsigned i = 0; i < (*c)->n_threads; i++) {
        if ((*c)->hands[i].started) {
            send(*c, &(*c)->hands[i], true); /* not finished: a failure at start */
        }
    }
    join(*c);
    worker_free(&(*c)->alone);
    for (unsigned i = 0; i < (*c)->n_threads; i++) {
        free_hand(&(*c)->hands[i]);
    }
    mem_free((*c)->hands);
    mem_free(*c);
    *c = NULL;
}
