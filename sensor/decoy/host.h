#pragma once

#include "sensor/core/nets.h"
#include "sensor/decoy/listeners.h"
#include "sensor/decoy/persona.h"
#include "sensor/decoy/tls.h"

/* The process that listens: takes connections, answers, and tells what came. It needs no right but
 * to accept, read, write and wait for what is open. */
struct decoy_host;

struct decoy_host_setup {
    const struct decoy_listeners *listeners;
    const struct persona *const *personas; /* one for each */
    const struct decoy_limits *limits;
    const struct decoy_tls *tls; /* for visitors that begin so; NULL: none is spoken */
    bool starttls;               /* smtp listeners offer it */
    const struct nets *proxies;  /* balancers whose PROXY header names the visitor */
    struct decoy_counts *counts;
    int channel; /* where records go; the host ends when nobody reads them any more */
};

/* NULL when there is no memory, or no descriptor. `setup` and what it points to outlive it. */
MUST_USE struct decoy_host *decoy_host_new(const struct decoy_host_setup *setup);
/* Nulls *h; accepts NULL. */
void decoy_host_free(struct decoy_host **h);
/* Until nobody reads any more: then 0, else a negative errno. */
int decoy_host_run(struct decoy_host *h);
