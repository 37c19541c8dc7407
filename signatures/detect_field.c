/* detect_field: the fields of a head, and decoded copies.
 *
 * A field that lies in its head looks at the hits between its ends; without one it costs a
 * comparison. A decoded copy lies elsewhere and is scanned by itself.
 *
 * Look-ups are evaluated in the smallest value that holds the hit. A protocol's separator may stand
 * inside a look-up, so behind the values come their lines: decoders give the whole block of headers
 * and the request line as fields, after what is in them, and there only hits that are part of no
 * known attack are looked at again. One look-up is one finding: what a value has told is not told
 * again of its line, of the other form of a value (decoded and as sent), or of the line a decoded
 * copy came from. */
#include "signatures/detect_parts.h"

#include "sensor/base/hash.h"
#include "signatures/locate.h"
#include "signatures/target.h"

enum { QUESTION_LEN = 4 }; /* type and class behind a name; a record has its time to live, too */

/* How look-ups in a field are looked for. */
enum field_sort {
    SORT_VALUE,   /* the whole value is one text */
    SORT_PARTS,   /* it has parts with names: parameters, cookies */
    SORT_LINES,   /* it holds values that came before it, line by line */
    SORT_DERIVED, /* another form of a field that is looked at itself */
};

/* A whole block of headers has no item: single ones do. */
static enum field_sort sort_of(const struct head *h, const struct field *f)
{
    if ((f->flags & FIELD_REPEATED) != 0) {
        return SORT_DERIVED;
    }
    switch ((int)f->id) {
    case FIELD_HTTP_URI_RAW:
    case FIELD_HTTP_COOKIE:
        return f->item.len == 0 ? SORT_PARTS : SORT_VALUE;
    case FIELD_HTTP_URI:
    case FIELD_HTTP_HOST:
        return SORT_DERIVED;
    case FIELD_HTTP_HEADER:
    case FIELD_HTTP_REQUEST_LINE:
    case FIELD_HTTP_RESPONSE_LINE:
        return SORT_LINES;
    case FIELD_EMAIL_HEADER:
        return f->item.len == 0 && f->value.len == h->bytes.len ? SORT_LINES : SORT_VALUE;
    default:
        return SORT_VALUE;
    }
}

/* --- what is known of a head -------------------------------------------------------------------
 */

/* A value of a field that was looked at: where it lies in the head, if it does. */
struct place {
    struct head *head;
    bool owned;  /* it is the transaction's own head */
    bool inside; /* the field lies in it, */
    size_t off;  /* here */
    enum field_sort sort;
};

/* What was found in the head in a spot's dialect. */
static struct known *known_of(const struct place *p, const struct spot *spot)
{
    return &p->head->known[spot->dialect];
}

static void remember(struct known *h, size_t from, size_t end, enum lookup_class class)
{
    if (class != LOOKUP_NONE && h->n_seen < DETECT_SEEN_MAX) {
        h->seen[h->n_seen++] = (struct seen){from, end, class};
    }
}

/* The end of the known attack around an offset in the head, or 0. */
static size_t known_attack(const struct known *h, size_t off)
{
    for (size_t i = 0; i < h->n_seen; i++) {
        const struct seen *s = &h->seen[i];
        if (s->class == LOOKUP_ATTACK && off >= s->from && off < s->end) {
            return s->end;
        }
    }
    return 0;
}

/* The highest class known of anything between two offsets in the head. */
static enum lookup_class known_class(const struct known *h, size_t from, size_t end)
{
    enum lookup_class class = LOOKUP_NONE;
    for (size_t i = 0; i < h->n_seen; i++) {
        const struct seen *s = &h->seen[i];
        if (s->from < end && from < s->end && s->class > class) {
            class = s->class;
        }
    }
    return class;
}

