/* detect: the detector's life, and the one scan of each head.
 *
 * A head is scanned when it is announced; its hits are kept until the next region of its direction,
 * and the fields that lie in it look only at those between their ends. Rules without a sticky
 * buffer see the head as a whole, here.
 *
 * An engine is used together with what it takes to use it, an edition. A transaction keeps to the
 * edition it began with, because the state of its streams and its set of groups mean nothing to
 * another; older editions go when no transaction needs them. */
#include "signatures/detect_parts.h"

#include "sensor/base/mem.h"
#include "signatures/target.h"

#include <errno.h>

enum { MADE_CAP = 1 << 20, KEY_CAP = 1 << 20, REGION_FUEL = 4000000 };

struct detect_limits detect_limits_default(void)
{
    return (struct detect_limits){
        .body_before = 64 * 1024, .body_after = 64 * 1024, .body_memory = 64 << 20, .findings = 64};
}

/* --- editions ----------------------------------------------------------------------------------
 */

static void edition_free(struct edition *ed)
{
    while (ed->n_streams > 0) {
        match_stream_close(&ed->streams[--ed->n_streams]);
    }
    engine_unref(&ed->engine);
    mem_free(ed);
}

static struct edition *edition_new(struct engine *engine)
{
    struct edition *ed = mem_alloc(sizeof(*ed));
    if (ed != NULL) {
        ed->engine = engine_ref(engine);
    }
    return ed;
}

/* Lets go of the older ones that no transaction needs. */
static void sweep(struct edition *newest)
{
    struct edition **at = &newest->next;
    while (*at != NULL) {
        struct edition *ed = *at;
        if (ed->n_tx > 0) {
            at = &ed->next;
        } else {
            *at = ed->next;
            edition_free(ed);
        }
    }
}

static void forget_head(struct head *h)
{
    h->tx = NULL;
    h->method = HEAD_UNKNOWN;
    h->odd_target = false;
    h->odd_head = false;
    h->quiet = false;
}

int detector_use(struct detector *d, struct engine *engine)
{
    struct edition *ed = edition_new(engine);
    if (ed == NULL || match_scratch_fit(&d->scratch, engine->gate) < 0) {
        if (ed != NULL) {
            edition_free(ed);
        }
        return -ENOMEM;
    }
    ed->next = d->edition;
    d->edition = ed;
    for (size_t i = 0; i < ARRAY_LEN(d->heads); i++) {
        forget_head(&d->heads[i]);
    }
    sweep(ed);
    return 0;
}

struct edition *detect_edition(const struct detector *d, const struct tx *tx)
{
    const struct tx_state *state = tx->detect;
    return state != NULL ? state->edition : d->edition;
}

const struct engine *detect_engine(const struct detector *d, const struct tx *tx)
{
    return detect_edition(d, tx)->engine;
}

/* --- the detector ------------------------------------------------------------------------------
 */

static bool hits_grow(struct hits *hits)
{
    size_t room = hits->room == 0 ? 64 : hits->room * 2;
    struct hit *list =
        room <= DETECT_HITS_MAX ? mem_resize(hits->list, room * sizeof(*list)) : NULL;
    if (list == NULL) {
        hits->overflow = true;
        return false;
    }
    hits->list = list;
    hits->room = room;
    return true;
}

/* The first room is there from the start: where there are more hits than noted, there is a last
 * one. */
static bool make_hits(struct detector *d)
{
    return hits_grow(&d->hits) && hits_grow(&d->heads[0].hits) && hits_grow(&d->heads[1].hits);
}

struct detector *detector_new(struct engine *engine, const struct detect_limits *limits,
                              struct stats *stats, const struct detect_user *user)
{
    struct detector *d = mem_alloc(sizeof(*d));
    if (d == NULL) {
        return NULL;
    }
    *d = (struct detector){.limits = *limits,
                           .stats = stats,
                           .user = *user,
                           .regex = regex_scratch_new(),
                           .peeler = peeler_new(),
                           .made = sbuf_with_cap(MADE_CAP),
                           .spare = sbuf_with_cap(MADE_CAP),
                           .key = sbuf_with_cap(KEY_CAP),
                           .targets = {sbuf_with_cap(MADE_CAP), sbuf_with_cap(MADE_CAP)},
                           .head_block = sbuf_with_cap(MADE_CAP),
                           .head_line = sbuf_with_cap(MADE_CAP),
                           .head_host = sbuf_with_cap(MADE_CAP)};
    if (d->regex == NULL || d->peeler == NULL || !make_hits(d) || detector_use(d, engine) < 0) {
        detector_free(&d);
    }
    return d;
}

void detector_trim(struct detector *d)
{
    detect_bodies_free(d);
}

