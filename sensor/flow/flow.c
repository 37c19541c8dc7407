/* flow: the table of flows of one worker, and what a packet does to its flow.
 *
 * A flow is found by addresses, ports, protocol and VLANs, whichever way the packet goes, under a
 * keyed hash (an attacker cannot fill one bucket). It ends by a timeout in packet time, when its
 * ports are used again, when room is needed, or with the input. Timeouts are exact and depend on
 * nothing but the flow's own packets, so the results are the same at any number of workers; what
 * makes them differ is only shortage: evictions are counted and told.
 *
 * Under pressure closed flows go first, then the oldest of those that are half open (a flood of
 * SYNs pushes out itself), then the one that just had a packet, if it holds very much (a few with
 * large windows push out themselves), then those that were idle for longest. While a packet is
 * carried out, its flow stays. Held segments may take three quarters of the memory, so that new
 * flows always find some. What is kept for comparison alone takes a third, and from there on flows
 * that ended are remembered for a third of a second.
 *
 * conn.id is a hash of the flow's key and of the time of its first packet, equal in every run. */
#include "sensor/flow/flow.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/flow/appid.h"
#include "sensor/flow/entry.h"
#include "sensor/flow/guard.h"
#include "sensor/flow/key.h"
#include "sensor/flow/past.h"
#include "sensor/flow/tcp.h"

#include <string.h>

enum {
    EVICT_FOR_SEGMENT = 16,
    EVICT_FOR_FLOW = 16,
    SEEK_BUCKETS = 4096, /* at a time: less than what a batch of packets costs */
    WELL_KNOWN = 1024,
    ENDED_POOR_US = 300000, /* longer than the first wait for a retransmission */
    HEAVY = 256,            /* a flow with more than this part of the memory pays for it itself */
    CHANCE = 16,            /* one right checksum among so many wrong ones says nothing */
};

/* Calls to the user */

void flow_lose(struct flow_table *t, struct flow *f, enum direction dir, uint64_t n_bytes,
               enum lost reason)
{
    struct conn *c = &f->conn;
    bool hole = reason == LOST_GAP || reason == LOST_MEMORY;
    conn_lose(c, reason, n_bytes);
    stats_add(t->stats, (enum stat_id)(STAT_LOST_GAP + reason), n_bytes);
    if (c->opaque && reason == (enum lost)c->opaque_reason) {
        stats_add(t->stats, STAT_PAYLOAD_BYTES, n_bytes);
        return;
    }
    if (hole) {
        if (c->extra != NULL) {
            c->extra->gap_bytes[dir] += n_bytes; /* made for the loss just told */
        }
        c->marks |= CONN_GAP;
        stats_add(t->stats, STAT_TCP_REASSEMBLY_GAP, 1);
    } else {
        c->marks |= CONN_SNAPLEN;
    }
    if (!f->mute) {
        t->user.ops->gap(t->user.ctx, c, dir, n_bytes, reason);
    }
    if (hole) {
        flow_anomaly(t, f, dir, ANOMALY_STREAM_GAP);
    }
}

void flow_give(struct flow_table *t, struct flow *f, enum direction dir, struct span bytes)
{
    struct conn *c = &f->conn;
    if (f->mute) {
        conn_lose(c, LOST_MEMORY, bytes.len);
        stats_add(t->stats, STAT_LOST_MEMORY, bytes.len);
    } else if (c->opaque) {
        flow_lose(t, f, dir, bytes.len, (enum lost)c->opaque_reason);
    } else {
        stats_add(t->stats, STAT_PAYLOAD_BYTES, bytes.len);
        t->user.ops->data(t->user.ctx, c, dir, bytes);
    }
}

void flow_anomaly(struct flow_table *t, struct flow *f, enum direction dir, enum anomaly anomaly)
{
    if (!f->mute) {
        t->user.ops->anomaly(t->user.ctx, &f->conn, dir, anomaly);
    }
}

/* Memory */

void flow_unreserve(struct flow_table *t, size_t n_bytes)
{
    CHECK(n_bytes <= t->memory);
    t->memory -= n_bytes;
}

