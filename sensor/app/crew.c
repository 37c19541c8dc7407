/* crew: one worker or many, for files.
 *
 * With threads, the caller's thread reads batches into a ring and says whose each packet is, by a
 * hash of the two addresses, so that both directions, and the fragments of a datagram, come to the
 * same worker. All workers go through all batches where they were read, each at its own pace, and
 * take what is theirs: nothing is copied. A batch is released when the last of them has passed it.
 * It tells everybody the clock, also those who find nothing in it, so that nobody's events wait for
 * an idle worker. When the ring is full the reader waits until the slowest one is half through. */
#include "sensor/app/crew.h"

#include "sensor/app/privs.h"
#include "sensor/app/sandbox.h"
#include "sensor/app/spread.h"
#include "sensor/base/idle.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>

/* Some milliseconds of work: what was read should still be in a cache when the last worker comes to
 * it. */
enum { SLOTS = 64, CACHE_LINE = 64 };

#define NOTHING SIZE_MAX /* no slot has that number */

/* A batch in the ring, and what comes behind it. */
struct slot {
    struct packet_batch batch;
    const char *ifaces[PACKET_BATCH];
    uint8_t owners[PACKET_BATCH]; /* number of the worker */
    uint64_t clock_us;            /* of the whole input */
    struct engine *engine;        /* new rules; NULL: none */
    bool last;
};

struct hand {
    struct crew *crew;
    struct worker *worker;
    unsigned number;
    pthread_t thread;
    bool started;
    bool tighten;
    alignas(CACHE_LINE) atomic_size_t passed; /* slots that it is done with */
};

struct crew {
    unsigned n_threads;
    struct worker *alone;
    struct hand *hands;
    struct source *source;
    struct slot *slots;
    size_t n_slots;
    size_t n_released; /* slots; the reader's */
    uint64_t clock_us;
    pthread_mutex_t lock;
    pthread_cond_t passed;
    atomic_size_t wanted; /* the reader waits until so many slots were passed by all, or NOTHING */
    alignas(CACHE_LINE) atomic_size_t sent; /* slots that workers may look at */
};

static void use(struct worker *w, struct engine *engine)
{
    if (worker_use(w, engine) != 0) {
        log_error("no memory for the new rules; the old ones stay in use");
    }
}

static struct slot *slot_of(struct crew *c, size_t n)
{
    return &c->slots[n % c->n_slots];
}

/* What comes behind a slot's packets. */
static void end_slot(struct worker *w, const struct slot *slot)
{
    if (slot->engine != NULL) {
        use(w, slot->engine);
    }
    if (slot->last) {
        worker_finish(w, slot->clock_us);
    } else {
        worker_advance(w, slot->clock_us);
    }
}

/* --- a worker's thread
 * ------------------------------------------------------------------------------ */

/* What one worker has gathered from the slots it passes. */
struct share {
    struct packet packets[PACKET_BATCH];
    const char *ifaces[PACKET_BATCH];
    size_t n;
};

/* At most PACKET_BATCH packets. `far`: another processor read them; while one is worked at, the
 * next but one comes. */
static void carry_out(struct worker *w, const struct packet *packets, const char *const *ifaces,
                      size_t n, bool far)
{
    enum { NEXT = 2, NEXT_BYTES = 1536 };
    worker_ahead(w, packets, n);
    for (size_t i = 0; i < n; i++) {
        if (far && i + NEXT < n) {
            struct span next = span_head(packets[i + NEXT].data, NEXT_BYTES);
            mem_prefetch(next.data, next.len);
        }
        (void)worker_packet(w, &packets[i], ifaces[i]);
    }
}

/* Bytes of a packet that are asked for when it is gathered: what its headers take. */
enum { HEAD_BYTES = 128 };

/* Adds what is `number`'s; false when there is no room for all of it: then nothing is added. */
static bool gather(struct share *share, const struct slot *slot, unsigned number)
{
    size_t n = share->n;
    for (size_t i = 0; i < slot->batch.n; i++) {
        if (slot->owners[i] != number) {
            continue;
        }
        if (n == PACKET_BATCH) {
            return false;
        }
        share->packets[n] = slot->batch.packets[i];
        mem_prefetch(share->packets[n].data.data, HEAD_BYTES);
        share->ifaces[n] = slot->ifaces[i];
        n++;
    }
    share->n = n;
    return true;
}

