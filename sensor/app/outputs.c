/* outputs: which there are, from the configuration and the command line.
 *
 * -o adds one, written TYPE:TARGET or as a file's name. -l is the folder where relative names of
 * configured files lie; where no output is a file, it brings eve.json in that folder. */
#include "sensor/app/outputs.h"

#include "sensor/app/sandbox.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/output/sinks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { NAME_SIZE = 64 };

static bool is_file(const struct config_output *o)
{
    return strcmp(o->type, "file") == 0;
}

static int set(struct config *c, size_t number, const char *key, struct span value,
               struct errbuf *err)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "outputs.%zu.%s", number, key);
    return config_set(c, path, value, "-o: ", err);
}

static int add(struct config *c, const char *type, struct span target, struct errbuf *err)
{
    size_t number = c->n_outputs;
    int rc = set(c, number, "type", span_str(type), err);
    return rc == 0 ? set(c, number, "target", target, err) : rc;
}

/* "redis:127.0.0.1:6379", "-", "events.json". */
static int add_given(struct config *c, const char *text, struct errbuf *err)
{
    static const char *const types[] = {"unix_stream", "unix_dgram", "syslog",
                                        "redis",       "kafka",      "file"};
    struct span whole = span_str(text);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct span type = span_str(types[i]);
        if (span_starts(whole, type) && span_at(whole, type.len) == ':') {
            return add(c, types[i], span_from(whole, type.len + 1), err);
        }
    }
    return strcmp(text, "-") == 0 ? add(c, "stdout", whole, err) : add(c, "file", whole, err);
}

static int check_folder(const char *dir, struct errbuf *err)
{
    struct stat st;
    if (stat(dir, &st) != 0) {
        errbuf_add(err, "output directory '%s' does not exist; mkdir -p %s", dir, dir);
        return -ENOENT;
    }
    if (!S_ISDIR(st.st_mode)) {
        errbuf_add(err, "output directory '%s' is not a directory. Choose another with -l", dir);
        return -ENOTDIR;
    }
    return 0;
}

static int put_below(struct config *c, size_t number, const char *dir, struct errbuf *err)
{
    struct sbuf path = sbuf_with_cap(4096);
    const char *target = c->outputs[number].target;
    sbuf_add_format(&path, "%s/%s", dir, target[0] != '\0' ? target : "eve.json");
    int rc = path.cut ? -ENAMETOOLONG : set(c, number, "target", sbuf_span(&path), err);
    if (path.cut) {
        errbuf_add(err, "the name of the output is too long");
    }
    sbuf_free(&path);
    return rc;
}

/* Names of configured files lie below -l. */
static int apply_folder(struct config *c, const char *dir, struct errbuf *err)
{
    int worst = dir != NULL ? check_folder(dir, err) : 0;
    for (size_t i = 0; dir != NULL && i < c->n_outputs; i++) {
        const char *target = c->outputs[i].target;
        if (is_file(&c->outputs[i]) && target[0] != '/' && strcmp(target, "-") != 0) {
            int rc = put_below(c, i, dir, err);
            worst = worst != 0 ? worst : rc;
        }
    }
    return worst;
}

static bool any_file(const struct config *c)
{
    for (size_t i = 0; i < c->n_outputs; i++) {
        if (is_file(&c->outputs[i])) {
            return true;
        }
    }
    return false;
}

int outputs_complete(struct config *config, const struct options *options, struct errbuf *err)
{
    int worst = apply_folder(config, options->log_dir, err);
    bool wants_file = options->log_dir != NULL && options->outputs.n == 0 && !any_file(config);
    for (size_t i = 0; i < options->outputs.n; i++) {
        int rc = add_given(config, options->outputs.items[i], err);
        worst = worst != 0 ? worst : rc;
    }
    if (wants_file || config->n_outputs == 0) {
        size_t number = config->n_outputs;
        int rc = add(config, "file", SPAN("eve.json"), err);
        if (rc == 0 && wants_file) {
            rc = put_below(config, number, options->log_dir, err);
        }
        worst = worst != 0 ? worst : rc;
    }
    return worst;
}

/* Text in front of every event must do no harm in a log either. */
static int check_prefix(const struct config_output *o, struct errbuf *err)
{
    for (const char *at = o->prefix; *at != '\0'; at++) {
        if (*at < 0x20 || *at == 0x7f || *at == '$') {
            errbuf_add(err, "outputs[].prefix: printable ASCII without a dollar sign is allowed");
            return -EINVAL;
        }
    }
    return 0;
}

static const struct sink_ops *sink_of(const struct config_output *o, struct errbuf *err)
{
    const struct sink_ops *ops = sink_by_type(o->type);
    if (ops == NULL) {
        errbuf_add(err, "this build has no outputs of type %s; see --build-info", o->type);
    }
    return ops;
}

