/* keyword_test: tests of a buffer other than contents: pcre, isdataat, bsize, and the numbers in
 * it: byte_test, byte_jump, byte_extract, byte_math.
 *
 * Written as Suricata 8 documents them. What byte_extract and byte_math read may stand, by its
 * name, for a number of a later test of the same buffer. Limits: 8 KiB an expression, numbers of up
 * to 8 bytes or 23 digits, 8 variables a buffer. */
#include "sensor/base/bytes.h"
#include "signatures/rule_parse.h"

enum { PATTERN_MAX = 8 * 1024 };

/* --- pcre --------------------------------------------------------------------------------------
 */

static const struct {
    uint8_t letter;
    unsigned flag;
} pcre_flags[] = {
    {'i', REGEX_NOCASE},
    {'s', REGEX_DOTALL},
    {'m', REGEX_MULTILINE},
    {'x', REGEX_EXTENDED},
    {'A', REGEX_ANCHORED},
    {'E', REGEX_DOLLAR_END},
    {'G', REGEX_UNGREEDY},
    /* Raw bytes, and a higher limit: both are always so. */
    {'B', 0},
    {'O', 0},
};

/* Splits "/pattern/flags" at its last slash. */
static bool split_pattern(struct rule_parse *p, struct span text, struct span *ret_pattern,
                          struct span *ret_flags)
{
    size_t end = span_rfind_byte(text, '/');
    if (span_at(text, 0) != '/' || end == SPAN_NONE || end == 0) {
        return rule_mistake(p, "must be written as \"/pattern/flags\"");
    }
    *ret_pattern = span_sub(text, 1, end - 1);
    *ret_flags = span_from(text, end + 1);
    return true;
}

/* A flag letter may name a buffer, which then takes the place of the payload. */
static bool take_flag(struct rule_parse *p, uint8_t letter, unsigned *flags, bool *relative)
{
    for (size_t i = 0; i < ARRAY_LEN(pcre_flags); i++) {
        if (pcre_flags[i].letter == letter) {
            *flags |= pcre_flags[i].flag;
            return true;
        }
    }
    if (letter == 'R') {
        *relative = true;
        return true;
    }
    enum buffer buffer = buffer_by_pcre_flag(letter);
    if (buffer == BUFFER_N) {
        return rule_mistake(p, "unknown flag '%c'", letter);
    }
    if (p->group != NULL && p->group->buffer != BUFFER_PAYLOAD && p->group->buffer != buffer) {
        return rule_mistake(p, "flag '%c' means '%s', but the buffer is '%s'", letter,
                            buffer_info(buffer).name, buffer_info(p->group->buffer).name);
    }
    p->group = rule_group_for(p, buffer);
    return p->group != NULL;
}

/* Semicolons and double quotes are written with a backslash because of the rule around them, not
 * because of the expression. */
struct span rule_pattern(struct rule_parse *p, struct span pattern)
{
    struct sbuf plain = sbuf_with_cap(PATTERN_MAX);
    for (size_t i = 0; i < pattern.len; i++) {
        bool escaped = pattern.data[i] == '\\' && i + 1 < pattern.len;
        if (escaped && (pattern.data[i + 1] == ';' || pattern.data[i + 1] == '"')) {
            i++;
            escaped = false;
        }
        sbuf_add_byte(&plain, pattern.data[i]);
        if (escaped) {
            sbuf_add_byte(&plain, pattern.data[++i]);
        }
    }
    struct span kept =
        plain.cut ? span_of(NULL, 0) : arena_copy(p->set->arena, sbuf_span(&plain), SIZE_MAX, NULL);
    sbuf_free(&plain);
    if (kept.len == 0) {
        (void)rule_mistake(p, "has no pattern, or one longer than %d bytes", PATTERN_MAX);
    }
    return kept;
}

/* Whether something ended in the buffer that an expression can begin behind; a sticky one, which is
 * `chosen`, has a start for that. */
