/* run: one run of the sensor, from opening the inputs to the sum at the end.
 *
 * The inputs are opened before the output, so that a run that cannot start leaves no trace. Signals
 * do nothing but set a flag and wake the source: the loop ends by itself, everything that was seen
 * is written. A second SIGINT or SIGTERM ends at once and says so. */
#include "sensor/app/run.h"

#include "sensor/app/answers.h"
#include "sensor/app/command.h"
#include "sensor/app/crew.h"
#include "sensor/app/feeds.h"
#include "sensor/app/notify.h"
#include "sensor/app/outputs.h"
#include "sensor/app/patrol.h"
#include "sensor/app/privs.h"
#include "sensor/app/reload.h"
#include "sensor/app/rights.h"
#include "sensor/app/sandbox.h"
#include "sensor/app/summary.h"
#include "sensor/app/survey.h"
#include "sensor/base/clock.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/codec/charset.h"
#include "sensor/core/source.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    FAILED_CAP = 1024 * 1024,
    FIGURES_MAX = 64,
    HOST_SIZE = 256,
    POLL_MS = 200,
    PROGRESS_US = 500000,
    FLUSH_US = 1000000,
    SERVE_US = 50000
};

struct sensor {
    const struct snapshot *snapshot;
    const struct options *options;
    struct feeds feeds;
    struct writer *writer;
    struct checksum_policy *checksums;
    struct survey *survey;           /* while the first packets wait for it; else NULL */
    struct crew *crew;               /* of files */
    struct patrol *patrol;           /* of interfaces */
    struct evidence_store *evidence; /* NULL: none is kept */
    struct command *command;         /* NULL: no socket */
    struct answers answers;
    struct reload *reload;
    struct privs privs;            /* who it is to be */
    struct charset_hold *charsets; /* for workers that open no files */
    unsigned walls;                /* enum sandbox_wall */
    struct engine *engine;         /* in use now */
    struct eve *eve;               /* for stats */
    struct sbuf failed_rules;      /* lines, and a NUL */
    char host[HOST_SIZE];
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
    uint64_t fed_us;
    uint64_t n_unmade; /* stats events for which there was no memory */
};

/* --- signals
 * ------------------------------------------------------------------------------------------- */

static volatile sig_atomic_t stop_signal;
static const struct source_ops *signal_ops;
static struct source *signal_source; /* of files: live capture looks often enough */
static struct writer *signal_writer;
static volatile sig_atomic_t reload_signal;

static void on_stop(int number)
{
    if (stop_signal != 0) {
        static const char text[] =
            "jndiwatch: error: ended by a second signal; events not yet written are lost\n";
        ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);
        (void)n;
        _exit(128 + number); /* lint: a second signal: at once is what is asked for */
    }
    stop_signal = number;
    if (signal_writer != NULL) {
        writer_hurry(signal_writer);
    }
    if (signal_source != NULL) {
        signal_ops->interrupt(signal_source);
    }
}

static void on_reopen(int number)
{
    (void)number;
    if (signal_writer != NULL) {
        writer_reopen(signal_writer);
    }
}

static void on_reload(int number)
{
    (void)number;
    reload_signal = 1;
}

static void handle(int number, void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(number, &action, NULL);
}

/* Before anything is opened: a signal during the start ends the run as one during it does. */
static void signals_on(void)
{
    handle(SIGINT, on_stop);
    handle(SIGTERM, on_stop);
    handle(SIGHUP, on_reopen);
    handle(SIGUSR2, on_reload);
}

static bool is_live(const struct sensor *s)
{
    return feeds_are_live(&s->feeds);
}

/* From now on they wake the source and reach the writer. */
static void signals_to(const struct sensor *s)
{
    signal_ops = s->feeds.ops;
    signal_writer = s->writer;
    signal_source = is_live(s) ? NULL : s->feeds.sources[0];
}

static void signals_off(void)
{
    handle(SIGHUP, SIG_IGN);
    signal_source = NULL;
    signal_writer = NULL;
}

/* --- opening
 * --------------------------------------------------------------------------------------------- */

