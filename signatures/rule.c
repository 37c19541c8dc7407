/* rule: text in the Suricata rule language to rules.
 *
 * A rule is a line (a backslash at its end joins the next one): seven words of header, then options
 * in parentheses, each ended by a semicolon. What an option means is a row of the keyword table;
 * this file knows only the form. All options of a rule are looked at even when one is wrong, so
 * that one run tells of every mistake; a rule with a mistake is left out and the others load.
 *
 * Limits: 64 KiB a rule, 256 options, 16 buffers, 64 tests in each. Text must be UTF-8. */
#include "signatures/rule.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/codec/utf.h"
#include "sensor/core/packet.h"
#include "signatures/rule_parse.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { LINE_MAX_BYTES = 64 * 1024, OPTIONS_MAX = 256, MISTAKE_SIZE = 400 };

struct option {
    struct span name;
    struct span value;
    bool has_value;
};

static const struct rule_protocol protocols[] = {
    {"ip", 0, NULL, 0},
    {"ip4", 0, NULL, 4},
    {"ipv4", 0, NULL, 4},
    {"ip6", 0, NULL, 6},
    {"ipv6", 0, NULL, 6},
    {"tcp", IP_PROTO_TCP, NULL, 0},
    {"tcp-stream", IP_PROTO_TCP, NULL, 0},
    {"tcp-pkt", IP_PROTO_TCP, NULL, 0},
    {"udp", IP_PROTO_UDP, NULL, 0},
    {"http", 0, "http", 0},
    {"http1", 0, "http1", 0},
    {"http2", 0, "http2", 0},
    {"smtp", 0, "smtp", 0},
    {"dns", 0, "dns", 0},
    {"ldap", 0, "ldap", 0},
    {"rmi", 0, "rmi", 0},
    {"tls", 0, "tls", 0},
};

static const struct {
    const char *name;
    enum signature_action action;
} actions[] = {
    {"alert", SIGNATURE_ALERT},       {"pass", SIGNATURE_PASS},
    {"drop", SIGNATURE_DROP},         {"reject", SIGNATURE_REJECT},
    {"rejectsrc", SIGNATURE_REJECT},  {"rejectdst", SIGNATURE_REJECT},
    {"rejectboth", SIGNATURE_REJECT},
};

const char *rule_decoder_name(struct span protocol)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        if (span_equal_nocase(protocol, span_str(protocols[i].name))) {
            return protocols[i].decoder;
        }
    }
    return NULL;
}

struct rule_shown rule_shown(struct span word)
{
    struct rule_shown shown = {""};
    bytes_copy(shown.text, word.data,
               word.len < sizeof(shown.text) ? word.len : sizeof(shown.text) - 1);
    return shown;
}

bool rule_mistake(struct rule_parse *p, const char *format, ...)
{
    char text[MISTAKE_SIZE];
    char sid[24] = "";
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (p->sid != 0) {
        snprintf(sid, sizeof(sid), "sid %u: ", (unsigned)p->sid);
    }
    errbuf_add(p->set->err, "%s:%zu: %s%s%s%s", p->file, p->line, sid, rule_shown(p->keyword).text,
               p->keyword.len > 0 ? ": " : "", text);
    p->n_mistakes++;
    return false;
}