/* Passes at least one of the slots from `at` on, up to `end`, and carries out what is the worker's
 * in them. The last one passed is returned. */
static const struct slot *pass(struct hand *h, size_t at, size_t end, size_t *ret_at)
{
    struct share share;
    const struct slot *slot = NULL;
    share.n = 0;
    do {
        const struct slot *next = slot_of(h->crew, at);
        if (!gather(&share, next, h->number)) {
            break; /* not the first: a slot's packets are no more than there is room for */
        }
        slot = next;
        at++;
    } while (at < end && slot->engine == NULL && !slot->last);
    carry_out(h->worker, share.packets, share.ifaces, share.n, true);
    *ret_at = at;
    return slot;
}

/* Tells the reader when it waits for this. It says what it waits for before it looks how far we
 * are, and we look for that after we have said how far we are: one of us sees the other. */
static void tell_passed(struct hand *h, size_t at)
{
    struct crew *c = h->crew;
    size_t before = atomic_load_explicit(&h->passed, memory_order_relaxed);
    atomic_store(&h->passed, at);
    size_t wanted = atomic_load(&c->wanted);
    if (before < wanted && wanted <= at) {
        (void)pthread_mutex_lock(&c->lock);
        (void)pthread_cond_signal(&c->passed);
        (void)pthread_mutex_unlock(&c->lock);
    }
}

static void *run(void *arg)
{
    struct hand *h = arg;
    struct idle idle = {.least_us = 50, .most_us = 200};
    bool last = false;
    if (h->tighten) {
        privs_drop_thread(0);
        (void)sandbox_tighten(0); /* who started it has told when there is none */
    }
    for (size_t at = 0; !last;) {
        size_t end = atomic_load_explicit(&h->crew->sent, memory_order_acquire);
        if (at == end) {
            idle_pause(&idle); /* the reader, who is late, has no time to wake us */
            continue;
        }
        idle_over(&idle);
        const struct slot *slot = pass(h, at, end, &at);
        worker_gauge(h->worker);
        last = slot->last;
        end_slot(h->worker, slot);
        tell_passed(h, at);
    }
    return NULL;
}

/* --- the reader's side
 * ------------------------------------------------------------------------------ */

static size_t n_sent(const struct crew *c)
{
    return atomic_load_explicit(&c->sent, memory_order_relaxed);
}

/* Slots that every worker has passed. */
static size_t n_passed(struct crew *c)
{
    size_t passed = n_sent(c);
    for (unsigned i = 0; i < c->n_threads; i++) {
        size_t n = atomic_load(&c->hands[i].passed);
        passed = n < passed ? n : passed;
    }
    return passed;
}

static void release(struct crew *c)
{
    for (size_t passed = n_passed(c); c->n_released < passed; c->n_released++) {
        struct slot *slot = slot_of(c, c->n_released);
        source_file.release(c->source, &slot->batch);
        engine_unref(&slot->engine);
    }
}

/* Until no more than n slots are out. */
static void wait_until(struct crew *c, size_t n)
{
    size_t target = n_sent(c) - n;
    (void)pthread_mutex_lock(&c->lock);
    atomic_store(&c->wanted, target);
    while (n_passed(c) < target) {
        (void)pthread_cond_wait(&c->passed, &c->lock);
    }
    atomic_store(&c->wanted, NOTHING);
    (void)pthread_mutex_unlock(&c->lock);
    release(c);
}

struct packet_batch *crew_take(struct crew *c)
{
    release(c);
    if (n_sent(c) - c->n_released == c->n_slots) {
        wait_until(c, c->n_slots / 2);
    }
    struct slot *slot = slot_of(c, n_sent(c));
    slot->batch.n = 0;
    return &slot->batch;
}

void crew_wait(struct crew *c)
{
    size_t out = n_sent(c) - c->n_released;
    wait_until(c, out > 0 ? out - 1 : 0);
}

void crew_settle(struct crew *c)
{
    wait_until(c, 0);
}

