/* writer: from events of several producers to lines in sinks.
 *
 * Each producer's events come in the order of their clock, and it promises from time to time how
 * far it is. Events wait in a heap until no producer can bring an earlier one, so that the output
 * is the same whatever the number of producers. Lines are gathered into blocks before they go to a
 * sink. A sink that fails loses what it was given, never more, and every loss is counted.
 *
 * Not here: retrying a sink that is away is the sink's business; how events look is eve's. */
#include "sensor/output/writer.h"

#include "sensor/base/clock.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"
#include "sensor/base/ring.h"
#include "sensor/base/sbuf.h"
#include "sensor/output/limits.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

enum {
    SINKS_MAX = 8,
    BLOCK_BYTES = 64 * 1024,
    BLOCK_CAP = 32 * 1024 * 1024,
    COMPLAIN_US = 60000000
};

struct attached {
    const struct sink_ops *ops;
    struct sink *sink;
    const char *target;
    unsigned types;
    struct sbuf block;
    size_t n_lines;
    uint64_t lost;
    uint64_t complained_us;
    bool failing;
};

struct producer {
    struct ring *ring;
    _Atomic uint64_t promised_us;
    _Atomic uint64_t dropped;
};

struct writer {
    struct writer_options options;
    struct producer *producers;
    struct event **heap; /* earliest first */
    size_t n_heap;
    size_t heap_room;
    struct attached sinks[SINKS_MAX];
    size_t n_sinks;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    atomic_bool flush_wanted;
    atomic_bool reopen_wanted;
    struct limits *limits;
    _Atomic uint64_t suppressed;
    _Atomic uint64_t written;
    _Atomic uint64_t lost;
    _Atomic uint64_t told;
    atomic_int error;
};

/* --- sinks
 * ------------------------------------------------------------------------------------------ */

static void tell_loss(struct writer *w, struct attached *a, int error)
{
    uint64_t now = clock_monotonic_us();
    if (a->failing && now - a->complained_us < COMPLAIN_US) {
        return;
    }
    log_error("cannot write '%s': %s; %llu records lost so far", a->target, strerror(error),
              (unsigned long long)a->lost);
    a->complained_us = now;
    a->failing = true;
    atomic_store_explicit(&w->told, atomic_load_explicit(&w->lost, memory_order_relaxed),
                          memory_order_relaxed);
}

static void give_block(struct writer *w, struct attached *a)
{
    if (a->n_lines == 0) {
        return;
    }
    size_t n_lost = 0;
    int rc = a->ops->write(a->sink, sbuf_span(&a->block), a->n_lines, &n_lost);
    if (rc != 0) {
        a->lost += n_lost;
        atomic_fetch_add_explicit(&w->lost, n_lost, memory_order_relaxed);
        atomic_store_explicit(&w->error, -rc, memory_order_relaxed);
        tell_loss(w, a, -rc);
    } else if (a->failing) {
        log_notice("writing '%s' again; %llu records were lost", a->target,
                   (unsigned long long)a->lost);
        a->failing = false;
    }
    atomic_fetch_add_explicit(&w->written, a->n_lines - n_lost, memory_order_relaxed);
    sbuf_reset(&a->block);
    a->n_lines = 0;
}

static void reopen_sinks(struct writer *w)
{
    for (size_t i = 0; i < w->n_sinks; i++) {
        struct errbuf err = {0};
        give_block(w, &w->sinks[i]);
        if (w->sinks[i].ops->reopen(w->sinks[i].sink, &err) != 0) {
            log_error("%s; going on with the old one", errbuf_text(&err));
        }
        errbuf_free(&err);
    }
}

static void flush_sinks(struct writer *w)
{
    for (size_t i = 0; i < w->n_sinks; i++) {
        struct attached *a = &w->sinks[i];
        give_block(w, a);
        int rc = a->ops->flush(a->sink);
        if (rc != 0) {
            atomic_store_explicit(&w->error, -rc, memory_order_relaxed);
        }
    }
}

static void write_event(struct writer *w, struct event *event)
{
    if (atomic_exchange_explicit(&w->reopen_wanted, false, memory_order_relaxed)) {
        reopen_sinks(w);
    }
    if (!limits_pass(w->limits, event)) {
        atomic_fetch_add_explicit(&w->suppressed, 1, memory_order_relaxed);
        mem_free(event);
        return;
    }
    for (size_t i = 0; i < w->n_sinks; i++) {
        struct attached *a = &w->sinks[i];
        if ((a->types & (1u << event->type)) == 0) {
            continue;
        }
        size_t before = a->block.len;
        if (sbuf_add(&a->block, span_of(event->json, event->len)) &&
            sbuf_add_byte(&a->block, '\n')) {
            a->n_lines++;
        } else {
            sbuf_shorten(&a->block, before);
            atomic_fetch_add_explicit(&w->lost, 1, memory_order_relaxed);
            atomic_store_explicit(&w->error, ENOMEM, memory_order_relaxed);
        }
        if (a->block.len >= BLOCK_BYTES) {
            give_block(w, a);
        }
    }
    mem_free(event);
}

/* --- order
 * ------------------------------------------------------------------------------------------ */

static bool before(const struct event *a, const struct event *b)
{
    if (a->key.clock_us != b->key.clock_us) {
        return a->key.clock_us < b->key.clock_us;
    }
    if (a->key.flow_id != b->key.flow_id) {
        return a->key.flow_id < b->key.flow_id;
    }
    return a->key.seq < b->key.seq;
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
        mem_free(event);
        atomic_fetch_add_explicit(&w->lost, 1, memory_order_relaxed);
        atomic_store_explicit(&w->error, ENOMEM, memory_order_relaxed);
    }
}

