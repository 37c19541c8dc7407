/* sink_redis: lines to a Redis server, as LPUSH, RPUSH, PUBLISH or XADD.
 *
 * A block is one transaction (MULTI … EXEC), sent in one go, and its answers are read in one go. So
 * it is taken as a whole or refused as a whole (out of memory, read-only, still loading), and what
 * was refused can be sent again without gaps, doubles or another order. Only where the connection
 * breaks between EXEC and its answer nothing can be known: the block is sent again then, and may be
 * there twice. Answers are waited for, for a few seconds: a server that hangs is left. */
#include "sensor/base/mem.h"
#include "sensor/output/peer.h"
#include "sensor/output/sinks.h"

#include <errno.h>
#include <hiredis/hiredis.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

extern const struct sink_ops sink_redis;

enum { CONNECT_S = 1, ANSWER_S = 5, WORDS_MAX = 8 };

#define DEFAULT_TARGET "127.0.0.1:6379"

struct sink {
    const struct config_output *config;
    redisContext *connection; /* NULL: none */
    atomic_int fd;            /* its socket, for abort; else -1 */
    atomic_bool aborted;
    char maxlen[24];
    char why[160];
};

static const char *target_of(const struct config_output *config)
{
    return config->target[0] != '\0' ? config->target : DEFAULT_TARGET;
}

static int redis_check(const struct config_output *config, struct errbuf *err)
{
    const char *target = target_of(config);
    return strchr(target, '/') != NULL ? peer_check_path(target, err)
                                       : peer_check_address(target, err);
}

static unsigned redis_needs(const struct config_output *config)
{
    return strchr(target_of(config), '/') != NULL ? SINK_LOCAL : SINK_CONNECT;
}

static void hang_up(struct sink *s)
{
    atomic_store(&s->fd, -1);
    if (s->connection != NULL) {
        redisFree(s->connection);
        s->connection = NULL;
    }
}

static void redis_close(struct sink **s)
{
    if (*s != NULL) {
        hang_up(*s);
        mem_free(*s);
        *s = NULL;
    }
}

static int redis_open(const struct sink_options *options, struct sink **ret_sink,
                      struct errbuf *err)
{
    int rc = redis_check(options->config, err);
    struct sink *s = rc == 0 ? mem_alloc(sizeof(*s)) : NULL;
    if (s == NULL) {
        return rc != 0 ? rc : -ENOMEM;
    }
    s->config = options->config;
    atomic_init(&s->fd, -1);
    (void)snprintf(s->maxlen, sizeof(s->maxlen), "%llu",
                   (unsigned long long)options->config->redis_maxlen);
    *ret_sink = s;
    return 0;
}

static void note(struct sink *s, const char *text)
{
    (void)snprintf(s->why, sizeof(s->why), "%s", text);
}

/* Trouble with the connection: leaves it. */
static int broken(struct sink *s)
{
    int error = s->connection != NULL && s->connection->err == REDIS_ERR_IO ? errno : EIO;
    if (error == EAGAIN || error == EWOULDBLOCK) {
        error = ETIMEDOUT;
        note(s, "the server does not answer");
    } else {
        note(s, s->connection != NULL ? s->connection->errstr : "there is no memory");
    }
    hang_up(s);
    return error != 0 ? -error : -EIO;
}

/* The next answer; NULL when there is none. The caller frees it. */
static redisReply *answer(struct sink *s)
{
    void *reply = NULL;
    return redisGetReply(s->connection, &reply) == REDIS_OK ? reply : NULL;
}

/* A command with no answer but whether it went well. */
static int command(struct sink *s, int n, const char **words)
{
    if (redisAppendCommandArgv(s->connection, n, words, NULL) != REDIS_OK) {
        return broken(s);
    }
    redisReply *reply = answer(s);
    if (reply == NULL) {
        return broken(s);
    }
    int rc = reply->type == REDIS_REPLY_ERROR ? -EACCES : 0;
    if (rc != 0) {
        note(s, reply->str);
        hang_up(s);
    }
    freeReplyObject(reply);
    return rc;
}

static int log_in(struct sink *s)
{
    const struct config_output *c = s->config;
    char database[24];
    const char *select[] = {"SELECT", database};
    const char *auth[] = {"AUTH", c->redis_username, c->redis_password};
    const char *old_auth[] = {"AUTH", c->redis_password};
    (void)snprintf(database, sizeof(database), "%llu", (unsigned long long)c->redis_database);
    int rc = 0;
    if (c->redis_username[0] != '\0') {
        rc = command(s, 3, auth);
    } else if (c->redis_password[0] != '\0') {
        rc = command(s, 2, old_auth);
    }
    return rc == 0 && c->redis_database != 0 ? command(s, 2, select) : rc;
}

