/* reload: rules read anew, aside.
 *
 * The whole configuration is read and checked as at start, and the self-test is run; of the outcome
 * the rules are used, with the variables they name. A set with a mistake in it is refused as a
 * whole: who edits rules on a running sensor wants either all of them or the old ones. */
#include "sensor/app/reload.h"

#include "sensor/app/snapshot.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { IDLE, RUNNING, DONE };

struct reload {
    struct options options; /* as at start, but mistakes are fatal */
    pthread_t thread;
    bool started;
    sem_t asked;
    atomic_bool stop;
    _Atomic int state; /* the thread writes what follows before it says DONE */
    bool again;
    struct engine *engine; /* NULL: refused */
    struct errbuf err;
    char refusal[401];
};

static void read_aside(struct reload *r)
{
    struct snapshot snapshot;
    struct errbuf warnings = {0};
    bool good =
        snapshot_load(&snapshot, &r->options, &r->err, &warnings) == 0 && errbuf_is_empty(&r->err);
    r->engine = good ? engine_ref(snapshot.engine) : NULL;
    snapshot_free(&snapshot);
    errbuf_free(&warnings);
    atomic_store_explicit(&r->state, DONE, memory_order_release);
}

static void *run(void *arg)
{
    struct reload *r = arg;
    while (!atomic_load_explicit(&r->stop, memory_order_acquire)) {
        if (atomic_load_explicit(&r->state, memory_order_acquire) == RUNNING) {
            read_aside(r);
        }
        (void)sem_wait(&r->asked); /* a signal ends it early: then it is asked again */
    }
    return NULL;
}

static bool start(struct reload *r)
{
    r->started = r->started || pthread_create(&r->thread, NULL, run, r) == 0;
    return r->started;
}

struct reload *reload_new(const struct options *options, bool start_now)
{
    struct reload *r = mem_alloc(sizeof(*r));
    if (r == NULL) {
        return NULL;
    }
    r->options = *options;
    r->options.action = ACTION_TEST;
    r->options.without_geo = true; /* databases are renewed one by one, and refuse nobody */
    atomic_init(&r->state, IDLE);
    (void)sem_init(&r->asked, 0, 0);
    if (start_now && !start(r)) {
        reload_free(&r);
    }
    return r;
}

void reload_ask(struct reload *r)
{
    if (atomic_load_explicit(&r->state, memory_order_acquire) != IDLE) {
        r->again = true;
        return;
    }
    if (!start(r)) {
        log_error("reload refused: no thread for it; the old rules stay in use");
        return;
    }
    atomic_store_explicit(&r->state, RUNNING, memory_order_release);
    (void)sem_post(&r->asked);
}

/* The first mistake; the others are found by -T. */
static void tell_refused(struct reload *r)
{
    const char *text = errbuf_text(&r->err);
    (void)snprintf(r->refusal, sizeof(r->refusal), "%.*s", (int)strcspn(text, "\n"), text);
    log_error("reload refused: %s; the old rules stay in use", r->refusal);
}

bool reload_is_busy(const struct reload *r)
{
    return atomic_load_explicit(&r->state, memory_order_acquire) != IDLE;
}

const char *reload_refusal(const struct reload *r)
{
    return r->refusal;
}

struct engine *reload_take(struct reload *r)
{
    if (atomic_load_explicit(&r->state, memory_order_acquire) != DONE) {
        return NULL;
    }
    struct engine *engine = r->engine;
    r->refusal[0] = '\0';
    if (engine == NULL) {
        tell_refused(r);
    } else {
        log_notice("reloaded: %zu rules", engine_n_loaded(engine));
    }
    errbuf_free(&r->err);
    r->engine = NULL;
    atomic_store_explicit(&r->state, IDLE, memory_order_release);
    if (r->again) {
        r->again = false;
        reload_ask(r);
    }
    return engine;
}

void reload_free(struct reload **r)
{
    if (*r == NULL) {
        return;
    }
    if ((*r)->started) {
        atomic_store_explicit(&(*r)->stop, true, memory_order_release);
        (void)sem_post(&(*r)->asked);
        (void)pthread_join((*r)->thread, NULL);
    }
    engine_unref(&(*r)->engine);
    errbuf_free(&(*r)->err);
    (void)sem_destroy(&(*r)->asked);
    mem_free(*r);
    *r = NULL;
}