void rule_warning(struct rule_parse *p, const char *format, ...)
{
    char text[MISTAKE_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (p->set->warnings != NULL) {
        errbuf_add(p->set->warnings, "%s:%zu: sid %u: %s", p->file, p->line, (unsigned)p->sid,
                   text);
    }
}

/* --- groups ------------------------------------------------------------------------------------
 */

struct group_parse *rule_group_new(struct rule_parse *p, enum buffer buffer)
{
    if (p->n_groups == RULE_GROUPS_MAX) {
        (void)rule_mistake(p, "more than %d buffers in one rule", RULE_GROUPS_MAX);
        return NULL;
    }
    struct group_parse *g = &p->groups[p->n_groups++];
    g->buffer = buffer;
    g->n_transforms = 0;
    g->n_tests = 0;
    g->n_variables = 0;
    g->outer = NULL;
    g->outer_test = 0;
    g->apart = false;
    g->presence = RULE_IS_THERE;
    return g;
}

struct group_parse *rule_group_for(struct rule_parse *p, enum buffer buffer)
{
    for (size_t i = 0; i < p->n_groups; i++) {
        if (p->groups[i].buffer == buffer && p->groups[i].n_transforms == 0 &&
            p->groups[i].outer == NULL && !p->groups[i].apart) {
            return &p->groups[i];
        }
    }
    return rule_group_new(p, buffer);
}

struct rule_test *rule_test_add(struct rule_parse *p, enum rule_test_kind kind)
{
    if (p->group == NULL) {
        p->group = rule_group_for(p, BUFFER_PAYLOAD);
    }
    if (p->group == NULL || p->group->n_tests == RULE_TESTS_MAX) {
        (void)rule_mistake(p, "more than %d tests of one buffer", RULE_TESTS_MAX);
        return NULL;
    }
    if (p->group->presence == RULE_IS_ABSENT) {
        (void)rule_mistake(p, "nothing can be asked of the buffer '%s', which must be absent",
                           buffer_info(p->group->buffer).name);
        return NULL;
    }
    p->named = false;
    struct rule_test *t = &p->group->tests[p->group->n_tests++];
    *t = (struct rule_test){.kind = kind};
    return t;
}

struct rule_test *rule_test_in(struct rule_parse *p, enum buffer buffer, enum rule_test_kind kind)
{
    struct group_parse *before = p->group;
    p->group = rule_group_for(p, buffer);
    struct rule_test *t = p->group != NULL ? rule_test_add(p, kind) : NULL;
    p->group = before;
    return t;
}

static void key_content(struct sbuf *key, const struct rule_content *c)
{
    sbuf_add_format(key, "%d%d%d%d%d%d %lld %lld %lld %lld %zu %zu ", c->nocase, c->starts, c->ends,
                    c->has_distance, c->has_within, c->has_depth, (long long)c->offset,
                    (long long)c->depth, (long long)c->distance, (long long)c->within,
                    c->fast ? c->fast_off : SIZE_MAX, c->fast_len);
    sbuf_add(key, c->bytes);
}

static void key_number(struct sbuf *key, const struct rule_number *n)
{
    sbuf_add_format(key, "%u %lld %d %u %d %llu %llu %llu %llu %lld %d %d%d %d %d", n->n_bytes,
                    (long long)n->offset, n->little, n->base, (int)n->compare,
                    (unsigned long long)n->value, (unsigned long long)n->high,
                    (unsigned long long)n->mask, (unsigned long long)n->multiplier,
                    (long long)n->post_offset, n->align, n->from_beginning, n->from_end,
                    n->variable, (int)n->operation);
}

/* How a key begins: the buffer, and whether it is enough that it is there. */
#define KEY_BUFFER "%d %d"

/* A text that is equal for groups that mean the same. */
static struct span group_key(const struct group_parse *g, struct sbuf *key, struct arena *arena)
{
    sbuf_reset(key);
    sbuf_add_format(key, KEY_BUFFER, (int)g->buffer, g->presence == RULE_IS_ABSENT);
    for (size_t i = 0; i < g->n_transforms; i++) {
        const struct rule_step *t = &g->transforms[i];
        sbuf_add_format(key, ",%d %d %u %u", (int)t->how, (int)t->mode, (unsigned)t->offset,
                        (unsigned)t->bytes);
        for (size_t n = 0; n < t->key.len; n++) {
            sbuf_add_format(key, " %02x", t->key.data[n]);
        }
    }
    for (size_t i = 0; i < g->n_tests; i++) {
        const struct rule_test *t = &g->tests[i];
        sbuf_add_format(key, "\n%d%d%d ", (int)t->kind, t->negated, t->relative);
        sbuf_add(key, span_of(t->variables, t->varies ? sizeof(t->variables) : 0));
        switch (t->kind) {
        case RULE_CONTENT:
            key_content(key, &t->content);
            break;
        case RULE_PCRE:
            sbuf_add(key, t->pcre.text);
            break;
        case RULE_BYTE_TEST:
        case RULE_BYTE_JUMP:
        case RULE_BYTE_EXTRACT:
            key_number(key, &t->number);
            break;
        case RULE_BASE64:
            sbuf_add_format(key, "%llu %llu ", (unsigned long long)t->decode.bytes,
                            (unsigned long long)t->decode.offset);
            sbuf_add(key, t->decode.inner != NULL ? t->decode.inner->text : span_of(NULL, 0));
            break;
        case RULE_ISDATAAT:
        case RULE_BSIZE:
            sbuf_add_format(key, "%d %llu %llu", (int)t->size.compare,
                            (unsigned long long)t->size.low, (unsigned long long)t->size.high);
            break;
        }
    }
    return arena_copy(arena, sbuf_span(key), SIZE_MAX, NULL);
}

/* The group that asks nothing of a buffer; NULL without memory. */
static const struct rule_group *group_there(const struct group_parse *g, struct sbuf *key,
                                            struct arena *arena)
{
    struct rule_group *to = arena_alloc(arena, sizeof(*to));
    if (to != NULL) {
        sbuf_reset(key);
        sbuf_add_format(key, KEY_BUFFER, (int)g->buffer, true);
        *to = (struct rule_group){.buffer = g->buffer,
                                  .presence = RULE_IS_ABSENT,
                                  .text = arena_copy(arena, sbuf_span(key), SIZE_MAX, NULL)};
    }
    return to;
}

static bool group_finish(struct rule_parse *p, const struct group_parse *g, struct rule_group *to,
                         struct sbuf *key)
{
    struct arena *arena = p->set->arena;
    size_t bytes = g->n_tests * sizeof(*g->tests);
    *to = (struct rule_group){.buffer = g->buffer,
                              .presence = g->presence,
                              .n_transforms = g->n_transforms,
                              .n_tests = g->n_tests,
                              .has_variables = g->n_variables > 0,
                              .tests = arena_alloc(arena, bytes)};
    bytes_copy(to->transforms, g->transforms, sizeof(to->transforms));
    to->there = g->presence == RULE_ABSENT_OR_ELSE ? group_there(g, key, arena) : NULL;
    if (to->tests == NULL || (to->there == NULL && g->presence == RULE_ABSENT_OR_ELSE)) {
        return rule_mistake(p, "out of memory");
    }
    bytes_copy(to->tests, g->tests, bytes);
    to->text = group_key(g, key, arena);
    return true;
}

/* --- options -----------------------------------------------------------------------------------
 */

/* The offset of the semicolon that ends the option at the start of `text`. */
static size_t option_end(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] == ';' && (i == 0 || text.data[i - 1] != '\\')) {
            return i;
        }
    }
    return SPAN_NONE;
}

