/* feed: the bytes of a capture file, a pipe or standard input.
 *
 * Plain files are read straight into the caller's buffer. What begins like gzip, zstd or xz is
 * decompressed on the way. A pipe may give little at a time and may give nothing for long: it is
 * waited for together with a descriptor that ends the wait, so that a signal cannot be missed
 * between a test and a blocking read. */
#include "sensor/capture/feed.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/capture/unpack.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RAW_BYTES = 256 * 1024, WHY_SIZE = 160, SILENCE_MS = 200 };

struct feed {
    int fd;
    int wake_fd;
    bool regular;
    bool begun;   /* the first bytes were looked at */
    bool raw_end; /* the file has no more */
    bool whole;   /* what was decompressed so far is complete */
    uint64_t size;
    uint64_t position;
    const struct unpack_ops *unpack;
    void *unpack_state;
    struct sbuf raw; /* read from the file, not yet given or decompressed */
    size_t raw_off;
    char why[WHY_SIZE];
};

static int open_fd(const char *path, int *ret_fd)
{
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    *ret_fd = fd;
    return fd < 0 ? -errno : 0;
}

int feed_open(const char *path, int wake_fd, struct feed **ret_feed)
{
    int fd;
    int error = open_fd(path, &fd);
    if (error != 0) {
        return error;
    }
    struct stat st;
    error = fstat(fd, &st) != 0 ? -errno : S_ISDIR(st.st_mode) ? -EISDIR : 0;
    struct feed *f = error == 0 ? mem_alloc(sizeof(*f)) : NULL;
    if (f == NULL) {
        if (fd != STDIN_FILENO) {
            (void)close(fd);
        }
        return error == 0 ? -ENOMEM : error;
    }
    f->fd = fd;
    f->wake_fd = wake_fd;
    f->regular = S_ISREG(st.st_mode);
    f->size = f->regular && st.st_size > 0 ? (uint64_t)st.st_size : 0;
    f->raw = sbuf_with_cap(RAW_BYTES);
    if (f->regular) {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    }
    *ret_feed = f;
    return 0;
}

void feed_close(struct feed **feed)
{
    struct feed *f = *feed;
    if (f == NULL) {
        return;
    }
    if (f->unpack_state != NULL) {
        f->unpack->close(f->unpack_state);
    }
    sbuf_free(&f->raw);
    if (f->fd != STDIN_FILENO) {
        (void)close(f->fd);
    }
    mem_free(f);
    *feed = NULL;
}

static enum feed_status bad(struct feed *f, const char *what, const char *why)
{
    struct sbuf text = sbuf_with_cap(WHY_SIZE - 1);
    (void)sbuf_add_str(&text, what);
    (void)sbuf_add_str(&text, why);
    bytes_copy(f->why, text.data, text.len);
    f->why[text.len] = '\0';
    sbuf_free(&text);
    return FEED_BAD;
}

/* Waits until the pipe has something to read, or has ended; not for ever, where somebody may have
 * other things to do. */
static enum feed_status wait_for_pipe(struct feed *f)
{
    int n;
    struct pollfd fds[] = {
        {.fd = f->fd, .events = POLLIN},
        {.fd = f->wake_fd, .events = POLLIN},
    };
    while ((n = poll(fds, ARRAY_LEN(fds), f->wake_fd >= 0 ? SILENCE_MS : -1)) < 0) {
        if (errno != EINTR) {
            return bad(f, "", strerror(errno));
        }
    }
    return n == 0 || fds[1].revents != 0 ? FEED_INTERRUPTED : FEED_OK;
}

/* One read of the file, as much as it gives. */
static enum feed_status read_file(struct feed *f, uint8_t *to, size_t room, size_t *ret_len)
{
    ssize_t got = -1;
    do {
        enum feed_status status = f->regular ? FEED_OK : wait_for_pipe(f);
        if (status != FEED_OK) {
            return status;
        }
        got = read(f->fd, to, room);
    } while (got < 0 && (errno == EINTR || errno == EAGAIN));
    if (got < 0) {
        return bad(f, "cannot be read: ", strerror(errno));
    }
    f->position += (uint64_t)got;
    f->raw_end = got == 0;
    *ret_len = (size_t)got;
    return got == 0 ? FEED_END : FEED_OK;
}

