#pragma once

/* The descriptor of the first socket that a service manager hands over (sd_listen_fds(3)). */
enum { GIVEN_FIRST = 3, GIVEN_MAX = 64 };

/* How many there are, from GIVEN_FIRST on; 0 where they are meant for another process. They are
 * closed when a program is started, and are the caller's. Says so but once. */
unsigned given_sockets(void);
