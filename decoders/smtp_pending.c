/* smtp_pending: matches the replies of an SMTP session to its commands.
 *
 * RFC 2920: a client may send commands in groups, and the replies come in the same order. Only few
 * kinds of commands need their reply known (does mail data follow, has TLS begun), so a queue of
 * kinds is all. It is small because only a row of different kinds takes room: a hundred RCPTs are
 * one run. When something was missed it stays out of step until a reply comes that can belong to
 * one kind of command only (354 is DATA's). */
#include "decoders/smtp_pending.h"

#include "sensor/base/bytes.h"

void pending_add(struct pending *p, enum pending_kind kind, uint32_t count)
{
    if (p->n > 0 && p->kinds[p->n - 1] == kind && p->counts[p->n - 1] < UINT32_MAX - count) {
        p->counts[p->n - 1] += count;
        return;
    }
    if (p->n == PENDING_RUNS) {
        pending_lose(p);
    }
    p->kinds[p->n] = (uint8_t)kind;
    p->counts[p->n] = count;
    p->n++;
}

static void drop_run(struct pending *p)
{
    p->n--;
    bytes_move(&p->kinds[0], &p->kinds[1], p->n * sizeof(p->kinds[0]));
    bytes_move(&p->counts[0], &p->counts[1], p->n * sizeof(p->counts[0]));
}

enum pending_kind pending_first(const struct pending *p)
{
    return p->n > 0 && !p->lost ? (enum pending_kind)p->kinds[0] : PENDING_NONE;
}

enum pending_kind pending_take(struct pending *p)
{
    enum pending_kind kind = pending_first(p);
    if (kind != PENDING_NONE && --p->counts[0] == 0) {
        drop_run(p);
    }
    return kind;
}

bool pending_take_until(struct pending *p, enum pending_kind kind)
{
    for (unsigned i = 0; i < p->n; i++) {
        if (p->kinds[i] == kind) {
            p->lost = false;
            while (pending_first(p) != kind) {
                drop_run(p);
            }
            (void)pending_take(p);
            return true;
        }
    }
    return false;
}

void pending_lose(struct pending *p)
{
    p->n = 0;
    p->lost = true;
}
