/* worker: decode, flow, pipeline, in this order, for one packet after the other.
 *
 * memory.limit holds for all workers together; each gets its share, for all that it takes from the
 * heap while it works: flows, held segments, fragments, decoders and what they keep, windows of
 * bodies, transactions, findings. When that passes it, flows are closed, idle and half-open ones
 * first, until it fits. */
#include "sensor/app/worker.h"

#include "sensor/app/ahead.h"
#include "sensor/app/evidence.h"
#include "sensor/base/check.h"
#include "sensor/base/mem.h"

#include <string.h>

/* Parts of a worker's memory that one kind of thing may take at most. */
enum { SHARE_OF_BODIES = 4, SHARE_OF_FRAGMENTS = 4 };
/* Holes are given back when a part of the limit as large as this was evicted. */
enum { TRIM_PART = 16 };
#define NEVER_US ((uint64_t)365 * 86400 * 1000000)

struct worker {
    struct stats stats;
    struct tally *tally;       /* NULL: nobody wants it */
    struct exposure *exposure; /* NULL: nobody wants it */
    struct opened opened;
    struct report report;
    struct pipeline *pipeline;
    struct packet_decoder *decoder;
    struct evidence *evidence; /* NULL: none is kept */
    struct flow_table *flows;
    struct ahead ahead;
    struct gatekeeper *gatekeeper; /* inline */
    bool memory_closed;
    struct budget budget;
    size_t memory_limit;
    size_t evicted; /* bytes, since holes were given back */
    bool started;   /* the budget counts from the first packet on, on the thread that works */
};

static void on_packet_anomaly(void *ctx, const struct packet *packet, const struct headers *headers,
                              enum anomaly anomaly)
{
    struct worker *w = ctx;
    report_packet_anomaly(&w->report, packet, headers, anomaly);
}

static bool make_report(struct worker *w, const struct worker_shared *shared, unsigned number)
{
    struct eve_options options = {
        .host = shared->host,
        .line_bytes = shared->config->output_line,
        .layouts = shared->layouts,
        .redact = shared->redact,
        .evidence_folder = shared->evidence != NULL ? shared->config->evidence_folder : NULL,
    };
    w->report = (struct report){
        .eve = eve_new(&options),
        .geo = geo_cache_new_watching(shared->geo, &w->stats),
        .clients = shared->clients,
        .writer = shared->writer,
        .producer = number,
        .types = shared->types,
        .stats = &w->stats,
        .tally = w->tally,
        .exposure = w->exposure,
        .opened = shared->opened_us > 0 ? &w->opened : NULL,
    };
    w->opened.interval_us = shared->opened_us;
    if (w->report.geo != NULL) {
        geo_cache_name(w->report.geo, shared->assets);
    }
    return w->report.eve != NULL && w->report.geo != NULL;
}

static struct guard guard_of(const struct worker_shared *shared)
{
    bool rules_block = engine_blocks(shared->engine);
    return shared->inlined ? gatekeeper_guard(shared->config, rules_block)
                           : (struct guard){.on = false};
}

static void on_sighting(void *ctx, const struct sighting *sighting)
{
    const struct worker *w = ctx;
    report_sighting(&w->report, sighting);
}

static bool make_pipeline(struct worker *w, const struct worker_shared *shared)
{
    const struct config *c = shared->config;
    struct pipeline_options options = {
        .report = w->report,
        .evidence = w->evidence,
        .decoys = shared->decoys,
        .engine = shared->engine,
        .detect = detect_limits_default(),
        .limits =
            {
                .line_bytes = c->limit_line,
                .head_bytes = c->limit_head,
                .inflate_bytes = c->limit_inflate,
                .inflate_ratio = c->limit_ratio,
                .encoding_depth = (unsigned)c->limit_encodings,
                .mime_depth = (unsigned)c->limit_mime_depth,
                .open_tx = (unsigned)c->limit_open_tx,
                .skip_responses = strcmp(c->inspect_responses, "headers") == 0,
            },
        .kept_field_bytes = c->limit_field,
        .kept_tx_bytes = c->limit_tx,
        .file_hash = strcmp(c->output_file_hash, "none") == 0 ? NULL : c->output_file_hash,
    };
    size_t share = c->memory_limit / shared->n_workers;
    if (shared->follows) {
        options.sightings = (struct sighting_user){on_sighting, w};
    }
    if (shared->inlined) {
        options.block = (struct pipeline_block){
            .enforces = true,
            .classes = gatekeeper_classes(c),
            .verdict = gatekeeper_verdict(c),
        };
    }
    options.detect.body_before = c->limit_body;
    options.detect.body_memory = share / SHARE_OF_BODIES;
    w->pipeline = pipeline_new(&options);
    return w->pipeline != NULL;
}

static bool make_evidence(struct worker *w, const struct worker_shared *shared, unsigned number)
{
    const struct config *c = shared->config;
    struct evidence_options options = {
        .store = shared->evidence,
        .producer = number,
        .recent = c->evidence_recent / shared->n_workers,
        .file_bytes = c->evidence_file,
    };
    w->evidence = shared->evidence != NULL ? evidence_new(&options) : NULL;
    return shared->evidence == NULL || w->evidence != NULL;
}

