/* explain_answer: one text through the peeler and the evaluator, as detection does it.
 *
 * The peeler's answer lives until its next text; what is to be shown is copied into an arena that
 * is emptied with each text. Names, call-backs and variables are sets in the order in which they
 * came up. Beyond the arena's cap they end, and the answer says over_budget. */
#include "sensor/app/explain_answer.h"

#include "sensor/base/arena.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"

enum {
    WINDOW = LOOKUP_TEXT_MAX,
    STEP = WINDOW / 2,
    TEXTS_CAP = 64 << 20,
    LINE_CAP = LOOKUP_TEXT_MAX * 2,
    FIRST_ROOM = 8,
};

struct explainer {
    struct peeler *peeler;
    struct arena *arena;
    struct sbuf line;
    struct explanation answer; /* the one that is being made */
};

struct explainer *explainer_new(void)
{
    struct explainer *x = mem_alloc(sizeof(*x));
    if (x == NULL) {
        return NULL;
    }
    x->peeler = peeler_new();
    x->arena = arena_new(TEXTS_CAP);
    x->line = sbuf_with_cap(LINE_CAP);
    if (x->peeler == NULL || x->arena == NULL) {
        explainer_free(&x);
    }
    return x;
}

void explainer_free(struct explainer **x)
{
    if (*x == NULL) {
        return;
    }
    peeler_free(&(*x)->peeler);
    arena_free(&(*x)->arena);
    sbuf_free(&(*x)->line);
    mem_free(*x);
    *x = NULL;
}

static bool grow(struct explainer *x, struct texts *texts)
{
    size_t room = texts->room > 0 ? texts->room * 2 : FIRST_ROOM;
    struct span *items = arena_alloc(x->arena, room * sizeof(*items));
    if (items == NULL) {
        return false;
    }
    for (size_t i = 0; i < texts->n; i++) {
        items[i] = texts->items[i];
    }
    texts->items = items;
    texts->room = room;
    return true;
}

/* Adds a copy of a text that is not there yet. */
static void add(struct explainer *x, struct texts *texts, struct span text)
{
    for (size_t i = 0; i < texts->n; i++) {
        if (span_equal(texts->items[i], text)) {
            return;
        }
    }
    bool cut = false;
    struct span copy = arena_copy(x->arena, text, SIZE_MAX, &cut);
    if (cut || (texts->n == texts->room && !grow(x, texts))) {
        x->answer.over_budget = true;
        return;
    }
    texts->items[texts->n++] = copy;
}

static void add_callback(struct explainer *x, const struct lookup_name *name)
{
    struct lookup_callback c = lookup_callback(x->answer.dialect, name->text);
    if (c.host.len == 0) {
        return;
    }
    sbuf_reset(&x->line);
    sbuf_add(&x->line, c.scheme);
    sbuf_add_str(&x->line, "://");
    sbuf_add(&x->line, c.host);
    if (c.port > 0) {
        sbuf_add_format(&x->line, ":%u", (unsigned)c.port);
    }
    if (c.path.len > 0 && span_at(c.path, 0) != '/' && span_at(c.path, 0) != '#') {
        sbuf_add_byte(&x->line, '/');
    }
    sbuf_add(&x->line, c.path);
    add(x, &x->answer.callbacks, sbuf_span(&x->line));
}

static void add_names(struct explainer *x, const struct lookup_result *r)
{
    for (size_t i = 0; i < r->n_names; i++) {
        sbuf_reset(&x->line);
        sbuf_add_str(&x->line, r->dialect == LOOKUP_LOG4J ? "jndi:" : "");
        sbuf_add(&x->line, r->names[i].text);
        add(x, &x->answer.lookups, sbuf_span(&x->line));
        add_callback(x, &r->names[i]);
        x->answer.reaches_network = x->answer.reaches_network || r->names[i].reaches_network;
    }
    for (size_t i = 0; i < r->n_variables; i++) {
        add(x, &x->answer.variables, r->variables[i]);
    }
}

/* Joins what a window came to with the windows before it: the highest class counts. */
static void join(struct explainer *x, struct span text, const struct peel_result *r)
{
    struct explanation *a = &x->answer;
    a->over_budget = a->over_budget || r->lookup.over_budget;
    a->cves |= r->lookup.cves;
    if (r->lookup.class < a->class || r->lookup.class == LOOKUP_NONE) {
        return;
    }
    if (r->lookup.class > a->class) {
        const struct explanation before = *a;
        *a = (struct explanation){
            .dialect = before.dialect,
            .class = r->lookup.class,
            .over_budget = before.over_budget,
            .cves = before.cves,
            .encodings = r->encodings,
            .raw = span_sub(text, r->raw_off, r->raw_len),
            .reading = arena_copy(x->arena, r->text, SIZE_MAX, NULL),
        };
    }
    a->tricks |= r->lookup.tricks;
    a->depth = r->lookup.depth > a->depth ? r->lookup.depth : a->depth;
    add_names(x, &r->lookup);
}

/* What a text comes to in one dialect; tells in *ret_commons whether the other is worth asking. */
static void read_in(struct explainer *x, struct span text, const struct peel_hints *hints,
                    bool *ret_commons)
{
    struct span rest = text;
    x->answer = (struct explanation){.dialect = hints->dialect, .reading = text};
    bool last = false;
    while (!last) {
        struct span window = span_head(rest, WINDOW);
        struct peel_result r;
        (void)peel_and_evaluate(x->peeler, window, hints, &r);
        join(x, window, &r);
        *ret_commons = *ret_commons || r.commons;
        last = rest.len <= WINDOW;
        rest = span_from(rest, STEP);
    }
}

void explainer_read(struct explainer *x, struct span text, uint64_t time_us,
                    struct explanations *ret)
{
    struct peel_hints hints = {.time_us = time_us};
    bool commons = false;
    arena_reset(x->arena);
    read_in(x, text, &hints, &commons);
    ret->log4j = x->answer;
    ret->commons = (struct explanation){.dialect = LOOKUP_COMMONS_TEXT};
    if (commons) {
        hints.dialect = LOOKUP_COMMONS_TEXT;
        read_in(x, text, &hints, &commons);
        ret->commons = x->answer;
    }
}
