/* tcp: segments to bytes in order (RFC 9293), as seen from a tap.
 *
 * In-order segments go to the user straight from the packet; only what waits behind a hole is
 * copied. A hole is given up when its receiver has acknowledged what lies behind it (so it got what
 * the capture lacks), when what is held reaches its cap or memory is short, where no ACKs are seen
 * when packet time passes the limit, and when the flow ends. While its receiver is seen not to have
 * the bytes of a hole they may still come, and a decoy behind it must not make us skip them.
 *
 * Nothing a single segment says is believed more than it must be: a SYN with another number only
 * proposes a new connection, which an answer or data confirms; a RST must lie in the window and
 * data after it revives the flow; a FIN counts when it is acknowledged, or when nothing followed.
 *
 * A flow taken up mid-stream starts with the first payload it shows. There is no limit on how deep
 * into a stream is read. Where the handshake was not seen, windows are not known, and only what is
 * beyond any window is taken as outside. */
#include "sensor/flow/tcp.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/flow/half.h"
#include "sensor/flow/readings.h"
#include "sensor/flow/segments.h"

enum { GATHER = 2048, SMALL = 256 };

/* Beyond this distance nothing can be in a window (RFC 7323, section 2.3). */
static const uint64_t far_away = 1ULL << 30;
/* How far behind the last byte seen a RST may lie: segments before it may be lost. */
static const uint64_t reset_window = 1ULL << 20;
/* Positions start high enough for what lies before them. */
static const uint64_t origin = 1ULL << 32;

struct hold {
    struct segments segments;
    uint64_t since_us; /* clock when the first hole came to be */
};

static uint64_t position(const struct side *s, uint32_t seq)
{
    return s->next + (uint64_t)(int64_t)(int32_t)(seq - (uint32_t)s->next);
}

/* The stream starts here; what was believed of it before is void. */
static void start_at(struct side *s, uint32_t seq)
{
    s->next = origin + seq;
    s->edge = 0;
    s->flags = (uint8_t)((s->flags & ~SIDE_ACKED) | SIDE_KNOWN);
}

/* Whether a sequence number is that of the SYN that opened this side. */
static bool is_isn(const struct side *s, uint32_t seq)
{
    return side_has(s, SIDE_OPENED) && s->isn == seq;
}

bool tcp_from_client(const struct headers *h)
{
    if ((h->tcp_flags & TCP_SYN) != 0) {
        return (h->tcp_flags & TCP_ACK) == 0;
    }
    return h->dst_port <= h->src_port;
}

/* A SYN whose number is not that of this flow. */
static bool syn_is_reuse(struct flow *f, const struct headers *h, struct side *s, struct side *peer)
{
    bool answer = (h->tcp_flags & TCP_ACK) != 0;
    if (is_isn(s, h->tcp_seq)) {
        return false;
    }
    if (answer && side_has(peer, SIDE_REUSE)) {
        return h->tcp_ack == peer->reuse + 1;
    }
    if (f->conn.state == CONN_CLOSED) {
        return true;
    }
    if (!answer && side_has(s, SIDE_KNOWN) &&
        (side_has(s, SIDE_DATA) || f->conn.state != CONN_NEW)) {
        s->reuse = h->tcp_seq;
        s->flags |= SIDE_REUSE;
    }
    return false;
}

bool tcp_is_reuse(struct flow *f, const struct headers *h, enum direction dir)
{
    unsigned n = dir ^ (f->flipped ? 1U : 0U);
    struct side *s = &f->sides[n];
    if ((h->tcp_flags & TCP_RST) != 0) {
        return false;
    }
    if ((h->tcp_flags & TCP_SYN) != 0) {
        return syn_is_reuse(f, h, s, &f->sides[1 - n]);
    }
    return side_has(s, SIDE_REUSE) && h->payload.len > 0 && h->tcp_seq == s->reuse + 1 &&
           position(s, h->tcp_seq) != s->next;
}

/* Delivering */

static void gap(struct half *x, uint64_t n_bytes, enum lost reason)
{
    uint64_t pos = x->s->next;
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
    if (!x->f->conn.opaque && !x->f->mute) {
        readings_delivered(x, pos, bytes);
    }
}

static const struct segment *first_held(const struct side *s)
{
    return s->hold != NULL ? segments_first(&s->hold->segments) : NULL;
}