static void free_flow(struct flow_table *t, struct flow **f)
{
    tcp_free(t, *f);
    appid_forget(t, *f);
    flow_free_tunnel(t, *f);
    conn_release(&(*f)->conn);
    guard_remember(t, *f);
    if (t->latest == *f) {
        t->latest = NULL;
    }
    list_remove(&(*f)->rank);
    wheel_remove(&t->wheel, *f);
    flow_index_remove(&t->index, *f);
    flow_unreserve(t, sizeof(**f) + MEM_OVERHEAD);
    mem_free(*f);
    *f = NULL;
}

static void update_gauges(struct flow_table *t)
{
    stats_set(t->stats, STAT_FLOW_ACTIVE, t->index.n);
    stats_set(t->stats, STAT_TCP_REASSEMBLY_MEMUSE,
              t->memory - t->index.n * (sizeof(struct flow) + MEM_OVERHEAD));
}

/* Delivers what is left and ends the flow; how it ended by itself goes before `reason`. */
static void close_flow(struct flow_table *t, struct flow *f, enum close_reason reason)
{
    int64_t before = mem_in_use();
    tcp_finish(t, f);
    if (f->conn.packets[0] == 0 || f->conn.packets[1] == 0) {
        f->conn.marks |= CONN_ONE_SIDED;
    }
    t->user.ops->close(t->user.ctx, &f->conn, f->ended ? f->reason : reason);
    free_flow(t, &f);
    update_gauges(t);
    t->freed += before - mem_in_use();
}

static struct flow *first_of(const struct flow_table *t, const struct list *ranks)
{
    struct list *link = list_first(ranks);
    struct flow *f = link != NULL ? LIST_ENTRY(link, struct flow, rank) : NULL;
    if (f != NULL && f == t->current) {
        link = list_next(ranks, link);
        f = link != NULL ? LIST_ENTRY(link, struct flow, rank) : NULL;
    }
    return f;
}

static bool evict(struct flow_table *t, struct flow *f)
{
    if (f == NULL || f == t->current) {
        return false;
    }
    if (!f->ended) {
        stats_add(t->stats, STAT_FLOW_EVICTED, 1);
    }
    f->conn.clock_us = t->clock_us;
    close_flow(t, f, CLOSE_EVICTED);
    return true;
}

/* Ends a flow that has nothing more to lose. */
static bool evict_cheap(struct flow_table *t)
{
    return evict(t, first_of(t, &t->closed)) || evict(t, first_of(t, &t->embryonic));
}

/* The flow of the latest packet, when it holds much more than its share. */
static struct flow *latest_and_heavy(const struct flow_table *t)
{
    struct flow *f = t->latest;
    return f != NULL && f->heap > (int64_t)(t->limits.memory / HEAVY) ? f : NULL;
}

bool flow_table_evict(struct flow_table *t)
{
    return evict_cheap(t) || evict(t, latest_and_heavy(t)) || evict(t, wheel_nearest(&t->wheel));
}

/* Whether the table, or all who share its budget, would leave less than `rest` with n_bytes more.
 */
static bool lacks(const struct flow_table *t, size_t n_bytes, size_t rest)
{
    const struct budget *shared = t->limits.budget;
    return t->memory + n_bytes + rest > t->limits.memory ||
           (shared != NULL && budget_lacks(shared, n_bytes + rest));
}

bool flow_reserve(struct flow_table *t, size_t n_bytes)
{
    for (int i = 0; lacks(t, n_bytes, t->limits.memory / 4); i++) {
        if (i == EVICT_FOR_SEGMENT || !evict_cheap(t)) {
            return false;
        }
    }
    t->memory += n_bytes;
    return true;
}

void *flow_alloc(struct flow_table *t, size_t n_bytes)
{
    if (!flow_reserve(t, n_bytes)) {
        return NULL;
    }
    void *block = mem_alloc(n_bytes);
    if (block == NULL) {
        flow_unreserve(t, n_bytes);
    }
    return block;
}

bool flow_has_spare(const struct flow_table *t, size_t n_bytes)
{
    return !lacks(t, n_bytes, t->limits.memory / 3 * 2);
}

bool flow_reserve_spare(struct flow_table *t, size_t n_bytes)
{
    bool spare = flow_has_spare(t, n_bytes);
    t->memory += spare ? n_bytes : 0;
    return spare;
}

/* The table */

