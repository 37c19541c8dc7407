#pragma once

#include "sensor/app/gatekeeper.h"
#include "sensor/app/pipeline.h"
#include "sensor/core/config.h"
#include "sensor/core/packet.h"
#include "sensor/flow/flow.h"
#include "sensor/packet/decode.h"

/* One packet thread's world: decoder, flows, pipeline, counters. Nothing in it is seen by another
 * worker. */
struct worker;

/* What all workers share: immutable while they run, or safe for several threads. Outlives them. */
struct worker_shared {
    const struct config *config;
    struct engine *engine;
    const struct assets *assets; /* NULL: none */
    struct geo_watch *geo;
    const struct client_policy *clients;
    struct checksum_policy *checksums;
    struct writer *writer;
    bool live;                       /* packets do not wait to be read */
    bool inlined;                    /* packets wait for their verdict */
    const char *host;                /* sensor name in events */
    unsigned types;                  /* bit set of enum event_type that are written */
    unsigned layouts;                /* bit set of enum layout that some output has */
    unsigned n_workers;              /* they share memory.limit and flow.max */
    struct evidence_store *evidence; /* NULL: none is kept */
    uint64_t opened_us; /* openers are told to the writer, by intervals of this length; 0: not */
    bool follows;       /* what may follow an attempt is told to the writer */
    bool exposes;       /* counts what was tried against whom */
    bool tallies;       /* count by protocol, field, scheme and class */
    const struct redact *redact; /* what events do not tell; NULL: nothing */
    const struct decoys *decoys; /* NULL: there are none */
    bool tighten;                /* threads of workers give up all but computing on what is there */
};

/* `number`: the worker's, and its producer's at the writer. NULL when there is no memory. */
MUST_USE struct worker *worker_new(const struct worker_shared *shared, unsigned number);
/* Nulls *w; accepts NULL. */
void worker_free(struct worker **w);

/* New rules, between packets; -ENOMEM: the old ones stay in use. */
MUST_USE int worker_use(struct worker *w, struct engine *engine);
/* Brings closer what packets (at most PACKET_BATCH) will need that are carried out next, in this
 * order. */
void worker_ahead(struct worker *w, const struct packet *packets, size_t n);
/* Carries out one packet. `iface`: name of its interface, which outlives the worker. */
enum verdict worker_packet(struct worker *w, const struct packet *packet, const char *iface);
/* Inline: the packets to be sent behind the one just carried out, until the next one; how many is
 * returned. */
size_t worker_replies(const struct worker *w, const struct reply **ret_replies);
/* Time goes on to clock_us: what is due before is done, and the writer is promised that nothing
 * earlier will come. */
void worker_advance(struct worker *w, uint64_t clock_us);
/* End of input at clock_us: closes all flows. */
void worker_finish(struct worker *w, uint64_t clock_us);
/* Brings the gauges (flows, memory) up to date. On the worker's thread. */
void worker_gauge(struct worker *w);
/* Another share of memory.limit, on the worker's thread. Parts of it that were dealt out at the
 * start (fragments, bodies behind a hit) stay as large as they were. */
void worker_limit_memory(struct worker *w, size_t share);
/* Goes on seeking, on the worker's thread; whether the search is over. */
bool worker_seek_flow(const struct worker *w, struct flow_search *search);
/* Bytes that receivers acknowledged and that never came to the interface of that name. Any thread
 * may ask. */
uint64_t worker_upstream_lost(const struct worker *w, const char *iface);
/* NULL when nobody wants it. Any thread may take its sum. */
struct exposure *worker_exposure(const struct worker *w);
/* NULL when nobody wants them. Any thread may read them. */
const struct tally *worker_tally(const struct worker *w);
/* Any thread may read them. */
const struct stats *worker_stats(const struct worker *w);
