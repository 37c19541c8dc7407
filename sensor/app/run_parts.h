#pragma once

/* What run.c, run_open.c, run_figures.c and run_say.c share; not for others. */

#include "sensor/app/answers.h"
#include "sensor/app/command.h"
#include "sensor/app/crew.h"
#include "sensor/app/decoys.h"
#include "sensor/app/feeds.h"
#include "sensor/app/keeper.h"
#include "sensor/app/patrol.h"
#include "sensor/app/privs.h"
#include "sensor/app/reload.h"
#include "sensor/app/run.h"
#include "sensor/app/selftest.h"
#include "sensor/app/survey.h"
#include "sensor/base/sbuf.h"
#include "sensor/codec/charset.h"
#include "sensor/output/redact.h"

enum { RUN_HOST_SIZE = 256 };

struct sensor {
    const struct snapshot *snapshot;
    const struct options *options;
    struct feeds feeds;
    struct writer *writer;
    struct geo_cache *places;  /* of who tells what followed attempts, on the writer's thread */
    struct stats writer_stats; /* of that thread's look-ups */
    struct checksum_policy *checksums;
    struct survey *survey;           /* while the first packets wait for it; else NULL */
    struct crew *crew;               /* of files */
    struct patrol *patrol;           /* of interfaces */
    struct evidence_store *evidence; /* NULL: none is kept */
    struct command *command;         /* NULL: no socket */
    struct metrics_server *metrics;  /* NULL: none */
    int exposure_fd;                 /* of --exposure; -1: none */
    struct answers answers;
    struct reload *reload;
    struct redact redact;          /* what events do not tell */
    struct decoys *decoys;         /* NULL: no honeypot */
    struct keeper keeper;          /* of the honeypot's processes */
    struct selftest *selftest;     /* of its listeners; NULL: none */
    bool tested;                   /* it has passed */
    uint64_t n_restarts;           /* of the one that listens */
    struct privs privs;            /* who it is to be */
    struct charset_hold *charsets; /* for workers that open no files */
    unsigned walls;                /* enum sandbox_wall */
    struct engine *engine;         /* in use now */
    struct eve *eve;               /* for stats */
    struct sbuf failed_rules;      /* lines, and a NUL */
    char host[RUN_HOST_SIZE];
    unsigned types;
    unsigned n_workers;
    bool shows_progress;
    uint64_t first_us;
    uint64_t clock_us;
    uint64_t next_stats_us;
    uint64_t started_us; /* monotonic */
    uint64_t progress_us;
    uint64_t flushed_us;
    uint64_t served_us;
    uint64_t published_us;
    uint64_t checked_us; /* monotonic: files of databases */
    uint64_t fed_us;
    uint64_t n_unmade; /* stats events for which there was no memory */
};

/* The order in which a run is opened. Each 0, or negative errno with a line in err; what is open
 * is closed by run_close(). */
MUST_USE int run_start_honeypot(struct sensor *s, struct errbuf *err);
MUST_USE int run_open_command(struct sensor *s, struct errbuf *err);
/* Whether metrics.listen is an address, before anything is opened. */
MUST_USE int run_check_metrics(const struct config *config, struct errbuf *err);
MUST_USE int run_open_metrics(struct sensor *s, struct errbuf *err);
MUST_USE int run_open_evidence(struct sensor *s, struct errbuf *err);
MUST_USE int run_open_writer(struct sensor *s, struct errbuf *err);
MUST_USE int run_give_up_rights(struct sensor *s, struct errbuf *err);
MUST_USE int run_start_workers(struct sensor *s);
MUST_USE int run_start_survey(struct sensor *s);
/* Once all of it is there; the failed rules' lines are kept for who asks. */
void run_prepare_answers(struct sensor *s, const struct errbuf *failed_rules);
/* As configured, or as the machine is called. */
void run_name_host(struct sensor *s);
/* All of it, however far the start had come. */
void run_close(struct sensor *s);

/* All that is counted, of all workers and of the rest. */
void run_stats(struct sensor *s, struct stats *ret);
/* Of the workers alone. */
void run_worker_stats(struct sensor *s, struct stats *ret);
/* Puts a stats event where stats are written. */
void run_put_stats(struct sensor *s, uint64_t clock_us);
/* Tells of a listening process that was started anew since this was called last. */
void run_tell_restarts(struct sensor *s, uint64_t clock_us);
/* stats stand at whole intervals of packet time; after a pause there is one, not one for each
 * interval that passed. */
void run_stats_until(struct sensor *s, uint64_t clock_us);
/* No stats but the last ones follow, which stand behind all: nobody has to wait for them. */
void run_stats_wait(struct sensor *s);

/* Opens what --exposure names. */
MUST_USE int run_open_exposure(struct sensor *s, struct errbuf *err);
/* The sum of all workers', to be freed; NULL without memory. */
MUST_USE struct exposure *run_sum_exposure(const struct sensor *s);
/* Writes it once all is seen; false, after a line in the log, when that failed. */
bool run_write_exposure(struct sensor *s);
/* Worker i, or NULL behind the last. */
const struct worker *run_worker(const struct sensor *s, size_t i);

/* Brings what a scrape is answered up to date, a few times a second; nothing without a server. */
void run_publish_metrics(struct sensor *s);

/* One line: what the run goes by. */
void run_say_start(const struct sensor *s);
/* Where the honeypot listens, and as what. */
void run_say_honeypot(const struct sensor *s);
/* What is blocked, and what becomes of what cannot be inspected. */
void run_say_inline(const struct sensor *s);
/* Adds to err where a signal stopped it. */
void run_tell_stopped(const struct source_stats *source, struct errbuf *err);
void run_tell_tired_rules(const struct sensor *s);
/* Events that were not made, or not written: each kind, and each output, in a line. Whether there
 * are any. */
bool run_tell_lost_events(const struct sensor *s, uint64_t n_unmade);