/* Whether the quotes around a value end with it. */
static bool ends_quoted(struct span value)
{
    value = span_trim(span_from(value, span_at(value, 0) == '!' ? 1 : 0));
    return span_at(value, 0) != '"' || (value.len > 1 && span_at(value, value.len - 1) == '"');
}

/* What a text that is no list of options has as its sid, so that the mistake can name it; or 0. */
static uint32_t guess_sid(struct span text)
{
    struct span word = SPAN("sid:");
    struct span digits = {NULL, 0};
    size_t at = span_find(text, 0, word);
    size_t n = 0;
    while (at != SPAN_NONE) { /* the last one: others may stand in a content */
        digits = span_trim(span_from(text, at + word.len));
        at = span_find(text, at + word.len, word);
    }
    int64_t sid = 0;
    while (byte_is_digit(span_at(digits, n))) {
        n++;
    }
    bool is_sid = rule_number(span_head(digits, n), &sid) && sid > 0 && sid <= UINT32_MAX;
    return is_sid ? (uint32_t)sid : 0;
}

static bool take_option(struct rule_parse *p, struct span *rest, struct option *ret)
{
    size_t end = option_end(*rest);
    if (end == SPAN_NONE) {
        p->sid = p->sid != 0 ? p->sid : guess_sid(*rest);
        return rule_mistake(p, "no ';' behind the option '%s'", rule_shown(*rest).text);
    }
    struct span text = span_trim(span_head(*rest, end));
    size_t colon = span_find_byte(text, 0, ':');
    ret->has_value = colon != SPAN_NONE;
    ret->name = span_trim(span_head(text, colon));
    ret->value = ret->has_value ? span_trim(span_from(text, colon + 1)) : span_of(NULL, 0);
    *rest = span_trim(span_from(*rest, end + 1));
    if (!ends_quoted(ret->value)) {
        p->sid = p->sid != 0 ? p->sid : guess_sid(*rest);
        p->keyword = ret->name;
        return rule_mistake(p, "its quotes do not end; a ';' within them is written '\\;'");
    }
    return ret->name.len > 0 || rule_mistake(p, "an option without a name");
}

