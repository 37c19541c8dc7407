/* given: sockets that a service manager has opened (sd_listen_fds(3)).
 *
 * LISTEN_PID says whom they are meant for, LISTEN_FDS how many they are. Both are taken out of the
 * environment, and names of them are not used: which is which, their addresses say. */
#include "sensor/app/given.h"

#include "sensor/base/span.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static uint64_t number_of(const char *name)
{
    uint64_t n = 0;
    const char *text = getenv(name);
    return text != NULL && span_to_u64(span_str(text), &n) ? n : 0;
}

unsigned given_sockets(void)
{
    static const char *const names[] = {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"};
    uint64_t n = number_of("LISTEN_FDS");
    if (number_of("LISTEN_PID") != (uint64_t)getpid()) {
        return 0;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        (void)unsetenv(names[i]);
    }
    n = n < GIVEN_MAX ? n : GIVEN_MAX;
    for (unsigned i = 0; i < n; i++) {
        (void)fcntl(GIVEN_FIRST + (int)i, F_SETFD, FD_CLOEXEC);
    }
    return (unsigned)n;
}
