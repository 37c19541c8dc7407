/* run_open: what a run opens, in which order and as whom, and how it is closed.
 *
 * What an attacker could reach is opened as the user that the run will be; rights go before the
 * first packet is looked at. */
#include "sensor/app/metrics_server.h"
#include "sensor/app/notify.h"
#include "sensor/app/outputs.h"
#include "sensor/app/rights.h"
#include "sensor/app/run_parts.h"
#include "sensor/app/sandbox.h"
#include "sensor/app/signals.h"
#include "sensor/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool volume_is_written(const struct sensor *s)
{
    const char *word = s->snapshot->config.volume_write;
    return strcmp(word, "yes") == 0 || (strcmp(word, "auto") == 0 && feeds_are_live(&s->feeds));
}

static void find_place(void *ctx, const struct addr *addr, struct place *ret_place)
{
    geo_find(ctx, addr, ret_place);
}

/* For the writer's thread. */
static int open_places(struct sensor *s)
{
    s->places = geo_cache_new_watching(s->snapshot->geo, &s->writer_stats);
    if (s->places != NULL) {
        geo_cache_name(s->places, s->snapshot->assets);
    }
    return s->places != NULL ? 0 : -ENOMEM;
}

static struct teller_options teller_options(const struct sensor *s)
{
    const struct config *c = &s->snapshot->config;
    return (struct teller_options){
        .writes = volume_is_written(s),
        .full_alerts = c->volume_full_alerts,
        .quiet_us = c->volume_quiet,
        .interval_us = c->volume_interval,
        .volume = {.campaigns = c->volume_campaigns, .values = c->volume_values},
        .surge = {.factor = c->volume_surge_factor, .least = c->volume_surge_least},
        .host = s->host,
        .line_bytes = c->output_line,
        .story = {.callbacks = c->story_callbacks, .remember_us = c->story_remember},
        .layouts = outputs_layouts(c),
        .find_place = find_place,
        .place_ctx = s->places,
    };
}

static int open_writer(struct sensor *s, struct errbuf *err)
{
    bool threaded = s->n_workers > 0;
    struct writer_options o = {
        .n_producers = (threaded ? s->n_workers : 1) + 1, /* the last is for stats */
        .queue = s->snapshot->config.output_queue,
        .threaded = threaded,
        .may_drop = feeds_are_live(&s->feeds),
        .teller = teller_options(s),
    };
    int rc = writer_new(&o, &s->writer);
    if (rc == 0) {
        rc = outputs_open(&s->snapshot->config, s->host, s->writer, err);
    }
    return rc;
}

/* As the user that it will be, so that the output is that user's, and can be opened anew. Where
 * that is not permitted, as who started it: then it cannot be opened anew. */
int run_open_writer(struct sensor *s, struct errbuf *err)
{
    struct errbuf refused = {0};
    int rc = open_places(s);
    if (rc != 0) {
        return rc;
    }
    privs_put_on(&s->privs);
    rc = open_writer(s, &refused);
    privs_put_off(&s->privs);
    if (rc == -EACCES && s->privs.user[0] != '\0') {
        writer_free(&s->writer);
        errbuf_free(&refused);
        rc = open_writer(s, &refused);
    }
    errbuf_move(err, &refused);
    return rc;
}

int run_open_evidence(struct sensor *s, struct errbuf *err)
{
    const struct config *c = &s->snapshot->config;
    struct evidence_store_options o = {
        .folder = c->evidence_folder,
        .files_max = c->evidence_files,
        .n_producers = s->n_workers > 0 ? s->n_workers : 1,
        .threaded = s->n_workers > 0,
        .may_drop = feeds_are_live(&s->feeds),
    };
    if (o.folder[0] == '\0') {
        return 0;
    }
    privs_put_on(&s->privs);
    int rc = evidence_store_new(&o, &s->evidence, err);
    privs_put_off(&s->privs);
    return rc;
}

static int start_selftest(struct sensor *s, bool tls, struct errbuf *err)
{
    const struct decoy_plan *plan = decoys_plan(s->decoys);
    const struct selftest_needs needs = {
        .spots = plan->spots, .n_spots = plan->n_spots, .tls = tls, .privs = &s->privs};
    int rc = selftest_start(&needs, &s->selftest, err);
    decoys_set_selftest(s->decoys, s->selftest);
    return rc;
}

/* First of all: what is opened later is none of its business. */
int run_start_honeypot(struct sensor *s, struct errbuf *err)
{
    const struct keeper_needs needs = {
        .decoys = s->decoys,
        .privs = &s->privs,
        .sandbox = s->snapshot->config.rights_sandbox,
    };
    if (!s->options->honeypot) {
        return 0;
    }
    bool tls = decoys_tls(s->decoys) != NULL; /* which the keeper takes along */
    int rc = keeper_start(&s->keeper, s->feeds.sources[0], &needs, err);
    return rc == 0 && s->options->selftest ? start_selftest(s, tls, err) : rc;
}

static void stop_by_command(void *ctx)
{
    (void)ctx;
    signals_stop();
}

/* As the user that it will be, who may take it away again. */
int run_open_command(struct sensor *s, struct errbuf *err)
{
    const char *path = s->snapshot->config.command_socket;
    struct command_user user = {
        .ctx = &s->answers, .answer = answers_give, .finish = answers_finish};
    if (path[0] == '\0') {
        return 0;
    }
    privs_put_on(&s->privs);
    int rc = command_open(path, &user, &s->command, err);
    privs_put_off(&s->privs);
    return rc;
}

