/* guard: which packets of a flow an inline sensor lets go on.
 *
 * A flow is blocked by what is found in it, from the packet on that completed it. Blocked it stays:
 * what comes again is held back as well, until both ends are seen to open a new connection on the
 * same ports, or nothing has come for the time of an idle connection. Neither a RST nor a SYN of
 * one end proves that the other has given up, so these are let by (they carry no bytes) and change
 * nothing. A blocked flow that had to make room is remembered by its hash, in a table of fixed size
 * where a later one takes the place of an earlier one.
 *
 * The sensor and the server must read the same bytes. What comes behind a hole is let by, since
 * without the hole its receiver cannot read it, and the hole is never given up while the receiver
 * waits for it. What repeats bytes with other contents, or lies outside of the stream, is refused
 * where verdicts are carried out: a receiver might take what was not inspected in its place.
 *
 * A datagram is blocked by itself: its flow may be a forwarder's, which sends for many. */
#include "sensor/flow/guard.h"

#include "sensor/flow/readings.h"

bool guard_lets_by(struct flow *f, const struct headers *h, enum direction dir)
{
    if (h->proto != IP_PROTO_TCP || h->payload.len + h->missing > 0) {
        return false;
    }
    if ((h->tcp_flags & TCP_RST) != 0) {
        return true;
    }
    if ((h->tcp_flags & TCP_SYN) == 0 || (h->tcp_flags & TCP_ACK) != 0) {
        return false;
    }
    struct side *s = &f->sides[flow_turned(f, dir)];
    s->reuse = h->tcp_seq;
    s->flags |= SIDE_REUSE;
    return true;
}

bool guard_is_reopened(const struct flow *f, const struct headers *h, enum direction dir)
{
    const struct side *peer = &f->sides[1U - flow_turned(f, dir)];
    const unsigned both = TCP_SYN | TCP_ACK;
    return h->proto == IP_PROTO_TCP && (h->tcp_flags & both) == both &&
           (peer->flags & SIDE_REUSE) != 0 && h->tcp_ack == peer->reuse + 1;
}

static struct blocked *place_of(struct flow_table *t, uint64_t hash)
{
    return &t->blocked[hash % GUARD_REMEMBERS];
}

void guard_remember(struct flow_table *t, const struct flow *f)
{
    if (t->limits.guard.on && f->conn.proto == IP_PROTO_TCP && f->conn.verdict != VERDICT_PASS) {
        *place_of(t, f->hash) = (struct blocked){f->hash, t->clock_us + t->limits.tcp_us};
    }
}

enum verdict guard_first_verdict(const struct flow_table *t, const struct flow *f,
                                 const struct headers *h)
{
    if (!t->limits.guard.on || h->proto != IP_PROTO_TCP || f->reopened) {
        return VERDICT_PASS;
    }
    const struct blocked *b = &t->blocked[f->hash % GUARD_REMEMBERS];
    if (b->until_us > t->clock_us && b->hash == f->hash) {
        return VERDICT_DROP;
    }
    bool opens = (h->tcp_flags & (TCP_SYN | TCP_RST)) != 0;
    return opens ? VERDICT_PASS : t->limits.guard.midstream;
}

void guard_note(const struct flow *f, struct ruling *r)
{
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        r->expected[flow_turned(f, n)] = (uint32_t)f->sides[n].next;
    }
}

void guard_turn(const struct flow *f, bool flipped_before, struct ruling *r)
{
    if (f->flipped != flipped_before) {
        uint32_t first = r->expected[0];
        r->expected[0] = r->expected[1];
        r->expected[1] = first;
        r->dir = direction_other(r->dir);
    }
}

void guard_uninspected(struct flow_table *t, struct flow *f)
{
    if (t->limits.guard.memory_closed && f->conn.verdict == VERDICT_PASS) {
        f->conn.verdict =
            VERDICT_DROP; /* what is behind the lost bytes would be read without them */
        t->refused = DROP_FLOW_MEMORY;
    }
}

void guard_judge(struct flow_table *t, struct flow *f)
{
    if (f->mute || f->conn.opaque) {
        return;
    }
    for (unsigned n = 0; n < ARRAY_LEN(f->sides); n++) {
        struct half x = half_of(t, f, n);
        readings_judge(&x);
    }
    if (t->user.ops->judge != NULL) {
        t->user.ops->judge(t->user.ctx, &f->conn);
    }
}

/* One of its flow for each reason. */
static bool is_first(struct flow *f, enum drop_reason reason)
{
    unsigned bit = 1U << reason;
    bool first = (f->drops_told & bit) == 0;
    f->drops_told = (uint16_t)(f->drops_told | bit);
    return first;
}

void guard_rule(struct flow_table *t, struct flow *f, struct ruling *ret_ruling)
{
    ret_ruling->verdict = f->conn.verdict;
    ret_ruling->reason = t->refused == DROP_FLOW_MEMORY ? t->refused : DROP_RULES;
    if (f->conn.verdict == VERDICT_PASS && t->refused != DROP_NONE && t->limits.guard.refuses) {
        ret_ruling->verdict = VERDICT_DROP;
        ret_ruling->reason = t->refused;
    }
    if (f->conn.proto == IP_PROTO_UDP) {
        f->conn.verdict = VERDICT_PASS;
    }
    ret_ruling->first = ret_ruling->verdict != VERDICT_PASS && is_first(f, ret_ruling->reason);
}