void detector_free(struct detector **d)
{
    struct detector *x = *d;
    *d = NULL;
    if (x == NULL) {
        return;
    }
    detect_bodies_free(x);
    while (x->edition != NULL) {
        struct edition *ed = x->edition;
        x->edition = ed->next;
        edition_free(ed);
    }
    mem_free(x->hits.list);
    mem_free(x->heads[0].hits.list);
    mem_free(x->heads[1].hits.list);
    sbuf_free(&x->made);
    sbuf_free(&x->spare);
    sbuf_free(&x->key);
    sbuf_free(&x->targets[0]);
    sbuf_free(&x->targets[1]);
    sbuf_free(&x->head_block);
    sbuf_free(&x->head_line);
    sbuf_free(&x->head_host);
    regex_scratch_free(&x->regex);
    peeler_free(&x->peeler);
    match_scratch_free(&x->scratch);
    mem_free(x);
}

struct tx_state *detect_state(struct detector *d, struct tx *tx)
{
    if (tx->detect == NULL) {
        struct tx_state *state = arena_alloc(tx->arena, sizeof(*state));
        if (state == NULL) {
            stats_add(d->stats, STAT_FINDINGS_LOST, 1);
            return NULL;
        }
        state->edition = d->edition;
        state->edition->n_tx++;
        tx->detect = state;
    }
    return tx->detect;
}

void detect_refuel(struct detector *d)
{
    d->fuel = REGION_FUEL;
    d->dry = false;
}

/* --- hits --------------------------------------------------------------------------------------
 */

void detect_no_hits(struct hits *hits)
{
    hits->n = 0;
    hits->overflow = false;
}

bool detect_note_hit(struct hits *hits, uint32_t pattern, size_t end)
{
    if (hits->n == hits->room && !hits_grow(hits)) {
        return false;
    }
    hits->list[hits->n++] = (struct hit){pattern, (uint32_t)end};
    return true;
}

static bool on_hit(void *ctx, uint32_t pattern, uint64_t end)
{
    return detect_note_hit(ctx, pattern, (size_t)end);
}

void detect_scan(struct detector *d, const struct engine *e, struct span text, struct hits *hits)
{
    detect_no_hits(hits);
    match_block(e->gate, d->scratch, text, on_hit, hits);
}

