/* command: Suricata's unix socket protocol (its user guide, "Interacting via Unix Socket").
 *
 * A client says {"version": "0.2"}, which may come without a newline, and is told {"return": "OK"};
 * then it sends {"command": NAME, "arguments": {…}} and is told {"message": …, "return":
 * "OK"|"NOK"} on a line. Objects are told apart by their braces. A client that says anything else,
 * more than fits, or does not read its answer, is let go. Who may connect is decided by the
 * socket's mode. */
#include "sensor/app/command.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/codec/jsonread.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    CLIENTS_MAX = 16,
    REQUEST_CAP = 16 * 1024,
    ANSWER_SOFT = 256 * 1024,
    ANSWER_CAP = 512 * 1024,
    READ_SIZE = 4096,
    BACKLOG = 4,
    SOCKET_MODE = 0660,
};

struct client {
    int fd; /* -1: free */
    bool greeted;
    enum command_answer waits; /* COMMAND_OK: for nothing */
    struct sbuf request;
};

struct command {
    int fd;
    struct sockaddr_un address;
    struct command_user user;
    struct client clients[CLIENTS_MAX];
    struct sbuf answer;
};

/* --- clients
 * -------------------------------------------------------------------------------------------------
 */

static void let_go(struct client *client)
{
    if (client->fd >= 0) {
        (void)close(client->fd);
    }
    sbuf_free(&client->request);
    *client = (struct client){.fd = -1};
}

/* The length of the object that the text begins with; 0: not all of it is there; SPAN_NONE: it is
 * none. */
static size_t object_len(struct span text)
{
    size_t depth = 0;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = span_at(text, i);
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{') {
            depth++;
        } else if (c == '}' && depth > 0) {
            depth--;
        }
        if (depth == 0) {
            return c == '}' && !quoted && i > 0 ? i + 1 : SPAN_NONE;
        }
    }
    return 0;
}

static bool send_answer(struct client *client, struct sbuf *line)
{
    if (!sbuf_add_byte(line, '\n')) {
        return false;
    }
    ssize_t n = send(client->fd, line->data, line->len, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n == (ssize_t)line->len;
}

/* The string, or the other value, of a member; false when there is none. */
static bool member(struct span object, struct span key, struct span *ret_value)
{
    struct jsonread reader = {.text = object};
    struct jsonread_member m;
    bool found = false;
    while (jsonread_next(&reader, &m)) {
        if (span_equal(m.key, key)) {
            *ret_value = m.value;
            found = true;
        }
    }
    return found && reader.error == NULL;
}

static bool greet(struct command *c, struct client *client, struct span object)
{
    struct span version;
    bool good = member(object, SPAN("version"), &version) &&
                (span_equal(version, SPAN("0.1")) || span_equal(version, SPAN("0.2")));
    struct json j = json_begin(&c->answer, ANSWER_SOFT);
    json_object(&j, NULL);
    if (!good) {
        json_text(&j, "message", "Unsupported version: say 0.1 or 0.2");
    }
    json_text(&j, "return", good ? "OK" : "NOK");
    json_object_end(&j);
    client->greeted = good;
    return send_answer(client, &c->answer) && good;
}

/* Carries out one request; false: the client is let go. */
static bool carry_out(struct command *c, struct client *client, struct span object)
{
    if (!client->greeted) {
        return greet(c, client, object);
    }
    struct span name;
    struct span arguments = {0};
    if (!member(object, SPAN("command"), &name)) {
        return false;
    }
    (void)member(object, SPAN("arguments"), &arguments);
    struct json j = json_begin(&c->answer, ANSWER_SOFT);
    json_object(&j, NULL);
    enum command_answer how = c->user.answer(c->user.ctx, name, arguments, &j);
    if (how == COMMAND_RELOADS || how == COMMAND_SEEKS) {
        client->waits = how;
        return true;
    }
    if (how == COMMAND_UNKNOWN) {
        json_text(&j, "message", "Unknown command");
    }
    json_text(&j, "return", how == COMMAND_OK ? "OK" : "NOK");
    json_object_end(&j);
    return send_answer(client, &c->answer);
}

static bool is_space(uint8_t c)
{
    return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* All requests that are there, one after the other. */
static bool carry_out_all(struct command *c, struct client *client)
{
    struct sbuf *request = &client->request;
    while (client->waits == COMMAND_OK && request->len > 0) {
        struct span text = sbuf_span(request);
        if (is_space(span_at(text, 0))) {
            sbuf_drop(request, 1);
            continue;
        }
        size_t len = object_len(text);
        if (len == 0) {
            return request->len < REQUEST_CAP;
        }
        if (len == SPAN_NONE || !carry_out(c, client, span_head(text, len))) {
            return false;
        }
        sbuf_drop(request, len);
    }
    return true;
}

static bool read_client(struct command *c, struct client *client)
{
    uint8_t bytes[READ_SIZE];
    ssize_t n = recv(client->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    return n > 0 && sbuf_add(&client->request, span_of(bytes, (size_t)n)) &&
           carry_out_all(c, client);
}

static bool add_client(struct command *c, int fd)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (c->clients[i].fd < 0) {
            c->clients[i].fd = fd;
            c->clients[i].request = sbuf_with_cap(REQUEST_CAP);
            return true;
        }
    }
    return false;
}

static void accept_clients(struct command *c)
{
    for (unsigned i = 0; i < CLIENTS_MAX; i++) {
        int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            return;
        }
        if (!add_client(c, fd)) {
            (void)close(fd);
        }
    }
}