static void drop_first(struct half *x)
{
    struct segments *held = &x->s->hold->segments;
    size_t before = held->memory;
    segments_drop_first(held);
    flow_unreserve(x->t, before - held->memory);
    x->s->hold->since_us = x->t->clock_us;
}

/* Small pieces that follow each other go out together: a stream of single bytes must not cost a
 * call for each. */
static void give_gathered(struct half *x)
{
    uint8_t gathered[GATHER];
    size_t len = 0;
    const struct segment *g = first_held(x->s);
    while (g != NULL && g->pos == x->s->next + len && g->len < SMALL && g->bytes != NULL &&
           g->len <= GATHER - len) {
        bytes_copy(gathered + len, g->bytes, g->len);
        len += g->len;
        drop_first(x);
        g = first_held(x->s);
    }
    if (len > 0) {
        give(x, span_of(gathered, len));
    }
}

/* Delivers what is held up to the next hole. */
static void drain(struct half *x)
{
    const struct segment *g = first_held(x->s);
    while (g != NULL && g->pos == x->s->next) {
        if (g->bytes == NULL) {
            gap(x, g->len, LOST_SNAPLEN);
            drop_first(x);
        } else if (g->len < SMALL) {
            give_gathered(x);
        } else {
            give(x, span_of(g->bytes, g->len));
            drop_first(x);
        }
        g = first_held(x->s);
    }
}

/* Gives up the first hole and delivers what lies behind it. */
static void skip_hole(struct half *x, enum lost reason)
{
    const struct segment *g = first_held(x->s);
    if (g != NULL) {
        gap(x, g->pos - x->s->next, reason);
        drain(x);
    }
}

static void free_hold(struct flow_table *t, struct side *s)
{
    if (s->hold != NULL) {
        flow_unreserve(t, s->hold->segments.memory + sizeof(*s->hold));
        segments_free(&s->hold->segments);
        mem_free(s->hold);
        s->hold = NULL;
    }
}

static bool fin_is_acked(const struct side *s)
{
    return side_has(s, SIDE_FIN | SIDE_ACKED) && s->acked > s->fin;
}

/* Tells the end of a direction once: all before its FIN was delivered, and the FIN is certain. */
static void tell_end(struct half *x)
{
    if (side_has(x->s, SIDE_FIN) && x->s->next == x->s->fin && !side_has(x->s, SIDE_ENDED)) {
        x->s->flags |= SIDE_ENDED;
        readings_flush(x);
        const struct stream_user *user = &x->t->user;
        if (!x->f->mute) {
            user->ops->end(user->ctx, &x->f->conn, half_dir(x));
        }
    }
}

/* Delivers all that can be now. */
static void release(struct half *x)
{
    struct side *s = x->s;
    drain(x);
    const struct segment *g = first_held(s);
    while (g != NULL && side_has(s, SIDE_ACKED) && s->acked >= g->pos) {
        skip_hole(x, LOST_GAP);
        g = first_held(s);
    }
    if (g == NULL) {
        free_hold(x->t, s);
    }
    if (g == NULL && fin_is_acked(s)) {
        if (s->next < s->fin) {
            gap(x, s->fin - s->next, LOST_GAP);
        }
        tell_end(x);
    }
}

/* Payload that was on the wire: [pos, pos + bytes.len) and `missing` uncaptured bytes behind it. */
struct piece {
    uint64_t pos;
    struct span bytes;
    uint64_t missing;
};

static uint64_t piece_end(const struct piece *p)
{
    return p->pos + p->bytes.len + p->missing;
}

/* Drops what lies before `pos`. */
static void piece_start_at(struct piece *p, uint64_t pos)
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

static void piece_end_at(struct piece *p, uint64_t pos)
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
        gap(x, p->missing, LOST_SNAPLEN);
    }
}

static bool make_hold(struct half *x)
{
    struct side *s = x->s;
    if (s->hold != NULL) {
        return true;
    }
    if (!flow_reserve(x->t, sizeof(*s->hold))) {
        return false;
    }
    s->hold = mem_alloc(sizeof(*s->hold));
    if (s->hold == NULL) {
        flow_unreserve(x->t, sizeof(*s->hold));
        return false;
    }
    s->hold->since_us = x->t->clock_us;
    return true;
}

