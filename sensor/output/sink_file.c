/* sink_file: whole lines appended to a file, or to standard output.
 *
 * One writer for a file: it is locked, and a second sensor is refused. A line broken by an earlier
 * crash is ended before the first new one. When the disk is full, what was written of a line that
 * did not fit is taken back, so the file never holds half a line, and the lines are to be given
 * again: there may be space soon. When the name no longer points at the open file (a rotation
 * without a signal), the name is opened anew, checked at most once a second; of a file that was
 * deleted that is checked at every write, since what it takes is nowhere. By size or time a new
 * file is begun between two lines: the old one is renamed to carry its time, or the new one has the
 * time in its name.
 *
 * A pipe may have a reader that does not read: in live capture as much is written as it has room
 * for, and the rest of a line waits. */
#include "sensor/output/sink_file.h"

#include "sensor/base/clock.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/output/rotate.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHECK_US = 1000000, WAIT_MS = 200, NAMES = 1000 };

struct sink {
    const struct config_output *config;
    char pattern[PATH_MAX]; /* what the configuration calls the file */
    char path[PATH_MAX];    /* the open one; "-" is standard output; "" when none is open yet */
    int fd;
    bool is_stdout;
    bool regular;
    bool may_wait;
    uint64_t size;
    uint64_t begun_us; /* clock of its first event from us; 0: none yet */
    uint64_t checked_us;
    size_t sent; /* bytes of the first line that a pipe has taken */
};

/* Says what is wrong with the place, not only that it is. */
static void explain(const char *path, int error, struct errbuf *err)
{
    char copy[PATH_MAX];
    struct stat st;
    (void)snprintf(copy, sizeof(copy), "%s", path);
    const char *dir = dirname(copy);
    bool there = stat(dir, &st) == 0;
    bool absent = !there && errno != EACCES;
    if (error == EWOULDBLOCK) {
        errbuf_add(err, "output '%s' is in use by another process. Choose another with -l or -o",
                   path);
    } else if (error == EMFILE || error == ENFILE) {
        errbuf_add(err, "cannot open '%s': %s; raise LimitNOFILE", path, strerror(error));
    } else if (absent) {
        errbuf_add(err, "output directory '%s' does not exist; mkdir -p %s", dir, dir);
    } else if (there && !S_ISDIR(st.st_mode)) {
        errbuf_add(err, "output directory '%s' is not a directory. Choose another with -l", dir);
    } else {
        errbuf_add(err, "cannot write '%s': %s. Choose another place with -l or -o", path,
                   strerror(error));
    }
}

/* After a crash the last line may be incomplete: the next record must not be glued to it. */
static int end_broken_line(int fd)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char last = '\n';
    if (size <= 0 || pread(fd, &last, 1, size - 1) != 1 || last == '\n') {
        return 0;
    }
    return write(fd, "\n", 1) == 1 ? 0 : -errno;
}

static int check_regular(int fd, uint64_t *ret_size)
{
    struct stat st;
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        return -errno;
    }
    int rc = end_broken_line(fd);
    *ret_size = fstat(fd, &st) == 0 ? (uint64_t)st.st_size : 0;
    return rc;
}

/* Puts the file of that name in place of the open one, if there is any. On failure that stays. */
static int open_path(struct sink *s, const char *path, struct errbuf *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
    struct stat st;
    uint64_t size = 0;
    int rc = fd < 0 || fstat(fd, &st) != 0 ? -errno : 0;
    if (rc == 0 && S_ISREG(st.st_mode)) {
        rc = check_regular(fd, &size);
    }
    if (rc != 0) {
        explain(path, -rc, err);
        if (fd >= 0) {
            (void)close(fd);
        }
        return rc;
    }
    if (s->fd >= 0) {
        (void)close(s->fd);
    }
    s->regular = S_ISREG(st.st_mode);
    s->fd = fd;
    s->size = size;
    s->begun_us = 0;
    if (path != s->path) {
        (void)snprintf(s->path, sizeof(s->path), "%s", path);
    }
    return 0;
}

static void file_close(struct sink **s)
{
    if (*s == NULL) {
        return;
    }
    if ((*s)->fd >= 0 && !(*s)->is_stdout) {
        (void)close((*s)->fd);
    }
    mem_free(*s);
    *s = NULL;
}

static bool is_stdout(const struct config_output *config)
{
    return strcmp(config->type, "stdout") == 0 || strcmp(config->target, "-") == 0;
}

