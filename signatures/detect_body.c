/* detect_body: bodies, piece by piece, without a limit of depth.
 *
 * The pieces of a body go through the gate as one stream, so that nothing hides at a border. A body
 * without a hit costs its scan and a copy of its start (so that a hit can be placed in it: a path
 * in JSON, the name of a part) or, behind that, of its last 256 bytes. A hit is glanced at as soon
 * as PEEL_GLANCE_AFTER bytes have come behind it, which settles nearly all of them. From one that
 * it does not settle on, the bytes are kept until `body_after` of them have come or the body ends;
 * that window is looked at as one text, then the next hit is waited for. Where windows begin and
 * end depends on the bytes and the offsets of hits alone, never on how the body was cut into
 * pieces: the same bytes give the same findings.
 *
 * A window may end inside a look-up. It is therefore cut before the hit in its second half that has
 * the widest room before it, and what follows is left to the next window.
 *
 * In a window each value with a hit is evaluated, and where that is no attack the text behind it as
 * well, since a separator may stand inside a look-up. Placing values is bounded: beyond the bound
 * the rest of the window is evaluated as one text. Nothing is joined across a gap. */
#include "signatures/detect_parts.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "signatures/locate.h"

enum {
    SLICE = 16 * 1024,
    POOR_AFTER = 4096,     /* body_after when memory is short */
    OUTER_MAX = 4096,      /* evaluated behind a value that is no attack, */
    OUTER_STEP = 2048,     /* so often at most */
    LOCATE_FREE = 1 << 20, /* bytes walked through to place hits in one window: this, */
    LOCATE_TIMES = 8,      /* and so many times the window */
    BOUNDARY_MAX = 256,
    FREE_BODIES_MAX = 16,
    FREE_SHARE = 8, /* of the memory for bodies: more in use, and a short body gets no large text */
    FREE_ROOM_MAX = 192 * 1024, /* of the text that a free body keeps for the next */
    TRIES_MAX = 8,              /* of rules on a window that is not full */
    OPENER_MAX = 64,            /* longer than any opener */
    PENDING_MAX = 64,
    JUDGE_FREE = 512 * 1024, /* bytes looked at before their window is full: so many, */
    JUDGE_TIMES = 32,        /* and so many for each byte that comes */
};

/* Of a longer value only this much is looked at for one hit, and that much of it before the hit. */
enum { VALUE_MAX = 16 * 1024, VALUE_BEFORE = 2 * 1024 };

#define NO_HIT        UINT64_MAX
#define FAR_FROM_HERE ((uint64_t)1 << 40)

/* A hit that waits for what follows it. */
struct pending {
    uint64_t end;
    uint32_t pattern;
};

struct body {
    struct body *next;
    enum field_id field;
    enum direction dir;
    enum body_type type;
    struct encodings layers;
    struct span item; /* in the transaction's arena, as is the boundary */
    struct span boundary;
    struct match_stream *stream;
    struct sbuf text;
    size_t room;    /* of text, as it was counted */
    uint64_t off;   /* of text in the body, counted from its start or the last gap */
    uint64_t end;   /* bytes that have come */
    uint64_t done;  /* hits that end up to here are dealt with */
    uint64_t armed; /* end of the hit whose window is being filled */
    bool later;     /* there was a hit behind that window */
    struct pending pending[PENDING_MAX]; /* when no window is being filled */
    size_t n_pending;
    struct peel_glance glance;
    size_t before;
    size_t after;
    bool whole;          /* its start was seen */
    unsigned how;        /* enum detect_body_how */
    bool ended;          /* no more will come, */
    bool broken;         /* and its end was not seen */
    uint64_t rule_hit;   /* of a raw stream: end of the first hit of a rule in this window */
    unsigned n_tries;    /* rules were tried before the window was full */
    uint64_t judged;     /* `end` when it was judged last */
    uint64_t judge_cost; /* bytes looked at for that so far */
};

