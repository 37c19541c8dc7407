/* run_metrics: gathers the figures of a run for who scrapes them.
 *
 * On the loop's thread, a few times a second, when there is a server at all. Workers' counters are
 * read as they stand, without a lock. */
#include "sensor/app/metrics_server.h"
#include "sensor/app/run_parts.h"
#include "sensor/base/clock.h"
#include "sensor/output/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum {
    PUBLISH_US = 200000,
    TEXT_CAP = 4 * 1024 * 1024,
    OUTPUTS_MAX = 32,
    DATABASES_MAX = 16,
    STATM_SIZE = 128
};

int run_check_metrics(const struct config *config, struct errbuf *err)
{
    const char *address = config->metrics_listen;
    if (address[0] == '\0' || metrics_server_is_address(address)) {
        return 0;
    }
    errbuf_add(err, "metrics.listen: '%s' is not an address and a port; example: 127.0.0.1:9917",
               address);
    return -EINVAL;
}

int run_open_metrics(struct sensor *s, struct errbuf *err)
{
    const char *address = s->snapshot->config.metrics_listen;
    return address[0] == '\0' ? 0 : metrics_server_open(address, &s->metrics, err);
}

const struct worker *run_worker(const struct sensor *s, size_t i)
{
    return s->patrol != NULL ? patrol_worker(s->patrol, i) : crew_worker(s->crew, i);
}

static struct tally *sum_tallies(const struct sensor *s)
{
    struct tally *sum = tally_new();
    const struct worker *w;
    for (size_t i = 0; sum != NULL && (w = run_worker(s, i)) != NULL; i++) {
        tally_sum(sum, worker_tally(w));
    }
    return sum;
}

static size_t list_outputs(const struct sensor *s, struct metrics_output ret[OUTPUTS_MAX])
{
    struct outlet_stats o;
    size_t n = 0;
    while (n < OUTPUTS_MAX && writer_output_stats(s->writer, n, &o)) {
        ret[n++] = (struct metrics_output){o.name, o.written, o.lost};
    }
    return n;
}

static size_t list_databases(const struct sensor *s, struct metrics_database ret[DATABASES_MAX])
{
    const struct geo *geo = geo_watch_current(s->snapshot->geo);
    size_t n = geo_n_databases(geo);
    n = n < DATABASES_MAX ? n : DATABASES_MAX;
    for (size_t i = 0; i < n; i++) {
        struct geo_database d = geo_database(geo, i);
        ret[i] = (struct metrics_database){d.type, d.build_epoch_s};
    }
    return n;
}

/* proc_pid_statm(5): its second number, in pages. 0 when it cannot be read. */
static uint64_t resident_bytes(void)
{
    char text[STATM_SIZE];
    uint64_t pages = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    struct span rest = span_of(text, n > 0 ? (size_t)n : 0);
    (void)span_split(&rest, ' ');
    bool good = span_to_u64(span_split(&rest, ' '), &pages);
    return good ? pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

static uint64_t lag_us(const struct sensor *s)
{
    uint64_t newest = s->patrol != NULL ? patrol_clock_us(s->patrol) : 0;
    uint64_t now = clock_wall_us();
    return newest != 0 && now > newest ? now - newest : 0;
}

static void publish(struct sensor *s, const struct tally *tally)
{
    struct stats stats;
    struct writer_stats writer;
    struct source_port ports[SOURCE_PORTS_MAX];
    struct metrics_output outputs[OUTPUTS_MAX];
    struct metrics_database databases[DATABASES_MAX];
    run_stats(s, &stats);
    writer_stats(s->writer, &writer);
    const struct metrics m = {
        .version = JNDIWATCH_VERSION,
        .uptime_us = clock_monotonic_us() - s->started_us,
        .reloaded_us = s->answers.reloaded_us,
        .stats = &stats,
        .tally = tally,
        .campaigns = writer.campaigns,
        .stories = &writer.stories,
        .ports = ports,
        .n_ports = feeds_ports(&s->feeds, s->patrol, ports, ARRAY_LEN(ports)),
        .outputs = outputs,
        .n_outputs = list_outputs(s, outputs),
        .databases = databases,
        .n_databases = list_databases(s, databases),
        .databases_swapped = geo_watch_stats(s->snapshot->geo).swapped,
        .databases_refused = geo_watch_stats(s->snapshot->geo).refused,
        .memory_limit = s->answers.memory_limit,
        .memory_resident = resident_bytes(),
        .live = s->patrol != NULL,
        .lag_us = lag_us(s),
    };
    struct sbuf text = sbuf_with_cap(TEXT_CAP);
    if (metrics_write(&m, &text)) {
        metrics_server_publish(s->metrics, sbuf_span(&text));
    }
    sbuf_free(&text);
}

void run_publish_metrics(struct sensor *s)
{
    uint64_t now = clock_monotonic_us();
    if (s->metrics == NULL || (s->published_us != 0 && now - s->published_us < PUBLISH_US)) {
        return;
    }
    struct tally *tally = sum_tallies(s);
    if (tally != NULL) {
        publish(s, tally);
    }
    tally_free(&tally);
    s->published_us = now;
}
