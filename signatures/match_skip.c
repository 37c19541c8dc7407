/* match_skip: finds the places where matches may begin, and passes over the rest.
 *
 * Hyperscan takes two to three cycles for each byte, however harmless, because the gate has
 * thousands of literals. Nearly all bytes can be told to begin no match by the three behind them.
 * The beginnings of all patterns (match_start.c) are put into a few buckets, of which each allows
 * some bytes at each place, so that a block is looked at by a few dozen instructions. What a bucket
 * allows is looked at byte by byte (match_dfa.c). Only from what passes that on is the text
 * scanned, until whatever may have begun there has ended.
 *
 * Beginnings are put where the bucket then allows the least more; how likely bytes are is guessed.
 * A wrong guess costs time, never a match. */
#include "signatures/match_skip.h"

#include "sensor/base/mem.h"

#include <stdlib.h>

enum {
    RUN_BLOCK = 16,
    OCTETS = SKIP_ALLOWED / 8,
    SORT_AGAIN = 6,       /* times that beginnings are put anew, */
    SORT_AGAIN_MAX = 500, /* where they are not too many */
};

/* A bucket that allows more than this part of the places is no help. */
#define WEIGHT_MAX 0.1F

_Static_assert(START_RUN + 1 >= 2 * RUN_BLOCK - 1, "a longer run has a whole block in it");

/* --- buckets -----------------------------------------------------------------------------------
 */

/* What a bucket, or a beginning alone, allows at each place: a bit for each byte, without its
 * highest bit. */
struct bucket {
    uint8_t at[START_LEN][OCTETS];
    float weight; /* how likely it allows a place of a text */
};

struct item {
    struct bucket allowed;
    size_t bucket; /* that it is in; SKIP_BUCKETS for none */
};

struct sorter {
    float weights[OCTETS][256]; /* of eight bytes each, by their bits */
    struct bucket buckets[SKIP_BUCKETS];
    struct item *items;
    size_t n;
};

/* How often a byte is expected, to some scale. */
static float weight_of(uint8_t c)
{
    if (byte_is_alpha(c)) {
        return byte_is_upper(c) ? 2 : 4;
    }
    if (byte_is_digit(c)) {
        return 2;
    }
    if (c == ' ' || c == '"') {
        return 4;
    }
    return c > ' ' && c < 127 ? 1 : 0.5F;
}

static void weigh_octets(struct sorter *s)
{
    float sum = 0;
    for (unsigned c = 0; c < SKIP_ALLOWED; c++) {
        sum += weight_of((uint8_t)c);
    }
    for (unsigned i = 0; i < OCTETS * 256; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t c = (uint8_t)(i / 256 * 8 + bit);
            s->weights[i / 256][i % 256] += (i >> bit & 1) != 0 ? weight_of(c) / sum : 0;
        }
    }
}

static float weigh(const struct sorter *s, const struct bucket *b)
{
    float weight = 1;
    for (size_t place = 0; place < START_LEN; place++) {
        float sum = 0;
        for (size_t i = 0; i < OCTETS; i++) {
            sum += s->weights[i][b->at[place][i]];
        }
        weight *= sum;
    }
    return weight;
}

static void join(struct bucket *b, const struct bucket *more)
{
    for (size_t place = 0; place < START_LEN; place++) {
        for (size_t i = 0; i < OCTETS; i++) {
            b->at[place][i] |= more->at[place][i];
        }
    }
}

/* A bucket as it is in its place: in the first round all may stand at the end. */
static struct bucket bucket_at(const struct sorter *s, size_t place, struct bucket b)
{
    for (size_t i = 0; i < OCTETS && place < SKIP_FIRST_ROUND; i++) {
        b.at[START_LEN - 1][i] = 0xff;
    }
    b.weight = weigh(s, &b);
    return b;
}

/* Into the bucket that becomes the least likelier by it. */
static void put(struct sorter *s, struct item *item)
{
    float least = 2; /* more than any */
    struct bucket best = item->allowed;
    for (size_t i = 0; i < SKIP_BUCKETS; i++) {
        struct bucket b = s->buckets[i];
        join(&b, &item->allowed);
        b = bucket_at(s, i, b);
        if (b.weight - s->buckets[i].weight < least) {
            least = b.weight - s->buckets[i].weight;
            best = b;
            item->bucket = i;
        }
    }
    s->buckets[item->bucket] = best;
}