/* A window ready to be looked at. */
struct window {
    const struct spot *spot; /* of the body */
    struct span text;
    uint64_t off; /* in the body */
    uint64_t done;
    size_t armed; /* in text: the hit that the window was opened for */
    bool more;    /* the body goes on */
    bool glimpse; /* and this is not its window yet: all of it is looked at */
    bool broken;  /* or its end was not seen */
    bool whole;   /* offsets count from the body's start */
    enum body_type type;
    struct span boundary;
};

/* --- windows --- */

/* Where what belongs to an earlier hit may end: behind the last byte between two hits that no
 * opener is made of; without one, at the later hit. */
static size_t seam(struct span text, size_t before, size_t end)
{
    for (size_t at = end; at > before; at--) {
        uint8_t c = span_at(text, at - 1);
        if (byte_is_space(c) || c == '}' || c == '"' || c == '\'' || c == '<' || c == '>' ||
            c == ',') {
            return at;
        }
    }
    return end > before + 1 ? end - 1 : before;
}

/* Where a window that goes on may be cut with the least harm: before the hit in its second half
 * that has the widest room before it. */
static size_t cut_of(const struct engine *e, const struct window *w, const struct hits *hits)
{
    size_t lowest = w->armed + (w->text.len - w->armed) / 2;
    size_t widest = 0;
    size_t before = 0;
    size_t cut = w->text.len;
    for (size_t i = 0; w->more && !w->glimpse && i < hits->n; i++) {
        if (!detect_is_opener(e, &hits->list[i])) {
            continue;
        }
        size_t end = hits->list[i].end;
        if (end > lowest && before > 0 && end - before > widest) {
            widest = end - before;
            cut = seam(w->text, before, end);
        }
        before = end;
    }
    return cut;
}

/* JSON is placed by reading it from its start. */
static struct locate_hint hint_of(const struct window *w)
{
    struct locate_hint hint = {.field = w->spot->field, .type = w->type, .boundary = w->boundary};
    if ((w->off > 0 || !w->whole) && (w->type == BODY_JSON || w->type == BODY_UNKNOWN)) {
        hint.type = BODY_TEXT;
    }
    return hint;
}

/* Progress through the hits of a window. */
struct walk {
    const struct window *window;
    struct span text; /* of the window, as far as it is looked at now */
    const struct hits *hits;
    size_t done;       /* of the text: hits that end up to here are dealt with */
    size_t outer_done; /* an outer text that begins before here was evaluated */
    size_t left;       /* bytes that may still be walked through to place hits */
};

/* Whether a look-up that begins in the value may go on behind it: something opens that no brace
 * closes. */
static bool stays_open(const struct engine *e, const struct walk *walk, struct span value, size_t i)
{
    size_t at = 0;
    (void)span_contains(walk->text, value, &at);
    size_t value_end = at + value.len;
    size_t open = 0;
    while (at < value_end) {
        const struct hit *hit = i < walk->hits->n ? &walk->hits->list[i] : NULL;
        size_t next = hit != NULL && hit->end < value_end ? hit->end : value_end;
        for (; at < next; at++) {
            open -= open > 0 && span_at(walk->text, at) == '}';
        }
        open += hit != NULL && hit->end <= value_end && detect_is_opener(e, hit);
        i++;
    }
    return open > 0;
}

