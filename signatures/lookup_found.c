/* lookup_found: what is noted when JNDI is asked.
 *
 * Each name once, in the order asked, with the variables that stand in it, the tricks that made it
 * and the piece of the text it came from. Names that Log4j would look up in the container's own
 * space get "java:comp/env/" in front, as its JndiLookup does. Marks of host values are written out
 * as `${hostName}`. */
#include "signatures/lookup_machine.h"

#include "sensor/base/bytes.h"

static const struct span container = SPAN_LITERAL("java:comp/env/");

void lookup_list_reset(struct lookup_list *list)
{
    list->n = 0;
    sbuf_reset(&list->text);
}

struct span lookup_list_at(const struct lookup_list *list, size_t i)
{
    return span_sub(sbuf_span(&list->text), list->off[i], list->len[i]);
}

/* Keeps what was appended to the list's text from `off` on as a new entry, unless it is there
 * already or the list is full. */
static bool keep(struct lookup *l, struct lookup_list *list, size_t off)
{
    struct span text = span_from(sbuf_span(&list->text), off);
    lookup_charge(l, list->n * LOOKUP_COST_LIST + text.len / LOOKUP_SHARE_COPY);
    for (size_t i = 0; i < list->n; i++) {
        if (span_equal(lookup_list_at(list, i), text)) {
            sbuf_shorten(&list->text, off);
            return false;
        }
    }
    if (list->n == LOOKUP_NAMES_MAX || list->text.cut) {
        l->over_budget = true;
        sbuf_shorten(&list->text, off);
        return false;
    }
    list->off[list->n] = off;
    list->len[list->n] = list->text.len - off;
    list->n++;
    return true;
}

/* Appends `s` with marks written out. */
static void add_plain(const struct lookup *l, struct span s, struct sbuf *to)
{
    while (s.len > 0) {
        size_t at = l->mark != 0 ? span_find_byte(s, 0, l->mark) : SPAN_NONE;
        struct span variable = lookup_host_variable(at == SPAN_NONE ? 0 : span_at(s, at + 1));
        if (variable.len == 0) {
            sbuf_add(to, s);
            return;
        }
        sbuf_add(to, span_head(s, at));
        sbuf_add(to, SPAN("${"));
        sbuf_add(to, variable);
        sbuf_add_byte(to, '}');
        s = span_from(s, at + 2);
    }
}

struct span lookup_shown(struct lookup *l, size_t i, struct span s)
{
    if (l->mark == 0 || span_find_byte(s, 0, l->mark) == SPAN_NONE) {
        return s;
    }
    sbuf_reset(&l->shown[i]);
    add_plain(l, s, &l->shown[i]);
    return sbuf_span(&l->shown[i]);
}

static bool has_colon(struct lookup *l, struct span key)
{
    if (span_find_byte(key, 0, ':') != SPAN_NONE) {
        return true;
    }
    size_t at = l->mark != 0 ? span_find_byte(key, 0, l->mark) : SPAN_NONE;
    while (at != SPAN_NONE && lookup_spend(l, LOOKUP_COST_COLON)) {
        if (lookup_host_value_has_colon(span_at(key, at + 1))) {
            return true;
        }
        at = span_find_byte(key, at + 1, l->mark);
    }
    return false;
}

/* Notes that JNDI is asked for a key; of Commons Text the look-up that is asked stands in front. */
static bool note_name(struct lookup *l, struct span prefix, struct span key)
{
    struct lookup_list *names = &l->found.names;
    size_t off = names->text.len;
    bool marks = l->mark != 0 && span_find_byte(key, 0, l->mark) != SPAN_NONE;
    if (!lookup_spend(l, key.len * (marks ? LOOKUP_COST_MARK : 1) / LOOKUP_SHARE_COPY)) {
        return false;
    }
    if (l->commons) {
        sbuf_add(&names->text, prefix);
        sbuf_add_byte(&names->text, ':');
    } else if (!has_colon(l, key)) {
        sbuf_add(&names->text, container);
    }
    add_plain(l, key, &names->text);
    return keep(l, names, off);
}