static void take_out(struct sorter *s, struct item *item)
{
    struct bucket left = {.weight = 0};
    size_t from = item->bucket;
    item->bucket = SKIP_BUCKETS;
    for (size_t i = 0; i < s->n; i++) {
        if (s->items[i].bucket == from) {
            join(&left, &s->items[i].allowed);
        }
    }
    s->buckets[from] = bucket_at(s, from, left);
}

static int likelier_first(const void *a, const void *b)
{
    const struct item *x = a;
    const struct item *y = b;
    return x->allowed.weight > y->allowed.weight ? -1 : x->allowed.weight < y->allowed.weight;
}

static void sort(struct sorter *s)
{
    size_t again = s->n <= SORT_AGAIN_MAX ? SORT_AGAIN : 0;
    qsort(s->items, s->n, sizeof(*s->items), likelier_first);
    for (size_t round = 0; round <= again; round++) {
        for (size_t i = 0; i < s->n; i++) {
            if (round > 0) {
                take_out(s, &s->items[i]);
            }
            put(s, &s->items[i]);
        }
    }
}

/* False when they allow too much. */
static bool fill_masks(struct skip_masks *masks, const struct sorter *s)
{
    float sum = 0;
    for (size_t bucket = 0; bucket < SKIP_BUCKETS; bucket++) {
        sum += s->buckets[bucket].weight;
        for (size_t i = 0; i < START_LEN * SKIP_ALLOWED; i++) {
            size_t place = i / SKIP_ALLOWED;
            size_t c = i % SKIP_ALLOWED;
            unsigned octet = s->buckets[bucket].at[place][c / 8];
            unsigned bit = octet >> (c % 8) & 1U;
            masks->allowed[bucket / 8][place][c] |= (uint8_t)(bit << (bucket % 8));
        }
    }
    return sum <= WEIGHT_MAX;
}

static void add_items(struct sorter *s, const struct starts *starts, const struct start_keys *keys)
{
    for (size_t k = 0; k < keys->n; k++) {
        struct item *item = &s->items[s->n++];
        item->bucket = SKIP_BUCKETS;
        for (unsigned i = 0; i < START_LEN * 256; i++) {
            unsigned c = i % 256;
            const struct byte_set *set = &starts->sets[start_set(keys->keys[k], i / 256)];
            unsigned bit = byte_set_has(set, (uint8_t)c);
            item->allowed.at[i / 256][c % SKIP_ALLOWED / 8] |= (uint8_t)(bit << (c % 8));
        }
        item->allowed.weight = weigh(s, &item->allowed);
    }
}

static bool make_masks(struct skip *skip, const struct starts *starts)
{
    struct sorter *s = mem_alloc(sizeof(*s));
    struct item *items = mem_alloc_array(starts->near.n + starts->far.n + 1, sizeof(*items));
    bool good = s != NULL && items != NULL;
    if (good) {
        s->items = items;
        weigh_octets(s);
        add_items(s, starts, &starts->near);
        add_items(s, starts, &starts->far);
        sort(s);
        good = fill_masks(&skip->masks, s);
    }
    mem_free(items);
    mem_free(s);
    return good;
}

static struct skip *make(const struct starts *starts)
{
    struct skip *skip = mem_alloc(sizeof(*skip));
    if (skip == NULL) {
        return NULL;
    }
    skip->fast = skip_is_fast();
    for (unsigned c = 0; c < 256; c++) {
        skip->loops[c] = byte_set_has(&starts->loops, (uint8_t)c);
    }
    skip->dfa = make_masks(skip, starts) ? dfa_new(starts) : NULL;
    if (skip->dfa == NULL) {
        skip_free(&skip);
    }
    return skip;
}

