/* selftest: probes of a honeypot, by loopback.
 *
 * A probe holds a look-up that calls nowhere (RFC 6761's invalid). Its flow is known by the address
 * and port that it comes from: the sensor takes those before it starts the process that sends, so
 * nobody else can have them. What is found in it is told as the self-test's, not as an attack. The
 * process has nothing of the sensor's but its sockets, becomes the same user, and ends by itself.
 */
#include "sensor/app/selftest.h"

#include "sensor/base/clock.h"
#include "sensor/base/mem.h"
#include "sensor/core/sockname.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROBES_MAX = 2 * DECOY_SPOTS_MAX, GRACE_US = 3 * 1000000, ANSWER_S = 2, LIFE_S = 20 };

#define MARK "${jndi:ldap://selftest.invalid/jndiwatch}"

/* A search for it: base object, never, no limits, (objectClass=*), all attributes. */
#define LDAP_FIXED                                                                                 \
    "\x0a\x01\x00\x0a\x01\x00\x02\x01\x00\x02\x01\x00\x01\x01\x00\x87\x0bobjectClass0\x00"
#define LDAP_SEARCH                                                                                \
    "0N\x02\x01\x01"                                                                               \
    "cI\x04)" MARK LDAP_FIXED
_Static_assert(sizeof(LDAP_SEARCH) - 1 == 2 + 'N' && sizeof(MARK) - 1 == ')',
               "its lengths are right");

static const struct span texts[DECOY_KIND_N] = {
    [DECOY_HTTP] = SPAN_LITERAL("GET / HTTP/1.1\r\nHost: selftest.invalid\r\nX-Selftest: " MARK
                                "\r\nConnection: close\r\n\r\n"),
    [DECOY_SMTP] = SPAN_LITERAL("HELO selftest.invalid\r\nMAIL FROM:<" MARK "@selftest.invalid>\r\n"
                                "QUIT\r\n"),
    [DECOY_TCP] = SPAN_LITERAL(MARK "\r\n"),
    [DECOY_LDAP] = SPAN_LITERAL(LDAP_SEARCH),
    [DECOY_SYSLOG] = SPAN_LITERAL("<14>1 - selftest.invalid jndiwatch - - - " MARK "\n"),
};

enum probe_state { PROBE_SENT, PROBE_SEEN, PROBE_TOLD };

struct probe {
    const struct decoy_spot *spot;
    bool tls;
    int fd;
    int error; /* why it could not be made */
    struct addr addr;
    uint16_t port;
    atomic_int state; /* enum probe_state */
};

struct selftest {
    struct probe probes[PROBES_MAX];
    size_t n;
    pid_t pid;         /* 0: it has ended */
    uint64_t ended_us; /* monotonic, when that was noticed */
};

/* --- probes
 * ------------------------------------------------------------------------------------------ */

/* Where the listener is reached: at its own address, or by loopback. */
static struct addr place_of(const struct decoy_spot *spot)
{
    static const uint8_t loopback[4] = {127, 0, 0, 1};
    return spot->addr.family != 0 ? spot->addr : addr_v4(span_of(loopback, sizeof(loopback)));
}

/* Takes the port that it will come from. */
static int take_port(struct probe *p)
{
    struct sockaddr_storage name;
    p->addr = place_of(p->spot);
    socklen_t len = sockname_of(&p->addr, 0, &name);
    int type = decoy_kind_is_datagrams(p->spot->kind) ? SOCK_DGRAM : SOCK_STREAM;
    p->fd = socket(name.ss_family, type | SOCK_CLOEXEC, 0);
    if (p->fd < 0 || bind(p->fd, (struct sockaddr *)&name, len) != 0) {
        return -errno;
    }
    len = sizeof(name);
    if (getsockname(p->fd, (struct sockaddr *)&name, &len) != 0) {
        return -errno;
    }
    (void)sockname_addr(&name, &p->port);
    return 0;
}

static void add_probe(struct selftest *t, const struct decoy_spot *spot, bool tls)
{
    struct probe *p = &t->probes[t->n++];
    p->spot = spot;
    p->tls = tls;
    p->fd = -1;
    p->error = take_port(p);
}

static void read_answer(int fd)
{
    uint8_t piece[4096];
    while (recv(fd, piece, sizeof(piece), 0) > 0) {
    }
}