static void look_at_hit(struct detector *d, struct walk *walk, size_t i)
{
    const struct spot *spot = walk->window->spot;
    const struct locate_hint hint = hint_of(walk->window);
    struct span text = walk->text;
    size_t end = walk->hits->list[i].end;
    struct located l = locate(text, end - 1, &hint);
    size_t at = 0;
    (void)span_contains(text, l.value, &at);
    if (l.value.len > VALUE_MAX) { /* a file: what stands around the hit */
        at = end > at + VALUE_BEFORE ? end - VALUE_BEFORE : at;
        l.value = span_sub(text, at, VALUE_MAX);
    }
    enum lookup_class class = LOOKUP_NONE;
    struct candidate c[2] = {{*spot, l.value, l.value.len},
                             {*spot, span_sub(text, at, OUTER_MAX), l.value.len}};
    c[0].spot.field = l.id;
    c[0].spot.item = l.item_len > 0 ? span_of(l.item, l.item_len) : spot->item;
    bool outer = at >= walk->outer_done && l.value.len < OUTER_MAX && at + l.value.len < text.len &&
                 stays_open(detect_engine(d, spot->tx), walk, l.value, i);
    walk->outer_done = outer ? at + OUTER_STEP : walk->outer_done;
    size_t best = detect_best(d, c, outer ? 2 : 1, &class);
    size_t behind = at + c[best].text.len;
    walk->done = behind > end ? behind : end;
}

/* The text from a hit on: from before its opener. */
static struct span from_hit(struct span text, size_t end)
{
    return span_from(text, end > OPENER_MAX ? end - OPENER_MAX : 0);
}

static void look_at_rest(struct detector *d, const struct walk *walk, size_t end)
{
    struct answer answer;
    struct span rest = from_hit(walk->text, end);
    if (detect_may_hide(rest)) {
        detect_evaluate(d, walk->window->spot, rest, &answer);
        detect_report(d, walk->window->spot, rest, &answer);
    }
}

/* Whether a hit of a window deserves more than a glance. */
static bool is_worth_it(struct peel_glance *g, const struct walk *walk, const struct hit *hit)
{
    const struct peel_hit what = {
        .pattern = hit->pattern, .text = walk->text, .end = hit->end, .more = walk->window->more};
    return peel_glance(g, &what);
}

static void look_at_hits(struct detector *d, const struct window *w, const struct hits *hits,
                         size_t cut)
{
    const struct engine *e = detect_engine(d, w->spot->tx);
    struct peel_glance glance = {{0}, {0}};
    struct walk walk = {.window = w,
                        .text = span_head(w->text, cut),
                        .hits = hits,
                        .done = w->done > w->off ? (size_t)(w->done - w->off) : 0,
                        .left = LOCATE_FREE + LOCATE_TIMES * w->text.len};
    for (size_t i = 0; i < hits->n; i++) {
        const struct hit *hit = &hits->list[i];
        if (!detect_is_opener(e, hit) || hit->end <= walk.done || hit->end > cut ||
            !is_worth_it(&glance, &walk, hit)) {
            continue;
        }
        if (cut > walk.left || (hits->overflow && i + 1 == hits->n)) {
            look_at_rest(d, &walk, hit->end);
            return;
        }
        walk.left -= cut;
        look_at_hit(d, &walk, i);
    }
}

/* Looks at a window with its hits; returns the offset up to which they are dealt with. */
static uint64_t look_at_window(struct detector *d, const struct window *w, const struct hits *hits)
{
    const struct engine *e = detect_engine(d, w->spot->tx);
    const struct hit_range all = {hits, 0, hits->n, 0};
    const struct verify_view view = {.text = w->text,
                                     .off = w->off + (w->whole ? 0 : FAR_FROM_HERE),
                                     .more = w->more || w->broken};
    detect_refuel(d);
    detect_groups(d, w->spot, w->spot->field, &all, &view);
    if ((w->spot->how & BODY_FOR_RULES) != 0) {
        return w->off + w->text.len;
    }
    detect_groups(d, w->spot, FIELD_N, &all, &view);
    size_t cut = cut_of(e, w, hits);
    d->commons = false;
    look_at_hits(d, w, hits, cut);
    if (d->commons) {
        struct spot spot = *w->spot;
        struct window again = *w;
        spot.dialect = LOOKUP_COMMONS_TEXT;
        again.spot = &spot;
        look_at_hits(d, &again, hits, cut);
    }
    return w->off + cut;
}

/* --- streams --- */

