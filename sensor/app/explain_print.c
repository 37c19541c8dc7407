/* explain_print: an answer as a line of JSON, or as a page for a person.
 *
 * The page evaluates the reading that the answer was made of once more, to be told of each step. On
 * it nothing can move the cursor or colour the screen: whatever is no plain character is written as
 * an escape. */
#include "sensor/app/explain_print.h"

#include "sensor/codec/utf.h"
#include "sensor/output/json.h"

enum {
    TEXT_MAX = 400, /* of a text on the page */
    STEP_TEXT_MAX = 160,
    STEPS_MAX = 200, /* told one by one */
    INDENT = 2,
    LINE_SLACK = 1 << 16, /* what keys and brackets take beyond the cap of strings */
};

static const char *name_of_trick(unsigned i)
{
    return i < TRICK_N ? trick_name((enum trick)i) : NULL;
}

static const char *name_of_cve(unsigned i)
{
    return i < CVE_N ? cve_name((enum cve)i) : NULL;
}

/* --- JSON --------------------------------------------------------------------------------------
 */

static void add_texts(struct json *j, const char *key, const struct texts *texts)
{
    json_array(j, key);
    for (size_t i = 0; i < texts->n; i++) {
        json_string(j, NULL, texts->items[i]);
    }
    json_array_end(j);
}

static void add_encodings(struct json *j, const struct encodings *layers)
{
    json_array(j, "encodings");
    for (size_t i = 0; i < layers->n; i++) {
        json_text(j, NULL, encoding_name((enum encoding)layers->ids[i]));
    }
    json_array_end(j);
}

/* The names of the bits that are set. */
static void add_bits(struct json *j, const char *key, uint32_t bits,
                     const char *(*name_of)(unsigned i))
{
    json_array(j, key);
    for (unsigned i = 0; name_of(i) != NULL; i++) {
        if ((bits >> i & 1) != 0) {
            json_text(j, NULL, name_of(i));
        }
    }
    json_array_end(j);
}

static void add_answer(struct json *j, const struct explanation *a)
{
    json_text(j, "class", lookup_class_name(a->class));
    json_bool(j, "reaches_network", a->reaches_network);
    add_texts(j, "lookups", &a->lookups);
    add_texts(j, "callbacks", &a->callbacks);
    add_texts(j, "variables", &a->variables);
    add_encodings(j, &a->encodings);
    add_bits(j, "tricks", a->tricks, name_of_trick);
    add_bits(j, "cves", a->cves, name_of_cve);
    json_number(j, "depth", a->depth);
    if (a->over_budget) {
        json_bool(j, "over_budget", true);
    }
}

void explain_print_json(const struct explanations *a, struct span id, bool id_is_text,
                        struct sbuf *line)
{
    struct json j = json_begin(line, line->cap - LINE_SLACK);
    j.surrogates = true;
    json_object(&j, NULL);
    if (id_is_text) {
        json_string(&j, "id", id);
    } else {
        json_literal(&j, "id", id);
    }
    json_bool(&j, "detected", a->log4j.class == LOOKUP_ATTACK);
    add_answer(&j, &a->log4j);
    if (a->commons.class != LOOKUP_NONE) {
        json_object(&j, "commons_text");
        add_answer(&j, &a->commons);
        json_object_end(&j);
    }
    if (j.cut) {
        json_bool(&j, "cut", true);
    }
    json_object_end(&j);
    sbuf_add_byte(line, '\n');
}

/* --- the page ----------------------------------------------------------------------------------
 */

static void put_char(FILE *out, struct span s, size_t off, size_t len, uint32_t cp)
{
    uint8_t c = span_at(s, off);
    if (len == 0) {
        fprintf(out, "\\x%02x", c);
    } else if (cp == '\n' || cp == '\r' || cp == '\t') {
        fprintf(out, "\\%c", cp == '\n' ? 'n' : cp == '\r' ? 'r' : 't');
    } else if (json_is_treacherous(cp)) {
        fprintf(out, "\\u%04x", (unsigned)cp);
    } else {
        fwrite(span_sub(s, off, len).data, 1, len, out);
    }
}

static void put_text(FILE *out, struct span s, size_t max)
{
    size_t off = 0;
    while (off < s.len && off < max) {
        uint32_t cp = 0;
        size_t len = utf8_next(s, off, &cp);
        put_char(out, s, off, len, cp);
        off += len > 0 ? len : 1;
    }
    if (off < s.len) {
        fprintf(out, " … (%zu more bytes)", s.len - off);
    }
}

struct page {
    FILE *out;
    enum lookup_dialect dialect;
    unsigned n_passes;
    unsigned n_steps;
};

/* What a step says behind its expression; NULL for those that say more. */
static const char *verb_of(enum lookup_step_kind kind)
{
    switch (kind) {
    case LOOKUP_STEP_VALUE:
        return " gives ";
    case LOOKUP_STEP_DEFAULT:
        return " gives nothing, so its default ";
    case LOOKUP_STEP_NOTHING:
        return " gives nothing and stays";
    case LOOKUP_STEP_EXCEPTION:
        return " ends it all: ";
    case LOOKUP_STEP_ASK:
        return "";
    case LOOKUP_STEP_ESCAPED:
        return " is escaped: one $ before it goes";
    case LOOKUP_STEP_SHIELDED:
        return " has no end: nothing from here on is looked at";
    case LOOKUP_STEP_READING:
    case LOOKUP_STEP_TEXT:
        break;
    }
    return NULL;
}

