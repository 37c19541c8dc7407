/* answers: the commands of the socket, from one table.
 *
 * Names, arguments and the shape of the answers are Suricata's, so that suricatasc and what is
 * written against it work; what Suricata's clients know and we do not have is "Unknown command", as
 * in a Suricata without it. */
#include "sensor/app/answers.h"

#include "sensor/app/exposure_print.h"
#include "sensor/base/clock.h"
#include "sensor/codec/jsonread.h"

#include <stdio.h>
#include <string.h>

struct command_row {
    const char *name;
    enum command_answer (*carry_out)(struct answers *a, struct span arguments, struct json *j);
};

/* The string of that name among the arguments, escapes undone, as text. */
static bool argument(struct span arguments, struct span key, char *ret_text, size_t size)
{
    struct jsonread reader = {.text = arguments};
    struct jsonread_member m;
    struct sbuf text = sbuf_with_cap(size - 1);
    bool found = false;
    while (arguments.len > 0 && jsonread_next(&reader, &m)) {
        if (span_equal(m.key, key) && m.kind == JSONREAD_STRING) {
            sbuf_reset(&text);
            jsonread_unescape(m.value, &text);
            found = !text.cut;
        }
    }
    (void)snprintf(ret_text, size, "%.*s", (int)text.len, (const char *)text.data);
    sbuf_free(&text);
    return found;
}

static enum command_answer tell(struct json *j, const char *text)
{
    json_text(j, "message", text);
    return COMMAND_OK;
}

static enum command_answer refuse(struct json *j, const char *text)
{
    json_text(j, "message", text);
    return COMMAND_NOK;
}

static enum command_answer version(struct answers *a, struct span arguments, struct json *j)
{
    (void)a;
    (void)arguments;
    return tell(j, "jndiwatch " JNDIWATCH_VERSION);
}

static enum command_answer uptime(struct answers *a, struct span arguments, struct json *j)
{
    (void)arguments;
    json_number(j, "message", (clock_monotonic_us() - a->started_us) / 1000000);
    return COMMAND_OK;
}

static enum command_answer running_mode(struct answers *a, struct span arguments, struct json *j)
{
    (void)arguments;
    return tell(j, a->patrol != NULL || a->config->workers > 0 ? "workers" : "single");
}

static enum command_answer capture_mode(struct answers *a, struct span arguments, struct json *j)
{
    (void)arguments;
    return tell(j, feeds_are_live(a->feeds) ? "PCAP_DEV" : "PCAP_FILE");
}

static enum command_answer iface_list(struct answers *a, struct span arguments, struct json *j)
{
    struct source_port ports[SOURCE_PORTS_MAX];
    size_t n = feeds_ports(a->feeds, a->patrol, ports, ARRAY_LEN(ports));
    (void)arguments;
    json_object(j, "message");
    json_number(j, "count", n);
    json_array(j, "ifaces");
    for (size_t i = 0; i < n; i++) {
        json_text(j, NULL, ports[i].name);
    }
    json_array_end(j);
    json_object_end(j);
    return COMMAND_OK;
}

static enum command_answer iface_stat(struct answers *a, struct span arguments, struct json *j)
{
    char name[256];
    struct source_port ports[SOURCE_PORTS_MAX];
    size_t n = feeds_ports(a->feeds, a->patrol, ports, ARRAY_LEN(ports));
    if (!argument(arguments, SPAN("iface"), name, sizeof(name))) {
        return refuse(j, "Invalid argument: iface is a string");
    }
    for (size_t i = 0; i < n; i++) {
        if (strcmp(ports[i].name, name) == 0) {
            json_object(j, "message");
            json_number(j, "pkts", ports[i].packets);
            json_number(j, "drop", ports[i].kernel_drops);
            json_number(j, "iface-drop", ports[i].iface_drops);
            json_number(j, "upstream-lost-bytes", ports[i].upstream_lost);
            json_number(j, "bypassed", 0);
            json_bool(j, "up", ports[i].up);
            json_object_end(j);
            return COMMAND_OK;
        }
    }
    return refuse(j, "Iface does not exist");
}

