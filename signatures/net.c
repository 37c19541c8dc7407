/* net: addresses and ports of a rule's header.
 *
 * Suricata's notation: lists in brackets, nested, with `!` before anything and $VARIABLES that
 * stand for more of the same. Everything is flattened into signed entries; the most specific entry
 * that holds an address (the longest prefix, the narrowest port range; of equals the negated one)
 * decides. A list of exclusions alone holds everything else. That gives nested exceptions,
 * "!$HOME_NET" with "HOME_NET: [10.0.0.0/8,!10.1.0.0/16]", the meaning they have when read aloud.
 *
 * Limits: 8 levels of brackets and variables, 4,096 entries in a list. Address ranges ("a-b") are
 * not taken. */
#include "signatures/net.h"

#include "sensor/base/bytes.h"

#include <stdio.h>

enum { DEPTH_MAX = 8, ENTRIES_MAX = 4096 };

struct net_entry {
    struct addr_net net;
    bool negated;
};

struct net_port_range {
    uint16_t first;
    uint16_t last;
    bool negated;
};

/* A list being read: what is left of it, the sign of all that stands in it, the sign it has in the
 * list around it, and whether an address that none of its entries names is in it: so it is when
 * all that was read so far were exclusions. */
struct level {
    struct span rest;
    bool negated;
    bool own_sign;
    bool others;
};

/* Goes through a text of nested lists, entry by entry, with an explicit stack. */
struct reader {
    const struct net_variables *variables;
    struct level levels[DEPTH_MAX];
    size_t depth;
    bool others; /* of the whole, once it is read */
    char *why;
};

static bool refuse(struct reader *r, const char *what, struct span where)
{
    snprintf(r->why, NET_WHY_SIZE, "%s '%.*s'", what, (int)(where.len < 80 ? where.len : 80),
             (const char *)where.data);
    return false;
}

/* Signs here: true is negated. */
struct sign {
    bool whole; /* with all that stand around it */
    bool own;
};

static bool push(struct reader *r, struct span text, struct sign sign)
{
    if (r->depth == DEPTH_MAX) {
        return refuse(r, "lists nested too deeply at", text);
    }
    r->levels[r->depth++] = (struct level){span_trim(text), sign.whole, sign.own, true};
    return true;
}

/* What an element says of an address it does not name, told to the list around it. */
static void fold(struct reader *r, bool others)
{
    if (r->depth > 0) {
        r->levels[r->depth - 1].others = r->levels[r->depth - 1].others && others;
    } else {
        r->others = others;
    }
}

static void pop(struct reader *r)
{
    const struct level *level = &r->levels[--r->depth];
    fold(r, level->others != level->own_sign);
}

