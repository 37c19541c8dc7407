/* match_dfa: the first bytes of matches as a deterministic automaton.
 *
 * Made from the places of all patterns (match_start.c) by the subset construction (Rabin and Scott,
 * "Finite automata and their decision problems", 1959): a state is the set of places that may have
 * been reached. It is made breadth first and ends at a depth, or when there are too many states;
 * what goes on there is not followed, and taken for a beginning of whatever length.
 *
 * So most of what looks like a beginning is told to be none by a few steps, and the matches of
 * short patterns are told without any scan. Where a pattern has a count, which its places leave
 * out, what ends may be no match: that is for a scan to say. */
#include "signatures/match_dfa.h"

#include "sensor/base/mem.h"
#include "sensor/base/wide.h"

enum {
    DEPTH_MAX = START_PLACES, /* states deeper than that are not followed */
    WALK_MAX = 32,            /* nor walks that are longer, in repetitions */
    STATES_MAX = DFA_STATES + 1,
    ALL_PLACES_MAX = 1 << 20,                /* of all states together */
    TABLE_LEN = 4 * STATES_MAX,              /* a power of two */
    LOST = 1 | DFA_ENDS | DFA_CUT | DFA_FAR, /* the state of a match of whatever length */
    ROOT = 2,                                /* where nothing has been read */
    N_FIXED = 3,                             /* these and DFA_DEAD are always there */
};

struct state {
    size_t at; /* its places, in maker.places */
    size_t n;
    size_t depth;
    uint16_t marked; /* its number, with marks */
};

struct maker {
    const struct starts *starts;
    struct dfa *dfa;
    size_t n_states;
    size_t n_classes;
    size_t n_next; /* of dfa->next */
    size_t next_room;
    struct class_set *sets;                /* the classes of each set of bytes */
    struct numbers places;                 /* of all states */
    struct numbers patterns;               /* that end in the states, one after another */
    struct numbers behind;                 /* those that may stand behind the state at hand, */
    uint32_t *seen;                        /* by the state for which a place was put there last */
    struct numbers parts[DFA_CLASSES_MAX]; /* the same that have a class */
    struct state states[STATES_MAX];
    uint16_t table[TABLE_LEN]; /* states by their places; 0: free */
    bool no_memory;
};

static void add(struct maker *m, struct numbers *to, uint32_t number)
{
    m->no_memory = !numbers_add(to, number) || m->no_memory;
}

/* --- classes -----------------------------------------------------------------------------------
 */

/* Tells bytes apart that are in the set from those that are not. */
static void split(struct maker *m, const struct byte_set *set)
{
    uint16_t halves[DFA_CLASSES_MAX][2] = {{0}}; /* new numbers, and 1 */
    size_t n = 0;
    for (unsigned c = 0; c < 256; c++) {
        uint8_t *class = &m->dfa->classes[c];
        uint16_t *half = &halves[*class][byte_set_has(set, (uint8_t)c)];
        if (*half == 0) {
            *half = (uint16_t)++n;
        }
        *class = (uint8_t)(*half - 1);
    }
    m->n_classes = n;
}

static void make_classes(struct maker *m)
{
    const struct start_graph *g = &m->starts->graph;
    for (size_t i = 0; i < g->n; i++) {
        unsigned number = g->places[i].set;
        if (m->sets[number].words[0] == 0) {
            m->sets[number].words[0] = 1;
            split(m, &m->starts->sets[number]);
        }
    }
}

static void list_classes(struct maker *m)
{
    for (size_t i = 0; i < m->starts->n_sets; i++) {
        struct class_set classes = {{0}};
        for (unsigned c = 0; c < 256; c++) {
            unsigned class = m->dfa->classes[c];
            uint64_t bit = byte_set_has(&m->starts->sets[i], (uint8_t)c);
            classes.words[class / 64] |= bit << (class % 64);
        }
        m->sets[i] = classes;
    }
}

/* --- states ------------------------------------------------------------------------------------
 */

static uint64_t hash_of(const struct numbers *places)
{
    uint64_t hash = places->n;
    for (size_t i = 0; i < places->n; i++) {
        hash = (hash ^ places->all[i]) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 29;
    }
    return hash;
}

static bool has_places(const struct maker *m, const struct state *state,
                       const struct numbers *places)
{
    return state->n == places->n &&
           bytes_equal(&m->places.all[state->at], places->all, state->n * sizeof(*places->all));
}

