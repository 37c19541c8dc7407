/* sink_unix: lines to a local socket that somebody else listens on.
 *
 * A stream gets the lines as a file would. Of a datagram socket each line is one datagram, without
 * its newline. The sensor is the client: it connects when there is something to write, and again
 * when the listener went away; what that had not read is sent once more. */
#include "sensor/base/mem.h"
#include "sensor/output/handful.h"
#include "sensor/output/peer.h"
#include "sensor/output/sinks.h"

#include <errno.h>
#include <string.h>

extern const struct sink_ops sink_unix_stream;
extern const struct sink_ops sink_unix_dgram;

struct sink {
    struct peer *peer;
    struct handful handful;
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
    s->handful.peer = s->peer;
    *ret_sink = s;
    return 0;
}

static int send_bytes(void *arg, struct span lines, size_t *ret_done)
{
    struct sink *s = arg;
    return peer_write(s->peer, lines, ret_done);
}

static int send_datagram(void *arg, struct span lines, size_t *ret_done)
{
    struct sink *s = arg;
    size_t len = span_find_byte(lines, 0, '\n');
    int rc = peer_send(s->peer, span_head(lines, len));
    *ret_done = rc == 0 || rc == -EMSGSIZE ? len + 1 : 0;
    return rc;
}

static int write_stream(struct sink *s, const struct sink_block *block,
                        struct sink_result *ret_result)
{
    return handful_write(&s->handful, block, ret_result, send_bytes, s);
}

static int write_datagrams(struct sink *s, const struct sink_block *block,
                           struct sink_result *ret_result)
{
    return handful_write(&s->handful, block, ret_result, send_datagram, s);
}

static size_t unix_give_up(struct sink *s)
{
    return handful_give_up(&s->handful);
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
    .give_up = unix_give_up,
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
    .give_up = unix_give_up,
    .flush = unix_flush,
    .reopen = unix_reopen,
    .abort = unix_abort,
    .close = unix_close,
};