struct skip *skip_new(const struct match_pattern *patterns, size_t n)
{
    struct starts starts = starts_none();
    bool good = n > 0;
    for (size_t i = 0; good && i < n; i++) {
        good = patterns[i].twice || starts_add(&starts, &patterns[i], (uint32_t)i) == 0;
    }
    good = good && starts_merge(&starts) == 0;
    struct skip *skip = good ? make(&starts) : NULL;
    starts_free(&starts);
    return skip;
}

void skip_free(struct skip **skip)
{
    if (*skip != NULL) {
        dfa_free(&(*skip)->dfa);
        mem_free(*skip);
        *skip = NULL;
    }
}

/* --- places ------------------------------------------------------------------------------------
 */

static uint64_t look_at_block(const struct skip_masks *masks, struct span block)
{
    uint64_t bits = 0;
    for (size_t i = 0; i < SKIP_BLOCK * SKIP_ROUNDS; i++) {
        size_t at = i / SKIP_ROUNDS;
        unsigned all = 0xff;
        for (size_t place = 0; place < START_LEN; place++) {
            size_t c = span_at(block, at + place) % SKIP_ALLOWED;
            all &= masks->allowed[i % SKIP_ROUNDS][place][c];
        }
        bits |= all != 0 ? 1ULL << at : 0;
    }
    return bits;
}

static void list_block(struct skip_found *found, size_t at, uint64_t bits)
{
    for (; bits != 0; bits &= bits - 1) {
        found->places[found->n_places++] = (uint16_t)(at + (size_t)__builtin_ctzll(bits));
    }
}

void skip_blocks_slow(const struct skip_masks *masks, struct span text, size_t from,
                      struct skip_found *found)
{
    found->from = from;
    found->n_places = 0;
    for (size_t i = 0; i < found->n; i++) {
        uint64_t bits = look_at_block(masks, span_from(text, from + i * SKIP_BLOCK));
        list_block(found, i * SKIP_BLOCK, bits);
    }
    if (found->last) {
        CHECK(text.len >= SKIP_BLOCK + SKIP_AHEAD);
        size_t start = text.len - SKIP_BLOCK - SKIP_AHEAD;
        size_t at;
        uint64_t bits = look_at_block(masks, span_from(text, start));
        bits = skip_last_places(found, start, bits, &at);
        list_block(found, at, bits);
    }
}

static void look_at_blocks(const struct skip *skip, struct span text, size_t from,
                           struct skip_found *found)
{
    if (skip->fast) {
        skip_blocks(&skip->masks, text, from, found);
    } else {
        skip_blocks_slow(&skip->masks, text, from, found);
    }
}

/* All places of a text that is less than a block: zeros behind it make it some. */
static void list_short(struct skip_scan *s)
{
    uint8_t room[2 * SKIP_BLOCK + SKIP_AHEAD] = {0};
    bytes_copy(room, s->text.data, s->text.len);
    s->found.n = s->text.len > SKIP_BLOCK ? 2 : 1;
    s->found.last = false;
    look_at_blocks(s->skip, span_of(room, sizeof(room)), 0, &s->found);
    s->looked_at = s->text.len;
    size_t n = 0;
    while (n < s->found.n_places && s->found.places[n] < s->text.len) {
        n++;
    }
    s->found.n_places = n;
}

/* The last places count as found where what the text's end cuts may be a match already. */
static void list_end(struct skip_scan *s)
{
    struct skip_found *f = &s->found;
    for (size_t at = s->text.len - SKIP_AHEAD; at < s->text.len; at++) {
        f->places[f->n_places] = (uint16_t)(at - f->from);
        f->n_places += s->skip->dfa->brief[s->text.data[at]];
    }
    s->looked_at = s->text.len;
}

static void list_more(struct skip_scan *s)
{
    struct skip_found *f = &s->found;
    size_t left = (s->text.len - SKIP_AHEAD - s->looked_at) / SKIP_BLOCK;
    f->last = left <= SKIP_BLOCKS_MAX;
    f->n = f->last ? left : SKIP_BLOCKS_MAX;
    look_at_blocks(s->skip, s->text, s->looked_at, f);
    s->looked_at += f->n * SKIP_BLOCK;
    if (f->last) {
        list_end(s);
    }
}

