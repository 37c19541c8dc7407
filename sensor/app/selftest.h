#pragma once

#include "sensor/app/privs.h"
#include "sensor/base/errbuf.h"
#include "sensor/core/conn.h"
#include "sensor/decoy/plan.h"
#include "sensor/decoy/tls.h"

/* Whether a honeypot sees what it is there for: a process of its own sends one marked probe through
 * each listener, and one in TLS where that is spoken; each has to come back as an event. */
struct selftest;

struct selftest_needs {
    const struct decoy_spot *spots; /* open; outlive it */
    size_t n_spots;
    bool tls;
    const struct privs *privs; /* who the process is to be */
};

/* Makes the sockets of the probes and starts the process: before any thread, and before the sensor
 * gives up its rights. 0, or a negative errno with a line in err. */
MUST_USE int selftest_start(const struct selftest_needs *needs, struct selftest **ret_test,
                            struct errbuf *err);
/* Nulls *t; accepts NULL. Ends the process. */
void selftest_free(struct selftest **t);

/* For workers. Whether the flow is a probe: each is known but once. Accepts NULL. */
bool selftest_knows(struct selftest *t, const struct conn *conn);
/* An event of this probe's flow goes to the writer. */
void selftest_told(struct selftest *t, const struct conn *conn);

enum selftest_state { SELFTEST_RUNS, SELFTEST_PASSED, SELFTEST_FAILED };
/* For the thread that started it. Once it has failed, err has a line for each listener without an
 * event. */
enum selftest_state selftest_state(struct selftest *t, struct errbuf *err);