static bool push_variable(struct reader *r, struct span name, struct sign sign)
{
    for (size_t i = 0; i < r->variables->n; i++) {
        if (span_equal(r->variables->variables[i].name, name)) {
            return push(r, r->variables->variables[i].value, sign);
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
static bool take_element(struct reader *r, struct span *ret_element, struct sign *ret_sign)
{
    struct level *level = &r->levels[r->depth - 1];
    struct span rest = span_trim(level->rest);
    struct sign sign = {level->negated, false};
    while (span_at(rest, 0) == '!') {
        sign = (struct sign){!sign.whole, !sign.own};
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
    if (after.len == 1) {
        return refuse(r, "nothing behind the last ',' of", rest);
    }
    level->rest = span_from(after, 1);
    *ret_element = span_trim(span_head(rest, end));
    *ret_sign = sign;
    return true;
}

/* The next entry that is neither list nor variable. An empty one is the end; false: refused. */
static bool next_entry(struct reader *r, struct span *ret_entry, bool *ret_negated)
{
    *ret_entry = span_of(NULL, 0);
    while (r->depth > 0) {
        struct span element;
        struct sign sign;
        if (r->levels[r->depth - 1].rest.len == 0) {
            pop(r);
            continue;
        }
        if (!take_element(r, &element, &sign)) {
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
            fold(r, sign.own);
            *ret_entry = element;
            *ret_negated = sign.whole;
            return true;
        }
        if (list ? !push(r, inner, sign) : !push_variable(r, span_from(element, 1), sign)) {
            return false;
        }
    }
    return true;
}

/* Counts the entries, so that the array can be made in one piece. */
static bool count_entries(struct reader r, size_t *ret_n)
{
    struct span entry;
    bool negated;
    *ret_n = 0;
    do {
        if (!next_entry(&r, &entry, &negated)) {
            return false;
        }
        *ret_n += entry.len > 0;
    } while (entry.len > 0 && *ret_n <= ENTRIES_MAX);
    return (*ret_n > 0 && *ret_n <= ENTRIES_MAX) || refuse(&r, "too many or no entries", entry);
}

static bool reader_start(struct reader *r, struct span text, const struct net_variables *variables,
                         char *why)
{
    *r = (struct reader){.variables = variables, .why = why};
    return span_trim(text).len > 0 ? push(r, text, (struct sign){false, false})
                                   : refuse(r, "nothing stands for", text);
}

/* Both families, with prefixes of length 0. */
static size_t any_addr(struct net_entry *entries, bool negated)
{
    entries[0] = (struct net_entry){{{.family = 4}, 0}, negated};
    entries[1] = (struct net_entry){{{.family = 6}, 0}, negated};
    return 2;
}

static bool same_net(const struct net_entry *a, const struct net_entry *b)
{
    return a->net.addr.family == b->net.addr.family && a->net.prefix_len == b->net.prefix_len &&
           addr_in_net(&a->net.addr, &b->net.addr, b->net.prefix_len);
}

static bool is_excluded(const struct net_addrs *addrs, const struct net_entry *e)
{
    for (size_t i = 0; i < addrs->n; i++) {
        if (addrs->entries[i].negated && same_net(&addrs->entries[i], e)) {
            return true;
        }
    }
    return false;
}

/* Whether no address can be in: none is named but such as are excluded as well. */
static bool no_addr(const struct net_addrs *addrs)
{
    struct net_entry every[2];
    (void)any_addr(every, false);
    if (addrs->otherwise && !(is_excluded(addrs, &every[0]) && is_excluded(addrs, &every[1]))) {
        return false;
    }
    for (size_t i = 0; i < addrs->n; i++) {
        if (!addrs->entries[i].negated && !is_excluded(addrs, &addrs->entries[i])) {
            return false;
        }
    }
    return addrs->n > 0;
}

bool net_addrs_parse(struct span text, const struct net_variables *variables, struct arena *arena,
                     struct net_addrs *ret_addrs, char ret_why[NET_WHY_SIZE])
{
    struct reader r;
    struct span entry;
    bool negated = false;
    size_t n = 0;
    if (span_equal_nocase(text, SPAN("any"))) {
        *ret_addrs = (struct net_addrs){.otherwise = true};
        return true;
    }
    if (!reader_start(&r, text, variables, ret_why) || !count_entries(r, &n)) {
        return false;
    }
    struct net_entry *entries = arena_alloc(arena, 2 * n * sizeof(*entries));
    if (entries == NULL) {
        return refuse(&r, "no memory for", text);
    }
    struct net_addrs addrs = {.entries = entries};
    while (next_entry(&r, &entry, &negated) && entry.len > 0) {
        if (span_equal_nocase(entry, SPAN("any"))) {
            addrs.n += any_addr(entries + addrs.n, negated);
        } else if (addr_net_parse(entry, &entries[addrs.n].net)) {
            entries[addrs.n++].negated = negated;
        } else {
            return refuse(&r, "not an address or network:", entry);
        }
    }
    addrs.otherwise = r.others;
    *ret_addrs = addrs;
    return !no_addr(&addrs) || refuse(&r, "no address is left in", text);
}

/* "80", "80:90", ":90", "80:". */
static bool port_range(struct span text, struct net_port_range *ret)
{
    uint64_t first = 0;
    uint64_t last = 65535;
    struct span high = text;
    struct span low = span_split(&high, ':');
    bool single = low.len == text.len;
    if (single ? low.len == 0 : text.len == 1) {
        return false;
    }
    if ((low.len > 0 && !span_to_u64(low, &first)) || (high.len > 0 && !span_to_u64(high, &last))) {
        return false;
    }
    last = single ? first : last;
    if (first > last || last > 65535) {
        return false;
    }
    ret->first = (uint16_t)first;
    ret->last = (uint16_t)last;
    return true;
}

static bool range_is_excluded(const struct net_ports *ports, uint16_t first, uint16_t last)
{
    for (size_t i = 0; i < ports->n; i++) {
        const struct net_port_range *r = &ports->ranges[i];
        if (r->negated && r->first == first && r->last == last) {
            return true;
        }
    }
    return false;
}

/* Whether no port can be in. */
static bool no_port(const struct net_ports *ports)
{
    if (ports->otherwise && !range_is_excluded(ports, 0, 65535)) {
        return false;
    }
    for (size_t i = 0; i < ports->n; i++) {
        const struct net_port_range *r = &ports->ranges[i];
        if (!r->negated && !range_is_excluded(ports, r->first, r->last)) {
            return false;
        }
    }
    return ports->n > 0;
}

bool net_ports_parse(struct span text, const struct net_variables *variables, struct arena *arena,
                     struct net_ports *ret_ports, char ret_why[NET_WHY_SIZE])
{
    struct reader r;
    struct span entry;
    bool negated = false;
    size_t n = 0;
    if (span_equal_nocase(text, SPAN("any"))) {
        *ret_ports = (struct net_ports){.otherwise = true};
        return true;
    }
    if (!reader_start(&r, text, variables, ret_why) || !count_entries(r, &n)) {
        return false;
    }
    struct net_port_range *ranges = arena_alloc(arena, n * sizeof(*ranges));
    if (ranges == NULL) {
        return refuse(&r, "no memory for", text);
    }
    struct net_ports ports = {.ranges = ranges};
    while (next_entry(&r, &entry, &negated) && entry.len > 0) {
        struct net_port_range *range = &ranges[ports.n++];
        *range = (struct net_port_range){0, 65535, negated};
        if (!span_equal_nocase(entry, SPAN("any")) && !port_range(entry, range)) {
            return refuse(&r, "not a port or port range:", entry);
        }
    }
    ports.otherwise = r.others;
    *ret_ports = ports;
    return !no_port(&ports) || refuse(&r, "no port is left in", text);
}

bool net_addrs_have(const struct net_addrs *addrs, const struct addr *addr)
{
    bool have = addrs->otherwise;
    int best = -1;
    for (size_t i = 0; i < addrs->n; i++) {
        const struct net_entry *e = &addrs->entries[i];
        int prefix = e->net.prefix_len;
        if (prefix < best || (prefix == best && !e->negated) ||
            e->net.addr.family != addr->family ||
            !addr_in_net(addr, &e->net.addr, e->net.prefix_len)) {
            continue;
        }
        best = prefix;
        have = !e->negated;
    }
    return have;
}

bool net_ports_have(const struct net_ports *ports, uint16_t port)
{
    bool have = ports->otherwise;
    int narrowest = 65537;
    for (size_t i = 0; i < ports->n; i++) {
        const struct net_port_range *r = &ports->ranges[i];
        int width = r->last - r->first + 1;
        if (port < r->first || port > r->last || width > narrowest ||
            (width == narrowest && !r->negated)) {
            continue;
        }
        narrowest = width;
        have = !r->negated;
    }
    return have;
}
