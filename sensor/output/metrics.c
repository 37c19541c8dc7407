/* metrics: the text that Prometheus scrapes.
 *
 * https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4): for each family its help
 * and its type, then its samples. Counters end in _total, units are base units (seconds, bytes). No
 * label is an address, a name from traffic or a combination of both. */
#include "sensor/output/metrics.h"

#include "sensor/core/anomaly.h"

#include <inttypes.h>

static const char *const kinds[] = {"counter", "gauge"};
enum { COUNTER, GAUGE };

static void family(struct sbuf *out, const char *name, int kind, const char *help)
{
    sbuf_add_format(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kinds[kind]);
}

static void single(struct sbuf *out, const char *name, int kind, const char *help, uint64_t value)
{
    family(out, name, kind, help);
    sbuf_add_format(out, "%s %" PRIu64 "\n", name, value);
}

/* Microseconds as seconds. */
static void seconds(struct sbuf *out, const char *name, const char *help, uint64_t us)
{
    family(out, name, GAUGE, help);
    sbuf_add_format(out, "%s %" PRIu64 ".%06" PRIu64 "\n", name, us / 1000000, us % 1000000);
}

/* A label's value, with what would end it escaped. Names of interfaces, outputs and databases may
 * hold anything, and one byte that is not UTF-8 costs Prometheus the whole text: what is not plain,
 * and the dollar of a look-up, is told as \xNN. */
static void value_of_label(struct sbuf *out, const char *text)
{
    for (struct span s = span_str(text); s.len > 0; s = span_from(s, 1)) {
        uint8_t c = span_at(s, 0);
        bool opens = c == '$' && span_at(s, 1) == '{';
        if (c < 0x20 || c >= 0x7f || opens) {
            sbuf_add_format(out, "\\\\x%02x", (unsigned)c);
            continue;
        }
        if (c == '\\' || c == '"') {
            sbuf_add_byte(out, '\\');
        }
        sbuf_add_byte(out, c);
    }
}

static void labelled(struct sbuf *out, const char *name, const char *label, const char *value,
                     uint64_t n)
{
    sbuf_add_format(out, "%s{%s=\"", name, label);
    value_of_label(out, value);
    sbuf_add_format(out, "\"} %" PRIu64 "\n", n);
}

static void add_table(struct sbuf *out, const struct stats *s)
{
    static const struct {
        enum stat_id id;
        const char *name;
        int kind;
        const char *help;
    } rows[] = {
#define METRIC(id, name, kind, help) {STAT_##id, name, kind, help},
#include "sensor/output/metrics.def"
#undef METRIC
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        single(out, rows[i].name, rows[i].kind, rows[i].help, stats_get(s, rows[i].id));
    }
}

static void add_lost(struct sbuf *out, const struct stats *s)
{
    const char *name = "jndiwatch_bytes_not_inspected_total";
    family(out, name, COUNTER, "Payload bytes not inspected, by reason.");
    for (unsigned i = 0; i < LOST_N; i++) {
        labelled(out, name, "reason", lost_name((enum lost)i),
                 stats_get(s, (enum stat_id)(STAT_LOST_GAP + i)));
    }
}

static void add_drops(struct sbuf *out, const struct stats *s)
{
    const char *name = "jndiwatch_packets_dropped_total";
    family(out, name, COUNTER, "Packets lost before they were read, by who dropped them.");
    labelled(out, name, "by", "kernel", stats_get(s, STAT_CAPTURE_KERNEL_DROPS));
    labelled(out, name, "by", "interface", stats_get(s, STAT_CAPTURE_KERNEL_IFDROPS));
}

static void add_transactions(struct sbuf *out, const struct stats *s)
{
    static const struct {
        const char *proto;
        enum stat_id flows;
        enum stat_id tx;
    } rows[] = {
        {"http", STAT_APP_FLOW_HTTP, STAT_APP_TX_HTTP},
        {"smtp", STAT_APP_FLOW_SMTP, STAT_APP_TX_SMTP},
        {"dns_tcp", STAT_APP_FLOW_DNS_TCP, STAT_APP_TX_DNS_TCP},
        {"dns_udp", STAT_APP_FLOW_DNS_UDP, STAT_APP_TX_DNS_UDP},
        {"ldap_tcp", STAT_APP_FLOW_LDAP, STAT_APP_TX_LDAP},
        {"tls", STAT_APP_FLOW_TLS, STAT_APP_TX_TLS},
    };
    family(out, "jndiwatch_transactions_total", COUNTER, "Transactions, by protocol.");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        labelled(out, "jndiwatch_transactions_total", "proto", rows[i].proto,
                 stats_get(s, rows[i].tx));
    }
    family(out, "suricata_app_layer_flows_total", COUNTER, "Flows read, by protocol.");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        labelled(out, "suricata_app_layer_flows_total", "app", rows[i].proto,
                 stats_get(s, rows[i].flows));
    }
}

