/* config_yaml: a YAML file over the key table.
 *
 * libyaml parses; its events are turned into paths ("flow.timeout.tcp") and handed to config_set(),
 * which knows the keys. Every mistake of the file is told with its line, not only the first one.
 * Not taken: anchors and aliases, several documents, files over 1 MiB. */
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/core/config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

enum { DEPTH_CAP = 8, PATH_CAP = 512, FILE_CAP = 1024 * 1024, SEEN_CAP = 512 };

struct seen {
    char *path;
    size_t line;
};

struct reading {
    struct config *config;
    const char *file;
    struct errbuf *err;
    yaml_parser_t parser;
    struct sbuf path;         /* of the key at hand */
    size_t starts[DEPTH_CAP]; /* length of the path at each open map */
    size_t depth;             /* open maps */
    bool have_key;            /* the next scalar is a value */
    struct sbuf list;         /* items of the open sequence, joined by commas */
    bool in_list;
    bool in_outputs;            /* between the brackets of the list of outputs */
    size_t outputs_len;         /* the path of that list */
    size_t n_outputs;           /* maps of it so far */
    size_t list_depth;          /* open maps around it */
    struct seen seen[SEEN_CAP]; /* for duplicates */
    size_t n_seen;
    bool failed;
};

static size_t line_of(const yaml_event_t *event)
{
    return event->start_mark.line + 1;
}

static void complain(struct reading *r, size_t line, const char *what, struct span which)
{
    int len = (int)(which.len < 80 ? which.len : 80);
    errbuf_add(r->err, "%s:%zu: %s '%.*s'", r->file, line, what, len, (const char *)which.data);
    r->failed = true;
}

static const char *path_text(struct reading *r)
{
    if (!sbuf_add_byte(&r->path, '\0')) {
        return "";
    }
    r->path.len--;
    return (const char *)r->path.data;
}

static void note_seen(struct reading *r, size_t line)
{
    const char *path = path_text(r);
    for (size_t i = 0; i < r->n_seen; i++) {
        if (strcmp(r->seen[i].path, path) == 0) {
            errbuf_add(r->err, "%s:%zu: key '%s' was already given in line %zu", r->file, line,
                       path, r->seen[i].line);
            r->failed = true;
            return;
        }
    }
    char *copy = r->n_seen < SEEN_CAP ? mem_alloc(r->path.len + 1) : NULL;
    if (copy != NULL) {
        (void)snprintf(copy, r->path.len + 1, "%s", path);
        r->seen[r->n_seen++] = (struct seen){copy, line};
    }
}

static void set_value(struct reading *r, size_t line, struct span value)
{
    char where[256];
    (void)snprintf(where, sizeof(where), "%s:%zu: ", r->file, line);
    note_seen(r, line);
    if (config_set(r->config, path_text(r), value, where, r->err) != 0) {
        r->failed = true;
    }
}

static void on_scalar(struct reading *r, const yaml_event_t *event)
{
    struct span text = span_of(event->data.scalar.value, event->data.scalar.length);
    if (r->in_list) {
        sbuf_add(&r->list, text);
        sbuf_add_byte(&r->list, ',');
        return;
    }
    if (r->in_outputs && r->depth == r->list_depth) {
        complain(r, line_of(event), "outputs is a list of maps, such as - type: file, not", text);
        return;
    }
    if (r->depth == 0) {
        complain(r, line_of(event), "the file must be a map of keys, not", text);
        return;
    }
    if (r->have_key) {
        set_value(r, line_of(event), text);
        r->have_key = false;
        return;
    }
    sbuf_shorten(&r->path, r->starts[r->depth - 1]);
    if (r->path.len > 0) {
        sbuf_add_byte(&r->path, '.');
    }
    sbuf_add(&r->path, text);
    r->have_key = true;
}

static void on_map(struct reading *r, const yaml_event_t *event)
{
    if (r->depth == DEPTH_CAP || r->in_list) {
        complain(r, line_of(event), "a map is not wanted here:", sbuf_span(&r->path));
        r->depth = DEPTH_CAP; /* what follows cannot be placed */
        return;
    }
    if (r->in_outputs && r->depth == r->list_depth) {
        sbuf_shorten(&r->path, r->outputs_len);
        sbuf_add_format(&r->path, ".%zu", r->n_outputs++);
    }
    r->starts[r->depth++] = r->path.len;
    r->have_key = false;
}