static void sum_for_answers(void *ctx, struct stats *ret_sum)
{
    run_stats(ctx, ret_sum);
}

static const struct stats *worker_for_answers(void *ctx, size_t i)
{
    const struct worker *w = run_worker(ctx, i);
    return w != NULL ? worker_stats(w) : NULL;
}

static struct exposure *exposure_for_answers(void *ctx)
{
    return run_sum_exposure(ctx);
}

void run_prepare_answers(struct sensor *s, const struct errbuf *failed_rules)
{
    const char *text = errbuf_text(failed_rules);
    (void)sbuf_add_str(&s->failed_rules, text);
    (void)sbuf_add_byte(&s->failed_rules, 0);
    s->answers = (struct answers){
        .config = &s->snapshot->config,
        .memory_limit = s->snapshot->config.memory_limit,
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
        .worker = worker_for_answers,
        .exposure = exposure_for_answers,
        .stop = stop_by_command,
    };
}

int run_give_up_rights(struct sensor *s, struct errbuf *err)
{
    const struct rights_needs needs = {
        .snapshot = s->snapshot,
        .options = s->options,
        .live = feeds_are_live(&s->feeds),
        .listens = s->options->honeypot,
        .more = outputs_rights(&s->snapshot->config) |
                (s->command != NULL || s->metrics != NULL ? SANDBOX_ACCEPT : 0u) |
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

int run_start_workers(struct sensor *s)
{
    struct worker_shared shared = {
        .config = &s->snapshot->config,
        .engine = s->snapshot->engine,
        .geo = s->snapshot->geo,
        .assets = s->snapshot->assets,
        .clients = s->snapshot->clients,
        .writer = s->writer,
        .host = s->host,
        .types = s->types,
        .layouts = outputs_layouts(&s->snapshot->config),
        .n_workers = s->n_workers > 0 ? s->n_workers : 1,
        .evidence = s->evidence,
        .opened_us = volume_is_written(s) ? s->snapshot->config.volume_interval : 0,
        .follows = s->snapshot->config.story_callbacks > 0 &&
                   ((s->types & 1u << EVENT_ALERT) != 0 || s->metrics != NULL),
        .exposes = s->options->exposure != NULL || s->command != NULL,
        .tallies = s->metrics != NULL,
        .redact = &s->redact,
        .decoys = s->decoys,
        .live = feeds_are_live(&s->feeds),
        .inlined = feeds_are_inline(&s->feeds),
        .tighten = (s->walls & SANDBOX_SECCOMP) != 0,
    };
    if (shared.tighten && s->n_workers > 0) {
        s->charsets = charset_hold();
    }
    s->engine = engine_ref(s->snapshot->engine);
    s->reload = reload_new(s->options, feeds_are_live(&s->feeds));
    s->checksums = checksum_policy_new(checksum_mode(s->snapshot->config.capture_checksums));
    shared.checksums = s->checksums;
    struct eve_options eve = {.host = s->host, .line_bytes = s->snapshot->config.output_line};
    s->eve = eve_new(&eve);
    if (s->checksums == NULL || s->eve == NULL || s->reload == NULL) {
        return -ENOMEM;
    }
    int rc = writer_start(s->writer);
    rc = rc == 0 && s->metrics != NULL ? metrics_server_start(s->metrics) : rc;
    rc = rc == 0 && s->evidence != NULL ? evidence_store_start(s->evidence) : rc;
    if (rc == 0 && feeds_are_live(&s->feeds)) {
        rc = patrol_new(&shared, s->feeds.ops, s->feeds.sources, s->feeds.n, &s->patrol);
        if (!outputs_start_threads(&s->snapshot->config)) {
            sandbox_close_door();
        }
    } else if (rc == 0) {
        rc = crew_new(&shared, s->n_workers, s->feeds.sources[0], &s->crew);
    }
    return rc;
}

/* Only of files all of which is there: the source knows their size. */
int run_start_survey(struct sensor *s)
{
    struct source_stats source = {0};
    feeds_stats(&s->feeds, &source);
    if (source.input_size == 0 || !checksum_policy_wants_survey(s->checksums)) {
        return 0;
    }
    s->survey = survey_new(&s->snapshot->config, s->checksums);
    return s->survey == NULL ? -ENOMEM : 0;
}

void run_name_host(struct sensor *s)
{
    const char *configured = s->snapshot->config.host;
    if (configured[0] != '\0') {
        (void)snprintf(s->host, sizeof(s->host), "%s", configured);
    } else if (gethostname(s->host, sizeof(s->host) - 1) != 0) {
        s->host[0] = '\0';
    }
}

void run_close(struct sensor *s)
{
    signals_off();
    command_close(&s->command);
    metrics_server_close(&s->metrics);
    if (s->exposure_fd >= 0) {
        (void)close(s->exposure_fd);
    }
    sbuf_free(&s->failed_rules);
    reload_free(&s->reload);
    crew_free(&s->crew);
    patrol_free(&s->patrol);
    evidence_store_free(&s->evidence);
    charset_release(&s->charsets);
    survey_free(&s->survey);
    engine_unref(&s->engine);
    writer_free(&s->writer);
    geo_cache_free(&s->places);
    checksum_policy_free(&s->checksums);
    eve_free(&s->eve);
    feeds_close(&s->feeds);
    keeper_end(&s->keeper);
    selftest_free(&s->selftest);
    decoys_free(&s->decoys);
}