static struct spot spot_of(struct tx *tx, const struct body *b)
{
    return (struct spot){.tx = tx,
                         .field = b->field,
                         .item = b->item,
                         .dir = b->dir,
                         .layers = b->layers,
                         .how = b->how};
}

struct scan {
    struct detector *detector;
    const struct tx_state *state;
    struct body *body;
    uint64_t base; /* of the slice in the body */
    uint64_t n_opened;
};

/* Whether a hit is worth a window. */
static bool matters(const struct tx_state *state, const struct body *b, uint32_t pattern)
{
    const struct engine *e = state->edition->engine;
    return pattern < e->n_openers
               ? (b->how & BODY_FOR_RULES) == 0
               : !detect_group_held(state, e->pattern_groups[pattern - e->n_openers], b->dir);
}

static bool on_stream_hit(void *ctx, uint32_t pattern, uint64_t end)
{
    struct scan *scan = ctx;
    struct body *b = scan->body;
    scan->n_opened += (b->how & BODY_FOR_RULES) == 0 ? peel_gate_opens(pattern) : 0;
    if (end <= b->done || !matters(scan->state, b, pattern)) {
        return true;
    }
    if (b->rule_hit == NO_HIT && pattern >= scan->state->edition->engine->n_openers) {
        b->rule_hit = end;
    }
    if (b->armed == NO_HIT || end > b->armed + b->after) {
        (void)detect_note_hit(&scan->detector->hits, pattern, (size_t)(end - scan->base));
    }
    return true;
}

static void count_room(struct detector *d, struct body *b)
{
    d->body_bytes += b->text.room;
    d->body_bytes -= b->room;
    b->room = b->text.room;
}

/* Forgets what lies before `from` in the body. */
static void forget_before(struct body *b, uint64_t from)
{
    if (from > b->off) {
        size_t n = (size_t)(from - b->off);
        n = n < b->text.len ? n : b->text.len;
        sbuf_drop(&b->text, n);
        b->off += n;
    }
}

/* Where the window of a hit begins. */
static uint64_t window_start(const struct body *b, uint64_t hit)
{
    return hit <= b->before ? 0 : hit - (hit < DETECT_BACK ? hit : DETECT_BACK);
}

/* What may still be needed. */
static void forget(struct detector *d, struct body *b)
{
    if (b->armed != NO_HIT) {
        forget_before(b, window_start(b, b->armed));
    } else if (b->n_pending > 0) {
        forget_before(b, window_start(b, b->pending[0].end));
    } else if (b->end > b->before) {
        forget_before(b, b->end > DETECT_BACK ? b->end - DETECT_BACK : 0);
    }
    count_room(d, b);
}

/* Keeps a slice, or only its end when nothing before it can be needed. */
static void keep(struct body *b, struct span slice, bool has_hits)
{
    bool waits = b->armed != NO_HIT || b->n_pending > 0 || has_hits;
    if (!waits && b->end > b->before && slice.len >= DETECT_BACK) {
        sbuf_reset(&b->text);
        b->off = b->end - DETECT_BACK;
        slice = span_from(slice, slice.len - DETECT_BACK);
    }
    (void)sbuf_add_growing(&b->text, slice);
}

/* Fills a window from this hit on, or from the first that waits. */
static void arm(struct body *b, uint64_t end)
{
    b->armed = b->n_pending > 0 ? b->pending[0].end : end;
    b->later = end > b->armed + b->after;
    b->n_pending = 0;
}

/* How much a hit waits for. */
static uint64_t glance_after(const struct body *b)
{
    return b->after < PEEL_GLANCE_AFTER ? b->after : PEEL_GLANCE_AFTER;
}