struct flow_limits flow_limits_default(void)
{
    enum { SECOND_US = 1000000 };
    return (struct flow_limits){
        .flows = 262144,
        .memory = 256U << 20,
        .held = 1U << 20,
        .past = 16U << 10,
        .tcp_new_us = 60ULL * SECOND_US,
        .tcp_us = 600ULL * SECOND_US,
        .tcp_closed_us = 10ULL * SECOND_US,
        .tcp_finished_us = 1ULL * SECOND_US,
        .udp_us = 60ULL * SECOND_US,
        .other_us = 30ULL * SECOND_US,
        .hole_us = 10ULL * SECOND_US,
        .appid_packets = 8,
    };
}

struct flow_table *flow_table_new(const struct flow_limits *limits, struct stream_user user,
                                  struct stats *stats, const struct hash_key *key)
{
    struct flow_table *t = mem_alloc(sizeof(*t));
    if (t == NULL) {
        return NULL;
    }
    t->limits = *limits;
    t->user = user;
    t->stats = stats;
    t->key = hash_row_of(key);
    t->random = key->k0 ^ key->k1;
    list_init(&t->embryonic);
    list_init(&t->closed);
    t->appid = limits->appid_packets > 0 ? appid_new(limits->appid_at_once) : NULL;
    if (limits->guard.on) {
        t->blocked = mem_alloc_array(GUARD_REMEMBERS, sizeof(*t->blocked));
    }
    if ((limits->guard.on && t->blocked == NULL) || flow_index_init(&t->index, limits->flows) < 0 ||
        wheel_init(&t->wheel) < 0 || (limits->appid_packets > 0 && t->appid == NULL)) {
        flow_table_free(&t);
    }
    return t;
}

void flow_table_free(struct flow_table **t)
{
    if (*t == NULL) {
        return;
    }
    struct flow_table *table = *t;
    for (size_t i = 0; table->index.n > 0 && i < table->index.n_buckets; i++) {
        while (table->index.buckets[i] != NULL) {
            struct flow *f = table->index.buckets[i];
            free_flow(table, &f);
        }
    }
    past_free_spares(table);
    flow_index_free(&table->index);
    mem_free(table->blocked);
    wheel_free(&table->wheel);
    appid_free(&table->appid);
    mem_free(table);
    *t = NULL;
}

size_t flow_table_memory(const struct flow_table *t)
{
    return t->memory;
}

size_t flow_table_n(const struct flow_table *t)
{
    return t->index.n;
}

void flow_table_set_memory(struct flow_table *t, size_t memory)
{
    t->limits.memory = memory;
}

bool flow_table_seek(const struct flow_table *t, struct flow_search *search)
{
    const struct flow *f = flow_index_seek(&t->index, search->id, SEEK_BUCKETS, &search->next);
    if (f != NULL) {
        search->found = true;
        search->start_us = f->conn.start_us;
        search->clock_us = t->clock_us;
        for (unsigned dir = 0; dir < 2; dir++) {
            search->packets[dir] = f->conn.packets[dir];
            search->bytes[dir] = f->conn.bytes[dir];
        }
    }
    return search->found || search->next >= t->index.n_buckets;
}

void flow_set_state(struct flow_table *t, struct flow *f, enum conn_state state)
{
    list_remove(&f->rank);
    f->conn.state = (uint8_t)state;
    if (state == CONN_NEW) {
        list_add_tail(&t->embryonic, &f->rank);
    } else if (state == CONN_CLOSED) {
        list_add_tail(&t->closed, &f->rank);
    }
}

static uint64_t idle_timeout(const struct flow_table *t, const struct flow *f)
{
    const struct conn *c = &f->conn;
    if (c->proto == IP_PROTO_UDP) {
        return t->limits.udp_us;
    }
    if (c->proto != IP_PROTO_TCP) {
        return t->limits.other_us;
    }
    switch ((enum conn_state)c->state) {
    case CONN_NEW:
        return t->limits.tcp_new_us;
    case CONN_ESTABLISHED:
        return t->limits.tcp_us;
    case CONN_CLOSED:
        return tcp_is_finished(f) ? t->limits.tcp_finished_us : t->limits.tcp_closed_us;
    }
    return t->limits.tcp_us;
}

static void set_deadline(struct flow_table *t, struct flow *f)
{
    uint64_t idle = f->touched_us + idle_timeout(t, f);
    uint64_t hole = tcp_deadline(t, f);
    wheel_set(&t->wheel, f, hole < idle ? hole : idle);
}