static bool can_follow(struct rule_parse *p, const struct group_parse *chosen)
{
    const struct group_parse *g = p->group != NULL ? p->group : rule_group_for(p, BUFFER_PAYLOAD);
    bool can = chosen != NULL && chosen->buffer != BUFFER_PAYLOAD;
    for (size_t i = 0; g != NULL && i < g->n_tests; i++) {
        can = can || g->tests[i].kind == RULE_CONTENT || g->tests[i].kind == RULE_PCRE;
    }
    return can;
}

bool keyword_pcre(struct rule_parse *p, struct span value)
{
    bool negated = span_at(value, 0) == '!';
    bool relative = false;
    unsigned flags = 0;
    char why[REGEX_WHY_SIZE];
    struct span text;
    struct span pattern = {NULL, 0};
    struct span letters = {NULL, 0};
    struct group_parse *before = p->group;
    text = span_trim(span_from(value, negated));
    if ((span_at(text, 0) != '/' && !rule_unquote(p, text, &text)) || /* quotes may be missing */
        !split_pattern(p, text, &pattern, &letters)) {
        return false;
    }
    letters = span_split(&letters, ','); /* names for what is captured follow: nobody reads them */
    for (size_t i = 0; i < letters.len; i++) {
        if (!take_flag(p, letters.data[i], &flags, &relative)) {
            return false;
        }
    }
    if (p->group != before && span_find_byte(letters, 0, 'B') != SPAN_NONE) {
        p->group = before;
        return rule_mistake(p, "the flag 'B' is of the payload, another names a buffer");
    }
    if (relative && !can_follow(p, before)) {
        p->group = before;
        return rule_mistake(p, "with the flag 'R' it follows a content or pcre of its buffer");
    }
    pattern = rule_pattern(p, pattern);
    if (pattern.len == 0) {
        return false;
    }
    struct regex *regex = regex_new(pattern, flags, why);
    struct rule_test *t = regex != NULL ? rule_test_add(p, RULE_PCRE) : NULL;
    if (t != NULL) {
        t->negated = negated;
        t->relative = relative;
        t->pcre.regex = regex;
        t->pcre.text = arena_copy(p->set->arena, text, SIZE_MAX, NULL);
        p->followed = p->group;
    } else if (regex != NULL) {
        regex_free(&regex);
    } else {
        (void)rule_mistake(p, "%s", why);
    }
    p->group = before;
    return t != NULL;
}

/* --- sizes -------------------------------------------------------------------------------------
 */

static bool take_isdataat_words(struct rule_parse *p, struct rule_test *t, struct span rest)
{
    while (rest.len > 0) {
        struct span word = span_trim(span_split(&rest, ','));
        if (span_equal(word, SPAN("relative"))) {
            t->relative = true;
        } else if (!span_equal(word, SPAN("rawbytes")) || !t->relative) {
            return rule_mistake(p, "unknown word '%s'", rule_shown(word).text);
        }
    }
    return true;
}

/* isdataat:[!]N[,relative][,rawbytes] */
bool keyword_isdataat(struct rule_parse *p, struct span value)
{
    bool negated = span_at(value, 0) == '!';
    int64_t n = 0;
    struct span rest = span_from(value, negated);
    struct span number = span_trim(span_split(&rest, ','));
    struct rule_test *t = rule_test_add(p, RULE_ISDATAAT);
    if (t == NULL) {
        return false;
    }
    if (!rule_number_or_variable(p->group, t, RULE_OF_OFFSET, number, &n) || n < 0 ||
        n > UINT16_MAX) {
        return rule_mistake(p, "'%s' is not a number", rule_shown(number).text);
    }
    t->negated = negated;
    t->size.low = (uint64_t)n;
    return take_isdataat_words(p, t, rest);
}

static const struct {
    const char *sign;
    enum rule_compare compare;
    bool negated;
} signs[] = {
    {"<=", RULE_LESS_EQUAL, false}, {">=", RULE_GREATER_EQUAL, false}, {"!=", RULE_EQUAL, true},
    {"<", RULE_LESS, false},        {">", RULE_GREATER, false},        {"=", RULE_EQUAL, false},
    {"!", RULE_EQUAL, true},        {"&", RULE_BITS_AND, false},       {"^", RULE_BITS_XOR, false},
};