static int open_writer(struct sensor *s, struct errbuf *err)
{
    bool threaded = s->n_workers > 0;
    struct writer_options o = {
        .n_producers = (threaded ? s->n_workers : 1) + 1, /* the last is for stats */
        .queue = s->snapshot->config.output_queue,
        .threaded = threaded,
        .may_drop = is_live(s),
    };
    int rc = writer_new(&o, &s->writer);
    if (rc == 0) {
        rc = outputs_open(&s->snapshot->config, s->host, s->writer, err);
    }
    return rc;
}

/* As the user that it will be, so that the output is that user's, and can be opened anew. Where
 * that is not permitted, as who started it: then it cannot be opened anew. */
static int open_writer_as_user(struct sensor *s, struct errbuf *err)
{
    struct errbuf refused = {0};
    privs_put_on(&s->privs);
    int rc = open_writer(s, &refused);
    privs_put_off(&s->privs);
    if (rc == -EACCES && s->privs.user[0] != '\0') {
        writer_free(&s->writer);
        errbuf_free(&refused);
        rc = open_writer(s, &refused);
    }
    errbuf_move(err, &refused);
    return rc;
}

static int open_evidence(struct sensor *s, struct errbuf *err)
{
    const struct config *c = &s->snapshot->config;
    struct evidence_store_options o = {
        .folder = c->evidence_folder,
        .files_max = c->evidence_files,
        .n_producers = s->n_workers > 0 ? s->n_workers : 1,
        .threaded = s->n_workers > 0,
        .may_drop = is_live(s),
    };
    if (o.folder[0] == '\0') {
        return 0;
    }
    privs_put_on(&s->privs);
    int rc = evidence_store_new(&o, &s->evidence, err);
    privs_put_off(&s->privs);
    return rc;
}

static void sum_for_answers(void *ctx, struct stats *ret_sum);

static void stop_by_command(void *ctx)
{
    (void)ctx;
    on_stop(SIGTERM);
}

/* As the user that it will be, who may take it away again. */
static int open_command(struct sensor *s, struct errbuf *err)
{
    const char *path = s->snapshot->config.command_socket;
    struct command_user user = {.ctx = &s->answers, .answer = answers_give};
    if (path[0] == '\0') {
        return 0;
    }
    privs_put_on(&s->privs);
    int rc = command_open(path, &user, &s->command, err);
    privs_put_off(&s->privs);
    return rc;
}

/* Once all of it is there. */
static void prepare_answers(struct sensor *s, const struct errbuf *failed_rules)
{
    const char *text = errbuf_text(failed_rules);
    (void)sbuf_add_str(&s->failed_rules, text);
    (void)sbuf_add_byte(&s->failed_rules, 0);
    s->answers = (struct answers){
        .config = &s->snapshot->config,
        .feeds = &s->feeds,
        .patrol = s->patrol,
        .engine = s->engine,
        .reload = s->reload,
        .writer = s->writer,
        .failed_rules = s->failed_rules.len > 0 ? (const char *)s->failed_rules.data : "",
        .started_us = clock_monotonic_us(),
        .reloaded_us = clock_wall_us(),
        .ctx = s,
        .sum = sum_for_answers,
        .stop = stop_by_command,
    };
}

static int give_up_rights(struct sensor *s, struct errbuf *err)
{
    const struct rights_needs needs = {
        .snapshot = s->snapshot,
        .options = s->options,
        .live = is_live(s),
        .more = outputs_rights(&s->snapshot->config) | (s->command != NULL ? SANDBOX_ACCEPT : 0u) |
                (notify_is_wanted() ? SANDBOX_LOCAL : 0u),
        .inlined = feeds_are_inline(&s->feeds),
    };
    return rights_give_up(&needs, &s->privs, &s->walls, err);
}

static enum checksum_mode checksum_mode(const char *word)
{
    return strcmp(word, "all") == 0    ? CHECKSUM_ALL
           : strcmp(word, "none") == 0 ? CHECKSUM_NONE
                                       : CHECKSUM_AUTO;
}

