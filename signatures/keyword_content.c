/* keyword_content: the bytes to be found, and the words that say where.
 *
 * Modifiers follow their content and are checked together when the rule is complete, since their
 * order is free. Suricata's meaning: offset and depth count from the buffer's start (depth from
 * the offset), distance and within from the end of the match before; within bounds where the match
 * ends. */
#include "sensor/base/bytes.h"
#include "signatures/rule_parse.h"

enum { CONTENT_MAX = 4096, RELATIVE_MAX = 1 << 20 };

/* The bytes that a backslash stands before. */
static bool is_escaped(uint8_t c)
{
    return c == '\\' || c == '"' || c == ';' || c == ':';
}

/* Appends the bytes of "ab|00 ff|c\"": hexadecimal between bars, a backslash before what would end
 * the content. */
static bool decode(struct rule_parse *p, struct span text, struct sbuf *to)
{
    bool hex = false;
    int high = -1;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c == '|') {
            if (high >= 0) {
                return rule_mistake(p, "odd number of hexadecimal digits at character %zu", i + 1);
            }
            hex = !hex;
        } else if (!hex && c == '"') {
            return rule_mistake(p, "a double quote within it is written '\\\"'");
        } else if (!hex && c == '\\' && !is_escaped(span_at(text, i + 1))) {
            return rule_mistake(p, "a backslash stands only before \\, \", ; and :");
        } else if (!hex) {
            i += c == '\\';
            sbuf_add_byte(to, text.data[i]);
        } else if (!byte_is_space(c)) {
            int digit = byte_hex(c);
            if (digit < 0) {
                return rule_mistake(p, "'%c' at character %zu is no hexadecimal digit", c, i + 1);
            }
            if (high >= 0) {
                sbuf_add_byte(to, (uint8_t)(high * 16 + digit));
            }
            high = high >= 0 ? -1 : digit;
        }
    }
    return !hex || rule_mistake(p, "missing closing '|'");
}

bool keyword_content(struct rule_parse *p, struct span value)
{
    bool negated = span_at(value, 0) == '!';
    struct span text;
    p->last = NULL;
    if (!rule_unquote(p, span_trim(span_from(value, negated)), &text)) {
        return false;
    }
    struct sbuf bytes = sbuf_with_cap(CONTENT_MAX);
    bool good = decode(p, text, &bytes);
    if (good && (bytes.len == 0 || bytes.cut)) {
        good = rule_mistake(p, bytes.cut ? "longer than %d bytes" : "empty; it has 1 to %d bytes",
                            CONTENT_MAX);
    }
    struct rule_test *t = good ? rule_test_add(p, RULE_CONTENT) : NULL;
    if (t != NULL) {
        t->negated = negated;
        t->content.bytes = arena_copy(p->set->arena, sbuf_span(&bytes), SIZE_MAX, NULL);
        p->last = t;
        p->last_group = p->group;
        p->followed = p->group;
    }
    sbuf_free(&bytes);
    return t != NULL;
}

bool keyword_uricontent(struct rule_parse *p, struct span value)
{
    struct group_parse *before = p->group;
    p->group = rule_group_for(p, (enum buffer)FIELD_HTTP_URI);
    bool good = p->group != NULL && keyword_content(p, value);
    p->group = before;
    return good;
}

static struct rule_content *last_content(struct rule_parse *p)
{
    if (p->last == NULL) {
        (void)rule_mistake(p, "no content stands before it");
        return NULL;
    }
    return &p->last->content;
}

/* The group that reads the variable of that name: the last content's, or another, to which an older
 * modifier may yet move the content. */
static const struct group_parse *group_with(const struct rule_parse *p, struct span name)
{
    for (size_t i = 0; rule_variable(p->last_group, name) == 0 && i < p->n_groups; i++) {
        if (rule_variable(&p->groups[i], name) > 0) {
            return &p->groups[i];
        }
    }
    return p->last_group;
}