static const char *pattern_of(const struct config_output *config)
{
    return config->target[0] != '\0' ? config->target : "eve.json";
}

/* `ret_path`: what a file of it might be called. */
static int check_name(const struct config_output *config, char ret_path[PATH_MAX],
                      struct errbuf *err)
{
    int rc = rotate_name(pattern_of(config), 0, ret_path, PATH_MAX);
    if (rc == -ENAMETOOLONG) {
        errbuf_add(err, "the name of the output is longer than %d bytes", PATH_MAX - 1);
    } else if (rc != 0) {
        errbuf_add(err, "output '%s': after %% only Y m d H M S s and %% are understood",
                   pattern_of(config));
    }
    return rc;
}

static int file_check(const struct config_output *config, struct errbuf *err)
{
    char path[PATH_MAX];
    char copy[PATH_MAX];
    struct stat st;
    int rc = is_stdout(config) ? 0 : check_name(config, path, err);
    if (rc != 0 || is_stdout(config)) {
        return rc;
    }
    (void)snprintf(copy, sizeof(copy), "%s", path);
    if (stat(dirname(copy), &st) != 0 || !S_ISDIR(st.st_mode)) {
        explain(path, ENOTDIR, err);
        return -ENOTDIR;
    }
    return 0;
}

static int file_open(const struct sink_options *options, struct sink **ret_sink, struct errbuf *err)
{
    char path[PATH_MAX];
    int rc = is_stdout(options->config) ? 0 : check_name(options->config, path, err);
    struct sink *s = rc == 0 ? mem_alloc(sizeof(*s)) : NULL;
    if (s == NULL) {
        return rc != 0 ? rc : -ENOMEM;
    }
    s->config = options->config;
    s->fd = -1;
    s->may_wait = options->may_wait;
    s->is_stdout = is_stdout(options->config);
    (void)snprintf(s->pattern, sizeof(s->pattern), "%s", pattern_of(options->config));
    if (s->is_stdout) {
        struct stat st;
        s->fd = STDOUT_FILENO;
        s->regular = fstat(s->fd, &st) == 0 && S_ISREG(st.st_mode);
    } else if (!rotate_is_pattern(s->pattern)) {
        rc = open_path(s, s->pattern, err);
    }
    if (rc != 0) {
        file_close(&s);
        return rc;
    }
    s->checked_us = clock_monotonic_us();
    *ret_sink = s;
    return 0;
}

static int file_reopen(struct sink *s, struct errbuf *err)
{
    if (s->is_stdout || s->fd < 0) {
        return 0;
    }
    (void)flock(s->fd, LOCK_UN); /* the name may still be the same file */
    int rc = open_path(s, s->path, err);
    if (rc != 0) {
        (void)flock(s->fd, LOCK_EX | LOCK_NB);
    }
    return rc;
}

static bool was_moved(const struct sink *s)
{
    struct stat by_name;
    struct stat by_fd;
    return stat(s->path, &by_name) != 0 || fstat(s->fd, &by_fd) != 0 ||
           by_name.st_ino != by_fd.st_ino || by_name.st_dev != by_fd.st_dev;
}

static void check_moved(struct sink *s)
{
    uint64_t now = clock_monotonic_us();
    if (s->is_stdout || s->fd < 0 || !s->regular || now - s->checked_us < CHECK_US) {
        return;
    }
    s->checked_us = now;
    if (was_moved(s)) {
        struct errbuf err = {0};
        (void)file_reopen(s, &err); /* cannot: the moved file still takes the lines */
        errbuf_free(&err);
    }
}

static size_t count_lines(struct span s)
{
    size_t n = 0;
    size_t at = 0;
    while ((at = span_find_byte(s, at, '\n')) != SPAN_NONE) {
        n++;
        at++;
    }
    return n;
}

/* `done` bytes of `lines` were written before the error: takes back what is not a whole line.
 * Returns how many lines stand. */
static size_t take_back(struct sink *s, struct span lines, size_t done)
{
    struct span written = span_head(lines, done);
    size_t end = span_rfind_byte(written, '\n');
    size_t whole = end == SPAN_NONE ? 0 : end + 1;
    off_t size = s->regular ? lseek(s->fd, 0, SEEK_END) : -1;
    if (size >= 0 && done > whole && ftruncate(s->fd, size - (off_t)(done - whole)) != 0) {
        s->checked_us = 0;
    }
    return count_lines(span_head(lines, whole));
}

