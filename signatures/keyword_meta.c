/* keyword_meta: keywords that look at no bytes.
 *
 * They say what a rule is called and how bad it is, or ask about the flow, or about what an
 * evaluated look-up came to (jndi.class and its like, which are ours). The classes of classtype
 * are a table of the tree (class.def), references become URLs, metadata is kept as written.
 * Limits: 128 entries of metadata, 64 references, 1,024 bytes of msg. */
#include "sensor/base/bytes.h"
#include "signatures/rule_parse.h"

enum { MSG_MAX = 1024 };

/* Of the words of flow one of each can stand. */
enum flow_sort { FLOW_WAY = 1, FLOW_STATE = 2, FLOW_STREAM = 4, FLOW_FRAGMENTS = 8 };

struct class {
    const char *name;
    const char *text;
    uint8_t priority;
};

static const struct class classes[] = {
#define CLASS(name, text, priority) {name, text, priority},
#include "signatures/class.def"
#undef CLASS
};

/* What a reference's type puts before and behind its value to make a URL. */
static const struct {
    const char *type;
    const char *before;
} references[] = {
    {"url", "https://"},
    {"cve", "https://nvd.nist.gov/vuln/detail/CVE-"},
    {"bugtraq", "http://www.securityfocus.com/bid/"},
    {"exploitdb", "https://www.exploit-db.com/exploits/"},
    {"md5", "https://www.virustotal.com/gui/file/"},
    {"sha256", "https://www.virustotal.com/gui/file/"},
    {"nessus", "https://www.tenable.com/plugins/nessus/"},
    {"msft", "https://learn.microsoft.com/security-updates/securitybulletins/"},
};

static struct span keep(struct rule_parse *p, struct span text)
{
    return arena_copy(p->set->arena, text, SIZE_MAX, NULL);
}

/* A number of 32 bits that is at least `low`. */
static bool take_u32(struct rule_parse *p, struct span value, uint32_t low, uint32_t *ret)
{
    uint64_t n = 0;
    if (!span_to_u64(value, &n) || n < low || n > UINT32_MAX) {
        return rule_mistake(p, "'%s' is not a number from %u to %u", rule_shown(value).text,
                            (unsigned)low, (unsigned)UINT32_MAX);
    }
    *ret = (uint32_t)n;
    return true;
}

bool keyword_msg(struct rule_parse *p, struct span value)
{
    struct span text;
    if (!rule_unquote(p, value, &text)) {
        return false;
    }
    if (text.len == 0) {
        return rule_mistake(p, "empty");
    }
    struct sbuf plain = sbuf_with_cap(MSG_MAX);
    for (size_t i = 0; i < text.len; i++) {
        i += text.data[i] == '\\' && i + 1 < text.len;
        sbuf_add_byte(&plain, text.data[i]);
    }
    bool cut = plain.cut;
    p->rule->signature.msg = keep(p, sbuf_span(&plain));
    sbuf_free(&plain);
    return !cut || rule_mistake(p, "longer than %d bytes", MSG_MAX);
}

bool keyword_sid(struct rule_parse *p, struct span value)
{
    return take_u32(p, value, 1, &p->rule->signature.sid);
}

bool keyword_rev(struct rule_parse *p, struct span value)
{
    return take_u32(p, value, 1, &p->rule->signature.rev);
}

bool keyword_gid(struct rule_parse *p, struct span value)
{
    return take_u32(p, value, 0, &p->rule->signature.gid);
}

bool keyword_priority(struct rule_parse *p, struct span value)
{
    uint32_t priority = 0;
    if (!take_u32(p, value, 0, &priority)) {
        return false;
    }
    bool higher = !p->has_priority || priority < p->rule->signature.severity;
    p->rule->signature.severity = higher ? priority : p->rule->signature.severity;
    p->has_priority = true;
    return true;
}