/* Adds one read to the raw bytes. */
static enum feed_status read_raw(struct feed *f)
{
    sbuf_drop(&f->raw, f->raw_off);
    f->raw_off = 0;
    size_t room = f->raw.cap - f->raw.len;
    uint8_t *to = sbuf_reserve(&f->raw, room);
    size_t len = 0;
    if (to == NULL) {
        return bad(f, "", "out of memory");
    }
    enum feed_status status = read_file(f, to, room, &len);
    if (status == FEED_OK) {
        sbuf_commit(&f->raw, len);
    }
    return status;
}

/* Looks at the first bytes. */
static enum feed_status begin(struct feed *f)
{
    enum feed_status status = FEED_OK;
    while (status == FEED_OK && f->raw.len < UNPACK_MAGIC_MAX) {
        status = read_raw(f);
    }
    if (status != FEED_OK && status != FEED_END) {
        return status;
    }
    f->begun = true;
    f->unpack = unpack_for(sbuf_span(&f->raw));
    if (f->unpack != NULL) {
        f->unpack_state = f->unpack->open();
        return f->unpack_state == NULL ? bad(f, "", "out of memory") : FEED_OK;
    }
    return FEED_OK;
}

static struct span raw_rest(const struct feed *f)
{
    return span_from(sbuf_span(&f->raw), f->raw_off);
}

static enum feed_status read_plain(struct feed *f, uint8_t *to, size_t room, size_t *ret_len)
{
    struct span rest = span_head(raw_rest(f), room);
    if (rest.len > 0) {
        bytes_copy(to, rest.data, rest.len);
        f->raw_off += rest.len;
        *ret_len = rest.len;
        return FEED_OK;
    }
    return f->raw_end ? FEED_END : read_file(f, to, room, ret_len);
}

/* Nothing came of what there is: more input, or the end. */
static enum feed_status feed_unpack(struct feed *f)
{
    if (raw_rest(f).len > 0) {
        return bad(f, "", "damaged data");
    }
    if (!f->raw_end) {
        enum feed_status status = read_raw(f);
        return status == FEED_END ? FEED_OK : status;
    }
    return f->whole ? FEED_END : bad(f, "its compressed data ends early", "");
}

static enum feed_status read_packed(struct feed *f, uint8_t *to, size_t room, size_t *ret_len)
{
    enum feed_status status = FEED_OK;
    while (status == FEED_OK) {
        struct unpack_step step = {
            .input = raw_rest(f), .last = f->raw_end, .to = to, .room = room};
        enum unpack_status run = f->unpack->run(f->unpack_state, &step);
        f->raw_off += step.consumed;
        bool progress = step.consumed > 0 || step.produced > 0;
        f->whole = run == UNPACK_WHOLE || (f->whole && !progress);
        enum feed_status after =
            run == UNPACK_BAD ? bad(f, "its compressed data is damaged: ", step.why) : FEED_OK;
        if (step.produced > 0) { /* what came before the damage is good: the next read tells */
            *ret_len = step.produced;
            return FEED_OK;
        }
        if (after != FEED_OK) {
            return after;
        }
        status = progress ? FEED_OK : feed_unpack(f);
    }
    return status;
}

enum feed_status feed_read(struct feed *f, uint8_t *to, size_t room, size_t *ret_len)
{
    if (f->why[0] != '\0') {
        return FEED_BAD;
    }
    if (!f->begun) {
        enum feed_status status = begin(f);
        if (status != FEED_OK) {
            return status;
        }
    }
    return f->unpack == NULL ? read_plain(f, to, room, ret_len) : read_packed(f, to, room, ret_len);
}

const char *feed_why(const struct feed *f)
{
    return f->why;
}

const char *feed_packing(const struct feed *f)
{
    return f->unpack == NULL ? NULL : f->unpack->name;
}

bool feed_is_regular(const struct feed *f)
{
    return f->regular;
}

uint64_t feed_position(const struct feed *f)
{
    return f->position;
}

uint64_t feed_size(const struct feed *f)
{
    return f->size;
}
