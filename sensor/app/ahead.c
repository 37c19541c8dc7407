/* ahead: the flows of a batch are asked for before its packets are decoded, so that memory comes
 * while others are worked at. What a glance cannot tell (tunnels, fragments, extension headers)
 * costs a wait, and hashing once more; it is never taken for true without a comparison. */
#include "sensor/app/ahead.h"

#include "sensor/app/spread.h"

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

void ahead_batch(struct ahead *a, const struct flow_table *t, const struct packet *packets,
                 size_t n)
{
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