void flow_table_expire(struct flow_table *t, uint64_t clock_us)
{
    if (clock_us <= t->clock_us) {
        return;
    }
    struct flow *f = wheel_pop(&t->wheel, clock_us);
    while (f != NULL) {
        uint64_t deadline_us = f->deadline_us;
        t->clock_us = deadline_us > t->clock_us ? deadline_us : t->clock_us;
        f->conn.clock_us = t->clock_us;
        if (deadline_us >= f->touched_us + idle_timeout(t, f)) {
            close_flow(t, f, CLOSE_TIMEOUT);
        } else {
            tcp_on_deadline(t, f, deadline_us);
            set_deadline(t, f);
        }
        f = wheel_pop(&t->wheel, clock_us);
    }
    t->clock_us = clock_us;
}

static bool is_after(struct list *a, struct list *b)
{
    return LIST_ENTRY(a, struct flow, rank)->conn.id > LIST_ENTRY(b, struct flow, rank)->conn.id;
}

void flow_table_finish(struct flow_table *t, uint64_t clock_us)
{
    flow_table_expire(t, clock_us);
    struct list all;
    list_init(&all);
    for (size_t i = 0; i < t->index.n_buckets; i++) {
        for (struct flow *f = t->index.buckets[i]; f != NULL; f = f->chain) {
            list_remove(&f->rank);
            list_add_tail(&all, &f->rank);
        }
    }
    list_sort(&all, is_after);
    while (!list_is_empty(&all)) {
        struct flow *f = LIST_ENTRY(list_first(&all), struct flow, rank);
        f->conn.clock_us = t->clock_us;
        close_flow(t, f, CLOSE_END_OF_INPUT);
    }
}

/* Packets */

static bool from_client(const struct headers *h)
{
    if (h->proto == IP_PROTO_TCP) {
        return tcp_from_client(h);
    }
    return !(h->src_port < WELL_KNOWN && h->dst_port >= WELL_KNOWN);
}

static void count_new(struct flow_table *t, struct flow *f, const struct headers *h)
{
    stats_add(t->stats, STAT_FLOW_TOTAL, 1);
    if (h->proto == IP_PROTO_UDP) {
        stats_add(t->stats, STAT_FLOW_UDP, 1);
    }
    if (h->proto != IP_PROTO_TCP) {
        return;
    }
    stats_add(t->stats, STAT_FLOW_TCP, 1);
    if ((h->tcp_flags & TCP_SYN) != 0 || f->reopened) {
        stats_add(t->stats, STAT_TCP_SESSIONS, 1);
    } else {
        f->conn.marks |= CONN_MIDSTREAM;
        stats_add(t->stats, STAT_TCP_MIDSTREAM_PICKUPS, 1);
    }
}

static void fill_conn(struct conn *c, const struct packet *p, const struct headers *h,
                      const char *iface_name)
{
    bool forward = from_client(h);
    enum direction dir = forward ? TO_SERVER : TO_CLIENT;
    c->addr[dir] = h->src;
    c->addr[direction_other(dir)] = h->dst;
    c->port[dir] = h->src_port;
    c->port[direction_other(dir)] = h->dst_port;
    c->proto = h->proto;
    c->n_vlans = h->n_vlans < HEADERS_MAX_VLANS ? h->n_vlans : HEADERS_MAX_VLANS;
    bytes_copy(c->vlans, h->vlans, sizeof(c->vlans));
    c->swapped = !forward;
    c->iface = iface_name;
    c->start_us = p->time_us;
    c->last_us = p->time_us;
}

/* Where memory is no longer plentiful, flows that ended are remembered for a shorter time: two go
 * for one that comes. */
static void forget_ended(struct flow_table *t)
{
    for (int i = 0; i < 2 && !flow_has_spare(t, sizeof(struct flow)); i++) {
        struct flow *f = first_of(t, &t->closed);
        if (f == NULL || !f->ended || f->conn.clock_us + ENDED_POOR_US > t->clock_us) {
            return;
        }
        (void)evict(t, f);
    }
}

static struct flow *allocate(struct flow_table *t)
{
    forget_ended(t);
    size_t size = sizeof(struct flow) + MEM_OVERHEAD;
    while (t->index.n >= t->limits.flows || lacks(t, size, 0)) {
        if (!flow_table_evict(t)) {
            return NULL;
        }
    }
    struct flow *f = mem_alloc(sizeof(*f));
    /* What the system refuses is like the limit: room is made. */
    for (int i = 0; f == NULL && i < EVICT_FOR_FLOW && flow_table_evict(t); i++) {
        f = mem_alloc(sizeof(*f));
    }
    if (f != NULL) {
        t->memory += size;
    }
    return f;
}

