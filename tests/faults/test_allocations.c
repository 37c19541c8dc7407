/* Makes each allocation of a run fail, one run after the other: first it alone, then it and all
 * later ones. Whatever fails, the run ends with an exit code that says so, what was written is
 * whole lines, and its counters add up.
 *
 * usage: test_allocations FOLDER CAPTURE…
 *
 * Rules are compiled once, before; the failures are those of opening, replaying and closing. What
 * does not go through sensor/base/mem.h (libraries) does not fail here. */
#include "sensor/app/run.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 4096, TEXT_SIZE = 1 << 20 };

struct trial {
    const struct snapshot *snapshot;
    const struct options *options;
    const char *output;
    const char *said; /* where standard error goes */
    char text[TEXT_SIZE];
};

static size_t read_back(struct trial *t, const char *path)
{
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, t->text, sizeof(t->text) - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    t->text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

/* Every line is an object from its first byte to its last, and the last line is ended. */
static bool are_whole_lines(const char *text, size_t len)
{
    size_t start = 0;
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\n') {
            if (i < start + 2 || text[start] != '{' || text[i - 1] != '}') {
                return false;
            }
            start = i + 1;
        }
    }
    return start == len;
}

static bool fail(const struct trial *t, size_t n, int sticky, const char *why)
{
    printf("not ok allocation %zu%s: %s: %.300s\n", n, sticky ? " and later" : "", why, t->text);
    return false;
}

/* One run whose n-th allocation fails; *ret_reached says whether it came so far. */
static bool try_one(struct trial *t, size_t n, int sticky, bool *ret_reached)
{
    struct errbuf err = {0};
    (void)unlink(t->output);
    (void)ftruncate(STDERR_FILENO, 0);
    mem_fail_at(n, sticky);
    enum exit_code code = run(t->snapshot, t->options, false, &err);
    *ret_reached = mem_fail_left() == 0 || (sticky && mem_fail_left() == 1);
    mem_fail_at(0, 0);
    errbuf_free(&err);
    size_t len = read_back(t, t->output);
    if (!are_whole_lines(t->text, len)) {
        return fail(t, n, sticky, "the output has a broken line");
    }
    bool lost = len == 0 || strstr(t->text, "\"events_lost\":0,") == NULL;
    (void)read_back(t, t->said);
    if (strstr(t->text, "bug") != NULL) {
        return fail(t, n, sticky, "the counters do not add up");
    }
    if (code == EXIT_ALL_DONE && lost) {
        return fail(t, n, sticky, "exit code 0, and something is lost");
    }
    if (code != EXIT_ALL_DONE && t->text[0] == '\0') {
        return fail(t, n, sticky, "an exit code without a word");
    }
    return true;
}

static bool try_all(struct trial *t, const char *name)
{
    bool good = true;
    for (int sticky = 0; sticky <= 1; sticky++) {
        size_t n = 0;
        bool reached = true;
        while (reached && good) {
            n++;
            good = try_one(t, n, sticky, &reached);
        }
        printf("# %s: %zu allocations%s\n", name, n - 1, sticky ? ", from each on" : "");
        fflush(stdout);
    }
    return good;
}

static bool replay(struct trial *t, const char *capture)
{
    char *argv[] = {"jndiwatch", "-q",
                    "-r",        (char *)(uintptr_t)capture,
                    "--set",     "flow.ndpi_packets=0",
                    "--set",     "volume.write=yes",
                    "--set",     "host=lab",
                    "-o",        NULL};
    struct options options;
    struct snapshot snapshot = {0};
    struct errbuf err = {0};
    struct errbuf warnings = {0};
    argv[11] = (char *)(uintptr_t)t->output;
    bool good = options_parse(12, argv, &options, &err) == 0 &&
                snapshot_load(&snapshot, &options, &err, &warnings) == 0;
    t->snapshot = &snapshot;
    t->options = &options;
    good = good && try_all(t, capture);
    errbuf_free(&err);
    errbuf_free(&warnings);
    snapshot_free(&snapshot);
    options_free(&options);
    return good;
}

int main(int argc, char **argv)
{
    static struct trial t;
    static char output[PATH_SIZE];
    static char said[PATH_SIZE];
    int n_bad = 0;
    (void)snprintf(output, sizeof(output), "%s/allocations.%d.json", argv[1], (int)getpid());
    (void)snprintf(said, sizeof(said), "%s/allocations.%d.said", argv[1], (int)getpid());
    t.output = output;
    t.said = said;
    int fd = open(said, O_RDWR | O_CREAT | O_TRUNC | O_APPEND, 0600);
    if (fd < 0 || dup2(fd, STDERR_FILENO) < 0) {
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        n_bad += !replay(&t, argv[i]);
    }
    (void)unlink(output);
    (void)unlink(said);
    printf("%d passed, %d failed\n", argc - 2 - n_bad, n_bad);
    return n_bad == 0 ? 0 : 1;
}
