/* tcp: what segments say (RFC 9293), as seen from a tap. stream.c puts the bytes in order.
 *
 * Nothing a single segment says is believed more than it must be, because a decoy that never
 * reaches the server must not decide what the sensor reads: a SYN with another number only proposes
 * a new connection, which an answer or data confirms; so do data far from the stream, which an
 * acknowledgement or more of them confirm; a segment both of whose numbers are far off is another
 * conversation's; a RST must lie in the window, and data after it revives
 * the flow; a FIN counts when it is acknowledged, or when nothing followed; payload without ACK is
 * none to its receiver; a hole is not skipped while its receiver is seen to wait for it, only where
 * no ACKs are seen at all does time end the wait. What is refused is still read, by itself.
 *
 * A flow taken up mid-stream starts with the first payload it shows. Where the handshake was not
 * seen, windows are not known, and only what is beyond any window is taken as outside. */
#include "sensor/flow/tcp.h"

#include "sensor/flow/appid.h"
#include "sensor/flow/lead.h"
#include "sensor/flow/readings.h"
#include "sensor/flow/stream.h"

/* Beyond this distance nothing can be in a window (RFC 7323, section 2.3). */
static const uint64_t far_away = 1ULL << 30;
/* Nothing comes again from so far back. */
static const uint64_t far_behind = 1ULL << 24;
/* How far from the last byte seen a RST, or the first answer, may lie: segments may be lost. */
static const uint64_t reset_window = 1ULL << 20;
/* Positions start high enough for what lies before them. */
static const uint64_t origin = 1ULL << 32;

static uint64_t position(const struct side *s, uint32_t seq)
{
    return s->next + (uint64_t)(int64_t)(int32_t)(seq - (uint32_t)s->next);
}

static uint64_t fin_of(const struct side *s)
{
    return position(s, s->fin);
}