static bool make_decoder(struct worker *w, const struct worker_shared *shared)
{
    const struct config *c = shared->config;
    size_t share = c->memory_limit / shared->n_workers;
    size_t fragments = c->fragment_memory / shared->n_workers;
    struct packet_options options = {
        .stats = &w->stats,
        .user = {on_packet_anomaly, w},
        .checksums = shared->checksums,
        .max_layers = (unsigned)c->capture_layers,
        .fragment_bytes =
            fragments < share / SHARE_OF_FRAGMENTS ? fragments : share / SHARE_OF_FRAGMENTS,
        .fragment_timeout_us = c->fragment_timeout,
    };
    return hash_key_random(&options.key) == 0 && packet_decoder_new(&options, &w->decoder) == 0;
}

static bool make_flows(struct worker *w, const struct worker_shared *shared)
{
    const struct config *c = shared->config;
    struct hash_key key;
    struct flow_limits limits = {
        .flows = c->flow_max / shared->n_workers,
        .memory = c->memory_limit / shared->n_workers,
        .budget = &w->budget,
        .any_vlan = !c->vlan_tracking,
        .held = c->stream_pending,
        .past = c->stream_compared,
        .tcp_new_us = c->flow_timeout_tcp_new,
        .tcp_us = c->flow_timeout_tcp,
        .tcp_closed_us = c->flow_timeout_tcp_closed,
        .tcp_finished_us = c->flow_timeout_tcp_finished,
        .udp_us = c->flow_timeout_udp,
        .other_us = c->flow_timeout_other,
        .hole_us = c->stream_hole_timeout,
        .skew_us = c->stream_skew,
        .appid_packets = (unsigned)c->ndpi_packets,
        .appid_at_once = shared->live,
    };
    limits.guard = guard_of(shared);
    if (limits.guard.on) {
        limits.hole_us = NEVER_US; /* what fills it must pass here */
        limits.skew_us = 0;        /* and an ACK comes after what it is of */
    }
    if (hash_key_random(&key) != 0) {
        return false;
    }
    w->memory_closed = limits.guard.memory_closed;
    w->memory_limit = limits.memory;
    w->flows = flow_table_new(&limits, pipeline_user(w->pipeline), &w->stats, &key);
    return w->flows != NULL;
}

static bool make_gatekeeper(struct worker *w, const struct worker_shared *shared)
{
    w->gatekeeper = shared->inlined ? gatekeeper_new(shared->config, &w->report) : NULL;
    return w->gatekeeper != NULL || !shared->inlined;
}

/* What is counted when somebody asks. */
static bool make_counts(struct worker *w, const struct worker_shared *shared)
{
    const struct exposure_limits limits = {shared->config->exposure_hosts,
                                           shared->config->exposure_campaigns};
    w->tally = shared->tallies ? tally_new() : NULL;
    w->exposure = shared->exposes ? exposure_new(&limits) : NULL;
    return (w->tally != NULL || !shared->tallies) && (w->exposure != NULL || !shared->exposes);
}

struct worker *worker_new(const struct worker_shared *shared, unsigned number)
{
    struct worker *w = mem_alloc(sizeof(*w));
    if (w == NULL) {
        return NULL;
    }
    if (!make_counts(w, shared) || !make_report(w, shared, number) ||
        !make_evidence(w, shared, number) || !make_pipeline(w, shared) ||
        !make_decoder(w, shared) || !make_flows(w, shared) || !make_gatekeeper(w, shared)) {
        worker_free(&w);
    }
    return w;
}

void worker_free(struct worker **w)
{
    if (*w == NULL) {
        return;
    }
    flow_table_free(&(*w)->flows);
    gatekeeper_free(&(*w)->gatekeeper);
    packet_decoder_free(&(*w)->decoder);
    pipeline_free(&(*w)->pipeline);
    evidence_free(&(*w)->evidence);
    geo_cache_free(&(*w)->report.geo);
    eve_free(&(*w)->report.eve);
    tally_free(&(*w)->tally);
    exposure_free(&(*w)->exposure);
    mem_free(*w);
    *w = NULL;
}

/* What is evicted leaves holes between what stays; they go back to the system now and then, or the
 * process would hold more than it uses. */
static void keep_within_memory(struct worker *w)
{
    size_t before = budget_used(&w->budget);
    if (budget_lacks(&w->budget, 0)) {
        pipeline_trim(w->pipeline);
    }
    while (budget_lacks(&w->budget, 0) && flow_table_evict(w->flows)) {
    }
    w->evicted += before - budget_used(&w->budget);
    if (w->evicted > w->memory_limit / TRIM_PART) {
        w->evicted = 0;
        mem_trim();
    }
}

static void start(struct worker *w)
{
    if (!w->started) {
        budget_start(&w->budget, w->memory_limit);
        w->started = true;
    }
}

