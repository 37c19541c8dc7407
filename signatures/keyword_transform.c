/* keyword_transform: what is done to a buffer before it is looked at.
 *
 * Written as Suricata 8 documents it. A transform belongs to the sticky buffer before it and makes
 * a buffer of its own of it: the same buffer without it may stand in the same rule. Numbers that
 * another keyword would have to extract first are not taken. */
#include "sensor/base/bytes.h"
#include "signatures/rule_parse.h"

enum {
    BASE64_OFFSET_MAX = 65535,
    XOR_KEY_MAX = 255,
    INFLATED = 1024, /* where a rule does not say */
    INFLATED_MAX = 16 << 20
};

static const struct {
    const char *name;
    enum rule_transform transform;
} transforms[] = {
    {"dotprefix", TRANSFORM_DOTPREFIX},
    {"to_lowercase", TRANSFORM_TO_LOWERCASE},
    {"to_uppercase", TRANSFORM_TO_UPPERCASE},
    {"strip_whitespace", TRANSFORM_STRIP_WHITESPACE},
    {"compress_whitespace", TRANSFORM_COMPRESS_WHITESPACE},
    {"url_decode", TRANSFORM_URL_DECODE},
    {"header_lowercase", TRANSFORM_HEADER_LOWERCASE},
    {"strip_pseudo_headers", TRANSFORM_NONE},
    {"to_md5", TRANSFORM_TO_MD5},
    {"to_sha1", TRANSFORM_TO_SHA1},
    {"to_sha256", TRANSFORM_TO_SHA256},
};

static bool add_step(struct rule_parse *p, const struct rule_step *step)
{
    struct group_parse *g = p->group;
    if (p->n_mistakes > 0) {
        return false; /* the buffer it belongs to may be the one that is not known */
    }
    if (g != NULL && p->named && g->n_tests > 0 && g->outer == NULL) {
        g = p->group = rule_group_new(p, g->buffer);
    }
    if (g == NULL || g->n_tests > 0 || g->outer != NULL) {
        return rule_mistake(p, "stands behind a sticky buffer and before its first test");
    }
    if (g->n_transforms == RULE_TRANSFORMS_MAX) {
        return rule_mistake(p, "more than %d transforms", RULE_TRANSFORMS_MAX);
    }
    g->transforms[g->n_transforms++] = *step;
    return true;
}

bool keyword_is_transform(struct span name)
{
    bool is = false;
    for (size_t i = 0; i < ARRAY_LEN(transforms); i++) {
        is = is || span_equal_nocase(name, span_str(transforms[i].name));
    }
    return is;
}

bool keyword_transform(struct rule_parse *p, struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(transforms); i++) {
        if (span_equal_nocase(name, span_str(transforms[i].name))) {
            p->keyword = name;
            (void)add_step(p, &(struct rule_step){.how = transforms[i].transform});
            return true;
        }
    }
    return false;
}

static bool take_mode(struct rule_step *step, struct span name)
{
    static const struct {
        const char *name;
        enum rule_base64 mode;
    } modes[] = {{"rfc4648", RULE_BASE64_RFC4648},
                 {"rfc2045", RULE_BASE64_RFC2045},
                 {"strict", RULE_BASE64_STRICT}};
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        if (span_equal(name, span_str(modes[i].name))) {
            step->mode = modes[i].mode;
            return true;
        }
    }
    return false;
}

/* "bytes 8", "offset 2", "mode strict"; a colon may stand behind the word. */
static bool take_word(struct rule_step *step, struct span word, unsigned *seen)
{
    uint64_t n = 0;
    size_t end = 0;
    while (end < word.len && !byte_is_space(word.data[end]) && word.data[end] != ':') {
        end++;
    }
    struct span name = span_head(word, end);
    struct span value = span_trim(span_from(word, end));
    value = span_at(value, 0) == ':' ? span_trim(span_from(value, 1)) : value;
    unsigned bit = span_equal(name, SPAN("mode"))     ? 1
                   : span_equal(name, SPAN("offset")) ? 2
                   : span_equal(name, SPAN("bytes"))  ? 4
                                                      : 0;
    if (bit == 0 || (*seen & bit) != 0) {
        return false;
    }
    *seen |= bit;
    if (bit == 1) {
        return take_mode(step, value);
    }
    bool good =
        span_to_u64(value, &n) && (bit == 2 ? n <= BASE64_OFFSET_MAX : n > 0 && n <= UINT32_MAX);
    *(bit == 2 ? &step->offset : &step->bytes) = (uint32_t)n;
    return good;
}

/* base64_decode[:[bytes N][, offset N][, relative]], in any order: once in a buffer */
bool keyword_base64_decode(struct rule_parse *p, struct span value)
{
    struct rule_step step = {.bytes = UINT32_MAX};
    unsigned seen = 1; /* there is no mode */
    bool relative = false;
    while (value.len > 0) {
        struct span word = span_trim(span_split(&value, ','));
        if (span_equal(word, SPAN("relative"))) {
            relative = true;
        } else if (!take_word(&step, word, &seen)) {
            return rule_mistake(
                p, "'%s' is none of 'bytes 1' and more, 'offset 0' to %d and 'relative', each once",
                rule_shown(word).text, BASE64_OFFSET_MAX);
        }
    }
    for (size_t i = 0; p->group != NULL && i < p->group->n_tests; i++) {
        if (p->group->tests[i].kind == RULE_BASE64) {
            return rule_mistake(p, "stands there twice for one buffer");
        }
    }
    struct rule_test *t = rule_test_add(p, RULE_BASE64);
    if (t == NULL) {
        return false;
    }
    t->relative = relative;
    t->decode = (struct rule_decode){.bytes = step.bytes, .offset = step.offset};
    p->decoded = p->group;
    return true;
}