/* What a new flow takes over from the one that had its ports before. */
struct heritage {
    bool replaces;
    bool reopened; /* its opening was seen */
    uint64_t start_us;
    unsigned generation;
};

static struct flow *begin(struct flow_table *t, const struct packet *p, const struct headers *h,
                          const char *iface_name, const struct heritage *heritage)
{
    struct flow *f = allocate(t);
    if (f == NULL) {
        stats_add(t->stats, STAT_FLOW_MEMCAP, 1);
        stats_add(t->stats, STAT_TCP_SSN_MEMCAP_DROP, h->proto == IP_PROTO_TCP ? 1 : 0);
        stats_add(t->stats, STAT_LOST_MEMORY, h->payload.len);
        return NULL;
    }
    bool same_time = heritage->replaces && heritage->start_us == p->time_us;
    f->hash = key_hash(h, &t->key);
    f->reopened = heritage->reopened;
    f->generation = same_time ? heritage->generation + 1 : 0;
    fill_conn(&f->conn, p, h, iface_name);
    f->conn.id = key_id(h, p->time_us, f->generation);
    f->conn.clock_us = t->clock_us;
    f->conn.number = p->number;
    flow_index_add(&t->index, f);
    flow_set_state(t, f, CONN_NEW);
    t->current = f;
    flow_keep_tunnel(t, f, h->tunnel);
    count_new(t, f, h);
    f->conn.verdict = (uint8_t)guard_first_verdict(t, f, h);
    f->mute = t->user.ops->open(t->user.ctx, &f->conn) < 0;
    update_gauges(t);
    return f;
}

static void note_tls(struct conn *c, const struct packet *p)
{
    struct conn_extra *extra = conn_extend(c);
    if (extra != NULL && extra->tls == NULL) {
        extra->tls = p->tls;
        extra->tls_us = p->time_us;
    }
}

/* The first packet after a long silence: the clock does not believe it before the next one comes,
 * and by then its flow must not look as if it had been silent itself. Of longer silences it does:
 * while there is a flow the wheel turns slot by slot, a week in some hundredths of a second. */
static bool ahead_of_clock(const struct flow_table *t, uint64_t time_us)
{
    static const uint64_t longest_us = 7ULL * 86400 * 1000000;
    return time_us > t->clock_us && time_us - t->clock_us <= longest_us;
}

static void account(struct flow_table *t, struct flow *f, const struct packet *p,
                    const struct headers *h, enum direction dir)
{
    struct conn *c = &f->conn;
    c->number = p->number;
    c->last_us = p->time_us > c->last_us ? p->time_us : c->last_us;
    c->clock_us = t->clock_us;
    if (p->tls != NULL) {
        note_tls(c, p);
    }
    if (c->packets[dir] == 0) {
        f->network[flow_turned(f, dir)] = key_network(h, t->limits.any_vlan);
    }
    c->packets[dir]++;
    c->bytes[dir] += h->ip.len + h->missing;
    c->tcp_flags[dir] |= h->tcp_flags;
    f->touched_us = ahead_of_clock(t, p->time_us) ? p->time_us : t->clock_us;
    if (h->proto != IP_PROTO_TCP) {
        return;
    }
    if ((h->tcp_flags & TCP_SYN) != 0) {
        bool answer = (h->tcp_flags & TCP_ACK) != 0;
        stats_add(t->stats, answer ? STAT_TCP_SYNACK : STAT_TCP_SYN, 1);
    }
    if ((h->tcp_flags & TCP_RST) != 0) {
        stats_add(t->stats, STAT_TCP_RST, 1);
    }
}

/* A datagram is delivered as it is. */
static void datagram(struct flow_table *t, struct flow *f, const struct headers *h,
                     enum direction dir)
{
    if (h->payload.len > 0) {
        flow_give(t, f, dir, h->payload);
    }
    if (h->missing > 0) {
        flow_lose(t, f, dir, h->missing, LOST_SNAPLEN);
    }
}

