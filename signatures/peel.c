/* peel: the search for the reading of a text that is a look-up.
 *
 * Readings are a queue, so that fewer layers come first: each is evaluated if the letters of a
 * look-up are there, and then each layer that may be its outermost is undone, which gives the next
 * ones. A reading is dropped when it was there before (whichever way it came about) or when nothing
 * can be hidden in it any more; so a text without decoys has few. The first attack ends the search;
 * else the best of the rest stands.
 *
 * A piece of base64 gives two readings: what it decodes to, alone, and the text with it in place of
 * the piece. A value that its reader decodes as a matter of course (form, JSON, XML) is read in
 * that way first, and as it was sent only when that shows no attack.
 *
 * For every reading it is known how it came about, so that the place of the look-up can be told in
 * the text as it was sent: exactly where layers are made of escapes, to the piece elsewhere.
 *
 * Limits: layers, readings, bytes of all readings, fuel. Decoys can use them up, and then the
 * answer says so (over_budget). */
#include "signatures/peel.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "signatures/peel_marks.h"
#include "signatures/peel_read.h"
#include "signatures/peel_search.h"
#include "signatures/peel_spell.h"

struct peeler *peeler_new(void)
{
    struct peeler *p = mem_alloc(sizeof(*p));
    if (p == NULL) {
        return NULL;
    }
    p->best = lookup_new();
    p->trial = lookup_new();
    p->texts = arena_new(PEEL_TEXTS_CAP);
    p->scratch = sbuf_with_cap(LOOKUP_TEXT_MAX);
    p->decoded = sbuf_with_cap(LOOKUP_TEXT_MAX);
    if (p->best == NULL || p->trial == NULL || p->texts == NULL) {
        peeler_free(&p);
    }
    return p;
}

void peeler_free(struct peeler **p)
{
    if (*p == NULL) {
        return;
    }
    lookup_free(&(*p)->best);
    lookup_free(&(*p)->trial);
    arena_free(&(*p)->texts);
    sbuf_free(&(*p)->scratch);
    sbuf_free(&(*p)->decoded);
    mem_free(*p);
    *p = NULL;
}

bool peel_spend(struct peeler *p, uint64_t n)
{
    if (*p->fuel < n) {
        *p->fuel = 0;
        p->over_budget = true;
        return false;
    }
    *p->fuel -= n;
    return true;
}

static bool is_known(const struct peeler *p, struct span text)
{
    for (int i = 0; i < p->n_readings; i++) {
        if (span_equal(p->readings[i].text, text)) {
            return true;
        }
    }
    return false;
}

void peel_add(struct peeler *p, struct peel_reading *r)
{
    p->over_budget = p->over_budget || p->scratch.cut || p->decoded.cut;
    if (!peel_spend(p, peel_read_cost(r->text))) {
        return;
    }
    if (is_known(p, r->text) || (!p->hints->forced && !peel_may_hide(r->text))) {
        return;
    }
    bool cut = false;
    struct span copy = arena_copy(p->texts, r->text, r->text.len, &cut);
    if (cut || p->n_readings == PEEL_READINGS_MAX) {
        p->over_budget = true;
        return;
    }
    r->text = copy;
    p->readings[p->n_readings++] = *r;
}

struct peel_reading peel_child(const struct peeler *p, int parent)
{
    const struct peel_reading *r = &p->readings[parent];
    return (struct peel_reading){
        .encodings = r->encodings,
        .layers = r->layers + 1,
        .parent = parent,
        .step = PEEL_STEP_N,
        .cut = r->cut,
    };
}

void peel_add_encodings(struct peel_reading *r, uint32_t bits)
{
    for (unsigned e = 0; e < ENCODING_N; e++) {
        if ((bits >> e & 1) != 0) {
            r->encodings = encodings_with(r->encodings, (enum encoding)e);
        }
    }
}