static bool glance_at(struct body *b, uint32_t pattern, uint64_t end)
{
    uint64_t from = end < PEEL_GLANCE_BEFORE ? 0 : end - PEEL_GLANCE_BEFORE;
    from = from > b->off ? from : b->off;
    uint64_t to = end + glance_after(b) < b->end ? end + glance_after(b) : b->end;
    const struct peel_hit hit = {
        .pattern = pattern,
        .text = span_sub(sbuf_span(&b->text), (size_t)(from - b->off), (size_t)(to - from)),
        .off = from,
        .end = (size_t)(end - from),
        .more = to < b->end || !b->ended};
    if (hit.end > hit.text.len) {
        return true; /* there was no memory to keep it: nothing says that it is harmless */
    }
    return peel_glance(&b->glance, &hit);
}

/* Looks at the hits that have waited enough once the body has come to `until`: the same hits, in
 * the same order, however it was cut. */
static void settle(struct detector *d, struct body *b, uint64_t until)
{
    size_t n = 0;
    bool worth = false;
    while (n < b->n_pending && !worth && b->pending[n].end + glance_after(b) <= until) {
        stats_add(d->stats, STAT_GATE_HITS, 1);
        worth = glance_at(b, b->pending[n].pattern, b->pending[n].end);
        n += !worth;
    }
    b->n_pending -= n;
    bytes_move(b->pending, b->pending + n, b->n_pending * sizeof(*b->pending));
    if (worth) {
        arm(b, b->pending[b->n_pending - 1].end);
    }
}

/* Decides what is done about a hit; they come in their order. */
static void consider(struct detector *d, const struct engine *e, struct body *b, uint32_t pattern,
                     uint64_t end)
{
    settle(d, b, end);
    if (b->armed != NO_HIT) {
        b->later = b->later || end > b->armed + b->after;
    } else if (pattern >= e->n_openers || b->n_pending == PENDING_MAX) {
        arm(b, end);
    } else {
        b->pending[b->n_pending++] = (struct pending){end, pattern};
    }
}

/* Considers the hits of what begins at `base` in the body, and those that waited for it. */
static void consider_hits(struct detector *d, const struct tx_state *state, struct body *b,
                          uint64_t base)
{
    for (size_t i = 0; i < d->hits.n; i++) {
        const struct hit *hit = &d->hits.list[i];
        if (base + hit->end > b->done && matters(state, b, hit->pattern)) {
            consider(d, state->edition->engine, b, hit->pattern, base + hit->end);
        }
    }
    settle(d, b, b->ended ? NO_HIT : b->end);
    if (d->hits.overflow && b->armed == NO_HIT) {
        uint64_t last = base + d->hits.list[d->hits.n - 1].end;
        uint64_t next = last > b->done ? last : b->done + 1;
        b->armed = next <= b->end ? next : NO_HIT;
    }
}

/* What is kept of a body around a hit, up to `end`. */
static struct window window_of(const struct body *b, const struct spot *spot, uint64_t hit,
                               uint64_t end)
{
    uint64_t start = window_start(b, hit);
    start = start > b->off ? start : b->off;
    return (struct window){
        .spot = spot,
        .text = span_sub(sbuf_span(&b->text), (size_t)(start - b->off), (size_t)(end - start)),
        .off = start,
        .done = b->done,
        .armed = (size_t)(hit > start ? hit - start : 0),
        .more = end < b->end,
        .broken = b->broken,
        .whole = b->whole,
        .type = b->type,
        .boundary = b->boundary};
}

static void fill_window(struct detector *d, struct tx *tx, struct body *b)
{
    const struct spot spot = spot_of(tx, b);
    const struct tx_state *state = tx->detect;
    uint64_t end = b->armed + b->after < b->end ? b->armed + b->after : b->end;
    const struct window w = window_of(b, &spot, b->armed, end);
    detect_scan(d, state->edition->engine, w.text, &d->hits);
    uint64_t done = look_at_window(d, &w, &d->hits);
    b->done = done > b->armed ? done : b->armed;
    bool later = b->later;
    b->armed = NO_HIT;
    b->later = false;
    b->rule_hit = NO_HIT;
    b->n_tries = 0;
    b->glance = (struct peel_glance){{0}, {0}};
    if (later) { /* what has come since was not kept hit by hit */
        struct span rest = span_from(sbuf_span(&b->text), (size_t)(w.off - b->off));
        detect_scan(d, state->edition->engine, rest, &d->hits);
    }
    consider_hits(d, state, b, w.off);
    forget(d, b);
}

