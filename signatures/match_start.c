/* match_start: from patterns to the bytes that their matches begin with.
 *
 * An expression becomes an automaton of places (Glushkov, "The abstract theory of automata", 1961):
 * each character or class in it is a place, and what may stand first, last, and behind each place
 * is put together while it is read. The beginnings are the ways of START_LEN places from the first
 * ones.
 *
 * Known are characters, classes, groups, alternatives and counts, as the gate's patterns have them.
 * A count is taken for any number of repetitions, so there may be more beginnings than matches,
 * never fewer. Repetitions without a bound are known of single characters only: they are what makes
 * matches long, and a text without runs of such characters has no long match. */
#include "signatures/match_start.h"

#include "sensor/base/cursor.h"
#include "sensor/base/mem.h"

#include <errno.h>
#include <stdlib.h>

enum {
    PLACES_MAX = 512,
    GROUPS_MAX = 16,
    COUNT_MAX = 1000,
    LEN_MAX = 1 << 20,
    SETS_MAX = 0xffff,
    KEYS_MAX = 1 << 17,
};

/* A set of places. */
struct places {
    uint64_t words[PLACES_MAX / 64];
};

/* A part of an expression. */
struct part {
    struct places first;
    struct places last;
    bool empty; /* it may be nothing */
    size_t len; /* at most, runs aside */
};

/* What has been read of a group. */
struct group {
    struct part choices;
    struct part line; /* of the choice at hand, without the last atom */
    struct part atom;
    bool any_choice;
    bool any_atom;
    bool counted; /* a count, or a sign for one, stands behind the atom */
};

struct reader {
    struct cursor in;
    struct starts *to;
    struct places next[PLACES_MAX]; /* behind each place */
    uint16_t sets[PLACES_MAX];
    size_t n_places;
    struct group groups[GROUPS_MAX];
    size_t depth;
    uint32_t pattern;
    bool counted; /* there is a count in it */
    bool blanks;  /* the last member of a class was more than one byte */
    bool bad;
    bool no_memory;
};

bool numbers_add(struct numbers *to, size_t number)
{
    if (to->n == to->room) {
        size_t room = to->room == 0 ? 64 : 2 * to->room;
        uint32_t *all = room < UINT32_MAX ? mem_resize(to->all, room * sizeof(*all)) : NULL;
        if (all == NULL) {
            return false;
        }
        to->all = all;
        to->room = room;
    }
    to->all[to->n++] = (uint32_t)number;
    return true;
}

/* --- sets --------------------------------------------------------------------------------------
 */

struct starts starts_none(void)
{
    return (struct starts){.n_sets = 0};
}

void starts_free(struct starts *s)
{
    mem_free(s->sets);
    mem_free(s->near.keys);
    mem_free(s->far.keys);
    mem_free(s->graph.places);
    mem_free(s->graph.next.all);
    mem_free(s->graph.first.all);
    *s = starts_none();
}

static void set_add(struct byte_set *set, uint8_t c)
{
    set->words[c >> 6] |= 1ULL << (c & 63);
}

static void set_join(struct byte_set *set, const struct byte_set *other)
{
    for (size_t i = 0; i < ARRAY_LEN(set->words); i++) {
        set->words[i] |= other->words[i];
    }
}

static bool set_equal(const struct byte_set *a, const struct byte_set *b)
{
    return a->words[0] == b->words[0] && a->words[1] == b->words[1] && a->words[2] == b->words[2] &&
           a->words[3] == b->words[3];
}

/* The number of a set, 0 without memory. Number 0 is no set that was added. */
static uint16_t number_of(struct starts *s, const struct byte_set *set)
{
    for (size_t i = 1; i < s->n_sets; i++) {
        if (set_equal(&s->sets[i], set)) {
            return (uint16_t)i;
        }
    }
    if (s->n_sets == s->sets_room) {
        size_t room = s->sets_room == 0 ? 256 : 2 * s->sets_room;
        struct byte_set *sets = room < SETS_MAX ? mem_resize(s->sets, room * sizeof(*sets)) : NULL;
        if (sets == NULL) {
            return 0;
        }
        s->sets = sets;
        s->sets_room = room;
    }
    if (s->n_sets == 0) {
        s->sets[s->n_sets++] = (struct byte_set){{~0ULL, ~0ULL, ~0ULL, ~0ULL}};
    }
    s->sets[s->n_sets] = *set;
    return (uint16_t)s->n_sets++;
}

