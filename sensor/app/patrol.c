/* patrol: the threads of live capture.
 *
 * A worker here has the whole way for itself, from the kernel's ring to the event, and nothing is
 * copied between threads. What it may not do (open an interface again) is done by who tends its
 * source. Its clock is that of its packets, and the wall's when there are none, so that flows end
 * in time on a silent link. */
#include "sensor/app/patrol.h"

#include "sensor/app/privs.h"
#include "sensor/app/sandbox.h"
#include "sensor/base/clock.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>

enum { REST_MAX = 4096 }; /* batches */

struct post {
    struct worker *worker;
    const struct source_ops *ops;
    struct source *source;
    struct packet_batch batch;
    pthread_t thread;
    bool started;
    bool tighten;
    bool sends; /* verdicts, and packets of its own */
    uint64_t clock_us;
    atomic_bool stop;
    atomic_bool ended;
    _Atomic uint64_t told_clock_us;
    _Atomic uint64_t stepped_us;   /* monotonic */
    _Atomic(struct engine *) next; /* new rules; the reference is whose who takes it out */
    _Atomic size_t next_share;     /* of memory.limit; 0: as it is */
    struct flow_search search;     /* the thread's while it seeks, else the caller's */
    atomic_bool seeks;
};

struct patrol {
    struct post *posts;
    size_t n;
};

/* --- a worker's thread
 * ------------------------------------------------------------------------------------ */

static const char *iface_of(const struct post *p, const struct packet *packet)
{
    return p->ops->iface(p->source, packet->iface);
}

static void send_replies(struct post *p, size_t behind)
{
    const struct reply *replies = NULL;
    size_t n = worker_replies(p->worker, &replies);
    for (size_t i = 0; i < n; i++) {
        p->ops->inject(p->source, behind, replies[i].back, replies[i].ip);
    }
}

static void carry_out(struct post *p)
{
    for (size_t i = 0; i < p->batch.n; i++) {
        const struct packet *packet = &p->batch.packets[i];
        p->clock_us = packet->clock_us > p->clock_us ? packet->clock_us : p->clock_us;
        p->batch.verdicts[i] = worker_packet(p->worker, packet, iface_of(p, packet));
        send_replies(p, i);
    }
    p->ops->release(p->source, &p->batch);
}

static void take_rules(struct post *p)
{
    if (atomic_load_explicit(&p->next, memory_order_relaxed) == NULL) {
        return;
    }
    struct engine *engine = atomic_exchange(&p->next, NULL);
    if (worker_use(p->worker, engine) != 0) {
        log_error("no memory for the new rules; the old ones stay in use");
    }
    engine_unref(&engine);
}

static void take_errands(struct post *p)
{
    if (atomic_load_explicit(&p->next_share, memory_order_relaxed) > 0) {
        worker_limit_memory(p->worker, atomic_exchange(&p->next_share, 0));
    }
    if (atomic_load_explicit(&p->seeks, memory_order_acquire) &&
        worker_seek_flow(p->worker, &p->search)) {
        atomic_store_explicit(&p->seeks, false, memory_order_release);
    }
}

static void tell_clock(struct post *p)
{
    atomic_store_explicit(&p->told_clock_us, p->clock_us, memory_order_relaxed);
}

/* One receive and what comes of it; false when the source has ended. */
static bool step(struct post *p, struct errbuf *err)
{
    enum source_status status = p->ops->receive(p->source, &p->batch, err);
    take_rules(p); /* what came after they were there is theirs */
    take_errands(p);
    if (p->batch.n > 0) {
        carry_out(p);
    } else if (status == SOURCE_TIMEOUT) {
        uint64_t now = clock_wall_us();
        p->clock_us = now > p->clock_us ? now : p->clock_us;
    }
    worker_advance(p->worker, p->clock_us);
    worker_gauge(p->worker);
    tell_clock(p);
    atomic_store_explicit(&p->stepped_us, clock_monotonic_us(), memory_order_relaxed);
    return status == SOURCE_OK || status == SOURCE_TIMEOUT || status == SOURCE_INTERRUPTED;
}

/* What had come when it was stopped is told, too. */
static void take_rest(struct post *p, struct errbuf *err)
{
    for (unsigned i = 0; (p->ops->caps & SOURCE_GIVES_REST) != 0 && i < REST_MAX; i++) {
        (void)p->ops->receive(p->source, &p->batch, err);
        if (p->batch.n == 0) {
            return;
        }
        carry_out(p);
        tell_clock(p);
    }
}

static void *run(void *arg)
{
    struct post *p = arg;
    struct errbuf err = {0};
    if (p->tighten) {
        privs_drop_thread(p->sends ? PRIVS_NET_ADMIN : 0u);
        (void)sandbox_tighten(p->sends ? SANDBOX_SEND
                                       : 0); /* who started it has told when there is none */
    }
    while (!atomic_load_explicit(&p->stop, memory_order_acquire) && step(p, &err)) {
    }
    if (atomic_load_explicit(&p->stop, memory_order_acquire)) {
        take_rest(p, &err);
    }
    worker_finish(p->worker, p->clock_us);
    log_lines(&err, LOG_LEVEL_ERROR);
    errbuf_free(&err);
    atomic_store_explicit(&p->ended, true, memory_order_release);
    return NULL;
}

/* --- whoever started them
 * --------------------------------------------------------------------------------- */