/* --- what was found
 * ------------------------------------------------------------------------------------- */

static const char *field_label(enum field_id field)
{
    return field < FIELD_N ? field_info(field)->name : "other";
}

static void add_dollar_braces(struct sbuf *out, const struct tally *t)
{
    struct tally_row row;
    size_t at = 0;
    family(
        out, "jndiwatch_dollar_brace_total", COUNTER,
        "Dollar and brace, as they are or escaped, in a value: openers of look-ups of any kind.");
    while (tally_next(t, &at, &row)) {
        if (row.kind == TALLY_DOLLAR_BRACE) {
            sbuf_add_format(out,
                            "jndiwatch_dollar_brace_total{proto=\"%s\",field=\"%s\"} %" PRIu64 "\n",
                            row.proto, field_label(row.field), row.n);
        }
    }
}

static void add_attempts(struct sbuf *out, const struct tally *t)
{
    struct tally_row row;
    size_t at = 0;
    family(out, "jndiwatch_jndi_attempts_total", COUNTER,
           "Alerts about look-ups, those that are not told one by one too.");
    while (tally_next(t, &at, &row)) {
        if (row.kind == TALLY_ATTEMPT) {
            sbuf_add_format(out,
                            "jndiwatch_jndi_attempts_total{proto=\"%s\",field=\"%s\",scheme=\"%s\","
                            "class=\"%s\"} %" PRIu64 "\n",
                            row.proto, field_label(row.field), scheme_name(row.scheme),
                            alert_class_name(row.class), row.n);
        }
    }
    single(out, "jndiwatch_jndi_unique_sources", GAUGE,
           "Different clients behind them since the start, about (3 %).", tally_n_sources(t));
}

/* One series for each outcome, of the schemes that reach the network also where it is 0: that is
 * what somebody wants to read. */
static void add_callbacks(struct sbuf *out, const struct story_stats *s)
{
    family(out, "jndiwatch_callbacks_total", COUNTER,
           "What followed attempts, by the scheme of their call-back: steps that a host came "
           "further, and call-backs that were forgotten without one.");
    for (unsigned scheme = 0; scheme < SCHEME_N; scheme++) {
        uint64_t sum = scheme >= SCHEME_LDAP && scheme <= SCHEME_CORBANAME;
        for (unsigned i = 0; i < STORY_OUTCOMES; i++) {
            sum += s->outcomes[scheme][i];
        }
        for (unsigned i = 0; sum != 0 && i < STORY_OUTCOMES; i++) {
            sbuf_add_format(
                out, "jndiwatch_callbacks_total{scheme=\"%s\",outcome=\"%s\"} %" PRIu64 "\n",
                scheme_name((enum scheme)scheme), story_outcome_name(i), s->outcomes[scheme][i]);
        }
    }
}

/* --- what it runs on
 * ------------------------------------------------------------------------------------ */

static void add_ports(struct sbuf *out, const struct metrics *m)
{
    static const struct {
        const char *name;
        const char *help;
        size_t offset;
    } rows[] = {
        {"jndiwatch_interface_packets_total", "Packets of an interface.",
         offsetof(struct source_port, packets)},
        {"jndiwatch_interface_kernel_drops_total", "Packets of it that the kernel dropped.",
         offsetof(struct source_port, kernel_drops)},
        {"jndiwatch_interface_drops_total", "Packets that it dropped itself.",
         offsetof(struct source_port, iface_drops)},
        {"jndiwatch_interface_upstream_lost_bytes_total", "Bytes that never came to it.",
         offsetof(struct source_port, upstream_lost)},
    };
    for (size_t i = 0; m->n_ports > 0 && i < ARRAY_LEN(rows); i++) {
        family(out, rows[i].name, COUNTER, rows[i].help);
        for (size_t k = 0; k < m->n_ports; k++) {
            const void *port = &m->ports[k];
            const uint64_t *value = (const void *)((const char *)port + rows[i].offset);
            labelled(out, rows[i].name, "interface", m->ports[k].name, *value);
        }
    }
    if (m->n_ports > 0) {
        family(out, "jndiwatch_interface_up", GAUGE, "Whether it is captured from.");
    }
    for (size_t k = 0; k < m->n_ports; k++) {
        labelled(out, "jndiwatch_interface_up", "interface", m->ports[k].name, m->ports[k].up);
    }
}

