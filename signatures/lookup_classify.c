/* lookup_classify: a text that asks JNDI nothing by itself, with other text around it.
 *
 * Conditional is what fires when the application logs more than this text, or only a part of it:
 *  - as it stands with a further `${` behind it, which makes Log4j go over it again (an escape is
 *    undone, a `${` that only formed is seen);
 *  - with the '}' that are missing behind it, as when it stands in a logged JSON document;
 *  - an expression behind a '$' alone, which 2.15 with look-ups carries out.
 *
 * An attempt is what was meant as a look-up but is none: `jndi` as the first word behind one of the
 * openers that expression languages have, followed by ':' or by the name of a provider; or a
 * look-up that is lost because one before it throws. It is searched in the text and in what the
 * text evaluates to. Words that go on ("jndi.name", "jndi-url", "jndi_x") are property names. */
#include "signatures/lookup_machine.h"

#include "sensor/base/bytes.h"
#include "sensor/codec/utf.h"

enum {
    GAP_MAX = 8,
    WORDS_MAX = 4096, /* `jndi` behind an opener, before one that goes on; more: over_budget */
    STARTS_MAX = 256,
    LOST_MAX = 8,
};

/* Whether a reading asks something. */
static bool fires(struct lookup *l, struct span text, size_t ours)
{
    if (!lookup_read(l, text, ours)) {
        return l->found.names.n > 0;
    }
    lookup_read_on(l);
    return l->found.names.n > 0;
}

size_t lookup_count_unclosed(struct lookup *l, struct span text)
{
    l->n_openers = 0;
    if (!lookup_scan(l, text)) {
        return 0;
    }
    size_t n = 0;
    for (size_t i = 0; i < l->n_openers; i++) {
        n += l->openers[i].close == LOOKUP_UNCLOSED;
    }
    return n;
}

bool lookup_fires_closed(struct lookup *l, struct span text, size_t n)
{
    sbuf_reset(&l->with_ends);
    sbuf_add(&l->with_ends, text);
    n = n < LOOKUP_DEPTH_MAX ? n : LOOKUP_DEPTH_MAX;
    for (size_t i = 0; i < n; i++) {
        sbuf_add_byte(&l->with_ends, '}');
    }
    return fires(l, sbuf_span(&l->with_ends), n);
}

/* The next `${` behind a '$' at or after off. */
static size_t find_escaped(struct span text, size_t off)
{
    size_t at = span_find(text, off, SPAN("$${"));
    return at == SPAN_NONE ? SPAN_NONE : at + 1;
}

/* The expression that begins at off: to its '}', or all the rest. */
static struct span expression_at(struct lookup *l, struct span text, size_t off, size_t *ret_n)
{
    struct span rest = span_from(text, off);
    *ret_n = lookup_count_unclosed(l, rest);
    if (l->n_openers > 0 && l->openers[0].close != LOOKUP_UNCLOSED) {
        *ret_n = 0;
        return span_head(rest, (size_t)l->openers[0].close + 1);
    }
    return rest;
}

bool lookup_fires_unescaped(struct lookup *l, struct span text)
{
    size_t at = find_escaped(text, 0);
    for (unsigned i = 0; at != SPAN_NONE && i < STARTS_MAX && !l->over_budget; i++) {
        size_t n = 0;
        struct span expression = expression_at(l, text, at, &n);
        lookup_tell_reading(l, "the escaped look-up alone");
        if (lookup_fires_closed(l, expression, n)) {
            l->found.tricks |= 1u << TRICK_ESCAPED;
            l->found.raw_off += at;
            return true;
        }
        at = find_escaped(text, at);
    }
    return false;
}

/* Blanks, control characters and characters without a width, as far as they reach. */
static size_t skip_blank(struct span s, size_t off)
{
    while (off < s.len) {
        uint32_t cp = s.data[off];
        size_t len = cp < 0x80 ? 1 : utf8_next(s, off, &cp);
        bool blank = len > 0 && (cp <= 0x20 || (cp >= 0x7f && cp <= 0xa0) || cp == 0xad ||
                                 (cp >= 0x2000 && cp <= 0x200f) || (cp >= 0x2028 && cp <= 0x202f) ||
                                 (cp >= 0x205f && cp <= 0x206f) || cp == 0x3000 || cp == 0xfeff);
        if (!blank) {
            return off;
        }
        off += len;
    }
    return off;
}

/* Length of "jndi" in any case at off, the i with and without its dot; or 0. */
static size_t word_jndi(struct span s, size_t off)
{
    if (!span_equal_nocase(span_sub(s, off, 3), SPAN("jnd"))) {
        return 0;
    }
    uint32_t cp = 0;
    size_t len = utf8_next(s, off + 3, &cp);
    return cp == 'i' || cp == 'I' || cp == 0x130 || cp == 0x131 ? 3 + len : 0;
}