static void feed(struct detector *d, struct tx *tx, struct body *b, struct span bytes)
{
    const struct tx_state *state = tx->detect;
    size_t slice_max = b->after / 2 < SLICE ? b->after / 2 : SLICE;
    stats_add(d->stats, STAT_GATE_BYTES, bytes.len);
    while (bytes.len > 0) {
        struct span slice = span_head(bytes, slice_max);
        struct scan scan = {d, state, b, b->end, 0};
        detect_no_hits(&d->hits);
        match_stream_scan(b->stream, d->scratch, slice, on_stream_hit, &scan);
        detect_opened(d, tx, b->field, scan.n_opened);
        b->end += slice.len;
        keep(b, slice, d->hits.n > 0);
        consider_hits(d, state, b, scan.base);
        forget(d, b);
        while (b->armed != NO_HIT && b->end > b->armed + b->after) {
            fill_window(d, tx, b);
        }
        bytes = span_from(bytes, slice.len);
    }
}

/* Looks at what waits as it is, if anything new has come; the body is as before. */
static void judge(struct detector *d, struct tx *tx, struct body *b)
{
    const struct spot spot = spot_of(tx, b);
    uint64_t hit = b->armed == NO_HIT && b->n_pending > 0 ? b->pending[0].end : b->armed;
    if (hit == NO_HIT || b->end == b->judged) {
        return;
    }
    struct window w = window_of(b, &spot, hit, b->end);
    if (b->judge_cost + w.text.len > JUDGE_FREE + JUDGE_TIMES * b->end) {
        return;
    }
    b->judge_cost += w.text.len;
    b->judged = b->end;
    w.more = true;
    w.glimpse = true;
    detect_scan(d, detect_engine(d, tx), w.text, &d->hits);
    (void)look_at_window(d, &w, &d->hits);
}

void detect_bodies_judge(struct detector *d, struct tx *tx)
{
    struct tx_state *state = tx->detect;
    for (struct body *b = state->bodies; b != NULL; b = b->next) {
        judge(d, tx, b);
    }
}

/* Looks at what is still waited for. */
static void drain(struct detector *d, struct tx *tx, struct body *b)
{
    b->ended = true;
    settle(d, b, NO_HIT);
    while (b->armed != NO_HIT) {
        fill_window(d, tx, b);
    }
}

/* Rules that want a place at the start of a segment, tried on this one. */
static void try_segment(struct detector *d, const struct spot *spot, struct span segment)
{
    const struct engine *e = detect_engine(d, spot->tx);
    const struct verify_view view = {.text = segment};
    detect_scan(d, e, segment, &d->hits);
    for (size_t i = 0; i < d->hits.n; i++) {
        uint32_t pattern = d->hits.list[i].pattern;
        uint32_t group = pattern < e->n_openers ? 0 : e->pattern_groups[pattern - e->n_openers];
        if (pattern >= e->n_openers && e->groups[group].anchored) {
            struct spot at = *spot;
            at.around = segment;
            detect_group(d, &at, group, &view);
        }
    }
}

/* A raw stream may go on for hours and its window never fill: rules that were hit are tried on what
 * there is, and again on the next segments. What they ask of the flow is then asked in time. */
