/* keeper: the processes of a honeypot that strangers talk to, apart from the sensor.
 *
 * The listening process has no right but to accept, read, write and wait: no file, no program, no
 * connection, no name to look up, no other process to signal. The keeper holds the listening
 * sockets, looks at nothing that comes, and starts it anew when it ends otherwise than it should,
 * at once the first time and then ever more slowly. Neither has a descriptor of the sensor's. */
#include "sensor/app/keeper.h"

#include "sensor/app/sandbox.h"
#include "sensor/base/bytes.h"
#include "sensor/base/clock.h"
#include "sensor/decoy/host.h"
#include "sensor/decoy/record.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    PAUSE_MIN_MS = 20,
    PAUSE_MAX_MS = 5000,
    LIVED_US = 10 * 1000000, /* then its end is a first one again */
    SPARE_FDS = 16,
    END_TRIES = 400,
    END_TRY_MS = 5,
};

/* --- the listening process
 * ------------------------------------------------------------------------ */

/* As many descriptors as connections want, or as many connections as there are descriptors for. */
static void fit_descriptors(struct decoy_limits *limits, size_t n_listeners)
{
    struct rlimit have = {0};
    rlim_t want = limits->connections + n_listeners + SPARE_FDS;
    if (getrlimit(RLIMIT_NOFILE, &have) != 0 || have.rlim_cur >= want) {
        return;
    }
    have.rlim_cur = have.rlim_max < want ? have.rlim_max : want;
    (void)setrlimit(RLIMIT_NOFILE, &have);
    if (have.rlim_cur < want) {
        rlim_t fit =
            have.rlim_cur > n_listeners + SPARE_FDS ? have.rlim_cur - n_listeners - SPARE_FDS : 1;
        limits->connections = (unsigned)fit;
    }
}

static int listen_and_answer(const struct decoy_host_setup *setup, bool sandbox)
{
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)prctl(PR_SET_NAME, "jndiwatch-decoy", 0, 0, 0);
    struct decoy_host *host = decoy_host_new(setup);
    if (host == NULL) {
        return -ENOMEM;
    }
    if (sandbox) {
        sandbox_close_door();
        (void)sandbox_tighten(SANDBOX_LISTEN); /* without seccomp the sensor has told so */
    }
    int rc = decoy_host_run(host);
    decoy_host_free(&host);
    return rc;
}

/* --- the keeper
 * ----------------------------------------------------------------------------------- */

static void pause_ms(unsigned ms)
{
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR) {
    }
}

static void tell_anew(int channel)
{
    uint8_t head[RECORD_HEAD_MAX];
    const struct record r = {.kind = RECORD_ANEW, .time_us = clock_wall_us()};
    ssize_t n = write(channel, head, record_write(&r, head));
    (void)n; /* nobody reads any more: the next process sees that */
}

/* true when it ended as it should. */
static bool wait_for_end(pid_t pid)
{
    int status = 0;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return true;
        }
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int keep(const struct decoy_host_setup *setup, bool sandbox)
{
    unsigned pause = PAUSE_MIN_MS;
    for (;;) {
        uint64_t began = clock_monotonic_us();
        pid_t pid = fork();
        if (pid == 0) {
            return listen_and_answer(setup, sandbox);
        }
        if (pid > 0 && wait_for_end(pid)) {
            return 0;
        }
        pause = clock_monotonic_us() - began > LIVED_US ? PAUSE_MIN_MS : pause;
        pause_ms(pause);
        pause = pause * 2 < PAUSE_MAX_MS ? pause * 2 : PAUSE_MAX_MS;
        tell_anew(setup->channel);
    }
}

/* All but standard error, the listeners and the channel. */
static void close_others(const struct decoy_host_setup *setup)
{
    unsigned from = STDERR_FILENO + 1;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(null, STDOUT_FILENO);
    }
    for (;;) {
        unsigned next = ~0u;
        for (size_t i = 0; i <= setup->listeners->n; i++) {
            int fd = i < setup->listeners->n ? setup->listeners->fds[i] : setup->channel;
            next = fd >= 0 && (unsigned)fd >= from && (unsigned)fd < next ? (unsigned)fd : next;
        }
        if (next == ~0u) {
            (void)close_range(from, ~0u, 0);
            return;
        }
        if (next > from) {
            (void)close_range(from, next - 1, 0);
        }
        from = next + 1;
    }
}

/* A terminal's and a service manager's signals are meant for the sensor: these end with it. */
static void ignore_signals(void)
{
    const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGQUIT};
    struct sigaction action = {.sa_handler = SIG_IGN};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        (void)sigaction(numbers[i], &action, NULL);
    }
}

static int be_keeper(const struct source *source, const struct keeper_needs *needs)
{
    struct errbuf err = {0};
    struct decoy_limits limits = *decoys_limits(needs->decoys);
    const struct decoy_host_setup setup = {
        .listeners = source_decoy_listeners(source),
        .personas = decoys_personas(needs->decoys),
        .limits = &limits,
        .tls = decoys_tls(needs->decoys),
        .starttls = decoys_offer_starttls(needs->decoys),
        .proxies = decoys_proxies(needs->decoys),
        .counts = source_decoy_counts(source),
        .channel = source_decoy_channel(source),
    };
    ignore_signals();
    close_others(&setup);
    fit_descriptors(&limits, setup.listeners->n);
    int rc = privs_drop(needs->privs, 0, &err);
    errbuf_free(&err); /* the sensor's own drop says the same */
    if (rc != 0) {
        return rc;
    }
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); /* which a change of the user takes away */
    (void)prctl(PR_SET_NAME, "jndiwatch-keep", 0, 0, 0);
    if (needs->sandbox) {
        const struct sandbox plan = {.rights = SANDBOX_KEEP | SANDBOX_LISTEN};
        (void)sandbox_enter(&plan, &rc); /* the sensor's own says what is missing */
    }
    return keep(&setup, needs->sandbox);
}

/* --- the sensor
 * ----------------------------------------------------------------------------------- */

int keeper_start(struct keeper *k, struct source *source, const struct keeper_needs *needs,
                 struct errbuf *err)
{
    decoys_learn(needs->decoys, source_decoy_listeners(source));
    (void)fflush(NULL); /* or it would be written twice */
    pid_t pid = fork();
    if (pid == 0) {
        int rc = be_keeper(source, needs);
        _exit(rc == 0 ? 0 : 1); /* lint: a process of its own, whose parent's ends are not its */
    }
    if (pid < 0) {
        int rc = -errno;
        errbuf_add(err, "cannot start the honeypot's listening process: %s", strerror(errno));
        return rc;
    }
    k->pid = pid;
    source_decoy_started(source);
    decoys_forget_tls(needs->decoys);
    return 0;
}

void keeper_end(struct keeper *k)
{
    for (unsigned i = 0; k->pid > 0 && i < END_TRIES; i++) {
        pid_t ended = waitpid(k->pid, NULL, WNOHANG);
        if (ended != 0) {
            break;
        }
        pause_ms(END_TRY_MS);
    }
    k->pid = 0;
}