static uint64_t least_promise(const struct writer *w)
{
    uint64_t least = UINT64_MAX;
    for (unsigned i = 0; i < w->options.n_producers; i++) {
        uint64_t p = atomic_load_explicit(&w->producers[i].promised_us, memory_order_acquire);
        least = p < least ? p : least;
    }
    return least;
}

static void write_until(struct writer *w, uint64_t clock_us)
{
    while (w->n_heap > 0 && w->heap[0]->key.clock_us < clock_us) {
        write_event(w, heap_take(w));
    }
}

/* --- the thread
 * --------------------------------------------------------------------------------------- */

/* Promises are read before the rings: what a producer put before it promised is then in the heap
 * when the promise is used. */
static bool pump(struct writer *w)
{
    uint64_t promise = least_promise(w);
    bool any = false;
    for (unsigned i = 0; i < w->options.n_producers; i++) {
        struct event *event;
        while ((event = ring_pop(w->producers[i].ring)) != NULL) {
            mem_take_over(event);
            take_event(w, event);
            any = true;
        }
    }
    write_until(w, promise);
    return any;
}

static void pause_us(long us)
{
    struct timespec t = {.tv_nsec = us * 1000};
    (void)nanosleep(&t, NULL); /* lint: the writer's thread waits, no packet does */
}

static void *run(void *arg)
{
    struct writer *w = arg;
    while (!atomic_load_explicit(&w->stop, memory_order_acquire)) {
        if (atomic_exchange_explicit(&w->reopen_wanted, false, memory_order_relaxed)) {
            reopen_sinks(w);
        }
        if (!pump(w)) {
            if (atomic_exchange_explicit(&w->flush_wanted, false, memory_order_relaxed)) {
                flush_sinks(w);
            }
            pause_us(500);
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
    bool good = w->producers != NULL && w->limits != NULL;
    for (unsigned i = 0; good && options->threaded && i < options->n_producers; i++) {
        w->producers[i].ring = ring_new(options->queue);
        good = w->producers[i].ring != NULL;
    }
    if (!good) {
        struct writer_stats stats;
        writer_free(&w, &stats);
        return -ENOMEM;
    }
    *ret_writer = w;
    return 0;
}

int writer_add_sink(struct writer *w, const struct sink_ops *ops, const char *target,
                    unsigned types, struct errbuf *err)
{
    if (w->n_sinks == SINKS_MAX) {
        errbuf_add(err, "more than %d outputs", SINKS_MAX);
        return -E2BIG;
    }
    struct attached *a = &w->sinks[w->n_sinks];
    *a = (struct attached){.ops = ops, .target = target, .types = types};
    a->block = sbuf_with_cap(BLOCK_CAP);
    int rc = ops->open(target, &a->sink, err);
    w->n_sinks += rc == 0;
    return rc;
}

int writer_start(struct writer *w)
{
    if (!w->options.threaded) {
        return 0;
    }
    int rc = pthread_create(&w->thread, NULL, run, w);
    w->started = rc == 0;
    return -rc;
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
            mem_free(event);
            atomic_fetch_add_explicit(&w->lost, 1, memory_order_relaxed);
            return;
        }
        pause_us(100);
    }
}

void writer_advance(struct writer *w, unsigned producer, uint64_t clock_us)
{
    atomic_store_explicit(&w->producers[producer].promised_us, clock_us, memory_order_release);
    if (!w->options.threaded) {
        write_until(w, least_promise(w));
    }
}

void writer_flush(struct writer *w)
{
    if (w->options.threaded) {
        atomic_store_explicit(&w->flush_wanted, true, memory_order_relaxed);
    } else {
        flush_sinks(w);
    }
}

void writer_reopen(struct writer *w)
{
    atomic_store_explicit(&w->reopen_wanted, true, memory_order_relaxed);
}

void writer_stats(const struct writer *w, struct writer_stats *ret_stats)
{
    ret_stats->written = atomic_load_explicit(&w->written, memory_order_relaxed);
    ret_stats->suppressed = atomic_load_explicit(&w->suppressed, memory_order_relaxed);
    ret_stats->lost = atomic_load_explicit(&w->lost, memory_order_relaxed);
    ret_stats->told = atomic_load_explicit(&w->told, memory_order_relaxed);
    ret_stats->error = atomic_load_explicit(&w->error, memory_order_relaxed);
}

static void stop_thread(struct writer *w)
{
    atomic_store_explicit(&w->stop, true, memory_order_release);
    if (w->started) {
        (void)pthread_join(w->thread, NULL);
    }
    for (unsigned i = 0; w->producers != NULL && i < w->options.n_producers; i++) {
        struct event *event;
        while (w->producers[i].ring != NULL && (event = ring_pop(w->producers[i].ring)) != NULL) {
            mem_take_over(event);
            take_event(w, event);
        }
        ring_free(&w->producers[i].ring);
    }
}

void writer_free(struct writer **w, struct writer_stats *ret_stats)
{
    *ret_stats = (struct writer_stats){0};
    if (*w == NULL) {
        return;
    }
    stop_thread(*w);
    while ((*w)->n_heap > 0) {
        write_event(*w, heap_take(*w));
    }
    flush_sinks(*w);
    for (size_t i = 0; i < (*w)->n_sinks; i++) {
        (*w)->sinks[i].ops->close(&(*w)->sinks[i].sink);
        sbuf_free(&(*w)->sinks[i].block);
    }
    writer_stats(*w, ret_stats);
    limits_free(&(*w)->limits);
    mem_free((*w)->heap);
    mem_free((*w)->producers);
    mem_free(*w);
    *w = NULL;
}
