/* lookup_scan: which '}' ends which `${`.
 *
 * Inside a `${` every further one nests and every '}' ends the innermost, whatever stands before
 * the '$'; outside, '}' is an ordinary character, and so is a lone '{' anywhere. That is what
 * Log4j's search from each `${` comes to, done for all of them in one go. Commons Text searches the
 * same way only where an application lets names nest; else the next '}' ends a `${`. */
#include "signatures/lookup_machine.h"

static bool add_opener(struct lookup *l, size_t at, uint32_t outer)
{
    void *array = l->openers;
    if (l->n_openers == l->openers_room &&
        !lookup_grow(l, &array, &l->openers_room, sizeof(*l->openers), LOOKUP_TEXT_MAX)) {
        return false;
    }
    l->openers = array;
    l->openers[l->n_openers++] = (struct lookup_opener){(uint32_t)at, outer};
    return lookup_spend(l, LOOKUP_COST_OPENER);
}

/* The next `${` at or after `from`, or SPAN_NONE. A search for one byte is fast between them, so
 * what is paid for is each '$' on the way. */
static size_t find_opener(struct lookup *l, struct span source, size_t from)
{
    size_t at = span_find_byte(source, from, '$');
    uint64_t n = 0;
    while (at != SPAN_NONE && (at + 1 == source.len || source.data[at + 1] != '{')) {
        at = span_find_byte(source, at + 1, '$');
        n++;
    }
    lookup_charge(l, n * LOOKUP_COST_DOLLAR);
    return at;
}

/* The next `${` at or after *off or, inside of one, '}': found at *off. */
static bool next_brace(struct lookup *l, struct span source, bool inside, size_t *off)
{
    size_t from = *off;
    size_t at = from;
    if (!inside) {
        at = find_opener(l, source, from);
        *off = at == SPAN_NONE ? source.len : at;
        return lookup_spend(l, (*off - from) / LOOKUP_SHARE_COPY);
    }
    for (; at < source.len; at++) {
        uint8_t c = source.data[at];
        if (c == '}' || (c == '$' && at + 1 < source.len && source.data[at + 1] == '{')) {
            break;
        }
    }
    *off = at;
    return lookup_spend(l, at - from);
}

/* Without nesting each `${` ends at the next '}', whatever stands between. */
static bool scan_flat(struct lookup *l, struct span source)
{
    size_t close = 0;
    size_t at = find_opener(l, source, 0);
    bool ok = lookup_spend(l, source.len / LOOKUP_SHARE_COPY);
    while (ok && at != SPAN_NONE) {
        if (close < at + 2) {
            close = span_find_byte(source, at + 2, '}');
        }
        ok = add_opener(l, at, close == SPAN_NONE ? LOOKUP_UNCLOSED : (uint32_t)close);
        at = find_opener(l, source, at + 2);
    }
    return ok;
}

bool lookup_scan(struct lookup *l, struct span source)
{
    if (l->commons && !l->nests) {
        return scan_flat(l, source);
    }
    /* The open ones are chained through `close` until their end is found. */
    uint32_t innermost = LOOKUP_UNCLOSED;
    size_t at = 0;
    bool ok = next_brace(l, source, false, &at);
    while (ok && at < source.len) {
        bool opens = source.data[at] == '$';
        if (opens) {
            ok = add_opener(l, at, innermost);
            innermost = (uint32_t)(l->n_openers - 1);
        } else {
            struct lookup_opener *o = &l->openers[innermost];
            innermost = o->close;
            o->close = (uint32_t)at;
        }
        at += opens ? 2 : 1;
        ok = ok && next_brace(l, source, innermost != LOOKUP_UNCLOSED, &at);
    }
    while (ok && innermost != LOOKUP_UNCLOSED) {
        struct lookup_opener *o = &l->openers[innermost];
        innermost = o->close;
        o->close = LOOKUP_UNCLOSED;
    }
    return ok;
}
