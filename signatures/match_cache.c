/* match_cache: compiled databases kept between starts.
 *
 * Compiling the gate takes most of a second, reading it back a few milliseconds. A compiled
 * database is code in all but name, so it is taken only from a file of our own that nobody else may
 * write, reached through no symbolic link, whose SHA-256 is the one in its header. The name is a
 * hash of all that went into the database (patterns, flags, mode, library version, processor), so a
 * change of any of them finds nothing and compiles. Files are at most 256 MiB.
 *
 * Each change of the rules makes a new file, so whoever stores one removes what is superfluous: all
 * but the MATCH_CACHE_FILES_MAX that were used last, and drafts of programs that ended while they
 * wrote. Only regular files with a name that this module makes are ever removed. */
#include "signatures/match_cache.h"

#include "sensor/base/bytes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum {
    PATH_CAP = 4096,
    FILE_MAX = 256 * 1024 * 1024,
    HEX_LEN = 2 * MATCH_CACHE_KEY_SIZE,
    DRAFT_AGE_S = 3600, /* nobody writes that long */
    ENTRIES_MAX = 4096, /* of the directory, looked at in one go */
};

static const char magic[16] = "jndiwatch gate1";

struct match_cache_key match_cache_key(struct span material)
{
    struct match_cache_key key;
    struct sha256_ctx sha;
    sha256_init(&sha);
    sha256_update(&sha, material.len, material.data);
    sha256_digest(&sha, sizeof(key.bytes), key.bytes);
    return key;
}

static bool make_path(const char *dir, const struct match_cache_key *key, const char *suffix,
                      char path[PATH_CAP])
{
    char hex[2 * MATCH_CACHE_KEY_SIZE + 1];
    for (size_t i = 0; i < MATCH_CACHE_KEY_SIZE; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", key->bytes[i]);
    }
    int len = snprintf(path, PATH_CAP, "%s/%s.hsdb%s", dir, hex, suffix);
    return len > 0 && len < PATH_CAP;
}

/* Of our own, and nobody else's to write. */
static bool is_trusted(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_uid == geteuid() && (st->st_mode & 022) == 0 &&
           st->st_size > (off_t)(sizeof(magic) + MATCH_CACHE_KEY_SIZE) && st->st_size <= FILE_MAX;
}

static bool read_all(int fd, size_t size, struct sbuf *to)
{
    uint8_t *at = sbuf_reserve(to, size);
    size_t done = 0;
    while (at != NULL && done < size) {
        ssize_t n = read(fd, &at[done], size - done);
        if (n <= 0) {
            return false;
        }
        done += (size_t)n;
    }
    if (at != NULL) {
        sbuf_commit(to, size);
    }
    return at != NULL;
}

/* Header and checksum; what is left in the buffer is the database. */
static bool check(struct sbuf *file)
{
    struct span all = sbuf_span(file);
    size_t header = sizeof(magic) + MATCH_CACHE_KEY_SIZE;
    struct match_cache_key sum = match_cache_key(span_from(all, header));
    bool good = span_equal(span_head(all, sizeof(magic)), span_of(magic, sizeof(magic))) &&
                span_equal(span_sub(all, sizeof(magic), MATCH_CACHE_KEY_SIZE),
                           span_of(sum.bytes, sizeof(sum.bytes)));
    sbuf_drop(file, header);
    return good;
}

bool match_cache_load(const char *dir, const struct match_cache_key *key, struct sbuf *ret_bytes)
{
    char path[PATH_CAP];
    struct stat st;
    *ret_bytes = sbuf_with_cap(FILE_MAX);
    int fd = make_path(dir, key, "", path) ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (fd < 0) {
        return false;
    }
    bool good = fstat(fd, &st) == 0 && is_trusted(&st) &&
                read_all(fd, (size_t)st.st_size, ret_bytes) && check(ret_bytes);
    if (good) {
        (void)futimens(fd, NULL); /* it was used now */
    }
    (void)close(fd);
    if (!good) {
        sbuf_free(ret_bytes);
    }
    return good;
}