/* "W#01" …, as Suricata names those that read packets. */
static void add_threads(struct json *j, const struct answers *a)
{
    const struct stats *stats;
    json_object(j, "threads");
    for (size_t i = 0; (stats = a->worker(a->ctx, i)) != NULL; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), "W#%02zu", i + 1);
        eve_add_thread(j, name, stats);
    }
    json_object_end(j);
}

static enum command_answer dump_counters(struct answers *a, struct span arguments, struct json *j)
{
    struct stats sum;
    struct source_port ports[SOURCE_PORTS_MAX];
    const struct eve_rules rules = {.reloaded_us = a->reloaded_us,
                                    .n_loaded = engine_n_loaded(a->engine),
                                    .n_failed = engine_n_failed(a->engine)};
    (void)arguments;
    a->sum(a->ctx, &sum);
    const struct eve_sums sums = {
        .uptime_s = (clock_monotonic_us() - a->started_us) / 1000000,
        .stats = &sum,
        .ports = ports,
        .n_ports = feeds_ports(a->feeds, a->patrol, ports, ARRAY_LEN(ports)),
        .rules = &rules,
    };
    json_object(j, "message");
    eve_add_counters(j, &sums);
    add_threads(j, a);
    json_object_end(j);
    return COMMAND_OK;
}

static enum command_answer reopen(struct answers *a, struct span arguments, struct json *j)
{
    (void)arguments;
    writer_reopen(a->writer);
    return tell(j, "done");
}

static enum command_answer reload(struct answers *a, struct span arguments, struct json *j)
{
    (void)arguments;
    (void)j;
    reload_ask(a->reload);
    return COMMAND_LATER;
}

static enum command_answer reload_nonblocking(struct answers *a, struct span arguments,
                                              struct json *j)
{
    (void)arguments;
    reload_ask(a->reload);
    return tell(j, "Reloading ruleset");
}

static enum command_answer reload_time(struct answers *a, struct span arguments, struct json *j)
{
    char text[CLOCK_TEXT_SIZE];
    (void)arguments;
    clock_format(a->reloaded_us, text, sizeof(text));
    json_array(j, "message");
    json_object(j, NULL);
    json_number(j, "id", 0);
    json_text(j, "last_reload", text);
    json_object_end(j);
    json_array_end(j);
    return COMMAND_OK;
}

static enum command_answer ruleset_stats(struct answers *a, struct span arguments, struct json *j)
{
    const struct eve_rules rules = {.n_loaded = engine_n_loaded(a->engine),
                                    .n_failed = engine_n_failed(a->engine)};
    (void)arguments;
    eve_add_rules(j, "message", &rules);
    return COMMAND_OK;
}

/* "FILE:LINE: why" */
static void add_failed_rule(struct json *j, struct span line)
{
    uint64_t number = 0;
    size_t name_end = span_find_byte(line, 0, ':');
    struct span rest = name_end == SPAN_NONE ? line : span_from(line, name_end + 1);
    size_t number_end = span_find_byte(rest, 0, ':');
    bool placed = number_end != SPAN_NONE && span_to_u64(span_head(rest, number_end), &number);
    json_object(j, NULL);
    json_number(j, "tenant_id", 0);
    if (placed) {
        json_string(j, "filename", span_head(line, name_end));
        json_number(j, "line", number);
        json_string(j, "error", span_trim(span_from(rest, number_end + 1)));
    } else {
        json_string(j, "error", line);
    }
    json_object_end(j);
}

