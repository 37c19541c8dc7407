/* stream: the bytes of one side of a TCP flow, put in order.
 *
 * In-order bytes go to the user straight from the packet; only what waits behind a hole is copied.
 * A hole is given up when its receiver has acknowledged what lies behind it (so it got what the
 * capture lacks) and that did not come soon after (lead.h), when what is held reaches its cap, when
 * memory is short, or when tcp.c says so (time, end). Without memory for a piece everything held
 * goes out instead, and then the piece from the packet: what is lost is the hole, never what was
 * captured. There is no limit on how deep into a stream is read. */
#include "sensor/flow/stream.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/flow/appid.h"
#include "sensor/flow/lead.h"
#include "sensor/flow/readings.h"
#include "sensor/flow/segments.h"

enum { GATHER = 2048, SMALL = 256 };

struct hold {
    struct segments segments;
    uint64_t since_us; /* clock when the first hole came to be */
};

/* What the receiver has acknowledged was on the wire, and did not come here. */
static void count_upstream(struct half *x, uint64_t n_bytes)
{
    const struct side *s = x->s;
    uint64_t acked = side_has(s, SIDE_ACKED) && s->acked > s->next ? s->acked - s->next : 0;
    uint64_t lost = acked < n_bytes ? acked : n_bytes;
    const char *iface = x->f->conn.iface;
    stats_add(x->t->stats, STAT_CAPTURE_UPSTREAM_LOST, lost);
    for (size_t i = 0; lost > 0 && i < UPSTREAM_IFACES; i++) {
        struct upstream *u = &x->t->upstream[i];
        const char *has = atomic_load_explicit(&u->iface, memory_order_relaxed);
        if (has == NULL) {
            atomic_store_explicit(&u->iface, iface, memory_order_release);
        }
        if (has == NULL || has == iface) {
            uint64_t before = atomic_load_explicit(&u->bytes, memory_order_relaxed);
            atomic_store_explicit(&u->bytes, before + lost, memory_order_relaxed);
            return;
        }
    }
}

void stream_gap(struct half *x, uint64_t n_bytes, enum lost reason)
{
    uint64_t pos = x->s->next;
    if (reason == LOST_GAP) {
        count_upstream(x, n_bytes);
    }
    x->s->next += n_bytes;
    readings_gap(x, pos, reason == LOST_SNAPLEN ? pos : x->s->next);
    flow_lose(x->t, x->f, half_dir(x), n_bytes, reason);
}

/* One side speaks: what the other said before is complete. */
static void give(struct half *x, struct span bytes)
{
    struct half peer = half_peer(x);
    uint64_t pos = x->s->next;
    x->s->next += bytes.len;
    readings_spoken_to(&peer);
    flow_give(x->t, x->f, half_dir(x), bytes);
    appid_stream(x->t, x->f, half_dir(x), pos, bytes);
    if (!x->f->conn.opaque && !x->f->mute) {
        readings_delivered(x, pos, bytes);
    }
}

static const struct segment *first_held(const struct side *s)
{
    const struct hold *hold = side_extra(s)->hold;
    return hold != NULL ? segments_first(&hold->segments) : NULL;
}

/* The position that a piece acknowledges, near where the other side is; 0: none. */
static uint64_t after_of(const struct half *x, const struct segment *g)
{
    uint64_t next = x->f->sides[1 - x->n].next;
    return g->answers ? next + (uint64_t)(int64_t)(int32_t)(g->after - (uint32_t)next) : 0;
}

static bool waits(const struct half *x, const struct segment *g)
{
    return lead_holds(x, after_of(x, g));
}

static void drop_first(struct half *x)
{
    struct hold *hold = side_extra(x->s)->hold;
    size_t before = hold->segments.memory;
    segments_drop_first(&hold->segments);
    flow_unreserve(x->t, before - hold->segments.memory);
    hold->since_us = x->t->clock_us;
}

/* Small pieces that follow each other go out together: a stream of single bytes must not cost a
 * call for each. */