void peel_add_spliced(struct peeler *p, struct peel_reading *r)
{
    struct span text = p->readings[r->parent].text;
    size_t from = 0;
    size_t from_decoded = 0;
    sbuf_reset(&p->scratch);
    for (size_t i = 0; i < r->n_pieces; i++) {
        struct peel_piece *piece = &r->pieces[i];
        sbuf_add(&p->scratch, span_sub(text, from, piece->in_off - from));
        piece->out_off = p->scratch.len;
        sbuf_add(&p->scratch, span_sub(sbuf_span(&p->decoded), from_decoded, piece->out_len));
        from_decoded += piece->out_len;
        from = piece->in_off + piece->in_len;
    }
    sbuf_add(&p->scratch, span_from(text, from));
    r->text = sbuf_span(&p->scratch);
    peel_add(p, r);
}

/* Whether the look-ups asked for may be in a reading. */
static bool may_ask(struct peeler *p, struct span text)
{
    bool commons = lookup_commons_may_ask(text);
    p->commons = p->commons || commons;
    if (p->hints->dialect == LOOKUP_COMMONS_TEXT) {
        return commons;
    }
    return p->hints->forced || peel_may_spell(text);
}

/* Whether a line ends here, or an escape stands for that. */
static bool is_line_end(struct span s)
{
    static const struct span ends[] = {
        SPAN_LITERAL("\r"),  SPAN_LITERAL("\n"),  SPAN_LITERAL("\\r"),
        SPAN_LITERAL("\\n"), SPAN_LITERAL("%0D"), SPAN_LITERAL("%0A"),
    };
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (span_starts(s, ends[i])) {
            return true;
        }
    }
    return false;
}

/* Whether an escape may go on like this behind its backslash; digits may be escaped themselves. */
static bool begins_backslash(uint8_t kind, uint8_t next)
{
    bool digits = byte_hex(next) >= 0 || span_find_byte(SPAN("u{%&\\="), 0, next) != SPAN_NONE;
    return kind == 'r' || kind == 'n' || kind == 't' || ((kind == 'u' || kind == 'x') && digits);
}

/* Whether an escape that stands for c, or for any character, begins at off of a name. When any, so
 * does a form's '+'. */
static bool is_escape(struct span name, size_t off, int c)
{
    uint8_t first = name.data[off];
    int high = byte_hex(span_at(name, off + 1));
    int low = byte_hex(span_at(name, off + 2));
    if (first == '%' && high >= 0 && low >= 0) {
        return c < 0 || high * 16 + low == c;
    }
    uint8_t second = span_at(name, off + 1);
    if (first == '=' && is_line_end(span_from(name, off + 1))) {
        return true;
    }
    bool backslash = first == '\\' && begins_backslash(second, span_at(name, off + 2));
    bool reference = first == '&' && (second == '#' || byte_is_alpha(second));
    return c < 0 &&
           (backslash || reference || first == '+' || (first == '=' && high >= 0 && low >= 0));
}

/* A name without what is put in front of one that has no ':'. */
static struct span without_added(struct span name)
{
    struct span added = SPAN("java:comp/env/");
    return span_from(name, span_starts(name, added) ? added.len : 0);
}

/* Whether scheme, host or port of a name are still escaped ("ldap%3A//h"), or the brace behind it
 * is. */
static bool is_escaped_name(struct span name)
{
    name = without_added(name);
    size_t slashes = span_find(name, 0, SPAN("//"));
    size_t path = span_find_byte(name, slashes == SPAN_NONE ? 0 : slashes + 2, '/');
    for (size_t at = 0; at < name.len; at++) {
        if (is_escape(name, at, at < path ? -1 : '}')) {
            return true;
        }
    }
    return false;
}

/* Whether scheme, host or port have octets that are escaped, which no name that leaves the machine
 * has. */
static bool has_octets(struct span name)
{
    name = without_added(name);
    size_t slashes = span_find(name, 0, SPAN("//"));
    size_t end = slashes == SPAN_NONE ? span_find_byte(name, 0, ':')
                                      : span_find_byte(name, slashes + 2, '/');
    for (size_t at = 0; at < name.len && at < end; at++) {
        if ((name.data[at] == '%' || name.data[at] == '=') && is_escape(name, at, -1)) {
            return true;
        }
    }
    return false;
}