static int connect_to(struct sink *s)
{
    const struct timeval connect = {.tv_sec = CONNECT_S};
    const struct timeval wait = {.tv_sec = ANSWER_S};
    const char *target = target_of(s->config);
    char host[256];
    char port[16];
    uint64_t number = 0;
    if (atomic_load(&s->aborted)) {
        return -ECONNABORTED;
    }
    if (strchr(target, '/') != NULL) {
        s->connection = redisConnectUnixWithTimeout(target, connect);
    } else if (peer_split(target, host, port) && span_to_u64(span_str(port), &number)) {
        s->connection = redisConnectWithTimeout(host, (int)number, connect);
    }
    if (s->connection == NULL || s->connection->err != 0 ||
        redisSetTimeout(s->connection, wait) != REDIS_OK) {
        return broken(s);
    }
    atomic_store(&s->fd, s->connection->fd);
    return log_in(s);
}

/* The command for one line. */
static int append(struct sink *s, struct span line)
{
    const struct config_output *c = s->config;
    const char *words[WORDS_MAX];
    size_t lens[WORDS_MAX];
    int n = 0;
    bool is_stream = strcmp(c->redis_mode, "stream") == 0;
    words[n++] = is_stream                               ? "XADD"
                 : strcmp(c->redis_mode, "channel") == 0 ? "PUBLISH"
                 : strcmp(c->redis_mode, "rpush") == 0   ? "RPUSH"
                                                         : "LPUSH";
    words[n++] = c->redis_key;
    if (is_stream && c->redis_maxlen > 0) {
        words[n++] = "MAXLEN";
        words[n++] = c->redis_exact ? "=" : "~";
        words[n++] = s->maxlen;
    }
    if (is_stream) {
        words[n++] = "*";
        words[n++] = "eve";
    }
    for (int i = 0; i < n; i++) {
        lens[i] = span_str(words[i]).len;
    }
    words[n] = (const char *)line.data;
    lens[n++] = line.len;
    return redisAppendCommandArgv(s->connection, n, words, lens);
}

static int append_all(struct sink *s, struct span lines)
{
    if (redisAppendCommand(s->connection, "MULTI") != REDIS_OK) {
        return -ENOMEM;
    }
    while (lines.len > 0) {
        struct span line = span_split(&lines, '\n');
        if (append(s, line) != REDIS_OK) {
            return -ENOMEM;
        }
    }
    return redisAppendCommand(s->connection, "EXEC") == REDIS_OK ? 0 : -ENOMEM;
}

/* What EXEC says of each command; one that fails in a transaction fails by itself. */
static int read_exec(struct sink *s, const redisReply *reply, size_t n_lines,
                     struct sink_result *result)
{
    if (reply->type != REDIS_REPLY_ARRAY || reply->elements != n_lines) {
        return -EIO;
    }
    size_t n_bad = 0;
    for (size_t i = 0; i < n_lines; i++) {
        if (reply->element[i]->type == REDIS_REPLY_ERROR) {
            n_bad++;
            note(s, reply->element[i]->str);
        }
    }
    if (n_bad == n_lines) {
        return -EIO; /* nothing was done: it can be sent again */
    }
    result->n_lost = n_bad;
    result->n_written = n_lines - n_bad;
    return n_bad > 0 ? -EIO : 0;
}

static int read_answers(struct sink *s, size_t n_lines, struct sink_result *result)
{
    int rc = 0;
    for (size_t i = 0; i < n_lines + 2; i++) {
        redisReply *reply = answer(s);
        if (reply == NULL) {
            return broken(s);
        }
        if (reply->type == REDIS_REPLY_ERROR) {
            if (rc == 0) {
                note(s, reply->str);
            }
            rc = -EIO;
        } else if (i == n_lines + 1 && rc == 0) {
            rc = read_exec(s, reply, n_lines, result);
        }
        freeReplyObject(reply);
    }
    return rc;
}

static int redis_write(struct sink *s, const struct sink_block *block,
                       struct sink_result *ret_result)
{
    int rc = s->connection == NULL ? connect_to(s) : 0;
    if (rc != 0) {
        return rc;
    }
    rc = append_all(s, block->lines);
    if (rc != 0) {
        note(s, "there is no memory");
        hang_up(s);
        return rc;
    }
    rc = read_answers(s, block->n_lines, ret_result);
    if (rc != 0) {
        hang_up(s); /* a server that refuses may have changed its role: look for it anew */
    }
    return rc;
}

static int redis_flush(struct sink *s)
{
    (void)s;
    return 0;
}

static int redis_reopen(struct sink *s, struct errbuf *err)
{
    (void)s;
    (void)err;
    return 0;
}

static const char *redis_why(const struct sink *s)
{
    return s->why[0] != '\0' ? s->why : NULL;
}

static void redis_abort(struct sink *s)
{
    atomic_store(&s->aborted, true);
    int fd = atomic_load(&s->fd);
    if (fd >= 0) {
        (void)shutdown(fd, SHUT_RDWR);
    }
}

const struct sink_ops sink_redis = {
    .name = "redis",
    .needs = redis_needs,
    .check = redis_check,
    .open = redis_open,
    .write = redis_write,
    .flush = redis_flush,
    .reopen = redis_reopen,
    .why = redis_why,
    .abort = redis_abort,
    .close = redis_close,
};
