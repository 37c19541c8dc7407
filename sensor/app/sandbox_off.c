/* sandbox_off: no walls, for programs that are built without libseccomp, and for those with
 * sanitizers, which open files, start threads and trace themselves when they report. */
#include "sensor/app/sandbox.h"

#include <errno.h>
#include <sys/prctl.h>

/* A change of the user has made the process one that cannot be traced. */
unsigned sandbox_enter(const struct sandbox *plan, int *ret_refusal)
{
    (void)plan;
    *ret_refusal = ENOSYS;
    (void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    return 0;
}

bool sandbox_tighten(unsigned rights)
{
    (void)rights;
    return false;
}

void sandbox_close_door(void)
{
}

const char *sandbox_about(void)
{
    return "none (built without libseccomp, or with a sanitizer)";
}