/* Copies a piece behind the hole; false when there is no memory for it. */
static bool hold_piece(struct half *x, const struct piece *p)
{
    struct flow_table *t = x->t;
    if (!make_hold(x)) {
        return false;
    }
    struct segments *held = &x->s->hold->segments;
    size_t before = held->memory;
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

/* Without memory nothing is lost but the order: what is held goes out, then the piece itself. */
static void give_without_memory(struct half *x, struct piece *p)
{
    stats_add(x->t->stats, STAT_TCP_SEGMENT_MEMCAP_DROP, 1);
    while (first_held(x->s) != NULL && first_held(x->s)->pos < p->pos) {
        skip_hole(x, LOST_MEMORY);
    }
    const struct segment *g = first_held(x->s);
    if (g != NULL) {
        piece_end_at(p, g->pos);
    }
    piece_start_at(p, x->s->next);
    if (p->bytes.len + p->missing == 0) {
        return;
    }
    if (p->pos > x->s->next) {
        gap(x, p->pos - x->s->next, LOST_MEMORY);
    }
    give_piece(x, p);
}

/* A piece that reaches beyond what was delivered. */
static void take(struct half *x, struct piece *p)
{
    struct side *s = x->s;
    const struct segment *g = first_held(s);
    bool skips = g == NULL && side_has(s, SIDE_ACKED) && s->acked >= p->pos;
    if (skips && p->pos > s->next) {
        gap(x, p->pos - s->next, LOST_GAP);
    }
    if (p->pos == s->next && (g == NULL || piece_end(p) <= g->pos)) {
        give_piece(x, p);
        return;
    }
    if (!hold_piece(x, p)) {
        give_without_memory(x, p);
    }
    drain(x);
    while (s->hold != NULL && s->hold->segments.memory > x->t->limits.held) {
        skip_hole(x, LOST_GAP);
    }
}

/* Far from where the stream is, or beyond what its receiver ever allowed. */
static bool is_outside(const struct half *x, const struct piece *p)
{
    const struct side *s = x->s;
    if (s->edge != 0 && p->pos > s->edge) {
        return true;
    }
    return piece_end(p) + far_away < s->next || p->pos > s->next + far_away;
}

/* What can be inspected no more is not put together either. */
static void pass_opaque(struct half *x, const struct piece *p)
{
    struct side *s = x->s;
    free_hold(x->t, s);
    readings_free(x->t, s);
    if (piece_end(p) > s->next) {
        flow_lose(x->t, x->f, half_dir(x), piece_end(p) - s->next, x->f->conn.opaque_reason);
        s->next = piece_end(p);
    }
}

/* Data at or behind a FIN that nobody has acknowledged: then that was none. */
static void doubt_fin(struct half *x, struct piece *p)
{
    struct side *s = x->s;
    if (!side_has(s, SIDE_FIN) || piece_end(p) <= s->fin) {
        return;
    }
    if (fin_is_acked(s) || side_has(s, SIDE_ENDED)) {
        piece_end_at(p, s->fin);
    } else {
        s->flags &= (uint8_t)~SIDE_FIN;
    }
}

/* New bytes show that the flow lives, whatever a RST or FIN claimed. */
static void revive(struct half *x)
{
    if (x->f->conn.state != CONN_ESTABLISHED) {
        x->f->ended = false;
        flow_set_state(x->t, x->f, CONN_ESTABLISHED);
    }
}

static void payload(struct half *x, struct piece *p)
{
    struct side *s = x->s;
    if (!side_has(s, SIDE_DATA) &&
        (!side_has(s, SIDE_OPENED) || (is_outside(x, p) && !side_has(s, SIDE_ACKED)))) {
        s->next = p->pos;
    }
    if (is_outside(x, p)) {
        flow_anomaly(x->t, x->f, half_dir(x), ANOMALY_SEGMENT_OUTSIDE_WINDOW);
        return;
    }
    s->flags |= SIDE_DATA;
    doubt_fin(x, p);
    if (p->pos < s->next) {
        stats_add(x->t->stats, STAT_TCP_OVERLAP, 1);
        if (!x->f->conn.opaque) {
            readings_repeated(x, p->pos, span_head(p->bytes, s->next - p->pos));
        }
        piece_start_at(p, s->next);
    }
    if (p->bytes.len + p->missing == 0) {
        return;
    }
    revive(x);
    if (x->f->conn.opaque) {
        pass_opaque(x, p);
    } else {
        take(x, p);
    }
}

/* The rest of a segment */

static void learn_syn(struct half *x, const struct headers *h)
{
    struct side *s = x->s;
    struct side *peer = half_peer(x).s;
    bool fresh = !side_has(s, SIDE_DATA) && x->f->conn.state == CONN_NEW;
    if (!side_has(s, SIDE_KNOWN) || (fresh && !is_isn(s, h->tcp_seq))) {
        start_at(s, h->tcp_seq + 1);
        s->isn = h->tcp_seq;
        s->flags |= SIDE_OPENED;
    }
    s->scale = is_isn(s, h->tcp_seq) ? h->tcp_scale : s->scale;
    /* What the answer acknowledges is where the opener's stream really starts. */
    bool answer = (h->tcp_flags & TCP_ACK) != 0 && is_isn(s, h->tcp_seq);
    if (answer && !side_has(peer, SIDE_DATA) && !side_has(peer, SIDE_ACKED) &&
        (!side_has(peer, SIDE_KNOWN) || (uint32_t)peer->next != h->tcp_ack)) {
        start_at(peer, h->tcp_ack);
        peer->isn = h->tcp_ack - 1;
        peer->flags |= SIDE_OPENED;
    }
}

static void learn(struct half *x, const struct headers *h)
{
    if ((h->tcp_flags & TCP_SYN) != 0) {
        learn_syn(x, h);
    } else if (!side_has(x->s, SIDE_KNOWN)) {
        start_at(x->s, h->tcp_seq);
    }
}

/* How far x's window lets its peer send, twice over: the ACK that moved it on may not have come by
 * yet. */
static void move_edge(struct half *x, struct side *peer, const struct headers *h)
{
    if (x->s->scale == 0) {
        return;
    }
    bool syn = (h->tcp_flags & TCP_SYN) != 0;
    uint64_t window = (uint64_t)h->tcp_window << (syn ? 0 : x->s->scale - 1);
    window = window > UINT16_MAX ? window : UINT16_MAX;
    uint64_t edge = peer->acked + 2 * window;
    peer->edge = edge > peer->edge ? edge : peer->edge;
}

/* What x's segment acknowledges of its peer's stream. */
static void acknowledge(struct half *x, const struct headers *h)
{
    struct half peer = half_peer(x);
    struct side *s = peer.s;
    if ((h->tcp_flags & TCP_ACK) == 0 || !side_has(s, SIDE_KNOWN)) {
        return;
    }
    uint64_t pos = position(s, h->tcp_ack);
    if (pos > s->next + far_away || pos + far_away < s->next) {
        return;
    }
    s->acked = side_has(s, SIDE_ACKED) && s->acked > pos ? s->acked : pos;
    s->flags |= SIDE_ACKED;
    move_edge(x, s, h);
    readings_acked(&peer);
    if (side_has(s, SIDE_DATA) || side_has(s, SIDE_FIN)) {
        release(&peer);
    }
}

static void take_fin(struct half *x, uint64_t pos)
{
    struct side *s = x->s;
    if (!side_has(s, SIDE_DATA) && !side_has(s, SIDE_OPENED)) {
        s->next = pos;
    }
    if (!side_has(s, SIDE_FIN) && pos >= s->next && pos - s->next < far_away) {
        s->fin = pos;
        s->flags |= SIDE_FIN;
    }
}

/* Both sides have said FIN, or the only one that is seen. */
static bool is_finished(const struct flow *f)
{
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        bool silent = f->conn.packets[n ^ (f->flipped ? 1U : 0U)] == 0;
        if (!silent && !side_has(&f->sides[n], SIDE_FIN)) {
            return false;
        }
    }
    return true;
}