void command_serve(struct command *c, unsigned wait_ms)
{
    struct pollfd fds[CLIENTS_MAX + 1] = {{.fd = c->fd, .events = POLLIN}};
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        fds[i + 1] = (struct pollfd){.fd = c->clients[i].fd, .events = POLLIN};
    }
    if (poll(fds, ARRAY_LEN(fds), (int)wait_ms) <= 0) {
        return;
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (fds[i + 1].revents != 0 && !read_client(c, &c->clients[i])) {
            let_go(&c->clients[i]);
        }
    }
    if ((fds[0].revents & POLLIN) != 0) {
        accept_clients(c);
    }
}

void command_finish(struct command *c, enum command_answer what)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        struct client *client = &c->clients[i];
        if (client->fd < 0 || client->waits != what) {
            continue;
        }
        struct json j = json_begin(&c->answer, ANSWER_SOFT);
        json_object(&j, NULL);
        bool good = c->user.finish(c->user.ctx, what, &j) == COMMAND_OK;
        json_text(&j, "return", good ? "OK" : "NOK");
        json_object_end(&j);
        client->waits = COMMAND_OK;
        if (!send_answer(client, &c->answer) || !carry_out_all(c, client)) {
            let_go(client);
        }
    }
}

bool command_is_awaited(const struct command *c, enum command_answer what)
{
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        if (c->clients[i].fd >= 0 && c->clients[i].waits == what) {
            return true;
        }
    }
    return false;
}

/* --- the socket
 * ---------------------------------------------------------------------------------------------- */

/* Who listens there: its process, 0 when it is not known, or a negative errno. */
static pid_t listener(const struct sockaddr_un *address)
{
    struct ucred peer = {0};
    socklen_t len = sizeof(peer);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pid_t who = 0;
    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
        who = -errno;
    } else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0) {
        who = peer.pid;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return who;
}

/* Takes away a socket that nobody listens at any more. */
static int make_room(const struct sockaddr_un *address, struct errbuf *err)
{
    struct stat st;
    const char *path = address->sun_path;
    if (lstat(path, &st) != 0) {
        return 0;
    }
    if (!S_ISSOCK(st.st_mode)) {
        errbuf_add(err, "cannot listen at '%s': there is a file of that name. Choose another path",
                   path);
        return -EEXIST;
    }
    pid_t who = listener(address);
    if (who < 0) {
        return unlink(path) == 0 ? 0 : -errno;
    }
    errbuf_add(err, "'%s' is in use by process %d", path, (int)who);
    return -EADDRINUSE;
}

static int listen_at(struct command *c, struct errbuf *err)
{
    int rc = make_room(&c->address, err);
    if (rc != 0) {
        return rc;
    }
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->fd < 0 || bind(c->fd, (const struct sockaddr *)&c->address, sizeof(c->address)) != 0) {
        rc = -errno;
        errbuf_add(err, "cannot listen at '%s': %s. Choose another path, or make its directory",
                   c->address.sun_path, strerror(-rc));
        c->address.sun_path[0] = '\0'; /* not ours to take away */
        return rc;
    }
    (void)chmod(c->address.sun_path, SOCKET_MODE);
    return listen(c->fd, BACKLOG) == 0 ? 0 : -errno;
}

int command_open(const char *path, const struct command_user *user, struct command **ret_command,
                 struct errbuf *err)
{
    struct span text = span_str(path);
    if (text.len >= sizeof(((struct sockaddr_un *)0)->sun_path)) {
        errbuf_add(err, "socket path is %zu bytes, the limit is %zu", text.len,
                   sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
        return -ENAMETOOLONG;
    }
    struct command *c = mem_alloc(sizeof(*c));
    if (c == NULL) {
        return -ENOMEM;
    }
    c->fd = -1;
    c->user = *user;
    c->address.sun_family = AF_UNIX;
    c->answer = sbuf_with_cap(ANSWER_CAP);
    bytes_copy(c->address.sun_path, text.data, text.len);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        c->clients[i].fd = -1;
    }
    int rc = listen_at(c, err);
    if (rc != 0) {
        c->address.sun_path[0] = '\0';
        command_close(&c);
        return rc;
    }
    *ret_command = c;
    return 0;
}

void command_close(struct command **c)
{
    if (*c == NULL) {
        return;
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        let_go(&(*c)->clients[i]);
    }
    if ((*c)->address.sun_path[0] != '\0') {
        (void)unlink((*c)->address.sun_path);
    }
    if ((*c)->fd >= 0) {
        (void)close((*c)->fd);
    }
    sbuf_free(&(*c)->answer);
    mem_free(*c);
    *c = NULL;
}
