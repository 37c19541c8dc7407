/* Tests of sensor/core/config: a wrong file is told line by line. */
#include "sensor/core/config.h"
#include "tests/unit/runner.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reading {
    struct config config;
    struct errbuf err;
    int rc;
};

static struct reading read_text(const char *text, size_t len)
{
    char path[] = "/tmp/jndiwatch-config-XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(write(fd, text, len), (ssize_t)len);
    close(fd);
    struct reading r = {0};
    CU_ASSERT_EQUAL(config_init(&r.config), 0);
    r.rc = config_read(&r.config, path, &r.err);
    unlink(path);
    return r;
}

static void done(struct reading *r)
{
    config_free(&r->config);
    errbuf_free(&r->err);
}

static struct reading read_string(const char *text)
{
    return read_text(text, strlen(text));
}

static void expect_line(const char *text, const char *line)
{
    struct reading r = read_string(text);
    CU_ASSERT(r.rc < 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(errbuf_text(&r.err), line));
    if (strstr(errbuf_text(&r.err), line) == NULL) {
        printf("\n  wanted '%s' in '%s'\n", line, errbuf_text(&r.err));
    }
    done(&r);
}

static void defaults_stand_without_a_file(void)
{
    struct config c;
    CU_ASSERT_EQUAL(config_init(&c), 0);
    CU_ASSERT_EQUAL(c.workers, 0);
    CU_ASSERT_EQUAL(c.memory_limit, 256ULL << 20);
    CU_ASSERT_EQUAL(c.flow_timeout_tcp, 600000000ULL);
    CU_ASSERT_STRING_EQUAL(c.home_net, "any");
    CU_ASSERT_EQUAL(c.output_types.n, 1);
    CU_ASSERT_EQUAL(c.rules.n, 0);
    config_free(&c);
}

static void values_of_every_type_are_read(void)
{
    struct reading r = read_string(
        "memory: {limit: 64 MiB}\nflow:\n  timeout:\n    tcp: 5 min\n  max: 100\n"
        "capture:\n  promiscuous: off\n  checksums: none\nrules:\n  - a.rules\n  - b.rules\n"
        "host: s1\n");
    CU_ASSERT_EQUAL(r.rc, 0);
    CU_ASSERT_STRING_EQUAL(errbuf_text(&r.err), "");
    CU_ASSERT_EQUAL(r.config.memory_limit, 64ULL << 20);
    CU_ASSERT_EQUAL(r.config.flow_timeout_tcp, 300000000ULL);
    CU_ASSERT_EQUAL(r.config.flow_max, 100);
    CU_ASSERT_FALSE(r.config.capture_promiscuous);
    CU_ASSERT_STRING_EQUAL(r.config.capture_checksums, "none");
    CU_ASSERT_EQUAL(r.config.rules.n, 2);
    CU_ASSERT_STRING_EQUAL(r.config.rules.items[1], "b.rules");
    CU_ASSERT_STRING_EQUAL(r.config.host, "s1");
    done(&r);
}

static void unknown_keys_are_told_with_a_suggestion(void)
{
    expect_line("host: a\n\nstreem: {pending: 1 MiB}\n",
                ":3: unknown key 'streem' (did you mean 'stream'?)");
    expect_line("hots: a\n", ":1: unknown key 'hots' (did you mean 'host'?)");
    expect_line("flow: {maxx: 100}\n", ":1: unknown key 'flow.maxx' (did you mean 'max'?)");
    expect_line("zzzzzzzzz: 1\n", "unknown key 'zzzzzzzzz'; --list-keys");
}

static void wrong_values_are_told_with_bounds_and_an_example(void)
{
    expect_line(
        "a: 1\nmemory:\n  limit: lots\n",
        ":3: memory.limit: 'lots' is not a size; example: 256 MiB (allowed 8 MiB … 64 GiB)");
    expect_line("memory: {limit: -1}\n", "'-1' is not a size");
    expect_line("memory: {limit: 64 XB}\n", "'64 XB' is not a size");
    expect_line("memory: {limit: 99999999999 GiB}\n", "is not a size");
    expect_line("memory: {limit: [1, 2]}\n", "memory.limit: '1,2,' is not a size");
    expect_line("capture: {checksums: maybe}\n", "'maybe' is not allowed; auto|all|none");
    expect_line("output:\n  types: [alert, htpp]\n",
                ":2: output.types: 'htpp' is not allowed; all|alert|http|");
    expect_line("capture: {promiscuous: 7}\n", "'7' is not yes or no");
    expect_line("workers: 65\n", "'65' is not a number; example: 0 (allowed 0 … 64)");
}