/* Takes a sign off the start; RULE_EQUAL without one. */
static enum rule_compare take_sign(struct span *text, bool *ret_negated)
{
    *ret_negated = false;
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        struct span sign = span_str(signs[i].sign);
        if (span_starts(*text, sign)) {
            *text = span_trim(span_from(*text, sign.len));
            *ret_negated = signs[i].negated;
            return signs[i].compare;
        }
    }
    return RULE_EQUAL;
}

/* A number, decimal or with 0x. */
static bool plain_number(struct span text, uint64_t *ret)
{
    return span_starts_nocase(text, SPAN("0x")) ? span_hex_to_u64(span_from(text, 2), ret)
                                                : span_to_u64(text, ret);
}

/* "10", "0x0a", "10kb". */
static bool number_with_unit(struct span text, uint64_t *ret)
{
    static const struct {
        const char *name;
        unsigned shift;
    } units[] = {{"kb", 10}, {"kib", 10}, {"mb", 20}, {"mib", 20}, {"gb", 30}, {"gib", 30}};
    size_t n = 0;
    while (n < text.len && byte_is_digit(text.data[n])) {
        n++;
    }
    struct span unit = span_trim(span_from(text, n));
    for (size_t i = 0; n > 0 && i < ARRAY_LEN(units); i++) {
        if (span_equal_nocase(unit, span_str(units[i].name))) {
            bool good =
                span_to_u64(span_head(text, n), ret) && *ret <= UINT64_MAX >> units[i].shift;
            *ret = good ? *ret << units[i].shift : *ret;
            return good;
        }
    }
    return plain_number(text, ret);
}

/* Splits "5<>10" or "5-10", neither end of which is in it; false when the text is no range. */
static bool split_range(struct span text, struct span *ret_low, struct span *ret_high)
{
    size_t sign = span_find(text, 0, SPAN("<>"));
    size_t len = 2;
    if (sign == SPAN_NONE) {
        sign = span_find_byte(text, 0, '-');
        len = 1;
    }
    *ret_low = span_trim(span_head(text, sign));
    *ret_high = sign == SPAN_NONE ? span_of(NULL, 0) : span_trim(span_from(text, sign + len));
    return sign != SPAN_NONE;
}

bool rule_size(struct rule_parse *p, struct span value, struct rule_size *ret_size,
               bool *ret_negated)
{
    struct rule_size size = {0};
    bool opposite = span_at(value, 0) == '!' && span_at(value, 1) != '=';
    struct span low;
    struct span high;
    *ret_negated = false;
    bool good = split_range(span_trim(span_from(value, opposite)), &low, &high);
    if (good) {
        size.compare = RULE_BETWEEN;
        good = number_with_unit(high, &size.high);
    } else {
        size.compare = take_sign(&low, ret_negated);
        good = size.compare != RULE_BITS_AND && size.compare != RULE_BITS_XOR;
    }
    if (!number_with_unit(low, &size.low) || !good ||
        (size.compare == RULE_BETWEEN && size.low + 1 >= size.high)) {
        return rule_mistake(p, "'%s' is not a size; examples: 10, >10, 5<>20",
                            rule_shown(value).text);
    }
    *ret_size = size;
    *ret_negated = *ret_negated != opposite;
    return true;
}

/* absent, absent:or_else */
bool keyword_absent(struct rule_parse *p, struct span value)
{
    struct group_parse *g = p->group;
    bool or_else = span_equal(value, SPAN("or_else"));
    if (value.len > 0 && !or_else) {
        return rule_mistake(p, "may be followed by 'or_else', not by '%s'", rule_shown(value).text);
    }
    if (g == NULL || !p->named || g->n_tests > 0 || g->outer != NULL ||
        buffer_is_region(g->buffer) || buffer_is_result(g->buffer) || buffer_is_header(g->buffer)) {
        return rule_mistake(p, "stands behind the name of a field's buffer, before anything else");
    }
    g->presence = or_else ? RULE_ABSENT_OR_ELSE : RULE_IS_ABSENT;
    p->named = or_else;
    return true;
}

