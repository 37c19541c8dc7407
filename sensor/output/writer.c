/* writer: events of several producers in one order, for several outputs.
 *
 * Each producer's events come in the order of their clock, and it promises from time to time how
 * far it is. Events wait in a heap until no producer can bring an earlier one, so that the output
 * is the same whatever the number of producers. Then every outlet takes its copy.
 *
 * Not here: lines, queues and losses of an output are its outlet's; how events look is eve's. */
#include "sensor/output/writer.h"

#include "sensor/base/idle.h"
#include "sensor/base/mem.h"
#include "sensor/base/ring.h"
#include "sensor/output/limits.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

enum { OUTLETS_MAX = 32, SPARE_BLOCKS = 1024 };

struct producer {
    struct ring *ring;
    struct ring *spare; /* blocks that were lent, and are done with */
    _Atomic uint64_t promised_us;
    _Atomic uint64_t promised_flow; /* at that clock; set after it, and read before it */
};

struct writer {
    struct writer_options options;
    struct producer *producers;
    struct event **heap; /* earliest first */
    size_t n_heap;
    size_t heap_room;
    struct outlet *outlets[OUTLETS_MAX];
    size_t n_outlets;
    pthread_t thread;
    bool started;
    bool ended;
    atomic_bool stop;
    atomic_bool flush_wanted;
    struct limits *limits;
    struct teller *teller;
    uint64_t last_us; /* clock of the latest event */
    _Atomic uint64_t suppressed;
    _Atomic uint64_t rolled_up;
    _Atomic uint64_t sightings_lost;
};

/* --- outputs
 * ---------------------------------------------------------------------------------------- */

static void flush_outlets(struct writer *w)
{
    for (size_t i = 0; i < w->n_outlets; i++) {
        outlet_flush(w->outlets[i]);
    }
}

static void give_out(struct writer *w, const struct event *event)
{
    for (size_t i = 0; event->type < EVENT_N && i < w->n_outlets; i++) {
        outlet_add(w->outlets[i], event);
    }
}

/* An event that is done with. Only who writes calls this: one thread, as a ring wants it. */
static void let_go(struct writer *w, struct event *event)
{
    mem_give_away(event);
    if (!event->lent || !ring_push(w->producers[event->lender].spare, event)) {
        mem_take_over(event);
        mem_free(event);
    }
}

/* The next one in order. */
static void write_event(struct writer *w, struct event *event)
{
    bool wanted = limits_pass(w->limits, event);
    w->last_us = event->key.clock_us > w->last_us ? event->key.clock_us : w->last_us;
    teller_until(w->teller, event->key.clock_us);
    if (teller_see(w->teller, event, wanted)) {
        give_out(w, event);
    } else {
        atomic_fetch_add_explicit(wanted ? &w->rolled_up : &w->suppressed, 1, memory_order_relaxed);
    }
    let_go(w, event);
}

/* What the teller says is in order already. */
static void on_tell(void *ctx, struct event *event, uint64_t clock_us)
{
    struct writer *w = ctx;
    for (size_t i = 0; event == NULL && i < w->n_outlets; i++) {
        outlet_lose(w->outlets[i], EVENT_ALERT, clock_us, ENOMEM);
    }
    if (event != NULL) {
        give_out(w, event);
    }
    mem_free(event);
}

static void lose_event(struct writer *w, struct event *event, int error)
{
    for (size_t i = 0; event->type < EVENT_N && i < w->n_outlets; i++) {
        outlet_lose(w->outlets[i], event->type, event->key.clock_us, error);
    }
    if (event->sighting != NULL) {
        atomic_fetch_add_explicit(&w->sightings_lost, 1, memory_order_relaxed);
    }
    mem_free(event);
}

/* --- order
 * ------------------------------------------------------------------------------------------ */