/* Where the beginnings of a pattern go whose matches are no longer than `len`. */
static struct start_keys *keys_for(struct starts *s, size_t len)
{
    struct start_keys *k = len <= START_NEAR ? &s->near : &s->far;
    k->reach = len > k->reach ? len : k->reach;
    return k;
}

static bool add_key(struct start_keys *k, uint64_t key)
{
    if (k->n > 0 && k->keys[k->n - 1] == key) {
        return true;
    }
    if (k->n == k->room) {
        size_t room = k->room == 0 ? 1024 : 2 * k->room;
        uint64_t *keys = room <= KEYS_MAX ? mem_resize(k->keys, room * sizeof(*keys)) : NULL;
        if (keys == NULL) {
            return false;
        }
        k->keys = keys;
        k->room = room;
    }
    k->keys[k->n++] = key;
    return true;
}

/* --- places ------------------------------------------------------------------------------------
 */

static void places_add(struct places *p, size_t place)
{
    p->words[place / 64] |= 1ULL << (place % 64);
}

static bool places_have(const struct places *p, size_t place)
{
    return (p->words[place / 64] >> (place % 64) & 1) != 0;
}

static void places_join(struct places *p, const struct places *other)
{
    for (size_t i = 0; i < ARRAY_LEN(p->words); i++) {
        p->words[i] |= other->words[i];
    }
}

/* Takes the lowest one out; PLACES_MAX when there is none. */
static size_t places_take(struct places *p)
{
    for (size_t i = 0; i < ARRAY_LEN(p->words); i++) {
        if (p->words[i] != 0) {
            size_t bit = (size_t)__builtin_ctzll(p->words[i]);
            p->words[i] &= p->words[i] - 1;
            return i * 64 + bit;
        }
    }
    return PLACES_MAX;
}

/* Behind each of `from` any of `to` may stand. */
static void lead(struct reader *r, const struct places *from, const struct places *to)
{
    struct places left = *from;
    for (size_t at = places_take(&left); at < PLACES_MAX; at = places_take(&left)) {
        places_join(&r->next[at], to);
    }
}

/* --- parts -------------------------------------------------------------------------------------
 */

static const struct part nothing = {.empty = true};

static void part_follow(struct reader *r, struct part *p, const struct part *more)
{
    lead(r, &p->last, &more->first);
    if (p->empty) {
        places_join(&p->first, &more->first);
    }
    if (!more->empty) {
        p->last = (struct places){{0}};
    }
    places_join(&p->last, &more->last);
    p->empty = p->empty && more->empty;
    p->len += more->len;
}

static void part_choose(struct part *p, const struct part *other)
{
    places_join(&p->first, &other->first);
    places_join(&p->last, &other->last);
    p->empty = p->empty || other->empty;
    p->len = p->len > other->len ? p->len : other->len;
}

/* The last atom takes its place in the line. */
static void place_atom(struct reader *r, struct group *g)
{
    if (g->any_atom) {
        part_follow(r, &g->line, &g->atom);
    }
    g->any_atom = false;
    g->counted = false;
}

static void end_choice(struct reader *r, struct group *g)
{
    place_atom(r, g);
    if (g->any_choice) {
        part_choose(&g->choices, &g->line);
    } else {
        g->choices = g->line;
    }
    g->any_choice = true;
    g->line = nothing;
}

static struct group *group_at(struct reader *r)
{
    return &r->groups[r->depth];
}

static void add_class(struct reader *r, const struct byte_set *set)
{
    struct group *g = group_at(r);
    place_atom(r, g);
    if (r->n_places == PLACES_MAX) {
        r->bad = true;
        return;
    }
    size_t place = r->n_places++;
    r->sets[place] = number_of(r->to, set);
    r->no_memory = r->no_memory || r->sets[place] == 0;
    r->next[place] = (struct places){{0}};
    g->atom = (struct part){.len = 1};
    places_add(&g->atom.first, place);
    places_add(&g->atom.last, place);
    g->any_atom = true;
}

static void open_group(struct reader *r)
{
    bool plain = cursor_u8(&r->in) == '?' && cursor_u8(&r->in) == ':';
    place_atom(r, group_at(r));
    if (!plain || r->depth + 1 == GROUPS_MAX) {
        r->bad = true;
        return;
    }
    r->groups[++r->depth] = (struct group){.line = nothing};
}

