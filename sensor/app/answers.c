/* answers: the commands of the socket, from one table.
 *
 * Names, arguments and the shape of the answers are Suricata's, so that suricatasc and what is
 * written against it work; what Suricata's clients know and we do not have is "Unknown command", as
 * in a Suricata without it. */
#include "sensor/app/answers.h"

#include "sensor/app/exposure_print.h"
#include "sensor/app/snapshot.h"
#include "sensor/base/bytes.h"
#include "sensor/base/clock.h"
#include "sensor/codec/jsonread.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_CAP = 64 * 1024 };

struct command_row {
    const char *name;
    enum command_answer (*carry_out)(struct answers *a, struct span arguments, struct json *j);
};

/* The last of that name and kind among the arguments. */
static bool find_argument(struct span arguments, struct span key, bool may_be_number,
                          struct jsonread_member *ret)
{
    struct jsonread reader = {.text = arguments};
    struct jsonread_member m;
    bool found = false;
    while (arguments.len > 0 && jsonread_next(&reader, &m)) {
        if (span_equal(m.key, key) &&
            (m.kind == JSONREAD_STRING || (may_be_number && m.kind != JSONREAD_OTHER))) {
            *ret = m;
            found = true;
        }
    }
    return found;
}

/* The string of that name, escapes undone, as text. */
static bool argument(struct span arguments, struct span key, char *ret_text, size_t size)
{
    struct jsonread_member m;
    struct sbuf text = sbuf_with_cap(size - 1);
    bool found = find_argument(arguments, key, false, &m);
    if (found) {
        jsonread_unescape(m.value, &text);
        found = !text.cut;
    }
    (void)snprintf(ret_text, size, "%.*s", (int)text.len, (const char *)text.data);
    sbuf_free(&text);
    return found;
}

/* The number of that name, or in the string of that name. */
static bool number_argument(struct span arguments, struct span key, uint64_t *ret_number)
{
    struct jsonread_member m;
    return find_argument(arguments, key, true, &m) && span_to_u64(m.value, ret_number);
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

/* Keys whose values are nobody's business who may but look at the sensor. */
static bool is_secret(struct span key)
{
    static const struct span secrets[] = {
        SPAN_LITERAL("redis.password"),
        SPAN_LITERAL("kafka.settings"),
        SPAN_LITERAL("honeypot.canary_key"),
        SPAN_LITERAL("redact_salt"),
    };
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        if (span_ends(key, secrets[i])) {
            return true;
        }
    }
    return false;
}

static enum command_answer conf_get(struct answers *a, struct span arguments, struct json *j)
{
    char key[256];
    struct sbuf value = sbuf_with_cap(VALUE_CAP);
    if (!argument(arguments, SPAN("variable"), key, sizeof(key))) {
        return refuse(j, "variable is not a string");
    }
    if (is_secret(span_str(key))) {
        return refuse(j, "This value is not told");
    }
    int rc = config_get(a->config, key, &value);
    if (rc == 0) {
        json_string(j, "message", sbuf_span(&value));
    }
    sbuf_free(&value);
    return rc == 0 ? COMMAND_OK : refuse(j, "Unable to get value");
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
    return COMMAND_RELOADS;
}