static bool key_before(const struct event_key *a, const struct event_key *b)
{
    if (a->clock_us != b->clock_us) {
        return a->clock_us < b->clock_us;
    }
    if (a->flow_id != b->flow_id) {
        return a->flow_id < b->flow_id;
    }
    return a->seq < b->seq;
}

static bool before(const struct event *a, const struct event *b)
{
    return key_before(&a->key, &b->key);
}

static void swap(struct writer *w, size_t a, size_t b)
{
    struct event *e = w->heap[a];
    w->heap[a] = w->heap[b];
    w->heap[b] = e;
}

static bool heap_add(struct writer *w, struct event *event)
{
    if (w->n_heap == w->heap_room) {
        size_t room = w->heap_room > 0 ? w->heap_room * 2 : 256;
        struct event **heap = mem_resize(w->heap, room * sizeof(struct event *));
        if (heap == NULL) {
            return false;
        }
        w->heap = heap;
        w->heap_room = room;
    }
    size_t at = w->n_heap++;
    w->heap[at] = event;
    while (at > 0 && before(w->heap[at], w->heap[(at - 1) / 2])) {
        swap(w, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
    return true;
}

static struct event *heap_take(struct writer *w)
{
    struct event *first = w->heap[0];
    w->heap[0] = w->heap[--w->n_heap];
    size_t at = 0;
    while (2 * at + 1 < w->n_heap) {
        size_t child = 2 * at + 1;
        if (child + 1 < w->n_heap && before(w->heap[child + 1], w->heap[child])) {
            child++;
        }
        if (!before(w->heap[child], w->heap[at])) {
            break;
        }
        swap(w, at, child);
        at = child;
    }
    return first;
}

static void take_event(struct writer *w, struct event *event)
{
    if (!heap_add(w, event)) {
        lose_event(w, event, ENOMEM);
    }
}

/* What all promise. An id that is read with a later clock than it was set with does no harm: ids
 * are only set at the clock behind which nothing comes, or with it. */
static struct event_key least_promise(const struct writer *w)
{
    struct event_key least = {.clock_us = UINT64_MAX, .flow_id = UINT64_MAX};
    for (unsigned i = 0; i < w->options.n_producers; i++) {
        struct producer *p = &w->producers[i];
        struct event_key key = {.flow_id =
                                    atomic_load_explicit(&p->promised_flow, memory_order_acquire)};
        key.clock_us = atomic_load_explicit(&p->promised_us, memory_order_acquire);
        least = key_before(&key, &least) ? key : least;
    }
    return least;
}

static void write_until(struct writer *w, struct event_key promise)
{
    while (w->n_heap > 0 && key_before(&w->heap[0]->key, &promise)) {
        write_event(w, heap_take(w));
    }
    teller_until(w->teller, promise.clock_us);
}

/* --- the thread
 * --------------------------------------------------------------------------------------- */

/* What comes from another thread; NULL: nothing. */
static struct event *take_over(struct ring *ring)
{
    struct event *event = ring_pop(ring);
    if (event != NULL) {
        mem_take_over(event);
    }
    return event;
}

/* Whether there was any. */
static bool take_events(struct writer *w, struct ring *ring)
{
    bool any = false;
    struct event *event;
    while ((event = take_over(ring)) != NULL) {
        take_event(w, event);
        any = true;
    }
    return any;
}

/* Promises are read before the rings: what a producer put before it promised is then in the heap
 * when the promise is used. */
static bool pump(struct writer *w)
{
    struct event_key promise = least_promise(w);
    bool any = false;
    for (unsigned i = 0; i < w->options.n_producers; i++) {
        any = take_events(w, w->producers[i].ring) || any;
    }
    write_until(w, promise);
    return any;
}

static void *run(void *arg)
{
    struct writer *w = arg;
    struct idle idle = {.least_us = 500, .most_us = 4000};
    while (!atomic_load_explicit(&w->stop, memory_order_acquire)) {
        if (pump(w)) {
            idle_over(&idle);
        } else {
            if (atomic_exchange_explicit(&w->flush_wanted, false, memory_order_relaxed)) {
                flush_outlets(w);
            }
            idle_pause(&idle);
        }
    }
    return NULL;
}

/* --- interface
 * ------------------------------------------------------------------------------------------ */

int writer_new(const struct writer_options *options, struct writer **ret_writer)
{
    struct writer *w = mem_alloc(sizeof(*w));
    if (w == NULL) {
        return -ENOMEM;
    }
    w->options = *options;
    w->producers = mem_alloc_array(options->n_producers, sizeof(*w->producers));
    w->limits = limits_new();
    w->teller = teller_new(&options->teller, &(struct teller_user){on_tell, w});
    bool good = w->producers != NULL && w->limits != NULL && w->teller != NULL;
    for (unsigned i = 0; good && i < options->n_producers; i++) {
        struct producer *p = &w->producers[i];
        p->ring = options->threaded ? ring_new(options->queue) : NULL;
        p->spare = ring_new(SPARE_BLOCKS);
        good = p->spare != NULL && (p->ring != NULL || !options->threaded);
    }
    if (!good) {
        writer_free(&w);
        return -ENOMEM;
    }
    *ret_writer = w;
    return 0;
}

int writer_add_output(struct writer *w, const struct outlet_options *options, struct errbuf *err)
{
    if (w->n_outlets == OUTLETS_MAX) {
        errbuf_add(err, "more than %d outputs", OUTLETS_MAX);
        return -E2BIG;
    }
    struct outlet_options own = *options;
    own.may_drop = w->options.may_drop;
    own.threaded = w->options.threaded || w->options.may_drop;
    int rc = outlet_new(&own, &w->outlets[w->n_outlets], err);
    w->n_outlets += rc == 0;
    return rc;
}

int writer_start(struct writer *w)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < w->n_outlets; i++) {
        rc = outlet_start(w->outlets[i]);
    }
    if (rc == 0 && w->options.threaded) {
        rc = -pthread_create(&w->thread, NULL, run, w);
        w->started = rc == 0;
    }
    return rc;
}

