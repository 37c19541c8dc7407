/* outlet: one output, from events to its sink.
 *
 * Lines are gathered into blocks, blocks wait in a queue that is bounded in bytes, and a thread of
 * the outlet's own gives them to the sink, so that no output waits for another. A sink that is away
 * is tried again, at growing intervals; what it did not take is kept, in order. Lines are given up
 * where that is all that is left: in live capture when the queue is full, in file mode when the
 * sink was away for too long, at the end when there is no time. Every line is counted as written or
 * as lost, and once the sink takes lines again, one more tells it how many are missing.
 *
 * Not here: how to connect, which is the sink's; what a line looks like, which is outlet_line's. */
#include "sensor/output/outlet.h"

#include "sensor/base/clock.h"
#include "sensor/base/idle.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"
#include "sensor/base/ring.h"
#include "sensor/output/outlet_line.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    BLOCK_BYTES = 64 * 1024,
    BLOCK_CAP = 32 * 1024 * 1024,
    QUEUE_BLOCKS = 4096,
    SPARE_BLOCKS = 16,
    COMPLAIN_US = 60000000,
    BACKOFF_FIRST_US = 100000,
    BACKOFF_MAX_US = 30000000,
    GRACE_US = 800000,    /* how long a sink is waited for when there is no time */
    ABORT_US = 200000,    /* and then how long its write() may still take */
    SLOW_US = 1000,       /* between two tries of a sink that is slow */
    PATIENT_US = 5000000, /* how long one that is slow is not spoken of */
    PAUSE_US = 1000
};

/* The thread that has a block owns it. */
struct block {
    struct sbuf text;
    size_t done;    /* bytes of it that are dealt with */
    size_t n_lines; /* that are not */
    uint64_t clock_us;
    uint64_t last_us;
};

struct outlet {
    struct outlet_options options;
    struct sink *sink;
    char name[64];
    char target[256];
    struct line_form form;
    struct block *open; /* the writer's side gathers here */
    struct ring *full;
    struct ring *spare; /* blocks on their way back */
    _Atomic size_t queued;
    pthread_t thread;
    bool started;
    bool stopped;
    bool ended;
    uint64_t stopped_us;
    atomic_bool stop;
    atomic_bool finished;
    atomic_bool flush_wanted;
    atomic_bool reopen_wanted;
    atomic_bool hurry;
    _Atomic uint64_t written;
    _Atomic uint64_t lost;
    _Atomic uint64_t lost_us; /* clock of the latest that was lost */
    _Atomic uint64_t told;
    atomic_int error;
    uint64_t full_complained_us; /* the writer's side */

    /* The side of the sink. */
    struct block *current;
    uint64_t reported; /* lost events that the output itself was told of */
    uint64_t complained_us;
    bool failing;
    bool gave_up;
    uint64_t away_since_us; /* 0: it takes lines */
    uint64_t next_try_us;
    uint64_t backoff_us;
    uint64_t hurry_since_us;
    char why[OUTLET_WHY_SIZE];
};

/* --- blocks
 * --------------------------------------------------------------------------------------------- */

static struct block *block_new(void)
{
    struct block *b = mem_alloc(sizeof(*b));
    if (b != NULL) {
        b->text = sbuf_with_cap(BLOCK_CAP);
    }
    return b;
}

static void block_free(struct block **b)
{
    if (*b != NULL) {
        sbuf_free(&(*b)->text);
        mem_free(*b);
        *b = NULL;
    }
}

static void block_reset(struct block *b)
{
    sbuf_reset(&b->text);
    b->done = 0;
    b->n_lines = 0;
}

static bool pass(struct ring *ring, struct block *b)
{
    void *data = b->text.data;
    if (data != NULL) {
        mem_give_away(data);
    }
    mem_give_away(b);
    if (ring_push(ring, b)) {
        return true;
    }
    mem_take_over(b);
    if (data != NULL) {
        mem_take_over(data);
    }
    return false;
}

static struct block *receive(struct ring *ring)
{
    struct block *b = ring != NULL ? ring_pop(ring) : NULL;
    if (b != NULL) {
        mem_take_over(b);
        if (b->text.data != NULL) {
            mem_take_over(b->text.data);
        }
    }
    return b;
}

