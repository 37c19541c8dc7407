/* Tests of sensor/output/writer, outlet and sink_file: one order, whole lines, every loss counted.
 */
#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/output/outlet_line.h"
#include "sensor/output/rotate.h"
#include "sensor/output/shorten.h"
#include "sensor/output/sink_file.h"
#include "sensor/output/writer.h"
#include "tests/unit/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What a sink that remembers does with the lines it is given. */
enum mood {
    TAKES,
    LOSES,       /* all of a block */
    AWAY,        /* all are to be given again */
    TAKES_FIRST, /* the first line; the rest is to be given again */
};

/* Lines are given by one thread, and looked at by the other when that has ended or waits. */
struct sink {
    char text[64 * 1024];
    size_t len;
    _Atomic int mood;
    _Atomic size_t n_tries;
};

static struct sink memory;

static int memory_open(const struct sink_options *options, struct sink **ret_sink,
                       struct errbuf *err)
{
    (void)options;
    (void)err;
    memory = (struct sink){0};
    *ret_sink = &memory;
    return 0;
}

static size_t remember(struct sink *s, struct span lines)
{
    CU_ASSERT_FATAL(lines.len <= sizeof(s->text) - s->len);
    bytes_copy(s->text + s->len, lines.data, lines.len);
    s->len += lines.len;
    return lines.len;
}

static int memory_write(struct sink *s, const struct sink_block *block,
                        struct sink_result *ret_result)
{
    atomic_fetch_add(&s->n_tries, 1);
    switch ((enum mood)atomic_load(&s->mood)) {
    case TAKES:
        remember(s, block->lines);
        ret_result->n_written = block->n_lines;
        return 0;
    case LOSES:
        ret_result->n_lost = block->n_lines;
        return -ENOSPC;
    case AWAY:
        return -ECONNREFUSED;
    case TAKES_FIRST:
        remember(s, span_head(block->lines, span_find_byte(block->lines, 0, '\n') + 1));
        ret_result->n_written = 1;
        return block->n_lines > 1 ? -EAGAIN : 0;
    }
    return -EINVAL;
}

static int memory_flush(struct sink *s)
{
    (void)s;
    return 0;
}

static int memory_reopen(struct sink *s, struct errbuf *err)
{
    (void)err;
    remember(s, SPAN("|"));
    return 0;
}

static void memory_close(struct sink **s)
{
    *s = NULL;
}

static const struct sink_ops sink_memory = {
    .name = "memory",
    .open = memory_open,
    .write = memory_write,
    .flush = memory_flush,
    .reopen = memory_reopen,
    .close = memory_close,
};

static struct event *event_of(uint64_t clock_us, uint64_t flow, uint64_t seq, const char *text)
{
    size_t len = strlen(text);
    struct event *e = mem_alloc(sizeof(*e) + len);
    e->key = (struct event_key){clock_us, flow, seq};
    e->type = EVENT_ALERT;
    e->len = len;
    bytes_copy(e->json, text, len);
    return e;
}

static char empty[] = "";
static char m[] = "m";
static const struct config_output plain = {
    .type = empty, .target = m, .prefix = empty, .queue = 1 << 20, .timeout = 100000};

static struct writer *writer_of(const struct writer_options *options, unsigned types,
                                const struct config_output *config)
{
    struct writer *w = NULL;
    struct errbuf err = {0};
    struct outlet_options o = {
        .ops = &sink_memory, .config = config, .name = "m", .host = "h", .types = types};
    CU_ASSERT_EQUAL_FATAL(writer_new(options, &w), 0);
    CU_ASSERT_EQUAL(writer_add_output(w, &o, &err), 0);
    CU_ASSERT_EQUAL(writer_start(w), 0);
    return w;
}

static struct writer *writer_with(unsigned n_producers, bool threaded, unsigned types)
{
    struct writer_options o = {.n_producers = n_producers, .queue = 4, .threaded = threaded};
    return writer_of(&o, types, &plain);
}

/* Ends the writer; its figures, and whether the output has exactly this text. */
static struct outlet_stats end(struct writer **w, const char *text)
{
    struct outlet_stats stats = {0};
    writer_end(*w);
    CU_ASSERT(writer_output_stats(*w, 0, &stats));
    writer_free(w);
    if (text != NULL) {
        CU_ASSERT(span_equal(span_of(memory.text, memory.len), span_str(text)));
        if (!span_equal(span_of(memory.text, memory.len), span_str(text))) {
            printf("\n  got '%.*s'\n", (int)memory.len, memory.text);
        }
    }
    return stats;
}