static void carry_out(struct flow_table *t, struct flow *f, const struct headers *h,
                      enum direction dir)
{
    if (t->user.wants_packets != NULL && *t->user.wants_packets && !f->mute) {
        t->user.ops->packet(t->user.ctx, &f->conn, dir, h);
    }
    if (h->proto == IP_PROTO_TCP) {
        tcp_segment(t, f, h, dir);
        return;
    }
    if (f->conn.state == CONN_NEW && f->conn.packets[0] > 0 && f->conn.packets[1] > 0) {
        flow_set_state(t, f, CONN_ESTABLISHED);
    }
    if (h->proto == IP_PROTO_UDP) {
        datagram(t, f, h, dir);
    }
}

/* Whether the packet's wrong checksum is belied by others of its direction: a receiver would drop
 * it. */
static bool is_decoy(struct flow *f, const struct headers *h, enum direction dir)
{
    struct side *s = &f->sides[flow_turned(f, dir)];
    switch (h->sums) {
    case SUMS_UNKNOWN:
        return false;
    case SUMS_RIGHT:
        s->n_right = s->n_right < UINT8_MAX ? s->n_right + 1 : UINT8_MAX;
        return false;
    case SUMS_WRONG:
        s->n_wrong = s->n_wrong < UINT8_MAX ? s->n_wrong + 1 : UINT8_MAX;
        return s->n_right > 0 && s->n_wrong <= s->n_right * CHANCE;
    }
    return false;
}

/* A packet of a flow that is blocked: kept account of, not read. */
static void rule_blocked(struct flow_table *t, struct flow *f, const struct packet *p,
                         const struct headers *h, struct ruling *r)
{
    account(t, f, p, h, r->dir);
    set_deadline(t, f);
    bool lets_by = guard_lets_by(f, h, r->dir);
    r->verdict = lets_by ? VERDICT_PASS : f->conn.verdict;
    r->reason = f->conn.packets[0] + f->conn.packets[1] > 1 ? DROP_FLOW : DROP_MIDSTREAM;
    r->first = !lets_by && f->drops_told == 0;
    if (!lets_by) {
        f->drops_told = (uint16_t)(f->drops_told | 1U << r->reason);
    }
}

static void count_heap(struct flow *f, int64_t n_bytes)
{
    int64_t heap = f->heap + n_bytes;
    heap = heap < INT32_MAX ? heap : INT32_MAX;
    f->heap = (int32_t)(heap > INT32_MIN ? heap : INT32_MIN);
}

/* A packet of a flow that goes on. */
static void rule_open(struct flow_table *t, struct flow *f, const struct packet *p,
                      const struct headers *h, struct ruling *r)
{
    int64_t before = mem_in_use();
    uint64_t lost = conn_extra(&f->conn)->lost[LOST_MEMORY];
    bool flipped = f->flipped;
    t->freed = 0;
    t->current = f;
    account(t, f, p, h, r->dir);
    carry_out(t, f, h, r->dir);
    if (h->proto != IP_PROTO_TCP) {
        appid_packet(t, f, h);
    }
    if (t->limits.guard.on) {
        guard_judge(t, f);
    }
    guard_turn(f, flipped, r);
    if (f->mute || conn_extra(&f->conn)->lost[LOST_MEMORY] > lost) {
        guard_uninspected(t, f);
    }
    guard_rule(t, f, r);
    set_deadline(t, f);
    t->current = NULL;
    t->latest = f;
    count_heap(f, mem_in_use() - before + t->freed);
}

static bool is_blocked(const struct flow_table *t, const struct flow *f)
{
    return t->limits.guard.on && f->conn.verdict != VERDICT_PASS;
}

/* Whether the packet begins a new flow on the ports of this one. */
static enum tcp_reuse reuse_of(const struct flow_table *t, struct flow *f, const struct headers *h,
                               enum direction dir)
{
    if (h->proto != IP_PROTO_TCP) {
        return TCP_NO_REUSE;
    }
    if (is_blocked(t, f)) {
        return guard_is_reopened(f, h, dir) ? TCP_REOPENED : TCP_NO_REUSE;
    }
    return tcp_reuse(f, h, dir);
}

/* Makes room for a flow on the ports of f, which stays; false when there is none. Inline nothing
 * passes as a conversation that did not start before our eyes: what is far off is refused. */