static int start_workers(struct sensor *s)
{
    struct worker_shared shared = {
        .config = &s->snapshot->config,
        .engine = s->snapshot->engine,
        .geo = s->snapshot->geo,
        .clients = s->snapshot->clients,
        .writer = s->writer,
        .host = s->host,
        .types = s->types,
        .layouts = outputs_layouts(&s->snapshot->config),
        .n_workers = s->n_workers > 0 ? s->n_workers : 1,
        .evidence = s->evidence,
        .inlined = feeds_are_inline(&s->feeds),
        .tighten = (s->walls & SANDBOX_SECCOMP) != 0,
    };
    if (shared.tighten && s->n_workers > 0) {
        s->charsets = charset_hold();
    }
    s->engine = engine_ref(s->snapshot->engine);
    s->reload = reload_new(s->options, is_live(s));
    s->checksums = checksum_policy_new(checksum_mode(s->snapshot->config.capture_checksums));
    shared.checksums = s->checksums;
    struct eve_options eve = {.host = s->host, .line_bytes = s->snapshot->config.output_line};
    s->eve = eve_new(&eve);
    if (s->checksums == NULL || s->eve == NULL || s->reload == NULL) {
        return -ENOMEM;
    }
    int rc = writer_start(s->writer);
    rc = rc == 0 && s->evidence != NULL ? evidence_store_start(s->evidence) : rc;
    if (rc == 0 && is_live(s)) {
        rc = patrol_new(&shared, s->feeds.ops, s->feeds.sources, s->feeds.n, &s->patrol);
        if (!outputs_start_threads(&s->snapshot->config)) {
            sandbox_close_door();
        }
    } else if (rc == 0) {
        rc = crew_new(&shared, s->n_workers, &s->crew);
    }
    return rc;
}

/* Only of files all of which is there: the source knows their size. */
static int start_survey(struct sensor *s)
{
    struct source_stats source = {0};
    feeds_stats(&s->feeds, &source);
    if (source.input_size == 0 || !checksum_policy_wants_survey(s->checksums)) {
        return 0;
    }
    s->survey = survey_new(&s->snapshot->config, s->checksums);
    return s->survey == NULL ? -ENOMEM : 0;
}

static void name_host(struct sensor *s)
{
    const char *configured = s->snapshot->config.host;
    if (configured[0] != '\0') {
        (void)snprintf(s->host, sizeof(s->host), "%s", configured);
    } else if (gethostname(s->host, sizeof(s->host) - 1) != 0) {
        s->host[0] = '\0';
    }
}

static void close_all(struct sensor *s)
{
    signals_off();
    command_close(&s->command);
    sbuf_free(&s->failed_rules);
    reload_free(&s->reload);
    crew_free(&s->crew);
    patrol_free(&s->patrol);
    evidence_store_free(&s->evidence);
    charset_release(&s->charsets);
    survey_free(&s->survey);
    engine_unref(&s->engine);
    writer_free(&s->writer);
    checksum_policy_free(&s->checksums);
    eve_free(&s->eve);
    feeds_close(&s->feeds);
}

/* --- the loop
 * ---------------------------------------------------------------------------------------------- */

/* One line: what the run goes by. */
static void say_start(const struct sensor *s)
{
    const struct snapshot *p = s->snapshot;
    struct sbuf geo = sbuf_with_cap(1024);
    for (size_t i = 0; i < geo_n_databases(p->geo); i++) {
        struct geo_database d = geo_database(p->geo, i);
        char date[CLOCK_TEXT_SIZE];
        bool sane = d.build_epoch_s < UINT64_MAX / 1000000;
        clock_format(sane ? d.build_epoch_s * 1000000 : 0, date, sizeof(date));
        sbuf_add_format(&geo, "%s%s of %.10s", geo.len > 0 ? ", " : "", d.type, sane ? date : "?");
    }
    log_notice("%s, %zu rules (%zu failed), geo databases: %.*s",
               s->options->config != NULL ? s->options->config : "built-in defaults",
               engine_n_loaded(p->engine), engine_n_failed(p->engine),
               geo.len > 0 ? (int)geo.len : 4, geo.len > 0 ? (const char *)geo.data : "none");
    sbuf_free(&geo);
}