/* All options, before any is carried out: the sid stands among the last and every message has it.
 */
static bool take_options(struct rule_parse *p, struct span text, struct option *options,
                         size_t *ret_n)
{
    *ret_n = 0;
    text = span_trim(text);
    while (text.len > 0) {
        if (*ret_n == OPTIONS_MAX) {
            return rule_mistake(p, "more than %d options", OPTIONS_MAX);
        }
        struct option *o = &options[*ret_n];
        if (!take_option(p, &text, o)) {
            return false;
        }
        int64_t sid = 0;
        if (span_equal_nocase(o->name, SPAN("sid")) && rule_number(o->value, &sid) && sid > 0 &&
            sid <= UINT32_MAX) {
            p->sid = (uint32_t)sid;
        }
        (*ret_n)++;
    }
    return true;
}

static bool was_there(const struct option *options, const struct option *o)
{
    for (; options != o; options++) {
        if (span_equal_nocase(options->name, o->name)) {
            return true;
        }
    }
    return false;
}

static bool is_relative(struct span words)
{
    bool relative = false;
    while (words.len > 0 && !relative) {
        relative = span_equal(span_trim(span_split(&words, ',')), SPAN("relative"));
    }
    return relative;
}

/* Carries a keyword out in the buffer that it is of. */
static void apply_keyword(struct rule_parse *p, const struct keyword *k, struct span value)
{
    struct group_parse *chosen = p->group;
    bool payload = chosen == NULL || (chosen->buffer == BUFFER_PAYLOAD && chosen->outer == NULL);
    if (k->of != KEYWORD_FOLLOWS || !payload || p->followed == NULL || !is_relative(value)) {
        (void)k->apply(p, value);
        return;
    }
    p->group = p->followed;
    (void)k->apply(p, value);
    p->group = chosen;
}

/* One of a rule's options, of which `options` is the first. */
static void apply_option(struct rule_parse *p, const struct option *options, const struct option *o)
{
    const struct keyword *k = keyword_find(o->name);
    p->keyword = span_of(NULL, 0);
    if (k == NULL && o->has_value) {
        p->keyword = o->name;
        if (keyword_buffer_value(p, o->name, o->value) ||
            keyword_buffer_way(p, o->name, o->value)) {
            p->keyword = span_of(NULL, 0);
            return;
        }
        p->keyword = span_of(NULL, 0);
    }
    if (k == NULL) {
        size_t n_before = p->n_mistakes;
        if (!keyword_buffer(p, o->name)) {
            (void)rule_mistake(p, "unknown keyword '%s'", rule_shown(o->name).text);
        } else if (o->value.len > 0 && p->n_mistakes == n_before) {
            p->keyword = o->name;
            (void)rule_mistake(p, "takes no value");
            p->keyword = span_of(NULL, 0);
        }
        return;
    }
    p->keyword = o->name;
    if ((k->value == KEYWORD_VALUE || k->value == KEYWORD_ONCE) && o->value.len == 0) {
        (void)rule_mistake(p, "a value is missing");
    } else if (k->value == KEYWORD_ONCE && was_there(options, o)) {
        (void)rule_mistake(p, "stands there twice");
    } else if (k->value == KEYWORD_ALONE && o->value.len > 0) {
        (void)rule_mistake(p, "takes no value");
    } else {
        apply_keyword(p, k, o->value);
    }
    p->keyword = span_of(NULL, 0);
}

