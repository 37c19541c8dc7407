/* explain: the analyst's tool. What would the sensor say of this text?
 *
 * Texts are arguments, or lines of standard input; with --jsonl each line is a JSON object with a
 * "payload" and an "id" that is echoed. Answers are pages for a person, or one JSON object a line.
 * Neither rules nor configuration are loaded: a text is peeled and evaluated, nothing else.
 *
 * A line that cannot be used is one line on standard error, with its number; the next is taken, and
 * the exit code says so. Of many such lines only the first ones are told singly. */
#include "sensor/app/explain.h"

#include "sensor/app/explain_lines.h"
#include "sensor/app/explain_print.h"
#include "sensor/base/clock.h"
#include "sensor/base/log.h"
#include "sensor/codec/jsonread.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 64 << 20,
    ANSWER_CAP = 32 << 20,
    FLUSH_AT = 64 * 1024,
    TOLD_MAX = 20, /* bad lines told singly */
};

enum form { FORM_PAGE, FORM_JSON, FORM_JSONL };

struct task {
    enum form form;
    uint64_t time_us;
    struct explainer *explainer;
    struct lookup *lookup; /* tells the steps */
    struct sbuf answer;
    struct sbuf payload;
    struct sbuf id;
    uint64_t n_bad;
    uint64_t n_answers;
    uint64_t n_written; /* of them, those that the system has taken */
    size_t waiting;     /* bytes of the others */
    int error;          /* why one could not be written, as errno; 0 */
};

static void help(void)
{
    printf("Usage: jndiwatch explain [OPTION…] [TEXT…]\n\n"
           "Says what the sensor would say of a field that holds the text: which encodings were "
           "peeled off, how each look-up\n"
           "in it evaluates, whom JNDI would ask; and what Commons Text would run, resolve or "
           "fetch, if anything.\nWithout TEXT each line of standard input is one.\n\n"
           "  --json        answer with one JSON object a line\n"
           "  --jsonl       the same; each line of input is a JSON object with \"payload\", and "
           "\"id\" which is echoed\n"
           "  --time N      seconds since 1970 that the event has, for ${date:…} (default: now)\n"
           "  -h, --help    print this text\n\n"
           "Exit codes: 0 all was answered; 1 a line could not be used; 2 usage is wrong; 3 "
           "answers were lost.\n");
}

/* --- answers -----------------------------------------------------------------------------------
 */

/* Gives what waits to the system. */
static void flush(struct task *t)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        t->error = t->error != 0 ? t->error : errno;
        return;
    }
    t->n_written = t->n_answers;
    t->waiting = 0;
}

static void answer(struct task *t, struct span text, struct span id, bool id_is_text)
{
    struct explanations a;
    explainer_read(t->explainer, text, t->time_us, &a);
    t->n_answers++;
    if (t->form == FORM_PAGE) {
        explain_print_steps(&a, text, t->lookup, t->time_us, stdout);
        flush(t);
        return;
    }
    explain_print_json(&a, id, id_is_text, &t->answer);
    t->error = fwrite(t->answer.data, 1, t->answer.len, stdout) < t->answer.len ? errno : t->error;
    t->waiting += t->answer.len;
    if (t->waiting >= FLUSH_AT) {
        flush(t);
    }
}

static void answer_numbered(struct task *t, struct span text, uint64_t number)
{
    char id[24];
    int len = snprintf(id, sizeof(id), "%" PRIu64, number);
    answer(t, text, span_of(id, (size_t)len), false);
}

/* --- lines -------------------------------------------------------------------------------------
 */

static void bad_line(struct task *t, uint64_t number, const char *why, size_t off)
{
    if (t->n_bad++ >= TOLD_MAX) {
        return;
    }
    log_error("cannot read line %" PRIu64 " of 'stdin': %s (byte %zu). A line is a JSON object "
              "with a string \"payload\"",
              number, why, off);
}

/* The members of a line that are asked for. */
struct row {
    bool has_payload;
    bool id_is_text;
    struct span id; /* NULL without one */
};

static bool is_key(struct task *t, struct span key, const char *name)
{
    if (span_find_byte(key, 0, '\\') == SPAN_NONE) {
        return span_equal(key, span_str(name));
    }
    sbuf_reset(&t->answer); /* nothing stands in it yet */
    jsonread_unescape(key, &t->answer);
    return span_equal(sbuf_span(&t->answer), span_str(name));
}

/* Takes a member; false, with the reason, when it cannot be what it should be. */
static const char *take_member(struct task *t, const struct jsonread_member *m, struct row *row)
{
    if (is_key(t, m->key, "payload")) {
        if (m->kind != JSONREAD_STRING) {
            return "\"payload\" is no string";
        }
        sbuf_reset(&t->payload);
        jsonread_unescape(m->value, &t->payload);
        row->has_payload = true;
    } else if (is_key(t, m->key, "id")) {
        uint8_t first = span_at(m->value, 0);
        if (m->kind == JSONREAD_OTHER && (first == '{' || first == '[')) {
            return "\"id\" is no string and no number";
        }
        row->id_is_text = m->kind == JSONREAD_STRING;
        sbuf_reset(&t->id);
        if (row->id_is_text) {
            jsonread_unescape(m->value, &t->id);
        } else {
            sbuf_add(&t->id, m->value);
        }
        row->id = sbuf_span(&t->id);
    }
    return NULL;
}

