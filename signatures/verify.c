/* verify: the tests of a rule's buffer against its bytes.
 *
 * Tests are tried in the order written. A test that is relative and fails sends the search back to
 * the one it is relative to, which then looks for its next match; a test that is not relative
 * would fail again wherever the others match, so its failure ends the search. That is what
 * Suricata does with its recursion; here the trail is an array, one entry a test. Where tests read
 * numbers for others (byte_extract), any test before may be why one fails, and each is gone back
 * to.
 *
 * What base64_decode decodes is asked by a search of its own, one level deep.
 *
 * Limits: 4,096 attempts and 4 MiB of bytes searched for one group in one buffer; 4 KiB of
 * what base64_decode decodes. */
#include "signatures/verify.h"

#include "sensor/base/bytes.h"
#include "sensor/base/sbuf.h"
#include "sensor/codec/base64.h"

enum { ATTEMPTS_MAX = 4096, SEARCHED_MAX = 4 << 20, DECODED_MAX = 4096 };

static const uint64_t NUMBER_MAX = UINT64_C(1) << 40;

/* One test's place on the trail. */
struct step {
    size_t base;   /* where the match before it ended */
    size_t parent; /* the test that says so, or SIZE_MAX */
    size_t next;   /* where its own search goes on when it is come back to */
};

struct search {
    const struct verify_view *view;
    struct regex_scratch *scratch;
    const struct rule_test *tests;
    struct step steps[RULE_TESTS_MAX + 1];
    uint64_t variables[RULE_VARIABLES_MAX];
    size_t searched;
    unsigned attempts;
    size_t n_tests;
    size_t at; /* the test at hand */
    bool has_variables;
    uint8_t *room; /* for what base64_decode decodes; NULL within that */
    struct verify_view decoded;
    bool gave_up;
};

/* A number of a test: its own, or what a variable holds; no more than sizes can be. */
static int64_t number_of(const struct search *s, const struct rule_test *t, enum rule_number_of of,
                         int64_t own)
{
    unsigned variable = t->variables[of];
    if (variable == 0) {
        return own;
    }
    uint64_t value = s->variables[variable - 1];
    return value < NUMBER_MAX ? (int64_t)value : (int64_t)NUMBER_MAX;
}

/* The range of the view's text in which a content must lie; empty when there is none. */
struct range {
    size_t from;
    size_t end;
};

/* An offset in the buffer as an offset in the view, pulled to its nearer end when outside. */
static size_t in_view(const struct verify_view *v, int64_t at)
{
    int64_t off = (int64_t)v->off;
    if (at <= off) {
        return 0;
    }
    return (uint64_t)(at - off) > v->text.len ? v->text.len : (size_t)(at - off);
}

static struct range content_range(const struct verify_view *v, const struct rule_content *c,
                                  size_t base)
{
    struct range r = {0, v->text.len};
    int64_t at = (int64_t)(v->off + base);
    if (c->starts) {
        r.end = in_view(v, (int64_t)c->bytes.len);
        return v->off > 0 ? (struct range){0, 0} : r;
    }
    if (c->has_distance || c->has_within) {
        int64_t from = at + c->distance;
        r.from = in_view(v, from);
        r.end = c->has_within ? in_view(v, from + c->within) : r.end;
        if (c->has_depth && in_view(v, at + c->depth) < r.end) {
            r.end = in_view(v, at + c->depth);
        }
        r.from = in_view(v, c->offset) > r.from ? in_view(v, c->offset) : r.from;
        return r;
    }
    r.from = in_view(v, c->offset);
    r.end = c->has_depth ? in_view(v, c->offset + c->depth) : r.end;
    return r;
}

static size_t find_bytes(struct span text, size_t from, const struct rule_content *c)
{
    return c->nocase ? span_find_nocase(text, from, c->bytes) : span_find(text, from, c->bytes);
}