/* Classes of look-ups, "attack, attempt"; "" for none. */
static void name_classes(unsigned classes, char *text, size_t size)
{
    text[0] = '\0';
    for (unsigned class = LOOKUP_ATTACK; class > LOOKUP_NONE; class --) {
        size_t len = span_str(text).len;
        if ((classes >> class & 1) != 0) {
            (void)snprintf(text + len, size - len, "%s%s", len > 0 ? ", " : "",
                           lookup_class_name((enum lookup_class) class));
        }
    }
}

/* What is blocked, and what becomes of what cannot be inspected. */
static void say_inline(const struct sensor *s)
{
    const struct config *c = &s->snapshot->config;
    char what[128];
    name_classes(gatekeeper_classes(c), what, sizeof(what));
    bool rules = engine_blocks(s->engine);
    log_notice("inline (%s): blocks %s%s%s (%s); too late: %s, no memory: %s, start not seen: %s",
               s->feeds.ops->name, what, what[0] != '\0' && rules ? " and " : "",
               rules             ? "what rules say"
               : what[0] != '\0' ? ""
                                 : "nothing, detects only",
               c->inline_action, s->feeds.ops == &source_bridge ? "closed" : c->inline_late,
               c->inline_memory, c->inline_restart);
}

static const char *iface_name(void *ctx, uint32_t n)
{
    const struct sensor *s = ctx;
    return s->feeds.ops->iface(s->feeds.sources[0], n);
}

static unsigned stats_producer(const struct sensor *s)
{
    return s->n_workers > 0 ? s->n_workers : 1;
}

static void worker_stats_sum(struct sensor *s, struct stats *ret)
{
    if (s->patrol != NULL) {
        patrol_stats(s->patrol, ret);
    } else {
        crew_stats(s->crew, ret);
    }
}

static void sum_stats(struct sensor *s, struct stats *ret)
{
    struct source_stats source = {0};
    struct writer_stats writer = {0};
    worker_stats_sum(s, ret);
    feeds_stats(&s->feeds, &source);
    writer_stats(s->writer, &writer);
    stats_set(ret, STAT_CAPTURE_KERNEL_PACKETS, source.packets);
    stats_set(ret, STAT_CAPTURE_KERNEL_DROPS, source.kernel_drops);
    stats_set(ret, STAT_CAPTURE_KERNEL_IFDROPS, source.iface_drops);
    stats_set(ret, STAT_EVIDENCE_LOST, s->evidence != NULL ? evidence_store_lost(s->evidence) : 0);
    stats_set(ret, STAT_RULES_LOADED, engine_n_loaded(s->engine));
    stats_set(ret, STAT_RULES_FAILED, engine_n_failed(s->engine));
    stats_set(ret, STAT_ALERTS_SUPPRESSED, writer.suppressed);
    stats_set(ret, STAT_EVENTS_LOST, stats_get(ret, STAT_EVENTS_LOST) + writer.lost);
}

static size_t figures_of_outputs(const struct sensor *s, struct eve_figure ret[FIGURES_MAX])
{
    struct outlet_stats o;
    size_t n = 0;
    for (size_t i = 0; n + 2 <= FIGURES_MAX && writer_output_stats(s->writer, i, &o); i++) {
        ret[n++] = (struct eve_figure){"written", o.name, o.written};
        ret[n++] = (struct eve_figure){"lost", o.name, o.lost};
    }
    return n;
}

static void sum_for_answers(void *ctx, struct stats *ret_sum)
{
    sum_stats(ctx, ret_sum);
}

static void put_stats(struct sensor *s, uint64_t clock_us)
{
    struct stats sum;
    if ((s->types & (1u << EVENT_STATS)) == 0) {
        return;
    }
    sum_stats(s, &sum);
    struct source_port ports[SOURCE_PORTS_MAX];
    struct eve_figure outputs[FIGURES_MAX];
    const struct eve_sums sums = {
        .uptime_s = (clock_us - s->first_us) / 1000000,
        .stats = &sum,
        .ports = ports,
        .n_ports = feeds_ports(&s->feeds, s->patrol, ports, ARRAY_LEN(ports)),
        .outputs = outputs,
        .n_outputs = figures_of_outputs(s, outputs),
    };
    struct event *event = eve_stats(s->eve, clock_us, &sums);
    if (event == NULL) {
        s->n_unmade++;
        return;
    }
    writer_put(s->writer, stats_producer(s), event);
}