/* Whether a reading is a string, with what its writer has to escape: not if that was undone. */
static bool is_string(const struct peeler *p, const struct peel_reading *r)
{
    bool undone = r->step == PEEL_STEP_BACKSLASH && r->parent != PEEL_NOBODY &&
                  peel_string_of(p->readings[r->parent].text) == PEEL_STRING_PLAIN;
    return !undone && peel_string_of(r->text) != PEEL_STRING_NONE;
}

/* Whether an outer layer was left on. Escapes that anybody may write are none when the text asked
 * this as it was given, but for octets where nobody may. */
static bool is_half_peeled(const struct peeler *p, int i, const struct lookup_result *result)
{
    const struct peel_reading *r = &p->readings[i];
    bool given = r->parent == PEEL_NOBODY && r->step == PEEL_STEP_N && r->n_pieces == 0;
    bool half = peel_is_marked(r->text, is_string(p, r)) || (!given && peel_is_folded(r->text));
    half = half || r->cut;
    for (size_t n = 0; n < result->n_names && !half; n++) {
        struct span name = result->names[n].text;
        half = r->parent != PEEL_NOBODY ? is_escaped_name(name) : has_octets(name);
    }
    return half;
}

/* Whether a result takes the place of the best so far. */
static bool is_better(const struct peeler *p, const struct lookup_result *result, bool half)
{
    if (p->best_reading == PEEL_NOBODY || result->class > p->result.class) {
        return true;
    }
    return result->class == LOOKUP_ATTACK && p->half_peeled && !half;
}

static void evaluate(struct peeler *p, int i)
{
    struct span text = p->readings[i].text;
    if (!may_ask(p, text)) {
        return;
    }
    uint64_t fuel = *p->fuel < LOOKUP_FUEL ? *p->fuel : LOOKUP_FUEL;
    uint64_t left = *p->fuel - fuel;
    struct lookup_options options = {
        .dialect = p->hints->dialect, .time_us = p->hints->time_us, .fuel = &fuel};
    struct lookup_result result;
    lookup_evaluate(p->trial, text, &options, &result);
    *p->fuel = left + fuel;
    p->over_budget = p->over_budget || result.over_budget;
    bool half = result.class == LOOKUP_ATTACK && is_half_peeled(p, i, &result);
    if (is_better(p, &result, half)) {
        p->half_peeled = half;
        struct lookup *old = p->best;
        p->best = p->trial;
        p->trial = old;
        p->result = result;
        p->best_reading = i;
    }
}

/* Evaluates the readings from `from` on, and what comes out of them, until one is an attack whose
 * layers are all off. */
static void search(struct peeler *p, int from)
{
    for (int i = from; i < p->n_readings; i++) {
        evaluate(p, i);
        if ((p->result.class == LOOKUP_ATTACK && !p->half_peeled) || *p->fuel == 0) {
            return;
        }
        if (p->readings[i].layers < PEEL_LAYERS_MAX) {
            peel_undo(p, i);
        }
    }
}

/* An attack was found, with a layer left on that may be a form's '+': undone in each reading that
 * it came out of, the outermost first. */
static void search_plus(struct peeler *p)
{
    int chain[PEEL_LAYERS_MAX + 1];
    int n = 0;
    for (int i = p->best_reading; i != PEEL_NOBODY && n <= PEEL_LAYERS_MAX; n++) {
        chain[n] = i;
        i = p->readings[i].parent;
    }
    while (n > 0 && p->half_peeled && *p->fuel > 0) {
        int from = p->n_readings;
        peel_undo_plus(p, chain[--n]);
        search(p, from);
    }
}

/* How the reader of such a value decodes it; PEEL_STEP_N: not at all. */
static enum peel_step native_step(const struct peel_hints *hints)
{
    struct encodings layers = hints->layers;
    if (encodings_have(&layers, ENCODING_PERCENT) || encodings_have(&layers, ENCODING_HTML) ||
        encodings_have(&layers, ENCODING_JSON_UNICODE)) {
        return PEEL_STEP_N;
    }
    if (hints->field == FIELD_HTTP_URI_PARAM || span_starts(hints->item, SPAN("form."))) {
        return PEEL_STEP_FORM;
    }
    if (span_starts(hints->item, SPAN("json.")) || span_equal(hints->item, SPAN("json"))) {
        return PEEL_STEP_BACKSLASH;
    }
    if (span_starts(hints->item, SPAN("xml."))) {
        return PEEL_STEP_HTML;
    }
    return hints->field == FIELD_HTTP_URI ? PEEL_STEP_PERCENT : PEEL_STEP_N;
}

