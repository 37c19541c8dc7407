/* file: files that are read as a whole: rules, personas, networks of one's own. */
#include "sensor/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { CHUNK = 64 * 1024 };

static int read_all(int fd, struct sbuf *to)
{
    uint8_t piece[CHUNK];
    for (;;) {
        ssize_t n = read(fd, piece, sizeof(piece));
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        if (n == 0) {
            return 0;
        }
        if (n > 0 && !sbuf_add(to, span_of(piece, (size_t)n))) {
            return -EFBIG;
        }
    }
}

int file_read(const char *path, struct sbuf *to, bool *ret_opened)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    *ret_opened = fd >= 0;
    if (fd < 0) {
        return -errno;
    }
    int rc = read_all(fd, to);
    (void)close(fd);
    return rc;
}