static void nothing_is_written_before_all_producers_promised(void)
{
    struct writer *w = writer_with(2, false, ~0u);
    writer_put(w, 0, event_of(10, 1, 0, "c"));
    writer_advance(w, 0, 100);
    writer_flush(w);
    CU_ASSERT_EQUAL(memory.len, 0);
    writer_put(w, 1, event_of(5, 9, 0, "a"));
    writer_put(w, 1, event_of(10, 0, 1, "b"));
    writer_advance(w, 1, 10);
    writer_flush(w);
    CU_ASSERT_NSTRING_EQUAL(memory.text, "a\n", 2);
    CU_ASSERT_EQUAL(memory.len, 2);
    struct outlet_stats stats = end(&w, "a\nb\nc\n");
    CU_ASSERT_EQUAL(stats.written, 3);
    CU_ASSERT_EQUAL(stats.lost, 0);
}

static void flows_of_one_time_are_written_as_far_as_all_promised(void)
{
    struct writer *w = writer_with(2, false, ~0u);
    writer_put(w, 0, event_of(10, 1, 0, "a"));
    writer_put(w, 0, event_of(10, 3, 0, "c"));
    writer_advance_flow(w, 0, 10, 3);
    writer_advance(w, 1, 10);
    writer_flush(w);
    CU_ASSERT_EQUAL(memory.len, 0);
    writer_put(w, 1, event_of(10, 2, 0, "b"));
    writer_advance_flow(w, 1, 10, 2);
    writer_flush(w);
    CU_ASSERT_EQUAL(memory.len, 2);
    writer_advance_flow(w, 1, 10, UINT64_MAX);
    writer_flush(w);
    CU_ASSERT_EQUAL(memory.len, 4);
    writer_put(w, 1, event_of(10, UINT64_MAX, 0, "d"));
    writer_advance(w, 0, UINT64_MAX);
    writer_flush(w);
    CU_ASSERT_EQUAL(memory.len, 6);
    (void)end(&w, "a\nb\nc\nd\n");
}

static void equal_times_are_ordered_by_flow_and_number(void)
{
    struct writer *w = writer_with(1, false, ~0u);
    writer_put(w, 0, event_of(7, 2, 0, "d"));
    writer_put(w, 0, event_of(7, 1, 1, "b"));
    writer_put(w, 0, event_of(7, 1, 2, "c"));
    writer_put(w, 0, event_of(7, 1, 0, "a"));
    (void)end(&w, "a\nb\nc\nd\n");
}

static void a_thread_loses_nothing_when_queues_are_full(void)
{
    struct writer *w = writer_with(2, true, ~0u);
    for (uint64_t i = 0; i < 200; i++) {
        writer_put(w, (unsigned)(i % 2), event_of(i, 1, i, "x"));
        writer_advance(w, (unsigned)(i % 2), i);
    }
    struct outlet_stats stats = end(&w, NULL);
    CU_ASSERT_EQUAL(stats.written, 200);
    CU_ASSERT_EQUAL(memory.len, 400);
}

static void types_not_wanted_are_left_out(void)
{
    struct writer *w = writer_with(1, false, 1u << EVENT_STATS);
    writer_put(w, 0, event_of(1, 1, 0, "x"));
    struct outlet_stats stats = end(&w, "");
    CU_ASSERT_EQUAL(stats.written, 0);
    CU_ASSERT_EQUAL(stats.lost, 0);
}

#define LOSS(micros, n)                                                                            \
    "{\"timestamp\":\"1970-01-01T00:00:00." micros "+0000\",\"event_type\":\"anomaly\","           \
    "\"host\":\"h\",\"anomaly\":{\"type\":\"output\",\"event\":\"EVENTS_LOST\"},\"metadata\":{"    \
    "\"flowints\":{\"events_lost\":" n "},\"flowvars\":[{\"output\":\"m\"}]}}\n"

