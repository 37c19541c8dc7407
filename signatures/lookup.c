/* lookup: what Log4j 2.14.1 makes of a logged text.
 *
 * This file is the outermost loop, MessagePatternConverter: it walks over the text and, at each
 * `${` it comes to, substitutes the whole text anew (lookup_pass.c) and walks on at the next
 * position of the result. Positions are Java's: UTF-16 units. The text itself stays UTF-8; all that
 * the grammar knows is ASCII, so only these positions have to be counted. A byte that is not part
 * of well-formed UTF-8 is one unit that means nothing, and comes out as it went in.
 *
 * A pass is a function of the text alone, so one that changes nothing ends the walk: all further
 * ones would ask the same names again. What JNDI gives is taken as nothing, as when the server it
 * asks does not answer.
 *
 * A text that asks nothing is then classified (lookup_classify.c).
 *
 * Commons Text makes one pass (lookup_commons.c). */
#include "signatures/lookup_machine.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/codec/utf.h"

enum {
    BUFFER_CAP = LOOKUP_TEXT_MAX * 4,
    NAMES_CAP = LOOKUP_TEXT_MAX,
    EXCEPTION_CAP = 256,
    ON_MAX = 8, /* passes beyond those that the text itself causes */
};

struct lookup *lookup_new(void)
{
    struct lookup *l = mem_alloc(sizeof(*l));
    if (l == NULL) {
        return NULL;
    }
    struct sbuf *const buffers[] = {&l->out, &l->values, &l->value, &l->unknown_names, &l->text};
    for (size_t i = 0; i < ARRAY_LEN(buffers); i++) {
        *buffers[i] = sbuf_with_cap(BUFFER_CAP);
    }
    l->with_ends = sbuf_with_cap(LOOKUP_TEXT_MAX + LOOKUP_DEPTH_MAX);
    l->shown[0] = sbuf_with_cap(BUFFER_CAP);
    l->shown[1] = sbuf_with_cap(BUFFER_CAP);
    l->found.names.text = sbuf_with_cap(NAMES_CAP);
    l->found.variables.text = sbuf_with_cap(NAMES_CAP);
    l->found.exception = sbuf_with_cap(EXCEPTION_CAP);
    return l;
}

void lookup_free(struct lookup **l)
{
    if (*l == NULL) {
        return;
    }
    struct lookup *x = *l;
    struct sbuf *const buffers[] = {&x->out,
                                    &x->values,
                                    &x->value,
                                    &x->unknown_names,
                                    &x->text,
                                    &x->with_ends,
                                    &x->found.names.text,
                                    &x->found.variables.text,
                                    &x->found.exception,
                                    &x->shown[0],
                                    &x->shown[1]};
    for (size_t i = 0; i < ARRAY_LEN(buffers); i++) {
        sbuf_free(buffers[i]);
    }
    mem_free(x->frames);
    mem_free(x->openers);
    mem_free(x->unknown);
    mem_free(x);
    *l = NULL;
}

/* A byte that is in no UTF-8 text, and not in this one either. */
static uint8_t choose_mark(struct span text)
{
    static const uint8_t never[] = {0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0xfa, 0xf9,
                                    0xf8, 0xf7, 0xf6, 0xf5, 0xc1, 0xc0};
    for (size_t i = 0; i < sizeof(never); i++) {
        if (span_find_byte(text, 0, never[i]) == SPAN_NONE) {
            return never[i];
        }
    }
    return 0;
}

static bool is_ascii(struct span text)
{
    uint8_t all = 0;
    for (size_t i = 0; i < text.len; i++) {
        all |= text.data[i];
    }
    return all < 0x80;
}

/* A surrogate without its partner, in the three bytes that UTF-8 would have for it. */
static bool is_surrogate(struct span text, size_t off)
{
    return text.data[off] == 0xed && span_at(text, off + 1) >= 0xa0 &&
           span_at(text, off + 1) < 0xc0 && (span_at(text, off + 2) & 0xc0) == 0x80;
}

/* Bytes and UTF-16 units of the character at off. */
static size_t character(struct span text, size_t off, size_t *ret_units)
{
    uint32_t cp = 0;
    size_t len = text.data[off] < 0x80 ? 1 : utf8_next(text, off, &cp);
    *ret_units = len == 4 ? 2 : 1;
    if (len == 0) {
        return is_surrogate(text, off) ? 3 : 1;
    }
    return len;
}

static size_t units_before(struct span text, size_t off)
{
    size_t units = 0;
    size_t at = 0;
    while (at < off) {
        size_t n = 0;
        at += character(text, at, &n);
        units += n;
    }
    return units;
}

static size_t offset_of_unit(struct span text, size_t unit)
{
    size_t units = 0;
    size_t at = 0;
    while (at < text.len && units < unit) {
        size_t n = 0;
        at += character(text, at, &n);
        units += n;
    }
    return at;
}

/* One pass; what it gives becomes the text. false when nothing changed or it ended early. */
static bool pass_on(struct lookup *l)
{
    if (!lookup_pass(l) || !lookup_spend(l, l->out.len / 8)) {
        return false;
    }
    if (span_equal(sbuf_span(&l->out), l->source)) {
        return false;
    }
    struct sbuf old = l->text;
    l->text = l->out;
    l->out = old;
    l->source = sbuf_span(&l->text);
    l->first_pass = false;
    if (l->source.len > LOOKUP_TEXT_MAX) {
        l->over_budget = true;
    }
    return !l->over_budget;
}

