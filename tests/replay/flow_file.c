/* flow_file: reads a transcript of one flow and what a decoder must make of it.
 *
 * README.md beside this file describes the format. Every mistake in a transcript is an error with
 * its line: a fixture that is half understood would pass for the wrong reason. */
#include "tests/replay/flow_file.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "tests/replay/recorder.h"

#include <stdio.h>

enum { FILE_CAP = 4 << 20, BLOCK_CAP = 64 << 20 };

enum section { IN_PREFACE, IN_BLOCK, IN_EXPECTED };

struct reader {
    struct flow_file *file;
    struct errbuf *errors;
    size_t line_number;
    enum section section;
    enum direction dir;
    bool failed;
};

static void fail(struct reader *r, const char *why)
{
    errbuf_add(r->errors, "%s:%zu: %s", r->file->path, r->line_number, why);
    r->failed = true;
}

void steps_add(struct steps *steps, struct step step)
{
    if (steps->n == steps->room) {
        steps->room = steps->room > 0 ? steps->room * 2 : 16;
        steps->rows = mem_resize(steps->rows, steps->room * sizeof(steps->rows[0]));
        CHECK(steps->rows != NULL);
    }
    steps->rows[steps->n++] = step;
}

void steps_free(struct steps *steps)
{
    mem_free(steps->rows);
    *steps = (struct steps){0};
}

size_t steps_bytes(const struct steps *steps)
{
    size_t total = 0;
    for (size_t i = 0; i < steps->n; i++) {
        total += steps->rows[i].bytes.len;
    }
    return total;
}

/* One escape behind a backslash, *at on the byte after it; false when it is none. */
static bool add_escape(struct sbuf *out, struct span text, size_t *at)
{
    static const struct span letters = SPAN_LITERAL("rnt0\\\"");
    static const struct span values = SPAN_LITERAL("\r\n\t\0\\\"");
    uint8_t c = span_at(text, *at);
    if (c == 'x') {
        int high = byte_hex(span_at(text, *at + 1));
        int low = byte_hex(span_at(text, *at + 2));
        *at += 3;
        return high >= 0 && low >= 0 && sbuf_add_byte(out, (uint8_t)(high << 4 | low));
    }
    *at += 1;
    size_t which = span_find_byte(letters, 0, c);
    return which != SPAN_NONE && sbuf_add_byte(out, span_at(values, which));
}

static bool add_escaped(struct sbuf *out, struct span text)
{
    size_t at = 0;
    while (at < text.len) {
        uint8_t c = span_at(text, at++);
        bool fine = c == '\\' ? add_escape(out, text, &at) : sbuf_add_byte(out, c);
        if (!fine) {
            return false;
        }
    }
    return true;
}

static int base64_digit(uint8_t c)
{
    static const struct span alphabet =
        SPAN_LITERAL("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t at = span_find_byte(alphabet, 0, c);
    return at == SPAN_NONE ? -1 : (int)at;
}

static bool add_base64(struct sbuf *out, struct span text)
{
    unsigned bits = 0;
    unsigned n_bits = 0;
    for (size_t i = 0; i < text.len && span_at(text, i) != '='; i++) {
        int digit = base64_digit(span_at(text, i));
        if (digit < 0) {
            return false;
        }
        bits = (bits << 6 | (unsigned)digit) & 0xffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            if (!sbuf_add_byte(out, (uint8_t)(bits >> n_bits))) {
                return false;
            }
        }
    }
    return text.len > 0;
}

static bool add_repeated(struct sbuf *out, struct span text, uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        if (!add_escaped(out, text)) {
            return false;
        }
    }
    return true;
}

/* `!base64 TEXT` and `!repeat N TEXT`: bytes without a line end. */
static void read_directive(struct reader *r, struct sbuf *block, struct span line)
{
    struct span word = span_split(&line, ' ');
    uint64_t n = 0;
    bool fine = false;
    if (span_equal(word, SPAN("!base64"))) {
        fine = add_base64(block, line);
    } else if (span_equal(word, SPAN("!repeat"))) {
        fine = span_to_u64(span_split(&line, ' '), &n) && add_repeated(block, line, n);
    }
    if (!fine) {
        fail(r, "expected !base64 TEXT or !repeat N TEXT");
    }
}

static bool ends_in_lone_backslash(struct span line)
{
    size_t n = 0;
    while (n < line.len && span_at(line, line.len - 1 - n) == '\\') {
        n++;
    }
    return n % 2 == 1;
}

static void read_block_line(struct reader *r, struct span line)
{
    struct sbuf *block = &r->file->blocks[r->file->n_blocks - 1];
    if (span_at(line, 0) == '!') {
        read_directive(r, block, line);
        return;
    }
    bool joined = ends_in_lone_backslash(line);
    if (!add_escaped(block, span_head(line, line.len - (joined ? 1 : 0)))) {
        fail(r,
             "unknown escape (\\r \\n \\t \\0 \\\\ \\\" \\xHH, or a lone one at the line's end)");
    } else if (!joined) {
        sbuf_add_str(block, "\r\n");
    }
}