static void every_lost_record_is_counted_and_told(void)
{
    struct writer *w = writer_with(1, false, ~0u);
    atomic_store(&memory.mood, LOSES);
    writer_put(w, 0, event_of(1, 1, 0, "x"));
    writer_put(w, 0, event_of(2, 1, 1, "y"));
    writer_advance(w, 0, 3);
    writer_flush(w);
    atomic_store(&memory.mood, TAKES);
    writer_put(w, 0, event_of(4, 1, 2, "z"));
    struct outlet_stats stats = end(&w, "z\n" LOSS("000002", "2"));
    CU_ASSERT_EQUAL(stats.lost, 2);
    CU_ASSERT_EQUAL(stats.written, 1);
    CU_ASSERT_EQUAL(stats.error, ENOSPC);
}

static void what_is_not_taken_is_given_again(void)
{
    struct writer *w = writer_with(1, false, ~0u);
    atomic_store(&memory.mood, TAKES_FIRST);
    for (uint64_t i = 0; i < 5; i++) {
        writer_put(w, 0, event_of(i, 1, i, (const char *const[]){"a", "b", "c", "d", "e"}[i]));
    }
    struct outlet_stats stats = end(&w, "a\nb\nc\nd\ne\n");
    CU_ASSERT_EQUAL(stats.written, 5);
    CU_ASSERT_EQUAL(stats.lost, 0);
    CU_ASSERT_EQUAL(atomic_load(&memory.n_tries), 5);
}

static void files_wait_for_an_output_that_is_away_but_not_for_ever(void)
{
    for (int threaded = 0; threaded < 2; threaded++) {
        struct writer *w = writer_with(1, threaded == 1, ~0u);
        atomic_store(&memory.mood, AWAY);
        for (uint64_t i = 0; i < 100; i++) {
            writer_put(w, 0, event_of(i, 1, i, "x"));
        }
        struct outlet_stats stats = end(&w, "");
        CU_ASSERT_EQUAL(stats.written, 0);
        CU_ASSERT_EQUAL(stats.lost, 100);
        CU_ASSERT(atomic_load(&memory.n_tries) >= 2);
    }
}

/* Waits, without a sleep, until the output's thread has tried that often. */
static void wait_for_tries(size_t n)
{
    while (atomic_load(&memory.n_tries) < n) {
        (void)poll(NULL, 0, 1);
    }
}

static void live_capture_never_waits(void)
{
    const struct config_output small = {
        .type = empty, .target = m, .prefix = empty, .queue = 4096, .timeout = 3600000000};
    struct writer_options o = {.n_producers = 1, .queue = 16, .may_drop = true};
    struct writer *w = writer_of(&o, ~0u, &small);
    struct outlet_stats stats;
    char text[1025];
    (void)snprintf(text, sizeof(text), "%01024d", 0);
    atomic_store(&memory.mood, AWAY);
    for (uint64_t i = 0; i < 10; i++) {
        writer_put(w, 0, event_of(i, 1, i, text));
        writer_advance(w, 0, i + 1);
        writer_flush(w);
        wait_for_tries(1); /* the first block is with the sink: what follows finds it there */
    }
    CU_ASSERT(writer_output_stats(w, 0, &stats));
    CU_ASSERT_EQUAL(stats.lost, 7); /* 1025 bytes each: three are within 4096 */
    CU_ASSERT_EQUAL(stats.written, 0);
    atomic_store(&memory.mood, TAKES);
    stats = end(&w, NULL);
    CU_ASSERT_EQUAL(stats.written, 3);
    CU_ASSERT_EQUAL(stats.lost, 7);
    const char *loss = LOSS("000009", "7");
    CU_ASSERT_EQUAL_FATAL(memory.len, 3 * 1025 + strlen(loss));
    CU_ASSERT_NSTRING_EQUAL(memory.text + 1025, loss, strlen(loss));
}

static void live_capture_ends_though_an_output_is_away(void)
{
    struct writer_options o = {.n_producers = 1, .queue = 16, .may_drop = true};
    struct writer *w = writer_of(&o, ~0u, &plain);
    atomic_store(&memory.mood, AWAY);
    writer_put(w, 0, event_of(1, 1, 0, "x"));
    struct outlet_stats stats = end(&w, "");
    CU_ASSERT_EQUAL(stats.lost, 1);
}