/* Whether these names were found in a decoded copy from this head; each copy answers once. */
static bool told_by_copy(struct known *h, uint64_t names)
{
    for (size_t i = 0; i < h->n_copies; i++) {
        if (h->copies[i] == names) {
            h->copies[i] = h->copies[--h->n_copies];
            return true;
        }
    }
    return false;
}

/* --- lines -------------------------------------------------------------------------------------
 */

static bool folds(struct span text, size_t off)
{
    return span_at(text, off) == ' ' || span_at(text, off) == '\t';
}

/* The line around an offset, with the lines folded to it. */
static struct span line_around(struct span text, size_t off)
{
    size_t lf = span_rfind_byte(span_head(text, off), '\n');
    while (lf != SPAN_NONE && folds(text, lf + 1)) {
        lf = span_rfind_byte(span_head(text, lf), '\n');
    }
    size_t start = lf == SPAN_NONE ? 0 : lf + 1;
    lf = span_find_byte(text, off, '\n');
    while (lf != SPAN_NONE && folds(text, lf + 1)) {
        lf = span_find_byte(text, lf + 1, '\n');
    }
    return span_trim(span_sub(text, start, (lf == SPAN_NONE ? text.len : lf) - start));
}

/* What a line of a head is called. */
static enum field_id line_field(const struct place *p, const struct spot *spot, size_t line_off)
{
    if (p->head->field != FIELD_HTTP_HEADER || line_off > 0) {
        return p->head->field;
    }
    return spot->dir == TO_SERVER ? FIELD_HTTP_REQUEST_LINE : FIELD_HTTP_RESPONSE_LINE;
}

/* Whether lines of this head mean anything beside their values. */
static bool has_lines(const struct head *h)
{
    return h->field == FIELD_HTTP_HEADER || h->field == FIELD_HTTP_TRAILER ||
           h->field == FIELD_EMAIL_HEADER;
}

/* The line that holds a value of the head, as the last candidate; false without one. */
static bool line_candidate(const struct place *p, const struct spot *spot, struct span value,
                           struct candidate *ret)
{
    size_t line_off = 0;
    size_t at = 0;
    if (!p->inside || !has_lines(p->head)) {
        return false;
    }
    struct span line = line_around(p->head->bytes, p->off);
    if (!span_contains(p->head->bytes, line, &line_off) || !span_contains(line, value, &at) ||
        line.len == value.len) {
        return false;
    }
    *ret = (struct candidate){.spot = *spot, .text = line, .limit = at + value.len};
    ret->spot.field = line_field(p, spot, line_off);
    ret->spot.item = span_of(NULL, 0);
    return true;
}

/* --- values ------------------------------------------------------------------------------------
 */

static uint64_t place_key(const struct spot *spot)
{
    uint64_t id = (uint64_t)spot->field;
    return hash_fixed(spot->item) ^ hash_fixed(span_of(&id, sizeof(id)));
}

/* The other form of the copy before it, and nothing more. */
static bool is_other_form(const struct last_copy *c, const struct spot *spot,
                          const struct answer *answer)
{
    return c->place == place_key(spot) && answer->class <= c->class &&
           answer->result.n_names <= c->n_names;
}

/* A header whose parameters name a file, after that name was told, and nothing more than it. */
static bool is_name_told(const struct known *h, const struct spot *spot,
                         const struct answer *answer)
{
    bool names_file =
        spot->field == FIELD_EMAIL_HEADER && (span_equal(spot->item, SPAN("content-disposition")) ||
                                              span_equal(spot->item, SPAN("content-type")));
    return names_file && answer->class <= h->file_copy.class &&
           answer->result.n_names <= h->file_copy.n_names;
}