struct event *writer_lend(struct writer *w, unsigned producer, size_t size)
{
    struct event *event = take_over(w->producers[producer].spare);
    if (event != NULL) {
        *event = (struct event){0};
    } else {
        event = mem_alloc(size);
    }
    if (event != NULL) {
        event->lent = true;
        event->lender = producer;
    }
    return event;
}

void writer_put(struct writer *w, unsigned producer, struct event *event)
{
    if (!w->options.threaded) {
        take_event(w, event);
        return;
    }
    mem_give_away(event);
    while (!ring_push(w->producers[producer].ring, event)) {
        if (w->options.may_drop || !w->started) {
            mem_take_over(event);
            lose_event(w, event, ENOBUFS);
            return;
        }
        idle_for(100);
    }
}

void writer_advance(struct writer *w, unsigned producer, uint64_t clock_us)
{
    atomic_store_explicit(&w->producers[producer].promised_us, clock_us, memory_order_release);
    if (!w->options.threaded) {
        write_until(w, least_promise(w));
    }
}

void writer_advance_flow(struct writer *w, unsigned producer, uint64_t clock_us, uint64_t flow_id)
{
    struct producer *p = &w->producers[producer];
    atomic_store_explicit(&p->promised_us, clock_us, memory_order_release);
    atomic_store_explicit(&p->promised_flow, flow_id, memory_order_release);
    if (!w->options.threaded) {
        write_until(w, least_promise(w));
    }
}

void writer_flush(struct writer *w)
{
    if (w->options.threaded) {
        atomic_store_explicit(&w->flush_wanted, true, memory_order_relaxed);
    } else {
        flush_outlets(w);
    }
}

void writer_reopen(struct writer *w)
{
    for (size_t i = 0; i < w->n_outlets; i++) {
        outlet_reopen(w->outlets[i]);
    }
}