static enum command_answer failed_rules(struct answers *a, struct span arguments, struct json *j)
{
    struct span rest = span_str(a->failed_rules);
    (void)arguments;
    json_array(j, "message");
    while (rest.len > 0) {
        size_t end = span_find_byte(rest, 0, '\n');
        struct span line = span_head(rest, end);
        rest = end == SPAN_NONE ? (struct span){0} : span_from(rest, end + 1);
        add_failed_rule(j, line);
    }
    json_array_end(j);
    return COMMAND_OK;
}

/* "256mb" */
static void add_memcap(struct json *j, const char *name, uint64_t bytes)
{
    char text[32];
    bool whole = bytes % (1024 * 1024) == 0;
    (void)snprintf(text, sizeof(text), "%llu%s",
                   (unsigned long long)(whole ? bytes / (1024 * 1024) : bytes / 1024),
                   whole ? "mb" : "kb");
    json_object(j, NULL);
    json_text(j, "name", name);
    json_text(j, "value", text);
    json_object_end(j);
}

static enum command_answer memcap_list(struct answers *a, struct span arguments, struct json *j)
{
    (void)arguments;
    json_array(j, "message");
    add_memcap(j, "memory.limit", a->config->memory_limit);
    add_memcap(j, "fragments.memory", a->config->fragment_memory);
    add_memcap(j, "stream.pending", a->config->stream_pending);
    json_array_end(j);
    return COMMAND_OK;
}

/* What fits an answer; --exposure has all. */
enum { HOSTS_TOLD = 128, CAMPAIGNS_TOLD = 256 };

static enum command_answer print_exposure(struct answers *a, struct json *j, size_t most,
                                          bool (*print)(struct json *j, const struct exposure *e,
                                                        size_t most))
{
    struct exposure *sum = a->exposure(a->ctx);
    json_object(j, "message");
    bool good = sum != NULL && print(j, sum, most);
    json_object_end(j);
    exposure_free(&sum);
    return good ? COMMAND_OK : COMMAND_NOK;
}

static enum command_answer exposure(struct answers *a, struct span arguments, struct json *j)
{
    (void)arguments;
    return print_exposure(a, j, HOSTS_TOLD, exposure_print);
}

static enum command_answer campaigns(struct answers *a, struct span arguments, struct json *j)
{
    (void)arguments;
    return print_exposure(a, j, CAMPAIGNS_TOLD, exposure_print_campaigns);
}

static enum command_answer shut_down(struct answers *a, struct span arguments, struct json *j)
{
    (void)arguments;
    a->stop(a->ctx);
    return tell(j, "Closing jndiwatch");
}

static enum command_answer command_list(struct answers *a, struct span arguments, struct json *j);

static const struct command_row rows[] = {
    {"command-list", command_list},
    {"help", command_list},
    {"version", version},
    {"uptime", uptime},
    {"running-mode", running_mode},
    {"capture-mode", capture_mode},
    {"iface-list", iface_list},
    {"iface-stat", iface_stat},
    {"dump-counters", dump_counters},
    {"reopen-log-files", reopen},
    {"reload-rules", reload},
    {"ruleset-reload-rules", reload},
    {"ruleset-reload-nonblocking", reload_nonblocking},
    {"ruleset-reload-time", reload_time},
    {"ruleset-stats", ruleset_stats},
    {"ruleset-failed-rules", failed_rules},
    {"memcap-list", memcap_list},
    {"exposure", exposure},
    {"campaigns", campaigns},
    {"shutdown", shut_down},
};

static enum command_answer command_list(struct answers *a, struct span arguments, struct json *j)
{
    (void)a;
    (void)arguments;
    json_object(j, "message");
    json_number(j, "count", ARRAY_LEN(rows));
    json_array(j, "commands");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        json_text(j, NULL, rows[i].name);
    }
    json_array_end(j);
    json_object_end(j);
    return COMMAND_OK;
}

enum command_answer answers_give(void *ctx, struct span name, struct span arguments, struct json *j)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (span_equal(span_str(rows[i].name), name)) {
            return rows[i].carry_out(ctx, arguments, j);
        }
    }
    return COMMAND_UNKNOWN;
}
