/* lookup_answer: what each of Log4j's look-ups answers.
 *
 * As rel/2.14.1 has them: a name without ':' asks the default look-up, else the prefix decides, and
 * where it gives nothing the default look-up is asked with the rest. Prefixes are compared in
 * lower case, by Unicode's rules. Environment, properties, thread context and the like count as
 * unset on the host, except the three separators that are equal on every Unix. What is always set
 * but not known here (host name, Java version ...) becomes a mark of two bytes, the first of which
 * does not occur in the text; it passes through all else unchanged. */
#include "signatures/lookup_case.h"
#include "signatures/lookup_date.h"
#include "signatures/lookup_machine.h"

#include "sensor/base/bytes.h"

enum { PREFIX_MAX = 16, MARK_FIRST = 0x80 };

/* Values that only the host knows, by the name that events use for them. The second byte of a mark
 * is MARK_FIRST plus the place here. */
static const struct {
    struct span name;
    bool colon; /* the value has a ':' in it */
} host_values[] = {
    {SPAN_LITERAL("hostName"), false},
    {SPAN_LITERAL("contextName"), false},
    {SPAN_LITERAL("java:version"), false},
    {SPAN_LITERAL("java:runtime"), false},
    {SPAN_LITERAL("java:vm"), false},
    {SPAN_LITERAL("java:os"), true},
    {SPAN_LITERAL("java:hw"), true},
    {SPAN_LITERAL("java:locale"), true},
    {SPAN_LITERAL("event:ThreadName"), false},
    {SPAN_LITERAL("event:Level"), false},
    {SPAN_LITERAL("event:ThreadId"), false},
    {SPAN_LITERAL("event:Timestamp"), false},
    {SPAN_LITERAL("event:Logger"), false},
    {SPAN_LITERAL("java:hardware"), true},
    {SPAN_LITERAL("localhost:name"), false},
    {SPAN_LITERAL("localhost:canonical-name"), false},
    {SPAN_LITERAL("localhost:address"), false},
};

struct span lookup_host_variable(uint8_t id)
{
    size_t i = (size_t)id - MARK_FIRST;
    return id >= MARK_FIRST && i < ARRAY_LEN(host_values) ? host_values[i].name
                                                          : (struct span){NULL, 0};
}

bool lookup_host_value_has_colon(uint8_t id)
{
    size_t i = (size_t)id - MARK_FIRST;
    return id >= MARK_FIRST && i < ARRAY_LEN(host_values) && host_values[i].colon;
}

bool lookup_host_value(struct lookup *l, struct span kind, struct span key)
{
    for (size_t i = 0; i < ARRAY_LEN(host_values) && l->mark != 0; i++) {
        struct span name = host_values[i].name;
        if (name.len == kind.len + key.len && span_starts(name, kind) && span_ends(name, key)) {
            sbuf_add_byte(&l->value, l->mark);
            sbuf_add_byte(&l->value, (uint8_t)(MARK_FIRST + i));
            return true;
        }
    }
    return false;
}

static struct lookup_answer null_value(void)
{
    return (struct lookup_answer){.kind = LOOKUP_VALUE_NULL};
}

static struct lookup_answer text_value(uint32_t tricks)
{
    return (struct lookup_answer){.kind = LOOKUP_VALUE_TEXT, .has_text = true, .tricks = tricks};
}

/* Pays for a change of case; false when there is no fuel for it. */
static bool pay(struct lookup *l, struct span key)
{
    uint8_t all = 0;
    for (size_t i = 0; i < key.len; i++) {
        all |= key.data[i];
    }
    return lookup_spend(l, all < 0x80 ? key.len * LOOKUP_COST_CASE : key.len * LOOKUP_COST_UNICODE);
}

static struct lookup_answer ask_lower(struct lookup *l, struct span key)
{
    unsigned flags = pay(l, key) ? lookup_lower(key, &l->value) : 0;
    return text_value(1u << TRICK_LOWER | (flags != 0 ? 1u << TRICK_UNICODE_CASE : 0u));
}