static struct rule_content *last_with_number(struct rule_parse *p, struct span value,
                                             enum rule_number_of of, int64_t *ret)
{
    static const int64_t lowest[RULE_OF_N] = {
        [RULE_OF_DEPTH] = 1, [RULE_OF_WITHIN] = 1, [RULE_OF_DISTANCE] = -RELATIVE_MAX};
    const int64_t highest =
        of == RULE_OF_DISTANCE || of == RULE_OF_WITHIN ? RELATIVE_MAX : UINT16_MAX;
    struct rule_content *c = last_content(p);
    if (c == NULL) {
        return NULL;
    }
    const struct group_parse *known = group_with(p, value);
    uint8_t of_group = (uint8_t)(known - p->groups);
    bool has_others = p->last->varies && p->last->variables_of != of_group;
    bool good = rule_number_or_variable(known, p->last, of, value, ret);
    bool varies = p->last->variables[of] != 0;
    if (varies && has_others) {
        (void)rule_mistake(p, "'%s' is of another buffer than the content's other variables",
                           rule_shown(value).text);
        return NULL;
    }
    p->last->variables_of = varies ? of_group : p->last->variables_of;
    if (!good || (!varies && (*ret < lowest[of] || *ret > highest))) {
        (void)rule_mistake(p, "'%s' is not a number from %lld to %lld", rule_shown(value).text,
                           (long long)lowest[of], (long long)highest);
        return NULL;
    }
    return c;
}

/* Whether a modifier stands behind its content for the first time. */
static bool is_first(struct rule_parse *p, bool was)
{
    return !was || rule_mistake(p, "stands there twice for one content");
}

bool keyword_nocase(struct rule_parse *p, struct span value)
{
    (void)value;
    struct rule_content *c = last_content(p);
    if (c != NULL && is_first(p, c->nocase)) {
        c->nocase = true;
    }
    return c != NULL;
}

bool keyword_depth(struct rule_parse *p, struct span value)
{
    int64_t n = 0;
    struct rule_content *c = last_with_number(p, value, RULE_OF_DEPTH, &n);
    if (c != NULL && is_first(p, c->has_depth)) {
        c->depth = n;
        c->has_depth = true;
    }
    return c != NULL;
}

bool keyword_offset(struct rule_parse *p, struct span value)
{
    int64_t n = 0;
    struct rule_content *c = last_with_number(p, value, RULE_OF_OFFSET, &n);
    if (c != NULL && is_first(p, c->has_offset)) {
        c->has_offset = true;
        c->offset = n;
    }
    return c != NULL;
}

bool keyword_distance(struct rule_parse *p, struct span value)
{
    int64_t n = 0;
    struct rule_content *c = last_with_number(p, value, RULE_OF_DISTANCE, &n);
    if (c != NULL && is_first(p, c->has_distance)) {
        c->distance = n;
        c->has_distance = true;
        p->last->relative = true;
    }
    return c != NULL;
}

bool keyword_within(struct rule_parse *p, struct span value)
{
    int64_t n = 0;
    struct rule_content *c = last_with_number(p, value, RULE_OF_WITHIN, &n);
    if (c != NULL && is_first(p, c->has_within)) {
        c->within = n;
        c->has_within = true;
        p->last->relative = true;
    }
    return c != NULL;
}

bool keyword_startswith(struct rule_parse *p, struct span value)
{
    (void)value;
    struct rule_content *c = last_content(p);
    if (c != NULL && is_first(p, c->starts)) {
        c->starts = true;
    }
    return c != NULL;
}

bool keyword_endswith(struct rule_parse *p, struct span value)
{
    (void)value;
    struct rule_content *c = last_content(p);
    if (c != NULL) {
        c->ends = true;
    }
    return c != NULL;
}

/* "", "only", or "offset,length" for a part of the content. */
bool keyword_fast_pattern(struct rule_parse *p, struct span value)
{
    struct rule_content *c = last_content(p);
    if (c == NULL) {
        return false;
    }
    if (!is_first(p, c->fast)) {
        return false;
    }
    c->fast = true;
    c->fast_len = c->bytes.len;
    c->fast_only = span_equal(value, SPAN("only"));
    if (value.len == 0 || c->fast_only) {
        return true;
    }
    int64_t off = 0;
    int64_t len = 0;
    struct span rest = value;
    struct span first = span_trim(span_split(&rest, ','));
    if (!rule_number(first, &off) || !rule_number(span_trim(rest), &len) || off < 0 || len < 1 ||
        (uint64_t)(off + len) > c->bytes.len) {
        return rule_mistake(p, "'%s' is neither 'only' nor 'offset,length' within the content",
                            rule_shown(value).text);
    }
    c->fast_off = (size_t)off;
    c->fast_len = (size_t)len;
    return true;
}

/* Contents always see the bytes as they are. */
bool keyword_rawbytes(struct rule_parse *p, struct span value)
{
    (void)value;
    struct rule_content *c = last_content(p);
    if (c == NULL || !is_first(p, c->raw)) {
        return false;
    }
    c->raw = true;
    return p->last_group->buffer == BUFFER_PAYLOAD ||
           rule_mistake(p, "cannot stand with the buffer '%s'",
                        buffer_info(p->last_group->buffer).name);
}