/* --- header ------------------------------------------------------------------------------------
 */

/* The next word; blanks inside brackets belong to it. */
static struct span take_word(struct span *rest)
{
    size_t depth = 0;
    size_t end = 0;
    *rest = span_trim(*rest);
    while (end < rest->len && (depth > 0 || !byte_is_space(rest->data[end]))) {
        depth += rest->data[end] == '[';
        depth -= rest->data[end] == ']' && depth > 0;
        end++;
    }
    struct span word = span_head(*rest, end);
    *rest = span_from(*rest, end);
    return word;
}

static bool header_action(struct rule_parse *p, struct span word)
{
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (span_equal_nocase(word, span_str(actions[i].name))) {
            p->rule->signature.action = actions[i].action;
            return true;
        }
    }
    return rule_mistake(p, "unknown action '%s'", rule_shown(word).text);
}

static bool header_protocol(struct rule_parse *p, struct span word)
{
    for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
        if (span_equal_nocase(word, span_str(protocols[i].name))) {
            p->rule->protocol = &protocols[i];
            return true;
        }
    }
    return rule_mistake(p, "unknown protocol '%s'", rule_shown(word).text);
}

/* Within brackets a blank may stand behind what a comma ends, or before the first. */
static bool has_odd_blank(struct span list)
{
    for (size_t i = 1; i < list.len; i++) {
        uint8_t next = span_at(list, i);
        if (byte_is_space(list.data[i - 1]) && (next == ']' || next == ',')) {
            return true;
        }
    }
    return false;
}

static bool header_end(struct rule_parse *p, struct span addrs, struct span ports, bool source)
{
    char why[NET_WHY_SIZE];
    struct rule *r = p->rule;
    const struct net_variables *v = p->set->variables;
    const char *end = source ? "source" : "destination";
    bool good = true;
    if (has_odd_blank(addrs) || has_odd_blank(ports)) {
        good = rule_mistake(p, "%s: a blank stands before ',' or ']'", end);
    }
    if (!net_addrs_parse(addrs, v, p->set->arena, source ? &r->src : &r->dst, why)) {
        good = rule_mistake(p, "%s address: %s", end, why);
    }
    if (!net_ports_parse(ports, v, p->set->arena, source ? &r->src_ports : &r->dst_ports, why)) {
        good = rule_mistake(p, "%s port: %s", end, why);
    }
    return good;
}

static bool header_direction(struct rule_parse *p, struct span word)
{
    struct rule *r = p->rule;
    r->both_ways = span_equal(word, SPAN("<>"));
    r->whole_tx = span_equal(word, SPAN("=>"));
    if (r->whole_tx && r->protocol != NULL && r->protocol->decoder == NULL) {
        return rule_mistake(p, "'=>' wants a protocol of requests and answers, http or dns");
    }
    return r->both_ways || r->whole_tx || span_equal(word, SPAN("->")) ||
           rule_mistake(p, "direction is '->', '<>' or '=>', not '%s'", rule_shown(word).text);
}

static bool take_header(struct rule_parse *p, struct span header)
{
    struct span words[7];
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        words[i] = take_word(&header);
    }
    if (words[6].len == 0 || span_trim(header).len > 0) {
        return rule_mistake(p, "a rule begins with: action protocol address port -> address port "
                               "(options)");
    }
    bool good = header_action(p, words[0]);
    good = header_protocol(p, words[1]) && good;
    good = header_direction(p, words[4]) && good;
    good = header_end(p, words[2], words[3], true) && good;
    return header_end(p, words[5], words[6], false) && good;
}