static void close_group(struct reader *r)
{
    if (r->depth == 0) {
        r->bad = true;
        return;
    }
    struct group *inner = group_at(r);
    end_choice(r, inner);
    r->depth--;
    group_at(r)->atom = inner->choices;
    group_at(r)->any_atom = true;
}

/* --- counts ------------------------------------------------------------------------------------
 */

/* The last atom stands again behind itself, `most` times; without a bound when that is 0. */
static void repeat(struct reader *r, size_t most)
{
    struct part *atom = &group_at(r)->atom;
    lead(r, &atom->last, &atom->first);
    if (most > 0) {
        atom->len *= most;
        r->bad = r->bad || atom->len > LEN_MAX;
        return;
    }
    r->bad = r->bad || atom->len != 1;
    struct places left = atom->first;
    for (size_t at = places_take(&left); at < PLACES_MAX; at = places_take(&left)) {
        set_join(&r->to->loops, &r->to->sets[r->sets[at]]);
    }
    atom->len = START_RUN;
}

/* Digits; what stands behind them is read too. */
static size_t read_number(struct reader *r, uint8_t *ret_behind)
{
    size_t n = 0;
    uint8_t c = cursor_u8(&r->in);
    for (; byte_is_digit(c) && n < COUNT_MAX; c = cursor_u8(&r->in)) {
        n = 10 * n + (size_t)(c - '0');
    }
    *ret_behind = c;
    return n;
}

static bool is_digit_next(const struct reader *r)
{
    return byte_is_digit(span_at(r->in.s, r->in.off));
}

static void read_count(struct reader *r)
{
    uint8_t behind;
    bool counts = is_digit_next(r); /* else the brace is one */
    size_t least = read_number(r, &behind);
    size_t most = least;
    bool bounded = true;
    if (behind == ',') {
        bounded = is_digit_next(r);
        most = read_number(r, &behind);
    }
    r->bad = r->bad || !counts || behind != '}' || (bounded && (most == 0 || most < least));
    r->counted = true;
    group_at(r)->atom.empty = group_at(r)->atom.empty || least == 0;
    repeat(r, bounded ? most : 0);
}

static void read_quantity(struct reader *r, uint8_t c)
{
    struct group *g = group_at(r);
    if (!g->any_atom || g->counted) { /* a second sign may say what is preferred */
        r->bad = true;
    } else if (c == '{') {
        read_count(r);
    } else {
        g->atom.empty = g->atom.empty || c != '+';
        if (c != '?') {
            repeat(r, 0);
        }
    }
    g->counted = true;
}

/* --- characters --------------------------------------------------------------------------------
 */

/* What stands behind a backslash. Returns the last byte that was added. */
static uint8_t read_escape(struct reader *r, struct byte_set *set)
{
    static const char spaces[] = " \t\n\v\f\r";
    uint8_t c = cursor_u8(&r->in);
    if (c == 's') {
        for (size_t i = 0; i + 1 < sizeof(spaces); i++) {
            set_add(set, (uint8_t)spaces[i]);
        }
        r->blanks = true;
        return ' ';
    }
    if (c == 'x') {
        int high = byte_hex(cursor_u8(&r->in));
        int low = byte_hex(cursor_u8(&r->in));
        r->bad = r->bad || high < 0 || low < 0;
        c = (uint8_t)(high * 16 + low);
    } else if (byte_is_alnum(c)) {
        r->bad = r->bad || (c != 't' && c != 'r' && c != 'n');
        c = c == 't' ? '\t' : c == 'r' ? '\r' : '\n';
    }
    set_add(set, c);
    return c;
}

static bool is_next(const struct reader *r, uint8_t c)
{
    return span_at(r->in.s, r->in.off) == c;
}

static uint8_t read_member(struct reader *r, uint8_t c, struct byte_set *set)
{
    r->blanks = false;
    if (c == '\\') {
        return read_escape(r, set);
    }
    /* "[[:alpha:]]" and the like */
    r->bad = r->bad || (c == '[' && (is_next(r, ':') || is_next(r, '.') || is_next(r, '=')));
    set_add(set, c);
    return c;
}

/* What is behind a member and a '-'. */
static void read_range(struct reader *r, unsigned first, struct byte_set *set)
{
    bool blanks = r->blanks;
    unsigned last = read_member(r, cursor_u8(&r->in), set);
    r->bad = r->bad || blanks || r->blanks || last < first;
    for (; first < last; first++) {
        set_add(set, (uint8_t)first);
    }
}

