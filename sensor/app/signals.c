/* signals: what the operator asks of a running process.
 *
 * A handler sets a flag and wakes who waits: everything else is done by the loop. */
#include "sensor/app/signals.h"

#include "sensor/base/clock.h"

#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

/* Whoever asks a process and then its group, as timeout(1) does, asks twice and means once: what
 * follows that soon has the run ended when it has had its time, not at once. */
enum { SAME_US = 250 * 1000, GRACE_S = 1 };

static volatile sig_atomic_t stop_signal;
static volatile sig_atomic_t reload_signal;
static const struct source_ops *signal_ops;
static struct source *signal_source;
static struct writer *signal_writer;

static void end_now(int number)
{
    static const char text[] =
        "jndiwatch: error: ended by a second signal; events not yet written are lost\n";
    ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);
    (void)n;
    _exit(128 + number); /* lint: a second signal: at once is what is asked for */
}

static void on_late(int number)
{
    (void)number;
    end_now(stop_signal);
}

static void on_stop(int number)
{
    static _Atomic uint64_t first_us;
    const struct itimerval grace = {.it_value = {.tv_sec = GRACE_S}};
    uint64_t now_us = clock_monotonic_us();
    if (stop_signal != 0) {
        bool same = number == stop_signal && now_us - first_us < SAME_US;
        if (!same || setitimer(ITIMER_REAL, &grace, NULL) != 0) {
            end_now(number);
        }
        return;
    }
    first_us = now_us;
    stop_signal = number;
    if (signal_writer != NULL) {
        writer_hurry(signal_writer);
    }
    if (signal_source != NULL) {
        signal_ops->interrupt(signal_source);
    }
}

static void on_reopen(int number)
{
    (void)number;
    if (signal_writer != NULL) {
        writer_reopen(signal_writer);
    }
}

static void on_reload(int number)
{
    (void)number;
    reload_signal = 1;
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

void signals_early(void)
{
    handle(SIGHUP, on_reopen);
    handle(SIGUSR2, on_reload);
}

void signals_on(void)
{
    handle(SIGINT, on_stop);
    handle(SIGTERM, on_stop);
    handle(SIGALRM, on_late);
    signals_early();
}

void signals_to(const struct source_ops *ops, struct source *source, struct writer *writer)
{
    signal_ops = ops;
    signal_writer = writer;
    signal_source = source;
}

void signals_off(void)
{
    handle(SIGHUP, SIG_IGN);
    signal_source = NULL;
    signal_writer = NULL;
}

void signals_stop(void)
{
    on_stop(SIGTERM);
}

bool signals_stopped(void)
{
    return stop_signal != 0;
}

bool signals_take_reload(void)
{
    bool asked = reload_signal != 0;
    reload_signal = 0;
    return asked;
}
