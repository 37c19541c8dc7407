/* net: addresses and ports of a rule's header.
 *
 * Suricata's notation and its meaning: lists in brackets, nested, with `!` before anything and
 * $VARIABLES that stand for more of the same. What is excluded goes before what is named, wherever
 * in the list either stands and however narrow it is. A list that names nothing of a family (IPv4,
 * IPv6) but excludes something of it has all the rest of that family. A list within a list counts
 * as if its entries stood in the outer one; one with `!` before it is a set of its own, which is
 * excluded. Variables are such lists.
 *
 * A set is kept as written: entries of ranges, each in a scope; a scope more for each list with
 * `!`. Whether a set is empty is asked of the places where something can change: the first of a
 * family, of each range, and what follows it.
 *
 * Limits: 8 levels of brackets and variables, 64 of those lists, 4,096 entries. */
#include "signatures/net.h"

#include "sensor/base/bytes.h"

#include <stdio.h>

enum { DEPTH_MAX = 8, ENTRIES_MAX = 4096, SCOPES_MAX = 64, FAMILY_PORT = 1 };

/* What a scope has of a family: a bit for each. */
enum { OF_PORT = 1 << 0, OF_V4 = 1 << 1, OF_V6 = 1 << 2 };

struct net_entry {
    struct addr first; /* a port is an address of FAMILY_PORT */
    struct addr last;
    uint8_t scope;
    bool negated;
};

struct net_scope {
    uint8_t parent;   /* which excludes it; the first has none */
    uint8_t named;    /* families of which it names something */
    uint8_t excluded; /* of which it excludes something */
};

/* A list being read: what is left of it, and the scope of its entries. */
struct level {
    struct span rest;
    uint8_t scope;
    bool excluded; /* what it names is taken away from the whole */
};

/* Addresses or ports. */
struct sort {
    /* Reads what an entry's text stands for into one or two entries of its scope and sign; returns
     * how many; 0: it is none. */
    size_t (*take)(struct span text, struct net_entry *entries);
    const char *wrong;
    const char *empty;
};

/* Goes through a text of nested lists, entry by entry, with an explicit stack. */
struct reader {
    const struct net_variables *variables;
    struct level levels[DEPTH_MAX];
    size_t depth;
    uint8_t parents[SCOPES_MAX];
    size_t n_scopes;
    char *why;
};

static bool refuse(struct reader *r, const char *what, struct span where)
{
    snprintf(r->why, NET_WHY_SIZE, "%s '%.*s'", what, (int)(where.len < 80 ? where.len : 80),
             (const char *)where.data);
    return false;
}

/* A list with `!` before it is a scope of its own. */
static bool push(struct reader *r, struct span text, bool negated)
{
    uint8_t scope = r->depth > 0 ? r->levels[r->depth - 1].scope : 0;
    if (r->depth == DEPTH_MAX) {
        return refuse(r, "lists nested too deeply at", text);
    }
    if (negated) {
        if (r->n_scopes == SCOPES_MAX) {
            return refuse(r, "too many excluded lists at", text);
        }
        r->parents[r->n_scopes] = scope;
        scope = (uint8_t)r->n_scopes++;
    }
    bool within = r->depth > 0 && r->levels[r->depth - 1].excluded;
    r->levels[r->depth++] = (struct level){span_trim(text), scope, within != negated};
    return true;
}

static bool push_variable(struct reader *r, struct span name, bool negated)
{
    bool excluded = r->levels[r->depth - 1].excluded != negated;
    for (size_t i = 0; i < r->variables->n; i++) {
        const struct net_variable *v = &r->variables->variables[i];
        if (span_equal(v->name, name)) {
            bool all = v->excluded.len > 0 && span_equal_nocase(v->value, SPAN("any"));
            return push(r, excluded && all ? v->excluded : v->value, negated);
        }
    }
    return refuse(r, "unknown variable", name);
}