static void end_flow(struct flow_table *t, struct flow *f, enum close_reason reason)
{
    if (!f->ended) {
        f->ended = true;
        f->reason = reason;
        flow_set_state(t, f, CONN_CLOSED);
    }
}

/* A RST is believed when it lies where its receiver would have looked. A refusal answers a SYN. */
static bool is_plausible_reset(const struct half *x, const struct headers *h)
{
    const struct side *s = x->s;
    const struct side *peer = &x->f->sides[1 - x->n];
    if (!side_has(s, SIDE_KNOWN)) {
        bool acks = (h->tcp_flags & TCP_ACK) != 0 && side_has(peer, SIDE_KNOWN);
        return !acks || h->tcp_ack == (uint32_t)peer->next;
    }
    uint64_t pos = position(s, h->tcp_seq);
    uint64_t acked = side_has(s, SIDE_ACKED) ? s->acked : s->next;
    uint64_t from = acked < s->next ? acked : s->next;
    uint64_t to = acked > s->next ? acked : s->next;
    return pos + 1 >= from && pos <= to + reset_window;
}

static void reset(struct half *x, const struct headers *h)
{
    if (is_plausible_reset(x, h)) {
        end_flow(x->t, x->f, CLOSE_RST);
    } else {
        flow_anomaly(x->t, x->f, half_dir(x), ANOMALY_SEGMENT_OUTSIDE_WINDOW);
    }
}

