/* persona_read: the text of a persona.
 *
 * Lines: a word, blanks, and what it stands for. "server", "greeting" and "host" are of the
 * persona; "page PATH STATUS [TYPE]" begins a page, to which "header NAME: VALUE" and lines of its
 * body belong, which begin with "|". A line may be empty or begin with "#", blanks in front of it
 * do not count. Reading ends at the first mistake. A header that says how long an answer is, or how
 * it is transferred, would be a lie, and is one. */
#include "sensor/base/arena.h"
#include "sensor/base/sbuf.h"
#include "sensor/decoy/persona.h"

struct reader {
    struct persona persona;
    struct persona_page pages[PERSONA_PAGES_MAX];
    struct sbuf headers; /* of the last page, as the next */
    struct sbuf body;
    struct arena *arena;
    const char *why; /* static; in words that follow the line's own */
};

static struct span keep(struct reader *r, struct span s)
{
    return arena_copy(r->arena, s, SIZE_MAX, NULL);
}

static bool wrong(struct reader *r, const char *why)
{
    r->why = why;
    return false;
}

/* The word in front, and what follows it. */
static struct span take_word(struct span *rest)
{
    struct span word = span_split(rest, ' ');
    *rest = span_trim(*rest);
    return word;
}

static void end_page(struct reader *r)
{
    if (r->persona.n_pages > 0) {
        struct persona_page *page = &r->pages[r->persona.n_pages - 1];
        page->headers = keep(r, sbuf_span(&r->headers));
        page->body = keep(r, sbuf_span(&r->body));
    }
    sbuf_reset(&r->headers);
    sbuf_reset(&r->body);
}

static bool set_once(struct reader *r, struct span *member, struct span value)
{
    if (member->len > 0) {
        return wrong(r, "is there twice");
    }
    if (value.len == 0) {
        return wrong(r, "has no value");
    }
    *member = keep(r, value);
    return true;
}

static bool take_page(struct reader *r, struct span value)
{
    uint64_t status = 0;
    struct span path = take_word(&value);
    struct span number = take_word(&value);
    if (span_at(path, 0) != '/' && span_at(path, 0) != '*') {
        return wrong(r, "has no path that begins with / or *");
    }
    if (!span_to_u64(number, &status) || status < 200 || status > 599) {
        return wrong(r, "has no status from 200 to 599");
    }
    if (r->persona.n_pages == PERSONA_PAGES_MAX) {
        return wrong(r, "is one too many: 64 are possible");
    }
    end_page(r);
    r->pages[r->persona.n_pages++] = (struct persona_page){
        .path = keep(r, path),
        .status = (unsigned)status,
        .type = keep(r, value),
    };
    return true;
}

static bool take_header(struct reader *r, struct span value)
{
    static const char *const ours[] = {"content-length", "transfer-encoding", "connection", "date",
                                       "server",         "content-type"};
    size_t colon = span_find_byte(value, 0, ':');
    struct span name = span_head(value, colon);
    if (r->persona.n_pages == 0) {
        return wrong(r, "belongs to no page");
    }
    if (colon == SPAN_NONE || !persona_is_name(name)) {
        return wrong(r, "is no NAME: VALUE");
    }
    for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
        if (span_equal_nocase(name, span_str(ours[i]))) {
            return wrong(r, "is one that the honeypot writes itself");
        }
    }
    (void)sbuf_add(&r->headers, value);
    (void)sbuf_add_str(&r->headers, "\r\n");
    return true;
}

static bool take_body(struct reader *r, struct span line)
{
    if (r->persona.n_pages == 0) {
        return wrong(r, "belongs to no page");
    }
    line = span_from(line, 1);
    line = span_at(line, 0) == ' ' ? span_from(line, 1) : line;
    (void)sbuf_add(&r->body, line);
    (void)sbuf_add_byte(&r->body, '\n');
    return true;
}

enum word { WORD_SERVER, WORD_GREETING, WORD_HOST, WORD_PAGE, WORD_HEADER, WORD_N };
static const char *const words[WORD_N] = {"server", "greeting", "host", "page", "header"};

