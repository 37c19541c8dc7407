/* lookup_pass: one pass of Log4j's StrSubstitutor over a text.
 *
 * Log4j copies an expression, substitutes the copy, looks its name up, puts the value in its place
 * and substitutes that again, each by recursion, and searches the closing brace each time. The same
 * comes out of reading each source once from left to right: what lies before the place being read
 * never changes again, so every open range appends to one common buffer, the innermost at its end;
 * and which '}' belongs to a `${` depends on the source alone, so one scan of it finds them all. A
 * source is the text, or a value that holds a `${`; an expression is a part of a source. The open
 * ranges are frames on a stack of our own.
 *
 * An escaped `${` loses the '$' before it. As both are equal, the '$' that was copied already
 * stands for the one that stays, and only '{' is added. Commons Text does the same, where the `${`
 * has an end.
 *
 * Limits: depth, fuel (lookup_machine.h has the prices) and the caps of
 * the buffers. Reaching one ends the pass with over_budget. */
#include "signatures/lookup_machine.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"

enum { FIRST_ROOM = 64, EXCEPTION_TEXT_MAX = 128 };

bool lookup_spend(struct lookup *l, uint64_t n)
{
    if (*l->fuel < n) {
        *l->fuel = 0;
        l->over_budget = true;
        return false;
    }
    *l->fuel -= n;
    return true;
}

void lookup_charge(struct lookup *l, uint64_t n)
{
    if (!lookup_spend(l, n)) {
        return; /* whoever spends next ends it */
    }
}

bool lookup_grow(struct lookup *l, void **array, size_t *room, size_t size, size_t n_max)
{
    size_t want = *room > 0 ? *room * 2 : FIRST_ROOM;
    void *bigger = want <= n_max ? mem_resize(*array, want * size) : NULL;
    if (bigger == NULL) {
        l->over_budget = true;
        return false;
    }
    *array = bigger;
    *room = want;
    return true;
}

void lookup_tell(struct lookup *l, enum lookup_step_kind kind, struct span text, struct span value)
{
    if (l->options->step == NULL) {
        return;
    }
    struct lookup_step step = {
        .kind = kind,
        .depth = l->n_frames > 0 ? l->frames[l->n_frames - 1].depth : 0,
        .text = lookup_shown(l, 0, text),
        .value = lookup_shown(l, 1, value),
    };
    l->options->step(l->options->step_context, &step);
}

void lookup_tell_reading(struct lookup *l, const char *as)
{
    l->n_frames = 0;
    lookup_tell(l, LOOKUP_STEP_READING, (struct span){NULL, 0}, span_str(as));
}

static struct span source_of(const struct lookup *l, const struct lookup_frame *f)
{
    return f->in_values ? span_sub(sbuf_span(&l->values), f->source_off, f->source_len) : l->source;
}

static bool push(struct lookup *l, const struct lookup_frame *f)
{
    void *array = l->frames;
    if (l->n_frames == l->frames_room &&
        !lookup_grow(l, &array, &l->frames_room, sizeof(*l->frames), LOOKUP_DEPTH_MAX)) {
        return false;
    }
    l->frames = array;
    l->frames[l->n_frames++] = *f;
    return true;
}

/* `out` gets shorter: what was remembered of its end is forgotten. */
static void shorten_out(struct lookup *l, size_t len)
{
    sbuf_shorten(&l->out, len);
    while (l->n_unknown > 0 && l->unknown[l->n_unknown - 1].out_off >= len) {
        l->n_unknown--;
        sbuf_shorten(&l->unknown_names, l->unknown[l->n_unknown].name_off);
    }
}

/* Copies the source from where the range stands to `to`. */
static bool copy_plain(struct lookup *l, struct lookup_frame *f, size_t to)
{
    struct span plain = span_sub(source_of(l, f), f->at, to - f->at);
    f->at = to;
    if (plain.len == 0) {
        return true;
    }
    if (plain.data[0] == '{' && l->out.len > f->out_base && l->out.data[l->out.len - 1] == '$') {
        f->tricks |= 1u << TRICK_PRODUCED_DOLLAR;
    }
    sbuf_add(&l->out, plain);
    return lookup_spend(l, 1 + plain.len / LOOKUP_SHARE_COPY);
}

