/* Tests of signatures/match_cache: only what we wrote ourselves, whole, comes back. */
#include "signatures/match.h"
#include "signatures/match_cache.h"
#include "tests/unit/runner.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct place {
    char dir[64];
    char file[160];
    struct match_cache_key key;
};

/* Where a database of that key stands. */
static void name_file(struct place *p)
{
    int len = snprintf(p->file, sizeof(p->file), "%s/", p->dir);
    for (size_t i = 0; i < MATCH_CACHE_KEY_SIZE; i++) {
        len += snprintf(p->file + len, sizeof(p->file) - (size_t)len, "%02x", p->key.bytes[i]);
    }
    (void)snprintf(p->file + len, sizeof(p->file) - (size_t)len, ".hsdb");
}

static struct place stored(void)
{
    struct place p = {.dir = "/tmp/jndiwatch-cache-XXXXXX"};
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(p.dir));
    p.key = match_cache_key(SPAN("patterns"));
    match_cache_store(p.dir, &p.key, SPAN("database"));
    name_file(&p);
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

/* Gives a database the age of so many seconds. */
static void age(const struct place *p, const struct match_cache_key *key, time_t seconds)
{
    struct place other = *p;
    other.key = *key;
    name_file(&other);
    struct timespec times[2] = {{.tv_sec = 1700000000 - seconds}, {.tv_sec = 1700000000 - seconds}};
    CU_ASSERT_EQUAL(utimensat(AT_FDCWD, other.file, times, 0), 0);
}

static struct match_cache_key numbered(uint8_t i)
{
    return match_cache_key(span_of(&i, 1));
}

static bool has(const struct place *p, const struct match_cache_key *key)
{
    struct place other = *p;
    other.key = *key;
    name_file(&other);
    return access(other.file, F_OK) == 0;
}

static void only_the_ones_used_last_are_kept(void)
{
    struct place p = stored();
    age(&p, &p.key, 500); /* the oldest of all */
    for (uint8_t i = 1; i < MATCH_CACHE_FILES_MAX; i++) {
        struct match_cache_key key = numbered(i);
        match_cache_store(p.dir, &key, SPAN("database"));
        age(&p, &key, 400 - i);
    }
    CU_ASSERT(has(&p, &p.key)); /* as many as there may be */
    CU_ASSERT(loads(&p));       /* used: now the first numbered one is the oldest */
    struct match_cache_key first = numbered(1);
    struct match_cache_key second = numbered(2);
    struct match_cache_key last = numbered(MATCH_CACHE_FILES_MAX);
    match_cache_store(p.dir, &last, SPAN("database"));
    CU_ASSERT(has(&p, &p.key));
    CU_ASSERT_FALSE(has(&p, &first));
    CU_ASSERT(has(&p, &second));
    CU_ASSERT(has(&p, &last));
    for (uint8_t i = 2; i <= MATCH_CACHE_FILES_MAX; i++) {
        struct place other = p;
        other.key = numbered(i);
        name_file(&other);
        CU_ASSERT_EQUAL(unlink(other.file), 0);
    }
    done(&p);
}

static void only_what_the_cache_made_is_removed(void)
{
    /* behind the name of a database; the first was left by a program that ended while it wrote */
    static const char *const suffixes[] = {".1234", ".99x", ".bak", "."};
    struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    struct place p = stored();
    char path[ARRAY_LEN(suffixes)][200];
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        (void)snprintf(path[i], sizeof(path[i]), "%s%s", p.file, suffixes[i]);
        CU_ASSERT_EQUAL(close(open(path[i], O_WRONLY | O_CREAT, 0600)), 0);
        CU_ASSERT_EQUAL(utimensat(AT_FDCWD, path[i], long_ago, 0), 0);
    }
    match_cache_store(p.dir, &p.key, SPAN("database"));
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
        CU_ASSERT_EQUAL(unlink(path[i]) == 0, i > 0);
    }
    done(&p);
}

static bool note_index(void *ctx, uint32_t index, uint64_t end)
{
    (void)end;
    *(uint32_t *)ctx = index;
    return true;
}

/* The number that the last pattern of a set is told by. */
static uint32_t number_told(const struct match_pattern *patterns, size_t n, const char *dir)
{
    struct errbuf err = {0};
    struct match_db *db = NULL;
    struct match_scratch *scratch = NULL;
    uint32_t told = UINT32_MAX;
    CU_ASSERT_EQUAL_FATAL(match_db_new(patterns, n, dir, &db, &err), 0);
    CU_ASSERT_EQUAL_FATAL(match_scratch_fit(&scratch, db), 0);
    match_block(db, scratch, patterns[n - 1].text, note_index, &told);
    match_scratch_free(&scratch);
    match_db_free(&db);
    errbuf_free(&err);
    return told;
}

/* Two sets whose expressions are the same: only in one of them something else stands before. */
static void patterns_keep_their_numbers(void)
{
    static const struct match_pattern patterns[] = {
        {.text = SPAN_LITERAL("base64"), .twice = true},
        {.text = SPAN_LITERAL("needle"), .literal = true},
    };
    char dir[] = "/tmp/jndiwatch-cache-XXXXXX";
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
    CU_ASSERT_EQUAL(number_told(&patterns[1], 1, dir), 0);
    CU_ASSERT_EQUAL(number_told(patterns, 2, dir), 1);
    CU_ASSERT_EQUAL(number_told(patterns, 2, dir), 1);
    DIR *files = opendir(dir);
    CU_ASSERT_PTR_NOT_NULL_FATAL(files);
    for (const struct dirent *file = readdir(files); file != NULL; file = readdir(files)) {
        (void)unlinkat(dirfd(files), file->d_name, 0);
    }
    (void)closedir(files);
    CU_ASSERT_EQUAL(rmdir(dir), 0);
}

static CU_TestInfo tests[] = {
    {"what_was_stored_comes_back", what_was_stored_comes_back},
    {"a_changed_byte_is_noticed", a_changed_byte_is_noticed},
    {"a_shortened_file_is_noticed", a_shortened_file_is_noticed},
    {"a_file_that_others_may_write_is_not_believed", a_file_that_others_may_write_is_not_believed},
    {"a_link_is_not_followed", a_link_is_not_followed},
    {"only_the_ones_used_last_are_kept", only_the_ones_used_last_are_kept},
    {"only_what_the_cache_made_is_removed", only_what_the_cache_made_is_removed},
    {"a_folder_that_cannot_be_is_no_error", a_folder_that_cannot_be_is_no_error},
    {"patterns keep their numbers", patterns_keep_their_numbers},
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {{"match_cache", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    return run_suites(suites);
}