static bool take_value(struct reader *r, enum word word, struct span value)
{
    switch (word) {
    case WORD_SERVER:
        return set_once(r, &r->persona.server, value);
    case WORD_GREETING:
        return set_once(r, &r->persona.greeting, value);
    case WORD_HOST:
        return set_once(r, &r->persona.host, value);
    case WORD_PAGE:
        return take_page(r, value);
    case WORD_HEADER:
        return take_header(r, value);
    case WORD_N:
        break;
    }
    return false;
}

/* Control characters would break lines that answers are made of. */
static bool is_clean(struct span line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.data[i] < ' ' || line.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool take_line(struct reader *r, struct span line, struct span *ret_word)
{
    *ret_word = span_of(NULL, 0);
    if (line.len > PERSONA_LINE_MAX) {
        return wrong(r, "the line is longer than 4096 bytes");
    }
    if (!is_clean(line)) {
        return wrong(r, "a control character");
    }
    if (line.len == 0 || line.data[0] == '#') {
        return true;
    }
    if (line.data[0] == '|') {
        *ret_word = SPAN("|");
        return take_body(r, line);
    }
    struct span value = line;
    *ret_word = take_word(&value);
    for (unsigned i = 0; i < WORD_N; i++) {
        if (span_equal(*ret_word, span_str(words[i]))) {
            return take_value(r, (enum word)i, value);
        }
    }
    return wrong(r, "is no word of a persona: server, greeting, host, page, header, |");
}

/* What is a limit of the whole. */
static bool check_sizes(struct reader *r)
{
    if (r->headers.len + r->body.len > PERSONA_PAGE_MAX) {
        return wrong(r, "the page is longer than 32 KiB");
    }
    return !arena_overflowed(r->arena) || wrong(r, "there is no memory for it");
}

static bool read_lines(struct reader *r, struct span text, const char *file, struct errbuf *err)
{
    size_t number = 0;
    while (text.len > 0) {
        struct span word;
        struct span line = span_split(&text, '\n');
        number++;
        line = span_ends(line, SPAN("\r")) ? span_head(line, line.len - 1) : line;
        while (span_at(line, 0) == ' ') {
            line = span_from(line, 1);
        }
        if (!take_line(r, line, &word) || !check_sizes(r)) {
            struct span shown = span_head(word, 40);
            errbuf_add(err, "%s:%zu: %s%.*s%s%s", file, number, shown.len > 0 ? "'" : "",
                       (int)shown.len, (const char *)shown.data, shown.len > 0 ? "' " : "", r->why);
            return false;
        }
    }
    return true;
}

static bool finish(struct reader *r)
{
    end_page(r);
    struct persona_page *pages =
        arena_alloc(r->arena, (r->persona.n_pages + 1) * sizeof(r->pages[0]));
    if (pages == NULL) {
        return false;
    }
    for (size_t i = 0; i < r->persona.n_pages; i++) {
        pages[i] = r->pages[i];
    }
    r->persona.pages = pages;
    return !arena_overflowed(r->arena);
}

bool persona_read(struct span text, const char *file, struct arena *arena,
                  struct persona *ret_persona, struct errbuf *err)
{
    struct reader *r = arena_alloc(arena, sizeof(*r));
    if (r == NULL) {
        errbuf_add(err, "%s: there is no memory for it", file);
        return false;
    }
    r->arena = arena;
    r->headers = sbuf_with_cap(PERSONA_PAGE_MAX + PERSONA_LINE_MAX + 2);
    r->body = sbuf_with_cap(PERSONA_PAGE_MAX + PERSONA_LINE_MAX + 2);
    if (span_starts(text, SPAN("\xef\xbb\xbf"))) {
        text = span_from(text, 3);
    }
    bool good = read_lines(r, text, file, err);
    if (good && !finish(r)) {
        errbuf_add(err, "%s: there is no memory for it", file);
        good = false;
    }
    if (good) {
        *ret_persona = r->persona;
    }
    sbuf_free(&r->headers);
    sbuf_free(&r->body);
    return good;
}