static void begin_block(struct reader *r, enum direction dir)
{
    struct flow_file *file = r->file;
    file->blocks = mem_resize(file->blocks, (file->n_blocks + 1) * sizeof(file->blocks[0]));
    CHECK(file->blocks != NULL);
    file->blocks[file->n_blocks++] = sbuf_with_cap(BLOCK_CAP);
    steps_add(&file->steps, (struct step){.kind = STEP_DATA, .dir = dir});
    r->dir = dir;
    r->section = IN_BLOCK;
}

/* `~~~ N`, `~~~> N`, `---`, `---<` …: without an arrow, the direction of the block before. */
static void read_event_line(struct reader *r, struct span line, enum step_kind kind)
{
    struct step step = {.kind = kind, .dir = r->dir};
    struct span rest = span_from(line, 3);
    if (span_at(rest, 0) == '>' || span_at(rest, 0) == '<') {
        step.dir = span_at(rest, 0) == '>' ? TO_SERVER : TO_CLIENT;
        rest = span_from(rest, 1);
    }
    rest = span_trim(rest);
    bool fine = kind == STEP_GAP ? span_to_u64(rest, &step.n_bytes) : rest.len == 0;
    if (!fine) {
        fail(r, "expected ~~~ N or ---, with > or < where it is not the last block's direction");
    }
    steps_add(&r->file->steps, step);
}

static bool set_limit(struct decoder_limits *limits, struct span name, uint64_t value)
{
    const struct {
        const char *name;
        size_t *at;
    } sizes[] = {
        {"line_bytes", &limits->line_bytes},
        {"head_bytes", &limits->head_bytes},
        {"inflate_bytes", &limits->inflate_bytes},
        {"inflate_ratio", &limits->inflate_ratio},
    };
    const struct {
        const char *name;
        unsigned *at;
    } numbers[] = {
        {"encoding_depth", &limits->encoding_depth},
        {"mime_depth", &limits->mime_depth},
        {"open_tx", &limits->open_tx},
        {"skip_responses", &limits->skip_responses},
    };
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        if (span_equal(name, span_str(sizes[i].name))) {
            *sizes[i].at = (size_t)value;
            return true;
        }
    }
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        if (span_equal(name, span_str(numbers[i].name))) {
            *numbers[i].at = (unsigned)value;
            return true;
        }
    }
    return false;
}

static bool set_close(struct flow_file *file, struct span value)
{
    static const char *const names[] = {"fin", "rst", "timeout", "evicted", "end_of_input"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (span_equal(value, span_str(names[i]))) {
            file->close = (enum close_reason)i;
            return true;
        }
    }
    return false;
}

static bool set_probe(struct flow_file *file, struct span value)
{
    static const char *const names[] = {"yes", "no", "any"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
        if (span_equal(value, span_str(names[i]))) {
            file->probe = (enum expect_probe)i;
            return true;
        }
    }
    return false;
}

static void read_option(struct reader *r, struct span line)
{
    struct flow_file *file = r->file;
    struct span name = span_split(&line, ' ');
    uint64_t value = 0;
    bool fine = false;
    if (span_equal(name, SPAN("midstream"))) {
        file->midstream = fine = line.len == 0;
    } else if (span_equal(name, SPAN("close"))) {
        fine = set_close(file, line);
    } else if (span_equal(name, SPAN("probe"))) {
        fine = set_probe(file, line);
    } else if (span_to_u64(line, &value)) {
        fine = set_limit(&file->limits, name, value);
        if (span_equal(name, SPAN("reading"))) {
            file->reading = (unsigned)value;
            fine = true;
        }
    }
    if (!fine) {
        fail(r, "unknown option or value");
    }
}

/* A quoted piece, "text" or "text"*N, *at on its opening quote. */
static bool add_quoted(struct sbuf *out, struct span line, size_t *at)
{
    size_t start = ++*at;
    while (*at < line.len && span_at(line, *at) != '"') {
        *at += span_at(line, *at) == '\\' ? 2 : 1;
    }
    if (*at >= line.len) {
        return false;
    }
    struct span text = span_sub(line, start, *at - start);
    uint64_t n = 1;
    *at += 1;
    if (span_at(line, *at) == '*') {
        size_t digits = *at + 1;
        *at = digits;
        while (byte_is_digit(span_at(line, *at))) {
            *at += 1;
        }
        if (!span_to_u64(span_sub(line, digits, *at - digits), &n)) {
            return false;
        }
    }
    return add_repeated(out, text, n);
}

/* Values of which a damaged play may give a piece. */
static void read_also(struct reader *r, struct span line)
{
    static const struct span apart = SPAN_LITERAL("\xff\0\xff");
    size_t at = 0;
    bool fine = span_at(line, 0) == '"' && add_quoted(&r->file->also, line, &at);
    sbuf_add(&r->file->also, apart);
    if (!fine || at != line.len) {
        fail(r, "expected a quoted value");
    }
}

