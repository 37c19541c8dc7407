/* sink_file: whole lines appended to a file, or to standard output.
 *
 * One writer for a file: it is locked, and a second sensor is refused. A line broken by an earlier
 * crash is ended before the first new one. When the disk is full, what was written of a line that
 * did not fit is taken back, so the file never holds half a line. When the name no longer points at
 * the open file (a rotation without a signal), the name is opened anew, checked at most once a
 * second. */
#include "sensor/output/sink_file.h"

#include "sensor/base/clock.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHECK_US = 1000000, PATH_CAP = 4096 };

struct sink {
    struct sbuf path; /* with its NUL; "-" is standard output */
    int fd;
    bool is_stdout;
    bool regular;
    uint64_t checked_us;
};

static const char *path_of(const struct sink *s)
{
    return (const char *)s->path.data;
}

/* Says what is wrong with the place, not only that it is. */
static void explain(const struct sink *s, int error, struct errbuf *err)
{
    char copy[PATH_CAP];
    struct stat st;
    (void)snprintf(copy, sizeof(copy), "%s", path_of(s));
    const char *dir = dirname(copy);
    if (error == EWOULDBLOCK) {
        errbuf_add(err, "output '%s' is in use by another process. Choose another with -l or -o",
                   path_of(s));
    } else if (error == EMFILE || error == ENFILE) {
        errbuf_add(err, "cannot open '%s': %s; raise LimitNOFILE", path_of(s), strerror(error));
    } else if (stat(dir, &st) != 0) {
        errbuf_add(err, "output directory '%s' does not exist; mkdir -p %s", dir, dir);
    } else if (!S_ISDIR(st.st_mode)) {
        errbuf_add(err, "output directory '%s' is not a directory. Choose another with -l", dir);
    } else {
        errbuf_add(err, "cannot write '%s': %s. Choose another place with -l or -o", path_of(s),
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

static int open_path(struct sink *s, struct errbuf *err)
{
    int fd = open(path_of(s), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
    struct stat st;
    int rc = fd < 0 || fstat(fd, &st) != 0 ? -errno : 0;
    if (rc == 0 && S_ISREG(st.st_mode) && flock(fd, LOCK_EX | LOCK_NB) != 0) {
        rc = -errno;
    }
    if (rc == 0 && S_ISREG(st.st_mode)) {
        rc = end_broken_line(fd);
    }
    if (rc != 0) {
        explain(s, -rc, err);
        if (fd >= 0) {
            (void)close(fd);
        }
        return rc;
    }
    s->regular = S_ISREG(st.st_mode);
    s->fd = fd;
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
    sbuf_free(&(*s)->path);
    mem_free(*s);
    *s = NULL;
}

static int file_open(const char *target, struct sink **ret_sink, struct errbuf *err)
{
    struct sink *s = mem_alloc(sizeof(*s));
    if (s == NULL) {
        return -ENOMEM;
    }
    s->fd = -1;
    s->path = sbuf_with_cap(PATH_CAP);
    s->is_stdout = target != NULL && strcmp(target, "-") == 0;
    int rc =
        sbuf_add_str(&s->path, target != NULL ? target : "eve.json") && sbuf_add_byte(&s->path, 0)
            ? 0
            : -ENAMETOOLONG;
    if (rc != 0) {
        errbuf_add(err, "the name of the output is longer than %d bytes", PATH_CAP - 1);
    } else if (s->is_stdout) {
        s->fd = STDOUT_FILENO;
    } else {
        rc = open_path(s, err);
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
    if (s->is_stdout) {
        return 0;
    }
    int old = s->fd;
    (void)flock(old, LOCK_UN); /* the name may still be the same file */
    int rc = open_path(s, err);
    if (rc == 0) {
        (void)close(old);
    } else {
        s->fd = old;
        (void)flock(old, LOCK_EX | LOCK_NB);
    }
    return rc;
}

static bool was_moved(const struct sink *s)
{
    struct stat by_name;
    struct stat by_fd;
    return stat(path_of(s), &by_name) != 0 || fstat(s->fd, &by_fd) != 0 ||
           by_name.st_ino != by_fd.st_ino || by_name.st_dev != by_fd.st_dev;
}

static void check_moved(struct sink *s)
{
    uint64_t now = clock_monotonic_us();
    if (s->is_stdout || !s->regular || now - s->checked_us < CHECK_US) {
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

static int file_write(struct sink *s, struct span lines, size_t n_lines, size_t *ret_n_lost)
{
    check_moved(s);
    size_t done = 0;
    while (done < lines.len) {
        struct span rest = span_from(lines, done);
        ssize_t n = write(s->fd, rest.data, rest.len);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            int rc = n < 0 ? -errno : -EIO;
            *ret_n_lost = n_lines - take_back(s, lines, done);
            return rc;
        }
        done += (size_t)n;
    }
    return 0;
}

static int file_flush(struct sink *s)
{
    check_moved(s);
    return 0;
}

const struct sink_ops sink_file = {
    .name = "file",
    .open = file_open,
    .write = file_write,
    .flush = file_flush,
    .reopen = file_reopen,
    .close = file_close,
};