static void reset_found(struct lookup_found *found)
{
    lookup_list_reset(&found->names);
    lookup_list_reset(&found->variables);
    sbuf_reset(&found->exception);
    found->tricks = 0;
    found->depth = 0;
    found->has_raw = false;
    found->thread_context = false;
    found->cycle = false;
    found->thrown = false;
    found->refused = false;
}

bool lookup_read(struct lookup *l, struct span text, size_t ours)
{
    reset_found(&l->found);
    l->given = text;
    l->source = text;
    l->raw_limit = text.len - ours;
    l->first_pass = true;
    l->carried = 0;
    if (l->commons) {
        (void)pass_on(l); /* there is one only */
        return !l->over_budget;
    }
    bool ascii = is_ascii(text);
    size_t at = span_find(text, 0, SPAN("${"));
    bool more = at != SPAN_NONE && lookup_spend(l, text.len / 8);
    while (more) {
        size_t unit = (ascii ? at : units_before(l->source, at)) + 1;
        more = pass_on(l) && (ascii || lookup_spend(l, at * LOOKUP_COST_UNITS));
        at = span_find(l->source, ascii ? unit : offset_of_unit(l->source, unit), SPAN("${"));
        more = more && at != SPAN_NONE;
    }
    return !l->over_budget;
}

void lookup_read_on(struct lookup *l)
{
    if (l->commons) {
        return;
    }
    for (unsigned i = 0; i < ON_MAX && l->found.names.n == 0 && !l->found.thrown; i++) {
        if (l->over_budget || !pass_on(l)) {
            return;
        }
    }
}

/* A name that was asked in a later pass, by text that an earlier one made: all that can have made
 * it. */
static void guess_raw(struct span text, struct lookup_found *found)
{
    size_t from = span_find_byte(text, 0, '$');
    size_t to = span_rfind_byte(text, '}');
    size_t end = to == SPAN_NONE || to < from ? text.len : to + 1;
    found->has_raw = from < end;
    found->raw_off = from;
    found->raw_len = end - from;
}

static void fill_names(struct lookup *l, struct lookup_result *result)
{
    for (size_t i = 0; i < l->found.names.n; i++) {
        struct span text = lookup_list_at(&l->found.names, i);
        struct span scheme = lookup_scheme(text);
        bool reaches = l->commons ? lookup_commons_reaches_network(text)
                                  : lookup_scheme_reaches_network(scheme);
        l->names[i] = (struct lookup_name){text, scheme, reaches};
    }
    for (size_t i = 0; i < l->found.variables.n; i++) {
        l->variables[i] = lookup_list_at(&l->found.variables, i);
    }
    result->names = l->names;
    result->n_names = l->found.names.n;
    result->variables = l->variables;
    result->n_variables = l->found.variables.n;
    if (result->n_names > 0) {
        struct lookup_callback c = lookup_callback(result->dialect, l->names[0].text);
        result->host = c.host;
        result->port = c.port;
        result->path = c.path;
    }
}

/* Whether a name calls a host that only looks local: "127.0.0.1#evil.example" (2.15.0 compared what
 * stands before the '#'). */
static bool hides_host(const struct lookup_found *found)
{
    for (size_t i = 0; i < found->names.n; i++) {
        struct lookup_callback c = lookup_callback(LOOKUP_LOG4J, lookup_list_at(&found->names, i));
        if (span_find_byte(c.host, 0, '#') != SPAN_NONE) {
            return true;
        }
    }
    return false;
}

static uint32_t cves_of(const struct lookup *l, enum lookup_class class)
{
    const struct lookup_found *found = &l->found;
    if (l->commons) {
        return class != LOOKUP_NONE ? 1u << CVE_2022_42889 : 0;
    }
    uint32_t cves = found->cycle ? 1u << CVE_2021_45105 : 0;
    if (class != LOOKUP_NONE) {
        cves |= 1u << CVE_2021_44228;
        cves |= found->thread_context || hides_host(found) ? 1u << CVE_2021_45046 : 0;
    }
    return cves;
}

void lookup_evaluate(struct lookup *l, struct span text, const struct lookup_options *options,
                     struct lookup_result *ret_result)
{
    uint64_t fuel = LOOKUP_FUEL;
    struct lookup_result result = {.dialect = options->dialect, .class = LOOKUP_ATTACK};
    l->options = options;
    l->commons = options->dialect == LOOKUP_COMMONS_TEXT;
    l->nests = true;
    l->fuel = options->fuel != NULL ? options->fuel : &fuel;
    l->over_budget = text.len > LOOKUP_TEXT_MAX;
    text = span_head(text, LOOKUP_TEXT_MAX);
    l->mark = choose_mark(text);
    if (l->commons) {
        result.class = lookup_commons_read(l, text, &result.attempt);
    } else {
        lookup_tell_reading(l, "as it stands");
        (void)lookup_read(l, text, 0);
        if (l->found.names.n == 0) {
            result.class = lookup_classify(l, text, &result.attempt);
        }
    }
    struct lookup_found *found = &l->found;
    if (found->names.n > 0 && !found->has_raw) {
        guess_raw(text, found);
    }
    fill_names(l, &result);
    result.over_budget = l->over_budget;
    result.tricks = found->tricks;
    result.cves = cves_of(l, result.class);
    result.depth = found->depth;
    result.raw_off = found->has_raw ? found->raw_off : 0;
    result.raw_len = found->has_raw ? found->raw_len : 0;
    result.exception = sbuf_span(&found->exception);
    result.evaluated = lookup_shown(l, 0, l->source);
    result.attempt = lookup_shown(l, 1, result.attempt);
    *ret_result = result;
    l->options = NULL;
    l->fuel = NULL;
}