static struct lookup_answer ask_upper(struct lookup *l, struct span key)
{
    unsigned flags = pay(l, key) ? lookup_upper(key, &l->value) : 0;
    return text_value(1u << TRICK_UPPER |
                      ((flags & LOOKUP_CASE_DOTLESS_I) != 0 ? 1u << TRICK_DOTLESS_I : 0u) |
                      ((flags & LOOKUP_CASE_UNICODE) != 0 ? 1u << TRICK_UNICODE_CASE : 0u));
}

static struct lookup_answer ask_date(struct lookup *l, struct span key)
{
    if (lookup_spend(l, LOOKUP_COST_DATE + key.len * LOOKUP_COST_DATE_BYTE)) {
        (void)lookup_date(key, l->options->time_us, &l->value);
    }
    return text_value(1u << TRICK_DATE);
}

static struct lookup_answer unset(struct lookup *l, struct span key)
{
    (void)l;
    (void)key;
    return (struct lookup_answer){.kind = LOOKUP_VALUE_NULL, .host_knows = true};
}

static struct lookup_answer ask_ctx(struct lookup *l, struct span key)
{
    l->found.thread_context = true;
    return unset(l, key);
}

static struct lookup_answer ask_env(struct lookup *l, struct span key)
{
    struct lookup_answer a = unset(l, key);
    a.tricks = 1u << TRICK_ENV;
    return a;
}

static struct lookup_answer ask_sys(struct lookup *l, struct span key)
{
    static const struct {
        struct span key;
        struct span value;
    } separators[] = {
        {SPAN_LITERAL("file.separator"), SPAN_LITERAL("/")},
        {SPAN_LITERAL("path.separator"), SPAN_LITERAL(":")},
        {SPAN_LITERAL("line.separator"), SPAN_LITERAL("\n")},
    };
    for (size_t i = 0; i < ARRAY_LEN(separators); i++) {
        if (span_equal(key, separators[i].key)) {
            sbuf_add(&l->value, separators[i].value);
            return text_value(1u << TRICK_SEPARATOR);
        }
    }
    struct lookup_answer a = unset(l, key);
    a.tricks = 1u << TRICK_SYS;
    return a;
}

static struct lookup_answer ask_java(struct lookup *l, struct span key)
{
    static const struct span keys[] = {
        SPAN_LITERAL("version"), SPAN_LITERAL("runtime"), SPAN_LITERAL("vm"),
        SPAN_LITERAL("os"),      SPAN_LITERAL("hw"),      SPAN_LITERAL("locale"),
    };
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        if (span_equal(key, keys[i])) {
            return lookup_host_value(l, SPAN("java:"), key) ? text_value(0) : null_value();
        }
    }
    return (struct lookup_answer){.kind = LOOKUP_VALUE_THROWS};
}

static struct lookup_answer ask_event(struct lookup *l, struct span key)
{
    if (span_equal(key, SPAN("Message"))) {
        sbuf_add(&l->value, l->given);
        return text_value(0);
    }
    return lookup_host_value(l, SPAN("event:"), key) ? text_value(0) : unset(l, key);
}

static struct lookup_answer ask_jndi(struct lookup *l, struct span key)
{
    (void)l;
    (void)key;
    return (struct lookup_answer){.kind = LOOKUP_VALUE_ASK};
}