static const char *noun_of(const struct page *p, enum lookup_step_kind kind)
{
    if (kind != LOOKUP_STEP_ASK) {
        return "";
    }
    return p->dialect == LOOKUP_COMMONS_TEXT ? "asks for " : "asks JNDI for ";
}

static void put_step(void *context, const struct lookup_step *step)
{
    struct page *p = context;
    if (step->kind == LOOKUP_STEP_READING) {
        p->n_passes = 0;
    }
    if (p->n_steps++ >= STEPS_MAX) {
        return;
    }
    if (step->kind == LOOKUP_STEP_READING) {
        fprintf(p->out, "evaluated ");
        put_text(p->out, step->value, STEP_TEXT_MAX);
    } else if (step->kind == LOOKUP_STEP_TEXT) {
        fprintf(p->out, "  pass %u    ", ++p->n_passes);
        put_text(p->out, step->text, STEP_TEXT_MAX);
    } else {
        unsigned depth = step->depth < 16 ? step->depth : 16;
        fprintf(p->out, "    %*s%s", (int)(depth * INDENT), "", noun_of(p, step->kind));
        put_text(p->out, step->text, STEP_TEXT_MAX);
        fprintf(p->out, "%s", verb_of(step->kind));
        put_text(p->out, step->value, STEP_TEXT_MAX);
    }
    fputc('\n', p->out);
}

static void put_texts(FILE *out, const char *what, const struct texts *texts)
{
    for (size_t i = 0; i < texts->n; i++) {
        fprintf(out, "%-10s", i == 0 ? what : "");
        put_text(out, texts->items[i], TEXT_MAX);
        fputc('\n', out);
    }
}

static void put_layers(const struct explanation *a, FILE *out)
{
    if (a->encodings.n == 0) {
        return;
    }
    fprintf(out, "%-10s", "peeled");
    for (size_t i = 0; i < a->encodings.n; i++) {
        fprintf(out, "%s%s", i > 0 ? ", " : "", encoding_name((enum encoding)a->encodings.ids[i]));
    }
    fprintf(out, "\n%-10s", "reads");
    put_text(out, a->reading, TEXT_MAX);
    fputc('\n', out);
}

/* The names of the bits that are set, in one line; none without a bit. */
static void put_bits(FILE *out, const char *what, uint32_t bits, const char *(*name_of)(unsigned i))
{
    const char *between = "";
    if (bits == 0) {
        return;
    }
    fprintf(out, "%-10s", what);
    for (unsigned i = 0; name_of(i) != NULL; i++) {
        if ((bits >> i & 1) != 0) {
            fprintf(out, "%s%s", between, name_of(i));
            between = ", ";
        }
    }
    fputc('\n', out);
}

static void put_result(const struct explanation *a, FILE *out)
{
    fprintf(out, "%-10s%s%s\n", "class", lookup_class_name(a->class),
            a->over_budget ? ", given up: too costly to evaluate to its end" : "");
    put_texts(out, a->class == LOOKUP_ATTACK ? "asks" : "would ask", &a->lookups);
    put_texts(out, "calls", &a->callbacks);
    if (a->lookups.n > 0 && !a->reaches_network) {
        fprintf(out, "%-10s%s\n", "", "nothing of this leaves the machine");
    }
    put_texts(out, "carries", &a->variables);
    put_bits(out, "tricks", a->tricks, name_of_trick);
    put_bits(out, "points at", a->cves, name_of_cve);
    if (a->depth > 0) {
        fprintf(out, "%-10s%u\n", "depth", a->depth);
    }
}

static void put_explanation(const struct explanation *a, struct lookup *lookup, uint64_t time_us,
                            FILE *out)
{
    struct page page = {.out = out, .dialect = a->dialect};
    struct lookup_result result;
    const struct lookup_options options = {
        .dialect = a->dialect, .time_us = time_us, .step = put_step, .step_context = &page};
    put_layers(a, out);
    lookup_evaluate(lookup, a->reading, &options, &result);
    if (page.n_steps > STEPS_MAX) {
        fprintf(out, "    … and %u more steps\n", page.n_steps - STEPS_MAX);
    }
    put_result(a, out);
}

void explain_print_steps(const struct explanations *a, struct span text, struct lookup *lookup,
                         uint64_t time_us, FILE *out)
{
    fprintf(out, "%-10s", "text");
    put_text(out, text, TEXT_MAX);
    fputc('\n', out);
    put_explanation(&a->log4j, lookup, time_us, out);
    if (a->commons.class != LOOKUP_NONE) {
        fprintf(out, "%-10s%s\n", "dialect", "Commons Text");
        put_explanation(&a->commons, lookup, time_us, out);
    }
    fputc('\n', out);
}
