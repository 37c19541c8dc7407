/* regex: libpcre2 (8 bit, just-in-time compiled where it can be) behind a small interface.
 *
 * A search is bounded three ways: by the match limit (backtracking steps; the compiled code counts
 * them coarsely), by the depth limit of the interpreter, and by a heap limit. What gave up is told
 * apart from what did not match, so that it can be counted. A loop over single characters that is
 * made possessive takes no backtracking steps, so it is not counted: the compiled code tries it
 * once for a text, but the interpreter, and any look-around, at every position. There loops are
 * left as they were written; one that its author wrote possessive is on his own account.
 *
 * Bytes are bytes: no UTF mode, and \w and friends mean ASCII whatever the locale. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "signatures/regex.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"

#include <pcre2.h>
#include <stdio.h>

enum { MATCH_LIMIT = 20000, DEPTH_LIMIT = 2000, HEAP_LIMIT_KIB = 1024, JIT_STACK = 256 * 1024 };

struct regex {
    pcre2_code *code;
};

struct regex_scratch {
    pcre2_match_context *context;
    pcre2_jit_stack *stack;
    pcre2_match_data *match;
};

static uint32_t pcre2_options(unsigned flags)
{
    static const struct {
        unsigned flag;
        uint32_t option;
    } map[] = {
        {REGEX_NOCASE, PCRE2_CASELESS},     {REGEX_DOTALL, PCRE2_DOTALL},
        {REGEX_MULTILINE, PCRE2_MULTILINE}, {REGEX_EXTENDED, PCRE2_EXTENDED},
        {REGEX_ANCHORED, PCRE2_ANCHORED},   {REGEX_DOLLAR_END, PCRE2_DOLLAR_ENDONLY},
        {REGEX_UNGREEDY, PCRE2_UNGREEDY},
    };
    uint32_t options = PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C;
    for (size_t i = 0; i < ARRAY_LEN(map); i++) {
        options |= flags & map[i].flag ? map[i].option : 0;
    }
    return options;
}

static bool looks_around(struct span pattern)
{
    return span_find(pattern, 0, SPAN("(?=")) != SPAN_NONE ||
           span_find(pattern, 0, SPAN("(?!")) != SPAN_NONE ||
           span_find(pattern, 0, SPAN("(?<")) != SPAN_NONE;
}

struct regex *regex_new(struct span pattern, unsigned flags, char ret_why[REGEX_WHY_SIZE])
{
    int error = 0;
    size_t at = 0;
    uint32_t options = pcre2_options(flags);
    struct regex *r = mem_alloc(sizeof(*r));
    if (r == NULL) {
        snprintf(ret_why, REGEX_WHY_SIZE, "out of memory");
        return NULL;
    }
    options |= looks_around(pattern) ? PCRE2_NO_AUTO_POSSESS : 0;
    r->code = pcre2_compile(pattern.data, pattern.len, options, &error, &at, NULL);
    if (r->code != NULL && pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE) != 0) {
        pcre2_code_free(r->code); /* no support for it here, or not for this expression */
        options |= PCRE2_NO_AUTO_POSSESS;
        r->code = pcre2_compile(pattern.data, pattern.len, options, &error, &at, NULL);
    }
    if (r->code == NULL) {
        char message[120] = "";
        (void)pcre2_get_error_message(error, (PCRE2_UCHAR *)message, sizeof(message));
        snprintf(ret_why, REGEX_WHY_SIZE, "%s at character %zu of '%.*s'", message, at,
                 (int)(pattern.len < 50 ? pattern.len : 50), (const char *)pattern.data);
        regex_free(&r);
        return NULL;
    }
    return r;
}

void regex_free(struct regex **r)
{
    if (*r == NULL) {
        return;
    }
    pcre2_code_free((*r)->code);
    mem_free(*r);
    *r = NULL;
}

struct regex_scratch *regex_scratch_new(void)
{
    struct regex_scratch *s = mem_alloc(sizeof(*s));
    if (s == NULL) {
        return NULL;
    }
    s->context = pcre2_match_context_create(NULL);
    s->stack = pcre2_jit_stack_create(32 * 1024, JIT_STACK, NULL);
    s->match = pcre2_match_data_create(2, NULL); /* the whole match, and the first group */
    if (s->context == NULL || s->stack == NULL || s->match == NULL) {
        regex_scratch_free(&s);
        return NULL;
    }
    pcre2_set_match_limit(s->context, MATCH_LIMIT);
    pcre2_set_depth_limit(s->context, DEPTH_LIMIT);
    pcre2_set_heap_limit(s->context, HEAP_LIMIT_KIB);
    pcre2_jit_stack_assign(s->context, NULL, s->stack);
    return s;
}

void regex_scratch_free(struct regex_scratch **s)
{
    if (*s == NULL) {
        return;
    }
    pcre2_match_data_free((*s)->match);
    pcre2_jit_stack_free((*s)->stack);
    pcre2_match_context_free((*s)->context);
    mem_free(*s);
    *s = NULL;
}

enum regex_result regex_find(const struct regex *r, struct regex_scratch *s, struct span text,
                             size_t from, size_t ret_range[2])
{
    static const uint8_t nothing[1];
    const uint8_t *subject = text.len > 0 ? text.data : nothing;
    int n = pcre2_match(r->code, subject, text.len, from, 0, s->match, s->context);
    if (n == PCRE2_ERROR_NOMATCH) {
        return REGEX_NO;
    }
    if (n < 0) {
        return REGEX_GAVE_UP;
    }
    const size_t *range = pcre2_get_ovector_pointer(s->match);
    ret_range[0] = range[0];
    ret_range[1] = range[1];
    return REGEX_YES;
}

unsigned regex_n_groups(const struct regex *r)
{
    uint32_t n = 0;
    (void)pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &n);
    return n;
}

bool regex_capture(const struct regex *r, struct regex_scratch *s, struct span text,
                   struct span *ret)
{
    size_t range[2];
    if (regex_find(r, s, text, 0, range) != REGEX_YES) {
        return false;
    }
    const size_t *ranges = pcre2_get_ovector_pointer(s->match);
    if (ranges[2] == PCRE2_UNSET || ranges[3] < ranges[2]) {
        return false;
    }
    *ret = span_sub(text, ranges[2], ranges[3] - ranges[2]);
    return true;
}