/* stats stand at whole intervals of packet time; after a pause there is one, not one for each
 * interval that passed. */
static void stats_until(struct sensor *s, uint64_t clock_us)
{
    if (s->first_us == 0) {
        s->first_us = clock_us;
        s->next_stats_us = clock_us + s->snapshot->config.output_stats_interval;
    }
    if (clock_us >= s->next_stats_us) {
        put_stats(s, clock_us);
        s->next_stats_us = clock_us + s->snapshot->config.output_stats_interval;
    }
    writer_advance(s->writer, stats_producer(s), clock_us);
}

static void keep_house(struct sensor *s)
{
    uint64_t now = clock_monotonic_us();
    if (!is_live(s) && s->command != NULL && now - s->served_us > SERVE_US) {
        command_serve(s->command, 0);
        s->served_us = now;
    }
    if (is_live(s) && now - s->flushed_us > FLUSH_US) {
        writer_flush(s->writer);
        s->flushed_us = now;
    }
    if (s->shows_progress && now - s->progress_us > PROGRESS_US) {
        struct source_stats source = {0};
        struct stats sum;
        feeds_stats(&s->feeds, &source);
        sum_stats(s, &sum);
        summary_progress(&source, &sum, now - s->started_us);
        s->progress_us = now;
    }
}

static void carry_out(struct sensor *s, struct packet_batch *batch)
{
    s->clock_us = batch->packets[batch->n - 1].clock_us;
    stats_until(s, s->clock_us);
    crew_batch(s->crew, batch, iface_name, s);
}

static void end_survey(struct sensor *s)
{
    if (s->survey == NULL) {
        return;
    }
    for (struct packet_batch *b = survey_next(s->survey); b != NULL; b = survey_next(s->survey)) {
        carry_out(s, b);
    }
    survey_free(&s->survey);
}

static void take(struct sensor *s, struct packet_batch *batch)
{
    if (s->survey != NULL && survey_hold(s->survey, batch)) {
        return;
    }
    end_survey(s);
    carry_out(s, batch);
}

/* Rules that SIGUSR2 asked for: read aside, taken between batches. */
static void keep_rules(struct sensor *s)
{
    if (reload_signal != 0) {
        reload_signal = 0;
        reload_ask(s->reload);
    }
    struct engine *engine = reload_take(s->reload);
    if (engine != NULL) {
        if (s->patrol != NULL) {
            patrol_use(s->patrol, engine);
        } else {
            crew_use(s->crew, engine);
        }
        engine_unref(&s->engine);
        s->engine = engine;
        s->answers.engine = engine;
        s->answers.reloaded_us = clock_wall_us();
        s->answers.failed_rules = ""; /* with a mistake they would have been refused */
    }
    if (s->command != NULL && command_is_awaited(s->command) && !reload_is_busy(s->reload)) {
        const char *refusal = reload_refusal(s->reload);
        command_finish(s->command, refusal[0] == '\0', refusal[0] == '\0' ? "done" : refusal);
    }
}

static enum source_status loop_files(struct sensor *s, struct errbuf *err)
{
    struct packet_batch *batch = mem_alloc(sizeof(*batch));
    enum source_status status = batch == NULL ? SOURCE_FAILED : SOURCE_OK;
    if (batch == NULL) {
        log_error("there is no memory for packets");
    }
    while ((status == SOURCE_OK || status == SOURCE_TIMEOUT) && stop_signal == 0) {
        status = s->feeds.ops->receive(s->feeds.sources[0], batch, err);
        if (batch->n > 0) {
            take(s, batch);
            s->feeds.ops->release(s->feeds.sources[0], batch);
        }
        batch->n = 0;
        keep_rules(s);
        keep_house(s);
    }
    end_survey(s);
    mem_free(batch);
    return status;
}