size_t detect_first_hit(const struct hits *hits, size_t off)
{
    size_t low = 0;
    size_t high = hits->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (hits->list[middle].end <= off) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

bool detect_is_opener(const struct engine *e, const struct hit *hit)
{
    return hit->pattern < e->n_openers;
}

void detect_opened(const struct detector *d, const struct tx *tx, enum field_id field, uint64_t n)
{
    if (n > 0 && d->user.opened != NULL) {
        d->user.opened(d->user.ctx, tx, field, n);
    }
}

uint64_t detect_n_opened(const struct hit_range *range)
{
    uint64_t n = 0;
    for (size_t i = range->first; i < range->end; i++) {
        n += peel_gate_opens(range->hits->list[i].pattern);
    }
    return n;
}

struct spot detect_spot_of(struct tx *tx, const struct region *region)
{
    return (struct spot){.tx = tx,
                         .field = region->field,
                         .item = region->item,
                         .dir = region->dir,
                         .layers = region->layers,
                         .around = region->bytes};
}

/* --- heads -------------------------------------------------------------------------------------
 */

/* Whether the head of a request has a target that is not normal; sometimes also of one that is. */
static bool has_odd_target(const struct region *region)
{
    struct span rest = region->bytes;
    struct span line = span_split(&rest, '\n');
    (void)span_split(&line, ' ');
    return region->dir == TO_SERVER && region->field == FIELD_HTTP_HEADER &&
           !target_is_normal(line);
}

/* Whether all that was hit waits for a target that is not there. */
static bool only_waits(const struct engine *e, const struct hits *hits)
{
    for (size_t i = 0; i < hits->n; i++) {
        uint32_t pattern = hits->list[i].pattern;
        if (pattern < e->n_openers || !e->groups[e->pattern_groups[pattern - e->n_openers]].waits) {
            return false;
        }
    }
    return !hits->overflow;
}

/* The target in a head's first line; empty where it is not sure what that is. */
static struct span target_of(const struct region *region)
{
    struct span rest = region->bytes;
    struct span line = span_split(&rest, '\n');
    for (size_t i = 0; i + 1 < line.len; i++) {
        if (line.data[i] < ' ') {
            return span_head(line, 0);
        }
    }
    (void)span_split(&line, ' ');
    struct span target = span_split(&line, ' ');
    bool sure = span_starts(line, SPAN("HTTP/1")) && span_find_byte(line, 0, ' ') == SPAN_NONE;
    return sure ? target : span_head(target, 0);
}

/* Whether no rule can hold by what was hit in a head: each waits for what the target of its request
 * has not, as rules see it either. */
static bool is_idle(struct detector *d, struct tx *tx, const struct region *region)
{
    const struct engine *e = detect_engine(d, tx);
    const struct head *h = &d->heads[region->dir];
    if (!e->any_waits || e->payload.always.n > 0 || !only_waits(e, &h->hits)) {
        return false;
    }
    if (region->dir == TO_CLIENT) {
        return true;
    }
    struct span target = region->field == FIELD_HTTP_HEADER ? target_of(region) : SPAN("");
    if (target.len == 0 || !h->odd_target) {
        return target.len > 0;
    }
    detect_scan(d, e, target_normal(target, &d->targets[0], &d->targets[1]), &d->hits);
    return only_waits(e, &d->hits);
}

/* What is left to look at of an idle head. */
static void calm_down(const struct engine *e, struct head *h)
{
    detect_no_hits(&h->hits);
    h->odd_target = h->odd_target && e->fields[FIELD_HTTP_URI].always.n > 0;
}

static void scan_head(struct detector *d, struct tx *tx, const struct region *region)
{
    const struct engine *e = detect_engine(d, tx);
    struct head *h = &d->heads[region->dir];
    for (size_t i = 0; i < DETECT_DIALECTS; i++) {
        h->known[i].n_seen = 0;
        h->known[i].n_copies = 0;
        h->known[i].last_copy = (struct last_copy){0};
        h->known[i].file_copy = (struct last_copy){0};
    }
    detect_scan(d, e, region->bytes, &h->hits);
    stats_add(d->stats, STAT_GATE_BYTES, region->bytes.len);
    h->odd_target = engine_looks_at(e, FIELD_HTTP_URI) && has_odd_target(region);
    bool idle = is_idle(d, tx, region);
    if (idle) {
        calm_down(e, h);
    }
    bool asked = idle ? e->any_header_first : e->any_header;
    bool wanted = idle ? e->wants_all_first : e->wants_all;
    h->odd_head = false;
    if (asked || e->any_mail) {
        detect_head_judge(h, e, tx, region, asked);
    }
    h->quiet = h->hits.n == 0 && !wanted && !h->odd_target && !h->odd_head;
    if (h->hits.n == 0 && e->payload.always.n == 0) {
        return;
    }
    detect_refuel(d);
    if (e->payload.gated || e->payload.always.n > 0) {
        struct spot spot = detect_spot_of(tx, region);
        spot.how = h->odd_head ? HEAD_AS_SENT : 0U;
        const struct verify_view view = {.text = region->bytes};
        const struct hit_range all = {&h->hits, 0, h->hits.n, 0};
        detect_groups(d, &spot, FIELD_N, &all, &view);
    }
}

bool detect_region(struct detector *d, struct tx *tx, const struct region *region)
{
    if (tx == NULL) {
        forget_head(&d->heads[region->dir]);
        stats_add(d->stats, STAT_LOST_MEMORY, region->bytes.len);
        return true;
    }
    if (detect_engine(d, tx)->any_absence) {
        (void)detect_state(d, tx); /* so that one engine sees all of it */
    }
    if (detect_engine(d, tx)->flow_rules.n > 0 && region->bytes.len > 0) {
        const struct spot spot = detect_spot_of(tx, region);
        detect_flow_rules(d, &spot);
    }
    struct head *h = &d->heads[region->dir];
    h->tx = tx;
    h->bytes = region->bytes;
    h->kind = region->kind;
    h->field = region->field;
    const bool any_file = detect_engine(d, tx)->any_file;
    if (region->kind == REGION_HEAD) {
        if (any_file) {
            detect_files_head(d, tx, region);
        }
        scan_head(d, tx, region);
        return !h->quiet;
    }
    h->hits.n = 0;
    h->quiet = false; /* an earlier head of the transaction may have been */
    detect_body(d, tx, region, any_file ? detect_files_body(d, tx, region) : 0);
    return true;
}

void detect_judge(struct detector *d, struct tx *tx)
{
    if (tx->detect != NULL) {
        d->judging = true;
        detect_files_judge(d, tx);
        detect_bodies_judge(d, tx);
        d->judging = false;
    }
}

void detect_tx_end(struct detector *d, struct tx *tx)
{
    struct tx_state *state = tx != NULL ? tx->detect : NULL;
    for (size_t i = 0; i < ARRAY_LEN(d->heads); i++) {
        if (d->heads[i].tx == tx) {
            forget_head(&d->heads[i]);
        }
    }
    if (state != NULL) {
        detect_files_end(d, tx);
        detect_bodies_end(d, tx);
        detect_rules_end(d, tx);
        detect_settle(d);
        state->edition->n_tx--;
        tx->detect = NULL;
    }
}