/* A decoded copy. What it tells is remembered for its other form and its line. */
static void look_at_copy(struct detector *d, const struct place *p, const struct spot *spot,
                         struct span value)
{
    struct answer answer;
    struct known *h = known_of(p, spot);
    detect_evaluate(d, spot, value, &answer);
    if (p->owned && is_name_told(h, spot, &answer)) {
        return;
    }
    if (p->owned && answer.class != LOOKUP_NONE) {
        h->last_copy = (struct last_copy){place_key(spot), answer.class, answer.result.n_names};
        h->file_copy = spot->field == FIELD_FILE_NAME ? h->last_copy : h->file_copy;
        if (h->n_copies < DETECT_COPIES_MAX) {
            h->copies[h->n_copies++] = detect_names_key(d, &answer);
        }
    }
    detect_report(d, spot, value, &answer);
}

static void remember_best(const struct place *p, const struct spot *spot, struct span text,
                          enum lookup_class class)
{
    size_t at = 0;
    if (p->inside && span_contains(p->head->bytes, text, &at)) {
        remember(known_of(p, spot), at, at + text.len, class);
    }
}

static void look_at_value(struct detector *d, const struct place *p, const struct spot *spot,
                          struct span value)
{
    struct known *h = known_of(p, spot);
    if (h->last_copy.place == place_key(spot) || h->file_copy.class != LOOKUP_NONE) {
        struct answer answer;
        detect_evaluate(d, spot, value, &answer);
        if (is_other_form(&h->last_copy, spot, &answer) || is_name_told(h, spot, &answer)) {
            remember_best(
                p, spot, value,
                h->last_copy.class > h->file_copy.class ? h->last_copy.class : h->file_copy.class);
            return;
        }
    }
    enum lookup_class class = LOOKUP_NONE;
    struct candidate c[2] = {{*spot, value, value.len}};
    size_t n = line_candidate(p, spot, value, &c[1]) ? 2 : 1;
    size_t best = detect_best(d, c, n, &class);
    remember_best(p, spot, c[best].text, class);
    if (spot->field == FIELD_FILE_NAME && class != LOOKUP_NONE) {
        struct answer answer;
        detect_evaluate(d, spot, value, &answer);
        h->file_copy = (struct last_copy){place_key(spot), answer.class, answer.result.n_names};
    }
}

/* Each part with a hit; where that is no attack, the whole, and its line. */
static void look_at_parts(struct detector *d, const struct place *p, const struct spot *spot,
                          const struct hit_range *range, struct span value)
{
    const struct engine *e = detect_engine(d, spot->tx);
    const struct locate_hint hint = {.field = spot->field};
    size_t done = 0;
    for (size_t i = range->first; i < range->end; i++) {
        const struct hit *hit = &range->hits->list[i];
        size_t end = hit->end - range->base;
        if (!detect_is_opener(e, hit) || end <= done) {
            continue;
        }
        struct located l = locate(value, end - 1, &hint);
        size_t at = 0;
        (void)span_contains(value, l.value, &at);
        size_t limit = at + l.value.len;
        enum lookup_class class = LOOKUP_NONE;
        struct candidate c[3] = {{*spot, l.value, l.value.len}, {*spot, value, limit}};
        c[0].spot.field = l.id;
        c[0].spot.item = span_of(l.item, l.item_len);
        size_t n = l.value.len == value.len ? 1 : 2;
        n += line_candidate(p, spot, value, &c[n]);
        size_t best = detect_best(d, c, n, &class);
        remember_best(p, spot, c[best].text, class);
        done = best > 0 ? value.len : limit;
    }
}

/* --- what no value holds ------------------------------------------------------------------------
 */

static void look_at_line(struct detector *d, const struct place *p, const struct spot *spot,
                         struct span line)
{
    struct answer answer;
    size_t at = 0;
    if (!span_contains(p->head->bytes, line, &at) || !detect_may_hide(line)) {
        return;
    }
    struct spot told = *spot;
    told.field = line_field(p, spot, at);
    detect_evaluate(d, &told, line, &answer);
    struct known *h = known_of(p, spot);
    if (answer.class <= known_class(h, at, at + line.len) ||
        told_by_copy(h, detect_names_key(d, &answer))) {
        return;
    }
    detect_report(d, &told, line, &answer);
}