void patrol_use(struct patrol *p, struct engine *engine)
{
    for (size_t i = 0; i < p->n; i++) {
        struct engine *before = atomic_exchange(&p->posts[i].next, engine_ref(engine));
        engine_unref(&before); /* not taken yet, and old already */
    }
}

void patrol_limit_memory(struct patrol *p, size_t limit)
{
    for (size_t i = 0; i < p->n; i++) {
        atomic_store_explicit(&p->posts[i].next_share, limit / p->n, memory_order_relaxed);
    }
}

/* What its thread has ended cannot be looked at any more. */
static bool is_seeking(const struct post *p)
{
    return atomic_load_explicit(&p->seeks, memory_order_acquire) &&
           !atomic_load_explicit(&p->ended, memory_order_acquire);
}

static bool are_seeking(const struct patrol *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (is_seeking(&p->posts[i])) {
            return true;
        }
    }
    return false;
}

bool patrol_seek(struct patrol *p, uint64_t flow_id)
{
    if (are_seeking(p)) {
        return false;
    }
    for (size_t i = 0; i < p->n; i++) {
        p->posts[i].search = (struct flow_search){.id = flow_id};
        atomic_store_explicit(&p->posts[i].seeks, true, memory_order_release);
    }
    return true;
}

bool patrol_sought(const struct patrol *p, struct flow_search *ret_search)
{
    if (are_seeking(p)) {
        return false;
    }
    *ret_search = p->posts[0].search;
    for (size_t i = 0; i < p->n && !ret_search->found; i++) {
        *ret_search = p->posts[i].search;
    }
    return true;
}

uint64_t patrol_clock_us(const struct patrol *p)
{
    uint64_t latest = 0;
    for (size_t i = 0; i < p->n; i++) {
        uint64_t us = atomic_load_explicit(&p->posts[i].told_clock_us, memory_order_relaxed);
        latest = us > latest ? us : latest;
    }
    return latest;
}

uint64_t patrol_stepped_us(const struct patrol *p)
{
    uint64_t oldest = UINT64_MAX;
    for (size_t i = 0; i < p->n; i++) {
        uint64_t us = atomic_load_explicit(&p->posts[i].stepped_us, memory_order_relaxed);
        bool ended = atomic_load_explicit(&p->posts[i].ended, memory_order_acquire);
        oldest = !ended && us < oldest ? us : oldest;
    }
    return oldest;
}

bool patrol_ended(const struct patrol *p)
{
    for (size_t i = 0; i < p->n; i++) {
        if (!atomic_load_explicit(&p->posts[i].ended, memory_order_acquire)) {
            return false;
        }
    }
    return true;
}

void patrol_finish(struct patrol *p)
{
    for (size_t i = 0; i < p->n; i++) {
        atomic_store_explicit(&p->posts[i].stop, true, memory_order_release);
        p->posts[i].ops->interrupt(p->posts[i].source);
    }
    for (size_t i = 0; i < p->n; i++) {
        if (p->posts[i].started) {
            (void)pthread_join(p->posts[i].thread, NULL);
            p->posts[i].started = false;
        }
    }
}

const struct worker *patrol_worker(const struct patrol *p, size_t i)
{
    return i < p->n ? p->posts[i].worker : NULL;
}

void patrol_stats(const struct patrol *p, struct stats *ret_sum)
{
    *ret_sum = (struct stats){0};
    for (size_t i = 0; i < p->n; i++) {
        stats_sum(ret_sum, worker_stats(p->posts[i].worker));
    }
}

uint64_t patrol_upstream_lost(const struct patrol *p, const char *iface)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < p->n; i++) {
        sum += worker_upstream_lost(p->posts[i].worker, iface);
    }
    return sum;
}

/* --- life
 * -------------------------------------------------------------------------------------------------
 */

static bool start(struct post *p, const struct worker_shared *shared, unsigned number)
{
    p->tighten = shared->tighten;
    p->sends = shared->inlined;
    p->worker = worker_new(shared, number);
    atomic_init(&p->stepped_us, clock_monotonic_us());
    p->started = p->worker != NULL && pthread_create(&p->thread, NULL, run, p) == 0;
    return p->started;
}

int patrol_new(const struct worker_shared *shared, const struct source_ops *ops,
               struct source *const *sources, size_t n, struct patrol **ret_patrol)
{
    CHECK(n > 0 && n <= PATROL_MAX);
    struct patrol *p = mem_alloc(sizeof(*p));
    if (p == NULL) {
        return -ENOMEM;
    }
    p->posts = mem_alloc_array(n, sizeof(*p->posts));
    bool good = p->posts != NULL;
    for (size_t i = 0; good && i < n; i++) {
        p->posts[i].ops = ops;
        p->posts[i].source = sources[i];
        good = start(&p->posts[i], shared, (unsigned)i);
        p->n++;
    }
    if (!good) {
        patrol_free(&p);
        return -ENOMEM;
    }
    *ret_patrol = p;
    return 0;
}

void patrol_free(struct patrol **p)
{
    if (*p == NULL) {
        return;
    }
    patrol_finish(*p);
    for (size_t i = 0; i < (*p)->n; i++) {
        struct engine *engine = atomic_exchange(&(*p)->posts[i].next, NULL);
        engine_unref(&engine);
        worker_free(&(*p)->posts[i].worker);
    }
    mem_free((*p)->posts);
    mem_free(*p);
    *p = NULL;
}
