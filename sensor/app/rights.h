#pragma once

#include "sensor/app/options.h"
#include "sensor/app/privs.h"
#include "sensor/app/snapshot.h"

/* What a run needs once everything is open: the files that it reads again when it is asked to, and
 * the folders of its outputs. */
struct rights_needs {
    const struct snapshot *snapshot;
    const struct options *options;
    bool live;
    bool listens;  /* a honeypot: it captures nothing, and waits for its processes */
    bool inlined;  /* gives verdicts, and sends packets of its own */
    unsigned more; /* of enum sandbox_right: what outputs and servers need */
};

/* Becomes the user of `privs`, and enters the sandbox where the configuration wants it. After
 * sockets, output and ports are open, before threads are started. *ret_walls: set of enum
 * sandbox_wall. What will not be possible any more (a rule file that the user cannot read) is a
 * warning in the log. 0, or a negative errno with a line in err. */
MUST_USE int rights_give_up(const struct rights_needs *needs, const struct privs *privs,
                            unsigned *ret_walls, struct errbuf *err);
