/* Tests of signatures/match_cache: only what we wrote ourselves, whole, comes back. */
#include "signatures/match_cache.h"
#include "tests/unit/runner.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct place {
    char dir[64];
    char file[160];
    struct match_cache_key key;
};

static struct place stored(void)
{
    struct place p = {.dir = "/tmp/jndiwatch-cache-XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p.dir));
    p.key = match_cache_key(SPAN("patterns"));
    match_cache_store(p.dir, &p.key, SPAN("database"));
    int len = snprintf(p.file, sizeof(p.file), "%s/", p.dir);
    for (size_t i = 0; i < MATCH_CACHE_KEY_SIZE; i++) {
        len += snprintf(p.file + len, sizeof(p.file) - (size_t)len, "%02x", p.key.bytes[i]);
    }
    (void)snprintf(p.file + len, sizeof(p.file) - (size_t)len, ".hsdb");
    return p;
}

static bool loads(const struct place *p)
{
    struct sbuf bytes;
    bool found = match_cache_load(p->dir, &p->key, &bytes);
    bool same = found && span_equal(sbuf_span(&bytes), SPAN("database"));
    CU_ASSERT_EQUAL(found, same);
    sbuf_free(&bytes);
    return found;
}

static void done(const struct place *p)
{
    (void)unlink(p->file);
    CU_ASSERT_EQUAL(rmdir(p->dir), 0); /* and nothing else was left there */
}

static void what_was_stored_comes_back(void)
{
    struct place p = stored();
    CU_ASSERT(loads(&p));
    struct place other = p;
    other.key = match_cache_key(SPAN("other patterns"));
    CU_ASSERT_FALSE(loads(&other));
    done(&p);
}

static void a_changed_byte_is_noticed(void)
{
    for (off_t at = 0; at < 56; at += 5) {
        struct place p = stored();
        int fd = open(p.file, O_RDWR);
        char c = 0;
        CU_ASSERT_EQUAL(pread(fd, &c, 1, at), 1);
        c ^= 1;
        CU_ASSERT_EQUAL(pwrite(fd, &c, 1, at), 1);
        close(fd);
        CU_ASSERT_FALSE(loads(&p));
        done(&p);
    }
}

static void a_shortened_file_is_noticed(void)
{
    struct place p = stored();
    CU_ASSERT_EQUAL(truncate(p.file, 50), 0);
    CU_ASSERT_FALSE(loads(&p));
    CU_ASSERT_EQUAL(truncate(p.file, 0), 0);
    CU_ASSERT_FALSE(loads(&p));
    done(&p);
}

static void a_file_that_others_may_write_is_not_believed(void)
{
    struct place p = stored();
    CU_ASSERT_EQUAL(chmod(p.file, 0620), 0);
    CU_ASSERT_FALSE(loads(&p));
    CU_ASSERT_EQUAL(chmod(p.file, 0644), 0);
    CU_ASSERT(loads(&p));
    done(&p);
}

static void a_link_is_not_followed(void)
{
    struct place p = stored();
    char moved[200];
    (void)snprintf(moved, sizeof(moved), "%s.moved", p.dir);
    CU_ASSERT_EQUAL(rename(p.file, moved), 0);
    CU_ASSERT_EQUAL(symlink(moved, p.file), 0);
    CU_ASSERT_FALSE(loads(&p));
    (void)unlink(moved);
    done(&p);
}

static void a_folder_that_cannot_be_is_no_error(void)
{
    struct match_cache_key key = match_cache_key(SPAN("x"));
    struct sbuf bytes;
    match_cache_store("/proc/nowhere/cache", &key, SPAN("x"));
    CU_ASSERT_FALSE(match_cache_load("/proc/nowhere/cache", &key, &bytes));
}

static CU_TestInfo tests[] = {
    {"what_was_stored_comes_back", what_was_stored_comes_back},
    {"a_changed_byte_is_noticed", a_changed_byte_is_noticed},
    {"a_shortened_file_is_noticed", a_shortened_file_is_noticed},
    {"a_file_that_others_may_write_is_not_believed", a_file_that_others_may_write_is_not_believed},
    {"a_link_is_not_followed", a_link_is_not_followed},
    {"a_folder_that_cannot_be_is_no_error", a_folder_that_cannot_be_is_no_error},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {{"match_cache", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