static unsigned marks_of(const struct maker *m, const struct numbers *places, size_t depth)
{
    unsigned marks = depth >= DEPTH_MAX ? DFA_CUT : 0;
    for (size_t i = 0; i < places->n; i++) {
        const struct start_place *place = &m->starts->graph.places[places->all[i]];
        marks |= place->last ? DFA_ENDS : 0U;
        marks |= place->last && !place->exact ? DFA_ASK : 0U;
        marks |= place->far ? DFA_FAR : 0U;
    }
    return marks;
}

static uint16_t add_state(struct maker *m, const struct numbers *places, size_t depth)
{
    size_t number = m->n_states;
    struct state *state = &m->states[number];
    state->at = m->places.n;
    state->n = places->n;
    state->depth = depth;
    state->marked = (uint16_t)(number | marks_of(m, places, depth));
    for (size_t i = 0; i < places->n; i++) {
        add(m, &m->places, places->all[i]);
    }
    m->n_states = number + !m->no_memory;
    return (uint16_t)(m->no_memory ? 0 : number);
}

/* The state of some places in their order; a new one when there is none. */
static uint16_t state_of(struct maker *m, const struct numbers *places, size_t depth)
{
    if (places->n == 0) {
        return DFA_DEAD;
    }
    size_t at = hash_of(places) % TABLE_LEN;
    while (m->table[at] != 0 && !has_places(m, &m->states[m->table[at]], places)) {
        at = (at + 1) % TABLE_LEN;
    }
    if (m->table[at] == 0 && m->n_states < STATES_MAX && m->places.n < ALL_PLACES_MAX) {
        m->table[at] = add_state(m, places, depth);
    }
    return m->table[at] != 0 ? m->states[m->table[at]].marked : LOST;
}

/* Puts a place where it belongs among those that are there; most come in their order. */
static void sort_in(struct maker *m, uint32_t place)
{
    struct numbers *to = &m->behind;
    add(m, to, place);
    for (size_t i = to->n; i > 1 && !m->no_memory && to->all[i - 2] > place; i--) {
        to->all[i - 1] = to->all[i - 2];
        to->all[i - 2] = place;
    }
}

/* What may stand behind a state. */
static void list_behind(struct maker *m, size_t number)
{
    const struct start_graph *g = &m->starts->graph;
    const struct state *state = &m->states[number];
    m->behind.n = 0;
    for (size_t i = 0; i < state->n; i++) {
        const struct start_place *place = &g->places[m->places.all[state->at + i]];
        for (size_t k = 0; k < place->n_next; k++) {
            uint32_t next = g->next.all[place->next + k];
            if (m->seen[next] != number) {
                m->seen[next] = (uint32_t)number;
                sort_in(m, next);
            }
        }
    }
}

/* Gives a place to each of its classes. */
static void part(struct maker *m, uint32_t place)
{
    const struct class_set *set = &m->sets[m->starts->graph.places[place].set];
    for (size_t word = 0; word < ARRAY_LEN(set->words); word++) {
        for (uint64_t left = set->words[word]; left != 0; left &= left - 1) {
            size_t class = word * 64 + (size_t)__builtin_ctzll(left);
            add(m, &m->parts[class], place);
        }
    }
}

/* Makes room for what a state may lead to. */
static void make_room(struct maker *m)
{
    if (m->next_room - m->n_next >= m->n_classes) {
        return;
    }
    size_t room = 2 * m->next_room + m->n_classes;
    uint16_t *next = mem_resize(m->dfa->next, room * sizeof(*next));
    m->no_memory = m->no_memory || next == NULL;
    if (next != NULL) {
        m->dfa->next = next;
        m->next_room = room;
    }
}

static void lead_to(struct maker *m, size_t number, size_t class, uint16_t next)
{
    struct dfa_state *state = &m->dfa->states[number];
    if (next != DFA_DEAD) {
        state->goes.words[class / 64] |= 1ULL << (class % 64);
        m->dfa->next[m->n_next++] = next;
        for (size_t word = class / 64 + 1; word < ARRAY_LEN(state->before); word++) {
            state->before[word]++;
        }
    }
}