static void note_variables(struct lookup *l, const struct lookup_frame *e, struct span name)
{
    struct lookup_list *variables = &l->found.variables;
    size_t mark = l->mark != 0 ? span_find_byte(name, 0, l->mark) : SPAN_NONE;
    while (mark != SPAN_NONE) {
        size_t off = variables->text.len;
        sbuf_add(&variables->text, lookup_host_variable(span_at(name, mark + 1)));
        if (!keep(l, variables, off) && l->over_budget) {
            return;
        }
        mark = span_find_byte(name, mark + 1, l->mark);
    }
    size_t i = l->n_unknown;
    while (i > 0 && l->unknown[i - 1].out_off >= e->out_base) {
        i--;
    }
    bool ok = lookup_spend(l, (l->n_unknown - i) * LOOKUP_COST_LIST);
    for (; ok && i < l->n_unknown && l->unknown[i].out_off - e->out_base < name.len; i++) {
        const struct lookup_unknown *u = &l->unknown[i];
        size_t off = variables->text.len;
        add_plain(l, span_sub(sbuf_span(&l->unknown_names), u->name_off, u->name_len),
                  &variables->text);
        ok = keep(l, variables, off) || !l->over_budget;
    }
}

/* Where in the text the name came from: the outermost expression that ends there, or, when none
 * does, what is there of the asking one. */
static void note_raw(struct lookup *l, const struct lookup_frame *e)
{
    struct lookup_found *found = &l->found;
    size_t from = e->from;
    size_t to = l->raw_limit;
    bool ends = false;
    for (size_t i = 1; i < l->n_frames && !ends; i++) {
        ends = l->frames[i].to <= l->raw_limit;
        from = ends ? l->frames[i].from : from;
        to = ends ? l->frames[i].to : to;
    }
    if (l->frames[1].to > l->raw_limit) {
        found->tricks |= ends ? 1u << TRICK_SHIELDED : 1u << TRICK_UNCLOSED;
    }
    found->has_raw = true;
    found->raw_off = from;
    found->raw_len = to > from ? to - from : 0;
}

/* Whether the expression at frame i already has its delimiter: what is evaluated above it then is
 * part of its default, needed or not. */
static bool is_in_default(const struct lookup *l, size_t i)
{
    const struct lookup_frame *f = &l->frames[i];
    struct span before = span_sub(sbuf_span(&l->out), f->out_base, f[1].out_base - f->out_base);
    return f->kind == LOOKUP_FRAME_EXPRESSION && span_find(before, 0, SPAN(":-")) != SPAN_NONE;
}

static uint32_t tricks_around(struct lookup *l, const struct lookup_frame *e)
{
    uint32_t tricks = e->tricks;
    lookup_charge(l, l->n_frames * LOOKUP_COST_LIST + l->out.len / LOOKUP_SHARE_SEARCH);
    for (size_t i = 1; i + 1 < l->n_frames; i++) {
        tricks |= l->frames[i].kind == LOOKUP_FRAME_VALUE ? l->frames[i].tricks : 0;
        tricks |= is_in_default(l, i) ? 1u << TRICK_DEFAULT : 0;
    }
    if (e->depth > 1 || e->deepest > e->depth + 1) {
        tricks |= 1u << TRICK_NESTED;
    }
    return tricks;
}

static bool has_upper(struct span s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] != byte_lower(s.data[i])) {
            return true;
        }
    }
    return false;
}

void lookup_ask(struct lookup *l, const struct lookup_frame *e, struct span name,
                const struct lookup_answer *a)
{
    struct lookup_found *found = &l->found;
    if (!note_name(l, a->prefix, a->key)) {
        return;
    }
    lookup_tell(l, LOOKUP_STEP_ASK, lookup_list_at(&found->names, found->names.n - 1),
                (struct span){NULL, 0});
    note_variables(l, e, name);
    found->tricks |= a->tricks | tricks_around(l, e) | l->carried;
    found->tricks |= has_upper(span_head(name, a->prefix.len)) ? 1u << TRICK_CASE : 0;
    found->depth = e->deepest > found->depth ? e->deepest : found->depth;
    if (!found->has_raw && l->first_pass) {
        note_raw(l, e);
    }
}