static void give_gathered(struct half *x)
{
    uint8_t gathered[GATHER];
    size_t len = 0;
    const struct segment *g = first_held(x->s);
    while (g != NULL && g->pos == x->s->next + len && g->len < SMALL && g->bytes != NULL &&
           g->len <= GATHER - len && (len == 0 || !waits(x, g))) {
        bytes_copy(gathered + len, g->bytes, g->len);
        len += g->len;
        drop_first(x);
        g = first_held(x->s);
    }
    if (len > 0) {
        give(x, span_of(gathered, len));
    }
}

static void give_first(struct half *x, const struct segment *g)
{
    if (g->bytes == NULL) {
        stream_gap(x, g->len, LOST_SNAPLEN);
        drop_first(x);
    } else if (g->len < SMALL) {
        give_gathered(x);
    } else {
        give(x, span_of(g->bytes, g->len));
        drop_first(x);
    }
}

/* Delivers what is held up to the next hole, or to what has to wait for the other side. */
static void drain(struct half *x)
{
    const struct segment *g = first_held(x->s);
    while (g != NULL && g->pos == x->s->next && !waits(x, g)) {
        give_first(x, g);
        g = first_held(x->s);
    }
}

void stream_skip_hole(struct half *x, enum lost reason)
{
    const struct segment *g = first_held(x->s);
    if (g == NULL) {
        return;
    }
    if (g->pos > x->s->next) {
        stream_gap(x, g->pos - x->s->next, reason);
    } else {
        give_first(x, g);
    }
    drain(x);
}

void stream_free(struct flow_table *t, struct side *s)
{
    struct hold *hold = side_extra(s)->hold;
    if (hold != NULL) {
        flow_unreserve(t, hold->segments.memory + sizeof(*hold));
        segments_free(&hold->segments);
        mem_free(hold);
        s->extra->hold = NULL;
        side_tidy(t, s);
    }
}

uint64_t piece_end(const struct piece *p)
{
    return p->pos + p->bytes.len + p->missing;
}

void piece_start_at(struct piece *p, uint64_t pos)
{
    if (pos <= p->pos) {
        return;
    }
    uint64_t n = pos - p->pos;
    uint64_t beyond = n > p->bytes.len ? n - p->bytes.len : 0;
    p->bytes = span_from(p->bytes, n);
    p->missing -= beyond < p->missing ? beyond : p->missing;
    p->pos = pos;
}

void piece_end_at(struct piece *p, uint64_t pos)
{
    if (pos >= piece_end(p)) {
        return;
    }
    uint64_t len = pos > p->pos ? pos - p->pos : 0;
    p->missing = len > p->bytes.len ? len - p->bytes.len : 0;
    p->bytes = span_head(p->bytes, len);
}

static void give_piece(struct half *x, const struct piece *p)
{
    if (p->bytes.len > 0) {
        give(x, p->bytes);
    }
    if (p->missing > 0) {
        stream_gap(x, p->missing, LOST_SNAPLEN);
    }
}

static struct hold *make_hold(struct half *x)
{
    struct side_extra *extra = side_extend(x->t, x->s);
    if (extra == NULL || extra->hold != NULL) {
        return extra != NULL ? extra->hold : NULL;
    }
    extra->hold = flow_alloc(x->t, sizeof(*extra->hold));
    if (extra->hold == NULL) {
        side_tidy(x->t, x->s);
        return NULL;
    }
    extra->hold->since_us = x->t->clock_us;
    return extra->hold;
}

/* Copies a piece behind the hole; false when there is no memory for it. */
static bool hold_piece(struct half *x, const struct piece *p)
{
    struct flow_table *t = x->t;
    struct hold *hold = make_hold(x);
    if (hold == NULL) {
        return false;
    }
    struct segments *held = &hold->segments;
    size_t before = held->memory;
    held->after = (uint32_t)p->after;
    held->answers = p->after != 0;
    size_t cost = segments_cost(p->bytes.len) + segments_cost(0);
    if (!flow_reserve(t, cost)) {
        return false;
    }
    enum overlap overlap = OVERLAP_NONE;
    int result = p->bytes.len > 0 ? segments_add(held, p->pos, p->bytes, &t->random, &overlap) : 0;
    if (result == 0 && p->missing > 0) {
        result = segments_add_missing(held, p->pos + p->bytes.len, p->missing, &t->random);
    }
    flow_unreserve(t, cost + before);
    t->memory += held->memory;
    if (overlap != OVERLAP_NONE) {
        stats_add(t->stats, STAT_TCP_OVERLAP, 1);
    }
    if (overlap == OVERLAP_DIFFERENT) {
        readings_differ(x, p->pos, p->bytes);
    }
    return result == 0;
}