bool keyword_classtype(struct rule_parse *p, struct span value)
{
    struct signature *s = &p->rule->signature;
    for (size_t i = 0; i < p->set->n_classes; i++) {
        const struct rule_class_row *c = &p->set->classes[i];
        if (span_equal_nocase(value, c->name)) {
            s->classtype = c->name;
            s->category = c->text;
            s->severity = p->has_priority ? s->severity : c->priority;
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(classes); i++) {
        if (!span_equal_nocase(value, span_str(classes[i].name))) {
            continue;
        }
        s->classtype = span_str(classes[i].name);
        s->category = span_str(classes[i].text);
        s->severity = p->has_priority ? s->severity : classes[i].priority;
        return true;
    }
    s->classtype = keep(p, value); /* of the lowest priority, as it is without one */
    rule_warning(p, "unknown class '%s'", rule_shown(value).text);
    return true;
}

bool keyword_reference(struct rule_parse *p, struct span value)
{
    struct signature *s = &p->rule->signature;
    struct span rest = value;
    struct span type = span_trim(span_split(&rest, ','));
    rest = span_trim(rest);
    if (rest.len == 0 || type.len == 0) {
        return rule_mistake(p, "wants a type and a value, 'cve,2021-44228'");
    }
    if (s->n_references == RULE_REFERENCES_MAX) {
        return rule_mistake(p, "more than %d in one rule", RULE_REFERENCES_MAX);
    }
    struct sbuf url = sbuf_with_cap(4096);
    bool known = false;
    for (size_t i = 0; i < ARRAY_LEN(references) && !known; i++) {
        known = span_equal_nocase(type, span_str(references[i].type));
        if (known && span_find(rest, 0, SPAN("://")) == SPAN_NONE) {
            sbuf_add_str(&url, references[i].before);
        }
    }
    if (!known) {
        sbuf_add(&url, type);
        sbuf_add_byte(&url, ':');
    }
    sbuf_add(&url, rest);
    p->references[s->n_references++] = keep(p, sbuf_span(&url));
    sbuf_free(&url);
    return true;
}

bool keyword_metadata(struct rule_parse *p, struct span value)
{
    struct signature *s = &p->rule->signature;
    while (value.len > 0) {
        struct span pair = span_trim(span_split(&value, ','));
        size_t blank = span_find_byte(pair, 0, ' ');
        struct span key = span_head(pair, blank);
        struct span text =
            blank == SPAN_NONE ? span_of(NULL, 0) : span_trim(span_from(pair, blank));
        if (key.len == 0) {
            continue;
        }
        if (s->n_metadata == RULE_METADATA_MAX) {
            return rule_mistake(p, "more than %d entries", RULE_METADATA_MAX);
        }
        p->metadata[s->n_metadata++] = (struct signature_metadata){keep(p, key), keep(p, text)};
    }
    return true;
}

bool keyword_target(struct rule_parse *p, struct span value)
{
    bool src = span_equal(value, SPAN("src_ip"));
    if (!src && !span_equal(value, SPAN("dest_ip"))) {
        return rule_mistake(p, "is src_ip or dest_ip");
    }
    p->rule->signature.target = src ? SIGNATURE_TARGET_SRC : SIGNATURE_TARGET_DEST;
    return true;
}

/* Words that everything we look at fulfils are 0: it is always put together from a stream. Each
 * stands once, and one of each sort. */
bool keyword_flow(struct rule_parse *p, struct span value)
{
    static const struct {
        const char *name;
        unsigned flag;
        unsigned sort;
    } words[] = {
        {"to_server", RULE_TO_SERVER, FLOW_WAY},
        {"from_client", RULE_TO_SERVER, FLOW_WAY},
        {"to_client", RULE_TO_CLIENT, FLOW_WAY},
        {"from_server", RULE_TO_CLIENT, FLOW_WAY},
        {"established", RULE_ESTABLISHED, FLOW_STATE},
        {"not_established", RULE_NOT_ESTABLISHED, FLOW_STATE},
        {"stateless", 0, FLOW_STATE},
        {"only_stream", 0, FLOW_STREAM},
        {"no_stream", 0, FLOW_STREAM},
        {"no_frag", 0, FLOW_FRAGMENTS},
    };
    unsigned before = p->flow_sorts;
    while (value.len > 0) {
        struct span word = span_trim(span_split(&value, ','));
        size_t i = 0;
        while (i < ARRAY_LEN(words) && !span_equal_nocase(word, span_str(words[i].name))) {
            i++;
        }
        if (i == ARRAY_LEN(words)) {
            return rule_mistake(p, "unknown word '%s'", rule_shown(word).text);
        }
        /* to_server may stand in two of these keywords */
        bool again = (before & words[i].sort) == FLOW_WAY && (p->rule->flow & words[i].flag) != 0;
        if ((p->flow_sorts & words[i].sort) != 0 && !again) {
            return rule_mistake(p, "'%s' excludes a word before it", words[i].name);
        }
        before &= ~words[i].sort;
        p->flow_sorts |= words[i].sort;
        p->rule->flow |= words[i].flag;
    }
    return true;
}

bool keyword_jndi_class(struct rule_parse *p, struct span value)
{
    static const struct {
        const char *name;
        unsigned class;
    } words[] = {
        {"attack", RULE_CLASS_ATTACK},
        {"conditional", RULE_CLASS_CONDITIONAL},
        {"attempt", RULE_CLASS_ATTEMPT},
        {"over_budget", RULE_CLASS_OVER_BUDGET},
    };
    p->rule->jndi.asked = true;
    while (value.len > 0) {
        struct span word = span_trim(span_split(&value, ','));
        size_t i = 0;
        while (i < ARRAY_LEN(words) && !span_equal(word, span_str(words[i].name))) {
            i++;
        }
        if (i == ARRAY_LEN(words)) {
            return rule_mistake(p, "is attack, conditional, attempt or over_budget, not '%s'",
                                rule_shown(word).text);
        }
        p->rule->jndi.classes |= words[i].class;
    }
    return true;
}

bool keyword_jndi_dialect(struct rule_parse *p, struct span value)
{
    p->rule->jndi.asked = true;
    for (unsigned i = LOOKUP_LOG4J; i <= LOOKUP_COMMONS_TEXT; i++) {
        if (span_equal(value, span_str(lookup_dialect_name((enum lookup_dialect)i)))) {
            p->rule->jndi.dialect = (enum lookup_dialect)i;
            return true;
        }
    }
    return rule_mistake(p, "is log4j or commons-text, not '%s'", rule_shown(value).text);
}

bool keyword_jndi_scheme(struct rule_parse *p, struct span value)
{
    struct rule_jndi *j = &p->rule->jndi;
    j->asked = true;
    j->not_schemes = span_at(value, 0) == '!';
    value = span_from(value, j->not_schemes);
    while (value.len > 0) {
        struct span word = span_trim(span_split(&value, ','));
        if (word.len == 0 || j->n_schemes == RULE_SCHEMES_MAX) {
            return rule_mistake(p, "wants up to %d names, 'ldap,ldaps'", RULE_SCHEMES_MAX);
        }
        p->schemes[j->n_schemes++] = keep(p, word);
    }
    return j->n_schemes > 0 || rule_mistake(p, "wants the name of a scheme");
}

bool keyword_jndi_reaches_network(struct rule_parse *p, struct span value)
{
    bool no = span_equal(value, SPAN("no"));
    if (!no && value.len > 0 && !span_equal(value, SPAN("yes"))) {
        return rule_mistake(p, "is yes or no");
    }
    p->rule->jndi.asked = true;
    p->rule->jndi.reach = no ? RULE_REACH_NO : RULE_REACH_YES;
    return true;
}

/* tag:session|host,count,packets|seconds|bytes[,src|dst] */
bool keyword_tag(struct rule_parse *p, struct span value)
{
    struct span scope = span_trim(span_split(&value, ','));
    struct span count = span_trim(span_split(&value, ','));
    struct span unit = span_trim(span_split(&value, ','));
    uint64_t n = 0;
    bool good = span_equal(scope, SPAN("session")) || span_equal(scope, SPAN("host"));
    bool known = unit.len == 0 || span_equal(unit, SPAN("packets")) ||
                 span_equal(unit, SPAN("seconds")) || span_equal(unit, SPAN("bytes"));
    good = good && known && (count.len == 0) == (unit.len == 0);
    return (good && (count.len == 0 || span_to_u64(count, &n))) ||
           rule_mistake(p, "is 'session' or 'host', a count, and packets, seconds or bytes");
}

/* It says which of a rule's tests is looked at first: one must stand before it. */
bool keyword_prefilter(struct rule_parse *p, struct span value)
{
    (void)value;
    return p->n_groups > 0 || p->rule->n_amounts > 0 || p->rule->n_headers > 0 ||
           p->rule->flow != 0 || rule_mistake(p, "no test stands before it");
}

bool keyword_without_effect(struct rule_parse *p, struct span value)
{
    (void)p;
    (void)value;
    return true;
}