static bool check_one(struct rule_parse *p, const struct rule_test *t)
{
    const struct rule_content *c = &t->content;
    bool has_offset = c->offset > 0 || t->variables[RULE_OF_OFFSET] != 0;
    bool placed = c->has_depth || has_offset || c->has_offset || c->has_distance || c->has_within;
    if (c->starts && placed) {
        return rule_mistake(p, "startswith cannot stand with depth, offset, distance or within");
    }
    if ((c->has_depth || has_offset) && (c->has_distance || c->has_within)) {
        return rule_mistake(p, "offset and depth cannot stand with distance or within");
    }
    if (c->has_depth && t->variables[RULE_OF_DEPTH] == 0 && c->depth < (int64_t)c->bytes.len) {
        return rule_mistake(p, "depth %lld is less than the content's %zu bytes",
                            (long long)c->depth, c->bytes.len);
    }
    if (c->has_within && t->variables[RULE_OF_WITHIN] == 0 && c->within < (int64_t)c->bytes.len) {
        return rule_mistake(p, "within %lld is less than the content's %zu bytes",
                            (long long)c->within, c->bytes.len);
    }
    return !c->fast_only || !(t->negated || c->has_depth || has_offset || t->relative) ||
           rule_mistake(p, "fast_pattern:only cannot stand with depth, offset, distance, within or "
                           "a '!'");
}

static bool has_other_case(struct span text, enum rule_transform to)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = span_at(text, i);
        if ((to == TRANSFORM_TO_LOWERCASE && byte_lower(c) != c) ||
            (to == TRANSFORM_TO_UPPERCASE && byte_upper(c) != c)) {
            return true;
        }
    }
    return false;
}

/* Blanks where a transform leaves none, or one. */
static bool has_blanks(struct span text, enum rule_transform how)
{
    bool before = false;
    for (size_t i = 0; i < text.len; i++) {
        bool blank = byte_is_space(span_at(text, i));
        if (blank && (how == TRANSFORM_STRIP_WHITESPACE ||
                      (how == TRANSFORM_COMPRESS_WHITESPACE && before))) {
            return true;
        }
        before = blank;
    }
    return false;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* A content in letters that the buffer never has; http.host is in small ones. */
static bool check_case(struct rule_parse *p, const struct group_parse *g, const struct rule_test *t)
{
    const struct rule_content *c = &t->content;
    bool host = g->buffer == (enum buffer)FIELD_HTTP_HOST && g->n_transforms == 0;
    if (host && (c->nocase || has_other_case(c->bytes, TRANSFORM_TO_LOWERCASE))) {
        return rule_mistake(p, "http.host is in small letters: so must its content be, without "
                               "nocase");
    }
    for (size_t i = 0; !t->negated && i < g->n_transforms; i++) {
        if (has_other_case(c->bytes, g->transforms[i].how) ||
            has_blanks(c->bytes, g->transforms[i].how)) {
            return rule_mistake(p, "has letters that a transform takes away");
        }
    }
    size_t last = c->bytes.len - 1;
    bool blank = is_blank(span_at(c->bytes, 0)) || is_blank(span_at(c->bytes, last));
    return g->buffer != (enum buffer)FIELD_HTTP_METHOD || !blank ||
           rule_mistake(p, "http.method has no blanks around it");
}

/* What is relative cannot begin where a content of fast_pattern:only ended. */
static bool check_before(struct rule_parse *p, const struct group_parse *g, size_t i)
{
    const struct rule_test *before = i > 0 ? &g->tests[i - 1] : NULL;
    return before == NULL || before->kind != RULE_CONTENT || !before->content.fast_only ||
           !g->tests[i].relative ||
           rule_mistake(p, "nothing is relative to a content of fast_pattern:only");
}

/* A number of another buffer is not known here. */
static bool check_variables(struct rule_parse *p, const struct group_parse *g,
                            const struct rule_test *t)
{
    return !t->varies || &p->groups[t->variables_of] == g ||
           rule_mistake(p, "has a variable of the buffer '%s'",
                        buffer_info(p->groups[t->variables_of].buffer).name);
}

bool keyword_content_check(struct rule_parse *p, const struct group_parse *group)
{
    bool good = true;
    p->keyword = SPAN("content");
    for (size_t i = 0; i < group->n_tests; i++) {
        if (group->tests[i].kind == RULE_CONTENT) {
            good = check_one(p, &group->tests[i]) && good;
            good = check_variables(p, group, &group->tests[i]) && good;
            good = check_case(p, group, &group->tests[i]) && good;
            good = check_before(p, group, i) && good;
        }
    }
    p->keyword = span_of(NULL, 0);
    return good;
}