/* The end of the content's first match at or after `from`, or SPAN_NONE. */
static size_t content_find(struct search *s, const struct rule_content *c, size_t base, size_t from)
{
    const struct verify_view *v = s->view;
    struct range r = content_range(v, c, base);
    from = from > r.from ? from : r.from;
    if (from > r.end || r.end - from < c->bytes.len || (c->ends && v->more)) {
        return SPAN_NONE;
    }
    struct span text = span_head(v->text, r.end);
    if (c->ends) {
        size_t last = v->text.len - c->bytes.len;
        from = last > from ? last : from;
        if (r.end < v->text.len) {
            return SPAN_NONE;
        }
    }
    size_t at = find_bytes(text, from, c);
    s->searched += (at == SPAN_NONE ? r.end : at + c->bytes.len) - from;
    return at == SPAN_NONE ? SPAN_NONE : at + c->bytes.len;
}

/* The content with its variables' values. */
static struct rule_content content_of(const struct search *s, const struct rule_test *t)
{
    struct rule_content c = t->content;
    c.offset = number_of(s, t, RULE_OF_OFFSET, c.offset);
    c.depth = number_of(s, t, RULE_OF_DEPTH, c.depth);
    c.distance = number_of(s, t, RULE_OF_DISTANCE, c.distance);
    c.within = number_of(s, t, RULE_OF_WITHIN, c.within);
    return c;
}

static bool try_content(struct search *s, size_t i)
{
    const struct rule_test *t = &s->tests[i];
    struct step *step = &s->steps[i];
    struct rule_content varied;
    const struct rule_content *c = &t->content;
    if (t->varies) {
        varied = content_of(s, t);
        c = &varied;
    }
    size_t end = content_find(s, c, step->base, step->next);
    if (t->negated) {
        return end == SPAN_NONE;
    }
    if (end == SPAN_NONE) {
        return false;
    }
    step->next = end - t->content.bytes.len + 1;
    s->steps[i + 1] = (struct step){end, i, 0};
    return true;
}

static bool try_pcre(struct search *s, size_t i)
{
    const struct rule_test *t = &s->tests[i];
    struct step *step = &s->steps[i];
    size_t base = t->relative ? step->base : 0;
    struct span text = span_from(s->view->text, base);
    size_t from = step->next > base ? step->next - base : 0;
    size_t range[2] = {0, 0};
    if (from > text.len) {
        return false;
    }
    enum regex_result r = regex_find(t->pcre.regex, s->scratch, text, from, range);
    s->searched += text.len - from;
    s->gave_up = s->gave_up || r == REGEX_GAVE_UP;
    if (t->negated || r != REGEX_YES) {
        return t->negated && r == REGEX_NO;
    }
    step->next = base + range[0] + 1;
    s->steps[i + 1] = (struct step){base + range[1], i, 0};
    return true;
}

/* Suricata's reading: an absolute N is the offset of a byte, a relative N a number of bytes. What
 * has not come yet is not there: of a stream the test is asked again when more has. */
static bool try_isdataat(const struct search *s, size_t i)
{
    const struct rule_test *t = &s->tests[i];
    const struct verify_view *v = s->view;
    uint64_t size = v->off + v->text.len;
    uint64_t n = (uint64_t)number_of(s, t, RULE_OF_OFFSET, (int64_t)t->size.low);
    bool there = t->relative ? v->off + s->steps[i].base + n <= size : n < size;
    return t->negated ? !there && !v->more : there;
}

bool verify_compare(enum rule_compare how, uint64_t value, uint64_t low, uint64_t high)
{
    switch (how) {
    case RULE_EQUAL:
        return value == low;
    case RULE_LESS:
        return value < low;
    case RULE_GREATER:
        return value > low;
    case RULE_LESS_EQUAL:
        return value <= low;
    case RULE_GREATER_EQUAL:
        return value >= low;
    case RULE_BETWEEN:
        return value > low && value < high;
    case RULE_BITS_AND:
        return (value & low) != 0;
    case RULE_BITS_XOR:
        return (value ^ low) != 0;
    }
    return false;
}

/* With an unknown end only "at least this many" can be known to hold. */
static bool try_bsize(const struct search *s, const struct rule_test *t)
{
    const struct verify_view *v = s->view;
    bool lower_bound = t->size.compare == RULE_GREATER || t->size.compare == RULE_GREATER_EQUAL;
    if (v->more && (t->negated || !lower_bound)) {
        return false;
    }
    return verify_compare(t->size.compare, v->off + v->text.len, t->size.low, t->size.high) !=
           t->negated;
}