static bool may_begin_beside(struct flow_table *t, struct flow *f, const struct packet *p,
                             struct heritage *ret_heritage)
{
    unsigned generation;
    struct flow *ended;
    if (t->limits.guard.on || !flow_find_room(t, f, p->time_us, &generation, &ended)) {
        return false;
    }
    *ret_heritage = (struct heritage){
        .replaces = generation > 0,
        .start_us = p->time_us,
        .generation = generation - 1,
    };
    if (ended != NULL) {
        ended->conn.clock_us = t->clock_us;
        close_flow(t, ended, CLOSE_TIMEOUT);
    }
    return true;
}

void flow_table_packet(struct flow_table *t, const struct packet *p, const struct headers *h,
                       const char *iface_name, struct ruling *r)
{
    *r = (struct ruling){.verdict = VERDICT_PASS};
    flow_table_expire(t, p->clock_us);
    t->refused = DROP_NONE;
    struct flow *f = flow_find(t, h, &r->dir);
    struct heritage heritage = {.replaces = false};
    if (f != NULL && !is_blocked(t, f) && is_decoy(f, h, r->dir)) {
        stats_add(t->stats, STAT_FLOW_WRONG_CHECKSUM, 1);
        flow_anomaly(t, f, r->dir, ANOMALY_BAD_CHECKSUM);
        return; /* its receiver refuses it */
    }
    enum tcp_reuse reuse = f != NULL ? reuse_of(t, f, h, r->dir) : TCP_NO_REUSE;
    if (reuse == TCP_BESIDE) {
        f = may_begin_beside(t, f, p, &heritage) ? NULL : f;
    } else if (reuse != TCP_NO_REUSE) {
        heritage = (struct heritage){
            .replaces = true,
            .reopened = reuse == TCP_REOPENED,
            .start_us = f->conn.start_us,
            .generation = f->generation,
        };
        f->conn.clock_us = t->clock_us;
        close_flow(t, f, CLOSE_TIMEOUT);
        f = NULL;
    }
    if (f == NULL) {
        f = begin(t, p, h, iface_name, &heritage);
        r->dir = f != NULL && f->conn.swapped ? TO_CLIENT : TO_SERVER;
        if (f != NULL) {
            (void)is_decoy(f, h, r->dir); /* the first of a flow cannot be one, but it counts */
        }
        if (f != NULL && reuse == TCP_ANSWERED) {
            tcp_answered(f, h, r->dir);
        }
    }
    if (f == NULL) {
        r->verdict = t->limits.guard.memory_closed ? VERDICT_DROP : VERDICT_PASS;
        r->reason = DROP_FLOW_MEMORY;
        return;
    }
    r->conn = &f->conn;
    guard_note(f, r);
    if (is_blocked(t, f)) {
        rule_blocked(t, f, p, h, r);
    } else {
        rule_open(t, f, p, h, r);
    }
}

/* What another reading of the packet adds to its ruling. */
static void rule_again(struct flow_table *t, struct flow *f, struct ruling *ruling)
{
    if (t->limits.guard.on) {
        t->refused = DROP_DIFFERENT; /* nobody honest sends fragments like these */
        guard_judge(t, f);
    }
    if (ruling->verdict == VERDICT_PASS) {
        ruling->conn = &f->conn;
        guard_rule(t, f, ruling);
    }
}

void flow_table_alternate(struct flow_table *t, const struct packet *p, const struct headers *h,
                          const char *iface_name, struct ruling *ruling)
{
    enum direction dir = TO_SERVER;
    struct flow *f = flow_find(t, h, &dir);
    if (f == NULL) {
        flow_table_packet(t, p, h, iface_name, ruling);
        return;
    }
    if (h->proto == IP_PROTO_TCP) {
        tcp_alternate(t, f, h, dir);
        set_deadline(t, f);
    } else if (h->proto == IP_PROTO_UDP && h->payload.len > 0 && !f->mute) {
        t->user.ops->alternate(t->user.ctx, &f->conn, dir, h->payload);
    }
    rule_again(t, f, ruling);
}

uint64_t flow_table_upstream_lost(const struct flow_table *t, const char *iface)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < UPSTREAM_IFACES; i++) {
        const struct upstream *u = &t->upstream[i];
        const char *name = atomic_load_explicit(&u->iface, memory_order_acquire);
        if (name != NULL && strcmp(name, iface) == 0) {
            sum += atomic_load_explicit(&u->bytes, memory_order_relaxed);
        }
    }
    return sum;
}
