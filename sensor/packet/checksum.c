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
 * AUTO knows the senders of the first packets of an input of files from a survey, made before the
 * first packet is decoded: good, partial and wrong checksums, those of IPv4 headers apart from
 * those of segments. A sender is excused when none or next to none of its checksums is right (a
 * loopback, rewritten addresses); any other is held to them. Of senders that the survey did not
 * meet, and where there was none (a pipe, live capture), nothing is known here: their packets are
 * passed on with SUMS_WRONG, and each flow holds a direction to what it showed before. The table
 * has room for the senders of a survey; one that finds its place taken stays unknown.
 *
 * Not verified: SCTP and ICMP, whose contents no decoder reads. */
#include "sensor/packet/checksum.h"

#include "sensor/base/bytes.h"
#include "sensor/base/hash.h"
#include "sensor/base/mem.h"
#include "sensor/base/wire.h"
#include "sensor/core/packet.h"

enum { N_SENDERS = 1024, N_PROBES = 8, EXCUSE_RATIO = 16 };

struct sender {
    struct addr addr;
    uint32_t n[CHECKSUM_KINDS][3]; /* by enum checksum_state */
};

struct checksum_policy {
    enum checksum_mode mode;
    uint32_t n_noted;
    struct sender senders[N_SENDERS];
};

struct checksum_policy *checksum_policy_new(enum checksum_mode mode)
{
    struct checksum_policy *p = mem_alloc(sizeof(*p));
    if (p != NULL) {
        p->mode = mode;
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

static bool excused(const uint32_t n[3])
{
    return n[CHECKSUM_GOOD] == 0 || n[CHECKSUM_WRONG] > n[CHECKSUM_GOOD] * EXCUSE_RATIO;
}

void checksum_policy_note(struct checksum_policy *p, const struct addr *sender,
                          enum checksum_kind kind, enum checksum_state state)
{
    int at = find(p, sender);
    if (at >= 0) {
        p->senders[at].addr = *sender;
        p->senders[at].n[kind][state]++;
    }
    p->n_noted += kind == CHECKSUM_OF_SEGMENT;
}

bool checksum_policy_wants_survey(const struct checksum_policy *p)
{
    return p->mode == CHECKSUM_AUTO && p->n_noted < CHECKSUM_SURVEY;
}

bool checksum_policy_verifies(const struct checksum_policy *p)
{
    return p->mode != CHECKSUM_NONE;
}

enum checksum_judgement checksum_policy_judge(const struct checksum_policy *p,
                                              const struct addr *sender, enum checksum_kind kind,
                                              enum checksum_state state)
{
    if (state == CHECKSUM_GOOD || p->mode == CHECKSUM_NONE) {
        return CHECKSUM_ACCEPTED;
    }
    if (p->mode == CHECKSUM_ALL) {
        return CHECKSUM_REFUSED;
    }
    if (state == CHECKSUM_PARTIAL) {
        return CHECKSUM_EXCUSED;
    }
    int at = find(p, sender);
    if (at < 0 || p->senders[at].addr.family == 0) {
        return CHECKSUM_DOUBTED;
    }
    const uint32_t *n = p->senders[at].n[kind];
    if (n[CHECKSUM_GOOD] + n[CHECKSUM_PARTIAL] + n[CHECKSUM_WRONG] == 0) {
        return CHECKSUM_DOUBTED;
    }
    return excused(n) ? CHECKSUM_EXCUSED : CHECKSUM_REFUSED;
}

/* What is behind four bytes of IPv4 is zero. */
static uint64_t words_of(const struct addr *addr)
{
    uint32_t words[4];
    bytes_copy(words, addr->bytes, sizeof(words));
    return (uint64_t)words[0] + words[1] + words[2] + words[3];
}

/* Why a sum is not right: a card was to fill it in, or the segment is damaged. */
static enum checksum_state why_wrong(const struct addr *src, const struct addr *dst, uint8_t proto,
                                     struct span segment)
{
    uint16_t stored = wire_be16(segment, proto == IP_PROTO_TCP ? 16 : 6);
    uint32_t len = (uint32_t)(segment.len >> 16) + (uint32_t)(segment.len & 0xffff);
    uint32_t without_len = wire_sum(addr_span(src), proto);
    without_len = wire_sum(addr_span(dst), without_len);
    uint32_t pseudo = wire_sum(span_of(NULL, 0), without_len + len);
    return stored == pseudo || stored == without_len ? CHECKSUM_PARTIAL : CHECKSUM_WRONG;
}

enum checksum_state checksum_transport(const struct addr *src, const struct addr *dst,
                                       uint8_t proto, struct span segment)
{
    if (proto == IP_PROTO_UDP && wire_be16(segment, 6) == 0) {
        return CHECKSUM_GOOD;
    }
    uint64_t sum = words_of(src) + words_of(dst) + wire_word(proto);
    sum += wire_word((uint16_t)segment.len) + wire_word((uint16_t)(segment.len >> 16));
    sum += wire_words(segment);
    return wire_fold(sum) == 0xffff ? CHECKSUM_GOOD : why_wrong(src, dst, proto, segment);
}

enum checksum_state checksum_ipv4(struct span header)
{
    return wire_fold(wire_words(header)) == 0xffff ? CHECKSUM_GOOD : CHECKSUM_WRONG;
}