/* A number that was read, and where it stood in the view. */
struct read {
    uint64_t value;
    size_t end;
};

/* The bytes that the number of a test is read from; false when they are not all in the view. */
static bool number_bytes(const struct search *s, size_t i, struct span *ret, size_t *ret_at)
{
    const struct rule_test *t = &s->tests[i];
    const struct span text = s->view->text;
    int64_t offset = number_of(s, t, RULE_OF_OFFSET, t->number.offset);
    int64_t n_bytes = number_of(s, t, RULE_OF_BYTES, t->number.n_bytes);
    int64_t at = t->relative ? (int64_t)s->steps[i].base + offset : offset - (int64_t)s->view->off;
    bool is_text = t->number.base != 0;
    if (at < 0 || n_bytes > (is_text ? RULE_DIGITS_MAX : RULE_BYTES_MAX) ||
        (uint64_t)at + (uint64_t)n_bytes > text.len || (t->relative && (uint64_t)at == text.len)) {
        return false;
    }
    *ret_at = (size_t)at;
    *ret = span_sub(text, *ret_at, is_text && n_bytes == 0 ? RULE_DIGITS_MAX : (size_t)n_bytes);
    return true;
}

static unsigned lowest_bit(uint64_t mask)
{
    unsigned n = 0;
    while (mask != 0 && (mask & 1) == 0) {
        mask >>= 1;
        n++;
    }
    return n;
}

/* White space, a sign and, of base 16, "0x" may stand before digits, as C's strtoull() has it. */
static size_t before_digits(struct span text, unsigned base)
{
    size_t n = 0;
    while (n < text.len && byte_is_space(text.data[n])) {
        n++;
    }
    n += span_at(text, n) == '+';
    bool prefixed = base == 16 && span_starts_nocase(span_from(text, n), SPAN("0x")) &&
                    byte_hex(span_at(text, n + 2)) >= 0;
    return prefixed ? n + 2 : n;
}

/* The number that digits at the start of the text spell, and where they end; false without any, and
 * when it is more than 64 bits. */
static bool digits_value(struct span text, unsigned base, struct read *ret)
{
    size_t from = before_digits(text, base);
    struct read r = {0, from};
    while (r.end < text.len) {
        int digit = byte_hex(text.data[r.end]);
        if (digit < 0 || (unsigned)digit >= base) {
            break;
        }
        if (r.value > (UINT64_MAX - (unsigned)digit) / base) {
            return false;
        }
        r.value = r.value * base + (unsigned)digit;
        r.end++;
    }
    *ret = r;
    return r.end > from;
}

static uint64_t masked(const struct rule_number *n, uint64_t value)
{
    return n->mask == UINT64_MAX ? value : (value & n->mask) >> lowest_bit(n->mask);
}

/* The number of test i as it stands there, and the offset in the view behind it. */
static bool read_number(const struct search *s, size_t i, struct read *ret)
{
    const struct rule_number *n = &s->tests[i].number;
    struct span bytes = {NULL, 0};
    struct read r = {0, 0};
    size_t at = 0;
    if (!number_bytes(s, i, &bytes, &at)) {
        return false;
    }
    if (n->base != 0) {
        if (!digits_value(bytes, n->base, &r)) {
            return false;
        }
    } else {
        for (; r.end < bytes.len; r.end++) {
            size_t k = n->little ? bytes.len - 1 - r.end : r.end;
            r.value = r.value << 8 | bytes.data[k];
        }
    }
    *ret = (struct read){r.value, at + r.end};
    return true;
}

/* What a number read is compared or combined with. */
static uint64_t right_side(const struct search *s, const struct rule_test *t)
{
    unsigned variable = t->variables[RULE_OF_VALUE];
    return variable > 0 ? s->variables[variable - 1] : t->number.value;
}

static bool try_byte_test(const struct search *s, size_t i)
{
    const struct rule_test *t = &s->tests[i];
    struct read r;
    return read_number(s, i, &r) && verify_compare(t->number.compare, masked(&t->number, r.value),
                                                   right_side(s, t), t->number.high) != t->negated;
}