void tcp_segment(struct flow_table *t, struct flow *f, const struct headers *h, enum direction dir)
{
    struct half x = half_of(t, f, dir ^ (f->flipped ? 1U : 0U));
    if ((h->tcp_flags & TCP_RST) != 0) {
        reset(&x, h);
        return;
    }
    learn(&x, h);
    acknowledge(&x, h);
    uint32_t seq = h->tcp_seq + ((h->tcp_flags & TCP_SYN) != 0 ? 1 : 0);
    struct piece p = {position(x.s, seq), h->payload, h->missing};
    if (p.bytes.len + p.missing > 0) {
        payload(&x, &p);
    }
    if ((h->tcp_flags & TCP_FIN) != 0) {
        take_fin(&x, position(x.s, seq + (uint32_t)h->payload.len + h->missing));
    }
    if (side_has(x.s, SIDE_DATA) || side_has(x.s, SIDE_FIN)) {
        release(&x);
    }
    if (f->conn.packets[0] > 0 && f->conn.packets[1] > 0 && f->conn.state == CONN_NEW &&
        (h->tcp_flags & TCP_SYN) == 0) {
        flow_set_state(t, f, CONN_ESTABLISHED);
    }
    if (is_finished(f)) {
        end_flow(t, f, CLOSE_FIN);
    }
}

/* When the first hole of a side is to be given up. */
static uint64_t hole_deadline(const struct flow_table *t, const struct side *s)
{
    bool waits = first_held(s) != NULL && !side_has(s, SIDE_ACKED);
    return waits ? s->hold->since_us + t->limits.hole_us : UINT64_MAX;
}

uint64_t tcp_deadline(const struct flow_table *t, const struct flow *f)
{
    uint64_t deadline = UINT64_MAX;
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        const struct side *s = &f->sides[n];
        uint64_t hole = hole_deadline(t, s);
        uint64_t reading = readings_deadline(s);
        uint64_t due = hole < reading ? hole : reading;
        deadline = due < deadline ? due : deadline;
    }
    return deadline;
}

void tcp_on_deadline(struct flow_table *t, struct flow *f, uint64_t clock_us)
{
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        struct half x = half_of(t, f, n);
        while (hole_deadline(t, x.s) <= clock_us) {
            skip_hole(&x, LOST_GAP);
        }
        release(&x);
        if (readings_deadline(x.s) <= clock_us) {
            readings_flush(&x);
        }
    }
}

/* Bytes before the FIN, or that the receiver has acknowledged, and that never came by. One byte may
 * be a FIN that was not seen. */
static void tell_lost_tail(struct half *x)
{
    const struct side *s = x->s;
    uint64_t end = side_has(s, SIDE_ACKED) && s->acked > s->next + 1 ? s->acked : s->next;
    end = side_has(s, SIDE_FIN) ? s->fin : end;
    if (end > s->next && (s->flags & (SIDE_DATA | SIDE_OPENED)) != 0) {
        gap(x, end - s->next, LOST_GAP);
    }
}

void tcp_finish(struct flow_table *t, struct flow *f)
{
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        struct half x = half_of(t, f, n);
        while (first_held(x.s) != NULL) {
            skip_hole(&x, LOST_GAP);
        }
        tell_lost_tail(&x);
        readings_flush(&x);
        tell_end(&x);
    }
    tcp_free(t, f);
}

void tcp_free(struct flow_table *t, struct flow *f)
{
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        free_hold(t, &f->sides[n]);
        readings_free(t, &f->sides[n]);
    }
}