/* bsize:10, <10, >=10, 5<>10 */
bool keyword_bsize(struct rule_parse *p, struct span value)
{
    struct rule_size size;
    bool negated = false;
    if (p->group == NULL || (p->group->buffer == BUFFER_PAYLOAD && p->group->outer == NULL)) {
        return rule_mistake(p, "stands behind a sticky buffer");
    }
    struct rule_test *t =
        rule_size(p, value, &size, &negated) ? rule_test_add(p, RULE_BSIZE) : NULL;
    if (t == NULL) {
        return false;
    }
    t->negated = negated;
    t->size = size;
    return true;
}

/* --- numbers -----------------------------------------------------------------------------------
 */

static bool take_word(struct rule_test *t, struct span word)
{
    struct rule_number *n = &t->number;
    struct span argument = word;
    struct span name = span_split(&argument, ' ');
    int64_t value = 0;
    argument = span_trim(argument);
    if (span_equal(word, SPAN("relative"))) {
        t->relative = true;
    } else if (span_equal(word, SPAN("little"))) {
        n->little = true;
    } else if (span_equal(word, SPAN("string"))) {
        n->base = n->base == 0 ? 10 : n->base;
        n->text = true;
    } else if (span_equal(word, SPAN("hex"))) {
        n->base = 16;
    } else if (span_equal(word, SPAN("dec"))) {
        n->base = 10;
    } else if (span_equal(word, SPAN("oct"))) {
        n->base = 8;
    } else if (span_equal(word, SPAN("align")) || span_equal(word, SPAN("align 4"))) {
        n->align = 4;
    } else if (span_equal(word, SPAN("align 2"))) {
        n->align = 2;
    } else if (span_equal(word, SPAN("from_beginning"))) {
        n->from_beginning = true;
    } else if (span_equal(word, SPAN("from_end"))) {
        n->from_end = true;
    } else if (span_equal(name, SPAN("multiplier")) && rule_number(argument, &value) && value > 0 &&
               value <= UINT16_MAX) {
        n->multiplier = (uint64_t)value;
    } else if (span_equal(name, SPAN("post_offset")) && rule_number(argument, &value) &&
               value >= -UINT16_MAX && value <= UINT16_MAX) {
        n->post_offset = value;
    } else if (span_equal(name, SPAN("bitmask"))) {
        return plain_number(argument, &n->mask) && n->mask != 0;
    } else {
        return span_equal(word, SPAN("big"));
    }
    return true;
}

static bool take_words(struct rule_parse *p, struct rule_test *t, struct span rest)
{
    while (rest.len > 0) {
        struct span word = span_trim(span_split(&rest, ','));
        if (!take_word(t, word)) {
            return rule_mistake(p, "unknown word '%s'", rule_shown(word).text);
        }
    }
    return t->number.base == 0 || t->number.text ||
           rule_mistake(p, "a number of text wants the word 'string'");
}

/* Whether the test reads a number of bytes that makes a number, `least` of them where they are no
 * text: 0 bytes of text are as many as there are digits. What a variable says is looked at when it
 * is known. */
static bool check_n_bytes(struct rule_parse *p, const struct rule_test *t, unsigned least)
{
    unsigned n = t->number.n_bytes;
    bool text = t->number.base != 0;
    return t->variables[RULE_OF_BYTES] != 0 ||
           (text ? n <= RULE_DIGITS_MAX : n >= least && n <= RULE_BYTES_MAX) ||
           rule_mistake(p, "reads %u to %d bytes, or 0 to %d of text", least, RULE_BYTES_MAX,
                        RULE_DIGITS_MAX);
}

static bool take_n_bytes(struct rule_parse *p, struct span text, struct rule_test *t)
{
    int64_t bytes = 0;
    if (!rule_number_or_variable(p->group, t, RULE_OF_BYTES, text, &bytes) || bytes < 0 ||
        bytes > RULE_DIGITS_MAX) {
        return rule_mistake(p, "'%s' is not a number of bytes", rule_shown(text).text);
    }
    t->number.n_bytes = (unsigned)bytes;
    return true;
}

/* `most`: it goes from -most to most. */
static bool take_offset(struct rule_parse *p, struct span text, struct rule_test *t, int64_t most)
{
    int64_t *offset = &t->number.offset;
    return (rule_number_or_variable(p->group, t, RULE_OF_OFFSET, text, offset) &&
            *offset >= -most && *offset <= most) ||
           rule_mistake(p, "'%s' is not an offset", rule_shown(text).text);
}