static void answer_row(struct task *t, struct span line, uint64_t number)
{
    struct jsonread r = {.text = line};
    struct row row = {.id = SPAN("null")};
    struct jsonread_member m;
    const char *why = NULL;
    r.off = number == 1 && span_starts(line, SPAN("\xef\xbb\xbf")) ? 3 : 0;
    while (why == NULL && jsonread_next(&r, &m)) {
        why = take_member(t, &m, &row);
    }
    why = why == NULL ? r.error : why;
    why = why == NULL && !row.has_payload ? "no \"payload\"" : why;
    if (span_trim(line).len == 0) {
        why = "an empty line";
    }
    if (why != NULL) {
        bad_line(t, number, why, r.off);
        return;
    }
    answer(t, sbuf_span(&t->payload), row.id, row.id_is_text);
}

static void answer_lines(struct task *t, struct lines *in)
{
    struct span line;
    enum lines_result r = lines_next(in, &line);
    for (; (r == LINES_LINE || r == LINES_TOO_LONG) && t->error == 0; r = lines_next(in, &line)) {
        uint64_t number = lines_number(in);
        if (r == LINES_TOO_LONG) {
            bad_line(t, number, "longer than 64 MiB", line.len);
        } else if (t->form == FORM_JSONL) {
            answer_row(t, line, number);
        } else {
            answer_numbered(t, line, number);
        }
    }
    if (r == LINES_FAILED) {
        log_error("cannot read 'stdin' beyond line %" PRIu64 ": %s", lines_number(in),
                  strerror(errno));
        t->n_bad++;
    } else if (lines_number(in) == 0) {
        log_error("'stdin' is empty (0 bytes). Give texts as arguments, or lines of them on it");
        t->n_bad++;
    }
    if (t->n_bad > TOLD_MAX) {
        log_error("cannot read %" PRIu64 " more lines of 'stdin'", t->n_bad - TOLD_MAX);
    }
}

/* --- the command -------------------------------------------------------------------------------
 */

static bool take_time(struct task *t, const char *word)
{
    uint64_t seconds = 0;
    if (word == NULL || !span_to_u64(span_str(word), &seconds) || seconds > UINT32_MAX) {
        log_error("--time '%s' is not a number of seconds since 1970; example: --time 1639139696",
                  word == NULL ? "" : word);
        return false;
    }
    t->time_us = seconds * 1000000;
    return true;
}

/* Reads options up to the first text; its place, or -1 when one is wrong, 0 when all is done. */
static int parse(struct task *t, int argc, char **argv)
{
    int at = 1;
    for (; at < argc && argv[at][0] == '-' && argv[at][1] != '\0'; at++) {
        struct span word = span_str(argv[at]);
        if (span_equal(word, SPAN("--"))) {
            return at + 1;
        }
        if (span_equal(word, SPAN("--json"))) {
            t->form = FORM_JSON;
        } else if (span_equal(word, SPAN("--jsonl"))) {
            t->form = FORM_JSONL;
        } else if (span_equal(word, SPAN("--time"))) {
            at++;
            if (!take_time(t, at < argc ? argv[at] : NULL)) {
                return -1;
            }
        } else if (span_equal(word, SPAN("--help")) || span_equal(word, SPAN("-h"))) {
            help();
            return 0;
        } else {
            log_error("unknown option '%s'; jndiwatch explain --help lists all, -- ends them",
                      argv[at]);
            return -1;
        }
    }
    if (at < argc && t->form == FORM_JSONL) {
        log_error("--jsonl reads standard input, and '%s' is a text; use --json", argv[at]);
        return -1;
    }
    return at;
}

static void task_free(struct task *t)
{
    explainer_free(&t->explainer);
    lookup_free(&t->lookup);
    sbuf_free(&t->answer);
    sbuf_free(&t->payload);
    sbuf_free(&t->id);
}

static enum exit_code finish(struct task *t)
{
    flush(t);
    if (t->error != 0) {
        log_error("cannot write 'stdout': %s; %" PRIu64
                  " answers were written, all behind them are "
                  "lost",
                  strerror(t->error), t->n_written);
        return EXIT_OUTPUT_LOST;
    }
    return t->n_bad > 0 ? EXIT_INPUT_INCOMPLETE : EXIT_ALL_DONE;
}

enum exit_code explain(int argc, char **argv)
{
    struct task t = {.time_us = clock_wall_us()};
    int first = parse(&t, argc, argv);
    if (first <= 0) {
        return first < 0 ? EXIT_NOT_STARTED : finish(&t);
    }
    t.explainer = explainer_new();
    t.lookup = lookup_new();
    t.answer = sbuf_with_cap(ANSWER_CAP);
    t.payload = sbuf_with_cap(LINE_MAX_BYTES);
    t.id = sbuf_with_cap(LINE_MAX_BYTES);
    struct lines *in = lines_new(STDIN_FILENO, LINE_MAX_BYTES);
    enum exit_code code = EXIT_NOT_STARTED;
    if (t.explainer == NULL || t.lookup == NULL || in == NULL) {
        log_error("out of memory");
    } else {
        for (int i = first; i < argc && t.error == 0; i++) {
            answer_numbered(&t, span_str(argv[i]), (uint64_t)(i - first + 1));
        }
        if (first == argc) {
            answer_lines(&t, in);
        }
        code = finish(&t);
    }
    lines_free(&in);
    task_free(&t);
    return code;
}