static const struct prefix {
    struct span name;
    struct lookup_answer (*ask)(struct lookup *l, struct span key);
} prefixes[] = {
    {SPAN_LITERAL("jndi"), ask_jndi},    {SPAN_LITERAL("lower"), ask_lower},
    {SPAN_LITERAL("upper"), ask_upper},  {SPAN_LITERAL("env"), ask_env},
    {SPAN_LITERAL("sys"), ask_sys},      {SPAN_LITERAL("date"), ask_date},
    {SPAN_LITERAL("java"), ask_java},    {SPAN_LITERAL("event"), ask_event},
    {SPAN_LITERAL("ctx"), ask_ctx},      {SPAN_LITERAL("main"), unset},
    {SPAN_LITERAL("map"), unset},        {SPAN_LITERAL("sd"), unset},
    {SPAN_LITERAL("marker"), unset},     {SPAN_LITERAL("bundle"), unset},
    {SPAN_LITERAL("jvmrunargs"), unset}, {SPAN_LITERAL("log4j"), unset},
    {SPAN_LITERAL("web"), unset},        {SPAN_LITERAL("docker"), unset},
    {SPAN_LITERAL("k8s"), unset},        {SPAN_LITERAL("kubernetes"), unset},
    {SPAN_LITERAL("spring"), unset},
};

/* The look-up of that prefix, or NULL; *ret_tricks gets how it was disguised. */
static const struct prefix *find_prefix(struct span text, uint32_t *ret_tricks)
{
    if (text.len == 0 || text.len > PREFIX_MAX) {
        return NULL;
    }
    struct sbuf lower = sbuf_with_cap((size_t)PREFIX_MAX * 2);
    bool ascii = true;
    for (size_t i = 0; i < text.len; i++) {
        ascii = ascii && text.data[i] < 0x80;
    }
    if (!ascii) {
        *ret_tricks |= lookup_lower(text, &lower) != 0 ? 1u << TRICK_UNICODE_CASE : 0u;
        text = sbuf_span(&lower);
    }
    const struct prefix *found = NULL;
    for (size_t i = 0; i < ARRAY_LEN(prefixes) && found == NULL; i++) {
        found = span_equal_nocase(text, prefixes[i].name) ? &prefixes[i] : NULL;
    }
    sbuf_free(&lower);
    return found;
}

/* The first ':' of a name. A mark whose value has one in it comes to the same as an unknown prefix:
 * then *ret_hidden. */
static size_t find_colon(struct lookup *l, struct span name, bool *ret_hidden)
{
    size_t colon = span_find_byte(name, 0, ':');
    size_t mark = l->mark != 0 ? span_find_byte(name, 0, l->mark) : SPAN_NONE;
    while (mark < colon && mark != SPAN_NONE && lookup_spend(l, LOOKUP_COST_COLON)) {
        if (lookup_host_value_has_colon(span_at(name, mark + 1))) {
            *ret_hidden = true;
            return mark;
        }
        mark = span_find_byte(name, mark + 1, l->mark);
    }
    return colon;
}

/* The default look-up: the configuration's properties, of which two are always there. */
static bool ask_default(struct lookup *l, struct span key)
{
    return (span_equal(key, SPAN("hostName")) || span_equal(key, SPAN("contextName"))) &&
           lookup_host_value(l, SPAN(""), key);
}

struct lookup_answer lookup_answer_to(struct lookup *l, struct span name)
{
    if (l->commons) {
        return lookup_commons_answer_to(l, name);
    }
    sbuf_reset(&l->value);
    bool hidden = false;
    size_t colon = find_colon(l, name, &hidden);
    if (colon == SPAN_NONE || hidden) {
        return !hidden && ask_default(l, name) ? text_value(0) : null_value();
    }
    uint32_t tricks = 0;
    struct span key = span_from(name, colon + 1);
    const struct prefix *p = find_prefix(span_head(name, colon), &tricks);
    struct lookup_answer a = null_value();
    if (p != NULL) {
        a = p->ask(l, key);
    } else if (colon > 0) {
        tricks |= 1u << TRICK_UNKNOWN_PREFIX;
    }
    a.key = key;
    a.prefix = p != NULL ? p->name : (struct span){NULL, 0};
    a.tricks |= tricks;
    if (a.kind == LOOKUP_VALUE_NULL || a.kind == LOOKUP_VALUE_ASK) {
        a.has_text = ask_default(l, key);
    }
    return a;
}