static uint64_t aligned(const struct rule_number *n, uint64_t value)
{
    uint64_t over = n->align > 0 ? value % n->align : 0;
    return over > 0 ? value + n->align - over : value;
}

/* Where a byte_jump lands. Before the buffer is at its start; at its end is nothing to go on from.
 */
static bool landing(const struct verify_view *v, int64_t to, size_t *ret)
{
    if (to < 0 && v->off == 0) {
        to = 0;
    }
    if (to < 0 || (uint64_t)to > v->text.len || ((uint64_t)to == v->text.len && !v->more)) {
        return false;
    }
    *ret = (size_t)to;
    return true;
}

static bool try_byte_jump(struct search *s, size_t i)
{
    const struct rule_number *n = &s->tests[i].number;
    const struct verify_view *v = s->view;
    struct read r;
    if (!read_number(s, i, &r)) {
        return false;
    }
    uint64_t value = masked(n, r.value);
    if (value > UINT32_MAX || (n->from_end && v->more)) {
        return false;
    }
    int64_t from = n->from_beginning ? -(int64_t)v->off : (int64_t)r.end;
    from = n->from_end ? (int64_t)v->text.len : from;
    int64_t ahead = (int64_t)(aligned(n, value * n->multiplier) & INT64_MAX);
    size_t to = 0;
    if (ahead > (int64_t)NUMBER_MAX || !landing(v, from + ahead + n->post_offset, &to)) {
        return false;
    }
    s->steps[i + 1] = (struct step){to, i, 0};
    return true;
}

static bool combine(enum rule_operation how, uint64_t left, uint64_t right, uint64_t *ret)
{
    switch (how) {
    case RULE_KEEP:
        *ret = left;
        return true;
    case RULE_ADD:
        *ret = left + right;
        return true;
    case RULE_SUBTRACT:
        *ret = left - right;
        return true;
    case RULE_MULTIPLY:
        *ret = left * right;
        return true;
    case RULE_DIVIDE:
        *ret = right != 0 ? left / right : 0;
        return right != 0;
    case RULE_SHIFT_LEFT:
        *ret = right < 64 ? left << right : 0;
        return true;
    case RULE_SHIFT_RIGHT:
        *ret = right < 64 ? left >> right : 0;
        return true;
    }
    return false;
}

/* Reads a number for later tests; they go on behind it. byte_math's mask is of its result. */
static bool try_byte_extract(struct search *s, size_t i)
{
    const struct rule_test *t = &s->tests[i];
    const struct rule_number *n = &t->number;
    bool is_math = n->operation != RULE_KEEP;
    struct read r;
    uint64_t value = 0;
    if (!read_number(s, i, &r)) {
        return false;
    }
    r.value = is_math ? r.value : aligned(n, masked(n, r.value) * n->multiplier);
    if (!combine(n->operation, r.value, right_side(s, t), &value)) {
        return false;
    }
    s->variables[n->variable - 1] = is_math ? masked(n, value) : value;
    s->steps[i + 1] = (struct step){r.end, i, 0};
    return true;
}

/* The base64 at the start of a text: without the rest, and without what is not decoded. */
static struct span base64_head(struct span text)
{
    size_t n = 0;
    text = span_head(text, DECODED_MAX / 3 * 4);
    while (n < text.len &&
           (base64_value(BASE64_STANDARD, text.data[n]) >= 0 || byte_is_space(text.data[n]))) {
        n++;
    }
    return span_head(text, n);
}

/* Decodes; what the tests of base64_data are asked of is then s->decoded. */
static bool try_base64(struct search *s, size_t i)
{
    const struct rule_test *t = &s->tests[i];
    const struct verify_view *v = s->view;
    struct sbuf to = {.data = s->room, .room = DECODED_MAX, .cap = DECODED_MAX};
    struct base64 decoder = base64_start(BASE64_STANDARD);
    size_t from = t->relative ? s->steps[i].base : 0;
    if (s->room == NULL || (!t->relative && v->off > 0)) {
        return false;
    }
    struct span text = span_from(span_from(v->text, from), t->decode.offset);
    text = base64_head(span_head(text, t->decode.bytes));
    s->searched += text.len;
    base64_decode(&decoder, text, &to);
    base64_finish(&decoder, &to);
    s->decoded.text = sbuf_span(&to);
    return to.len > 0;
}

