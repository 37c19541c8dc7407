/* metrics_server: GET /metrics, by libmicrohttpd.
 *
 * The port is bound before rights are given up, the thread is started behind the sandbox. What is
 * answered was written before it is asked for: a client, however many and however slow, costs the
 * packet threads nothing. Few connections at once, none for long, no more than a head from each.
 *
 * Not here: TLS and passwords. It listens on this machine, or where an operator lets it. */
#include "sensor/app/metrics_server.h"

#include "sensor/base/mem.h"
#include "sensor/core/sockname.h"

#include <errno.h>
#include <microhttpd.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS = 16,
    TIMEOUT_S = 10,
    CONNECTION_BYTES = 16 * 1024,
    TEXT_CAP = 4 * 1024 * 1024,
    BACKLOG = 16
};

struct metrics_server {
    int fd; /* -1: not ours to close */
    struct MHD_Daemon *daemon;
    pthread_mutex_t mutex;
    struct sbuf text;
};

/* --- answers
 * -------------------------------------------------------------------------------------------- */

static enum MHD_Result send_text(struct MHD_Connection *c, unsigned status, struct span text,
                                 const char *type)
{
    enum MHD_Result result = MHD_NO;
    struct sbuf copy = sbuf_with_cap(text.len);
    (void)sbuf_add(&copy, text);
    struct MHD_Response *r =
        MHD_create_response_from_buffer(copy.len, copy.data, MHD_RESPMEM_MUST_COPY);
    if (r != NULL && !copy.cut) {
        (void)MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
        result = MHD_queue_response(c, status, r);
    }
    if (r != NULL) {
        MHD_destroy_response(r);
    }
    sbuf_free(&copy);
    return result;
}

static enum MHD_Result send_words(struct MHD_Connection *c, unsigned status, const char *words)
{
    return send_text(c, status, span_str(words), "text/plain; charset=utf-8");
}

static enum MHD_Result send_metrics(struct metrics_server *m, struct MHD_Connection *c)
{
    (void)pthread_mutex_lock(&m->mutex);
    enum MHD_Result result =
        send_text(c, MHD_HTTP_OK, sbuf_span(&m->text), "text/plain; version=0.0.4; charset=utf-8");
    (void)pthread_mutex_unlock(&m->mutex);
    return result;
}

static enum MHD_Result answer(void *ctx, /* lint: libmicrohttpd's own form */
                              struct MHD_Connection *c, const char *url, const char *method,
                              const char *version, const char *upload, size_t *upload_size,
                              void **state)
{
    (void)version;
    (void)upload;
    (void)upload_size;
    (void)state;
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
        return send_words(c, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET is answered\n");
    }
    if (strcmp(url, "/metrics") == 0) {
        return send_metrics(ctx, c);
    }
    return send_words(c, MHD_HTTP_NOT_FOUND, "the figures are at /metrics\n");
}

void metrics_server_publish(struct metrics_server *m, struct span text)
{
    (void)pthread_mutex_lock(&m->mutex);
    sbuf_reset(&m->text);
    (void)sbuf_add(&m->text, text);
    (void)pthread_mutex_unlock(&m->mutex);
}

const char *metrics_server_about(void)
{
    return MHD_get_version();
}

/* --- life
 * -----------------------------------------------------------------------------------------------
 */

static bool read_address(const char *text, struct addr *ret_addr, uint16_t *ret_port)
{
    struct span s = span_str(text);
    size_t colon = span_rfind_byte(s, ':');
    struct span host = colon == SPAN_NONE ? SPAN("127.0.0.1") : span_head(s, colon);
    struct span port = colon == SPAN_NONE ? s : span_from(s, colon + 1);
    uint64_t number = 0;
    bool bare = span_find_byte(host, 0, ':') != SPAN_NONE && span_at(host, 0) != '[';
    if (bare || !addr_parse(host, ret_addr) || !span_to_u64(port, &number) || number == 0 ||
        number > UINT16_MAX) {
        return false;
    }
    *ret_port = (uint16_t)number;
    return true;
}

bool metrics_server_is_address(const char *text)
{
    struct addr addr;
    uint16_t port;
    return read_address(text, &addr, &port);
}

static int listen_at(struct metrics_server *m, const char *text)
{
    struct sockaddr_storage name;
    struct addr addr;
    uint16_t port;
    const int on = 1;
    if (!read_address(text, &addr, &port)) {
        return -EINVAL;
    }
    socklen_t len = sockname_of(&addr, port, &name);
    m->fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (m->fd < 0 || setsockopt(m->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(m->fd, (struct sockaddr *)&name, len) != 0 || listen(m->fd, BACKLOG) != 0) {
        return -errno;
    }
    return 0;
}

int metrics_server_open(const char *address, struct metrics_server **ret_server, struct errbuf *err)
{
    struct metrics_server *m = mem_alloc(sizeof(*m));
    if (m == NULL) {
        return -ENOMEM;
    }
    m->fd = -1;
    m->text = sbuf_with_cap(TEXT_CAP);
    (void)pthread_mutex_init(&m->mutex, NULL);
    int rc = listen_at(m, address);
    if (rc != 0) {
        errbuf_add(err, "cannot listen at '%s' for metrics.listen: %s. Choose another port",
                   address, strerror(-rc));
        metrics_server_close(&m);
        return rc;
    }
    *ret_server = m;
    return 0;
}

int metrics_server_start(struct metrics_server *m)
{
    m->daemon = MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD, 0, NULL, NULL, answer, m,
                                 MHD_OPTION_LISTEN_SOCKET, m->fd, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)CONNECTIONS, MHD_OPTION_CONNECTION_TIMEOUT,
                                 (unsigned)TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                                 (size_t)CONNECTION_BYTES, MHD_OPTION_END);
    if (m->daemon == NULL) {
        return -ENOMEM;
    }
    m->fd = -1; /* the daemon closes it */
    return 0;
}

void metrics_server_close(struct metrics_server **m)
{
    struct metrics_server *x = *m;
    *m = NULL;
    if (x == NULL) {
        return;
    }
    if (x->daemon != NULL) {
        MHD_stop_daemon(x->daemon);
    }
    if (x->fd >= 0) {
        (void)close(x->fd);
    }
    (void)pthread_mutex_destroy(&x->mutex);
    sbuf_free(&x->text);
    mem_free(x);
}