/* A number, decimal or with 0x, or a variable. */
static bool take_value(struct rule_parse *p, struct span text, struct rule_test *t)
{
    int64_t none = 0;
    return plain_number(text, &t->number.value) ||
           (rule_number_or_variable(p->group, t, RULE_OF_VALUE, text, &none) &&
            t->variables[RULE_OF_VALUE] != 0) ||
           rule_mistake(p, "'%s' is not a number", rule_shown(text).text);
}

/* byte_test:bytes,[!]sign,value,offset[,words] */
bool keyword_byte_test(struct rule_parse *p, struct span value)
{
    struct rule_test *t = rule_test_add(p, RULE_BYTE_TEST);
    if (t == NULL) {
        return false;
    }
    bool opposite = false;
    t->number = (struct rule_number){.mask = UINT64_MAX};
    struct span bytes = span_trim(span_split(&value, ','));
    struct span sign = span_trim(span_split(&value, ','));
    struct span number = span_trim(span_split(&value, ','));
    struct span offset = span_trim(span_split(&value, ','));
    if (sign.len > 1 && sign.data[0] == '!' && sign.data[1] != '=') {
        t->negated = true;
        sign = span_trim(span_from(sign, 1));
    }
    struct span left = sign;
    t->number.compare = take_sign(&left, &opposite);
    t->negated = t->negated != opposite;
    if (sign.len == 0 || left.len > 0) {
        return rule_mistake(p, "unknown comparison '%s'", rule_shown(sign).text);
    }
    return take_n_bytes(p, bytes, t) && take_value(p, number, t) &&
           take_offset(p, offset, t, INT32_MAX) && take_words(p, t, value) &&
           check_n_bytes(p, t, 1);
}

/* byte_jump:bytes,offset[,words] */
bool keyword_byte_jump(struct rule_parse *p, struct span value)
{
    struct rule_test *t = rule_test_add(p, RULE_BYTE_JUMP);
    if (t == NULL) {
        return false;
    }
    t->number = (struct rule_number){.mask = UINT64_MAX, .multiplier = 1};
    struct span bytes = span_trim(span_split(&value, ','));
    struct span offset = span_trim(span_split(&value, ','));
    const struct span words = value;
    if (!take_n_bytes(p, bytes, t) || !take_offset(p, offset, t, UINT16_MAX) ||
        !take_words(p, t, words)) {
        return false;
    }
    if (t->number.from_beginning && t->number.from_end) {
        return rule_mistake(p, "from_beginning and from_end exclude each other");
    }
    if (t->number.align == 2 || span_find(words, 0, SPAN("align ")) != SPAN_NONE) {
        return rule_mistake(p, "align has no number here");
    }
    return check_n_bytes(p, t, 0);
}

/* Names the number that the test reads; what the tests before it read keeps its name. */
static bool name_variable(struct rule_parse *p, struct rule_test *t, struct span name)
{
    struct group_parse *g = p->group;
    int64_t number = 0;
    if (name.len == 0 || rule_number(name, &number)) {
        return rule_mistake(p, "'%s' is not a name", rule_shown(name).text);
    }
    if (rule_variable(g, name) > 0) {
        return rule_mistake(p, "'%s' is read twice", rule_shown(name).text);
    }
    if (g->n_variables == RULE_VARIABLES_MAX) {
        return rule_mistake(p, "more than %d variables of one buffer", RULE_VARIABLES_MAX);
    }
    g->variables[g->n_variables++] = name;
    t->number.variable = (uint8_t)g->n_variables;
    return true;
}

