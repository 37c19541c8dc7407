#pragma once

#include "sensor/base/errbuf.h"

/* The files that a list of arguments means: directories are replaced by the captures in them. */
struct inputs {
    char **paths;
    size_t n;
    size_t room;
};

void inputs_free(struct inputs *list);
/* Adds the files of one argument: a file or "-" as it is, a directory's entries by name (not its
 * sub-directories). `is_capture` is asked about each file of a directory; those that are none are
 * counted in one warning; a directory without any stays in the list itself. 0, or a negative errno
 * with a line in err. */
MUST_USE int inputs_add(struct inputs *list, const char *path, bool (*is_capture)(const char *path),
                        struct errbuf *err);
/* A line for a file that could not be opened. */
void inputs_cannot_open(const char *path, int error, struct errbuf *err);
