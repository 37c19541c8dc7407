/* ahead: the flows of a batch are asked for before its packets are decoded, so that memory comes
 * while others are worked at. What a glance cannot tell (tunnels, fragments, extension headers)
 * costs a wait, and hashing once more; it is never taken for true without a comparison.
 *
 * What a packet needs hangs together by pointers: its flow, what the pipeline keeps for that, the
 * decoder's state, the open transaction, its arena. Each step is done for all packets of the batch
 * before the next, so that the memory a step asked for has come when the next one reads it. */
#include "sensor/app/ahead.h"

#include "sensor/app/reading.h"
#include "sensor/app/spread.h"
#include "sensor/app/tx_pool.h"
#include "sensor/base/mem.h"

/* From what the step before brought closer to what it points to; NULL ends the way. */
typedef const void *(*step_fn)(const void *from);

static void look(struct glance *g, const struct flow_table *t, const struct packet *packet)
{
    struct headers h;
    g->hash = 0;
    if (packet_peek(packet, &h)) {
        g->src = h.src;
        g->dst = h.dst;
        g->src_port = h.src_port;
        g->dst_port = h.dst_port;
        g->proto = h.proto;
        h.flow_hash = 0;
        flow_table_prefetch(t, &h);
        g->hash = h.flow_hash;
    }
}

static const void *to_app(const void *from)
{
    const struct conn *conn = from;
    if (conn->app != NULL) {
        mem_prefetch(conn->app, sizeof(struct flow_app));
    }
    return conn->app;
}

static const void *to_reading(const void *from)
{
    enum { STATE_BYTES = 192 }; /* what decoders keep in place is small */
    const struct flow_app *app = from;
    if (app->main != NULL) {
        mem_prefetch(app->main, sizeof(*app->main) + STATE_BYTES);
    }
    return app->main;
}

static const void *to_tx(const void *from)
{
    const struct reading *r = from;
    if (r->open != NULL) {
        mem_prefetch(r->open, sizeof(*r->open));
    }
    return r->open;
}

static const void *to_arena(const void *from)
{
    const struct tx_slot *slot = from;
    mem_prefetch(slot->tx.arena, 1);
    return slot->tx.arena;
}

static const void *to_block(const void *from)
{
    arena_prefetch(from);
    return NULL;
}

static const step_fn steps[] = {to_app, to_reading, to_tx, to_arena, to_block};

void ahead_batch(struct ahead *a, const struct flow_table *t, const struct packet *packets,
                 size_t n)
{
    const void *at[PACKET_BATCH];
    CHECK(n <= PACKET_BATCH);
    a->n = n;
    a->next = 0;
    for (size_t i = 0; i < n; i++) {
        look(&a->glances[i], t, &packets[i]);
    }
    for (size_t i = 0; i < n; i++) {
        if (a->glances[i].hash != 0) {
            flow_table_prefetch_flow(t, a->glances[i].hash);
        }
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t hash = a->glances[i].hash;
        at[i] = hash != 0 ? flow_table_prefetch_streams(t, hash) : NULL;
    }
    for (size_t s = 0; s < ARRAY_LEN(steps); s++) {
        for (size_t i = 0; i < n; i++) {
            at[i] = at[i] != NULL ? steps[s](at[i]) : NULL;
        }
    }
}

const struct glance *ahead_next(struct ahead *a)
{
    return a->next < a->n ? &a->glances[a->next++] : NULL;
}

void ahead_recall(const struct glance *glance, struct headers *h)
{
    bool same = glance != NULL && glance->proto == h->proto && glance->src_port == h->src_port &&
                glance->dst_port == h->dst_port && addr_equal(&glance->src, &h->src) &&
                addr_equal(&glance->dst, &h->dst);
    h->flow_hash = same ? glance->hash : 0;
}
