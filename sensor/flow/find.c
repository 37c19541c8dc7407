/* find: the flow that a packet belongs to.
 *
 * The same addresses and ports may be in use in several networks at once: VLANs, and the ones that
 * share a tunnel (VXLAN, Geneve, GRE keys). The packets of a direction are all of one network, that
 * of its first; but the two directions of a flow need not agree, where a mirror port tags by
 * direction, or where packets are routed into the network of their target before they are wrapped.
 * So the first packet of the second direction goes to a flow that knows its network, else to one
 * whose other direction is of the same, else to one whose sequence numbers it answers.
 *
 * Nor are addresses, ports and network always those of one conversation: captures are merged, a
 * firewall between two taps writes numbers anew, ports are used again while no start is seen. Such
 * conversations are flows side by side, told apart by their numbers; not more than a few, because
 * every one makes the way to the others longer, and numbers are easily made up. */
#include "sensor/base/mem.h"
#include "sensor/flow/entry.h"
#include "sensor/flow/key.h"
#include "sensor/flow/tcp.h"

enum { SIDE_BY_SIDE = 8 };

enum fit { FIT_NOT, FIT_ANSWER, FIT_SAME_NETWORK, FIT_FOREIGN, FIT_SURELY };

/* Of a direction that is of the right network. */
static enum fit fit_of_numbers(const struct flow *f, const struct headers *h, enum direction dir)
{
    bool tcp = h->proto == IP_PROTO_TCP;
    bool syn = tcp && (h->tcp_flags & TCP_SYN) != 0;
    bool foreign =
        syn ? f->sides[flow_turned(f, dir)].isn != h->tcp_seq : tcp && tcp_is_foreign(f, h, dir);
    return foreign ? FIT_FOREIGN : FIT_SURELY;
}

static enum fit fit_of(const struct flow *f, const struct headers *h, uint32_t network,
                       enum direction dir)
{
    unsigned n = flow_turned(f, dir);
    if (f->conn.packets[dir] > 0) {
        return f->network[n] == network ? fit_of_numbers(f, h, dir) : FIT_NOT;
    }
    bool same = f->network[1 - n] == network;
    if (same && h->proto == IP_PROTO_TCP && tcp_answers(f, h, dir)) {
        return FIT_SURELY;
    }
    if (same) {
        return FIT_SAME_NETWORK;
    }
    bool answers = h->proto != IP_PROTO_TCP || tcp_answers(f, h, dir);
    return answers ? FIT_ANSWER : FIT_NOT;
}

/* Of equal ones that with the least id: chains have no order. */
static bool is_better(enum fit fit, const struct flow *f, enum fit best, const struct flow *than)
{
    return fit > best || (fit != FIT_NOT && fit == best && f->conn.id < than->conn.id);
}

struct flow *flow_find(const struct flow_table *t, const struct headers *h, enum direction *ret_dir)
{
    uint64_t hash = key_hash(h, &t->key);
    uint32_t network = key_network(h, t->limits.any_vlan);
    struct flow *found = NULL;
    enum fit best = FIT_NOT;
    for (struct flow *f = flow_index_chain(&t->index, hash); f != NULL; f = f->chain) {
        bool forth = f->hash == hash && key_fits(&f->conn, h, TO_SERVER);
        if (!forth && (f->hash != hash || !key_fits(&f->conn, h, TO_CLIENT))) {
            continue;
        }
        enum direction dir = forth ? TO_SERVER : TO_CLIENT;
        enum fit fit = fit_of(f, h, network, dir);
        if (is_better(fit, f, best, found)) {
            found = f;
            best = fit;
            *ret_dir = dir;
        }
        if (fit == FIT_SURELY) {
            break;
        }
    }
    return found;
}

bool flow_find_room(const struct flow_table *t, const struct flow *f, uint64_t start_us,
                    unsigned *ret_generation, struct flow **ret_ended)
{
    unsigned n = 0;
    unsigned generation = 0;
    struct flow *ended = NULL;
    for (struct flow *g = flow_index_chain(&t->index, f->hash); g != NULL; g = g->chain) {
        if (g->hash != f->hash) {
            continue;
        }
        n++;
        if (g->conn.start_us == start_us && g->generation >= generation) {
            generation = g->generation + 1;
        }
        bool sooner = ended == NULL || g->conn.id < ended->conn.id;
        ended = g->ended && sooner ? g : ended;
    }
    *ret_generation = generation;
    *ret_ended = n >= SIDE_BY_SIDE ? ended : NULL;
    return n < SIDE_BY_SIDE || ended != NULL;
}

void flow_table_prefetch(const struct flow_table *t, struct headers *h)
{
    h->flow_hash = key_hash(h, &t->key);
    flow_index_prefetch(&t->index, h->flow_hash);
}

void flow_table_prefetch_flow(const struct flow_table *t, uint64_t flow_hash)
{
    const struct flow *f = flow_index_chain(&t->index, flow_hash);
    if (f != NULL) {
        mem_prefetch(f, sizeof(*f));
    }
}

const struct conn *flow_table_prefetch_streams(const struct flow_table *t, uint64_t flow_hash)
{
    const struct flow *first = flow_index_chain(&t->index, flow_hash);
    const struct flow *f = first;
    while (f != NULL && f->hash != flow_hash) {
        f = f->chain;
    }
    if (f == NULL) {
        return NULL;
    }
    if (f != first) {
        mem_prefetch(f, sizeof(*f));
    }
    for (size_t i = 0; i < ARRAY_LEN(f->sides); i++) {
        mem_prefetch(f->sides[i].past, 1);
    }
    return &f->conn;
}