/* Carries out test i from where it stands. Tests that match at a place of their own set the step
 * after it; for the others it is handed on here. */
static bool attempt(struct search *s, size_t i)
{
    s->steps[i + 1] = (struct step){s->steps[i].base, s->steps[i].parent, 0};
    switch (s->tests[i].kind) {
    case RULE_CONTENT:
        return try_content(s, i);
    case RULE_PCRE:
        return try_pcre(s, i);
    case RULE_ISDATAAT:
        return try_isdataat(s, i);
    case RULE_BSIZE:
        return try_bsize(s, &s->tests[i]);
    case RULE_BYTE_TEST:
        return try_byte_test(s, i);
    case RULE_BYTE_JUMP:
        return try_byte_jump(s, i);
    case RULE_BYTE_EXTRACT:
        return try_byte_extract(s, i);
    case RULE_BASE64:
        return try_base64(s, i);
    }
    return false;
}

/* Whether another match of the test could be tried. */
static bool can_retry(const struct rule_test *t)
{
    return !t->negated && (t->kind == RULE_CONTENT || t->kind == RULE_PCRE);
}

/* The test that could be why test i failed: the one before it where it may have a number of that,
 * else the one at whose end it began; SIZE_MAX when there is none. */
static size_t cause_of(const struct search *s, size_t i, bool any)
{
    if (any) {
        return i > 0 ? i - 1 : SIZE_MAX;
    }
    return s->tests[i].relative ? s->steps[i].parent : SIZE_MAX;
}

/* The test to go back to after test i failed, or SIZE_MAX. */
static size_t back_from(const struct search *s, size_t i, bool any)
{
    do {
        i = cause_of(s, i, any);
    } while (i != SIZE_MAX && !can_retry(&s->tests[i]));
    return i;
}

/* Counts one more attempt; true when that was one too many. */
static bool is_spent(struct search *s)
{
    return ++s->attempts > ATTEMPTS_MAX || s->searched > SEARCHED_MAX;
}

/* The test at hand held, or not: which is next, or SIZE_MAX. */
static void step_on(struct search *s, bool held)
{
    s->at = held ? s->at + 1 : back_from(s, s->at, s->has_variables);
}

/* The tests that base64_decode hands on to, if there are any. */
static const struct rule_group *inner_of(const struct search *s)
{
    const struct rule_test *t = &s->tests[s->at];
    return t->kind == RULE_BASE64 ? t->decode.inner : NULL;
}

static void start(struct search *s, const struct rule_group *group, const struct verify_view *view)
{
    s->view = view;
    s->tests = group->tests;
    s->n_tests = group->n_tests;
    s->has_variables = group->has_variables;
    s->at = 0;
    s->steps[0] = (struct step){0, SIZE_MAX, 0};
}

/* Whether all tests of what was decoded hold; its work is the outer search's. */
static bool inner_holds(struct search *outer, const struct rule_group *group)
{
    struct search s = {
        .scratch = outer->scratch, .attempts = outer->attempts, .searched = outer->searched};
    start(&s, group, &outer->decoded);
    while (s.at < s.n_tests && !is_spent(&s)) {
        step_on(&s, attempt(&s, s.at));
    }
    outer->attempts = s.attempts;
    outer->searched = s.searched;
    outer->gave_up = outer->gave_up || s.gave_up;
    return s.at != SIZE_MAX && s.at >= s.n_tests;
}

enum verify_result verify_group(const struct rule_group *group, const struct verify_view *view,
                                struct regex_scratch *scratch)
{
    uint8_t room[DECODED_MAX];
    struct search s = {.scratch = scratch, .room = room};
    start(&s, group, view);
    while (s.at < s.n_tests) {
        if (is_spent(&s)) {
            return VERIFY_GAVE_UP;
        }
        bool held = attempt(&s, s.at);
        const struct rule_group *inner = held ? inner_of(&s) : NULL;
        step_on(&s, inner != NULL ? inner_holds(&s, inner) : held);
    }
    if (s.at == SIZE_MAX) {
        return s.gave_up ? VERIFY_GAVE_UP : VERIFY_NO;
    }
    return VERIFY_YES;
}