/* The offset behind the bracket that closes the one at the start; SPAN_NONE when none does. */
static size_t list_end(struct span text)
{
    size_t open = 0;
    for (size_t i = 0; i < text.len; i++) {
        open += text.data[i] == '[';
        open -= text.data[i] == ']';
        if (open == 0) {
            return i + 1;
        }
    }
    return SPAN_NONE;
}

/* Takes the next element, list or not, off the innermost level. */
static bool take_element(struct reader *r, struct span *ret_element, bool *ret_negated)
{
    struct level *level = &r->levels[r->depth - 1];
    struct span rest = span_trim(level->rest);
    bool negated = false;
    while (span_at(rest, 0) == '!') {
        negated = !negated;
        rest = span_trim(span_from(rest, 1));
    }
    bool list = span_at(rest, 0) == '[';
    size_t end = list ? list_end(rest) : span_find_byte(rest, 0, ',');
    if (list && end == SPAN_NONE) {
        return refuse(r, "missing ']' in", rest);
    }
    struct span after = span_trim(span_from(rest, end));
    if (after.len > 0 && after.data[0] != ',') {
        return refuse(r, "',' expected before", after);
    }
    level->rest = span_from(after, 1);
    *ret_element = span_trim(span_head(rest, end));
    *ret_negated = negated;
    return true;
}

/* The next entry that is neither list nor variable. An empty one is the end; false: refused. */
static bool next_entry(struct reader *r, struct span *ret_text, struct net_entry *ret_entry)
{
    *ret_text = span_of(NULL, 0);
    while (r->depth > 0) {
        struct span element;
        bool negated = false;
        uint8_t scope = r->levels[r->depth - 1].scope;
        if (r->levels[r->depth - 1].rest.len == 0) {
            r->depth--;
            continue;
        }
        if (!take_element(r, &element, &negated)) {
            return false;
        }
        if (element.len == 0) {
            return refuse(r, "an entry is missing in a list", element);
        }
        struct span inner = span_trim(span_sub(element, 1, element.len - 2));
        bool list = element.data[0] == '[';
        if (list && inner.len == 0) {
            return refuse(r, "empty list", element);
        }
        if (!list && element.data[0] != '$') {
            *ret_text = element;
            *ret_entry = (struct net_entry){.scope = scope, .negated = negated};
            return true;
        }
        if (list ? !push(r, inner, negated) : !push_variable(r, span_from(element, 1), negated)) {
            return false;
        }
    }
    return true;
}

/* Counts the entries, so that the array can be made in one piece. */
static bool count_entries(struct reader r, size_t *ret_n)
{
    struct span text;
    struct net_entry entry;
    *ret_n = 0;
    do {
        if (!next_entry(&r, &text, &entry)) {
            return false;
        }
        *ret_n += text.len > 0;
    } while (text.len > 0 && *ret_n <= ENTRIES_MAX);
    return (*ret_n > 0 && *ret_n <= ENTRIES_MAX) || refuse(&r, "too many or no entries", text);
}

static bool reader_start(struct reader *r, struct span text)
{
    return span_trim(text).len > 0 ? push(r, text, false) : refuse(r, "nothing stands for", text);
}

/* --- sets --------------------------------------------------------------------------------------
 */

static uint8_t family_bit(uint8_t family)
{
    return family == FAMILY_PORT ? OF_PORT : family == 4 ? OF_V4 : OF_V6;
}

static bool scope_has(const struct net_scope *scope, uint8_t bit, bool named, bool excluded)
{
    bool rest = (scope->named & bit) == 0 && (scope->excluded & bit) != 0;
    return (named || rest) && !excluded;
}

static bool set_has(const struct net_set *set, const struct addr *a)
{
    bool named[SCOPES_MAX] = {false};
    bool excluded[SCOPES_MAX] = {false};
    uint8_t bit = family_bit(a->family);
    if (set->n == 0) {
        return true;
    }
    for (size_t i = 0; i < set->n; i++) {
        const struct net_entry *e = &set->entries[i];
        if (e->first.family == a->family && addr_compare(&e->first, a) <= 0 &&
            addr_compare(a, &e->last) <= 0) {
            (e->negated ? excluded : named)[e->scope] = true;
        }
    }
    for (size_t i = set->n_scopes - 1; i > 0; i--) {
        const struct net_scope *scope = &set->scopes[i];
        if (scope_has(scope, bit, named[i], excluded[i])) {
            excluded[scope->parent] = true;
        }
    }
    return scope_has(&set->scopes[0], bit, named[0], excluded[0]);
}

