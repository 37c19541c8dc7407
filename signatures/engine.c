/* engine: rule files to a snapshot that workers detect with.
 *
 * Variables that no configuration defines have built-in values, so that public rule sets load:
 * every address variable is any, since a sensor that was told nothing about its network must not
 * look away; port variables are any too, because protocols are known by their contents.
 *
 * Limits: 256 MiB a rule file, 1 GiB of memory for the rules of one snapshot. */
#include "signatures/engine.h"

#include "sensor/base/file.h"
#include "sensor/base/mem.h"
#include "signatures/engine_compile.h"

#include <errno.h>
#include <string.h>

enum { FILE_MAX = 256 << 20, ARENA_CAP = 1 << 30 };

/* What nobody sends from or to: taken away from a list, it leaves the rest. */
#define NOBODY "[0.0.0.0,::]"

/* What a configuration does not define is any, so that nothing is missed. Where a rule excludes
 * such a one, ports are those that Suricata's own configuration has, and of addresses none is
 * excluded: nobody said which are meant. */
static const struct net_variable builtin[] = {
#define ADDRESSES(name, value)                                                                     \
    {                                                                                              \
        SPAN_LITERAL(name), SPAN_LITERAL(value), SPAN_LITERAL(NOBODY)                              \
    }
#define PORTS(name, value)                                                                         \
    {                                                                                              \
        SPAN_LITERAL(name), SPAN_LITERAL("any"), SPAN_LITERAL(value)                               \
    }
    ADDRESSES("HOME_NET", "any"),
    ADDRESSES("EXTERNAL_NET", "any"),
    ADDRESSES("HTTP_SERVERS", "$HOME_NET"),
    ADDRESSES("SMTP_SERVERS", "$HOME_NET"),
    ADDRESSES("SQL_SERVERS", "$HOME_NET"),
    ADDRESSES("DNS_SERVERS", "$HOME_NET"),
    ADDRESSES("TELNET_SERVERS", "$HOME_NET"),
    ADDRESSES("AIM_SERVERS", "$EXTERNAL_NET"),
    ADDRESSES("DC_SERVERS", "$HOME_NET"),
    ADDRESSES("DNP3_SERVER", "$HOME_NET"),
    ADDRESSES("DNP3_CLIENT", "$HOME_NET"),
    ADDRESSES("MODBUS_SERVER", "$HOME_NET"),
    ADDRESSES("MODBUS_CLIENT", "$HOME_NET"),
    ADDRESSES("ENIP_SERVER", "$HOME_NET"),
    ADDRESSES("ENIP_CLIENT", "$HOME_NET"),
    PORTS("HTTP_PORTS", "80"),
    PORTS("SHELLCODE_PORTS", "!80"),
    PORTS("ORACLE_PORTS", "1521"),
    PORTS("SSH_PORTS", "22"),
    PORTS("FTP_PORTS", "21"),
    PORTS("FILE_DATA_PORTS", "[80,110,143]"),
    PORTS("DNP3_PORTS", "20000"),
    PORTS("MODBUS_PORTS", "502"),
    PORTS("GENEVE_PORTS", "6081"),
    PORTS("VXLAN_PORTS", "4789"),
    PORTS("TEREDO_PORTS", "3544"),
    PORTS("SIP_PORTS", "[5060,5061]"),
#undef ADDRESSES
#undef PORTS
};

static struct span excluded_of(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(builtin); i++) {
        if (span_equal(builtin[i].name, name)) {
            return builtin[i].excluded;
        }
    }
    return span_of(NULL, 0);
}

/* The caller's variables, then the built-in ones: the first of a name counts. */
static bool join_variables(const struct engine_options *options, struct arena *arena,
                           struct net_variables *ret)
{
    size_t n = options->n_variables + ARRAY_LEN(builtin);
    struct net_variable *all = arena_alloc(arena, n * sizeof(*all));
    if (all == NULL) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        all[i] =
            i < options->n_variables ? options->variables[i] : builtin[i - options->n_variables];
        all[i].excluded = excluded_of(all[i].name);
    }
    *ret = (struct net_variables){all, n};
    return true;
}

/* `what` it is, for messages. */
static int read_file(const char *what, const char *path, struct sbuf *to, struct errbuf *err)
{
    bool opened = false;
    int rc = file_read(path, to, &opened);
    if (!opened) {
        errbuf_add(err, "cannot open %s '%s': %s. Check the path", what, path, strerror(-rc));
        return -ENOENT;
    }
    if (rc == -EFBIG) {
        errbuf_add(err, "%s '%s' is larger than the limit of %d MiB", what, path, FILE_MAX >> 20);
        return -EFBIG;
    }
    if (rc != 0) {
        errbuf_add(err, "cannot read %s '%s': %s", what, path, strerror(-rc));
        return -EIO;
    }
    return 0;
}