static void pause_ms(long ms)
{
    struct timespec t = {.tv_nsec = ms * 1000000};
    (void)nanosleep(&t, NULL); /* a signal ends it early */
}

/* A worker that hangs is what a watchdog is for. */
static void feed_watchdog(struct sensor *s, uint64_t watchdog_us)
{
    uint64_t now = clock_monotonic_us();
    if (watchdog_us > 0 && now - s->fed_us > watchdog_us / 4 &&
        now < patrol_stepped_us(s->patrol) + watchdog_us) {
        notify_alive();
        s->fed_us = now;
    }
}

/* Workers do what there is to do; here is what they have no right or no reason to do. */
static enum source_status loop_live(struct sensor *s, struct errbuf *err)
{
    uint64_t watchdog_us = notify_watchdog_us();
    notify_ready();
    while (stop_signal == 0 && !patrol_ended(s->patrol)) {
        uint64_t now = clock_wall_us();
        uint64_t packets = patrol_clock_us(s->patrol);
        s->clock_us = now > packets ? now : packets;
        stats_until(s, s->clock_us);
        feeds_tend(&s->feeds, err);
        keep_rules(s);
        keep_house(s);
        feed_watchdog(s, watchdog_us);
        if (s->command != NULL) {
            command_serve(s->command, POLL_MS);
        } else {
            pause_ms(POLL_MS);
        }
    }
    notify_stopping();
    return stop_signal == 0 ? SOURCE_FAILED : SOURCE_INTERRUPTED;
}

/* --- the end
 * -------------------------------------------------------------------------------------------------
 */

static enum exit_code input_code(const struct sensor *s, enum source_status status)
{
    if (status == SOURCE_FAILED) {
        return EXIT_CAPTURE;
    }
    if (status == SOURCE_END_BAD || (stop_signal != 0 && !is_live(s))) {
        return EXIT_INPUT_INCOMPLETE;
    }
    return EXIT_ALL_DONE;
}

static void tell_stopped(const struct source_stats *source, struct errbuf *err)
{
    char of[64] = "";
    if (source->input_size > 0) {
        (void)snprintf(of, sizeof(of), "; %llu of %llu bytes were read",
                       (unsigned long long)source->input_bytes,
                       (unsigned long long)source->input_size);
    }
    errbuf_add(err, "stopped by a signal at packet %llu%s", (unsigned long long)source->packets,
               of);
}

static void tell_tired_rules(const struct sensor *s)
{
    const struct engine *e = s->snapshot->engine;
    for (size_t i = 0; i < engine_n_loaded(e); i++) {
        uint64_t n = engine_n_gave_up(e, i);
        if (n > 0) {
            struct engine_listing rule = engine_list(e, i);
            log_warning("%s:%zu: sid %u gave up %llu time%s over the limits of its expression; "
                        "write one that backtracks less",
                        rule.file, rule.line, (unsigned)rule.signature->sid, (unsigned long long)n,
                        n == 1 ? "" : "s");
        }
    }
}

/* Events that were not made, or not written: each kind, and each output, in a line. */
static bool tell_lost_events(const struct sensor *s, uint64_t n_unmade)
{
    struct outlet_stats o;
    bool any = n_unmade > 0;
    if (n_unmade > 0) {
        log_error("there was no memory for events; %llu record%s lost",
                  (unsigned long long)n_unmade, n_unmade == 1 ? "" : "s");
    }
    for (size_t i = 0; writer_output_stats(s->writer, i, &o); i++) {
        if (o.lost > o.told) {
            log_error("cannot write '%s': %s; %llu records lost", o.target,
                      writer_output_why(s->writer, i), (unsigned long long)o.lost);
        }
        any = any || o.lost > 0;
    }
    return any;
}