/* Blanks collapsed, quoted pieces joined to one. */
static void read_expected_line(struct reader *r, struct span line)
{
    struct sbuf *out = &r->file->expected;
    struct sbuf value = sbuf_with_cap(BLOCK_CAP);
    bool quoted = false;
    size_t at = 0;
    while (at < line.len) {
        uint8_t c = span_at(line, at);
        if (c == '"') {
            quoted = true;
            if (!add_quoted(&value, line, &at)) {
                fail(r, "quoted text that does not end or has an unknown escape");
                break;
            }
            continue;
        }
        at++;
        if (quoted && c != ' ') {
            fail(r, "only more quoted text may follow quoted text");
            break;
        }
        bool doubled = c == ' ' && out->len > 0 && out->data[out->len - 1] == ' ';
        if (!quoted && !doubled) {
            sbuf_add_byte(out, c);
        }
    }
    if (quoted) {
        recorder_add_shown(out, sbuf_span(&value));
    }
    sbuf_add_byte(out, '\n');
    sbuf_free(&value);
    r->file->heads_listed = r->file->heads_listed ||
                            span_find(line, 0, SPAN("> head ")) != SPAN_NONE ||
                            span_find(line, 0, SPAN("< head ")) != SPAN_NONE;
}

static void begin_expected(struct reader *r, struct span line)
{
    r->section = IN_EXPECTED;
    r->file->bodies_only = span_equal(line, SPAN("=== bodies"));
    if (!r->file->bodies_only && !span_equal(line, SPAN("=== fields"))) {
        fail(r, "expected === fields or === bodies");
    }
}

static void read_line(struct reader *r, struct span line)
{
    bool comment = span_at(line, 0) == '#' || line.len == 0;
    if (r->section == IN_EXPECTED) {
        if (!comment) {
            read_expected_line(r, span_trim(line));
        }
    } else if (span_starts(line, SPAN("==="))) {
        begin_expected(r, line);
    } else if (span_equal(line, SPAN(">>>")) || span_equal(line, SPAN("<<<"))) {
        begin_block(r, span_at(line, 0) == '>' ? TO_SERVER : TO_CLIENT);
    } else if (span_starts(line, SPAN("~~~"))) {
        read_event_line(r, line, STEP_GAP);
    } else if (span_starts(line, SPAN("---"))) {
        read_event_line(r, line, STEP_END);
    } else if (r->section == IN_BLOCK) {
        read_block_line(r, line);
    } else if (span_starts(line, SPAN("option "))) {
        read_option(r, span_from(line, 7));
    } else if (span_starts(line, SPAN("also "))) {
        read_also(r, span_from(line, 5));
    } else if (!comment) {
        fail(r, "expected a comment, an option or a marker before the first block");
    }
}

static bool read_whole(const char *path, struct sbuf *text)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        return false;
    }
    uint8_t piece[4096];
    size_t n;
    while ((n = fread(piece, 1, sizeof(piece), f)) > 0) {
        sbuf_add(text, span_of(piece, n));
    }
    bool fine = ferror(f) == 0 && !text->cut;
    fclose(f);
    return fine;
}

/* Blocks are complete only now: their memory does not move any more. */
static void attach_blocks(struct flow_file *file)
{
    size_t block = 0;
    for (size_t i = 0; i < file->steps.n; i++) {
        if (file->steps.rows[i].kind == STEP_DATA) {
            file->steps.rows[i].bytes = sbuf_span(&file->blocks[block++]);
        }
    }
}

static const struct decoder_limits default_limits = {
    .line_bytes = 64 << 10,
    .head_bytes = 64 << 10,
    .inflate_bytes = 16 << 20,
    .inflate_ratio = 2000,
    .encoding_depth = 4,
    .mime_depth = 16,
    .open_tx = 64,
};

bool flow_file_read(struct flow_file *file, const char *path, struct errbuf *errors)
{
    struct sbuf text = sbuf_with_cap(FILE_CAP);
    *file = (struct flow_file){.path = path,
                               .limits = default_limits,
                               .also = sbuf_with_cap(BLOCK_CAP),
                               .expected = sbuf_with_cap(BLOCK_CAP)};
    struct reader r = {.file = file, .errors = errors};
    if (!read_whole(path, &text)) {
        fail(&r, "cannot be read");
    }
    struct span rest = sbuf_span(&text);
    while (rest.len > 0 && !r.failed) {
        r.line_number++;
        read_line(&r, span_split(&rest, '\n'));
    }
    if (!r.failed && (r.section != IN_EXPECTED || file->n_blocks == 0)) {
        fail(&r, "needs a block and what is expected of it");
    }
    attach_blocks(file);
    sbuf_free(&text);
    return !r.failed;
}

void flow_file_free(struct flow_file *file)
{
    for (size_t i = 0; i < file->n_blocks; i++) {
        sbuf_free(&file->blocks[i]);
    }
    mem_free(file->blocks);
    sbuf_free(&file->also);
    sbuf_free(&file->expected);
    steps_free(&file->steps);
    *file = (struct flow_file){0};
}