/* The buffer of what the base64_decode before it decoded. */
bool keyword_base64_data(struct rule_parse *p, struct span value)
{
    (void)value;
    struct group_parse *outer = p->decoded;
    if (outer == NULL) {
        return rule_mistake(p, "no base64_decode stands before it");
    }
    struct group_parse *g = rule_group_new(p, outer->buffer);
    if (g == NULL) {
        return false;
    }
    g->outer = outer;
    while (outer->tests[g->outer_test].kind != RULE_BASE64) {
        g->outer_test++;
    }
    p->decoded = NULL;
    p->group = g;
    p->named = true;
    p->last = NULL;
    return true;
}

/* from_base64[:[bytes N][, offset N][, mode rfc4648|rfc2045|strict]], in any order */
bool keyword_from_base64(struct rule_parse *p, struct span value)
{
    struct rule_step step = {.how = TRANSFORM_FROM_BASE64, .bytes = UINT32_MAX};
    unsigned seen = 0;
    while (value.len > 0) {
        struct span word = span_trim(span_split(&value, ','));
        if (!take_word(&step, word, &seen)) {
            return rule_mistake(p,
                                "'%s' is none of 'bytes 1' and more, 'offset 0' to %d, 'mode "
                                "rfc4648|rfc2045|strict', each once",
                                rule_shown(word).text, BASE64_OFFSET_MAX);
        }
    }
    return add_step(p, &step);
}

/* xor:"0d0ac8ff" */
bool keyword_xor(struct rule_parse *p, struct span value)
{
    uint8_t key[XOR_KEY_MAX];
    struct span digits;
    if (!rule_unquote(p, value, &digits)) {
        return false;
    }
    bool good = digits.len > 0 && digits.len % 2 == 0 && digits.len <= 2 * sizeof(key);
    for (size_t i = 0; good && i < digits.len / 2; i++) {
        int high = byte_hex(digits.data[2 * i]);
        int low = byte_hex(digits.data[2 * i + 1]);
        good = high >= 0 && low >= 0;
        key[i] = (uint8_t)(high * 16 + low);
    }
    if (!good) {
        return rule_mistake(p, "'%s' is not two hexadecimal digits for each of 1 to %d bytes",
                            rule_shown(digits).text, XOR_KEY_MAX);
    }
    struct span all = span_of(key, digits.len / 2);
    struct rule_step step = {.how = TRANSFORM_XOR,
                             .key = arena_copy(p->set->arena, all, all.len, NULL)};
    return step.key.len == all.len ? add_step(p, &step) : rule_mistake(p, "out of memory");
}

/* pcrexform:"(group)": what the one group of the expression captures */
bool keyword_pcrexform(struct rule_parse *p, struct span value)
{
    char why[REGEX_WHY_SIZE];
    struct span text;
    if (!rule_unquote(p, value, &text)) {
        return false;
    }
    struct rule_step step = {.how = TRANSFORM_PCREXFORM, .key = rule_pattern(p, text)};
    step.regex = step.key.len > 0 ? regex_new(step.key, 0, why) : NULL;
    if (step.regex == NULL) {
        return step.key.len > 0 && rule_mistake(p, "%s", why);
    }
    bool good =
        regex_n_groups(step.regex) == 1 ||
        rule_mistake(p, "wants one group that captures, not %u", regex_n_groups(step.regex));
    good = good && add_step(p, &step);
    if (!good) {
        regex_free(&step.regex);
    }
    return good;
}

/* "max-size 100", "max-size 10kb"; empty: what is usual. */
static bool add_inflate(struct rule_parse *p, enum rule_transform how, struct span value)
{
    struct rule_step step = {.how = how, .bytes = INFLATED};
    struct rule_size size = {.low = INFLATED};
    struct span number = value;
    bool negated = false;
    bool named = value.len == 0 || span_equal(span_split(&number, ' '), SPAN("max-size"));
    if (!named || (value.len > 0 && !rule_size(p, span_trim(number), &size, &negated))) {
        return !named && rule_mistake(p, "may be followed by 'max-size' and a number, not by '%s'",
                                      rule_shown(value).text);
    }
    if (size.compare != RULE_EQUAL || negated || size.low == 0 || size.low > INFLATED_MAX) {
        return rule_mistake(p, "a size is 1 to %d, not '%s'", INFLATED_MAX,
                            rule_shown(number).text);
    }
    step.bytes = (uint32_t)size.low;
    return add_step(p, &step);
}

/* gunzip[:max-size N] */
bool keyword_gunzip(struct rule_parse *p, struct span value)
{
    return add_inflate(p, TRANSFORM_GUNZIP, value);
}

/* zlib_deflate[:max-size N] */
bool keyword_zlib_deflate(struct rule_parse *p, struct span value)
{
    return add_inflate(p, TRANSFORM_ZLIB_DEFLATE, value);
}