/* --- rotation
 * ------------------------------------------------------------------------------------ */

/* What a file that is renamed away is called: the name and the time of its first event. */
static bool name_of_old(const struct sink *s, char *ret_name, size_t size)
{
    char stamp[32];
    struct stat st;
    CHECK(rotate_name("%Y%m%d-%H%M%S", s->begun_us, stamp, sizeof(stamp)) == 0);
    bool dated = rotate_is_pattern(s->pattern);
    for (unsigned i = 0; i < NAMES; i++) {
        char number[16] = "";
        if (i > 0) {
            (void)snprintf(number, sizeof(number), "-%u", i);
        }
        int n = dated ? snprintf(ret_name, size, "%s-%u", s->path, i + 1)
                      : snprintf(ret_name, size, "%s.%s%s", s->path, stamp, number);
        if (n > 0 && (size_t)n < size && lstat(ret_name, &st) != 0) {
            return true;
        }
    }
    return false;
}

static void prune(const struct sink *s)
{
    char pattern[PATH_MAX];
    const char *end = rotate_is_pattern(s->pattern) ? "" : ".%Y%m%d-%H%M%S";
    int n = snprintf(pattern, sizeof(pattern), "%s%s", s->pattern, end);
    if (s->config->rotate_keep > 0 && n > 0 && (size_t)n < sizeof(pattern)) {
        rotate_prune(pattern, s->config->rotate_keep, s->path);
    }
}

/* Begins the file for events of that clock. On failure the old one is written on; with none, that
 * is an error. */
static int begin_file(struct sink *s, uint64_t clock_us)
{
    char path[PATH_MAX];
    char old[PATH_MAX];
    struct errbuf err = {0};
    uint64_t period = s->config->rotate_interval;
    uint64_t time_us = period > 0 ? clock_us - clock_us % period : clock_us;
    int rc =
        rotate_is_pattern(s->pattern) ? rotate_name(s->pattern, time_us, path, sizeof(path)) : 0;
    if (!rotate_is_pattern(s->pattern)) {
        (void)snprintf(path, sizeof(path), "%s", s->pattern);
    }
    if (rc == 0 && s->fd >= 0 && strcmp(path, s->path) == 0 &&
        (!name_of_old(s, old, sizeof(old)) || rename(path, old) != 0)) {
        rc = -errno;
    }
    rc = rc == 0 ? open_path(s, path, &err) : rc;
    errbuf_free(&err);
    if (rc == 0) {
        prune(s);
    }
    return s->fd >= 0 ? 0 : rc;
}

static bool is_due(const struct sink *s, const struct sink_block *block, size_t first_line)
{
    uint64_t period = s->config->rotate_interval;
    uint64_t size = s->config->rotate_size;
    if (s->fd < 0) {
        return true;
    }
    if (!s->regular || s->is_stdout) {
        return false;
    }
    return (period > 0 && s->begun_us > 0 && block->clock_us / period > s->begun_us / period) ||
           (size > 0 && s->size > 0 && s->size + first_line > size);
}

/* Whole lines from `off` on that go to the file that is open. */
static struct span lines_of_file(const struct sink *s, struct span lines, size_t off)
{
    struct span rest = span_from(lines, off);
    uint64_t size = s->config->rotate_size;
    if (size == 0 || !s->regular || s->is_stdout) {
        return rest;
    }
    size_t room = s->size < size ? (size_t)(size - s->size) : 0;
    if (rest.len <= room) {
        return rest;
    }
    size_t end = span_rfind_byte(span_head(rest, room), '\n');
    end = end == SPAN_NONE ? span_find_byte(rest, 0, '\n') : end;
    return span_head(rest, end + 1);
}

/* --- writing
 * ------------------------------------------------------------------------------------- */

/* All of it, or an error; *ret_done bytes are written in any case. */
static int write_all(struct sink *s, struct span lines, size_t *ret_done)
{
    size_t done = 0;
    int rc = 0;
    while (done < lines.len && rc == 0) {
        struct span rest = span_from(lines, done);
        ssize_t n = write(s->fd, rest.data, rest.len);
        if (n > 0) {
            done += (size_t)n;
        } else if (n == 0 || errno != EINTR) {
            rc = n < 0 ? -errno : -EIO;
        }
    }
    *ret_done = done;
    return rc;
}

static bool is_deleted(const struct sink *s)
{
    struct stat st;
    return s->regular && !s->is_stdout && fstat(s->fd, &st) == 0 && st.st_nlink == 0;
}