/* Its own name, or its type with a number behind all but the first of that type. */
static void name_of(const struct config *c, size_t number, char ret_name[NAME_SIZE])
{
    const struct config_output *o = &c->outputs[number];
    size_t same = 1;
    for (size_t i = 0; i < number; i++) {
        same += strcmp(c->outputs[i].type, o->type) == 0 && c->outputs[i].name[0] == '\0';
    }
    if (o->name[0] != '\0') {
        (void)snprintf(ret_name, NAME_SIZE, "%s", o->name);
    } else if (same == 1) {
        (void)snprintf(ret_name, NAME_SIZE, "%s", o->type);
    } else {
        (void)snprintf(ret_name, NAME_SIZE, "%s%zu", o->type, same);
    }
}

/* Counters and messages go by the name. */
static int check_name(const struct config *c, size_t number, struct errbuf *err)
{
    char own[NAME_SIZE];
    char other[NAME_SIZE];
    name_of(c, number, own);
    for (size_t i = 0; i < number; i++) {
        name_of(c, i, other);
        if (strcmp(own, other) == 0) {
            errbuf_add(err, "two outputs are named '%s'; set outputs[].name of one to another",
                       own);
            return -EEXIST;
        }
    }
    return 0;
}

int outputs_check(const struct config *config, struct errbuf *err)
{
    enum { LEAST_LINE = 2048 };
    int worst = 0;
    for (size_t i = 0; i < config->n_outputs; i++) {
        const struct config_output *o = &config->outputs[i];
        const struct sink_ops *ops = sink_of(o, err);
        int rc = ops == NULL ? -ENOTSUP : ops->check != NULL ? ops->check(o, err) : 0;
        worst = worst != 0 ? worst : rc;
        rc = check_prefix(o, err);
        worst = worst != 0 ? worst : rc;
        rc = check_name(config, i, err);
        worst = worst != 0 ? worst : rc;
        if (o->line > 0 && o->line < LEAST_LINE) {
            errbuf_add(err, "outputs[].line: at least 2 KiB, or 0");
            worst = worst != 0 ? worst : -ERANGE;
        }
    }
    return worst;
}

static unsigned types_of(const struct config_list *names)
{
    unsigned types = 0;
    for (size_t i = 0; i < names->n; i++) {
        enum event_type type = event_type_by_name(span_str(names->items[i]));
        types |= type == EVENT_N ? (1u << EVENT_N) - 1 : 1u << type; /* else it is "all" */
    }
    return types;
}

unsigned outputs_types(const struct config *config)
{
    unsigned types = 0;
    for (size_t i = 0; i < config->n_outputs; i++) {
        types |= types_of(&config->outputs[i].events);
    }
    return types & types_of(&config->output_types);
}

unsigned outputs_layouts(const struct config *config)
{
    unsigned layouts = 0;
    for (size_t i = 0; i < config->n_outputs; i++) {
        for (size_t k = 0; k < config->outputs[i].layout.n; k++) {
            enum layout layout = layout_by_name(span_str(config->outputs[i].layout.items[k]));
            layouts |= layout == LAYOUT_N ? 0 : 1u << layout;
        }
    }
    return layouts;
}

static unsigned needs_of(const struct config *config)
{
    unsigned needs = 0;
    for (size_t i = 0; i < config->n_outputs; i++) {
        const struct sink_ops *ops = sink_by_type(config->outputs[i].type);
        needs |= ops != NULL && ops->needs != NULL ? ops->needs(&config->outputs[i]) : 0;
    }
    return needs;
}

unsigned outputs_rights(const struct config *config)
{
    unsigned needs = needs_of(config);
    return ((needs & SINK_LOCAL) != 0 ? SANDBOX_LOCAL : 0u) |
           ((needs & SINK_CONNECT) != 0 ? SANDBOX_CONNECT : 0u);
}

bool outputs_start_threads(const struct config *config)
{
    return (needs_of(config) & SINK_THREADS) != 0;
}

int outputs_open(const struct config *config, const char *host, struct writer *writer,
                 struct errbuf *err)
{
    int worst = 0;
    for (size_t i = 0; i < config->n_outputs; i++) {
        const struct config_output *o = &config->outputs[i];
        char name[NAME_SIZE];
        struct outlet_options options = {
            .ops = sink_of(o, err),
            .config = o,
            .name = name,
            .host = host,
            .types = types_of(&o->events) & types_of(&config->output_types),
        };
        name_of(config, i, name);
        int rc = options.ops == NULL ? -ENOTSUP : writer_add_output(writer, &options, err);
        worst = worst != 0 ? worst : rc;
    }
    return worst;
}