/* False at the text's end. */
static bool list_places(struct skip_scan *s)
{
    if (s->looked_at == s->text.len) {
        return false;
    }
    s->n_places = 0;
    if (s->text.len < SKIP_BLOCK + SKIP_AHEAD) {
        list_short(s);
    } else {
        list_more(s);
    }
    return true;
}

void skip_scan(struct skip_scan *s, const struct skip *skip, struct span text)
{
    s->skip = skip; /* the list is not zeroed: it is large */
    s->text = text;
    s->looked_at = 0;
    s->n_places = 0;
    s->found.n_places = 0;
}

/* The first place from `from` on where something begins by what `most` bytes tell. */
static struct skip_place next_by(struct skip_scan *s, size_t from, size_t most)
{
    const struct skip_found *f = &s->found;
    do {
        for (; s->n_places < f->n_places; s->n_places++) {
            struct skip_place place = {.at = f->from + f->places[s->n_places]};
            if (place.at >= from) {
                struct span seen = span_head(s->text, place.at + most);
                place.match = dfa_match(s->skip->dfa, seen, place.at);
                if (place.match.reach > 0) {
                    return place;
                }
            }
        }
    } while (list_places(s));
    return (struct skip_place){.at = s->text.len};
}

struct skip_place skip_next(struct skip_scan *s, size_t from)
{
    return next_by(s, from, s->text.len);
}

size_t skip_cut(const struct skip_scan *s, size_t place)
{
    size_t at = s->text.len > SKIP_AHEAD ? s->text.len - SKIP_AHEAD : 0;
    while (at < place && !dfa_match(s->skip->dfa, s->text, at).cut) {
        at++;
    }
    return at < place ? at : place;
}

bool skip_knows(struct skip_scan *s, const struct skip_place *place)
{
    size_t end = place->at + place->match.reach;
    return place->match.known && end + SKIP_AHEAD <= s->text.len &&
           skip_next(s, place->at + 1).at >= end;
}

static bool is_run(const struct skip *skip, struct span text, size_t at)
{
    for (size_t i = at; i < at + RUN_BLOCK; i++) {
        if (!skip->loops[span_at(text, i)]) {
            return false;
        }
    }
    return true;
}

/* The end of the last block of `text` behind `from` that is part of a run; 0 for none. */
static size_t last_run(const struct skip *skip, struct span text, size_t from)
{
    for (size_t end = text.len / RUN_BLOCK * RUN_BLOCK; end > from && end > 0; end -= RUN_BLOCK) {
        if (is_run(skip, text, end - RUN_BLOCK)) {
            return end;
        }
    }
    return 0;
}

struct skip_place skip_start(const struct skip *skip)
{
    return (struct skip_place){0, {.reach = skip->dfa->far}};
}

/* A far match that goes on at the end found has, behind the last place where one may have begun, a
 * run in it. So the ends of runs count as such places. */
size_t skip_end(struct skip_scan *s, struct skip_place *hot)
{
    const size_t reach_far = s->skip->dfa->far;
    size_t from = hot->at + 1;
    size_t end = hot->at + hot->match.reach;
    bool any_far = hot->match.reach == reach_far;
    size_t far = hot->at; /* the last such place */
    for (;;) {
        /* what is scanned far anyway is not worth walks, which somebody may make long everywhere */
        struct skip_place next = next_by(s, from, any_far ? START_LEN : s->text.len);
        if (next.at < end && next.match.reach > 0) {
            from = next.at + 1;
        } else { /* only now: beginnings stand close where somebody wants it to take long */
            size_t run = any_far ? last_run(s->skip, span_head(s->text, end), far) : 0;
            if (run == 0) {
                break;
            }
            next = (struct skip_place){run, {.reach = reach_far}};
            from = end; /* before it nothing begins any more */
        }
        any_far = any_far || next.match.reach == reach_far;
        far = next.match.reach == reach_far ? next.at : far;
        end = next.at + next.match.reach > end ? next.at + next.match.reach : end;
    }
    if (end + SKIP_AHEAD <= s->text.len) {
        return end;
    }
    *hot = skip_start(s->skip); /* what begins in the last bytes may not show yet */
    return SPAN_NONE;
}