/* As write_all(). What went to a file that has no name any more is in no file: it goes to the next
 * one of that name, and where there cannot be one it is not written. */
static int write_reachable(struct sink *s, struct span lines, size_t *ret_done)
{
    int rc = 0;
    for (unsigned tries = 0; tries < 2; tries++) {
        struct errbuf err = {0};
        *ret_done = 0;
        rc = is_deleted(s) ? file_reopen(s, &err) : 0;
        errbuf_free(&err);
        rc = rc == 0 ? write_all(s, lines, ret_done) : rc;
        if (rc != 0 || !is_deleted(s)) {
            return rc;
        }
        off_t size = lseek(s->fd, 0, SEEK_END);
        if (size < 0 || ftruncate(s->fd, size - (off_t)*ret_done) != 0) {
            return -EIO;
        }
    }
    *ret_done = 0;
    return -ENOENT;
}

/* Whether it is worth waiting: for space, for the folder. A limit of size stays, and what is no
 * file does not come back. */
static bool may_pass(const struct sink *s, int rc)
{
    return rc != -EFBIG && (s->fd < 0 || s->regular);
}

static int write_part(struct sink *s, struct span part, struct sink_result *result)
{
    size_t done = 0;
    int rc = write_reachable(s, part, &done);
    result->n_written += rc == 0 ? count_lines(part) : take_back(s, part, done);
    s->size += done;
    if (rc != 0 && s->regular) {
        off_t end = lseek(s->fd, 0, SEEK_END);
        s->size = end > 0 ? (uint64_t)end : 0;
    }
    return rc;
}

static int write_file(struct sink *s, const struct sink_block *block, struct sink_result *result)
{
    size_t off = 0;
    int rc = 0;
    while (rc == 0 && off < block->lines.len) {
        size_t first = span_find_byte(block->lines, off, '\n') + 1 - off;
        if (is_due(s, block, first)) {
            rc = begin_file(s, block->clock_us);
        }
        if (rc != 0) {
            break;
        }
        s->begun_us = s->begun_us == 0 ? block->clock_us : s->begun_us;
        struct span part = lines_of_file(s, block->lines, off);
        rc = write_part(s, part, result);
        off += part.len;
    }
    result->n_lost = rc == 0 || may_pass(s, rc) ? 0 : block->n_lines - result->n_written;
    return rc;
}

/* A pipe with a reader that may be slow: PIPE_BUF bytes fit wherever poll() says there is room. */
static int write_pipe(struct sink *s, const struct sink_block *block, struct sink_result *result)
{
    size_t done = s->sent;
    int rc = 0;
    while (done < block->lines.len && rc == 0) {
        struct pollfd ready = {.fd = s->fd, .events = POLLOUT};
        struct span rest = span_from(block->lines, done);
        if (poll(&ready, 1, WAIT_MS) <= 0) {
            rc = -EAGAIN;
            break;
        }
        ssize_t n = write(s->fd, rest.data, rest.len < PIPE_BUF ? rest.len : PIPE_BUF);
        if (n > 0) {
            done += (size_t)n;
        } else {
            rc = n == 0 ? -EIO : errno == EINTR ? 0 : -errno;
        }
    }
    struct span written = span_head(block->lines, done);
    size_t end = span_rfind_byte(written, '\n');
    result->n_written = count_lines(written);
    s->sent = done - (end == SPAN_NONE ? 0 : end + 1);
    if (rc != 0 && rc != -EAGAIN) {
        result->n_lost = block->n_lines - result->n_written;
        s->sent = 0;
    }
    return rc;
}

static int file_write(struct sink *s, const struct sink_block *block,
                      struct sink_result *ret_result)
{
    check_moved(s);
    bool is_pipe = s->fd >= 0 && !s->regular && !s->may_wait;
    return is_pipe ? write_pipe(s, block, ret_result) : write_file(s, block, ret_result);
}

static int file_flush(struct sink *s)
{
    check_moved(s);
    return 0;
}

const struct sink_ops sink_file = {
    .name = "file",
    .check = file_check,
    .open = file_open,
    .write = file_write,
    .flush = file_flush,
    .reopen = file_reopen,
    .close = file_close,
};

const struct sink_ops sink_stdout = {
    .name = "stdout",
    .check = file_check,
    .open = file_open,
    .write = file_write,
    .flush = file_flush,
    .reopen = file_reopen,
    .close = file_close,
};
