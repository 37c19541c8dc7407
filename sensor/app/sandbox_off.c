/* sandbox_off: no walls, for programs that are built without libseccomp, and for those with
 * sanitizers, which open files, start threads and trace themselves when they report. */
#include "sensor/app/sandbox.h"

unsigned sandbox_enter(const struct sandbox *plan)
{
    (void)plan;
    return 0;
}

bool sandbox_tighten(void)
{
    return false;
}

const char *sandbox_about(void)
{
    return "none (built without libseccomp, or with a sanitizer)";
}
