/* check: what CHECK() does when one of our own promises is broken.
 *
 * Ending the process is right here and nowhere else: the state is not what the code believes it to
 * be, and going on could invent or lose findings. Nothing that comes from a packet, file, rule,
 * configuration or socket may lead here. */
#include "sensor/base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *what, const char *file, int line)
{
    fprintf(stderr, "jndiwatch: bug: '%s' does not hold (%s:%d)\n", what, file, line);
    abort();
}
