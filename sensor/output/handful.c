/* handful: lines that somebody at a socket has read.
 *
 * What a socket took is not yet read: when the peer dies, what its end of a local socket holds dies
 * with it, and nobody is told how much that was. So no more than a handful of lines is on its way
 * at a time, and the next goes out when all of it was read. Where the peer went away before, the
 * handful is sent to the next one from its start: some lines may be there twice then, none is
 * missing. Of UDP and TCP what was read cannot be known: there all counts as read that was sent. */
#include "sensor/output/handful.h"

#include <errno.h>

enum { HANDFUL_BYTES = 16 * 1024 };

/* Whole lines, at least one. */
static struct span head_of(struct span lines)
{
    struct span head = span_head(lines, HANDFUL_BYTES);
    size_t end = span_rfind_byte(head, '\n');
    end = end == SPAN_NONE ? span_find_byte(lines, 0, '\n') : end;
    return span_head(lines, end + 1);
}

static void forget(struct handful *h)
{
    h->sent = 0;
    h->n_whole = 0;
    h->n_lost = 0;
    h->is_cut = false;
}

static void note_sent(struct handful *h, struct span lines, size_t done)
{
    struct span part = span_sub(lines, h->sent, done);
    for (size_t at = span_find_byte(part, 0, '\n'); at != SPAN_NONE;
         at = span_find_byte(part, at + 1, '\n')) {
        h->n_whole++;
    }
    h->sent += done;
    h->is_cut = h->sent > 0 && span_at(lines, h->sent - 1) != '\n';
}

static int send_rest(struct handful *h, struct span lines, handful_send send, void *arg)
{
    int rc = 0;
    while (rc == 0 && h->sent < lines.len) {
        size_t done = 0;
        rc = send(arg, span_from(lines, h->sent), &done);
        note_sent(h, lines, done);
        if (rc == -EMSGSIZE) {
            h->n_lost++;
            rc = 0;
        }
    }
    return rc;
}

/* Counts what was sent, and is done with it. */
static void count(struct handful *h, struct sink_result *result)
{
    result->n_written += h->n_whole - h->n_lost;
    result->n_lost += h->n_lost;
    forget(h);
}

int handful_write(struct handful *h, const struct sink_block *block, struct sink_result *ret_result,
                  handful_send send, void *arg)
{
    struct span rest = block->lines;
    while (rest.len > 0) {
        bool is_new = false;
        int rc = peer_connect(h->peer, &is_new);
        if (is_new) {
            forget(h);
            h->is_fresh = true;
        }
        struct span lines = head_of(rest);
        rc = rc == 0 ? send_rest(h, lines, send, arg) : rc;
        rc = rc == 0 ? peer_settle(h->peer) : rc;
        if (rc == 0 || rc == -EPIPE) {
            count(h, ret_result); /* EPIPE: it read all of that before it left */
        }
        if (rc != 0) {
            return rc;
        }
        rest = span_from(rest, lines.len);
    }
    return ret_result->n_lost > 0 ? -EMSGSIZE : 0;
}

size_t handful_give_up(struct handful *h)
{
    size_t n = h->n_whole - h->n_lost;
    if (h->is_cut) {
        peer_hang_up(h->peer);
    }
    forget(h);
    return n;
}
