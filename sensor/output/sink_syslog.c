/* sink_syslog: lines as messages of RFC 5424.
 *
 * To a local socket and over UDP (RFC 5426) each is one datagram; over TCP its length stands before
 * it (RFC 6587, octet counting), so that a newline means nothing. The message is the whole event;
 * how long it may be is the output's `line`. Time and event type in the header are the event's own,
 * read from its first two keys, which are this program's writing. A message is never cut: half an
 * event is no event. */
#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/output/handful.h"
#include "sensor/output/outlet_line.h"
#include "sensor/output/peer.h"
#include "sensor/output/sinks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

extern const struct sink_ops sink_syslog;

enum { FRAME_CAP = 32 * 1024 * 1024, NAME_CAP = 255, APP_CAP = 48 };

struct sink {
    struct peer *peer;
    struct handful handful;
    bool is_stream;
    unsigned facility;
    unsigned level;
    char host[NAME_CAP + 1];
    char app[APP_CAP + 1];
    struct sbuf frame;
    size_t sent; /* bytes of the first frame that the stream has taken */
};

static const char *const facilities[] = {
    "kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
    "uucp",   "cron",   "authpriv", "ftp",    NULL,     NULL,     NULL,     NULL,
    "local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7",
};
static const char *const levels[] = {"emerg",   "alert",  "crit", "err",
                                     "warning", "notice", "info", "debug"};

static unsigned number_of(const char *name, const char *const *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (names[i] != NULL && strcmp(names[i], name) == 0) {
            return (unsigned)i;
        }
    }
    CHECK(false); /* the configuration was checked against the same words */
    return 0;
}

struct place {
    enum peer_kind kind;
    const char *where;
};

static struct place place_of(const char *target)
{
    struct span text = span_str(target);
    if (span_starts(text, SPAN("udp:"))) {
        return (struct place){PEER_UDP, &target[4]};
    }
    if (span_starts(text, SPAN("tcp:"))) {
        return (struct place){PEER_TCP, &target[4]};
    }
    return (struct place){PEER_UNIX_DGRAM, text.len > 0 ? target : "/dev/log"};
}

static int syslog_check(const struct config_output *config, struct errbuf *err)
{
    struct place place = place_of(config->target);
    return place.kind == PEER_UNIX_DGRAM ? peer_check_path(place.where, err)
                                         : peer_check_address(place.where, err);
}

static unsigned syslog_needs(const struct config_output *config)
{
    return place_of(config->target).kind == PEER_UNIX_DGRAM ? SINK_LOCAL : SINK_CONNECT;
}

/* PRINTUSASCII, without what the sensor never writes (RFC 5424, 6); "-" when nothing is left. */
static void copy_printable(char *ret_text, size_t size, const char *text)
{
    size_t len = 0;
    for (const char *at = text; *at != '\0' && len + 1 < size; at++) {
        if (*at > 0x20 && *at < 0x7f && *at != '$') {
            ret_text[len++] = *at;
        }
    }
    (void)snprintf(&ret_text[len], size - len, "%s", len == 0 ? "-" : "");
}

static void syslog_close(struct sink **s)
{
    if (*s != NULL) {
        peer_free(&(*s)->peer);
        sbuf_free(&(*s)->frame);
        mem_free(*s);
        *s = NULL;
    }
}

static int syslog_open(const struct sink_options *options, struct sink **ret_sink,
                       struct errbuf *err)
{
    const struct config_output *c = options->config;
    int rc = syslog_check(c, err);
    struct sink *s = rc == 0 ? mem_alloc(sizeof(*s)) : NULL;
    if (s == NULL) {
        return rc != 0 ? rc : -ENOMEM;
    }
    struct place place = place_of(c->target);
    s->is_stream = place.kind == PEER_TCP;
    s->facility = number_of(c->syslog_facility, facilities, ARRAY_LEN(facilities));
    s->level = number_of(c->syslog_level, levels, ARRAY_LEN(levels));
    s->frame = sbuf_with_cap(FRAME_CAP);
    copy_printable(s->host, sizeof(s->host), options->host);
    copy_printable(s->app, sizeof(s->app), c->syslog_identity);
    s->peer = peer_new(place.kind, place.where);
    s->handful.peer = s->peer;
    if (s->peer == NULL) {
        syslog_close(&s);
        return -ENOMEM;
    }
    *ret_sink = s;
    return 0;
}