static void look_at_lines(struct detector *d, const struct place *p, const struct spot *spot,
                          const struct hit_range *range, struct span value)
{
    const struct engine *e = detect_engine(d, spot->tx);
    size_t done = 0; /* of the value */
    for (size_t i = range->first; p->inside && i < range->end; i++) {
        const struct hit *hit = &range->hits->list[i];
        size_t end = hit->end - range->base;
        if (!detect_is_opener(e, hit) || end <= done) {
            continue;
        }
        size_t known = known_attack(known_of(p, spot), p->off + end - 1);
        if (known > 0) {
            done = known - p->off;
            continue;
        }
        struct span line = line_around(value, end - 1);
        size_t at = 0;
        look_at_line(d, p, spot, line);
        done = span_contains(value, line, &at) && at + line.len > end ? at + line.len : end;
    }
}

/* --- fields ------------------------------------------------------------------------------------
 */

/* Whether a glance at one of the hits passes it. */
static bool any_worth_it(struct detector *d, const struct engine *e, const struct hit_range *range,
                         struct span value)
{
    struct peel_glance glance = {{0}, {0}};
    bool seen = false;
    bool worth = range->hits->overflow;
    for (size_t i = range->first; !worth && i < range->end; i++) {
        const struct hit *hit = &range->hits->list[i];
        if (detect_is_opener(e, hit)) {
            const struct peel_hit what = {
                .pattern = hit->pattern, .text = value, .end = hit->end - range->base};
            seen = true;
            worth = peel_glance(&glance, &what);
        }
    }
    stats_add(d->stats, STAT_GATE_HITS, seen);
    return worth;
}

static void look_by_sort(struct detector *d, const struct place *p, const struct spot *spot,
                         const struct hit_range *range, const struct field *f)
{
    switch (p->sort) {
    case SORT_VALUE:
        if (p->inside) {
            look_at_value(d, p, spot, f->value);
        } else {
            look_at_copy(d, p, spot, f->value);
        }
        break;
    case SORT_PARTS:
        look_at_parts(d, p, spot, range, f->value);
        break;
    case SORT_LINES:
        look_at_lines(d, p, spot, range, f->value);
        break;
    case SORT_DERIVED:
        break;
    }
}

static void look_for_lookups(struct detector *d, const struct place *p, const struct spot *spot,
                             const struct hit_range *range, const struct field *f)
{
    if (p->sort == SORT_VALUE || p->sort == SORT_PARTS) {
        detect_opened(d, spot->tx, spot->field, detect_n_opened(range));
    }
    if (!any_worth_it(d, detect_engine(d, spot->tx), range, f->value) ||
        !detect_may_hide(f->value)) {
        return;
    }
    d->commons = false;
    look_by_sort(d, p, spot, range, f);
    if (d->commons) {
        struct spot commons = *spot;
        commons.dialect = LOOKUP_COMMONS_TEXT;
        look_by_sort(d, p, &commons, range, f);
    }
}

/* The same with the hits in the header's name, for rules that see whole header lines. */
static struct hit_range with_name(const struct place *p, const struct hit_range *range)
{
    struct hit_range wide = *range;
    size_t lf = span_rfind_byte(span_head(p->head->bytes, p->off), '\n');
    size_t start = lf == SPAN_NONE ? 0 : lf + 1;
    while (wide.first > 0 && range->hits == &p->head->hits &&
           wide.hits->list[wide.first - 1].end > start) {
        wide.first--;
    }
    return wide;
}

/* The hits inside a text of the head. */
static struct hit_range hits_inside(const struct place *p, size_t len)
{
    const struct hits *hits = &p->head->hits;
    return (struct hit_range){hits, detect_first_hit(hits, p->off),
                              detect_first_hit(hits, p->off + len), p->off};
}