static void all_mistakes_are_told_at_once(void)
{
    struct reading r = read_string("hots: a\nworkers: many\nflow: {max: 1}\n");
    CU_ASSERT_EQUAL(r.err.n_lines, 3);
    done(&r);
}

static void odd_files_are_told_or_taken(void)
{
    expect_line("host: a\nhost: b\n", ":2: key 'host' was already given in line 1");
    expect_line("flow:\n\tmax: 100\n", ":2: not YAML");
    expect_line("- a\n- b\n", "a list is not wanted here");
    expect_line("just text\n", "must be a map of keys");
    expect_line("host: &x a\nrules: *x\n", "aliases are not supported");
    struct reading r = read_string("\xef\xbb\xbfhost: a\r\nworkers: 2\r\n");
    CU_ASSERT_EQUAL(r.rc, 0);
    CU_ASSERT_EQUAL(r.config.workers, 2);
    done(&r);
    r = read_text("host: a\0b\n", 10);
    CU_ASSERT(r.rc < 0);
    done(&r);
    r = read_string("");
    CU_ASSERT_EQUAL(r.rc, 0);
    done(&r);
}

static void a_missing_file_is_named(void)
{
    struct config c;
    struct errbuf err = {0};
    CU_ASSERT_EQUAL(config_init(&c), 0);
    CU_ASSERT(config_read(&c, "/nonexistent/no.yaml", &err) < 0);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(errbuf_text(&err), "cannot open config '/nonexistent/no.yaml': No such file"));
    config_free(&c);
    errbuf_free(&err);
}

static void outputs_are_a_list_of_maps(void)
{
    struct reading r = read_string("outputs:\n  - type: redis\n    events: [alert, stats]\n"
                                   "    redis: {mode: stream, maxlen: 1000}\n"
                                   "  - {target: a.json, rotate: {size: 1 MiB}, prefix: '@cee: '}\n"
                                   "host: s1\n");
    CU_ASSERT_EQUAL(r.rc, 0);
    CU_ASSERT_STRING_EQUAL(errbuf_text(&r.err), "");
    CU_ASSERT_EQUAL_FATAL(r.config.n_outputs, 2);
    CU_ASSERT_STRING_EQUAL(r.config.outputs[0].type, "redis");
    CU_ASSERT_EQUAL(r.config.outputs[0].events.n, 2);
    CU_ASSERT_STRING_EQUAL(r.config.outputs[0].redis_mode, "stream");
    CU_ASSERT_EQUAL(r.config.outputs[0].redis_maxlen, 1000);
    CU_ASSERT_STRING_EQUAL(r.config.outputs[0].redis_key, "suricata");
    CU_ASSERT_STRING_EQUAL(r.config.outputs[1].type, "file");
    CU_ASSERT_STRING_EQUAL(r.config.outputs[1].target, "a.json");
    CU_ASSERT_STRING_EQUAL(r.config.outputs[1].prefix, "@cee: ");
    CU_ASSERT_EQUAL(r.config.outputs[1].rotate_size, 1u << 20);
    CU_ASSERT_STRING_EQUAL(r.config.host, "s1");
    CU_ASSERT_EQUAL(config_set(&r.config, "outputs.1.type", SPAN("stdout"), "--set ", &r.err), 0);
    CU_ASSERT_STRING_EQUAL(r.config.outputs[1].type, "stdout");
    CU_ASSERT(config_set(&r.config, "outputs.3.type", SPAN("file"), "--set ", &r.err) < 0);
    CU_ASSERT_STRING_EQUAL(errbuf_text(&r.err), "--set there are 2 outputs, of 32 at most; number "
                                                "3 is none of them\n");
    done(&r);
}

static void mistakes_in_outputs_are_told_with_their_line(void)
{
    expect_line("outputs:\n  - type: redsi\n", ":2: outputs[].type: 'redsi' is not allowed");
    expect_line("outputs:\n  - typ: redis\n",
                ":2: unknown key 'outputs[].typ' (did you mean 'type'?)");
    expect_line("outputs:\n  - type: file\n    type: redis\n",
                ":3: key 'outputs.0.type' was already given in line 2");
    expect_line("outputs: [a.json]\n", ":1: outputs is a list of maps");
    expect_line("outputs: a.json\n", ":1: outputs is a list of maps");
    expect_line("outputs: []\noutputs: []\n", ":2: key 'outputs' was already given in line 1");
    expect_line("outputs:\n  - type: file\nhots: a\n", ":3: unknown key 'hots'");
    expect_line("outputs:\n  - [a]\n", ":2: a list is not wanted here");
}