/* Fragments may be read otherwise; when the first reading was refused (for its checksum), the next
 * one is what a receiver would have put together. DECODE_DONE as long as there is one. */
static enum decode_result next_reading(struct worker *w, struct headers *headers)
{
    bool more = headers->reassembled && packet_alternate(w->decoder, headers);
    return more ? DECODE_DONE : DECODE_REFUSED;
}

/* Inline: the ruling with the headers it goes by, as they were when it was made. */
struct sentence {
    struct ruling ruling;
    struct headers headers;
};

static void note(const struct worker *w, const struct headers *h, struct ruling *r,
                 struct sentence *ret)
{
    if (w->gatekeeper != NULL && r->verdict > ret->ruling.verdict) {
        ret->ruling = *r;
        ret->headers = *h;
    }
}

/* A fragment for which there was no memory: its datagram would not be inspected. */
static void refuse_lost(const struct worker *w, uint64_t lost_before, struct ruling *r)
{
    if (w->memory_closed && stats_get(&w->stats, STAT_REFUSED_MEMORY) > lost_before &&
        r->verdict == VERDICT_PASS) {
        *r = (struct ruling){.verdict = VERDICT_DROP, .reason = DROP_DEFRAG_MEMORY};
    }
}

enum verdict worker_packet(struct worker *w, const struct packet *packet, const char *iface)
{
    struct sentence sentence; /* its headers are set with a ruling that wants them */
    struct ruling ruling = {.verdict = VERDICT_PASS};
    struct headers headers;
    sentence.ruling = ruling;
    const struct glance *glance = ahead_next(&w->ahead);
    start(w);
    flow_table_expire(w->flows, packet->clock_us);
    pipeline_advance(w->pipeline, packet->clock_us);
    uint64_t lost = stats_get(&w->stats, STAT_REFUSED_MEMORY);
    enum decode_result result = packet_decode(w->decoder, packet, &headers);
    do {
        if (w->evidence != NULL) {
            evidence_packet(w->evidence, packet, &headers, result);
        }
        if (result != DECODE_DONE) {
            result = next_reading(w, &headers);
        }
        if (result == DECODE_DONE) {
            ahead_recall(glance, &headers);
            flow_table_packet(w->flows, packet, &headers, iface, &ruling);
            note(w, &headers, &ruling, &sentence);
        }
        while (next_reading(w, &headers) == DECODE_DONE) {
            flow_table_alternate(w->flows, packet, &headers, iface, &ruling);
            note(w, &headers, &ruling, &sentence);
        }
    } while (packet_next(w->decoder, &headers, &result));
    refuse_lost(w, lost, &sentence.ruling);
    if (w->gatekeeper != NULL) {
        gatekeeper_rule(w->gatekeeper, &sentence.ruling, &sentence.headers);
    }
    keep_within_memory(w);
    return sentence.ruling.verdict;
}

void worker_ahead(struct worker *w, const struct packet *packets, size_t n)
{
    ahead_batch(&w->ahead, w->flows, packets, n);
}

size_t worker_replies(const struct worker *w, const struct reply **ret_replies)
{
    return w->gatekeeper != NULL ? gatekeeper_replies(w->gatekeeper, ret_replies) : 0;
}

int worker_use(struct worker *w, struct engine *engine)
{
    return pipeline_use(w->pipeline, engine);
}

void worker_advance(struct worker *w, uint64_t clock_us)
{
    flow_table_expire(w->flows, clock_us);
    pipeline_advance(w->pipeline, clock_us);
    report_opened_until(&w->report, clock_us);
    writer_advance(w->report.writer, w->report.producer, clock_us);
}

void worker_finish(struct worker *w, uint64_t clock_us)
{
    worker_advance(w, clock_us);
    pipeline_ends(w->pipeline);
    flow_table_finish(w->flows, clock_us);
    pipeline_advance(w->pipeline, UINT64_MAX);
    report_opened_end(&w->report, clock_us);
    writer_advance(w->report.writer, w->report.producer, UINT64_MAX);
}

void worker_gauge(struct worker *w)
{
    stats_set(&w->stats, STAT_FLOW_ACTIVE, flow_table_n(w->flows));
    stats_set(&w->stats, STAT_FLOW_MEMUSE, w->started ? budget_used(&w->budget) : 0);
}

void worker_limit_memory(struct worker *w, size_t share)
{
    w->memory_limit = share;
    w->budget.limit = share;
    flow_table_set_memory(w->flows, share);
}

bool worker_seek_flow(const struct worker *w, struct flow_search *search)
{
    return flow_table_seek(w->flows, search);
}

struct exposure *worker_exposure(const struct worker *w)
{
    return w->exposure;
}

const struct tally *worker_tally(const struct worker *w)
{
    return w->tally;
}

const struct stats *worker_stats(const struct worker *w)
{
    return &w->stats;
}

uint64_t worker_upstream_lost(const struct worker *w, const char *iface)
{
    return flow_table_upstream_lost(w->flows, iface);
}