static enum exit_code finish(struct sensor *s, enum source_status status, struct errbuf *err)
{
    struct stats sum;
    struct source_stats source = {0};
    enum exit_code code = input_code(s, status);
    if (s->patrol != NULL) {
        patrol_finish(s->patrol);
        uint64_t last = patrol_clock_us(s->patrol);
        s->clock_us = last > s->clock_us ? last : s->clock_us; /* the last stats stand last */
    } else {
        crew_finish(s->crew, s->clock_us);
    }
    worker_stats_sum(s, &sum);
    uint64_t n_unmade = stats_get(&sum, STAT_EVENTS_LOST);
    put_stats(s, s->clock_us);
    sum_stats(s, &sum);
    feeds_stats(&s->feeds, &source);
    if (stop_signal != 0 && !is_live(s)) {
        tell_stopped(&source, err);
    }
    log_lines(err, LOG_LEVEL_ERROR);
    if (!s->options->quiet) {
        struct source_port ports[SOURCE_PORTS_MAX];
        summary_ports(ports, feeds_ports(&s->feeds, s->patrol, ports, ARRAY_LEN(ports)));
    }
    writer_end(s->writer);
    if (!s->options->quiet) {
        summary_say(&sum, s->writer, clock_monotonic_us() - s->started_us);
    }
    tell_tired_rules(s);
    if (!summary_adds_up(&sum)) {
        log_error("the counters do not add up: this is a bug in jndiwatch");
    }
    code = tell_lost_events(s, n_unmade + s->n_unmade) ? EXIT_OUTPUT_LOST : code;
    close_all(s);
    return code;
}

static enum exit_code refuse(struct sensor *s, struct errbuf *err, enum exit_code code)
{
    if (code != EXIT_ALL_DONE && errbuf_is_empty(err)) {
        log_error("there is no memory to start with"); /* all else says what it is */
    }
    log_lines(err, LOG_LEVEL_ERROR);
    close_all(s);
    return code;
}

/* Output and inputs, both even when one is wrong. */
static enum exit_code check_all(struct sensor *s, bool failed, struct errbuf *err)
{
    int rc_output = outputs_check(&s->snapshot->config, err);
    int rc_source = feeds_open(&s->feeds, s->options, &s->snapshot->config, s->n_workers, err);
    int rc_user = privs_find(s->snapshot->config.rights_user, is_live(s), &s->privs, err);
    if (failed || rc_output != 0 || rc_user != 0) {
        return EXIT_NOT_STARTED;
    }
    if (rc_source != 0) {
        return is_live(s) ? EXIT_CAPTURE : EXIT_NOT_STARTED;
    }
    return EXIT_ALL_DONE;
}

enum exit_code run(const struct snapshot *snapshot, const struct options *options, bool failed,
                   struct errbuf *err)
{
    struct sensor s = {.snapshot = snapshot,
                       .options = options,
                       .n_workers = (unsigned)snapshot->config.workers,
                       .failed_rules = sbuf_with_cap(FAILED_CAP),
                       .shows_progress = !options->quiet && isatty(STDERR_FILENO),
                       .types = outputs_types(&snapshot->config)};
    signals_on();
    name_host(&s);
    enum exit_code code = check_all(&s, failed, err);
    if (code != EXIT_ALL_DONE || options->action == ACTION_TEST) {
        return refuse(&s, err, code);
    }
    if (is_live(&s)) {
        s.n_workers = (unsigned)s.feeds.n; /* threads from which rights can be taken */
    }
    if (open_command(&s, err) != 0 || open_evidence(&s, err) != 0 ||
        open_writer_as_user(&s, err) != 0 || give_up_rights(&s, err) != 0) {
        return refuse(&s, err, EXIT_NOT_STARTED);
    }
    if (start_workers(&s) != 0 || start_survey(&s) != 0) {
        errbuf_add(err, "there is no memory for the configured tables; lower memory.limit");
        return refuse(&s, err, EXIT_NOT_STARTED);
    }
    prepare_answers(&s, err);
    log_lines(err, LOG_LEVEL_ERROR); /* rules that failed among others that load */
    errbuf_free(err);
    if (!options->quiet) {
        say_start(&s);
        if (feeds_are_inline(&s.feeds)) {
            say_inline(&s);
        }
    }
    s.started_us = clock_monotonic_us();
    signals_to(&s);
    enum source_status status = is_live(&s) ? loop_live(&s, err) : loop_files(&s, err);
    return finish(&s, status, err);
}