/* `around`: what the field was made of, as sent. */
static void show_rules(struct detector *d, struct tx *tx, const struct field *f, struct span around)
{
    if (f->value.len == 0) {
        return;
    }
    detect_scan(d, detect_engine(d, tx), f->value, &d->hits);
    const struct spot spot = {.tx = tx, .field = f->id, .dir = f->dir, .around = around};
    const struct verify_view view = {.text = f->value,
                                     .more = (f->flags & (FIELD_TRUNCATED | FIELD_CUT)) != 0};
    const struct hit_range all = {&d->hits, 0, d->hits.n, 0};
    detect_groups(d, &spot, f->id, &all, &view);
}

/* Whether rules see the field in another form, of which another is told. */
static bool is_shown_otherwise(const struct place *p, enum field_id id)
{
    const struct head *h = p->head;
    bool target = h->odd_target && id == FIELD_HTTP_URI;
    bool made =
        h->odd_head && (detect_head_remakes(h, id) || (h->http2 && id == FIELD_HTTP_HEADER));
    return p->owned && (target || made);
}

/* Of an answer the types of the records that answer count, not that of the question in it. */
static bool is_aside(const struct field *f)
{
    return (f->flags & FIELD_ASIDE) != 0 ||
           (f->id == FIELD_DNS_RECORD && f->dir == TO_CLIENT && f->value.len == QUESTION_LEN);
}

/* What of a field rules see: of a path what its parameters leave, of a mail's header blanks behind
 * it as well. */
static struct span shown_to_rules(const struct place *p, const struct field *f)
{
    struct span value = f->value;
    if (f->id == FIELD_SMTP_MAIL_FROM || f->id == FIELD_SMTP_RCPT_TO) {
        return span_head(value, span_find_byte(value, 0, ' '));
    }
    if (p->inside && engine_is_mail_header(f->id)) {
        size_t end = p->off + value.len;
        while (folds(p->head->bytes, end)) {
            end++;
        }
        return span_sub(p->head->bytes, p->off, end - p->off);
    }
    return value;
}

static void look_for_rules(struct detector *d, const struct place *p, const struct hit_range *range,
                           const struct field *f, const struct spot *spot)
{
    const struct engine *e = detect_engine(d, spot->tx);
    /* a decoded header of a mail stands before the one that was sent, which rules see */
    bool copy = p->owned && !p->inside && engine_is_mail_header(f->id);
    bool folded = p->inside && p->head->odd_head && engine_is_mail_header(f->id) &&
                  span_find_byte(f->value, 0, '\n') != SPAN_NONE;
    if (!engine_looks_at(e, f->id) || is_shown_otherwise(p, f->id) || copy || is_aside(f)) {
        return;
    }
    if (folded) {
        struct field joined = *f;
        joined.value = detect_head_mail_value(d, f->value);
        show_rules(d, spot->tx, &joined, f->value);
        return;
    }
    struct spot at = *spot;
    struct verify_view view = {.text = shown_to_rules(p, f),
                               .more = (f->flags & (FIELD_TRUNCATED | FIELD_CUT)) != 0};
    struct hit_range wide = *range;
    if (f->id == FIELD_HTTP_HEADER && p->inside && range->hits == &p->head->hits) {
        view.text = span_from(p->head->bytes, p->off); /* with the empty line at the end */
        wide = hits_inside(p, view.text.len);
    } else if (view.text.len > f->value.len && range->hits == &p->head->hits) {
        wide = hits_inside(p, view.text.len);
    } else if (e->fields[f->id].header_line && p->inside) {
        wide = with_name(p, range);
    }
    at.how = f->id == FIELD_HTTP_HEADER && p->owned && p->head->odd_head ? HEAD_AS_SENT : 0U;
    detect_groups(d, &at, f->id, &wide, &view);
}

