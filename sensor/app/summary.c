/* summary: what the operator reads when a run is over.
 *
 * A few lines: what was seen and found, what could not be inspected and why, what followed attempts
 * and was held back, if anything, and where the events are. Every packet and every transaction is
 * accounted for, and the sum is checked here each time. */
#include "sensor/app/summary.h"

#include "sensor/base/log.h"
#include "sensor/base/sbuf.h"
#include "sensor/core/anomaly.h"

#include <inttypes.h>
#include <stdio.h>

static uint64_t n(const struct stats *s, enum stat_id id)
{
    return stats_get(s, id);
}

enum { NAME_CAP = 4096 };

/* A name that anybody may have chosen, for the terminal. */
static const char *plain(const char *name, char text[NAME_CAP])
{
    (void)snprintf(text, NAME_CAP, "%s", name);
    log_plain(text);
    return text;
}

bool summary_adds_up(const struct stats *s)
{
    uint64_t refused = n(s, STAT_REFUSED_LINK_TYPE) + n(s, STAT_REFUSED_TRUNCATED) +
                       n(s, STAT_REFUSED_HEADER) + n(s, STAT_REFUSED_CHECKSUM) +
                       n(s, STAT_REFUSED_LAYERS) + n(s, STAT_REFUSED_MEMORY) +
                       n(s, STAT_REFUSED_EMPTY);
    uint64_t packets = n(s, STAT_PACKETS_DECODED) + n(s, STAT_PACKETS_FRAGMENTS) +
                       n(s, STAT_PACKETS_NOT_IP) + refused;
    return packets == n(s, STAT_DECODER_PKTS) &&
           n(s, STAT_TX_BEGUN) == n(s, STAT_TX_WRITTEN) + n(s, STAT_TX_LOST);
}

/* "1.2 GB" */
static const char *size_text(uint64_t bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    double value = (double)bytes;
    size_t unit = 0;
    while (value >= 1000 && unit + 1 < ARRAY_LEN(units)) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(text, size, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
    return text;
}

void summary_progress(const struct source_stats *source, const struct stats *stats,
                      uint64_t elapsed_us)
{
    char done[32];
    char whole[32] = "?";
    double seconds = (double)(elapsed_us > 0 ? elapsed_us : 1) / 1e6;
    if (source->input_size > 0) {
        (void)size_text(source->input_size, whole, sizeof(whole));
    }
    fprintf(stderr, "\r%s of %s, %.2f Gbit/s, %" PRIu64 " alerts \033[K",
            size_text(source->input_bytes, done, sizeof(done)), whole,
            (double)source->bytes * 8 / seconds / 1e9, n(stats, STAT_ALERT));
    fflush(stderr);
}

/* All payload there was, as far as is known: what came, and what did not. */
static uint64_t payload_of(const struct stats *s)
{
    return n(s, STAT_PAYLOAD_BYTES) + n(s, STAT_LOST_GAP) + n(s, STAT_LOST_SNAPLEN) +
           n(s, STAT_LOST_KERNEL_DROP);
}

static void say_lost(const struct stats *s)
{
    struct sbuf line = sbuf_with_cap(1024);
    uint64_t lost = 0;
    for (unsigned i = 0; i < LOST_N; i++) {
        uint64_t bytes = n(s, (enum stat_id)(STAT_LOST_GAP + i));
        lost += bytes;
        if (bytes > 0) {
            char text[32];
            sbuf_add_format(&line, "%s%s %s", line.len > 0 ? ", " : "", lost_name((enum lost)i),
                            size_text(bytes, text, sizeof(text)));
        }
    }
    uint64_t payload = payload_of(s);
    if (lost == 0) {
        fprintf(stderr, "Not inspected: nothing.\n");
    } else {
        fprintf(stderr, "Not inspected: %.*s (%.1f %% of the payload).\n", (int)line.len,
                (const char *)line.data,
                100.0 * (double)lost / (double)(lost > payload ? lost : payload));
    }
    sbuf_free(&line);
}

/* "12 events in eve.json, 3 in redis." */
static void say_outputs(const struct writer *writer)
{
    struct outlet_stats o;
    char target[NAME_CAP];
    for (size_t i = 0; writer_output_stats(writer, i, &o); i++) {
        fprintf(stderr, "%s%" PRIu64 "%s in %s", i > 0 ? ", " : "", o.written,
                i == 0 ? " events" : "", plain(o.target, target));
    }
    fprintf(stderr, ".\n");
}

/* "Attempts that something followed: 2 resolved, 1 called_back." */
static void say_followed(const struct story_stats *stories)
{
    const char *before = "Attempts that something followed: ";
    for (unsigned stage = STAGE_ATTEMPT + 1; stage < STAGE_N; stage++) {
        uint64_t n_steps = story_n_stage(stories, (enum stage)stage);
        if (n_steps > 0) {
            fprintf(stderr, "%s%" PRIu64 " %s", before, n_steps, stage_name((enum stage)stage));
            before = ", ";
        }
    }
    if (story_n_steps(stories) > 0) {
        fprintf(stderr, ".\n");
    }
}

void summary_say(const struct stats *s, const struct writer *writer, uint64_t elapsed_us)
{
    char bytes[32];
    fprintf(stderr,
            "%" PRIu64 " packets (%s), %" PRIu64 " flows, %" PRIu64 " HTTP and %" PRIu64
            " SMTP transactions in %.2f s: %" PRIu64 " alerts (%" PRIu64 " attack, %" PRIu64
            " conditional, %" PRIu64 " attempt).\n",
            n(s, STAT_DECODER_PKTS), size_text(n(s, STAT_DECODER_BYTES), bytes, sizeof(bytes)),
            n(s, STAT_FLOW_TOTAL), n(s, STAT_APP_TX_HTTP), n(s, STAT_APP_TX_SMTP),
            (double)elapsed_us / 1e6, n(s, STAT_ALERT), n(s, STAT_ALERT_ATTACK),
            n(s, STAT_ALERT_CONDITIONAL), n(s, STAT_ALERT_ATTEMPT));
    say_lost(s);
    struct writer_stats written;
    writer_stats(writer, &written);
    say_followed(&written.stories);
    if (written.suppressed > 0) {
        fprintf(stderr, "Held back by thresholds of their rules: %" PRIu64 " alerts.\n",
                written.suppressed);
    }
    if (written.rolled_up > 0) {
        fprintf(stderr, "Repeats told by roll-ups alone: %" PRIu64 " alerts.\n", written.rolled_up);
    }
    say_outputs(writer);
}

void summary_ports(const struct source_port *ports, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct source_port *p = &ports[i];
        char lost[32];
        char name[NAME_CAP];
        fprintf(stderr,
                "%s: %" PRIu64 " packets; lost: %" PRIu64 " by the kernel, %" PRIu64
                " by the interface, %s before it.\n",
                plain(p->name, name), p->packets, p->kernel_drops, p->iface_drops,
                size_text(p->upstream_lost, lost, sizeof(lost)));
    }
}