/* --- rules -------------------------------------------------------------------------------------
 */

static bool copy_lists(struct rule_parse *p)
{
    struct signature *s = &p->rule->signature;
    struct arena *arena = p->set->arena;
    size_t metadata = s->n_metadata * sizeof(*s->metadata);
    size_t references = s->n_references * sizeof(*s->references);
    size_t schemes = p->rule->jndi.n_schemes * sizeof(*p->rule->jndi.schemes);
    void *to[] = {arena_alloc(arena, metadata + 1), arena_alloc(arena, references + 1),
                  arena_alloc(arena, schemes + 1)};
    if (to[0] == NULL || to[1] == NULL || to[2] == NULL) {
        return rule_mistake(p, "out of memory");
    }
    bytes_copy(to[0], p->metadata, metadata);
    bytes_copy(to[1], p->references, references);
    bytes_copy(to[2], p->schemes, schemes);
    s->metadata = to[0];
    s->references = to[1];
    p->rule->jndi.schemes = to[2];
    return true;
}

static void set_defaults(struct rule_parse *p)
{
    struct signature *s = &p->rule->signature;
    *s = (struct signature){.gid = 1, .severity = 3};
}

/* Looked at before anything else in the rule, which then need not be good. */
static bool is_left_out(struct rule_parse *p, const struct option *options, size_t n)
{
    struct span odd = span_of(NULL, 0);
    for (size_t i = 0; i < n; i++) {
        if (span_equal_nocase(options[i].name, SPAN("requires")) &&
            rule_lacks(p, options[i].value, &odd)) {
            return true;
        }
    }
    if (odd.len > 0) {
        (void)rule_mistake(p, "requires: '%s' is not a version as in 'version >= 7.0.3 < 8'",
                           rule_shown(odd).text);
    }
    return false;
}

/* What a rule's text comes to. */
enum reading { READ_WRONG, READ_WHOLE, READ_LEFT_OUT };

static enum reading read_body(struct rule_parse *p, struct span line, struct option *options)
{
    size_t open = span_find_byte(line, 0, '(');
    if (open == SPAN_NONE || line.data[line.len - 1] != ')') {
        (void)rule_mistake(p, "the options must stand in parentheses");
        return READ_WRONG;
    }
    size_t n = 0;
    struct span text = span_sub(line, open + 1, line.len - open - 2);
    if (!take_options(p, text, options, &n)) {
        return READ_WRONG;
    }
    if (is_left_out(p, options, n)) {
        return READ_LEFT_OUT;
    }
    (void)take_header(p, span_head(line, open));
    for (size_t i = 0; i < n; i++) {
        apply_option(p, options, &options[i]);
    }
    rule_check(p);
    return p->n_mistakes == 0 && copy_lists(p) ? READ_WHOLE : READ_WRONG;
}

static void free_expressions(struct group_parse *g)
{
    for (size_t i = 0; i < g->n_transforms; i++) {
        regex_free(&g->transforms[i].regex);
    }
    for (size_t i = 0; i < g->n_tests; i++) {
        if (g->tests[i].kind == RULE_PCRE) {
            regex_free(&g->tests[i].pcre.regex);
        }
    }
}

/* Groups of what base64_decode decodes, which belong to that test. */
static bool finish_inner(struct rule_parse *p, struct sbuf *key)
{
    for (size_t i = 0; i < p->n_groups; i++) {
        struct group_parse *g = &p->groups[i];
        if (g->outer == NULL || g->n_tests == 0) {
            continue;
        }
        struct rule_group *to = arena_alloc(p->set->arena, sizeof(*to));
        if (to == NULL) {
            return rule_mistake(p, "out of memory");
        }
        if (!group_finish(p, g, to, key)) {
            return false;
        }
        g->outer->tests[g->outer_test].decode.inner = to;
    }
    return true;
}