/* What a state leads to by the places in m->behind. */
static void go_on(struct maker *m, size_t number)
{
    make_room(m);
    m->dfa->states[number].next = (uint32_t)m->n_next;
    for (size_t i = 0; i < m->behind.n; i++) {
        part(m, m->behind.all[i]);
    }
    for (size_t i = 0; i < m->n_classes && !m->no_memory; i++) {
        lead_to(m, number, i, state_of(m, &m->parts[i], m->states[number].depth + 1));
        m->parts[i].n = 0;
    }
}

static void make_states(struct maker *m)
{
    const struct start_graph *g = &m->starts->graph;
    m->n_states = N_FIXED;
    for (size_t i = 0; i < g->first.n; i++) {
        add(m, &m->behind, g->first.all[i]);
    }
    go_on(m, ROOT);
    for (size_t i = N_FIXED; i < m->n_states && !m->no_memory; i++) {
        if ((m->states[i].marked & DFA_CUT) == 0) {
            list_behind(m, i);
            go_on(m, i);
        }
    }
}

/* Which patterns end in a state. Those of its places ascend, as the places do. */
static void list_patterns(struct maker *m, size_t number)
{
    struct dfa_state *state = &m->dfa->states[number];
    state->patterns = (uint32_t)m->patterns.n;
    for (size_t i = 0; i < m->states[number].n; i++) {
        uint32_t at = m->places.all[m->states[number].at + i];
        const struct start_place *place = &m->starts->graph.places[at];
        bool again =
            m->patterns.n > state->patterns && m->patterns.all[m->patterns.n - 1] == place->pattern;
        if (place->last && !again) {
            add(m, &m->patterns, place->pattern);
        }
    }
    state->n_patterns = (uint32_t)m->patterns.n - state->patterns;
}

/* --- walking -----------------------------------------------------------------------------------
 */

static inline unsigned step(const struct dfa *dfa, unsigned from, uint8_t c)
{
    const struct dfa_state *state = &dfa->states[from & DFA_STATES];
    size_t class = dfa->classes[c];
    uint64_t word = state->goes.words[class / 64];
    uint64_t bit = 1ULL << (class % 64);
    if ((word & bit) == 0) {
        return DFA_DEAD;
    }
    return dfa->next[state->next + state->before[class / 64] +
                     (unsigned)__builtin_popcountll(word & (bit - 1))];
}

/* The states that a state leads to. */
static const uint16_t *next_of(const struct dfa *dfa, unsigned from, size_t *ret_n)
{
    enum { LAST = DFA_CLASSES_MAX / 64 - 1 };
    const struct dfa_state *state = &dfa->states[from & DFA_STATES];
    *ret_n = state->before[LAST] + (unsigned)__builtin_popcountll(state->goes.words[LAST]);
    return &dfa->next[state->next];
}

/* Whether a match may end at a state, or one step behind it. */
static bool ends_soon(const struct dfa *dfa, unsigned from)
{
    size_t n;
    const uint16_t *next = next_of(dfa, from, &n);
    bool ends = (from & DFA_ENDS) != 0;
    for (size_t i = 0; i < n; i++) {
        ends = ends || (next[i] & DFA_ENDS) != 0;
    }
    return ends;
}

/* The first steps. */
static void list_beginnings(struct dfa *dfa)
{
    for (unsigned c = 0; c < 256; c++) {
        unsigned first = step(dfa, ROOT, (uint8_t)c);
        size_t n;
        const uint16_t *next = next_of(dfa, first, &n);
        dfa->first[c] = (uint16_t)first;
        dfa->brief[c] = ends_soon(dfa, first);
        for (size_t i = 0; i < n && !dfa->brief[c]; i++) {
            dfa->brief[c] = ends_soon(dfa, next[i]);
        }
    }
}

_Static_assert(START_LEN == 4, "matches of up to three bytes are brief");

/* --- making ------------------------------------------------------------------------------------
 */

static bool take_memory(struct maker *m)
{
    struct dfa *dfa = m->dfa;
    make_classes(m);
    list_classes(m);
    dfa->states = mem_alloc_array(STATES_MAX, sizeof(*dfa->states));
    return dfa->states != NULL;
}

/* Gives back what room was not needed. */
static void trim(struct maker *m)
{
    struct dfa *dfa = m->dfa;
    uint16_t *next = mem_resize(dfa->next, m->n_next * sizeof(*next));
    struct dfa_state *states = mem_resize(dfa->states, m->n_states * sizeof(*states));
    dfa->next = next != NULL ? next : dfa->next;
    dfa->patterns = m->patterns.all;
    m->patterns = (struct numbers){.n = 0};
    dfa->states = states != NULL ? states : dfa->states;
}