/* Whether a look-up of this name is under way that the present one comes out of. The expression is
 * the frame on top. */
static bool is_cycle(struct lookup *l, struct span name)
{
    const struct lookup_frame *e = &l->frames[l->n_frames - 1];
    size_t i = l->n_frames - 2;
    while (l->frames[i].kind == LOOKUP_FRAME_VALUE) {
        const struct lookup_frame *f = &l->frames[i];
        struct span under_way =
            span_sub(sbuf_span(&l->values), f->source_off - f->name_len, f->name_len);
        if (span_equal(under_way, name)) {
            return true;
        }
        i--;
    }
    lookup_charge(l, (l->n_frames - i) * LOOKUP_COST_LIST);
    struct lookup_frame *root = &l->frames[i];
    if (!root->has_first) {
        root->has_first = true;
        root->first_out = e->out_base - root->out_base;
        root->first_at = e->start;
    }
    size_t rest = root->end - root->first_at;
    if (name.len != root->first_out + rest) {
        return false;
    }
    struct span before = span_sub(sbuf_span(&l->out), root->out_base, root->first_out);
    struct span behind = span_sub(source_of(l, root), root->first_at, rest);
    return span_equal(span_head(name, root->first_out), before) &&
           span_equal(span_from(name, root->first_out), behind);
}

static void throw_exception(struct lookup *l, const char *kind, struct span text)
{
    struct lookup_found *found = &l->found;
    sbuf_reset(&found->exception);
    sbuf_add_str(&found->exception, kind);
    sbuf_add(&found->exception, span_head(text, EXCEPTION_TEXT_MAX));
    found->thrown = true;
    found->thrown_from = l->frames[1].from;
    found->thrown_end = l->frames[1].to;
    lookup_tell(l, LOOKUP_STEP_EXCEPTION, text, sbuf_span(&found->exception));
}

/* Remembers a look-up that gave nothing; its text will stand in `out` at out_off. */
static void remember_unknown(struct lookup *l, size_t out_off, const struct lookup_answer *a)
{
    struct sbuf *names = &l->unknown_names;
    void *array = l->unknown;
    if (l->n_unknown == l->unknown_room &&
        !lookup_grow(l, &array, &l->unknown_room, sizeof(*l->unknown), LOOKUP_TEXT_MAX)) {
        return;
    }
    l->unknown = array;
    size_t name_off = names->len;
    sbuf_add(names, a->prefix);
    sbuf_add_byte(names, ':');
    sbuf_add(names, a->key);
    l->unknown[l->n_unknown++] = (struct lookup_unknown){out_off, name_off, names->len - name_off};
}

/* The expression gave nothing and stays as it was written. */
static bool keep_original(struct lookup *l, const struct lookup_frame *e, struct span name,
                          const struct lookup_answer *a)
{
    lookup_tell(l, LOOKUP_STEP_NOTHING, name, (struct span){NULL, 0});
    struct sbuf *key = &l->value; /* the name is about to be overwritten */
    sbuf_reset(key);
    sbuf_add(key, a->host_knows ? a->key : (struct span){NULL, 0});
    shorten_out(l, e->out_base);
    if (a->host_knows) {
        struct lookup_answer kept = *a;
        kept.key = sbuf_span(key);
        remember_unknown(l, e->out_base, &kept);
    }
    size_t len = e->end + 1 - e->start;
    sbuf_add(&l->out, span_sub(source_of(l, e), e->start, len));
    return lookup_spend(l, len / LOOKUP_SHARE_COPY);
}

