/* run: one run of the sensor, from opening the inputs to the sum at the end.
 *
 * The inputs are opened before the output, so that a run that cannot start leaves no trace. The
 * loop ends by itself, everything that was seen is written. */
#include "sensor/app/notify.h"
#include "sensor/app/outputs.h"
#include "sensor/app/run_parts.h"
#include "sensor/app/signals.h"
#include "sensor/app/summary.h"
#include "sensor/base/clock.h"
#include "sensor/base/idle.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"

#include <unistd.h>

enum {
    FAILED_CAP = 1024 * 1024,
    POLL_MS = 200,
    PROGRESS_US = 500000,
    FLUSH_US = 1000000,
    SERVE_US = 50000
};

static bool is_live(const struct sensor *s)
{
    return feeds_are_live(&s->feeds);
}

static void keep_house(struct sensor *s)
{
    uint64_t now = clock_monotonic_us();
    if (!is_live(s) && s->command != NULL && now - s->served_us > SERVE_US) {
        command_serve(s->command, 0);
        s->served_us = now;
    }
    run_publish_metrics(s);
    if (is_live(s) && now - s->flushed_us > FLUSH_US) {
        writer_flush(s->writer);
        s->flushed_us = now;
    }
    if (s->shows_progress && now - s->progress_us > PROGRESS_US) {
        struct source_stats source = {0};
        struct stats sum;
        feeds_stats(&s->feeds, &source);
        run_stats(s, &sum);
        summary_progress(&source, &sum, now - s->started_us);
        s->progress_us = now;
    }
}

/* The batch comes next, at its own time. */
static void go_on_to(struct sensor *s, const struct packet_batch *batch)
{
    s->clock_us = batch->packets[batch->n - 1].clock_us;
    run_stats_until(s, s->clock_us);
}

/* What was held goes to the workers. */
static void end_survey(struct sensor *s)
{
    for (struct packet_batch *b = survey_next(s->survey); b != NULL; b = survey_next(s->survey)) {
        go_on_to(s, b);
        crew_send_copy(s->crew, b);
    }
    crew_settle(s->crew);
    survey_free(&s->survey);
}

/* Geo databases that were replaced; SIGUSR2 does not wait. */
static void check_databases(struct sensor *s, bool at_once)
{
    uint64_t now = clock_monotonic_us();
    struct errbuf warnings = {0};
    struct errbuf notices = {0};
    if (!at_once && now - s->checked_us < s->snapshot->config.geo_check) {
        return;
    }
    geo_watch_check(s->snapshot->geo, at_once, &warnings, &notices);
    log_lines(&warnings, LOG_LEVEL_WARNING);
    log_lines(&notices, LOG_LEVEL_NOTICE);
    errbuf_free(&warnings);
    errbuf_free(&notices);
    s->checked_us = now;
}

/* Rules that SIGUSR2 asked for: read aside, taken between batches. */
static void keep_rules(struct sensor *s)
{
    bool asked = signals_take_reload();
    if (asked) {
        reload_ask(s->reload);
    }
    check_databases(s, asked);
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
}

/* Those who wait at the command socket. */
static void answer_late(struct sensor *s)
{
    struct flow_search search;
    if (s->command == NULL) {
        return;
    }
    if (command_is_awaited(s->command, COMMAND_RELOADS) && !reload_is_busy(s->reload)) {
        command_finish(s->command, COMMAND_RELOADS);
    }
    if (command_is_awaited(s->command, COMMAND_SEEKS) && patrol_sought(s->patrol, &search)) {
        command_finish(s->command, COMMAND_SEEKS);
    }
}

static bool goes_on(enum source_status status)
{
    return (status == SOURCE_OK || status == SOURCE_TIMEOUT) && !signals_stopped();
}

/* What there is to do between batches of files. */
static void tend_files(struct sensor *s)
{
    keep_rules(s);
    answer_late(s);
    keep_house(s);
}

