/* Tests of sensor/output/writer and sink_file: one order, whole lines, every loss counted. */
#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/output/sink_file.h"
#include "sensor/output/writer.h"
#include "tests/unit/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A sink that remembers, and fails when told to. */
struct sink {
    char text[4096];
    size_t len;
    bool fail;
};

static struct sink memory;

static int memory_open(const char *target, struct sink **ret_sink, struct errbuf *err)
{
    (void)target;
    (void)err;
    memory = (struct sink){0};
    *ret_sink = &memory;
    return 0;
}

static int memory_write(struct sink *s, struct span lines, size_t n_lines, size_t *ret_n_lost)
{
    if (s->fail) {
        *ret_n_lost = n_lines;
        return -ENOSPC;
    }
    bytes_copy(s->text + s->len, lines.data, lines.len);
    s->len += lines.len;
    return 0;
}

static int memory_flush(struct sink *s)
{
    (void)s;
    return 0;
}

static int memory_reopen(struct sink *s, struct errbuf *err)
{
    (void)err;
    s->text[s->len++] = '|';
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

static struct writer *writer_with(unsigned n_producers, bool threaded, unsigned types)
{
    struct writer *w = NULL;
    struct errbuf err = {0};
    struct writer_options o = {.n_producers = n_producers, .queue = 4, .threaded = threaded};
    CU_ASSERT_EQUAL_FATAL(writer_new(&o, &w), 0);
    CU_ASSERT_EQUAL(writer_add_sink(w, &sink_memory, "m", types, &err), 0);
    CU_ASSERT_EQUAL(writer_start(w), 0);
    return w;
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
    struct writer_stats stats;
    writer_free(&w, &stats);
    CU_ASSERT_NSTRING_EQUAL(memory.text, "a\nb\nc\n", 6);
    CU_ASSERT_EQUAL(stats.written, 3);
    CU_ASSERT_EQUAL(stats.lost, 0);
}

static void equal_times_are_ordered_by_flow_and_number(void)
{
    struct writer *w = writer_with(1, false, ~0u);
    writer_put(w, 0, event_of(7, 2, 0, "d"));
    writer_put(w, 0, event_of(7, 1, 1, "b"));
    writer_put(w, 0, event_of(7, 1, 2, "c"));
    writer_put(w, 0, event_of(7, 1, 0, "a"));
    struct writer_stats stats;
    writer_free(&w, &stats);
    CU_ASSERT_NSTRING_EQUAL(memory.text, "a\nb\nc\nd\n", 8);
}

static void a_thread_loses_nothing_when_queues_are_full(void)
{
    struct writer *w = writer_with(2, true, ~0u);
    for (uint64_t i = 0; i < 200; i++) {
        writer_put(w, (unsigned)(i % 2), event_of(i, 1, i, "x"));
        writer_advance(w, (unsigned)(i % 2), i);
    }
    struct writer_stats stats;
    writer_free(&w, &stats);
    CU_ASSERT_EQUAL(stats.written, 200);
    CU_ASSERT_EQUAL(memory.len, 400);
}

static void types_not_wanted_are_left_out(void)
{
    struct writer *w = writer_with(1, false, 1u << EVENT_STATS);
    writer_put(w, 0, event_of(1, 1, 0, "x"));
    struct writer_stats stats;
    writer_free(&w, &stats);
    CU_ASSERT_EQUAL(stats.written, 0);
    CU_ASSERT_EQUAL(stats.lost, 0);
}

static void every_lost_record_is_counted(void)
{
    struct writer *w = writer_with(1, false, ~0u);
    memory.fail = true;
    writer_put(w, 0, event_of(1, 1, 0, "x"));
    writer_put(w, 0, event_of(2, 1, 1, "y"));
    writer_advance(w, 0, 3);
    writer_flush(w);
    memory.fail = false;
    writer_put(w, 0, event_of(4, 1, 2, "z"));
    struct writer_stats stats;
    writer_free(&w, &stats);
    CU_ASSERT_EQUAL(stats.lost, 2);
    CU_ASSERT_EQUAL(stats.written, 1);
    CU_ASSERT_EQUAL(stats.error, ENOSPC);
}

/* --- the file
 * ----------------------------------------------------------------------------------------- */

struct place {
    char dir[64];
    char path[96];
};

static struct place place_new(void)
{
    struct place p = {.dir = "/tmp/jndiwatch-sink-XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p.dir));
    (void)snprintf(p.path, sizeof(p.path), "%s/eve.json", p.dir);
    return p;
}

static void place_free(struct place *p)
{
    unlink(p->path);
    rmdir(p->dir);
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
    struct place p = place_new();
    struct errbuf err = {0};
    struct sink *s = NULL;
    size_t lost = 0;
    write_raw(p.path, "{\"a\":1}\n{\"bro");
    CU_ASSERT_EQUAL_FATAL(sink_file.open(p.path, &s, &err), 0);
    CU_ASSERT_EQUAL(sink_file.write(s, SPAN("{}\n"), 1, &lost), 0);
    sink_file.close(&s);
    file_holds(p.path, "{\"a\":1}\n{\"bro\n{}\n");
    place_free(&p);
}

static void a_second_writer_is_refused(void)
{
    struct place p = place_new();
    struct errbuf err = {0};
    struct sink *a = NULL;
    struct sink *b = NULL;
    CU_ASSERT_EQUAL_FATAL(sink_file.open(p.path, &a, &err), 0);
    CU_ASSERT(sink_file.open(p.path, &b, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(errbuf_text(&err), "is in use by another process"));
    CU_ASSERT_EQUAL(sink_file.reopen(a, &err), 0);
    sink_file.close(&a);
    errbuf_free(&err);
    place_free(&p);
}

static void reopening_after_a_rename_makes_a_new_file(void)
{
    struct place p = place_new();
    char old[128];
    struct errbuf err = {0};
    struct sink *s = NULL;
    size_t lost = 0;
    (void)snprintf(old, sizeof(old), "%s.1", p.path);
    CU_ASSERT_EQUAL_FATAL(sink_file.open(p.path, &s, &err), 0);
    CU_ASSERT_EQUAL(sink_file.write(s, SPAN("1\n"), 1, &lost), 0);
    CU_ASSERT_EQUAL(rename(p.path, old), 0);
    CU_ASSERT_EQUAL(sink_file.write(s, SPAN("2\n"), 1, &lost), 0);
    CU_ASSERT_EQUAL(sink_file.reopen(s, &err), 0);
    CU_ASSERT_EQUAL(sink_file.write(s, SPAN("3\n"), 1, &lost), 0);
    sink_file.close(&s);
    file_holds(old, "1\n2\n");
    file_holds(p.path, "3\n");
    unlink(old);
    place_free(&p);
}

static void what_cannot_be_opened_is_explained(void)
{
    struct errbuf err = {0};
    struct sink *s = NULL;
    CU_ASSERT(sink_file.open("/nonexistent/dir/eve.json", &s, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(errbuf_text(&err), "output directory '/nonexistent/dir' does not exist; mkdir -p"));
    CU_ASSERT(sink_file.open("/etc/passwd/eve.json", &s, &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(errbuf_text(&err), "is not a directory"));
    errbuf_free(&err);
}

static void a_full_device_loses_whole_lines_only(void)
{
    struct errbuf err = {0};
    struct sink *s = NULL;
    size_t lost = 0;
    CU_ASSERT_EQUAL_FATAL(sink_file.open("/dev/full", &s, &err), 0);
    CU_ASSERT_EQUAL(sink_file.write(s, SPAN("1\n2\n3\n"), 3, &lost), -ENOSPC);
    CU_ASSERT_EQUAL(lost, 3);
    sink_file.close(&s);
}

static CU_TestInfo writer_tests[] = {
    {"nothing_is_written_before_all_producers_promised",
     nothing_is_written_before_all_producers_promised},
    {"equal_times_are_ordered_by_flow_and_number", equal_times_are_ordered_by_flow_and_number},
    {"a_thread_loses_nothing_when_queues_are_full", a_thread_loses_nothing_when_queues_are_full},
    {"types_not_wanted_are_left_out", types_not_wanted_are_left_out},
    {"every_lost_record_is_counted", every_lost_record_is_counted},
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

int main(void)
{
    CU_SuiteInfo suites[] = {
        {"writer", NULL, NULL, NULL, NULL, writer_tests},
        {"file", NULL, NULL, NULL, NULL, file_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