/* Tells each scope, from the innermost on, what it has. */
static void tell_scopes(const struct net_set *set, struct net_scope *scopes)
{
    for (size_t i = 0; i < set->n; i++) {
        const struct net_entry *e = &set->entries[i];
        uint8_t bit = family_bit(e->first.family);
        scopes[e->scope].named |= e->negated ? 0 : bit;
        scopes[e->scope].excluded |= e->negated ? bit : 0;
    }
    for (size_t i = set->n_scopes - 1; i > 0; i--) {
        scopes[scopes[i].parent].excluded |= scopes[i].named | scopes[i].excluded;
    }
}

/* What follows an address; the first of its family behind the last. */
static struct addr address_after(struct addr a)
{
    size_t i = a.family == FAMILY_PORT ? 2 : addr_span(&a).len;
    while (i > 0 && ++a.bytes[i - 1] == 0) {
        i--;
    }
    return a;
}

static bool is_empty(const struct net_set *set)
{
    static const struct addr firsts[] = {{.family = 4}, {.family = 6}, {.family = FAMILY_PORT}};
    for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
        if (set_has(set, &firsts[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < set->n; i++) {
        struct addr after = address_after(set->entries[i].last);
        if (set_has(set, &set->entries[i].first) || set_has(set, &after)) {
            return false;
        }
    }
    return true;
}

static bool read_set(struct reader *r, struct span text, struct arena *arena,
                     const struct sort *sort, struct net_set *ret_set)
{
    size_t n = 0;
    if (!count_entries(*r, &n)) {
        return false;
    }
    struct net_entry *entries = arena_alloc(arena, 2 * n * sizeof(*entries));
    struct net_scope *scopes = arena_alloc(arena, SCOPES_MAX * sizeof(*scopes));
    struct net_set set = {.entries = entries, .scopes = scopes};
    if (entries == NULL || scopes == NULL) {
        return refuse(r, "no memory for", text);
    }
    struct span word;
    while (next_entry(r, &word, &entries[set.n]) && word.len > 0) {
        size_t taken = sort->take(word, &entries[set.n]);
        if (taken == 0) {
            return refuse(r, sort->wrong, word);
        }
        set.n += taken;
    }
    set.n_scopes = r->n_scopes;
    for (size_t i = 0; i < set.n_scopes; i++) {
        scopes[i] = (struct net_scope){.parent = r->parents[i]};
    }
    tell_scopes(&set, scopes);
    *ret_set = set;
    return !is_empty(&set) || refuse(r, sort->empty, text);
}

/* "any", or a set. */
static bool parse(struct reader *r, struct span text, struct arena *arena, const struct sort *sort,
                  struct net_set *ret_set)
{
    if (span_equal_nocase(text, SPAN("any"))) {
        *ret_set = (struct net_set){0};
        return true;
    }
    return reader_start(r, text) && read_set(r, text, arena, sort, ret_set);
}

/* --- addresses ---------------------------------------------------------------------------------
 */

/* All of a network; of a family, with prefix_len 0. */
static void take_net(struct net_entry *e, const struct addr *addr, unsigned prefix_len)
{
    e->first = *addr;
    e->last = *addr;
    for (size_t i = prefix_len; i < 8 * addr_span(addr).len; i++) {
        uint8_t bit = (uint8_t)(0x80 >> i % 8);
        e->first.bytes[i / 8] &= (uint8_t)~bit;
        e->last.bytes[i / 8] |= bit;
    }
}

/* "192.0.2.0/255.255.255.0"; bits may stand anywhere in a mask, but only such as make a network
 * are taken. */
static bool take_masked(struct span text, struct net_entry *e)
{
    struct addr addr;
    struct addr mask;
    struct span rest = text;
    struct span host = span_split(&rest, '/');
    if (!addr_parse(host, &addr) || !addr_parse(rest, &mask) || addr.family != 4 ||
        mask.family != 4) {
        return false;
    }
    unsigned n = 0;
    while (n < 32 && (mask.bytes[n / 8] >> (7 - n % 8) & 1) != 0) {
        n++;
    }
    for (unsigned i = n; i < 32; i++) {
        if ((mask.bytes[i / 8] >> (7 - i % 8) & 1) != 0) {
            return false;
        }
    }
    take_net(e, &addr, n);
    return true;
}

/* "192.0.2.1-192.0.2.9" */
static bool take_range(struct span text, struct net_entry *e)
{
    struct span rest = text;
    struct span first = span_trim(span_split(&rest, '-'));
    return first.len < text.len && addr_parse(first, &e->first) &&
           addr_parse(span_trim(rest), &e->last) && e->first.family == e->last.family &&
           addr_compare(&e->first, &e->last) <= 0;
}

static size_t take_address(struct span text, struct net_entry *entries)
{
    static const struct addr v4 = {.family = 4};
    static const struct addr v6 = {.family = 6};
    struct addr_net net;
    if (span_equal_nocase(text, SPAN("any"))) {
        entries[1] = entries[0];
        take_net(&entries[0], &v4, 0);
        take_net(&entries[1], &v6, 0);
        return 2;
    }
    if (addr_net_parse(text, &net)) {
        take_net(&entries[0], &net.addr, net.prefix_len);
        return 1;
    }
    return take_masked(text, &entries[0]) || take_range(text, &entries[0]) ? 1 : 0;
}

bool net_addrs_parse(struct span text, const struct net_variables *variables, struct arena *arena,
                     struct net_set *ret_addrs, char ret_why[NET_WHY_SIZE])
{
    static const struct sort sort = {take_address,
                                     "not an address or network:", "no address is left in"};
    struct reader r = {.variables = variables, .n_scopes = 1, .why = ret_why};
    return parse(&r, text, arena, &sort, ret_addrs);
}

bool net_addrs_have(const struct net_set *addrs, const struct addr *addr)
{
    return set_has(addrs, addr);
}

/* --- ports -------------------------------------------------------------------------------------
 */

static struct addr port_address(uint64_t port)
{
    return (struct addr){.bytes = {(uint8_t)(port >> 8), (uint8_t)port}, .family = FAMILY_PORT};
}

/* "80", "80:90", ":90", "80:", ":". */
static size_t take_port(struct span text, struct net_entry *e)
{
    uint64_t first = 0;
    uint64_t last = 65535;
    struct span high = text;
    struct span low = span_split(&high, ':');
    bool single = low.len == text.len;
    if (span_equal_nocase(text, SPAN("any"))) {
        low = span_of(NULL, 0);
        single = false;
    } else if (single && low.len == 0) {
        return 0;
    }
    if ((low.len > 0 && !span_to_u64(low, &first)) || (high.len > 0 && !span_to_u64(high, &last))) {
        return 0;
    }
    last = single ? first : last;
    if (first > last || last > 65535) {
        return 0;
    }
    e->first = port_address(first);
    e->last = port_address(last);
    return 1;
}

bool net_ports_parse(struct span text, const struct net_variables *variables, struct arena *arena,
                     struct net_set *ret_ports, char ret_why[NET_WHY_SIZE])
{
    static const struct sort sort = {take_port, "not a port or port range:", "no port is left in"};
    struct reader r = {.variables = variables, .n_scopes = 1, .why = ret_why};
    return parse(&r, text, arena, &sort, ret_ports);
}

bool net_excludes(const struct net_set *set)
{
    bool excludes = set->n_scopes > 1;
    for (size_t i = 0; i < set->n; i++) {
        excludes = excludes || set->entries[i].negated;
    }
    return excludes;
}

bool net_ports_have(const struct net_set *ports, uint16_t port)
{
    struct addr a = port_address(port);
    return set_has(ports, &a);
}
