/* run_say: what a run tells its operator at the start and at the end.
 *
 * One line for each thing, on standard error. The sum itself is summary's. */
#include "sensor/app/run_parts.h"
#include "sensor/base/log.h"

#include <stdio.h>

/* One line: what the run goes by. */
void run_say_start(const struct sensor *s)
{
    const struct snapshot *p = s->snapshot;
    struct sbuf geo = sbuf_with_cap(1024);
    const struct geo *databases = geo_watch_current(p->geo);
    for (size_t i = 0; i < geo_n_databases(databases); i++) {
        struct geo_database d = geo_database(databases, i);
        char date[GEO_DATE_SIZE];
        geo_date(d.build_epoch_s, date);
        sbuf_add_format(&geo, "%s%s of %s", geo.len > 0 ? ", " : "", d.type, date);
    }
    log_notice("%s, %zu rules (%zu failed), geo databases: %.*s",
               s->options->config != NULL ? s->options->config : "built-in defaults",
               engine_n_loaded(p->engine), engine_n_failed(p->engine),
               geo.len > 0 ? (int)geo.len : 4, geo.len > 0 ? (const char *)geo.data : "none");
    sbuf_free(&geo);
}

void run_say_honeypot(const struct sensor *s)
{
    const struct decoy_plan *plan = decoys_plan(s->decoys);
    struct sbuf line = sbuf_with_cap(8192);
    bool everywhere = false;
    for (size_t i = 0; i < plan->n_spots; i++) {
        sbuf_add_format(&line, "%s%s (%s)", i > 0 ? ", " : "", plan->spots[i].name,
                        decoys_personas(s->decoys)[i]->name);
        everywhere = everywhere || plan->spots[i].addr.family == 0;
    }
    log_notice("honeypot: listens at %.*s; %s", (int)line.len, (const char *)line.data,
               decoys_tls_words(s->decoys));
    if (everywhere) {
        log_warning("honeypot: * is every address of this machine, those to the outside too; "
                    "--listen KIND:ADDRESS:PORT names one");
    }
    sbuf_free(&line);
}

/* Classes of look-ups, "attack, attempt"; "" for none. */
static void name_classes(unsigned classes, char *text, size_t size)
{
    text[0] = '\0';
    for (unsigned class = LOOKUP_ATTACK; class > LOOKUP_NONE; class --) {
        size_t len = span_str(text).len;
        if ((classes >> class & 1) != 0) {
            (void)snprintf(text + len, size - len, "%s%s", len > 0 ? ", " : "",
                           lookup_class_name((enum lookup_class) class));
        }
    }
}

/* What is blocked, and what becomes of what cannot be inspected. */
void run_say_inline(const struct sensor *s)
{
    const struct config *c = &s->snapshot->config;
    char what[128];
    name_classes(gatekeeper_classes(c), what, sizeof(what));
    bool rules = engine_blocks(s->engine);
    log_notice("inline (%s): blocks %s%s%s (%s); too late: %s, no memory: %s, start not seen: %s",
               s->feeds.ops->name, what, what[0] != '\0' && rules ? " and " : "",
               rules             ? "what rules say"
               : what[0] != '\0' ? ""
                                 : "nothing, detects only",
               c->inline_action, s->feeds.ops == &source_bridge ? "closed" : c->inline_late,
               c->inline_memory, c->inline_restart);
}

void run_tell_stopped(const struct source_stats *source, struct errbuf *err)
{
    char of[64] = "";
    if (source->input_size > 0) {
        (void)snprintf(of, sizeof(of), "; %llu of %llu bytes were read",
                       (unsigned long long)source->input_bytes,
                       (unsigned long long)source->input_size);
    }
    errbuf_add(err, "stopped by a signal at packet %llu%s", (unsigned long long)source->packets,
               of);
}

void run_tell_tired_rules(const struct sensor *s)
{
    const struct engine *e = s->snapshot->engine;
    for (size_t i = 0; i < engine_n_loaded(e); i++) {
        uint64_t n = engine_n_gave_up(e, i);
        if (n > 0) {
            struct engine_listing rule = engine_list(e, i);
            log_warning("%s:%zu: sid %u gave up %llu time%s over the limits of its expression; "
                        "write one that backtracks less",
                        rule.file, rule.line, (unsigned)rule.signature->sid, (unsigned long long)n,
                        n == 1 ? "" : "s");
        }
    }
}

/* Events that were not made, or not written: each kind, and each output, in a line. */
bool run_tell_lost_events(const struct sensor *s, uint64_t n_unmade)
{
    struct outlet_stats o;
    bool any = n_unmade > 0;
    if (n_unmade > 0) {
        log_error("there was no memory for events; %llu record%s lost",
                  (unsigned long long)n_unmade, n_unmade == 1 ? "" : "s");
    }
    for (size_t i = 0; writer_output_stats(s->writer, i, &o); i++) {
        if (o.lost > o.told) {
            log_error("cannot write '%s': %s; %llu records lost", o.target,
                      writer_output_why(s->writer, i), (unsigned long long)o.lost);
        }
        any = any || o.lost > 0;
    }
    return any;
}