/* Undoes what a text itself says it is, wherever it stands: encoded words, or folded lines. */
static uint32_t undo_marked(struct peeler *p, struct span text, struct peel_reading *r)
{
    if (span_find(text, 0, SPAN("=?")) != SPAN_NONE && peel_decode_words(p, text) > 0) {
        r->pieces[0] = (struct peel_piece){0, text.len, 0, p->scratch.len, 0};
        r->n_pieces = 1;
        return 1u << ENCODING_RFC2047;
    }
    sbuf_reset(&p->scratch);
    r->step = PEEL_STEP_QUOTED_PRINTABLE;
    return peel_is_folded(text) ? peel_step_undo(r->step, text, &p->scratch) : 0;
}

/* The reading that the reader of the value would have; false when it is the text itself. */
static bool add_native(struct peeler *p, struct span text)
{
    struct peel_reading r = {.parent = PEEL_NOBODY, .step = native_step(p->hints)};
    sbuf_reset(&p->scratch);
    uint32_t encodings = r.step == PEEL_STEP_N ? undo_marked(p, text, &r)
                                               : peel_step_undo(r.step, text, &p->scratch);
    if (encodings == 0) {
        return false;
    }
    r.text = sbuf_span(&p->scratch);
    peel_add_encodings(&r, encodings);
    peel_add(p, &r);
    return p->n_readings > 0;
}

/* The text as it was given; it is not copied. */
static void add_given(struct peeler *p, struct span text)
{
    if (p->n_readings < PEEL_READINGS_MAX && !is_known(p, text)) {
        p->readings[p->n_readings++] =
            (struct peel_reading){.text = text, .parent = PEEL_NOBODY, .step = PEEL_STEP_N};
    }
}

static void tell_raw(const struct peeler *p, struct span given, struct peel_result *result)
{
    size_t from = result->lookup.raw_off;
    size_t end = from + result->lookup.raw_len;
    int i = p->best_reading;
    while (i != PEEL_NOBODY && result->lookup.raw_len > 0) {
        const struct peel_reading *r = &p->readings[i];
        struct span parent = r->parent == PEEL_NOBODY ? given : p->readings[r->parent].text;
        from = peel_origin(r, parent, from, false);
        end = peel_origin(r, parent, end, true);
        i = r->parent;
    }
    result->raw_off = from < given.len ? from : given.len;
    result->raw_len = end > result->raw_off ? end - result->raw_off : 0;
}

enum lookup_class peel_and_evaluate(struct peeler *p, struct span text,
                                    const struct peel_hints *hints, struct peel_result *ret_result)
{
    uint64_t fuel = PEEL_FUEL;
    struct peel_result result = {.text = text};
    p->hints = hints;
    p->fuel = hints->fuel != NULL ? hints->fuel : &fuel;
    p->over_budget = false;
    p->commons = false;
    p->n_readings = 0;
    p->best_reading = PEEL_NOBODY;
    p->half_peeled = false;
    p->result = (struct lookup_result){.class = LOOKUP_NONE};
    arena_reset(p->texts);
    if (hints->forced || peel_may_hide(text)) {
        if (add_native(p, text)) {
            search(p, 0);
        }
        if (p->result.class != LOOKUP_ATTACK) {
            int from = p->n_readings;
            add_given(p, text);
            search(p, from);
        }
        if (p->half_peeled) {
            search_plus(p);
        }
    }
    result.lookup = p->result;
    result.lookup.over_budget = p->over_budget;
    result.commons = p->commons;
    if (p->best_reading != PEEL_NOBODY) {
        result.encodings = p->readings[p->best_reading].encodings;
        result.text = p->readings[p->best_reading].text;
        tell_raw(p, text, &result);
    }
    *ret_result = result;
    p->hints = NULL;
    p->fuel = NULL;
    return result.lookup.class;
}