/* --- what is superfluous -----------------------------------------------------------------------
 */

/* What a name in the directory is to us. */
enum entry { ENTRY_FOREIGN, ENTRY_DATABASE, ENTRY_DRAFT };

static enum entry entry_of(struct span name)
{
    struct span rest = span_from(name, HEX_LEN);
    for (size_t i = 0; i < HEX_LEN; i++) {
        if (byte_hex(span_at(name, i)) < 0) {
            return ENTRY_FOREIGN;
        }
    }
    if (!span_starts(rest, SPAN(".hsdb"))) {
        return ENTRY_FOREIGN;
    }
    rest = span_from(rest, sizeof(".hsdb") - 1);
    uint64_t pid = 0;
    if (rest.len == 0) {
        return ENTRY_DATABASE;
    }
    return rest.data[0] == '.' && span_to_u64(span_from(rest, 1), &pid) ? ENTRY_DRAFT
                                                                        : ENTRY_FOREIGN;
}

static bool is_older(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec != b->tv_sec ? a->tv_sec < b->tv_sec : a->tv_nsec < b->tv_nsec;
}

/* One look at all of it: drafts that were left are removed, and the databases counted. Writes the
 * name of the oldest, and returns how many there are. */
static size_t sweep_once(DIR *dir, time_t now, char oldest[NAME_MAX + 1])
{
    struct timespec since = {0};
    size_t n = 0;
    rewinddir(dir);
    const struct dirent *e = readdir(dir);
    for (unsigned seen = 0; e != NULL && seen < ENTRIES_MAX; seen++, e = readdir(dir)) {
        struct stat st;
        enum entry kind = entry_of(span_str(e->d_name));
        if (kind == ENTRY_FOREIGN ||
            fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode)) {
            continue;
        }
        if (kind == ENTRY_DRAFT) {
            if (now - st.st_mtim.tv_sec > DRAFT_AGE_S) {
                (void)unlinkat(dirfd(dir), e->d_name, 0);
            }
            continue;
        }
        n++;
        if (n == 1 || is_older(&st.st_mtim, &since)) {
            since = st.st_mtim;
            (void)snprintf(oldest, NAME_MAX + 1, "%s", e->d_name);
        }
    }
    return n;
}

/* `newest` was stored in it a moment ago. */
static void sweep(const char *path, const char *newest)
{
    char oldest[NAME_MAX + 1];
    struct stat st;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 && stat(newest, &st) == 0 ? fdopendir(fd) : NULL;
    if (dir == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return;
    }
    while (sweep_once(dir, st.st_mtim.tv_sec, oldest) > MATCH_CACHE_FILES_MAX &&
           unlinkat(dirfd(dir), oldest, 0) == 0) {
    }
    (void)closedir(dir);
}

static bool write_all(int fd, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = write(fd, bytes.data, bytes.len);
        if (n <= 0) {
            return false;
        }
        bytes = span_from(bytes, (size_t)n);
    }
    return true;
}

void match_cache_store(const char *dir, const struct match_cache_key *key, struct span bytes)
{
    char path[PATH_CAP];
    char draft[PATH_CAP];
    char suffix[32];
    (void)snprintf(suffix, sizeof(suffix), ".%ld", (long)getpid());
    if (!make_path(dir, key, "", path) || !make_path(dir, key, suffix, draft)) {
        return;
    }
    (void)mkdir(dir, 0700);
    int fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return;
    }
    struct match_cache_key sum = match_cache_key(bytes);
    bool good = write_all(fd, span_of(magic, sizeof(magic))) &&
                write_all(fd, span_of(sum.bytes, sizeof(sum.bytes))) && write_all(fd, bytes);
    good = close(fd) == 0 && good;
    if (!good || rename(draft, path) != 0) {
        (void)unlink(draft);
        return;
    }
    sweep(dir, path);
}