/* byte_extract:bytes,offset,name[,words] */
bool keyword_byte_extract(struct rule_parse *p, struct span value)
{
    struct rule_test *t = rule_test_add(p, RULE_BYTE_EXTRACT);
    if (t == NULL) {
        return false;
    }
    t->number = (struct rule_number){.mask = UINT64_MAX, .multiplier = 1};
    struct span bytes = span_trim(span_split(&value, ','));
    struct span offset = span_trim(span_split(&value, ','));
    struct span name = span_trim(span_split(&value, ','));
    if (!take_n_bytes(p, bytes, t) || !take_offset(p, offset, t, UINT16_MAX) ||
        !take_words(p, t, value)) {
        return false;
    }
    if (t->number.mask != UINT64_MAX || (t->number.text && t->number.little)) {
        return rule_mistake(p, "has no bitmask, and of text no order of bytes");
    }
    return check_n_bytes(p, t, 1) && name_variable(p, t, name);
}

static bool take_operation(struct rule_parse *p, struct span text, struct rule_number *n)
{
    static const struct {
        const char *sign;
        enum rule_operation operation;
    } operations[] = {
        {"+", RULE_ADD},    {"-", RULE_SUBTRACT},    {"*", RULE_MULTIPLY},
        {"/", RULE_DIVIDE}, {"<<", RULE_SHIFT_LEFT}, {">>", RULE_SHIFT_RIGHT},
    };
    for (size_t i = 0; i < ARRAY_LEN(operations); i++) {
        if (span_equal(text, span_str(operations[i].sign))) {
            n->operation = operations[i].operation;
            return true;
        }
    }
    return rule_mistake(p, "unknown operation '%s'", rule_shown(text).text);
}

/* One part of byte_math, "word value". */
static bool take_math_part(struct rule_parse *p, struct rule_test *t, struct span part,
                           struct span *ret_result)
{
    struct span argument = part;
    struct span word = span_split(&argument, ' ');
    argument = span_trim(argument);
    if (span_equal(word, SPAN("bytes"))) {
        return take_n_bytes(p, argument, t);
    }
    if (span_equal(word, SPAN("offset"))) {
        return take_offset(p, argument, t, UINT16_MAX);
    }
    if (span_equal(word, SPAN("oper"))) {
        return take_operation(p, argument, &t->number);
    }
    if (span_equal(word, SPAN("rvalue"))) { /* decimal */
        return (!span_starts_nocase(argument, SPAN("0x")) ||
                rule_mistake(p, "'%s' is not a number", rule_shown(argument).text)) &&
               take_value(p, argument, t) &&
               (t->number.value <= UINT32_MAX || rule_mistake(p, "the rvalue is too large"));
    }
    if (span_equal(word, SPAN("result"))) {
        *ret_result = argument;
        return true;
    }
    if (span_equal(word, SPAN("bitmask"))) { /* hexadecimal, with or without 0x */
        bool prefixed = span_starts_nocase(argument, SPAN("0x"));
        return (span_hex_to_u64(span_from(argument, prefixed ? 2 : 0), &t->number.mask) &&
                t->number.mask != 0 && t->number.mask <= UINT32_MAX) ||
               rule_mistake(p, "'%s' is not a mask", rule_shown(argument).text);
    }
    if (span_equal(word, SPAN("string"))) { /* "string hex" */
        t->number.base = 10;
        t->number.text = true;
        part = argument;
    } else if (span_equal(word, SPAN("endian"))) {
        part = argument;
    }
    return take_word(t, part) || rule_mistake(p, "unknown word '%s'", rule_shown(part).text);
}

/* byte_math:bytes N, offset N, oper SIGN, rvalue N, result NAME[, words] */
bool keyword_byte_math(struct rule_parse *p, struct span value)
{
    struct rule_test *t = rule_test_add(p, RULE_BYTE_EXTRACT);
    struct span result = {NULL, 0};
    if (t == NULL) {
        return false;
    }
    t->number = (struct rule_number){.mask = UINT64_MAX, .multiplier = 1};
    while (value.len > 0) {
        if (!take_math_part(p, t, span_trim(span_split(&value, ',')), &result)) {
            return false;
        }
    }
    if (t->number.operation == RULE_KEEP) {
        return rule_mistake(p, "the word 'oper' is missing");
    }
    if (t->relative && p->group->n_tests == 1 && p->group->buffer != BUFFER_PAYLOAD) {
        return rule_mistake(p, "nothing stands before it that it could be relative to");
    }
    return check_n_bytes(p, t, 1) && name_variable(p, t, result);
}