static void try_rules(struct detector *d, struct tx *tx, struct body *b, struct span segment)
{
    const struct spot spot = spot_of(tx, b);
    uint64_t start = window_start(b, b->rule_hit);
    start = start > b->off ? start : b->off;
    const struct verify_view view = {.text =
                                         span_from(sbuf_span(&b->text), (size_t)(start - b->off)),
                                     .off = start + (b->whole ? 0 : FAR_FROM_HERE),
                                     .more = true};
    const struct engine *e = detect_engine(d, tx);
    detect_scan(d, e, view.text, &d->hits);
    const struct hit_range all = {&d->hits, 0, d->hits.n, 0};
    detect_groups(d, &spot, b->field, &all, &view);
    detect_groups(d, &spot, FIELD_N, &all, &view);
    b->n_tries++;
    if (e->payload_anchored) {
        try_segment(d, &spot, segment);
    }
}

/* From here on it is a text of its own. */
static void start_over(const struct engine *e, struct body *b, bool whole)
{
    bool always = e->fields[b->field].always.n > 0 ||
                  ((b->how & BODY_FOR_RULES) == 0 && e->payload.always.n > 0);
    sbuf_reset(&b->text);
    b->off = 0;
    b->end = 0;
    b->done = 0;
    b->later = false;
    b->rule_hit = NO_HIT;
    b->n_tries = 0;
    b->armed = always ? 0 : NO_HIT;
    b->n_pending = 0;
    b->glance = (struct peel_glance){{0}, {0}};
    b->whole = whole;
    b->ended = false;
    b->broken = false;
    b->judged = 0;
    b->judge_cost = 0;
}

/* --- open bodies --- */

static struct body **find(struct tx_state *state, const struct region *region)
{
    struct body **at = &state->bodies;
    while (*at != NULL && ((*at)->field != region->field || (*at)->dir != region->dir)) {
        at = &(*at)->next;
    }
    return at;
}

static struct match_stream *take_stream(struct edition *ed)
{
    if (ed->n_streams > 0) {
        return ed->streams[--ed->n_streams];
    }
    return match_stream_open(ed->engine->gate);
}

static void give_stream(struct edition *ed, struct match_stream *stream)
{
    if (stream != NULL && ed->n_streams < DETECT_STREAMS_MAX) {
        match_stream_reset(stream);
        ed->streams[ed->n_streams++] = stream;
    } else {
        match_stream_close(&stream);
    }
}

static struct body *take_body(struct detector *d)
{
    struct body *b = d->free_bodies;
    if (b == NULL) {
        return mem_alloc(sizeof(*b));
    }
    d->free_bodies = b->next;
    d->n_free_bodies--;
    return b;
}

static void give_body(struct detector *d, struct body *b)
{
    d->body_bytes -= b->room;
    b->room = 0;
    bool many_open = d->body_bytes > d->limits.body_memory / FREE_SHARE;
    if (many_open || b->text.room > FREE_ROOM_MAX || d->n_free_bodies == FREE_BODIES_MAX) {
        sbuf_free(&b->text);
    }
    if (d->n_free_bodies == FREE_BODIES_MAX) {
        mem_free(b);
        return;
    }
    b->next = d->free_bodies;
    d->free_bodies = b;
    d->n_free_bodies++;
}

static struct body *open_body(struct detector *d, struct tx *tx, const struct region *region,
                              unsigned how)
{
    struct tx_state *state = detect_state(d, tx);
    struct body *b = state != NULL ? take_body(d) : NULL;
    struct match_stream *stream = b != NULL ? take_stream(state->edition) : NULL;
    if (stream == NULL) {
        if (b != NULL) {
            give_body(d, b);
        }
        stats_add(d->stats, STAT_LOST_MEMORY, region->bytes.len);
        return NULL;
    }
    bool poor = d->body_bytes > d->limits.body_memory;
    *b = (struct body){.field = region->field,
                       .dir = region->dir,
                       .type = region->body_type,
                       .layers = region->layers,
                       .item = arena_copy(tx->arena, region->item, BOUNDARY_MAX, NULL),
                       .boundary = arena_copy(tx->arena, region->boundary, BOUNDARY_MAX, NULL),
                       .stream = stream,
                       .how = how,
                       .before = poor ? 0 : d->limits.body_before,
                       .after = poor ? POOR_AFTER : d->limits.body_after,
                       .text = b->text,
                       .next = state->bodies};
    b->text.cap = b->before + b->after + DETECT_BACK + 2 * SLICE;
    start_over(state->edition->engine, b, (region->flags & REGION_FIRST) != 0);
    state->bodies = b;
    stats_add(d->stats, STAT_BODIES_POOR, poor);
    return b;
}

