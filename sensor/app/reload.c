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
#include <stdatomic.h>
#include <string.h>

enum { IDLE, RUNNING, DONE };

struct reload {
    struct options options; /* as at start, but mistakes are fatal */
    pthread_t thread;
    _Atomic int state; /* the thread writes what follows before it says DONE */
    bool again;
    struct engine *engine; /* NULL: refused */
    struct errbuf err;
};

struct reload *reload_new(const struct options *options)
{
    struct reload *r = mem_alloc(sizeof(*r));
    if (r != NULL) {
        r->options = *options;
        r->options.action = ACTION_TEST;
        atomic_init(&r->state, IDLE);
    }
    return r;
}

static void *read_aside(void *arg)
{
    struct reload *r = arg;
    struct snapshot snapshot;
    struct errbuf warnings = {0};
    bool good =
        snapshot_load(&snapshot, &r->options, &r->err, &warnings) == 0 && errbuf_is_empty(&r->err);
    r->engine = good ? engine_ref(snapshot.engine) : NULL;
    snapshot_free(&snapshot);
    errbuf_free(&warnings);
    atomic_store_explicit(&r->state, DONE, memory_order_release);
    return NULL;
}

void reload_ask(struct reload *r)
{
    if (atomic_load_explicit(&r->state, memory_order_acquire) != IDLE) {
        r->again = true;
        return;
    }
    atomic_store_explicit(&r->state, RUNNING, memory_order_release);
    if (pthread_create(&r->thread, NULL, read_aside, r) != 0) {
        atomic_store_explicit(&r->state, IDLE, memory_order_release);
        log_error("reload refused: no thread for it; the old rules stay in use");
    }
}

/* The first mistake; the others are found by -T. */
static void tell_refused(const struct errbuf *err)
{
    const char *text = errbuf_text(err);
    size_t len = strcspn(text, "\n");
    log_error("reload refused: %.*s; the old rules stay in use", (int)(len < 400 ? len : 400),
              text);
}

struct engine *reload_take(struct reload *r)
{
    if (atomic_load_explicit(&r->state, memory_order_acquire) != DONE) {
        return NULL;
    }
    struct engine *engine = r->engine;
    (void)pthread_join(r->thread, NULL);
    if (engine == NULL) {
        tell_refused(&r->err);
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
    if (atomic_load_explicit(&(*r)->state, memory_order_acquire) != IDLE) {
        (void)pthread_join((*r)->thread, NULL);
        engine_unref(&(*r)->engine);
        errbuf_free(&(*r)->err);
    }
    mem_free(*r);
    *r = NULL;
}
