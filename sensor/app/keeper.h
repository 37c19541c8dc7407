#pragma once

#include "sensor/app/decoys.h"
#include "sensor/app/privs.h"

#include <sys/types.h>

/* The honeypot's processes beside the sensor: the keeper, which starts the listening one anew when
 * it ends, and that one. Both end when the sensor does. */
struct keeper {
    pid_t pid; /* 0: none */
};

struct keeper_needs {
    struct decoys *decoys;
    const struct privs *privs; /* who they are to be */
    bool sandbox;              /* behind walls of their own */
};

/* Starts them for an open source_decoy, before any thread, and before the sensor gives up its
 * rights. 0, or a negative errno with a line in err. */
MUST_USE int keeper_start(struct keeper *k, struct source *source, const struct keeper_needs *needs,
                          struct errbuf *err);
/* The source is closed: waits until they have ended. */
void keeper_end(struct keeper *k);