static bool begins_outputs(const struct reading *r)
{
    return r->have_key && !r->in_outputs && span_equal(sbuf_span(&r->path), SPAN("outputs"));
}

static void on_list(struct reading *r, const yaml_event_t *event)
{
    if (begins_outputs(r)) {
        note_seen(r, line_of(event));
        r->in_outputs = true;
        r->outputs_len = r->path.len;
        r->list_depth = r->depth;
        r->have_key = false;
        return;
    }
    if (!r->have_key || r->in_list) {
        complain(r, line_of(event), "a list is not wanted here:", sbuf_span(&r->path));
    }
    r->in_list = true;
    sbuf_reset(&r->list);
}

static void on_list_end(struct reading *r, const yaml_event_t *event)
{
    if (!r->in_list) {
        r->in_outputs = false;
    } else if (r->have_key) {
        set_value(r, line_of(event), sbuf_span(&r->list));
    }
    r->in_list = false;
    r->have_key = false;
}

/* false at the end of the file, or where nothing after this can be understood. */
static bool on_event(struct reading *r, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        on_scalar(r, event);
        return true;
    case YAML_MAPPING_START_EVENT:
        on_map(r, event);
        return r->depth < DEPTH_CAP;
    case YAML_MAPPING_END_EVENT:
        r->depth--;
        r->have_key = false;
        return true;
    case YAML_SEQUENCE_START_EVENT:
        on_list(r, event);
        return true;
    case YAML_SEQUENCE_END_EVENT:
        on_list_end(r, event);
        return true;
    case YAML_ALIAS_EVENT:
        complain(r, line_of(event), "aliases are not supported:", sbuf_span(&r->path));
        r->have_key = false;
        return true;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_DOCUMENT_START_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        return true;
    case YAML_STREAM_END_EVENT:
        return false;
    }
    return false;
}

static void read_events(struct reading *r)
{
    bool more = true;
    while (more) {
        yaml_event_t event;
        if (yaml_parser_parse(&r->parser, &event) == 0) {
            errbuf_add(r->err, "%s:%zu: not YAML: %s", r->file, r->parser.problem_mark.line + 1,
                       r->parser.problem != NULL ? r->parser.problem : "out of memory");
            r->failed = true;
            return;
        }
        more = on_event(r, &event);
        yaml_event_delete(&event);
    }
}

static int check_file(FILE *file, const char *path, struct errbuf *err)
{
    struct stat st;
    if (fstat(fileno(file), &st) != 0 || S_ISDIR(st.st_mode)) {
        errbuf_add(err, "cannot read config '%s': it is a directory", path);
        return -EISDIR;
    }
    if (st.st_size > FILE_CAP) {
        errbuf_add(err,
                   "config '%s' has %jd bytes; a configuration of more than %d bytes is a mistake",
                   path, (intmax_t)st.st_size, FILE_CAP);
        return -EFBIG;
    }
    return 0;
}

int config_read(struct config *config, const char *path, struct errbuf *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        int rc = -errno;
        errbuf_add(err,
                   "cannot open config '%s': %s. Check the path, or leave -c out for the built-in "
                   "defaults",
                   path, strerror(-rc));
        return rc;
    }
    struct reading r = {.config = config, .file = path, .err = err};
    r.path = sbuf_with_cap(PATH_CAP);
    r.list = sbuf_with_cap(FILE_CAP);
    int rc = check_file(file, path, err);
    if (rc == 0 && yaml_parser_initialize(&r.parser) == 0) {
        rc = -ENOMEM;
    } else if (rc == 0) {
        yaml_parser_set_input_file(&r.parser, file);
        read_events(&r);
        yaml_parser_delete(&r.parser);
        rc = r.failed ? -EINVAL : 0;
    }
    for (size_t i = 0; i < r.n_seen; i++) {
        mem_free(r.seen[i].path);
    }
    sbuf_free(&r.path);
    sbuf_free(&r.list);
    (void)fclose(file);
    return rc;
}
