/* rotate: names of log files by time, and which of them to keep.
 *
 * The times are those of the events, in UTC, so that a replay makes the same files in every run.
 * Files are deleted only in the folder of the log, and only where the whole name is one that the
 * pattern makes: digits where it has a time, every other character as it stands. */
#include "sensor/output/rotate.h"

#include "sensor/base/bytes.h"
#include "sensor/base/clock.h"
#include "sensor/base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECOND_US = 1000000, DAY_S = 86400, FILES_MAX = 65536 };

bool rotate_is_pattern(const char *pattern)
{
    return strchr(pattern, '%') != NULL;
}

/* Digits of a time; empty for a letter that is none. */
static void format_part(char letter, uint64_t time_us, char *ret_text, size_t size)
{
    uint64_t seconds = time_us / SECOND_US;
    unsigned in_day = (unsigned)(seconds % DAY_S);
    int year, month, day;
    clock_date((int64_t)(seconds / DAY_S), &year, &month, &day);
    int two = letter == 'm'   ? month
              : letter == 'd' ? day
              : letter == 'H' ? (int)(in_day / 3600)
              : letter == 'M' ? (int)(in_day / 60 % 60)
              : letter == 'S' ? (int)(in_day % 60)
                              : -1;
    ret_text[0] = '\0';
    if (two >= 0) {
        (void)snprintf(ret_text, size, "%02d", two);
    } else if (letter == 'Y') {
        (void)snprintf(ret_text, size, "%04d", year);
    } else if (letter == 's') {
        (void)snprintf(ret_text, size, "%llu", (unsigned long long)seconds);
    } else if (letter == '%') {
        (void)snprintf(ret_text, size, "%%");
    }
}

int rotate_name(const char *pattern, uint64_t time_us, char *ret_name, size_t size)
{
    size_t len = 0;
    for (const char *at = pattern; *at != '\0'; at++) {
        char part[24] = {*at, '\0'};
        if (*at == '%') {
            at++;
            format_part(*at, time_us, part, sizeof(part));
            if (part[0] == '\0') {
                return -EINVAL;
            }
        }
        int n = snprintf(ret_name + len, size - len, "%s", part);
        if (n < 0 || (size_t)n >= size - len) {
            return -ENAMETOOLONG;
        }
        len += (size_t)n;
    }
    return 0;
}

/* How many digits a part has; 0: any number of them. */
static size_t digits_of(char letter)
{
    return letter == 'Y' ? 4 : letter == 's' ? 0 : 2;
}

static const char *skip_digits(const char *at, size_t n)
{
    size_t seen = 0;
    while (byte_is_digit((uint8_t)*at) && (n == 0 || seen < n)) {
        at++;
        seen++;
    }
    return seen > 0 && (n == 0 || seen == n) ? at : NULL;
}

bool rotate_matches(const char *pattern, const char *name)
{
    for (const char *at = pattern; *at != '\0'; at++) {
        if (*at == '%' && at[1] != '%' && at[1] != '\0') {
            at++;
            name = skip_digits(name, digits_of(*at));
            if (name == NULL) {
                return false;
            }
            continue;
        }
        at += *at == '%';
        if (*name++ != *at) {
            return false;
        }
    }
    if (*name == '-') {
        name = skip_digits(name + 1, 0);
    }
    return name != NULL && *name == '\0';
}

struct found {
    struct timespec changed;
    char name[NAME_MAX + 1];
};

static int newest_first(const void *a, const void *b)
{
    const struct found *x = a;
    const struct found *y = b;
    if (x->changed.tv_sec != y->changed.tv_sec) {
        return x->changed.tv_sec < y->changed.tv_sec ? 1 : -1;
    }
    if (x->changed.tv_nsec != y->changed.tv_nsec) {
        return x->changed.tv_nsec < y->changed.tv_nsec ? 1 : -1;
    }
    return -strcmp(x->name, y->name);
}

static size_t find_files(DIR *dir, const char *pattern, const char *current, struct found **files)
{
    size_t n = 0;
    for (struct dirent *entry = readdir(dir); entry != NULL && n < FILES_MAX;
         entry = readdir(dir)) {
        struct stat st;
        if (strcmp(entry->d_name, current) == 0 || !rotate_matches(pattern, entry->d_name) ||
            fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(st.st_mode)) {
            continue;
        }
        struct found *more = mem_resize(*files, (n + 1) * sizeof(**files));
        if (more == NULL) {
            return n;
        }
        *files = more;
        (*files)[n].changed = st.st_mtim;
        (void)snprintf((*files)[n].name, sizeof((*files)[n].name), "%s", entry->d_name);
        n++;
    }
    return n;
}

void rotate_prune(const char *path_pattern, size_t keep, const char *current)
{
    char folder[PATH_MAX];
    char base[PATH_MAX];
    char own[PATH_MAX];
    (void)snprintf(folder, sizeof(folder), "%s", path_pattern);
    (void)snprintf(base, sizeof(base), "%s", path_pattern);
    (void)snprintf(own, sizeof(own), "%s", current);
    DIR *dir = opendir(dirname(folder));
    if (dir == NULL) {
        return;
    }
    struct found *files = NULL;
    size_t n = find_files(dir, basename(base), basename(own), &files);
    if (n > keep) {
        qsort(files, n, sizeof(*files), newest_first);
    }
    for (size_t i = keep; i < n; i++) {
        (void)unlinkat(dirfd(dir), files[i].name, 0);
    }
    mem_free(files);
    (void)closedir(dir);
}
