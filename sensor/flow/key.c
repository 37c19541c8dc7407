/* key: what a flow is found by, whichever way its packets go.
 *
 * Addresses, ports and protocol, both ends put in a fixed order, as few words as they need: two for
 * IPv4. Which networks a packet came through is compared apart (find.c), because it may differ
 * between the directions of a flow. The table's hash is keyed, so that an attacker cannot fill one
 * bucket. The id of a flow is a hash of the same words and of networks and time of its first packet
 * under a key that never changes, so that it is the same in every run. */
#include "sensor/flow/key.h"

#include "sensor/base/wire.h"

static const uint64_t id_mask = (1ULL << 51) - 1;

/* What a flow is found by, both ends in a fixed order, and what its id adds. */
enum { KEY_WORDS = 9 };

struct key {
    uint64_t words[KEY_WORDS];
    size_t n;
};

static void key_add(struct key *k, uint64_t word)
{
    CHECK(k->n < KEY_WORDS);
    k->words[k->n++] = word;
}

/* Ports in the order of the addresses, and the protocol. */
static uint64_t ports_of(const struct headers *h, bool forward)
{
    uint64_t low = forward ? h->src_port : h->dst_port;
    uint64_t high = forward ? h->dst_port : h->src_port;
    return low << 48 | high << 32 | (uint64_t)h->proto << 8;
}

/* Two addresses of IPv4 as a word. */
static struct key key_of_v4(const struct headers *h)
{
    uint32_t src = wire_be32(span_of(h->src.bytes, sizeof(h->src.bytes)), 0);
    uint32_t dst = wire_be32(span_of(h->dst.bytes, sizeof(h->dst.bytes)), 0);
    bool forward = src == dst ? h->src_port <= h->dst_port : src < dst;
    struct key k = {.n = 2};
    k.words[0] = forward ? (uint64_t)src << 32 | dst : (uint64_t)dst << 32 | src;
    k.words[1] = ports_of(h, forward);
    return k;
}

static struct key key_of(const struct headers *h)
{
    if (h->src.family == 4) {
        return key_of_v4(h);
    }
    struct key k = {.n = 0};
    const struct span from = span_of(h->src.bytes, sizeof(h->src.bytes));
    const struct span to = span_of(h->dst.bytes, sizeof(h->dst.bytes));
    uint64_t src[2] = {wire_be64(from, 0), wire_be64(from, 8)};
    uint64_t dst[2] = {wire_be64(to, 0), wire_be64(to, 8)};
    bool equal = src[0] == dst[0] && src[1] == dst[1];
    bool before = src[0] != dst[0] ? src[0] < dst[0] : src[1] < dst[1];
    bool forward = equal ? h->src_port <= h->dst_port : before;
    const uint64_t *low = forward ? src : dst;
    const uint64_t *high = forward ? dst : src;
    key_add(&k, low[0]);
    key_add(&k, low[1]);
    key_add(&k, high[0]);
    key_add(&k, high[1]);
    key_add(&k, ports_of(h, forward));
    return k;
}

uint64_t key_hash(const struct headers *h, const struct hash_row *secret)
{
    if (h->flow_hash != 0) {
        return h->flow_hash;
    }
    struct key k = key_of(h);
    uint64_t hash = hash_row(secret, k.words, k.n);
    return hash != 0 ? hash : 1;
}

static uint64_t vlans_of(const struct headers *h)
{
    return (uint64_t)h->vlans[0] << 48 | (uint64_t)h->vlans[1] << 32 | (uint64_t)h->vlans[2] << 16 |
           h->vlans[3];
}

uint32_t key_network(const struct headers *h, bool any_vlan)
{
    static const uint64_t mix = 0x9e3779b97f4a7c15ULL;
    if (any_vlan || h->n_vlans == 0) {
        return h->network;
    }
    return h->network ^ (uint32_t)((vlans_of(h) + h->n_vlans) * mix >> 32);
}

bool key_fits(const struct conn *c, const struct headers *h, enum direction dir)
{
    enum direction back = direction_other(dir);
    return c->proto == h->proto && c->port[dir] == h->src_port && c->port[back] == h->dst_port &&
           addr_equal(&c->addr[dir], &h->src) && addr_equal(&c->addr[back], &h->dst);
}

uint64_t key_id(const struct headers *h, uint64_t start_us, unsigned generation)
{
    struct key k = key_of(h);
    k.words[k.n - 1] |= h->n_vlans;
    if (h->n_vlans > 0) {
        key_add(&k, vlans_of(h));
    }
    if (h->network != 0) {
        key_add(&k, h->network);
    }
    key_add(&k, start_us);
    key_add(&k, generation);
    return hash_words_fixed(k.words, k.n) & id_mask;
}
