/* lookup_split: name and default of an evaluated expression, as Log4j's StrSubstitutor splits it.
 *
 * Whichever of ":-" and ":\-" comes first decides. ":-" ends the name; the rest, further ":-" and
 * all, is the default. ":\-" escapes: where a ":-" follows, it is the delimiter and only the ':' of
 * the escaped one stays; where none follows there is no default and ":-" stays. Commons Text knows
 * only ":-", and where names do not nest it looks for it no further than to a `${`. */
#include "signatures/lookup_machine.h"

struct lookup_split lookup_split(struct sbuf *out, size_t base)
{
    struct span e = span_from(sbuf_span(out), base);
    size_t n_colons = 0;
    size_t at = span_find_byte(e, 0, ':');
    while (at != SPAN_NONE && span_at(e, at + 1) != '-' &&
           !(span_at(e, at + 1) == '\\' && span_at(e, at + 2) == '-')) {
        at = span_find_byte(e, at + 1, ':');
        n_colons++;
    }
    if (at == SPAN_NONE) {
        return (struct lookup_split){.name_len = e.len, .cost = n_colons * LOOKUP_COST_COLON};
    }
    if (e.data[at + 1] == '-') {
        return (struct lookup_split){at, base + at + 2, true, n_colons * LOOKUP_COST_COLON};
    }
    size_t delimiter = span_find(e, at + 3, SPAN(":-"));
    bool found = delimiter != SPAN_NONE;
    size_t n_deleted = found ? 2 : 1; /* "\-" or the backslash alone */
    (void)sbuf_replace(out, base + at + 1, n_deleted, (struct span){NULL, 0});
    return (struct lookup_split){
        .name_len = found ? delimiter - n_deleted : e.len - n_deleted,
        .default_off = base + delimiter - n_deleted + 2,
        .has_default = found,
        .cost = n_colons * LOOKUP_COST_COLON + (e.len - at) / LOOKUP_SHARE_SEARCH,
    };
}

struct lookup_split lookup_commons_split(const struct sbuf *out, size_t base, bool nests)
{
    struct span e = span_from(sbuf_span(out), base);
    size_t at = span_find(e, 0, SPAN(":-"));
    size_t nested = nests ? SPAN_NONE : span_find(e, 0, SPAN("${"));
    uint64_t cost = e.len / LOOKUP_SHARE_SEARCH;
    if (at == SPAN_NONE || nested < at) {
        return (struct lookup_split){.name_len = e.len, .cost = cost};
    }
    return (struct lookup_split){at, base + at + 2, true, cost};
}