/* Opens the range of a value that is to be substituted again. */
static bool open_value(struct lookup *l, const struct lookup_frame *e, struct span name,
                       struct span value, uint32_t tricks)
{
    struct lookup_frame f = {
        .kind = LOOKUP_FRAME_VALUE,
        .in_values = true,
        .source_off = l->values.len + name.len,
        .source_len = value.len,
        .end = value.len,
        .opener = l->n_openers,
        .out_base = e->out_base,
        .name_len = name.len,
        .openers_base = l->n_openers,
        .from = e->from,
        .to = e->to,
        .tricks = e->tricks | tricks,
        .depth = e->depth,
        .deepest = e->deepest,
    };
    sbuf_add(&l->values, name);
    sbuf_add(&l->values, value);
    shorten_out(l, f.out_base);
    if (l->values.cut || !lookup_scan(l, source_of(l, &f))) {
        l->over_budget = true;
        return false;
    }
    f.opener_end = l->n_openers;
    return push(l, &f);
}

/* Puts the value in the place of the expression, which is no longer on the stack. */
static bool put_value(struct lookup *l, const struct lookup_frame *e,
                      const struct lookup_split *split, const struct lookup_answer *a)
{
    struct span out = sbuf_span(&l->out);
    struct span name = span_sub(out, e->out_base, split->name_len);
    struct span value = a->has_text ? sbuf_span(&l->value) : span_from(out, split->default_off);
    uint32_t tricks = a->tricks | (a->has_text ? 0 : 1u << TRICK_DEFAULT);
    lookup_tell(l, a->has_text ? LOOKUP_STEP_VALUE : LOOKUP_STEP_DEFAULT, name, value);
    l->frames[l->n_frames - 1].tricks |= e->tricks | tricks;
    if (!lookup_spend(l, value.len / LOOKUP_SHARE_SEARCH)) {
        return false;
    }
    if (span_find(value, 0, SPAN("${")) != SPAN_NONE) {
        return open_value(l, e, name, value, tricks);
    }
    if (a->has_text) {
        shorten_out(l, e->out_base);
        sbuf_add(&l->out, value);
    } else {
        size_t len = value.len;
        (void)sbuf_replace(&l->out, e->out_base, split->default_off - e->out_base,
                           (struct span){NULL, 0});
        shorten_out(l, e->out_base + len);
    }
    return true;
}

/* The expression on top has been substituted: its name is looked up. */
static bool finish_expression(struct lookup *l)
{
    struct lookup_frame e = l->frames[l->n_frames - 1];
    struct lookup_split split = l->commons ? lookup_commons_split(&l->out, e.out_base, l->nests)
                                           : lookup_split(&l->out, e.out_base);
    struct span name = span_sub(sbuf_span(&l->out), e.out_base, split.name_len);
    uint64_t cost = LOOKUP_COST_STEP + split.cost + (l->out.len - e.out_base) / LOOKUP_SHARE_COPY;
    if (!lookup_spend(l, cost)) {
        return false;
    }
    if (is_cycle(l, name)) {
        l->found.cycle = true;
        throw_exception(l, "IllegalStateException: ", name);
        return false;
    }
    struct lookup_answer a = lookup_answer_to(l, name);
    if (a.kind == LOOKUP_VALUE_THROWS) {
        throw_exception(l, "IllegalArgumentException: ", a.key);
        return false;
    }
    if (a.kind == LOOKUP_VALUE_ASK) {
        lookup_ask(l, &e, name, &a);
    }
    l->n_frames--;
    struct lookup_frame *around = &l->frames[l->n_frames - 1];
    around->at = e.end + 1;
    around->opener = e.opener;
    around->deepest = around->deepest > e.deepest ? around->deepest : e.deepest;
    if (!a.has_text && !split.has_default) {
        return keep_original(l, &e, name, &a);
    }
    return put_value(l, &e, &split, &a);
}

static void finish_value(struct lookup *l)
{
    const struct lookup_frame *f = &l->frames[l->n_frames - 1];
    struct lookup_frame *around = &l->frames[l->n_frames - 2];
    sbuf_shorten(&l->values, f->source_off - f->name_len);
    l->n_openers = f->openers_base;
    around->tricks |= f->tricks;
    around->deepest = around->deepest > f->deepest ? around->deepest : f->deepest;
    l->n_frames--;
}