static void read_class(struct reader *r)
{
    struct byte_set set = {{0}};
    bool negated = is_next(r, '^');
    cursor_skip(&r->in, negated ? 1 : 0);
    r->bad = r->bad || is_next(r, ']'); /* a member, there */
    uint8_t c = cursor_u8(&r->in);
    for (; c != ']' && !cursor_bad(&r->in); c = cursor_u8(&r->in)) {
        unsigned first = read_member(r, c, &set);
        if (is_next(r, '-') && span_at(r->in.s, r->in.off + 1) != ']') {
            cursor_skip(&r->in, 1);
            read_range(r, first, &set);
        }
    }
    for (size_t i = 0; negated && i < ARRAY_LEN(set.words); i++) {
        set.words[i] = ~set.words[i];
    }
    add_class(r, &set);
}

static void read_one(struct reader *r)
{
    struct byte_set set = {{0}};
    uint8_t c = cursor_u8(&r->in);
    switch (c) {
    case '(':
        open_group(r);
        break;
    case ')':
        close_group(r);
        break;
    case '|':
        end_choice(r, group_at(r));
        break;
    case '[':
        read_class(r);
        break;
    case '?':
    case '*':
    case '+':
    case '{':
        read_quantity(r, c);
        break;
    case '.':
    case '^':
    case '$':
        r->bad = true;
        break;
    default:
        (void)read_member(r, c, &set);
        add_class(r, &set);
    }
}

/* --- all patterns' places ----------------------------------------------------------------------
 */

/* NULL without memory. What stands behind it has to be added before the next place is. */
static struct start_place *add_place(struct start_graph *g, uint16_t set)
{
    if (g->n == g->room) {
        size_t room = g->room == 0 ? 1024 : 2 * g->room;
        struct start_place *places = mem_resize(g->places, room * sizeof(*places));
        if (places == NULL) {
            return NULL;
        }
        g->places = places;
        g->room = room;
    }
    g->places[g->n] = (struct start_place){.set = set, .next = (uint32_t)g->next.n};
    return &g->places[g->n++];
}

/* The places of an expression that was read. */
static bool add_places(struct reader *r, const struct part *whole)
{
    struct start_graph *g = &r->to->graph;
    const size_t before = g->n;
    bool good = true;
    for (size_t i = 0; i < r->n_places && good; i++) {
        struct start_place *place = add_place(g, r->sets[i]);
        struct places left = r->next[i];
        good = place != NULL;
        for (size_t at = places_take(&left); at < PLACES_MAX && good; at = places_take(&left)) {
            good = numbers_add(&g->next, before + at);
        }
        if (good) {
            place->n_next = (uint32_t)g->next.n - place->next;
            place->last = places_have(&whole->last, i);
            place->far = whole->len > START_NEAR;
            place->exact = !r->counted;
            place->pattern = r->pattern;
            good = !places_have(&whole->first, i) || numbers_add(&g->first, before + i);
        }
    }
    return good;
}

/* --- beginnings --------------------------------------------------------------------------------
 */

/* All ways of START_LEN places, or to the end of a match. */
static bool add_ways(struct reader *r, const struct part *whole)
{
    struct start_keys *to = keys_for(r->to, whole->len);
    struct places left[START_LEN] = {whole->first};
    uint64_t key[START_LEN + 1] = {0};
    bool good = true;
    size_t depth = 1;
    while (depth > 0 && good) {
        size_t at = places_take(&left[depth - 1]);
        if (at == PLACES_MAX) {
            depth--;
            continue;
        }
        key[depth] = key[depth - 1] | (uint64_t)r->sets[at] << (16 * (depth - 1));
        if (depth == START_LEN || places_have(&whole->last, at)) {
            good = add_key(to, key[depth]);
        } else {
            left[depth++] = r->next[at];
        }
    }
    return good;
}

static int add_expression(struct reader *r, struct span text)
{
    r->in = cursor_of(text);
    r->n_places = 0;
    r->depth = 0;
    r->groups[0] = (struct group){.line = nothing};
    while (cursor_left(&r->in) > 0 && !r->bad && !r->no_memory) {
        read_one(r);
    }
    if (r->no_memory) {
        return -ENOMEM;
    }
    end_choice(r, &r->groups[0]);
    const struct part *whole = &r->groups[0].choices;
    if (r->bad || r->depth > 0 || whole->empty || cursor_bad(&r->in)) {
        return -EINVAL;
    }
    return add_places(r, whole) && add_ways(r, whole) ? 0 : -ENOMEM;
}