/* Alerts by their severity, 1 the worst; alert.severity stands before all that came from the wire
 * but the signature, in which no key can stand unescaped. */
static unsigned level_of(const struct sink *s, struct span line, struct span type)
{
    uint64_t severity = 0;
    if (!span_equal(type, SPAN("alert")) ||
        !span_to_u64(line_value(line, SPAN("\"severity\":")), &severity) || severity == 0) {
        return s->level;
    }
    return severity < 4 ? 1 + (unsigned)severity : 5; /* crit, err, warning; notice */
}

/* "2021-12-12T23:04:16.733555+0000" to "…+00:00" (RFC 3339). */
static void add_time(struct sbuf *to, struct span time)
{
    if (time.len < 5) {
        sbuf_add_byte(to, '-');
        return;
    }
    sbuf_add(to, span_head(time, time.len - 2));
    sbuf_add_byte(to, ':');
    sbuf_add(to, span_from(time, time.len - 2));
}

/* The message of one line, in s->frame. */
static bool make_message(struct sink *s, struct span line)
{
    struct span type = line_value(line, SPAN("\"event_type\":\""));
    sbuf_reset(&s->frame);
    sbuf_add_format(&s->frame, "<%u>1 ", s->facility * 8 + level_of(s, line, type));
    add_time(&s->frame, line_value(line, SPAN("\"timestamp\":\"")));
    sbuf_add_format(&s->frame, " %s %s %d %.*s - ", s->host, s->app, (int)getpid(), (int)type.len,
                    (const char *)type.data);
    return sbuf_add(&s->frame, line);
}

static bool make_frame(struct sink *s, struct span line)
{
    char length[24];
    if (!make_message(s, line)) {
        return false;
    }
    int n = snprintf(length, sizeof(length), "%zu ", s->frame.len);
    return !s->is_stream || sbuf_replace(&s->frame, 0, 0, span_of(length, (size_t)n));
}

/* The frame of one line. */
static int send_line(void *arg, struct span lines, size_t *ret_done)
{
    struct sink *s = arg;
    size_t len = span_find_byte(lines, 0, '\n');
    size_t done = 0;
    s->sent = s->handful.is_fresh ? 0 : s->sent;
    s->handful.is_fresh = false;
    int rc = -EMSGSIZE;
    if (make_frame(s, span_head(lines, len))) {
        rc = s->is_stream ? peer_write(s->peer, span_from(sbuf_span(&s->frame), s->sent), &done)
                          : peer_send(s->peer, sbuf_span(&s->frame));
    }
    bool is_whole = rc == 0 || rc == -EMSGSIZE;
    s->sent = is_whole ? 0 : s->sent + done;
    *ret_done = is_whole ? len + 1 : 0;
    return rc;
}

static int syslog_write(struct sink *s, const struct sink_block *block,
                        struct sink_result *ret_result)
{
    return handful_write(&s->handful, block, ret_result, send_line, s);
}

static size_t syslog_give_up(struct sink *s)
{
    if (s->sent > 0) {
        peer_hang_up(s->peer); /* a frame is cut: the next one begins on a connection of its own */
        s->sent = 0;
    }
    return handful_give_up(&s->handful);
}

static int syslog_flush(struct sink *s)
{
    (void)s;
    return 0;
}

static int syslog_reopen(struct sink *s, struct errbuf *err)
{
    (void)s;
    (void)err;
    return 0;
}

static void syslog_abort(struct sink *s)
{
    peer_abort(s->peer);
}

const struct sink_ops sink_syslog = {
    .name = "syslog",
    .needs = syslog_needs,
    .check = syslog_check,
    .open = syslog_open,
    .write = syslog_write,
    .give_up = syslog_give_up,
    .flush = syslog_flush,
    .reopen = syslog_reopen,
    .abort = syslog_abort,
    .close = syslog_close,
};