void writer_hurry(struct writer *w)
{
    for (size_t i = 0; i < w->n_outlets; i++) {
        outlet_hurry(w->outlets[i]);
    }
}

void writer_stats(const struct writer *w, struct writer_stats *ret_stats)
{
    *ret_stats = (struct writer_stats){
        .suppressed = atomic_load_explicit(&w->suppressed, memory_order_relaxed),
        .rolled_up = atomic_load_explicit(&w->rolled_up, memory_order_relaxed),
        .campaigns = teller_n_campaigns(w->teller),
        .sightings_lost = atomic_load_explicit(&w->sightings_lost, memory_order_relaxed),
    };
    teller_stories(w->teller, &ret_stats->stories);
    struct outlet_stats one;
    for (size_t i = 0; writer_output_stats(w, i, &one); i++) {
        ret_stats->written += one.written;
        ret_stats->lost += one.lost;
    }
}

bool writer_output_stats(const struct writer *w, size_t i, struct outlet_stats *ret_stats)
{
    if (i >= w->n_outlets) {
        return false;
    }
    outlet_stats(w->outlets[i], ret_stats);
    return true;
}

const char *writer_output_why(const struct writer *w, size_t i)
{
    return outlet_why(w->outlets[i]);
}

static void stop_thread(struct writer *w)
{
    atomic_store_explicit(&w->stop, true, memory_order_release);
    if (w->started) {
        (void)pthread_join(w->thread, NULL);
        w->started = false;
    }
    for (unsigned i = 0; w->producers != NULL && i < w->options.n_producers; i++) {
        if (w->producers[i].ring != NULL) {
            (void)take_events(w, w->producers[i].ring);
        }
        ring_free(&w->producers[i].ring);
    }
}

/* All are stopped before one is waited for, so that their last seconds are the same. */
static void end_outlets(struct writer *w)
{
    for (size_t i = 0; i < w->n_outlets; i++) {
        outlet_stop(w->outlets[i]);
    }
    for (size_t i = 0; i < w->n_outlets; i++) {
        outlet_end(w->outlets[i]);
    }
}

/* The last stats, which say what there was in all, stay behind what is told at the end. */
static void write_rest(struct writer *w)
{
    uint64_t clock_us = 0;
    while (w->n_heap > 0) {
        struct event *event = heap_take(w);
        clock_us = event->key.clock_us;
        if (w->n_heap == 0 && event->type == EVENT_STATS) {
            teller_until(w->teller, clock_us);
            teller_finish(w->teller, clock_us);
        }
        write_event(w, event);
    }
    teller_finish(w->teller, clock_us > w->last_us ? clock_us : w->last_us);
}

void writer_settle(struct writer *w)
{
    stop_thread(w);
    w->options.threaded = false;
    while (w->n_heap > 0) {
        write_event(w, heap_take(w));
    }
}

void writer_end(struct writer *w)
{
    if (w->ended) {
        return;
    }
    stop_thread(w);
    if (w->teller != NULL) { /* else it is only half made, and nothing came */
        write_rest(w);
    }
    end_outlets(w);
    w->ended = true;
}

static void free_spare(struct writer *w)
{
    for (unsigned i = 0; w->producers != NULL && i < w->options.n_producers; i++) {
        struct ring *spare = w->producers[i].spare;
        struct event *event;
        while (spare != NULL && (event = take_over(spare)) != NULL) {
            mem_free(event);
        }
        ring_free(&w->producers[i].spare);
    }
}

void writer_free(struct writer **w)
{
    if (*w == NULL) {
        return;
    }
    writer_end(*w);
    for (size_t i = 0; i < (*w)->n_outlets; i++) {
        outlet_free(&(*w)->outlets[i]);
    }
    limits_free(&(*w)->limits);
    teller_free(&(*w)->teller);
    mem_free((*w)->heap);
    free_spare(*w);
    mem_free((*w)->producers);
    mem_free(*w);
    *w = NULL;
}
