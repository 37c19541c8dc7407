/* wake: how a signal ends a wait for packets.
 *
 * A flag alone is missed when the signal comes between the test and the wait; a readable descriptor
 * is not (D. J. Bernstein's self-pipe, here an eventfd). */
#include "sensor/capture/wake.h"

#include <errno.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <unistd.h>

int wake_open(struct wake *w)
{
    atomic_init(&w->called, false);
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return w->fd < 0 ? -errno : 0;
}

void wake_close(struct wake *w)
{
    if (w->fd >= 0) {
        (void)close(w->fd);
    }
    w->fd = -1;
}

void wake_call(struct wake *w)
{
    int saved = errno;
    uint64_t one = 1;
    atomic_store(&w->called, true);
    ssize_t written = write(w->fd, &one, sizeof(one));
    (void)written; /* a full counter is readable already */
    errno = saved;
}

bool wake_taken(struct wake *w)
{
    if (!atomic_load_explicit(&w->called, memory_order_relaxed)) {
        return false;
    }
    uint64_t n;
    ssize_t got = read(w->fd, &n, sizeof(n));
    (void)got;
    return atomic_exchange(&w->called, false);
}