static void add_outputs(struct sbuf *out, const struct metrics *m)
{
    family(out, "jndiwatch_output_written_total", COUNTER, "Events written, by output.");
    for (size_t i = 0; i < m->n_outputs; i++) {
        labelled(out, "jndiwatch_output_written_total", "output", m->outputs[i].name,
                 m->outputs[i].written);
    }
    family(out, "jndiwatch_output_dropped_total", COUNTER, "Events lost, by output.");
    for (size_t i = 0; i < m->n_outputs; i++) {
        labelled(out, "jndiwatch_output_dropped_total", "output", m->outputs[i].name,
                 m->outputs[i].lost);
    }
}

static bool is_first_of_type(const struct metrics *m, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (span_equal(span_str(m->databases[k].type), span_str(m->databases[i].type))) {
            return false;
        }
    }
    return true;
}

/* Two files of one type (addresses of either version) are one series: that of the first. */
static void add_databases(struct sbuf *out, const struct metrics *m)
{
    const char *name = "jndiwatch_geo_db_build_timestamp_seconds";
    family(out, name, GAUGE, "When a geo database was built, by its type.");
    for (size_t i = 0; i < m->n_databases; i++) {
        if (is_first_of_type(m, i)) {
            labelled(out, name, "db", m->databases[i].type, m->databases[i].build_epoch_s);
        }
    }
    name = "jndiwatch_geo_reloads_total";
    family(out, name, COUNTER, "Files of geo databases that were others, by what became of them.");
    labelled(out, name, "result", "used", m->databases_swapped);
    labelled(out, name, "result", "refused", m->databases_refused);
}

static void add_memory(struct sbuf *out, const struct metrics *m)
{
    single(out, "jndiwatch_memory_traffic_bytes", GAUGE,
           "Kept of the traffic; memory.limit bounds it.", stats_get(m->stats, STAT_FLOW_MEMUSE));
    single(out, "jndiwatch_memory_limit_bytes", GAUGE, "memory.limit.", m->memory_limit);
    single(out, "jndiwatch_memory_resident_bytes", GAUGE, "Resident memory of the process.",
           m->memory_resident);
}

/* As suricata_exporter has them: there is one engine. */
static void add_engine(struct sbuf *out, const struct metrics *m)
{
    static const char id[] = "0";
    const char *name = "suricata_detect_engine_rules_loaded";
    family(out, name, GAUGE, "Rules in use.");
    labelled(out, name, "id", id, stats_get(m->stats, STAT_RULES_LOADED));
    name = "suricata_detect_engine_rules_failed";
    family(out, name, GAUGE, "Rules that were not loaded because of a mistake in them.");
    labelled(out, name, "id", id, stats_get(m->stats, STAT_RULES_FAILED));
    name = "suricata_detect_engine_last_reload_timestamp_seconds";
    family(out, name, GAUGE, "When the rules were read.");
    labelled(out, name, "id", id, m->reloaded_us / 1000000);
}

static void add_run(struct sbuf *out, const struct metrics *m)
{
    family(out, "jndiwatch_build_info", GAUGE, "Always 1.");
    labelled(out, "jndiwatch_build_info", "version", m->version, 1);
    seconds(out, "jndiwatch_uptime_seconds", "Since the start.", m->uptime_us);
    seconds(out, "suricata_uptime_seconds", "Since the start.", m->uptime_us);
    seconds(out, "jndiwatch_rules_last_reload_timestamp_seconds", "When the rules were read.",
            m->reloaded_us);
    single(out, "jndiwatch_rules_selftest_passed", GAUGE,
           "Whether the rules in use passed their self-test: others are not put to use.", 1);
    if (m->live) {
        seconds(out, "jndiwatch_packet_lag_seconds",
                "From the newest packet to now: what there is to catch up, or silence.", m->lag_us);
    }
}

bool metrics_write(const struct metrics *m, struct sbuf *out)
{
    add_run(out, m);
    add_engine(out, m);
    add_dollar_braces(out, m->tally);
    add_attempts(out, m->tally);
    single(out, "jndiwatch_jndi_campaigns_active", GAUGE,
           "Campaigns (same call-back and form) with an alert within volume.quiet.", m->campaigns);
    add_callbacks(out, m->stories);
    add_lost(out, m->stats);
    add_drops(out, m->stats);
    add_transactions(out, m->stats);
    add_memory(out, m);
    add_ports(out, m);
    add_outputs(out, m);
    add_databases(out, m);
    add_table(out, m->stats);
    return !out->cut;
}