static struct span block_rest(const struct block *b)
{
    return span_from(sbuf_span(&b->text), b->done);
}

static void block_skip(struct block *b, size_t n)
{
    for (size_t i = 0; i < n && b->n_lines > 0; i++) {
        size_t end = span_find_byte(sbuf_span(&b->text), b->done, '\n');
        CHECK(end != SPAN_NONE); /* every line has its own */
        b->done = end + 1;
        b->n_lines--;
    }
}

/* --- losses
 * --------------------------------------------------------------------------------------------- */

static uint64_t get(const _Atomic uint64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

static void count_lost(struct outlet *o, uint64_t n, uint64_t clock_us, int error)
{
    atomic_fetch_add_explicit(&o->lost, n, memory_order_relaxed);
    atomic_store_explicit(&o->lost_us, clock_us, memory_order_relaxed);
    atomic_store_explicit(&o->error, error, memory_order_relaxed);
}

static const char *reason(const struct outlet *o, int error)
{
    const char *words = o->options.ops->why != NULL ? o->options.ops->why(o->sink) : NULL;
    return words != NULL ? words : error == EAGAIN ? "it takes no more events" : strerror(error);
}

static void tell_failure(struct outlet *o, int error)
{
    uint64_t now = clock_monotonic_us();
    (void)snprintf(o->why, sizeof(o->why), "%s", reason(o, error));
    if (o->failing && now - o->complained_us < COMPLAIN_US) {
        return;
    }
    uint64_t lost = get(&o->lost);
    if (lost > 0) {
        log_error("cannot write '%s': %s; %llu records lost so far", o->target, o->why,
                  (unsigned long long)lost);
        atomic_store_explicit(&o->told, lost, memory_order_relaxed);
    } else {
        log_warning("cannot write '%s': %s; trying again", o->target, o->why);
    }
    o->complained_us = now;
    o->failing = true;
}

static void tell_full(struct outlet *o)
{
    uint64_t now = clock_monotonic_us();
    if (o->full_complained_us != 0 && now - o->full_complained_us < COMPLAIN_US) {
        return;
    }
    uint64_t lost = get(&o->lost);
    log_error("'%s' does not keep up, its queue is full; %llu records lost so far", o->target,
              (unsigned long long)lost);
    atomic_store_explicit(&o->told, lost, memory_order_relaxed);
    o->full_complained_us = now;
}

/* Lines are taken again: the output is told what it has missed, in a line of its own. */
static void report_losses(struct outlet *o)
{
    uint64_t n = get(&o->lost) - o->reported;
    struct sbuf line = sbuf_with_cap(BLOCK_CAP);
    struct sink_result result = {0};
    struct line_loss loss = {o->options.host, o->name, n, get(&o->lost_us)};
    if (n > 0 && line_of_loss(&o->form, &loss, &line)) {
        struct sink_block block = {sbuf_span(&line), 1, loss.clock_us};
        int rc = o->options.ops->write(o->sink, &block, &result);
        if (rc != 0 && result.n_written + result.n_lost == 0 && o->options.ops->give_up != NULL) {
            result.n_written = o->options.ops->give_up(o->sink);
        }
        o->reported += result.n_written == 1 ? n : 0;
    }
    sbuf_free(&line);
}

/* --- the side of the sink
 * ------------------------------------------------------------------------------- */

static void on_success(struct outlet *o)
{
    if (o->failing) {
        /* not a notice: it ends what was warned of */
        log_warning("writing '%s' again; %llu records were lost", o->target,
                    (unsigned long long)get(&o->lost));
    }
    o->failing = false;
    o->gave_up = false;
    o->away_since_us = 0;
    o->backoff_us = 0;
    o->next_try_us = 0;
    report_losses(o);
}

static void on_failure(struct outlet *o, int error, uint64_t now)
{
    atomic_store_explicit(&o->error, error, memory_order_relaxed);
    tell_failure(o, error);
    uint64_t twice = o->backoff_us * 2 < BACKOFF_MAX_US ? o->backoff_us * 2 : BACKOFF_MAX_US;
    o->backoff_us = twice > 0 ? twice : BACKOFF_FIRST_US;
    o->next_try_us = now + o->backoff_us;
}

static void try_block(struct outlet *o, struct block *b, uint64_t now)
{
    struct sink_result result = {0};
    struct sink_block view = {block_rest(b), b->n_lines, b->clock_us};
    int rc = o->options.ops->write(o->sink, &view, &result);
    block_skip(b, result.n_written + result.n_lost);
    atomic_fetch_add_explicit(&o->written, result.n_written, memory_order_relaxed);
    if (result.n_lost > 0) {
        count_lost(o, result.n_lost, b->last_us, -rc);
    }
    if (rc == 0) {
        on_success(o);
        return;
    }
    if (o->away_since_us == 0 || result.n_written > 0) {
        o->away_since_us = now;
    }
    if (rc == -EAGAIN && result.n_lost == 0) {
        o->next_try_us = result.n_written > 0 ? 0 : now + SLOW_US;
        if (now - o->away_since_us > PATIENT_US) {
            tell_failure(o, EAGAIN);
        }
        return;
    }
    on_failure(o, -rc, now);
    if (b->n_lines == 0) {
        o->away_since_us = 0; /* it loses what it cannot write: there is nothing to wait for */
        o->next_try_us = 0;
    }
}

/* Whether the time at the end is up for a sink that does not take lines. */
static bool out_of_time(struct outlet *o, uint64_t now)
{
    bool hurry = atomic_load_explicit(&o->hurry, memory_order_relaxed) ||
                 (o->options.may_drop && atomic_load_explicit(&o->stop, memory_order_relaxed));
    if (hurry && o->hurry_since_us == 0) {
        o->hurry_since_us = now;
    }
    return hurry && o->away_since_us != 0 && now - o->hurry_since_us > GRACE_US;
}

/* Whether files as input wait for it no longer. */
static bool out_of_patience(const struct outlet *o, uint64_t now)
{
    return !o->options.may_drop && o->away_since_us != 0 &&
           (o->gave_up || now - o->away_since_us > o->options.config->timeout);
}

static void reopen_if_wanted(struct outlet *o)
{
    if (atomic_exchange_explicit(&o->reopen_wanted, false, memory_order_relaxed)) {
        struct errbuf err = {0};
        if (o->options.ops->reopen(o->sink, &err) != 0) {
            struct span why = errbuf_first(&err);
            log_error("%.*s; going on with the old one", (int)why.len, (const char *)why.data);
        }
        errbuf_free(&err);
    }
}

static void give_up(struct outlet *o, struct block *b)
{
    int error = atomic_load_explicit(&o->error, memory_order_relaxed);
    size_t written = o->options.ops->give_up != NULL ? o->options.ops->give_up(o->sink) : 0;
    written = written < b->n_lines ? written : b->n_lines;
    error = error != 0 ? error : EAGAIN;
    atomic_fetch_add_explicit(&o->written, written, memory_order_relaxed);
    count_lost(o, b->n_lines - written, b->last_us, error);
    block_skip(b, b->n_lines);
    tell_failure(o, error);
    o->gave_up = true;
}

/* One try when it is time for one, and a last one before giving up. true when nothing of the block
 * is left. */
static bool work_off(struct outlet *o, struct block *b)
{
    uint64_t now = clock_monotonic_us();
    reopen_if_wanted(o);
    bool in_time = !out_of_time(o, now);
    bool is_last = !o->gave_up && out_of_patience(o, now);
    if (in_time && b->n_lines > 0 && (is_last || now >= o->next_try_us)) {
        try_block(o, b, now);
    }
    if (b->n_lines > 0 && (!in_time || out_of_patience(o, clock_monotonic_us()))) {
        give_up(o, b);
    }
    return b->n_lines == 0;
}

static void flush_sink(struct outlet *o)
{
    int rc = o->options.ops->flush(o->sink);
    if (rc != 0) {
        atomic_store_explicit(&o->error, -rc, memory_order_relaxed);
    }
}

/* false when there is nothing to do now. */
static bool step(struct outlet *o)
{
    if (o->current == NULL) {
        o->current = receive(o->full);
    }
    if (o->current == NULL) {
        reopen_if_wanted(o);
        if (atomic_exchange_explicit(&o->flush_wanted, false, memory_order_relaxed)) {
            flush_sink(o);
        }
        return false;
    }
    size_t before = o->current->n_lines;
    size_t len = o->current->text.len;
    if (!work_off(o, o->current)) {
        return o->current->n_lines < before;
    }
    atomic_fetch_sub_explicit(&o->queued, len, memory_order_release);
    block_reset(o->current);
    if (!pass(o->spare, o->current)) {
        block_free(&o->current);
    }
    o->current = NULL;
    return true;
}

static void *run(void *arg)
{
    struct outlet *o = arg;
    struct idle idle = {.least_us = PAUSE_US, .most_us = 4 * PAUSE_US};
    for (;;) {
        bool stop = atomic_load_explicit(&o->stop, memory_order_acquire);
        if (step(o)) {
            idle_over(&idle);
            continue;
        }
        if (stop && o->current == NULL) {
            break; /* what was passed before the stop was seen by the step behind it */
        }
        idle_pause(&idle);
    }
    flush_sink(o);
    atomic_store_explicit(&o->finished, true, memory_order_release);
    return NULL;
}

/* --- the writer's side
 * ---------------------------------------------------------------------------------- */

static void lose_block(struct outlet *o, int error)
{
    count_lost(o, o->open->n_lines, o->open->last_us, error);
    block_reset(o->open);
    tell_full(o);
}

static bool has_room(struct outlet *o, size_t len)
{
    size_t queued = atomic_load_explicit(&o->queued, memory_order_acquire);
    return queued == 0 || queued + len <= o->options.config->queue;
}

static void enqueue(struct outlet *o)
{
    size_t len = o->open->text.len;
    for (;;) {
        if (has_room(o, len)) {
            atomic_fetch_add_explicit(&o->queued, len, memory_order_relaxed);
            if (pass(o->full, o->open)) {
                o->open = NULL;
                return;
            }
            atomic_fetch_sub_explicit(&o->queued, len, memory_order_relaxed);
        }
        if (o->options.may_drop || !o->started) {
            lose_block(o, ENOBUFS);
            return;
        }
        idle_for(PAUSE_US);
    }
}

/* Gives the gathered lines on. */
static void hand_over(struct outlet *o)
{
    if (o->open == NULL || o->open->n_lines == 0) {
        return;
    }
    if (o->options.threaded) {
        enqueue(o);
        return;
    }
    while (!work_off(o, o->open)) {
        idle_for(PAUSE_US);
    }
    block_reset(o->open);
}

static bool open_block(struct outlet *o)
{
    if (o->open == NULL) {
        o->open = receive(o->spare);
    }
    if (o->open == NULL) {
        o->open = block_new();
    }
    return o->open != NULL;
}

/* A block holds events of one period only: a file may begin with the next. */
static bool begins_period(const struct outlet *o, uint64_t clock_us)
{
    uint64_t period = o->options.config->rotate_interval;
    return period > 0 && o->open != NULL && o->open->n_lines > 0 &&
           clock_us / period != o->open->clock_us / period;
}

void outlet_add(struct outlet *o, const struct event *event)
{
    if ((o->options.types & (1u << event->type)) == 0) {
        return;
    }
    if (begins_period(o, event->key.clock_us)) {
        hand_over(o);
    }
    if (!open_block(o)) {
        count_lost(o, 1, event->key.clock_us, ENOMEM);
        return;
    }
    struct block *b = o->open;
    int rc = line_of_event(&o->form, event, &b->text);
    if (rc != 0) {
        count_lost(o, 1, event->key.clock_us, -rc);
        return;
    }
    b->clock_us = b->n_lines == 0 ? event->key.clock_us : b->clock_us;
    b->last_us = event->key.clock_us;
    b->n_lines++;
    if (b->text.len >= BLOCK_BYTES) {
        hand_over(o);
    }
}

void outlet_lose(struct outlet *o, enum event_type type, uint64_t clock_us, int error)
{
    if ((o->options.types & (1u << type)) != 0) {
        count_lost(o, 1, clock_us, error);
    }
}

void outlet_flush(struct outlet *o)
{
    hand_over(o);
    if (o->options.threaded) {
        atomic_store_explicit(&o->flush_wanted, true, memory_order_relaxed);
    } else {
        reopen_if_wanted(o);
        flush_sink(o);
    }
}

void outlet_reopen(struct outlet *o)
{
    atomic_store_explicit(&o->reopen_wanted, true, memory_order_relaxed);
}

void outlet_hurry(struct outlet *o)
{
    atomic_store_explicit(&o->hurry, true, memory_order_relaxed);
}

void outlet_stats(const struct outlet *o, struct outlet_stats *ret_stats)
{
    *ret_stats = (struct outlet_stats){
        .name = o->name,
        .target = o->target,
        .written = get(&o->written),
        .lost = get(&o->lost),
        .told = get(&o->told),
        .error = atomic_load_explicit(&o->error, memory_order_relaxed),
    };
}

const char *outlet_why(const struct outlet *o)
{
    int error = atomic_load_explicit(&o->error, memory_order_relaxed);
    if (error == ENOBUFS) {
        return "its queue is full";
    }
    return o->why[0] != '\0' ? o->why : strerror(error);
}

/* --- life
 * -----------------------------------------------------------------------------------------------
 */

int outlet_new(const struct outlet_options *options, struct outlet **ret_outlet, struct errbuf *err)
{
    struct outlet *o = mem_alloc(sizeof(*o));
    if (o == NULL) {
        return -ENOMEM;
    }
    o->options = *options;
    o->form = line_form_of(options->config);
    (void)snprintf(o->name, sizeof(o->name), "%s", options->name);
    (void)snprintf(o->target, sizeof(o->target), "%s",
                   options->config->target[0] != '\0' ? options->config->target : options->name);
    struct sink_options sink = {
        .config = options->config, .host = options->host, .may_wait = !options->may_drop};
    int rc = options->ops->open(&sink, &o->sink, err);
    if (rc == 0 && options->threaded) {
        o->full = ring_new(QUEUE_BLOCKS);
        o->spare = ring_new(SPARE_BLOCKS);
        rc = o->full == NULL || o->spare == NULL ? -ENOMEM : 0;
    }
    if (rc != 0) {
        outlet_free(&o);
        return rc;
    }
    *ret_outlet = o;
    return 0;
}

int outlet_start(struct outlet *o)
{
    if (!o->options.threaded) {
        return 0;
    }
    int rc = pthread_create(&o->thread, NULL, run, o);
    o->started = rc == 0;
    return -rc;
}

/* A write() that takes too long, when there is no time, is broken off. */
static void wait_for_thread(struct outlet *o)
{
    uint64_t since = o->options.may_drop ? o->stopped_us : 0;
    bool aborted = false;
    while (!atomic_load_explicit(&o->finished, memory_order_acquire)) {
        uint64_t now = clock_monotonic_us();
        bool hurry = atomic_load_explicit(&o->hurry, memory_order_relaxed);
        since = since == 0 && hurry ? now : since;
        if (since != 0 && !aborted && now - since > GRACE_US + ABORT_US &&
            o->options.ops->abort != NULL) {
            o->options.ops->abort(o->sink);
            aborted = true;
        }
        idle_for(PAUSE_US);
    }
    (void)pthread_join(o->thread, NULL);
}

void outlet_stop(struct outlet *o)
{
    if (!o->stopped) {
        hand_over(o);
        o->stopped = true;
        o->stopped_us = clock_monotonic_us();
        atomic_store_explicit(&o->stop, true, memory_order_release);
    }
}

void outlet_end(struct outlet *o)
{
    if (o->ended) {
        return;
    }
    outlet_stop(o);
    if (o->started) {
        wait_for_thread(o);
    } else if (o->sink != NULL) {
        flush_sink(o);
    }
    o->options.ops->close(&o->sink);
    o->ended = true;
}

void outlet_free(struct outlet **o)
{
    if (*o == NULL) {
        return;
    }
    outlet_end(*o);
    struct ring *rings[] = {(*o)->full, (*o)->spare};
    for (size_t i = 0; i < ARRAY_LEN(rings); i++) {
        struct block *b;
        while ((b = receive(rings[i])) != NULL) {
            block_free(&b);
        }
        ring_free(&rings[i]);
    }
    block_free(&(*o)->open);
    block_free(&(*o)->current);
    mem_free(*o);
    *o = NULL;
}