/* Holds the first batches back, until the survey has seen enough. */
static enum source_status loop_survey(struct sensor *s, struct errbuf *err)
{
    struct packet_batch *batch = mem_alloc(sizeof(*batch));
    enum source_status status = batch == NULL ? SOURCE_FAILED : SOURCE_OK;
    if (batch == NULL) {
        log_error("there is no memory for packets");
    }
    while (goes_on(status) && s->survey != NULL) {
        status = s->feeds.ops->receive(s->feeds.sources[0], batch, err);
        if (batch->n > 0 && survey_hold(s->survey, batch)) {
            s->feeds.ops->release(s->feeds.sources[0], batch);
        } else if (batch->n > 0) {
            end_survey(s);
            go_on_to(s, batch);
            crew_send_copy(s->crew, batch);
        }
        tend_files(s);
    }
    if (s->survey != NULL) {
        end_survey(s);
    }
    mem_free(batch);
    return status;
}

static enum source_status loop_files(struct sensor *s, struct errbuf *err)
{
    enum source_status status = s->survey != NULL ? loop_survey(s, err) : SOURCE_OK;
    while (goes_on(status)) {
        struct packet_batch *batch = crew_take(s->crew);
        status = s->feeds.ops->receive(s->feeds.sources[0], batch, err);
        if (batch->n > 0) {
            go_on_to(s, batch);
            crew_send(s->crew);
        } else if (status == SOURCE_OK) {
            crew_wait(s->crew); /* the source may have too much in use */
        }
        tend_files(s);
    }
    return status;
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

/* A honeypot is ready once its probes came back; false when one did not. */
static bool tend_selftest(struct sensor *s, struct errbuf *err)
{
    if (s->selftest == NULL || s->tested) {
        return true;
    }
    enum selftest_state state = selftest_state(s->selftest, err);
    s->tested = state == SELFTEST_PASSED;
    if (s->tested) {
        notify_ready();
        log_notice("honeypot: self-test passed");
    }
    return state != SELFTEST_FAILED;
}

/* Workers do what there is to do; here is what they have no right or no reason to do. */
static enum source_status loop_live(struct sensor *s, struct errbuf *err)
{
    uint64_t watchdog_us = notify_watchdog_us();
    if (s->selftest == NULL) {
        notify_ready();
    }
    while (!signals_stopped() && !patrol_ended(s->patrol) && tend_selftest(s, err)) {
        uint64_t now = clock_wall_us();
        uint64_t packets = patrol_clock_us(s->patrol);
        s->clock_us = now > packets ? now : packets;
        run_tell_restarts(s, s->clock_us);
        run_stats_until(s, s->clock_us);
        feeds_tend(&s->feeds, err);
        keep_rules(s);
        answer_late(s);
        keep_house(s);
        feed_watchdog(s, watchdog_us);
        if (s->command != NULL) {
            command_serve(s->command, POLL_MS);
        } else {
            idle_for(POLL_MS * 1000); /* a signal ends it early */
        }
    }
    notify_stopping();
    return !signals_stopped() ? SOURCE_FAILED : SOURCE_INTERRUPTED;
}

static enum exit_code input_code(const struct sensor *s, enum source_status status)
{
    if (status == SOURCE_FAILED) {
        return EXIT_CAPTURE;
    }
    if (status == SOURCE_END_BAD || (signals_stopped() && !is_live(s))) {
        return EXIT_INPUT_INCOMPLETE;
    }
    return EXIT_ALL_DONE;
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
        run_stats_wait(s);
        crew_finish(s->crew, s->clock_us);
    }
    writer_settle(s->writer);
    run_worker_stats(s, &sum);
    uint64_t n_unmade = stats_get(&sum, STAT_EVENTS_LOST);
    run_put_stats(s, s->clock_us);
    run_stats(s, &sum);
    feeds_stats(&s->feeds, &source);
    if (signals_stopped() && !is_live(s)) {
        run_tell_stopped(&source, err);
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
    run_tell_tired_rules(s);
    if (!summary_adds_up(&sum)) {
        log_error("the counters do not add up: this is a bug in jndiwatch");
    }
    code = run_tell_lost_events(s, n_unmade + s->n_unmade) ? EXIT_OUTPUT_LOST : code;
    code = run_write_exposure(s) ? code : EXIT_OUTPUT_LOST;
    run_close(s);
    return code;
}

static enum exit_code refuse(struct sensor *s, struct errbuf *err, enum exit_code code)
{
    if (code != EXIT_ALL_DONE && errbuf_is_empty(err)) {
        log_error("there is no memory to start with"); /* all else says what it is */
    }
    log_lines(err, LOG_LEVEL_ERROR);
    run_close(s);
    return code;
}

/* Output and inputs, both even when one is wrong. */
static enum exit_code check_all(struct sensor *s, bool failed, struct errbuf *err)
{
    int rc_output = outputs_check(&s->snapshot->config, err);
    int rc_redact = redact_read(&s->snapshot->config, &s->redact, err);
    bool has_decoys = s->options->honeypot || s->snapshot->config.honeypot_passive.n > 0;
    if (has_decoys && decoys_new(&s->snapshot->config, s->options, &s->decoys, err) != 0) {
        return EXIT_NOT_STARTED;
    }
    s->feeds.decoys = s->options->honeypot ? decoys_plan(s->decoys) : NULL;
    int rc_source = feeds_open(&s->feeds, s->options, &s->snapshot->config, s->n_workers, err);
    int rc_metrics = run_check_metrics(&s->snapshot->config, err);
    int rc_user = privs_find(s->snapshot->config.rights_user, is_live(s), &s->privs, err);
    if (failed || rc_output != 0 || rc_metrics != 0 || rc_user != 0 || rc_redact != 0) {
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
                       .exposure_fd = -1,
                       .n_workers = (unsigned)snapshot->config.workers,
                       .failed_rules = sbuf_with_cap(FAILED_CAP),
                       .shows_progress = !options->quiet && isatty(STDERR_FILENO),
                       .types = outputs_types(&snapshot->config)};
    if (options->quiet) {
        log_set_level(LOG_LEVEL_WARNING);
    }
    signals_on();
    run_name_host(&s);
    enum exit_code code = check_all(&s, failed, err);
    if (code != EXIT_ALL_DONE || options->action == ACTION_TEST) {
        return refuse(&s, err, code);
    }
    if (is_live(&s)) {
        s.n_workers = (unsigned)s.feeds.n; /* threads from which rights can be taken */
    }
    if (run_start_honeypot(&s, err) != 0 || run_open_command(&s, err) != 0 ||
        run_open_metrics(&s, err) != 0 || run_open_exposure(&s, err) != 0 ||
        run_open_evidence(&s, err) != 0 || run_open_writer(&s, err) != 0 ||
        run_give_up_rights(&s, err) != 0) {
        return refuse(&s, err, EXIT_NOT_STARTED);
    }
    if (run_start_workers(&s) != 0 || run_start_survey(&s) != 0) {
        errbuf_add(err, "there is no memory for the configured tables; lower memory.limit");
        return refuse(&s, err, EXIT_NOT_STARTED);
    }
    run_prepare_answers(&s, err);
    log_lines(err, LOG_LEVEL_ERROR); /* rules that failed among others that load */
    errbuf_free(err);
    if (!options->quiet) {
        run_say_start(&s);
        if (feeds_are_inline(&s.feeds)) {
            run_say_inline(&s);
        }
        if (options->honeypot) {
            run_say_honeypot(&s);
        }
    }
    s.started_us = clock_monotonic_us();
    s.checked_us = s.started_us;
    signals_to(s.feeds.ops, is_live(&s) ? NULL : s.feeds.sources[0], s.writer);
    run_publish_metrics(&s);
    enum source_status status = is_live(&s) ? loop_live(&s, err) : loop_files(&s, err);
    return finish(&s, status, err);
}
