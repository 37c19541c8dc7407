/* checksum: Internet checksums (RFC 1071, 793, 768, 8200 8.1), and which wrong ones count.
 *
 * A receiver drops a segment with a wrong checksum, so a sensor that reads it can be fed a decoy.
 * But a capture taken on a machine sees what it sends before the network card has filled checksums
 * in, and what it receives after segments were joined into larger ones. Such packets hold the sum
 * of their pseudo header, not complemented (Linux calls it CHECKSUM_PARTIAL; some cards want it
 * without the length), which tells them from damaged ones. They come mixed with right ones from the
 * same sender, so AUTO never refuses them: a decoy made to look so is still inspected beside what
 * it overlaps.
 *
 * AUTO counts, for the first packets of the input, good, partial and wrong checksums by sender. A
 * sender is excused when none or next to none of its checksums is right (a loopback, rewritten
 * addresses); any other is held to them. Senders not met in the survey are held to them when less
 * than half of those met were excused. The table has room for the senders of a survey; one that
 * finds its place taken counts for the total only.
 *
 * Not verified: SCTP and ICMP, whose contents no decoder reads. */
#include "sensor/packet/checksum.h"

#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "sensor/base/mem.h"
#include "sensor/base/wire.h"
#include "sensor/core/packet.h"

#include <stdatomic.h>

enum { N_SENDERS = 1024, N_PROBES = 8, EXCUSE_RATIO = 16 };

struct sender {
    struct addr addr;
    uint32_t n[3]; /* by enum checksum_state */
};

struct checksum_policy {
    enum checksum_mode mode;
    _Atomic bool decided; /* released after the rest is final */
    bool honours_unknown;
    uint32_t n_noted;
    struct sender senders[N_SENDERS];
};

struct checksum_policy *checksum_policy_new(enum checksum_mode mode)
{
    struct checksum_policy *p = mem_alloc(sizeof(*p));
    if (p != NULL) {
        p->mode = mode;
        p->decided = mode != CHECKSUM_AUTO;
    }
    return p;
}

void checksum_policy_free(struct checksum_policy **p)
{
    mem_free(*p);
    *p = NULL;
}

/* The sender's place: its own, or a free one (family 0), or -1. */
static int find(const struct checksum_policy *p, const struct addr *addr)
{
    uint64_t hash = hash_fixed(addr_span(addr));
    for (uint64_t i = 0; i < N_PROBES; i++) {
        size_t at = (size_t)((hash + i) % N_SENDERS);
        const struct sender *s = &p->senders[at];
        if (s->addr.family == 0 || addr_equal(&s->addr, addr)) {
            return (int)at;
        }
    }
    return -1;
}

static bool excused(const struct sender *s)
{
    uint32_t good = s->n[CHECKSUM_GOOD];
    return good == 0 || s->n[CHECKSUM_WRONG] > good * EXCUSE_RATIO;
}

bool checksum_policy_is_decided(const struct checksum_policy *p)
{
    return atomic_load_explicit(&p->decided, memory_order_acquire);
}

void checksum_policy_decide(struct checksum_policy *p)
{
    size_t n_known = 0, n_excused = 0;
    for (size_t i = 0; i < N_SENDERS; i++) {
        if (p->senders[i].addr.family != 0) {
            n_known++;
            n_excused += excused(&p->senders[i]);
        }
    }
    p->honours_unknown = n_known > 0 && n_excused * 2 < n_known;
    atomic_store_explicit(&p->decided, true, memory_order_release);
}

void checksum_policy_note(struct checksum_policy *p, const struct addr *sender,
                          enum checksum_state state)
{
    if (checksum_policy_is_decided(p)) {
        return;
    }
    int at = find(p, sender);
    if (at >= 0) {
        p->senders[at].addr = *sender;
        p->senders[at].n[state]++;
    }
    p->n_noted++;
    if (p->n_noted >= CHECKSUM_SURVEY) {
        checksum_policy_decide(p);
    }
}

bool checksum_policy_verifies(const struct checksum_policy *p)
{
    return p->mode != CHECKSUM_NONE;
}

bool checksum_policy_refuses(const struct checksum_policy *p, const struct addr *sender,
                             enum checksum_state state)
{
    if (state == CHECKSUM_GOOD || p->mode == CHECKSUM_NONE) {
        return false;
    }
    if (p->mode == CHECKSUM_ALL) {
        return true;
    }
    if (state == CHECKSUM_PARTIAL || !checksum_policy_is_decided(p)) {
        return false;
    }
    int at = find(p, sender);
    bool known = at >= 0 && p->senders[at].addr.family != 0;
    return known ? !excused(&p->senders[at]) : p->honours_unknown;
}

enum checksum_state checksum_transport(const struct addr *src, const struct addr *dst,
                                       uint8_t proto, struct span segment)
{
    size_t at = proto == IP_PROTO_TCP ? 16 : 6;
    uint16_t stored = wire_be16(segment, at);
    if (proto == IP_PROTO_UDP && stored == 0) {
        return CHECKSUM_GOOD;
    }
    uint32_t len = (uint32_t)(segment.len >> 16) + (uint32_t)(segment.len & 0xffff);
    uint32_t without_len = wire_sum(addr_span(src), proto);
    without_len = wire_sum(addr_span(dst), without_len);
    uint32_t pseudo = wire_sum(span_of(NULL, 0), without_len + len);
    if (wire_sum(segment, pseudo) == 0xffff) {
        return CHECKSUM_GOOD;
    }
    return stored == pseudo || stored == without_len ? CHECKSUM_PARTIAL : CHECKSUM_WRONG;
}

enum checksum_state checksum_ipv4(struct span header)
{
    return wire_sum(header, 0) == 0xffff ? CHECKSUM_GOOD : CHECKSUM_WRONG;
}