static void assign(struct crew *c, struct slot *slot)
{
    for (size_t i = 0; i < slot->batch.n; i++) {
        const struct packet *p = &slot->batch.packets[i];
        slot->ifaces[i] = source_file.iface(c->source, p->iface);
        slot->owners[i] = (uint8_t)(c->n_threads > 1 ? packet_spread(p) % c->n_threads : 0);
        c->clock_us = p->clock_us;
    }
    slot->clock_us = c->clock_us;
}

/* On the caller's thread, when there is no other. */
static void work_alone(struct crew *c, struct slot *slot)
{
    carry_out(c->alone, slot->batch.packets, slot->ifaces, slot->batch.n, false);
    end_slot(c->alone, slot);
}

void crew_send(struct crew *c)
{
    struct slot *slot = slot_of(c, n_sent(c));
    assign(c, slot);
    if (c->n_threads == 0) {
        work_alone(c, slot);
    }
    atomic_store_explicit(&c->sent, n_sent(c) + 1, memory_order_release);
}

void crew_send_copy(struct crew *c, const struct packet_batch *batch)
{
    struct packet_batch *to = crew_take(c);
    *to = *batch;
    crew_send(c);
}

/* An empty slot for what is no packet. */
static struct slot *open_slot(struct crew *c)
{
    (void)crew_take(c);
    return slot_of(c, n_sent(c));
}

void crew_use(struct crew *c, struct engine *engine)
{
    open_slot(c)->engine = engine_ref(engine);
    crew_send(c);
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

static void send_last(struct crew *c)
{
    open_slot(c)->last = true;
    crew_send(c);
    join(c);
    release(c);
}

void crew_finish(struct crew *c, uint64_t clock_us)
{
    c->clock_us = clock_us > c->clock_us ? clock_us : c->clock_us;
    send_last(c);
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

static bool make_hand(struct crew *c, const struct worker_shared *shared, unsigned number)
{
    struct hand *h = &c->hands[number];
    h->crew = c;
    h->number = number;
    h->tighten = shared->tighten;
    h->worker = worker_new(shared, number);
    h->started = h->worker != NULL && pthread_create(&h->thread, NULL, run, h) == 0;
    if (!h->started) {
        worker_free(&h->worker);
    }
    return h->started;
}

static bool make_workers(struct crew *c, const struct worker_shared *shared, unsigned n_threads)
{
    if (n_threads == 0) {
        c->alone = worker_new(shared, 0);
        return c->alone != NULL;
    }
    c->hands = mem_alloc_aligned(n_threads * sizeof(*c->hands), CACHE_LINE);
    bool good = c->hands != NULL;
    while (good && c->n_threads < n_threads) {
        good = make_hand(c, shared, c->n_threads);
        c->n_threads += good ? 1 : 0;
    }
    return good;
}

int crew_new(const struct worker_shared *shared, unsigned n_threads, struct source *source,
             struct crew **ret_crew)
{
    struct crew *c = mem_alloc_aligned(sizeof(*c), CACHE_LINE);
    if (c == NULL) {
        return -ENOMEM;
    }
    c->source = source;
    (void)pthread_mutex_init(&c->lock, NULL);
    (void)pthread_cond_init(&c->passed, NULL);
    atomic_init(&c->wanted, NOTHING);
    c->n_slots = n_threads == 0 ? 1 : SLOTS;
    c->slots = mem_alloc_array(c->n_slots, sizeof(*c->slots));
    if (c->slots == NULL || !make_workers(c, shared, n_threads)) {
        crew_free(&c);
        return -ENOMEM;
    }
    *ret_crew = c;
    return 0;
}

void crew_free(struct crew **crew)
{
    struct crew *c = *crew;
    if (c == NULL) {
        return;
    }
    if (c->n_threads > 0 && c->hands[0].started) {
        send_last(c); /* not finished: a failure at start */
    }
    for (unsigned i = 0; i < c->n_threads; i++) {
        worker_free(&c->hands[i].worker);
    }
    worker_free(&c->alone);
    (void)pthread_cond_destroy(&c->passed);
    (void)pthread_mutex_destroy(&c->lock);
    mem_free(c->hands);
    mem_free(c->slots);
    mem_free(c);
    *crew = NULL;
}