/* Without memory nothing is lost but the order: what is held before the piece goes out, then the
 * piece itself, with what is held within it in its place. */
static void give_without_memory(struct half *x, struct piece *p)
{
    struct side *s = x->s;
    stats_add(x->t->stats, STAT_TCP_SEGMENT_MEMCAP_DROP, 1);
    while (piece_end(p) > s->next) {
        const struct segment *g = first_held(s);
        if (g != NULL && g->pos <= p->pos) {
            stream_skip_hole(x, LOST_MEMORY);
            piece_start_at(p, s->next);
            continue;
        }
        if (p->pos > s->next) {
            stream_gap(x, p->pos - s->next, LOST_MEMORY);
        }
        struct piece head = *p;
        piece_end_at(&head, g != NULL ? g->pos : piece_end(p));
        give_piece(x, &head);
        drain(x);
        piece_start_at(p, s->next);
    }
}

static size_t held_memory(const struct side *s)
{
    const struct hold *hold = side_extra(s)->hold;
    return hold != NULL ? hold->segments.memory : 0;
}

/* Whether a piece behind the hole would have it given up, for what is held then. */
static bool waits_too_much(const struct half *x, const struct piece *p)
{
    return p->pos > x->s->next &&
           held_memory(x->s) + segments_cost(p->bytes.len) > x->t->limits.held;
}

void stream_take(struct half *x, struct piece *p)
{
    struct side *s = x->s;
    const struct segment *g = first_held(s);
    bool early = lead_holds(x, p->after);
    bool skips = g == NULL && lead_believed(s) >= p->pos;
    if (skips && p->pos > s->next) {
        stream_gap(x, p->pos - s->next, LOST_GAP);
    }
    if (!early && p->pos == s->next && (g == NULL || piece_end(p) <= g->pos)) {
        give_piece(x, p);
        return;
    }
    if (x->t->limits.guard.memory_closed && waits_too_much(x, p)) {
        x->t->refused = DROP_STREAM_MEMORY;
        return; /* it will come again, when there is less before it */
    }
    if (!hold_piece(x, p)) {
        if (x->t->limits.guard.memory_closed && p->pos > s->next) {
            x->t->refused = DROP_STREAM_MEMORY;
            return;
        }
        give_without_memory(x, p);
    }
    drain(x);
    while (held_memory(s) > x->t->limits.held) {
        stream_skip_hole(x, LOST_GAP);
    }
}

bool stream_release(struct half *x)
{
    struct side *s = x->s;
    uint64_t before = s->next;
    drain(x);
    const struct segment *g = first_held(s);
    while (g != NULL && g->pos > s->next && lead_believed(s) >= g->pos) {
        stream_skip_hole(x, LOST_GAP);
        g = first_held(s);
    }
    if (g == NULL) {
        stream_free(x->t, s);
    }
    return s->next != before;
}

bool stream_is_waiting(const struct side *s)
{
    return first_held(s) != NULL;
}

bool stream_has_hole(const struct side *s)
{
    const struct segment *g = first_held(s);
    return g != NULL && g->pos > s->next;
}

bool stream_head(const struct half *x, uint64_t *ret_after)
{
    const struct segment *g = first_held(x->s);
    if (g == NULL || g->pos != x->s->next) {
        return false;
    }
    *ret_after = after_of(x, g);
    return true;
}

uint64_t stream_waits_since(const struct side *s)
{
    const struct hold *hold = side_extra(s)->hold;
    return hold != NULL ? hold->since_us : 0;
}