/* `name` is copied: rules and messages refer to it. */
static int read_rules(struct engine *e, const char *name, struct span text, struct errbuf *warnings)
{
    size_t failed = e->set.n_failed;
    struct span copy = arena_copy(e->arena, span_of(name, span_str(name).len + 1), SIZE_MAX, NULL);
    if (copy.data == NULL) {
        errbuf_add(e->set.err, "%s: out of memory", name);
        return -ENOMEM;
    }
    size_t loaded = rule_read(&e->set, (const char *)copy.data, text);
    failed = e->set.n_failed - failed;
    if (loaded == 0 && failed > 0) {
        errbuf_add(e->set.err, "rule file '%s': none of its rules could be loaded", name);
        return -EINVAL;
    }
    if (loaded == 0 && warnings != NULL) {
        errbuf_add(warnings, "rule file '%s' has no rules", name);
    }
    return 0;
}

static int read_classes(struct engine *e, const char *path)
{
    struct sbuf text = sbuf_with_cap(FILE_MAX);
    int r = read_file("file of classes", path, &text, e->set.err);
    if (r == 0 && rule_read_classes(&e->set, path, sbuf_span(&text)) > 0) {
        r = -EINVAL;
    }
    sbuf_free(&text);
    return r;
}

static int read_all(struct engine *e, const struct engine_options *options)
{
    int result = options->classes != NULL ? read_classes(e, options->classes) : 0;
    for (size_t i = 0; i < options->n_files; i++) {
        struct sbuf text = sbuf_with_cap(FILE_MAX);
        int r = read_file("rule file", options->files[i], &text, e->set.err);
        r = r == 0 ? read_rules(e, options->files[i], sbuf_span(&text), options->warnings) : r;
        result = result == 0 ? r : result;
        sbuf_free(&text);
    }
    for (size_t i = 0; i < options->n_texts; i++) {
        const struct engine_text *t = &options->texts[i];
        int r = read_rules(e, t->name, t->text, options->warnings);
        result = result == 0 ? r : result;
    }
    rule_drop_duplicates(&e->set);
    if (result == 0 && options->failed_rules_are_fatal && e->set.n_failed > 0) {
        return -EINVAL;
    }
    return result;
}

static int fill(struct engine *e, const struct engine_options *options, struct errbuf *err)
{
    struct net_variables variables;
    if (!join_variables(options, e->arena, &variables)) {
        return -ENOMEM;
    }
    e->set.arena = e->arena;
    e->set.variables = &variables;
    e->set.err = err;
    e->set.warnings = options->warnings;
    int r = read_all(e, options);
    r = r == 0 ? engine_compile(e, options, err) : r;
    e->set.variables = NULL;
    e->set.err = NULL;
    e->set.warnings = NULL;
    return r;
}

int engine_new(const struct engine_options *options, struct engine **ret_engine, struct errbuf *err)
{
    struct engine *e = mem_alloc(sizeof(*e));
    int r = -ENOMEM;
    if (e != NULL) {
        atomic_init(&e->refs, 1);
        e->set.end = &e->set.first;
        e->arena = arena_new(ARENA_CAP);
        r = e->arena != NULL ? fill(e, options, err) : -ENOMEM;
    }
    if (r < 0) {
        if (r == -ENOMEM) {
            errbuf_add(err, "cannot load rules: out of memory");
        }
        engine_unref(&e);
        return r;
    }
    *ret_engine = e;
    return 0;
}

struct engine *engine_ref(struct engine *engine)
{
    atomic_fetch_add_explicit(&engine->refs, 1, memory_order_relaxed);
    return engine;
}

void engine_unref(struct engine **engine)
{
    struct engine *e = *engine;
    *engine = NULL;
    if (e == NULL || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    xbits_free(&e->xbits);
    match_db_free(&e->gate);
    rule_set_free(&e->set);
    arena_free(&e->arena);
    mem_free(e);
}

size_t engine_n_loaded(const struct engine *engine)
{
    return engine->n_rules;
}

bool engine_blocks(const struct engine *engine)
{
    for (size_t i = 0; i < engine->n_rules; i++) {
        enum signature_action action = engine->rules[i].rule->signature.action;
        if (action == SIGNATURE_DROP || action == SIGNATURE_REJECT) {
            return true;
        }
    }
    return false;
}

uint64_t engine_n_gave_up(const struct engine *engine, size_t i)
{
    return atomic_load_explicit(engine->rules[i].n_gave_up, memory_order_relaxed);
}

size_t engine_n_failed(const struct engine *engine)
{
    return engine->set.n_failed;
}

const char *engine_cost_name(enum engine_cost cost)
{
    static const char *const names[] = {
        [ENGINE_COST_RESULT] = "look-up",    [ENGINE_COST_GATE] = "gate",
        [ENGINE_COST_FIELD] = "every value", [ENGINE_COST_BYTES] = "every byte",
        [ENGINE_COST_FLOW] = "every piece",  [ENGINE_COST_PACKET] = "every packet",
    };
    return names[cost];
}

struct engine_listing engine_list(const struct engine *engine, size_t i)
{
    const struct engine_rule *r = &engine->rules[i];
    const struct engine_group *g = r->deciding != ENGINE_NONE ? &engine->groups[r->deciding] : NULL;
    bool literal = g != NULL && g->literal.len > 0;
    return (struct engine_listing){
        .signature = &r->rule->signature,
        .file = r->rule->file,
        .line = r->rule->line,
        .fast_pattern = literal ? g->literal : span_of(NULL, 0),
        .buffer = literal ? buffer_info(g->group->buffer).name : NULL,
        .cost = engine_rule_cost(engine, r),
    };
}
