/* sink_unix: lines to a local socket that somebody else listens on.
 *
 * A stream gets the lines as a file would. Of a datagram socket each line is one datagram, without
 * its newline. The sensor is the client: it connects when there is something to write, and again
 * when the listener went away; the line that was cut by that is sent once more, from its start. */
#include "sensor/base/mem.h"
#include "sensor/output/peer.h"
#include "sensor/output/sinks.h"

#include <errno.h>
#include <string.h>

extern const struct sink_ops sink_unix_stream;
extern const struct sink_ops sink_unix_dgram;

struct sink {
    struct peer *peer;
    size_t sent; /* bytes of the first line that the stream has taken */
};

static int unix_check(const struct config_output *config, struct errbuf *err)
{
    return peer_check_path(config->target, err);
}

static unsigned unix_needs(const struct config_output *config)
{
    (void)config;
    return SINK_LOCAL;
}

static void unix_close(struct sink **s)
{
    if (*s != NULL) {
        peer_free(&(*s)->peer);
        mem_free(*s);
        *s = NULL;
    }
}

static int unix_open(const struct sink_options *options, struct sink **ret_sink, struct errbuf *err)
{
    bool is_stream = strcmp(options->config->type, "unix_stream") == 0;
    int rc = unix_check(options->config, err);
    struct sink *s = rc == 0 ? mem_alloc(sizeof(*s)) : NULL;
    if (s == NULL) {
        return rc != 0 ? rc : -ENOMEM;
    }
    s->peer = peer_new(is_stream ? PEER_UNIX_STREAM : PEER_UNIX_DGRAM, options->config->target);
    if (s->peer == NULL) {
        unix_close(&s);
        return -ENOMEM;
    }
    *ret_sink = s;
    return 0;
}

static int write_stream(struct sink *s, const struct sink_block *block, struct sink_result *result)
{
    bool is_new = false;
    size_t done = 0;
    int rc = peer_connect(s->peer, &is_new);
    if (rc != 0) {
        return rc;
    }
    s->sent = is_new ? 0 : s->sent;
    rc = peer_write(s->peer, span_from(block->lines, s->sent), &done);
    struct span written = span_head(block->lines, s->sent + done);
    size_t end = 0;
    for (size_t at = span_find_byte(written, 0, '\n'); at != SPAN_NONE;
         at = span_find_byte(written, end, '\n')) {
        result->n_written++;
        end = at + 1;
    }
    s->sent = written.len - end;
    return rc;
}

static int write_datagrams(struct sink *s, const struct sink_block *block,
                           struct sink_result *result)
{
    struct span rest = block->lines;
    int worst = 0;
    while (rest.len > 0) {
        int rc = peer_connect(s->peer, NULL);
        if (rc == 0) {
            rc = peer_send(s->peer, span_head(rest, span_find_byte(rest, 0, '\n')));
        }
        if (rc != 0 && rc != -EMSGSIZE) {
            return rc;
        }
        result->n_written += rc == 0;
        result->n_lost += rc != 0;
        worst = rc != 0 ? rc : worst;
        (void)span_split(&rest, '\n');
    }
    return worst;
}

static int unix_flush(struct sink *s)
{
    (void)s;
    return 0;
}

static int unix_reopen(struct sink *s, struct errbuf *err)
{
    (void)s;
    (void)err;
    return 0;
}

static void unix_abort(struct sink *s)
{
    peer_abort(s->peer);
}

const struct sink_ops sink_unix_stream = {
    .name = "unix_stream",
    .needs = unix_needs,
    .check = unix_check,
    .open = unix_open,
    .write = write_stream,
    .flush = unix_flush,
    .reopen = unix_reopen,
    .abort = unix_abort,
    .close = unix_close,
};

const struct sink_ops sink_unix_dgram = {
    .name = "unix_dgram",
    .needs = unix_needs,
    .check = unix_check,
    .open = unix_open,
    .write = write_datagrams,
    .flush = unix_flush,
    .reopen = unix_reopen,
    .abort = unix_abort,
    .close = unix_close,
};