static enum command_answer reloaded(const struct answers *a, struct json *j)
{
    const char *refusal = reload_refusal(a->reload);
    return refusal[0] == '\0' ? tell(j, "done") : refuse(j, refusal);
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

/* --- memory
 * ------------------------------------------------------------------------------------------ */

struct memcap {
    const char *name;
    uint64_t bytes;
};

enum { MEMCAPS = 3 };

/* The first of them is the one that can be changed. */
static void list_memcaps(const struct answers *a, struct memcap ret_list[MEMCAPS])
{
    ret_list[0] = (struct memcap){"memory.limit", a->memory_limit};
    ret_list[1] = (struct memcap){"fragments.memory", a->config->fragment_memory};
    ret_list[2] = (struct memcap){"stream.pending", a->config->stream_pending};
}

/* The one that the arguments name, or MEMCAPS. */
static size_t memcap_named(struct span arguments, const struct memcap list[MEMCAPS])
{
    char name[64];
    size_t i = 0;
    if (!argument(arguments, SPAN("config"), name, sizeof(name))) {
        return MEMCAPS;
    }
    while (i < MEMCAPS && strcmp(list[i].name, name) != 0) {
        i++;
    }
    return i;
}

/* "256mb" */
static void add_bytes(struct json *j, uint64_t bytes)
{
    char text[32];
    bool whole = bytes % (1024 * 1024) == 0;
    (void)snprintf(text, sizeof(text), "%llu%s",
                   (unsigned long long)(whole ? bytes / (1024 * 1024) : bytes / 1024),
                   whole ? "mb" : "kb");
    json_text(j, "value", text);
}

static enum command_answer memcap_list(struct answers *a, struct span arguments, struct json *j)
{
    struct memcap list[MEMCAPS];
    list_memcaps(a, list);
    (void)arguments;
    json_array(j, "message");
    for (size_t i = 0; i < MEMCAPS; i++) {
        json_object(j, NULL);
        json_text(j, "name", list[i].name);
        add_bytes(j, list[i].bytes);
        json_object_end(j);
    }
    json_array_end(j);
    return COMMAND_OK;
}

static enum command_answer no_memcap(struct json *j)
{
    return refuse(j, "Memcap value not found. Use 'memcap-list' to show all");
}

static enum command_answer memcap_show(struct answers *a, struct span arguments, struct json *j)
{
    struct memcap list[MEMCAPS];
    list_memcaps(a, list);
    size_t i = memcap_named(arguments, list);
    if (i == MEMCAPS) {
        return no_memcap(j);
    }
    json_object(j, "message");
    add_bytes(j, list[i].bytes);
    json_object_end(j);
    return COMMAND_OK;
}

/* As Suricata writes sizes: "512mb" is 2^20 bytes 512 times, a number alone is bytes. */
static bool parse_bytes(struct span text, uint64_t *ret_bytes)
{
    static const char *const units[] = {"", "kb", "mb", "gb"};
    size_t digits = 0;
    uint64_t number;
    while (digits < text.len && byte_is_digit(span_at(text, digits))) {
        digits++;
    }
    struct span unit = span_trim(span_from(text, digits));
    for (unsigned i = 0; i < ARRAY_LEN(units); i++) {
        if (span_equal_nocase(unit, span_str(units[i]))) {
            unsigned shift = 10 * i;
            bool good =
                span_to_u64(span_head(text, digits), &number) && number <= UINT64_MAX >> shift;
            *ret_bytes = good ? number << shift : 0;
            return good;
        }
    }
    return false;
}

/* Whether memory.limit may have that value: in a configuration, and on this machine. */
static bool may_be_limit(uint64_t bytes, struct errbuf *err)
{
    char text[32];
    struct config scratch;
    if (config_init(&scratch) != 0) {
        return false;
    }
    (void)snprintf(text, sizeof(text), "%llu B", (unsigned long long)bytes);
    bool good = config_set(&scratch, "memory.limit", span_str(text), "", err) == 0 &&
                snapshot_check_memory(bytes, err) == 0;
    config_free(&scratch);
    return good;
}

static enum command_answer set_limit(struct answers *a, uint64_t bytes, struct json *j)
{
    char text[128];
    struct stats sum;
    a->sum(a->ctx, &sum);
    uint64_t used = stats_get(&sum, STAT_FLOW_MEMUSE);
    if (bytes < used) {
        (void)snprintf(text, sizeof(text),
                       "memcap value specified for 'memory.limit' is less than the memory in use: "
                       "%llukb",
                       (unsigned long long)(used / 1024));
        return refuse(j, text);
    }
    a->memory_limit = bytes;
    patrol_limit_memory(a->patrol, bytes);
    (void)snprintf(text, sizeof(text), "memcap value for 'memory.limit' updated: %llu",
                   (unsigned long long)bytes);
    return tell(j, text);
}

static enum command_answer memcap_set(struct answers *a, struct span arguments, struct json *j)
{
    char text[64];
    uint64_t bytes;
    struct memcap list[MEMCAPS];
    struct errbuf err = {0};
    list_memcaps(a, list);
    size_t i = memcap_named(arguments, list);
    if (i == MEMCAPS) {
        return no_memcap(j);
    }
    if (i > 0 || a->patrol == NULL) {
        return refuse(j, "This one is as it was at the start: change memory.limit of live capture");
    }
    if (!argument(arguments, SPAN("memcap"), text, sizeof(text)) ||
        !parse_bytes(span_str(text), &bytes)) {
        return refuse(j, "error parsing memcap specified, value not changed");
    }
    bool good = may_be_limit(bytes, &err);
    enum command_answer answer = COMMAND_NOK;
    if (good) {
        answer = set_limit(a, bytes, j);
    } else {
        json_string(j, "message", errbuf_first(&err));
    }
    errbuf_free(&err);
    return answer;
}

/* --- a flow
 * ------------------------------------------------------------------------------------------ */

static enum command_answer flow_stats(struct answers *a, struct span arguments, struct json *j)
{
    uint64_t id;
    if (!number_argument(arguments, SPAN("flow_id"), &id)) {
        return refuse(j, "flow_id is not an integer");
    }
    if (a->patrol == NULL) {
        return refuse(j, "Flows are sought in live capture only");
    }
    if (!patrol_seek(a->patrol, id)) {
        return refuse(j, "Another flow is being sought: ask again");
    }
    return COMMAND_SEEKS;
}

static enum command_answer flow_sought(const struct answers *a, struct json *j)
{
    struct flow_search found;
    if (!patrol_sought(a->patrol, &found) || !found.found) {
        return refuse(j, "Not found");
    }
    json_object(j, "message");
    json_number(j, "pkts_toserver", found.packets[TO_SERVER]);
    json_number(j, "pkts_toclient", found.packets[TO_CLIENT]);
    json_number(j, "bytes_toserver", found.bytes[TO_SERVER]);
    json_number(j, "bytes_toclient", found.bytes[TO_CLIENT]);
    json_number(j, "age",
                found.clock_us > found.start_us ? (found.clock_us - found.start_us) / 1000000 : 0);
    json_object_end(j);
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
    {"conf-get", conf_get},
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
    {"memcap-show", memcap_show},
    {"memcap-set", memcap_set},
    {"get-flow-stats-by-id", flow_stats},
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

enum command_answer answers_finish(void *ctx, enum command_answer what, struct json *j)
{
    const struct answers *a = ctx;
    return what == COMMAND_SEEKS ? flow_sought(a, j) : reloaded(a, j);
}