/* The number of the set of a byte; 0 without memory. */
static uint16_t number_of_byte(struct starts *s, uint8_t c, bool nocase)
{
    struct byte_set set = {{0}};
    set_add(&set, nocase ? byte_lower(c) : c);
    set_add(&set, nocase ? byte_upper(c) : c);
    return number_of(s, &set);
}

static int add_literal(struct starts *s, const struct match_pattern *pattern, uint32_t number)
{
    struct start_graph *g = &s->graph;
    const size_t before = g->n;
    const size_t len = pattern->text.len;
    const size_t n_places = len < START_PLACES ? len : START_PLACES;
    uint64_t key = 0;
    for (size_t i = 0; i < n_places; i++) {
        uint16_t set = number_of_byte(s, pattern->text.data[i], pattern->nocase);
        struct start_place *place = set > 0 ? add_place(g, set) : NULL;
        bool more = i + 1 < n_places;
        if (place == NULL || (more && !numbers_add(&g->next, before + i + 1))) {
            return -ENOMEM;
        }
        place->n_next = more;
        place->last = i + 1 == len;
        place->far = len > START_NEAR;
        place->exact = true;
        place->pattern = number;
        key |= i < START_LEN ? (uint64_t)set << (16 * i) : 0;
    }
    return numbers_add(&g->first, before) && add_key(keys_for(s, len), key) ? 0 : -ENOMEM;
}

int starts_add(struct starts *s, const struct match_pattern *pattern, uint32_t number)
{
    if (pattern->text.len == 0 || (pattern->nocase && !pattern->literal)) {
        return -EINVAL;
    }
    if (pattern->literal) {
        return add_literal(s, pattern, number);
    }
    struct reader *r = mem_alloc(sizeof(*r));
    if (r == NULL) {
        return -ENOMEM;
    }
    r->to = s;
    r->pattern = number;
    int result = add_expression(r, pattern->text);
    mem_free(r);
    return result;
}

/* --- merging -----------------------------------------------------------------------------------
 */

static int by_number(const void *a, const void *b)
{
    const uint64_t *x = a;
    const uint64_t *y = b;
    return *x < *y ? -1 : *x > *y;
}

static uint64_t turned(uint64_t key, unsigned bits)
{
    return bits == 0 ? key : key >> bits | key << (64 - bits);
}

/* One of keys that differ in their lowest set only. */
static bool merge_group(struct starts *s, const uint64_t *keys, size_t n, uint64_t *ret)
{
    struct byte_set set = {{0}};
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        unsigned number = start_set(keys[i], 0);
        any = any || number == 0;
        set_join(&set, &s->sets[number]);
    }
    uint16_t number = any ? 0 : number_of(s, &set);
    *ret = (keys[0] & ~0xffffULL) | number;
    return any || number > 0;
}

/* Merges keys that differ in one place only. */
static bool merge_at(struct starts *s, struct start_keys *k, unsigned place)
{
    for (size_t i = 0; i < k->n; i++) {
        k->keys[i] = turned(k->keys[i], 16 * place);
    }
    qsort(k->keys, k->n, sizeof(*k->keys), by_number);
    size_t n = 0;
    bool good = true;
    for (size_t i = 0; i < k->n && good;) {
        size_t end = i + 1;
        while (end < k->n && k->keys[end] >> 16 == k->keys[i] >> 16) {
            end++;
        }
        uint64_t key;
        good = merge_group(s, &k->keys[i], end - i, &key);
        k->keys[n++] = key;
        i = end;
    }
    k->n = n;
    for (size_t i = 0; i < k->n; i++) {
        k->keys[i] = turned(k->keys[i], (64 - 16 * place) % 64);
    }
    return good;
}

static bool merge(struct starts *s, struct start_keys *k)
{
    size_t before = SIZE_MAX;
    bool good = true;
    while (k->n > 0 && k->n < before && good) {
        before = k->n;
        for (unsigned place = START_LEN; place > 0 && good; place--) {
            good = merge_at(s, k, place - 1);
        }
    }
    return good;
}

int starts_merge(struct starts *s)
{
    return merge(s, &s->near) && merge(s, &s->far) ? 0 : -ENOMEM;
}