static bool is_provider(struct span s)
{
    static const struct span names[] = {
        SPAN_LITERAL("ldap"),  SPAN_LITERAL("rmi"), SPAN_LITERAL("dns"), SPAN_LITERAL("iiop"),
        SPAN_LITERAL("corba"), SPAN_LITERAL("nis"), SPAN_LITERAL("nds"), SPAN_LITERAL("http"),
    };
    uint8_t first = byte_lower(span_at(s, 0));
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (names[i].data[0] == first && span_starts_nocase(s, names[i])) {
            return true;
        }
    }
    return false;
}

/* Whether ':' or a provider's name follows soon, with no word in between. */
static bool goes_on_as_lookup(struct span s, size_t off)
{
    uint8_t next = span_at(s, off);
    if (next == '.' || next == '-' || next == '_') {
        return false;
    }
    for (unsigned i = 0; i < GAP_MAX && off < s.len; i++) {
        uint8_t c = s.data[off];
        if (c == ':' || (i > 0 && is_provider(span_from(s, off)))) {
            return true;
        }
        if (byte_is_alnum(c) || c == '}' || c == ')') {
            return false;
        }
        uint32_t cp = 0;
        size_t len = c < 0x80 ? 1 : utf8_next(s, off, &cp);
        off += len > 0 ? len : 1;
    }
    return false;
}

static bool is_introducer(struct span s, size_t off)
{
    uint8_t a = s.data[off];
    uint8_t b = span_at(s, off + 1);
    return (b == '{' && (a == '$' || a == '#' || a == '%')) || (a == '$' && b == '(');
}

/* Finds an attempt in a text; *ret_off and *ret_len are it, from its opener to its end. */
static bool find_attempt(struct lookup *l, struct span s, size_t *ret_off, size_t *ret_len)
{
    size_t n_words = 0;
    for (size_t off = 0; off + 1 < s.len; off++) {
        if (!is_introducer(s, off)) {
            continue;
        }
        size_t word = skip_blank(s, off + 2);
        size_t len = word_jndi(s, word);
        if (len > 0 && goes_on_as_lookup(s, word + len)) {
            size_t end = span_find_byte(s, word, s.data[off + 1] == '(' ? ')' : '}');
            *ret_off = off;
            *ret_len = (end == SPAN_NONE ? s.len : end + 1) - off;
            return true;
        }
        n_words += len > 0;
        if (n_words > WORDS_MAX) {
            l->over_budget = true;
            return false;
        }
    }
    return false;
}

bool lookup_fires_behind_exception(struct lookup *l, struct span text)
{
    size_t off = 0;
    for (unsigned i = 0; i < LOST_MAX && off < text.len && !l->over_budget; i++) {
        lookup_tell_reading(l, "behind the exception");
        (void)lookup_read(l, span_from(text, off), 0);
        if (l->found.names.n > 0) {
            l->found.raw_off += off;
            return true;
        }
        if (!l->found.thrown || !l->first_pass) {
            return false;
        }
        off += l->found.thrown_end;
    }
    return false;
}

static bool is_attempt(struct lookup *l, struct span text, struct span *ret_attempt)
{
    struct lookup_found *found = &l->found;
    lookup_tell_reading(l, "for what was meant as a look-up");
    (void)lookup_read(l, text, 0);
    size_t off = 0;
    size_t len = 0;
    if (find_attempt(l, text, &off, &len)) {
        *ret_attempt = span_head(span_sub(text, off, len), LOOKUP_ATTEMPT_MAX);
    } else if (!span_equal(text, l->source) && find_attempt(l, l->source, &off, &len)) {
        *ret_attempt = span_head(span_sub(l->source, off, len), LOOKUP_ATTEMPT_MAX);
        off = 0;
        len = text.len;
    } else if (found->thrown && lookup_fires_behind_exception(l, text)) {
        *ret_attempt = lookup_list_at(&found->names, 0);
        off = found->raw_off;
        len = found->raw_len;
    } else {
        return false;
    }
    found->has_raw = true;
    found->raw_off = off;
    found->raw_len = len;
    return true;
}

enum lookup_class lookup_classify(struct lookup *l, struct span text, struct span *ret_attempt)
{
    if (span_find(text, 0, SPAN("${")) != SPAN_NONE && !l->over_budget) {
        lookup_tell_reading(l, "as if a further look-up stood behind it");
        lookup_read_on(l);
        if (l->found.names.n > 0) {
            return LOOKUP_CONDITIONAL;
        }
        size_t n = lookup_count_unclosed(l, text);
        if (n > 0) {
            lookup_tell_reading(l, "with each missing '}' behind it");
        }
        if ((n > 0 && lookup_fires_closed(l, text, n)) || lookup_fires_unescaped(l, text)) {
            return LOOKUP_CONDITIONAL;
        }
    }
    bool attempt = is_attempt(l, text, ret_attempt);
    lookup_list_reset(&l->found.names);
    lookup_list_reset(&l->found.variables);
    l->found.tricks = 0;
    l->found.depth = 0;
    return attempt ? LOOKUP_ATTEMPT : LOOKUP_NONE;
}