static void look_at(struct detector *d, struct tx *tx, const struct place *p,
                    const struct hit_range *range, const struct field *f)
{
    const struct spot spot = {.tx = tx,
                              .field = f->id,
                              .item = f->item,
                              .dir = f->dir,
                              .layers = f->layers,
                              .around = f->value};
    look_for_rules(d, p, range, f, &spot);
    if (p->head->kind == REGION_HEAD || !p->inside) {
        look_for_lookups(d, p, &spot, range, f);
    }
}

static bool needs_scan(const struct detector *d, const struct tx *tx, const struct place *p,
                       const struct field *f)
{
    const struct engine_wants *wants = &detect_engine(d, tx)->fields[f->id];
    bool openers = (!p->inside || p->head->hits.overflow) && p->sort != SORT_DERIVED;
    return (f->value.len > 0 && (openers || wants->gated)) || wants->always.n > 0;
}

bool detect_is_wanted(const struct detector *d, const struct tx *tx, enum field_id field)
{
    return engine_looks_at(detect_engine(d, tx), field);
}

void detect_field_again(struct detector *d, struct tx *tx, const struct field *field)
{
    if (detect_is_wanted(d, tx, field->id) && !is_aside(field)) {
        struct field shown = *field;
        size_t scheme =
            field->id == FIELD_EMAIL_URL ? span_find(field->value, 0, SPAN("://")) : SPAN_NONE;
        shown.value = span_from(field->value, scheme != SPAN_NONE ? scheme + 3 : 0);
        show_rules(d, tx, &shown, field->value);
    }
}

/* Shows rules the target as they are written for it. */
static void look_at_target(struct detector *d, struct tx *tx, const struct field *raw)
{
    struct field normal = *raw;
    normal.id = FIELD_HTTP_URI;
    normal.value = target_normal(raw->value, &d->targets[0], &d->targets[1]);
    show_rules(d, tx, &normal, raw->value);
}

static void look_at_any(struct detector *d, struct tx *tx, const struct field *field)
{
    struct head *h = &d->heads[field->dir];
    struct place p = {.head = h, .owned = h->tx == tx, .sort = sort_of(h, field)};
    p.inside = p.owned && span_contains(h->bytes, field->value, &p.off);
    const struct engine *e = detect_engine(d, tx);
    if (p.owned && h->odd_target && field->id == FIELD_HTTP_URI_RAW) {
        look_at_target(d, tx, field);
    }
    if (p.owned && h->odd_head &&
        (field->id == FIELD_HTTP_REQUEST_LINE || field->id == FIELD_HTTP_RESPONSE_LINE)) {
        detect_head_show(d, tx, field->dir); /* the last thing that lies before the headers' end */
    }
    if (p.inside && h->kind == REGION_HEAD && !h->hits.overflow) {
        if (h->hits.n > 0 || e->fields[field->id].always.n > 0) {
            const struct hit_range range = hits_inside(&p, field->value.len);
            look_at(d, tx, &p, &range, field);
        }
        return;
    }
    if (needs_scan(d, tx, &p, field)) {
        detect_scan(d, e, field->value, &d->hits);
        detect_refuel(d);
        const struct hit_range range = {&d->hits, 0, d->hits.n, 0};
        look_at(d, tx, &p, &range, field);
    }
}

/* span_contains(), where it is worth a call less. */
static bool is_inside(struct span outer, struct span inner)
{
    uintptr_t start = (uintptr_t)outer.data;
    uintptr_t at = (uintptr_t)inner.data;
    return inner.len <= outer.len && at - start <= outer.len - inner.len && at >= start;
}

void detect_field(struct detector *d, struct tx *tx, const struct field *field)
{
    const struct head *h = &d->heads[field->dir];
    if (h->quiet && h->tx == tx && is_inside(h->bytes, field->value)) {
        return; /* what nearly every field comes to */
    }
    if (tx != NULL) {
        look_at_any(d, tx, field);
    }
}