static bool add_rule(struct rule_parse *p, struct sbuf *key)
{
    struct rule *r = p->rule;
    if (!finish_inner(p, key)) {
        return false;
    }
    for (size_t i = 0; i < p->n_groups; i++) {
        struct group_parse *g = &p->groups[i];
        bool asks = rule_asks_something(g);
        if (g->outer == NULL && asks && !group_finish(p, g, &r->groups[r->n_groups++], key)) {
            return false;
        }
        if (!asks) {
            free_expressions(g);
        }
    }
    r->file = p->file;
    r->line = p->line;
    *p->set->end = r;
    p->set->end = &r->next;
    p->set->n_loaded++;
    return true;
}

/* Everything one rule needs while it is read; kept from rule to rule. */
struct reader {
    struct rule_parse parse;
    struct option options[OPTIONS_MAX];
    struct sbuf key;
};

static bool read_rule(struct reader *r, struct rule_set *set, struct span line)
{
    struct rule_parse *p = &r->parse;
    p->set = set;
    p->sid = 0;
    p->n_mistakes = 0;
    p->n_groups = 0;
    p->group = NULL;
    p->named = false;
    p->last = NULL;
    p->followed = NULL;
    p->has_priority = false;
    p->flow_sorts = 0;
    p->decoded = NULL;
    p->keyword = span_of(NULL, 0);
    p->rule = arena_alloc(set->arena, sizeof(*p->rule));
    if (p->rule == NULL) {
        return rule_mistake(p, "out of memory");
    }
    set_defaults(p);
    enum reading reading = read_body(p, line, r->options);
    if (reading == READ_LEFT_OUT || (reading == READ_WHOLE && add_rule(p, &r->key))) {
        return true;
    }
    for (size_t i = 0; i < p->n_groups; i++) {
        free_expressions(&p->groups[i]);
    }
    return false;
}

/* Takes a rule's line off the text, with those that a backslash joins to it put together in `to`.
 */
static struct span take_line(struct span *text, struct sbuf *to, size_t *ret_n_lines)
{
    sbuf_reset(to);
    *ret_n_lines = 0;
    while (text->len > 0) {
        struct span line = span_trim(span_split(text, '\n'));
        (*ret_n_lines)++;
        bool joined = line.len > 0 && line.data[line.len - 1] == '\\' && line.data[0] != '#';
        sbuf_add(to, joined ? span_head(line, line.len - 1) : line);
        if (!joined) {
            break;
        }
    }
    return span_trim(sbuf_span(to));
}

static bool read_line(struct reader *r, struct rule_set *set, const struct sbuf *line)
{
    struct span text = span_trim(sbuf_span(line));
    r->parse.set = set;
    r->parse.sid = 0;
    r->parse.keyword = span_of(NULL, 0);
    if (line->cut) {
        return rule_mistake(&r->parse, "the rule is longer than the limit of %d bytes",
                            LINE_MAX_BYTES);
    }
    if (!utf8_is_valid(text) || span_find_byte(text, 0, 0) != SPAN_NONE) {
        return rule_mistake(&r->parse, "the rule is not UTF-8 text");
    }
    return read_rule(r, set, text);
}

size_t rule_read(struct rule_set *set, const char *file, struct span text)
{
    struct sbuf joined = sbuf_with_cap(LINE_MAX_BYTES);
    struct reader *r = mem_alloc(sizeof(*r));
    size_t before = set->n_loaded;
    size_t n_lines = 0;
    if (r == NULL) {
        errbuf_add(set->err, "%s: out of memory", file);
        set->n_failed++;
        return 0;
    }
    r->key = sbuf_with_cap(4 * LINE_MAX_BYTES);
    r->parse.file = file;
    r->parse.line = 1;
    text = span_starts(text, SPAN("\xef\xbb\xbf")) ? span_from(text, 3) : text;
    for (; text.len > 0; r->parse.line += n_lines) {
        struct span line = take_line(&text, &joined, &n_lines);
        if (line.len > 0 && line.data[0] != '#' && !read_line(r, set, &joined)) {
            set->n_failed++;
        }
    }
    sbuf_free(&r->key);
    sbuf_free(&joined);
    mem_free(r);
    return set->n_loaded - before;
}