static void maker_free(struct maker **m)
{
    mem_free((*m)->sets);
    mem_free((*m)->seen);
    mem_free((*m)->places.all);
    mem_free((*m)->patterns.all);
    mem_free((*m)->behind.all);
    for (size_t i = 0; i < DFA_CLASSES_MAX; i++) {
        mem_free((*m)->parts[i].all);
    }
    mem_free(*m);
    *m = NULL;
}

static struct maker *maker_new(const struct starts *starts)
{
    struct maker *m = mem_alloc(sizeof(*m));
    if (m == NULL) {
        return NULL;
    }
    m->starts = starts;
    m->dfa = mem_alloc(sizeof(*m->dfa));
    m->sets = mem_alloc_array(starts->n_sets + 1, sizeof(*m->sets));
    m->seen = mem_alloc_array(starts->graph.n + 1, sizeof(*m->seen));
    if (m->dfa == NULL || m->sets == NULL || m->seen == NULL) {
        dfa_free(&m->dfa);
        maker_free(&m);
    }
    return m;
}

struct dfa *dfa_new(const struct starts *starts)
{
    struct maker *m = maker_new(starts);
    if (m == NULL) {
        return NULL;
    }
    struct dfa *dfa = m->dfa;
    dfa->near = starts->near.reach;
    dfa->far = starts->far.reach > START_NEAR ? starts->far.reach : START_NEAR;
    m->no_memory = !take_memory(m);
    if (!m->no_memory) {
        make_states(m);
    }
    for (size_t i = N_FIXED; i < m->n_states && !m->no_memory; i++) {
        list_patterns(m, i);
    }
    if (m->no_memory) {
        dfa_free(&dfa);
    } else {
        trim(m);
        list_beginnings(dfa);
    }
    maker_free(&m);
    return dfa;
}

void dfa_free(struct dfa **dfa)
{
    if (*dfa != NULL) {
        mem_free((*dfa)->states);
        mem_free((*dfa)->next);
        mem_free((*dfa)->patterns);
        mem_free(*dfa);
        *dfa = NULL;
    }
}

/* What begins where the text, or what is followed, ends. */
static struct dfa_match cut_match(const struct dfa *dfa, unsigned state, size_t len, size_t reach)
{
    bool told = len >= START_LEN || reach > 0 || (state & DFA_CUT) != 0;
    size_t most = (state & DFA_FAR) != 0 ? dfa->far : dfa->near;
    most = most > reach ? most : reach; /* what is over may be longer than what goes on */
    return (struct dfa_match){told ? most : 0, false, !told};
}

/* dfa_match() of a text that begins at the place. */
COUNTS_BITS static struct dfa_match walk(const struct dfa *dfa, struct span rest)
{
    unsigned state = rest.len > 0 ? dfa->first[rest.data[0]] : DFA_DEAD;
    size_t reach = 0;
    unsigned marks = 0;
    for (size_t i = 1; state != DFA_DEAD; i++) {
        reach = (state & DFA_ENDS) != 0 ? i : reach;
        marks |= state;
        if (i == rest.len || (state & DFA_CUT) != 0) {
            return cut_match(dfa, state, i, reach);
        }
        state = step(dfa, state, rest.data[i]);
    }
    return (struct dfa_match){reach, (marks & DFA_ASK) == 0, false};
}

struct dfa_match dfa_match(const struct dfa *dfa, struct span text, size_t at)
{
    return walk(dfa, span_sub(text, at, WALK_MAX));
}

bool dfa_tell(const struct dfa *dfa, struct span text, size_t at, match_fn found, void *ctx)
{
    const struct span rest = span_from(text, at);
    unsigned state = rest.len > 0 ? dfa->first[rest.data[0]] : DFA_DEAD;
    for (size_t i = 1; state != DFA_DEAD; i++) {
        const struct dfa_state *s = &dfa->states[state & DFA_STATES];
        for (size_t k = 0; k < s->n_patterns && (state & DFA_ENDS) != 0; k++) {
            if (!found(ctx, dfa->patterns[s->patterns + k], at + i)) {
                return false;
            }
        }
        state = i < rest.len ? step(dfa, state, rest.data[i]) : DFA_DEAD;
    }
    return true;
}
