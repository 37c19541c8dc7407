/* xbits: marks that outlive a flow.
 *
 * A table of fixed size, four rows for each place of the hash. Rules with xbits are few and match
 * seldom, so one lock for all of it is enough; without such rules there is no table. */
#include "signatures/xbits.h"

#include "sensor/base/mem.h"

#include <pthread.h>

enum { PLACES = 8192, WAYS = 4, ENDED = 1 };

struct row {
    uint64_t key;
    uint64_t until_us;  /* 0: free; ENDED: it was taken away */
    uint64_t packet;    /* that changed it last, */
    uint64_t before_us; /* and until when it was there for that */
};

struct xbits {
    pthread_mutex_t lock;
    struct row rows[PLACES][WAYS];
};

struct xbits *xbits_new(void)
{
    struct xbits *x = mem_alloc(sizeof(*x));
    if (x != NULL && pthread_mutex_init(&x->lock, NULL) != 0) {
        mem_free(x);
        x = NULL;
    }
    return x;
}

void xbits_free(struct xbits **x)
{
    if (*x != NULL) {
        pthread_mutex_destroy(&(*x)->lock);
        mem_free(*x);
        *x = NULL;
    }
}

static struct row *find(struct xbits *x, uint64_t key)
{
    struct row *ways = x->rows[key % PLACES];
    for (size_t i = 0; i < WAYS; i++) {
        if (ways[i].until_us > 0 && ways[i].key == key) {
            return &ways[i];
        }
    }
    return NULL;
}

static struct row *place_for(struct xbits *x, uint64_t key)
{
    struct row *ways = x->rows[key % PLACES];
    struct row *first = &ways[0];
    for (size_t i = 1; i < WAYS; i++) {
        first = ways[i].until_us < first->until_us ? &ways[i] : first;
    }
    return first;
}

bool xbits_have(struct xbits *x, uint64_t key, uint64_t now_us, uint64_t packet)
{
    pthread_mutex_lock(&x->lock);
    const struct row *row = find(x, key);
    bool own = row != NULL && packet != 0 && row->packet == packet;
    bool have = row != NULL && (own ? row->before_us : row->until_us) > now_us;
    pthread_mutex_unlock(&x->lock);
    return have;
}

/* What a row is once a packet has changed its end. */
static struct row changed(struct row row, uint64_t until_us, uint64_t packet)
{
    if (packet == 0 || row.packet != packet) {
        row.before_us = row.until_us;
    }
    row.packet = packet;
    row.until_us = until_us;
    return row;
}

void xbits_set(struct xbits *x, uint64_t key, uint64_t until_us, uint64_t packet)
{
    pthread_mutex_lock(&x->lock);
    struct row *row = find(x, key);
    if (row == NULL) {
        row = place_for(x, key);
        *row = (struct row){.key = key};
    }
    *row = changed(*row, until_us, packet);
    pthread_mutex_unlock(&x->lock);
}

void xbits_unset(struct xbits *x, uint64_t key, uint64_t packet)
{
    pthread_mutex_lock(&x->lock);
    struct row *row = find(x, key);
    if (row != NULL) {
        *row = changed(*row, ENDED, packet);
    }
    pthread_mutex_unlock(&x->lock);
}