static void outputs_do_not_share_losses(void)
{
    struct writer *w = writer_with(1, false, 1u << EVENT_ALERT);
    struct errbuf err = {0};
    struct outlet_stats stats;
    char full[] = "/dev/full";
    struct config_output config = plain;
    config.target = full;
    struct outlet_options o = {
        .ops = &sink_file, .config = &config, .name = "full", .host = "", .types = ~0u};
    CU_ASSERT_EQUAL(writer_add_output(w, &o, &err), 0);
    writer_put(w, 0, event_of(1, 1, 0, "x"));
    writer_end(w);
    CU_ASSERT(writer_output_stats(w, 0, &stats));
    CU_ASSERT_EQUAL(stats.written, 1);
    CU_ASSERT(writer_output_stats(w, 1, &stats));
    CU_ASSERT_EQUAL(stats.lost, 1);
    CU_ASSERT_STRING_EQUAL(stats.name, "full");
    CU_ASSERT_STRING_EQUAL(writer_output_why(w, 1), "No space left on device");
    CU_ASSERT_FALSE(writer_output_stats(w, 2, &stats));
    writer_free(&w);
}

/* --- the file
 * ----------------------------------------------------------------------------------------- */

struct spot {
    char dir[64];
    char path[96];
};

static struct spot place_new(void)
{
    struct spot p = {.dir = "/tmp/jndiwatch-sink-XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p.dir));
    (void)snprintf(p.path, sizeof(p.path), "%s/eve.json", p.dir);
    return p;
}

static void place_free(struct spot *p)
{
    unlink(p->path);
    rmdir(p->dir);
}

/* The sink of a file; NULL when it could not be opened. The target outlives it. */
static struct sink *open_file(char *target, struct errbuf *err)
{
    static struct config_output config; /* lint: of the test at hand */
    static struct sink_options options; /* lint: of the test at hand */
    struct sink *s = NULL;
    config = plain;
    config.target = target;
    options = (struct sink_options){.config = &config, .host = "", .may_wait = true};
    return sink_file.open(&options, &s, err) == 0 ? s : NULL;
}

static int give(struct sink *s, const char *lines, uint64_t clock_us, struct sink_result *ret)
{
    struct sink_block block = {.lines = span_str(lines), .clock_us = clock_us};
    for (const char *at = lines; *at != '\0'; at++) {
        block.n_lines += *at == '\n';
    }
    *ret = (struct sink_result){0};
    return sink_file.write(s, &block, ret);
}

static void write_raw(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(text, f);
    fclose(f);
}

static void file_holds(const char *path, const char *expected)
{
    char text[512] = "";
    FILE *f = fopen(path, "re");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    size_t n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    CU_ASSERT_EQUAL(n, strlen(expected));
    CU_ASSERT_STRING_EQUAL(text, expected);
}

static void a_broken_last_line_is_ended_first(void)
{
    struct spot p = place_new();
    struct errbuf err = {0};
    struct sink_result r;
    write_raw(p.path, "{\"a\":1}\n{\"bro");
    struct sink *s = open_file(p.path, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(give(s, "{}\n", 1, &r), 0);
    CU_ASSERT_EQUAL(r.n_written, 1);
    sink_file.close(&s);
    file_holds(p.path, "{\"a\":1}\n{\"bro\n{}\n");
    place_free(&p);
}

static void a_second_writer_is_refused(void)
{
    struct spot p = place_new();
    struct errbuf err = {0};
    struct sink *a = open_file(p.path, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(a);
    CU_ASSERT_PTR_NULL(open_file(p.path, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(errbuf_text(&err), "is in use by another process"));
    CU_ASSERT_EQUAL(sink_file.reopen(a, &err), 0);
    sink_file.close(&a);
    errbuf_free(&err);
    place_free(&p);
}

static void reopening_after_a_rename_makes_a_new_file(void)
{
    struct spot p = place_new();
    char old[128];
    struct errbuf err = {0};
    struct sink_result r;
    (void)snprintf(old, sizeof(old), "%s.1", p.path);
    struct sink *s = open_file(p.path, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(give(s, "1\n", 1, &r), 0);
    CU_ASSERT_EQUAL(rename(p.path, old), 0);
    CU_ASSERT_EQUAL(give(s, "2\n", 2, &r), 0);
    CU_ASSERT_EQUAL(sink_file.reopen(s, &err), 0);
    CU_ASSERT_EQUAL(give(s, "3\n", 3, &r), 0);
    sink_file.close(&s);
    file_holds(old, "1\n2\n");
    file_holds(p.path, "3\n");
    unlink(old);
    place_free(&p);
}

static void what_cannot_be_opened_is_explained(void)
{
    struct errbuf err = {0};
    char missing[] = "/nonexistent/dir/eve.json";
    char below_a_file[] = "/etc/passwd/eve.json";
    CU_ASSERT_PTR_NULL(open_file(missing, &err));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(errbuf_text(&err), "output directory '/nonexistent/dir' does not exist; mkdir -p"));
    CU_ASSERT_PTR_NULL(open_file(below_a_file, &err));
    CU_ASSERT_PTR_NOT_NULL(strstr(errbuf_text(&err), "is not a directory"));
    errbuf_free(&err);
}

static void a_full_device_loses_whole_lines_only(void)
{
    struct errbuf err = {0};
    struct sink_result r;
    char full[] = "/dev/full";
    struct sink *s = open_file(full, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(s);
    CU_ASSERT_EQUAL(give(s, "1\n2\n3\n", 1, &r), -ENOSPC);
    CU_ASSERT_EQUAL(r.n_lost, 3);
    CU_ASSERT_EQUAL(r.n_written, 0);
    sink_file.close(&s);
}

/* --- rotation
 * ------------------------------------------------------------------------------------- */

static void names_carry_the_time(void)
{
    char name[64];
    const uint64_t time_us = 1639350256733555; /* date -u -d @1639350256: 2021-12-12 23:04:16 */
    CU_ASSERT_EQUAL(rotate_name("eve-%Y%m%d-%H%M%S.json", time_us, name, sizeof(name)), 0);
    CU_ASSERT_STRING_EQUAL(name, "eve-20211212-230416.json");
    CU_ASSERT_EQUAL(rotate_name("%s%%", time_us, name, sizeof(name)), 0);
    CU_ASSERT_STRING_EQUAL(name, "1639350256%");
    CU_ASSERT_EQUAL(rotate_name("%q", time_us, name, sizeof(name)), -EINVAL);
    CU_ASSERT_EQUAL(rotate_name("%", time_us, name, sizeof(name)), -EINVAL);
    CU_ASSERT_EQUAL(rotate_name("0123456789", time_us, name, 10), -ENAMETOOLONG);
    CU_ASSERT_EQUAL(rotate_name("012345678", time_us, name, 10), 0);
}

static void only_own_names_match(void)
{
    CU_ASSERT(rotate_matches("eve.json.%Y%m%d-%H%M%S", "eve.json.20211212-230416"));
    CU_ASSERT(rotate_matches("eve.json.%Y%m%d-%H%M%S", "eve.json.20211212-230416-12"));
    CU_ASSERT_FALSE(rotate_matches("eve.json.%Y%m%d-%H%M%S", "eve.json.20211212-230416.gz"));
    CU_ASSERT_FALSE(rotate_matches("eve.json.%Y%m%d-%H%M%S", "eve.json.2021121-230416"));
    CU_ASSERT_FALSE(rotate_matches("eve.json.%Y%m%d-%H%M%S", "eve.json"));
    CU_ASSERT_FALSE(rotate_matches("eve.json.%Y%m%d-%H%M%S", "Eve.json.20211212-230416"));
    CU_ASSERT_FALSE(rotate_matches("eve.json.%Y%m%d-%H%M%S", "eve.json.20211212-230416-"));
    CU_ASSERT(rotate_matches("%s.json", "7.json"));
    CU_ASSERT_FALSE(rotate_matches("%s.json", ".json"));
    CU_ASSERT(rotate_matches("a%%b", "a%b"));
}

static void a_new_file_is_begun_by_size(void)
{
    struct spot p = place_new();
    struct errbuf err = {0};
    struct sink_result r;
    char old[2][160];
    (void)snprintf(old[0], sizeof(old[0]), "%s.19700101-000001", p.path);
    (void)snprintf(old[1], sizeof(old[1]), "%s.19700101-000001-1", p.path);
    struct config_output config = plain;
    config.target = p.path;
    config.rotate_size = 8;
    struct sink_options options = {.config = &config, .host = "", .may_wait = true};
    struct sink *s = NULL;
    CU_ASSERT_EQUAL_FATAL(sink_file.open(&options, &s, &err), 0);
    CU_ASSERT_EQUAL(give(s, "aaa\nbbb\nccc\nddddddddd\ne\n", 1000000, &r), 0);
    CU_ASSERT_EQUAL(r.n_written, 5);
    sink_file.close(&s);
    file_holds(old[0], "aaa\nbbb\n"); /* 8 bytes: exactly full */
    file_holds(old[1], "ccc\n");
    char third[160];
    (void)snprintf(third, sizeof(third), "%s.19700101-000001-2", p.path);
    file_holds(third, "ddddddddd\n"); /* longer than a file may be: alone in one */
    file_holds(p.path, "e\n");
    unlink(old[0]);
    unlink(old[1]);
    unlink(third);
    place_free(&p);
}

static void a_new_file_is_begun_by_time_and_old_ones_go(void)
{
    struct spot p = place_new();
    struct errbuf err = {0};
    struct sink_result r;
    char pattern[160];
    char name[160];
    char other[160];
    struct stat st;
    (void)snprintf(pattern, sizeof(pattern), "%s/eve-%%s.json", p.dir);
    (void)snprintf(other, sizeof(other), "%s/eve-x.json", p.dir);
    write_raw(other, "not ours");
    struct config_output config = plain;
    config.target = pattern;
    config.rotate_interval = 60000000;
    config.rotate_keep = 2;
    struct sink_options options = {.config = &config, .host = "", .may_wait = true};
    struct sink *s = NULL;
    CU_ASSERT_EQUAL_FATAL(sink_file.open(&options, &s, &err), 0);
    for (uint64_t minute = 1; minute <= 5; minute++) {
        CU_ASSERT_EQUAL(give(s, "a\n", minute * 60000000 + 5, &r), 0);
        CU_ASSERT_EQUAL(give(s, "b\n", minute * 60000000 + 59999999, &r), 0);
    }
    sink_file.close(&s);
    for (unsigned minute = 1; minute <= 5; minute++) {
        (void)snprintf(name, sizeof(name), "%s/eve-%u.json", p.dir, minute * 60);
        if (minute < 3) {
            CU_ASSERT(stat(name, &st) != 0);
        } else {
            file_holds(name, "a\nb\n");
            unlink(name);
        }
    }
    file_holds(other, "not ours");
    unlink(other);
    place_free(&p);
}

/* In live capture a reader that does not read is not waited for; no byte is lost or doubled. */
static void a_pipe_takes_what_it_has_room_for(void)
{
    struct spot p = place_new();
    struct errbuf err = {0};
    struct sink_result r;
    enum { LINE = 1000, LINES = 200 };
    static char lines[LINE * LINES + 1];
    static char got[LINE * LINES + 1];
    for (size_t i = 0; i < sizeof(lines) - 1; i++) {
        lines[i] = i % LINE == LINE - 1 ? '\n' : (char)('a' + i / LINE % 26);
    }
    CU_ASSERT_EQUAL_FATAL(mkfifo(p.path, 0600), 0);
    int reader = open(p.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    struct config_output config = plain;
    config.target = p.path;
    struct sink_options options = {.config = &config, .host = ""};
    struct sink *s = NULL;
    CU_ASSERT_EQUAL_FATAL(sink_file.open(&options, &s, &err), 0);
    size_t done = 0;
    size_t n_got = 0;
    while (done < LINES) {
        int rc = give(s, lines + done * LINE, 1, &r);
        CU_ASSERT_FATAL(rc == 0 || rc == -EAGAIN);
        CU_ASSERT_EQUAL(r.n_lost, 0);
        done += r.n_written;
        ssize_t n;
        while ((n = read(reader, got + n_got, sizeof(got) - n_got)) > 0) {
            n_got += (size_t)n;
        }
    }
    CU_ASSERT_EQUAL(n_got, LINE * LINES);
    CU_ASSERT(memcmp(got, lines, LINE * LINES) == 0);
    close(reader);
    CU_ASSERT(give(s, "x\n", 1, &r) <= 0);
    sink_file.close(&s);
    place_free(&p);
}

/* --- lines
 * ---------------------------------------------------------------------------------------- */

static void shortens_to(const char *in, size_t max, const char *expected)
{
    struct sbuf out = sbuf_with_cap(4096);
    bool good = shorten(span_str(in), max, &out);
    CU_ASSERT_EQUAL(good, expected != NULL);
    CU_ASSERT(out.len <= max);
    CU_ASSERT(span_equal(sbuf_span(&out), span_str(expected != NULL ? expected : "")));
    if (!span_equal(sbuf_span(&out), span_str(expected != NULL ? expected : ""))) {
        printf("\n  got %.*s\n", (int)out.len, (const char *)out.data);
    }
    sbuf_free(&out);
}

#define X10 "xxxxxxxxxx"
#define X70 X10 X10 X10 X10 X10 X10 X10
#define X64 X10 X10 X10 X10 X10 X10 "xxxx"

static void the_longest_texts_are_cut(void)
{
    const char *mark = "\"metadata\":{\"flowbits\":[\"truncated\"]}}";
    char in[512];
    char out[512];
    (void)snprintf(in, sizeof(in), "{\"a\":\"" X70 X70 "\",\"b\":\"short\",\"n\":[1,{}]}");
    (void)snprintf(out, sizeof(out), "{\"a\":\"" X64 "xxxxxx\",\"b\":\"short\",\"n\":[1,{}],%s",
                   mark);
    shortens_to(in, strlen(out), out);
    (void)snprintf(out, sizeof(out), "{\"a\":\"" X64 "\",\"b\":\"short\",\"n\":[1,{}],%s", mark);
    shortens_to(in, strlen(out), out);
    shortens_to(in, strlen(out) - 1, NULL);
}

static void escapes_and_characters_stay_whole(void)
{
    const char *end = "\",\"metadata\":{\"flowbits\":[\"truncated\"]}}";
    char in[512];
    char out[512];
    const char *const units[] = {
        "\\u0024", "\\n", "\\\"", "\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x94\xa5", "\\udb40\\udc41"};
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        (void)snprintf(in, sizeof(in), "{\"a\":\"" X64 "%s" X70 "\"}", units[i]);
        (void)snprintf(out, sizeof(out), "{\"a\":\"" X64 "%s", end);
        shortens_to(in, strlen(out) + strlen(units[i]) - 1, out);
        (void)snprintf(out, sizeof(out), "{\"a\":\"" X64 "%s%s", units[i], end);
        shortens_to(in, strlen(out), out);
    }
}

static void shortens_fully(const char *in, const char *expected)
{
    shortens_to(in, strlen(expected), expected);
}

static void the_mark_stands_among_the_flowbits(void)
{
    shortens_fully("{\"a\":\"" X70 X70 "\",\"alert\":{\"metadata\":{\"x\":[\"y\"]}},\"metadata\":{"
                   "\"flowbits\":[\"gap\"]}}",
                   "{\"a\":\"" X70 "xx\",\"alert\":{\"metadata\":{\"x\":[\"y\"]}},\"metadata\":{"
                   "\"flowbits\":[\"truncated\",\"gap\"]}}");
    shortens_fully("{\"a\":\"" X70 X70 "\",\"metadata\":{\"flowints\":{\"flowbits\":1}}}",
                   "{\"a\":\"" X70 "xx\",\"metadata\":{\"flowbits\":[\"truncated\"],\"flowints\":{"
                   "\"flowbits\":1}}}");
    shortens_fully("{\"a\":\"" X70 X70 "\",\"metadata\":{\"flowbits\":[\"gap\",\"truncated\"]}}",
                   "{\"a\":\"" X70 "xx\",\"metadata\":{\"flowbits\":[\"gap\",\"truncated\"]}}");
}

static struct event *with_pieces(void)
{
    struct event *e = event_of(1, 1, 0, "{\"a\":1,\"ctx\":2,\"b\":3,\"ecs\":4}");
    e->pieces[0] = (struct event_piece){6, 8, 1u << LAYOUT_CONTEXT};
    e->pieces[1] = (struct event_piece){20, 8, 1u << LAYOUT_ECS | 1u << LAYOUT_EVEBOX};
    e->n_pieces = 2;
    return e;
}

static void each_output_has_its_layout(void)
{
    static const struct {
        unsigned layouts;
        const char *line;
    } rows[] = {
        {1u << LAYOUT_CONTEXT, "{\"a\":1,\"ctx\":2,\"b\":3}\n"},
        {1u << LAYOUT_ECS, "{\"a\":1,\"b\":3,\"ecs\":4}\n"},
        {1u << LAYOUT_EVEBOX, "{\"a\":1,\"b\":3,\"ecs\":4}\n"},
        {1u << LAYOUT_LOGSTASH, "{\"a\":1,\"b\":3}\n"},
        {1u << LAYOUT_CONTEXT | 1u << LAYOUT_ECS, "{\"a\":1,\"ctx\":2,\"b\":3,\"ecs\":4}\n"},
    };
    struct event *e = with_pieces();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sbuf out = sbuf_with_cap(4096);
        struct line_form form = {.layouts = rows[i].layouts};
        CU_ASSERT_EQUAL(line_of_event(&form, e, &out), 0);
        CU_ASSERT(span_equal(sbuf_span(&out), span_str(rows[i].line)));
        sbuf_free(&out);
    }
    mem_free(e);
}

static void a_line_that_cannot_be_short_enough_is_refused(void)
{
    struct sbuf out = sbuf_with_cap(4096);
    struct line_form form = {.prefix = SPAN("@cee: "), .line_bytes = 38};
    struct event *e = event_of(1, 1, 0, "{\"a\":[1,2,3,4,5,6,7,8,9,10,11,12]}");
    CU_ASSERT_EQUAL(line_of_event(&form, e, &out), -EMSGSIZE);
    CU_ASSERT_EQUAL(out.len, 0);
    form.line_bytes = 41;
    CU_ASSERT_EQUAL(line_of_event(&form, e, &out), 0);
    CU_ASSERT(span_equal(sbuf_span(&out), SPAN("@cee: {\"a\":[1,2,3,4,5,6,7,8,9,10,11,12]}\n")));
    sbuf_free(&out);
    mem_free(e);
}

static CU_TestInfo writer_tests[] = {
    {"nothing_is_written_before_all_producers_promised",
     nothing_is_written_before_all_producers_promised},
    {"flows_of_one_time_are_written_as_far_as_all_promised",
     flows_of_one_time_are_written_as_far_as_all_promised},
    {"equal_times_are_ordered_by_flow_and_number", equal_times_are_ordered_by_flow_and_number},
    {"a_thread_loses_nothing_when_queues_are_full", a_thread_loses_nothing_when_queues_are_full},
    {"types_not_wanted_are_left_out", types_not_wanted_are_left_out},
    {"every_lost_record_is_counted_and_told", every_lost_record_is_counted_and_told},
    {"what_is_not_taken_is_given_again", what_is_not_taken_is_given_again},
    {"files_wait_for_an_output_that_is_away_but_not_for_ever",
     files_wait_for_an_output_that_is_away_but_not_for_ever},
    {"live_capture_never_waits", live_capture_never_waits},
    {"live_capture_ends_though_an_output_is_away", live_capture_ends_though_an_output_is_away},
    {"outputs_do_not_share_losses", outputs_do_not_share_losses},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo file_tests[] = {
    {"a_broken_last_line_is_ended_first", a_broken_last_line_is_ended_first},
    {"a_second_writer_is_refused", a_second_writer_is_refused},
    {"reopening_after_a_rename_makes_a_new_file", reopening_after_a_rename_makes_a_new_file},
    {"what_cannot_be_opened_is_explained", what_cannot_be_opened_is_explained},
    {"a_full_device_loses_whole_lines_only", a_full_device_loses_whole_lines_only},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo rotation_tests[] = {
    {"names_carry_the_time", names_carry_the_time},
    {"only_own_names_match", only_own_names_match},
    {"a_new_file_is_begun_by_size", a_new_file_is_begun_by_size},
    {"a_new_file_is_begun_by_time_and_old_ones_go", a_new_file_is_begun_by_time_and_old_ones_go},
    {"a_pipe_takes_what_it_has_room_for", a_pipe_takes_what_it_has_room_for},
    CU_TEST_INFO_NULL,
};

static CU_TestInfo line_tests[] = {
    {"the_longest_texts_are_cut", the_longest_texts_are_cut},
    {"escapes_and_characters_stay_whole", escapes_and_characters_stay_whole},
    {"the_mark_stands_among_the_flowbits", the_mark_stands_among_the_flowbits},
    {"each_output_has_its_layout", each_output_has_its_layout},
    {"a_line_that_cannot_be_short_enough_is_refused",
     a_line_that_cannot_be_short_enough_is_refused},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"writer", NULL, NULL, NULL, NULL, writer_tests},
        {"file", NULL, NULL, NULL, NULL, file_tests},
        {"rotation", NULL, NULL, NULL, NULL, rotation_tests},
        {"lines", NULL, NULL, NULL, NULL, line_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
