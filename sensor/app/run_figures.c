/* run_figures: what a run counts, and the stats events.
 *
 * Figures of workers, source, outputs and honeypot are put together here alone, so that events,
 * the command socket and the sum at the end tell the same. */
#include "sensor/app/run_parts.h"
#include "sensor/base/log.h"

enum { FIGURES_MAX = 64 };

static unsigned stats_producer(const struct sensor *s)
{
    return s->n_workers > 0 ? s->n_workers : 1;
}

void run_worker_stats(struct sensor *s, struct stats *ret)
{
    if (s->patrol != NULL) {
        patrol_stats(s->patrol, ret);
    } else {
        crew_stats(s->crew, ret);
    }
}

void run_stats(struct sensor *s, struct stats *ret)
{
    struct source_stats source = {0};
    struct writer_stats writer = {0};
    run_worker_stats(s, ret);
    feeds_stats(&s->feeds, &source);
    writer_stats(s->writer, &writer);
    stats_set(ret, STAT_CAPTURE_KERNEL_PACKETS, source.packets);
    stats_set(ret, STAT_CAPTURE_KERNEL_DROPS, source.kernel_drops);
    stats_set(ret, STAT_CAPTURE_KERNEL_IFDROPS, source.iface_drops);
    stats_set(ret, STAT_CAPTURE_ERRORS, source.errors);
    if (s->keeper.pid > 0) {
        source_decoy_add_stats(s->feeds.sources[0], ret);
        stats_set(ret, STAT_DECOY_RESTARTS, s->n_restarts);
    }
    stats_set(ret, STAT_EVIDENCE_LOST, s->evidence != NULL ? evidence_store_lost(s->evidence) : 0);
    stats_set(ret, STAT_GEO_ERRORS,
              stats_get(ret, STAT_GEO_ERRORS) + stats_get(&s->writer_stats, STAT_GEO_ERRORS));
    stats_set(ret, STAT_RULES_LOADED, engine_n_loaded(s->engine));
    stats_set(ret, STAT_RULES_FAILED, engine_n_failed(s->engine));
    stats_set(ret, STAT_ALERTS_SUPPRESSED, writer.suppressed + writer.rolled_up);
    stats_set(ret, STAT_ALERT, stats_get(ret, STAT_ALERT) + story_n_steps(&writer.stories));
    stats_set(ret, STAT_STORY_WATCHED, writer.stories.watched);
    stats_set(ret, STAT_STORY_EVICTED, writer.stories.evicted);
    stats_set(ret, STAT_SIGHTINGS_LOST,
              stats_get(ret, STAT_SIGHTINGS_LOST) + writer.sightings_lost);
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

void run_put_stats(struct sensor *s, uint64_t clock_us)
{
    struct stats sum;
    if ((s->types & (1u << EVENT_STATS)) == 0) {
        return;
    }
    run_stats(s, &sum);
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

void run_tell_restarts(struct sensor *s, uint64_t clock_us)
{
    unsigned n = s->keeper.pid > 0 ? source_decoy_take_restarts(s->feeds.sources[0]) : 0;
    for (unsigned i = 0; i < n; i++) {
        s->n_restarts++;
        log_warning("the honeypot's listening process ended, and was started anew");
        struct event *event = NULL;
        if ((s->types & (1u << EVENT_ANOMALY)) != 0) {
            event = eve_own_anomaly(s->eve, clock_us, ANOMALY_DECOY_RESTARTED);
            s->n_unmade += event == NULL;
        }
        if (event != NULL) {
            writer_put(s->writer, stats_producer(s), event);
        }
    }
}

/* stats stand at whole intervals of packet time; after a pause there is one, not one for each
 * interval that passed. */
void run_stats_until(struct sensor *s, uint64_t clock_us)
{
    if (s->first_us == 0) {
        s->first_us = clock_us;
        s->next_stats_us = clock_us + s->snapshot->config.output_stats_interval;
    }
    if (clock_us >= s->next_stats_us) {
        run_put_stats(s, clock_us);
        s->next_stats_us = clock_us + s->snapshot->config.output_stats_interval;
    }
    writer_advance(s->writer, stats_producer(s), clock_us);
}

void run_stats_wait(struct sensor *s)
{
    writer_advance_flow(s->writer, stats_producer(s), s->clock_us, UINT64_MAX);
}
