/* inputs: from what was named on the command line to the files to be read.
 *
 * A directory stands for the captures in it, in the order of their names' bytes, whatever they are
 * called: what is a capture is seen by its first bytes. What cannot be opened is said with what can
 * be done about it. */
#include "sensor/capture/inputs.h"

#include "sensor/base/bytes.h"
#include "sensor/base/log.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"

#include <dirent.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_ROOM = 16, PATH_CAP = 4096 };

void inputs_free(struct inputs *list)
{
    for (size_t i = 0; i < list->n; i++) {
        mem_free(list->paths[i]);
    }
    mem_free(list->paths);
    *list = (struct inputs){0};
}

/* A copy of "directory/name", or of name alone. */
static char *join(const char *directory, const char *name)
{
    struct sbuf text = sbuf_with_cap(PATH_CAP);
    bool ok = true;
    if (directory != NULL) {
        ok = sbuf_add_str(&text, directory);
        ok = ok && (span_at(sbuf_span(&text), text.len - 1) == '/' || sbuf_add_byte(&text, '/'));
    }
    ok = ok && sbuf_add_str(&text, name) && sbuf_add_byte(&text, 0);
    if (!ok) {
        sbuf_free(&text);
        return NULL;
    }
    return (char *)text.data;
}

static bool append(struct inputs *list, char *path)
{
    if (path == NULL) {
        return false;
    }
    if (list->n == list->room) {
        size_t room = list->room == 0 ? FIRST_ROOM : list->room * 2;
        char **paths = mem_resize(list->paths, room * sizeof(*paths));
        if (paths == NULL) {
            mem_free(path);
            return false;
        }
        list->paths = paths;
        list->room = room;
    }
    list->paths[list->n++] = path;
    return true;
}

static const char *owner_name(uid_t uid, char *text, size_t size)
{
    struct passwd entry;
    struct passwd *found = NULL;
    if (getpwuid_r(uid, &entry, text, size, &found) == 0 && found != NULL) {
        return entry.pw_name;
    }
    struct sbuf number = sbuf_with_cap(size - 1);
    (void)sbuf_add_format(&number, "user %u", (unsigned)uid);
    bytes_copy(text, number.data, number.len);
    text[number.len] = '\0';
    sbuf_free(&number);
    return text;
}

void inputs_cannot_open(const char *path, int error, struct errbuf *err)
{
    struct stat st;
    char owner[1024];
    const char *why = strerror(-error);
    if (error == -EISDIR) {
        errbuf_add(err, "directory '%s' holds no capture", path);
    } else if (error == -EACCES && stat(path, &st) == 0) {
        errbuf_add(err, "cannot open capture '%s': %s. It belongs to %s, mode %04o", path, why,
                   owner_name(st.st_uid, owner, sizeof(owner)), (unsigned)(st.st_mode & 07777));
    } else if (error == -EMFILE || error == -ENFILE) {
        errbuf_add(err, "cannot open capture '%s': %s. Raise LimitNOFILE", path, why);
    } else {
        errbuf_add(err, "cannot open capture '%s': %s. Check the path", path, why);
    }
}

static int by_bytes(const void *a, const void *b)
{
    const char *const *left = a;
    const char *const *right = b;
    return strcmp(*left, *right);
}

/* One entry of a directory: taken, counted as no capture, or an error. */
static int add_entry(struct inputs *list, char *path, bool (*is_capture)(const char *path),
                     size_t *n_left_out, struct errbuf *err)
{
    struct stat st;
    if (path == NULL) {
        return -ENOMEM;
    }
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode)) {
        mem_free(path);
        return 0;
    }
    if (access(path, R_OK) != 0) {
        int error = -errno;
        inputs_cannot_open(path, error, err);
        mem_free(path);
        return error;
    }
    if (!is_capture(path)) {
        ++*n_left_out;
        mem_free(path);
        return 0;
    }
    return append(list, path) ? 0 : -ENOMEM;
}

static int add_directory(struct inputs *list, const char *path,
                         bool (*is_capture)(const char *path), struct errbuf *err)
{
    DIR *directory = opendir(path);
    if (directory == NULL) {
        int error = -errno;
        inputs_cannot_open(path, error, err);
        return error;
    }
    size_t first = list->n;
    size_t n_left_out = 0;
    int result = 0;
    for (struct dirent *e = readdir(directory); e != NULL; e = readdir(directory)) {
        int error = add_entry(list, join(path, e->d_name), is_capture, &n_left_out, err);
        result = result == 0 ? error : result;
    }
    (void)closedir(directory);
    if (list->n > first) {
        qsort(&list->paths[first], list->n - first, sizeof(*list->paths), by_bytes);
    }
    if (n_left_out > 0) {
        log_warning("directory '%s': %zu file%s no capture: left out", path, n_left_out,
                    n_left_out == 1 ? " is" : "s are");
    }
    if (list->n == first && result == 0) {
        return append(list, join(NULL, path)) ? 0 : -ENOMEM;
    }
    return result;
}

int inputs_add(struct inputs *list, const char *path, bool (*is_capture)(const char *path),
               struct errbuf *err)
{
    struct stat st;
    bool is_stdin = strcmp(path, "-") == 0;
    if (is_stdin && isatty(STDIN_FILENO) == 1) {
        errbuf_add(err, "standard input is a terminal, not a capture");
        return -EINVAL;
    }
    if (!is_stdin && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return add_directory(list, path, is_capture, err);
    }
    return append(list, join(NULL, path)) ? 0 : -ENOMEM;
}