/* What a key is said to be can be written into a file, and is the same then. */
static void tell_and_set(void *ctx, const struct config_key *key)
{
    struct config *c = ctx;
    struct sbuf told = sbuf_with_cap(4096);
    struct sbuf again = sbuf_with_cap(4096);
    struct errbuf err = {0};
    char path[128];
    bool of_output = strncmp(key->path, "outputs[].", 10) == 0;
    (void)snprintf(path, sizeof(path), "%s%s", of_output ? "outputs.0." : "",
                   of_output ? key->path + 10 : key->path);
    CU_ASSERT_EQUAL(config_get(c, path, &told), 0);
    CU_ASSERT_EQUAL(config_set(c, path, sbuf_span(&told), "", &err), 0);
    CU_ASSERT_EQUAL(config_get(c, path, &again), 0);
    if (!span_equal(sbuf_span(&told), sbuf_span(&again)) || !errbuf_is_empty(&err)) {
        CU_FAIL("told otherwise");
        printf("\n  %s: '%.*s', then '%.*s' %s\n", path, (int)told.len, (char *)told.data,
               (int)again.len, (char *)again.data, errbuf_text(&err));
    }
    errbuf_free(&err);
    sbuf_free(&told);
    sbuf_free(&again);
}

static void every_key_is_told_as_it_is_set(void)
{
    struct reading r = read_string("outputs:\n  - type: stdout\n");
    CU_ASSERT_EQUAL_FATAL(r.rc, 0);
    config_each_key(tell_and_set, &r.config);
    done(&r);
}

static void expect_told(struct config *c, const char *key, const char *value)
{
    struct sbuf text = sbuf_with_cap(256);
    struct errbuf err = {0};
    CU_ASSERT_EQUAL(config_set(c, key, span_str(value), "", &err), 0);
    CU_ASSERT_EQUAL(config_get(c, key, &text), 0);
    CU_ASSERT(span_equal(sbuf_span(&text), span_str(value)));
    sbuf_free(&text);
}

static void values_are_told_exactly(void)
{
    struct reading r = read_string("outputs:\n  - type: stdout\n");
    struct sbuf text = sbuf_with_cap(8);
    expect_told(&r.config, "stream.hole_timeout", "1500 ms");
    expect_told(&r.config, "stream.hole_timeout", "1000001 us");
    expect_told(&r.config, "memory.limit", "9000001 B");
    expect_told(&r.config, "memory.limit", "3 GiB");
    expect_told(&r.config, "outputs.0.target", " two, and blanks ");
    expect_told(&r.config, "client.headers", "X-One,X-Two");
    CU_ASSERT_EQUAL(config_get(&r.config, "client.headers", &text), -ENOBUFS);
    CU_ASSERT_EQUAL(config_get(&r.config, "client.header", &text), -ENOENT);
    CU_ASSERT_EQUAL(config_get(&r.config, "outputs[].target", &text), -ENOENT);
    CU_ASSERT_EQUAL(config_get(&r.config, "outputs.1.target", &text), -ENOENT);
    sbuf_free(&text);
    done(&r);
}

static CU_TestInfo tests[] = {
    {"defaults_stand_without_a_file", defaults_stand_without_a_file},
    {"values_of_every_type_are_read", values_of_every_type_are_read},
    {"unknown_keys_are_told_with_a_suggestion", unknown_keys_are_told_with_a_suggestion},
    {"wrong_values_are_told_with_bounds_and_an_example",
     wrong_values_are_told_with_bounds_and_an_example},
    {"all_mistakes_are_told_at_once", all_mistakes_are_told_at_once},
    {"odd_files_are_told_or_taken", odd_files_are_told_or_taken},
    {"a_missing_file_is_named", a_missing_file_is_named},
    {"outputs_are_a_list_of_maps", outputs_are_a_list_of_maps},
    {"mistakes_in_outputs_are_told_with_their_line", mistakes_in_outputs_are_told_with_their_line},
    {"every_key_is_told_as_it_is_set", every_key_is_told_as_it_is_set},
    {"values_are_told_exactly", values_are_told_exactly},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {{"config", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