/* What does not work shows in the event that does not come. */
static void send_probe(const struct probe *p)
{
    struct sockaddr_storage name;
    struct span text = texts[p->spot->kind];
    struct addr to = place_of(p->spot);
    socklen_t len = sockname_of(&to, p->spot->port, &name);
    const struct timeval wait = {.tv_sec = ANSWER_S};
    (void)setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    (void)setsockopt(p->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (p->error != 0 || connect(p->fd, (struct sockaddr *)&name, len) != 0) {
        return;
    }
    if (p->tls) {
        decoy_tls_ask(p->fd, text);
    } else if (send(p->fd, text.data, text.len, MSG_NOSIGNAL) == (ssize_t)text.len &&
               !decoy_kind_is_datagrams(p->spot->kind)) {
        (void)shutdown(p->fd, SHUT_WR);
        read_answer(p->fd);
    }
}

static void send_all(struct selftest *t, const struct privs *privs)
{
    struct errbuf err = {0};
    (void)signal(SIGALRM, SIG_DFL);
    (void)alarm(LIFE_S);
    if (privs_drop(privs, 0, &err) == 0) { /* else the sensor's own drop says why */
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        for (size_t i = 0; i < t->n; i++) {
            send_probe(&t->probes[i]);
        }
    }
    errbuf_free(&err);
}

/* --- life
 * -------------------------------------------------------------------------------------------- */

static void close_probes(struct selftest *t)
{
    for (size_t i = 0; i < t->n; i++) {
        if (t->probes[i].fd >= 0) {
            (void)close(t->probes[i].fd);
        }
        t->probes[i].fd = -1;
    }
}

int selftest_start(const struct selftest_needs *needs, struct selftest **ret_test,
                   struct errbuf *err)
{
    struct selftest *t = mem_alloc(sizeof(*t));
    if (t == NULL) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < needs->n_spots; i++) {
        add_probe(t, &needs->spots[i], false);
        if (needs->tls && needs->spots[i].kind == DECOY_HTTP) {
            add_probe(t, &needs->spots[i], true);
        }
    }
    (void)fflush(NULL); /* or it would be written twice */
    t->pid = fork();
    if (t->pid == 0) {
        send_all(t, needs->privs);
        _exit(0); /* lint: a process of its own, whose parent's ends are not its */
    }
    if (t->pid < 0) {
        int rc = -errno;
        errbuf_add(err, "cannot start the honeypot's self-test: %s", strerror(errno));
        t->pid = 0;
        selftest_free(&t);
        return rc;
    }
    *ret_test = t;
    return 0;
}

static void end_process(struct selftest *t)
{
    if (t->pid > 0 && kill(t->pid, SIGKILL) == 0) {
        (void)waitpid(t->pid, NULL, 0);
    }
    t->pid = 0;
}

void selftest_free(struct selftest **t)
{
    if (*t != NULL) {
        end_process(*t);
        close_probes(*t);
        mem_free(*t);
    }
    *t = NULL;
}

/* --- what came
 * --------------------------------------------------------------------------------------- */

static struct probe *find(struct selftest *t, const struct conn *conn)
{
    for (size_t i = 0; t != NULL && i < t->n; i++) {
        struct probe *p = &t->probes[i];
        if (p->port == conn->port[TO_SERVER] && addr_equal(&p->addr, &conn->addr[TO_SERVER]) &&
            strcmp(p->spot->name, conn->iface) == 0) {
            return p;
        }
    }
    return NULL;
}

bool selftest_knows(struct selftest *t, const struct conn *conn)
{
    struct probe *p = find(t, conn);
    int sent = PROBE_SENT;
    return p != NULL && atomic_compare_exchange_strong(&p->state, &sent, PROBE_SEEN);
}

void selftest_told(struct selftest *t, const struct conn *conn)
{
    struct probe *p = find(t, conn);
    if (p != NULL) {
        atomic_store(&p->state, PROBE_TOLD);
    }
}

static void complain(const struct probe *p, struct errbuf *err)
{
    static const char *const why[] = {
        [PROBE_SENT] = "nothing of it arrived",
        [PROBE_SEEN] = "its connection was seen, but not what it sent",
    };
    errbuf_add(err, "self-test: no event of the probe%s through listener '%s': %s",
               p->tls ? " in TLS" : "", p->spot->name,
               p->error != 0 ? strerror(-p->error) : why[atomic_load(&p->state)]);
}

static size_t n_told(const struct selftest *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        n += atomic_load(&t->probes[i].state) == PROBE_TOLD;
    }
    return n;
}

/* Those that cannot be sent: no need to wait for others. */
static size_t n_unmade(const struct selftest *t)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        n += t->probes[i].error != 0;
    }
    return n;
}

enum selftest_state selftest_state(struct selftest *t, struct errbuf *err)
{
    if (t->pid > 0 && waitpid(t->pid, NULL, WNOHANG) != 0) {
        t->pid = 0;
        t->ended_us = clock_monotonic_us();
    }
    if (n_told(t) == t->n) {
        close_probes(t);
        return SELFTEST_PASSED;
    }
    bool unmade = n_unmade(t) > 0;
    if (!unmade && (t->pid > 0 || clock_monotonic_us() - t->ended_us < GRACE_US)) {
        return SELFTEST_RUNS;
    }
    for (size_t i = 0; i < t->n; i++) {
        const struct probe *p = &t->probes[i];
        if (unmade ? p->error != 0 : atomic_load(&p->state) != PROBE_TOLD) {
            complain(p, err);
        }
    }
    return SELFTEST_FAILED;
}
