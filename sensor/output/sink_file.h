#pragma once

#include "sensor/core/sink.h"

/* A file that lines are appended to, or standard output for "-" and for type stdout. The default
 * target is eve.json in the current directory. Needs at run time: open, write, fstat and stat,
 * flock, lseek and ftruncate, rename, and for rotate.keep reading the folder and unlink. */
extern const struct sink_ops sink_file;
