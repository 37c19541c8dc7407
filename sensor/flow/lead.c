/* lead: acknowledgements that come by before the bytes they speak of.
 *
 * Two taps merged, or a mirror port with a queue for each direction, show an answer before its
 * question. So an ACK beyond what was seen is not at once proof of a loss, and bytes sent by
 * somebody who had seen more than the capture has shown wait for it: decoders get the question
 * first, as the answering side did. Both end when the bytes come, or when some packets from behind
 * them did, or limits.skew_us after the ACK (at most twice that, because only one ACK at a time is
 * timed), or when what waits reaches its cap. Of a side of which no packet was seen at all that
 * wait is made once: it is not captured. A single byte is not waited for; it is mostly a FIN that
 * was lost. */
#include "sensor/flow/lead.h"

#include "sensor/base/mem.h"
#include "sensor/flow/stream.h"

/* As many as TCP itself takes for a sign of loss (RFC 5681, section 3.2). */
enum { BEYOND_MAX = 3 };

void lead_free(struct flow_table *t, struct side *s)
{
    struct lead *lead = side_extra(s)->lead;
    if (lead != NULL) {
        flow_unreserve(t, sizeof(*lead));
        mem_free(lead);
        s->extra->lead = NULL;
        side_tidy(t, s);
    }
}

static bool is_ahead(const struct side *s)
{
    return side_has(s, SIDE_ACKED) && s->acked > s->next + 1;
}

static void begin(struct half *x)
{
    struct side *s = x->s;
    struct side_extra *extra = side_extend(x->t, s);
    if (extra == NULL) {
        return;
    }
    extra->lead = flow_alloc(x->t, sizeof(*extra->lead));
    if (extra->lead != NULL) {
        extra->lead->believed = s->next;
    }
    side_tidy(x->t, s);
}

/* Whether an ACK is waited for to be believed. */
static bool is_timed(const struct side *s)
{
    const struct lead *lead = side_extra(s)->lead;
    return lead != NULL && lead->asked > lead->believed && lead->asked > s->next;
}

/* The next ACK to be timed, if there is one behind those that are settled. */
static void ask(struct lead *lead, const struct side *s, uint64_t clock_us)
{
    if (s->acked > lead->asked) {
        lead->asked = s->acked;
        lead->since_us = clock_us;
        lead->n_beyond = 0;
    }
}

void lead_update(struct half *x)
{
    struct side *s = x->s;
    if (!is_ahead(s)) {
        lead_free(x->t, s);
        return;
    }
    if (side_extra(s)->lead == NULL && x->t->limits.skew_us > 0) {
        begin(x);
    }
    struct lead *lead = side_extra(s)->lead;
    if (lead != NULL && !is_timed(s)) {
        ask(lead, s, x->t->clock_us);
    }
}

uint64_t lead_believed(const struct side *s)
{
    if (!side_has(s, SIDE_ACKED)) {
        return 0;
    }
    const struct lead *lead = side_extra(s)->lead;
    return lead != NULL ? lead->believed : s->acked;
}

/* Whether the side holds what comes next of it, and that need not wait for the other one. */
static bool is_next_in_turn(const struct half *x)
{
    const struct half peer = half_peer(x);
    uint64_t after;
    return stream_head(x, &after) && after <= peer.s->next + 1;
}

bool lead_holds(const struct half *x, uint64_t after)
{
    const struct half peer = half_peer(x);
    const struct lead *lead = side_extra(peer.s)->lead;
    if (lead == NULL || after <= peer.s->next + 1) {
        return false;
    }
    if (after <= lead->believed) {
        return is_next_in_turn(&peer);
    }
    bool heard = x->f->conn.packets[half_dir(&peer)] > 0;
    return heard || !lead->waited_once;
}

static void believe(struct lead *lead, const struct side *s, uint64_t clock_us)
{
    lead->believed = lead->asked;
    lead->waited_once = true;
    ask(lead, s, clock_us);
}

void lead_note(struct half *x, uint64_t pos)
{
    struct side *s = x->s;
    struct lead *lead = side_extra(s)->lead;
    if (is_timed(s) && pos >= lead->asked && ++lead->n_beyond == BEYOND_MAX) {
        believe(lead, s, x->t->clock_us);
    }
}

uint64_t lead_deadline(const struct flow_table *t, const struct side *s)
{
    return is_timed(s) ? side_extra(s)->lead->since_us + t->limits.skew_us : UINT64_MAX;
}

void lead_age(struct half *x, uint64_t clock_us)
{
    struct side *s = x->s;
    while (lead_deadline(x->t, s) <= clock_us) {
        struct lead *lead = side_extra(s)->lead;
        believe(lead, s, lead->since_us + x->t->limits.skew_us);
    }
}