/* The stream starts here; what was believed of it before is void. */
static void start_at(struct side *s, uint32_t seq)
{
    s->next = origin + seq;
    s->edge = 0;
    s->acked = side_has(s, SIDE_AWAITED) ? 0 : s->acked;
    s->flags = (uint16_t)((s->flags & ~(SIDE_ACKED | SIDE_AWAITED)) | SIDE_KNOWN);
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

/* A SYN-ACK on a side that has sent data already: its own come again lies just before them. */
static bool is_late_answer(const struct side *s, uint32_t seq)
{
    uint64_t start = position(s, seq + 1);
    return start <= s->next && s->next - start < far_behind;
}

/* The SYN of a side that was taken up with its very first bytes: it comes late. */
static bool is_late_syn(const struct side *s, uint32_t seq)
{
    return side_has(s, SIDE_DATA) && !side_has(s, SIDE_OPENED) && s->isn == seq;
}

static enum tcp_reuse reuse_by_syn(struct flow *f, const struct headers *h, unsigned n)
{
    struct side *s = &f->sides[n];
    const struct side *peer = &f->sides[1 - n];
    bool answer = (h->tcp_flags & TCP_ACK) != 0;
    if (is_isn(s, h->tcp_seq) || is_late_syn(s, h->tcp_seq)) {
        return TCP_NO_REUSE;
    }
    if (f->conn.state == CONN_CLOSED ||
        (answer && side_has(peer, SIDE_REUSE) && h->tcp_ack == peer->reuse + 1)) {
        return TCP_REOPENED;
    }
    if (!side_has(s, SIDE_KNOWN)) {
        return !answer && side_has(peer, SIDE_DATA) ? TCP_REOPENED : TCP_NO_REUSE;
    }
    if (answer) {
        bool late = !side_has(s, SIDE_DATA) || is_late_answer(s, h->tcp_seq);
        return late ? TCP_NO_REUSE : TCP_REOPENED;
    }
    if (side_has(s, SIDE_DATA) || f->conn.state != CONN_NEW) {
        s->reuse = h->tcp_seq;
        s->flags |= SIDE_REUSE;
    }
    return TCP_NO_REUSE;
}

/* Farther than what is under way in one direction commonly gets. */
static bool is_distant(const struct side *s, uint64_t pos)
{
    return pos > s->next + far_behind || pos + far_behind < s->next;
}

/* Whether an ACK is of the far data seen of a side, or of some before the latest of them. */
static bool acks_stray(const struct side *s, uint32_t ack)
{
    uint32_t before = s->reuse + 1 - ack;
    bool near_latest = before < reset_window && is_distant(s, position(s, ack));
    return side_has(s, SIDE_STRAY) && (before == 0 || near_latest);
}

/* Whether an ACK is of what is farther from where this side is, or was last taken to be by the
 * other one, than what is under way; false where nobody knows. */
static bool acks_far(const struct side *s, uint32_t ack)
{
    uint64_t here = side_has(s, SIDE_KNOWN) ? s->next : s->acked;
    uint32_t ahead = ack - (uint32_t)here + (uint32_t)far_behind;
    return (s->flags & (SIDE_KNOWN | SIDE_AWAITED)) != 0 && ahead > 2 * (uint32_t)far_behind;
}

bool tcp_is_foreign(const struct flow *f, const struct headers *h, enum direction dir)
{
    unsigned n = flow_turned(f, dir);
    const struct side *s = &f->sides[n];
    const struct side *peer = &f->sides[1 - n];
    return (h->tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_ACK && side_has(s, SIDE_KNOWN) &&
           is_distant(s, position(s, h->tcp_seq)) && acks_far(peer, h->tcp_ack);
}

enum tcp_reuse tcp_reuse(struct flow *f, const struct headers *h, enum direction dir)
{
    unsigned n = flow_turned(f, dir);
    const struct side *s = &f->sides[n];
    const struct side *peer = &f->sides[1 - n];
    if ((h->tcp_flags & TCP_RST) != 0) {
        return TCP_NO_REUSE;
    }
    if ((h->tcp_flags & TCP_SYN) != 0) {
        return reuse_by_syn(f, h, n);
    }
    if ((h->tcp_flags & TCP_ACK) != 0 && acks_stray(peer, h->tcp_ack)) {
        return TCP_ANSWERED;
    }
    if (h->payload.len > 0 && tcp_is_foreign(f, h, dir)) {
        return TCP_BESIDE;
    }
    if (h->payload.len == 0 || h->tcp_seq != s->reuse + 1 || position(s, h->tcp_seq) == s->next) {
        return TCP_NO_REUSE;
    }
    if (side_has(s, SIDE_REUSE)) {
        return TCP_REOPENED;
    }
    return side_has(s, SIDE_STRAY) && !side_has(s, SIDE_ACKED) ? TCP_TAKEN_UP : TCP_NO_REUSE;
}

void tcp_answered(struct flow *f, const struct headers *h, enum direction dir)
{
    start_at(&f->sides[1 - flow_turned(f, dir)], h->tcp_ack);
}

bool tcp_answers(const struct flow *f, const struct headers *h, enum direction dir)
{
    const struct side *peer = &f->sides[1 - flow_turned(f, dir)];
    uint32_t ahead = h->tcp_ack - (uint32_t)peer->next + (uint32_t)reset_window;
    return (h->tcp_flags & TCP_ACK) != 0 && side_has(peer, SIDE_KNOWN) &&
           ahead <= 2 * (uint32_t)reset_window;
}

static bool fin_is_acked(const struct side *s)
{
    return side_has(s, SIDE_FIN | SIDE_ACKED) && s->acked == fin_of(s) + 1;
}

bool tcp_is_finished(const struct flow *f)
{
    return fin_is_acked(&f->sides[0]) && fin_is_acked(&f->sides[1]);
}

/* Tells the end of a direction once: all before its FIN was delivered, and the FIN is certain. */
static void tell_end(struct half *x)
{
    if (side_has(x->s, SIDE_FIN) && x->s->next == fin_of(x->s) && !side_has(x->s, SIDE_ENDED)) {
        x->s->flags |= SIDE_ENDED;
        readings_flush(x);
        const struct stream_user *user = &x->t->user;
        if (!x->f->mute) {
            user->ops->end(user->ctx, &x->f->conn, half_dir(x));
        }
    }
}

/* Delivers all that can be now. */
static bool release_side(struct half *x)
{
    struct side *s = x->s;
    bool moved = stream_release(x);
    if (!stream_is_waiting(s) && fin_is_acked(s)) {
        if (s->next < fin_of(s) && lead_believed(s) > fin_of(s)) {
            stream_gap(x, fin_of(s) - s->next, LOST_GAP);
        }
        tell_end(x);
    }
    return moved;
}

/* What goes out on one side may be what bytes of the other one wait for. */
static void release(struct half *x)
{
    struct half peer = half_peer(x);
    bool moved = release_side(x);
    for (bool other = true; moved && stream_is_waiting(other ? peer.s : x->s); other = !other) {
        moved = release_side(other ? &peer : x);
    }
}

/* Far from where the stream is, or beyond what its receiver ever allowed; but not what comes next:
 * there acknowledgements are missing from the capture, and if they are not, the bytes come again.
 */
static bool is_outside(const struct half *x, const struct piece *p)
{
    const struct side *s = x->s;
    if (s->edge != 0 && p->pos > s->edge && p->pos != s->next) {
        return true;
    }
    return piece_end(p) + far_behind < s->next || p->pos > s->next + far_away;
}

/* Payload that its receiver will not take, for all that is known. It may be a new connection's. */
static void stray(struct half *x, const struct piece *p, bool outside)
{
    struct side *s = x->s;
    if (!x->f->conn.opaque && !x->f->mute) {
        readings_stray(x, p->pos, p->bytes);
    }
    if (outside) {
        x->t->refused = p->bytes.len > 0 ? DROP_OUTSIDE : x->t->refused;
        flow_anomaly(x->t, x->f, half_dir(x), ANOMALY_SEGMENT_OUTSIDE_WINDOW);
    }
    if (outside && !side_has(s, SIDE_REUSE)) {
        s->reuse = (uint32_t)piece_end(p) - 1;
        s->flags |= SIDE_STRAY;
    }
}

/* A segment that goes on far from where its sender was, and acknowledges what is far from where the
 * other one was, is of another conversation on the same ports (captures merged, addresses in use
 * twice): nothing it says counts here, or one number would make a gap of a gigabyte. What was lost
 * of one direction leaves the other number in its place. */
static bool is_foreign(const struct half *x, const struct headers *h, const struct piece *p)
{
    const struct half peer = half_peer(x);
    return (h->tcp_flags & TCP_ACK) != 0 && is_distant(x->s, p->pos) &&
           acks_far(peer.s, h->tcp_ack);
}

/* What can be inspected no more is not put together either. */
static void pass_opaque(struct half *x, const struct piece *p)
{
    struct side *s = x->s;
    stream_free(x->t, s);
    readings_free(x->t, s);
    appid_stream(x->t, x->f, half_dir(x), p->pos, p->bytes);
    if (piece_end(p) > s->next) {
        flow_lose(x->t, x->f, half_dir(x), piece_end(p) - s->next, x->f->conn.opaque_reason);
        s->next = piece_end(p);
    }
}

/* Data at or behind a FIN that nobody has acknowledged: then that was none. */
static void doubt_fin(struct half *x, struct piece *p)
{
    struct side *s = x->s;
    if (!side_has(s, SIDE_FIN) || piece_end(p) <= fin_of(s)) {
        return;
    }
    if (fin_is_acked(s) || side_has(s, SIDE_ENDED)) {
        piece_end_at(p, fin_of(s));
    } else {
        s->flags &= (uint16_t)~SIDE_FIN;
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
        s->isn = side_has(s, SIDE_OPENED) ? s->isn : (uint32_t)p->pos - 1;
    }
    if (is_outside(x, p)) {
        stray(x, p, true);
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
        stream_take(x, p);
    }
}

/* The rest of a segment */

static void learn_syn(struct half *x, const struct headers *h)
{
    struct side *s = x->s;
    struct side *peer = half_peer(x).s;
    bool answers_other = (h->tcp_flags & TCP_ACK) != 0 && side_has(peer, SIDE_KNOWN | SIDE_ACKED) &&
                         is_distant(peer, position(peer, h->tcp_ack));
    bool fresh = !side_has(s, SIDE_DATA) && x->f->conn.state == CONN_NEW && !answers_other;
    if (!side_has(s, SIDE_KNOWN) || (fresh && !is_isn(s, h->tcp_seq))) {
        start_at(s, h->tcp_seq + 1);
        s->isn = h->tcp_seq;
        s->flags |= SIDE_OPENED;
    }
    if (is_late_syn(s, h->tcp_seq)) {
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

/* What x's segment acknowledges of its peer's stream; up to where, or 0. */
static uint64_t acknowledge(struct half *x, const struct headers *h)
{
    struct half peer = half_peer(x);
    struct side *s = peer.s;
    if ((h->tcp_flags & TCP_ACK) == 0) {
        return 0;
    }
    if (!side_has(s, SIDE_KNOWN)) {
        s->acked = h->tcp_ack;
        s->flags |= SIDE_AWAITED;
        return 0;
    }
    uint64_t pos = position(s, h->tcp_ack);
    if (pos > s->next + far_away || pos + far_away < s->next) {
        return 0;
    }
    if (!side_has(s, SIDE_ACKED)) {
        lead_free(x->t, s); /* of what the stream was thought to be before */
    }
    s->acked = side_has(s, SIDE_ACKED) && s->acked > pos ? s->acked : pos;
    s->flags |= SIDE_ACKED;
    lead_update(&peer);
    if (side_has(s, SIDE_FIN) && s->acked > fin_of(s) + 1 && !side_has(s, SIDE_ENDED)) {
        s->flags &= (uint16_t)~SIDE_FIN; /* its receiver went on behind it: there was none */
    }
    move_edge(x, s, h);
    readings_acked(&peer);
    if (side_has(s, SIDE_DATA) || side_has(s, SIDE_FIN)) {
        release(&peer);
    }
    return pos;
}

static void take_fin(struct half *x, uint64_t pos)
{
    struct side *s = x->s;
    if (side_has(s, SIDE_FIN)) {
        return;
    }
    if (!side_has(s, SIDE_DATA) && !side_has(s, SIDE_OPENED)) {
        s->next = pos;
    }
    if (pos >= s->next && pos - s->next < far_away) {
        s->fin = (uint32_t)pos;
        s->flags |= SIDE_FIN;
    }
}

/* Both sides have said FIN, or the only one that is seen. */
static bool is_finished(const struct flow *f)
{
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        bool silent = f->conn.packets[flow_turned(f, n)] == 0;
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
        f->reason = (uint8_t)reason;
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

/* Receivers drop what has no ACK, once a connection stands, and a SYN that did not open it (RFC
 * 9293, section 3.10.7.4). */
static bool is_acceptable(const struct side *s, const struct headers *h)
{
    if ((h->tcp_flags & TCP_SYN) != 0) {
        return is_isn(s, h->tcp_seq);
    }
    return (h->tcp_flags & TCP_ACK) != 0 || !side_has(s, SIDE_OPENED);
}

/* The pointer stands behind the urgent byte, whatever the first standard said (RFC 6093, section
 * 2.2); zero is taken for the first byte. */
static void note_urgent(struct half *x, const struct headers *h, uint64_t pos)
{
    bool readable = !x->f->conn.opaque && !x->f->mute;
    if ((h->tcp_flags & TCP_URG) != 0 && readable && side_has(x->s, SIDE_KNOWN)) {
        readings_urgent(x, pos + (h->tcp_urgent > 0 ? h->tcp_urgent - 1U : 0));
    }
}

/* Bytes that the peer has acknowledged before came by now: what waited for them need not any more.
 */
static void settle_lead(struct half *x)
{
    if (side_extra(x->s)->lead != NULL) {
        struct half peer = half_peer(x);
        lead_update(x);
        release(&peer);
    }
}

void tcp_segment(struct flow_table *t, struct flow *f, const struct headers *h, enum direction dir)
{
    struct half x = half_of(t, f, flow_turned(f, dir));
    if ((h->tcp_flags & TCP_RST) != 0) {
        reset(&x, h);
        return;
    }
    learn(&x, h);
    uint32_t seq = h->tcp_seq + ((h->tcp_flags & TCP_SYN) != 0 ? 1 : 0);
    struct piece p = {position(x.s, seq), h->payload, h->missing, 0};
    if (!is_acceptable(x.s, h)) {
        stray(&x, &p, is_outside(&x, &p));
        return;
    }
    if (is_foreign(&x, h, &p)) {
        if (p.bytes.len + p.missing > 0) {
            stray(&x, &p, true);
        }
        return;
    }
    p.after = acknowledge(&x, h);
    lead_note(&x, p.pos);
    note_urgent(&x, h, p.pos);
    if (p.bytes.len + p.missing > 0) {
        payload(&x, &p);
    }
    if ((h->tcp_flags & TCP_FIN) != 0) {
        take_fin(&x, position(x.s, seq + (uint32_t)h->payload.len + h->missing));
    }
    if (side_has(x.s, SIDE_DATA) || side_has(x.s, SIDE_FIN)) {
        release(&x);
    }
    settle_lead(&x);
    if (f->conn.packets[0] > 0 && f->conn.packets[1] > 0 && f->conn.state == CONN_NEW &&
        (h->tcp_flags & TCP_SYN) == 0) {
        flow_set_state(t, f, CONN_ESTABLISHED);
    }
    if (is_finished(f)) {
        end_flow(t, f, CLOSE_FIN);
    }
}

void tcp_alternate(struct flow_table *t, struct flow *f, const struct headers *h,
                   enum direction dir)
{
    struct half x = half_of(t, f, flow_turned(f, dir));
    struct piece p = {position(x.s, h->tcp_seq), h->payload, 0, 0};
    if (f->mute || f->conn.opaque || !side_has(x.s, SIDE_DATA) || is_outside(&x, &p)) {
        return;
    }
    if (p.pos < x.s->next && piece_end(&p) > x.s->next && !stream_is_waiting(x.s)) {
        readings_longer(&x, p.pos, p.bytes);
        return;
    }
    if (p.pos < x.s->next) {
        readings_repeated(&x, p.pos, span_head(p.bytes, x.s->next - p.pos));
        piece_start_at(&p, x.s->next);
    }
    if (p.bytes.len > 0) {
        readings_differ(&x, p.pos, p.bytes);
    }
}

/* When the first hole of a side is to be given up. */
static uint64_t hole_deadline(const struct flow_table *t, const struct side *s)
{
    bool waits = stream_is_waiting(s) && !side_has(s, SIDE_ACKED);
    return waits ? stream_waits_since(s) + t->limits.hole_us : UINT64_MAX;
}

uint64_t tcp_deadline(const struct flow_table *t, const struct flow *f)
{
    uint64_t deadline = UINT64_MAX;
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        const struct side *s = &f->sides[n];
        uint64_t hole = hole_deadline(t, s);
        uint64_t reading = readings_deadline(s);
        uint64_t lead = lead_deadline(t, s);
        uint64_t due = hole < reading ? hole : reading;
        due = lead < due ? lead : due;
        deadline = due < deadline ? due : deadline;
    }
    return deadline;
}

void tcp_on_deadline(struct flow_table *t, struct flow *f, uint64_t clock_us)
{
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        struct half x = half_of(t, f, n);
        struct half peer = half_peer(&x);
        if (lead_deadline(t, x.s) <= clock_us) {
            lead_age(&x, clock_us);
            release(&x);
            release(&peer);
        }
    }
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        struct half x = half_of(t, f, n);
        while (hole_deadline(t, x.s) <= clock_us) {
            stream_skip_hole(&x, LOST_GAP);
            release(&x);
        }
        if (readings_deadline(x.s) <= clock_us) {
            readings_flush(&x);
        }
    }
}

/* Whether any packet of this side was seen. */
static bool was_heard(const struct half *x)
{
    return x->f->conn.packets[half_dir(x)] > 0;
}

/* Bytes before the FIN, or that the receiver has acknowledged, and that never came by. One byte may
 * be a FIN that was not seen. Of a direction that was not seen at all that is said once, by a mark.
 */
static void tell_lost_tail(struct half *x)
{
    const struct side *s = x->s;
    uint64_t end = side_has(s, SIDE_ACKED) && s->acked > s->next + 1 ? s->acked : s->next;
    end = side_has(s, SIDE_FIN) ? fin_of(s) : end;
    bool begun = (s->flags & (SIDE_DATA | SIDE_OPENED)) != 0;
    if (begun && end > s->next && was_heard(x)) {
        stream_gap(x, end - s->next, LOST_GAP);
    }
}

/* Delivers all that is held, each side's when it had seen what it answers, as far as that came. */
static void give_all(struct flow_table *t, struct flow *f)
{
    struct half a = half_of(t, f, 0);
    struct half b = half_of(t, f, 1);
    while (stream_is_waiting(a.s) || stream_is_waiting(b.s)) {
        bool hole = stream_has_hole(a.s) || stream_has_hole(b.s);
        bool first = hole ? stream_has_hole(a.s) : stream_is_waiting(a.s);
        stream_skip_hole(first ? &a : &b, LOST_GAP);
        release(&a);
        release(&b);
    }
}

void tcp_finish(struct flow_table *t, struct flow *f)
{
    give_all(t, f);
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        struct half x = half_of(t, f, n);
        tell_lost_tail(&x);
        readings_end(&x);
        tell_end(&x);
    }
    tcp_free(t, f);
}

void tcp_free(struct flow_table *t, struct flow *f)
{
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        stream_free(t, &f->sides[n]);
        readings_free(t, &f->sides[n]);
        lead_free(t, &f->sides[n]);
    }
}