/* Where names do not nest, `${` in one are a part of it. */
static void skip_inner(struct lookup *l, struct lookup_frame *f, size_t close)
{
    size_t from = f->opener;
    while (f->opener < f->opener_end && l->openers[f->opener].at < close) {
        f->opener++;
    }
    lookup_charge(l, (f->opener - from) * LOOKUP_COST_LIST);
}

/* The range on top has come to a `${`, and all before it is in `out`. */
static bool meet_opener(struct lookup *l)
{
    struct lookup_frame *f = &l->frames[l->n_frames - 1];
    struct lookup_opener o = l->openers[f->opener];
    f->opener++;
    bool escaped = l->out.len > f->out_base && l->out.data[l->out.len - 1] == '$';
    if (escaped && !(l->commons && o.close == LOOKUP_UNCLOSED)) {
        lookup_tell(l, LOOKUP_STEP_ESCAPED, span_from(source_of(l, f), o.at),
                    (struct span){NULL, 0});
        f->tricks |= 1u << TRICK_ESCAPED;
        f->at = (size_t)o.at + 2;
        sbuf_add_byte(&l->out, '{');
        return lookup_spend(l, LOOKUP_COST_STEP);
    }
    if (o.close == LOOKUP_UNCLOSED) {
        lookup_tell(l, LOOKUP_STEP_SHIELDED, span_from(source_of(l, f), o.at),
                    (struct span){NULL, 0});
        f->opener = f->opener_end;
        return true;
    }
    if (l->commons && !l->nests) {
        skip_inner(l, f, o.close);
    }
    bool in_text = !f->in_values;
    struct lookup_frame e = {
        .kind = LOOKUP_FRAME_EXPRESSION,
        .in_values = f->in_values,
        .source_off = f->source_off,
        .source_len = f->source_len,
        .start = o.at,
        .at = (size_t)o.at + 2,
        .end = o.close,
        .opener = f->opener,
        .opener_end = f->opener_end,
        .out_base = l->out.len,
        .from = in_text ? o.at : f->from,
        .to = in_text ? (size_t)o.close + 1 : f->to,
        .depth = f->depth + 1,
        .deepest = f->depth + 1,
    };
    return lookup_spend(l, LOOKUP_COST_STEP) && push(l, &e);
}

/* Carries the range on top on to its next `${`, or ends it. */
static bool advance(struct lookup *l)
{
    struct lookup_frame *f = &l->frames[l->n_frames - 1];
    bool at_opener = f->opener < f->opener_end && l->openers[f->opener].at < f->end;
    if (!copy_plain(l, f, at_opener ? l->openers[f->opener].at : f->end)) {
        return false;
    }
    if (l->out.cut) {
        l->over_budget = true;
        return false;
    }
    if (at_opener) {
        return meet_opener(l);
    }
    if (f->kind == LOOKUP_FRAME_EXPRESSION) {
        return finish_expression(l);
    }
    if (f->kind == LOOKUP_FRAME_VALUE) {
        finish_value(l);
        return true;
    }
    l->carried |= f->tricks;
    l->n_frames--;
    return true;
}

bool lookup_pass(struct lookup *l)
{
    l->n_frames = 0;
    l->n_openers = 0;
    l->n_unknown = 0;
    sbuf_reset(&l->out);
    sbuf_reset(&l->values);
    sbuf_reset(&l->unknown_names);
    lookup_tell(l, LOOKUP_STEP_TEXT, l->source, (struct span){NULL, 0});
    if (!lookup_scan(l, l->source)) {
        return false;
    }
    struct lookup_frame text = {
        .kind = LOOKUP_FRAME_TEXT,
        .source_len = l->source.len,
        .end = l->source.len,
        .opener_end = l->n_openers,
    };
    if (!push(l, &text)) {
        return false;
    }
    while (l->n_frames > 0) {
        if (!advance(l)) {
            return false;
        }
    }
    return true;
}