static void close_body(struct detector *d, struct tx *tx, struct body **at, bool broken)
{
    struct tx_state *state = tx->detect;
    struct body *b = *at;
    b->broken = broken;
    drain(d, tx, b);
    *at = b->next;
    give_stream(state->edition, b->stream);
    give_body(d, b);
}

/* A short body in one piece needs no stream and no copy. */
static bool is_one_piece(const struct detector *d, const struct region *region)
{
    unsigned both = REGION_FIRST | REGION_LAST;
    return (region->flags & (both | REGION_AFTER_GAP)) == both &&
           region->bytes.len <= d->limits.body_before && region->bytes.len <= d->limits.body_after;
}

static void one_piece(struct detector *d, struct tx *tx, const struct region *region, unsigned how)
{
    const struct engine *e = detect_engine(d, tx);
    detect_scan(d, e, region->bytes, &d->hits);
    const struct hit_range all = {&d->hits, 0, d->hits.n, 0};
    stats_add(d->stats, STAT_GATE_BYTES, region->bytes.len);
    detect_opened(d, tx, region->field, (how & BODY_FOR_RULES) == 0 ? detect_n_opened(&all) : 0);
    if (d->hits.n == 0 && e->fields[region->field].always.n == 0 && e->payload.always.n == 0) {
        return;
    }
    struct spot spot = detect_spot_of(tx, region);
    spot.how = how;
    const struct window w = {.spot = &spot,
                             .text = region->bytes,
                             .broken = (region->flags & REGION_CUT) != 0,
                             .whole = true,
                             .type = region->body_type,
                             .boundary = region->boundary};
    (void)look_at_window(d, &w, &d->hits);
}

void detect_body(struct detector *d, struct tx *tx, const struct region *region, unsigned how)
{
    struct tx_state *state = tx->detect;
    struct body **at = state != NULL ? find(state, region) : NULL;
    bool first = (region->flags & REGION_FIRST) != 0;
    if (at != NULL && *at != NULL && first) {
        close_body(d, tx, at, true);
    }
    if (is_one_piece(d, region)) {
        one_piece(d, tx, region, how);
        return;
    }
    struct body *b = at != NULL ? *at : NULL;
    bool last = (region->flags & REGION_LAST) != 0;
    if (b == NULL && (region->bytes.len > 0 || (first && !last))) {
        b = open_body(d, tx, region, how);
    } else if (b != NULL && (region->flags & REGION_AFTER_GAP) != 0) {
        b->broken = true;
        drain(d, tx, b);
        match_stream_reset(b->stream);
        start_over(detect_engine(d, tx), b, false);
    }
    if (b == NULL) {
        return;
    }
    feed(d, tx, b, region->bytes);
    if (b->rule_hit != NO_HIT && b->n_tries < TRIES_MAX && region->field == FIELD_STREAM_PAYLOAD) {
        try_rules(d, tx, b, region->bytes);
    }
    if (last) {
        close_body(d, tx, find(tx->detect, region), (region->flags & REGION_CUT) != 0);
    }
}

void detect_bodies_end(struct detector *d, struct tx *tx)
{
    struct tx_state *state = tx->detect;
    while (state->bodies != NULL) {
        close_body(d, tx, &state->bodies, true);
    }
}

void detect_bodies_free(struct detector *d)
{
    while (d->free_bodies != NULL) {
        struct body *b = d->free_bodies;
        d->free_bodies = b->next;
        sbuf_free(&b->text);
        mem_free(b);
    }
    d->n_free_bodies = 0;
}
